"""Masked image consistency: say what lies under the masked patches from what lies around them.

Squares of `block` px are hidden, each with chance r: M = [v > r], v ~ U(0, 1) by square, x^M = M x;
L_M = q CE(f(x^M), argmax f'(x)), f' the teacher on the whole image and q the share of its pixels
that are more confident than τ (MIC; Hoyer et al. 2023, CVPR, section 3.2). Both dates of a pair are
hidden in the same squares. On its own this is L = L_s + λ L_M; `daformer` can add it to its terms.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from geomage.errors import InputError
from geomage.learn.objective import ChipBatch, StepBatch
from geomage.learn.semisupervised.mixing import Mixable
from geomage.learn.semisupervised.strong import StrongParams, strong_view
from geomage.learn.semisupervised.supervised import (
    SupervisedParams,
    class_count,
    labelled_terms,
    logits_of,
    refuse_weights,
    with_total,
)
from geomage.learn.semisupervised.teacher import Teacher, believes
from geomage.learn.semisupervised.thresholds import PseudoLabels
from geomage.learn.semisupervised.weak_to_strong import believed_entropy
from geomage.model.architecture import Architecture, EarthNetwork, build_network

__all__ = [
    "MaskParams",
    "Masked",
    "MaskedParams",
    "hide_blocks",
    "masked",
    "masked_view",
    "quality",
]


@dataclass(frozen=True)
class MaskParams:
    """What is hidden, and from which confidence the teacher is believed."""

    block: int = 16
    """Side of a hidden square, pixels."""
    hidden: float = 0.5
    """r, chance of a square to be hidden; the paper takes 0.7 at 64 px of 512 to 1024."""
    confidence: float = 0.968
    """τ of the quality, probability."""
    strong: StrongParams = field(default_factory=StrongParams)
    """Light of the masked image."""

    def __post_init__(self) -> None:
        if self.block < 1 or not 0 <= self.hidden <= 1:
            raise InputError(
                f"masked: block = {self.block} px, hidden = {self.hidden}: give at least 1 px and "
                "a chance of 0..1"
            )


@dataclass(frozen=True)
class MaskedParams:
    """Masked image consistency beside labels."""

    supervised: SupervisedParams = field(default_factory=SupervisedParams)
    weight: float = 1.0
    """λ of the masked term."""
    decay: float = 0.996
    """Decay of the teacher, a step."""
    mask: MaskParams = field(default_factory=MaskParams)


def hide_blocks(
    pixels: Float[Tensor, "batch date band y x"], params: MaskParams, rng: np.random.Generator
) -> Float[Tensor, "batch date band y x"]:
    """0 in the hidden squares, which are counted from the top left corner."""
    count, (y, x), b = pixels.shape[0], pixels.shape[-2:], params.block
    kept = rng.random((count, -(-y // b), -(-x // b))) >= params.hidden
    kept = kept.repeat(b, 1).repeat(b, 2)[:, :y, :x]
    return pixels * torch.from_numpy(kept[:, None, None]).to(pixels)


def quality(found: PseudoLabels, confidence: float) -> Float[Tensor, " batch"]:
    """How far each chip is believed, q: the share of its pixels with data more confident than τ."""
    sure = (found.confidence > confidence) & found.seen
    return sure.sum((1, 2)) / found.seen.sum((1, 2)).clamp(min=1)


def masked_view(
    chips: ChipBatch, found: PseudoLabels, params: MaskParams, rng: np.random.Generator
) -> Mixable:
    """The masked chips, and what is to be said of all their pixels that hold data."""
    view = strong_view(chips.pixels, params.strong, rng)
    weights = quality(found, params.confidence)[:, None, None] * found.seen
    return Mixable(hide_blocks(view, params, rng), found.labels, weights)


class Masked:
    """A student that sees part, and a teacher that sees all."""

    def __init__(self, params: MaskedParams, network: EarthNetwork) -> None:
        self.params = params
        self.network, self.teacher = network, Teacher(network, params.decay)
        self.modules = nn.ModuleDict({"network": network, "teacher": self.teacher})

    def terms(self, batch: StepBatch, rng: np.random.Generator, done: float) -> dict[str, Tensor]:
        """Terms of the labelled chips and the masked ones."""
        del done
        p = self.params
        terms = labelled_terms(self.network, batch.labelled, p.supervised)
        if batch.unlabelled is not None:
            found = believes(self.teacher.network, batch.unlabelled)
            view = masked_view(batch.unlabelled, found, p.mask, rng)
            logits = logits_of(self.network, batch.unlabelled, view.pixels)
            term = believed_entropy(logits, view, found.seen, p.supervised.class_weights)
            terms["masked"] = p.weight * term
        return with_total(terms)

    def follow(self, done: float) -> None:
        """The teacher moves towards the student."""
        del done
        self.teacher.follow(self.network)


def masked(params: MaskedParams, architecture: Architecture, seed: int) -> Masked:
    """Masked image consistency."""
    refuse_weights(params.supervised, class_count(architecture))
    return Masked(params, build_network(architecture, seed))
