"""How well a product agrees with a reference: building pixels, buildings found, grades.

A reference building counts as *found* when at least ``FOUND_FROM`` of its analysed pixels are
mapped as building; it then has the commonest grade of those pixels (the worse one of two equally
common). It is *not analysed* when most of its pixels are. Scores stand over all reference
buildings, where a building missed or not analysed is a failure, and over the found ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from geomage.errors import InputError
from geomage.geo import rasterise
from geomage.metrics import (
    BinaryCounts,
    binary_counts,
    confusion,
    f1,
    iou,
    macro_f1,
    precision,
    recall,
)
from geomage.product.delivered import NOT_ANALYSED_PX, read_delivered
from geomage.product.grading import WORDS
from geomage.product.labels import Scale
from geomage.product.reference import FEWEST_PX, Reference, read_reference

__all__ = ["FOUND_FROM", "Detection", "Score", "score_product"]

FOUND_FROM: Final = 0.2
MISSED: Final = 90
UNSEEN: Final = 91


@dataclass(frozen=True)
class Detection:
    """Buildings, counted one by one."""

    reference: int  # reference buildings large enough to judge
    found: int
    missed: int
    not_analysed: int
    too_small: int  # left out
    mapped: int  # buildings of the product on ground the reference knows
    false: int  # of these, less than FOUND_FROM on a reference building

    def __add__(self, other: Detection) -> Detection:
        return Detection(*(a + b for a, b in zip(self._all(), other._all(), strict=True)))

    def _all(self) -> tuple[int, ...]:
        return tuple(vars(self).values())


@dataclass(frozen=True)
class Score:
    """Agreement of one product, or of several added up."""

    references: tuple[Mapping[str, Any], ...]
    pixels: BinaryCounts  # building or not, pixel by pixel
    detection: Detection
    scale: Scale | None  # None: footprints only, or one date only
    grades: np.ndarray | None  # [target, predicted + missed + not analysed], by building
    words: np.ndarray | None  # [target, damage_gra of `WORDS` + missed], by building

    def __add__(self, other: Score) -> Score:
        """Pool: counts add up, so ratios are over all buildings together."""
        if self.scale != other.scale:
            raise InputError("scores on different damage scales cannot be added")
        return Score(
            self.references + other.references,
            self.pixels + other.pixels,
            self.detection + other.detection,
            self.scale,
            _sum(self.grades, other.grades),
            _sum(self.words, other.words),
        )

    @property
    def macro_f1(self) -> float:
        """Macro-F1 over all reference buildings; nan without grades."""
        return float("nan") if self.grades is None else macro_f1(self.grades)

    @property
    def macro_f1_found(self) -> float:
        """Macro-F1 over the found ones; nan without grades."""
        return float("nan") if self.grades is None else macro_f1(_found(self.grades))

    def as_dict(self) -> dict[str, Any]:
        """JSON-able record; a ratio of nothing is ``None``."""
        return {
            "references": [dict(one) for one in self.references],
            "building_pixels": self.pixels.as_dict(),
            "buildings": {
                **vars(self.detection),
                "found_share": _ratio(self.detection.found, self.detection.reference),
                "false_share": _ratio(self.detection.false, self.detection.mapped),
                "rule": f"found when {FOUND_FROM:.0%} of its analysed pixels are mapped",
            },
            "damage": self._damage(),
        }

    def _damage(self) -> dict[str, Any] | None:
        if self.scale is None or self.grades is None or self.words is None:
            return None
        classes = self.scale.classes
        return {
            "scale": self.scale.name,
            "rows_are": "reference",
            "classes": list(classes),
            "confusion": {
                "columns": [*classes, "missed", "not analysed"],
                "counts": self.grades.tolist(),
            },
            "unknown_grade": self.detection.reference - int(self.grades.sum()),
            "words": {"columns": [*WORDS, "missed"], "counts": self.words.tolist()},
            "all": _ratios(self.grades, classes),
            "found": _ratios(_found(self.grades), classes),
        }


def score_product(
    out: Path | str,
    reference: Path | str,
    *,
    column: str | None = None,
    layer: str | None = None,
    footprints_only: bool = False,
) -> Score:
    """Compare a product with reference labels.

    Args:
        out: product folder.
        reference: damage raster or building polygons, see `read_reference`.
        column: damage column of a vector reference; None looks for a usual name.
        layer: layer of a vector reference.
        footprints_only: score buildings only.

    Raises:
        InputError: no product folder, a damaged one, or a reference that cannot be laid on it.
    """
    said = read_delivered(Path(out))
    box, built, damage = said.box, said.built, said.damage
    truth = read_reference(
        reference, box, column=column, layer=layer, footprints_only=footprints_only
    )
    word = said.buildings["damage_gra"].map({name: i for i, name in enumerate(WORDS, 1)})
    shapes = said.buildings.assign(word_=word.astype(int), id_=range(1, len(word) + 1))
    words = rasterise(shapes, box, column="word_")
    mapped = rasterise(shapes, box, column="id_", dtype="int32")
    known = ~truth.ignored
    coded = np.where(built, 1, 0) if damage is None else damage
    state, sizes = _states(truth, coded)
    judged = sizes >= FEWEST_PX
    grades, table = None, None
    if truth.scale is not None and damage is not None:
        grades = _grades(truth.scale, truth.classes[judged], state[judged])
        heard = _commonest(_tally(truth, words, len(WORDS) + 1)[:, 1:])
        table = _words(truth.scale, truth.classes[judged], state[judged], heard[judged])
    return Score(
        references=(truth.facts,),
        pixels=binary_counts(truth.ids[known] > 0, built[known]),
        detection=_detection(state, judged, truth, mapped),
        scale=truth.scale if grades is not None else None,
        grades=grades,
        words=table,
    )


def _tally(truth: Reference, codes: np.ndarray, most: int) -> np.ndarray:
    """Pixels of each code in each reference building, int64 (n, most)."""
    n = len(truth.classes)
    inside = truth.ids > 0
    flat = (truth.ids[inside].astype(np.int64) - 1) * most + codes[inside]
    return np.bincount(flat, minlength=n * most).reshape(n, most)


def _commonest(counts: np.ndarray) -> np.ndarray:
    """Column number + 1 of the largest count; the first of equals, 0 where all are nothing."""
    return np.where(counts.sum(axis=1) > 0, counts.argmax(axis=1) + 1, 0)


def _states(truth: Reference, damage: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) grade 1..4, ``MISSED`` or ``UNSEEN`` of each reference building; (n,) its pixels."""
    codes = np.where(damage == NOT_ANALYSED_PX, 5, damage)
    counts = _tally(truth, codes, 6)
    sizes, unseen, mapped = counts.sum(axis=1), counts[:, 5], counts[:, 1:5]
    worst_first = 5 - _commonest(mapped[:, ::-1])
    state = np.where(mapped.sum(axis=1) >= FOUND_FROM * (sizes - unseen), worst_first, MISSED)
    state[mapped.sum(axis=1) == 0] = MISSED
    return np.where(2 * unseen > sizes, UNSEEN, state), sizes


def _grades(scale: Scale, target: np.ndarray, state: np.ndarray) -> np.ndarray:
    labels = range(1, len(scale.classes) + 1)
    lookup = np.arange(UNSEEN + 1)
    lookup[: len(scale.from_grade)] = scale.from_grade
    return confusion(target, lookup[state], [*labels], (MISSED, UNSEEN))


def _words(scale: Scale, target: np.ndarray, state: np.ndarray, said: np.ndarray) -> np.ndarray:
    """Table of `WORDS` (and missed) by class of the reference."""
    unseen = len(WORDS)
    column = np.where(state == UNSEEN, unseen, np.where(said > 0, said, unseen + 1))
    column = np.where(state == MISSED, unseen + 1, column)
    rows = [
        np.bincount(column[target == label] - 1, minlength=unseen + 1)
        for label in range(1, len(scale.classes) + 1)
    ]
    return np.array(rows, np.int64)


def _detection(
    state: np.ndarray, judged: np.ndarray, truth: Reference, mapped_ids: np.ndarray
) -> Detection:
    known = (mapped_ids > 0) & ~truth.ignored
    sizes = np.bincount(mapped_ids[known])
    hits = np.bincount(mapped_ids[known & (truth.ids > 0)], minlength=len(sizes))
    return Detection(
        reference=int(judged.sum()),
        found=int((state[judged] < MISSED).sum()),
        missed=int((state[judged] == MISSED).sum()),
        not_analysed=int((state[judged] == UNSEEN).sum()),
        too_small=int((~judged).sum()),
        mapped=int((sizes > 0).sum()),
        false=int(((hits < FOUND_FROM * sizes) & (sizes > 0)).sum()),
    )


def _found(grades: np.ndarray) -> np.ndarray:
    return grades[:, : len(grades)]


def _sum(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
    return None if one is None or other is None else one + other


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _ratios(matrix: np.ndarray, classes: tuple[str, ...]) -> dict[str, Any]:
    table = {"precision": precision, "recall": recall, "f1": f1, "iou": iou}
    columns = {name: ratio(matrix) for name, ratio in table.items()}
    mean = macro_f1(matrix)
    return {
        "buildings": int(matrix.sum()),
        "macro_f1": None if np.isnan(mean) else mean,
        "by_class": {
            name: {
                "buildings": int(matrix[i].sum()),
                **{k: None if np.isnan(v[i]) else float(v[i]) for k, v in columns.items()},
            }
            for i, name in enumerate(classes)
        },
    }
