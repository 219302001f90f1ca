"""Numba kernels of shadow, light and view on a heightfield.

Rows go south, columns go east.
"""

import math

import numpy as np
from numba import njit


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
            gx = (e if abs(e) < abs(w) else w) / px  # the gentler side: edges are walls, not slopes
            gy = (n if abs(n) < abs(s) else s) / px
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
def lift_walls(image, seen, source, wall, ids, wall_tone, height, light, windows, px):
    """Gather what is seen; where a wall is hit, paint plaster and windows instead of the roof."""
    ny, nx = source.shape
    flat = image.reshape(3, -1)
    flat_ids = ids.reshape(-1)
    flat_height = height.reshape(-1)
    for i in range(ny):
        for j in range(nx):
            p = source[i, j]
            for b in range(3):
                seen[b, i, j] = flat[b, p]
            if wall[i, j] <= 0:
                continue
            who = flat_ids[p]
            if who > 0:
                level = flat_height[p] - wall[i, j]
                tone = wall_tone[who]
                if (
                    windows
                    and level > 0.6
                    and (level / 2.9) % 1.0 > 0.42
                    and ((p % nx + p // nx) * px / 2.2) % 1.0 > 0.5
                ):
                    tone *= 0.4
                for b in range(3):
                    seen[b, i, j] = tone * light[b] * (0.72 + 0.28 * min(1.0, level / 6.0))
            else:  # the flank of a crown
                for b in range(3):
                    seen[b, i, j] = flat[b, p] * 0.75
