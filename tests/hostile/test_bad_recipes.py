"""Recipes that no run could use: refused when they are read, before a run folder is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from geomage.cli import main
from geomage.errors import InputError
from geomage.learn import read_recipe

pytest.importorskip("torch", reason="the extra [train] brings torch")

RECIPES = [
    "widths = []",
    "widths = [8, 8, 8, 8, 1]",
    "widths = [8, 8, 8, 8, 8, 8]",
    "widths = [-8, 8, 8, 8, 8]",
    "decoder = 0",
    "context = [0]",
    "seed = -1",
    "steps = 0",
    "batch = 1000000",
    "crop = 0",
    "crop = 100",
    "learning_rate = nan",
    "learning_rate = 0",
    "warm_up = 2",
    "weight_decay = -1",
    "ema = 1.5",
    "clip = 0",
    "threads = 100000",
    "gsd_max = inf",
    "gsd = 3",
    "building_threshold = nan",
    'name = "a\\nb"',
    "[pool]\nheld_out = 0",
    "[pool]\nrate = nan",
    "[pool]\nstart = 5000",
    "[augment]\nzoom = []",
    "[augment]\nzoom = [0, 1]",
    "[augment]\nzoom = [2, 1]",
    "[augment]\nshift = -1",
    "[augment]\nblur = 1.5",
    "[augment]\ngain = -1",
    "[loss]\ndamage_weights = [0, 1, 1, 1]",
    "[loss]\nlandcover_weights = [1]",
    "[loss]\ntversky = -0.5",
]
STREAMS = [
    "size_px = -5",
    "gsd_m = [1]",
    "gsd_m = [1, 0.5]",
    "oversample = nan",
    "calm = 2",
    "seed = -1",
    "styles = {}",
    "styles = { moon = 1 }",
    "styles = { suburb = 0 }",
    "hazards = { meteor = 1 }",
    "hazards = { fire = -1 }",
    "hazards = { fire = nan }",
]


@pytest.mark.parametrize("text", RECIPES)
def test_every_number_of_a_recipe_is_checked_when_it_is_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(InputError, match="recipe"):
        read_recipe(path)


@pytest.mark.parametrize(
    "text", ["widths = []", *(f"[stream]\n{line}" for line in STREAMS), "[stream]\nx = 1"]
)
def test_a_wrong_recipe_leaves_no_run_folder(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str
) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    assert main(["train", str(path), "-o", str(tmp_path / "run")]) == 2
    assert capfd.readouterr().err.count("\n") == 1
    assert [one.name for one in tmp_path.iterdir()] == ["recipe.toml"]


def test_a_pool_of_something_else_leaves_no_run_folder(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pool").mkdir()
    (tmp_path / "pool" / "mine").write_text("dear")
    words = ["train", "line", "-o", str(tmp_path / "run"), "--pool", str(tmp_path / "pool")]
    assert main(words) == 2
    assert "not a pool" in capfd.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == ["pool"]
