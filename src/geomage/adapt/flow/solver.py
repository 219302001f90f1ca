"""From one time to another along a velocity: Euler, Heun and Bogacki-Shampine.

Works on arrays of numpy and tensors of torch alike, forward and backward in time. A march over
given times is the same for every part of an image; steps chosen by the error hang on all that is
seen, so that windows of an image are marched over times that were chosen beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

from geomage.adapt.flow.path import Values
from geomage.errors import InputError, RunError, near_names

__all__ = [
    "ADAPTIVE",
    "SOLVERS",
    "Solution",
    "SolverParams",
    "Velocity",
    "even_times",
    "march",
    "solve",
]

Velocity = Callable[[Values, float], Values]
"""v(x, t), of the shape of x."""
ADAPTIVE = "adaptive"
"""The solver that chooses its steps by their error."""
_SAFETY, _SHRINK, _GROW = 0.9, 0.2, 5.0


@dataclass(frozen=True)
class SolverParams:
    """How an equation is solved."""

    method: str = "heun"
    """A name of `SOLVERS`, or adaptive."""
    steps: int = 4
    """Even steps, where the method does not choose its own."""
    tolerance: float = 1e-4
    """Of the adaptive one: error of a step, absolute and relative, root mean square."""
    most: int = 10_000
    """Evaluations of the velocity after which the adaptive one gives up."""

    def __post_init__(self) -> None:
        known = (*SOLVERS, ADAPTIVE)
        if self.method not in known:
            near = near_names(self.method, known)
            raise InputError(f"no solver {self.method!r}{near}: there are {', '.join(known)}")
        if not 1 <= self.steps <= 10_000:
            raise InputError(f"solver: steps = {self.steps} is outside 1..10000")
        if not 1e-12 <= self.tolerance <= 1:
            raise InputError(f"solver: tolerance = {self.tolerance:g} is outside 1e-12..1")
        if not 4 <= self.most <= 10**9:
            raise InputError(f"solver: most = {self.most} is outside 4..1e9")


class Solution(NamedTuple):
    """Where a flow has led."""

    x: Values
    evaluations: int
    """Of the velocity."""
    times: tuple[float, ...]
    """Of all steps taken, the first and the last included."""


class _Stage(NamedTuple):
    """One step: where it leads, its error as far as it is known, and the velocity at its end."""

    x: Values
    error: Values | None = None
    last: Values | None = None


def _euler(v: Velocity, x: Values, t: float, h: float, k: Values | None) -> _Stage:
    """First order."""
    del k
    return _Stage(x + h * v(x, t))


def _heun(v: Velocity, x: Values, t: float, h: float, k: Values | None) -> _Stage:
    """Second order: the mean of the velocities at both ends of an Euler step."""
    del k
    first = v(x, t)
    second = v(x + h * first, t + h)
    return _Stage(x + h / 2 * (first + second))


def _bogacki_shampine(v: Velocity, x: Values, t: float, h: float, k: Values | None) -> _Stage:
    """Third order with a second-order one inside (Bogacki and Shampine 1989).

    The last velocity of a step is the first one of the next.
    """
    k_1 = v(x, t) if k is None else k
    k_2 = v(x + h / 2 * k_1, t + h / 2)
    k_3 = v(x + 3 * h / 4 * k_2, t + 3 * h / 4)
    ahead = x + h / 9 * (2 * k_1 + 3 * k_2 + 4 * k_3)
    k_4 = v(ahead, t + h)
    error = h / 72 * (-5 * k_1 + 6 * k_2 + 8 * k_3 - 9 * k_4)
    return _Stage(ahead, error, k_4)


_Step = Callable[[Velocity, Values, float, float, Values | None], _Stage]
SOLVERS: Mapping[str, _Step] = MappingProxyType(
    {"euler": _euler, "heun": _heun, "bogacki-shampine": _bogacki_shampine}
)
"""One step (v, x, t, h, velocity at x where it is known) by name; orders 1, 2 and 3."""


def even_times(t_0: float, t_1: float, steps: int) -> tuple[float, ...]:
    """Ends of so many even steps; `t_1` to the last digit."""
    return (*(t_0 + (t_1 - t_0) * k / steps for k in range(steps)), t_1)


def solve(
    v: Velocity, x: Values, params: SolverParams, t_0: float = 0.0, t_1: float = 1.0
) -> Solution:
    """Follow dx/dt = v(x, t) from `t_0` to `t_1`, which may lie before it.

    Raises:
        RunError: the velocity is not finite, or the tolerance needs more than `most` evaluations.
    """
    if params.method == ADAPTIVE:
        return _solve_adaptively(v, x, params, t_0, t_1)
    return march(v, x, even_times(t_0, t_1, params.steps), params.method)


def march(v: Velocity, x: Values, times: Sequence[float], method: str) -> Solution:
    """Take one step of a method between each two of the given times.

    Raises:
        RunError: the velocity is not finite.
    """
    counted, step = _Counted(v), SOLVERS[method]
    known: Values | None = None
    for t, after in pairwise(times):
        x, _, known = step(counted, x, t, after - t, known)
    if not _is_finite(x):
        raise RunError(f"{method} over {len(times) - 1} steps: the velocity is not finite")
    return Solution(x, counted.calls, tuple(times))


def _solve_adaptively(
    v: Velocity, x: Values, params: SolverParams, t_0: float, t_1: float
) -> Solution:
    """Steps as long as their error stays under the tolerance (Hairer et al. 1993, II.4)."""
    counted, times, known = _Counted(v), [t_0], None
    h = (t_1 - t_0) / 16
    while times[-1] != t_1:
        if counted.calls > params.most:
            raise RunError(
                f"adaptive solver: {params.most} evaluations do not reach from t = {t_0:g} to "
                f"{t_1:g} (stands at {times[-1]:g}): raise the tolerance, {params.tolerance:g}"
            )
        t = times[-1]
        reaches = abs(h) >= abs(t_1 - t)
        h = t_1 - t if reaches else h
        known = counted(x, t) if known is None else known
        ahead, error, last = _bogacki_shampine(counted, x, t, h, known)
        share = _share_of_tolerance(error, ahead, params.tolerance)
        if share <= 1:
            x, known = ahead, last
            times.append(t_1 if reaches else t + h)
        h *= min(_GROW, max(_SHRINK, _SAFETY * max(share, 1e-12) ** (-1 / 3)))
    return Solution(x, counted.calls, tuple(times))


def _share_of_tolerance(error: Values, x: Values, tolerance: float) -> float:
    """Root mean square of the error by what is allowed; 1 is just allowed."""
    allowed = tolerance * (1 + abs(x))
    share = math.sqrt(float(((error / allowed) ** 2).mean()))
    if not math.isfinite(share):
        raise RunError("adaptive solver: the velocity is not finite")
    return share


def _is_finite(x: Values) -> bool:
    return math.isfinite(float(abs(x).sum()))


class _Counted:
    """A velocity that counts its calls."""

    def __init__(self, v: Velocity) -> None:
        self.v, self.calls = v, 0

    def __call__(self, x: Values, t: float) -> Values:
        self.calls += 1
        return self.v(x, t)
