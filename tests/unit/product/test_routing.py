"""Routes that work, what of them is not verified, and places without one."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely

from geomage.errors import InputError, RunError
from geomage.geo import Raster, write_cog
from geomage.product.access.routing import Place, Wish, find_route
from geomage.product.access.tracks import route_geojson, route_gpx
from geomage.product.access.transport import map_streets
from street_products import BOX, UTM, lonlat, placed, write_rasters, write_streets

WEST, EAST, NORTH = (40, 100), (360, 100), (100, 40)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Lay the square of streets on painted rasters, each once; flooded ones are 0.2 m deep."""
    known, unseen = {}, gpd.GeoDataFrame({"reason": []}, geometry=[], crs=UTM)

    def make(**painted):
        key = json.dumps(painted, sort_keys=True)
        if key not in known:
            place = tmp_path_factory.mktemp("route")
            names = ["North", "South", "West", "East"]
            streets = write_streets(place / "streets.gpkg", name=names)
            water = np.full((1, 400, 400), 0.2, "float32")
            depth = write_cog(place / "depth.tif", Raster(water, BOX))
            rasters = write_rasters(place, **painted)
            known[key] = map_streets(streets, rasters, unseen, depth=depth)
        return known[key]

    return make


def route(streets, one, other, **wish):
    places = Place(*lonlat(*one)), Place(*lonlat(*other))
    return find_route(streets.frame, streets.box, places, Wish(**wish))


WATER = {"flood": [(190, 90, 210, 110, 1)]}
DOUBT = {"change": [(190, 90, 210, 110, 60), (95, 190, 105, 210, 60)]}
WALLED = {"change": [(150, 90, 160, 110, 200), (90, 150, 110, 160, 200)]}


def test_the_straight_way_is_taken_where_it_works(made) -> None:
    found = route(made(), WEST, EAST)
    assert found.length_m == pytest.approx(320, rel=1e-3)
    assert found.seconds == pytest.approx(320 * 3.6 / 25, rel=1e-3)
    assert found.seconds_before == pytest.approx(found.seconds)
    assert [leg.name for leg in found.legs] == ["North"]
    assert found.unverified == ()


def test_water_is_gone_around(made) -> None:
    found = route(made(**WATER), WEST, EAST)
    assert [leg.name for leg in found.legs] == ["North", "West", "South", "East", "North"]
    assert found.length_m == pytest.approx(320 + 400, rel=1e-3)
    assert found.seconds_before < found.seconds
    line = gpd.GeoSeries([found.line], crs=4326).to_crs(UTM).iloc[0]
    water = shapely.box(*placed(190, 110), *placed(210, 90))
    assert not line.intersects(water)


def test_shallow_water_of_known_depth_is_waded_when_asked_and_said(made) -> None:
    found = route(made(**WATER), WEST, EAST, wade_m=0.3)
    assert [leg.name for leg in found.legs] == ["North"]
    assert [one.state for one in found.unverified] == ["flooded"]
    assert found.seconds > found.seconds_before * 0.999
    deep = route(made(**WATER), WEST, EAST, wade_m=0.1)
    assert deep.unverified == ()


def test_unknown_is_used_only_when_asked_and_every_stretch_is_listed(made) -> None:
    streets = made(**DOUBT)
    with pytest.raises(RunError, match=r"no passable route .* --through-unknown"):
        route(streets, WEST, EAST)
    found = route(streets, WEST, EAST, through_unknown=True)
    assert [one.why for one in found.unverified] == ["something changed on it"]
    unknown = streets.frame[streets.frame["state"] == "unknown"]
    line = gpd.GeoSeries([found.line], crs=4326).to_crs(UTM).iloc[0]
    used = unknown[unknown.geometry.intersection(line.buffer(0.01)).length > 1]
    assert sum(one.length_m for one in found.unverified) == pytest.approx(
        used["length_m"].sum(), rel=1e-3
    )


def test_blocked_is_never_used(made) -> None:
    streets = made(**WALLED)
    for through in (False, True):
        with pytest.raises(RunError, match="no passable route"):
            route(streets, WEST, EAST, through_unknown=through)
    assert route(streets, WEST, NORTH).length_m == pytest.approx(120, rel=1e-3)


def test_a_route_of_one_spot_has_no_length(made) -> None:
    found = route(made(), WEST, WEST)
    assert found.length_m == pytest.approx(0, abs=1e-6)
    assert found.line.is_valid or len(found.line.coords) == 2


def test_a_place_beside_the_street_is_told_how_far_and_one_far_off_is_refused(made) -> None:
    found = route(made(), (40, 140), EAST)
    assert found.gaps_m[0] == pytest.approx(40, abs=0.2)
    assert any("40 m from the nearest street" in note for note in found.notes)
    with pytest.raises(InputError, match=r"lies 4\.\d km from the nearest street"):
        route(made(), (40, 5000), EAST)


def test_a_place_on_a_blocked_street_walks_fifty_metres_at_most(made) -> None:
    blocked = {"change": [(20, 90, 90, 110, 200)]}  # the west arm of the north street
    near, far = (70, 100), (30, 100)
    found = route(made(**blocked), near, EAST)
    assert any("is blocked" in note for note in found.notes)
    assert found.gaps_m[0] == pytest.approx(30, abs=0.5)
    with pytest.raises(RunError, match=r"street at --from .* is blocked"):
        route(made(**blocked), far, EAST)


def test_gpx_and_geojson_are_read_by_others_and_say_the_same(made, tmp_path) -> None:
    found = route(made(**DOUBT), WEST, EAST, through_unknown=True)
    (tmp_path / "r.geojson").write_text(route_geojson(found))
    frame = gpd.read_file(tmp_path / "r.geojson")
    assert frame["what"].tolist() == ["route", "unverified", "from", "to"]
    assert frame.crs.to_epsg() == 4326
    (tmp_path / "r.gpx").write_text(route_gpx(found))
    track = gpd.read_file(tmp_path / "r.gpx", layer="tracks").geometry.iloc[0]
    assert track.geoms[0].hausdorff_distance(frame.geometry[0]) < 1e-6
    tree = ET.fromstring(route_gpx(found))  # noqa: S314 -- ours
    names = [one.text for one in tree.iter() if one.tag.endswith("name")]
    assert names[:2] == ["From", "To"]
    assert names[2].startswith("Unverified")


def test_names_with_marks_and_controls_do_not_break_gpx(made) -> None:
    streets = made(**DOUBT)
    frame = streets.frame.assign(why="<a> & \x01 b")
    places = Place(*lonlat(*WEST)), Place(*lonlat(*EAST))
    found = find_route(frame, streets.box, places, Wish(through_unknown=True))
    assert ET.fromstring(route_gpx(found)) is not None  # noqa: S314 -- ours


def test_the_grid_of_the_product_is_the_one_of_its_rasters(made) -> None:
    assert made().box == BOX
    assert rasterio.crs.CRS.from_string(UTM).to_epsg() == made().frame.crs.to_epsg()
