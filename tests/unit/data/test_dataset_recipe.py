"""Dataset recipes are read strictly, and name what is near to a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from geomage.data import DatasetRecipe, datasheet, find_recipe
from geomage.data.layout import Layout, split_of
from geomage.data.recipe import _FOLDER, recipe_from_table
from geomage.errors import near_names

SHIPPED = sorted(path.stem for path in _FOLDER.glob("*.toml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_bears_its_name_and_holds_negatives(name: str):
    recipe = find_recipe(name)
    assert recipe.name == name
    assert 0 < recipe.stream.negatives < 0.5
    assert recipe.stream.size_px >= 128


def test_what_json_gives_back_is_the_same_recipe():
    for name in SHIPPED:
        recipe = find_recipe(name)
        assert recipe_from_table(recipe.as_dict(), "here") == recipe


def test_a_seed_replaces_that_of_the_recipe():
    recipe = DatasetRecipe()
    assert recipe.seeded(None) == recipe
    assert recipe.seeded(9).stream.seed == 9


def test_near_names_come_first():
    assert near_names("vhr-0.4", ["vhr-0.5", "aerial-0.3", "moon"]).startswith(" (near: vhr-0.5")
    assert near_names("xyz", ["vhr-0.5"]) == ""


def test_samples_lie_side_by_side_and_never_on_each_other():
    layout = Layout(Path(), DatasetRecipe())
    gsds = (0.3, 1.0, 0.55)
    boxes = [layout.box(i, gsds[i % 3]).boundingbox for i in (0, 1, 2, 3, 1149, 1150, 1151, 2300)]
    assert len({(b.left, b.top) for b in boxes}) == len(boxes)
    for i, a in enumerate(boxes):
        assert 166_000 < a.left < a.right < 834_000
        assert 0 < a.bottom < a.top < 9_400_000
        for b in boxes[i + 1 :]:
            assert a.right < b.left or b.right < a.left or a.top < b.bottom or b.top < a.bottom


def test_eight_of_ten_samples_train():
    assert [split_of(i) for i in range(10)] == ["train"] * 8 + ["val", "test"]


def test_a_datasheet_names_only_the_steps_of_gsd_that_hold_samples():
    assert datasheet._steps([10.0, 10.0], [3]) == {"10 m": 3}
    assert datasheet._steps([0.3, 0.5, 0.7], [2, 0]) == {"0.30 to 0.50 m": 2}
