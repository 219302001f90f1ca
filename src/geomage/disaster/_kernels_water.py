"""Numba kernels of shallow water: the sweep over a grid, which moves its water.

A grid has a ring of one cell around it, and walls behind the eastern one up to a whole number of
vectors: its cells are rows 1..ny and columns 1..nx, and column 1 begins a line of memory. qx[i, j]
crosses the western face of cell (i, j) eastwards, qy[i, j] its northern face southwards, m2/s.
Walls are ground of WALL metres: the depth of flow over a face between a wall and anything else is
then exactly 0, so that walls need no test of their own.

One step goes down the rows once. Row i gets its fluxes; row i - 1, whose four faces are then known,
moves its water. Where a cell gave more than it had, the move is taken back, its outflow cut to what
there is, and the row above gives back what it got too much. What is read of the old fluxes is kept
in rows aside, so nothing is held twice. Each pass over a row is short. Levels and depths are
doubles; fluxes, of which a cell loses what the next one gains to the last bit, are single: then
vectors are wide.
"""

# mypy: disable-error-code="call-arg, unreachable, var-annotated"
import math

import numpy as np
from numba import njit

from geomage.disaster._kernels_faces import (
    DRY,
    FILM,
    NONE,
    ONE,
    QUARTER,
    THIN,
    TRACKED,
    VECTOR,
    WALL,
    G,
    brake_row,
    depth_over,
    fast,
    inline,
    push_row,
)
from geomage.disaster._kernels_momentum import (
    KEPT,
    carry_row,
    hurry_row,
    let_in,
    note_speeds,
    settle_row,
    slope_row,
)

OVER = np.float32(1 + 4e-6)  # outflows that may be too large are looked at in double precision,
LEAST = 1 - 1e-6  # and then held below what there is by more than a flux is rounded


@fast
def _speeds(z, h, qx, qy, i, ux, uy, w, j0, j1):
    """Speeds of the western (up to column j1) and northern faces of row i, into row w."""
    a = i - ONE
    for j in range(np.uint64(j0), np.uint64(j1)):
        d = np.float32(depth_over(z[i, j - ONE], z[i, j], h[i, j - ONE], h[i, j]))
        ux[w, j] = np.float32(qx[i, j]) / max(d, THIN)
        d = np.float32(depth_over(z[a, j], z[i, j], h[a, j], h[i, j]))
        uy[w, j] = np.float32(qy[i, j]) / max(d, THIN)


@fast
def _rain_row(h, z, i, j0, j1, rain):
    for j in range(np.uint64(j0), np.uint64(j1)):
        h[i, j] += rain if z[i, j] < 0.5 * WALL else 0.0


@fast
def _move_row(h, qx, qy, i, was, top, j0, j1, r):
    """Move water through the faces of a row; whether a cell may have given more than it had.

    was: keeps what it had; top: greatest depths.
    """
    below, most, lack = i + ONE, np.float32(r) * OVER, 0
    for j in range(np.uint64(j0), np.uint64(j1)):
        west, east, north, south = qx[i, j], qx[i, j + ONE], qy[i, j], qy[below, j]
        had = h[i, j]
        lack += most * _outflow(west, east, north, south) > np.float32(had)
        through = (np.float64(west) - np.float64(east)) + (np.float64(north) - np.float64(south))
        new = max(had + r * through, 0.0)
        was[j], h[i, j] = had, new
        top[j] = max(top[j], new)
    return lack > 0


@inline
def _outflow(west, east, north, south):
    return (max(east, DRY) - min(west, DRY)) + (max(south, DRY) - min(north, DRY))


@fast
def _hold_row(h, qx, qy, i, was, share, j0, j1, nx, r):
    """Take a move back, and hold the fluxes out of the cells of a row within what they have.

    The row above has moved already: it gives back what this one cannot feed.
    """
    a, below = i - ONE, i + ONE
    share[j0 - 1] = 1.0
    for j in range(np.uint64(j0), np.uint64(j1)):
        out = r * np.float64(_outflow(qx[i, j], qx[i, j + ONE], qy[i, j], qy[below, j]))
        share[j] = min(1.0, LEAST * was[j] / max(out, 1e-300))
        h[i, j] = was[j]
    share[nx + 1] = 1.0
    for j in range(np.uint64(j0), np.uint64(j1)):
        qx[i, j] = np.float32(qx[i, j] * (share[j - ONE] if qx[i, j] > DRY else share[j]))
        qy[below, j] = np.float32(qy[below, j] * (share[j] if qy[below, j] > DRY else 1.0))
    for j in range(np.uint64(j0), np.uint64(j1)):
        old = qy[i, j]
        new = np.float32(old * (share[j] if old < DRY else 1.0))
        qy[i, j] = new
        if i > ONE:
            h[a, j] = max(h[a, j] + r * (np.float64(old) - np.float64(new)), 0.0)


@fast
def _track_row(h, i, ux, w, uy, v, below, tracks, j0, j1, t, dt, wet):
    """Keep the greatest depth and squared speed, arrival and time under water of a row."""
    for j in range(np.uint64(j0), np.uint64(j1)):
        tracks[0, i, j] = max(tracks[0, i, j], np.float32(h[i, j]))
    for j in range(np.uint64(j0), np.uint64(j1)):
        a, b = ux[w, j] + ux[w, j + ONE], uy[v, j] + uy[below, j]
        s = QUARTER * (a * a + b * b) if h[i, j] > FILM else DRY
        tracks[1, i, j] = max(tracks[1, i, j], s)
    for j in range(np.uint64(j0), np.uint64(j1)):
        tracks[3, i, j] += np.float32(dt if h[i, j] > wet else 0.0)
    for j in range(np.uint64(j0), np.uint64(j1)):
        come = tracks[2, i, j] < 0 and h[i, j] > wet
        tracks[2, i, j] = np.float32(t) if come else tracks[2, i, j]


@fast
def _clear(row, k, starts, ends, count, c, value):
    for n in range(count):
        for j in range(np.uint64(starts[c, n]), np.uint64(ends[c, n])):
            row[k, j] = value


@njit
def _spans(wet, last, starts, ends, counts, block, nx):
    """Runs of columns to work on in each row of blocks: those with water, and their neighbours.

    They begin and end at whole vectors; what they hold too much is dry, and stays so. The face
    behind their last cell lies between dry cells, but at the eastern edge, where they hold it.
    """
    my, mx = wet.shape
    for bi in range(my):
        k = 0
        for bj in range(mx):
            near = False
            for a in range(max(bi - 1, 0), min(bi + 2, my)):
                for b in range(max(bj - 1, 0), min(bj + 2, mx)):
                    near |= wet[a, b] > 0 or last[a, b] > 0
            if near:
                start = 1 + bj * block // VECTOR * VECTOR
                if k == 0 or start > ends[bi, k - 1]:
                    starts[bi, k] = start
                    k += 1
                past = nx + 1 if bj == mx - 1 else (bj + 1) * block
                ends[bi, k - 1] = 1 - -past // VECTOR * VECTOR
        counts[bi] = k


@njit
def _age(wet, last):
    """What holds water now is what held it a step before."""
    for a in range(wet.shape[0]):
        for b in range(wet.shape[1]):
            last[a, b], wet[a, b] = wet[a, b], 0


@njit
def _peaks(top, wet, b, starts, ends, count, block, nx):
    """Mark the blocks of a row that hold water; return the greatest depth; forget the depths."""
    most = 0.0
    for k in range(count):
        for j in range(starts[b, k], min(ends[b, k], nx + 1)):
            if top[j] > 0:
                wet[b, (j - 1) // block] = 1
                most = max(most, top[j])
            top[j] = 0.0
    return most


@njit
def mark_wet(h, wet, block, nx):
    """Mark the blocks that hold water; return the greatest depth, ring included."""
    ny = h.shape[0] - 3
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
def _set_ring(h, z, nx, edges, levels, wet, block):
    """Water beyond the edges: 0 a wall, 1 open (dry ground), 2 water at a level; greatest depth."""
    ny = h.shape[0] - 3
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
    for j in range(1, nx + 1):
        total += np.float64(qy[1, j]) if edges[0] > 0 else 0.0
        total -= np.float64(qy[ny + 1, j]) if edges[1] > 0 else 0.0
    for i in range(1, ny + 1):
        total += np.float64(qx[i, 1]) if edges[2] > 0 else 0.0
        total -= np.float64(qx[i, nx + 1]) if edges[3] > 0 else 0.0
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def advance(
    h, z, qx, qy, speeds_x, speeds_y, n2x, n2y, tracks, lines, thin_lines, rows,
    wet, last, dx, alpha, theta, froude, threshold, block, nx, edges, edge_times,
    edge_levels, rain_times, rain_rates, inflow_i, inflow_j, inflow_times, inflow_rates, clock, end,
):  # fmt: skip
    """Carry the water from clock[0] to `end` seconds.

    - h, z, qx, qy: see the module; h, qx, qy are changed.
    - speeds_x, speeds_y: as qx, qy, m/s, where momentum is carried along; else of one row.
    - n2x, n2y: (1 or rows, columns) Manning's n squared at the faces; one row serves all.
    - tracks: (4, rows, columns) float32: greatest depth, greatest squared speed, arrival (s, -1),
      seconds deeper than `threshold`.
    - lines, thin_lines: (3, columns) float64, (14, columns) float32 to work in.
    - rows: (`ROWS` of `_kernels_momentum`, columns) float64 to work in.
    - wet, last: (blocks, blocks) uint8: which hold water now, and did a step before.
    - dx, alpha, theta, froude: side of a cell, Courant number, weight, greatest Froude number.
    - edges: (4,) north, south, west, east: 0 wall, 1 open, 2 water at a level.
    - edge_times, edge_levels: (k,), (4, k) seconds, metres.
    - rain_times, rain_rates: seconds, m/s.
    - inflow_i, inflow_j, inflow_times, inflow_rates: cells that get equal parts of m3/s.
    - clock: (6,) seconds gone, greatest depth, m3 that came in over the edges, m3 of rain and
      inflow, cells worked on, greatest sum of both speeds of a cell; changed.
    - end: seconds.
    """
    ny = h.shape[0] - 3
    my, mx = wet.shape
    starts, ends = np.zeros((my, mx // 2 + 1), np.int64), np.zeros((my, mx // 2 + 1), np.int64)
    counts = np.zeros(my, np.int64)
    share, top, was = lines[0], lines[1], lines[2]
    deep, flow, free, old_y = thin_lines[:2], thin_lines[2:4], thin_lines[4:6], thin_lines[6:8]
    ux, uy, levels = thin_lines[8:11], thin_lines[11:14], np.zeros(4)
    top[:] = 0.0
    land, rains = 0, False  # cells that it rains on
    for k in range(len(rain_rates)):
        rains |= rain_rates[k] > 0
    for i in range(1, ny + 1 if rains else 1):
        for j in range(1, nx + 1):
            land += z[i, j] < 0.5 * WALL
    cap, weight = np.float32(froude * math.sqrt(G)), np.float32(theta)
    rows_n = n2x.shape[0] > 1
    carries = speeds_x.shape[0] > 1
    steps, untold = 0, 0.0
    while clock[0] < end:
        t = clock[0]
        for e in range(4):
            levels[e] = at_time(edge_times, edge_levels[e], t)
        most = max(clock[1], _set_ring(h, z, nx, edges, levels, wet, block))
        rate = at_time(inflow_times, inflow_rates, t) if len(inflow_i) else 0.0
        rain = at_time(rain_times, rain_rates, t)
        dt = min(alpha * dx / max(math.sqrt(G * max(most, 0.02)), clock[5]), end - t)
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
        _age(wet, last)
        clock[1], clock[5] = 0.0, 0.0
        r, friction, push = dt / dx, np.float32(G * dt), np.float32(G * dt / dx)
        untold += dt
        track = steps % TRACKED == TRACKED - 1 or end - (t + dt) < 1e-9
        old_y[:] = 0.0
        uy[:] = 0.0
        if carries:
            let_in(qx, edges, ny, nx + 1)
            let_in(speeds_x, edges, ny, nx + 1)
            let_in(qy, edges, ny + 1, nx)
            let_in(speeds_y, edges, ny + 1, nx)
            rows[:] = 0.0
            for j in range(rows.shape[1]):
                rows[0, j], rows[2, j] = qx[0, j], qy[0, j]
                rows[4, j], rows[6, j] = speeds_x[0, j], speeds_y[0, j]
        for i in range(1, ny + 3):
            if i <= ny + 1:
                b = (min(i, ny) - 1) // block
                here, w, ui = np.uint64(i % 2), np.uint64(i % 3), np.uint64(i)
                back = np.uint64((i - 1) % 2)
                if i > 2 and (i - 3) // block != b:
                    _clear(old_y, here, starts, ends, counts[(i - 3) // block], (i - 3) // block, 0)
                    for k in range(here, KEPT if carries else 0, 2):
                        _clear(rows, k, starts, ends, counts[(i - 3) // block], (i - 3) // block, 0)
                if track and i > 3 and (i - 4) // block != b:
                    _clear(uy, w, starts, ends, counts[(i - 4) // block], (i - 4) // block, 0)
                row_n = ui if rows_n else NONE
                for k in range(counts[b]):
                    j0, j1 = starts[b, k], ends[b, k]
                    if carries:
                        slope_row(z, h, ui, rows, here, j0, j1)
                        carry_row(
                            z, h, qx, qy, speeds_x, speeds_y, ui, rows, here, back, deep, flow,
                            j0, j1, r, G * dt / dx,
                        )  # fmt: skip
                        settle_row(
                            qy, speeds_y, ui, n2y, row_n, deep, flow, ONE, rows, j0, j1, friction
                        )
                        if i <= ny:
                            settle_row(
                                qx, speeds_x, ui, n2x, row_n, deep, flow, NONE, rows, j0, j1,
                                friction,
                            )  # fmt: skip
                        if track:
                            note_speeds(speeds_x, speeds_y, ui, ux, uy, w, j0, j1)
                    else:
                        push_row(
                            z, h, qx, qy, old_y, here, back, ui, free, deep, j0, j1, weight, push
                        )
                        brake_row(free, qy, ui, n2y, row_n, deep, ONE, j0, j1, friction, cap)
                        if i <= ny:
                            brake_row(free, qx, ui, n2x, row_n, deep, NONE, j0, j1, friction, cap)
                        if track:
                            _speeds(z, h, qx, qy, ui, ux, uy, w, j0, j1)
                    qy[ui, nx + 1] = 0.0  # none along the cells beyond the edge
            m = i - 1
            if 1 <= m <= ny:
                um, b = np.uint64(m), (m - 1) // block
                for k in range(counts[b]):
                    j0, j1 = starts[b, k], ends[b, k]
                    past = min(j1, nx + 1)
                    if carries:
                        clock[5] = max(clock[5], hurry_row(h, speeds_x, speeds_y, um, j0, past))
                    beyond = h[um, nx + 1]
                    if rain > 0:
                        _rain_row(h, z, um, j0, j1, rain * dt)
                    if _move_row(h, qx, qy, um, was, top, j0, j1, r):
                        _hold_row(h, qx, qy, um, was, share, j0, j1, nx, r)
                        _move_row(h, qx, qy, um, was, top, j0, j1, r)
                    h[um, nx + 1] = beyond
                    clock[4] += past - j0
                if m % block == 0 or m == ny:
                    clock[1] = max(
                        clock[1], _peaks(top, wet, b, starts, ends, counts[b], block, nx)
                    )
            m = i - 2
            if track and 1 <= m <= ny:
                s, below, b = np.uint64(m % 3), np.uint64((m + 1) % 3), (m - 1) // block
                for k in range(counts[b]):
                    _track_row(
                        h, np.uint64(m), ux, s, uy, s, below, tracks, starts[b, k], ends[b, k],
                        t + dt, untold, threshold,
                    )  # fmt: skip
        untold = 0.0 if track else untold
        clock[2] += _through_edges(qx, qy, edges, ny, nx) * dt * dx
        clock[0] = end if end - (t + dt) < 1e-9 else t + dt
        steps += 1
    return steps
