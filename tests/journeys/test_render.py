"""Picturing a struck town from the command line."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import rasterio


@pytest.fixture(scope="module")
def event(town, tmp_path_factory):
    from geomage.cli import main

    folder = tmp_path_factory.mktemp("struck") / "event"
    assert main(["strike", "storm", str(town), "-o", str(folder)]) == 0
    return folder


def _hashes(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


def test_a_scene_holds_two_images_and_their_truth_on_one_grid(geomage, event, tmp_path):
    scene = tmp_path / "scene"
    answer = geomage("render", event, "-o", scene, "--sensor", "vhr-1.0", "--json")
    assert answer.code == 0, answer.err
    columns, rows = answer.facts["size"]
    assert f"({columns} x {rows} m: the outer 30 m of the town are left out)" in answer.err
    assert columns == 200 - 2 * 30
    names = ["before", "after", "landcover_before", "landcover_after", "building", "damage"]
    names += ["height_before", "height_after", "water_depth", "valid"]
    for name in names:
        with rasterio.open(scene / f"{name}.tif") as raster:
            assert raster.shape == (rows, columns)
            assert raster.res == (1.0, 1.0)


def test_the_same_seed_gives_the_same_bytes(geomage, event, tmp_path):
    render = ("render", event, "--sensor", "vhr-1.0")
    for name, seed in (("one", 4), ("two", 4), ("other", 5)):
        assert geomage(*render, "-o", tmp_path / name, "--seed", seed).code == 0
    assert _hashes(tmp_path / "one") == _hashes(tmp_path / "two")
    assert _hashes(tmp_path / "one") != _hashes(tmp_path / "other")


def test_radar_sees_a_town_with_its_truth(geomage, event, tmp_path):
    scene = tmp_path / "radar"
    answer = geomage("render", event, "-o", scene, "--sensor", "sentinel-1", "--json")
    assert answer.code == 0, answer.err
    assert answer.facts["size"] == [20, 20]
    for name, bands in (("before", 2), ("after", 2), ("water_after", 1), ("built", 1)):
        with rasterio.open(scene / f"{name}.tif") as raster:
            assert (raster.count, raster.shape, raster.res) == (bands, (20, 20), (10.0, 10.0))
            values = raster.read()
            assert raster.dtypes[0] == "float32"
            if bands == 2:
                assert raster.descriptions == ("VV", "VH")
        if bands == 2:
            assert -50 <= values.min() < values.max() < 30
            assert values[0].mean() > values[1].mean()
        else:
            assert 0 <= values.min() <= values.max() <= 1
    with rasterio.open(scene / "built.tif") as raster:
        assert 0.02 < raster.read().mean() < 0.6


def test_a_radar_has_no_options_of_cameras_and_is_suggested(geomage, event, tmp_path):
    words = ("render", event, "-o", tmp_path / "scene", "--sensor")
    for more in (("--shift", 1), ("--engine", "mitsuba"), ("--off-nadir-after", 10)):
        answer = geomage(*words, "sentinel-1", *more)
        assert answer.code == 2
        assert answer.err.startswith(f"geomage: {more[0]} is for optical sensors")
    assert geomage(*words, "sentinel-1", "--memory", "1MB").code == 2
    answer = geomage(*words, "sentinel1")
    assert answer.code == 2
    assert "did you mean sentinel-1" in answer.err
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_pictured_is_refused(geomage, event, town, tmp_path):
    for words in (
        (town,),  # a city, not an event
        (event, "--sensor", "telescope"),
        (event, "--shift", 9),
        (event, "--off-nadir-after", 80),
        (event, "--memory", "1MB"),
    ):
        answer = geomage("render", *words, "-o", tmp_path / "scene")
        assert answer.code == 2, words
        assert answer.err.startswith("geomage: ")
    assert not list(tmp_path.iterdir())


def test_an_engine_that_is_misspelt_is_named_before_any_work(geomage, event, tmp_path):
    answer = geomage("render", event, "-o", tmp_path / "scene", "--engine", "mitsubba")
    assert answer.code == 2
    assert "unknown engine 'mitsubba': did you mean mitsuba?" in answer.err
    assert not (tmp_path / "scene").exists()
