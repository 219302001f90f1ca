"""UniMatch V2: one weak view, two strong ones, one teacher, channels dropped in complement.

L = L_s + λ (L_1 + L_2) / 2. The teacher, an average of the student, labels the weak view; each
strong view has its own light and its own rectangle of another chip, and the channels of its
features are halved: with M ~ Bernoulli(1/2) for each channel, view 1 sees 2 M f, view 2 sees
2 (1 - M) f; half of the chips, drawn, keep all their channels. L_k is the entropy of FixMatch (Yang
et al. 2025, UniMatch V2: Pushing the Limit of Semi-Supervised Semantic Segmentation, IEEE TPAMI,
section 3). Ours: M is drawn for each level of the features; λ (L_1 + L_2) / 2 stands beside L_s,
not halved with it, so that without unlabelled chips the loss is the supervised one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from geomage.learn.objective import ChipBatch, StepBatch
from geomage.learn.semisupervised.mixing import ClassShares, Mixable
from geomage.learn.semisupervised.supervised import (
    HEAD,
    SupervisedParams,
    class_count,
    labelled_terms,
    refuse_weights,
    with_total,
)
from geomage.learn.semisupervised.teacher import Teacher, believes
from geomage.learn.semisupervised.thresholds import (
    PseudoLabels,
    ThresholdParams,
    Thresholds,
)
from geomage.learn.semisupervised.weak_to_strong import (
    ViewParams,
    believed_entropy,
    learnt_view,
)
from geomage.model.architecture import Architecture, EarthNetwork, build_network

__all__ = ["UniMatch", "UniMatchParams", "complementary_masks", "unimatch"]

_WHOLE = 0.5  # share of the chips that keep all their channels


@dataclass(frozen=True)
class UniMatchParams:
    """UniMatch V2."""

    supervised: SupervisedParams = field(default_factory=SupervisedParams)
    weight: float = 1.0
    """λ of the unlabelled terms."""
    decay: float = 0.996
    """Decay of the teacher, a step."""
    drop: bool = True
    """Drop channels in complement."""
    thresholds: ThresholdParams = field(default_factory=ThresholdParams)
    views: ViewParams = field(default_factory=ViewParams)


def complementary_masks(
    batch: int, channels: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "batch channel"], Float[np.ndarray, "batch channel"]]:
    """2 M and 2 (1 - M) for each chip; 1 all over for the half of the chips that stay whole."""
    first = 2 * rng.integers(0, 2, (batch, channels)).astype(np.float32)
    second = 2 - first
    whole = rng.permutation(batch)[: int(batch * _WHOLE)]
    first[whole] = second[whole] = 1
    return first, second


class UniMatch:
    """A student in two lights, and its average."""

    def __init__(self, params: UniMatchParams, network: EarthNetwork, classes: int) -> None:
        self.params = params
        self.network, self.teacher = network, Teacher(network, params.decay)
        self.shares, self.thresholds = ClassShares(classes), Thresholds(params.thresholds, classes)
        self.modules = nn.ModuleDict(
            {
                "network": network,
                "teacher": self.teacher,
                "thresholds": self.thresholds,
                "shares": self.shares,
            }
        )

    def terms(self, batch: StepBatch, rng: np.random.Generator, done: float) -> dict[str, Tensor]:
        """Terms of the labelled chips and of the two strong views."""
        del done
        p = self.params
        terms = labelled_terms(self.network, batch.labelled, p.supervised)
        if batch.labelled is not None:
            self.shares.update(batch.labelled.labels)
        if batch.unlabelled is not None:
            found = believes(self.teacher.network, batch.unlabelled)
            self.thresholds.update(found)
            first, second = self._views(batch.unlabelled, batch.labelled, found, rng)
            terms["first"] = p.weight / 2 * first
            terms["second"] = p.weight / 2 * second
        return with_total(terms)

    def _views(
        self,
        chips: ChipBatch,
        labelled: ChipBatch | None,
        found: PseudoLabels,
        rng: np.random.Generator,
    ) -> tuple[Tensor, Tensor]:
        """L_1 and L_2; both views go through the network together, as one batch."""
        weak = Mixable(chips.pixels, found.labels, self.thresholds.believed(found).float())
        views = [learnt_view(weak, labelled, self.shares, self.params.views, rng) for _ in range(2)]
        both = chips._replace(
            pixels=torch.cat([view.pixels for view in views]), gsd=chips.gsd.repeat(2)
        )
        first, second = self._dropped(both, rng).chunk(2)
        weights = self.params.supervised.class_weights
        return (
            believed_entropy(first, views[0], found.seen, weights),
            believed_entropy(second, views[1], found.seen, weights),
        )

    def _dropped(
        self, both: ChipBatch, rng: np.random.Generator
    ) -> Float[Tensor, "batch class y x"]:
        """Logits of two views one after the other, their channels dropped in complement."""
        network = self.network
        features = network.encode(both.pixels, both.channels, both.gsd)
        if self.params.drop:
            half = len(both.gsd) // 2
            features = [
                level * _joined(complementary_masks(half, level.shape[1], rng), level)
                for level in features
            ]
        logits: Tensor = network.decode(features)[HEAD]
        return logits.float()

    def follow(self, done: float) -> None:
        """The teacher moves towards the student."""
        del done
        self.teacher.follow(self.network)


def _joined(masks: tuple[np.ndarray, np.ndarray], like: Tensor) -> Tensor:
    """Both masks one after the other, ready to multiply features (2 batch, channel, y, x)."""
    return torch.from_numpy(np.concatenate(masks))[..., None, None].to(like)


def unimatch(params: UniMatchParams, architecture: Architecture, seed: int) -> UniMatch:
    """UniMatch V2."""
    classes = class_count(architecture)
    refuse_weights(params.supervised, classes)
    return UniMatch(params, build_network(architecture, seed), classes)
