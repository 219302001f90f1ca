"""First pass over the images: where each date holds data, and how far the second lies off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from rasterio.windows import Window
from scipy import ndimage
from tqdm import tqdm

from geomage.geo import ground_gsd
from geomage.geo.shift import Shift, block_places, shift_of_blocks
from geomage.mapping.imagery import Imagery

_STEP = 2048  # px, windows of this pass
_BORDER = 64  # px, smaller black patches at the edge are taken for shadow


@dataclass(frozen=True)
class Sight:
    """What one date shows of the grid."""

    seen: np.ndarray  # (y, x) bool: where it holds data
    colour: np.ndarray  # (3,) mean counts of what was seen


def survey(imagery: Imagery, label: str) -> Sight:
    """Where a date holds data, and its mean colour.

    Pure black connected to the edge of the image counts as no data: it is the collar of a scene,
    whatever its header says.
    """
    rows, cols = imagery.box.shape
    seen, black = np.zeros((rows, cols), bool), np.zeros((rows, cols), bool)
    total, number = np.zeros(3), 0
    windows = list(_windows(rows, cols))
    for window in tqdm(windows, desc=label, unit="window", leave=False, disable=None):
        here = window.toslices()
        values, seen[here], black[here] = imagery.read(window)
        bright = seen[here] & ~black[here]
        total += values.sum(axis=(1, 2), where=bright, dtype="float64")
        number += int(bright.sum())
    return Sight(seen & ~collar(seen, black), total / max(1, number))


def moved(sight: Sight, cols: int, rows: int) -> Sight:
    """The same seen from a grid that lies `cols` pixels to the right and `rows` further down."""
    seen = np.zeros_like(sight.seen)
    height, width = seen.shape
    target = (
        slice(max(0, -rows), max(0, min(height, height - rows))),
        slice(max(0, -cols), max(0, min(width, width - cols))),
    )
    source = (
        slice(max(0, rows), max(0, min(height, height + rows))),
        slice(max(0, cols), max(0, min(width, width + cols))),
    )
    seen[target] = sight.seen[source]
    return Sight(seen, sight.colour)


def collar(seen: np.ndarray, black: np.ndarray) -> np.ndarray:
    """(y, x) bool: black connected to the edge of the raster or to where nothing was seen."""
    if not black.any():
        return np.zeros_like(black)
    patches, count = ndimage.label(black | ~seen)
    sizes = np.bincount(patches.ravel(), minlength=count + 1)
    outer = np.zeros(count + 1, bool)
    for edge in (patches[0], patches[-1], patches[:, 0], patches[:, -1], patches[~seen]):
        outer[edge] = True
    outer &= sizes >= _BORDER
    outer[0] = False
    return np.asarray(outer[patches] & black)


def residual_shift(before: Imagery, after: Imagery, both: np.ndarray) -> Shift:
    """How far the second date lies off the first, from blocks spread over what both show.

    Args:
        before: images of the first date.
        after: images of the second date on the same grid.
        both: (y, x) bool, where both hold data.
    """
    return shift_of_blocks(_blocks(before, after, both), ground_gsd(before.box))


def _blocks(
    before: Imagery, after: Imagery, both: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for rows, cols in block_places(both):
        window = Window.from_slices(rows, cols)
        first, second = (date.read(window)[0] for date in (before, after))
        yield first.mean(axis=0, dtype="float32"), second.mean(axis=0, dtype="float32")


def _windows(rows: int, cols: int) -> Iterator[Window]:
    for row in range(0, rows, _STEP):
        for col in range(0, cols, _STEP):
            yield Window(col, row, min(_STEP, cols - col), min(_STEP, rows - row))
