"""Numba kernels of the faces of a shallow-water grid: the local-inertial fluxes, and friction.

The grid, its rings and rows are those of `_kernels_water`.
"""

# mypy: disable-error-code="call-arg, unreachable, var-annotated"
import math

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

WALL = 1e9  # metres; higher than any ground
THIN = np.float32(1e-6)  # metres of flow below which nothing moves
FILM = 0.01  # metres of water below which a speed means nothing
VECTOR = 32  # cells; runs of them are whole multiples of it
TRACKED = 8  # steps from one look at what is kept of depth and speed to the next
G = 9.81
P0, P1, P2, P3 = np.array([0.99999332, 0.66666043, 0.56049288, 0.49843612], np.float32)
UNIT, HALF, QUARTER, DRY = np.array([1.0, 0.5, 0.25, 0.0], np.float32)
NONE, ONE = np.uint64(0), np.uint64(1)  # an index without a sign needs no test of its sign


@intrinsic
def first_guess(_typing, _x):
    """Bits of a positive x read as a whole number: 1419900500 less a third of them is x^(-1/3)."""
    single, whole = ir.FloatType(), ir.IntType(32)

    def code(_context, builder, _signature, args):
        number = builder.sitofp(builder.bitcast(args[0], whole), single)
        third = builder.fptosi(builder.fmul(number, ir.Constant(single, 1 / 3)), whole)
        return builder.bitcast(builder.sub(ir.Constant(whole, 1419900500), third), single)

    return types.float32(types.float32), code


fast = njit(  # type: ignore[call-overload]  # _nrt: the callers hold the arrays, so count nothing
    error_model="numpy", fastmath={"nnan", "nsz", "contract"}, _nrt=False
)
inline = njit(inline="always", fastmath={"nnan", "nsz", "contract"})


@inline
def depth_over(za, zb, ha, hb):
    return max(za + ha, zb + hb) - max(za, zb)


@inline
def _push(za, zb, ha, hb, q, before, after, theta, beside, push):
    """Flux of a face between cells a and b at the next time without friction, and its depth, m.

    de Almeida et al. (2012), eq. 8 with the mean flux of eq. 11; theta = 1 is Bates et al. (2010),
    eq. 11. A neighbour without flow counts as the face itself: else the tip of a flood over dry
    ground would be held back. beside = (1 - theta) / 2, push = g dt / dx. Levels are doubles, what
    follows from their difference is in single precision.
    """
    fall, depth = np.float32((zb + hb) - (za + ha)), np.float32(depth_over(za, zb, ha, hb))
    before, after = before if before != DRY else q, after if after != DRY else q
    return (theta * q + beside * (before + after)) - push * (depth * fall), depth


@inline
def resisting(d, e0, e1, e2, e3):
    """d^(7/3), over what e0 to e3 (P0 to P3) were divided by.

    To 1e-5: a first guess y of d^(-1/3) is within 4 percent; then d^3 y^2 times (1 - c)^(-2/3) with
    c = 1 - d y^3, as a polynomial (Chebyshev points, |c| < 0.104). Single precision will do:
    roughness is known to a digit, and what friction leaves is not rounded to it.
    """
    y = first_guess(d)
    y2, d3 = y * y, d * d * d
    c = UNIT - d * (y2 * y)
    return (d3 * y2) * ((e0 + c * e1) + (c * c) * (e2 + c * e3))


@fast
def brake_row(free, q, i, n2, m, deep, k, j0, j1, friction, cap):
    """Fluxes of row i from those without friction, held under a Froude number.

    They become free / (1 + friction n^2 |q| / deep^(7/3)), q being what was there before.
    """
    e0, e1, e2, e3 = P0 / friction, P1 / friction, P2 / friction, P3 / friction
    over, most2 = 0, cap * cap
    for j in range(np.uint64(j0), np.uint64(j1)):
        d = max(deep[k, j], THIN)
        against = resisting(d, e0, e1, e2, e3)
        new = free[k, j] * (against / (n2[m, j] * abs(q[i, j]) + against))
        new = new if d > THIN else DRY
        over += new * new > most2 * (d * d * d)
        q[i, j] = new
    if over > 0:
        for j in range(np.uint64(j0), np.uint64(j1)):
            most = cap * (deep[k, j] * math.sqrt(deep[k, j]))
            q[i, j] = min(max(q[i, j], -most), most)


@fast
def push_row(z, h, qx, qy, old, o, b, i, free, deep, j0, j1, theta, push):
    """What `brake_row` needs, 0 of the western and 1 of the northern faces of row i.

    Row b of old has the old northern fluxes of the row above; row o keeps those of this one.
    """
    a, below, beside = i - ONE, i + ONE, HALF * (UNIT - theta)
    for j in range(np.uint64(j0), np.uint64(j1)):
        free[NONE, j], deep[NONE, j] = _push(
            z[i, j - ONE], z[i, j], h[i, j - ONE], h[i, j], qx[i, j], qx[i, j - ONE],
            qx[i, j + ONE], theta, beside, push,
        )  # fmt: skip
        own = qy[i, j]
        free[ONE, j], deep[ONE, j] = _push(
            z[a, j], z[i, j], h[a, j], h[i, j], own, old[b, j], qy[below, j], theta, beside, push
        )
        old[o, j] = own
