"""Learning from labels alone: the baseline every other objective of this folder is held against.

L = CE + w_o (1 - Dice), both over the pixels whose class is known (label 255 asks nothing):
CE = Σ_i a(y_i) (-log p_i(y_i)) / Σ_i a(y_i), with a weight `a` for each class, and soft Dice
(Milletari, Navab and Ahmadi 2016, V-Net, 3DV, section 3) meaned over the classes that occur among
the labels, each plus one pixel above and below the line so that a rare class costs no infinity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.data.chip import UNKNOWN
from geomage.errors import InputError
from geomage.learn.objective import ChipBatch, StepBatch
from geomage.model.architecture import Architecture, EarthNetwork, build_network

__all__ = [
    "HEAD",
    "Supervised",
    "SupervisedParams",
    "class_count",
    "class_entropy",
    "class_overlap",
    "labelled_terms",
    "logits_of",
    "supervised",
    "with_total",
]

HEAD = "classes"
"""Name of the head that says the class of a pixel."""


@dataclass(frozen=True)
class SupervisedParams:
    """What is asked of labelled chips."""

    class_weights: tuple[float, ...] = ()
    """Weight of each class in the cross-entropy, 0 or more; empty: 1 each."""
    overlap: float = 0.5
    """Weight of 1 - Dice beside the cross-entropy."""


def class_count(architecture: Architecture) -> int:
    """How many classes the network tells apart."""
    if HEAD not in architecture.heads:
        heads = ", ".join(architecture.heads) or "none"
        raise InputError(f"learning from labels needs a head {HEAD!r}; the network has: {heads}")
    return architecture.heads[HEAD]


def refuse_weights(params: SupervisedParams, classes: int) -> None:
    """Raise InputError unless every class has a weight of 0 or more."""
    weights = params.class_weights
    if weights and len(weights) != classes:
        raise InputError(f"class_weights = {weights} must hold {classes} numbers, one a class")
    if any(not weight >= 0 for weight in weights) or not params.overlap >= 0:
        raise InputError(f"class_weights = {weights}, overlap = {params.overlap}: give 0 or more")


def logits_of(
    network: nn.Module, chips: ChipBatch, pixels: Tensor | None = None
) -> Float[Tensor, "batch class y x"]:
    """Logits of the classes, for other pixels of the same chips where `pixels` are given."""
    seen = chips.pixels if pixels is None else pixels
    logits: Tensor = network(seen, chips.channels, chips.gsd)[HEAD]
    return logits.float()


def class_entropy(
    logits: Float[Tensor, "batch class y x"],
    labels: UInt8[Tensor, "batch y x"],
    weights: tuple[float, ...] = (),
) -> Tensor:
    """Cross-entropy over known pixels, weighted by class; an attached 0 where none is known."""
    each = torch.tensor(weights, device=logits.device) if weights else None
    cost = F.cross_entropy(logits, labels.long(), each, ignore_index=UNKNOWN, reduction="sum")
    known = labels[labels != UNKNOWN].long()
    whole = each[known].sum() if each is not None else torch.as_tensor(known.numel())
    return cost / whole.clamp(min=1e-6)


def class_overlap(
    logits: Float[Tensor, "batch class y x"], labels: UInt8[Tensor, "batch y x"]
) -> Tensor:
    """1 - mean over the classes that occur of (2 Σ p t + 1) / (Σ p + Σ t + 1), known pixels."""
    classes = logits.shape[1]
    known = (labels != UNKNOWN).float()
    t = F.one_hot(labels.long().clamp(max=classes - 1), classes).movedim(-1, 1) * known[:, None]
    p = logits.softmax(1) * known[:, None]
    both, all_p, all_t = ((v.sum((0, 2, 3))) for v in (p * t, p, t))
    dice = (2 * both + 1) / (all_p + all_t + 1)
    occurs = (all_t > 0).float()
    return ((1 - dice) * occurs).sum() / occurs.sum().clamp(min=1)


def labelled_terms(
    network: nn.Module, chips: ChipBatch | None, params: SupervisedParams
) -> dict[str, Tensor]:
    """Terms of labelled chips, overlap already weighted; none where there are no such chips."""
    if chips is None:
        return {}
    logits = logits_of(network, chips)
    entropy = class_entropy(logits, chips.labels, params.class_weights)
    return {"entropy": entropy, "overlap": params.overlap * class_overlap(logits, chips.labels)}


def with_total(terms: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The terms, each weighted already, and their sum under "total"."""
    if not terms:
        raise InputError("a step without chips: give labelled chips, unlabelled ones, or both")
    return {**terms, "total": torch.stack(list(terms.values())).sum()}


class Supervised:
    """Labelled chips only; unlabelled ones are not looked at."""

    def __init__(self, params: SupervisedParams, network: EarthNetwork) -> None:
        self.params = params
        self.modules = nn.ModuleDict({"network": network})

    def terms(self, batch: StepBatch, rng: np.random.Generator, done: float) -> dict[str, Tensor]:
        """Cross-entropy and overlap of the labelled chips."""
        del rng, done
        return with_total(labelled_terms(self.modules["network"], batch.labelled, self.params))

    def follow(self, done: float) -> None:
        """Nothing follows: there is no teacher."""


def supervised(params: SupervisedParams, architecture: Architecture, seed: int) -> Supervised:
    """The baseline."""
    refuse_weights(params, class_count(architecture))
    return Supervised(params, build_network(architecture, seed))
