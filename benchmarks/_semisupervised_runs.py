"""One run of the semi-supervised benchmark: steps, and what the averaged network scores."""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks._semisupervised_chips import UNKNOWN, Chips
from geomage.data.chip import Channel
from geomage.learn.loop import training_step
from geomage.learn.loop_params import LoopParams
from geomage.learn.loop_state import new_state
from geomage.learn.objective import ChipBatch, StepBatch
from geomage.learn.processes import together
from geomage.learn.semisupervised import SEMISUPERVISED, StrongParams
from geomage.learn.semisupervised.strong import strong_view
from geomage.metrics import confusion
from geomage.model.architecture import Architecture

KEYS = [Channel(n, w).key for n, w in (("red", 0.66), ("green", 0.56), ("blue", 0.48))]
GSD = 0.5  # metres, told of every chip: pairs of a pool do not say theirs
LIGHT = StrongParams(gain=0.1, band_gain=0.05, contrast=0.1, offset=0.03, grey=0, blur=0, noise=0)
"""What every labelled and unlabelled crop goes through, whatever the objective."""


LOOP = LoopParams(steps=1000, learning_rate=3e-3, ema=0.98, bfloat16=False, device="cpu", threads=1)
"""The same for every objective."""
_TESTED = 8  # chips that a network is asked of at once


@dataclass(frozen=True)
class Budget:
    """What a run is given, the same whatever the arm.

    batch: crops a step, labelled and unlabelled each. side: of a crop, pixels.
    """

    loop: LoopParams = LOOP
    batch: int = 8
    side: int = 64

    def seeded(self, seed: int) -> Budget:
        """The same for another seed."""
        return replace(self, loop=replace(self.loop, seed=seed))


def add_budget(parser: argparse.ArgumentParser) -> None:
    """Options of a budget beside its steps."""
    usual = Budget()
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default=usual.loop.device)
    parser.add_argument("--batch", type=int, default=usual.batch, help="crops a step")
    parser.add_argument("--side", type=int, default=usual.side, help="of a crop, pixels")


def budget_of(args: argparse.Namespace) -> Budget:
    """What was asked for."""
    return Budget(replace(LOOP, steps=args.steps, device=args.device), args.batch, args.side)


def device_of(network: nn.Module) -> torch.device:
    """Where a network is."""
    return next(network.parameters()).device


def architecture(classes: int) -> Architecture:
    return Architecture("resnet-tiny", heads={"classes": classes}, width=16)


def crops(
    chips: Chips, budget: Budget, rng: np.random.Generator, device: torch.device
) -> ChipBatch:
    """Crops anywhere, turned, mirrored and, on the device, mildly lit."""
    pixels, labels, side = [], [], budget.side
    for k in rng.integers(len(chips), size=budget.batch):
        y, x = (int(rng.integers(0, n - side + 1)) for n in chips.labels.shape[1:])
        square = np.s_[..., y : y + side, x : x + side]
        turn, mirror = int(rng.integers(4)), 1 - 2 * int(rng.integers(2))
        for kept, whole in ((pixels, chips.pixels[k]), (labels, chips.labels[k])):
            turned = np.rot90(whole[square], turn, (-2, -1))[..., ::mirror]
            kept.append(np.ascontiguousarray(turned))
    shares = shares_of(np.stack(pixels), device)
    lit = strong_view(shares, LIGHT, rng)
    return ChipBatch(
        lit, torch.from_numpy(np.stack(labels)).to(device), *told(budget.batch, device)
    )


def shares_of(counts: np.ndarray, device: torch.device) -> torch.Tensor:
    """Counts (chip, band, y, x) -> what a network of one date sees."""
    return torch.from_numpy(counts).to(device).float()[:, None] / 255


def told(count: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys of the bands, and GSD of each chip."""
    return torch.tensor(KEYS, device=device), torch.full((count,), GSD, device=device)


def trained(
    method: tuple[str, Any], classes: int, chips: tuple[Chips, Chips | None], budget: Budget
) -> tuple[nn.Module, dict[str, float]]:
    """The averaged network of one run, and its last terms and seconds of the processor.

    method: name of an objective, and its parameters.
    chips: with labels, and without; the labelled crops of a seed are the same for all objectives.
    """
    (name, asked), loop = method, budget.loop
    objective = SEMISUPERVISED[name][1](asked, architecture(classes), loop.seed)
    started, terms = time.process_time(), {}
    with together(loop.device) as group:
        objective.modules.to(group.device)
        state = new_state(objective, loop.weight_decay)
        for step in range(loop.steps):
            draws = [np.random.default_rng([loop.seed, step, 0, k]) for k in (2, 3)]
            labelled, bare = (
                None if c is None else crops(c, budget, rng, group.device)
                for c, rng in zip(chips, draws, strict=True)
            )
            seen = StepBatch(labelled, None if bare is None else _unlabelled(bare))
            said = training_step(state, seen, loop, group)
            terms = {key: 0.97 * terms.get(key, one) + 0.03 * one for key, one in said.items()}
    return state.averaged, {**terms, "seconds": time.process_time() - started}


def _unlabelled(chips: ChipBatch) -> ChipBatch:
    """The same without what they show."""
    return chips._replace(labels=torch.full_like(chips.labels, UNKNOWN))


@torch.no_grad()
def tested(network: nn.Module, chips: Chips, classes: int) -> np.ndarray:
    """Confusion [target, predicted] over known pixels."""
    counts, device = np.zeros((classes, classes), np.int64), device_of(network)
    for k in range(0, len(chips), _TESTED):
        some = np.s_[k : k + _TESTED]
        pixels = shares_of(chips.pixels[some], device)
        said = network(pixels, *told(len(pixels), device))["classes"].argmax(1).cpu().numpy()
        counts += confusion(chips.labels[some], said, range(classes))
    return counts
