"""Slides on a town: what soil does to houses, streets and trees, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from geomage.disaster import LandslideParams, landslide
from geomage.disaster.damage import at_trees
from geomage.disaster.landslide import _units, impact, slides
from geomage.disaster.stability import peak_acceleration
from geomage.errors import InputError
from geomage.geo import Raster, rasterise
from towns import town


@pytest.fixture(scope="module")
def city():
    plain = town("suburb", 0, 200.0)
    i, j = np.indices(plain.dtm.values.shape[1:]) * 2.0
    z = 200 - 0.5 * i + 8 * (np.sin(i / 25) + np.sin(j / 20))
    return replace(plain, dtm=Raster(z[None].astype(np.float32), plain.dtm.box, None, ("height",)))


@pytest.fixture(scope="module")
def event(city):
    return landslide(city, LandslideParams(rain_mm=300.0), 1)


def test_units_are_of_the_size_of_shallow_slides(city):
    unit = _units(city.dtm.values[0].astype(float), 2.0, 3)
    area = np.bincount(unit.ravel()) * 4
    inner = area[area > 100]
    assert 300 < np.median(inner) < 700
    assert unit.min() == 0
    assert (area > 0).all()


def test_soil_that_struck_a_house_says_how_deep(city, event):
    found = slides(city, LandslideParams(rain_mm=300.0), 1)
    depth = impact(city, found)
    assert event.buildings["intensity"].to_numpy() == pytest.approx(depth)
    hit = depth > 0
    assert hit.any()
    assert (event.buildings.loc[~hit, "grade_physical"] == 0).all()
    harmed = event.buildings["grade_physical"] > 0
    assert (event.buildings.loc[harmed, "cause"] == "landslide").all()
    assert event.buildings.loc[harmed & (depth > 6), "grade_physical"].min() >= 4


def test_slides_take_trees_and_block_streets(city, event):
    found = slides(city, LandslideParams(rain_mm=300.0), 1)
    buried = at_trees(city, found.scar) > 0.4
    assert buried.any()
    assert (event.trees.loc[buried, "standing"] == 0).all()
    assert (event.trees["standing"] == 1).any()
    assert (event.streets["cause"] == "landslide").any()


def test_soil_on_streets_is_carted_away(city):
    params = LandslideParams(rain_mm=300.0)
    soon, later = (landslide(city, params, 1, hours=h) for h in (0.0, 60 * 24.0))
    before, after = (e.rasters["slide"].values for e in (soon, later))
    assert (after <= np.maximum(before, 0) + 1e-6).all()
    assert np.array_equal(after[before < 0], before[before < 0])  # scars stay
    lanes = rasterise(list(city.streets.geometry.buffer(1.0)), city.dtm.box).astype(bool)
    assert after[0][lanes].clip(0).sum() < 0.5 * before[0][lanes].clip(0).sum()


def test_thicker_soil_with_less_hold_slides_more(city):
    count = [
        slides(city, LandslideParams(soil_m=s, cohesion_pa=c), 0).count
        for s, c in ((1.0, 2e4), (1.5, 8e3), (2.0, 3e3))
    ]
    assert count == sorted(count)
    assert count[0] < count[-1]


def test_a_level_town_says_how_level_it_is():
    found = slides(town("suburb", 0, 160.0), LandslideParams())
    assert found.count == 0
    assert found.least_safety > 1.5
    assert 0 < found.steepest_deg < 15


@pytest.mark.parametrize(
    "values",
    [
        {"trigger": "wind"}, {"rain_mm": -1.0}, {"rain_mm": float("nan")}, {"pga_g": -0.1},
        {"pga_g": 5.0}, {"wet": 1.5}, {"soil_m": 0.0}, {"cohesion_pa": -1.0},
        {"friction_deg": 90.0}, {"transmissivity": 0.0},
    ],
)  # fmt: skip
def test_soil_beyond_nature_is_refused(values):
    with pytest.raises(InputError, match="choose"):
        LandslideParams(**values)


@pytest.mark.parametrize("values", [(12.0, 1e4), (float("nan"), 1e4), (7.0, -1.0)])
def test_earthquakes_beyond_nature_are_refused(values):
    with pytest.raises(InputError, match="choose"):
        peak_acceleration(*values)
