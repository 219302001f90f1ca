"""Runs of the pre-training benchmark: pre-train, learn from labels, test."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks._pretraining_places import CLASSES, Places, draw_corners
from geomage.learn.loop import training_step
from geomage.learn.loop_params import LoopParams
from geomage.learn.loop_state import new_state, read_tensors, write_tensors
from geomage.learn.objective import ChipBatch, Objective, StepBatch
from geomage.learn.processes import Group
from geomage.learn.selfsupervised import SELFSUPERVISED, ViewParams
from geomage.learn.selfsupervised.views import relight
from geomage.learn.semisupervised import SupervisedParams, supervised
from geomage.metrics import confusion
from geomage.model.architecture import Architecture

ARCHITECTURE = Architecture("resnet-tiny", heads={"classes": len(CLASSES)}, width=32)
BATCH, CROP_M = 8, 66.0
"""Crops a step; side of a labelled crop, metres, of which a multiple of 16 px is seen: 64, 32."""
LIGHT = ViewParams(gain=0.1, band_gain=0.05, offset=0.02, gamma=0.1, noise=0.01)
"""What every labelled crop goes through, whatever came before."""


@dataclass(frozen=True)
class Budget:
    """Steps of a run, the same for every arm."""

    pretraining: int = 400
    labelled: int = 400
    rate: float = 3e-3
    """Peak of the learning rate."""


Draw = Callable[[np.random.Generator], StepBatch]


def _run(objective: Objective, draw: Draw, steps: int, rate: float, seed: int) -> nn.Module:
    """Every step; the averaged network."""
    params = LoopParams(
        seed=seed, steps=steps, learning_rate=rate, ema=0.98, bfloat16=False, device="cpu",
        threads=1,
    )  # fmt: skip
    state, alone = new_state(objective, params.weight_decay), Group(0, 1, torch.device("cpu"))
    for step in range(steps):
        batch = draw(np.random.default_rng([seed, step, 7]))
        training_step(state, batch, params, alone)
    return state.averaged


def pretrained(
    how: tuple[str, Any, int], places: tuple[Places, Places | None], budget: Budget
) -> tuple[dict[str, Any], float]:
    """Weights of an encoder that saw no label, and processor seconds.

    how: name of an objective, its parameters, the seed.
    """
    name, params, seed = how
    objective = SELFSUPERVISED[name].build(params, ARCHITECTURE, seed)

    def draw(rng: np.random.Generator) -> StepBatch:
        which, corners = rng.integers(len(places[0]), size=BATCH), draw_corners(BATCH, rng)
        batches = [p if p is None else _bare(p.batch(which, corners)) for p in places]
        return StepBatch(None, batches[0], batches[1])

    started = time.process_time()
    network = _run(objective, draw, budget.pretraining, budget.rate, seed)
    return network.encoder.state_dict(), time.process_time() - started


@dataclass(frozen=True)
class Encoders:
    """Pre-trained encoders, kept in a folder. places: tells what they have seen."""

    folder: Path
    places: str

    def weights(
        self, how: tuple[str, Any, int], seen: tuple[Places, Places | None], budget: Budget
    ) -> tuple[dict[str, Any], float]:
        """Weights, and the processor seconds that they took; learnt where they are not kept."""
        facts = (self.places, how, ARCHITECTURE, budget.pretraining, budget.rate)
        path = self.folder / f"{hashlib.sha256(repr(facts).encode()).hexdigest()[:16]}.safetensors"
        if not path.exists():
            weights, seconds = pretrained(how, seen, budget)
            write_tensors(path, weights, {"facts": repr(facts), "seconds": seconds})
        tensors, said = read_tensors(path)
        return tensors, said["seconds"]


def _bare(chips: ChipBatch) -> ChipBatch:
    return chips._replace(labels=torch.full_like(chips.labels, 255))


def labelled(
    places: Places, weights: dict[str, Any] | None, budget: Budget, seed: int, *, frozen: bool
) -> tuple[nn.Module, float]:
    """A network that learnt from labels of one sensor, and processor seconds.

    frozen: the encoder stays as it was pre-trained.
    """
    objective = supervised(SupervisedParams(class_weights(places)), ARCHITECTURE, seed)
    encoder = objective.modules["network"].encoder
    if weights is not None:
        encoder.load_state_dict(weights)
    encoder.requires_grad_(requires_grad=not frozen)

    def draw(rng: np.random.Generator) -> StepBatch:
        which = rng.integers(len(places), size=BATCH)
        chips = places.batch(which, draw_corners(BATCH, rng, CROP_M), CROP_M)
        first = chips.pixels[:, 0]  # the date of the labels
        cells = first.shape[-1] // 16 * 16
        turn, mirror = int(rng.integers(4)), bool(rng.integers(2))
        pixels, labels = (
            _turned(x[..., :cells, :cells], turn, mirror) for x in (first, chips.labels)
        )
        lit = relight(pixels, chips.channels, LIGHT, rng)
        return StepBatch(chips._replace(pixels=lit[:, None], labels=labels), None)

    started = time.process_time()
    network = _run(objective, draw, budget.labelled, budget.rate, seed)
    return network, time.process_time() - started


def class_weights(places: Places) -> tuple[float, ...]:
    """(1 / share)^(1/2) of each class, of mean 1: short runs would else say the frequent ones."""
    counts = np.array([(places.labels == k).sum() for k in range(len(CLASSES))], float)
    rarity = np.sqrt(counts.sum() / np.maximum(counts, 1))
    return tuple(float(w) for w in rarity / rarity.mean())


def _turned(x: torch.Tensor, turn: int, mirror: bool) -> torch.Tensor:  # noqa: FBT001
    x = torch.rot90(x, turn, (-2, -1))
    return x.flip(-1) if mirror else x


@torch.no_grad()
def tested(network: nn.Module, places: Places) -> np.ndarray:
    """Confusion [target, predicted] over known pixels of whole places."""
    counts = np.zeros((len(CLASSES), len(CLASSES)), np.int64)
    for k in range(0, len(places), 8):
        which = np.arange(k, min(k + 8, len(places)))
        chips = places.batch(which, np.zeros((len(which), 2)), 192.0)
        said = network(chips.pixels[:, :1], chips.channels, chips.gsd)["classes"].argmax(1)
        counts += confusion(chips.labels.numpy(), said.numpy(), range(len(CLASSES)))
    return counts


def longer(budget: Budget) -> Budget:
    """As many labelled steps as the others take in all."""
    return replace(budget, labelled=budget.labelled + budget.pretraining)
