"""Numba kernels of the heightfield engine: painting, shadow, view, light.

Pixel convention: rows go south, columns go east; a point at (x, y) metres in stage axes (x east of
the west edge, y north of the south edge) falls in column x / px and row (ny - y / px).
"""
# ruff: noqa: ANN001, ANN202

import math

import numpy as np
from numba import njit

FLAT, GABLE, HIP, SHED = 0, 1, 2, 3
SHINGLE, TILE, METAL, MEMBRANE, CONCRETE, GRAVEL, THATCH = 0, 1, 2, 3, 4, 5, 6
# ways a building fails: see `disaster.event`
INTACT, COVER, PARTIAL, COLLAPSE, GUTTED, SWEPT, PANCAKE = 0, 1, 2, 3, 4, 5, 6


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
def paint_boxes(items, px, ny, height, albedo, add, solid, cover, code):
    """Paint oriented boxes: items (n, 9): x y cos sin length width height and colour index by rgb.

    items (n, 10): x, y, cos, sin, length, width, height, r, g, b. `add`: on top of what stands there.
    `solid` (y, x): 0 free ground, else no vehicle is painted.
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
def roof_height(form, u, v, length, width, eave, ridge):
    """Height of a roof at (u, v) in its own axes, metres above the building's ground."""
    if form == FLAT:
        return eave
    half = width / 2
    if form == SHED:
        return eave + (ridge - eave) * (0.5 + v / width)
    t = 1 - abs(v) / half
    if form == HIP:
        t = min(t, (length / 2 - abs(u)) / half)
    return eave + (ridge - eave) * max(t, 0.0)


@njit(cache=True, nogil=True)
def roof_texture(material, u, v, form, px, grain, stain, blotch, length, width, edge, kind):
    """Factor on a roof's reflectance: courses, sheets, seams, stains, ridge, parapet."""
    g = 1.0 + 0.20 * (stain - 0.5) + 0.22 * (blotch - 0.5)
    if material == SHINGLE:
        g *= 1.0 + 0.24 * (grain - 0.5)
    elif material == TILE:
        g *= 1.0 + 0.34 * (grain - 0.5) + 0.10 * math.sin(6.2831853 * u / max(0.9, 2.2 * px))
    elif material == METAL:
        g *= (
            1.0
            + (0.05 + 0.10 * (kind % 3)) * math.sin(6.2831853 * u / (1.1 + 0.5 * (kind % 4)))
            + 0.05 * (grain - 0.5)
        )
        if kind % 5 == 0:
            g *= 1.0 - 0.5 * max(0.0, blotch - 0.55)
    elif material == MEMBRANE:
        g *= 1.0 + 0.05 * (grain - 0.5)
        if kind % 3 == 0 and abs(v / 3.0 - round(v / 3.0)) * 3.0 < 0.16:
            g *= 0.9
    elif material == CONCRETE:
        g *= 1.0 + 0.14 * (grain - 0.5) + 0.45 * (stain - 0.5) * (kind % 2)
    elif material == GRAVEL:
        g *= 1.0 + 0.30 * (grain - 0.5)
    else:
        g *= 1.0 + 0.36 * (grain - 0.5)
    if form == FLAT:
        if edge < 0.45 and kind % 4 != 0:
            g *= 1.22
    elif abs(v) < 0.22 and form != SHED and kind % 3 != 0:
        g *= 1.18
    return g


@njit(cache=True, nogil=True)
def paint_roofs(wings, state, burnt, px, ny, height, albedo, ids, fine, mid, coarse, loss):
    """Paint roofs, whole or damaged, highest last.

    wings (n, 17): x y cos sin length width eave ridge form material r g b id kind boxed row
    state (n, 6): mode, lost share, rubble height (m), side cos, side sin, eave factor
    burnt (y, x): row + 1 of the wing whose polygon covers the pixel, for wings that are no boxes.
    loss (y, x): smooth noise 0..1 that decides what falls first.
    """
    nx = height.shape[1]
    for k in range(wings.shape[0]):
        w, s = wings[k], state[k]
        x0, y0, c, sn, length, width = w[0], w[1], w[2], w[3], w[4], w[5]
        eave, ridge, form, material, kind = w[6], w[7], int(w[8]), int(w[9]), int(w[14])
        mode, lost, rubble = int(s[0]), s[1], s[2]
        eave, ridge = eave * s[5], ridge * s[5]
        boxed = w[15] > 0
        reach = 0.5 * math.hypot(length, width) + px
        j0, j1 = max(0, int((x0 - reach) / px)), min(nx, int((x0 + reach) / px) + 1)
        i0, i1 = max(0, int(ny - (y0 + reach) / px)), min(ny, int(ny - (y0 - reach) / px) + 1)
        for i in range(i0, i1):
            for j in range(j0, j1):
                dx, dy = (j + 0.5) * px - x0, (ny - i - 0.5) * px - y0
                u, v = dx * c + dy * sn, -dx * sn + dy * c
                if abs(u) > length / 2 or abs(v) > width / 2:
                    continue
                if not boxed and burnt[i, j] != k + 1:
                    continue
                h = roof_height(form, u, v, length, width, eave, ridge)
                edge = min(length / 2 - abs(u), width / 2 - abs(v))
                if not boxed:
                    edge = 9.0
                    if (
                        i > 0
                        and j > 0
                        and i < ny - 1
                        and j < nx - 1
                        and (
                            burnt[i - 1, j] != k + 1
                            or burnt[i + 1, j] != k + 1
                            or burnt[i, j - 1] != k + 1
                            or burnt[i, j + 1] != k + 1
                        )
                    ):
                        edge = 0.1
                if form == FLAT and edge < 0.45 and kind % 4 != 0:
                    h += 0.45
                r, g, b = w[10], w[11], w[12]
                gain = roof_texture(
                    material,
                    u,
                    v,
                    form,
                    px,
                    fine[i, j],
                    mid[i, j],
                    coarse[i, j],
                    length,
                    width,
                    edge,
                    kind,
                )
                grain = fine[i, j]
                if mode != INTACT:
                    along = (u * s[3] + v * s[4]) / (0.5 * (length + width))
                    # value noise gathers around one half: stretched, so that `lost` is about the share lost
                    d = min(1.0, max(0.0, 0.5 + 1.15 * (loss[i, j] - 0.5) + 0.9 * along))
                    chip = hash01(i // 2, j // 2, 7 + int(w[13]))
                    if mode == SWEPT:
                        if ids[i, j] == 0:
                            ids[i, j] = int(w[13])
                            height[i, j] = 0.1
                            bare = 0.24 + 0.16 * mid[i, j]
                            albedo[0, i, j], albedo[1, i, j], albedo[2, i, j] = (
                                bare,
                                bare * 0.93,
                                bare * 0.82,
                            )
                        continue
                    if mode == GUTTED:
                        wall = edge < 0.45
                        if wall and d > lost * 0.5:
                            h = eave * (0.55 + 0.45 * mid[i, j])
                            r = g = b = 0.16 + 0.12 * grain
                        else:
                            h = 0.2 + 0.8 * grain * mid[i, j]
                            t = chip * chip
                            r, g, b = 0.05 + 0.22 * t, 0.05 + 0.205 * t, 0.05 + 0.20 * t
                            if chip > 0.93:
                                r, g, b = 0.26, 0.16, 0.10
                        gain = 1.0
                    elif d < lost:
                        if mode == COVER:  # tiles gone: deck or battens show
                            t = 0.5 + 0.5 * chip
                            if kind % 3 == 0:
                                r, g, b = 0.34 * t, 0.27 * t, 0.19 * t
                            elif kind % 3 == 1:
                                r, g, b = 0.10 * t, 0.09 * t, 0.08 * t
                            else:
                                r, g, b = 0.30 * t, 0.29 * t, 0.27 * t
                            gain = 1.0
                        else:
                            deep = lost - d
                            low = rubble * (0.25 + 0.75 * grain) * (0.4 + 0.9 * mid[i, j])
                            h = low if deep > 0.06 else max(low, h * (0.35 + 0.4 * grain))
                            if chip > 0.62:
                                t = 0.5 + 0.9 * (chip - 0.62) / 0.38
                                r, g, b = 0.42 * t, 0.37 * t, 0.30 * t
                            elif chip > 0.45:
                                r, g, b = w[10] * 1.1, w[11] * 1.05, w[12]
                            elif chip > 0.28:
                                r, g, b = 0.26, 0.21, 0.155
                            else:
                                t = 0.3 + chip
                                r, g, b = 0.11 * t, 0.10 * t, 0.09 * t
                            gain = 0.75 + 0.5 * grain
                    elif mode == PANCAKE:
                        h += 0.5 * along * eave
                        gain *= 0.8 + 0.4 * mid[i, j]
                if (
                    h >= height[i, j]
                    or (ids[i, j] == int(w[13])
                    and (mode == COLLAPSE or mode == GUTTED))
                ):
                    height[i, j] = h
                    ids[i, j] = int(w[13])
                    albedo[0, i, j] = r * gain
                    albedo[1, i, j] = g * gain
                    albedo[2, i, j] = b * gain


@njit(cache=True, nogil=True)
def paint_tarps(tarps, px, ny, height, albedo, ids):
    """Lay sheets over roofs: tarps (n, 10): x y cos sin length width id r g b."""
    nx = height.shape[1]
    for k in range(tarps.shape[0]):
        t = tarps[k]
        reach = 0.5 * math.hypot(t[4], t[5]) + px
        j0, j1 = max(0, int((t[0] - reach) / px)), min(nx, int((t[0] + reach) / px) + 1)
        i0, i1 = max(0, int(ny - (t[1] + reach) / px)), min(ny, int(ny - (t[1] - reach) / px) + 1)
        for i in range(i0, i1):
            for j in range(j0, j1):
                dx, dy = (j + 0.5) * px - t[0], (ny - i - 0.5) * px - t[1]
                u, v = dx * t[2] + dy * t[3], -dx * t[3] + dy * t[2]
                if abs(u) > t[4] / 2 or abs(v) > t[5] / 2 or ids[i, j] != int(t[6]):
                    continue
                for b in range(3):
                    albedo[b, i, j] = t[7 + b]


@njit(cache=True, nogil=True)
def paint_trees(trees, px, ny, height, albedo, crown, fine, mid, seed):
    """Paint crowns: trees (n, 9): x y radius height leaf twig r g b.

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
        j0, j1 = max(0, int((x0 - 1.25 * r) / px)), min(nx, int((x0 + 1.25 * r) / px) + 1)
        i0, i1 = max(0, int(ny - (y0 + 1.25 * r) / px)), min(ny, int(ny - (y0 - 1.25 * r) / px) + 1)
        for i in range(i0, i1):
            for j in range(j0, j1):
                dx, dy = (j + 0.5) * px - x0, (ny - i - 0.5) * px - y0
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
def scatter_debris(density, count, px, seed, palette, height, albedo, ids, biggest, roofs):
    """Throw `count` small boards and blocks where `density` (y, x) 0..1 is high.

    `roofs`: chance that a piece may lie on a standing roof.
    """
    ny, nx = density.shape
    for k in range(count):
        i = int(hash01(k, 1, seed) * ny)
        j = int(hash01(k, 2, seed) * nx)
        if hash01(k, 3, seed) > density[i, j]:
            continue
        if ids[i, j] > 0 and height[i, j] > 1.8 and hash01(k, 10, seed) > roofs:
            continue
        big = hash01(k, 4, seed)
        length = 0.35 + biggest * big * big * big
        width = 0.2 + 0.5 * length * hash01(k, 5, seed)
        a = 3.1415927 * hash01(k, 6, seed)
        c, s = math.cos(a), math.sin(a)
        p = palette[int(hash01(k, 7, seed) * palette.shape[0])]
        tone = 0.5 + 0.7 * hash01(k, 8, seed)
        lift = 0.1 + 0.35 * length * hash01(k, 9, seed)
        base = height[i, j]
        n = int(0.5 * math.hypot(length, width) / px) + 1
        for y in range(max(0, i - n), min(ny, i + n + 1)):
            for x in range(max(0, j - n), min(nx, j + n + 1)):
                dx, dy = (x - j) * px, (y - i) * px
                u, v = dx * c + dy * s, -dx * s + dy * c
                if abs(u) <= max(length, px) / 2 and abs(v) <= max(width, px) / 2:
                    height[y, x] = max(height[y, x], base + lift)
                    for b in range(3):
                        albedo[b, y, x] = p[b] * tone


@njit(cache=True, nogil=True)
def stain(amount, fine, mid, coarse, r, g, b, height, limit, albedo):
    """Mix a colour over what lies below `limit` metres, by `amount` (y, x) 0..1 broken by noise."""
    ny, nx = amount.shape
    for i in range(ny):
        for j in range(nx):
            a = amount[i, j]
            if a <= 0 or height[i, j] > limit:
                continue
            t = min(
                1.0, max(0.0, a * 1.6 + 0.9 * (mid[i, j] - 0.5) + 0.9 * (coarse[i, j] - 0.5) - 0.3)
            )
            tone = 0.75 + 0.5 * fine[i, j]
            albedo[0, i, j] += t * (r * tone - albedo[0, i, j])
            albedo[1, i, j] += t * (g * tone - albedo[1, i, j])
            albedo[2, i, j] += t * (b * tone - albedo[2, i, j])


@njit(cache=True, nogil=True)
def flood_water(depth, height, ids, crown, r, g, b, mid, broad, albedo, cover, water):
    """Cover what stands lower than the water; crowns and roofs above it stay."""
    ny, nx = depth.shape
    for i in range(ny):
        for j in range(nx):
            d = depth[i, j]
            if d <= 0.02 or (height[i, j] > d and (ids[i, j] > 0 or crown[i, j] > 0)):
                continue
            if height[i, j] > d + 0.3:
                continue
            t = min(1.0, d / 0.35)
            tone = 0.92 + 0.12 * mid[i, j] + 0.22 * (broad[i, j] - 0.5)
            albedo[0, i, j] += t * (r * tone - albedo[0, i, j])
            albedo[1, i, j] += t * (g * tone - albedo[1, i, j])
            albedo[2, i, j] += t * (b * tone - albedo[2, i, j])
            height[i, j] = d
            ids[i, j] = 0
            crown[i, j] = 0
            cover[i, j] = 6
            water[i, j] = 1


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
                y = line + int(math.floor(slope * x + 0.5))
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
                x = line + int(math.floor(slope * y + 0.5))
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
    source (y, x): flat index of the visible point. wall (y, x): metres below its top where a wall is hit.
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
                x = j + int(round(k * ux))
                y = i - int(round(k * uy))
                if x < 0 or y < 0 or x >= nx or y >= ny:
                    continue
                h = height[y, x]
                if h >= k * dh - 1e-6:
                    source[i, j] = y * nx + x
                    gap = h - k * dh
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
