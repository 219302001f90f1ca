"""Distances from a domain in a space of features, and the area under the curve they are told by."""

from __future__ import annotations

import numpy as np
import pytest

from geomage.adapt.plausibility.distances import (
    FeatureScorer,
    Mahalanobis,
    Nearest,
    RelativeMahalanobis,
)
from geomage.errors import InputError
from geomage.metrics import auroc
from geomage.model.plausibility import Calibration


def test_mahalanobis_is_that_of_the_law():
    spread = np.array([[2.0, 0.6], [0.6, 1.0]])
    x = np.random.default_rng(0).multivariate_normal([1, -2], spread, 20_000)
    found = Mahalanobis.fit(x, shrink=0.0)
    there = np.array([[3.0, 0.0], [1.0, -2.0]])
    off = there - [1, -2]
    wanted = np.einsum("ni,ij,nj->n", off, np.linalg.inv(spread), off)
    assert found.distance(there) == pytest.approx(wanted, abs=0.15)
    assert found.distance(x).mean() == pytest.approx(2, abs=0.05)


def test_a_linear_map_of_all_features_changes_no_mahalanobis_distance():
    rng = np.random.default_rng(1)
    x, y, turn = rng.normal(size=(50, 3)), rng.normal(size=(5, 3)), rng.normal(size=(3, 3))
    plain = Mahalanobis.fit(x, shrink=0.0).distance(y)
    assert Mahalanobis.fit(x @ turn, shrink=0.0).distance(y @ turn) == pytest.approx(plain)


def test_fewer_chips_than_features_still_have_a_distance():
    x = np.random.default_rng(2).normal(size=(5, 40))
    assert np.isfinite(Mahalanobis.fit(x).distance(x)).all()


def test_what_the_background_shares_takes_no_part():
    rng = np.random.default_rng(3)
    domain = rng.normal(size=(500, 2)) * [0.1, 3.0]
    others = np.concatenate([domain, rng.normal(size=(500, 2)) * [3.0, 3.0]])
    relative = RelativeMahalanobis.fit(domain, others, shrink=0.0)
    along, across = relative.distance(np.array([[0.0, 9.0], [3.0, 0.0]]))
    assert abs(along) < 0.2 * abs(across)
    assert across > 0


def test_the_nearest_are_counted_by_angle():
    known = np.array([[1.0, 0], [2.0, 0], [0, 3.0]])
    found = Nearest.fit(known, k=2).distance(np.array([[5.0, 0.0]]))
    assert found == pytest.approx([0.0])
    assert Nearest.fit(known, k=3).distance(np.array([[5.0, 0.0]])) == pytest.approx([2**0.5])


def test_a_feature_scorer_takes_the_means_of_the_layers():
    chips = np.random.default_rng(4).normal(size=(30, 2, 4, 4))
    fitted = Mahalanobis.fit(chips.mean((2, 3)))
    scorer = FeatureScorer(lambda x: [x], fitted)
    assert scorer.score(chips) == pytest.approx(fitted.distance(chips.mean((2, 3))))


def test_too_few_are_refused():
    with pytest.raises(InputError, match="at least 2"):
        Mahalanobis.fit(np.zeros((1, 3)))
    with pytest.raises(InputError, match="at least 5"):
        Nearest.fit(np.zeros((4, 3)))


def test_auroc_by_hand():
    # pairs (1, 2), (1, 3), (2, 2), (2, 3): two and two, one tie
    assert auroc([1, 2], [2, 3]) == (1 + 1 + 0.5 + 1) / 4
    assert auroc([0, 1], [2, 3]) == 1
    assert auroc([2, 3], [0, 1]) == 0
    assert auroc([1, 1], [1, 1]) == 0.5
    assert np.isnan(auroc([], [1]))
    with pytest.raises(InputError, match="finite"):
        auroc([np.nan], [1])


def test_auroc_turned_round_adds_up_to_one():
    low, high = np.random.default_rng(6).integers(0, 9, (2, 40))
    assert auroc(low, high) + auroc(high, low) == pytest.approx(1)


def test_a_calibration_gives_back_its_quantiles():
    scores = np.random.default_rng(7).gamma(2, size=5000)
    found = Calibration.measure(scores)
    assert found.cells == 5000
    assert found.threshold(0.99) == pytest.approx(np.quantile(scores, 0.99), abs=1e-5)
    assert found.share(np.array([found.threshold(0.25)])) == pytest.approx([0.25], abs=1e-3)
    assert found.share(np.array([-1.0, 1e9])).tolist() == [0.0, 1.0]
    assert (np.diff(found.share(np.linspace(0, 9, 50))) >= 0).all()
    with pytest.raises(InputError, match="quantile"):
        found.threshold(1.5)
    with pytest.raises(InputError, match="finite"):
        Calibration.measure(np.array([1.0, np.inf]))
