"""What a flow makes of noised images: the baselines that ODEED was compared with.

x_t = t x + (1 - t) ε. A velocity tells both ends of the way (`LinearPath.ends`): the image it would
come to, and the noise it thinks it came from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from geomage.adapt.flow.path import Ends, LinearPath, Point
from geomage.adapt.flow.solver import Velocity
from geomage.adapt.plausibility.scoring import Chips
from geomage.errors import InputError

__all__ = ["OneStep", "TruncatedLoss", "told_ends"]


def told_ends(v: Velocity, chips: Chips, noise: Chips, t: float) -> Ends:
    """The noise and the image that the velocity at x_t tells."""
    x_t = LinearPath().at(Ends(noise, chips), t).x_t
    return LinearPath().ends(Point(x_t, v(x_t, t)), t)


def _drawn(chips: Chips, seed: int, draw: int) -> Chips:
    """The same noise for every chip, so that a chip's score does not hang on its neighbours."""
    rng = np.random.default_rng([seed, draw])
    one = rng.standard_normal(chips.shape[1:]).astype(chips.dtype)
    return np.broadcast_to(one, chips.shape).copy()


def _refuse(times: tuple[float, ...], draws: int) -> None:
    if not times or not all(0 < t < 1 for t in times):
        raise InputError(f"denoising: times {times} are outside 0..1, ends excluded")
    if not 1 <= draws <= 1000:
        raise InputError(f"denoising: {draws} draws are outside 1..1000")


@dataclass(frozen=True)
class OneStep:
    """A `Scorer`: mean squared error of the image that one step from x_t leads to."""

    v: Velocity
    t: float = 0.5
    draws: int = 2
    """Noises over which it is a mean."""
    seed: int = 0

    def __post_init__(self) -> None:
        _refuse((self.t,), self.draws)

    def score(self, chips: Chips) -> Float[np.ndarray, " chip"]:
        """Score chips of the scale that the velocity was learnt on."""
        total = np.zeros(len(chips))
        for draw in range(self.draws):
            told = told_ends(self.v, chips, _drawn(chips, self.seed, draw), self.t).x_1
            total += ((told - chips) ** 2).mean(axis=(1, 2, 3))
        return total / self.draws


@dataclass(frozen=True)
class TruncatedLoss:
    """A `Scorer`: mean squared error of the noise told, over low levels of noise alone.

    High levels hold no detail of the image and only add variance.
    """

    v: Velocity
    times: tuple[float, ...] = (0.95, 0.9, 0.8, 0.7)
    draws: int = 1
    """Noises at each level."""
    seed: int = 0

    def __post_init__(self) -> None:
        _refuse(self.times, self.draws)

    def score(self, chips: Chips) -> Float[np.ndarray, " chip"]:
        """Score chips of the scale that the velocity was learnt on."""
        total = np.zeros(len(chips))
        for place, t in enumerate(self.times):
            for draw in range(self.draws):
                noise = _drawn(chips, self.seed, place * self.draws + draw)
                told = told_ends(self.v, chips, noise, t).x_0
                total += ((told - noise) ** 2).mean(axis=(1, 2, 3))
        return total / (len(self.times) * self.draws)
