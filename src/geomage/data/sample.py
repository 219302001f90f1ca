"""One training pair with every label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geomage.errors import InputError

__all__ = ["Sample"]

LAYERS = ("landcover", "damage", "water", "change", "obscured")


@dataclass(frozen=True)
class Sample:
    """A pair of images of one place on one grid.

    before, after: (3, y, x) uint8 counts. All labels are (y, x) uint8:
    landcover of the first date (0 no data, ignored; 1..8); damage (0 no building, 1 none, 2 minor,
    3 major, 4 destroyed, 255 ignored); water of the second date (0/1, 255 ignored); change by the
    disaster (0/1, 255 ignored); obscured, by cloud or its shadow at the second date (0/1).
    gsd: metres.
    """

    before: np.ndarray
    after: np.ndarray
    landcover: np.ndarray
    damage: np.ndarray
    water: np.ndarray
    change: np.ndarray
    obscured: np.ndarray
    gsd: float

    def __post_init__(self) -> None:
        shape = self.before.shape
        if len(shape) != 3 or self.after.shape != shape:
            raise InputError(
                f"images must be (band, y, x) of one shape, got {shape} and {self.after.shape}"
            )
        for name in LAYERS:
            if getattr(self, name).shape != shape[1:]:
                raise InputError(
                    f"label {name} {getattr(self, name).shape} does not fit images {shape}"
                )
