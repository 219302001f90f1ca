"""The demo: everything at once, and the words it ends with."""

from __future__ import annotations

import json
import shutil

import rasterio

SMALL = ("--size", 160, "--seed", 2)


def test_the_demo_leaves_every_step_and_says_what_to_open(
    geomage, blank_model, tmp_path, monkeypatch
):
    monkeypatch.setenv("GEOMAGE_DATA", str(tmp_path / "none"))
    out = tmp_path / "demo"
    answer = geomage("demo", "-o", out, *SMALL, "--model", blank_model)
    assert answer.code == 0, answer.err
    assert answer.out == ""
    assert answer.err.rstrip().endswith(f"Open {out / 'map' / 'report.html'}")
    assert {path.name for path in out.iterdir()} == {"town", "event", "scene", "map", "score.json"}
    score = json.loads((out / "score.json").read_text())
    assert score["buildings"]["reference"] > 0
    assert f"of {score['buildings']['reference']} buildings found" in answer.err
    again = geomage("demo", "-o", out, *SMALL, "--model", blank_model)
    assert again.code == 2
    assert "--overwrite" in again.err


def test_the_demo_maps_joplin_when_it_is_there(geomage, blank_model, pair, tmp_path, monkeypatch):
    """A stand-in for the real imagery: the demo only looks for two files."""
    folder = tmp_path / "data" / "damage" / "joplin_2011"
    folder.mkdir(parents=True)
    for source, name in zip(pair, ("before.tif", "after.tif"), strict=True):
        shutil.copy(source, folder / name)
    monkeypatch.setenv("GEOMAGE_DATA", str(tmp_path / "data"))
    out = tmp_path / "demo"
    answer = geomage("demo", "-o", out, *SMALL, "--model", blank_model, "--json")
    assert answer.code == 0, answer.err
    assert answer.facts["reports"] == [str(out / n / "report.html") for n in ("map", "joplin")]
    with rasterio.open(out / "joplin" / "damage.tif") as raster:
        assert raster.shape == (320, 320)


def test_a_missing_model_is_said_before_the_work(geomage, tmp_path):
    answer = geomage("demo", "-o", tmp_path / "demo", "--model", tmp_path / "no.onnx")
    assert answer.code == 2
    assert "no.onnx" in answer.err
    assert not list(tmp_path.iterdir())
