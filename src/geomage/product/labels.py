"""Damage labels of others, in their words or numbers, brought to one of two scales."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from geopandas import GeoDataFrame

from geomage.errors import InputError

__all__ = ["GRADES", "SERVICE", "Scale", "damage_labels", "label_column"]


@dataclass(frozen=True)
class Scale:
    """Classes of damage, mildest first; class ``i`` has the number ``i + 1``, 0 is unclassified."""

    name: str
    classes: tuple[str, ...]
    from_grade: tuple[int, ...]  # number of the class for each of our grades 0..4


GRADES: Final = Scale("grades", ("no damage", "minor", "major", "destroyed"), (0, 1, 2, 3, 4))
SERVICE: Final = Scale("service", ("No visible damage", "Damaged", "Destroyed"), (0, 1, 2, 2, 3))

COLUMNS: Final = (
    "damage_gra",
    "damage",
    "dmg",
    "damage_grade",
    "grade_visible",
    "grade",
    "grading",
    "subtype",
)
"""Names of damage columns, looked for in this order, in any case."""

_XBD: Final = {
    "no-damage": 1,
    "minor-damage": 2,
    "major-damage": 3,
    "destroyed": 4,
    "un-classified": 0,
}
_SERVICE_WORDS: Final = {
    "no visible damage": 1,
    "damaged": 2,
    "destroyed": 3,
    "possibly damaged": 0,
    "not analysed": 0,
    "not affected": 1,
    "negligible to slight damage": 2,
    "moderately damaged": 2,
    "highly damaged": 2,
    "completely destroyed": 3,
}


def label_column(shapes: GeoDataFrame, wanted: str | None = None) -> str | None:
    """Name of the damage column; None when there is none and none was asked for.

    Raises:
        InputError: the column asked for is not there.
    """
    if wanted is not None:
        if wanted not in shapes.columns:
            raise InputError(f"the reference has no column {wanted!r}; it has {[*shapes.columns]}")
        return wanted
    lower = {str(name).lower(): str(name) for name in shapes.columns}
    return next((lower[name] for name in COLUMNS if name in lower), None)


def damage_labels(values: pd.Series) -> tuple[Scale, np.ndarray]:
    """Class numbers int64 (n,) of a damage column, 0 where unclassified, and their scale.

    Numbers are our grades 1..4 (0, 5 and null: unclassified); a column named ``grade_visible``
    counts from 0. Words are those of xBD or of Copernicus EMS.

    Raises:
        InputError: a value is neither.
    """
    numbers = pd.to_numeric(values, errors="coerce")
    if not (numbers.isna() & values.notna()).any():
        return GRADES, _from_numbers(numbers, first=0 if values.name == "grade_visible" else 1)
    words = values.astype("string").str.strip().str.lower()
    for scale, known in ((GRADES, _XBD), (SERVICE, _SERVICE_WORDS)):
        if words.dropna().isin(list(known)).all():
            return scale, words.map(known).fillna(0).to_numpy(np.int64)
    odd = sorted(set(words.dropna()) - set(_XBD) - set(_SERVICE_WORDS)) or sorted(set(words))
    raise InputError(
        f"column {values.name!r} holds {odd[:5]}; damage is 1..4, the words of xBD"
        " (no-damage … destroyed) or of Copernicus EMS (No visible damage … Destroyed)"
    )


def _from_numbers(numbers: pd.Series, first: int) -> np.ndarray:
    grade = numbers.fillna(-1).to_numpy(float)
    grade = np.where((grade < 0) | (grade == 5), 0, grade + (1 - first))
    if not np.isin(grade, range(5)).all():
        odd = sorted(set(numbers[~np.isin(grade, range(5))].tolist()))[:5]
        raise InputError(f"column {numbers.name!r} holds {odd}; damage is {first}..{first + 3}")
    return grade.astype(np.int64)
