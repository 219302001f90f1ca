"""Numba kernels of the local-inertial shallow-water scheme, and of filling and draining terrain.

A grid has a ring of one cell around it: h and z are (ny + 3, nx + 3), its cells are rows 1..ny and
columns 1..nx. qx[i, j] crosses the western face of cell (i, j) eastwards, qy[i, j] its northern
face southwards, m2/s. Walls are ground of WALL metres: the depth of flow over a face between a wall
and anything else is then exactly 0, so that walls need no test of their own.

One step goes down the rows once. Row i gets its fluxes; row i - 1, whose four faces are then known,
learns how much of its outflow its water can feed; row i - 2, whose neighbours know that too, moves
its water. What is read of the old fluxes is kept in rows aside, so nothing is held twice.
"""

# mypy: disable-error-code="call-arg, unreachable"
import math

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

WALL = 1e9  # metres; higher than any ground
THIN = 1e-6  # metres of flow below which nothing moves
FILM = 0.01  # metres of water below which a speed means nothing
G = 9.81
NONE, ONE = np.uint64(0), np.uint64(1)  # an index without a sign needs no test of its sign


@intrinsic
def _bits(_typing, _x):
    def code(_context, builder, _signature, args):
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), code


@intrinsic
def _double(_typing, _x):
    def code(_context, builder, _signature, args):
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), code


@njit(inline="always", fastmath={"nnan", "nsz", "contract"})
def third_root(x):
    """X ** (-1/3) of a positive number to 1e-13, by steps that compile to vector instructions.

    A first guess from the exponent bits, then two steps of fourth order on c = 1 - x y^3:
    y <- y (1 + c/3 + 2 c^2/9 + 14 c^3/81).
    """
    high = (_bits(x) >> 32) & 0x7FFFFFFF
    y = _double((1430210000 - ((high * 0x55555556) >> 32)) << 32)
    for _ in range(2):
        c = 1.0 - x * (y * y * y)
        y = y * (1.0 + c * (1.0 / 3.0 + c * (2.0 / 9.0 + c * (14.0 / 81.0))))
    return y


@njit(inline="always", fastmath={"nnan", "nsz", "contract"})
def _flux(za, zb, ha, hb, q, before, after, friction, theta, push, cap):
    """Flux of a face between cells a and b at the next time, m2/s, and its speed, m/s.

    de Almeida et al. (2012), eq. 8 with the mean flux of eq. 11; theta = 1 is Bates et al. (2010),
    eq. 11. A neighbour without flow counts as the face itself: else the tip of a flood over dry
    ground would be held back. friction = g dt n^2, push = g dt / dx, cap = largest Froude number
    times g^.5.
    """
    ea, eb = za + ha, zb + hb
    depth = max(ea, eb) - max(za, zb)
    d = max(depth, THIN)
    before, after = before if before != 0.0 else q, after if after != 0.0 else q
    mean = theta * q + 0.5 * (1.0 - theta) * (before + after)
    y = third_root(d)
    y3 = y * y * y
    new = (mean - push * d * (eb - ea)) / (1.0 + friction * abs(q) * (y3 * y3 * y))
    most = cap * d * math.sqrt(d)
    new = min(max(new, -most), most)
    new = new if depth > THIN else 0.0
    return new, new * y3


fast = njit(error_model="numpy", fastmath={"nnan", "nsz", "contract"})


@fast
def _flux_row_x(z, h, n2, old, q, u, j0, j1, theta, friction, push, cap):
    for j in range(np.uint64(j0), np.uint64(j1)):
        q[j], u[j] = _flux(
            z[j - ONE], z[j], h[j - ONE], h[j], old[j], old[j - ONE], old[j + ONE],
            0.5 * friction * (n2[j - ONE] + n2[j]), theta, push, cap,
        )  # fmt: skip


@fast
def _flux_row_y(
    za, zb, ha, hb, na, nb, old, before, after, q, u, j0, j1, theta, friction, push, cap
):  # fmt: skip
    for j in range(np.uint64(j0), np.uint64(j1)):
        q[j], u[j] = _flux(
            za[j], zb[j], ha[j], hb[j], old[j], before[j], after[j],
            0.5 * friction * (na[j] + nb[j]), theta, push, cap,
        )  # fmt: skip


@fast
def _share_row(h, qx, north, south, share, j0, j1, r):
    """Share of its outflow that the water of each cell feeds; whether any is below 1."""
    lack = 0
    for j in range(np.uint64(j0), np.uint64(j1)):
        lack += r * _outflow(qx[j], qx[j + ONE], north[j], south[j]) > h[j]
    if lack > 0:
        for j in range(np.uint64(j0), np.uint64(j1)):
            out = r * _outflow(qx[j], qx[j + ONE], north[j], south[j])
            share[j] = min(1.0, h[j] / max(out, 1e-300))
    return lack > 0


@njit(inline="always", fastmath={"nnan", "nsz", "contract"})
def _outflow(west, east, north, south):
    return (max(east, 0.0) + max(-west, 0.0)) + (max(south, 0.0) + max(-north, 0.0))


@fast
def _scale_row(q, a, b, back, j0, j1):
    """Scale fluxes from cells of row a (`back` columns before) to cells of row b by who gives."""
    for j in range(np.uint64(j0), np.uint64(j1)):
        q[j] *= a[j - back] if q[j] > 0 else b[j]


@fast
def _move_row(h, z, qx, north, south, j0, j1, r, rain):
    """Move water through the faces of a row, and let it rain."""
    for j in range(np.uint64(j0), np.uint64(j1)):
        new = h[j] + r * ((qx[j] - qx[j + ONE]) + (north[j] - south[j]))
        h[j] = max(new + (rain if z[j] < 0.5 * WALL else 0.0), 0.0)


@fast
def _deepest(h, j0, j1):
    most = 0.0
    for j in range(np.uint64(j0), np.uint64(j1)):
        most = max(most, h[j])
    return most


@fast
def _copy_row(a, b, j0, j1):
    for j in range(np.uint64(j0), np.uint64(j1)):
        b[j] = a[j]


@fast
def _track_row(h, ux, north, south, deepest, fastest, arrival, under, j0, j1, t, dt, wet):
    for j in range(np.uint64(j0), np.uint64(j1)):
        deepest[j] = max(deepest[j], np.float32(h[j]))
    for j in range(np.uint64(j0), np.uint64(j1)):
        u, v = ux[j] + ux[j + ONE], north[j] + south[j]
        s = 0.25 * (u * u + v * v)
        fastest[j] = max(fastest[j], np.float32(s if h[j] > FILM else 0.0))
    for j in range(np.uint64(j0), np.uint64(j1)):
        under[j] += np.float32(dt if h[j] > wet else 0.0)
    for j in range(np.uint64(j0), np.uint64(j1)):
        arrival[j] = np.float32(t) if (arrival[j] < 0 and h[j] > wet) else arrival[j]


@fast
def _clear(row, starts, ends, count, value):
    for k in range(count):
        row[starts[k] : ends[k]] = value


@njit
def _spans(wet, last, starts, ends, counts, block, nx):
    """Runs of columns to work on in each row of blocks: those with water, and their neighbours."""
    my, mx = wet.shape
    for bi in range(my):
        k = 0
        open_ = False
        for bj in range(mx):
            near = False
            for a in range(max(bi - 1, 0), min(bi + 2, my)):
                for b in range(max(bj - 1, 0), min(bj + 2, mx)):
                    near |= wet[a, b] > 0 or last[a, b] > 0
            if near and not open_:
                starts[bi, k] = 1 + bj * block
                open_ = True
            if open_ and not near:
                ends[bi, k] = 1 + bj * block
                k += 1
                open_ = False
        if open_:
            ends[bi, k] = nx + 1
            k += 1
        counts[bi] = k


@njit
def mark_wet(h, wet, block):
    """Mark the blocks that hold water; return the greatest depth, ring included."""
    ny, nx = h.shape[0] - 3, h.shape[1] - 3
    most = 0.0
    for i in range(ny + 2):
        for j in range(nx + 2):
            if h[i, j] > 0:
                bi = (min(max(i, 1), ny) - 1) // block
                bj = (min(max(j, 1), nx) - 1) // block
                wet[bi, bj] = 1
                most = max(most, h[i, j])
    return most


@njit
def at_time(times, values, t):
    """Linear between the points of a series; constant before the first and after the last."""
    if t <= times[0]:
        return values[0]
    for k in range(1, len(times)):
        if t <= times[k]:
            w = (t - times[k - 1]) / (times[k] - times[k - 1])
            return values[k - 1] + w * (values[k] - values[k - 1])
    return values[-1]


@njit
def _set_ring(h, z, edges, levels, wet, block):
    """Water beyond the edges: 0 a wall, 1 open (dry ground), 2 water at a level; greatest depth."""
    ny, nx = h.shape[0] - 3, h.shape[1] - 3
    most = 0.0
    for e in range(4):  # north, south, west, east
        if edges[e] != 2:
            continue
        along = nx if e < 2 else ny
        for k in range(1, along + 1):
            i = (0 if e == 0 else ny + 1) if e < 2 else k
            j = k if e < 2 else (0 if e == 2 else nx + 1)
            d = levels[e] - z[i, j]
            h[i, j] = d if d > 0 else 0.0
            if d > 0:
                bi = (min(max(i, 1), ny) - 1) // block
                bj = (min(max(j, 1), nx) - 1) // block
                wet[bi, bj] = 1
                most = max(most, d)
    return most


@njit(error_model="numpy")
def _through_edges(qx, qy, edges, ny, nx):
    """Sum of the fluxes into the grid over its edges, m2/s."""
    total = 0.0
    if edges[0] > 0:
        total += qy[1, 1 : nx + 1].sum()
    if edges[1] > 0:
        total -= qy[ny + 1, 1 : nx + 1].sum()
    if edges[2] > 0:
        total += qx[1 : ny + 1, 1].sum()
    if edges[3] > 0:
        total -= qx[1 : ny + 1, nx + 1].sum()
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def advance(
    h, z, qx, qy, n2, tracks, wet, last, dx, alpha, theta, froude, threshold, block,
    edges, edge_times, edge_levels, rain_times, rain_rates,
    inflow_i, inflow_j, inflow_times, inflow_rates, clock, end,
):  # fmt: skip
    """Carry the water from clock[0] to `end` seconds.

    - h, z, qx, qy: see the module; h, qx, qy are changed.
    - n2: (1 or rows, columns) Manning's n squared; one row serves all.
    - tracks: (4, rows, columns) float32: greatest depth, greatest squared speed, arrival (s, -1),
      seconds deeper than `threshold`.
    - wet, last: (blocks, blocks) uint8: which hold water now, and did a step before.
    - dx, alpha, theta, froude: side of a cell, Courant number, weight, greatest Froude number.
    - edges: (4,) north, south, west, east: 0 wall, 1 open, 2 water at a level.
    - edge_times, edge_levels: (k,), (4, k) seconds, metres.
    - rain_times, rain_rates: seconds, m/s.
    - inflow_i, inflow_j, inflow_times, inflow_rates: cells that get equal parts of m3/s.
    - clock: (5,) seconds gone, greatest depth, m3 that came in over the edges, m3 of rain and
      inflow, cells worked on; changed.
    - end: seconds.
    """
    ny, nx = h.shape[0] - 3, h.shape[1] - 3
    my, mx = wet.shape
    starts, ends = np.zeros((my, mx // 2 + 1), np.int64), np.zeros((my, mx // 2 + 1), np.int64)
    counts = np.zeros(my, np.int64)
    old_x = np.zeros(nx + 3)
    old_y = np.zeros((2, nx + 3))
    ux, uy, share = np.zeros((3, nx + 3)), np.zeros((3, nx + 3)), np.ones((3, nx + 3))
    short = np.zeros(3, np.uint8)
    peaks = np.zeros((my, mx))
    levels = np.zeros(4)
    land = 0
    for i in range(1, ny + 1):
        for j in range(1, nx + 1):
            land += z[i, j] < 0.5 * WALL
    cap = froude * math.sqrt(G)
    rows_n = n2.shape[0] > 1
    steps = 0
    while clock[0] < end:
        t = clock[0]
        for e in range(4):
            levels[e] = at_time(edge_times, edge_levels[e], t)
        most = max(clock[1], _set_ring(h, z, edges, levels, wet, block))
        rate = at_time(inflow_times, inflow_rates, t) if len(inflow_i) else 0.0
        rain = at_time(rain_times, rain_rates, t)
        dt = min(alpha * dx / math.sqrt(G * max(most, 0.02)), end - t)
        if rate > 0:
            part = rate * dt / (len(inflow_i) * dx * dx)
            for k in range(len(inflow_i)):
                h[inflow_i[k], inflow_j[k]] += part
                wet[(inflow_i[k] - 1) // block, (inflow_j[k] - 1) // block] = 1
            clock[3] += rate * dt
        if rain > 0:
            wet[:] = 1
            clock[3] += rain * dt * dx * dx * land
        _spans(wet, last, starts, ends, counts, block, nx)
        peaks[:] = 0
        r, friction, push = dt / dx, G * dt, G * dt / dx
        for i in range(1, ny + 4):
            if i <= ny + 1:
                b = (min(i, ny) - 1) // block
                here, back = i % 2, (i - 1) % 2
                if i == 1:
                    old_y[:] = 0.0
                    uy[:] = 0.0
                if i > 2:
                    c = (i - 3) // block
                    _clear(old_y[here], starts[c], ends[c], counts[c], 0.0)
                if i > 3:
                    c = (i - 4) // block
                    _clear(uy[i % 3], starts[c], ends[c], counts[c], 0.0)
                row_n, over_n = (n2[i], n2[i - 1]) if rows_n else (n2[0], n2[0])
                for k in range(counts[b]):
                    j0, j1 = starts[b, k], ends[b, k]
                    _copy_row(qy[i], old_y[here], j0, j1)
                    _flux_row_y(
                        z[i - 1], z[i], h[i - 1], h[i], over_n, row_n, old_y[here], old_y[back],
                        qy[i + 1], qy[i], uy[i % 3], j0, j1, theta, friction, push, cap,
                    )  # fmt: skip
                    if i <= ny:
                        _copy_row(qx[i], old_x, j0 - 1, j1 + 2)
                        _flux_row_x(
                            z[i], h[i], row_n, old_x, qx[i], ux[i % 3], j0, j1 + 1,
                            theta, friction, push, cap,
                        )  # fmt: skip
            m = i - 1
            if 1 <= m <= ny + 1:
                s = m % 3
                if short[s] and m > 3:
                    c = (m - 4) // block
                    _clear(share[s], starts[c], ends[c], counts[c], 1.0)
                elif m <= 3:
                    share[s] = 1.0
                short[s] = 0
                if m <= ny:
                    b = (m - 1) // block
                    for k in range(counts[b]):
                        if _share_row(
                            h[m], qx[m], qy[m], qy[m + 1], share[s], starts[b, k], ends[b, k], r
                        ):
                            short[s] = 1
                if m == 1 and short[s]:
                    b = 0
                    for k in range(counts[b]):
                        _scale_row(qy[1], share[0], share[1], NONE, starts[b, k], ends[b, k])
            m = i - 2
            if 1 <= m <= ny:
                s, below = m % 3, (m + 1) % 3
                b = (m - 1) // block
                for k in range(counts[b]):
                    j0, j1 = starts[b, k], ends[b, k]
                    if short[s]:
                        _scale_row(qx[m], share[s], share[s], ONE, j0, j1 + 1)
                    if short[s] or short[below]:
                        _scale_row(qy[m + 1], share[s], share[below], NONE, j0, j1)
                    _move_row(h[m], z[m], qx[m], qy[m], qy[m + 1], j0, j1, r, rain * dt)
                    for j in range(j0, j1, block):
                        e = min(j + block, j1)
                        bj = (j - 1) // block
                        peaks[b, bj] = max(peaks[b, bj], _deepest(h[m], j, e))
                    _track_row(
                        h[m], ux[m % 3], uy[m % 3], uy[(m + 1) % 3], tracks[0, m], tracks[1, m],
                        tracks[2, m], tracks[3, m], j0, j1, t + dt, dt, threshold,
                    )  # fmt: skip
                    clock[4] += j1 - j0
        clock[1] = 0.0
        for bi in range(my):
            for bj in range(mx):
                last[bi, bj] = wet[bi, bj]
                wet[bi, bj] = peaks[bi, bj] > 0
                clock[1] = max(clock[1], peaks[bi, bj])
        clock[2] += _through_edges(qx, qy, edges, ny, nx) * dt * dx
        clock[0] = end if end - (t + dt) < 1e-9 else t + dt
        steps += 1
    return steps
