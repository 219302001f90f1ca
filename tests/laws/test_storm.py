"""Wind obeys its formulas, and what it breaks follows the gust: tornado, cyclone, fragility."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geomage.disaster import CycloneParams, StormParams, calm, cyclone, storm
from geomage.disaster.gusts import BETA, GALE, INDICATORS, MPH, gust_chances, tree_chance
from geomage.disaster.storm import wind_field
from geomage.disaster.vulnerability import draws, grades
from geomage.disaster.wind import (
    cyclone_passage,
    holland_wind,
    inflow_angle,
    terrain_factor,
    tornado_field,
    tornado_profile,
)
from towns import table_bytes, town

quick = settings(max_examples=12, deadline=None, derandomize=True)
ORACLE = Path(__file__).parents[1] / "data" / "oracles" / "holland.json"
STRENGTHS = ["adobe", "timber", "masonry", "reinforced concrete"]

# McDonald and Mehta (2006), appendix A, FR12: degree of damage, expected, lower, upper bound, mph
FR12 = {
    1: (65, 53, 80), 2: (79, 63, 97), 4: (97, 81, 116), 6: (122, 104, 142), 8: (152, 127, 178),
    10: (200, 165, 220),
}  # fmt: skip
# the same table, manufactured homes, single wide (indicator 3)
MHSW = {1: (61, 51, 76), 2: (74, 61, 92), 4: (89, 73, 112), 5: (98, 84, 114), 6: (105, 87, 123)}


def grades_of(event) -> np.ndarray:
    return event.buildings["grade_physical"].to_numpy()


def test_holland_agrees_with_values_worked_by_hand():
    # dp 6000 Pa, R 30 km, B 1.5, f 0. At R: sqrt(1.5 * 6000 / (1.15 e)) = 53.657
    assert holland_wind(np.array(30e3), 6000, 30e3, 1.5) == pytest.approx(53.657, abs=1e-3)
    # at 60 km: x = .5^1.5 = .353553; 7826.09 * .353553 * exp(-.353553) = 1942.93; root 44.079
    assert holland_wind(np.array(60e3), 6000, 30e3, 1.5) == pytest.approx(44.079, abs=1e-3)
    # with f = 5e-5 there: r f / 2 = 1.5; sqrt(1942.93 + 2.25) - 1.5 = 42.604
    assert holland_wind(np.array(60e3), 6000, 30e3, 1.5, 5e-5) == pytest.approx(42.604, abs=1e-3)


def test_holland_agrees_with_another_code():
    said = json.loads(ORACLE.read_text())
    for case in said["cases"]:
        args = [case[name] for name in ("deficit_pa", "rmw_m", "b", "f")]
        ours = holland_wind(np.array(said["r_m"]), *args)
        assert ours == pytest.approx(case["wind"], rel=1e-9)


@quick
@given(st.floats(0, 12_000), st.floats(5e3, 9e4), st.floats(0.8, 2.5))
def test_a_cyclone_blows_hardest_at_its_radius_of_maximum_wind(deficit, rmw, b):
    r = rmw * np.exp(np.linspace(-2, 2, 401))  # the middle one is rmw
    v = holland_wind(r, deficit, rmw, b)
    assert v.max() == pytest.approx(np.sqrt(b * deficit / (1.15 * np.e)), rel=1e-12, abs=1e-12)
    assert v[200] == pytest.approx(v.max())
    assert (np.diff(v[200:]) <= 1e-12).all()
    assert (np.diff(v[:201]) >= -1e-12).all()
    assert (holland_wind(r, deficit, rmw, b, 1e-4) <= v + 1e-12).all()
    turned, deeper = (holland_wind(r, more * deficit, rmw, b, 1e-4) for more in (1.0, 1.1))
    assert (deeper >= turned).all()


def test_inflow_is_that_of_sobey():
    assert inflow_angle(np.array([0, 0.5, 1, 1.1, 1.2, 4])) == pytest.approx(
        [0, 5, 10, 17.5, 25, 25]
    )


def passage(x_km: float, latitude: float = 20.0, travel: float = 6.0) -> tuple[float, float]:
    """Strongest wind and its direction x km to the right of a track that comes by."""
    steps = np.linspace(-150e3, 150e3, 301) if travel > 0 else np.zeros(1)
    track = np.stack([np.zeros_like(steps), steps], 1)
    speed, turn = cyclone_passage(
        np.array([[1000 * x_km, 0.0]]), track, (6000.0, 30e3, 1.4), latitude, travel
    )
    return float(speed[0]), float(turn[0])


@pytest.mark.parametrize("x_km", [15, 30, 80])
def test_a_cyclone_blows_harder_right_of_its_track_in_the_north_and_left_in_the_south(x_km):
    assert passage(x_km)[0] > passage(-x_km)[0] + 1
    assert passage(x_km, -20)[0] < passage(-x_km, -20)[0] - 1
    assert passage(x_km)[0] == pytest.approx(passage(-x_km, -20)[0])


@pytest.mark.parametrize("x_km", [15, 30, 80])
def test_a_cyclone_that_stands_still_blows_alike_on_all_sides(x_km):
    assert passage(x_km, travel=0)[0] == pytest.approx(passage(-x_km, travel=0)[0])
    # counter-clockwise: to its right the wind goes ahead, turned inwards (left) by the inflow
    inwards = float(inflow_angle(np.array(x_km / 30)))
    assert passage(x_km, travel=0)[1] == pytest.approx(-inwards)


def test_rougher_land_is_calmer():
    z0 = np.array([0.05, 0.1, 0.3, 1.0])
    factor = terrain_factor(z0)
    assert factor[0] == pytest.approx(1)
    assert (np.diff(factor) < 0).all()
    # z0 = .3: .19 * 6^.07 * ln(33.33) * sqrt(1 + 7 / ln 33.33) = 1.3064; open: 1.5325
    assert factor[2] == pytest.approx(0.8525, abs=1e-3)


@quick
@given(st.floats(0, 0.5))
def test_a_tornado_peaks_by_the_edge_of_its_core_and_falls_to_both_sides(share):
    across = np.concatenate([-(1.2 ** np.arange(30, -1, -1)), [0.0], 1.2 ** np.arange(31)])
    gust, _ = tornado_profile(across, share)
    right, left = gust[across >= 1], gust[across <= -1][::-1]
    assert (np.diff(right) < 0).all()
    assert (np.diff(left) < 0).all()
    assert (left <= right + 1e-9).all()  # it turns counter-clockwise
    assert gust.max() <= 1 + 1e-12
    assert tornado_profile(np.linspace(0.5, 1.1, 61), share)[0].max() == pytest.approx(1, abs=0.01)


def test_a_tornado_that_stands_still_is_round():
    across = np.array([0.3, 1.0, 2.5, 9.0])
    right, left = (tornado_profile(side * across, 0.0)[0] for side in (1, -1))
    assert right == pytest.approx(left)
    assert right[1:] == pytest.approx(across[1:] ** -0.67, rel=1e-3)


def test_wind_right_of_a_tornado_goes_along_with_it_and_left_of_it_comes_in():
    _, turn = tornado_profile(np.array([-3.0, 3.0]), 0.2)
    assert abs(turn[1]) < 30
    assert turn[0] > 90  # from ahead or from the left, towards the track


@quick
@given(st.integers(0, 4), st.floats(0, 16), st.floats(-6, 6))
def test_a_stronger_tornado_is_stronger_everywhere(ef, travel, place):
    from geomage.disaster.storm import _EF_WIND

    across, heading = np.array([[60 * place]]), np.zeros((1, 1))
    weak, strong = (
        tornado_field(across, heading, peak, 60.0, travel).speed for peak in _EF_WIND[ef : ef + 2]
    )
    assert (weak <= strong).all()


def test_the_fragility_of_houses_is_the_published_one():
    for published, name in ((FR12, "FR12"), (MHSW, "MHSW")):
        kind = INDICATORS[name]
        for degree, expected, bounds in zip(kind.degrees, kind.expected, kind.bounds, strict=True):
            assert (expected, *bounds) == published[degree], (name, degree)
    assert INDICATORS["FR12"].swept == FR12[10][0]


def test_an_expected_gust_damages_half_and_its_bounds_a_tenth():
    city = town("suburb", 0, 160.0)
    plain = city.with_layers(
        buildings=city.buildings.assign(typology="timber", plan="box", use="residential"),
        roofs=city.roofs.assign(form="gable"),
    )
    n = len(plain.buildings)
    for row, degree in enumerate((1, 2, 4, 6, 8, 10)):
        expected, low, high = (MPH * v for v in FR12[degree])
        assert gust_chances(plain, np.full(n, expected))[:, row] == pytest.approx(0.5)
        if row in (2, 3, 4):
            assert gust_chances(plain, np.full(n, low))[0, row] == pytest.approx(0.1, abs=0.05)
            assert gust_chances(plain, np.full(n, high))[0, row] == pytest.approx(0.9, abs=0.05)
    hipped = plain.with_layers(roofs=plain.roofs.assign(form="hip"))
    gust = np.full(n, 50.0)
    assert (gust_chances(hipped, gust)[:, 2:4] < gust_chances(plain, gust)[:, 2:4]).all()


@pytest.mark.parametrize("name", INDICATORS)
def test_degrees_rise_and_lie_within_their_bounds(name):
    kind = INDICATORS[name]
    assert (np.diff([*kind.expected, kind.swept]) > 0).all()
    assert all(lo < e < hi for e, (lo, hi) in zip(kind.expected, kind.bounds, strict=True))
    assert 0.1 < BETA < 0.16


def test_a_tree_falls_as_often_as_surveys_say():
    # Environment Canada (2013), C-2: a fifth at 150 km/h, half at 190, four fifths at 235
    share = tree_chance(np.array([150, 190, 235]) / 3.6)
    assert share == pytest.approx([0.2, 0.5, 0.8], abs=0.03)
    assert tree_chance(np.zeros(2)).tolist() == [0, 0]


@quick
@given(st.floats(0, 120), st.floats(0, 120), st.integers(0, 5))
def test_no_building_fares_better_in_a_stronger_gust_or_of_a_weaker_typology(one, other, seed):
    city = town("suburb", 0)
    u = draws(seed, "wind", city.buildings["building_id"].to_numpy())
    weak, strong = (np.full(len(u), gust) for gust in sorted((one, other)))
    last = None
    for typology in STRENGTHS:
        of_one = city.with_layers(buildings=city.buildings.assign(typology=typology))
        chance = gust_chances(of_one, strong)
        assert (np.diff(chance, axis=1) <= 0).all()
        less, more = (grades(gust_chances(of_one, g)[:, :5], u) for g in (weak, strong))
        assert (less <= more).all()
        assert last is None or (chance <= last + 1e-12).all()
        last = chance


def test_a_mobile_home_and_a_shed_fare_worse_than_a_house():
    city = town("suburb", 0)
    n = len(city.buildings)
    timber = city.buildings.assign(typology="timber", plan="box", use="residential")
    for gust in (30.0, 40.0, 50.0, 70.0):
        house = gust_chances(city.with_layers(buildings=timber), np.full(n, gust))[:, :5]
        for other in ({"plan": "mobile"}, {"use": "outbuilding"}):
            chance = gust_chances(
                city.with_layers(buildings=timber.assign(**other)), np.full(n, gust)
            )
            assert (chance[:, :5] >= house).all()


def test_no_wind_does_nothing():
    city = town("suburb", 0)
    still = calm(city)
    for event in (
        cyclone(city, CycloneParams(pressure_hpa=1010.0)),
        cyclone(city, CycloneParams(offset_km=9000.0)),
        storm(city, StormParams(5, offset_m=80_000.0)),
    ):
        for name in ("buildings", "streets", "bridges", "trees", "objects"):
            assert table_bytes(getattr(event, name)) == table_bytes(getattr(still, name)), name
        assert not event.intensity.values.any()
        assert not any(raster.values.any() for raster in event.rasters.values())


def test_out_of_a_tornados_reach_not_a_bit_changes():
    city = town("suburb", 0, 300.0)
    params = StormParams(3, 8.0, heading_deg=90, offset_m=110.0)
    event, still = storm(city, params, 2), calm(city)
    gust = event.intensity.values[0]
    out = gust == 0
    assert 0.2 < out.mean() < 0.9
    assert (gust[~out] >= GALE - 1e-3).all()
    away = (event.buildings["intensity"] == 0).to_numpy()
    assert 3 < away.sum() < len(away) - 3
    assert (event.buildings["grade_physical"][~away] > 0).any()
    assert table_bytes(event.buildings[away]) == table_bytes(still.buildings[away])
    fixed = event.trees["fall"] < 0
    assert (event.trees.loc[fixed, "standing"] == 1).mean() > 0.9
    x, y = city.trees.geometry.x, city.trees.geometry.y
    columns, rows = ~city.dtm.box.affine @ (x.to_numpy(), y.to_numpy())
    calmly = out[np.clip(rows.astype(int), 0, 149), np.clip(columns.astype(int), 0, 149)]
    assert (event.trees.loc[calmly, "standing"] == 1).all()


@pytest.mark.parametrize("seed", range(2))
def test_a_deeper_cyclone_never_harms_a_building_or_a_tree_less(seed):
    city = town("suburb", 0)
    events = [
        cyclone(city, CycloneParams(pressure_hpa=p), seed, hours=1.0)
        for p in (1000, 980, 960, 940, 920, 890)
    ]
    assert (np.diff([grades_of(e) for e in events], axis=0) >= 0).all()
    assert (np.diff([e.trees["standing"] for e in events], axis=0) <= 0).all()
    assert grades_of(events[0]).max() <= 2
    assert grades_of(events[-1]).min() >= 2


def test_the_wind_of_a_town_goes_round_the_cyclone():
    city = town("suburb", 0)
    # it goes north, 30 km to the left: the town lies to its right, the wind goes north and inwards
    wind = wind_field(city, CycloneParams(latitude_deg=25.0))
    away = (wind.towards + 180) % 360 - 180
    assert (np.abs(away) < 45).all()
    south = wind_field(city, CycloneParams(latitude_deg=-25.0, offset_km=30.0))
    away = (south.towards + 180) % 360 - 180
    assert (np.abs(away) < 45).all()
    assert wind.speed.mean() == pytest.approx(south.speed.mean(), rel=1e-6)
