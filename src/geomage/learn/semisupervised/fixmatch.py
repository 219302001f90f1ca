"""FixMatch: the network's own confident word on the weak view is the label of the strong view.

L = L_s + λ L_u, L_u = 1/N Σ_i [max q_i >= τ(c_i)] CE(p(strong view)_i, c_i), q = p(weak view)
without gradient, c = argmax q, N pixels that hold data, weighed by class like labels (Sohn et al.
2020, NeurIPS, section 2.2; on pixels with CutMix as French et al. 2020, BMVC). The weak view is the
chip as the loop cut and turned it. τ may differ by class, see `thresholds`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from torch import Tensor, nn

from geomage.learn.objective import ChipBatch, StepBatch
from geomage.learn.semisupervised.mixing import ClassShares, Mixable
from geomage.learn.semisupervised.supervised import (
    SupervisedParams,
    class_count,
    labelled_terms,
    logits_of,
    refuse_weights,
    with_total,
)
from geomage.learn.semisupervised.teacher import believes
from geomage.learn.semisupervised.thresholds import ThresholdParams, Thresholds
from geomage.learn.semisupervised.weak_to_strong import (
    ViewParams,
    believed_entropy,
    learnt_view,
)
from geomage.model.architecture import Architecture, EarthNetwork, build_network

__all__ = ["FixMatch", "FixMatchParams", "fixmatch"]


@dataclass(frozen=True)
class FixMatchParams:
    """FixMatch."""

    supervised: SupervisedParams = field(default_factory=SupervisedParams)
    weight: float = 1.0
    """λ of the unlabelled term."""
    thresholds: ThresholdParams = field(default_factory=ThresholdParams)
    views: ViewParams = field(default_factory=ViewParams)


class FixMatch:
    """One network that teaches itself."""

    def __init__(self, params: FixMatchParams, network: EarthNetwork, classes: int) -> None:
        self.params = params
        self.network, self.shares = network, ClassShares(classes)
        self.thresholds = Thresholds(params.thresholds, classes)
        self.modules = nn.ModuleDict(
            {"network": network, "thresholds": self.thresholds, "shares": self.shares}
        )

    def terms(self, batch: StepBatch, rng: np.random.Generator, done: float) -> dict[str, Tensor]:
        """Terms of the labelled chips and the pseudo-labelled strong view."""
        del done
        p = self.params
        terms = labelled_terms(self.network, batch.labelled, p.supervised)
        if batch.labelled is not None:
            self.shares.update(batch.labelled.labels)
        if batch.unlabelled is not None:
            terms["unlabelled"] = p.weight * self._unlabelled(batch.unlabelled, batch.labelled, rng)
        return with_total(terms)

    def _unlabelled(
        self, chips: ChipBatch, labelled: ChipBatch | None, rng: np.random.Generator
    ) -> Tensor:
        found = believes(self.network, chips)
        self.thresholds.update(found)
        weights = self.thresholds.believed(found).float()
        weak = Mixable(chips.pixels, found.labels, weights)
        view = learnt_view(weak, labelled, self.shares, self.params.views, rng)
        logits = logits_of(self.network, chips, view.pixels)
        return believed_entropy(logits, view, found.seen, self.params.supervised.class_weights)

    def follow(self, done: float) -> None:
        """Nothing follows: the network is its own teacher."""


def fixmatch(params: FixMatchParams, architecture: Architecture, seed: int) -> FixMatch:
    """FixMatch on pixels."""
    classes = class_count(architecture)
    refuse_weights(params.supervised, classes)
    return FixMatch(params, build_network(architecture, seed), classes)
