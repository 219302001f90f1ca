"""A storm on a real town: which way things fall, what lies where, what blocks a street."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from geomage.disaster import CycloneParams, StormParams, cyclone, storm
from geomage.disaster.damage import values_at
from geomage.disaster.gusts import GALE, indicators
from geomage.disaster.storm import roughness, wind_field
from geomage.errors import InputError
from towns import town


@pytest.fixture(scope="module")
def city():
    return town("suburb", 0, 300.0)


@pytest.fixture(scope="module")
def event(city):
    return storm(city, StormParams(5, 60.0, heading_deg=90.0), 1, hours=1.0)


def turned(one: np.ndarray, other: np.ndarray | float) -> np.ndarray:
    """Angle between directions, degrees -180..180."""
    return (one - other + 180) % 360 - 180


def test_trees_fall_with_the_wind_and_only_where_it_blew_them_down(city, event):
    fall = event.trees["fall"].to_numpy()
    lies = fall >= 0
    assert 20 < lies.sum() < len(fall)
    assert (event.trees["standing"][lies] == 0).all()
    assert (event.trees["standing"][~lies] == 1).all()
    wind = wind_field(city, StormParams(5, 60.0, heading_deg=90.0), 1)
    x, y = city.trees.geometry.x.to_numpy()[lies], city.trees.geometry.y.to_numpy()[lies]
    columns, rows = ~city.dtm.box.affine @ (x, y)
    cells = np.clip(rows, 0, 149).astype(int), np.clip(columns, 0, 149).astype(int)
    assert (wind.speed[cells] >= GALE).all()
    off = turned(fall[lies], wind.towards[cells])
    assert abs(off.mean()) < 8
    assert 15 < off.std() < 35
    # right of the track, to the south, the wind goes along: east
    south = y < city.dtm.box.boundingbox.bottom + 90
    assert np.abs(turned(fall[lies][south], 90.0)).mean() < 60


def test_a_street_is_blocked_by_trees_where_one_lies_across_it(city, event):
    fall = np.radians(event.trees["fall"].to_numpy())
    tall = city.trees["height"].to_numpy() * np.where(fall >= 0, 1, 0)
    foot = shapely.get_coordinates(city.trees.geometry.to_numpy())
    top = foot + tall[:, None] * np.stack([np.sin(fall), np.cos(fall)], 1)
    stems = shapely.linestrings(np.stack([foot, top], 1)[tall >= 3])
    crossed = shapely.STRtree(stems).query(city.streets.geometry.to_numpy(), "intersects")[0]
    by_tree = set(np.flatnonzero(event.streets["cause"] == "tree"))
    assert by_tree
    assert by_tree <= set(crossed)
    assert (event.streets["state"].iloc[sorted(set(crossed))] != "passable").all()


def test_trees_over_streets_are_carted_off_and_none_comes_back(city):
    blocked = []
    lying = []
    for hours in (1.0, 24.0, 240.0, 5000.0):
        event = storm(city, StormParams(5, 60.0, heading_deg=90.0), 1, hours=hours)
        blocked.append(int((event.streets["cause"] == "tree").sum()))
        lying.append((event.trees["fall"] >= 0).to_numpy())
        assert (event.trees["standing"] < 0.5)[lying[-1]].all()
    assert blocked == sorted(blocked, reverse=True)
    assert blocked[0] > blocked[-1] == 0
    assert (np.diff(np.array(lying, int), axis=0) <= 0).all()


def test_roofs_open_from_the_side_the_wind_came_from(city, event):
    hit = (event.buildings["grade_physical"] > 0).to_numpy()
    wind = wind_field(city, StormParams(5, 60.0, heading_deg=90.0), 1)
    towards = values_at(city, wind.towards)[hit]
    off = turned(event.buildings["side"].to_numpy()[hit], 90 - towards)
    assert abs(off.mean()) < 10
    assert 15 < off.std() < 45


def test_boards_lie_downwind_of_what_broke():
    lone = town("industry", 0, 200.0)  # one hall: its boards go north, with the wind
    event = cyclone(lone, CycloneParams(pressure_hpa=870.0, latitude_deg=15.0), 2)
    boards = event.rasters["debris"].values[0].astype(float)
    assert 0 < boards.max() <= 1
    hall = event.buildings[event.buildings["lost"] > 0].geometry.union_all().centroid
    column, row = ~lone.dtm.box.affine @ (hall.x, hall.y)
    rows, columns = np.indices(boards.shape)
    mean = np.array([(boards * rows).sum(), (boards * columns).sum()]) / boards.sum()
    assert mean[0] < row - 2
    assert abs(mean[1] - column) < 8


def test_harder_hit_towns_shed_more(city):
    shares = [
        storm(city, StormParams(ef, 60.0), 0).rasters["debris"].values.mean() for ef in (0, 2, 4, 5)
    ]
    assert shares == sorted(shares)
    assert shares[0] < 0.01 < shares[-1]


def test_a_track_wavers_about_its_straight_line(city):
    straight = wind_field(city, StormParams(4, 30.0, heading_deg=90.0))
    swung = wind_field(city, StormParams(4, 30.0, heading_deg=90.0, waver_m=60.0))
    rows = [w.speed.argmax(0) for w in (straight, swung)]
    assert np.ptp(rows[0]) < 25  # turbulence alone
    assert np.ptp(rows[1]) > np.ptp(rows[0]) + 10
    assert straight.speed.max() == pytest.approx(swung.speed.max(), rel=0.1)


def test_mobile_homes_are_known_by_their_plan():
    city = town("mobile", 0)
    names = indicators(city)
    mobile = (city.buildings["plan"] == "mobile").to_numpy()
    assert mobile.any()
    assert set(names[mobile]) <= {"MHSW", "MHDW"}
    assert not {*names[~mobile]} & {"MHSW", "MHDW"}
    grade = storm(city, StormParams(2, 150.0), 0).buildings["grade_physical"].to_numpy()
    plain = city.with_layers(buildings=city.buildings.assign(plan="box"))
    house = storm(plain, StormParams(2, 150.0), 0).buildings["grade_physical"].to_numpy()
    assert (grade >= house).all()
    assert grade[mobile].mean() > house[mobile].mean() + 0.5


def test_a_built_up_town_is_rougher_than_a_village(city):
    assert roughness(town("village", 1)).max() < 0.3
    rough = [roughness(t).mean() for t in (city, town("centre", 0))]
    assert 0.05 <= rough[0] < rough[1] <= 1
    empty = town("village", 7)
    assert (roughness(empty) == 0.05).all()


@pytest.mark.parametrize(
    ("params", "values", "said"),
    [
        (StormParams, {"ef": 6}, "EF6"),
        (StormParams, {"radius_m": float("inf")}, "inf m"),
        (StormParams, {"forward_speed": -1.0}, "-1 m/s"),
        (StormParams, {"ef": 0, "forward_speed": 20.0}, "0 to 16.5"),
        (StormParams, {"waver_m": 500.0}, "0 to 200"),
        (StormParams, {"waver_m": float("nan")}, "nan"),
        (CycloneParams, {"pressure_hpa": 1020.0}, "1020 hPa"),
        (CycloneParams, {"pressure_hpa": 700.0}, "700 hPa"),
        (CycloneParams, {"pressure_hpa": float("nan")}, "nan hPa"),
        (CycloneParams, {"rmw_km": 0.0}, "3 to 200"),
        (CycloneParams, {"b": 9.0}, "0.5 to 3"),
        (CycloneParams, {"forward_speed": 80.0}, "0 to 30"),
        (CycloneParams, {"latitude_deg": 75.0}, "-60 to 60"),
        (CycloneParams, {"latitude_deg": float("nan")}, "nan"),
        (CycloneParams, {"offset_km": float("inf")}, "finite"),
    ],
)
def test_storms_beyond_nature_are_refused_with_what_to_do(params, values, said):
    with pytest.raises(InputError, match=said.replace("(", "\\(")):
        params(**values)


def test_an_unknown_typology_is_refused(city):
    strange = city.with_layers(buildings=city.buildings.assign(typology="straw"))
    with pytest.raises(InputError, match="straw"):
        storm(strange, StormParams())
