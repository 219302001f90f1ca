"""The loop of every way of learning, to be read from top to bottom: state, steps, looks, end.

It drives an `Objective` over batches that are a function of the step, so that a run that was killed
goes on from its checkpoint and ends with the same numbers, to the last digit on a CPU. A run folder
holds `recipe.json`, `metrics.jsonl`, `checkpoint.safetensors`, `pictures/`, and in the end
`network.safetensors`, the averaged weights.

`torchrun --nproc-per-node N` starts N processes of one run: each sees its share of every batch.
"""

from __future__ import annotations

import math
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NoReturn, Protocol, runtime_checkable

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from geomage.errors import RunError
from geomage.learn.loop_params import LoopParams
from geomage.learn.loop_state import (
    State,
    move_average,
    new_state,
    read_state,
    to_device,
    write_batch,
    write_state,
    write_tensors,
)
from geomage.learn.objective import Objective, StepBatch
from geomage.learn.precision import has_bfloat16, settle_bfloat16
from geomage.learn.processes import (
    Group,
    average_gradients,
    same_buffers,
    share_terms,
    together,
)
from geomage.learn.run_folder import RunPaths, forget_after, note

__all__ = ["Batches", "Look", "learning_rate", "run_loop", "training_step"]

EARLY = (5, 25)
"""Steps after which a first look is taken: a mistake shows in seconds, not after an epoch."""

Look = Callable[[int, nn.Module], Mapping[str, Any]]
"""Picture what the averaged network says after a step; return what there is to note."""


@runtime_checkable
class Batches(Protocol):
    """What the steps of a run see."""

    def batch(self, step: int, rank: int, world: int) -> StepBatch:
        """The share of process `rank` of `world` of the batch of a step, always the same."""


def learning_rate(params: LoopParams, step: int) -> float:
    """A linear rise, then half a cosine down to `last` of the peak."""
    rise = max(1, round(params.warm_up * params.steps))
    if step < rise:
        return params.learning_rate * (step + 1) / rise
    done = (step - rise) / max(1, params.steps - rise)
    share = params.last + (1 - params.last) * 0.5 * (1 + math.cos(math.pi * done))
    return params.learning_rate * share


def run_loop(
    objective: Objective,
    batches: Batches,
    params: LoopParams,
    paths: RunPaths,
    mark: str,
    look: Look | None = None,
) -> nn.Module:
    """Train; return the averaged network, on the CPU.

    Args:
        objective: what is minimised, at its first step.
        batches: what the steps see.
        params: optimiser, schedule, steps.
        paths: of the run folder, which exists; one that holds a checkpoint is resumed.
        mark: tells the recipe of this run from all others.
        look: pictures and judges the averaged network early on and after each epoch.

    Raises:
        InputError: the folder holds a run of another recipe.
        RunError: the loss is not finite; its batch is kept in the run folder.
    """
    torch.set_num_threads(params.threads)
    with together(params.device) as group:
        objective.modules.to(group.device)
        state = new_state(objective, params.weight_decay)
        began = read_state(paths.checkpoint, state, mark) if paths.checkpoint.exists() else None
        settled = settle_bfloat16(group, asked=params.bfloat16 if began is None else began)
        if group.first:
            forget_after(paths.metrics, state.step)
            if settled and 0 < state.step < params.steps:
                _say_slow(state.step, group)
        desk = _Desk(group, paths, {"recipe": mark, "bfloat16": settled}, look)
        _run_steps(state, batches, replace(params, bfloat16=settled), desk)
        network = state.averaged.cpu()
        if group.first:
            write_tensors(paths.network, network.state_dict(), desk.facts)
        return network


def _say_slow(step: int, group: Group) -> None:
    """Say where a run goes on in the precision it began in, though this machine has none."""
    if not has_bfloat16(group.device):
        tqdm.write(
            f"step {step}: the run began in bfloat16 and goes on in it; this {group.device.type} "
            "has none, so that a step takes several times as long",
            file=sys.stderr,
        )


def training_step(
    state: State, batch: StepBatch, params: LoopParams, group: Group
) -> dict[str, float]:
    """One step: terms, gradients, optimiser, teachers, average. Returns the terms.

    Without a precision in `params` it is that of the devices.

    Raises:
        FloatingPointError: the loss or its gradient is not finite; nothing has moved.
    """
    done = state.step / params.steps
    mixed = settle_bfloat16(group, asked=params.bfloat16)
    for part in state.optimiser.param_groups:
        part["lr"] = learning_rate(params, state.step)
    state.optimiser.zero_grad(set_to_none=True)
    with _dice(params.seed, state.step, group) as rng:
        with torch.autocast(group.device.type, torch.bfloat16, enabled=mixed):
            terms = state.objective.terms(batch, rng, done)
        said = share_terms(group, terms)
        _refuse_infinite(said)
        terms["total"].backward()  # type: ignore[no-untyped-call]
    average_gradients(group, state.trained)
    _refuse_infinite({"gradient": float(nn.utils.clip_grad_norm_(state.trained, params.clip))})
    state.optimiser.step()
    state.objective.follow(done)
    same_buffers(group, state.objective.modules)
    move_average(state, params.ema)
    state.step += 1
    return said


@contextmanager
def _dice(seed: int, step: int, group: Group) -> Iterator[np.random.Generator]:
    """The generator of a step, and torch's own (dropout in a network) seeded for its length."""
    devices = [group.device] if group.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(int(np.random.default_rng([seed, step, group.rank, 1]).integers(2**62)))
        yield np.random.default_rng([seed, step, group.rank])


def _refuse_infinite(values: Mapping[str, float]) -> None:
    """Raise FloatingPointError that names what is not finite."""
    odd = [f"{name} = {value}" for name, value in values.items() if not math.isfinite(value)]
    if odd:
        raise FloatingPointError(", ".join(odd))


# ------------------------------------------------------------------------------ all steps


@dataclass(frozen=True)
class _Desk:
    """What is written, and by whom."""

    group: Group
    paths: RunPaths
    facts: Mapping[str, Any]
    """Of the run, beside its weights: the mark of its recipe, its precision."""
    look: Look | None


def _run_steps(state: State, batches: Batches, params: LoopParams, desk: _Desk) -> None:
    """Every step that is left. Lines, looks, then the checkpoint: a kill loses or doubles none."""
    bar = tqdm(
        total=params.steps, initial=state.step, unit="step", disable=not desk.group.first,
        file=sys.stderr,
    )  # fmt: skip
    started, window = time.monotonic(), []
    for batch in _upcoming(batches, state.step, params, desk.group):
        try:
            window.append(training_step(state, batch, params, desk.group))
        except FloatingPointError as error:
            _keep_batch(batch, str(error), state.step, desk)
        bar.update()
        epoch_ends = state.step % params.epoch == 0 or state.step == params.steps
        if epoch_ends or state.step % params.note == 0:
            terms = _means(window)
            bar.set_postfix({name: f"{value:.3f}" for name, value in terms.items()}, refresh=False)
            _note_terms(state.step, terms, time.monotonic() - started, params, desk)
            window = []
        if epoch_ends or state.step in EARLY:
            _look(state, desk)
        if epoch_ends and desk.group.first:
            write_state(desk.paths.checkpoint, state, desk.facts)
    bar.close()


def _upcoming(
    batches: Batches, first: int, params: LoopParams, group: Group
) -> Iterator[StepBatch]:
    """Batches of the steps from `first` on, in order, made ahead by threads."""
    waiting: deque[Future[StepBatch]] = deque()
    with ThreadPoolExecutor(params.readers) as readers:
        for step in range(first, params.steps):
            waiting.append(readers.submit(batches.batch, step, group.rank, group.world))
            if len(waiting) > params.readers:
                yield to_device(waiting.popleft().result(), group.device)
        while waiting:
            yield to_device(waiting.popleft().result(), group.device)


def _means(window: list[dict[str, float]]) -> dict[str, float]:
    return {name: sum(t[name] for t in window) / len(window) for name in window[-1]}


def _note_terms(
    step: int, terms: Mapping[str, float], seconds: float, params: LoopParams, desk: _Desk
) -> None:
    """One line: means since the last one."""
    if desk.group.first:
        rate = learning_rate(params, step - 1)
        how = {"seconds": round(seconds, 1), "learning_rate": rate, "bfloat16": params.bfloat16}
        note(desk.paths.metrics, {"step": step, **how, **terms})


def _look(state: State, desk: _Desk) -> None:
    """Judge and picture the averaged network; the others wait at their next sum."""
    if desk.group.first and desk.look is not None:
        found = desk.look(state.step, state.averaged)
        note(desk.paths.metrics, {"step": state.step, **found})
        figures = ", ".join(f"{k} {v:.3f}" for k, v in found.items() if isinstance(v, float))
        tqdm.write(f"step {state.step}: {figures or 'pictured'}", file=sys.stderr)


def _keep_batch(batch: StepBatch, why: str, step: int, desk: _Desk) -> NoReturn:
    """Save the share of the batch this process has seen, and stop."""
    path = desk.paths.out / f"refused_batch_{step:06d}_{desk.group.rank}.safetensors"
    write_batch(path, batch, {"step": step, "why": why})
    raise RunError(
        f"step {step}: the loss is not finite ({why}); its batch lies in {path}: "
        "lower the learning_rate, or look for values beyond 0..1 in the batch"
    )
