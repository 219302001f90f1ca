"""Parts of datasets: exact counts, nested fractions, no event on two sides."""

from __future__ import annotations

import numpy as np
import pytest

from geomage.data.splits import (
    cross_event,
    holdout,
    leave_one_out,
    stratified_fraction,
    stratified_order,
)
from geomage.errors import InputError

EVENTS = ["flood"] * 50 + ["storm"] * 30 + ["fire"] * 15 + ["quake"] * 5


def some_counts(chips: int = 320) -> np.ndarray:
    """Class 0 everywhere, class 1 in a quarter of the chips, class 2 in two of them."""
    counts = np.zeros((chips, 3), np.int64)
    counts[:, 0] = 1000
    counts[::4, 1] = 400
    counts[[7, 200], 2] = 3
    return counts


@pytest.mark.parametrize(("fraction", "chips"), [(1 / 16, 20), (1 / 8, 40), (0.5, 160), (1.0, 320)])
def test_a_fraction_is_exact_and_has_the_shares_of_the_whole(fraction, chips):
    counts = some_counts()
    chosen = stratified_fraction(counts, fraction, seed=3)
    assert len(chosen) == len(set(chosen.tolist())) == chips
    assert (np.diff(chosen) > 0).all()
    assert (counts[chosen, 1] > 0).mean() == pytest.approx(0.25, abs=1.5 / chips)


def test_the_rarest_class_is_in_the_smallest_fraction():
    counts = some_counts()
    for seed in range(8):
        assert counts[stratified_fraction(counts, 1 / 160, seed)].sum(axis=0).min() > 0


def test_fractions_lie_within_each_other_and_seeds_differ():
    counts = some_counts()
    small, large = (set(stratified_fraction(counts, f, 5).tolist()) for f in (1 / 16, 1 / 8))
    assert small < large
    assert small != set(stratified_fraction(counts, 1 / 16, 6).tolist())
    order = stratified_order(counts, 5)
    np.testing.assert_array_equal(np.sort(order), np.arange(320))
    np.testing.assert_array_equal(order, stratified_order(counts, 5))


def test_one_event_is_left_out_after_the_other():
    folds = list(leave_one_out(EVENTS))
    assert [fold.event for fold in folds] == ["fire", "flood", "quake", "storm"]
    for fold in folds:
        assert {EVENTS[k] for k in fold.test} == {fold.event}
        assert fold.event not in {EVENTS[k] for k in fold.train}
        assert len(fold.train) + len(fold.test) == len(EVENTS)


def test_no_event_is_on_two_sides():
    split = cross_event(EVENTS, (0.5, 0.2, 0.3), seed=1)
    sides = [{EVENTS[k] for k in part} for part in split]
    assert sum(map(len, sides)) == 4
    assert [len(part) for part in split] == [50, 20, 30]


def test_a_holdout_has_its_share_of_every_event():
    split = holdout(EVENTS, (0.8, 0.1, 0.1), seed=1)
    assert [len(part) for part in split] == [80, 10, 10]
    assert len(np.unique(np.concatenate(split))) == 100
    floods = sum(EVENTS[k] == "flood" for k in split.val)
    assert abs(floods - 5) <= 1


def test_a_part_of_few_chips_has_one():
    assert [len(part) for part in holdout([""] * 3, (0.85, 0.15, 0.0), 1)] == [2, 1, 0]
    assert [len(part) for part in holdout([""] * 4, (0.7, 0.15, 0.15), 1)] == [2, 1, 1]
    assert [len(part) for part in holdout([""] * 2, (0.7, 0.15, 0.15), 1)] == [1, 1, 0]


def test_wrong_use_is_told():
    with pytest.raises(InputError, match="events cannot be kept apart: there is flood"):
        list(leave_one_out(["flood", "flood"]))
    with pytest.raises(InputError, match="must sum to 1"):
        holdout(EVENTS, (0.8, 0.1, 0.2), seed=1)
    with pytest.raises(InputError, match="fraction of 0 is outside"):
        stratified_fraction(some_counts(), 0.0, seed=1)
