"""Chips pasted into chips; a label, a weight and every date move with the pixel.

CutMix pastes a rectangle (Yun et al. 2019, ICCV; for segmentation French et al. 2020, BMVC),
ClassMix all pixels of half the classes of a chip (Olsson et al. 2021, WACV, section 3.2).
Rare-class mixing (ours, after the rare class sampling of DAFormer; Hoyer, Dai and Van Gool 2022,
CVPR, section 3.3) draws which classes are pasted with P(c) ∝ exp((1 - f_c) / T), f_c the share of
pixels of class c: what is rare is pasted often, so that it is learnt in many surroundings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from geomage.data.chip import UNKNOWN
from geomage.errors import InputError

__all__ = [
    "ClassShares",
    "MixParams",
    "Mixable",
    "chip_chances",
    "class_masks",
    "cut_masks",
    "half_classes",
    "paste",
    "rare_chances",
    "rare_classes",
]


@dataclass(frozen=True)
class MixParams:
    """How unlabelled chips are mixed."""

    cut: float = 0.5
    """Chance that a strong view takes a rectangle of another chip (CutMix)."""
    area: tuple[float, float] = (0.02, 0.4)
    """Range of the area of the rectangle, of the chip's."""
    aspect: tuple[float, float] = (0.3, 3.33)
    """Range of its height over its width."""
    rare: float = 0.0
    """Chance that a strong view takes whole classes of a labelled chip, rare ones first."""
    temperature: float = 0.1
    """T of the draw of rare classes; the lower, the rarer what is drawn."""

    def __post_init__(self) -> None:
        (low, high), (flat, tall) = self.area, self.aspect
        if not (0 < low <= high <= 1 and 0 < flat <= tall):
            raise InputError(
                f"mixing: area = {self.area}, aspect = {self.aspect}: give rising numbers above 0, "
                "areas up to 1"
            )
        if not self.temperature > 0:
            raise InputError(f"mixing: temperature = {self.temperature:g}: give more than 0")


class Mixable(NamedTuple):
    """What moves together."""

    pixels: Float[Tensor, "batch date band y x"]
    labels: UInt8[Tensor, "batch y x"]
    weights: Float[Tensor, "batch y x"]
    """Of each pixel in the loss."""


Masks = Bool[Tensor, "batch y x"]


def paste(onto: Mixable, source: Mixable, masks: Masks) -> Mixable:
    """Pixels, labels and weights of `source` where the mask holds, of `onto` elsewhere."""
    return Mixable(
        torch.where(masks[:, None, None], source.pixels, onto.pixels),
        torch.where(masks, source.labels, onto.labels),
        torch.where(masks, source.weights, onto.weights),
    )


def cut_masks(
    shape: tuple[int, int, int], params: MixParams, rng: np.random.Generator
) -> Bool[np.ndarray, "batch y x"]:
    """A rectangle in each of (batch, y, x) by the chance of `cut`, nothing in the others.

    Area and aspect are drawn evenly, the aspect in its logarithm; what does not fit is drawn again.
    """
    masks = np.zeros(shape, bool)
    for mask in masks:
        if rng.random() < params.cut:
            y, x, high, wide = _rectangle(shape[1:], params, rng)
            mask[y : y + high, x : x + wide] = True
    return masks


def _rectangle(
    size: tuple[int, int], params: MixParams, rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """Top, left, height and width of a rectangle in the chip; a square after fifty vain draws."""
    for _ in range(50):
        area = rng.uniform(*params.area) * size[0] * size[1]
        aspect = np.exp(rng.uniform(*np.log(params.aspect)))
        high, wide = round(np.sqrt(area * aspect)), round(np.sqrt(area / aspect))
        if 0 < high <= size[0] and 0 < wide <= size[1]:
            break
    else:
        high = wide = max(1, round(np.sqrt(params.area[0] * size[0] * size[1])))
        high, wide = min(high, size[0]), min(wide, size[1])
    y, x = rng.integers(0, (size[0] - high + 1, size[1] - wide + 1))
    return int(y), int(x), high, wide


def half_classes(labels: UInt8[Tensor, "y x"], rng: np.random.Generator) -> list[int]:
    """Half of the classes that occur, rounded up, any as likely: ClassMix."""
    even = np.full(UNKNOWN, 1 / UNKNOWN)
    return rare_classes(labels, even, rng)


def rare_classes(
    labels: UInt8[Tensor, "y x"], chances: Float[np.ndarray, " class"], rng: np.random.Generator
) -> list[int]:
    """Half of the classes that occur, rounded up, drawn by their chances without putting back."""
    present = _present(labels)
    if not present:
        return []
    p = chances[present] + 1e-12  # so that there are enough that can be drawn
    drawn = rng.choice(present, (len(present) + 1) // 2, replace=False, p=p / p.sum())
    return sorted(drawn.tolist())


def _present(labels: UInt8[Tensor, "y x"]) -> list[int]:
    counts = torch.bincount(labels.flatten(), minlength=UNKNOWN + 1)[:UNKNOWN]
    return [int(c) for c in counts.nonzero()[:, 0]]


def class_masks(labels: UInt8[Tensor, "batch y x"], classes: list[list[int]]) -> Masks:
    """Every pixel of the classes named for each chip, and no other."""
    each = [
        torch.isin(chip, torch.tensor(named, dtype=torch.uint8, device=chip.device))
        for chip, named in zip(labels, classes, strict=True)
    ]
    return torch.stack(each)


def rare_chances(
    shares: Float[np.ndarray, " class"], temperature: float
) -> Float[np.ndarray, " class"]:
    """P(c) ∝ exp((1 - f_c) / T) of the classes that occur at all; 0 of the others."""
    rarity = np.where(shares > 0, (1 - shares) / temperature, -np.inf)
    if not (shares > 0).any():
        return np.full(len(shares), 1 / len(shares))
    p = np.exp(rarity - rarity.max())
    return np.asarray(p / p.sum())


def chip_chances(
    counts: Float[np.ndarray, "chip class"], temperature: float
) -> Float[np.ndarray, " chip"]:
    """Rare class sampling: chance of each labelled chip to be drawn, from its pixels by class.

    DAFormer draws a class by P(c), then evenly one of the chips that hold it; this is the chance of
    a chip over both draws, Σ_c P(c) [n_c(chip) > 0] / #{chips with c}.
    """
    totals = counts.sum(0)
    p = rare_chances(totals / max(totals.sum(), 1), temperature)
    holds = counts > 0
    each = holds / np.maximum(holds.sum(0), 1)
    chance = each @ np.where(holds.any(0), p, 0)
    return np.asarray(
        chance / chance.sum() if chance.sum() else np.full(len(counts), 1 / len(counts))
    )


class ClassShares(nn.Module):
    """Share of the known pixels of each class among the labelled chips seen so far."""

    counts: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("counts", torch.zeros(classes, dtype=torch.float64))

    @torch.no_grad()
    def update(self, labels: UInt8[Tensor, "batch y x"]) -> None:
        """Count a batch."""
        known = labels[labels != UNKNOWN].long()
        self.counts += torch.bincount(known, minlength=len(self.counts))

    def shares(self) -> Float[np.ndarray, " class"]:
        """Share of each class; 0 all over before the first pixel."""
        counts = self.counts.cpu().numpy()
        return np.asarray(counts / max(counts.sum(), 1.0))
