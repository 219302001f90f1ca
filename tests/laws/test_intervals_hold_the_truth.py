"""Nine in ten intervals hold the truth of simulated maps, each left out of what judges it."""

from __future__ import annotations

import numpy as np
import pytest

from geomage.model import load_model
from geomage.product.folder import sha256_of
from geomage.product.intervals import draw_truths, interval
from geomage.product.measured import Errors, Measured, measured_of, without
from geomage.product.order import EVENT_TYPES

MAPS, DRAWS = 200, 1000


@pytest.fixture(scope="module")
def measured() -> Measured:
    """What was measured of the shipped model."""
    found = measured_of({"model": {"sha256": sha256_of(load_model("default", 1).path)}})
    assert found is not None, "a new model is shipped: run python -m benchmarks.calibration --write"
    return found


def test_intervals_hold_the_truth_of_200_simulated_maps(measured: Measured) -> None:
    errors = measured.errors
    assert errors.simulated >= MAPS
    held = []
    for k, counts in enumerate(errors.counts[:MAPS].astype(int)):
        rng = np.random.default_rng([8, k])
        drawn = draw_truths(counts.sum(axis=0), without(errors, k), rng, DRAWS)
        by, people = counts.sum(axis=1), 40.0
        share = by[2:].sum() / max(by[1:].sum(), 1)
        true = (
            (drawn.share_damaged, share),
            (drawn.damaged, by[2:].sum()),
            (drawn.destroyed, by[4]),
            (drawn.share_damaged * people, share * people),
        )
        bounds = [(interval(values), value) for values, value in true]
        held.append([one.low <= value <= one.high for one, value in bounds])
    assert (np.mean(held, axis=0) >= 0.9).all(), np.mean(held, axis=0)


def test_the_weights_are_a_distribution_and_every_event_has_outlines(measured: Measured) -> None:
    assert measured.errors.weight.sum() == pytest.approx(1)
    assert (measured.errors.weight > 0).all()
    assert (measured.errors.counts.sum(axis=(1, 2)) > 0).all()


def test_calibrated_probabilities_are_probabilities(measured: Measured) -> None:
    p = np.random.default_rng(0).dirichlet([0.3] * 4, 500)
    p[0] = [1, 0, 0, 0]
    assert {*measured.by_event} | {*measured.missed} <= {*EVENT_TYPES}
    for event in (None, *measured.by_event):
        honest = measured.calibration_of(event)(p)
        np.testing.assert_allclose(honest.sum(axis=1), 1)
        assert (honest > 0).all()
    assert np.isnan(measured.calibration(np.full((1, 4), np.nan))).all()


def alike(shares: list[list[float]], events: int = 40, size: int = 100_000) -> Errors:
    """Events that all err in one way: shares[truth][word]."""
    counts = np.repeat(np.array(shares)[None] * size, events, axis=0)
    return Errors(counts, np.full(events, 1 / events), "toy")


def test_where_all_events_err_alike_the_interval_is_that_of_counting() -> None:
    """Half of what is called destroyed is: a binomial of n outlines, 1.645 deviations each way."""
    errors = alike(
        [[0, 0, 0, 0], [0.25, 0, 0, 0.25], [0, 0, 0, 0], [0, 0, 0, 0], [0.25, 0, 0, 0.25]]
    )
    n = 400
    drawn = draw_truths(np.array([n, 0, 0, 0]), errors, np.random.default_rng(0), 20_000)
    found = interval(drawn.destroyed)
    assert found.likely == pytest.approx(n / 2, abs=2)
    assert found.high - found.low == pytest.approx(2 * 1.645 * np.sqrt(n / 4), rel=0.06)


def test_a_word_that_is_never_wrong_leaves_no_doubt() -> None:
    errors = alike([[0] * 4, [0, 0, 0, 0.5], [0] * 4, [0] * 4, [0.5, 0, 0, 0]], size=10**9)
    drawn = draw_truths(np.array([7, 0, 0, 5]), errors, np.random.default_rng(0))
    assert interval(drawn.destroyed).low == interval(drawn.destroyed).high == 7
    assert interval(drawn.buildings).low == 12


def test_footprints_that_were_given_are_buildings() -> None:
    errors = alike([[0.3, 0, 0, 0.3], [0, 0, 0, 0.2], [0] * 4, [0] * 4, [0.2, 0, 0, 0]])
    said = np.array([10, 0, 0, 30])
    drawn = draw_truths(said, errors.of_buildings(), np.random.default_rng(0))
    assert (drawn.buildings >= 39).all()
    assert np.median(draw_truths(said, errors, np.random.default_rng(0)).buildings) < 30
