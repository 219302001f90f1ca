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
from benchmarks._semisupervised_runs import (
    LOOP,
    Budget,
    architecture,
    crops,
    device_of,
    shares_of,
    told,
)
from geomage.adapt.encoder_features import EncoderFeatures
from geomage.adapt.flow.path import LinearPath
from geomage.adapt.method import Domains, Fitting, Parts
from geomage.adapt.methods import METHODS
from geomage.data.chip import Chip, ChipSource
from geomage.data.translation import TranslatedChips, Translator
from geomage.learn.loop import training_step
from geomage.learn.loop_state import new_state, to_device
from geomage.learn.objective import ChipBatch, StepBatch
from geomage.learn.processes import together
from geomage.learn.selfsupervised import SELFSUPERVISED, SimClrParams, ViewParams
from geomage.learn.semisupervised import SEMISUPERVISED, SupervisedParams
from geomage.model.architecture import Architecture
from geomage.model.velocity_blueprint import VelocityUNetParams

LEVELS = 1000
"""Thresholds of an average precision."""
SMALL = VelocityUNetParams((16, 24, 32))
"""Of every method that trains a network: minutes of one core."""
FLOW = {"unet": SMALL, "strength": 1.0}
"""Of flows; an arm may go less of the way."""
NOISY = FLOW | {"path": LinearPath(0.25, 0.1)}
"""Of flows whose path has noise, of which a short run leaves grain in the picture."""


@dataclass(frozen=True)
class Arm:
    """A way to show simulated chips.

    method: a name of `METHODS`.
    params: fields of its parameters that are not as they are.
    numbers: of what is learnt, that a translation hangs on (steps, strength) and that are not as
        they are; the translator is learnt once for all of them.
    share: of the chips that are translated; the others stay as they are.
    looks: how often each chip is shown, each time in a style of its own.
    """

    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    numbers: Mapping[str, Any] = field(default_factory=dict)
    share: float = 1.0
    looks: int = 1

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
    """Make it work, by the numbers of the arm."""
    unknown = sorted(set(arm.numbers) - set(parts.numbers))
    if unknown:
        raise KeyError(f"{arm.method} has no {unknown[0]}: it has {', '.join(parts.numbers)}")
    return METHODS[arm.method].build(parts._replace(numbers={**parts.numbers, **arm.numbers}))


def seen_through(source: ChipSource, arm: Arm, translator: Translator, seed: int) -> ChipSource:
    """A source as the arm shows it to a network."""
    return TranslatedChips(source, translator, seed, arm.share, arm.looks)


def fitting_of(domains: Domains, out: Path, budget: Budget) -> Fitting:
    """Both domains, and as much as all that train are given."""
    loop = replace(budget.loop, seed=LOOP.seed, learning_rate=1e-3)
    return Fitting(domains, out, budget.loop.seed, loop, budget.side, budget.batch)


def encoder(chips: Chips, budget: Budget) -> EncoderFeatures:
    """Pre-train an encoder on chips of both domains, by SimCLR."""
    loop = budget.loop
    asked = SimClrParams(view=ViewParams(side=48))
    objective = SELFSUPERVISED["simclr"].build(asked, architecture(2), loop.seed)
    with together(loop.device) as group:
        objective.modules.to(group.device)
        state = new_state(objective, loop.weight_decay)
        for step in range(loop.steps):
            rng = np.random.default_rng([loop.seed, step, 11])
            bare = crops(chips, budget, rng, group.device)
            training_step(state, StepBatch(None, bare), loop, group)
    network: Any = state.averaged
    return EncoderFeatures(network.encoder.eval())


# ------------------------------------------------------------------------------ thresholds


@torch.no_grad()
def average_precision(network: nn.Module, chips: Chips) -> float:
    """Sum over thresholds of precision times what recall gains, of 1000 thresholds of building."""
    counts, device = np.zeros((2, LEVELS), np.int64), device_of(network)
    for k in range(0, len(chips), 8):
        pixels = shares_of(chips.pixels[k : k + 8], device)
        seen = network(pixels, *told(len(pixels), device))["classes"]
        level = level_of(seen.softmax(1)[:, 1].cpu().numpy())
        for label in (0, 1):
            here = level[chips.labels[k : k + 8] == label]
            counts[label] += np.bincount(here, minlength=LEVELS)
    return precision_area(counts)


def level_of(said: np.ndarray) -> np.ndarray:
    """Number of the threshold of each chance."""
    return np.minimum((said * LEVELS).astype(int), LEVELS - 1)


def precision_area(counts: np.ndarray) -> float:
    """Average precision from pixels (label, level of what was said), levels rising."""
    fp, tp = np.cumsum(counts[:, ::-1], axis=1)
    precision = tp / np.maximum(tp + fp, 1)
    gained = np.diff(tp, prepend=0) / max(int(tp[-1]), 1)
    return float((precision * gained).sum())


# ------------------------------------------------------------------------------ any chips


def trained_on(
    chips: list[Chip], form: Architecture, weights: tuple[float, ...], budget: Budget
) -> nn.Module:
    """A network that learnt labelled chips of one sensor; weights: of the classes."""
    loop = budget.loop
    objective = SEMISUPERVISED["supervised"][1](SupervisedParams(weights), form, loop.seed)
    with together(loop.device) as group:
        objective.modules.to(group.device)
        state = new_state(objective, loop.weight_decay)
        for step in range(loop.steps):
            batch = _crops_of(chips, budget, np.random.default_rng([loop.seed, step, 5]))
            seen = to_device(StepBatch(batch, None), group.device)
            training_step(state, seen, loop, group)
    return state.averaged


def _crops_of(chips: list[Chip], budget: Budget, rng: np.random.Generator) -> ChipBatch:
    """Crops anywhere, turned and mirrored."""
    pixels, labels, side = [], [], budget.side
    for k in rng.integers(len(chips), size=budget.batch):
        chip = chips[k]
        assert chip.labels is not None
        y, x = (int(rng.integers(0, n - side + 1)) for n in chip.labels.shape)
        square = np.s_[..., y : y + side, x : x + side]
        turn, mirror = int(rng.integers(4)), 1 - 2 * int(rng.integers(2))
        for kept, whole in ((pixels, chip.pixels), (labels, chip.labels)):
            turned = np.rot90(whole[square], turn, (-2, -1))[..., ::mirror]
            kept.append(torch.from_numpy(np.ascontiguousarray(turned)))
    return ChipBatch(torch.stack(pixels), torch.stack(labels), *_told(chips[0], budget.batch))


def _told(chip: Chip, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys of the bands and GSD of each."""
    keys = torch.tensor([channel.key for channel in chip.channels])
    return keys, torch.full((batch,), chip.gsd_m)


def answer(network: nn.Module, chip: Chip) -> np.ndarray:
    """The likeliest class (y, x)."""
    return np.asarray(_logits(network, chip).argmax(0))


def chance(network: nn.Module, chip: Chip) -> np.ndarray:
    """Of class 1 (y, x)."""
    return np.asarray(_logits(network, chip).softmax(0)[1])


@torch.no_grad()
def _logits(network: nn.Module, chip: Chip) -> torch.Tensor:
    """Of each class (class, y, x)."""
    pixels = torch.from_numpy(np.where(chip.valid, chip.pixels, 0).astype(np.float32))[None]
    seen = (part.to(device_of(network)) for part in (pixels, *_told(chip, 1)))
    said: torch.Tensor = network(*seen)["classes"][0].cpu()
    return said
