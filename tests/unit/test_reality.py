"""Real beside simulated: how clustering is counted, and what the real packages say."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks._clustering import join_counts, morans_i, neighbours
from benchmarks._reality_ems import CASES, at_places, in_squares, observed, simulated

ROW = np.array([[0.0, 0], [1, 0], [2.1, 0], [3.3, 0]])


def test_neighbours_of_a_row():
    assert neighbours(ROW, 1).ravel().tolist() == [1, 0, 1, 2]
    assert [sorted(n) for n in neighbours(ROW, 2).tolist()] == [[1, 2], [0, 2], [1, 3], [1, 2]]


def test_places_that_coincide_are_neighbours_and_none_is_its_own():
    near = neighbours(np.zeros((5, 2)), 3)
    assert all(i not in row for i, row in enumerate(near.tolist()))


def test_joins_worked_by_hand():
    # pairs 0-1, 1-0, 2-1, 3-2; hit are 0, 1 and 3: two pairs of them are both hit. By chance
    # (3/4)(2/3) = 1/2 of the four
    joins = join_counts(np.array([True, True, False, True]), neighbours(ROW, 1), permutations=4000)
    assert joins.value == 2
    assert joins.expected == pytest.approx(2, abs=0.06)


def test_morans_i_worked_by_hand():
    # 1 2 3 6, mean 3: products 2, 2, 0, 0; variance 14/4; I = 1 / 3.5. By chance -1 / (n - 1)
    found = morans_i(np.array([1, 2, 3, 6]), neighbours(ROW, 1), permutations=4000)
    assert found.value == pytest.approx(1 / 3.5)
    assert found.expected == pytest.approx(-1 / 3, abs=0.03)


def test_a_patch_clusters_and_chance_does_not():
    rng = np.random.default_rng(0)
    xy = rng.random((400, 2))
    near = neighbours(xy)
    patch, any_ = np.hypot(*(xy - 0.5).T) < 0.2, rng.random(400) < 0.12
    for statistic in (join_counts, morans_i):
        assert statistic(patch, near).z > 10
        assert abs(statistic(any_, near).z) < 3


@pytest.mark.parametrize(
    ("case", "counts"), [(CASES[0], [3692, 456, 185, 286]), (CASES[1], [2644, 14, 12, 5])]
)
def test_the_packages_of_ems_hold_what_is_compared(data_dir, case, counts):
    xy, found = observed(case, data_dir)
    assert np.bincount(found).tolist() == counts
    assert np.ptp(xy, 0).max() < 20_000
    city = at_places(case, xy)
    assert len(city.buildings) == len(xy)
    assert set(np.unique(simulated(city, case.params, 0))) <= {0, 2, 3}
    squares = in_squares(xy, found, 1400.0)
    assert np.isnan(squares).all() or squares[1] > 3
