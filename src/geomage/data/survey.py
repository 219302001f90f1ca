"""One look at every chip of a source: what it holds, and which chips cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from geomage.data.chip import UNKNOWN, Chip, ChipSource
from geomage.data.splits import ChosenChips
from geomage.errors import CorruptError, InputError, RunError

__all__ = ["MOST_CORRUPT", "ChipSurvey", "class_counts", "refuse_many", "survey_chips"]

MOST_CORRUPT = 0.02
"""Share of chips that may be skipped when nothing else is said (ours)."""


class ChipSurvey(NamedTuple):
    """What was found. Chips are those that could be read, in order."""

    chips: ChosenChips
    counts: Int64[np.ndarray, "chip cls"]
    """Pixels of each class."""
    unknown: Int64[np.ndarray, " chip"]
    """Pixels whose class nobody knows, or that hold no data."""
    skipped: dict[str, str]
    """Why a chip was skipped, by its name."""


@dataclass
class _Tally:
    """Grows while chips are read."""

    sound: list[int]
    counts: list[np.ndarray]
    skipped: dict[str, str]


def class_counts(chip: Chip, classes: int) -> Int64[np.ndarray, " cls"]:
    """Pixels of each class, and of `UNKNOWN` last; all unknown where there are no labels.

    Raises:
        InputError: a label that is no class.
    """
    if chip.labels is None:
        return np.array([0] * classes + [chip.valid.size], np.int64)
    found = np.bincount(chip.labels.ravel(), minlength=UNKNOWN + 1)
    odd = np.flatnonzero(found[classes:UNKNOWN])
    if len(odd):
        raise InputError(
            f"{chip.name}: label value {odd[0] + classes} is no class: they go from 0 to "
            f"{classes - 1}, and {UNKNOWN} where nobody knows"
        )
    return np.append(found[:classes], found[UNKNOWN]).astype(np.int64)


def survey_chips(
    source: ChipSource,
    most_corrupt: float = MOST_CORRUPT,
    say: Callable[[str], None] = lambda _: None,
) -> ChipSurvey:
    """Read every chip once; skip and count those that cannot be read.

    Args:
        source: any.
        most_corrupt: share of chips that may be skipped.
        say: is told of each chip that is skipped.

    Raises:
        RunError: more chips than that cannot be read; the first is named.
        InputError: a label that is no class, a wrong number of bands, a missing file.
    """
    tally = _Tally([], [], {})
    for index, name in enumerate(source.names):
        _look(source, index, name, tally)
        if name in tally.skipped:
            say(f"{name} is skipped: {tally.skipped[name]}")
    refuse_many(tally.skipped, len(source.names), most_corrupt)
    counts = np.array(tally.counts, np.int64).reshape(-1, len(source.classes) + 1)
    chosen = ChosenChips(source, tuple(tally.sound))
    return ChipSurvey(chosen, counts[:, :-1], counts[:, -1], tally.skipped)


def _look(source: ChipSource, index: int, name: str, tally: _Tally) -> None:
    try:
        chip = source.chip(index)
    except CorruptError as error:
        tally.skipped[name] = str(error)
        return
    tally.counts.append(class_counts(chip, len(source.classes)))
    tally.sound.append(index)


def refuse_many(skipped: dict[str, str], count: int, most: float) -> None:
    """Raise RunError where more of `count` chips were skipped than the share `most`."""
    if len(skipped) > most * count:
        first = next(iter(skipped.values()))
        raise RunError(
            f"{len(skipped)} of {count} chips cannot be read, {most:.3g} of all may be skipped: "
            f"{first}"
        )
