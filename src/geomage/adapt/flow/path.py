"""The way from x_0 to x_1, and which velocity belongs to each point of it.

Works on arrays of numpy and tensors of torch alike: only + - * / are used. Times are numbers, or
arrays that broadcast against the points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from geomage.errors import InputError

__all__ = ["Coefficients", "Ends", "LinearPath", "Point", "Values"]

Values = Any
"""An array of numpy or a tensor of torch; all of one call are of the same kind."""


class Coefficients(NamedTuple):
    """Of x_t = α_t x_1 + σ_t x_0, and their derivatives by t."""

    alpha: Values
    sigma: Values
    d_alpha: Values
    d_sigma: Values


class Point(NamedTuple):
    """A place on the way, and the conditional velocity there, dx_t / dt."""

    x_t: Values
    u_t: Values


class Ends(NamedTuple):
    """Where a way begins and ends."""

    x_0: Values
    x_1: Values


@dataclass(frozen=True)
class LinearPath:
    """x_t = t x_1 + (1 - t) x_0: straight, at an even pace.

    Between two small sets of data such a way is learnt only along few lines, and the flow fails
    beside them. Noise on the source and on the points between mends it (Su et al. 2025, arXiv
    2510.06634); with it, x_0 + ς ε stands for x_0, and x_t + γ_t ε' for x_t, where
    γ_t = 4 γ t (1 - t), so that the ends stay where they are.
    """

    source_noise: float = 0.0
    """Standard deviation ς of what is added to x_0, in units of the values."""
    bridge_noise: float = 0.0
    """Standard deviation of what is added half-way, gamma above, in units of the values."""

    def __post_init__(self) -> None:
        for name in ("source_noise", "bridge_noise"):
            if not 0 <= getattr(self, name) <= 100:
                raise InputError(f"path: {name} = {getattr(self, name)} is outside 0..100")

    @staticmethod
    def coefficients(t: Values) -> Coefficients:
        """α_t = t and σ_t = 1 - t."""
        return Coefficients(t, 1 - t, 1.0, -1.0)

    def at(self, ends: Ends, t: Values, bridge: Values = 0.0) -> Point:
        """Place and velocity at time t between ends whose source has its noise already.

        Args:
            ends: x_0, noised by `noised_source` where the path asks for it, and x_1.
            t: 0..1.
            bridge: standard normal, of the shape of x_0; 0 for the bare path.
        """
        c = self.coefficients(t)
        gamma, d_gamma = 4 * self.bridge_noise * t * (1 - t), 4 * self.bridge_noise * (1 - 2 * t)
        return Point(
            c.alpha * ends.x_1 + c.sigma * ends.x_0 + gamma * bridge,
            c.d_alpha * ends.x_1 + c.d_sigma * ends.x_0 + d_gamma * bridge,
        )

    def noised_source(self, x_0: Values, noise: Values) -> Values:
        """x_0 + ς ε, where noise is standard normal."""
        return x_0 + self.source_noise * noise

    def ends(self, point: Point, t: Values) -> Ends:
        """From a place and its velocity back to the ends of the bare path: a velocity tells both.

        x_1 = (σ' x_t - σ u_t) / (α σ' - α' σ), and x_0 likewise.
        """
        c = self.coefficients(t)
        det = c.alpha * c.d_sigma - c.d_alpha * c.sigma
        return Ends(
            (c.alpha * point.u_t - c.d_alpha * point.x_t) / det,
            (c.d_sigma * point.x_t - c.sigma * point.u_t) / det,
        )

    def start(self, x: Values, t: float, noise: Values) -> Values:
        """Begin part-way: x stands for both ends, so that 1 - t is how far it may be changed.

        At t = 0 it is the noised source, at t = 1 it is x itself (after SDEdit, Meng et al. 2022).
        """
        return x if t == 1 else x + (1 - t) * self.source_noise * noise
