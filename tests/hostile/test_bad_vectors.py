"""Vector files of strangers: what cannot be imported is refused in one line, before any work."""

from __future__ import annotations

import bz2
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from blocks import UTM, block, write_block, write_raster
from geomage.cli import main
from geomage.geo import features
from geomage.world import imports

OSM = '<?xml version="1.0"?><osm version="0.6">{}</osm>'
NODES = "".join(
    f'<node id="{i}" lat="{60 + y}" lon="{25 + x}" version="1"/>'
    for i, (x, y) in enumerate([(0, 0), (0.0002, 0), (0.0002, 0.0001), (0, 0.0001)], 1)
)
WAY = '<way id="{}" version="1">{}<tag k="building" v="yes"/></way>'


def osm(path: Path, *ways: str) -> Path:
    path.write_text(OSM.format(NODES + "".join(ways)))
    return path


def way(number: int, *refs: int) -> str:
    return WAY.format(number, "".join(f'<nd ref="{ref}"/>' for ref in refs))


@pytest.fixture
def refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Run an import that must end with 2, one line, and nothing left behind."""

    def no_work(*_: object, **__: object) -> None:
        pytest.fail("work began before the input was refused")

    monkeypatch.setattr(imports, "infer_buildings", no_work)

    def run(*words: str | Path) -> str:
        before = {entry.name for entry in tmp_path.iterdir()}
        capfd.readouterr()
        out = tmp_path / "out"
        assert main(["city", "import", *map(str, words), "-o", str(out)]) == 2
        said = capfd.readouterr()
        assert said.out == ""
        lines = [line for line in said.err.splitlines() if line.strip()]
        assert len(lines) == 1
        assert lines[0].startswith("geomage: ")
        assert {entry.name for entry in tmp_path.iterdir()} == before
        return lines[0]

    return run


FILES: dict[str, tuple[str, bytes, str]] = {
    "empty": ("a.gpkg", b"", "empty"),
    "noise": ("a.gpkg", bytes(range(256)) * 40, "not what its ending"),
    "a text": ("a.geojson", b"hello", "not what its ending"),
    "half a json": ("a.geojson", b'{"type": "FeatureCollection", "features": [{"ty', "damaged"),
    "a table": ("a.csv", b"x,y\n1,2\n", "not a vector file"),
    "a noisy pbf": ("a.osm.pbf", bytes(range(256)) * 40, "not what its ending"),
    "a noisy osm": ("a.osm", b"<html></html>", "not what its ending"),
    "cut xml": ("a.osm", OSM.format(NODES)[:200].encode(), "damaged"),
    "not bz2": ("a.osm.bz2", b"BZh9 and then nothing of the kind", "unpack|damaged"),
    "half a bz2": (
        "a.osm.bz2",
        bz2.compress(OSM.format(NODES * 99).encode())[:-40],
        "damaged|unpack",
    ),
    "a vrt": ("a.osm", b"<OGRVRTDataSource><!-- <osm > --></OGRVRTDataSource>", "VRT"),
    "a vrt within": ("a.osm.bz2", bz2.compress(b"<OGRVRTDataSource/><osm >"), "VRT"),
}


@pytest.mark.parametrize("kind", FILES)
def test_files_that_are_none_are_refused(refused, tmp_path, kind):
    name, content, says = FILES[kind]
    path = tmp_path / name
    path.write_bytes(content)
    option = "--osm" if ".osm" in name else "--buildings"
    said = refused(option, path)
    assert any(word in said for word in says.split("|")), said
    assert name in said


def test_a_missing_file_and_no_file_are_refused(refused, tmp_path):
    assert "does not exist" in refused("--osm", tmp_path / "none.osm.pbf")
    assert "nothing to import" in refused()


def test_a_cut_pbf_is_refused(refused, tmp_path, data_dir):
    path = tmp_path / "cut.osm.pbf"
    path.write_bytes((data_dir / "osm" / "helsinki.osm.pbf").read_bytes()[:300_000])
    assert "damaged" in refused("--osm", path)


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        (shapely.Point(1, 1), "no layer of Polygon|holds Point"),
        (shapely.LineString([(0, 0), (1, 1)]), "Polygon"),
    ],
)
def test_shapes_that_are_no_areas_are_refused(refused, tmp_path, shape, says):
    table = gpd.GeoDataFrame({"a": [1]}, geometry=[shape], crs=UTM)
    for name in ("a.gpkg", "a.geojson"):
        said = refused("--buildings", write_block(tmp_path / name, table))
        assert any(word in said for word in says.split("|")), said


def test_footprints_without_crs_are_refused(refused, tmp_path):
    with pytest.warns(UserWarning, match="crs"):
        path = write_block(tmp_path / "a.gpkg", block().set_crs(None, allow_override=True))
    assert "CRS" in refused("--buildings", path)


def test_no_building_in_the_box_says_what_the_file_covers(refused, tmp_path):
    path = write_block(tmp_path / "a.geojson", block("EPSG:4326"))
    assert "it covers 14.3" in refused("--buildings", path, "--bbox", "1,2,1.01,2.01")
    path = write_block(tmp_path / "a.gpkg", block())
    assert "it covers 14.3" in refused("--buildings", path, "--bbox", "1,2,1.01,2.01")
    path = osm(tmp_path / "a.osm", way(9, 1, 2, 3, 4, 1))
    assert "it covers 25.0" in refused("--osm", path, "--bbox", "1,2,1.01,2.01")
    assert "holds no buildings" in refused("--osm", osm(tmp_path / "b.osm"))


@pytest.mark.parametrize(
    "box", ["1,2,3", "a,b,c,d", "5,5,5,6", "0,9,1,8", "0,0,1,nan", "0,0,999,1"]
)
def test_boxes_that_are_none_are_refused(refused, tmp_path, box):
    path = write_block(tmp_path / "a.gpkg")
    assert "--bbox" in refused("--buildings", path, "--bbox", box)


def test_too_many_features_are_refused_by_their_count(refused, tmp_path, monkeypatch):
    path = write_block(tmp_path / "a.gpkg")
    monkeypatch.setattr(features.VectorFile.read, "__defaults__", (None, 5), raising=False)
    assert "6 features" in _crowd(path)
    monkeypatch.undo()
    far = block().assign(
        geometry=[
            g if i else shapely.box(0, 9e6, 9, 9e6 + 9) for i, g in enumerate(block().geometry)
        ]
    )
    assert "--bbox" in refused("--buildings", write_block(tmp_path / "far.gpkg", far))


def _crowd(path: Path) -> str:
    from geomage.errors import BudgetError

    with features.open_features(path) as file, pytest.raises(BudgetError) as caught:
        file.read("a", None, 5)
    assert "--bbox" in str(caught.value)
    with features.open_features(path) as file, pytest.raises(BudgetError, match="more than 2"):
        file.read("a", [(0, 0, 9e6, 9e6)], 2)
    return str(caught.value)


def test_an_archive_that_swells_is_refused(refused, tmp_path, monkeypatch):
    monkeypatch.setattr(features, "INFLATED", 10_000_000)
    path = tmp_path / "bomb.osm.bz2"
    path.write_bytes(bz2.compress(b"<osm >" + b" " * 20_000_000))
    assert "unpacks to more" in refused("--osm", path)


def test_rasters_that_do_not_fit_are_refused(refused, tmp_path):
    houses = write_block(tmp_path / "a.gpkg")
    values = np.full((1, 40, 40), 7.0, np.float32)
    bare = write_raster(tmp_path / "bare.tif", values, px=8, crs=None)
    away = write_raster(tmp_path / "away.tif", values, px=8, crs="EPSG:32650")
    far = write_raster(tmp_path / "far.tif", values.repeat(3, 0), px=8, crs="EPSG:32650")
    grey = write_raster(tmp_path / "grey.tif", values, px=8)
    half = write_raster(tmp_path / "half.tif", values[:, :16, :16], px=8)
    assert "no CRS" in refused("--buildings", houses, "--dtm", bare)
    assert "no CRS" in refused("--buildings", houses, "--ortho", bare)
    assert "does not cover" in refused("--buildings", houses, "--dtm", away)
    assert "does not cover" in refused("--buildings", houses, "--ortho", far)
    assert "1 band" in refused("--buildings", houses, "--ortho", grey)
    assert "covers" in refused("--buildings", houses, "--dtm", half)
    assert "not an image" in refused("--buildings", houses, "--dtm", houses)


def test_an_output_that_holds_a_source_is_refused(tmp_path, capfd):
    place = tmp_path / "town"
    place.mkdir()
    path = write_block(place / "a.gpkg")
    assert main(["city", "import", "--buildings", str(path), "-o", str(place), "--overwrite"]) == 2
    assert "is or holds the input" in capfd.readouterr().err
    assert path.is_file()


def test_outlines_that_are_broken_are_mended_and_counted(tmp_path, capfd):
    ways = (way(1, 1, 2, 3, 4, 1), way(2, 1, 2, 3, 4), way(3, 1, 2, 1), way(4, 1, 3, 2, 4, 1))
    path = osm(tmp_path / "a.osm", *ways)
    assert main(["city", "import", "--osm", str(path), "-o", str(tmp_path / "town")]) == 0
    said = capfd.readouterr().err
    assert "1 closed rings" in said
    assert "2 self-crossing" in said
    assert "1 duplicates" in said


def test_unclosed_rings_of_a_geojson_are_closed_and_counted(tmp_path, capfd):
    ring = "[[14.39, 50.1], [14.3902, 50.1], [14.3902, 50.1001], [14.39, 50.1001]]"
    path = tmp_path / "a.geojson"
    path.write_text(
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {},'
        f'"geometry": {{"type": "Polygon", "coordinates": [{ring}]}}}}]}}'
    )
    assert main(["city", "import", "--buildings", str(path), "-o", str(tmp_path / "town")]) == 0
    assert "1 closed rings" in capfd.readouterr().err
