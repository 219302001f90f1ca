"""Numba kernels: parcels of lava or soil that walk downhill to rest, and water that gathers.

A parcel stands on a cell of a surface z + h, h being what parcels before it left. Material with a
yield strength rests while rho g h s <= tau, s the slope of its surface (Hulme 1974): against a
neighbour at distance d, of thickness n and surface S, it rests up to the thickness h with

    (h + n) / 2 (z + h - S) = k d,   k = tau / (rho g).

The parcel leaves what its cell still lacks of that and carries the rest on.
"""

import math

import numpy as np
from numba import njit

STEPS = 200_000  # of one parcel, after which it stays where it is
NO_HEAD = -1e30


@njit(cache=True, nogil=True)
def hashed(seed, parcel, step, side):
    """Uniform number 0..1 of a parcel's step towards one side (splitmix64, Steele et al. 2014)."""
    h = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15)
    h += np.uint64(parcel) * np.uint64(0xC2B2AE3D27D4EB4F)
    h += np.uint64(step) * np.uint64(0x165667B19E3779F9) + np.uint64(side)
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    h ^= h >> np.uint64(31)
    return float(h >> np.uint64(11)) / 9007199254740992.0


@njit(cache=True, nogil=True)
def walk(z, h, passed, fast, i, j, load, head, reach, k, gsd, rough, seed, parcel, trace, span):
    """Send one parcel downhill; returns the thickness that left the grid.

    Args:
        z: ground (y, x), metres.
        h: (y, x) thickness at rest, metres; grows in place.
        passed: (y, x) thickness that went over a cell while it moved; grows in place.
        fast: (y, x) fastest speed, m/s; grows in place.
        i: row of the cell where it starts.
        j: its column.
        load: thickness it carries, metres on one cell.
        head: height of its energy line at the start; `NO_HEAD` for what creeps.
        reach: fall of the energy line, metres a metre; while the line is above the ground the
            parcel moves on and leaves nothing.
        k: yield strength over unit weight, metres.
        gsd: side of a cell, metres.
        rough: how much unevenness of the ground deflects it, metres, on level ground; it grows
            with the slope, or lava would run as a thread one cell wide (ours).
        seed: of the event.
        parcel: number of this one, for its draws.
        trace: (n, 2) surface left and surface reached of each step, metres; may be empty.
        span: first and last row, first and last column it came to; widened in place.
    """
    ny, nx = z.shape
    for step in range(STEPS):
        span[0], span[1] = min(span[0], i), max(span[1], i)
        span[2], span[3] = min(span[2], j), max(span[3], j)
        if i == 0 or j == 0 or i == ny - 1 or j == nx - 1:
            return load
        here = z[i, j] + h[i, j]
        best, bi, bj, rest = 1e300, -1, -1, 0.0
        moving = head > here
        for a in range(-1, 2):
            for b in range(-1, 2):
                if a == 0 and b == 0:
                    continue
                d = gsd * (1.4142135623730951 if a != 0 and b != 0 else 1.0)
                there = z[i + a, j + b] + h[i + a, j + b]
                u = hashed(seed, parcel, step, 3 * a + b + 4)
                if moving:
                    drop = (here - there) / d
                    if drop > 0 and -drop * (0.4 + u) < best:
                        best, bi, bj = -drop * (0.4 + u), i + a, j + b
                    continue
                fall = z[i, j] - there
                near = h[i + a, j + b]
                need = 0.5 * (math.sqrt((fall - near) ** 2 + 8 * k * d) - fall - near)
                need = max(need, 0.0)
                chosen = need + rough * u * (1 + 6 * max(fall, 0.0) / d)
                if chosen < best:
                    best, bi, bj, rest = chosen, i + a, j + b, need
        if moving:
            if bi < 0:
                head = NO_HEAD
                continue
            d = gsd * math.hypot(bi - i, bj - j)
            head -= reach * d
            surface = z[bi, bj] + h[bi, bj]
            passed[bi, bj] += load
            speed = math.sqrt(2 * 9.81 * max(head - surface, 0.0))
            fast[bi, bj] = max(fast[bi, bj], speed)
        else:
            left = min(max(rest - h[i, j], 0.0), load)
            h[i, j] += left
            load -= left
            if load <= 0:
                return 0.0
        if step < trace.shape[0]:
            trace[step, 0] = z[i, j] + h[i, j]
            trace[step, 1] = z[bi, bj] + h[bi, bj]
        i, j = bi, bj
    h[i, j] += load
    return 0.0


@njit(cache=True, nogil=True)
def pour(z, h, loads, i, j, k, gsd, rough, seed):
    """Send parcels of some loads (n,) from one cell; returns the thickness that left the grid."""
    away = 0.0
    trace = np.zeros((0, 2))
    unused = np.zeros((1, 1))  # nothing that creeps passes without leaving something
    span = np.array([i, i, j, j])
    for n in range(loads.size):
        away += walk(
            z, h, unused, unused, i, j, loads[n], NO_HEAD, 0.0, k, gsd, rough, seed, n, trace, span
        )
    return away


@njit(cache=True, nogil=True)
def nearest_unit(south, east, step, long, seed):
    """Number (y, x) of the nearest point of a lattice thrown about, numbered row by row.

    Args:
        south: (y, x) southward part of the direction uphill, a unit vector.
        east: its eastward part.
        step: side of a cell over the spacing of the lattice.
        long: by what distance along the slope is divided, and across it multiplied.
        seed: of the event.
    """
    ny, nx = south.shape
    wide = int(nx * step) + 8
    unit = np.zeros(south.shape, np.int64)
    for i in range(ny):
        for j in range(nx):
            y, x, best = i * step, j * step, 1e300
            for row in range(int(y) - 2, int(y) + 3):
                for column in range(int(x) - 2, int(x) + 3):
                    name = (row + 4) * wide + column + 4
                    dy = row + hashed(seed, name, 0, 0) - y
                    dx = column + hashed(seed, name, 0, 1) - x
                    down = (dy * south[i, j] + dx * east[i, j]) / long
                    across = (dx * south[i, j] - dy * east[i, j]) * long
                    if down * down + across * across < best:
                        best, unit[i, j] = down * down + across * across, name
    return unit


@njit(cache=True, nogil=True)
def contributing(z, order, gsd):
    """Area (y, x) that drains through each cell, m2, by multiple flow directions.

    Shares by slope to the power 1.1 (Freeman 1991). Nothing flows in over the rim.

    Args:
        z: ground (y, x).
        order: (n,) cells from the highest to the lowest.
        gsd: side of a cell, metres.
    """
    ny, nx = z.shape
    area = np.full(z.shape, gsd * gsd)
    for n in range(order.size):
        i, j = order[n] // nx, order[n] % nx
        total = 0.0
        for turn in range(2):
            for a in range(max(i - 1, 0), min(i + 2, ny)):
                for b in range(max(j - 1, 0), min(j + 2, nx)):
                    drop = z[i, j] - z[a, b]
                    if drop <= 0:
                        continue
                    share = (drop / math.hypot(a - i, b - j)) ** 1.1
                    if turn == 0:
                        total += share
                    else:
                        area[a, b] += area[i, j] * share / total
            if total == 0:
                break
    return area


@njit(cache=True, nogil=True)
def slide_down(z, cells, starts, depths, crowns, reaches, k, gsd, seed, names, soil):
    """Let slides run out, each as if it were alone, and add up what they leave.

    Args:
        z: ground (y, x), metres.
        cells: (n,) flat indices of scar cells, slide after slide.
        starts: (m + 1,) where each slide begins in `cells`.
        depths: (n,) thickness that broke away, metres.
        crowns: (m, 3) row, column and height of the highest cell of each.
        reaches: (m,) tangent of the angle of reach.
        k: yield strength over unit weight at rest, metres.
        gsd: side of a cell, metres.
        seed: of all draws.
        names: (m,) number of each slide, which its draws depend on.
        soil: most that one slide stands high where it passes, metres.

    Returns:
        Thickness at rest, thickness that passed, speed (y, x), and what left the grid, metres.
    """
    ny, nx = z.shape
    rest, passed, fast = np.zeros(z.shape), np.zeros(z.shape), np.zeros(z.shape)
    h, p, v = np.zeros(z.shape), np.zeros(z.shape), np.zeros(z.shape)
    trace = np.zeros((0, 2))
    away = 0.0
    for m in range(crowns.shape[0]):
        span = np.array([ny, -1, nx, -1])
        for n in range(starts[m], starts[m + 1]):
            i, j = cells[n] // nx, cells[n] % nx
            back = gsd * math.hypot(i - crowns[m, 0], j - crowns[m, 1])
            head = crowns[m, 2] - reaches[m] * back
            away += walk(
                z, h, p, v, i, j, depths[n], head, reaches[m], k, gsd, 0.0,
                seed + names[m] * 7919, n - starts[m], trace, span,
            )  # fmt: skip
        for i in range(span[0], span[1] + 1):
            for j in range(span[2], span[3] + 1):
                rest[i, j] += h[i, j]
                passed[i, j] += min(p[i, j], soil)
                fast[i, j] = max(fast[i, j], v[i, j])
                h[i, j], p[i, j], v[i, j] = 0.0, 0.0, 0.0
    return rest, passed, fast, away
