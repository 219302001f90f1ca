"""Streets, places and products that cannot be used: one line that says what and what to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from pyogrio import write_dataframe

from geomage.cli import main
from geomage.errors import InputError
from geomage.geo import Raster, pixel_box, write_cog
from geomage.product import Order, check_order
from geomage.product.access.delivered import delivered_streets
from geomage.product.access.facilities import read_facilities
from geomage.product.access.roads import read_roads
from street_products import (
    BOX,
    SQUARE,
    UTM,
    lonlat,
    placed,
    said,
    write_street_product,
    write_streets,
)

GO = ("--from", said(40, 100), "--to", said(360, 100))


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A product with streets."""
    place = tmp_path_factory.mktemp("bad_roads")
    return write_street_product(place, Order(roads=write_streets(place / "streets.gpkg")))


@pytest.fixture
def out(whole: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return shutil.copytree(whole, tmp_path / "out")


def leaves(capfd, code: int, says: str, *words: object) -> None:
    capfd.readouterr()
    assert main([str(word) for word in words]) == code
    err = capfd.readouterr().err
    assert says in err, err
    assert "Traceback" not in err
    assert len([line for line in err.splitlines() if line.startswith("geomage:")]) == 1


def as_file(path: Path, shapes, crs: str | None = UTM, **columns) -> Path:
    gpd.GeoDataFrame(columns, geometry=shapes, crs=crs).to_file(path)
    return path


LINE = shapely.LineString([placed(20, 100), placed(380, 100)])


@pytest.mark.parametrize(
    ("name", "make", "says"),
    [
        ("none.gpkg", lambda _: None, "does not exist"),
        ("empty.geojson", lambda p: p.write_bytes(b""), "is empty"),
        ("odd.geojson", lambda p: p.write_text("streets"), "is not what its ending"),
        ("nothing.geojson", lambda p: p.write_text('{"type":"FeatureCollection","features":[]}'),
         "holds no"),
        ("bare.gpkg", lambda p: as_file(p, [LINE], None), "states no CRS"),
        ("points.gpkg", lambda p: as_file(p, [shapely.Point(placed(1, 1))]), "LineString"),
        ("areas.gpkg", lambda p: as_file(p, [LINE.buffer(9)]), "LineString"),
        ("far.gpkg", lambda p: as_file(p, [shapely.LineString([(0, 0), (9, 9)])]),
         "no street for cars on the map"),
        ("paths.gpkg", lambda p: as_file(p, [LINE], highway=["footway"]), "1 not for cars"),
        ("closed.gpkg", lambda p: as_file(p, [LINE], access=["no"]), "1 closed to cars"),
        ("town.osm", lambda p: p.write_text('<osm version="0.6"></osm>'), "no street for cars"),
        ("streets.vrt", lambda p: p.write_text("<OGRVRTDataSource/>"), "VRT"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_streets_that_are_none_are_named(tmp_path, name, make, says) -> None:
    path = tmp_path / name
    make(path)
    with pytest.raises(InputError, match=says):
        read_roads(path, BOX)


def test_broken_lines_are_left_out_and_the_rest_is_used(tmp_path) -> None:
    shapes = [
        LINE, shapely.LineString(), shapely.LineString([placed(9, 9), placed(9, 9)]), None,
        shapely.MultiLineString(
            [[placed(20, 300), placed(99, 300)], [placed(200, 3), placed(300, 3)]]
        ),
        shapely.LineString([(*placed(20, 200), 7), (*placed(380, 200), 8)]),
        shapely.LineString([placed(10, 10), placed(90, 90), placed(10, 90), placed(90, 10)]),
    ]  # fmt: skip
    found = read_roads(as_file(tmp_path / "mixed.gpkg", shapes), BOX)
    assert len(found) == 5
    assert not shapely.has_z(found.lines).any()


def test_streets_need_a_map_with_a_place(tmp_path) -> None:
    with pytest.raises(InputError, match="the map has no CRS"):
        read_roads(write_streets(tmp_path / "s.gpkg"), pixel_box((400, 400), 1.0))


def test_files_are_checked_before_anything_is_mapped(capfd, tmp_path) -> None:
    image = write_cog(tmp_path / "before.tif", Raster(np.full((3, 400, 400), 90, np.uint8), BOX))
    streets = write_streets(tmp_path / "s.gpkg")
    far = as_file(tmp_path / "far.geojson", [shapely.Point(0, 0)], "EPSG:4326")
    for words, says in (
        (("--roads", tmp_path / "no.gpkg"), "does not exist"),
        (("--facilities", far), "--facilities needs streets"),
        (("--depth", image), "--depth needs streets"),
        (("--roads", streets, "--facilities", far), "holds nothing on the map"),
        (("--roads", streets, "--depth", far), "not an image"),
    ):
        leaves(capfd, 2, says, "map", image, "-o", tmp_path / "out", *words)
        assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_facilities_without_a_place_are_refused(tmp_path) -> None:
    with pytest.raises(InputError, match="states no CRS"):
        read_facilities(as_file(tmp_path / "h.gpkg", [LINE], None), BOX)
    check_order(Order(), BOX)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--from", "48.1", "--to", "2,48"), "is no place"),
        (("--from", "200,48", "--to", "2,48"), "is no place"),
        (("--from", said(40, 9000), "--to", said(360, 100)), "from the nearest street"),
        ((*GO, "--wade", "2"), "outside 0..0.6 m"),
        ((*GO, "--wade", "nan"), "outside 0..0.6 m"),
        ((*GO, "-o", "route.txt"), ".gpx, .geojson"),
        ((*GO, "--depth", "depth.tif"), "--depth needs streets"),
    ],
)
def test_questions_that_cannot_be_answered(capfd, whole, words, says) -> None:
    leaves(capfd, 2, says, "route", whole, *words)


def test_a_route_is_not_written_over_what_stands(capfd, whole, tmp_path) -> None:
    (tmp_path / "way.gpx").write_text("mine")
    leaves(capfd, 2, "exists already", "route", whole, *GO, "-o", tmp_path / "way.gpx")
    assert (tmp_path / "way.gpx").read_text() == "mine"


def test_what_is_no_product_is_named(capfd, tmp_path) -> None:
    leaves(capfd, 2, "no product folder", "route", tmp_path, *GO)


@pytest.mark.parametrize("name", ["products.gpkg", "landcover.tif"])
def test_a_product_edited_by_hand_is_named(capfd, out, name) -> None:
    with (out / name).open("ab") as file:
        file.write(b"\0")
    leaves(capfd, 2, f"{name} is not the file that manifest.json lists", "route", out, *GO)


def test_a_raster_that_was_painted_over_is_named_when_streets_are_laid_on_it(capfd, out) -> None:
    with rasterio.open(out / "flood.tif") as raster:
        profile, values = raster.profile, raster.read()
    (out / "flood.tif").unlink()
    with rasterio.open(out / "flood.tif", "w", **profile) as raster:
        raster.write(values)
    streets = write_streets(out.parent / "s.gpkg")
    leaves(capfd, 2, "flood.tif is not the file", "route", out, *GO, "--roads", streets)
    (out / "flood.tif").unlink()
    leaves(capfd, 2, "flood.tif is missing", "route", out, *GO, "--roads", streets)


def test_a_map_of_one_date_without_streets_says_both(capfd, tmp_path) -> None:
    out = write_street_product(tmp_path / "one", Order(), dates=1)
    leaves(capfd, 2, "has no streets: give them with --roads", "route", out, *GO)
    streets = write_streets(tmp_path / "s.gpkg")
    found = delivered_streets(out, Order(roads=streets)).frame
    assert set(found["state"]) == {"unknown"}
    assert set(found["why"]) == {"no second image"}
    leaves(capfd, 1, "--through-unknown", "route", out, *GO, "--roads", streets)


def test_streets_that_never_met_have_no_route_and_the_message_says_so(
    capfd, whole, tmp_path
) -> None:
    streets = write_streets(tmp_path / "s.gpkg", SQUARE[:2])
    words = ("--from", said(40, 100), "--to", said(40, 300), "--roads", streets)
    leaves(capfd, 1, "do not join them, before the event either", "route", whole, *words)


def test_a_layer_with_numbers_no_street_has_is_refused(out) -> None:
    """As a manifest in agreement with a broken layer would let through."""
    vectors = out / "products.gpkg"
    frame = gpd.read_file(vectors, layer="transportationL")
    frame.assign(start_node=10**9).to_file(vectors, layer="transportationL")
    manifest = json.loads((out / "manifest.json").read_text())
    from geomage.product.folder import sha256_of

    manifest["files"]["products.gpkg"]["sha256"] = sha256_of(vectors)
    (out / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="numbers that no street has"):
        delivered_streets(out)


def test_longitudes_and_latitudes_swapped_are_far_off(capfd, whole) -> None:
    lon, lat = lonlat(40, 100)
    words = ("--from", f"{lat},{lon}", "--to", said(360, 100))
    leaves(capfd, 2, "is it LON,LAT", "route", whole, *words)


@pytest.mark.parametrize("layer", ["inf", "-inf", "nan", "up"])
def test_a_level_that_is_none_is_the_ground(tmp_path, layer) -> None:
    found = read_roads(as_file(tmp_path / "s.gpkg", [LINE], layer=[layer]), BOX)
    assert found.level.tolist() == [0]


def test_a_street_that_leaves_for_nowhere_is_left_out(tmp_path) -> None:
    away = [shapely.LineString([placed(20, 200), end]) for end in ((1e300, 0), (9e6, 0))]
    found = read_roads(as_file(tmp_path / "s.gpkg", [LINE, *away]), BOX)
    assert len(found) == 1
    assert sum(found.left_out.values()) == 2


def test_an_answer_does_not_take_the_place_of_what_was_read(capfd, out, tmp_path) -> None:
    streets = write_streets(tmp_path / "s.gpkg")
    for words, says in (
        (("access", out, "-o", out / "products.gpkg"), "lies in the product"),
        (("route", out, *GO, "-o", out / "way.gpx"), "lies in the product"),
        (("access", out, "-o", streets, "--roads", streets), "is the input"),
    ):
        held = {path: path.read_bytes() for path in (streets, out / "products.gpkg")}
        leaves(capfd, 2, says, *words, "--overwrite")
        assert {path: path.read_bytes() for path in held} == held


def test_facilities_of_a_file_with_a_table_beside_them_are_read(tmp_path) -> None:
    """As QGIS leaves one with its styles."""
    path = as_file(tmp_path / "h.gpkg", [shapely.Point(placed(50, 50))])
    write_dataframe(pd.DataFrame({"styleName": ["red"]}), path, layer="layer_styles")
    assert len(read_facilities(path, BOX).frame) == 1


def test_streets_that_end_at_the_rim_of_the_map_can_be_driven(tmp_path) -> None:
    """Cutting there leaves a crumb, whose length was rounded to zero and then refused."""
    paths = [((0, 100), (400, 100)), ((20, 300), (400.003, 300)), ((100, 0), (100, 400))]
    order = Order(roads=write_streets(tmp_path / "rim.gpkg", paths))
    out = write_street_product(tmp_path, order)
    found = delivered_streets(out).frame
    assert (found[["length_m", "seconds"]] > 0).all(axis=None)
    assert main(["route", str(out), *GO]) == 0
