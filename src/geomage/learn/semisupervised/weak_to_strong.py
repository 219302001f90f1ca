"""What FixMatch and UniMatch share: strong views mixed with others, learnt from pseudo-labels."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.data.chip import UNKNOWN
from geomage.errors import InputError
from geomage.learn.objective import ChipBatch
from geomage.learn.semisupervised.mixing import (
    ClassShares,
    Mixable,
    MixParams,
    class_masks,
    cut_masks,
    paste,
    rare_chances,
    rare_classes,
)
from geomage.learn.semisupervised.strong import StrongParams, strong_view

__all__ = [
    "ViewParams",
    "believed_entropy",
    "learnt_view",
    "refuse_other_sizes",
    "with_rare_classes",
]


@dataclass(frozen=True)
class ViewParams:
    """How a strong view is made."""

    strong: StrongParams = field(default_factory=StrongParams)
    mix: MixParams = field(default_factory=MixParams)


def learnt_view(
    weak: Mixable,
    labelled: ChipBatch | None,
    shares: ClassShares,
    params: ViewParams,
    rng: np.random.Generator,
) -> Mixable:
    """A strong view of each chip, with a rectangle of another chip's, and rare classes pasted in.

    The other chip is the next but `k` in the batch, `k` drawn for the batch.
    """
    view = weak._replace(pixels=strong_view(weak.pixels, params.strong, rng))
    count, y, x = weak.labels.shape
    turn = int(rng.integers(1, count)) if count > 1 else 0
    masks = torch.from_numpy(cut_masks((count, y, x), params.mix, rng)).to(weak.labels.device)
    rolled = Mixable(*(part.roll(turn, 0) for part in view))
    view = paste(view, rolled, masks)
    if labelled is None or params.mix.rare <= 0:
        return view
    light = strong_view(labelled.pixels, params.strong, rng)
    return with_rare_classes(view, labelled._replace(pixels=light), shares, params.mix, rng)


def with_rare_classes(
    view: Mixable,
    labelled: ChipBatch,
    shares: ClassShares,
    params: MixParams,
    rng: np.random.Generator,
) -> Mixable:
    """Paste whole rare classes of labelled chips, with their true labels at weight 1."""
    refuse_other_sizes(view, labelled)
    chances = rare_chances(shares.shares(), params.temperature)
    rows = rng.integers(len(labelled.labels), size=len(view.labels))
    takes = rng.random(len(view.labels)) < params.rare
    source = labelled.labels[rows]
    named = [
        rare_classes(chip, chances, rng) if take else []
        for chip, take in zip(source, takes, strict=True)
    ]
    given = Mixable(labelled.pixels[rows], source, torch.ones_like(source, dtype=torch.float32))
    return paste(view, given, class_masks(source, named))


def refuse_other_sizes(view: Mixable, labelled: ChipBatch) -> None:
    """Raise InputError unless dates, bands and sizes agree: only then can chips be pasted."""
    ours, theirs = tuple(view.pixels.shape[1:]), tuple(labelled.pixels.shape[1:])
    if ours != theirs:
        raise InputError(
            f"unlabelled chips are {ours} and labelled ones {theirs} (date, band, y, x): mixing "
            "needs equal ones; choose another objective or crop both alike"
        )


def believed_entropy(
    logits: Float[Tensor, "batch class y x"],
    view: Mixable,
    seen: Bool[Tensor, "batch y x"],
    class_weights: tuple[float, ...] = (),
) -> Tensor:
    """Σ w a CE / Σ a over all pixels that hold data, so that few believed ones weigh little.

    a: weight of the class of a pixel, as for labelled chips: pseudo-labels that are not weighed
    like labels undo what the weights are for.
    """
    each_class = torch.tensor(class_weights or (1.0,) * logits.shape[1], device=logits.device)
    known = view.labels != UNKNOWN
    a = each_class[torch.where(known, view.labels, 0).long()] * known
    cost = F.cross_entropy(logits, view.labels.long(), ignore_index=UNKNOWN, reduction="none")
    return (cost * view.weights * a).sum() / (a * seen).sum().clamp(min=1e-6)
