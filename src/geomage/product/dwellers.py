"""People in damaged buildings, where it is known who lives in which.

The interval of a zone draws how many of the buildings of each word are damaged in truth
(`intervals.draw_truths`). Which of them are is drawn here: each building of a word with the same
chance, together with all who live in it. So a tower that stands counts as one that stands, however
many small houses around it fell. Only the fullest `ONE_BY_ONE` buildings of a word are drawn one by
one; of the others, whose sum hardly varies, people follow the share of buildings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from geomage.product.grading import WORDS

__all__ = ["Dwellers", "dwellers_of", "people_hit"]

ONE_BY_ONE: Final = 200
_UNSEEN: Final = len(WORDS) - 1  # place of Not Analysed


@dataclass(frozen=True)
class Dwellers:
    """Who lives in the buildings of one place; without those of which nobody knows."""

    by_word: tuple[np.ndarray, ...]  # by word of the model: (building,) people
    eyed_hit: float  # in buildings that a reviewer graded 2 or more
    unseen: float  # in buildings that were not analysed

    @classmethod
    def joined(cls, some: Sequence[Dwellers]) -> Dwellers:
        """Of several places."""
        words = zip(*(one.by_word for one in some), strict=True)
        return cls(
            tuple(np.concatenate(each) for each in words),
            sum(one.eyed_hit for one in some),
            sum(one.unseen for one in some),
        )


def dwellers_of(
    people: np.ndarray, word: np.ndarray, grade: np.ndarray, place: np.ndarray, zones: int
) -> list[Dwellers]:
    """The dwellers of each zone.

    Args:
        people: (building,) who live in it; nan where unknown.
        word: (building,) place in `grading.WORDS`.
        grade: (building,) of those a reviewer graded 1 to 4, else 0.
        place: (building,) row of its zone, -1 for none.
        zones: how many.
    """
    rows = np.flatnonzero((place >= 0) & np.isfinite(people))
    rows = rows[np.argsort(place[rows], kind="stable")]
    ends = np.searchsorted(place[rows], np.arange(zones + 1))
    found = []
    for first, last in pairwise(ends):
        own = rows[first:last]
        who, said, seen = people[own], word[own], grade[own]
        found.append(
            Dwellers(
                tuple(who[(said == one) & (seen == 0)] for one in range(_UNSEEN)),
                float(who[seen > 1].sum()),
                float(who[said == _UNSEEN].sum()),
            )
        )
    return found


def people_hit(
    dwellers: Dwellers, chances: np.ndarray, overall: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """(draw,) people in buildings of grade 2 or more.

    Args:
        dwellers: of one place.
        chances: (draw, 4) share of the buildings of each word that are damaged.
        overall: (draw,) the same of all that were assessed: those not analysed are taken alike.
        rng: draws.
    """
    total = dwellers.eyed_hit + overall * dwellers.unseen
    for people, chance in zip(dwellers.by_word, chances.T, strict=True):
        fullest = np.sort(people)[::-1]
        one_by_one, rest = fullest[:ONE_BY_ONE], fullest[ONE_BY_ONE:]
        hit = rng.random((len(chance), len(one_by_one))) < chance[:, None]
        total = total + hit @ one_by_one + chance * rest.sum()
    return np.asarray(total)
