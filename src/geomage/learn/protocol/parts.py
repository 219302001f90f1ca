"""Who learns, who chooses, who is tested in one run of the protocol."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from geomage.data.readers import FileChips, find_reader
from geomage.data.splits import (
    ChosenChips,
    Split,
    cross_event,
    holdout,
    leave_one_out,
    stratified_fraction,
)
from geomage.data.survey import ChipSurvey, survey_chips
from geomage.errors import InputError, near_names
from geomage.learn.protocol.params import PangaeaParams

__all__ = ["Parts", "load_parts"]

_SHARES = (0.7, 0.15, 0.15)
_NAMES = ("train", "val", "test")


class Parts(NamedTuple):
    """Chips of a run; those that cannot be read are left out."""

    train: ChosenChips
    """Of these the labels are used: the stated fraction."""
    val: ChosenChips
    test: ChosenChips
    classes: tuple[str, ...]
    skipped: dict[str, str]
    """Why a chip was left out, by its name."""


def load_parts(
    data: Path, params: PangaeaParams, say: Callable[[str], None] = lambda _: None
) -> Parts:
    """Read every chip of a dataset once, and part them.

    Raises:
        InputError: a part that does not exist or has no labels; see `survey_chips` for labels and
            bands that are wrong.
        RunError: more chips cannot be read than may.
    """
    sources = _sources(data, params)
    surveys = [survey_chips(source, params.corrupt, say) for source in sources]
    for name, found in zip(_NAMES, surveys, strict=True):
        _refuse_blank(name, found)
    train, val, test = surveys
    some = stratified_fraction(train.counts, params.fraction, params.seed)
    own = np.array(train.chips.indices)[some]
    return Parts(
        ChosenChips(train.chips.source, tuple(own.tolist())),
        val.chips,
        test.chips,
        train.chips.classes,
        {name: why for found in surveys for name, why in found.skipped.items()},
    )


def _sources(data: Path, params: PangaeaParams) -> list[ChosenChips]:
    read = find_reader(params.dataset)
    if params.split == "official" and not params.leave_out:
        parts = [read(data, name, params.product) for name in _NAMES]
        return [ChosenChips(part, tuple(range(len(part.names)))) for part in parts]
    every = read(data, "all", params.product)
    drawn = _left_out(every, params) if params.leave_out else _drawn(every, params)
    return [ChosenChips(every, tuple(part.tolist())) for part in drawn]


def _drawn(every: FileChips, params: PangaeaParams) -> Split:
    draw = cross_event if params.split == "events" else holdout
    return draw(every.events, _SHARES, params.seed)


def _left_out(every: FileChips, params: PangaeaParams) -> Split:
    """One event to test on; 15 % of each other one to validate with."""
    events = every.events
    folds = {fold.event: fold for fold in leave_one_out(events)}
    if params.leave_out not in folds:
        raise InputError(
            f"no event {params.leave_out!r}{near_names(params.leave_out, folds)}: "
            f"there are {', '.join(folds)}"
        )
    fold = folds[params.leave_out]
    rest = holdout([events[k] for k in fold.train], (0.85, 0.15, 0.0), params.seed)
    return Split(fold.train[rest.train], fold.train[rest.val], fold.test)


def _refuse_blank(name: str, found: ChipSurvey) -> None:
    if not len(found.chips.indices):
        raise InputError(f"the part {name} has no chip: take another split, or more data")
    if not found.counts.sum():
        raise InputError(f"the part {name} has no labels: take another split or seed")
