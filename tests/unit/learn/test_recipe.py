"""Recipes are read strictly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from geomage.errors import InputError
from geomage.learn import Recipe, read_recipe, shipped_recipe
from geomage.learn.recipe import recipe_hash


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_recipe_is_read():
    assert shipped_recipe("line").name == "line"


def test_an_unknown_shipped_recipe_names_the_known_ones():
    with pytest.raises(InputError, match="line"):
        shipped_recipe("lime")


def test_what_is_left_out_keeps_its_default(tmp_path: Path):
    recipe = read_recipe(write(tmp_path, "steps = 7\n[augment]\nzoom = [1, 2]\n"))
    assert recipe == replace(Recipe(), steps=7, augment=replace(Recipe().augment, zoom=(1.0, 2.0)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stepz = 7", "stepz"),
        ("[pool]\ncuont = 7", "cuont"),
        ("steps = 'many'", "expected int"),
        ("steps = 0", r"outside 1\.\."),
        ("crop = 100", "multiple of 32"),
        ("pool = 3", "expected a table"),
        ("widths = 3", "expected a list"),
        ("bfloat16 = 1", "expected bool"),
        ("steps = ", "not a TOML recipe"),
        ("[loss]\ndamage_weights = [1, 2]", "damage_weights = .* must hold 4 numbers"),
        ("[pool]\nstart = 9\ncount = 3", "start <= count"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str):
    with pytest.raises(InputError, match=message):
        read_recipe(write(tmp_path, text))


def test_a_missing_recipe_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"nowhere\.toml"):
        read_recipe(tmp_path / "nowhere.toml")


def test_the_hash_changes_with_any_part():
    marks = {
        recipe_hash(Recipe()),
        recipe_hash(Recipe(seed=1)),
        recipe_hash(Recipe(stream={"seed": 1})),
        recipe_hash(replace(Recipe(), loss=replace(Recipe().loss, order=0.1))),
    }
    assert len(marks) == 4
    assert recipe_hash(Recipe()) == recipe_hash(Recipe())
