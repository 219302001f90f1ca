"""What crosses a town leaves the town its land."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
import shapely

from geomage.world import STYLES
from geomage.world.barriers import grow_barriers


@pytest.mark.parametrize("size", [128.0, 324.0, 1500.0, 9000.0])
def test_a_coast_leaves_the_middle_of_the_town_dry(size):
    shores = replace(STYLES["harbour"], barriers=MappingProxyType({"coast": 1.0}))
    for seed in range(12):
        (coast,) = grow_barriers(np.random.default_rng(seed), shores, size)
        middle = shapely.Point(size / 2, size / 2)
        assert not coast.water.contains(middle)
        shore = coast.axis.interpolate(coast.axis.project(middle))
        assert coast.water.distance(shore) < 1.0


def test_streets_along_a_bank_stay_out_of_what_is_closed():
    for seed in range(12):
        for barrier in grow_barriers(np.random.default_rng(seed), STYLES["harbour"], 800.0):
            for street in barrier.given:
                assert street.line.distance(barrier.water) > street.width / 2
