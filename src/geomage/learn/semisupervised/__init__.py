"""Learning from few labels and many images: objectives of the training loop.

`SEMISUPERVISED[name]` holds the dataclass of the parameters and the function that builds the
objective from them, an architecture and a seed. Each learns from `StepBatch.labelled` and
`StepBatch.unlabelled`; given no unlabelled chips, each asks what `supervised` asks.
"""

from __future__ import annotations

from collections.abc import Callable

from geomage.learn.objective import Objective
from geomage.learn.semisupervised.coral import DeepCoral, DeepCoralParams, coral
from geomage.learn.semisupervised.daformer import DAFormer, DAFormerParams, daformer
from geomage.learn.semisupervised.fixmatch import FixMatch, FixMatchParams, fixmatch
from geomage.learn.semisupervised.masked import Masked, MaskedParams, MaskParams, masked
from geomage.learn.semisupervised.mean_teacher import (
    MeanTeacher,
    MeanTeacherParams,
    mean_teacher,
)
from geomage.learn.semisupervised.mixing import MixParams, chip_chances
from geomage.learn.semisupervised.strong import StrongParams
from geomage.learn.semisupervised.supervised import Supervised, SupervisedParams, supervised
from geomage.learn.semisupervised.thresholds import ThresholdParams
from geomage.learn.semisupervised.unimatch import UniMatch, UniMatchParams, unimatch
from geomage.learn.semisupervised.weak_to_strong import ViewParams

__all__ = [
    "SEMISUPERVISED",
    "DAFormer",
    "DAFormerParams",
    "DeepCoral",
    "DeepCoralParams",
    "FixMatch",
    "FixMatchParams",
    "MaskParams",
    "Masked",
    "MaskedParams",
    "MeanTeacher",
    "MeanTeacherParams",
    "MixParams",
    "StrongParams",
    "Supervised",
    "SupervisedParams",
    "ThresholdParams",
    "UniMatch",
    "UniMatchParams",
    "ViewParams",
    "chip_chances",
]

SEMISUPERVISED: dict[str, tuple[type, Callable[..., Objective]]] = {
    "supervised": (SupervisedParams, supervised),
    "mean-teacher": (MeanTeacherParams, mean_teacher),
    "fixmatch": (FixMatchParams, fixmatch),
    "unimatch": (UniMatchParams, unimatch),
    "masked": (MaskedParams, masked),
    "daformer": (DAFormerParams, daformer),
    "coral": (DeepCoralParams, coral),
}
"""Objective by name: its parameters, and how it is built from them, an architecture and a seed."""
