"""An eruption on a town: what lava and ash do to roofs, streets and trees, and when it is swept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from geomage.disaster import VolcanoParams, volcano
from geomage.disaster.damage import at_trees, most_around
from geomage.disaster.lava import Lava, rim_distance, uphill_of, vent_place
from geomage.disaster.tephra import _CLASS_KPA, collapse_load, kept_share
from geomage.disaster.volcano import ash_fall, lava_field, vent_azimuth
from geomage.errors import InputError
from geomage.geo import rasterise
from geomage.world.layers import COLUMNS
from towns import plain_town, town

NOTHING = VolcanoParams(60.0, lava_m3=0.0, ash_kg=0.0)


@pytest.fixture(scope="module")
def city():
    return town("suburb", 0, 160.0)


def tilted(city, slope: float, turn_deg: float):
    """The town on a plane that rises towards an azimuth."""
    i, j = np.indices(city.dtm.values.shape[1:]) * 2.0
    turn = np.radians(turn_deg)
    z = 100 + slope * (j * np.sin(turn) - i * np.cos(turn))
    return replace(city, dtm=replace(city.dtm, values=z[None].astype(np.float32)))


@pytest.mark.parametrize("azimuth", [0.0, 90.0, 200.0, 315.0])
def test_the_vent_lies_uphill_where_nothing_else_is_said(city, azimuth):
    slope = tilted(city, 0.1, azimuth)
    assert uphill_of(slope) == pytest.approx(azimuth, abs=0.1)
    assert vent_azimuth(slope, NOTHING) == pytest.approx(azimuth, abs=0.1)
    assert vent_azimuth(slope, replace(NOTHING, azimuth_deg=12.0)) == 12.0
    lava = lava_field(slope, VolcanoParams(60.0, lava_m3=8_000.0))
    i, j = np.indices(lava.thickness.shape) - lava.thickness.shape[0] / 2 + 0.5
    turn = np.radians(azimuth)
    down = -(j * np.sin(turn) - i * np.cos(turn)) * 2.0  # metres from the centre
    mean = (down * lava.thickness).sum() / lava.thickness.sum()
    assert mean > -60 + 15  # from the vent at -60 m it came down


def test_a_town_without_relief_has_no_uphill_and_lava_lies_round_its_vent():
    flat = plain_town()
    assert uphill_of(flat) is None
    bare = flat.with_layers(buildings=flat.buildings.iloc[:0])
    lava = lava_field(bare, VolcanoParams(0.0, lava_m3=3_000.0)).thickness
    rows, columns = np.nonzero(lava)
    assert rows.mean() == pytest.approx(lava.shape[0] / 2, abs=1.5)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=5)


def test_places_of_vents(city):
    a = city.dtm.box.boundingbox
    x, y = vent_place(city, 100.0, 90.0)
    assert (x, y) == pytest.approx(((a.left + a.right) / 2 + 100, (a.bottom + a.top) / 2))
    assert rim_distance(city, (x, y)) == pytest.approx(20)
    assert rim_distance(city, vent_place(city, 70.0, 0.0)) == 0


@pytest.mark.parametrize("distance", [0.0, 60.0, 150.0, 500.0])
def test_lava_that_the_town_does_not_hold_is_counted(city, distance):
    slope = tilted(city, 0.08, 30.0)
    lava = lava_field(slope, VolcanoParams(distance, lava_m3=2e4))
    assert isinstance(lava, Lava)
    assert lava.followed
    assert lava.thickness.sum() * 4 + lava.beyond_m3 == pytest.approx(2e4, rel=1e-9)
    assert lava.thickness.any() == (distance < 500)


def test_lava_from_far_away_is_not_followed(city):
    lava = lava_field(city, VolcanoParams(30_000.0))
    assert not lava.followed
    assert not lava.thickness.any()
    assert lava.beyond_m3 == VolcanoParams().lava_m3


def test_lava_goes_around_a_house_and_over_it_when_it_is_thicker():
    city = plain_town()
    lava = [
        lava_field(city, VolcanoParams(40.0, 0.0, lava_m3=v, yield_pa=y)).thickness
        for v, y in ((3_000.0, 1_000.0), (90_000.0, 9_000.0))
    ]
    house = rasterise(list(city.buildings.geometry.buffer(-2.5)), city.dtm.box).astype(bool)
    assert not lava[0][house].any()
    assert (most_around(city, lava[0]) > 0.3).all()  # it stands against the wall
    assert (lava[1][house] > 0).all()


def test_what_lava_touches_is_lost_with_its_trees_and_streets(city):
    event = volcano(city, VolcanoParams(0.0, lava_m3=9_000.0, ash_kg=0.0))
    lava = event.rasters["lava"].values[0]
    table = event.buildings
    deep = most_around(city, lava) > 2.0
    assert deep.any()
    assert (table.loc[deep, "grade_physical"] == 5).all()
    assert (table.loc[deep, "grade_visible"] == 3).all()
    assert (table.loc[deep, "cause"] == "lava").all()
    assert table.loc[deep, "failure"].isin(["swept", "collapse", "gutted"]).all()
    buried = most_around(city, lava) > 0.6 * city.buildings["height"].to_numpy()
    assert (table.loc[buried, "failure"] == "swept").all()
    under = at_trees(city, lava) > 0
    assert under.any()
    assert (event.trees["standing"] == np.where(under, 0.0, 1.0)).all()
    assert (event.streets["cause"] == "lava").any()


def test_ash_blocks_streets_where_it_is_thick_and_they_are_swept_later(city):
    params = replace(NOTHING, ash_kg=8e9, wind_speed=2.0)
    soon, later = (volcano(city, params, hours=h) for h in (0.0, 30 * 24.0))
    assert (soon.rasters["ash"].values > 0.3).all()
    inside = soon.streets["state"] != "unknown"
    assert (soon.streets.loc[inside, "cause"] == "ash").all()
    assert (later.streets.loc[inside, "state"] == "passable").any()
    assert (later.rasters["ash"].values <= soon.rasters["ash"].values).all()
    assert later.rasters["ash"].values.max() > 0.3  # gardens are not swept
    stands = (soon.buildings["grade_physical"] < 4).to_numpy()
    if stands.any():
        roofs = rasterise(list(city.buildings.geometry[stands].buffer(-1)), city.dtm.box)
        assert (later.rasters["ash"].values[0][roofs.astype(bool)] == 0).any()


def test_ash_comes_from_the_vent_unless_the_wind_says_otherwise(city):
    near = replace(NOTHING, distance_m=3_000.0, azimuth_deg=270.0, ash_kg=1e10)
    with_it, against = (
        ash_fall(city, replace(near, wind_from_deg=wind)).mean() for wind in (270.0, 90.0)
    )
    assert ash_fall(city, near).mean() == pytest.approx(with_it)
    assert with_it > 20 * against
    still = ash_fall(city, replace(near, wind_speed=0.0))
    assert np.isfinite(still).all()
    assert still.mean() < with_it


def test_wet_ash_and_flat_roofs_fare_worse(city):
    params = replace(NOTHING, ash_kg=2e8, wind_speed=2.0)
    flat = city.with_layers(roofs=city.roofs.assign(form="flat"))
    steep = city.with_layers(
        roofs=city.roofs.assign(form="gable", ridge=city.roofs["eave"] + 0.5 * city.roofs["width"])
    )
    grades = {
        name: volcano(where, replace(params, wet=wet)).buildings["grade_physical"].to_numpy()
        for name, where, wet in (
            ("steep", steep, False), ("flat", flat, False), ("flat wet", flat, True)
        )
    }  # fmt: skip
    assert kept_share(flat, wet=False).tolist() == [1.0] * len(city.buildings)
    assert not kept_share(steep, wet=False).any()
    assert not grades["steep"].any()
    assert (grades["flat wet"] >= grades["flat"]).all()
    assert grades["flat wet"].sum() > grades["flat"].sum() > 0


def test_every_material_has_a_class_and_adobe_is_one_weaker(city):
    assert set(_CLASS_KPA) == set(COLUMNS["buildings"].words["material"])
    tiled = city.buildings.assign(material="tile", typology="masonry")
    assert set(collapse_load(city.with_layers(buildings=tiled))) == {3.0}
    weak = city.with_layers(buildings=tiled.assign(typology="adobe"))
    assert collapse_load(weak) == pytest.approx(2.0)


@pytest.mark.parametrize(
    "values",
    [
        {"distance_m": -1.0}, {"distance_m": float("nan")}, {"azimuth_deg": float("inf")},
        {"lava_m3": -5.0}, {"lava_m3": float("nan")}, {"lava_m3": 1e12}, {"yield_pa": 0.0},
        {"ash_kg": -1.0}, {"column_m": 0.0}, {"column_m": 1e6}, {"wind_speed": -1.0},
        {"wind_from_deg": float("nan")}, {"grain_phi": 20.0}, {"grain_sigma": -1.0},
        {"ash_density": 0.0},
    ],
)  # fmt: skip
def test_eruptions_beyond_nature_are_refused(values):
    with pytest.raises(InputError, match=r"choose|give"):
        VolcanoParams(**values)
