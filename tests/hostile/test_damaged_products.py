"""Products that were damaged on the way: they get no score, and the message names the piece."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from geomage.cli import main
from geomage.errors import InputError
from geomage.evaluation import map_into
from geomage.geo import Raster, read_raster, read_vectors, write_cog, write_vectors
from geomage.mapping import MapJob
from geomage.product import score_product
from geomage.product.folder import sha256_of
from tiny_network import write_tiny_network
from tiny_town import BOX, HOUSES, SIZE, write_town


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A product, and `reference.gpkg` beside it."""
    place = tmp_path_factory.mktemp("product")
    town, model = write_town(place), write_tiny_network(place / "tiny.onnx")
    job = MapJob(before=(town.before,), after=(town.after,), out=place / "out", model=model, jobs=1)
    map_into(job)
    corners = [(col, row, col + SIZE, row + SIZE) for row, col in HOUSES]
    shapes = [shapely.box(*(BOX.affine @ c[:2]), *(BOX.affine @ c[2:])) for c in corners]
    grades = [1 + number % 4 for number in range(len(shapes))]
    frame = gpd.GeoDataFrame({"dmg": grades}, geometry=shapes, crs="EPSG:32633")
    write_vectors(place / "reference.gpkg", {"reference": frame})
    return place


@pytest.fixture
def place(whole: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    shutil.copytree(whole / "out", tmp_path / "out")
    shutil.copy(whole / "reference.gpkg", tmp_path)
    return tmp_path


def refused(place: Path, says: str) -> None:
    with pytest.raises(InputError, match=says):
        score_product(place / "out", place / "reference.gpkg")


def rewrite(folder: Path, name: str, raster: Raster) -> None:
    """Another raster in place of one, with the manifest in agreement."""
    path = write_cog(folder / name, raster)
    manifest = folder / "manifest.json"
    record = json.loads(manifest.read_text())
    record["files"][name]["sha256"] = sha256_of(path)
    manifest.write_text(json.dumps(record))


def spoil_middle(data: bytes) -> bytes:
    third = len(data) // 3
    return data[:third] + b"\xa5" * third + data[2 * third :]


CONTENTS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "page": lambda _: b"<html>404</html>",
    "half": lambda data: data[: len(data) // 2],
    "nearly whole": lambda data: data[:-9],
    "noise inside": spoil_middle,
    "list": lambda _: b"[]",
    "bytes": lambda _: b"\xff\xfe\x00",
}
PIECES = ["building.tif", "damage.tif", "products.gpkg", "item.json", "manifest.json"]


def test_a_whole_product_has_a_score(place: Path) -> None:
    assert score_product(place / "out", place / "reference.gpkg").detection.reference == len(HOUSES)


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("content", [None, *CONTENTS])
def test_a_missing_or_spoilt_piece_is_named(place: Path, piece: str, content: str | None) -> None:
    path = place / "out" / piece
    if content is None:
        path.unlink()
    else:
        path.write_bytes(CONTENTS[content](path.read_bytes()))
    refused(place, piece)


def test_the_command_leaves_with_two_and_one_line(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (place / "out" / "damage.tif").unlink()
    assert main(["score", str(place / "out"), str(place / "reference.gpkg")]) == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.startswith("geomage: ")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    "text", ["{}", '{"files": []}', '{"files": {"building.tif": 3}}', '{"files": {}}', "3", "null"]
)
def test_a_manifest_of_another_make_is_refused(place: Path, text: str) -> None:
    (place / "out" / "manifest.json").write_text(text)
    refused(place, "manifest")


@pytest.mark.parametrize("stated", ['"high"', "-1", "0", "7", "true", "NaN", "[]"])
def test_a_threshold_that_is_no_probability_is_refused(place: Path, stated: str) -> None:
    model = f'{{"model": {{"building_threshold": {stated}}}}}'
    text = f'{{"properties": {{"geomage:parameters": {model}}}}}'
    (place / "out" / "item.json").write_text(text)
    refused(place, "building_threshold")


def test_rasters_of_another_kind_grid_or_scale_are_refused(place: Path) -> None:
    folder = place / "out"
    good = read_raster(folder / "damage.tif")
    away = GeoBox(BOX.shape, Affine.translation(500, 0) @ BOX.affine, BOX.crs)
    small = GeoBox((9, 9), BOX.affine, BOX.crs)
    bad = {
        "uint8": Raster(good.values.astype("float32"), good.box),
        "one of": Raster(np.repeat(good.values, 2, axis=0), good.box),
        "another grid": Raster(good.values, away),
        "on another": Raster(good.values[:, :9, :9], small),
        "no grades": Raster(np.full_like(good.values, 77), good.box),
    }
    for says, raster in bad.items():
        rewrite(folder, "damage.tif", raster)
        refused(place, rf"damage\.tif .*{says}")


def test_a_raster_of_another_run_is_found_by_its_hash(place: Path) -> None:
    good = read_raster(place / "out" / "damage.tif")
    write_cog(place / "out" / "damage.tif", Raster(good.values * 0 + 1, good.box))
    refused(place, "damaged or changed")


def without_shape(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    shapes = [None, *frame.geometry[1:]]
    return frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs))


SPOILT: dict[str, tuple[Callable[[gpd.GeoDataFrame], gpd.GeoDataFrame], str]] = {
    "emptied": (lambda frame: frame.iloc[:0], "is empty"),
    "no column": (lambda frame: frame.drop(columns="damage_gra"), "lacks damage_gra"),
    "null": (lambda frame: frame.assign(damage_gra=None), "damage_gra of builtUpA holds"),
    "word": (lambda frame: frame.assign(damage_gra="kaputt"), "holds kaputt"),
    "number": (lambda frame: frame.assign(damage_gra=3), "holds 3"),
    "no shape": (without_shape, "1 buildings have no shape"),
    "no crs": (lambda frame: frame.set_crs(None, allow_override=True), "do not share a CRS"),
}


@pytest.mark.parametrize(("spoil", "says"), SPOILT.values(), ids=SPOILT)
def test_buildings_that_are_spoilt_are_refused(
    place: Path, spoil: Callable[[gpd.GeoDataFrame], gpd.GeoDataFrame], says: str
) -> None:
    path = place / "out" / "products.gpkg"
    write_vectors(path, {"builtUpA": spoil(read_vectors(path, "builtUpA"))})
    refused(place, rf"products\.gpkg.*{says}")


def test_a_table_without_shapes_is_refused(place: Path) -> None:
    path = place / "out" / "products.gpkg"
    table = read_vectors(path, "builtUpA").drop(columns="geometry")
    path.unlink()
    pyogrio.write_dataframe(table, path, layer="builtUpA")
    refused(place, r"products\.gpkg.*lacks damage_gra or its shapes")


def test_a_layer_that_is_gone_is_refused(place: Path) -> None:
    path = place / "out" / "products.gpkg"
    write_vectors(path, {"other": read_vectors(path, "builtUpA")})
    refused(place, r"products\.gpkg.*builtUpA")


def test_a_product_that_was_looked_at_in_a_desktop_program_keeps_its_score(place: Path) -> None:
    with closing(sqlite3.connect(place / "out" / "products.gpkg")) as database, database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("UPDATE gpkg_contents SET identifier = 'seen' WHERE table_name = 'source'")
    score_product(place / "out", place / "reference.gpkg")


@pytest.mark.parametrize("content", ["empty", "half", "nearly whole", "noise inside"])
def test_a_damaged_reference_is_named(place: Path, content: str) -> None:
    path = place / "reference.gpkg"
    path.write_bytes(CONTENTS[content](path.read_bytes()))
    refused(place, r"reference\.gpkg")


def test_a_reference_on_a_local_grid_is_named(place: Path) -> None:
    crs = 'LOCAL_CS["site grid",UNIT["metre",1]]'
    frame = read_vectors(place / "reference.gpkg").set_crs(crs, allow_override=True)
    write_vectors(place / "reference.gpkg", {"reference": frame})
    refused(place, r"reference\.gpkg has the CRS")
    labels = Raster(np.ones((1, *BOX.shape), "uint8"), GeoBox(BOX.shape, BOX.affine, crs))
    path = write_cog(place / "reference.tif", labels)
    with pytest.raises(InputError, match=r"reference\.tif has the CRS"):
        score_product(place / "out", path)
