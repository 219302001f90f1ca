"""Numba kernels of the faces of a shallow-water grid where water carries its momentum along.

The scheme of Stelling and Duinmeijer (2003), Int. J. Numer. Meth. Fluids 43, 1329-1354, section 3:
for the speed u of a face between cells a and b, with the mean depth hm of both,

    u' = u - dt / (hm dx) sum of what flows in (u - u of where it comes from)
           - g dt d(z + h)/dx - g dt n^2 u' |u'| / h^(4/3),

which keeps momentum over bores, and q' = h u' with the depth h of the cell that water comes from,
on its way to the face by half the least slope around it (their section 4). The grid, its rings
and rows are those of `_kernels_water`; ux and uy hold the speeds of western and northern faces.
"""

# mypy: disable-error-code="call-arg, unreachable, var-annotated"
import math

import numpy as np
from numba import njit

from geomage.disaster._kernels_faces import (
    FILM,
    NONE,
    ONE,
    P0,
    P1,
    P2,
    P3,
    THIN,
    depth_over,
    fast,
    inline,
    resisting,
)

# Rows of work: old fluxes and speeds of two rows of the grid, slopes of depth, depths of faces and
# their fluxes without friction.
QX, QY, UX, UY, SLOPE_Y, SLOPE_X, FACE, FREE = (np.uint64(k) for k in (0, 2, 4, 6, 8, 10, 11, 13))
KEPT = 10  # of them are kept from row to row, those of odd rows in odd ones
ROWS = 15
FOUR = np.float32(4.0)


@inline
def _least(a, b, c, d):
    """The smallest of four slopes of one sign, or 0."""
    return max(min(a, b, c, d), 0.0) + min(max(a, b, c, d), 0.0)


@fast
def slope_row(z, h, i, rows, o, j0, j1):
    """Least differences of depth and surface around the cells of row i, eastwards and southwards.

    The surface counts too, so that water at rest over rough ground has none.
    """
    a, below = i - ONE, i + ONE
    rows[SLOPE_X, j0 - 1] = 0.0
    for j in range(np.uint64(j0), np.uint64(j1)):
        at, top = h[i, j], z[i, j] + h[i, j]
        west, east = h[i, j - ONE], h[i, j + ONE]
        rows[SLOPE_X, j] = _least(
            at - west, east - at, top - (z[i, j - ONE] + west), (z[i, j + ONE] + east) - top
        )
        north, south = h[a, j], h[below, j]
        rows[SLOPE_Y + o, j] = _least(
            at - north, south - at, top - (z[a, j] + north), (z[below, j] + south) - top
        )


@inline
def _face(za, zb, ha, hb, u, slope_a, slope_b):
    """Depth of flow over a face: of the cell that its speed comes from, or of the higher water."""
    if u == 0.0:
        return depth_over(za, zb, ha, hb)
    deep = (za + ha if u > 0 else zb + hb) - max(za, zb)
    toward = deep + (0.5 * slope_a if u > 0 else -0.5 * slope_b)
    return max(min(max(toward, 0.5 * deep), 2 * deep), 0.0)


@inline
def _carried(u, west, east, north, south, behind, ahead, left, right, mean, r):
    """Speed after water has brought that of the faces around: a weighted mean, so it is stable.

    west, east, north, south: fluxes into (west, north) and out of what belongs to the face; behind,
    ahead, left, right: speeds there.
    """
    w, e = max(west, 0.0), min(east, 0.0)
    n, s = max(north, 0.0), min(south, 0.0)
    mean = max(mean, r * ((w - e) + (n - s)), 1e-6)
    brought = (w * (u - behind) + e * (ahead - u)) + (n * (u - left) + s * (right - u))
    return u - r * brought / mean


@fast
def carry_row(z, h, qx, qy, ux, uy, i, rows, o, b, deep, flow, j0, j1, r, push):
    """Fluxes without friction and depths of the western (0) and northern (1) faces of row i.

    Row b of each pair in `rows` has what was there before in the row above; row o keeps this one's.
    r = dt / dx, push = g dt / dx.
    """
    a, below = i - ONE, i + ONE
    for j in range(np.uint64(j0), np.uint64(j1)):
        k, m = j - ONE, j + ONE
        za, zb, ha, hb, u = z[i, k], z[i, j], h[i, k], h[i, j], ux[i, j]
        d = _face(za, zb, ha, hb, u, rows[SLOPE_X, k], rows[SLOPE_X, j])
        s = _carried(
            u, 0.5 * (qx[i, k] + qx[i, j]), 0.5 * (qx[i, j] + qx[i, m]),
            0.5 * (qy[i, k] + qy[i, j]), 0.5 * (qy[below, k] + qy[below, j]),
            ux[i, k], ux[i, m], rows[UX + b, j], ux[below, j], 0.5 * (ha + hb), r,
        )  # fmt: skip
        s = d * (s - push * ((zb + hb) - (za + ha)))
        rows[FREE, j], rows[FACE, j] = s, d
        deep[NONE, j], flow[NONE, j] = np.float32(d), np.float32(abs(s))
    for j in range(np.uint64(j0), np.uint64(j1)):
        m = j + ONE
        za, zb, ha, hb, u = z[a, j], z[i, j], h[a, j], h[i, j], uy[i, j]
        d = _face(za, zb, ha, hb, u, rows[SLOPE_Y + b, j], rows[SLOPE_Y + o, j])
        s = _carried(
            u, 0.5 * (rows[QY + b, j] + qy[i, j]), 0.5 * (qy[i, j] + qy[below, j]),
            0.5 * (rows[QX + b, j] + qx[i, j]), 0.5 * (rows[QX + b, m] + qx[i, m]),
            rows[UY + b, j], uy[below, j], uy[i, j - ONE], uy[i, m], 0.5 * (ha + hb), r,
        )  # fmt: skip
        s = d * (s - push * ((zb + hb) - (za + ha)))
        rows[FREE + ONE, j], rows[FACE + ONE, j] = s, d
        deep[ONE, j], flow[ONE, j] = np.float32(d), np.float32(abs(s))
    for j in range(np.uint64(j0), np.uint64(j1)):
        rows[QX + o, j], rows[QY + o, j] = qx[i, j], qy[i, j]
        rows[UX + o, j], rows[UY + o, j] = ux[i, j], uy[i, j]


@fast
def settle_row(q, u, i, n2, m, deep, flow, k, rows, j0, j1, friction):
    """Fluxes and speeds of row i after friction.

    q' = free - c q' |q'|, that is q' = 2 free / (1 + (1 + 4 c |free|)^.5), c = g dt n^2 / h^(7/3).
    """
    e0, e1, e2, e3 = P0 / friction, P1 / friction, P2 / friction, P3 / friction
    for j in range(np.uint64(j0), np.uint64(j1)):
        d = max(deep[k, j], THIN)
        ratio = FOUR * (n2[m, j] * flow[k, j]) / resisting(d, e0, e1, e2, e3)
        root = np.float32(1.0) + math.sqrt(np.float32(1.0) + ratio)
        flow[k, j] = ratio / (root * root) if deep[k, j] > THIN else np.float32(1.0)
    for j in range(np.uint64(j0), np.uint64(j1)):
        free = rows[FREE + k, j]
        new = free - free * np.float64(flow[k, j])
        q[i, j], u[i, j] = np.float32(new), new / max(rows[FACE + k, j], np.float64(THIN))


@fast
def hurry_row(h, ux, uy, i, j0, j1):
    """Greatest sum of the speeds along both axes at a cell of row i that holds more than a film."""
    most, below = 0.0, i + ONE
    for j in range(np.uint64(j0), np.uint64(j1)):
        along = max(abs(ux[i, j]), abs(ux[i, j + ONE]))
        across = max(abs(uy[i, j]), abs(uy[below, j]))
        most = max(most, along + across if h[i, j] > FILM else 0.0)
    return most


@fast
def note_speeds(ux, uy, i, east, south, w, j0, j1):
    """Speeds of the faces of row i in single precision, into row w."""
    for j in range(np.uint64(j0), np.uint64(j1)):
        east[w, j], south[w, j] = np.float32(ux[i, j]), np.float32(uy[i, j])


@njit
def let_in(q, edges, south, east):
    """Beyond edges that are no walls water moves as it does within them.

    q: fluxes or speeds of western or of northern faces; south, east: the last row and column of
    those that belong to cells of the grid.
    """
    for j in range(q.shape[1]):
        q[0, j] = q[1, j] if edges[0] > 0 else q[0, j]
        q[south + 1, j] = q[south, j] if edges[1] > 0 else q[south + 1, j]
    for i in range(q.shape[0]):
        q[i, 0] = q[i, 1] if edges[2] > 0 else q[i, 0]
        q[i, east + 1] = q[i, east] if edges[3] > 0 else q[i, east + 1]
