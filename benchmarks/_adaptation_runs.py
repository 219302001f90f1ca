"""Pieces of a run of the adaptation benchmark: translators, an encoder, networks of any chips."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks._semisupervised_chips import Chips
from benchmarks._semisupervised_runs import BATCH, GSD, KEYS, LOOP, SIDE, architecture, crops
from geomage.adapt.encoder_features import EncoderFeatures
from geomage.adapt.method import Domains, Fitting, Parts
from geomage.adapt.methods import METHODS
from geomage.data.chip import Chip
from geomage.data.translation import Translator
from geomage.learn.loop import training_step
from geomage.learn.loop_state import new_state
from geomage.learn.objective import ChipBatch, StepBatch
from geomage.learn.processes import Group
from geomage.learn.selfsupervised import SELFSUPERVISED, SimClrParams, ViewParams
from geomage.learn.semisupervised import SEMISUPERVISED, SupervisedParams
from geomage.model.architecture import Architecture

_LEVELS = 1000


@dataclass(frozen=True)
class Arm:
    """A way to show simulated chips.

    method: a name of `METHODS`.
    params: fields of its parameters that are not as they are.
    steps: of the solver, of a method that has one; the translator is learnt once for all.
    share: of the chips that are translated; the others stay as they are.
    """

    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    steps: int | None = None
    share: float = 1.0

    @property
    def learnt(self) -> str:
        """Names what is learnt: arms of one name share it."""
        return repr((self.method, sorted(self.params.items())))


def fitted(arm: Arm, fitting: Fitting) -> tuple[Parts, float]:
    """Learn a translator; its parts and processor seconds."""
    method = METHODS[arm.method]
    fitting.out.mkdir(parents=True, exist_ok=True)
    started = time.process_time()
    return method.fit(method.params(**arm.params), fitting), time.process_time() - started


def built(arm: Arm, parts: Parts) -> Translator:
    """Make it work, in as many steps as the arm says."""
    numbers = dict(parts.numbers)
    if arm.steps is not None:
        if "steps" not in numbers:
            raise KeyError(f"{arm.method} has no steps: it has {', '.join(numbers)}")
        numbers["steps"] = arm.steps
    return METHODS[arm.method].build(parts._replace(numbers=numbers))


def fitting_of(domains: Domains, out: Path, seed: int, steps: int) -> Fitting:
    """Both domains, and as many steps as all that train are given."""
    return Fitting(domains, out, seed, replace(LOOP, steps=steps, learning_rate=1e-3), 64, 8)


def encoder(chips: Chips, steps: int, seed: int) -> EncoderFeatures:
    """Pre-train an encoder on chips of both domains, by SimCLR."""
    params = replace(LOOP, steps=steps, seed=seed)
    asked = SimClrParams(view=ViewParams(side=48))
    objective = SELFSUPERVISED["simclr"].build(asked, architecture(2), seed)
    state, alone = new_state(objective, params.weight_decay), Group(0, 1, torch.device("cpu"))
    for step in range(steps):
        bare = crops(chips, np.random.default_rng([seed, step, 11]))
        training_step(state, StepBatch(None, bare), params, alone)
    network: Any = state.averaged
    return EncoderFeatures(network.encoder.eval())


# ------------------------------------------------------------------------------ thresholds


@torch.no_grad()
def average_precision(network: nn.Module, chips: Chips) -> float:
    """Sum over thresholds of precision times what recall gains, of 1000 thresholds of building."""
    counts = np.zeros((2, _LEVELS), np.int64)
    for k in range(0, len(chips), 8):
        pixels = torch.from_numpy(chips.pixels[k : k + 8]).float()[:, None] / 255
        gsd = torch.full((len(pixels),), GSD)
        said = network(pixels, torch.tensor(KEYS), gsd)["classes"].softmax(1)[:, 1].numpy()
        level = np.minimum((said * _LEVELS).astype(int), _LEVELS - 1)
        for label in (0, 1):
            here = level[chips.labels[k : k + 8] == label]
            counts[label] += np.bincount(here, minlength=_LEVELS)
    return precision_area(counts)


def precision_area(counts: np.ndarray) -> float:
    """Average precision from pixels (label, level of what was said), levels rising."""
    fp, tp = np.cumsum(counts[:, ::-1], axis=1)
    precision = tp / np.maximum(tp + fp, 1)
    gained = np.diff(tp, prepend=0) / max(int(tp[-1]), 1)
    return float((precision * gained).sum())


# ------------------------------------------------------------------------------ any chips


def trained_on(
    chips: list[Chip], form: Architecture, weights: tuple[float, ...], steps: int, seed: int
) -> nn.Module:
    """A network that learnt labelled chips of one sensor; weights: of the classes."""
    params = replace(LOOP, steps=steps, seed=seed)
    objective = SEMISUPERVISED["supervised"][1](SupervisedParams(weights), form, seed)
    state, alone = new_state(objective, params.weight_decay), Group(0, 1, torch.device("cpu"))
    for step in range(steps):
        batch = _crops_of(chips, np.random.default_rng([seed, step, 5]))
        training_step(state, StepBatch(batch, None), params, alone)
    return state.averaged


def _crops_of(chips: list[Chip], rng: np.random.Generator) -> ChipBatch:
    """Crops anywhere, turned and mirrored."""
    pixels, labels = [], []
    for k in rng.integers(len(chips), size=BATCH):
        chip = chips[k]
        assert chip.labels is not None
        y, x = (int(rng.integers(0, n - SIDE + 1)) for n in chip.labels.shape)
        square = np.s_[..., y : y + SIDE, x : x + SIDE]
        turn, mirror = int(rng.integers(4)), 1 - 2 * int(rng.integers(2))
        for kept, whole in ((pixels, chip.pixels), (labels, chip.labels)):
            turned = np.rot90(whole[square], turn, (-2, -1))[..., ::mirror]
            kept.append(torch.from_numpy(np.ascontiguousarray(turned)))
    return ChipBatch(torch.stack(pixels), torch.stack(labels), *_told(chips[0], BATCH))


def _told(chip: Chip, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys of the bands and GSD of each."""
    keys = torch.tensor([channel.key for channel in chip.channels])
    return keys, torch.full((batch,), chip.gsd_m)


@torch.no_grad()
def answer(network: nn.Module, chip: Chip) -> np.ndarray:
    """The likeliest class (y, x)."""
    pixels = torch.from_numpy(np.where(chip.valid, chip.pixels, 0).astype(np.float32))[None]
    said: np.ndarray = network(pixels, *_told(chip, 1))["classes"].argmax(1).numpy()[0]
    return said
