"""DINO: a student tells from a small view what its own running average tells from a large one.

Caron et al. 2021, arXiv 2104.14294. No labels and no negatives: the teacher is centred and
sharpened, or student and teacher would agree on one answer to everything.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from typing import final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from geomage.learn.objective import ChipBatch, StepBatch
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
from geomage.learn.selfsupervised.views import View, ViewParams, draw_view
from geomage.model.architecture import Architecture

__all__ = ["Dino", "DinoParams", "Prototypes", "dino", "distillation", "momentum"]


@dataclass(frozen=True)
class DinoParams:
    """Views, temperatures and momenta."""

    view: ViewParams = field(default_factory=ViewParams)
    """The two global views, seen by student and teacher."""
    local: ViewParams = field(default_factory=lambda: ViewParams(side=32))
    """Local views, seen by the student alone."""
    locals: int = 2
    """How many of them."""
    prototypes: int = 256
    """K, width of what is told."""
    bottleneck: int = 64
    """Width before the last layer."""
    student_temperature: float = 0.1
    """tau_s."""
    teacher_temperature: float = 0.04
    """tau_t."""
    centre_momentum: float = 0.9
    """m of the centre C (equation 4)."""
    momentum: float = 0.99
    """lambda of the teacher at the start; it ends at 1 by half a cosine (section 3.1)."""


class Prototypes(nn.Module):
    """Head of student and teacher: a projector, unit length, K directions of unit length."""

    def __init__(self, wide_in: int, params: DinoParams, seed: int) -> None:
        super().__init__()
        self.projector = Projector(wide_in, params.bottleneck, seed)
        made = torch.Generator().manual_seed(seed)
        self.directions = nn.Parameter(
            torch.randn(params.prototypes, params.bottleneck, generator=made)
        )

    def forward(self, h: Float[Tensor, "batch width"]) -> Float[Tensor, "batch prototype"]:
        """Cosines, -1..1."""
        return products(unit(self.projector(h)), unit(self.directions))


def distillation(
    told: Float[Tensor, "batch prototype"],
    truth: Float[Tensor, "batch prototype"],
    centre: Float[Tensor, " prototype"],
    params: DinoParams,
) -> Tensor:
    """H(P_t, P_s) = -P_t log P_s (equation 2), the teacher centred and sharpened (section 3.1)."""
    p_t = ((truth - centre) / params.teacher_temperature).softmax(1).detach()
    log_p_s = (told / params.student_temperature).log_softmax(1)
    return -(p_t * log_p_s).sum(1).mean()


def momentum(start: float, done: float) -> float:
    """From `start` to 1 by half a cosine over the run."""
    return 1 - (1 - start) * (1 + math.cos(math.pi * done)) / 2


@torch.no_grad()
def trail(teacher: nn.Module, student: nn.Module, m: float) -> None:
    """theta_t <- m theta_t + (1 - m) theta_s; buffers are copied."""
    for theta_t, theta_s in zip(teacher.parameters(), student.parameters(), strict=True):
        theta_t.lerp_(theta_s, 1 - m)
    for old, new in zip(teacher.buffers(), student.buffers(), strict=True):
        old.copy_(new)


class Centre(nn.Module):
    """C, and the mean of what the teacher said last."""

    def __init__(self, prototypes: int) -> None:
        super().__init__()
        self.value: Tensor
        self.last: Tensor
        self.register_buffer("value", torch.zeros(prototypes))
        self.register_buffer("last", torch.zeros(prototypes))


class _Branch(nn.Module):
    """g = h o f: encoder and prototypes."""

    def __init__(self, encoder: nn.Module, head: Prototypes) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def tell(self, features: list[Tensor]) -> Float[Tensor, "batch prototype"]:
        """What the head says of features of the encoder."""
        said: Tensor = self.head(pooled(features))
        return said


@final
class Dino:
    """A student g_theta_s and its teacher g_theta_t."""

    def __init__(self, params: DinoParams, architecture: Architecture, seed: int) -> None:
        self.params = params
        self.network = network = pretrainable(architecture, seed)
        refuse_side(params.view.side, network, "view.side")
        refuse_side(params.local.side, network, "local.side")
        self.student = _Branch(
            network.encoder, Prototypes(network.encoder.widths[-1], params, seed)
        )
        self.teacher = copy.deepcopy(self.student).requires_grad_(requires_grad=False)
        self.centre = Centre(params.prototypes)
        self.modules = nn.ModuleDict(
            {
                "network": network,
                "head": self.student.head,
                "teacher": self.teacher,
                "centre": self.centre,
            }
        )

    def terms(self, batch: StepBatch, rng: np.random.Generator, done: float) -> dict[str, Tensor]:  # noqa: ARG002
        """One term: `distillation`. With a second sensor it gives one of the global views."""
        chips = asked(batch.unlabelled, "dino")
        other = chips if batch.other is None else batch.other
        large = [draw_view(source, self.params.view, rng) for source in (chips, other)]
        loss = self.distil(large, [see(self.student.encoder, view) for view in large], chips, rng)
        return {"distillation": loss, "total": loss}

    def distil(
        self,
        large: list[View],
        features: list[list[Tensor]],
        chips: ChipBatch,
        rng: np.random.Generator,
    ) -> Tensor:
        """Mean of H over all pairs of a global and another view (equation 3).

        large: the global views; features: what the student's encoder made of them; chips: where
        local views are drawn.
        """
        with torch.no_grad():
            truth = [self.teacher.tell(see(self.teacher.encoder, view)) for view in large]
            self.centre.last.copy_(torch.cat(truth).mean(0))
        small = [draw_view(chips, self.params.local, rng) for _ in range(self.params.locals)]
        small_features = [see(self.student.encoder, view) for view in small]
        told = [self.student.tell(f) for f in features + small_features]
        pairs = [
            distillation(told[k], truth[t], self.centre.value, self.params)
            for t in range(len(truth))
            for k in range(len(told))
            if k != t
        ]
        return torch.stack(pairs).mean()

    def follow(self, done: float) -> None:
        """The teacher trails the student, the centre what the teacher said (equation 4)."""
        trail(self.teacher, self.student, momentum(self.params.momentum, done))
        self.centre.value.lerp_(self.centre.last, 1 - self.params.centre_momentum)


def dino(params: DinoParams, architecture: Architecture, seed: int) -> Dino:
    """Prepare to pre-train the encoder of an architecture."""
    return Dino(params, architecture, seed)
