"""From a grade and its probabilities to the words a rescue service trusts.

The rule, in one place. A building is

- *Not Analysed* when mapping gave a reason, no grade, or no probabilities;
- *No visible damage* when its grade is 1 and P(no damage) reaches ``DECIDED_INTACT``;
- *Destroyed* when its grade is 4 and P(any damage) reaches ``DECIDED_DESTROYED``;
- *Damaged* when its grade is 2 or 3 and P(any damage) reaches ``DECIDED_DAMAGED``;
- *Possibly damaged* in every other case: seen, but too uncertain to decide.

So nothing is called undamaged by default: it takes a grade, an image and a confidence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from geopandas import GeoDataFrame

from geomage.errors import InputError

__all__ = [
    "BY_EYE",
    "DECIDED_DAMAGED",
    "DECIDED_DESTROYED",
    "DECIDED_INTACT",
    "GRADE_WORDS",
    "NOT_ANALYSED",
    "POSSIBLY",
    "WORDS",
    "confidences",
    "graded",
]

DECIDED_INTACT: Final = 0.6
"""Probability of no damage, as the model says it, from which a building counts as undamaged."""
DECIDED_DESTROYED: Final = 0.72
"""The same of any damage, from which a building of grade 4 is called destroyed."""
DECIDED_DAMAGED: Final = 0.97
"""The same of any damage, from which one of grade 2 or 3 is called damaged.

Much higher: a network that saw simulated images alone is surer than it should be of major damage
where debris lies around a house that stands.
"""

BY_EYE: Final = "Photo-interpretation"
"""``det_method`` of a building that a reviewer graded."""
NOT_ANALYSED: Final = "Not Analysed"
POSSIBLY: Final = "Possibly damaged"
GRADE_WORDS: Final = {
    1: "No visible damage",
    2: "Damaged",
    3: "Damaged",
    4: "Destroyed",
}
WORDS: Final = ("Destroyed", "Damaged", POSSIBLY, "No visible damage", NOT_ANALYSED)
"""Values of ``damage_gra``, worst first."""

PROBABILITIES: Final = ("p_none", "p_minor", "p_major", "p_destroyed")
NO_GRADE: Final = "no grade"
COLUMNS: Final = ("building_id", "grade", *PROBABILITIES, "not_analysed_reason")


def graded(
    buildings: GeoDataFrame, calibration: Callable[[np.ndarray], np.ndarray] | None = None
) -> GeoDataFrame:
    """Add ``damage_gra``, ``confidence`` (0..1, nan when not analysed) and ``reason``.

    Args:
        buildings: the columns of ``COLUMNS`` and a geometry; ``grade`` 1..4, 0 when not analysed.
        calibration: makes the model's probabilities (n, 4) honest; None takes them as they are.
            Only the confidence follows it: the words follow what the model said.

    Returns:
        A new frame, rows in the same order; the same frame where it has words already, as a
        product that is read back does. ``confidence`` is the calibrated probability that the
        word is right of an outline that is a building; for *Possibly damaged*, the probability
        that there is any damage.

    Raises:
        InputError: a column is missing or a grade lies outside 0..4.
    """
    missing = [name for name in COLUMNS if name not in buildings.columns]
    if missing:
        raise InputError(f"the buildings lack the columns {missing}; found {[*buildings.columns]}")
    if "damage_gra" in buildings.columns:
        return buildings
    grade = buildings["grade"].to_numpy()
    if not np.isin(grade, (0, 1, 2, 3, 4)).all():
        raise InputError(f"grades are 0..4; found {sorted(set(grade.tolist()))[:9]}")
    p = buildings[list(PROBABILITIES)].to_numpy(float)
    given = buildings["not_analysed_reason"]
    unseen = given.notna().to_numpy() | (grade == 0) | np.isnan(p).any(axis=1)
    word = _words(grade, p, unseen)
    reason = given.where(given.notna(), NO_GRADE).astype(object)
    honest = p if calibration is None else calibration(p)
    return buildings.assign(
        damage_gra=word,
        confidence=confidences(np.array([WORDS.index(w) for w in word], int), honest),
        reason=np.where(unseen, reason, None),
    )


def _words(grade: np.ndarray, p: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    decided_none = (grade == 1) & (p[:, 0] >= DECIDED_INTACT)
    sure = np.where(grade == 4, DECIDED_DESTROYED, DECIDED_DAMAGED)
    decided_damage = (grade >= 2) & (1 - p[:, 0] >= sure)
    said = np.array([GRADE_WORDS.get(int(g), NOT_ANALYSED) for g in grade], dtype=object)
    word = np.where(decided_none | decided_damage, said, POSSIBLY)
    return np.where(unseen, NOT_ANALYSED, word)


def confidences(word: np.ndarray, p: np.ndarray) -> np.ndarray:
    """(n,) probability that a word is right; of Possibly damaged, that there is any damage.

    Args:
        word: (n,) place in `WORDS`; Not Analysed has none, nan.
        p: (n, 4) probabilities of grades 1..4.
    """
    by_word = (p[:, 3], p[:, 1] + p[:, 2], 1 - p[:, 0], p[:, 0], np.full(len(p), np.nan))
    return np.asarray(np.choose(word, by_word))
