"""How good a network is on held-out simulated pairs, and the temperature that makes it honest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.model.export import UNWEIGHTED, undo_weights

__all__ = ["Validation", "fit_temperature", "validate"]

PER_PAIR = 4000  # building pixels kept of each pair to fit the temperature


@dataclass(frozen=True)
class Validation:
    """Figures over held-out simulated pairs."""

    pairs: int
    building_f1: float
    landcover_accuracy: float
    damage_macro_f1: float
    """By pixel, over grades of building pixels."""
    damaged_of_intact: float
    """Share of intact building pixels called minor or worse."""
    water_f1: float
    temperature: float
    """Best divisor of the damage logits."""


def fit_temperature(
    logits: Float[Tensor, "pixel 4"], grade: Int[Tensor, " pixel"], span: float = 4.0
) -> float:
    """The T in [1/span, span] that minimises the cross-entropy of logits / T (Guo et al. 2017)."""
    if not len(grade):
        return 1.0
    choices = np.geomspace(1 / span, span, 61)
    costs = [float(F.cross_entropy(logits / float(t), grade)) for t in choices]
    return float(choices[int(np.argmin(costs))])


def _f1(hit: float, said: float, true: float) -> float:
    return 2 * hit / max(said + true, 1.0)


@torch.no_grad()
def validate(
    network: nn.Module,
    pairs: Iterable[UInt8[np.ndarray, "11 y x"]],
    weights: Sequence[float] = UNWEIGHTED,
) -> Validation:
    """Measure a network of `Logits`, in evaluation mode, on stored pairs, as it is exported.

    weights: of the grades in the loss, undone as in the exported model.
    """
    building, water = np.zeros(3), np.zeros(3)
    cover = np.zeros(2)
    confusion = np.zeros((4, 4))  # [true, said]
    kept: list[Tensor] = []
    grades: list[Tensor] = []
    count, device = 0, next(network.parameters()).device
    for stack in pairs:
        count += 1
        pixels = torch.from_numpy(np.array(stack)).to(device)
        images = pixels[None, :6].float() / 255
        logits = network(images[:, :3], images[:, 3:])
        said = logits.landcover[0].argmax(0) + 1
        known = pixels[6] > 0
        cover += np.array([int((said == pixels[6])[known].sum()), int(known.sum())])
        building += _counts(said == 8, pixels[6] == 8, known)
        water += _counts(logits.flags[0, 0] > 0, pixels[8] == 1, pixels[8] < 255)
        graded = (pixels[7] > 0) & (pixels[7] < 255)
        damage = undo_weights(logits.damage, weights)[0]
        seen, grade = damage[:, graded].T, pixels[7][graded].long() - 1
        pair = grade * 4 + seen.argmax(1)
        confusion += np.bincount(pair.cpu().numpy(), minlength=16).reshape(4, 4)
        step = max(1, len(grade) // PER_PAIR)
        kept.append(seen[::step].cpu())
        grades.append(grade[::step].cpu())
    f1 = [
        _f1(confusion[k, k], confusion[:, k].sum(), confusion[k].sum())
        for k in range(4)
        if confusion[k].sum() > 0
    ]
    return Validation(
        pairs=count,
        building_f1=_f1(*building),
        landcover_accuracy=float(cover[0] / max(cover[1], 1)),
        damage_macro_f1=float(np.mean(f1)) if f1 else 0.0,
        damaged_of_intact=float(confusion[0, 1:].sum() / max(confusion[0].sum(), 1)),
        water_f1=_f1(*water),
        temperature=fit_temperature(torch.cat(kept), torch.cat(grades)) if kept else 1.0,
    )


def _counts(said: Tensor, true: Tensor, known: Tensor) -> np.ndarray:
    """Hits, pixels said and pixels true, among the known ones."""
    said, true = said & known, true & known
    return np.array([int((said & true).sum()), int(said.sum()), int(true.sum())], float)
