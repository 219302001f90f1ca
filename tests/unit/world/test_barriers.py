"""What crosses a town leaves the town its land."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from geomage.world import STYLES
from geomage.world.barriers import grow_barriers


@pytest.mark.parametrize("size", [128.0, 324.0, 1500.0, 9000.0])
def test_a_coast_leaves_the_middle_of_the_town_dry(size):
    found = 0
    for seed in range(12):
        for barrier in grow_barriers(np.random.default_rng(seed), STYLES["harbour"], size):
            if barrier.kind == "coast":
                found += 1
                middle = shapely.Point(size / 2, size / 2)
                assert not barrier.water.contains(middle)
                shore = barrier.axis.interpolate(barrier.axis.project(middle))
                assert barrier.water.distance(shore) < 1.0
    assert found > 2


def test_streets_along_a_bank_stay_out_of_what_is_closed():
    for seed in range(12):
        for barrier in grow_barriers(np.random.default_rng(seed), STYLES["harbour"], 800.0):
            for street in barrier.given:
                assert street.line.distance(barrier.water) > street.width / 2
