"""Mapping streets, asking for a route, and what hospitals still reach, from the command line."""

from __future__ import annotations

import json

import geopandas as gpd
import pytest
import shapely

from geomage.product import Order
from street_products import said, write_street_product, write_streets

GO = ("--from", said(40, 100), "--to", said(360, 100))


@pytest.fixture(scope="module")
def flooded(tmp_path_factory):
    """A product of the square of streets with water on the northern one."""
    place = tmp_path_factory.mktemp("flooded")
    streets = write_streets(place / "streets.geojson", name=["North", "South", "West", "East"])
    return write_street_product(place, Order(roads=streets), flood=[(120, 90, 280, 110, 1)])


def test_map_lays_streets_and_says_what_is_outside_the_second_image(
    geomage, pair, blank_model, tmp_path
):
    """The second image ends earlier: streets there are unknown, never passable."""
    paths = [
        ((500_000, 5_400_100), (500_160, 5_400_100)),
        ((500_080, 5_400_000), (500_080, 5_400_030)),
    ]
    streets = tmp_path / "streets.gpkg"
    lines = [shapely.LineString(path) for path in paths]
    gpd.GeoDataFrame({"name": ["A", "B"]}, geometry=lines, crs="EPSG:32631").to_file(streets)
    out = tmp_path / "out"
    answer = geomage("map", *pair, "-o", out, "--model", blank_model, "--roads", streets, "--json")
    assert answer.code == 3, answer.err
    assert "Streets on the map:" in answer.err
    assert answer.facts["roads"]["on_map_m"] == pytest.approx(190, rel=0.01)
    found = gpd.read_file(out / "products.gpkg", layer="transportationL")
    below = found[found.geometry.bounds["miny"] < 5_400_035]
    assert set(below["state"]) == {"unknown"}
    assert set(below["why"]) == {"not analysed: outside the second image"}
    again = geomage("access", out, "--roads", streets, "-o", tmp_path / "access.gpkg", "--json")
    assert again.code == 0, again.err
    assert again.facts["by_state"] == answer.facts["roads"]["by_state"]


def test_a_route_around_the_water(geomage, flooded, tmp_path):
    files = tmp_path / "way.gpx", tmp_path / "way.geojson"
    answer = geomage("route", flooded, *GO, "-o", files[0], "-o", files[1])
    assert answer.code == 0, answer.err
    assert "in all" in answer.out
    assert "South" in answer.out
    assert all(file.is_file() for file in files)
    facts = geomage("route", flooded, *GO, "--json").facts
    assert facts["length_m"] == pytest.approx(720, rel=0.01)
    assert facts["unverified"] == []


def test_no_passable_route_is_a_failure_that_says_so(geomage, flooded, tmp_path):
    to_water = (*GO[:2], "--to", said(200, 100))
    answer = geomage("route", flooded, *to_water, "-o", tmp_path / "way.gpx")
    assert answer.code == 1
    assert "no passable route" in answer.err
    assert "is flooded" in answer.err
    assert answer.out == ""
    assert not (tmp_path / "way.gpx").exists()


def test_a_route_through_unknown_streets_is_partly_done_and_lists_them(geomage, tmp_path):
    streets = write_streets(tmp_path / "streets.geojson")
    painted = {"change": [(190, 90, 210, 110, 60), (190, 290, 210, 310, 60)]}
    out = write_street_product(tmp_path, Order(roads=streets), **painted)
    assert geomage("route", out, *GO).code == 1
    answer = geomage("route", out, *GO, "--through-unknown")
    assert answer.code == 3, answer.err
    assert "not verified: " in answer.out
    assert "something changed on it" in answer.out


def test_access_of_a_product_that_stands_leaves_it_as_it_is(geomage, flooded, tmp_path):
    hospital = tmp_path / "hospital.geojson"
    lon, lat = map(float, said(200, 310).split(","))
    gpd.GeoDataFrame({"name": ["H"]}, geometry=[shapely.Point(lon, lat)], crs=4326).to_file(
        hospital
    )
    before = {path: path.read_bytes() for path in flooded.iterdir()}
    out = tmp_path / "access.gpkg"
    answer = geomage("access", flooded, "--facilities", hospital, "-o", out, "--json")
    assert answer.code == 0, answer.err
    assert {path: path.read_bytes() for path in flooded.iterdir()} == before
    names = set(gpd.list_layers(out)["name"])
    assert {"transportationL", "cutOffA", "facilitiesP", "accessTimeA"} <= names
    assert answer.facts["facilities"]["buildings_reached_before"]["of"] == 4
    assert json.loads((flooded / "summary.json").read_text())["roads"]["facilities"] is None
