"""Numba kernels of the sensor room."""

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
