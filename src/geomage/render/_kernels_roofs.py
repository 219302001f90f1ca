"""Numba kernels that paint roofs, whole or broken.

Pixel convention: rows go south, columns go east; a point at (x, y) metres in stage axes (x east of
the west edge, y north of the south edge) falls in column x / px and row (ny - y / px).
"""

import math

from numba import njit

from geomage.render._kernels_paint import hash01

FLAT, GABLE, HIP, SHED, HALF_HIP, MANSARD, SAWTOOTH, BARREL, DOME = 0, 1, 2, 3, 4, 5, 6, 7, 8
SHINGLE, TILE, METAL, MEMBRANE, CONCRETE, GRAVEL, THATCH, GLASS = 0, 1, 2, 3, 4, 5, 6, 7
# ways a building fails: see `disaster.event`
INTACT, COVER, PARTIAL, COLLAPSE, GUTTED, SWEPT, PANCAKE, OPEN = 0, 1, 2, 3, 4, 5, 6, 7
SOFT, CRACKED, CLEARED = 8, 9, 10
# of `matter.MATTER`; a law of the tests holds the two together
ROOF, SHEET, RUBBLE, CHAR, FOUNDATION = 20, 32, 40, 41, 47
DUST = 0.33  # reflectance of dust of mortar and concrete
# of `world.roofs`, which says what they mean; a law of the tests holds the two together
TOOTH_M, TOOTH_RISE, KINK, KINK_HEIGHT, CLIP = 6.0, 0.8, 0.25, 0.7, 0.5
BARREL_FACETS, DOME_FACETS = 4, 6


@njit(cache=True, nogil=True)
def arc(t, facets):
    """Height of a quarter circle at t in 0..1, drawn in facets of equal angle."""
    step = 1.5707963267948966 / facets
    k = min(int(math.acos(1 - min(max(t, 0.0), 1.0)) / step), facets - 1)
    t0, t1 = 1 - math.cos(k * step), 1 - math.cos((k + 1) * step)
    z0, z1 = math.sin(k * step), math.sin((k + 1) * step)
    return z0 + (z1 - z0) * (t - t0) / (t1 - t0)


@njit(cache=True, nogil=True)
def tooth(u, length):
    """Place 0..1 along its tooth of a point of a sawtooth roof."""
    n = max(1.0, round(length / TOOTH_M))
    s = (u / length + 0.5) * n
    return min(max(s - min(math.floor(s), n - 1), 0.0), 1.0)


@njit(cache=True, nogil=True)
def roof_height(form, u, v, length, width, inset, eave, ridge):
    """Height of a roof at (u, v) in its own axes, metres above the building's ground.

    inset: distance to the nearest edge over the largest there is, 0..1.
    """
    if form == FLAT:
        return eave
    half = width / 2
    if form == SHED:
        t = 0.5 + v / width
    elif form == HIP:
        t = inset
    elif form == MANSARD:
        if inset < KINK:
            t = inset * KINK_HEIGHT / KINK
        else:
            t = KINK_HEIGHT + (inset - KINK) * (1 - KINK_HEIGHT) / (1 - KINK)
    elif form == DOME:
        t = arc(inset, DOME_FACETS)
    elif form == SAWTOOTH:
        s = tooth(u, length)
        t = s / TOOTH_RISE if s < TOOTH_RISE else (1 - s) / (1 - TOOTH_RISE)
    else:
        t = 1 - abs(v) / half
        if form == BARREL:
            t = arc(t, BARREL_FACETS)
        elif form == HALF_HIP:
            back = min((1 - CLIP) * half, length / 2)
            t = min(t, CLIP + (1 - CLIP) * (length / 2 - abs(u)) / back)
    return eave + (ridge - eave) * max(t, 0.0)


@njit(cache=True, nogil=True)
def inset_of(planes, first, count, u, v):
    """Distance to the nearest edge of a convex outline: planes (m, 3) as a u + b v + c."""
    least = 1e9
    for k in range(first, first + count):
        least = min(least, planes[k, 0] * u + planes[k, 1] * v + planes[k, 2])
    return least


@njit(cache=True, nogil=True)
def patchwork(u, v, long, wide, kind):
    """Noise 0..1, one value a sheet of `long` by `wide` metres; rows of sheets are staggered."""
    a = math.floor(v / wide)
    b = math.floor(u / long + hash01(a + 500, 3, kind))
    return hash01(b + 500, a + 500, kind)


@njit(cache=True, nogil=True)
def flat_texture(u, v, px, stain, blotch, edge, kind):
    """Factor on a flat roof's reflectance: parapet, ponds, repairs, small vents, dirt near it."""
    g = 1.0
    if edge < 0.45 and kind % 4 != 0:
        return 1.22
    if edge < 1.2:
        g *= 0.92
    pond = (0.6 * blotch + 0.4 * stain - 0.52 - 0.02 * (kind % 5)) / 0.05
    g *= 1.0 - 0.05 * (kind % 7) * min(1.0, max(0.0, pond))
    if kind % 3 == 1 and patchwork(u, v, 5.5, 2.6, kind + 3) < 0.14:
        g *= 0.72 + 0.5 * patchwork(u, v, 5.5, 2.6, kind + 5)
    a, b = math.floor(u / 3.4), math.floor(v / 3.4)
    if hash01(a + 500, b + 500, kind + 7) < 0.06 + 0.06 * (kind % 4):
        du = u / 3.4 - a - 0.2 - 0.6 * hash01(a + 500, b + 500, kind + 8)
        dv = v / 3.4 - b - 0.2 - 0.6 * hash01(a + 500, b + 500, kind + 9)
        if max(abs(du), abs(dv)) * 3.4 < 0.25 + 0.35 * px:
            g *= 0.45 if hash01(a + 500, b + 500, kind + 11) < 0.7 else 1.35
    return g


@njit(cache=True, nogil=True)
def roof_texture(material, u, v, form, px, grain, stain, blotch, edge, kind):
    """Factor on a roof's reflectance: courses, sheets, seams, stains, streaks, ridge, parapet."""
    old = 0.4 + 0.35 * (kind % 5)  # how far it has weathered
    g = 1.0 + 0.28 * old * (stain - 0.5) + 0.30 * old * (blotch - 0.5)
    if form != FLAT:  # what rain washes down, and sides that age apart
        streak = patchwork(u, v, 0.55, 400.0, kind + 13)
        g *= 1.0 + 0.10 * old * (streak - 0.5)
        g *= 1.0 + 0.03 * (kind % 4) * (1.0 if v > 0 else -1.0)
        if edge < 0.5:
            g *= 0.9
    if material == SHINGLE:
        g *= 1.0 + 0.30 * (grain - 0.5)
        if kind % 4 == 0:
            g *= 0.9 + 0.2 * patchwork(u, v, 0.9, 0.45, kind)
    elif material == TILE:
        g *= 1.0 + 0.34 * (grain - 0.5) + 0.10 * math.sin(6.2831853 * u / max(0.9, 2.2 * px))
        if kind % 3 == 0:  # moss and lichen from the eaves up
            g *= 1.0 - 0.35 * max(0.0, stain + blotch - 1.0)
    elif material == METAL:
        g *= (
            1.0
            + (0.03 + 0.07 * (kind % 3)) * math.sin(6.2831853 * u / (1.1 + 0.5 * (kind % 4)))
            + 0.05 * (grain - 0.5)
        )
        if kind % 5 == 0:
            g *= 1.0 - 0.5 * max(0.0, blotch - 0.55)
        if kind % 5 == 1:  # sheets of many ages
            g *= 0.75 + 0.40 * patchwork(u, v, 1.1, 2.6, kind)
        elif kind % 5 > 2:
            g *= 0.94 + 0.10 * patchwork(u, v, 1.1, 400.0, kind)
    elif material == MEMBRANE:
        g *= 1.0 + 0.06 * (grain - 0.5)
        if kind % 3 == 0 and abs(v / 3.0 - round(v / 3.0)) * 3.0 < 0.16:
            g *= 0.9
    elif material == CONCRETE:
        g *= 1.0 + 0.16 * (grain - 0.5) + 0.45 * (stain - 0.5) * (kind % 2)
    elif material == GRAVEL:
        g *= 1.0 + 0.30 * (grain - 0.5)
    elif material == GLASS:  # panes of one colour each, between bars
        pane = hash01(math.floor(u / 1.6) + 500, math.floor(v / 2.4) + 500, kind)
        g *= 0.62 + 0.5 * pane * pane
        bar = max(0.06, 0.5 * px)
        if abs(u / 1.6 - round(u / 1.6)) * 1.6 < bar or abs(v / 2.4 - round(v / 2.4)) * 2.4 < bar:
            g *= 1.0 + 0.09 / bar
    else:
        g *= 1.0 + 0.36 * (grain - 0.5)
    if form == FLAT:
        if material != GLASS:
            g *= flat_texture(u, v, px, stain, blotch, edge, kind)
    elif abs(v) < 0.22 and form in (GABLE, HIP, HALF_HIP) and kind % 3 != 0:
        g *= 1.18
    return g


@njit(cache=True, nogil=True)
def form_texture(form, u, v, length, width, inset, px, kind):
    """Factor on a roof's reflectance by its form: panes, dormers, ribs."""
    if form == SAWTOOTH:
        if tooth(u, length) > TOOTH_RISE:  # the glazed side, in panes
            return 0.30 if abs(v / 1.5 - round(v / 1.5)) * 1.5 > 0.5 * px else 0.62
        return 1.0
    if form == MANSARD and inset < KINK:
        along = u if abs(v) / width > abs(u) / length else v
        dormer = abs(along / 3.2 - round(along / 3.2)) * 3.2 < 0.6
        return 0.38 if dormer and 0.06 < inset < 0.2 and kind % 3 != 0 else 0.86
    if form == MANSARD and inset < KINK + 0.05:
        return 1.22
    if form == DOME:
        rib = abs(4.0 * math.atan2(v, u) / 3.1415927)
        return 1.1 if abs(rib - round(rib)) < 0.05 else 1.0
    return 1.0


@njit(cache=True, nogil=True)
def rubble_tone(chip, kind):
    """Reflectance of one piece of rubble: boards, plaster or brick by the building, tar, earth."""
    if chip > 0.62:
        t = 0.5 + 0.9 * (chip - 0.62) / 0.38
        if kind % 4 == 0:
            return 0.44 * t, 0.27 * t, 0.21 * t
        if kind % 4 == 1:
            return 0.40 * t, 0.39 * t, 0.37 * t
        if kind % 4 == 2:
            return 0.58 * t, 0.55 * t, 0.50 * t
        return 0.42 * t, 0.37 * t, 0.30 * t
    if chip > 0.28:
        return 0.26, 0.21, 0.155
    t = 0.3 + chip
    return 0.11 * t, 0.10 * t, 0.09 * t


@njit(cache=True, nogil=True)
def slab(u, v, who):
    """Tone of a broken concrete slab, its lift 0..1; 0.07 in the gaps, -1 between slabs.

    (u, v): metres in the building's axes.
    """
    a = 6.2831853 * hash01(who, 1, 5)
    p, q = u * math.cos(a) + v * math.sin(a), -u * math.sin(a) + v * math.cos(a)
    deep = 1.2 + 1.2 * hash01(who, 2, 5)
    row = math.floor(q / deep)
    wide = 1.4 + 2.4 * hash01(int(row) + 500, 3, who)
    shifted = p / wide + hash01(int(row) + 500, 4, who) + 0.16 * q  # courses do not line up
    column = math.floor(shifted)
    pick = hash01(int(column) + 500, int(row) + 500, who)
    if pick < 0.4:
        return -1.0, 0.0
    fu, fv = shifted - column, q / deep - row
    if (
        min(min(fu, 1 - fu) * wide, min(fv, 1 - fv) * deep)
        < 0.05 + 0.5 * hash01(int(column) + 700, int(row) + 700, who) ** 3
    ):
        return 0.07, 0.0
    return 0.20 + 0.24 * hash01(int(column) + 900, int(row) + 300, who), pick


@njit(cache=True, nogil=True)
def room_floor(u, v, who, kind):
    """Reflectance of the floor of a room seen from above, and metres to its nearest wall."""
    wide, deep = 2.6 + 0.45 * (kind % 5), 2.4 + 0.5 * (kind % 4)
    a, b = math.floor(u / wide), math.floor(v / deep)
    fu, fv = u / wide - a, v / deep - b
    wall = min(min(fu, 1 - fu) * wide, min(fv, 1 - fv) * deep)
    chosen = hash01(int(a) + 100, int(b) + 100, 11 + who)
    if chosen < 0.25:
        return 0.42, 0.38, 0.32, wall
    if chosen < 0.45:
        return 0.29, 0.20, 0.13, wall
    if chosen < 0.60:
        return 0.52, 0.50, 0.47, wall
    if chosen < 0.80:
        return 0.16, 0.13, 0.11, wall
    return 0.46, 0.31, 0.27, wall


@njit(cache=True, nogil=True)
def paint_roofs(
    wings, planes, state, burnt, at, px, ny, height, albedo, ids, matter, fine, mid, coarse, loss
):
    """Paint roofs, whole or damaged, highest last.

    wings (n, 20): x y cos sin length width eave ridge form material r g b id kind boxed row, then
        first and number of its planes, and its largest inset
    planes (m, 3): edges of convex wings that are no boxes, see `inset_of`
    state (n, 7): mode, lost share, rubble height (m), side cos, side sin, eave factor, share of
        dust that lies on what broke
    burnt (y, x): id of the building whose wings cover the pixel, for wings that are no boxes:
    such a wing is its roof over the smallest box around it, clipped by them.
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
                if not boxed and burnt[i, j] != int(w[13]):
                    continue
                edge = min(length / 2 - abs(u), width / 2 - abs(v))
                if w[18] > 0:
                    edge = max(inset_of(planes, int(w[17]), int(w[18]), u, v), 0.0)
                inset = min(edge / w[19], 1.0)
                h = roof_height(form, u, v, length, width, inset, eave, ridge)
                if not boxed and w[18] == 0:
                    edge = 9.0
                    if (
                        i > 0
                        and j > 0
                        and i < ny - 1
                        and j < nx - 1
                        and (
                            burnt[i - 1, j] != int(w[13])
                            or burnt[i + 1, j] != int(w[13])
                            or burnt[i, j - 1] != int(w[13])
                            or burnt[i, j + 1] != int(w[13])
                        )
                    ):
                        edge = 0.1
                if form == FLAT and edge < 0.45 and kind % 4 != 0:
                    h += 0.45
                r, g, b = w[10], w[11], w[12]
                grain, blotch = fine[i, j], coarse[i, j]
                gain = roof_texture(material, u, v, form, px, grain, mid[i, j], blotch, edge, kind)
                if form > SHED:
                    gain *= form_texture(form, u, v, length, width, inset, px, kind)
                what = ROOF + material
                if mode not in (INTACT, CRACKED):
                    along = (u * s[3] + v * s[4]) / (0.5 * (length + width))
                    # value noise gathers around one half: stretched, so that `lost` is about
                    # the share lost
                    d = min(1.0, max(0.0, 0.5 + 1.15 * (loss[i, j] - 0.5) + 0.9 * along))
                    chip = hash01((i + at[0]) // 2, (j + at[1]) // 2, 7 + int(w[13]))
                    if mode in (SWEPT, CLEARED):
                        if ids[i, j] == 0:
                            ids[i, j] = int(w[13])
                            height[i, j] = 0.1 if mode == SWEPT else 0.02
                            matter[i, j] = FOUNDATION
                            bare = 0.24 + 0.16 * mid[i, j]
                            if mode == CLEARED:  # raked earth
                                bare = 0.20 + 0.07 * mid[i, j] + 0.05 * coarse[i, j]
                            albedo[0, i, j], albedo[1, i, j], albedo[2, i, j] = (
                                bare,
                                bare * 0.93,
                                bare * 0.82,
                            )
                        continue
                    if mode == GUTTED:
                        what = CHAR
                        wall = edge < 0.45
                        if wall and d > lost * 0.5:
                            h = eave * (0.55 + 0.45 * mid[i, j])
                            r = g = b = 0.16 + 0.12 * grain
                        else:
                            h = 0.2 + 0.8 * grain * mid[i, j]
                            t = chip * chip
                            if s[5] < 0.3:  # timber burnt to the ground: pale ash, rust, some char
                                t = min(1.0, max(0.0, 1.9 * mid[i, j] - 0.35 + 0.3 * (chip - 0.5)))
                                h = 0.1 + 0.3 * grain
                                r, g, b = 0.08 + 0.36 * t, 0.077 + 0.345 * t, 0.073 + 0.33 * t
                            else:
                                r, g, b = 0.05 + 0.22 * t, 0.05 + 0.205 * t, 0.05 + 0.20 * t
                            if chip > 0.93:
                                r, g, b = 0.26, 0.16, 0.10
                        gain = 1.0
                    elif d < lost:
                        what = RUBBLE
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
                            low = rubble * (0.6 + 0.3 * grain) * (0.4 + 0.9 * mid[i, j])
                            h = low if deep > 0.06 else max(low, h * (0.35 + 0.4 * grain))
                            if 0.45 < chip < 0.62:
                                r, g, b = w[10] * 1.1, w[11] * 1.05, w[12]
                            else:
                                r, g, b = rubble_tone(chip, kind)
                            gain = 0.75 + 0.5 * grain
                            if mode != OPEN and material in (MEMBRANE, CONCRETE, GRAVEL):
                                tone, lift = slab(u, v, int(w[13]))
                                if tone > 0:
                                    r, g, b = tone, 0.97 * tone, 0.93 * tone
                                    h = rubble * (0.15 + lift) * (0.6 + 0.6 * blotch)
                                    gain = 0.85 + 0.3 * grain
                            if mode in (OPEN, PARTIAL) and kind % 3 != 0:  # rooms lie open
                                fr, fg, fb, wall = room_floor(u, v, int(w[13]), kind)
                                standing = min(wall, edge) < max(0.16, 0.4 * px)
                                if standing and mid[i, j] > 0.3:
                                    h = eave * (0.6 + 0.4 * mid[i, j])
                                    r, g, b = 0.45, 0.42, 0.37
                                elif blotch + 0.5 * grain < 0.95:
                                    h = 0.2 + 0.5 * grain
                                    if chip < 0.72:
                                        r, g, b = fr, fg, fb
                        if what == RUBBLE and s[6] > 0:
                            dusty = s[6] * (0.7 + 0.6 * mid[i, j])
                            r += dusty * (DUST * 1.05 - r)
                            g += dusty * (DUST - g)
                            b += dusty * (DUST * 0.92 - b)
                    elif mode == SOFT:  # it leans to the side that gave way
                        h -= 0.12 * along * eave
                    elif mode == PANCAKE:
                        h += 0.5 * along * eave
                        gain *= 0.8 + 0.4 * mid[i, j]
                fallen = mode in (COLLAPSE, GUTTED)
                if h >= height[i, j] or (fallen and ids[i, j] == int(w[13])):
                    height[i, j] = h
                    ids[i, j] = int(w[13])
                    matter[i, j] = what
                    albedo[0, i, j] = r * gain
                    albedo[1, i, j] = g * gain
                    albedo[2, i, j] = b * gain


@njit(cache=True, nogil=True)
def paint_tarps(tarps, px, ny, height, albedo, ids, matter):
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
                matter[i, j] = SHEET
                for b in range(3):
                    albedo[b, i, j] = t[7 + b]
