"""Mean teacher: a student in one light agrees with its moving average in another.

L = L_s + w(t) J, J = 1/N Σ_i |softmax f(strong view)_i - softmax f'(another strong view)_i|² with
f' the teacher (Tarvainen and Valpola 2017, NeurIPS, section 3), N pixels that hold data, and the
ramp w(t) = w exp(-5 (1 - t / T)²) up to the share T of the run, w after (Laine and Aila 2017,
ICLR).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor, nn

from geomage.learn.objective import ChipBatch, StepBatch
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
from geomage.model.architecture import Architecture, EarthNetwork, build_network

__all__ = ["MeanTeacher", "MeanTeacherParams", "mean_teacher", "ramp"]


@dataclass(frozen=True)
class MeanTeacherParams:
    """Mean teacher."""

    supervised: SupervisedParams = field(default_factory=SupervisedParams)
    weight: float = 10.0
    """w of the agreement."""
    ramp: float = 0.2
    """T, share of the run over which the weight rises."""
    decay: float = 0.996
    """Decay of the teacher, a step."""
    strong: StrongParams = field(default_factory=StrongParams)


def ramp(done: float, length: float) -> float:
    """exp(-5 (1 - t / T)²), 1 from T on."""
    return math.exp(-5 * (1 - done / length) ** 2) if done < length else 1.0


class MeanTeacher:
    """A student and its average."""

    def __init__(self, params: MeanTeacherParams, network: EarthNetwork) -> None:
        self.params = params
        self.network, self.teacher = network, Teacher(network, params.decay)
        self.modules = nn.ModuleDict({"network": network, "teacher": self.teacher})

    def terms(self, batch: StepBatch, rng: np.random.Generator, done: float) -> dict[str, Tensor]:
        """Terms of the labelled chips and the agreement on the unlabelled ones."""
        p = self.params
        terms = labelled_terms(self.network, batch.labelled, p.supervised)
        if batch.unlabelled is not None:
            weight = p.weight * ramp(done, p.ramp)
            terms["agreement"] = weight * self._agreement(batch.unlabelled, rng)
        return with_total(terms)

    def _agreement(self, chips: ChipBatch, rng: np.random.Generator) -> Tensor:
        p = self.params
        mine = strong_view(chips.pixels, p.strong, rng)
        theirs = strong_view(chips.pixels, p.strong, rng)
        said = believes(self.teacher.network, chips, theirs)
        student = logits_of(self.network, chips, mine).softmax(1)
        apart = (student - said.probabilities).square().sum(1) * said.seen
        return apart.sum() / said.seen.sum().clamp(min=1)

    def follow(self, done: float) -> None:
        """The teacher moves towards the student."""
        del done
        self.teacher.follow(self.network)


def mean_teacher(params: MeanTeacherParams, architecture: Architecture, seed: int) -> MeanTeacher:
    """Mean teacher on pixels."""
    refuse_weights(params.supervised, class_count(architecture))
    return MeanTeacher(params, build_network(architecture, seed))
