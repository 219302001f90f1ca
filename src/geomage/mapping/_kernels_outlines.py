"""Numba kernels that make rings right-angled."""

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def direction(x, y, first, last):
    """Main direction of the edges of a ring, -pi / 4 to pi / 4, and how far they keep to it.

    That is 1 where all run along it or square to it, 0 for those of a circle. The direction is a
    mean of four times the angle, each edge weighed by the square of its length: walls are long,
    the steps that pixels left are short.
    """
    c, s, total = 0.0, 0.0, 0.0
    for p in range(first, last - 1):
        dx, dy = x[p + 1] - x[p], y[p + 1] - y[p]
        weight = dx * dx + dy * dy
        if weight > 0:
            angle = 4 * math.atan2(dy, dx)
            c += weight * math.cos(angle)
            s += weight * math.sin(angle)
            total += weight
    return math.atan2(s, c) / 4, math.hypot(c, s) / max(total, 1e-12)


@njit(cache=True, nogil=True)
def _walls(u, v, flat, level, length):
    """Edges of a closed ring as walls that lie flat or stand, by turns: mean place and length.

    Returns how many; the first and the last differ in kind.
    """
    count, n = 0, len(u) - 1
    begin = 0
    for p in range(n):  # begin where the kind changes
        q = (p - 1) % n
        here = abs(u[p + 1] - u[p]) >= abs(v[p + 1] - v[p])
        before = abs(u[q + 1] - u[q]) >= abs(v[q + 1] - v[q])
        if here != before:
            begin = p
            break
    for step in range(n):
        p = (begin + step) % n
        du, dv = abs(u[p + 1] - u[p]), abs(v[p + 1] - v[p])
        if du == 0 and dv == 0:
            continue
        lies = du >= dv
        weight = du if lies else dv
        place = (v[p] + v[p + 1]) / 2 if lies else (u[p] + u[p + 1]) / 2
        if count and flat[count - 1] == lies:
            whole = length[count - 1] + weight
            level[count - 1] += (place - level[count - 1]) * weight / whole
            length[count - 1] = whole
        else:
            flat[count], level[count], length[count] = lies, place, weight
            count += 1
    return count


@njit(cache=True, nogil=True)
def _drop(flat, level, length, count, k):
    """Leave out wall k: the walls beside it become one, at their mean place."""
    a, b = (k - 1) % count, (k + 1) % count
    whole = length[a] + length[b]
    level[a] += (level[b] - level[a]) * length[b] / whole
    length[a] = whole
    kept = 0
    for p in range(count):
        if p not in (k, b):
            flat[kept], level[kept], length[kept] = flat[p], level[p], length[p]
            kept += 1
    return kept


@njit(cache=True, nogil=True)
def square(x, y, first, last, angle, least, out):
    """Make a ring right-angled in one direction; how many corners `out` (n, 2) then holds, closed.

    Walls shorter than `least` are left out, the shortest first, while four remain; 0 where the ring
    has no four walls.
    """
    n = last - first
    c, s = math.cos(angle), math.sin(angle)
    u, v = np.empty(n), np.empty(n)
    for p in range(n):
        u[p] = x[first + p] * c + y[first + p] * s
        v[p] = y[first + p] * c - x[first + p] * s
    flat, level, length = np.empty(n, np.bool_), np.empty(n), np.empty(n)
    count = _walls(u, v, flat, level, length)
    if count < 4 or count % 2:
        return 0
    while count > 4:
        shortest, k = np.inf, 0
        for p in range(count):
            long = abs(level[(p + 1) % count] - level[(p - 1) % count])
            if long < shortest:
                shortest, k = long, p
        if shortest >= least:
            break
        count = _drop(flat, level, length, count, k)
    for p in range(count):
        q = (p + 1) % count
        across, along = (level[q], level[p]) if flat[p] else (level[p], level[q])
        out[p, 0] = across * c - along * s
        out[p, 1] = across * s + along * c
    out[count] = out[0]
    return count + 1


@njit(cache=True, nogil=True)
def square_all(x, y, rings, shapes, least, straight, out, ends):
    """Make polygons right-angled, ring by ring, in the main direction of their first ring.

    x, y (n,): corners, near 0; rings (m + 1,): first corner of each closed ring; shapes (k + 1,):
    first ring of each polygon; straight: how far a polygon must keep to its main direction, else it
    is left as it is; out (n + m, 2): new corners; ends (m,): how many each ring has, 0 where it
    stays as it was. A ring's new corners stand in `out` from the place of its own first corner on,
    one further for each ring before it.
    """
    for shape in range(len(shapes) - 1):
        ring = shapes[shape]
        angle, keeps = direction(x, y, rings[ring], rings[ring + 1])
        for k in range(shapes[shape], shapes[shape + 1]):
            ends[k] = 0
            if keeps >= straight:
                begin = rings[k] + k
                room = rings[k + 1] - rings[k] + 1
                ends[k] = square(
                    x, y, rings[k], rings[k + 1], angle, least, out[begin : begin + room]
                )
