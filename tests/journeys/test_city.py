"""Growing a town and looking at it."""

from __future__ import annotations

import json

import geopandas as gpd
from PIL import Image


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
