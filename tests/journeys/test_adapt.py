"""From two domains to a translator, and an image shown as the other domain would."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from affine import Affine

from dataset_folders import tif

RECIPE = """
name = "bright"
method = "histogram"

[[source]]
reader = "simulated-floods"
bands = ["red", "green", "blue"]
stretch = true
simulated = { sensors = "s2", count = 2, pairs = { cells = 64 } }

[[target]]
reader = "simulated-floods"
bands = ["red", "green", "blue"]
stretch = true
simulated = { sensors = "s2", count = 2, first = 9, pairs = { cells = 64 } }
"""


@pytest.fixture
def image(tmp_path):
    """Blocks of colour, 10 m."""
    rng = np.random.default_rng(5)
    ground = np.kron(rng.integers(300, 2000, (3, 20, 30)), np.ones((1, 8, 8))).astype(np.uint16)
    return tif(tmp_path / "image.tif", ground, "EPSG:32631", transform=Affine.scale(10, -10))


def test_simulated_chips_become_a_translator_that_translates(geomage, image, tmp_path):
    recipe, run = tmp_path / "r.toml", tmp_path / "run"
    recipe.write_text(RECIPE)
    answer = geomage(
        "adapt", recipe, "-o", run, "--jobs", 1, "--pool", tmp_path / "chips", "--json"
    )
    assert answer.code == 0, answer.err
    assert answer.facts["translator"] == str(run / "translator.json")
    assert (run / "pictures/translated.png").exists()
    photo = tmp_path / "photo.png"
    answer = geomage("translate", image, "--translator", run, "-o", photo)
    assert answer.code == 2
    assert "photo.png: choose a name that ends in .tif" in answer.err
    assert not photo.exists()
    outs = [tmp_path / f"{name}.tif" for name in "abc"]
    for out, translator, jobs in zip(
        outs, (run, run / "translator.json", run), (1, 2, 1), strict=True
    ):
        words = ("translate", image, "--translator", translator, "-o", out, "--jobs", jobs)
        answer = geomage(*words, "--style", int(out.name == "c.tif"), "--json")
        assert answer.code == 0, answer.err
    assert answer.facts["translator"]["method"] == "histogram"
    kept = (run / "translator.json").read_bytes()
    for out in (run / "translator.json", run / "translator.velocity.onnx"):
        words = ("translate", image, "--translator", run, "-o", out, "--overwrite")
        refused = geomage(*words)
        assert refused.code == 2
        assert "is a part of the translator" in refused.err
    assert (run / "translator.json").read_bytes() == kept
    assert answer.facts["stretch"]["high"] > answer.facts["stretch"]["low"]
    assert outs[0].read_bytes() == outs[1].read_bytes()
    with rasterio.open(outs[0]) as made, rasterio.open(image) as file:
        assert (made.shape, made.crs, made.transform) == (file.shape, file.crs, file.transform)
        assert made.dtypes == ("uint8",) * 3


def test_what_cannot_be_translated_is_told_in_a_line(geomage, image, tmp_path):
    out = tmp_path / "out.tif"
    for words, said in (
        (("--translator", tmp_path), "no translator there"),
        (("--translator", tmp_path / "none"), "is not there; give a run folder"),
    ):
        answer = geomage("translate", image, "-o", out, *words)
        assert answer.code == 2
        assert said in answer.err
        assert "Traceback" not in answer.err
    answer = geomage("adapt", "adapt-smal", "-o", tmp_path / "run")
    assert answer.code == 2
    assert "near: adapt-small" in answer.err
    assert not out.exists()
    assert not (tmp_path / "run").exists()
