"""From two domains to a translator, and an image shown as the other domain would."""

from __future__ import annotations

import numpy as np
import rasterio

RECIPE = """
name = "bright"
method = "histogram"

[[source]]
reader = "simulated-pairs"
stretch = true
[source.simulated]
task = "landcover"
count = 2
stream = { size_px = 64, gsd_m = [0.5, 0.5], no_data = 0.0 }

[[target]]
reader = "simulated-pairs"
stretch = true
[target.simulated]
task = "landcover"
count = 2
first = 9
stream = { size_px = 64, gsd_m = [0.5, 0.5], no_data = 0.0, seed = 8 }
"""


def test_simulated_chips_become_a_translator_that_translates(geomage, pair, tmp_path):
    recipe, run = tmp_path / "r.toml", tmp_path / "run"
    recipe.write_text(RECIPE)
    answer = geomage(
        "adapt", recipe, "-o", run, "--jobs", 1, "--pool", tmp_path / "chips", "--json"
    )
    assert answer.code == 0, answer.err
    assert answer.facts["translator"] == str(run / "translator.json")
    assert (run / "pictures/translated.png").exists()
    outs = [tmp_path / f"{name}.tif" for name in "abc"]
    for out, translator, jobs in zip(
        outs, (run, run / "translator.json", run), (1, 2, 1), strict=True
    ):
        words = ("translate", pair[0], "--translator", translator, "-o", out, "--jobs", jobs)
        answer = geomage(*words, "--style", int(out.name == "c.tif"), "--json")
        assert answer.code == 0, answer.err
    assert answer.facts["translator"]["method"] == "histogram"
    assert answer.facts["stretch"]["high"] > answer.facts["stretch"]["low"]
    assert outs[0].read_bytes() == outs[1].read_bytes()
    with rasterio.open(outs[0]) as made, rasterio.open(pair[0]) as image:
        assert (made.shape, made.crs, made.transform) == (image.shape, image.crs, image.transform)
        assert not np.array_equal(made.read(), image.read())


def test_what_cannot_be_translated_is_told_in_a_line(geomage, pair, tmp_path):
    out = tmp_path / "out.tif"
    for words, said in (
        (("--translator", tmp_path), "no translator there"),
        (("--translator", tmp_path / "none"), "no translator there"),
    ):
        answer = geomage("translate", pair[0], "-o", out, *words)
        assert answer.code == 2
        assert said in answer.err
        assert "Traceback" not in answer.err
    answer = geomage("adapt", "adapt-smal", "-o", tmp_path / "run")
    assert answer.code == 2
    assert "near: adapt-small" in answer.err
    assert not out.exists()
    assert not (tmp_path / "run").exists()
