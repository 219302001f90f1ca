"""Numba kernels that trace streets along a tensor field, evenly spaced (Jobard and Lefer 1997)."""

import math

import numpy as np
from numba import njit

STEP = 4.0  # metres between two points of a street


@njit(cache=True, nogil=True)
def direction(x, y, angle, turn, waves, radial, cx, cy):
    """Angle of the field's major axis at a point, radians.

    waves (n, 3): wave vector (x, y) and phase; their mean, times `turn` radians, bends the field.
    radial: 1 rings around (cx, cy), 0 one direction `angle`.
    """
    bend = 0.0
    for k in range(waves.shape[0]):
        bend += math.sin(waves[k, 0] * x + waves[k, 1] * y + waves[k, 2])
    bend *= turn / max(1, waves.shape[0])
    if radial == 1:
        return math.atan2(y - cy, x - cx) + math.pi / 2 + bend
    return angle + bend


@njit(cache=True, nogil=True)
def crowded(x, y, reach, own, points, owner, head, after, low, cell, shape):
    """Whether a point of another street than `own` lies within `reach` (at most one cell)."""
    i, j = int((y - low[1]) / cell), int((x - low[0]) / cell)
    for a in range(max(0, i - 1), min(shape[0], i + 2)):
        for b in range(max(0, j - 1), min(shape[1], j + 2)):
            k = head[a, b]
            while k >= 0:
                dx, dy = points[k, 0] - x, points[k, 1] - y
                if owner[k] != own and dx * dx + dy * dy < reach * reach:
                    return True
                k = after[k]
    return False


@njit(cache=True, nogil=True)
def trace_family(
    seeds,
    spacing,
    across,
    angle,
    turn,
    waves,
    radial,
    cx,
    cy,
    inside,
    low,
    cell,
    other,
    chance,
    beyond,
):
    """Trace one family of streets.

    Args (all lengths in metres, local axes):
        seeds (n, 2): where a street may start, in order of trial.
        spacing (n,): distance the street of a seed keeps from others of its family.
        across: 0 along the field, 1 across it.
        inside (y, x): bool, cells of `cell` metres from corner `low` where streets may run; they
            go on for `beyond` metres outside.
        other (y, x): bool on the same cells; where the other family runs.
        chance (n,): 0..1, share of crossings of the other family that a street passes.

    Returns points (m, 2) and the first row of each street (streets + 1,).
    """
    ny, nx = inside.shape
    widest = 0.0
    for wide in spacing:
        widest = max(widest, wide)
    shape = (int(ny * cell / widest) + 2, int(nx * cell / widest) + 2)
    head = np.full(shape, -1, np.int64)
    room = 400_000
    points, owner = np.empty((room, 2)), np.empty(room, np.int64)
    after = np.empty(room, np.int64)
    starts = [0]
    used, street, nobody = 0, np.int64(0), np.int64(-1)  # typed, so that `crowded` is compiled once
    line = np.empty((2 * 4000, 2))
    for s in range(seeds.shape[0]):
        x0, y0, sep = seeds[s, 0], seeds[s, 1], spacing[s]
        i, j = int((y0 - low[1]) / cell), int((x0 - low[0]) / cell)
        if i < 0 or j < 0 or i >= ny or j >= nx or not inside[i, j] or other[i, j]:
            continue
        if crowded(x0, y0, 0.8 * sep, nobody, points, owner, head, after, low, widest, shape):
            continue
        first, last = 4000, 4000
        line[4000, 0], line[4000, 1] = x0, y0
        closed = False
        for way in range(2):
            if closed:
                break
            x, y = x0, y0
            sign = 1.0 if way == 0 else -1.0
            ha, hb = 0.0, 0.0  # heading
            turned = 0.0  # radians, since it began
            left, crossing, luck = -1.0, False, (s * 0.618 + way * 0.37) % 1.0
            for n in range(3990):
                t = direction(x, y, angle, turn, waves, radial, cx, cy) + across * math.pi / 2
                a, b = math.cos(t) * sign, math.sin(t) * sign
                if n > 0 and a * ha + b * hb < 0:
                    a, b = -a, -b
                mx, my = x + a * STEP / 2, y + b * STEP / 2
                t = direction(mx, my, angle, turn, waves, radial, cx, cy) + across * math.pi / 2
                c, d = math.cos(t), math.sin(t)
                if c * a + d * b < 0:
                    c, d = -c, -d
                turned += math.atan2(ha * d - hb * c, ha * c + hb * d)
                ha, hb = c, d
                x, y = x + c * STEP, y + d * STEP
                if way == 0:
                    last += 1
                    line[last, 0], line[last, 1] = x, y
                else:
                    first -= 1
                    line[first, 0], line[first, 1] = x, y
                if left >= 0:  # on the way out
                    left -= STEP
                    if left < 0:
                        break
                    continue
                i, j = int((y - low[1]) / cell), int((x - low[0]) / cell)
                if i < 0 or j < 0 or i >= ny or j >= nx or not inside[i, j]:
                    left = beyond
                    continue
                if other[i, j]:
                    if not crossing:
                        crossing = True
                        luck = (luck + 0.7548776662) % 1.0
                        if luck >= chance[s]:
                            left = 16.0
                            continue
                else:
                    crossing = False
                if crowded(
                    x, y, 0.45 * sep, street, points, owner, head, after, low, widest, shape
                ):
                    break
                if abs(turned) > 6.0:  # once around: a ring closes, a spiral ends
                    if way == 0 and math.hypot(x - x0, y - y0) < 0.5 * sep:
                        last += 1
                        line[last, 0], line[last, 1] = x0, y0
                        closed = True
                    break
        if last - first < 4:
            continue
        if used + last - first + 1 > room:
            break
        for k in range(first, last + 1):
            px, py = line[k, 0], line[k, 1]
            points[used, 0], points[used, 1] = px, py
            owner[used] = street
            i = min(max(int((py - low[1]) / widest), 0), shape[0] - 1)
            j = min(max(int((px - low[0]) / widest), 0), shape[1] - 1)
            after[used] = head[i, j]
            head[i, j] = used
            used += 1
        street += 1
        starts.append(used)
    return points[:used].copy(), np.array(starts)
