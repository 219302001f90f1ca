"""Crops to learn from, and the sliding windows of the test."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from geomage.data.chip import UNKNOWN, Chip
from geomage.learn.objective import ChipBatch

__all__ = ["batch_of", "crop", "slide", "window_starts"]


def window_starts(length: int, size: int) -> list[int]:
    """First pixels of windows over a side: as few as cover it, evenly spread (PANGAEA).

    ``ceil(length / size)`` windows from 0 to ``length - size``, rounded to whole pixels.
    """
    count = -(-length // size)
    return [int(k) for k in np.rint(np.linspace(0, length - size, count))]


def padded(chip: Chip, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels and labels of a chip, brought to `size` at least by zeros and `UNKNOWN`."""
    labels = chip.labels if chip.labels is not None else np.full(chip.valid.shape, UNKNOWN)
    pad = [(0, max(0, size - side)) for side in chip.valid.shape]
    pixels = np.pad(chip.pixels, [(0, 0), (0, 0), *pad])
    return pixels, np.pad(labels.astype(np.uint8), pad, constant_values=UNKNOWN)


def crop(chip: Chip, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (date, band, y, x) and labels (y, x) of a drawn square of a chip."""
    pixels, labels = padded(chip, size)
    row, col = (int(rng.integers(side - size + 1)) for side in labels.shape)
    here = (slice(row, row + size), slice(col, col + size))
    return pixels[..., *here], labels[here]


def batch_of(chips: Sequence[Chip], size: int, rng: np.random.Generator) -> ChipBatch:
    """One crop of each chip."""
    pairs = [crop(chip, size, rng) for chip in chips]
    return ChipBatch(
        torch.from_numpy(np.stack([pixels for pixels, _ in pairs])),
        torch.from_numpy(np.stack([labels for _, labels in pairs])),
        keys_of(chips[0]),
        torch.tensor([chip.gsd_m for chip in chips]),
    )


def keys_of(chip: Chip) -> Float[Tensor, "band 2"]:
    """What a network is told of the bands."""
    return torch.tensor([channel.key for channel in chip.channels])


def slide(
    say: Callable[[ChipBatch], Float[Tensor, "batch channel y x"]],
    chip: Chip,
    size: int,
    batch: int,
) -> Float[Tensor, "channel y x"]:
    """Logits of a chip: those of its windows, averaged where they overlap.

    Args:
        say: logits of a batch of windows, on the CPU.
        chip: any size.
        size: side of a window, pixels.
        batch: windows at once.
    """
    pixels, labels = padded(chip, size)
    rows, cols = (window_starts(side, size) for side in labels.shape)
    places = [(slice(r, r + size), slice(c, c + size)) for r in rows for c in cols]
    total, times = torch.zeros(()), torch.zeros(labels.shape)
    for k in range(0, len(places), batch):
        some = places[k : k + batch]
        said = say(_windows(chip, pixels, labels, some))
        if not total.ndim:
            total = torch.zeros(said.shape[1], *labels.shape)
        for place, logits in zip(some, said, strict=True):
            total[:, *place] += logits
            times[place] += 1
    y, x = chip.valid.shape
    return (total / times)[:, :y, :x]


def _windows(
    chip: Chip, pixels: np.ndarray, labels: np.ndarray, places: Sequence[tuple[slice, slice]]
) -> ChipBatch:
    return ChipBatch(
        torch.from_numpy(np.stack([pixels[..., *place] for place in places])),
        torch.from_numpy(np.stack([labels[place] for place in places])),
        keys_of(chip),
        torch.full((len(places),), float(chip.gsd_m)),
    )
