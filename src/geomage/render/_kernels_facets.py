"""Numba kernels that cut walls of buildings into strips of plaster and glass."""

import math

import numpy as np
from numba import njit

from geomage.render._kernels_view import UNKNOWN, outward, window


@njit(cache=True, nogil=True)
def next_cut(level, storey):
    """Height (metres above ground) of the next sill or lintel over `level`."""
    floor = math.floor(level / storey + 1e-6)
    sill = storey * floor + 0.36 * storey
    lintel = sill + min(0.5 * storey, 1.7)
    if level < sill - 1e-4:
        return sill
    if level < lintel - 1e-4:
        return lintel
    return sill + storey


@njit(cache=True, nogil=True)
def facade_angles(surface, walls, who, owner, plan, px):
    """Angle (wall,), radians anticlockwise from east, out of the facade each wall is a part of.

    Both faces of a staircase are one facade. walls, who: see `strip_facades`; owner: flat index of
    the pixel on top; plan: see `Stage`.
    """
    columns = surface.shape[1]
    reach = max(2, min(int(1.2 / px), 6))
    angles = np.empty(len(owner), np.float32)
    for i in range(len(owner)):
        w, first, step = walls[i], plan[who[i], 0], plan[who[i], 1]
        falls = w[0, 2] + w[1, 2] > w[2, 2] + w[3, 2]  # to the east or the south
        if abs(w[0, 1] - w[1, 1]) > abs(w[0, 0] - w[1, 0]):
            face = 0.0 if falls else math.pi
        else:
            face = -0.5 * math.pi if falls else 0.5 * math.pi
        angle = outward(surface, owner[i] // columns, owner[i] % columns, reach)
        if angle == UNKNOWN:
            angle = face
        angle = first + step * math.floor((angle - first) / step + 0.5)
        if math.cos(angle - face) <= 1e-3:  # a corner
            angle = first + step * math.floor((face - first) / step + 0.5)
        angles[i] = angle
    return angles


@njit(cache=True, nogil=True)
def straighten(edges, who, angles, reach, shift):
    """Fill `shift` (row, column, 2): how far corners of pixels go on to the line of their facade.

    edges (wall, 2, 2): row and column of both ends of each wall among the corners of pixels. The
    line runs along the facade through the mean of its corners up to `reach` pixels away. shift: in
    pixels, east and north. Where two facades meet nothing moves.
    """
    rows, columns = shift.shape[:2]
    angle = np.full((rows, columns), np.nan, np.float32)
    owner = np.zeros((rows, columns), np.int32)
    for i in range(len(edges)):
        for end in range(2):
            y, x = edges[i, end]
            if owner[y, x] == 0:
                owner[y, x], angle[y, x] = who[i], angles[i]
            elif owner[y, x] != who[i] or abs(math.sin(angle[y, x] - angles[i])) > 0.02:
                owner[y, x] = -1
    for y in range(rows):
        for x in range(columns):
            if owner[y, x] <= 0:
                continue
            east, north = math.cos(angle[y, x]), math.sin(angle[y, x])
            total, count = 0.0, 0
            for i in range(max(0, y - reach), min(rows, y + reach + 1)):
                for j in range(max(0, x - reach), min(columns, x + reach + 1)):
                    if owner[i, j] != owner[y, x]:
                        continue
                    off = (j - x) * east - (i - y) * north
                    if abs(off) > 1.5 or abs(math.sin(angle[i, j] - angle[y, x])) > 0.02:
                        continue
                    total += off
                    count += 1
            shift[y, x, 0], shift[y, x, 1] = total / count * east, total / count * north


@njit(cache=True, nogil=True)
def place_along(walls, who, angles, plan):
    """Metres (wall,) along the facade that each wall is a part of, from where windows count."""
    along = np.empty(len(who), np.float32)
    for i in range(len(who)):
        east = 0.5 * (walls[i, 0, 0] + walls[i, 1, 0]) - plan[who[i], 2]
        north = 0.5 * (walls[i, 0, 1] + walls[i, 1, 1]) - plan[who[i], 3]
        along[i] = north * math.cos(angles[i]) - east * math.sin(angles[i])
    return along


@njit(cache=True, nogil=True)
def strip_facades(walls, who, ground, storeys, along):
    """Cut walls (wall, 4, 3) level by level: strips (strip, 4, 3), glass (strip,), wall (strip,).

    The corners of a wall: two of the one rim, then the two of the other below or above them.
    who: building id; ground: height of the terrain; along: metres along the facade; storeys: height
    of one by building id, metres.
    glass: reflectance of the window in the strip, or -1 where there is plaster.
    """
    count = 0
    for i in range(len(walls)):
        count += 3 + 2 * math.ceil(np.ptp(walls[i, :, 2]) / storeys[who[i]])
    strips = np.empty((count, 4, 3), np.float32)
    glass = np.empty(count, np.float32)
    of = np.empty(count, np.int64)
    n = 0
    for i in range(len(walls)):
        w = walls[i]
        up = w[0, 2] + w[1, 2] > w[2, 2] + w[3, 2]
        a, b = (0, 1) if up else (3, 2)  # corners of the upper rim
        c, d = (3, 2) if up else (0, 1)  # those below them
        storey = storeys[who[i]]
        top = min(w[a, 2], w[b, 2]) - ground[i]
        level = max(min(w[c, 2], w[d, 2]) - ground[i], 0.0)
        low_c, low_d = w[c, 2], w[d, 2]
        while True:
            cut = min(next_cut(level, storey), top)
            last = cut >= top - 1e-3 or n >= count - 1
            high_a = w[a, 2] if last else cut + ground[i]
            high_b = w[b, 2] if last else cut + ground[i]
            for axis in range(2):
                strips[n, 0, axis], strips[n, 1, axis] = w[a, axis], w[b, axis]
                strips[n, 2, axis], strips[n, 3, axis] = w[d, axis], w[c, axis]
            strips[n, 0, 2], strips[n, 1, 2] = high_a, high_b
            strips[n, 2, 2], strips[n, 3, 2] = low_d, low_c
            glass[n] = window((level + cut) / 2, along[i], storey, who[i])
            of[n] = i
            n += 1
            if last:
                break
            low_c = low_d = high_a
            level = cut
    return strips[:n], glass[:n], of[:n]
