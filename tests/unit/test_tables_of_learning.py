"""The tables of the learning benchmarks: means, deviations and gains by hand."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks import pretraining, semisupervised
from benchmarks._pretraining_places import CLASSES, Places, few
from benchmarks._pretraining_runs import class_weights


def _row(arm: str, seed: int, miou: float) -> pretraining.Row:
    return pretraining.Row("a to b", arm, seed, miou, {}, None, 10.0)


def test_gains_are_of_the_seeds_that_both_arms_have():
    rows = [
        _row("scratch", 0, 10.0), _row("scratch", 1, 14.0),
        _row("no alignment", 0, 4.0),
        _row("xstars", 0, 20.0), _row("xstars", 1, 18.0),
    ]  # fmt: skip
    lines = {line.split()[0]: line for line in pretraining.table(rows)}
    assert "19.0 ± 1.0 (20.0 18.0)" in lines["xstars"]
    assert lines["xstars"].split()[-7:-5] == ["+7.0", "+16.0"]
    assert lines["scratch"].split()[-7] == "+0.0"


def test_gain_of_an_objective_is_over_the_labels_alone():
    rows = [
        {"part": "real", "objective": name, "seed": seed, "score": score, "seconds": 5.0}
        for name, seed, score in (
            ("supervised", 0, 0.5), ("supervised", 1, 0.6), ("unimatch", 0, 0.6),
            ("unimatch", 1, 0.8),
        )
    ]  # fmt: skip
    first, _, second = semisupervised.table(rows)
    assert "F1 of building" in first
    assert "0.700 ± 0.100 (0.600 0.800)" in second
    assert "+0.150" in second


@pytest.fixture
def places() -> Places:
    labels = np.zeros((32, 8, 8), np.uint8)
    labels[::2, :4] = 3
    return Places("vhr-1.0", np.zeros((32, 1, 3, 8, 8), np.float16), labels)


def test_few_places_have_the_classes_of_all(places: Places):
    chosen = few(places, 1 / 16, 0)
    assert len(chosen) == 2
    assert (places.labels[chosen] == 3).mean() == pytest.approx((places.labels == 3).mean())


def test_a_class_three_times_as_rare_weighs_by_its_root(places: Places):
    # Shares of 3/4 and 1/4: weights as 1 to the root of 3; their mean over all classes is 1.
    weights = class_weights(places)
    assert weights[3] / weights[0] == pytest.approx(np.sqrt(3))
    assert np.mean(weights) == pytest.approx(1)
    assert len(weights) == len(CLASSES)
