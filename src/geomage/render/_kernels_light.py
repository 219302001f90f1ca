"""Numba kernels of sun, sky and shade on a heightfield.

Rows go south, columns go east. A pixel is a column as high as the surface there.
"""

import math

import numpy as np
from numba import njit

SUN = 0.00465  # half the angle under which the sun is seen, radians
CLIFF_M = 0.15  # a fall of more than this beyond the light's own is an edge, no slope


@njit(cache=True, nogil=True)
def hidden_disc(u):
    """Share of the sun's disc below a horizon that stands `u` of its radii over its centre."""
    if u >= 1.0:
        return 1.0
    if u <= -1.0:
        return 0.0
    return 0.5 + (u * math.sqrt(1.0 - u * u) + math.asin(u)) / math.pi


@njit(cache=True, nogil=True)
def sun_shadow(surface, px, sin_az, cos_az, elevation, origin, lit, shade):
    """Share of the sun's disc that each pixel sees: `lit` (y, x) 0..1, by sweeping along the light.

    Azimuth is where the sun stands, clockwise from north; elevation in radians. Each pixel lies on
    one discrete line; `origin`, the (row, column) of the grid in the lattice of its pixels, says
    where lines begin, so that windows of a grid see the same shadows.
    What stands highest over the ray to the sun's lower limb hides the disc up to where it ends:
    penumbra grows with the distance to the edge. `shade` (y, x): height up to which the sun's
    centre is hidden above a pixel, -1e9 where it is seen.
    """
    ny, nx = surface.shape
    lit[:] = 1.0
    shade[:] = -1e9
    if elevation + SUN >= 0.5 * math.pi:
        return
    dx, dy = -sin_az, cos_az  # direction in which light travels, columns and rows
    along = abs(dx) >= abs(dy)
    slope = dy / dx if along else dx / dy
    forward = dx > 0 if along else dy > 0
    n, m = (nx, ny) if along else (ny, nx)
    at, across = (origin[1], origin[0]) if along else (origin[0], origin[1])
    tan_el, tan_low = math.tan(elevation), math.tan(max(elevation - SUN, 0.001))
    per = math.cos(elevation) ** 2 / SUN
    dist = px * math.sqrt(1 + slope * slope)
    low = dist * tan_low
    ends = math.floor(slope * at + 0.5), math.floor(slope * (at + n) + 0.5)
    first, last = across - max(ends[0], ends[1]) - 1, across + m - min(ends[0], ends[1]) + 1
    for line in range(first, last + 1):
        top = crest = -1e9
        d = 0.0
        for k in range(n):
            u = k if forward else n - 1 - k
            v = line + math.floor(slope * (u + at) + 0.5) - across
            if v < 0 or v >= m:
                top = -1e9
                continue
            y, x = (v, u) if along else (u, v)
            top -= low
            d += dist
            z = surface[y, x]
            if z >= top:
                top = crest = z
                d = 0.0
                continue
            if d == dist and crest - z > low + CLIFF_M:  # the edge lies half a pixel farther on
                d -= 0.5 * dist
                top += 0.5 * low
            shade[y, x] = crest - d * tan_el
            lit[y, x] = 1.0 - hidden_disc(((crest - z) / d - tan_el) * per)


@njit(cache=True, nogil=True)
def add_open_sky(surface, px, sin_az, cos_az, origin, weight, sky):
    """Add to `sky` (y, x) the share of the sky that is seen towards one azimuth, times `weight`.

    cos^2 h for the highest horizon h: the integral of 2 sin e cos e over elevations e above it,
    exact for a level plane. The horizon comes from the upper hull of what stands along the line.
    """
    ny, nx = surface.shape
    dx, dy = -sin_az, cos_az
    along = abs(dx) >= abs(dy)
    slope = dy / dx if along else dx / dy
    forward = dx > 0 if along else dy > 0
    n, m = (nx, ny) if along else (ny, nx)
    at, across = (origin[1], origin[0]) if along else (origin[0], origin[1])
    dist = px * math.sqrt(1 + slope * slope)
    ends = math.floor(slope * at + 0.5), math.floor(slope * (at + n) + 0.5)
    first, last = across - max(ends[0], ends[1]) - 1, across + m - min(ends[0], ends[1]) + 1
    where, height = np.empty(n, np.float64), np.empty(n, np.float64)
    for line in range(first, last + 1):
        size = 0
        for k in range(n):
            u = k if forward else n - 1 - k
            v = line + math.floor(slope * (u + at) + 0.5) - across
            if v < 0 or v >= m:
                continue
            y, x = (v, u) if along else (u, v)
            z, s = surface[y, x], k * dist
            rise = 0.0
            while size > 0:
                rise = (height[size - 1] - z) / (s - where[size - 1])
                if size == 1:
                    break
                if (height[size - 2] - z) / (s - where[size - 2]) < rise:
                    break
                size -= 1
            if size > 0 and rise > 0.0:
                sky[y, x] += weight / (1.0 + rise * rise)
            else:
                sky[y, x] += weight
            where[size], height[size] = s, z
            size += 1


@njit(cache=True, nogil=True)
def gradient(surface, i, j, px):
    """Rise of the surface to the east and the north, of the gentler side: edges are walls.

    What stands higher or lower than both its neighbours is level.
    """
    ny, nx = surface.shape
    z = surface[i, j]
    e = surface[i, min(j + 1, nx - 1)] - z
    w = z - surface[i, max(j - 1, 0)]
    n = surface[max(i - 1, 0), j] - z
    s = z - surface[min(i + 1, ny - 1), j]
    gx = (e if abs(e) < abs(w) else w) / px if e * w > 0 else 0.0
    gy = (n if abs(n) < abs(s) else s) / px if n * s > 0 else 0.0
    return gx, gy


@njit(cache=True, nogil=True, error_model="numpy")
def gradients(surface, i, px, out):
    """Fill out (2, x) with the gradients of a row, see `gradient`: level at the grid's border."""
    ny, nx = surface.shape
    here, above, below = surface[i], surface[max(i - 1, 0)], surface[min(i + 1, ny - 1)]
    east, north = out[0], out[1]
    for j in range(nx - 2):
        e, w = here[j + 2] - here[j + 1], here[j + 1] - here[j]
        rise = e if abs(e) < abs(w) else w
        east[j + 1] = rise / px if e * w > 0 else 0.0
    for j in range(nx):
        n, s = above[j] - here[j], here[j] - below[j]
        rise = n if abs(n) < abs(s) else s
        north[j] = rise / px if n * s > 0 else 0.0


@njit(cache=True, nogil=True)
def normals_at(surface, px, rows, columns, out):
    """Unit normals (3, n) east, north and up of the surface at pixels (n,)."""
    for p in range(rows.size):
        gx, gy = gradient(surface, rows[p], columns[p], px)
        inv = 1.0 / math.sqrt(1 + gx * gx + gy * gy)
        out[0, p], out[1, p], out[2, p] = -gx * inv, -gy * inv, inv


@njit(cache=True, nogil=True)
def spread_sky(surface, sky, start, i, j):
    """Sky view at a pixel from that of every second one, taken from pixels of about its height."""
    ny, nx = sky.shape
    k, m = (i - start[0]) >> 1, (j - start[1]) >> 1
    if (i - start[0]) & 1 == 0 and (j - start[1]) & 1 == 0:
        return sky[k, m]
    z = surface[i, j]
    top, low = max(k, 0), min(k + ((i - start[0]) & 1), ny - 1)
    west, east = max(m, 0), min(m + ((j - start[1]) & 1), nx - 1)
    total = weight = 0.0
    for a in range(top, low + 1):
        row = surface[start[0] + 2 * a]
        w = 1.0 if abs(row[start[1] + 2 * west] - z) < 1.0 else 0.01
        total += w * sky[a, west]
        weight += w
        if east > west:
            w = 1.0 if abs(row[start[1] + 2 * east] - z) < 1.0 else 0.01
            total += w * sky[a, east]
            weight += w
    return total / weight


@njit(cache=True, nogil=True, error_model="numpy")
def spread_row(surface, sky, start, i, out):
    """Sky view of a row of pixels, see `spread_sky`: away from the border without its questions."""
    k, odd, last = (i - start[0]) >> 1, (i - start[0]) & 1, sky.shape[1] - 1
    inside = k >= 0 and k + odd < sky.shape[0]
    first, after = start[1], start[1] + 2 * last if inside else start[1]
    for j in range(first):
        out[j] = spread_sky(surface, sky, start, i, j)
    for j in range(after, out.size):
        out[j] = spread_sky(surface, sky, start, i, j)
    if not inside:
        return
    here, upper, lower = surface[i], sky[k], sky[k + odd]
    north, south = surface[start[0] + 2 * k], surface[start[0] + 2 * (k + odd)]
    for m in range(last):
        j = first + 2 * m
        z, beside = here[j], here[j + 1]
        a = 1.0 if abs(north[j] - beside) < 1.0 else 0.01
        b = 1.0 if abs(north[j + 2] - beside) < 1.0 else 0.01
        if odd == 0:
            out[j] = upper[m]
            out[j + 1] = (a * upper[m] + b * upper[m + 1]) / (a + b)
            continue
        c = 1.0 if abs(south[j] - beside) < 1.0 else 0.01
        d = 1.0 if abs(south[j + 2] - beside) < 1.0 else 0.01
        total = a * upper[m] + b * upper[m + 1] + c * lower[m] + d * lower[m + 1]
        out[j + 1] = total / (a + b + c + d)
        a = 1.0 if abs(north[j] - z) < 1.0 else 0.01
        c = 1.0 if abs(south[j] - z) < 1.0 else 0.01
        out[j] = (a * upper[m] + c * lower[m]) / (a + c)


@njit(cache=True, nogil=True)
def spread_all(surface, sky, start, out):
    """Sky view (y, x) of every pixel, see `spread_sky`."""
    for i in range(surface.shape[0]):
        spread_row(surface, sky, start, i, out[i])


@njit(cache=True, nogil=True, error_model="numpy")
def light(surface, lit, sky, start, px, sun, direct, open_sky):
    """Sun and sky on each pixel, relative to a level plane in the open: `direct`, `open_sky`.

    sun: unit vector to it, x east, y north, z up.
    sky: see `spread_sky`; a tilted plane sees (1 + cos tilt) / 2 of it.
    """
    ny, nx = surface.shape
    level = max(sun[2], 1e-3)
    east, north, up = sun[0], sun[1], sun[2]
    clear, rises = np.empty(nx), np.zeros((2, nx))
    for i in range(ny):
        spread_row(surface, sky, start, i, clear)
        gradients(surface, i, px, rises)
        shine, bare, seen = direct[i], open_sky[i], lit[i]
        for j in range(nx):
            gx, gy = rises[0, j], rises[1, j]
            inv = 1.0 / math.sqrt(1 + gx * gx + gy * gy)
            facing = max(0.0, (up - gx * east - gy * north) * inv) / level
            shine[j] = facing * seen[j]
            bare[j] = clear[j] * (0.5 + 0.5 * inv)


@njit(cache=True, nogil=True)
def block_means(layer, phase, out):
    """Mean of every second pixel of (y, x) over blocks of 16 pixels that begin at -phase."""
    count = np.zeros(out.shape, np.float32)
    out[:] = 0.0
    for i in range(phase[0] & 1, layer.shape[0], 2):
        for j in range(phase[1] & 1, layer.shape[1], 2):
            out[(i + phase[0]) >> 4, (j + phase[1]) >> 4] += layer[i, j]
            count[(i + phase[0]) >> 4, (j + phase[1]) >> 4] += 1.0
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] /= max(count[i, j], 1.0)


@njit(cache=True, nogil=True)
def expose(albedo, source, direct, open_sky, around, phase, sun, sky, where, out):
    """Radiance (band, y, x): such that a sunlit level plane under open sky returns its reflectance.

    source (y, x): flat index of what each pixel shows. sun, sky (band,): shares of the light on
    the level plane. around (band, blocks of 16 pixels from -phase): light that comes from the
    neighbourhood where the sky is hidden. where: first and last row, first and last column
    (exclusive) of what is exposed.
    """
    nx = source.shape[1]
    matter, sunny, clear = albedo.reshape(albedo.shape[0], -1), direct.ravel(), open_sky.ravel()
    by, bx = around.shape[1:]
    a, b = np.empty(nx, np.float32), np.empty(nx, np.float32)
    west, share = np.empty(nx, np.int64), np.empty(nx, np.float32)
    for j in range(nx):
        x = (j + phase[1] - 7.5) * 0.0625
        west[j] = min(max(int(x), 0), bx - 1)
        share[j] = np.float32(min(max(x - west[j], 0.0), 1.0))
    blend = np.empty(bx + 1, np.float32)
    for i in range(where[0], where[1]):
        row = source[i]
        for j in range(where[2], where[3]):
            a[j], b[j] = sunny[row[j]], clear[row[j]]
        y = min(max((i + phase[0] + 0.5) / 16 - 0.5, 0.0), by - 1.0)
        y0 = min(int(y), max(by - 2, 0))
        fy, y1 = np.float32(y - y0), min(y0 + 1, by - 1)
        for band in range(albedo.shape[0]):
            above, below, flat = around[band, y0], around[band, y1], matter[band]
            s, k, picture = sun[band], sky[band], out[band, i]
            for x in range(bx):
                blend[x] = above[x] + fy * (below[x] - above[x])
            blend[bx] = blend[bx - 1]
            for j in range(where[2], where[3]):
                left = blend[west[j]]
                back = left + share[j] * (blend[west[j] + 1] - left)
                picture[j] = flat[row[j]] * (s * a[j] + k * b[j] + back * (1 - b[j]))
