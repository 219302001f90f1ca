"""ODEED: from data to noise and back along the probability-flow ODE, and what the way has changed.

Le Bellier and Audebert, "Detecting Out-Of-Distribution Earth Observation Images with Diffusion
Models" (EarthVision 2024, arXiv 2404.12667). The exact flow of any field is undone exactly; what
comes back altered was altered by steps too long for the way it took. Ways are nearly straight where
the network has learnt, and bend where it has not. Here the field is that of flow matching: time 1
is data, time 0 noise.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from geomage.adapt.flow.solver import SolverParams, Velocity, solve
from geomage.adapt.plausibility.perceptual import layer_distances
from geomage.adapt.plausibility.scoring import Chips, Layers
from geomage.errors import InputError

__all__ = ["Odeed", "OdeedParams", "round_trip"]


@dataclass(frozen=True)
class OdeedParams:
    """How the way is gone."""

    solver: SolverParams = field(default_factory=lambda: SolverParams("euler", 10))
    """Steps one way; the same back."""
    end: float = 0.0
    """Time up to which it goes: 0 is noise."""

    def __post_init__(self) -> None:
        if not 0 <= self.end < 1:
            raise InputError(f"odeed: end = {self.end:g} is outside 0..1")


def round_trip(v: Velocity, chips: Chips, params: OdeedParams) -> Chips:
    """Follow dx/dt = v(x, t) from t = 1 to `end` and back.

    Raises:
        RunError: the velocity is not finite.
    """
    noise = solve(v, chips, params.solver, 1.0, params.end).x
    return np.asarray(solve(v, noise, params.solver, params.end, 1.0).x)


@dataclass(frozen=True)
class Odeed:
    """A `Scorer`: mean squared error of the round trip, or its distance in an encoder's layers."""

    v: Velocity
    params: OdeedParams = field(default_factory=OdeedParams)
    layers: Layers | None = None
    """None compares pixels."""

    def score(self, chips: Chips) -> Float[np.ndarray, " chip"]:
        """Score chips of the scale that the velocity was learnt on."""
        back = round_trip(self.v, chips, self.params)
        if self.layers is None:
            return np.asarray(((chips - back) ** 2).mean(axis=(1, 2, 3)))
        return layer_distances(self.layers(chips), self.layers(back))
