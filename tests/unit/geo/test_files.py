from __future__ import annotations

import hashlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from rio_cogeo import cog_validate

from geomage.errors import BudgetError, InputError, OutputError
from geomage.geo import (
    Raster,
    check_raster,
    fresh_folder,
    pixel_box,
    read_raster,
    read_vectors,
    refuse_file,
    refuse_output,
    refuse_unwritable,
    write_cog,
    write_vectors,
)
from geomage.geo.stac import write_item

UTM = GeoBox((700, 600), Affine(0.5, 0, 500000, 0, -0.5, 4e6), "EPSG:32633")


def noise(box: GeoBox, count: int, dtype: str) -> np.ndarray:
    values = np.random.default_rng(0).uniform(0, 200, (count, *box.shape))
    return values.astype(dtype)


@pytest.mark.parametrize("box", [UTM, pixel_box((700, 600), 0.5)], ids=["utm", "pixels"])
@pytest.mark.parametrize(("count", "dtype"), [(1, "uint8"), (3, "uint8"), (2, "float32")])
def test_what_is_written_is_read_back(tmp_path: Path, box: GeoBox, count: int, dtype: str) -> None:
    names = tuple(f"band{i}" for i in range(count))
    raster = Raster(noise(box, count, dtype), box, 7.0, names)
    path = write_cog(tmp_path / "a.tif", raster, tags={"unit": "m"})
    assert cog_validate(str(path)) == (True, [], [])
    again = read_raster(path)
    np.testing.assert_array_equal(again.values, raster.values)
    assert (again.box, again.nodata, again.bands) == (raster.box, 7.0, names)
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]


def test_classes_keep_their_colours_and_are_never_averaged(tmp_path: Path) -> None:
    values = np.zeros((1, 1200, 1200), "uint8")
    values[:, ::2] = 4
    colours = {0: (0, 0, 0, 0), 4: (200, 0, 0, 255)}
    path = write_cog(
        tmp_path / "c.tif", Raster(values, pixel_box((1200, 1200), 1.0)), colormap=colours
    )
    with rasterio.open(path) as dataset:
        assert dataset.colormap(1)[4] == (200, 0, 0, 255)
        coarse = dataset.read(1, out_shape=(300, 300))
    assert set(np.unique(coarse)) <= {0, 4}


def test_a_mask_says_where_a_raster_without_spare_value_holds(tmp_path: Path) -> None:
    mask = np.zeros((64, 64), bool)
    mask[10:20] = True
    box = GeoBox((64, 64), UTM.affine, UTM.crs)
    path = write_cog(tmp_path / "m.tif", Raster(noise(box, 1, "uint8"), box), mask=mask)
    with rasterio.open(path) as dataset:
        np.testing.assert_array_equal(dataset.dataset_mask() > 0, mask)


def test_the_same_raster_and_features_give_the_same_bytes(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:32633")
    raster = Raster(noise(UTM, 1, "uint8"), UTM)
    digests = set()
    for name in ("x", "y"):
        tif = write_cog(tmp_path / f"{name}.tif", raster)
        gpkg = write_vectors(tmp_path / f"{name}.gpkg", {"l": frame}, styles={"l": "<qgis/>"})
        digests.add(tuple(hashlib.sha256(p.read_bytes()).hexdigest() for p in (tif, gpkg)))
    assert len(digests) == 1


def test_bytes_do_not_tell_how_often_a_slow_machine_committed(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:32633")
    for layers in ({"l": frame}, {"l": frame, "m": frame, "n": frame}):
        path = write_vectors(tmp_path / "v.gpkg", layers)
        header = path.read_bytes()[:100]
        assert header[24:28] == header[92:96] == b"\0\0\0\1"
        with closing(sqlite3.connect(path)) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_layers_styles_and_empty_layers_survive_a_geopackage(tmp_path: Path) -> None:
    full = gpd.GeoDataFrame({"a": [1, 2]}, geometry=[shapely.box(0, 0, 1, 1)] * 2, crs="EPSG:32633")
    bare = gpd.GeoDataFrame({"a": [5]}, geometry=[shapely.box(0, 0, 1, 1)], crs=None)
    layers = {"full": full, "empty": full.iloc[:0], "bare": bare}
    path = write_vectors(tmp_path / "v.gpkg", layers, styles={"full": "<qgis/>"})
    assert read_vectors(path, "full")["a"].tolist() == [1, 2]
    assert read_vectors(path, "empty").empty
    assert read_vectors(path, "bare").crs is None
    assert read_vectors(path, "full").crs == full.crs
    assert [p.name for p in tmp_path.iterdir()] == ["v.gpkg"]


def test_a_raster_larger_than_its_budget_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = write_cog(tmp_path / "a.tif", Raster(noise(UTM, 1, "uint8"), UTM))
    with pytest.raises(BudgetError, match="600 x 700"):
        read_raster(path, memory_bytes=1000)
    assert check_raster(path).shape == (700, 600)


def test_an_output_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "out"

    def fail_half_way() -> None:
        with fresh_folder(target) as folder:
            (folder / "half").write_text("x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert list(tmp_path.iterdir()) == []
    with fresh_folder(target) as folder:
        assert not target.exists()
        (folder / "whole").write_text("x")
    assert [p.name for p in target.iterdir()] == ["whole"]
    assert [p.name for p in target.parent.iterdir()] == ["out"]


def test_a_folder_that_exists_stays_unless_it_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("x")
    with pytest.raises(OutputError, match="--overwrite"), fresh_folder(tmp_path / "out"):
        pass
    strange = pytest.raises(OutputError, match="no result of geomage")
    with strange, fresh_folder(tmp_path / "out", overwrite=True):
        pass
    (tmp_path / "out" / "item.json").write_text("{}")

    def fail() -> None:
        with fresh_folder(tmp_path / "out", overwrite=True):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (tmp_path / "out" / "mine").exists()
    with fresh_folder(tmp_path / "out", overwrite=True) as folder:
        (folder / "new").write_text("x")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["new"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_places_out_of_reach_are_refused(tmp_path: Path) -> None:
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    (tmp_path / "shut").mkdir(mode=0)
    outs = [tmp_path / "lost" / "out", tmp_path / ("n" * 300) / "out"]
    if os.geteuid():  # root enters everywhere
        outs += [tmp_path / "shut" / "out", tmp_path / "shut" / "deep" / "out"]
    for out in outs:
        for refuse in (refuse_output, refuse_file):
            with pytest.raises(OutputError, match="cannot write"):
                refuse(out, overwrite=True)
        with pytest.raises(OutputError, match="cannot write"):
            refuse_unwritable(out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lost", "shut"]


def test_what_is_no_plain_file_is_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OutputError, match="no plain file"):
        refuse_file(pipe, overwrite=True)
    assert pipe.is_fifo()


def test_the_folder_one_stands_in_is_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    for target in (tmp_path, tmp_path / "work"):
        with pytest.raises(OutputError), fresh_folder(target, overwrite=True):
            pass


def test_an_item_places_the_folder_or_says_that_it_has_no_place(tmp_path: Path) -> None:
    import json

    item = {"kind": "scene", "parameters": {"seed": 1}, "assets": {"before": "before.tif"}}
    placed = json.loads(write_item(tmp_path, box=UTM, **item).read_text())
    assert placed["properties"]["proj:code"] == "EPSG:32633"
    assert placed["geometry"]["type"] == "Polygon"
    assert placed["properties"]["geomage:parameters"] == {"seed": 1}
    loose = json.loads(write_item(tmp_path, box=pixel_box((9, 9), 1.0), **item).read_text())
    assert loose["geometry"] is None
    assert "no CRS" in loose["properties"]["geomage:note"]


def test_vectors_are_read_only_from_what_they_claim_to_be(tmp_path: Path) -> None:
    (tmp_path / "a.gpkg").write_text("<OGRVRTDataSource></OGRVRTDataSource>")
    (tmp_path / "a.vrt").write_text("<OGRVRTDataSource></OGRVRTDataSource>")
    (tmp_path / "a.geojson").write_text("")
    for name in ("a.gpkg", "a.vrt", "a.geojson", "none.gpkg"):
        with pytest.raises(InputError):
            read_vectors(tmp_path / name)


def test_a_folder_that_comes_while_one_works_is_kept(tmp_path: Path) -> None:
    def work() -> None:
        with fresh_folder(tmp_path / "out") as folder:
            (folder / "new").write_text("x")
            (tmp_path / "out").mkdir()
            (tmp_path / "out" / "mine").write_text("dear")

    with pytest.raises(OutputError, match="exists already"):
        work()
    assert (tmp_path / "out" / "mine").read_text() == "dear"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
