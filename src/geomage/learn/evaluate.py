"""How good a model is on pictures with known truth, straight on arrays.

This is the quick look while a model is being trained: no grids, no files, no vectors. The official
figures go through the mapping engine and the product (`benchmarks/line.py`). A reference building
is one connected area of one grade in the reference raster; its predicted grade is the arg max of
the damage probabilities averaged over it, weighted by the probability of building; the rule of
mapping, with costs of missing a grade, is not applied.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Int, UInt8
from scipy import ndimage

from geomage.metrics import BinaryCounts, binary_counts, confusion, macro_f1
from geomage.model.package import Prediction

__all__ = ["Figures", "Graded", "Predict", "grade_buildings", "predict_whole", "score_pair"]

Predict = Callable[[np.ndarray, np.ndarray], Prediction]
"""Counts of both dates, (1, 3, y, x), to probabilities."""
GRADES = (1, 2, 3, 4)
MISSED = 0
SMALLEST = 12  # pixels; smaller reference buildings are crumbs of the labels
FOUND = 0.2  # share of a reference building that must be mapped as building


@dataclass(frozen=True)
class Graded:
    """Reference buildings and what was said of them."""

    truth: Int[np.ndarray, " building"]
    """True grades 1..4."""
    said: Int[np.ndarray, " building"]
    """Grades said over the whole footprint, found or not."""
    found: Bool[np.ndarray, " building"]
    """Mapped as building over at least a fifth."""

    def matrix(self, view: str) -> np.ndarray:
        """Confusion [true, said] of `view`: "footprints", "found", or "all" with missed last."""
        if view == "found":
            return confusion(self.truth[self.found], self.said[self.found], GRADES)
        said = np.where(self.found, self.said, MISSED) if view == "all" else self.said
        return confusion(self.truth, said, GRADES, (MISSED,) if view == "all" else ())

    def __add__(self, other: Graded) -> Graded:
        return Graded(
            np.concatenate([self.truth, other.truth]),
            np.concatenate([self.said, other.said]),
            np.concatenate([self.found, other.found]),
        )


@dataclass(frozen=True)
class Figures:
    """Counts over one or more pairs; they add up."""

    building: BinaryCounts
    graded: Graded | None = None
    names: tuple[str, ...] = field(default=())

    def __add__(self, other: Figures) -> Figures:
        graded = [g for g in (self.graded, other.graded) if g is not None]
        both = graded[0] + graded[1] if len(graded) == 2 else (graded[0] if graded else None)
        return Figures(self.building + other.building, both, self.names + other.names)

    def as_dict(self) -> dict[str, Any]:
        """Everything with counts, ready for JSON."""
        facts: dict[str, Any] = {"building": self.building.as_dict()}
        if self.graded is None:
            return facts
        facts["buildings"] = len(self.graded.truth)
        facts["buildings_found"] = int(self.graded.found.sum())
        for view in ("footprints", "found", "all"):
            matrix = self.graded.matrix(view)
            facts[view] = {"macro_f1": macro_f1(matrix), "confusion": matrix.tolist()}
        return facts


def predict_whole(
    predict: Predict,
    before: UInt8[np.ndarray, "3 y x"],
    after: UInt8[np.ndarray, "3 y x"],
    stride: int = 32,
    trim: int = 0,
) -> Prediction:
    """Predict a whole image at once; batch of one.

    It is mirrored out to a multiple of the stride, and by what the model trims at each side.
    """
    y, x = before.shape[1:]
    pad = ((0, 0), (0, 0), (trim, trim + -y % stride), (trim, trim + -x % stride))
    images = [np.pad(image[None], pad, mode="reflect") for image in (before, after)]
    said = predict(images[0], images[1])
    return Prediction(
        *(np.asarray(p[..., :y, :x]) for p in (said.landcover, said.damage, said.flags))
    )


def grade_buildings(
    said: Prediction,
    instances: Int[np.ndarray, "y x"],
    grades: Int[np.ndarray, " building"],
    threshold: float = 0.5,
) -> Graded:
    """Grade reference buildings; `instances` holds 0 or 1 + the position in `grades`."""
    index = np.arange(1, len(grades) + 1)
    building = said.landcover[0, 7]
    found = ndimage.mean(building >= threshold, instances, index) >= FOUND
    weight = building + 0.05
    votes = [ndimage.sum(said.damage[0, k] * weight, instances, index) for k in range(4)]
    return Graded(grades.astype(np.int64), np.argmax(votes, 0) + 1, np.asarray(found, bool))


def reference_buildings(
    reference: UInt8[np.ndarray, "y x"],
) -> tuple[Int[np.ndarray, "y x"], Int[np.ndarray, " building"]]:
    """Connected areas of one grade 1..4: their instances from 1, and their grades."""
    instances = np.zeros(reference.shape, np.int64)
    grades: list[int] = []
    for grade in GRADES:
        areas, count = ndimage.label(reference == grade)
        sizes = np.bincount(areas.ravel(), minlength=count + 1)
        kept = [k for k in range(1, count + 1) if sizes[k] >= SMALLEST]
        lookup = np.zeros(count + 1, np.int64)
        lookup[kept] = np.arange(len(kept)) + len(grades) + 1
        instances += lookup[areas]
        grades += [grade] * len(kept)
    return instances, np.array(grades, np.int64)


def score_pair(
    said: Prediction, reference: UInt8[np.ndarray, "y x"], name: str = "", threshold: float = 0.5
) -> Figures:
    """Compare with a reference raster 0..4, 5 a building of unknown grade."""
    building = binary_counts(reference > 0, said.landcover[0, 7] >= threshold)
    instances, grades = reference_buildings(reference)
    return Figures(building, grade_buildings(said, instances, grades, threshold), (name,))
