"""How well a product agrees with a reference: building pixels, buildings found, grades.

A reference building counts as *found* when at least ``FOUND_FROM`` of its analysed pixels are
mapped as building; it then has the commonest grade of those pixels (the worse one of two equally
common). It is *not analysed* when most of its pixels are. Scores stand over all reference
buildings, where a building missed or not analysed is a failure, and over the found ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio

from geomage.errors import InputError
from geomage.geo import BLOCK_CACHE, TileKey, Tiling
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
from geomage.product.delivered import NOT_ANALYSED_PX, Delivered, open_delivered
from geomage.product.grading import WORDS
from geomage.product.labels import Scale
from geomage.product.reference import FEWEST_PX, Labelled, Reference, Shapes, open_reference

__all__ = ["FOUND_FROM", "Detection", "Score", "compare", "score_product"]

FOUND_FROM: Final = 0.2
MISSED: Final = 90
UNSEEN: Final = 91
SIDE: Final = 1024
"""Pixels along a tile, of which one at a time is compared."""
_CODES: Final = 6  # values of the damage raster, 255 as 5


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
        reference: damage raster or building polygons, see `open_reference`.
        column: damage column of a vector reference; None looks for a usual name.
        layer: layer of a vector reference.
        footprints_only: score buildings only.

    Raises:
        InputError: no product folder, a damaged one, or a reference that cannot be laid on it.
    """
    with ExitStack() as stack:
        stack.enter_context(rasterio.Env(GDAL_CACHEMAX=BLOCK_CACHE))
        said = stack.enter_context(open_delivered(Path(out)))
        tiling = Tiling(said.box, SIDE)
        truth = stack.enter_context(
            open_reference(
                reference, tiling, column=column, layer=layer, footprints_only=footprints_only
            )
        )
        return compare(said, truth, tiling)


def compare(said: Delivered, reference: Reference, tiling: Tiling) -> Score:
    """Compare an open product with an open reference tile by tile; the tiling changes nothing.

    Memory: some 40 bytes a pixel of a tile, and 150 bytes a building.
    """
    shapes = Shapes(tiling, said.buildings.geometry.to_numpy())
    places = {name: number for number, name in enumerate(WORDS, 1)}
    words = np.r_[0, said.buildings["damage_gra"].map(places).to_numpy(int)]
    counts = {key: _count(said, reference.tile(key), shapes, words, key) for key in tiling}
    truth = reference.truth()
    n = len(truth.classes)
    codes = {key: one.codes for key, one in counts.items()}
    tally = _gathered(truth.of, codes, (n, _CODES))
    own = {key: one.mapped for key, one in counts.items()}
    mapped = _gathered(shapes.of, own, (len(words) - 1, 2))
    state, sizes = _states(tally)
    judged = sizes >= FEWEST_PX
    grades, table = None, None
    if truth.scale is not None and said.two_dates:
        heard_px = {key: one.words for key, one in counts.items()}
        heard = _commonest(_gathered(truth.of, heard_px, (n, len(WORDS) + 1))[:, 1:])
        grades = _grades(truth.scale, truth.classes[judged], state[judged])
        table = _words(truth.scale, truth.classes[judged], state[judged], heard[judged])
    return Score(
        references=(truth.facts,),
        pixels=sum((one.pixels for one in counts.values()), BinaryCounts(0, 0, 0)),
        detection=_detection(state, judged, mapped),
        scale=truth.scale if grades is not None else None,
        grades=grades,
        words=table,
    )


@dataclass(frozen=True)
class _Count:
    """Pixels of one tile."""

    pixels: BinaryCounts
    codes: np.ndarray | None = None  # (k, 6) of each piece of a reference building, by grade
    words: np.ndarray | None = None  # (k, 6) the same, by word
    mapped: np.ndarray | None = None  # (m, 2) of each building of the map: known; and true


def _count(
    said: Delivered, true: Labelled | None, shapes: Shapes, words: np.ndarray, key: TileKey
) -> _Count:
    core = shapes.tiling.core(key)
    ids = shapes.tile(key)
    if true is None and ids is None and not said.holds(core):
        return _Count(BinaryCounts(0, 0, 0, int(core.width) * int(core.height)))
    built = said.built(core)
    codes = said.damage(core) if said.two_dates else built.astype(np.uint8)
    if true is None:
        true = Labelled(np.zeros(built.shape, "int32"), np.zeros(built.shape, bool))
    known = ~true.ignored
    pixels = binary_counts(true.ids[known] > 0, built[known])
    pieces = int(true.ids.max(initial=0))
    spoken = np.zeros(built.shape, np.int64)
    mapped = None
    if ids is not None:
        spoken = words[np.r_[0, shapes.of[key] + 1]][ids]
        seen = known & (ids > 0)
        sizes = np.bincount(ids[seen], minlength=len(shapes.of[key]) + 1)[1:]
        hits = np.bincount(ids[seen & (true.ids > 0)], minlength=len(sizes) + 1)[1:]
        mapped = np.stack([sizes, hits], axis=1)
    graded = np.where(codes == NOT_ANALYSED_PX, _CODES - 1, codes)
    return _Count(
        pixels,
        _tally(true.ids, graded, pieces, _CODES),
        _tally(true.ids, spoken, pieces, len(WORDS) + 1),
        mapped,
    )


def _gathered(
    of: Mapping[TileKey, np.ndarray],
    counts: Mapping[TileKey, np.ndarray | None],
    shape: tuple[int, int],
) -> np.ndarray:
    """Sums over the tiles by building, int64, of counts by piece."""
    out = np.zeros(shape, np.int64)
    for key, buildings in of.items():
        own = counts[key]
        if own is not None:
            np.add.at(out, buildings[: len(own)], own)
    return out


def _tally(ids: np.ndarray, codes: np.ndarray, n: int, most: int) -> np.ndarray:
    """Pixels of each code in each of n pieces, int64 (n, most)."""
    inside = ids > 0
    flat = (ids[inside].astype(np.int64) - 1) * most + codes[inside]
    return np.bincount(flat, minlength=n * most).reshape(n, most)


def _commonest(counts: np.ndarray) -> np.ndarray:
    """Column number + 1 of the largest count; the first of equals, 0 where all are nothing."""
    return np.where(counts.sum(axis=1) > 0, counts.argmax(axis=1) + 1, 0)


def _states(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) grade 1..4, ``MISSED`` or ``UNSEEN`` of each reference building; (n,) its pixels."""
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


def _detection(state: np.ndarray, judged: np.ndarray, mapped: np.ndarray) -> Detection:
    """``mapped``: (m, 2) pixels of each building of the map on known ground, and on true ones."""
    sizes, hits = mapped.T
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
