"""Footprints of any origin: brought to the grid, mended, named where they have ids, or refused."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from geomage.errors import BudgetError, InputError
from geomage.geo import footprints as f
from geomage.geo.footprints import read_footprints, refuse_footprints

CRS = "EPSG:32631"
GRID = GeoBox((400, 400), Affine(0.5, 0, 500_000, 0, -0.5, 6_650_200), CRS)  # at 60 N
LOOSE = GeoBox((400, 400), Affine(0.5, 0, 0, 0, -0.5, 200), None)


def house(x: float, y: float, side: float = 12) -> shapely.Polygon:
    """A square from metres right of and below the corner of the grid."""
    return shapely.box(500_000 + x, 6_650_200 - y - side, 500_000 + x + side, 6_650_200 - y)


def write(path: Path, shapes: list, crs: str | None = CRS, **columns: list) -> Path:
    frame = gpd.GeoDataFrame(columns, geometry=shapes, crs=CRS)
    if crs is not None:
        frame.to_crs(crs).to_file(path)
    else:
        with pytest.warns(UserWarning, match="crs"):
            frame.set_crs(None, allow_override=True).to_file(path)
    return path


@pytest.mark.parametrize("crs", [CRS, "EPSG:4326", "EPSG:3857", "EPSG:2154"])
def test_any_crs_gives_the_same_pixels(tmp_path, crs) -> None:
    shapes = [house(10 + 20 * n, 10 + 9 * n) for n in range(5)]
    found = read_footprints(write(tmp_path / "a.gpkg", shapes, crs), GRID)
    wanted = [(20 + 40 * n, 20 + 18 * n, 44 + 40 * n, 44 + 18 * n) for n in range(5)]
    assert np.allclose(found.shapes.frames(), wanted, atol=1e-4)
    assert np.allclose(found.shapes.areas(), 24 * 24, atol=1e-2)


@pytest.mark.parametrize("name", ["a.gpkg", "a.shp", "a.geojson"])
def test_ids_are_kept_where_there_are_some(tmp_path, name) -> None:
    shapes = [house(10, 10), house(40, 40)]
    named = write(tmp_path / name, shapes, "EPSG:4326", OSM_ID=[7, 11])
    assert read_footprints(named, GRID).ids.tolist() == ["7", "11"]
    bare = read_footprints(write(tmp_path / f"b{name}", shapes, "EPSG:4326"), GRID)
    assert bare.ids.tolist() == [None, None]


def test_what_is_broken_is_mended_and_what_has_no_area_is_counted(tmp_path) -> None:
    bow = shapely.Polygon(house(60, 10).exterior.coords[i] for i in (0, 2, 1, 3, 0))
    flat = shapely.Polygon([(500_010, 6_650_100), (500_020, 6_650_100), (500_015, 6_650_100)])
    some = shapely.GeometryCollection([house(90, 90), house(9, 9).centroid])
    shapes = [bow, flat, None, shapely.Polygon(), some, shapely.union(house(1, 1), house(30, 1))]
    frame = gpd.GeoDataFrame({"id": [*"abcdef"]}, geometry=[*shapes], crs=CRS)
    pyogrio.write_dataframe(frame, tmp_path / "a.gpkg", geometry_type="Unknown")
    found = read_footprints(tmp_path / "a.gpkg", GRID)
    assert found.ids.tolist() == ["a", "e", "f"]
    assert (found.features, found.left_out, found.repaired) == (6, 3, 1)
    assert np.allclose(found.shapes.areas(), [2 * 144, 4 * 144, 8 * 144])
    assert shapely.is_valid(found.shapes.geometries()).all()


def test_heights_of_corners_are_dropped(tmp_path) -> None:
    tall = shapely.force_3d(house(10, 10), 35.0)
    found = read_footprints(write(tmp_path / "a.gpkg", [tall], "EPSG:4326"), GRID)
    assert found.shapes.corners.shape == (5, 2)


@pytest.mark.parametrize("piece", [7, 5])
def test_pieces_give_what_one_reading_gives(tmp_path, monkeypatch, piece) -> None:
    shapes = [house(3 * n % 170, 7 * n % 170, 3) for n in range(25)]
    path = write(tmp_path / "a.gpkg", shapes, id=[*range(25)])
    whole = read_footprints(path, GRID)
    monkeypatch.setattr(f, "_PIECE", piece)
    parts = read_footprints(path, GRID)
    assert (parts.shapes.corners == whole.shapes.corners).all()
    assert parts.ids.tolist() == whole.ids.tolist()


@pytest.mark.parametrize(
    ("shape", "crs", "box", "said"),
    [
        (house(9, 9).centroid, CRS, GRID, "holds Point: footprints are polygons"),
        (house(9, 9).boundary, CRS, GRID, "holds LineString: footprints are polygons"),
        (house(9, 9), None, GRID, "states no CRS"),
        (house(9, 9), CRS, LOOSE, "has a CRS and the images have none"),
    ],
    ids=["points", "lines", "no CRS", "images without CRS"],
)
def test_what_cannot_serve_is_refused_by_its_header(tmp_path, shape, crs, box, said) -> None:
    path = write(tmp_path / "a.shp", [shape], crs)
    for look in (refuse_footprints, read_footprints):
        with pytest.raises(InputError, match=said):
            look(path, box)


def test_points_in_a_layer_of_any_shapes_are_refused_when_read(tmp_path) -> None:
    path = write(tmp_path / "a.geojson", [house(9, 9).centroid, house(20, 9).boundary], "EPSG:4326")
    with pytest.raises(InputError, match="none of its 2 features is a polygon"):
        read_footprints(path, GRID)


def test_without_crs_on_both_sides_footprints_lie_in_metres_of_the_image(tmp_path) -> None:
    frame = gpd.GeoDataFrame(geometry=[shapely.box(10, 180, 20, 190)])
    with pytest.warns(UserWarning, match="crs"):
        frame.to_file(tmp_path / "a.gpkg")
    found = read_footprints(tmp_path / "a.gpkg", LOOSE)
    assert found.shapes.frames().tolist() == [[20, 20, 40, 40]]


@pytest.mark.parametrize("name", ["none.gpkg", "a.csv", "a.osm.pbf", "short.gpkg", "text.shp"])
def test_other_files_are_refused(tmp_path, name) -> None:
    path = tmp_path / name
    good = write(tmp_path / "good.gpkg", [house(9, 9)]).read_bytes()
    content = {"a.csv": b"x,y\n1,2\n", "a.osm.pbf": b"\0\0\0\rOSMHeader", "text.shp": b"<html>"}
    if name != "none.gpkg":
        path.write_bytes(content.get(name, good[:5000]))
    with pytest.raises(InputError):
        read_footprints(path, GRID)


def test_several_layers_want_a_name_and_too_many_features_a_cut(tmp_path, monkeypatch) -> None:
    path = tmp_path / "a.gpkg"
    for layer in ("houses", "barns"):
        gpd.GeoDataFrame(geometry=[house(10, 10)] * 3, crs=CRS).to_file(path, layer=layer)
    with pytest.raises(InputError, match="--footprints-layer"):
        read_footprints(path, GRID)
    with pytest.raises(InputError, match="no layer 'mills'; it has houses, barns"):
        read_footprints(path, GRID, "mills")
    assert len(read_footprints(path, GRID, "barns")) == 3
    monkeypatch.setattr(f, "MOST_FOOTPRINTS", 2)
    with pytest.raises(BudgetError, match="ogr2ogr -spat"):
        read_footprints(path, GRID, "barns")


def test_footprints_all_over_the_earth_are_placed_or_counted(tmp_path) -> None:
    """A world file and the image of one town: what has no place in its UTM zone is said."""
    degrees = [(x, y) for x in range(-180, 180, 12) for y in (-89.9, -60, 0, 30, 60, 89.9)]
    shapes = [shapely.box(x, y, x + 1e-4, y + 1e-4) for x, y in degrees]
    frame = gpd.GeoDataFrame(geometry=shapes, crs="EPSG:4326")
    frame.to_file(tmp_path / "a.gpkg")
    found = read_footprints(tmp_path / "a.gpkg", GRID)
    assert len(found) + found.left_out == len(shapes)
    assert 0 < found.left_out < 20
    assert np.isfinite(found.shapes.corners).all()


@pytest.mark.parametrize("name", ["a.gpkg", "a.shp", "a.geojson"])
def test_occupants_go_with_their_footprints(tmp_path, name) -> None:
    shapes = [house(10, 10), house(40, 40).centroid.buffer(0), house(70, 70), house(90, 90)]
    people = write(tmp_path / name, shapes, ID=[7, 8, 9, 10], Occupants=[2.5, 4, 3, None])
    found = read_footprints(people, GRID)
    assert found.ids.tolist() == ["7", "9", "10"]
    assert np.array_equal(found.occupants, [2.5, 3, np.nan], equal_nan=True)
    assert read_footprints(write(tmp_path / f"b{name}", shapes), GRID).occupants is None


@pytest.mark.parametrize("people", [-1.0, np.inf, "many"])
def test_occupants_that_are_no_number_of_people_are_refused(tmp_path, people) -> None:
    path = write(tmp_path / "a.gpkg", [house(10, 10)], occupants=[people])
    with pytest.raises(InputError, match=r"a\.gpkg.*occupants, which is no number of people"):
        read_footprints(path, GRID)
