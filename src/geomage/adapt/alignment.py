"""Whether what stood in an image stands where it stood: edges that stay, and blocks that shift."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped
from scipy import ndimage
from skimage import feature

from geomage.geo.shift import shift_of_blocks
from geomage.metrics import BinaryCounts

__all__ = ["drifts", "edge_counts", "find_edges", "near_borders"]

_EDGE_SHARES = (0.8, 0.9)  # of gradients, weak and strong edges begin; so contrast does not count
_SMOOTH_PX = 1.0
_BAND_PX = 3  # either side of a border of labels
_FARTHEST_PX = 8.0
_CROSS = np.ones((3, 3), bool)  # reach of one pixel, diagonals too


def find_edges(
    grey: Float[np.ndarray, "y x"], valid: Bool[np.ndarray, "y x"]
) -> Bool[np.ndarray, "y x"]:
    """Thin edges (Canny 1986), those among the steepest of the image whatever its contrast."""
    if not valid.any() or np.ptp(grey[valid]) < 1e-6:
        return np.zeros(grey.shape, bool)
    low, high = _EDGE_SHARES
    image = grey.astype(np.float64)
    canny: Any = feature.canny
    found = canny(image, _SMOOTH_PX, low, high, mask=valid, use_quantiles=True)
    return np.asarray(found, bool)


def near_borders(labels: Shaped[np.ndarray, "y x"]) -> Bool[np.ndarray, "y x"]:
    """Pixels within three pixels of where two labels meet."""
    border = np.zeros(labels.shape, bool)
    border[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    border[1:] |= labels[1:] != labels[:-1]
    return np.asarray(ndimage.binary_dilation(border, _CROSS, _BAND_PX), bool)


def edge_counts(
    before: Bool[np.ndarray, "y x"], after: Bool[np.ndarray, "y x"], where: Bool[np.ndarray, "y x"]
) -> tuple[BinaryCounts, BinaryCounts]:
    """Edges that were kept, to within one pixel: their F1 is 2 p r / (p + r) of both.

    Returns:
        Of edges after the share that stood before (`precision`), and of edges before the share that
        stands after (`recall`), as counts that add up.
    """
    near = [ndimage.binary_dilation(edges, _CROSS) for edges in (before, after)]
    new, old = after & where, before & where
    said = BinaryCounts(int((new & near[0]).sum()), int((new & ~near[0]).sum()), 0)
    kept = BinaryCounts(int((old & near[1]).sum()), 0, int((old & ~near[1]).sum()))
    return said, kept


def drifts(
    before: Float[np.ndarray, "y x"],
    after: Float[np.ndarray, "y x"],
    valid: Bool[np.ndarray, "y x"],
    side: int = 64,
) -> Float[np.ndarray, " block"]:
    """How far the content of each block moved, pixels; nan where it cannot be told.

    Blocks stand on their own, so that what bends moves too. Their overlap is half a side.
    """
    return np.array([_drift(*pair) for pair in _blocks(before, after, valid, side)], np.float64)


def _drift(still: np.ndarray, moving: np.ndarray) -> float:
    shift = shift_of_blocks([(still, moving)], 1.0, _FARTHEST_PX)
    return float("nan") if shift.reason else float(np.hypot(shift.dx_m, shift.dy_m))


def _blocks(
    before: np.ndarray, after: np.ndarray, valid: np.ndarray, side: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for y in range(0, before.shape[0] - side + 1, side // 2):
        for x in range(0, before.shape[1] - side + 1, side // 2):
            part = np.s_[y : y + side, x : x + side]
            if valid[part].all() and np.ptp(before[part]) > 0:
                yield before[part].astype(np.float32), after[part].astype(np.float32)
