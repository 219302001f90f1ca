"""Training, to be read from top to bottom: pool, learner, steps, calibration, export.

A run folder holds `recipe.json`, `metrics.jsonl`, `checkpoint.safetensors`, `pictures/`, in the end
`model.onnx`, and `pool/` unless the pool lies elsewhere. Called again on the same folder it resumes
from the checkpoint and ends with the same numbers.
"""

from __future__ import annotations

import json
import math
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from tqdm import tqdm

from geomage.errors import InputError, RunError
from geomage.learn.augment import Batch
from geomage.learn.calibrate import Validation, validate
from geomage.learn.checkpoint import (
    Learner,
    follow,
    new_learner,
    read_learner,
    write_learner,
)
from geomage.learn.crop_feed import upcoming_crops
from geomage.learn.export import export_learner
from geomage.learn.loop_state import write_tensors
from geomage.learn.losses import total_loss
from geomage.learn.pictures import panels, write_picture
from geomage.learn.pool import PairSource, Pool, PoolPlan, trim
from geomage.learn.processes import find_device
from geomage.learn.recipe import Recipe, recipe_hash
from geomage.learn.run_folder import RunPaths, forget_after, note, refuse_strange, work_alone
from geomage.model.network import Network

__all__ = ["RunPaths", "train", "training_step"]


def learning_rate(recipe: Recipe, step: int) -> float:
    """One cycle: a linear rise, then half a cosine down to a hundredth of the peak."""
    rise = max(1, round(recipe.warm_up * recipe.steps))
    if step < rise:
        return recipe.learning_rate * (step + 1) / rise
    done = (step - rise) / max(1, recipe.steps - rise)
    return recipe.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def training_step(recipe: Recipe, learner: Learner[Any], batch: Batch) -> dict[str, float]:
    """One step: predict, correct, average. Returns the terms of the loss."""
    device = learner.device
    for group in learner.optimiser.param_groups:
        group["lr"] = learning_rate(recipe, learner.step)
    before, after, truth = (x.to(device, non_blocking=True) for x in batch)
    before, after = (x.contiguous(memory_format=torch.channels_last) for x in (before, after))
    with torch.autocast(device.type, torch.bfloat16, enabled=learner.bfloat16):
        logits = learner.network(before, after)
    terms = total_loss(type(logits)(*(x.float() for x in logits)), truth, recipe.loss)
    learner.optimiser.zero_grad(set_to_none=True)
    terms["total"].backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(learner.network.parameters(), recipe.clip)
    learner.optimiser.step()
    follow(learner, recipe.ema)
    learner.step += 1
    return {name: float(value.detach()) for name, value in terms.items()}


def train(
    recipe: Recipe, out: Path, source: PairSource, *, jobs: int = 2, pool: Path | None = None
) -> Path:
    """Train by the recipe; return the exported model.

    Args:
        recipe: what to do.
        out: the run folder; one that holds a run of this recipe is resumed.
        source: where simulated pairs come from.
        jobs: background processes that simulate.
        pool: a folder of pairs to share between runs; `out/pool` by default.

    Raises:
        InputError: the folder holds another run, or the pool holds other pairs.
        OutputError: another run works in the folder.
        RunError: the simulation failed.
    """
    paths = RunPaths(out)
    _refuse_other(recipe, paths)
    held = recipe.pool
    plan = PoolPlan(source.fingerprint(), held.count, held.start, held.rate, held.held_out)
    store = Pool(pool or out / "pool", plan)
    with work_alone(out):
        learner = _open_run(recipe, paths)
        torch.set_num_threads(recipe.threads)
        store.fill(source, jobs)
        try:
            _run_steps(recipe, learner, store, paths)
            report = validate(learner.averaged, _held_out(store), recipe.loss.damage_weights)
            return export_learner(recipe, learner.averaged.cpu(), paths.model, report)
        finally:
            store.close()


def _refuse_other(recipe: Recipe, paths: RunPaths) -> None:
    """Raise InputError when the folder holds a run of another recipe."""
    refuse_strange(paths)
    if not paths.checkpoint.exists() and paths.recipe.exists():
        try:
            mark = json.loads(paths.recipe.read_text("utf-8"))["hash"]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{paths.recipe} is damaged; choose another run folder") from error
        if mark != recipe_hash(recipe):
            raise InputError(f"{paths.out}: holds a run of another recipe; choose another folder")


def _open_run(recipe: Recipe, paths: RunPaths) -> Learner[Network]:
    """Start a run folder or take up the run it holds."""
    mark, device = recipe_hash(recipe), find_device("recipe", recipe.device)
    if paths.checkpoint.exists():
        learner = read_learner(paths.checkpoint, recipe, mark, device)
        forget_after(paths.metrics, learner.step)
        return learner
    paths.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"hash": mark, "recipe": asdict(recipe)}, indent=1)
    paths.recipe.write_text(text, encoding="utf-8")
    paths.metrics.unlink(missing_ok=True)
    return new_learner(recipe, device)


def _run_steps(recipe: Recipe, learner: Learner[Network], pool: Pool, paths: RunPaths) -> None:
    """Every step that is left, with a checkpoint and a look now and then."""
    bar = tqdm(total=recipe.steps, initial=learner.step, unit="step", file=sys.stderr)
    started = time.monotonic()
    sums: dict[str, float] = {}
    for batch in upcoming_crops(recipe, pool, learner.step):
        terms = training_step(recipe, learner, batch)
        if not math.isfinite(terms["total"]):
            _keep_batch(batch, terms["total"], learner.step, paths)
        for name, value in terms.items():
            sums[name] = 0.98 * sums.get(name, value) + 0.02 * value
        bar.set_postfix({k: f"{v:.3f}" for k, v in sums.items()}, refresh=False)
        bar.update()
        if learner.step % 50 == 0:
            line = {"step": learner.step, "seconds": round(time.monotonic() - started, 1), **terms}
            note(paths.metrics, line)
        if learner.step % recipe.checkpoint == 0 or learner.step == recipe.steps:
            write_learner(paths.checkpoint, learner, recipe_hash(recipe))
            _look(recipe, learner, pool, paths)
    bar.close()


def _keep_batch(batch: Batch, loss: float, step: int, paths: RunPaths) -> NoReturn:
    """Save the batch, to be looked at, and stop."""
    path = paths.out / f"refused_batch_{step:06d}.safetensors"
    write_tensors(path, batch._asdict(), {"step": step, "why": f"total = {loss}"})
    raise RunError(
        f"step {step}: the loss is {loss}; its batch lies in {path}: lower the learning_rate"
    )


def _held_out(pool: Pool) -> list[np.ndarray]:
    """The pairs no step draws."""
    first = pool.plan.count
    return [trim(pool.read(first + k)) for k in range(pool.plan.held_out)]


def _look(recipe: Recipe, learner: Learner[Network], pool: Pool, paths: RunPaths) -> None:
    """Validate on held-out pairs and picture four of them."""
    held = _held_out(pool)
    report: Validation = validate(learner.averaged, held, recipe.loss.damage_weights)
    note(paths.metrics, {"step": learner.step, **asdict(report)})
    tqdm.write(f"step {learner.step}: {report}", file=sys.stderr)
    for k, stack in enumerate(held[:4]):
        said = _predict(learner, stack)
        write_picture(paths.pictures / f"{learner.step:06d}_{k}.png", panels(stack, *said))


@torch.no_grad()
def _predict(
    learner: Learner[Network], stack: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities of one pair by the averaged network."""
    pixels = torch.from_numpy(np.array(stack[:6])).to(learner.device).float()[None] / 255
    logits = learner.averaged(pixels[:, :3], pixels[:, 3:])
    cover, damage = logits.landcover.softmax(1), logits.damage.softmax(1)
    said = (cover[0], damage[0], logits.flags.sigmoid()[0])
    return tuple(x.cpu().numpy() for x in said)
