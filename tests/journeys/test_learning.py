"""Training, exporting and evaluating, from the command line; the smallest run there is."""

from __future__ import annotations

import shutil
import sys

import numpy as np
import pytest
import rasterio

RECIPE = """
name = "smallest"
steps = 3
batch = 1
crop = 64
checkpoint = 2
threads = 1
widths = [8, 8, 8, 8, 8]
decoder = 8

[pool]
count = 3
start = 2
held_out = 1

[stream]
size_px = 128
"""


@pytest.fixture
def labelled(pair, tmp_path):
    """The pair with a damage raster beside it: two blocks, one of them destroyed."""
    folder = tmp_path / "labelled"
    folder.mkdir()
    for source, name in zip(pair, ("x_before.tif", "x_after.tif"), strict=True):
        shutil.copy(source, folder / name)
    with rasterio.open(pair[0]) as before:
        profile = before.profile | {"count": 1}
        truth = np.zeros(before.shape, np.uint8)
    truth[40:60, 40:60], truth[100:130, 100:120] = 1, 4
    with rasterio.open(folder / "x_damage.tif", "w", **profile) as file:
        file.write(truth, 1)
    return folder


def test_a_recipe_becomes_a_model_that_maps(geomage, labelled, tmp_path):
    recipe, run, model = tmp_path / "r.toml", tmp_path / "run", tmp_path / "model.onnx"
    recipe.write_text(RECIPE)
    answer = geomage("train", recipe, "-o", run, "--jobs", 1, "--json")
    assert answer.code == 0, answer.err
    assert answer.facts["model"] == str(run / "model.onnx")
    answer = geomage("export", run, "-o", model)
    assert answer.code == 0, answer.err
    assert geomage("export", run, "-o", model).code == 2  # stands already
    answer = geomage("evaluate", model, labelled)
    assert answer.code == 0, answer.err
    assert answer.facts["pooled"]["buildings"]["reference"] == 2
    assert list(answer.facts["pairs"]) == ["x_before"]


def test_a_map_is_scored_against_labels(geomage, labelled, blank_model, tmp_path):
    out = tmp_path / "out"
    pair = (labelled / "x_before.tif", labelled / "x_after.tif")
    assert geomage("map", *pair, "-o", out, "--model", blank_model).code == 3
    answer = geomage("score", out, labelled / "x_damage.tif", "--json")
    assert answer.code == 0, answer.err
    assert answer.facts["buildings"]["reference"] == 2
    assert sum(map(sum, answer.facts["damage"]["confusion"]["counts"])) == 2
    answer = geomage("score", out, labelled / "x_damage.tif", "--footprints-only", "--json")
    assert answer.facts["damage"] is None
    answer = geomage("score", out, labelled / "x_damage.tif")
    assert answer.out.startswith("Buildings of the reference: 2\n")


def test_wrong_recipes_and_folders_are_refused(geomage, blank_model, tmp_path):
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("stepz = 3\n")
    for words, hint in (
        (("train", wrong, "-o", tmp_path / "run"), "stepz"),
        (("train", "no-such", "-o", tmp_path / "run"), "line"),
        (("train", "few-lables", "-o", tmp_path / "run"), "near: few-labels"),
        (("train", "pretrain-small", "-o", tmp_path / "run"), "geomage pretrain takes it"),
        (("pretrain", "line", "-o", tmp_path / "run"), "geomage train takes it"),
        (("pretrain", wrong, "-o", tmp_path / "run"), "stepz"),
        (("export", tmp_path, "-o", tmp_path / "m.onnx"), "run folder"),
        (("evaluate", blank_model, tmp_path), "x_before"),
        (("evaluate", tmp_path / "no.onnx", tmp_path), ""),
        (("score", tmp_path, wrong), "product"),
    ):
        answer = geomage(*words)
        assert answer.code == 2, (words, answer.err)
        assert hint in answer.err
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.toml"]


def test_without_torch_training_says_what_to_install(geomage, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    answer = geomage("train", "line", "-o", tmp_path / "run")
    assert answer.code == 2
    assert "geomage[train]" in answer.err
    assert not list(tmp_path.iterdir())
