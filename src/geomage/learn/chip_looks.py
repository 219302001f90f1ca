"""A look at a network while it learns: IoU on held-out chips, and a picture of what it says.

Where nothing is labelled the picture shows features as colours: their first three principal
components over the chips pictured. What is alike on the ground should have one colour.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from geomage.data.chip import UNKNOWN, Chip
from geomage.learn.pictures import DAMAGE_COLOURS, LANDCOVER_COLOURS, captioned, write_picture
from geomage.metrics import confusion, iou, mean_iou

__all__ = ["FeatureLook", "LabelLook", "ask", "class_colours", "predict_chip", "show_chip"]

_SIDE = 256  # pixels of a panel, about
_GREY = 128  # of what nobody knows
_FEW = np.array([(40, 36, 30), (52, 152, 219), (20, 60, 130), (240, 200, 60)], np.uint8)


def class_colours(count: int) -> UInt8[np.ndarray, "cls 3"]:
    """Colours of so many classes: those of land cover and damage, or spread over the hues."""
    known = {8: LANDCOVER_COLOURS[1:], 5: DAMAGE_COLOURS}
    if count in known or count <= len(_FEW):
        return known.get(count, _FEW)[:count]
    hues = (np.arange(count)[:, None] * 0.618 + np.array([0, 1 / 3, 2 / 3])) % 1
    return np.asarray(127 + 120 * np.cos(2 * np.pi * hues), np.uint8)


@dataclass(frozen=True)
class LabelLook:
    """Judge and picture the head `head` on labelled chips."""

    chips: tuple[Chip, ...]
    """All held-out chips; the first few are pictured."""
    classes: tuple[str, ...]
    pictures: Path
    """Folder."""
    head: str = "classes"
    shown: int = 4

    def __call__(self, step: int, network: nn.Module) -> dict[str, Any]:
        """Write a picture; return IoU by class over all chips, and its mean."""
        labels = range(len(self.classes))
        counts = np.zeros((len(self.classes),) * 2, np.int64)
        rows: list[list[np.ndarray]] = []
        for chip in self.chips:
            said = predict_chip(network, chip)[self.head].argmax(0).astype(np.uint8)
            truth = np.full_like(said, UNKNOWN) if chip.labels is None else chip.labels
            counts += confusion(np.where(chip.valid, truth, UNKNOWN), said, labels)
            if len(rows) < self.shown:
                rows.append([*show_chip(chip), self._paint(truth), self._paint(said)])
        sheet = captioned(_sheet(rows), [*_dates(len(rows[0]) - 2), "label", "answer"], self._key())
        write_picture(self.pictures / f"{step:06d}.png", sheet)
        each = dict(zip(self.classes, iou(counts).round(4).tolist(), strict=True))
        told = {name: value for name, value in each.items() if np.isfinite(value)}
        return {"miou": mean_iou(counts), "iou": told}

    def _key(self) -> list[tuple[str, tuple[int, int, int]]]:
        """Name and colour of each class, and of what nobody knows."""
        colours = [(r, g, b) for r, g, b in class_colours(len(self.classes)).tolist()]
        grey = ("unknown", (_GREY, _GREY, _GREY))
        return [*zip(self.classes, colours, strict=True), grey]

    def _paint(self, labels: np.ndarray) -> np.ndarray:
        table = np.full((256, 3), _GREY, np.uint8)
        table[: len(self.classes)] = class_colours(len(self.classes))
        return np.asarray(table[labels])


@dataclass(frozen=True)
class FeatureLook:
    """Picture what an encoder tells apart."""

    chips: tuple[Chip, ...]
    pictures: Path
    levels: tuple[int, ...] = field(default=(1, -1))
    """Of its features: a fine one and the coarsest."""

    def __call__(self, step: int, network: nn.Module) -> dict[str, Any]:
        """Write a picture; there is nothing to judge by."""
        found = [_features(network, chip, self.levels) for chip in self.chips]
        painted = [_principal(level) for level in zip(*found, strict=True)]
        rows = [
            [*show_chip(chip)[:1], *(_enlarged(level[k], chip) for level in painted)]
            for k, chip in enumerate(self.chips)
        ]
        columns = ["image", "fine features", "coarse features"]
        write_picture(self.pictures / f"{step:06d}.png", captioned(_sheet(rows), columns))
        return {}


# ------------------------------------------------------------------------------ answers


@torch.no_grad()
def ask(
    network: nn.Module, chip: Chip, question: Callable[..., Any], stride: int
) -> tuple[Any, tuple[int, int]]:
    """Put a chip to a network, mirrored beyond its edges up to a multiple of its stride.

    Returns:
        What `question(pixels, channels, gsd)` gives, and y and x of the chip.
    """
    y, x = chip.valid.shape
    pad = [(0, 0), (0, 0), (0, -y % stride), (0, -x % stride)]
    pixels = np.pad(np.where(chip.valid, chip.pixels, 0), pad, mode="symmetric")
    where = next(network.parameters()).device
    keys = torch.tensor([channel.key for channel in chip.channels], dtype=torch.float32)
    gsd = torch.tensor([chip.gsd_m], dtype=torch.float32)
    image = torch.from_numpy(pixels[None].astype(np.float32))
    return question(image.to(where), keys.to(where), gsd.to(where)), (y, x)


def predict_chip(network: nn.Module, chip: Chip) -> dict[str, Float[np.ndarray, "channel y x"]]:
    """What each head of a network says of a whole chip: logits, or metres."""
    said, (y, x) = ask(network, chip, network, _stride(network))
    return {name: value[0, :, :y, :x].float().cpu().numpy() for name, value in said.items()}


def _features(network: nn.Module, chip: Chip, levels: Sequence[int]) -> list[np.ndarray]:
    """Features (width, y, x) of the first date at some levels."""
    encoder: Any = network.encoder

    def first(pixels: Tensor, keys: Tensor, gsd: Tensor) -> list[Tensor]:
        found: list[Tensor] = encoder(pixels[:, 0], keys, gsd)
        return found

    found, _ = ask(network, chip, first, _stride(network))
    return [found[level][0].float().cpu().numpy() for level in levels]


def _stride(network: nn.Module) -> int:
    stride: Any = network.stride
    return int(stride)


# ------------------------------------------------------------------------------ pictures


def show_chip(chip: Chip) -> list[UInt8[np.ndarray, "y x 3"]]:
    """Each date as a person looks at it: true colour, radar as VV, VH and their ratio, or grey."""
    names = [channel.name for channel in chip.channels]
    images = []
    for date in chip.pixels:
        if {"red", "green", "blue"} <= set(names):
            bands = [date[names.index(name)] for name in ("red", "green", "blue")]
        elif {"vv", "vh"} <= set(names):
            vv, vh = (date[names.index(name)] for name in ("vv", "vh"))
            bands = [vv, vh, vv - vh]
        else:
            bands = [date[0]] * 3
        images.append(_stretched(np.stack(bands), chip.valid))
    return images


def _stretched(bands: Float[np.ndarray, "3 y x"], valid: np.ndarray) -> UInt8[np.ndarray, "y x 3"]:
    """Percentiles 2 and 98 of each band of the valid pixels to 0 and 255; the rest black."""
    if not valid.any():
        return np.zeros((*valid.shape, 3), np.uint8)
    low, high = np.percentile(bands[:, valid], (2, 98), axis=1)[..., None, None]
    share = (bands - low) / np.maximum(high - low, 1e-6)
    return np.asarray(np.moveaxis(np.clip(share, 0, 1) * 255 * valid, 0, -1), np.uint8)


def _dates(count: int) -> list[str]:
    """What the columns of the dates are called."""
    return {1: ["image"], 2: ["before", "after"]}.get(
        count, [f"date {k + 1}" for k in range(count)]
    )


def _principal(maps: Sequence[Float[np.ndarray, "width y x"]]) -> list[np.ndarray]:
    """The first three principal components of features of several chips, as colours."""
    flat = np.concatenate([m.reshape(len(m), -1) for m in maps], 1)
    middle = flat.mean(1, keepdims=True)
    _, axes = np.linalg.eigh(np.cov(flat))
    axes = axes[:, :-4:-1].T
    axes *= np.where(axes.sum(1) < 0, -1, 1)[:, None]  # a sign that does not flip by chance
    low, high = np.percentile(axes @ (flat - middle), (2, 98), axis=1)[..., None]
    painted = []
    for m in maps:
        shares = (axes @ (m.reshape(len(m), -1) - middle) - low) / np.maximum(high - low, 1e-9)
        colours = (np.clip(shares, 0, 1) * 255).astype(np.uint8)
        painted.append(np.moveaxis(colours.reshape(-1, *m.shape[1:]), 0, -1))
    return painted


def _enlarged(small: UInt8[np.ndarray, "y x 3"], chip: Chip) -> UInt8[np.ndarray, "rows cols 3"]:
    """Each feature as a block of pixels, over the chip."""
    y, x = chip.valid.shape
    factor = -(-max(y, x) // max(small.shape[:2]))
    return small.repeat(factor, 0).repeat(factor, 1)[:y, :x]


def _sheet(rows: Sequence[Sequence[np.ndarray]]) -> UInt8[np.ndarray, "y x 3"]:
    """Panels of one size, a row a chip, a thin white line between."""
    return np.concatenate([_beside([_panel(p) for p in row]) for row in rows])


def _panel(image: np.ndarray) -> UInt8[np.ndarray, "y x 3"]:
    """A square of `_SIDE` pixels: every n-th pixel of a large image, several of a small one."""
    take = np.arange(_SIDE) * max(image.shape[:2]) // _SIDE
    inside = image[np.minimum(take, image.shape[0] - 1)][:, np.minimum(take, image.shape[1] - 1)]
    beyond = (take >= image.shape[0])[:, None] | (take >= image.shape[1])
    return np.where(beyond[..., None], 0, inside).astype(np.uint8)


def _beside(panels: Sequence[np.ndarray]) -> np.ndarray:
    line = np.full((_SIDE, 2, 3), 255, np.uint8)
    parts = [part for panel in panels for part in (panel, line)][:-1]
    row = np.concatenate(parts, axis=1)
    return np.concatenate([row, np.full((2, row.shape[1], 3), 255, np.uint8)])
