"""One training pair with every label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from geomage.errors import InputError

__all__ = ["FLOOD", "LABELS", "Sample", "flood_classes"]

LABELS = (
    "landcover",
    "landcover_second",
    "damage",
    "water",
    "change",
    "obscured",
    "instances",
    "depth",
)
"""Layers (y, x) of a sample; `height` has two bands."""
FLOOD = {"dry": 0, "flooded": 1, "permanent water": 2, "not analysed": 255}


@dataclass(frozen=True)
class Sample:
    """A pair of images of one place on one grid.

    before, after: (band, y, x) uint8 or uint16 counts. Labels are (y, x), uint8 unless said:
    landcover of the first date and landcover_second of the second, each as that image shows it
    (0 no data, ignored; 1..8); damage (0 no building, 1 none, 2 minor, 3 major, 4 destroyed, 255
    ignored); water of the second date (0/1, 255 ignored); change by the disaster (0/1, 255
    ignored); obscured, by cloud or its shadow at the second date (0/1, 255 no data); instances,
    int32, number of the building in the first image (0 none); height, float32 (2, y, x), metres
    above terrain at both dates; depth, float32, metres of flood water at the second date.
    grades: (n, 3) int32, one row a building of `instances`: its number, visible grade (0..3) and
    EMS-98 grade (0..5). gsd: metres. facts: what the pair was made from, as JSON values. burn:
    float32 (y, x), severity 0..1 of what burnt, as the second date sees it, not a number under
    crowns that stayed green; None where no fire was, and in datasets on disk, which do not keep it.
    """

    before: np.ndarray
    after: np.ndarray
    landcover: np.ndarray
    landcover_second: np.ndarray
    damage: np.ndarray
    water: np.ndarray
    change: np.ndarray
    obscured: np.ndarray
    instances: np.ndarray
    depth: np.ndarray
    height: np.ndarray
    grades: np.ndarray
    gsd: float
    facts: Mapping[str, Any] = field(default_factory=dict)
    burn: np.ndarray | None = None

    def __post_init__(self) -> None:
        shape = self.before.shape
        if len(shape) != 3 or self.after.shape != shape:
            raise InputError(
                f"images must be (band, y, x) of one shape, got {shape} and {self.after.shape}"
            )
        wanted = dict.fromkeys(LABELS, shape[1:]) | {"height": (2, *shape[1:])}
        if self.burn is not None:
            wanted["burn"] = shape[1:]
        for name, due in wanted.items():
            if getattr(self, name).shape != due:
                raise InputError(
                    f"label {name} {getattr(self, name).shape} does not fit images {shape}"
                )


def flood_classes(sample: Sample) -> np.ndarray:
    """Flood raster (y, x) uint8 by the values of `FLOOD`: water is permanent where none came."""
    classes = np.where(sample.water == 1, np.where(sample.depth > 0, 1, 2), sample.water)
    return np.asarray(classes, np.uint8)
