"""Numba kernels of shadow, light and view on a heightfield.

Rows go south, columns go east.
"""

import math

import numpy as np
from numba import njit

from geomage.render._kernels_paint import hash01


@njit(cache=True, nogil=True)
def sun_shadow(surface, px, sin_az, cos_az, tan_el, soft):
    """Share of the sun that each pixel sees (y, x) 0..1, by sweeping along the light.

    Azimuth is where the sun stands, clockwise from north; each pixel lies on one discrete line.
    `soft` metres of height over which light fades (penumbra and antialiasing).
    """
    ny, nx = surface.shape
    lit = np.ones((ny, nx), np.float32)
    if tan_el > 1e3:
        return lit
    dx, dy = -sin_az, cos_az  # direction in which light travels, columns and rows
    if abs(dx) >= abs(dy):
        slope = dy / dx
        step = px * math.sqrt(1 + slope * slope) * tan_el
        span = int(abs(slope) * nx) + 1
        for line in range(-span, ny + span):
            top = -1e9
            for k in range(nx):
                x = k if dx > 0 else nx - 1 - k
                y = line + math.floor(slope * x + 0.5)
                if y < 0 or y >= ny:
                    top = -1e9
                    continue
                top -= step
                z = surface[y, x]
                if z < top:
                    lit[y, x] = max(0.0, 1.0 - (top - z) / soft)
                else:
                    top = z
    else:
        slope = dx / dy
        step = px * math.sqrt(1 + slope * slope) * tan_el
        span = int(abs(slope) * ny) + 1
        for line in range(-span, nx + span):
            top = -1e9
            for k in range(ny):
                y = k if dy > 0 else ny - 1 - k
                x = line + math.floor(slope * y + 0.5)
                if x < 0 or x >= nx:
                    top = -1e9
                    continue
                top -= step
                z = surface[y, x]
                if z < top:
                    lit[y, x] = max(0.0, 1.0 - (top - z) / soft)
                else:
                    top = z
    return lit


@njit(cache=True, nogil=True)
def radiance(surface, albedo, lit, sky, px, sx, sy, sz, sun_rgb, sky_rgb, bounce):
    """Shade: (3, y, x), such that a sunlit level plane under open sky returns its reflectance.

    (sx, sy, sz): unit vector to the sun, x east, y north, z up.
    sun_rgb, sky_rgb: irradiance on the level plane by the sun and the sky, summing to 1 per band.
    """
    ny, nx = surface.shape
    out = np.empty((3, ny, nx), np.float32)
    for i in range(ny):
        for j in range(nx):
            z = surface[i, j]
            e = surface[i, min(j + 1, nx - 1)] - z
            w = z - surface[i, max(j - 1, 0)]
            n = surface[max(i - 1, 0), j] - z
            s = z - surface[min(i + 1, ny - 1), j]
            # the gentler side, edges are walls and not slopes; a peak or a pit is level
            gx = (e if abs(e) < abs(w) else w) / px if e * w > 0 else 0.0
            gy = (n if abs(n) < abs(s) else s) / px if n * s > 0 else 0.0
            inv = 1.0 / math.sqrt(1 + gx * gx + gy * gy)
            facing = max(0.0, (sz - gx * sx - gy * sy) * inv) / max(sz, 1e-3)
            direct = facing * lit[i, j]
            open_sky = sky[i, j] * (0.5 + 0.5 * inv)
            for b in range(3):
                lost = sky_rgb[b] * (1 - open_sky)
                e_total = sun_rgb[b] * direct + sky_rgb[b] * open_sky + bounce * lost * 0.5
                out[b, i, j] = albedo[b, i, j] * e_total
    return out


@njit(cache=True, nogil=True)
def view_march(height, ceiling, block, px, tan_view, ux, uy, source, wall):
    """For every image pixel find the surface point that a sensor off nadir sees first.

    (ux, uy): unit vector on the ground from target to sensor, x east, y north.
    ceiling: (y, x) of blocks, the highest surface any ray over that block may meet.
    source (y, x): flat index of the visible point.
    wall (y, x): metres below its top where a wall is hit.
    """
    ny, nx = height.shape
    dh = px / tan_view
    for i in range(ny):
        for j in range(nx):
            top = ceiling[i // block, j // block]
            n = int(top / dh) + 1
            source[i, j] = i * nx + j
            wall[i, j] = 0.0
            last = -1
            for k in range(n, -1, -1):
                x = j + round(k * ux)
                y = i - round(k * uy)
                if x < 0 or y < 0 or x >= nx or y >= ny:
                    continue
                h = height[y, x]
                if h >= (k - 0.5) * dh and (k == 0 or h > 0):
                    source[i, j] = y * nx + x
                    gap = max(h - k * dh, 0.0)
                    if gap > 1.5 * dh and last >= 0:
                        wall[i, j] = gap
                    break
                last = 1


@njit(cache=True, nogil=True)
def outward(height, y, x, reach):
    """Unit vector (east, north) out of the wall below a pixel: where what is lower lies."""
    ny, nx = height.shape
    here, east, north = height[y, x] - 1.0, 0.0, 0.0
    for i in range(max(0, y - reach), min(ny, y + reach + 1)):
        for j in range(max(0, x - reach), min(nx, x + reach + 1)):
            if height[i, j] < here:
                east += j - x
                north += y - i
    far = math.hypot(east, north)
    if far < 1e-6:
        return 0.0, 0.0
    return east / far, north / far


@njit(cache=True, nogil=True)
def window(level, along, storey, who):
    """Reflectance of the window at a place of a facade, or -1 where there is wall.

    level: metres above the ground; along: metres along the wall; storey: height of one, metres.
    """
    pitch, share = 1.9 + 0.35 * (who % 4), 0.40 + 0.06 * (who % 3)
    if who % 7 == 0:
        share = 0.86  # ribbons
    floor, column = math.floor(level / storey), math.floor(along / pitch)
    sill = level - floor * storey - 0.36 * storey
    if level < 0.6 or sill < 0 or sill > min(0.5 * storey, 1.7):
        return -1.0
    if along / pitch - column > share:
        return -1.0
    return 0.05 + 0.13 * hash01(int(floor) + 7, int(column) + 9000, who) ** 3


@njit(cache=True, nogil=True)
def lift_walls(
    image, seen, source, wall, ids, wall_tone, storey, height, view, sun, direct, ambient, px
):
    """Gather what is seen; where a wall is hit, paint plaster and windows instead of the roof.

    view, sun: unit vectors (east, north) to the sensor and the sun; direct, ambient (3,): light on
    a wall that faces the sun, and on any. Windows are drawn where pixels are finer than 0.6 m.
    """
    ny, nx = source.shape
    flat = image.reshape(3, -1)
    flat_ids = ids.reshape(-1)
    flat_height = height.reshape(-1)
    reach = max(2, int(0.9 / px))
    for i in range(ny):
        for j in range(nx):
            p = source[i, j]
            for b in range(3):
                seen[b, i, j] = flat[b, p]
            if wall[i, j] <= 0:
                continue
            who = flat_ids[p]
            if who > 0:
                y, x = p // nx, p % nx
                level = flat_height[p] - wall[i, j]
                east, north = outward(height, y, x, reach)
                if east * view[0] + north * view[1] <= 0.0:  # a corner, or a lone pixel
                    east, north = view[0], view[1]
                facing = max(0.0, east * sun[0] + north * sun[1])
                tone, glazed = wall_tone[who], -1.0
                if px < 0.6:
                    along = (y if abs(east) > abs(north) else x) * px
                    glazed = window(level, along, storey[who], who)
                for b in range(3):
                    light = min(1.4, facing * direct[b] + ambient[b])
                    warm = 1.0 + (0.02 + 0.03 * (who % 4)) * (
                        1 - b
                    )  # plaster and brick lean to red
                    matter = tone * warm if glazed < 0 else glazed * (0.9 + 0.12 * b)
                    seen[b, i, j] = matter * light * (0.72 + 0.28 * min(1.0, level / 6.0))
            else:  # the flank of a crown
                for b in range(3):
                    seen[b, i, j] = flat[b, p] * 0.75
