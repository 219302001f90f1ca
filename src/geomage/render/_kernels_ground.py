"""Numba kernels that dress the painted ground: wear and growth, water, and what hazards leave.

Where something covers a part of a pixel, `matter` is what covers more of it, `under` the other, and
`share` how much that makes, in 255ths; `over` says of which matter this holds, so that what is
painted over it later is whole again.
"""

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def cover(i, j, t, what, matter, under, share, over):
    """Cover a share t of a pixel; a thin third layer is forgotten."""
    now = matter[i, j]
    if now == what or t <= 0.0:
        return
    if t > 0.5:
        under[i, j], matter[i, j], over[i, j] = now, what, what
        share[i, j] = np.uint8(255.0 * (1.0 - t) + 0.5)
    elif over[i, j] != now or share[i, j] < 255.0 * t:
        under[i, j], over[i, j] = what, now
        share[i, j] = np.uint8(255.0 * t + 0.5)


@njit(cache=True, nogil=True)
def cover_all(amount, what, matter, under, share, over):
    """Cover every pixel by its amount (y, x) 0..1."""
    for i in range(amount.shape[0]):
        for j in range(amount.shape[1]):
            cover(i, j, amount[i, j], what, matter, under, share, over)


@njit(cache=True, nogil=True)
def stain(
    amount, fine, mid, coarse, r, g, b, height, limit, albedo, what, matter, under, share, over
):
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
            cover(i, j, t, what, matter, under, share, over)
            albedo[0, i, j] += t * (r * tone - albedo[0, i, j])
            albedo[1, i, j] += t * (g * tone - albedo[1, i, j])
            albedo[2, i, j] += t * (b * tone - albedo[2, i, j])


@njit(cache=True, nogil=True)
def dust(amount, fine, mid, crown, held, r, g, b, albedo, what, matter, under, share, over):
    """Lay dust over every surface, by `amount` (y, x) 0..1; crowns hold the share `held` of it."""
    ny, nx = amount.shape
    for i in range(ny):
        for j in range(nx):
            a = amount[i, j]
            if a <= 0:
                continue
            t = min(1.0, a * (0.85 + 0.3 * mid[i, j]))
            if crown[i, j] > 0:
                t *= held
            tone = 0.9 + 0.2 * fine[i, j]
            cover(i, j, t, what, matter, under, share, over)
            albedo[0, i, j] += t * (r * tone - albedo[0, i, j])
            albedo[1, i, j] += t * (g * tone - albedo[1, i, j])
            albedo[2, i, j] += t * (b * tone - albedo[2, i, j])


@njit(cache=True, nogil=True)
def bury(depth, height, ids, crown, r, g, b, fine, mid, rough, albedo, ground, matter, what):
    """Bury all that stands lower than a layer of `depth` (y, x) metres, such as lava or soil.

    rough: relative height of its surface's bumps; the land cover `ground` becomes bareland.
    """
    ny, nx = depth.shape
    for i in range(ny):
        for j in range(nx):
            d = depth[i, j] * (1.0 + rough * (mid[i, j] - 0.5))
            if d <= 0.05 or height[i, j] > d:
                continue
            tone = 0.6 + 0.5 * fine[i, j] + 0.3 * mid[i, j]
            albedo[0, i, j] = r * tone
            albedo[1, i, j] = g * tone
            albedo[2, i, j] = b * tone
            height[i, j] = d
            ids[i, j] = 0
            crown[i, j] = 0
            ground[i, j] = 1
            matter[i, j] = what


@njit(cache=True, nogil=True)
def flood_water(
    depth, height, ids, crown, colour, clear, mid, broad, albedo, ground, water,
    what, matter, under, share, over,
):  # fmt: skip
    """Cover what stands lower than the water; crowns and roofs above it stay.

    clear: depth in metres through which 1 / e of the bottom's light comes back.
    """
    ny, nx = depth.shape
    for i in range(ny):
        for j in range(nx):
            d = depth[i, j]
            if d <= 0.02 or (height[i, j] > d and (ids[i, j] > 0 or crown[i, j] > 0)):
                continue
            if height[i, j] > d + 0.3:
                continue
            t = 1.0 - math.exp(-d / clear)
            tone = 0.92 + 0.12 * mid[i, j] + 0.22 * (broad[i, j] - 0.5)
            for b in range(3):
                albedo[b, i, j] += t * (colour[b] * tone - albedo[b, i, j])
            height[i, j] = d
            ids[i, j] = 0
            crown[i, j] = 0
            ground[i, j] = 6
            water[i, j] = 1
            if matter[i, j] != what:
                under[i, j], matter[i, j], over[i, j] = matter[i, j], what, what
                share[i, j] = np.uint8(255.0 * (1.0 - t) + 0.5)


@njit(cache=True, nogil=True)
def shelve(near, reach, slope, bottom, wet, fine, mid, albedo, what, matter, under, share, over):
    """Let the bottom show where water is shallow, near its bank.

    wet (y, x): where there is water; near: share of water within `reach` metres; slope: metres of
    depth a metre from the bank; bottom (3,): reflectance of what lies below. Light comes back from
    depth d by exp(-2 k d), k = 0.5 + 30 times the mean colour, 1/m: the bright is turbid (ours).
    """
    ny, nx = near.shape
    for i in range(ny):
        for j in range(nx):
            if not wet[i, j]:
                continue
            mean = (albedo[0, i, j] + albedo[1, i, j] + albedo[2, i, j]) / 3.0
            off = max(0.0, 2.0 * near[i, j] - 1.0) * reach
            d = slope * off * (0.6 + 0.8 * mid[i, j]) + 0.05
            t = 0.8 * math.exp(-2.0 * (0.5 + 30.0 * mean) * d) * min(1.0, 4.0 - 4.0 * near[i, j])
            if t < 0.02:
                continue
            tone = 0.8 + 0.4 * fine[i, j]
            for b in range(3):
                albedo[b, i, j] += t * (bottom[b] * tone - albedo[b, i, j])
            now = matter[i, j]
            under[i, j], over[i, j] = what, now
            share[i, j] = np.uint8(255.0 * t + 0.5)


@njit(cache=True, nogil=True)
def mirror(water, toward, variance, waves, scale, most, mid, coarse, broad, albedo, glint):
    """Add the sun that waves mirror: `glint` (y, x), as reflectance, on water.

    toward (2,): slope, east and north, of the facet that mirrors the sun to the sensor; variance:
    of slopes, a direction; scale: see `water.mirror_of_sun`. The share `waves` of the variance is
    drawn from noise of three sizes, the rest are ripples within a pixel.
    """
    ny, nx = water.shape
    within = (1.0 - waves) * variance
    swell = math.sqrt(waves * variance / 0.055)  # what each sum of noises below varies by
    for i in range(ny):
        for j in range(nx):
            if water[i, j] == 0:
                continue
            e = toward[0] - swell * (coarse[i, j] - 0.5 + 0.35 * (mid[i, j] - 0.5))
            n = toward[1] - swell * (broad[i, j] - 0.5 + 0.35 * (mid[i, j] - 0.5))
            chance = math.exp(-0.5 * (e * e + n * n) / within) / (6.2831853 * within)
            bright = scale * chance
            for b in range(3):
                bright = min(bright, max(0.0, most - albedo[b, i, j]))
            glint[i, j] = bright
            for b in range(3):
                albedo[b, i, j] += bright


@njit(cache=True, nogil=True)
def soak(amount, ground, albedo, wet):
    """Darken land by its wetness, `amount` (y, x) 0..1: by 0.35 where it is full."""
    ny, nx = amount.shape
    for i in range(ny):
        for j in range(nx):
            a = min(1.0, amount[i, j])
            if a <= 0 or ground[i, j] == 6:
                continue
            add = a * (1.0 - wet[i, j])
            dark = (1.0 - 0.35 * (wet[i, j] + add)) / (1.0 - 0.35 * wet[i, j])
            wet[i, j] += add
            for b in range(3):
                albedo[b, i, j] *= dark


@njit(cache=True, nogil=True)
def tend(
    index, work, origin, fine, mid, broad, px, albedo, soil, field, what, matter, under, share, over
):
    """Mow lawns in stripes, drive through crops.

    origin: (row, column) of the grid among all pixels.
    work (row, 6): kind (1 mown, 2 driven), cos, sin of the way, metres between, phase, strength.
    soil: factor (3,) of bare tracks on what grows beside them; field, what: matters of both.
    """
    ny, nx = index.shape
    for i in range(ny):
        for j in range(nx):
            w = work[index[i, j]]
            if w[0] == 0:
                continue
            across = (j + origin[1]) * px * w[2] + (i + origin[0]) * px * w[1]
            across += w[4] + 0.5 * (broad[i, j] - 0.5)
            at = across / w[3] - math.floor(across / w[3])
            if w[0] == 1:
                edge = min(1.0, 0.2 * w[3] / px)  # coarse pixels show none
                up = min(1.0, max(-1.0, 6.0 * math.sin(6.2831853 * at)))
                gain = 1.0 + edge * w[5] * up * (0.5 + mid[i, j])
                for b in range(3):
                    albedo[b, i, j] *= gain
            else:
                off = abs(abs(at - 0.5) * w[3] - 0.9) - 0.22
                t = w[5] * min(1.0, max(0.0, 0.5 - off / px)) * min(1.0, 0.44 / px)
                t *= 0.5 + mid[i, j]
                if t > 0.05 and matter[i, j] == field:
                    t = min(t, 1.0)
                    tone = 0.8 + 0.4 * fine[i, j]
                    for b in range(3):
                        albedo[b, i, j] += t * (soil[b] * tone - albedo[b, i, j])
                    cover(i, j, t, what, matter, under, share, over)


@njit(cache=True, nogil=True)
def wear(
    amount, index, paths, fine, mid, coarse, albedo, beside, what, matter, under, share, over
):  # fmt: skip
    """Wear wheel paths into streets.

    amount (y, x) 0..1: where wheels go. paths (row, 3): factor on what wheels wear; share of weeds,
    and of dust, where they do not go. beside (2, 3): reflectance of weeds and dust, what (2,):
    their matter.
    """
    ny, nx = amount.shape
    for i in range(ny):
        for j in range(nx):
            row = index[i, j]
            if paths[row, 0] == 0:
                continue
            a = amount[i, j] * (0.6 + 0.8 * mid[i, j])
            gain = 1.0 + (paths[row, 0] - 1.0) * min(a, 1.0)
            for b in range(3):
                albedo[b, i, j] *= gain
            for k in range(2):
                s = paths[row, 1 + k]
                if s <= 0:
                    continue
                rough = 1.5 * mid[i, j] + fine[i, j] if k == 0 else 0.4 + 2.0 * coarse[i, j]
                t = s * min(1.0, max(0.0, rough - 0.6 - 2.5 * a))
                for b in range(3):
                    tone = beside[k, b] * (0.8 + 0.4 * fine[i, j])
                    albedo[b, i, j] += t * (tone - albedo[b, i, j])
                cover(i, j, t, what[k], matter, under, share, over)
