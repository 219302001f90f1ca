"""Numba kernels of the sensor room."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def resample(image, row0, col0, ratio, out):
    """Sample (band, y, x) bilinearly at rows row0 + ratio * i and columns col0 + ratio * j."""
    bands, ny, nx = image.shape
    for i in range(out.shape[1]):
        y = min(max(row0 + ratio * i, 0.0), ny - 1.001)
        y0 = int(y)
        fy = y - y0
        for j in range(out.shape[2]):
            x = min(max(col0 + ratio * j, 0.0), nx - 1.001)
            x0 = int(x)
            fx = x - x0
            for b in range(bands):
                top = image[b, y0, x0] * (1 - fx) + image[b, y0, x0 + 1] * fx
                low = image[b, y0 + 1, x0] * (1 - fx) + image[b, y0 + 1, x0 + 1] * fx
                out[b, i, j] = top * (1 - fy) + low * fy


@njit(cache=True, nogil=True)
def _weights(at, sigma, reach, first, weights):
    """Write weights (n, taps) of Gaussians centred at `at` (n,), and the first tap of each."""
    taps = weights.shape[1]
    for i in range(len(at)):
        first[i] = int(np.ceil(at[i] - reach))
        total = 0.0
        for k in range(taps):
            d = first[i] + k - at[i]
            w = np.exp(-0.5 * (d / sigma) ** 2) if abs(d) <= reach else 0.0
            weights[i, k] = w
            total += w
        for k in range(taps):
            weights[i, k] /= total


@njit(cache=True, nogil=True)
def gather(image, rows, columns, sigma, reach, out):
    """Sample (y, x) at rows (n,) and columns (m,), each sample a Gaussian mean of what is near.

    sigma, reach: standard deviation and cut-off (rows, columns), fine pixels. The image goes on
    beyond its edges as it is there.
    """
    ny, nx = image.shape
    n, m = len(rows), len(columns)
    first_row, first_column = np.empty(n, np.int64), np.empty(m, np.int64)
    down = np.empty((n, int(2 * reach[0]) + 2), np.float32)
    across = np.empty((m, int(2 * reach[1]) + 2), np.float32)
    _weights(rows, sigma[0], reach[0], first_row, down)
    _weights(columns, sigma[1], reach[1], first_column, across)
    line = np.empty(nx, np.float32)
    for i in range(n):
        line[:] = 0.0
        for k in range(down.shape[1]):
            w = down[i, k]
            source = image[min(max(first_row[i] + k, 0), ny - 1)]
            for x in range(nx):
                line[x] += w * source[x]
        for j in range(m):
            c = first_column[j]
            total = np.float32(0.0)
            for k in range(across.shape[1]):
                total += across[j, k] * line[min(max(c + k, 0), nx - 1)]
            out[i, j] = total


@njit(cache=True, nogil=True)
def _slope(row, column, seed):
    """Angle 0..2 pi of the gradient at a lattice point, a hash of its place."""
    h = np.uint64(row) * np.uint64(0x9E3779B97F4A7C15)
    h ^= np.uint64(column) * np.uint64(0xC2B2AE3D27D4EB4F) + np.uint64(seed)
    h ^= h >> np.uint64(29)
    h *= np.uint64(0xBF58476D1CE4E5B9)
    h ^= h >> np.uint64(32)
    h *= np.uint64(0x94D049BB133111EB)
    h ^= h >> np.uint64(29)
    return np.float64(h >> np.uint64(11)) * (2 * np.pi / 9007199254740992.0)


@njit(cache=True, nogil=True)
def fractal(y0, x0, step, stretch, gain, octaves, seed, out):
    """Fractal gradient noise (y, x) in cells of the largest octave, at y0 + i step, x0 + j step.

    After Perlin, Improving Noise (2002). A function of the place alone: two windows of one seed
    agree where they overlap. stretch: of the first axis's cells against the second's. Each octave
    is turned, lest the lattice show.
    """
    cos, sin = np.cos(0.65), np.sin(0.65)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            total = 0.0
            height = 1.0
            y = (y0 + i * step) / stretch
            x = x0 + j * step
            for octave in range(octaves):
                r, c = int(np.floor(y)), int(np.floor(x))
                fy, fx = y - r, x - c
                uy = fy * fy * fy * (fy * (6 * fy - 15) + 10)
                ux = fx * fx * fx * (fx * (6 * fx - 15) + 10)
                s = seed + octave
                a = _slope(r, c, s)
                top = np.cos(a) * fx + np.sin(a) * fy
                a = _slope(r, c + 1, s)
                top += ux * (np.cos(a) * (fx - 1) + np.sin(a) * fy - top)
                a = _slope(r + 1, c, s)
                low = np.cos(a) * fx + np.sin(a) * (fy - 1)
                a = _slope(r + 1, c + 1, s)
                low += ux * (np.cos(a) * (fx - 1) + np.sin(a) * (fy - 1) - low)
                total += height * (top + uy * (low - top))
                height *= gain
                y, x = 2 * (cos * y - sin * x) + 17.3, 2 * (sin * y + cos * x) + 5.7
            out[i, j] = total
