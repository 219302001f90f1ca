"""Numba kernels that cut walls of buildings into strips of plaster and glass."""

import math

import numpy as np
from numba import njit

from geomage.render._kernels_view import window


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
def strip_facades(walls, who, ground, storeys, px):
    """Cut walls (wall, 4, 3) level by level: strips (strip, 4, 3), glass (strip,), wall (strip,).

    The corners of a wall: two of the one rim, then the two of the other below or above them.
    who: building id; ground: height of the terrain; storeys: height of one by building id, metres.
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
        runs_north = abs(w[0, 1] - w[1, 1]) > abs(w[0, 0] - w[1, 0])
        along = max(w[0, 1], w[1, 1]) if runs_north else min(w[0, 0], w[1, 0])
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
            glass[n] = -1.0
            if px < 0.6:
                glass[n] = window((level + cut) / 2, along, storey, who[i])
            of[n] = i
            n += 1
            if last:
                break
            low_c = low_d = high_a
            level = cut
    return strips[:n], glass[:n], of[:n]
