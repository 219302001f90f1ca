"""A flood on a real town: what the water does, what it leaves, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from geomage.disaster import FAILURES, FloodParams, flood
from geomage.disaster.damage import means_around
from geomage.disaster.event import ids_on
from geomage.disaster.inundation import SOURCES, Peak
from geomage.disaster.recession import flotsam, recede
from geomage.disaster.roads import bridges
from geomage.disaster.shallow import Basin, Scheme, Series, run
from geomage.disaster.submersion import bridge_grades
from geomage.errors import BudgetError, InputError
from towns import plain_town, table_bytes, town

LEVEL = np.zeros((4, 5))


@pytest.fixture(scope="module")
def city():
    return town("suburb", 0, 160.0)


def test_a_higher_flood_never_harms_a_house_less(city):
    events = [flood(city, FloodParams(level)) for level in (0.2, 0.5, 1, 1.6, 2.4, 4, 7)]
    grades = np.array([e.buildings["grade_physical"] for e in events])
    depth = np.array([e.rasters["water_depth"].values[0] for e in events])
    assert (np.diff(grades, axis=0) >= 0).all()
    assert (np.diff(depth, axis=0) >= -1e-5).all()
    seen = [e.buildings["grade_visible"].mean() for e in events]
    assert seen == sorted(seen)
    assert grades[-1].max() >= 3


def test_flood_water_is_level_over_the_terrain(city):
    event = flood(city, FloodParams(1.5), hours=0)
    z, depth = city.dtm.values[0], event.rasters["water_depth"].values[0]
    wet = depth > 0
    assert wet.any()
    assert (z + depth)[wet] == pytest.approx(z.min() + 1.5, abs=1e-3)
    assert np.array_equal(event.intensity.values[0], depth)  # nothing drained
    dry = set(city.buildings["building_id"]) - set(np.unique(ids_on(city)[wet]))
    high = event.buildings["building_id"].isin(dry) & (event.buildings["depth"] == 0)
    assert (event.buildings.loc[high, "grade_physical"] == 0).all()


def test_water_falls_edges_first_and_leaves_mud_where_it_stood(city):
    events = [flood(city, FloodParams(2.5), hours=h) for h in (0, 6, 60, 200, 3000)]
    depth = np.array([e.rasters["water_depth"].values[0] for e in events])
    peak = events[0].intensity.values[0]
    assert (np.diff(depth, axis=0) <= 0).all()
    assert not depth[-1].any()
    assert ((events[-1].rasters["mud"].values[0] > 0) == (peak > 0)).all()
    assert (events[-1].streets["state"] != "flooded").all()
    for event, now in zip(events, depth, strict=True):
        assert np.array_equal(event.intensity.values[0], peak)
        assert not event.rasters["mud"].values[0][now > 0].any()
        assert not event.rasters["wet"].values[0][(now > 0) | (peak == 0)].any()
    wet = [e.rasters["wet"].values[0].max() for e in events]
    assert wet[0] == 0
    assert wet[3] > 0.5
    assert wet[-1] == 0


@pytest.mark.parametrize(("level", "seen"), [(1.0, 0), (2.0, 1)])
def test_what_dried_is_graded_by_the_mud_that_is_seen(city, level, seen):
    event = flood(city, FloodParams(level), hours=3000)  # no water is left
    table, mud = event.buildings, means_around(city, event.rasters["mud"].values[0])
    stood = (table["failure"] == "intact") & (table["depth"] > 0.5)
    stood &= (mud > 0.5) == bool(seen)  # whether it covers most of the ground around
    assert stood.sum() > 5
    assert (table.loc[stood, "grade_visible"] == seen).all()


def test_hollows_keep_their_water_longer(city):
    peak = np.full(city.dtm.values.shape[1:], 1.0, np.float32)
    z = np.full(peak.shape, 10.0, np.float32)
    z[20:30, 20:30] = 9.5
    hollow = city.with_layers(water=city.water.iloc[:0])
    hollow = type(hollow)(
        **{**vars(hollow), "dtm": type(city.dtm)(z[None], city.dtm.box, None, ("height",))}
    )
    still = np.zeros_like(peak)
    left = recede(hollow, Peak(peak, still, still, still), "rain", 72.0)
    assert left.depth[25, 25] == pytest.approx(0.5 - 0.005 * 72)
    assert not left.depth[:15].any()


def test_still_water_sweeps_nothing_away_and_a_wave_does():
    city = town("informal", 0)
    assert not flood(city, FloodParams(6)).buildings["failure"].isin(["swept", "collapse"]).any()
    wave = FloodParams(source="tsunami", wave_m=6.0, period_min=3.0, cell_m=4.0)
    swept = flood(city, wave).buildings
    assert (swept["failure"] == "swept").any()
    assert (swept.loc[swept["failure"] == "swept", "grade_visible"] == 3).all()
    assert (swept.loc[swept["failure"] == "swept", "velocity"] > 0).all()


def test_streets_under_water_are_flooded(city):
    event = flood(city, FloodParams(30))
    here = event.streets.intersects(shapely.box(*city.dtm.box.boundingbox.bbox).buffer(-2.0))
    assert (event.streets.loc[here, "state"] == "flooded").all()
    assert (event.streets.loc[here, "depth"] > 1).all()
    assert set(event.streets.loc[~here, "state"]) <= {"unknown", "flooded"}


def test_water_above_every_roof_destroys_what_is_seen(city):
    event = flood(city, FloodParams(40), hours=0)
    assert (event.buildings["grade_visible"] == 3).all()
    assert (event.buildings["grade_physical"] == 4).all()  # it stands, and nothing in it is whole


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_floods_and_repeats(source):
    city = town("suburb", 16, 160.0)
    params = FloodParams(
        1.0, source, rain_mm_h=200, period_min=2, duration_h=0.05, cell_m=4.0, volume_m3=20_000
    )
    one, other = (flood(city, params, 3, hours=0.2) for _ in range(2))
    assert one.kind == "flood"
    assert table_bytes(one.buildings) == table_bytes(other.buildings)
    assert table_bytes(one.objects) == table_bytes(other.objects)
    depth, speed = one.intensity.values[0], one.rasters["velocity"].values[0]
    assert (depth > 0).any()
    assert np.isfinite(depth).all()
    assert (speed > 0).any() == params.flows
    assert {"arrival", "duration"} <= set(one.rasters) or not params.flows
    if params.flows:
        arrival, under = (one.rasters[n].values[0] for n in ("arrival", "duration"))
        assert (arrival[depth == 0] == -1).all()
        assert arrival.max() <= params.seconds
        assert 0 <= under.max() <= params.seconds * 1.0001
        # what the scheme says in open cells: no faster than waves run there
        assert speed.max() < np.sqrt(2 * 9.81 * depth.max()) + 0.1
    assert one.buildings["failure"].isin(FAILURES).all()
    foam = one.rasters["foam"].values
    assert foam.min() >= 0
    assert foam.max() <= 1


def test_flotsam_lies_where_water_was_and_most_of_it_beside_houses(city):
    deep = np.where(np.indices(city.dtm.values.shape[1:])[0] > 40, 1.5, 0.0).astype(np.float32)
    peak = Peak(deep, deep, deep, deep)
    things = flotsam(1, city, peak)
    assert len(things) > 5
    columns, rows = ~city.dtm.box.affine @ (things.geometry.x, things.geometry.y)
    assert (deep[rows.astype(int), columns.astype(int)] > 0).all()
    near = things.distance(city.buildings.union_all()) < 7
    assert near.mean() > 0.6
    less = np.where(deep > 0, 1.0, 0) * (np.indices(deep.shape)[0] > 60)
    fewer = flotsam(1, city, Peak(less.astype(np.float32), deep, deep, deep))
    assert set(fewer.geometry.to_wkb()) <= set(things.geometry.to_wkb())


def test_a_bridge_falls_when_fast_water_overtops_it():
    city = town("centre", 16, 300.0)
    assert len(bridges(city))
    shape = city.dtm.values.shape[1:]
    deep, fast = np.full(shape, 4.0), np.full(shape, 3.0)
    still = bridge_grades(city, deep, 0 * fast)
    low = bridge_grades(city, 0.05 * deep, fast)
    assert not still.any()
    assert not low.any()
    grades = [bridge_grades(city, f * deep, f * fast) for f in (0.3, 0.6, 1.0, 2.0)]
    assert (np.diff(grades, axis=0) >= 0).all()
    assert grades[-1].max() == 5


def test_a_house_alone_does_not_keep_dry():
    city = plain_town(houses=2)
    assert np.allclose(flood(city, FloodParams(1.0)).buildings["depth"], 1.0)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"ground": LEVEL * np.nan}, "finite"),
        ({"cell_m": 0.0}, "cell"),
        ({"manning": 0.0}, "Manning"),
        ({"depth": LEVEL - 1}, "depth"),
        ({"depth": np.zeros((3, 3))}, "depth"),
        ({"blocked": np.zeros((3, 3), bool)}, "blocked"),
        ({"edges": {"up": "open"}}, "edge"),
        ({"edges": {"west": "closed"}}, "edge"),
        ({"edges": {"west": "level"}}, "level"),
        ({"inflow": Series.steady(1.0)}, "springs"),
        ({"rain": Series.steady(-1.0)}, "rain"),
    ],
)
def test_a_basin_that_cannot_be_is_refused(wrong, says):
    with pytest.raises(InputError, match=says):
        Basin(**{"ground": LEVEL, "cell_m": 2.0} | wrong)


def test_series_and_schemes_that_cannot_be_are_refused():
    for times, values in (((), ()), ((0.0, 0.0), (1.0, 2.0)), ((0.0,), (np.nan,))):
        with pytest.raises(InputError):
            Series(times, values)
    for wrong in ({"alpha": 0.0}, {"theta": 1.5}, {"block": 0}, {"froude": 0.0}):
        with pytest.raises(InputError):
            Scheme(**wrong)
    with pytest.raises(InputError, match="0 s"):
        run(Basin(LEVEL, 2.0), 0.0)


def test_a_grid_over_the_budget_is_refused_before_work_starts():
    with pytest.raises(BudgetError, match="larger cells"):
        run(Basin(LEVEL, 2.0), 10.0, Scheme(memory_bytes=1000))


def test_water_that_has_nowhere_to_come_in_is_said():
    with pytest.raises(InputError, match="at least one cell"):
        run(Basin(LEVEL, 2.0, inflow=Series.steady(1.0), springs=np.zeros(LEVEL.shape, bool)), 10.0)


def test_water_is_graded_by_how_much_of_the_ground_it_hides(city):
    films = arounds = 0
    for level in (0.1, 0.2, 0.4, 0.7, 1.0):
        event = flood(city, FloodParams(level), hours=0)
        table, depth = event.buildings, event.rasters["water_depth"].values[0]
        hides = means_around(city, 1 - np.exp(-depth / 0.15))
        whole = table["failure"] == "intact"
        film, around = whole & (hides > 0.02) & (hides < 0.25), whole & (hides > 0.65)
        assert (table.loc[film, "grade_visible"] == 0).all()
        assert (table.loc[around, "grade_visible"] >= 2).all()
        films, arounds = films + film.sum(), arounds + around.sum()
    assert min(films, arounds) > 3
