"""products.gpkg against the requirements of OGC 12-128r18 (GeoPackage 1.3), read as SQLite."""

from __future__ import annotations

import sqlite3
import struct
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from geomage.product.access.styles import street_styles
from geomage.product.styles import layer_styles

GPKG = 0x47504B47  # "GPKG", requirement 2
TYPES = {"POINT": {1}, "LINESTRING": {2}, "POLYGON": {3}, "MULTIPOLYGON": {6}, "GEOMETRY": {3, 6}}


@pytest.fixture(params=["EPSG:32615", None], ids=["placed", "unplaced"])
def database(make_product, request) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(make_product(request.param).vectors)) as connection:
        yield connection


def column(database: sqlite3.Connection, query: str) -> set:
    return {row[0] for row in database.execute(query)}


def test_the_file_says_what_it_is(database) -> None:
    assert database.execute("PRAGMA application_id").fetchone()[0] == GPKG
    assert 10200 <= database.execute("PRAGMA user_version").fetchone()[0] < 10500
    assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []


def test_contents_list_every_table_that_a_reader_shall_see(database) -> None:
    tables = column(database, "SELECT name FROM sqlite_master WHERE type = 'table'")
    own = {name for name in tables if not name.startswith(("gpkg_", "rtree_", "sqlite_"))}
    assert column(database, "SELECT table_name FROM gpkg_contents") == own
    assert column(database, "SELECT data_type FROM gpkg_contents") == {"features", "attributes"}
    for name in own:  # requirements 29 and 119: a number of each row
        (key,) = [r for r in database.execute(f"PRAGMA table_info('{name}')") if r[5]]
        assert key[2] == "INTEGER"


def test_reference_systems_hold_what_is_asked_for_and_what_is_used(database) -> None:
    known = column(database, "SELECT srs_id FROM gpkg_spatial_ref_sys")
    assert known >= {-1, 0, 4326}  # requirement 11
    used = column(database, "SELECT srs_id FROM gpkg_geometry_columns")
    assert used <= known
    said = "SELECT table_name || srs_id FROM "
    features = f"{said} gpkg_contents WHERE data_type = 'features'"
    assert column(database, features) == column(database, f"{said} gpkg_geometry_columns")


def test_shapes_are_of_the_stated_kind_and_system(database) -> None:
    layers = database.execute(
        "SELECT table_name, column_name, geometry_type_name, srs_id, z, m FROM"
        " gpkg_geometry_columns"
    ).fetchall()
    assert {row[0][-1] for row in layers} == {"A", "L", "P"}
    for table, name, kind, srs, *height in layers:
        assert height == [0, 0]
        wanted = {"A": "POLYGON", "L": "LINESTRING", "P": "POINT"}[table[-1]]
        assert kind.removeprefix("MULTI") == wanted
        for (blob,) in database.execute(f"SELECT {name} FROM {table}"):  # noqa: S608
            magic, version, flags, stated = struct.unpack_from("<2sBBi", blob)
            assert (magic, version, stated) == (b"GP", 0, srs)
            begin = 8 + (0, 32, 48, 48, 64)[flags >> 1 & 7]
            assert struct.unpack_from("<I", blob, begin + 1)[0] in TYPES[kind]


def test_every_layer_has_a_spatial_index_that_is_registered_and_full(database) -> None:
    layers = column(database, "SELECT table_name FROM gpkg_geometry_columns")
    stated = "SELECT table_name FROM gpkg_extensions WHERE extension_name = 'gpkg_rtree_index'"
    assert column(database, stated) == layers
    triggers = column(database, "SELECT name FROM sqlite_master WHERE type = 'trigger'")
    for layer in layers:
        rows, held = (
            database.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608
            for name in (layer, f"rtree_{layer}_geom")
        )
        assert rows == held
        assert any(name.startswith(f"rtree_{layer}_geom_") for name in triggers)


def test_styles_are_listed_as_a_table_and_one_is_the_default_of_each_layer(database) -> None:
    rows = database.execute(
        "SELECT f_table_name, f_geometry_column, useAsDefault, styleQML FROM layer_styles"
    ).fetchall()
    columns = dict(database.execute("SELECT table_name, column_name FROM gpkg_geometry_columns"))
    assert {row[0]: row[1] for row in rows} == columns
    assert {row[2] for row in rows} == {1}


STYLES = layer_styles() | street_styles()


@pytest.mark.parametrize("layer", sorted(STYLES))
def test_styles_are_qml_that_names_what_the_layer_holds(layer) -> None:
    """What QGIS 3 asks of a style: a renderer whose symbols exist, for the right kind of shape."""
    style = ET.fromstring(STYLES[layer])  # noqa: S314
    assert style.tag == "qgis"
    assert style.get("version", "").startswith("3.")
    kind = {"P": "0", "L": "1", "A": "2"}[layer[-1]]
    assert style.findtext("layerGeometryType") == kind
    renderer = style.find("renderer-v2")
    assert renderer is not None
    symbols = {one.get("name") for one in renderer.findall("symbols/symbol")}
    steps = [*renderer.iter("category"), *renderer.iter("range")]
    assert {step.get("symbol") for step in steps} == (symbols if steps else set())
    assert {one.get("type") for one in renderer.iter("symbol")} == {
        {"P": "marker", "L": "line", "A": "fill"}[layer[-1]]
    }


def test_styles_lie_beside_as_they_are_inside(make_product) -> None:
    folder: Path = make_product().folder
    with closing(sqlite3.connect(folder / "products.gpkg")) as database:
        inside = dict(database.execute("SELECT f_table_name, styleQML FROM layer_styles"))
    beside = {path.stem: path.read_text("utf-8") for path in folder.glob("*.qml")}
    assert beside == inside
