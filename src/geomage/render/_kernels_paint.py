"""Numba kernels that paint the ground and what stands on it but roofs, and the noise they share.

Pixel convention: rows go south, columns go east; a point at (x, y) metres in stage axes (x east of
the west edge, y north of the south edge) falls in column x / px and row (ny - y / px).
"""

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def hash01(i, j, seed):
    """White noise in 0..1 at an integer lattice point."""
    low = np.uint64(0xFFFFFFFF)  # numba widens uint32: keep 32 bits by hand
    h = (np.uint64(i) * np.uint64(374761393) + np.uint64(j) * np.uint64(668265263)) & low
    h = ((h + np.uint64(seed)) * np.uint64(2246822519)) & low
    h = ((h ^ (h >> np.uint64(15))) * np.uint64(3266489917)) & low
    h = ((h ^ (h >> np.uint64(13))) * np.uint64(668265263)) & low
    return float((h ^ (h >> np.uint64(16))) >> np.uint64(8)) * (1.0 / 16777216.0)


@njit(cache=True, nogil=True)
def value_noise(ny, nx, cell, seed):
    """Smooth noise (y, x) in 0..1 with features of `cell` pixels."""
    out = np.empty((ny, nx), np.float32)
    for y in range(ny):
        fy = y / cell
        j = int(fy)
        ty = fy - j
        ty = ty * ty * (3 - 2 * ty)
        last = -1
        a = b = c = d = 0.0
        for x in range(nx):
            fx = x / cell
            i = int(fx)
            if i != last:
                a, b = hash01(i, j, seed), hash01(i + 1, j, seed)
                c, d = hash01(i, j + 1, seed), hash01(i + 1, j + 1, seed)
                last = i
            tx = fx - i
            tx = tx * tx * (3 - 2 * tx)
            top = a + (b - a) * tx
            out[y, x] = top + (c + (d - c) * tx - top) * ty
    return out


@njit(cache=True, nogil=True)
def bilinear(field, row0, col0, step, out):
    """Sample a coarse field (y, x) at rows row0 + step * i, columns col0 + step * j, edges held."""
    ny, nx = field.shape
    for i in range(out.shape[0]):
        y = min(max(row0 + step * i, 0.0), ny - 1.0)
        y0 = min(int(y), max(ny - 2, 0))
        y1 = min(y0 + 1, ny - 1)
        for j in range(out.shape[1]):
            x = min(max(col0 + step * j, 0.0), nx - 1.0)
            x0 = min(int(x), max(nx - 2, 0))
            x1 = min(x0 + 1, nx - 1)
            fy, fx = y - y0, x - x0
            top = field[y0, x0] * (1 - fx) + field[y0, x1] * fx
            low = field[y1, x0] * (1 - fx) + field[y1, x1] * fx
            out[i, j] = top * (1 - fy) + low * fy


@njit(cache=True, nogil=True)
def paint_ground(index, table, fine, mid, coarse, broad, px, albedo, cover):
    """Paint land: two tones mixed by noise, grain, and rows.

    table (n, 14): r1 g1 b1, r2 g2 b2, grain, mottle, blotch, patch, cos, sin, pitch, cover class.
    """
    ny, nx = index.shape
    for y in range(ny):
        for x in range(nx):
            t = table[index[y, x]]
            mix = (
                0.5
                + t[7] * (mid[y, x] - 0.5)
                + t[8] * (coarse[y, x] - 0.5)
                + t[9] * (broad[y, x] - 0.5)
            )
            mix = min(1.0, max(0.0, mix))
            gain = 1.0 + t[6] * (fine[y, x] - 0.5)
            if t[12] > 0:
                across = (x * px * t[10] - y * px * t[11]) / t[12]
                gain *= 1.0 + 0.22 * math.sin(6.2831853 * across)
            for b in range(3):
                albedo[b, y, x] = (t[b] + (t[3 + b] - t[b]) * mix) * gain
            cover[y, x] = int(t[13])


@njit(cache=True, nogil=True)
def paint_boxes(items, px, ny, height, albedo, add, solid, cover, code, matter, what):
    """Paint oriented boxes: items (n, 10): x y cos sin length width height r g b.

    `add`: on top of what stands there. `solid` (y, x): 0 free ground, else no vehicle is painted.
    `code`: 1 for vehicles, which have windows and make what is no road under them developed.
    `what`: value of matter that they are made of.
    """
    nx = height.shape[1]
    for k in range(items.shape[0]):
        x0, y0, c, s, length, width, h = (
            items[k, 0],
            items[k, 1],
            items[k, 2],
            items[k, 3],
            items[k, 4],
            items[k, 5],
            items[k, 6],
        )
        reach = 0.5 * math.hypot(length, width) + px
        j0, j1 = max(0, int((x0 - reach) / px)), min(nx, int((x0 + reach) / px) + 1)
        i0, i1 = max(0, int(ny - (y0 + reach) / px)), min(ny, int(ny - (y0 - reach) / px) + 1)
        ci, cj = min(max(int(ny - y0 / px), 0), ny - 1), min(max(int(x0 / px), 0), nx - 1)
        base = height[ci, cj] if add else 0.0
        if add and base < 1.5:
            continue
        if not add and solid[ci, cj] > 0:
            continue
        for i in range(i0, i1):
            for j in range(j0, j1):
                dx, dy = (j + 0.5) * px - x0, (ny - i - 0.5) * px - y0
                u, v = dx * c + dy * s, -dx * s + dy * c
                if abs(u) > length / 2 or abs(v) > width / 2:
                    continue
                if not add and solid[i, j] > 0:
                    continue
                if add and solid[i, j] == 0:
                    continue
                if base + h < height[i, j] - 0.01:
                    continue
                height[i, j] = base + h
                matter[i, j] = what
                glass = (
                    0.45
                    if (
                        code > 0
                        and abs(u) < length * 0.32
                        and abs(abs(u) - length * 0.22) < length * 0.06
                    )
                    else 1.0
                )
                for b in range(3):
                    albedo[b, i, j] = items[k, 7 + b] * glass
                if code > 0:
                    cover[i, j] = max(cover[i, j], 1) if cover[i, j] == 4 else 3


@njit(cache=True, nogil=True)
def paint_trees(trees, px, ny, height, albedo, crown, fine, mid, seed):
    """Paint crowns: trees (n, 12): x y radius height leaf twig r g b, cos sin stretch.

    `stretch`: how much longer than wide a crown is along (cos, sin); 1 for one that stands.
    `leaf` 0..1 is the share of the crown that is opaque; `twig` 1 where bare branches show.
    """
    nx = height.shape[1]
    for k in range(trees.shape[0]):
        x0, y0, r, h, leaf, twig = (
            trees[k, 0],
            trees[k, 1],
            trees[k, 2],
            trees[k, 3],
            trees[k, 4],
            trees[k, 5],
        )
        wobble = 6.2831853 * hash01(k, 3, seed)
        lobes = 3 + int(4 * hash01(k, 5, seed))
        c, s, stretch = trees[k, 9], trees[k, 10], trees[k, 11]
        reach = 1.25 * r * stretch
        j0, j1 = max(0, int((x0 - reach) / px)), min(nx, int((x0 + reach) / px) + 1)
        i0, i1 = max(0, int(ny - (y0 + reach) / px)), min(ny, int(ny - (y0 - reach) / px) + 1)
        for i in range(i0, i1):
            for j in range(j0, j1):
                dx, dy = (j + 0.5) * px - x0, (ny - i - 0.5) * px - y0
                if stretch > 1:
                    u, v = (dx * c + dy * s) / stretch, -dx * s + dy * c
                    dx, dy = u, v
                edge = (
                    r
                    * (1.0 + 0.16 * math.sin(lobes * math.atan2(dy, dx) + wobble))
                    * (0.86 + 0.28 * mid[i, j])
                )
                q = (dx * dx + dy * dy) / (edge * edge)
                if q > 1:
                    continue
                if hash01(i, j, seed + 17) > leaf * (1.25 - 0.35 * q):
                    continue
                top = (
                    h
                    * (0.42 + 0.58 * math.sqrt(1 - q))
                    * (0.8 + 0.25 * mid[i, j] + 0.15 * fine[i, j])
                )
                if top <= height[i, j]:
                    continue
                height[i, j] = top
                crown[i, j] = 1
                gain = 0.66 + 0.30 * fine[i, j] + 0.42 * mid[i, j]
                if twig > 0:
                    height[i, j] = 0.6 * top
                for b in range(3):
                    albedo[b, i, j] = trees[k, 6 + b] * gain


@njit(cache=True, nogil=True)
def scatter_debris(
    density, count, px, seed, palette, height, albedo, ids, clump, shape, matter, what
):
    """Throw `count` boards and blocks where `density` (y, x) 0..1 is high, in heaps.

    clump (y, x): smooth noise 0..1 that gathers pieces in heaps. shape: longest piece beyond the
    smallest (m), chance that a piece may lie on a standing roof, direction along which pieces lie
    (radians anticlockwise from east) and how far they turn from it. Lengths follow a power law, so
    that most pieces are splinters.
    """
    ny, nx = density.shape
    biggest, roofs, along, turn = shape[0], shape[1], shape[2], shape[3]
    for k in range(count):
        i = int(hash01(k, 1, seed) * ny)
        j = int(hash01(k, 2, seed) * nx)
        heap = min(1.0, max(0.1, 0.5 + 2.4 * (clump[i, j] - 0.5)))
        if hash01(k, 3, seed) > density[i, j] * heap * 1.4:
            continue
        if ids[i, j] > 0 and height[i, j] > 1.8 and hash01(k, 10, seed) > roofs:
            continue
        big = hash01(k, 4, seed)
        length = 0.15 + biggest * big**5
        width = 0.08 + 0.5 * length * hash01(k, 5, seed)
        a = along + turn * (hash01(k, 6, seed) - 0.5)
        c, s = math.cos(a), math.sin(a)
        p = palette[int(hash01(k, 7, seed) * palette.shape[0])]
        tone = 0.5 + 0.7 * hash01(k, 8, seed)
        lift = 0.05 + 0.35 * length * hash01(k, 9, seed)
        base = height[i, j]
        n = int(0.5 * math.hypot(length, width) / px) + 1
        share = min(1.0, max(0.3, max(width, 0.15) / px))
        for y in range(max(0, i - n), min(ny, i + n + 1)):
            for x in range(max(0, j - n), min(nx, j + n + 1)):
                dx, dy = (x - j) * px, -(y - i) * px
                u, v = dx * c + dy * s, -dx * s + dy * c
                if abs(u) <= max(length, px) / 2 and abs(v) <= max(width, px) / 2:
                    height[y, x] = max(height[y, x], base + lift)
                    if share > 0.5:
                        matter[y, x] = what
                    for b in range(3):
                        albedo[b, y, x] += share * (p[b] * tone - albedo[b, y, x])
