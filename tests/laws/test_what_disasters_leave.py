"""What every hazard shares: one lasting draw per asset, rubble that keeps its volume, a picture
that changes where the hazard was and nowhere else, and time that heals.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from geomage.disaster import FAILURES, calm
from geomage.disaster.aftermath import cleared_share, recovered, tarped_share, tents
from geomage.disaster.damage import SHOWS, Struck, build_event, fail, untouched
from geomage.disaster.debris import cover_of, spill, spilled_volume
from geomage.disaster.event import VISIBLE_OF_PHYSICAL
from geomage.disaster.roads import bridge_states, bridges, street_states
from geomage.disaster.vulnerability import (
    binomial_grades,
    by_typology,
    draws,
    grades,
    lognormal_grades,
)
from geomage.errors import InputError
from geomage.render import Appearance, paint, stage_box, stage_noise
from geomage.render import _kernels_roofs as kernel
from geomage.render.assets import _MATERIALS
from geomage.render.matter import MATTER
from towns import plain_town, town

quick = settings(max_examples=50, deadline=None, derandomize=True)


def test_draws_are_uniform_and_independent_by_purpose():
    ids = np.arange(1, 20_001)
    one, other = draws(3, "grade", ids), draws(3, "side", ids)
    assert stats.kstest(one, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.03
    assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < 0.03
    assert abs(np.corrcoef(one, draws(4, "grade", ids))[0, 1]) < 0.03


@quick
@given(st.integers(0, 2**63), st.lists(st.integers(1, 10**7), min_size=1, max_size=9))
def test_a_draw_does_not_hang_on_its_neighbours(seed, ids):
    together = draws(seed, "grade", np.array(ids))
    alone = [float(draws(seed, "grade", np.array([i]))[0]) for i in ids]
    assert together.tolist() == alone
    assert ((together >= 0) & (together < 1)).all()


@quick
@given(st.floats(0, 5), st.floats(0, 5), st.integers(0, 99))
def test_no_asset_fares_better_when_more_is_expected(one, other, seed):
    little, much = sorted((one, other))
    u = draws(seed, "grade", np.arange(200))
    low, high = (grades(binomial_grades(np.full(200, m)), u) for m in (little, much))
    assert (low <= high).all()


def test_grades_of_a_mean_are_binomial():
    u = draws(1, "grade", np.arange(40_000))
    found = np.bincount(grades(binomial_grades(np.full(40_000, 1.7)), u), minlength=6) / 40_000
    assert found == pytest.approx(stats.binom.pmf(np.arange(6), 5, 0.34), abs=0.01)


def test_fragility_is_one_half_at_its_median_and_nothing_at_zero():
    chance = lognormal_grades(np.array([0.0, 50.0]), np.array([50.0, np.inf]), 0.2)
    assert chance.tolist() == [[0.0, 0.0], [0.5, 0.0]]


def test_an_unknown_typology_is_named():
    city = town("suburb", 0)
    strange = city.with_layers(buildings=city.buildings.assign(typology="straw"))
    with pytest.raises(InputError, match=r"building \d+ is of the unknown typology .straw.: set"):
        by_typology(strange, {"timber": 1.0})


def all_failed(city, name: str, grade: int = 5) -> gpd.GeoDataFrame:
    table = untouched(city)
    table["grade_physical"] = grade
    fail(0, table, city, {grade: {name: 1.0}})
    return table


def test_what_is_seen_is_the_grade_lowered_where_the_failure_hides():
    city = town("suburb", 0)
    assert set(SHOWS) == set(FAILURES)
    for name in ("collapse", "soft_storey", "cover", "cracked"):
        table = all_failed(city, name)
        assert (table["failure"] == name).all()
        assert (table["grade_visible"] == min(VISIBLE_OF_PHYSICAL[5], SHOWS[name])).all()


def test_rubble_keeps_its_volume_on_free_ground_within_reach():
    city = plain_town(200.0, houses=2)
    table = all_failed(city, "collapse")
    height = spill(city, table)
    cell = city.dtm.box.affine.a**2
    assert height.sum() * cell == pytest.approx(spilled_volume(city, table).sum(), rel=1e-5)
    x, y = city.dtm.box.affine @ (np.indices(height.shape)[::-1] + 0.5)
    away = shapely.distance(shapely.points(x, y), city.buildings.union_all())
    assert (away[height > 0] <= 4.0 + 1e-9).all()  # two thirds of 6 m
    assert not height[away == 0].any()
    assert not spill(city, untouched(city)).any()
    assert cover_of(np.array([0.0, 9.0])) == pytest.approx([0, 1])


def street(x0, y0, x1, y1, width=6.0) -> gpd.GeoDataFrame:
    line = shapely.LineString([(x0, y0), (x1, y1)])
    return gpd.GeoDataFrame(
        {"kind": ["residential"], "surface": ["asphalt"], "width": [width]},
        geometry=[line],
        crs="EPSG:32631",
    )


@pytest.fixture
def road():
    """A level town with one street of 6 m from west to east below its house."""
    city = plain_town(200.0)
    box = city.dtm.box.boundingbox
    middle = (box.bottom + box.top) / 2 - 40
    return city.with_layers(streets=street(box.left + 5, middle, box.right - 5, middle))


def zones(city, west: float, south: float, east: float, north: float) -> np.ndarray:
    """1 in a rectangle, metres from the south-west corner."""
    field = np.zeros(city.dtm.box.shape.yx, np.float32)
    ny = len(field)
    a = abs(city.dtm.box.affine.a)
    field[ny - int(north / a) : ny - int(south / a), int(west / a) : int(east / a)] = 1
    return field


def state_of(city, fields, obstacles=None):
    streets = street_states(city, fields, bridge_states(city), obstacles)
    return streets["state"].iloc[0], streets["cause"].iloc[0]


def test_a_street_is_blocked_where_no_lane_is_left(road):
    whole, half = zones(road, 80, 50, 90, 70), zones(road, 80, 61, 90, 70)
    assert state_of(road, {}) == ("passable", "none")
    assert state_of(road, {"debris_height": whole}) == ("blocked", "debris")
    assert state_of(road, {"debris_height": half}) == ("passable", "none")
    assert state_of(road, {"debris_height": 0.2 * whole}) == ("passable", "none")
    assert state_of(road, {"lava": whole}) == ("blocked", "lava")
    assert state_of(road, {"slide": whole}) == ("blocked", "landslide")
    assert state_of(road, {"slide": -whole}) == ("passable", "none")
    assert state_of(road, {"water_depth": 0.1 * whole}) == ("passable", "none")


def test_a_flooded_street_says_how_deep(road):
    fields = {"water_depth": 0.7 * zones(road, 80, 50, 90, 70)}
    table = street_states(road, fields, bridge_states(road))
    assert table["state"].tolist() == ["flooded"]
    assert table["cause"].tolist() == ["water"]
    assert table["depth"].to_numpy() == pytest.approx([0.7])


def test_a_tree_across_the_street_blocks_it(road):
    line = road.streets.geometry.iloc[0]
    at = line.interpolate(50)
    trunks = gpd.GeoDataFrame(
        {"cause": ["tree"]},
        geometry=[shapely.LineString([(at.x, at.y - 8), (at.x, at.y + 8)])],
        crs=road.streets.crs,
    )
    assert state_of(road, {}, trunks) == ("blocked", "tree")
    aside = trunks.assign(geometry=trunks.translate(0, 30))
    assert state_of(road, {}, aside) == ("passable", "none")


def test_a_bridge_is_where_a_street_crosses_water_and_takes_its_street_with_it(road):
    box = road.dtm.box.boundingbox
    river = shapely.box(box.left + 90, box.bottom, box.left + 110, box.top)
    colour = {"red": 0.1, "green": 0.1, "blue": 0.1}
    water = gpd.GeoDataFrame([{"kind": "river", **colour, "geometry": river}], crs="EPSG:32631")
    city = road.with_layers(water=water)
    table = bridges(city)
    assert table["street"].tolist() == [0]
    assert table.length.to_numpy() == pytest.approx([20.0])
    assert len(bridges(road)) == 0
    for grade, state in ((3, "passable"), (4, "blocked")):
        over = bridge_states(city, np.array([grade]))
        assert over["state"].tolist() == [state]
        assert street_states(city, {}, over)["state"].tolist() == [state]
    struck = Struck(untouched(city), np.zeros(city.dtm.box.shape.yx), "1",
                    bridge_grades=np.array([5]))  # fmt: skip
    event = build_event("test", city, {"seed": 0}, struck, 1.0)
    assert event.streets["cause"].tolist() == ["bridge"]


def test_a_bridge_that_fell_is_water_and_one_that_stands_is_road(road):
    box = road.dtm.box.boundingbox
    river = shapely.box(box.left + 85, box.bottom, box.left + 115, box.top)
    colour = {"red": 0.1, "green": 0.1, "blue": 0.1}
    water = gpd.GeoDataFrame([{"kind": "river", **colour, "geometry": river}], crs="EPSG:32631")
    city = road.with_layers(water=water)
    at = city.streets.geometry.iloc[0].interpolate(95)
    covers = {}
    for grade in (0, 5):
        struck = Struck(untouched(city), np.zeros(city.dtm.box.shape.yx), "1",
                        bridge_grades=np.array([grade]))  # fmt: skip
        event = build_event("test", city, {"seed": 0}, struck, 1.0)
        grid = stage_box((at.x, at.y), 60.0, 0.5, city.dtm.box.crs)
        stage = paint(event, grid, Appearance(), stage_noise(grid, 1), after=True)
        covers[grade] = stage.cover[60, 60]
    assert covers == {0: 4, 5: 6}


def test_what_covers_the_ground_says_what_is_left(road):
    house = road.buildings
    table = all_failed(road, "swept")
    struck = Struck(table, np.zeros(road.dtm.box.shape.yx), "1")
    event = build_event("test", road, {"seed": 0}, struck, 1.0)
    centre = house.geometry.iloc[0].centroid
    grid = stage_box((centre.x, centre.y), 60.0, 0.5, road.dtm.box.crs)
    before, after = (
        paint(event, grid, Appearance(), stage_noise(grid, 1), after=a) for a in (False, True)
    )
    assert (before.cover[60, 60], after.cover[60, 60]) == (8, 1)


def test_permanent_water_keeps_its_face(road):
    box = road.dtm.box.boundingbox
    river = shapely.box(box.left + 85, box.bottom, box.left + 115, box.top)
    colour = {"red": 0.1, "green": 0.1, "blue": 0.1}
    water = gpd.GeoDataFrame([{"kind": "river", **colour, "geometry": river}], crs="EPSG:32631")
    city = road.with_layers(water=water)
    ones = np.ones(city.dtm.box.shape.yx, np.float32)
    struck = Struck(untouched(city), ones, "1", dict.fromkeys(("mud", "debris", "burn"), ones))
    event = build_event("test", city, {"seed": 0}, struck, 1.0)
    (_, before), (_, after) = (painted(event, after=a) for a in (False, True))
    wet = (before.cover == 6) & (after.cover == 6)
    assert wet.any()
    assert (after.matter[wet] == MATTER["water"]).mean() > 0.97  # boards may reach in


def test_what_is_done_stays_done_and_nothing_is_done_at_once():
    hours = [0.0, 1.0, 6.0, 12.0, 24.0, 100.0, 720.0, 1e4]
    for share in (tarped_share, cleared_share):
        values = [share(h) for h in hours]
        assert values == sorted(values)
        assert values[1] == 0
        assert values[-1] <= 1
    city = town("suburb", 0)
    table = all_failed(city, "collapse")
    before = table.copy()
    fields = {"debris_height": spill(city, table)}
    gone = set()
    left = np.inf
    for h in hours:
        later = recovered(0, "earthquake", city, table, fields, h)
        cleared = set(np.flatnonzero(later.buildings["failure"] == "cleared"))
        assert gone <= cleared
        gone = cleared
        total = float(later.fields["debris_height"].sum())
        assert total <= left
        left = total
        assert (later.buildings["grade_visible"] == 3).all()
    assert gone
    assert table.equals(before)


def test_tents_stand_on_open_ground_and_are_more_for_more_people():
    city = town("village", 0, 512.0)
    table = untouched(city)
    assert tents(0, city, table, 720) is None
    table["grade_physical"] = 5
    camp = tents(0, city, table, 720)
    assert camp is not None
    houses = city.buildings.union_all()
    roads = shapely.union_all(city.streets.geometry.buffer(city.streets["width"] / 2))
    footing = camp.geometry.buffer(1.0).union_all()
    assert not footing.intersects(houses)
    assert not footing.intersects(roads)
    fewer = tents(0, city, table, 12)
    assert fewer is not None
    assert len(fewer) < len(camp)


def test_matter_of_roofs_and_kernels_is_that_of_the_table():
    assert {f"roof {n}": kernel.ROOF + code for n, code in _MATERIALS.items()} == {
        name: value for name, value in MATTER.items() if name.startswith("roof ")
    }
    assert tuple(MATTER[name] for name in ("sheet", "rubble", "char", "foundation")) == (
        kernel.SHEET,
        kernel.RUBBLE,
        kernel.CHAR,
        kernel.FOUNDATION,
    )
    assert len(set(MATTER.values())) == len(MATTER)


def painted(event, *, after: bool):
    box = event.city.dtm.box.boundingbox
    middle = ((box.left + box.right) / 2, (box.bottom + box.top) / 2)
    grid = stage_box(middle, 120.0, 0.5, event.city.dtm.box.crs)
    return grid, paint(event, grid, Appearance(), stage_noise(grid, 1), after=after)


def test_nothing_painted_changes_when_nothing_happened():
    event = calm(town("suburb", 0))
    (_, before), (_, after) = (painted(event, after=a) for a in (False, True))
    for name in ("height", "albedo", "cover", "ids", "water", "matter"):
        assert getattr(before, name).tobytes() == getattr(after, name).tobytes(), name
    assert not after.changed.any()


FIELDS = ("water_depth", "mud", "debris", "debris_height", "burn", "ash", "lava", "slide", "wet")


@pytest.mark.parametrize("name", FIELDS)
def test_the_picture_changes_within_the_hazard_and_not_by_a_bit_beyond(name):
    city = town("suburb", 0)
    field = zones(city, 20, 20, 60, 100)
    struck = Struck(untouched(city), field, "1", {name: field})
    event = build_event("test", city, {"seed": 0}, struck, 0.0)
    (grid, before), (_, after) = (painted(event, after=a) for a in (False, True))
    west = city.dtm.box.boundingbox.left
    x = grid.affine.c + (np.arange(grid.shape[1]) + 0.5) * grid.affine.a - west
    beyond, within = x > 60 + 4, (x > 26) & (x < 54)  # a piece of debris is 2 m long
    for layer in ("height", "albedo", "cover", "ids", "matter", "water"):
        one, other = getattr(before, layer), getattr(after, layer)
        assert one[..., beyond].tobytes() == other[..., beyond].tobytes(), layer
    assert (before.albedo[..., within] != after.albedo[..., within]).mean() > 0.2


def test_smoke_hides_what_lies_below_and_is_not_graded():
    from geomage.render import RenderParams, render_event

    city = town("suburb", 6, 160.0)
    field = np.ones(city.dtm.box.shape.yx, np.float32)
    struck = Struck(untouched(city), field, "1", {"smoke": 0.9 * field})
    clear = Struck(untouched(city), field, "1", {"smoke": 0.1 * field})
    params = RenderParams("vhr-0.5", 3, shift_px=0.0, off_nadir_before=0.0, off_nadir_after=0.0)
    thick, thin = (
        render_event(build_event("fire", city, {"seed": 0}, s, 0.0), params).rasters
        for s in (struck, clear)
    )
    assert set(np.unique(thick["damage"])) == {0, 255}
    assert set(np.unique(thin["damage"])) == {0, 1}
    assert thick["after"].std() < 0.6 * thin["after"].std()
