"""From many steps to few: a network learns the chords of the flow of its teacher.

Along coarse times s_0 < s_1 < … of an Euler march the student is to say, at the teacher's place
x(s_i), the mean velocity (x(s_i+1) - x(s_i)) / (s_i+1 - s_i): as progressive distillation
(Salimans and Ho 2022, arXiv 2202.00512), with all halvings in one.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from geomage.adapt.flow.codec import Codecs
from geomage.adapt.flow.matching import (
    Guidance,
    given_planes,
    normal_like,
    side_of,
    squared_error,
)
from geomage.adapt.flow.path import LinearPath, Values
from geomage.adapt.flow.solver import even_times, march
from geomage.learn.objective import StepBatch

__all__ = ["Distillation", "Lesson"]


@dataclass(frozen=True)
class Lesson:
    """What the student is to do.

    times: of its Euler march, from where a translation starts to 1.
    fine: steps of Heun that the teacher takes in each of them.
    """

    times: tuple[float, ...]
    fine: int


class Distillation:
    """An `Objective`: `labelled` are crops of the source."""

    def __init__(
        self,
        teacher: nn.Module,
        codecs: Codecs,
        path: LinearPath,
        guidance: Guidance,
        lesson: Lesson,
    ) -> None:
        self.path, self.guidance, self.lesson = path, guidance, lesson
        self.codecs = codecs
        frozen = {"teacher": teacher, "source": codecs.source, "target": codecs.target}
        for module in frozen.values():
            module.requires_grad_(requires_grad=False)
        student = copy.deepcopy(teacher).requires_grad_()
        self.modules = nn.ModuleDict({"network": student.train(), **frozen})

    def terms(self, batch: StepBatch, rng: np.random.Generator, done: float) -> dict[str, Tensor]:
        """Mean squared error of a chord's velocity."""
        del done
        assert batch.labelled is not None
        assert batch.unlabelled is not None
        source = side_of(batch.labelled, self.codecs.source)
        like = source.values
        if not self.guidance.from_source:
            like = side_of(batch.unlabelled, self.codecs.target).values
        told = torch.from_numpy(rng.random(len(like)) < self.guidance.labelled).to(like.device)
        given = given_planes(source, batch.labelled.labels, told, self.guidance)
        noise = normal_like(like, rng)
        times = self.lesson.times
        begin = self.path.start(like, times[0], noise) if self.guidance.from_source else noise
        k = int(rng.integers(len(times) - 1))
        gsd = batch.labelled.gsd
        x, ahead = self._places(begin, k, gsd, given)
        t = torch.full((len(x),), times[k], device=x.device)
        said = self.modules["network"](x, t, gsd, given)
        loss = squared_error(said, (ahead - x) / (times[k + 1] - times[k]), source.valid)
        return {"chord": loss, "total": loss}

    @torch.no_grad()
    def _places(self, x: Tensor, k: int, gsd: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        """Where the teacher stands at times k and k + 1."""

        def v(x: Values, t: float) -> Values:
            return self.modules["teacher"](x, x.new_full((len(x),), t), gsd, given).float()

        times = self.lesson.times
        for begin, end in pairwise(times[: k + 1]):
            x = march(v, x, even_times(begin, end, self.lesson.fine), "heun").x
        ahead = march(v, x, even_times(times[k], times[k + 1], self.lesson.fine), "heun").x
        return x, ahead

    def follow(self, done: float) -> None:
        """Nothing follows."""
