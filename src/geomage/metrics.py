"""Metrics over a confusion matrix, always indexed ``[target, predicted]``.

Rows are what is true, columns what was said. A matrix may have more columns than rows: the extra
ones (missed, not analysed) lower recall and take nothing from precision. A ratio with nothing
below the line is ``nan``, never a polite 0 or 1.

PANGAEA (arXiv 2412.04204) fills its matrix as [predicted, target] and reads it as if it were ours:
what it calls precision is recall, and the reverse. IoU and F1 do not change when a matrix is
turned, so its tables of these hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geomage.errors import InputError

__all__ = [
    "BinaryCounts",
    "XView2Counts",
    "auroc",
    "binary_counts",
    "confusion",
    "f1",
    "iou",
    "macro_f1",
    "mean_iou",
    "precision",
    "recall",
    "xview2_counts",
]

Counts = NDArray[np.int64]
Ratios = NDArray[np.float64]


def confusion(
    target: ArrayLike,
    predicted: ArrayLike,
    labels: Sequence[int],
    extra: Sequence[int] = (),
) -> Counts:
    """Count pairs: row i is target ``labels[i]``, column j is ``(labels + extra)[j]`` said.

    Args:
        target: true labels, any shape; values outside ``labels`` are left out.
        predicted: said labels, same shape; each counted one must be in ``labels`` or ``extra``.
        labels: the classes, in row order.
        extra: further columns, things that can be said but are never true (missed, unknown).

    Returns:
        int64 (target, predicted), shape ``(len(labels), len(labels) + len(extra))``.

    Raises:
        InputError: shapes differ, a label is listed twice, or something unlisted was said.
    """
    true = np.asarray(target).ravel()
    said = np.asarray(predicted).ravel()
    columns = [*labels, *extra]
    if true.shape != said.shape:
        raise InputError(
            f"target has {true.size} values and predicted {said.size}; give one of each per item"
        )
    if len(set(columns)) != len(columns):
        raise InputError(f"a label is listed twice in {columns}")
    rows = _positions(true, labels)
    counted = rows >= 0
    places = _positions(said, columns)
    if (places[counted] < 0).any():
        odd = sorted(set(said[counted & (places < 0)].tolist()))
        raise InputError(f"predicted holds {odd[:5]}, which is none of {columns}")
    flat = rows[counted] * len(columns) + places[counted]
    counts = np.bincount(flat, minlength=len(labels) * len(columns))
    return counts.reshape(len(labels), len(columns)).astype(np.int64)


def _positions(values: NDArray[np.generic], labels: Sequence[int]) -> Counts:
    """Index of each value in ``labels``, -1 where it is none of them."""
    places = np.full(values.shape, -1, np.int64)
    for place, label in enumerate(labels):
        places[values == label] = place
    return places


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> Ratios:
    ratio = np.full(part.shape, np.nan)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio


def _hits(matrix: Counts) -> Counts:
    if matrix.ndim != 2 or matrix.shape[1] < matrix.shape[0]:
        raise InputError(f"a confusion matrix is (target, predicted >= target), not {matrix.shape}")
    return np.diagonal(matrix)


def precision(matrix: Counts) -> Ratios:
    """Of what was said to be class i, the share that is: ``m[i, i] / sum(m[:, i])``."""
    return _ratio(_hits(matrix), matrix.sum(axis=0)[: matrix.shape[0]])


def recall(matrix: Counts) -> Ratios:
    """Of what is class i, the share said to be: ``m[i, i] / sum(m[i, :])``."""
    return _ratio(_hits(matrix), matrix.sum(axis=1))


def f1(matrix: Counts) -> Ratios:
    """Per class ``2 TP / (2 TP + FP + FN)``; nan for a class neither true nor said."""
    both = matrix.sum(axis=0)[: matrix.shape[0]] + matrix.sum(axis=1)
    return _ratio(2 * _hits(matrix), both)


def iou(matrix: Counts) -> Ratios:
    """Per class ``TP / (TP + FP + FN)``; nan for a class neither true nor said."""
    hits = _hits(matrix)
    return _ratio(hits, matrix.sum(axis=0)[: matrix.shape[0]] + matrix.sum(axis=1) - hits)


def macro_f1(matrix: Counts) -> float:
    """Mean F1 over the classes that are true or said at least once; nan when there is none.

    A class that was said but is never true counts as 0: inventing a class costs.
    """
    scores = f1(matrix)
    known = scores[~np.isnan(scores)]
    return float(known.mean()) if known.size else float("nan")


def mean_iou(matrix: Counts, absent: float = np.nan) -> float:
    """Mean IoU (mIoU) over the classes that are true or said at least once; nan for none.

    Args:
        matrix: confusion [target, predicted].
        absent: IoU of a class neither true nor said. nan leaves it out; PANGAEA and most others
            count 0, which makes it depend on classes that no test image shows.
    """
    shares = iou(matrix)
    counted = np.where(np.isnan(shares), absent, shares)
    known = counted[~np.isnan(counted)]
    return float(known.mean()) if known.size else float("nan")


@dataclass(frozen=True)
class BinaryCounts:
    """Counts of a yes/no question; they add up, so scores over many scenes are pooled exactly."""

    tp: int  # yes, and said so
    fp: int  # no, but said yes
    fn: int  # yes, but not said
    tn: int = 0  # no, and said so

    def __add__(self, other: BinaryCounts) -> BinaryCounts:
        return BinaryCounts(
            self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn
        )

    @property
    def matrix(self) -> Counts:
        """int64 (target, predicted), the "yes" class first."""
        return np.array([[self.tp, self.fn], [self.fp, self.tn]], np.int64)

    @property
    def precision(self) -> float:
        """Share of the yeses said that are true."""
        return float(precision(self.matrix)[0])

    @property
    def recall(self) -> float:
        """Share of the true yeses that were said."""
        return float(recall(self.matrix)[0])

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return float(f1(self.matrix)[0])

    @property
    def iou(self) -> float:
        """Intersection over union of true and said."""
        return float(iou(self.matrix)[0])

    def as_dict(self) -> dict[str, int | float | None]:
        """Counts and ratios, ready for JSON (an undefined ratio is ``None``)."""
        ratios = {name: getattr(self, name) for name in ("precision", "recall", "f1", "iou")}
        return {**asdict(self), **{k: None if np.isnan(v) else v for k, v in ratios.items()}}


def binary_counts(target: ArrayLike, predicted: ArrayLike) -> BinaryCounts:
    """Count a yes/no question; both arrays are boolean and of one shape."""
    matrix = confusion(np.asarray(target, bool), np.asarray(predicted, bool), (1, 0))
    return BinaryCounts(*(int(matrix[i, j]) for i, j in ((0, 0), (1, 0), (0, 1), (1, 1))))


GRADES = (1, 2, 3, 4)
_EPSILON = 1e-6  # of the challenge's own code, so that a class with F1 0 can be divided by


@dataclass(frozen=True)
class XView2Counts:
    """Pixels of the xView2 challenge; they add up, so that the score is that of all scenes.

    localisation: building or not; damage: [target, predicted], rows no damage, minor, major,
    destroyed, columns these and no building; only pixels that are buildings in truth.
    """

    localisation: BinaryCounts
    damage: Counts

    def __add__(self, other: XView2Counts) -> XView2Counts:
        return XView2Counts(self.localisation + other.localisation, self.damage + other.damage)

    @property
    def grade_f1(self) -> Ratios:
        """F1 of each grade; as the challenge has it 0 for one neither true nor said."""
        return np.nan_to_num(f1(self.damage), nan=0.0)

    @property
    def damage_f1(self) -> float:
        """Harmonic mean of the four, ``4 / sum(1 / (F1 + 1e-6))``: the worst grade decides."""
        return float(len(GRADES) / (1 / (self.grade_f1 + _EPSILON)).sum())

    @property
    def score(self) -> float:
        """``0.3 F1(localisation) + 0.7 damage_f1`` (Gupta et al. 2019; xView2 scoring code)."""
        return 0.3 * float(np.nan_to_num(self.localisation.f1, nan=0.0)) + 0.7 * self.damage_f1

    def as_dict(self) -> dict[str, float]:
        """The score and its parts, ready for JSON."""
        names = ("no_damage", "minor", "major", "destroyed")
        return {
            "score": self.score,
            "localisation_f1": float(np.nan_to_num(self.localisation.f1, nan=0.0)),
            "damage_f1": self.damage_f1,
            **{f"f1_{name}": float(v) for name, v in zip(names, self.grade_f1, strict=True)},
        }


def xview2_counts(target: ArrayLike, predicted: ArrayLike, unknown: int = 255) -> XView2Counts:
    """Count the pixels of one scene as the xView2 challenge does.

    A grade is judged on buildings of the truth alone: one said where none stands costs localisation
    and nothing else; a building not found costs both.

    Args:
        target: 0 no building, 1 no damage, 2 minor, 3 major, 4 destroyed, `unknown`.
        predicted: the same values without `unknown`.
        unknown: pixels of it are left out. The challenge takes unclassified buildings as undamaged.
    """
    true, said = np.asarray(target).ravel(), np.asarray(predicted).ravel()
    if true.shape != said.shape:
        raise InputError(f"target has {true.size} pixels and predicted {said.size}")
    known = true != unknown
    true, said = true[known], said[known]
    return XView2Counts(binary_counts(true > 0, said > 0), confusion(true, said, GRADES, (0,)))


def auroc(inside: ArrayLike, outside: ArrayLike) -> float:
    """Chance that a score from outside is higher than one from inside; ties count one half.

    That is the area under the ROC curve, from the sum of ranks (Mann and Whitney 1947): .5 tells
    nothing, 1 tells all. ``nan`` where either is empty.

    Raises:
        InputError: a score is not finite.
    """
    low, high = np.ravel(np.asarray(inside, float)), np.ravel(np.asarray(outside, float))
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise InputError("auroc: scores must be finite")
    if not low.size or not high.size:
        return float("nan")
    ordered = np.sort(low)
    below = np.searchsorted(ordered, high, "left")
    upto = np.searchsorted(ordered, high, "right")
    return float((below + upto).sum() / (2 * low.size * high.size))
