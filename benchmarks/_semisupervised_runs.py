"""One run of the semi-supervised benchmark: steps, and what the averaged network scores."""

from __future__ import annotations

import time
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
from geomage.learn.processes import Group
from geomage.learn.semisupervised import SEMISUPERVISED, StrongParams
from geomage.learn.semisupervised.strong import strong_view
from geomage.metrics import confusion
from geomage.model.architecture import Architecture

KEYS = [Channel(n, w).key for n, w in (("red", 0.66), ("green", 0.56), ("blue", 0.48))]
GSD = 0.5  # metres, told of every chip: pairs of a pool do not say theirs
LIGHT = StrongParams(gain=0.1, band_gain=0.05, contrast=0.1, offset=0.03, grey=0, blur=0, noise=0)
"""What every labelled and unlabelled crop goes through, whatever the objective."""


BATCH, SIDE = 8, 64
"""Crops a step, labelled and unlabelled each, and their side in pixels."""
LOOP = LoopParams(steps=1000, learning_rate=3e-3, ema=0.98, bfloat16=False, device="cpu", threads=1)
"""The same for every objective."""


def architecture(classes: int) -> Architecture:
    return Architecture("resnet-tiny", heads={"classes": classes}, width=16)


def crops(chips: Chips, rng: np.random.Generator) -> ChipBatch:
    """Crops anywhere, turned, mirrored and mildly lit."""
    pixels, labels = [], []
    for k in rng.integers(len(chips), size=BATCH):
        y, x = (int(rng.integers(0, n - SIDE + 1)) for n in chips.labels.shape[1:])
        square = np.s_[..., y : y + SIDE, x : x + SIDE]
        turn, mirror = int(rng.integers(4)), 1 - 2 * int(rng.integers(2))
        for kept, whole in ((pixels, chips.pixels[k]), (labels, chips.labels[k])):
            turned = np.rot90(whole[square], turn, (-2, -1))[..., ::mirror]
            kept.append(np.ascontiguousarray(turned))
    shares = torch.from_numpy(np.stack(pixels)).float()[:, None] / 255
    lit = strong_view(shares, LIGHT, rng)
    gsd = torch.full((BATCH,), GSD)
    return ChipBatch(lit, torch.from_numpy(np.stack(labels)), torch.tensor(KEYS), gsd)


def trained(
    method: tuple[str, Any], classes: int, chips: tuple[Chips, Chips | None], params: LoopParams
) -> tuple[nn.Module, dict[str, float]]:
    """The averaged network of one run, and its last terms and seconds of the processor.

    method: name of an objective, and its parameters.
    chips: with labels, and without; the labelled crops of a seed are the same for all objectives.
    """
    name, asked = method
    objective = SEMISUPERVISED[name][1](asked, architecture(classes), params.seed)
    state, alone = new_state(objective, params.weight_decay), Group(0, 1, torch.device("cpu"))
    started, terms = time.process_time(), {}
    for step in range(params.steps):
        draws = [np.random.default_rng([params.seed, step, 0, k]) for k in (2, 3)]
        labelled = crops(chips[0], draws[0])
        bare = None if chips[1] is None else _unlabelled(crops(chips[1], draws[1]))
        said = training_step(state, StepBatch(labelled, bare), params, alone)
        terms = {key: 0.97 * terms.get(key, value) + 0.03 * value for key, value in said.items()}
    return state.averaged, {**terms, "seconds": time.process_time() - started}


def _unlabelled(chips: ChipBatch) -> ChipBatch:
    """The same without what they show."""
    return chips._replace(labels=torch.full_like(chips.labels, UNKNOWN))


@torch.no_grad()
def tested(network: nn.Module, chips: Chips, classes: int) -> np.ndarray:
    """Confusion [target, predicted] over known pixels."""
    counts = np.zeros((classes, classes), np.int64)
    for k in range(0, len(chips), 8):
        pixels = torch.from_numpy(chips.pixels[k : k + 8]).float()[:, None] / 255
        gsd = torch.full((len(pixels),), GSD)
        said = network(pixels, torch.tensor(KEYS), gsd)["classes"].argmax(1).numpy()
        counts += confusion(chips.labels[k : k + 8], said, range(classes))
    return counts
