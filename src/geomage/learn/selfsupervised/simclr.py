"""SimCLR: two views of one chip are nearer each other than to the views of any other chip.

Chen, Kornblith, Norouzi, Hinton 2020, arXiv 2002.05709.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.learn.objective import StepBatch
from geomage.learn.selfsupervised.pretext import (
    Projector,
    asked,
    pooled,
    pretrainable,
    products,
    refuse_side,
    see,
    unit,
)
from geomage.learn.selfsupervised.views import ViewParams, draw_view
from geomage.model.architecture import Architecture

__all__ = ["SimClr", "SimClrParams", "nt_xent", "simclr"]


@dataclass(frozen=True)
class SimClrParams:
    """What SimCLR compares."""

    view: ViewParams = field(default_factory=ViewParams)
    """Both views; chips a little larger than a view make them overlap."""
    temperature: float = 0.1
    """tau."""
    projection: int = 64
    """Width of what is compared, z."""


def nt_xent(
    z_i: Float[Tensor, "batch width"], z_j: Float[Tensor, "batch width"], tau: float
) -> Tensor:
    """Normalised temperature-scaled cross-entropy (equation 1), the mean over the 2 N views.

    l(i, j) = -log exp(sim(z_i, z_j) / tau) / sum over k != i of exp(sim(z_i, z_k) / tau), where
    sim is the cosine. log(2 N - 1) - l bounds from below what the views tell of each other, nats
    (van den Oord et al. 2018, arXiv 1807.03748, equation 5).
    """
    z = unit(torch.cat([z_i, z_j]))
    sim = products(z, z) / tau
    sim = sim.masked_fill(torch.eye(len(z), dtype=torch.bool, device=z.device), -torch.inf)
    n = len(z_i)
    partner = torch.arange(2 * n, device=z.device).roll(n)
    return F.cross_entropy(sim, partner)


@final
class SimClr:
    """f is `network.encoder`, g the projector."""

    def __init__(self, params: SimClrParams, architecture: Architecture, seed: int) -> None:
        self.params = params
        network = pretrainable(architecture, seed)
        refuse_side(params.view.side, network, "view.side")
        self.f: nn.Module = network.encoder
        self.g = Projector(network.encoder.widths[-1], params.projection, seed)
        self.modules = nn.ModuleDict({"network": network, "projector": self.g})

    def terms(self, batch: StepBatch, rng: np.random.Generator, done: float) -> dict[str, Tensor]:  # noqa: ARG002
        """One term: `contrast`. A date, and where there is one a sensor, is drawn for each view."""
        chips = asked(batch.unlabelled, "simclr")
        other = chips if batch.other is None else batch.other
        views = [draw_view(source, self.params.view, rng) for source in (chips, other)]
        z_i, z_j = (self.g(pooled(see(self.f, view))) for view in views)
        contrast = nt_xent(z_i, z_j, self.params.temperature)
        return {"contrast": contrast, "total": contrast}

    def follow(self, done: float) -> None:
        """Nothing follows."""


def simclr(params: SimClrParams, architecture: Architecture, seed: int) -> SimClr:
    """Prepare to pre-train the encoder of an architecture."""
    return SimClr(params, architecture, seed)
