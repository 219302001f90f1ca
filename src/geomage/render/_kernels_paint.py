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
def value_noise(at, ny, nx, cell, seed):
    """Smooth noise (y, x) in 0..1 with features of `cell` pixels.

    at: (row, column) of the grid among all pixels: noise belongs to the place, not to the grid.
    """
    out = np.empty((ny, nx), np.float32)
    where, share = np.empty(nx, np.int64), np.empty(nx, np.float32)
    first = math.floor(at[1] / cell)
    for x in range(nx):
        fx = (x + at[1]) / cell
        where[x] = math.floor(fx) - first
        tx = fx - math.floor(fx)
        share[x] = tx * tx * (3 - 2 * tx)
    wide = where[nx - 1] + 2
    above, below = np.empty(wide, np.float32), np.empty(wide, np.float32)
    row = np.empty(wide, np.float32)
    last = -(2**62)
    for y in range(ny):
        fy = (y + at[0]) / cell
        j = math.floor(fy)
        ty = fy - j
        ty = np.float32(ty * ty * (3 - 2 * ty))
        if j != last:
            for i in range(wide):
                above[i] = below[i] if j == last + 1 else hash01(first + i, j, seed)
                below[i] = hash01(first + i, j + 1, seed)
            last = j
        for i in range(wide):
            row[i] = above[i] + (below[i] - above[i]) * ty
        for x in range(nx):
            k = where[x]
            out[y, x] = row[k] + (row[k + 1] - row[k]) * share[x]
    return out


@njit(cache=True, nogil=True)
def bilinear(field, row0, col0, step, out):
    """Sample a coarse field (y, x) at rows row0 + step * i, columns col0 + step * j, edges held."""
    ny, nx = field.shape
    wide = out.shape[1]
    west, share = np.empty(wide, np.int64), np.empty(wide)
    for j in range(wide):
        x = min(max(col0 + step * j, 0.0), nx - 1.0)
        west[j] = min(int(x), max(nx - 2, 0))
        share[j] = x - west[j]
    for i in range(out.shape[0]):
        y = min(max(row0 + step * i, 0.0), ny - 1.0)
        y0 = min(int(y), max(ny - 2, 0))
        fy = y - y0
        above, below = field[y0], field[min(y0 + 1, ny - 1)]
        for j in range(wide):
            x0, fx = west[j], share[j]
            x1 = min(x0 + 1, nx - 1)
            top = above[x0] * (1 - fx) + above[x1] * fx
            low = below[x0] * (1 - fx) + below[x1] * fx
            out[i, j] = top * (1 - fy) + low * fy


@njit(cache=True, nogil=True)
def fray(index, still, mid, coarse, loose, wide, px, most):
    """Fray the edges of patches by up to `most` metres, in place of ruled lines.

    index (y, x): row of the ground's table; still (n,): rows whose edges stay as drawn.
    """
    ny, nx = index.shape
    out = index.copy()
    reach = 2 * most / px
    for y in range(ny):
        for x in range(nx):
            if still[index[y, x]]:
                continue
            dy = (0.35 * mid[y, x] + 0.65 * coarse[y, x] - 0.5) * reach
            dx = (0.35 * wide[y, x] + 0.65 * loose[y, x] - 0.5) * reach
            yy = min(max(round(y + dy), 0), ny - 1)
            xx = min(max(round(x + dx), 0), nx - 1)
            if not still[index[yy, xx]]:
                out[y, x] = index[yy, xx]
    return out


@njit(cache=True, nogil=True)
def paving_tone(u, v, px, row, lined):
    """Factor on paving at (u, v) metres along its own axes: repairs, joints, drips of oil."""
    gain = 1.0
    a, b = math.floor(u / 8.5) + 4096, math.floor(v / 3.1) + 4096
    if hash01(a, b, row + 71) < 0.11:  # a repair: darker when fresh, paler when old
        fu, fv = u / 8.5 - math.floor(u / 8.5), v / 3.1 - math.floor(v / 3.1)
        if fu < 0.25 + 0.75 * hash01(a, b, row + 73) and fv < 0.3 + 0.7 * hash01(a, b, row + 79):
            gain = 0.70 + 0.50 * hash01(a, b, row + 83)
    if lined > 0:
        wide = max(0.12, px)
        near = min(abs(u / lined - round(u / lined)), abs(v / lined - round(v / lined))) * lined
        if near < 0.5 * wide:
            gain *= 1.0 - 0.03 / wide
    return gain


@njit(cache=True, nogil=True)
def ground_draws(table, px):
    """What each row of the ground's table draws from its number (n, 8), see `paint_ground`.

    Roughness; cos, sin and slab (m) of its paving; cracks; where it wears, how far and to what.
    """
    out = np.zeros((len(table), 8))
    for row in range(len(table)):
        out[row, 0] = 0.6 + 1.7 * hash01(row, 1, 11) ** 1.5
        a = 3.1415927 * hash01(row, 2, 13)
        out[row, 1], out[row, 2] = math.cos(a), math.sin(a)
        if table[row, 0] > 0.26 and hash01(row, 3, 13) < 0.6:
            out[row, 3] = 3.0 + 3.0 * hash01(row, 4, 13)
        out[row, 4] = 0.18 * px * hash01(row, 5, 13)
        out[row, 5] = 0.45 * hash01(row, 6, 17)
        out[row, 6] = 0.25 + 0.65 * hash01(row, 7, 17)
        out[row, 7] = 0.75 + 0.5 * hash01(row, 10, 17)
    return out


@njit(cache=True, nogil=True)
def paint_ground(index, table, noises, at, px, albedo, cover):
    """Paint land: two tones mixed by noise of five sizes, grain, rows, wear, repairs.

    How rough a patch is, how worn and how its paving lies draw from the
    number of its row (ranges ours, by eye). noises: fine, mid, coarse, broad, loose (about 2.5 m)
    and wide (about 12 m); at: (row, column) of the grid among all pixels. table (n, 14): r1 g1 b1,
    r2 g2 b2, grain, mottle, blotch, patch, cos, sin, pitch, cover class.
    """
    fine, mid, coarse, broad, loose, wider = noises
    ny, nx = index.shape
    own = ground_draws(table, px)
    for y in range(ny):
        south = (y + at[0]) * px
        for x in range(nx):
            row, east = index[y, x], (x + at[1]) * px
            t = table[row]
            kind = int(t[13])
            low = loose[y, x]
            wide = wider[y, x]
            mine = own[row]
            rough = mine[0]
            mix = 0.5 + rough * (
                t[7] * (mid[y, x] - 0.5)
                + 0.7 * t[8] * (coarse[y, x] - 0.5)
                + 0.6 * t[8] * (low - 0.5)
                + 0.8 * t[9] * (broad[y, x] - 0.5)
                + 0.5 * t[9] * (wide - 0.5)
            )
            mix = min(1.6, max(-0.5, mix))
            if kind == 6:
                mix = min(1.0, max(0.0, mix))
                rough = 1.0
            gain = 1.0 + rough * t[6] * (fine[y, x] - 0.5)
            if t[12] > 0:
                across = (east * t[10] - south * t[11]) / t[12]
                gain *= 1.0 + 0.22 * math.sin(6.2831853 * across)
            if t[7] < 0.35 and kind in (3, 4):  # paved
                c, s, slab = mine[1], mine[2], mine[3]
                u, v = c * east - s * south, s * east + c * south
                gain *= paving_tone(u, v, px, row, slab)
                gain *= 1.0 - 0.25 * rough * max(0.0, low + 0.5 * mid[y, x] - 0.95)
                if abs(coarse[y, x] - 0.5) < mine[4]:  # sealed cracks
                    gain *= 0.88
            r = (t[0] + (t[3] - t[0]) * mix) * gain
            g = (t[1] + (t[4] - t[1]) * mix) * gain
            b = (t[2] + (t[5] - t[2]) * mix) * gain
            if kind in (1, 2):
                wear = 0.45 * wide + 0.35 * coarse[y, x] + 0.20 * mid[y, x]
                w = (wear - 0.42 - mine[5]) / 0.10
                w = min(1.0, max(0.0, w)) * mine[6]
                tone = gain * mine[7]
                if kind == 2:  # worn down to soil
                    r += w * (0.27 * tone - r)
                    g += w * (0.22 * tone - g)
                    b += w * (0.155 * tone - b)
                else:  # weeds come up
                    r += 0.8 * w * (0.115 * tone - r)
                    g += 0.8 * w * (0.120 * tone - g)
                    b += 0.8 * w * (0.065 * tone - b)
            albedo[0, y, x] = max(r, 0.005)
            albedo[1, y, x] = max(g, 0.005)
            albedo[2, y, x] = max(b, 0.005)
            cover[y, x] = kind


@njit(cache=True, nogil=True)
def strew_low(at, px, height, albedo, ids, cover, often, tint, fine, seed):
    """Strew bushes on living ground and stones on bare ground, one at most in a cell of 1.8 m.

    often: chance a cell; tint (3,): reflectance of bushes. Too low and small to be trees: what
    covers the ground, as truth, stays.
    """
    ny, nx = height.shape
    cells = 1.8 / px
    for a in range(math.floor(at[0] / cells), math.floor((at[0] + ny) / cells) + 1):
        for b in range(math.floor(at[1] / cells), math.floor((at[1] + nx) / cells) + 1):
            chance = hash01(a, b, seed)
            if chance > often:
                continue
            i = math.floor((a + hash01(a, b, seed + 1)) * cells) - at[0]
            j = math.floor((b + hash01(a, b, seed + 2)) * cells) - at[1]
            if (
                i < 0
                or j < 0
                or i >= ny
                or j >= nx
                or ids[i, j] > 0
                or (cover[i, j] != 2 and cover[i, j] != 1)
            ):
                continue
            bush = cover[i, j] == 2 or hash01(a, b, seed + 3) < 0.2
            size = 0.2 + (0.9 if bush else 0.5) * hash01(a, b, seed + 4) ** 3
            tone = 0.6 + 0.8 * hash01(a, b, seed + 5)
            n = int(size / px) + 1
            for y in range(max(0, i - n), min(ny, i + n + 1)):
                for x in range(max(0, j - n), min(nx, j + n + 1)):
                    q = ((x - j) ** 2 + (y - i) ** 2) * px * px / (size * size)
                    if q > 0.4 + 1.1 * fine[y, x] or ids[y, x] > 0 or height[y, x] > 0.3:
                        continue
                    share = min(1.0, (2 * size / px) ** 2)
                    height[y, x] = share * size * (1.2 - 0.6 * q) * (1.0 if bush else 0.5)
                    for k in range(3):
                        want = tint[k] * tone if bush else (0.36, 0.33, 0.29)[k] * tone
                        albedo[k, y, x] += share * (
                            want * (0.7 + 0.6 * fine[y, x]) - albedo[k, y, x]
                        )


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
def paint_trees(trees, at, px, ny, height, albedo, crown, fine, mid, loose, seed):
    """Paint crowns: trees (n, 12): x y radius height leaf twig r g b, cos sin stretch.

    A crown is a dome of clumps: billows, 1 - |2n - 1| turned over, of the noises `mid` and `loose`,
    with dark creases between them. `stretch`: how much longer than wide a crown is along (cos,
    sin); 1 for one that stands. `leaf` 0..1 is the share of the crown that is opaque; `twig` 1
    where bare branches show: then limbs run out from the stem.
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
        who = math.floor(8 * (x0 + at[1] * px))
        where = math.floor(8 * ((at[0] + ny) * px - y0))
        wobble = 6.2831853 * hash01(who, where, seed + 3)
        lobes = 3 + int(4 * hash01(who, where, seed + 5))
        lumpy = 0.15 + 0.3 * hash01(who, where, seed + 7)
        large = hash01(who, where, seed + 9)  # share of the larger clumps
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
                away = dx * dx + dy * dy
                if away > (r * 1.17 * (0.74 + 0.52 * mid[i, j])) ** 2:  # beyond the farthest lobe
                    continue
                turn = math.atan2(dy, dx)
                edge = (
                    r * (1.0 + 0.16 * math.sin(lobes * turn + wobble)) * (0.74 + 0.52 * mid[i, j])
                )
                q = away / (edge * edge)
                if q > 1:
                    continue
                open_, low = leaf * (1.25 - 0.35 * q), 1.0
                if twig > 0:
                    limb = abs(
                        math.sin(0.5 * (lobes + 4) * turn + wobble + 3.0 * (mid[i, j] - 0.5))
                    )
                    thick = limb * math.sqrt(away) < 0.16 + 0.5 * px
                    open_ = 1.0 if thick else 0.6 * open_
                    low = 0.4 if thick else 0.08  # light comes through what is bare
                if hash01(i + at[0], j + at[1], seed + 17) > open_:
                    continue
                clump = large * abs(2 * loose[i, j] - 1) + (1 - large) * abs(2 * mid[i, j] - 1)
                clump = min(1.0, 2.0 * clump)
                top = (
                    h
                    * (0.42 + 0.58 * math.sqrt(1 - q))
                    * (1.0 - lumpy + lumpy * clump + 0.08 * (fine[i, j] - 0.5))
                )
                if top <= height[i, j]:
                    continue
                height[i, j] = low * top
                crown[i, j] = 1
                gain = 0.78 + 0.34 * fine[i, j] + 0.52 * clump
                for b in range(3):
                    albedo[b, i, j] = trees[k, 6 + b] * gain


@njit(cache=True, nogil=True)
def scatter_debris(
    density, often, at, px, seed, palette, height, albedo, ids, clump, shape, matter, what
):
    """Throw `often` boards and blocks a square metre where `density` (y, x) is 1, in heaps.

    at: (row, column) of the grid among all pixels: pieces belong to cells of 2 m of the place.
    clump (y, x): smooth noise 0..1 that gathers pieces in heaps. shape: longest piece beyond the
    smallest (m), chance that a piece may lie on a standing roof, direction along which pieces lie
    (radians anticlockwise from east) and how far they turn from it. Lengths follow a power law, so
    that most pieces are splinters.
    """
    ny, nx = density.shape
    biggest, roofs, along, turn = shape[0], shape[1], shape[2], shape[3]
    cells, count = 2.0 / px, int(4.0 * often)
    for a in range(math.floor(at[0] / cells), math.floor((at[0] + ny) / cells) + 1):
        for b in range(math.floor(at[1] / cells), math.floor((at[1] + nx) / cells) + 1):
            for piece in range(count):
                k = a * 64 + piece
                i = math.floor((a + hash01(k, b, seed + 1)) * cells) - at[0]
                j = math.floor((b + hash01(k, b, seed + 2)) * cells) - at[1]
                if i < 0 or j < 0 or i >= ny or j >= nx or density[i, j] <= 0:
                    continue
                heap = min(1.0, max(0.1, 0.5 + 2.4 * (clump[i, j] - 0.5)))
                if hash01(k, b, seed + 3) > density[i, j] * heap * 1.4:
                    continue
                if ids[i, j] > 0 and height[i, j] > 1.8 and hash01(k, b, seed + 10) > roofs:
                    continue
                big = hash01(k, b, seed + 4)
                length = 0.15 + biggest * big**5
                width = 0.08 + 0.5 * length * hash01(k, b, seed + 5)
                way = along + turn * (hash01(k, b, seed + 6) - 0.5)
                c, s = math.cos(way), math.sin(way)
                p = palette[int(hash01(k, b, seed + 7) * palette.shape[0])]
                tone = 0.5 + 0.7 * hash01(k, b, seed + 8)
                lift = 0.05 + 0.35 * length * hash01(k, b, seed + 9)
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
                            for e in range(3):
                                albedo[e, y, x] += share * (p[e] * tone - albedo[e, y, x])
