"""Each hazard on a real town: what it says of buildings, streets and trees hangs together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely

from geomage.disaster import (
    FAILURES,
    VISIBLE_OF_PHYSICAL,
    EarthquakeParams,
    FireParams,
    FloodParams,
    LandslideParams,
    StormParams,
    VolcanoParams,
    calm,
    earthquake,
    fire,
    flood,
    landslide,
    storm,
    volcano,
)
from geomage.disaster.earthquake import VULNERABILITY
from geomage.errors import InputError
from geomage.geo import rasterise
from towns import plain_town, table_bytes, town

STRIKES = {
    "earthquake": lambda city, seed=0: earthquake(city, EarthquakeParams(7.4, 2_000, 8), seed),
    "fire": lambda city, seed=0: fire(city, FireParams(15, 45, 6, 5.0), seed),
    "flood": lambda city, seed=0: flood(city, FloodParams(2.5), seed),
    "surge": lambda city, seed=0: flood(
        city, FloodParams(source="tsunami", wave_m=4.0), seed, hours=1.0
    ),
    "storm": lambda city, seed=0: storm(city, StormParams(4, 40), seed),
    "volcano": lambda city, seed=0: volcano(
        city, VolcanoParams(50.0, lava_m3=6_000.0, ash_kg=2e9), seed
    ),
    "landslide": lambda city, seed=0: landslide(steep(city), LandslideParams(rain_mm=300.0), seed),
}
UNITS = {
    "earthquake": "EMS-98 intensity", "fire": "kW/m", "flood": "m",
    "surge": "m", "storm": "m/s", "volcano": "m of lava or ash", "landslide": "m of soil",
}  # fmt: skip


def steep(city):
    """The same town on a hillside."""
    i, j = np.indices(city.dtm.values.shape[1:]) * 2.0
    z = 200 - 0.5 * i + 7 * (np.sin(i / 25) + np.sin(j / 20))
    return replace(city, dtm=replace(city.dtm, values=z[None].astype(np.float32)))


@pytest.fixture(scope="module")
def city():
    return town("suburb", 0, 160.0)


@pytest.fixture(scope="module", params=STRIKES)
def event(request, city):
    return STRIKES[request.param](city)


def of_one_typology(city, typology: str):
    return city.with_layers(buildings=city.buildings.assign(typology=typology))


def test_the_table_follows_the_city(event, city):
    assert event.buildings["building_id"].tolist() == city.buildings["building_id"].tolist()
    assert event.buildings.geometry.geom_equals(city.buildings.geometry).all()
    assert len(event.streets) == len(city.streets)
    assert len(event.trees) == len(city.trees)
    assert event.city.buildings is city.buildings


def test_values_are_within_their_ranges(event):
    table = event.buildings
    assert table["grade_physical"].isin(range(6)).all()
    assert table["grade_visible"].isin(range(4)).all()
    assert table["failure"].isin(FAILURES).all()
    assert (table["intensity"] >= 0).all()
    assert (table["depth"] >= 0).all()
    assert table["lost"].between(0, 1.2).all()
    assert table["sink"].between(0.1, 1).all()
    assert table["tarp"].isin([0, 1]).all()
    assert event.trees["standing"].between(0, 1).all()
    assert event.trees["scorched"].between(0, 1).all()
    assert event.streets["state"].isin(["passable", "blocked", "flooded", "unknown"]).all()


def test_rasters_lie_on_the_terrain_and_are_finite(event, city):
    for name, raster in {**event.rasters, "intensity": event.intensity}.items():
        assert raster.box == city.dtm.box, name
        assert raster.values.shape == city.dtm.values.shape, name
        assert np.isfinite(raster.values).all(), name
    for name in {"debris", "burn", "mud"} & set(event.rasters):
        values = event.rasters[name].values
        assert values.min() >= 0, name
        assert values.max() <= 1, name


def test_only_what_was_struck_hard_fails(event):
    table = event.buildings
    whole = table["failure"] == "intact"
    assert (table.loc[whole, ["lost", "rubble", "tarp"]] == 0).all().all()
    assert (table.loc[whole, "sink"] == 1).all()
    assert (table.loc[~whole, "grade_physical"] >= 3).all()
    assert (table.loc[~whole & (table["failure"] != "cracked"), "grade_visible"] >= 1).all()
    assert (table.loc[table["grade_physical"] == 0, "cause"] == "none").all()
    assert (table.loc[table["grade_physical"] > 0, "cause"] != "none").all()


@pytest.mark.parametrize("hazard", ["fire", "storm"])
def test_the_visible_grade_follows_the_physical_one(hazard, city):
    table = STRIKES[hazard](city).buildings
    seen = VISIBLE_OF_PHYSICAL[table["grade_physical"].to_numpy()]
    assert table["grade_visible"].tolist() == seen.tolist()


def test_visible_grades_are_those_of_the_design():
    assert VISIBLE_OF_PHYSICAL.tolist() == [0, 0, 0, 1, 2, 3]


@pytest.mark.parametrize("hazard", STRIKES)
def test_the_same_seed_gives_the_same_event_and_another_seed_another(hazard, city):
    one, again, other = (STRIKES[hazard](city, seed) for seed in (4, 4, 5))
    for name in ("buildings", "streets", "trees"):
        assert table_bytes(getattr(one, name)) == table_bytes(getattr(again, name)), name
    assert one.intensity.values.tobytes() == again.intensity.values.tobytes()
    assert {n: r.values.tobytes() for n, r in one.rasters.items()} == {
        n: r.values.tobytes() for n, r in again.rasters.items()
    }
    if hazard != "flood":  # still water leaves nothing to chance in a town that all stands
        assert table_bytes(one.buildings) != table_bytes(other.buildings)


@pytest.mark.parametrize("hazard", STRIKES)
def test_striking_leaves_the_city_as_it_was(hazard):
    city = town("suburb", 0, 160.0)
    kept = table_bytes(city.buildings), table_bytes(city.trees), city.dtm.values.tobytes()
    event = STRIKES[hazard](city)
    assert (table_bytes(city.buildings), table_bytes(city.trees), city.dtm.values.tobytes()) == kept
    assert event.unit == UNITS[hazard]
    assert event.parameters["seed"] == 0


def test_a_calm_event_changes_nothing(city):
    event = calm(city)
    table = event.buildings
    assert not table[["grade_physical", "grade_visible", "intensity", "depth", "lost"]].any().any()
    assert (table["failure"] == "intact").all()
    assert (table["cause"] == "none").all()
    assert event.streets["state"].isin(["passable", "unknown"]).all()
    assert (event.trees["standing"] == 1).all()
    assert not event.trees["scorched"].any()
    assert not event.intensity.values.any()
    assert not event.rasters


@pytest.mark.parametrize("hazard", STRIKES)
def test_a_town_without_buildings_can_be_struck(hazard):
    empty = town("village", 7)
    assert len(empty.buildings) == 0
    event = STRIKES[hazard](empty)
    assert len(event.buildings) == 0
    assert len(event.trees) == len(empty.trees)


@pytest.mark.parametrize("seed", range(3))
def test_every_building_fares_worse_the_higher_the_scale_of_a_storm(city, seed):
    grades = [
        storm(city, StormParams(ef, 40), seed).buildings["grade_physical"].to_numpy()
        for ef in range(6)
    ]
    assert (np.diff(grades, axis=0) >= 0).all()
    assert grades[0].max() <= 3
    assert grades[5].max() == 5


@pytest.mark.parametrize("hazard", ["storm", "fire"])
def test_no_building_of_a_stronger_typology_fares_worse(hazard, city):
    order = {
        "storm": ["adobe", "timber", "masonry", "reinforced concrete"],
        "fire": ["timber", "masonry", "adobe", "steel"],
    }[hazard]
    grades = [
        STRIKES[hazard](of_one_typology(city, t)).buildings["grade_physical"].to_numpy()
        for t in order
    ]
    assert (np.diff(grades, axis=0) <= 0).all()
    assert grades[0].sum() > grades[-1].sum()


def test_storm_fells_trees_on_its_track_and_throws_debris_around_what_fell(city):
    event = storm(city, StormParams(5, 25, heading_deg=90))
    # a track to the east: rows near the middle are struck, the borders hardly
    wind = event.intensity.values[0].mean(1)
    assert wind.argmax() in range(25, 55)
    assert wind[[0, -1]].max() < wind.max()
    assert event.trees["standing"].mean() < 1
    fallen = event.buildings["failure"].isin(["collapse", "partial", "cover"])
    debris = event.rasters["debris"].values[0]
    assert fallen.any()
    shapes = event.buildings.geometry[fallen.to_numpy()].to_numpy()
    around = shapely.union_all(shapes).buffer(4.0)
    near = rasterise([around], city.dtm.box).astype(bool)
    assert debris[near].mean() > 1.2 * debris[~near].mean()


def test_a_house_alone_on_asphalt_does_not_drown():
    assert np.allclose(flood(plain_town(houses=2), FloodParams(1.0)).buildings["depth"], 1.0)


@pytest.mark.parametrize(
    ("params", "values"),
    [
        (StormParams, {"ef": 6}),
        (StormParams, {"ef": -1}),
        (StormParams, {"radius_m": 0.0}),
        (StormParams, {"radius_m": float("nan")}),
        (StormParams, {"heading_deg": float("inf")}),
        (FloodParams, {"level_m": 0.0}),
        (FloodParams, {"level_m": float("nan")}),
        (FloodParams, {"level_m": float("inf")}),
        (FloodParams, {"source": "spring"}),
        (FloodParams, {"discharge_m3s": -1.0}),
        (FloodParams, {"rain_mm_h": float("nan")}),
        (FloodParams, {"reservoir_m": 0.0}),
        (FloodParams, {"volume_m3": float("inf")}),
        (FloodParams, {"surge_m": 40.0}),
        (FloodParams, {"wave_m": 0.0}),
        (FloodParams, {"period_min": 0.0}),
        (FloodParams, {"duration_h": -1.0}),
        (FloodParams, {"from_deg": float("nan")}),
        (FloodParams, {"cell_m": -2.0}),
    ],
)
def test_hazards_beyond_nature_are_refused(params, values):
    with pytest.raises(InputError):
        params(**values)


def test_every_typology_that_grows_is_known_to_every_hazard():
    from geomage.disaster.gusts import _OF_TYPOLOGY
    from geomage.world.buildings import _SHEET_TOWNS, _TYPOLOGY

    grown = set(_TYPOLOGY.values()) | set(_SHEET_TOWNS.values())
    assert grown <= set(VULNERABILITY)
    assert grown <= set(_OF_TYPOLOGY)
