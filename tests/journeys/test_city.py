"""Growing a town and looking at it."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import rasterio
from PIL import Image
from rasterio.transform import from_origin


def test_a_town_is_a_complete_folder(town):
    assert {"city.gpkg", "city.city.json", "dtm.tif", "item.json"} <= {
        path.name for path in town.iterdir()
    }
    assert len(gpd.read_file(town / "city.gpkg", layer="buildings")) > 5
    item = json.loads((town / "item.json").read_text())
    assert item["properties"]["geomage:kind"] == "city"


def test_the_facts_are_json_on_stdout(geomage, tmp_path):
    answer = geomage("city", "grow", "--size", 120, "-o", tmp_path / "town", "--json")
    assert answer.code == 0
    assert answer.facts["buildings"] > 0


def test_an_existing_folder_is_kept_unless_told(geomage, tmp_path):
    town = tmp_path / "town"
    grow = ("city", "grow", "--size", 100, "-o", town)
    assert geomage(*grow).code == 0
    before = (town / "item.json").read_bytes()
    answer = geomage(*grow, "--seed", 9)
    assert answer.code == 2
    assert "--overwrite" in answer.err
    assert (town / "item.json").read_bytes() == before
    assert geomage(*grow, "--seed", 9, "--overwrite").code == 0
    assert (town / "item.json").read_bytes() != before


def test_a_wrong_style_names_the_right_ones(geomage, tmp_path):
    answer = geomage("city", "grow", "--style", "metropolis", "-o", tmp_path / "town")
    assert answer.code == 2
    assert "metropolis" in answer.err
    assert "suburb" in answer.err
    assert not list(tmp_path.iterdir())


def test_a_plan_shows_the_town(geomage, town, tmp_path):
    picture = tmp_path / "town.png"
    assert geomage("city", "show", town, "-o", picture, "--gsd", 1).code == 0
    with Image.open(picture) as image:
        assert image.size == (200, 200)
        assert len(image.getcolors(1 << 16)) > 20
    assert geomage("city", "show", town, "-o", picture).code == 2
    assert geomage("city", "show", tmp_path, "-o", tmp_path / "no.png").code == 2
    assert geomage("city", "show", town, "-o", tmp_path / "no.png", "--gsd", 0.01).code == 2
    for gsd in (1e-9, 1e9, "nan", "inf", -1):
        answer = geomage("city", "show", town, "-o", tmp_path / "no.png", "--gsd", gsd)
        assert answer.code == 2
        assert "outside 0.01..20 m" in answer.err
    assert [path.name for path in tmp_path.iterdir()] == ["town.png"]


def test_a_town_is_exported_as_its_suffix_says(geomage, town, tmp_path):
    for name, start in (("town.glb", b"glTF"), ("town.city.json", b'{"type":"CityJSON"')):
        answer = geomage("city", "export", town, "-o", tmp_path / name, "--json")
        assert answer.code == 0
        raw = (tmp_path / name).read_bytes()
        assert raw.startswith(start)
        assert answer.facts["bytes"] == len(raw)
        assert geomage("city", "export", town, "-o", tmp_path / name).code == 2
        assert geomage("city", "export", town, "-o", tmp_path / name, "--overwrite").code == 0
    assert (town / "city.city.json").read_bytes() == (tmp_path / "town.city.json").read_bytes()
    answer = geomage("city", "export", town, "-o", tmp_path / "town.obj")
    assert answer.code == 2
    assert ".glb or .city.json" in answer.err
    assert geomage("city", "export", tmp_path, "-o", tmp_path / "other.glb").code == 2
    assert {path.name for path in tmp_path.iterdir()} == {"town.glb", "town.city.json"}


def test_a_town_grows_on_real_terrain(geomage, tmp_path):
    dem = tmp_path / "hill.tif"
    with rasterio.open(
        dem, "w", driver="GTiff", width=40, height=40, count=1, dtype="float32", crs="EPSG:2154",
        transform=from_origin(700_000, 6_600_000, 10, 10),
    ) as file:  # fmt: skip
        file.write(np.linspace(200, 230, 1600, dtype=np.float32).reshape(40, 40), 1)
    town = tmp_path / "town"
    assert geomage("city", "grow", "--size", 150, "--dtm", dem, "-o", town).code == 0
    with rasterio.open(town / "dtm.tif") as terrain:
        assert terrain.crs.to_epsg() == 2154
        assert 200 < terrain.read().mean() < 230
    houses = gpd.read_file(town / "city.gpkg", layer="buildings")
    assert len(houses) > 2
    assert houses.crs.to_epsg() == 2154
    there = rasterio.coords.BoundingBox(*houses.total_bounds)
    assert 700_000 < there.left < there.right < 700_400
    refusals = {
        ("--dtm", dem, "--at", "5,5"): "covers 0% of the city",
        ("--dtm", dem, "--at", "here"): "write LON,LAT in degrees",
        ("--at", "5,45"): "--dtm FILE",
        ("--dtm", tmp_path / "none.tif"): "none.tif",
        ("--dtm", town / "city.gpkg"): "city.gpkg",
    }
    for words, said in refusals.items():
        answer = geomage("city", "grow", "--size", 150, *words, "-o", tmp_path / "no")
        assert answer.code == 2, answer.err
        assert said in answer.err
    answer = geomage("city", "grow", "--dtm", dem, "-o", dem, "--overwrite")
    assert answer.code == 2
    assert not (tmp_path / "no").exists()
