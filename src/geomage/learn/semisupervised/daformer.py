"""DAFormer's self-training: labelled source, unlabelled target; simulated and real, say.

L = L_s + λ L_T + μ L_M. The teacher labels the target chips, c = argmax f'(x_T), and
q = #{max softmax f'(x_T) > τ} / #pixels says how far each chip is believed. Half of the classes of
a source chip are pasted on the target chip (ClassMix across domains, DACS; Tranheden et al. 2021,
WACV), in a strong light: L_T = 1/N Σ w CE(f(mixed), mixed labels), w = 1 on what came from the
source, q on the rest (Hoyer, Dai and Van Gool 2022, CVPR, sections 3.1 and 3.3). L_M is masked
image consistency on the target (MIC; Hoyer et al. 2023), off unless asked for. With `rare` the
classes that are pasted are drawn by their rarity; `chip_chances` gives the chance with which source
chips should be drawn (rare class sampling).

Left out: the distance to the features of a network trained on ImageNet (section 3.4): there is none
here. Ours: with `patience` target chips wait until the teacher knows something.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from geomage.learn.objective import ChipBatch, StepBatch
from geomage.learn.semisupervised.masked import MaskParams, masked_view, quality
from geomage.learn.semisupervised.mixing import (
    ClassShares,
    Mixable,
    class_masks,
    half_classes,
    paste,
    rare_chances,
    rare_classes,
)
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
from geomage.learn.semisupervised.thresholds import PseudoLabels
from geomage.learn.semisupervised.weak_to_strong import believed_entropy, refuse_other_sizes
from geomage.model.architecture import Architecture, EarthNetwork, build_network

__all__ = ["DAFormer", "DAFormerParams", "daformer"]


@dataclass(frozen=True)
class DAFormerParams:
    """Self-training across domains."""

    supervised: SupervisedParams = field(default_factory=SupervisedParams)
    weight: float = 1.0
    """λ of the mixed term."""
    confidence: float = 0.968
    """τ of the quality, probability."""
    decay: float = 0.999
    """Decay of the teacher, a step."""
    rare: bool = False
    """Draw the classes that are pasted by their rarity, not evenly."""
    temperature: float = 0.1
    """T of that draw."""
    patience: float = 0.0
    """Share of the run before target chips are learnt from."""
    masked: float = 0.0
    """μ of masked image consistency."""
    mask: MaskParams = field(default_factory=MaskParams)
    strong: StrongParams = field(default_factory=StrongParams)


class DAFormer:
    """A student on mixed chips, a teacher on whole target chips."""

    def __init__(self, params: DAFormerParams, network: EarthNetwork, classes: int) -> None:
        self.params = params
        self.network, self.teacher = network, Teacher(network, params.decay)
        self.shares = ClassShares(classes)
        self.modules = nn.ModuleDict(
            {"network": network, "teacher": self.teacher, "shares": self.shares}
        )

    def terms(self, batch: StepBatch, rng: np.random.Generator, done: float) -> dict[str, Tensor]:
        """Terms of the source, of the mix, and of the masked target where asked for."""
        p = self.params
        terms = labelled_terms(self.network, batch.labelled, p.supervised)
        if batch.labelled is not None:
            self.shares.update(batch.labelled.labels)
        target = batch.unlabelled
        if target is None or done < p.patience:
            return with_total(terms)
        found = believes(self.teacher.network, target)
        terms["mixed"] = p.weight * self._mixed(batch.labelled, target, found, rng)
        if p.masked > 0:
            view = masked_view(target, found, p.mask, rng)
            logits = logits_of(self.network, target, view.pixels)
            term = believed_entropy(logits, view, found.seen, p.supervised.class_weights)
            terms["masked"] = p.masked * term
        return with_total(terms)

    def _mixed(
        self,
        source: ChipBatch | None,
        target: ChipBatch,
        found: PseudoLabels,
        rng: np.random.Generator,
    ) -> Tensor:
        weights = quality(found, self.params.confidence)[:, None, None] * found.seen
        view = Mixable(target.pixels, found.labels, weights)
        if source is not None:
            refuse_other_sizes(view, source)
            view = paste(view, *self._pasted(source, len(target.labels), rng))
        pixels = strong_view(view.pixels, self.params.strong, rng)
        logits = logits_of(self.network, target, pixels)
        return believed_entropy(logits, view, found.seen, self.params.supervised.class_weights)

    def _pasted(
        self, source: ChipBatch, count: int, rng: np.random.Generator
    ) -> tuple[Mixable, Tensor]:
        """Source chips in a drawn order, and the pixels of the classes that are pasted."""
        rows = np.resize(rng.permutation(len(source.labels)), count)
        labels = source.labels[rows]
        chances = rare_chances(self.shares.shares(), self.params.temperature)
        named = [
            rare_classes(chip, chances, rng) if self.params.rare else half_classes(chip, rng)
            for chip in labels
        ]
        given = Mixable(source.pixels[rows], labels, torch.ones_like(labels, dtype=torch.float32))
        return given, class_masks(labels, named)

    def follow(self, done: float) -> None:
        """The teacher moves towards the student."""
        del done
        self.teacher.follow(self.network)


def daformer(params: DAFormerParams, architecture: Architecture, seed: int) -> DAFormer:
    """DAFormer, with MIC where `masked` is above 0."""
    classes = class_count(architecture)
    refuse_weights(params.supervised, classes)
    return DAFormer(params, build_network(architecture, seed), classes)
