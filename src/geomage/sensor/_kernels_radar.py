"""Numba kernels of side-looking radar. Axes are (y, x), north up; lengths in cells, heights m."""

import math

from numba import njit


@njit(cache=True, nogil=True)
def _at(field, y, x):
    """Bilinear value at (y, x) in cells; beyond the border that of the border."""
    ny, nx = field.shape
    y = min(max(y, 0.0), ny - 1.0)
    x = min(max(x, 0.0), nx - 1.0)
    i = min(int(y), ny - 2)
    j = min(int(x), nx - 2)
    fy = y - i
    fx = x - j
    top = field[i, j] * (1 - fx) + field[i, j + 1] * fx
    low = field[i + 1, j] * (1 - fx) + field[i + 1, j + 1] * fx
    return top * (1 - fy) + low * fy


@njit(cache=True, nogil=True)
def cast_shadow(surface, px, uy, ux, cot, out):
    """Mark 1 where something towards the sensor, along (uy, ux), hides the cell from it."""
    ny, nx = surface.shape
    highest = surface.max()
    rise = px * cot  # of the ray, a cell
    for i in range(ny):
        for j in range(nx):
            z = surface[i, j]
            k = 1
            while True:
                line = z + k * rise
                y = i + k * uy
                x = j + k * ux
                if line >= highest or y < 0 or x < 0 or y > ny - 1 or x > nx - 1:
                    break
                if _at(surface, y, x) > line + 1e-6:
                    out[i, j] = 1
                    break
                k += 1


@njit(cache=True, nogil=True)
def _drop(image, p, y, x, value):
    """Add a value to the four cells around (y, x)."""
    ny, nx = image.shape[1:]
    i = math.floor(y)
    j = math.floor(x)
    fy = y - i
    fx = x - j
    for a in range(2):
        for b in range(2):
            r = i + a
            c = j + b
            if 0 <= r < ny and 0 <= c < nx:
                weight = (fy if a else 1 - fy) * (fx if b else 1 - fx)
                image[p, r, c] += weight * value


@njit(cache=True, nogil=True)
def lay_out(surface, echo, shadow, px, uy, ux, cot, image):
    """Drop the echo (pol, y, x) of each lit cell where its range puts it: z cot nearer."""
    pols, ny, nx = echo.shape
    for i in range(ny):
        for j in range(nx):
            if shadow[i, j]:
                continue
            near = surface[i, j] * cot / px
            for p in range(pols):
                _drop(image, p, i + near * uy, j + near * ux, echo[p, i, j])


@njit(cache=True, nogil=True)
def lay_bounces(surface, bounce, px, uy, ux, cot, image):
    """Drop what walls and the ground before them send back (pol, y, x) at the feet of the walls."""
    pols, ny, nx = bounce.shape
    for i in range(ny):
        for j in range(nx):
            if bounce[0, i, j] <= 0:
                continue
            near = _at(surface, i + uy, j + ux) * cot / px + 1.0
            for p in range(pols):
                _drop(image, p, i + near * uy, j + near * ux, bounce[p, i, j])


@njit(cache=True, nogil=True)
def orthorectify(image, terrain, px, uy, ux, cot, out):
    """Take for each cell of the map what lies at the range of its terrain."""
    pols, ny, nx = image.shape
    for i in range(ny):
        for j in range(nx):
            near = terrain[i, j] * cot / px
            for p in range(pols):
                out[p, i, j] = _at(image[p], i + near * uy, j + near * ux)
