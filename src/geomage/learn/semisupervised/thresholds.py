"""From which confidence a pseudo-label is believed, class by class, so that rare classes live on.

One threshold for all classes lets only what is frequent through: minor damage is called with less
confidence than its neighbours, is never learnt from unlabelled images, and disappears. Three ways:

fixed: τ for every class (FixMatch; Sohn et al. 2020, NeurIPS).
relative: self-adaptive thresholding (FreeMatch; Wang et al. 2023, ICLR, section 3.1). The mean
    confidence and the mean probability of each class are followed by moving averages,
    τ_t = λ τ_{t-1} + (1 - λ) mean max_c p(c), p̃_t(c) = λ p̃_{t-1}(c) + (1 - λ) mean p(c), both from
    1 / classes, and the threshold of a class is τ_t p̃_t(c) / max_k p̃_t(k). Our addition: it never
    falls under `floor`, for among pixels the rare classes would else be believed always.
share: the most confident `share` of what is called a class is kept (class-balanced self-training,
    CBST; Zou et al. 2018, ECCV, section 4.2). The quantile of each class is followed by a moving
    average (ours; CBST sorts a whole dataset), starts at τ, and is never above τ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from geomage.errors import InputError, near_names

__all__ = ["KINDS", "PseudoLabels", "ThresholdParams", "Thresholds", "pseudo_labels"]

KINDS = ("fixed", "relative", "share")


@dataclass(frozen=True)
class ThresholdParams:
    """When a pseudo-label is believed."""

    kind: str = "share"
    """fixed, relative or share."""
    confidence: float = 0.95
    """τ, probability: threshold of fixed, largest of share; relative finds its own."""
    share: float = 0.5
    """Share of the pixels called a class that share keeps, 0..1."""
    floor: float = 0.5
    """Least threshold of relative and share, probability."""
    decay: float = 0.99
    """λ of the moving averages, a step."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            near = near_names(self.kind, KINDS)
            raise InputError(f"threshold kind {self.kind!r} is none of {', '.join(KINDS)}{near}")
        for name in ("confidence", "share", "floor", "decay"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise InputError(f"threshold {name} = {value:g} is outside 0..1")


class PseudoLabels(NamedTuple):
    """What a network believes of unlabelled chips."""

    probabilities: Float[Tensor, "batch class y x"]
    labels: UInt8[Tensor, "batch y x"]
    """The likeliest class."""
    confidence: Float[Tensor, "batch y x"]
    """Its probability."""
    seen: Bool[Tensor, "batch y x"]
    """Pixels that hold data."""


def pseudo_labels(
    logits: Float[Tensor, "batch class y x"], pixels: Float[Tensor, "batch date band y x"]
) -> PseudoLabels:
    """Read labels off logits; a pixel that is 0 in every band of a date holds no data."""
    p = logits.softmax(1)
    confidence, labels = p.max(1)
    seen = (pixels != 0).any(2).all(1)
    return PseudoLabels(p, labels.to(torch.uint8), confidence, seen)


class Thresholds(nn.Module):
    """The threshold of each class and the moving averages behind it."""

    overall: Tensor
    by_class: Tensor

    def __init__(self, params: ThresholdParams, classes: int) -> None:
        super().__init__()
        self.params = params
        start = params.confidence if params.kind == "share" else 1 / classes
        self.register_buffer("overall", torch.tensor(1 / classes))
        self.register_buffer("by_class", torch.full((classes,), start))

    @torch.no_grad()
    def update(self, found: PseudoLabels) -> None:
        """Follow what one batch of pseudo-labels says."""
        seen = found.seen
        if self.params.kind == "fixed" or not bool(seen.any()):
            return
        weight = 1 - self.params.decay
        if self.params.kind == "relative":
            self.overall.lerp_(found.confidence[seen].mean(), weight)
            self.by_class.lerp_(found.probabilities.movedim(1, -1)[seen].mean(0), weight)
            return
        confidence, labels = found.confidence[seen], found.labels[seen]
        for c in torch.bincount(labels).nonzero()[:, 0]:
            least = _quantile(confidence[labels == c], 1 - self.params.share)
            self.by_class[c].lerp_(least, weight)

    def levels(self) -> Float[Tensor, " class"]:
        """Threshold of each class."""
        p = self.params
        if p.kind == "fixed":
            return torch.full_like(self.by_class, p.confidence)
        if p.kind == "relative":
            return (self.overall * self.by_class / self.by_class.max()).clamp(min=p.floor)
        return self.by_class.clamp(min=min(p.floor, p.confidence), max=p.confidence)

    def believed(self, found: PseudoLabels) -> Bool[Tensor, "batch y x"]:
        """Pixels with data whose confidence reaches the threshold of their class."""
        return (found.confidence >= self.levels()[found.labels.long()]) & found.seen


def _quantile(values: Float[Tensor, " value"], q: float) -> Tensor:
    """The value that a share q of them lies under: the one of rank ⌊q n⌋ from 0, at most the last.

    torch.quantile refuses more than 16 million values and interpolates.
    """
    rank = min(int(q * values.numel()), values.numel() - 1)
    return values.kthvalue(rank + 1).values
