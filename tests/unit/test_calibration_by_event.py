"""Calibrations of one kind of event: right where that of all kinds is right on average alone."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks._simulated_maps import Outlines
from benchmarks.calibration import better_apart, folded, judge

BIAS = {"flood": 1.5, "fire": -1.5}
"""By how much the log-odds of any damage are off in what the model says."""


@pytest.fixture(scope="module")
def held_out() -> dict:
    """40 events a hazard, held out in fifths."""
    found = {name: said_of(bias, seed) for seed, (name, bias) in enumerate(BIAS.items())}
    return folded(found, cap=True)


@pytest.fixture(scope="module")
def judged(held_out: dict) -> dict:
    return {name: judge(parts) for name, parts in held_out.items()}


def said_of(bias: float, seed: int, events: int = 40, each: int = 50) -> Outlines:
    """What a model says of buildings whose truth is drawn from biased log-odds."""
    rng = np.random.default_rng(seed)
    said = rng.dirichlet([1.2, 0.5, 0.5, 0.5], events * each).clip(1e-3)
    true = said * np.exp([0, bias, bias, bias])
    true /= true.sum(axis=1, keepdims=True)
    truth = 1 + (true.cumsum(axis=1) < rng.random((len(true), 1))).sum(axis=1)
    event = np.repeat(np.arange(events), each)
    word = np.where(said[:, 0] > 0.6, 3, np.where(said.argmax(axis=1) == 3, 0, 2))
    return Outlines(event, said, word, np.minimum(truth, 4))


@pytest.mark.parametrize("hazard", BIAS)
@pytest.mark.parametrize("what", ["ece_grade", "ece_any_damage", "ece_word"])
def test_held_out_events_are_as_sure_as_it_is_said(judged: dict, hazard: str, what: str) -> None:
    one = judged[hazard]
    assert one["product"][what] < 0.05
    assert one["product"][what] < one["unstated"][what]


def test_over_all_kinds_each_is_off(judged: dict) -> None:
    assert min(one["unstated"]["ece_any_damage"] for one in judged.values()) > 0.1


def test_a_hazard_stands_apart_where_its_own_calibration_is_better(held_out: dict) -> None:
    assert all(better_apart(parts) for parts in held_out.values())
    swapped = [(one, own, whole) for one, whole, own in held_out["flood"]]
    assert not better_apart(swapped)
