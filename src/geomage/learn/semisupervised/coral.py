"""Deep CORAL: what is said of labelled and of unlabelled pixels has the same covariance.

L = L_s + λ L_coral, L_coral = 1 / (4 d²) ‖C_S - C_T‖²_F, C the covariance of the d outputs of the
last layer over the pixels that hold data, of the labelled chips (S) and of the unlabelled ones (T)
(Sun and Saenko 2016, ECCV Workshops, equations 1 to 3). The gradient goes through both. Means are
left free, and so are the shares of classes in either domain, as far as they do not show there.

AdaBN (Li et al. 2018), which swaps the running statistics of batch normalisation, has nothing to
swap here: every network of `geomage.model.architecture` of our own normalises the channels of each
pixel by itself (`geomage.model.layers.ChannelNorm`), and keeps no statistics of a domain.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from geomage.errors import InputError
from geomage.learn.objective import StepBatch
from geomage.learn.semisupervised.supervised import (
    SupervisedParams,
    class_count,
    labelled_terms,
    logits_of,
    refuse_weights,
    with_total,
)
from geomage.model.architecture import Architecture, EarthNetwork, build_network

__all__ = ["DeepCoral", "DeepCoralParams", "coral", "coral_distance"]


@dataclass(frozen=True)
class DeepCoralParams:
    """Deep CORAL."""

    supervised: SupervisedParams = field(default_factory=SupervisedParams)
    weight: float = 1.0
    """λ; the authors choose it so that both terms end alike."""

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise InputError(f"coral: weight = {self.weight}: give 0 or more")


def coral_distance(
    source: Float[Tensor, "pixel d"], target: Float[Tensor, "other d"]
) -> Float[Tensor, ""]:
    """1 / (4 d²) ‖C_S - C_T‖²_F; an attached 0 where either has fewer than two pixels."""
    if min(len(source), len(target)) < 2:
        return 0 * (source.sum() + target.sum())
    gap = _covariance(source) - _covariance(target)
    return gap.square().sum() / (4 * source.shape[1] ** 2)


def _covariance(values: Float[Tensor, "pixel d"]) -> Float[Tensor, "d d"]:
    # matrices of 16-bit numbers would lose what the difference is about
    with torch.autocast(values.device.type, enabled=False):
        off = values.float() - values.float().mean(0)
        return off.T @ off / (len(values) - 1)


class DeepCoral:
    """One network; labels of one domain, images of both."""

    def __init__(self, params: DeepCoralParams, network: EarthNetwork) -> None:
        self.params = params
        self.modules = nn.ModuleDict({"network": network})

    def terms(self, batch: StepBatch, rng: np.random.Generator, done: float) -> dict[str, Tensor]:
        """Terms of the labelled chips, and the distance between the domains."""
        del rng, done
        network, p = self.modules["network"], self.params
        terms = labelled_terms(network, batch.labelled, p.supervised)
        if batch.labelled is not None and batch.unlabelled is not None:
            said = [
                logits_of(network, chips).movedim(1, -1)[_holds_data(chips.pixels)]
                for chips in (batch.labelled, batch.unlabelled)
            ]
            terms["coral"] = p.weight * coral_distance(*said)
        return with_total(terms)

    def follow(self, done: float) -> None:
        """Nothing follows: there is no teacher."""


def _holds_data(pixels: Float[Tensor, "batch date band y x"]) -> Bool[Tensor, "batch y x"]:
    return (pixels != 0).any(dim=2).all(dim=1)


def coral(params: DeepCoralParams, architecture: Architecture, seed: int) -> DeepCoral:
    """Deep CORAL on pixels."""
    refuse_weights(params.supervised, class_count(architecture))
    return DeepCoral(params, build_network(architecture, seed))
