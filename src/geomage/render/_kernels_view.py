"""Numba kernels of the view from aside: rays to what they meet first, and walls.

Rows go south, columns go east. A pixel is a column as high as the surface there.
"""

import math

from numba import njit

from geomage.render._kernels_paint import hash01

WALL_M = 1.2  # a lower step is part of the roof
UNKNOWN = 9.0  # no angle


@njit(cache=True, nogil=True)
def farthest(highest, lowest, rise, vx, vy, reach, out):
    """How far out, in pixels, a ray of any pixel of a block may meet something: `out` (y, x).

    highest, lowest (y, x) of blocks: highest surface, lowest ground; rise: of rays, metres a pixel;
    (vx, vy): columns and rows towards the sensor; reach: blocks to look at on each side.
    """
    by, bx = highest.shape
    for i in range(by):
        for j in range(bx):
            far = 0.0
            for y in range(max(0, i - reach), min(by, i + reach + 1)):
                for x in range(max(0, j - reach), min(bx, j + reach + 1)):
                    along = 16.0 * ((x - j) * vx + (y - i) * vy)
                    beside = 16.0 * abs((y - i) * vx - (x - j) * vy)
                    if beside > 23.0 or along + 23.0 <= far:  # a block and a half across
                        continue
                    if highest[y, x] >= lowest[i, j] + max(along - 23.0, 0.0) * rise:
                        far = along + 23.0
            out[i, j] = far if highest[i, j] > lowest[i, j] + 0.01 or far > 23.0 else 0.0


@njit(cache=True, nogil=True)
def nearer(highest, low, rise, vx, vy, far, out):
    """How far out a ray of any pixel of a block of 4 pixels may meet something: `out` (y, x).

    Followed in from `far`, which blocks of 16 pixels know (`farthest`): what the rays of a block
    come past within 3 pixels of way lies in the nine blocks around the ray of its middle.
    highest, low (y, x) of blocks of 4: highest surface of those nine, lowest ground of each.
    """
    by, bx = highest.shape
    for i in range(by):
        for j in range(bx):
            s = far[i >> 2, j >> 2]
            while s > 0.0:
                least = max(s - 3.0, 0.0)
                middle = least + 1.5 if least > 0.0 else 0.0
                above = least * rise if least > 0.0 else 0.01  # flatter hides nothing
                y = min(max(i + math.floor(0.25 * (2.0 + middle * vy)), 0), by - 1)
                x = min(max(j + math.floor(0.25 * (2.0 + middle * vx)), 0), bx - 1)
                if highest[y, x] >= low[i, j] + above:
                    break
                s = least
            out[i, j] = s


@njit(cache=True, nogil=True)
def look(surface, ground, height, highest, fine, far, px, tan_view, ux, uy, where, source, wall):
    """For every image pixel find the surface point that a sensor off nadir sees first.

    The image lies orthorectified on the terrain: a pixel's ray goes through its own ground and
    rises px / tan_view metres a pixel towards the sensor; (ux, uy) points there, x east, y north.
    Rays are followed in from where they may first meet anything, cell by cell, exactly; blocks of
    16 pixels that lie below the ray are passed over, and so are blocks of 4.

    highest, fine (y, x) of blocks of 16 and of 4: highest surface in each; far: see `nearer`.
    where: first and last row, first and last column (exclusive) of what is looked at.
    source (y, x): flat index of the visible point; wall (y, x): metres below its top where the ray
    meets the side of a column that stands higher than its neighbour by more than `WALL_M`, else 0.
    """
    ny, nx = surface.shape
    rise = px / tan_view
    vx, vy = ux, -uy  # columns and rows a pixel of way
    wx, wy = (1.0 / vx if abs(vx) > 1e-9 else 0.0), (1.0 / vy if abs(vy) > 1e-9 else 0.0)
    ex, ey = (0 if vx > 0 else 1), (0 if vy > 0 else 1)  # the side by which rays leave
    tx, ty = (-1 if vx > 0 else 1), (-1 if vy > 0 else 1)
    for i in range(where[0], where[1]):
        for j in range(where[2], where[3]):
            source[i, j] = i * nx + j
            wall[i, j] = 0.0
            s = far[i >> 2, j >> 2]
            base = ground[i, j]
            while s > 0.0:
                near = s - 1e-6
                x, y = math.floor(j + near * vx + 0.5), math.floor(i + near * vy + 0.5)
                if x < 0 or y < 0 or x >= nx or y >= ny:
                    end = max((x + ex - 0.5 - j) * wx, (y + ey - 0.5 - i) * wy)
                    s = min(end, s - 0.01)
                    continue
                end = max(
                    ((x & ~15) + 16 * ex - 0.5 - j) * wx, ((y & ~15) + 16 * ey - 0.5 - i) * wy, 0.0
                )
                if highest[y >> 4, x >> 4] < base + end * rise:
                    s = min(end, near)
                    continue
                found = False
                while s > end and not found:
                    ax = ((x & ~3) + 4 * ex - 0.5 - j) * wx
                    ay = ((y & ~3) + 4 * ey - 0.5 - i) * wy
                    leave = max(ax, ay, end)
                    if fine[y >> 2, x >> 2] < base + leave * rise:
                        side = i + ax * vy if ax >= ay else j + ay * vx
                        if abs(side - math.floor(side) - 0.5) > 1e-6:  # through no corner
                            s = leave
                            x = math.floor(j + (s - 1e-6) * vx + 0.5)
                            y = math.floor(i + (s - 1e-6) * vy + 0.5)
                            continue
                    while True:
                        across, down = (x + ex - 0.5 - j) * wx, (y + ey - 0.5 - i) * wy
                        after = max(across, down, end)
                        top = surface[y, x]
                        if top >= base + after * rise:
                            source[i, j] = y * nx + x
                            gap = top - (base + s * rise)
                            if gap > 0.0:
                                back = s + 1e-6
                                p = math.floor(j + back * vx + 0.5)
                                q = math.floor(i + back * vy + 0.5)
                                inside = p >= 0 and q >= 0 and p < nx and q < ny
                                if inside and top - surface[q, p] > WALL_M:
                                    wall[i, j] = min(gap, height[y, x])
                            found = True
                            break
                        if across >= down:
                            x += tx
                        else:
                            y += ty
                        s = after
                        if s <= leave:
                            break
                if found:
                    break
                s = min(s, near)


@njit(cache=True, nogil=True)
def outward(surface, y, x, reach):
    """Angle (radians anticlockwise from east) out of the wall below a pixel: where it is lower."""
    ny, nx = surface.shape
    here, east, north = surface[y, x] - 1.0, 0.0, 0.0
    for i in range(max(0, y - reach), min(ny, y + reach + 1)):
        for j in range(max(0, x - reach), min(nx, x + reach + 1)):
            if surface[i, j] < here:
                east += j - x
                north += y - i
    if abs(east) + abs(north) < 1e-6:
        return UNKNOWN
    return math.atan2(north, east)


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
def leaf(height, ids, y, x, level, seed):
    """Pixel (row, column) of a crown whose colour its flank shows `level` metres up.

    One of the crown's own, so that a flank is no streak of one colour.
    """
    floor = int(2 * level)
    i = y + int(5 * hash01(seed, floor, 3)) - 2
    j = x + int(5 * hash01(seed, floor, 4)) - 2
    if i < 0 or j < 0 or i >= height.shape[0] or j >= height.shape[1]:
        return y, x
    return (i, j) if ids[i, j] == 0 and height[i, j] > 0.5 * height[y, x] else (y, x)


@njit(cache=True, nogil=True)
def paint_walls(
    surface, stage, plan, tones, light, around, phase, view, sun, px, where, seen, out
):  # fmt: skip
    """Paint plaster, brick and windows where a wall is seen, leaves at the flanks of crowns.

    surface (y, x): metres; stage: (ground, height, ids, albedo), see `Stage`
    plan (building, 6): brightness of its walls, height of a storey (m), angle of one wall (radians
        anticlockwise from east), by what angle its walls turn, and the place that windows are
        counted from, x and y (m, from the grid's south-west corner)
    tones: (kind, band) and (band,): reflectances of walls and of glass by band, see `daylight`
    light: height (y, x) up to which the sun is hidden; open sky (y, x); by band, the sun on a wall
        that faces it and the share of the sky's light
    around, phase, where: see `expose`
    view (3,): unit vector (east, north) to the sensor, tangent of off-nadir
    sun (2,): unit vector to the sun
    seen: source, wall, azimuth and shadow of `Picture`; of walls the last two are filled here
    """
    ground, height, ids, albedo = stage
    facades, glass = tones
    shade, open_sky, direct, sky = light
    source, wall, azimuth, shadow = seen
    ny, nx = source.shape
    reach = max(2, min(int(1.2 / px), 6))
    angles = {0: UNKNOWN}
    rise = px / view[2]
    by, bx = around.shape[1:]
    for i in range(where[0], where[1]):
        for j in range(where[2], where[3]):
            below = wall[i, j]
            if below <= 0:
                continue
            p = source[i, j]
            y, x = p // nx, p % nx
            who = ids[y, x]
            z = surface[y, x] - below
            s = (z - ground[i, j]) / rise
            u, v = j + s * view[0], i - s * view[1]  # where the ray meets the wall
            fx = min(max(math.floor(u + 0.01 * view[0] + 0.5), 0), nx - 1)
            fy = min(max(math.floor(v - 0.01 * view[1] + 0.5), 0), ny - 1)
            sunny = 1.0 if z >= shade[fy, fx] else 0.0
            level = height[y, x] - below
            q = min((y + phase[0]) >> 4, by - 1), min((x + phase[1]) >> 4, bx - 1)
            foot = min(open_sky[fy, fx], 0.5)
            clear = foot + (0.5 - foot) * min(1.0, level / max(height[y, x], 0.1))
            if who <= 0:
                place = 16 * ((y + phase[0]) & 15) + ((x + phase[1]) & 15)
                m, k = leaf(height, ids, y, x, level, place)
                facing = max(0.0, view[0] * sun[0] + view[1] * sun[1])
                azimuth[i, j] = math.atan2(view[0], view[1])
                shadow[i, j] = 1.0 - sunny
                facing = (0.3 + 0.4 * facing) * sunny
                for b in range(out.shape[0]):
                    lit = facing * min(direct[b], 1.0) + sky[b] * clear + around[b, q[0], q[1]]
                    out[b, i, j] = albedo[b, m, k] * lit
                continue
            if p not in angles:
                angles[p] = outward(surface, y, x, reach)
            angle = angles[p]
            aside = math.atan2(view[1], view[0])
            if angle == UNKNOWN:
                angle = aside
            first, step = plan[who, 2], plan[who, 3]
            angle = first + step * math.floor((angle - first) / step + 0.5)
            if math.cos(angle - aside) <= 1e-3:  # a corner
                angle = first + step * math.floor((aside - first) / step + 0.5)
            east, north = math.cos(angle), math.sin(angle)
            facing = max(0.0, east * sun[0] + north * sun[1])
            azimuth[i, j] = math.atan2(east, north)
            shadow[i, j] = 1.0 - sunny if facing > 0 else 1.0
            glazed = -1.0
            if px < 0.6:
                e = (u + 0.5) * px - plan[who, 4]
                n = (ny - v - 0.5) * px - plan[who, 5]
                glazed = window(level, n * east - e * north, plan[who, 1], who)
            for b in range(out.shape[0]):
                lit = facing * sunny * direct[b] + sky[b] * clear + around[b, q[0], q[1]]
                matter = plan[who, 0] * facades[who % 4, b] if glazed < 0 else glazed * glass[b]
                out[b, i, j] = min(matter, 0.95) * lit


@njit(cache=True, nogil=True)
def block_ranges(surface, ground, highest, lowest):
    """Highest surface and lowest ground in each block of 4 pixels (y, x)."""
    highest[:] = -1e9
    lowest[:] = 1e9
    for i in range(surface.shape[0]):
        for j in range(surface.shape[1]):
            y, x = i >> 2, j >> 2
            highest[y, x] = max(highest[y, x], surface[i, j])
            lowest[y, x] = min(lowest[y, x], ground[i, j])


@njit(cache=True, nogil=True)
def larger_blocks(high, low, highest, lowest):
    """The same of blocks of 16 pixels, from those of 4."""
    highest[:] = -1e9
    lowest[:] = 1e9
    for i in range(high.shape[0]):
        for j in range(high.shape[1]):
            y, x = i >> 2, j >> 2
            highest[y, x] = max(highest[y, x], high[i, j])
            lowest[y, x] = min(lowest[y, x], low[i, j])


@njit(cache=True, nogil=True)
def around(high, out):
    """Highest of each block and its eight neighbours (y, x)."""
    by, bx = high.shape
    for i in range(by):
        for j in range(bx):
            top = high[i, j]
            for y in range(max(i - 1, 0), min(i + 2, by)):
                for x in range(max(j - 1, 0), min(j + 2, bx)):
                    top = max(top, high[y, x])
            out[i, j] = top
