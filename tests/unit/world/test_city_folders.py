"""A city folder holds the whole town: the same bytes each time, and the same town when read."""

from __future__ import annotations

import json
import shutil

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import rasterio

from geomage.errors import InputError, OutputError
from geomage.world import LAYERS, CityParams, grow_city, read_city, write_city
from towns import folder_hashes, town

FILES = {"city.gpkg", "city.city.json", "dtm.tif", "city.params.json", "item.json"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_city(town("centre", 0), tmp_path_factory.mktemp("city") / "town")


@pytest.fixture
def broken(folder, tmp_path):
    """A copy to damage."""
    return shutil.copytree(folder, tmp_path / "broken")


def test_a_city_folder_holds_its_files_and_layers(folder):
    assert {f.name for f in folder.iterdir()} == FILES
    assert {name for name, _ in pyogrio.list_layers(folder / "city.gpkg")} == set(LAYERS)
    with rasterio.open(folder / "dtm.tif") as dtm:
        assert dtm.res == (2.0, 2.0)
        assert dtm.crs.to_epsg() == 32631
    item = json.loads((folder / "item.json").read_text())
    stated = item["properties"]["geomage:parameters"]
    assert {k: stated[k] for k in ("size_m", "style", "seed")} == {
        "size_m": 128.0, "style": "centre", "seed": 0,
    }  # fmt: skip
    for asset in item["assets"].values():
        assert (folder / asset["href"]).is_file()


def test_what_is_read_is_what_was_written(folder):
    written, read = town("centre", 0), read_city(folder)
    assert read.params == written.params
    assert np.array_equal(read.dtm.values, written.dtm.values)
    assert read.dtm.box == written.dtm.box
    for name in LAYERS:
        one, other = getattr(written, name), getattr(read, name)
        assert list(one.columns.sort_values()) == list(other.columns.sort_values()), name
        assert one.geometry.geom_equals(other.geometry).all(), name
        for column in one.columns.drop("geometry"):
            assert one[column].tolist() == other[column].tolist(), (name, column)
        assert other.crs.to_epsg() == 32631


@pytest.mark.parametrize(
    ("style", "seed"), [("village", 2), ("suburb", 1)], ids=["no building", "no water"]
)
def test_a_town_that_lacks_something_is_written_and_read_too(style, seed, tmp_path):
    written = town(style, seed)
    read = read_city(write_city(written, tmp_path / "town"))
    assert [len(getattr(read, n)) for n in LAYERS] == [len(getattr(written, n)) for n in LAYERS]
    for name in LAYERS:
        assert set(getattr(read, name).columns) == set(getattr(written, name).columns), name


def test_the_same_parameters_give_the_same_bytes(folder, tmp_path):
    again = write_city(grow_city(CityParams(128.0, "centre", 0)), tmp_path / "again")
    assert folder_hashes(again) == folder_hashes(folder)
    other = write_city(grow_city(CityParams(128.0, "centre", 1)), tmp_path / "other")
    assert all(
        folder_hashes(other)[name] != digest for name, digest in folder_hashes(folder).items()
    )


def test_a_city_read_and_written_again_has_the_same_layers(folder, tmp_path):
    twice = read_city(write_city(read_city(folder), tmp_path / "twice"))
    for name in LAYERS:
        assert getattr(twice, name).equals(getattr(read_city(folder), name)), name


def test_an_older_folder_is_kept_unless_told(tmp_path):
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine").write_text("dear")
    with pytest.raises(OutputError):
        write_city(town("centre", 0), taken)
    with pytest.raises(OutputError, match="no result of geomage"):
        write_city(town("centre", 0), taken, overwrite=True)
    assert (taken / "mine").read_text() == "dear"
    (taken / "item.json").write_text("{}")
    write_city(town("centre", 0), taken, overwrite=True)
    assert {f.name for f in taken.iterdir()} == FILES


def test_a_folder_that_is_none_of_ours_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match=r"city\.gpkg is missing"):
            read_city(path)


@pytest.mark.parametrize("file", ["city.gpkg", "dtm.tif", "city.params.json"])
def test_a_folder_that_lacks_a_file_says_which(broken, file):
    (broken / file).unlink()
    with pytest.raises(InputError, match=file):
        read_city(broken)


@pytest.mark.parametrize("file", ["city.gpkg", "dtm.tif", "city.params.json"])
@pytest.mark.parametrize("content", [b"", b"<html>not found</html>"])
def test_a_damaged_file_is_named(broken, file, content):
    (broken / file).write_bytes(content)
    with pytest.raises(InputError, match=file):
        read_city(broken)


@pytest.mark.parametrize("text", ["[1, 2]", '{"size_m": "wide"}', '{"style": "atlantis"}'])
def test_parameters_that_are_none_are_refused(broken, text):
    (broken / "city.params.json").write_text(text)
    with pytest.raises(InputError):
        read_city(broken)


def test_a_missing_layer_is_named(broken):
    (broken / "city.gpkg").unlink()
    square = gpd.GeoDataFrame(geometry=town().blocks.geometry, crs=town().blocks.crs)
    pyogrio.write_dataframe(square, broken / "city.gpkg", layer="blocks")
    with pytest.raises(InputError, match="roofs"):
        read_city(broken)
