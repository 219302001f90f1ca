"""A run: it learns, it resumes to the same numbers, it refuses what is not its own."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from stand_in import Blocks

from geomage.errors import InputError, RunError
from geomage.learn.checkpoint import new_learner, read_averaged, read_learner, write_learner
from geomage.learn.crop_feed import CropDraws, upcoming_crops
from geomage.learn.export import export_run, read_run_recipe
from geomage.learn.loop_state import read_tensors
from geomage.learn.pool import Pool, PoolPlan
from geomage.learn.precision import has_bfloat16
from geomage.learn.recipe import PoolParams, Recipe, recipe_hash
from geomage.learn.train import RunPaths, learning_rate, train, training_step
from geomage.model import load_model

RECIPE = Recipe(
    steps=8,
    batch=2,
    crop=64,
    checkpoint=4,
    threads=1,
    widths=(8, 8, 16, 16, 16),
    decoder=8,
    pool=PoolParams(count=6, start=4, rate=0.5, held_out=2),
)
SOURCE = Blocks(side=100)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    train(RECIPE, folder, SOURCE, jobs=1)
    return folder


def weights(run: Path) -> dict[str, torch.Tensor]:
    return read_averaged(run / "checkpoint.safetensors", RECIPE)[0].state_dict()


def test_a_run_leaves_what_it_says(run: Path):
    model = load_model(run / "model.onnx", threads=1)
    assert model.card.recipe["steps"] == 8
    assert model.card.recipe["validation"]["pairs"] == 2
    assert read_run_recipe(run) == RECIPE
    steps = [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert steps == [4, 8]
    assert {p.name for p in (run / "pictures").iterdir()} == {
        f"{step:06d}_{k}.png" for step in (4, 8) for k in (0, 1)
    }


def test_a_killed_run_resumes_to_the_same_numbers(run: Path, tmp_path: Path):
    paths = RunPaths(tmp_path / "killed")
    plan = PoolPlan(SOURCE.fingerprint(), 6, 4, 0.5, 2)
    pool = Pool(run / "pool", plan)
    paths.out.mkdir()
    (paths.out / "recipe.json").write_bytes((run / "recipe.json").read_bytes())
    # A checkpoint of step 4, then a killed run's stray line about step 7.
    learner, draws = new_learner(RECIPE), CropDraws(RECIPE, pool.folder, plan)
    for _ in range(4):
        training_step(RECIPE, learner, draws[learner.step])
    write_learner(paths.checkpoint, learner, recipe_hash(RECIPE))
    paths.metrics.write_text('{"step": 4}\n{"step": 7}\n')
    train(RECIPE, paths.out, SOURCE, jobs=1, pool=run / "pool")
    found = weights(paths.out)
    for name, expected in weights(run).items():
        assert torch.equal(found[name], expected), name
    assert paths.model.read_bytes() == (run / "model.onnx").read_bytes()
    assert [json.loads(x)["step"] for x in paths.metrics.read_text().splitlines()] == [4, 8]


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_its_batch(tmp_path: Path):
    steep = replace(RECIPE, learning_rate=10.0, weight_decay=10.0, steps=60, checkpoint=60)
    with pytest.raises(RunError, match=r"the loss is (nan|inf); its batch lies in .*refused_batch"):
        train(steep, tmp_path / "run", SOURCE, jobs=1)
    (path,) = (tmp_path / "run").glob("refused_batch_*.safetensors")
    tensors, facts = read_tensors(path)
    assert tensors["before"].shape == (2, 3, 64, 64)
    assert set(tensors) == {"before", "after", "truth"}
    assert facts["why"].startswith("total = ")


def test_a_run_of_another_recipe_is_refused(run: Path):
    with pytest.raises(InputError, match="another recipe"):
        train(replace(RECIPE, seed=5), run, SOURCE, jobs=1)


def test_a_checkpoint_comes_back_whole(run: Path):
    mark = recipe_hash(RECIPE)
    learner = read_learner(run / "checkpoint.safetensors", RECIPE, mark)
    write_learner(run / "again.safetensors", learner, mark)
    assert (run / "again.safetensors").read_bytes() == (run / "checkpoint.safetensors").read_bytes()


def test_a_run_goes_on_in_the_precision_it_began_in(tmp_path: Path):
    learner = new_learner(RECIPE)
    assert learner.bfloat16 == has_bfloat16(torch.device("cpu"))
    learner.bfloat16 = not learner.bfloat16
    write_learner(tmp_path / "checkpoint.safetensors", learner, "mark")
    found = read_learner(tmp_path / "checkpoint.safetensors", RECIPE, "mark")
    assert found.bfloat16 == learner.bfloat16
    assert new_learner(replace(RECIPE, bfloat16=True)).bfloat16


def test_what_is_not_a_checkpoint_is_refused(tmp_path: Path):
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(InputError, match="not a checkpoint"):
        read_averaged(path, RECIPE)


def test_export_gives_the_same_model_again(run: Path, tmp_path: Path):
    path = export_run(run, tmp_path / "again.onnx")
    assert path.read_bytes() == (run / "model.onnx").read_bytes()


def test_the_learning_rate_rises_then_falls():
    recipe = Recipe(steps=100, learning_rate=1.0, warm_up=0.1)
    rates = [learning_rate(recipe, step) for step in range(100)]
    assert int(np.argmax(rates)) in (9, 10)
    assert max(rates) == pytest.approx(1.0)
    assert rates[-1] < 0.02
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))


def test_it_learns_bright_rectangles(tmp_path: Path):
    recipe = replace(RECIPE, steps=60, checkpoint=60, batch=4, learning_rate=5e-3)
    train(recipe, tmp_path / "run", SOURCE, jobs=1)
    report = json.loads((tmp_path / "run/metrics.jsonl").read_text().splitlines()[-1])
    assert report["building_f1"] > 0.8


def test_readers_draw_the_same_crops(run: Path):
    recipe = replace(RECIPE, steps=3)
    pool = Pool(run / "pool", PoolPlan(SOURCE.fingerprint(), 6, 4, 0.5, 2))
    torch.set_num_threads(1)
    here = list(upcoming_crops(recipe, pool, 0))
    ahead = list(upcoming_crops(replace(recipe, readers=1), pool, 0))
    assert len(here) == len(ahead) == 3
    for batch, other in zip(here, ahead, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(batch, other, strict=True))


def test_cuda_is_refused_where_there_is_none(tmp_path: Path):
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(InputError, match="torch finds none"):
        train(replace(RECIPE, device="cuda"), tmp_path / "run", SOURCE, jobs=1)
    with pytest.raises(InputError, match="device = 'tpu' is none of"):
        replace(RECIPE, device="tpu")
