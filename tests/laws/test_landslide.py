"""Slopes fail by their factor of safety, soil keeps its volume, and more rain never spares."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geomage.disaster import LandslideParams, calm, landslide
from geomage.disaster._kernels_creep import contributing
from geomage.disaster.landslide import degree_of_loss, loss_chance, slides
from geomage.disaster.stability import (
    displacement_cm,
    failure_chance,
    peak_acceleration,
    reach_tangent,
    safety_factor,
    slope_of,
    wetness,
)
from geomage.geo import Raster
from towns import table_bytes, town

quick = settings(max_examples=60, deadline=None, derandomize=True)
angles = st.floats(0.02, 1.3)


def hillside(slope: float, size_m: float = 160.0, *, facing: int = 0):
    """A suburb on a slope with spurs and hollows, falling to the south (or turned)."""
    city = town("suburb", 0, size_m)
    i, j = np.indices(city.dtm.values.shape[1:]) * 2.0
    z = 50 + slope * (size_m - i) + 14 * slope * (np.sin(i / 25) + np.sin(j / 20))
    turned = np.rot90(z, facing)[None].astype(np.float32)
    return replace(city, dtm=Raster(turned.copy(), city.dtm.box, None, ("height",)))


def fs(slope_deg, m=0.0, cohesion=0.0, friction_deg=35.0, soil_m=1.5):
    return safety_factor(
        np.radians(np.atleast_1d(slope_deg)),
        np.atleast_1d(m),
        soil_m,
        np.atleast_1d(cohesion),
        np.atleast_1d(np.tan(np.radians(friction_deg))),
    )


def test_the_factor_of_safety_agrees_with_values_worked_by_hand():
    # dry and without cohesion: tan 35 / tan 30 = .70021 / .57735 = 1.2128
    assert fs(30)[0] == pytest.approx(1.2128, abs=1e-4)
    # soaked: (1 - 9810 / 18000) 1.2128 = .45500 * 1.2128 = .55183
    assert fs(30, 1.0)[0] == pytest.approx(0.55183, abs=1e-4)
    # with 5 kPa on 1.5 m: 5000 / (18000 * 1.5 * .5) = .37037, + .55183 = .92220
    assert fs(30, 1.0, 5000.0)[0] == pytest.approx(0.92220, abs=1e-4)
    assert np.isinf(fs(0.0)[0])
    # without cohesion dry soil stands up to its angle of friction
    assert fs(35)[0] == pytest.approx(1.0)


@quick
@given(angles, angles, st.floats(0, 1), st.floats(0, 1), st.floats(0, 2e4))
def test_steeper_and_wetter_is_less_stable_and_cohesion_holds(one, other, dry, wet, cohesion):
    flat, steep = sorted((one, other))
    less, more = sorted((dry, wet))
    where = np.degrees([flat, steep])
    a, b = fs(where, [less, less], [cohesion, cohesion])
    assert a >= b * (1 - 1e-9)
    assert fs(where[1], more, cohesion)[0] <= b * (1 + 1e-9)
    assert fs(where[1], more, cohesion + 100)[0] > fs(where[1], more, cohesion)[0]


def test_wetness_agrees_with_a_value_worked_by_hand():
    # .1 m a day over 50 m of slope, T 65 m2 a day, 30 degrees: 5 / 32.5 = .15385
    found = wetness(np.array([50.0, 1e6]), np.radians([30.0, 30.0]), 100.0, 65.0)
    assert found == pytest.approx([0.15385, 1.0], abs=1e-4)


def test_displacement_agrees_with_a_value_worked_by_hand():
    # a_c / a_max = .5: 10^.215 * .5^2.341 * .5^-1.438 = 1.64059 * .53476 = .8773 cm
    assert displacement_cm(np.array([0.2]), 0.4)[0] == pytest.approx(0.8773, abs=1e-3)
    assert displacement_cm(np.array([0.4, 0.9]), 0.4).tolist() == [0, 0]
    # D = 10 cm: .335 (1 - exp(-.048 * 36.728)) = .2775
    assert failure_chance(np.array([10.0]))[0] == pytest.approx(0.2775, abs=1e-3)
    assert failure_chance(np.array([0.0, 1e6])).tolist() == [0, 0.335]


@quick
@given(st.floats(0, 1), st.floats(0, 2), st.floats(0, 2))
def test_stronger_shaking_moves_a_slope_farther(critical, one, other):
    weak, strong = sorted((one, other))
    a, b = (displacement_cm(np.array([critical]), pga)[0] for pga in (weak, strong))
    assert 0 <= a <= b * (1 + 1e-9) + 1e-12


def test_acceleration_agrees_with_a_value_worked_by_hand():
    # M 7 at 20 km: r = 20.304; -1.48 + 1.862 - .922 * 1.30758 = -.82359; 10^ = .1501 g
    assert peak_acceleration(7.0, 20_000) == pytest.approx(0.1501, abs=1e-3)
    assert peak_acceleration(6.0, 20_000) < peak_acceleration(7.0, 20_000)
    assert peak_acceleration(7.0, 50_000) < peak_acceleration(7.0, 20_000)


def test_larger_slides_reach_farther():
    # 1000 m3: 10^(-.047 - .255) = .4989
    assert reach_tangent(np.array([1000.0]))[0] == pytest.approx(0.4989, abs=1e-3)
    assert (np.diff(reach_tangent(np.logspace(0, 7, 20))) < 0).all()


def test_loss_grows_with_depth_from_nothing_to_all():
    # 2 m: (2 / 3.189)^1.746 = .44271; 1 - exp(-1.671 * .44271) = .5228
    assert degree_of_loss(np.array([2.0]))[0] == pytest.approx(0.5228, abs=1e-3)
    depth = np.linspace(0, 12, 50)
    assert degree_of_loss(depth)[0] == 0
    assert degree_of_loss(depth)[-1] > 0.99
    chance = loss_chance(depth)
    assert (np.diff(chance, axis=0) >= 0).all()
    assert (np.diff(chance, axis=1) <= 0).all()
    # D3 is as likely as not where two fifths of the value are lost
    middle = np.interp(0.5, chance[:, 2], depth)
    assert degree_of_loss(np.array([middle]))[0] == pytest.approx(0.4, abs=0.02)


def test_the_slope_of_a_plane_is_its_own():
    i, j = np.indices((40, 40))
    assert slope_of(0.3 * 2.0 * i + 0.4 * 2.0 * j, 2.0)[10:-10, 10:-10] == pytest.approx(
        np.arctan(0.5)
    )


def test_the_area_that_drains_through_a_slope_is_all_of_what_lies_above():
    z = np.repeat(np.arange(20.0)[::-1, None], 15, 1)
    order = np.argsort(-z.ravel(), kind="stable")
    area = contributing(z, order, 2.0)
    # of everything above, nothing is lost, and each row passes it on
    assert area.sum(1) == pytest.approx(15 * 4.0 * np.arange(1, 21))


@pytest.mark.parametrize("trigger", ["rain", "shaking"])
@pytest.mark.parametrize("slope", [0.35, 0.6])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_volume_of_soil_is_kept(trigger, slope, seed):
    city = hillside(slope)
    found = slides(city, LandslideParams(trigger, rain_mm=250.0, pga_g=0.8), seed)
    assert found.count > 0
    gone = found.scar.sum() * 4
    assert found.rest.sum() * 4 + found.away_m3 == pytest.approx(gone, rel=1e-9)
    assert (found.scar >= 0).all()
    assert (found.rest >= 0).all()
    event = landslide(city, LandslideParams(trigger, rain_mm=250.0, pga_g=0.8), seed, hours=0.0)
    net = event.rasters["slide"].values.astype(float).sum() * 4
    assert net == pytest.approx(-found.away_m3, abs=1e-5 * gone)


@pytest.mark.parametrize("facing", range(4))
def test_soil_comes_to_rest_lower_than_it_broke_away(facing):
    city = hillside(0.5, facing=facing)
    found = slides(city, LandslideParams(rain_mm=300.0), 2)
    z = city.dtm.values[0]
    fell = (found.scar * z).sum() / found.scar.sum() - (found.rest * z).sum() / found.rest.sum()
    assert fell > 2


@pytest.mark.parametrize("seed", range(3))
def test_more_rain_only_adds_slides_and_never_spares_a_building(seed):
    city = hillside(0.5)
    before, harmed = None, None
    for rain in (0.0, 60.0, 150.0, 400.0, 1500.0):
        found = slides(city, LandslideParams(rain_mm=rain), seed)
        grade = landslide(city, LandslideParams(rain_mm=rain), seed).buildings["grade_physical"]
        if before is None:
            assert found.count == 0
            assert not grade.any()
        else:
            assert found.count >= before.count
            for name in ("scar", "rest", "passed", "speed"):
                assert (getattr(found, name) >= getattr(before, name) - 1e-9).all(), name
            assert (grade >= harmed).all()
        before, harmed = found, grade
    assert harmed.max() == 5


@pytest.mark.parametrize("seed", range(2))
def test_stronger_shaking_only_adds_slides(seed):
    city = hillside(0.5)
    found = [slides(city, LandslideParams("shaking", pga_g=g), seed) for g in (0.0, 0.2, 0.5, 2.0)]
    assert found[0].count == 0
    assert found[-1].count > 0
    for less, more in pairwise(found):
        assert (more.scar >= less.scar).all()
        assert (more.rest >= less.rest - 1e-9).all()


def test_steeper_hills_of_one_soil_slide_more():
    counts = [slides(hillside(s), LandslideParams(), 0).count for s in (0.1, 0.3, 0.45, 0.7)]
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] > 10


def test_on_level_ground_nothing_slides_and_no_bit_changes():
    city = town("suburb", 0, 160.0)
    for params in (LandslideParams(rain_mm=3000.0), LandslideParams("shaking", pga_g=0.3)):
        event, still = landslide(city, params), calm(city)
        for name in ("buildings", "streets", "bridges", "trees", "objects"):
            assert table_bytes(getattr(event, name)) == table_bytes(getattr(still, name)), name
        assert not any(raster.values.any() for raster in event.rasters.values())


def test_buildings_no_soil_came_near_are_as_they_were():
    city = hillside(0.4)
    event = landslide(city, LandslideParams(rain_mm=200.0), 1)
    clear = event.buildings["intensity"] == 0
    assert clear.any()
    assert not clear.all()
    assert table_bytes(event.buildings[clear]) == table_bytes(calm(city).buildings[clear])
