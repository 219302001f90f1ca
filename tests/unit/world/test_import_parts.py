"""Tags, wings and places: the small rules of an import, each against what is known."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon, affinity

from geomage.errors import BudgetError, InputError
from geomage.render.assets import _FORMS
from geomage.world.cover import read_cover, sea_of
from geomage.world.extent import boxes_in, choose_crs, grid_over, lonlat_box
from geomage.world.layers import COLUMNS
from geomage.world.orthophoto import fill, find_sun, shade
from geomage.world.outlines import take_apart
from geomage.world.tags import FORMS, read_facts, read_length, reflectance_of
from geomage.world.ways import read_way


@pytest.mark.parametrize(
    ("text", "metres"),
    [("12", 12), ("12.5 m", 12.5), ("12,5", 12.5), ("40 ft", 12.192), ("39'4\"", 11.9888),
     ("10'", 3.048), ("about 3", None), ("", None), (None, None), ("1e3", None)],
)  # fmt: skip
def test_lengths_are_read_with_their_unit_or_not_at_all(text, metres):
    assert read_length(text) == (None if metres is None else pytest.approx(metres))


def test_what_is_given_is_named_and_nothing_else():
    facts = read_facts({"building": "yes", "building:levels": "5.5", "roof:colour": "red"})
    assert facts.storeys == 5.5
    assert facts.given() == "blue,geometry,green,red,storeys"
    assert read_facts({"building": "yes"}).given() == "geometry"
    assert read_facts({"height": "20", "roof:height": "5"}).eave == 15


@pytest.mark.parametrize(
    "tags",
    [
        {"height": "-3"},
        {"height": "99999"},
        {"height": "nan"},
        {"building:levels": "many"},
        {"roof:colour": "plaid"},
    ],
)
def test_nonsense_is_not_given(tags):
    assert read_facts(tags).given() == "geometry"


def test_every_roof_shape_leads_to_a_form_that_is_drawn():
    assert set(FORMS.values()) <= set(COLUMNS["roofs"].words["form"]) & set(_FORMS)


def test_colours_become_reflectances():
    assert reflectance_of("#ffffff") == (0.9, 0.9, 0.9)
    assert reflectance_of("dark_red") == pytest.approx((0.2582, 0.02, 0.02), abs=1e-3)
    assert reflectance_of("reddish") is None


def test_ways_keep_class_and_width_and_tunnels_do_not_show():
    way = read_way({"highway": "residential", "width": "7 m", "surface": "sett", "lanes": "2"})
    assert (way.kind, way.width, way.surface) == ("residential", 7.0, "concrete")
    assert way.given == "geometry,kind,lanes,surface,width"
    assert read_way({"highway": "primary", "lanes": "4"}).width == 13.0
    for hidden in ({"tunnel": "yes"}, {"indoor": "yes"}):
        assert read_way({"highway": "footway", **hidden}) is None
    assert read_way({"highway": "proposed"}) is None
    assert read_way({"railway": "subway"}) is None


SHAPES = {
    "box": shapely.box(0, 0, 20, 10),
    "L": Polygon([(0, 0), (20, 0), (20, 8), (8, 8), (8, 16), (0, 16)]),
    "T": Polygon([(0, 0), (30, 0), (30, 8), (19, 8), (19, 20), (11, 20), (11, 8), (0, 8)]),
    "U": Polygon([(0, 0), (30, 0), (30, 20), (22, 20), (22, 8), (8, 8), (8, 20), (0, 20)]),
    "courtyard": shapely.box(0, 0, 40, 30).difference(shapely.box(10, 10, 30, 20)),
    "free": Polygon([(0, 0), (40, 0), (20, 8), (8, 40)]),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("turn", [0, 17, 90, 133])
def test_plans_are_known_by_their_letter_however_they_lie(name, turn):
    shape = affinity.translate(affinity.rotate(SHAPES[name], turn), 4.5e5, 5.5e6)
    plan = take_apart(shape)
    assert plan.name == name
    assert shapely.union_all([p.shape for p in plan.pieces]).symmetric_difference(shape).area < 0.01
    assert len(plan.pieces) == {"box": 1, "L": 2, "T": 2, "U": 3, "courtyard": 4, "free": 1}[name]


corners = st.tuples(st.integers(0, 600), st.integers(0, 600))  # decimetres


@given(st.lists(corners, min_size=3, max_size=12))
@settings(max_examples=120, deadline=None)
def test_wings_are_the_footprint_whatever_its_shape(drawn):
    wide = shapely.make_valid(Polygon(np.array(drawn) / 10)).buffer(1.0, join_style="mitre")
    shape = affinity.translate(wide, 4.5e5, 5.5e6)
    if not isinstance(shape, Polygon) or shape.is_empty:
        return
    plan = take_apart(shape)
    assert shapely.union_all([p.shape for p in plan.pieces]).symmetric_difference(shape).area < 0.01
    for piece in plan.pieces:
        assert 0 < piece.width <= piece.length < 200


def test_boxes_of_the_world_are_checked_and_cross_the_antimeridian():
    assert boxes_in(lonlat_box(179.9, -17, -179.9, -16), None) == [
        (179.9, -17, 180.0, -16), (-180.0, -17, -179.9, -16),
    ]  # fmt: skip
    for bad in ((0, 5, 1, 4), (0, 0, 0, 1), (0, 0, 400, 1), (0, 80, 1, 89), (np.nan, 0, 1, 1)):
        with pytest.raises(InputError, match="--bbox"):
            lonlat_box(*map(float, bad))


@pytest.mark.parametrize(
    ("source", "lon", "lat", "crs"),
    [
        ("EPSG:4326", 24.9, 60.2, 32635),
        ("EPSG:3857", 14.4, 50.1, 32633),
        ("EPSG:2154", 1.4, 43.6, 2154),
        ("EPSG:32633", 14.4, 50.1, 32633),
        ("EPSG:4326", 179.99, -17, 32760),
        ("EPSG:4326", -180, 52, 32601),
        ("EPSG:2263", -74.0, 40.7, 32618),
    ],
)
def test_a_metric_crs_is_kept_and_any_other_becomes_utm(source, lon, lat, crs):
    assert choose_crs(source, lon, lat).crs.epsg == crs


def test_no_city_is_larger_than_twenty_kilometres():
    with pytest.raises(BudgetError, match="--bbox"):
        grid_over((0.0, 0.0, 30_000.0, 100.0), choose_crs("EPSG:32633", 14.4, 50.1).crs)


def test_the_sea_lies_to_the_right_of_its_coast():
    square = shapely.box(0, 0, 100, 100)
    north = shapely.LineString([(-10, 50), (110, 50)])  # land on its left: the north
    assert shapely.union_all(sea_of(np.array([north]), square)).equals(shapely.box(0, 0, 100, 50))
    island = shapely.box(40, 40, 60, 60).exterior.reverse()
    sea = shapely.union_all(sea_of(np.array([shapely.LineString(island.coords)]), square))
    assert sea.area in (pytest.approx(10_000 - 400), pytest.approx(400))
    assert sea_of(np.array([shapely.LineString([(10, 10), (40, 50)])]), square) == []


def test_land_cover_reads_tags():
    assert read_cover({"natural": "water"}).kind == "water"
    assert read_cover({"leisure": "pitch", "sport": "tennis"}).kind == "clay"
    assert read_cover({"amenity": "parking", "parking": "underground"}) is None
    assert read_cover({"office": "company"}) is None


def test_the_sun_of_a_photo_is_found_from_its_shadows():
    heights = np.zeros((160, 160), np.float32)
    for row, column in ((20, 20), (40, 110), (100, 30), (120, 120)):
        heights[row : row + 20, column : column + 24] = 12.0
    rng = np.random.default_rng(0)
    light = np.where(shade(heights, 0.5, 140, 40), 0.15, 0.6) * rng.normal(1, 0.1, heights.shape)
    sun = find_sun(np.log(light), heights, heights <= 0, 0.5)
    assert abs(sun.azimuth - 140) <= 10
    assert abs(sun.elevation - 40) <= 8
    plain = np.log(rng.uniform(0.5, 0.6, heights.shape))
    assert find_sun(plain, heights, heights <= 0, 0.5) is None


def test_holes_in_the_ground_are_filled_from_around_and_the_rest_stays():
    ground = np.tile(np.linspace(0.2, 0.4, 64, dtype=np.float32), (3, 64, 1))
    known = np.ones((64, 64), bool)
    known[20:40, 20:40] = False
    filled = fill(np.where(known, ground, 0.9).astype(np.float32), known)
    assert np.array_equal(filled[:, known], ground[:, known])
    assert np.abs(filled - ground).max() < 0.06
