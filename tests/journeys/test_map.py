"""Checking two images and mapping them, from the command line."""

from __future__ import annotations

import json

import geopandas as gpd
import pytest
import rasterio


def test_a_map_is_a_complete_folder_and_what_is_not_seen_is_never_called_undamaged(
    geomage, pair, blank_model, tmp_path
):
    out = tmp_path / "out"
    answer = geomage("map", *pair, "-o", out, "--model", blank_model, "--json")
    assert answer.code == 3, answer.err  # the second image ends earlier
    assert answer.err.rstrip().endswith(f"Open {out / 'report.html'}")
    with rasterio.open(pair[0]) as before:
        for name in ("building", "landcover", "damage", "flood", "change"):
            with rasterio.open(out / f"{name}.tif") as raster:
                assert (raster.crs, raster.shape) == (before.crs, before.shape)
    files = json.loads((out / "manifest.json").read_text())["files"]
    assert set(files) == {path.name for path in out.iterdir()} - {"manifest.json"}
    assert answer.facts["area"]["not_analysed_m2"] > 0.2 * answer.facts["area"]["of_interest_m2"]
    areas = gpd.read_file(out / "products.gpkg", layer="notAnalysedA")
    assert "outside the second image" in areas.to_csv()
    with rasterio.open(out / "damage.tif") as raster:
        below = raster.read(1)[250:]
    assert (below == 255).all()


@pytest.mark.parametrize(("side", "code"), [(6, 0), (16, 3)])
def test_ground_not_analysed_that_rounds_to_nothing_is_no_code_of_its_own(
    geomage, pair, blank_model, tmp_path, side, code
):
    """Of 320 x 320 px, 36 are less than 0.05 %, 256 are more."""
    with rasterio.open(pair[0]) as image:
        profile, values = image.profile, image.read()
    values[values == 0] = 1
    values[:, 100 : 100 + side, 100 : 100 + side] = 0
    with rasterio.open(tmp_path / "holed.tif", "w", **{**profile, "nodata": 0}) as image:
        image.write(values)
    answer = geomage(
        *("map", tmp_path / "holed.tif", "-o", tmp_path / "out", "--model", blank_model, "--json")
    )
    assert answer.code == code, answer.err
    assert answer.facts["area"]["not_analysed_m2"] > 0
    assert ("not analysed" in answer.err) == (code == 3)


def test_one_image_gives_buildings_and_land_cover_only(geomage, pair, blank_model, tmp_path):
    out = tmp_path / "out"
    answer = geomage("map", pair[0], "-o", out, "--model", blank_model)
    assert answer.code == 0, answer.err
    assert answer.out == ""
    names = {path.name for path in out.iterdir()}
    assert {"building.tif", "landcover.tif", "report.html"} <= names
    assert not {"damage.tif", "flood.tif", "change.tif"} & names


def test_check_says_what_will_be_lost_and_writes_nothing(geomage, pair, blank_model):
    before = sorted(pair[0].parent.iterdir())
    answer = geomage("check", *pair, "--model", blank_model, "--json")
    assert answer.code == 0, answer.err
    assert "not be analysed" in answer.err
    assert answer.facts["seen_first"] == 1
    assert 0.7 < answer.facts["seen_both"] < 0.8
    assert [image["crs"] for image in answer.facts["images"]] == ["EPSG:32631", "EPSG:4326"]
    assert sorted(pair[0].parent.iterdir()) == before


@pytest.mark.parametrize("size", ["lots", "2XiB", "", "GiB"])
def test_a_budget_that_is_no_size_is_refused(geomage, pair, blank_model, tmp_path, size):
    out = tmp_path / "out"
    answer = geomage("map", *pair, "-o", out, "--model", blank_model, "--memory", size)
    assert answer.code == 2
    assert "2GiB" in answer.err
    assert not out.exists()


def test_a_small_budget_is_refused_before_the_work(geomage, pair, blank_model, tmp_path):
    words = ("map", *pair, "-o", tmp_path / "out", "--model", blank_model)
    answer = geomage(*words, "--memory", "1 MB")
    assert answer.code == 2
    assert "--memory" in answer.err
    assert not list(tmp_path.iterdir())
