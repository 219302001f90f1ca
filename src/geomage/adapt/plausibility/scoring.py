"""What a scorer is: chips in, a number each, higher where a chip is more foreign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from geomage.errors import InputError
from geomage.metrics import auroc
from geomage.model.plausibility import Calibration

__all__ = ["Chips", "Layers", "Score", "Scorer", "calibrate", "separate"]

Chips = Float[np.ndarray, "chip band y x"]
Layers = Callable[[np.ndarray], "list[np.ndarray]"]
"""Chips to the layers of an encoder, each (chip, channel, y, x), from fine to coarse."""


@runtime_checkable
class Scorer(Protocol):
    """Foreign or not."""

    def score(self, chips: Chips) -> Float[np.ndarray, " chip"]:
        """Score chips of the bands and scale that the scorer was made for."""


@dataclass(frozen=True)
class Score:
    """A scorer with the spread of its scores over the training domain."""

    scorer: Scorer
    calibration: Calibration

    def share(self, chips: Chips) -> Float[np.ndarray, " chip"]:
        """Share of the training domain that is less foreign than each chip, 0..1."""
        return self.calibration.share(self.scorer.score(chips))


def calibrate(scorer: Scorer, held_out: Chips) -> Score:
    """Calibrate a scorer on chips of its training domain that it has not learnt from.

    Raises:
        InputError: fewer than two chips.
    """
    return Score(scorer, Calibration.measure(scorer.score(held_out).astype(np.float64)))


def separate(scorer: Scorer, inside: Chips, outside: Float[np.ndarray, "other band y x"]) -> float:
    """AUROC of a scorer between chips within the domain and chips beyond it.

    Raises:
        InputError: there are none of either.
    """
    if not len(inside) or not len(outside):
        raise InputError("AUROC needs chips within the domain and chips beyond it")
    return auroc(scorer.score(inside), scorer.score(outside))
