"""A run of a chip recipe: what it leaves, how it goes on, what it refuses."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from geomage.data.chip_sources import SourceParams, open_source
from geomage.data.tables import build
from geomage.errors import InputError, ModelError
from geomage.learn import chip_run, export_run, pretrain_recipe, shipped_recipe, train_recipe
from geomage.learn.chip_batches import ChipBatches
from geomage.learn.chip_looks import predict_chip
from geomage.learn.chip_recipe import BatchParams, ChipRecipe, find_training_recipe
from geomage.learn.chip_run import load_network, objective_of, train_chips
from geomage.learn.loop_params import LoopParams
from geomage.model import load_model
from geomage.model.blueprint import Architecture
from made_floods import write_floods

LOOP = LoopParams(steps=24, epoch=12, learning_rate=5e-3, ema=0.8, threads=1, device="cpu")


def recipe_for(folder: Path, **changes) -> ChipRecipe:
    source = SourceParams("sen1floods11", str(folder), product="s1")
    first = ChipRecipe(
        "supervised",
        labelled=(replace(source, events=("Ghana",)),),
        held_out=(replace(source, without=("Ghana",)),),
        batches=BatchParams(crop=32, labelled=4),
        loop=LOOP,
    )
    return replace(first, **changes)


@pytest.fixture(scope="module")
def floods(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_floods(tmp_path_factory.mktemp("made") / "floods")


@pytest.fixture(scope="module")
def run(floods: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "run"
    train_chips(recipe_for(floods), out)
    return out


def test_it_learns_water_and_shows_it(floods: Path, run: Path):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    looks = [line for line in lines if "miou" in line]
    assert [look["step"] for look in looks] == [5, 12, 24]
    assert looks[-1]["miou"] > 0.75
    assert set(looks[-1]["iou"]) == {"dry", "water"}
    with Image.open(run / "pictures/000024.png") as picture:
        assert picture.size == (3 * 256 + 4, 2 * 258 + 2 * 16)  # words above, a key below
    chip = open_source(recipe_for(floods).held_out[0], run).chip(0)
    said = predict_chip(load_network(run), chip)["classes"]
    assert said.shape == (2, 48, 48)
    known = chip.labels != 255
    assert (said.argmax(0) == chip.labels)[known].mean() > 0.9


def test_the_exported_file_says_what_the_network_says(floods: Path, run: Path, tmp_path: Path):
    chip = open_source(recipe_for(floods).held_out[0], run).chip(0)
    keys = np.array([channel.key for channel in chip.channels], np.float32)
    fed = {"pixels": chip.pixels[None], "channels": keys, "gsd": np.array([10.0], np.float32)}
    session = onnxruntime.InferenceSession(run / "model.onnx")
    said = dict(zip(("classes",), session.run(["classes"], fed), strict=True))["classes"][0]
    expected = predict_chip(load_network(run), chip)["classes"]
    assert np.allclose(said, expected, atol=1e-4)
    assert (
        export_run(run, tmp_path / "again.onnx").read_bytes() == (run / "model.onnx").read_bytes()
    )


def test_the_exported_file_is_told_from_a_model_that_maps(run: Path):
    with pytest.raises(ModelError, match="a network that learnt from chips, which makes no map"):
        load_model(run / "model.onnx")


def test_pre_training_shows_features_and_begins_another_run(floods: Path, tmp_path: Path):
    source = SourceParams("sen1floods11", str(floods), product="s1")
    recipe = ChipRecipe(
        "simclr",
        params={"view": {"side": 32}},
        unlabelled=(source,),
        batches=BatchParams(crop=32, unlabelled=4),
        loop=replace(LOOP, steps=2, epoch=2),
    )
    weights = pretrain_recipe(recipe, tmp_path / "encoder")
    assert weights == tmp_path / "encoder/network.safetensors"
    with Image.open(tmp_path / "encoder/pictures/000002.png") as picture:
        assert picture.size == (3 * 256 + 4, 4 * 258 + 16)
    objective_of(recipe_for(floods, start=str(tmp_path / "encoder")))
    with pytest.raises(InputError, match="simclr learnt an encoder, which answers nothing"):
        export_run(tmp_path / "encoder", tmp_path / "encoder.onnx")
    assert not (tmp_path / "encoder.onnx").exists()
    with pytest.raises(InputError, match="geomage pretrain takes it"):
        train_recipe(recipe, tmp_path / "wrong")
    with pytest.raises(InputError, match="geomage train takes it"):
        pretrain_recipe(recipe_for(floods), tmp_path / "wrong")
    with pytest.raises(InputError, match="geomage train takes it"):
        pretrain_recipe(shipped_recipe(), tmp_path / "wrong")
    with pytest.raises(InputError, match="simclr learns from"):
        pretrain_recipe(replace(recipe, unlabelled=(), labelled=(source,)), tmp_path / "wrong")
    assert not (tmp_path / "wrong").exists()


@pytest.mark.parametrize("name", ["few-labels", "pretrain-small"])
def test_shipped_recipes_of_chips_can_be_begun(name: str):
    recipe = find_training_recipe(name)
    assert isinstance(recipe, ChipRecipe)
    objective_of(recipe)


def test_a_finished_run_is_not_run_again(floods: Path, run: Path):
    before = (run / "checkpoint.safetensors").read_bytes()
    train_chips(recipe_for(floods), run)
    assert (run / "checkpoint.safetensors").read_bytes() == before


def test_a_run_of_another_recipe_is_refused(floods: Path, run: Path):
    with pytest.raises(InputError, match="another recipe"):
        train_chips(recipe_for(floods, seed=3), run)


def test_a_run_whose_files_changed_is_refused(floods: Path, run: Path):
    noted = json.loads((run / "recipe.json").read_text())["inputs"]
    assert {role: [one["chips"] for one in some] for role, some in noted.items()} == {
        "labelled": [2],
        "held_out": [2],
    }
    file = floods / "Spain_1_label.tif"
    before = file.read_bytes()
    file.write_bytes(before + b"\0")
    with pytest.raises(InputError, match=r"began with other files of \[\[held_out\]\], source 1"):
        train_chips(recipe_for(floods), run)
    file.write_bytes(before)
    train_chips(recipe_for(floods), run)


def test_an_encoder_begins_with_a_pre_trained_one(floods: Path, run: Path):
    begun = objective_of(recipe_for(floods, seed=8, start=str(run))).modules["network"]
    fresh = objective_of(recipe_for(floods, seed=8)).modules["network"]
    learnt = load_network(run)
    for name, tensor in begun.encoder.state_dict().items():
        assert torch.equal(tensor, learnt.encoder.state_dict()[name]), name
    for name, tensor in begun.decoder.state_dict().items():
        assert torch.equal(tensor, fresh.decoder.state_dict()[name]), name
    other = replace(recipe_for(floods, start=str(run)), architecture=Architecture(width=16))
    objective_of(other)  # another decoder is its own affair
    with pytest.raises(InputError, match=r"start = .*is not there: give the run folder"):
        objective_of(recipe_for(floods, start=str(floods)))
    with pytest.raises(InputError, match="not a file of a run"):
        objective_of(recipe_for(floods, start=str(next(floods.glob("*.tif")))))


def test_a_share_of_the_labels_and_rare_classes(floods: Path, tmp_path: Path):
    source = SourceParams("sen1floods11", str(floods), product="s1", fraction=0.25)
    recipe = recipe_for(floods, labelled=(source,), held_out=())
    recipe = replace(
        recipe,
        batches=replace(recipe.batches, rare=0.01),
        loop=replace(LOOP, steps=1, epoch=1),
    )
    train_chips(recipe, tmp_path / "run")
    assert not (tmp_path / "run/pictures").exists()


def test_batches_draw_chips_with_rare_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # Water lies in one chip of four: at so low a temperature that chip is all that is drawn.
    folder = write_floods(tmp_path / "floods", wet=1)
    source = SourceParams("sen1floods11", str(folder), product="s1")
    recipe = recipe_for(folder, labelled=(source,), held_out=(), loop=replace(LOOP, steps=1))
    drawn = {}
    for rare in (0.0, 0.01):
        made: list[ChipBatches] = []

        def keep(*args: Any, made: list[ChipBatches] = made) -> ChipBatches:
            made.append(ChipBatches(*args))
            return made[0]

        monkeypatch.setattr(chip_run, "ChipBatches", keep)
        asked = replace(recipe, batches=replace(recipe.batches, crop=48, rare=rare))
        train_chips(asked, tmp_path / f"run_{rare}")
        labels = torch.cat([made[0].batch(step, 0, 1).labelled.labels for step in range(6)])
        drawn[rare] = float((labels == 1).any(2).any(1).float().mean())
    assert drawn[0.01] == 1
    assert 0 < drawn[0.0] < 0.6


def test_what_cannot_be_is_refused_before_anything_is_written(floods: Path, tmp_path: Path):
    good = recipe_for(floods)
    for wrong, hint in (
        (replace(good, objective="fixmach"), "near: fixmatch"),
        (replace(good, params={"overlapp": 1.0}), "overlap"),
        (replace(good, architecture=Architecture(heads={"classes": 5})), "classes = 2"),
        (replace(good, batches=BatchParams(crop=40)), "multiple of"),
        (
            replace(good, labelled=(replace(good.labelled[0], events=("Spian",)),)),
            "near: Spain",
        ),
    ):
        with pytest.raises(InputError, match=hint):
            train_chips(wrong, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_recipe_of_the_page_can_be_read(project: Path):
    page = (project / "docs/learning.md").read_text("utf-8")
    table = tomllib.loads(page.split("```toml\n")[1].split("```")[0])
    recipe = build(ChipRecipe, table, "docs/learning.md")
    assert [source.reader for source in recipe.labelled] == ["sen1floods11", "simulated-floods"]
    objective_of(replace(recipe, start=""))


def test_recipes_are_read_strictly(tmp_path: Path):
    table = {"objective": "supervised", "labelled": [{"reader": "sen1flood", "folder": "x"}]}
    with pytest.raises(InputError, match="sen1floods11"):
        build(ChipRecipe, table, "r.toml")
    table["labelled"] = [{"reader": "simulated-floods", "simulated": {"task": "watr"}}]
    with pytest.raises(InputError, match="near: water"):
        build(ChipRecipe, table, "r.toml")
    with pytest.raises(InputError, match="no chips"):
        build(ChipRecipe, {"objective": "supervised"}, "r.toml")
    path = tmp_path / "r.toml"
    path.write_text('objective = "supervised"\nbatch = 3\n')
    with pytest.raises(InputError, match=r"unknown key 'batch'.*near: batches"):
        find_training_recipe(str(path))
    with pytest.raises(InputError, match="near: line"):
        find_training_recipe("lime")


def test_the_recipe_of_a_run_comes_back(floods: Path, run: Path):
    kept = json.loads((run / "recipe.json").read_text())["recipe"]
    again = build(ChipRecipe, kept, "recipe.json")
    assert again == recipe_for(floods)
