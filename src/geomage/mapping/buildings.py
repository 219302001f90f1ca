"""One feature per building: outline, grade, how sure, or why nothing can be said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import shapely
from odc.geo.geobox import GeoBox

from geomage.mapping.reasons import BEYOND, NO_FIRST, NO_SECOND_DATE, REASONS

UNSEEN = 255  # in the damage raster
_SHARE = 0.5  # of a building that must be seen at the second date
_STRIP = 1024  # rows summed at once
MISSING_COSTS = (1.0, 2.0, 2.0, 4.0)
"""What it costs to miss a grade 1..4: a destroyed house called anything less is the dearest."""
LEANS_ON_BLOB = 100.0
"""m2 of its blob, of mean damage, that count as part of each building: where a blob was cut is a
guess, and a small part alone says little."""
_STRAIGHTEN = 0.9  # px, how far an outline may be moved to lose its steps


@dataclass(frozen=True)
class Tally:
    """Sums over the pixels of each building; row 0 is what lies between them."""

    pixels: np.ndarray  # (n + 1,)
    unseen: np.ndarray  # (n + 1, reasons) pixels not analysed, by reason
    damage: np.ndarray  # (n + 1, 4) seen probability of each grade, weighted, see `tally`

    @property
    def seen(self) -> np.ndarray:
        """(n + 1,) bool: whether enough of the building was analysed."""
        share = 1 - self.unseen.sum(axis=1) / np.maximum(self.pixels, 1)
        return np.asarray((share >= _SHARE) & (self.damage.sum(axis=1) > 0))

    @property
    def grades(self) -> np.ndarray:
        """(n + 1, 4) probability of grades 1..4; NaN where not seen."""
        total = self.damage.sum(axis=1, keepdims=True)
        share = self.damage / np.where(total > 0, total, np.nan)
        return np.where(self.seen[:, None], share, np.nan)

    @property
    def grade(self) -> np.ndarray:
        """(n + 1,) int, the grade 1..4 dearest to miss (`MISSING_COSTS`); 0 where not seen."""
        return np.asarray(np.where(self.seen, (self.damage * MISSING_COSTS).argmax(axis=1) + 1, 0))


def tally_alone(
    labels: np.ndarray, count: int, building: np.ndarray, damage: np.ndarray, codes: np.ndarray
) -> Tally:
    """Sum over `count` labelled buildings as `tally` does, each for itself.

    The sums are of whole numbers, so that the order of pixels changes no bit.
    """
    size, kinds = count + 1, BEYOND + 1
    pixels, unseen = np.zeros(size), np.zeros((size, kinds))
    grades = np.zeros((size, 4))
    for top in range(0, labels.shape[0], _STRIP):
        strip = slice(top, top + _STRIP)
        inside = labels[strip] > 0
        ids, code = labels[strip][inside], codes[strip][inside]
        pixels += np.bincount(ids, minlength=size)
        flat = np.bincount(ids.astype("int64") * kinds + code, minlength=size * kinds)
        unseen += flat.reshape(size, kinds)
        weight = building[strip][inside].astype("int64") ** 2 * (code == 0)
        for grade in range(4):
            values = damage[grade][strip][inside]
            grades[:, grade] += np.bincount(ids, weights=weight * values, minlength=size)
    unseen[:, 0] = 0
    return Tally(pixels, unseen, grades / 255.0**2)


def lean_on_blobs(sums: Tally, blob: np.ndarray, gsd: float) -> Tally:
    """The same sums, leant on those of the blobs: see `LEANS_ON_BLOB`.

    Args:
        sums: of each building for itself, row 0 of none.
        blob: (n + 1,) number of the blob of each, from 0.
        gsd: side of a pixel, metres.
    """
    return replace(sums, damage=_leant(sums.damage, blob, LEANS_ON_BLOB / gsd**2))


def _leant(damage: np.ndarray, blob: np.ndarray, pixels: float) -> np.ndarray:
    """(n + 1, 4) sums of damage, with so many pixels of the mean of its blob added to each.

    What was not seen stays 0; a building that is a blob of its own keeps its shares.
    """
    of_blob = np.stack([np.bincount(blob, weights=column) for column in damage.T], axis=1)
    shares = of_blob / np.maximum(of_blob.sum(axis=1, keepdims=True), 1e-9)
    seen = damage.sum(axis=1, keepdims=True) > 0
    return np.asarray(damage + 255 * pixels * shares[blob] * seen)


def building_columns(
    numbers: np.ndarray, sums: Tally, gsd: float, *, two_dates: bool
) -> dict[str, Any]:
    """What is said of some buildings, by column.

    Args:
        numbers: (k,) of the buildings.
        sums: of all buildings.
        gsd: side of a pixel, metres.
        two_dates: whether there is a second date.
    """
    some = Tally(sums.pixels[numbers], sums.unseen[numbers], sums.damage[numbers])
    grades, seen = some.grades, some.seen
    return {
        "building_id": numbers.astype("int64"),
        "grade": some.grade.astype("int64"),
        **{name: grades[:, i] for i, name in enumerate(("p_none", "p_minor", "p_major"))},
        "p_destroyed": grades[:, 3],
        "confidence": np.where(seen, grades.max(axis=1, initial=0), np.nan),
        "area_m2": np.round(some.pixels * gsd**2, 1),
        "not_analysed_reason": pd.Series(
            _reasons(some.unseen, seen, two_dates=two_dates), dtype=object
        ),
    }


def _reasons(unseen: np.ndarray, seen: np.ndarray, *, two_dates: bool) -> np.ndarray:
    """(n,) object: the commonest reason of buildings not seen, None for those seen."""
    if not two_dates:
        return np.full(len(seen), NO_SECOND_DATE, object)
    commonest = unseen[:, :BEYOND].argmax(axis=1)
    words = [
        None if ok else REASONS[int(c) or NO_FIRST] for ok, c in zip(seen, commonest, strict=True)
    ]
    return np.array(words, object)


def straightened(shapes: np.ndarray, box: GeoBox) -> np.ndarray:
    """Outlines without the steps of the pixels; one that would collapse stays as it is."""
    simple = shapely.simplify(shapes, _STRAIGHTEN * abs(box.affine.a), preserve_topology=True)
    poor = shapely.is_empty(simple) | ~shapely.is_valid(simple)
    poor |= shapely.area(simple) < 0.5 * shapely.area(shapes)
    return np.asarray(np.where(poor, shapes, simple))
