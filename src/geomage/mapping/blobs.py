"""From building probability to single buildings: blobs, cut where necks or doubt run through them.

A model draws a dense town as one blob. What separates its houses is a strip where the blob narrows,
or where the probability of building falls though it stays above the threshold: a yard, a lane.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from geomage.mapping._kernels_parts import grow_parts

SMALLEST = 12.0  # m2, smaller blobs are not called buildings
RUN_TOGETHER = 2000.0
"""m2, larger blobs are seldom one building: a few halls, or houses that the model ran together."""
_HOLE = 30.0  # m2, smaller holes are filled
_WHOLE = 120.0  # m2, smaller blobs are never cut
_LARGE = 1000.0  # m2, larger blobs are hardly one building
_PIXEL = 0.5  # m, finer blobs are cut at the finest multiple of their pixel that is not above this
_FALL = 0.3  # by how much the height of `_height` falls between two buildings
_WEIGHT = 0.3  # of the logit of the probability in that height, in large blobs
_UNIT = 1e-3  # of that height
_SUREST = 0.98  # probabilities beyond it (and below 1 - it) are all one


def fill_holes(blob: np.ndarray, gsd: float) -> np.ndarray:
    """The blob without its small holes."""
    holes, count = ndimage.label(ndimage.binary_fill_holes(blob) & ~blob)
    if count == 0:
        return blob
    small = np.bincount(holes.ravel()) * gsd**2 < _HOLE
    small[0] = False
    return np.asarray(blob | small[holes])


def cut_blob(blob: np.ndarray, building: np.ndarray, gsd: float) -> tuple[np.ndarray, int]:
    """(y, x) int32: the blob as 1, or as 1..n where necks or doubt separate n parts of it; and n.

    Args:
        blob: (y, x) bool.
        building: (y, x) uint8, probability times 255.
        gsd: side of a pixel, metres.
    """
    area = blob.sum() * gsd**2
    if area < _WHOLE:
        return blob.astype("int32"), 1
    step = max(1, int(_PIXEL / gsd))
    share, sure = _coarser(blob, step), _coarser(building * blob, step)
    p = sure / np.where(share > 0, share, 1) / 255
    height = _height(share > 0, p, gsd * step, _WEIGHT if area >= _LARGE else 0.0)
    least = max(1, round(SMALLEST / (gsd * step) ** 2))
    parts, count = grow_parts(height.ravel(), height.shape[1], least, round(_FALL / _UNIT))
    parts = parts.reshape(height.shape).repeat(step, 0).repeat(step, 1)
    return np.asarray(parts[: blob.shape[0], : blob.shape[1]] * blob), int(count)


def _coarser(values: np.ndarray, step: int) -> np.ndarray:
    """(y / step, x / step) float32 means of squares of pixels; beyond the rim lie zeros."""
    rows, cols = (-(-side // step) for side in values.shape)
    rest = [(0, n * step - side) for n, side in zip((rows, cols), values.shape, strict=True)]
    squares = np.pad(values, rest).reshape(rows, step, cols, step)
    return np.asarray(squares.mean(axis=(1, 3), dtype="float32"))


def _height(inside: np.ndarray, p: np.ndarray, gsd: float, weight: float) -> np.ndarray:
    """(y, x) uint16: how far within a building a pixel seems to lie, in `_UNIT`; 0 outside.

    log(depth + 1 m) + weight · logit(p), depth being the distance from the outline. Two parts are
    two where it falls by `_FALL`. In a neck the depth falls: to three quarters is enough. (At the
    corner of an L the depth is 1.17 times that of its arms, at any size: one building.) In a yard
    not quite told from the roofs around it p falls: from .9 to .77 is enough at a weight of .3.

    Args:
        inside: (y, x) bool.
        p: (y, x) probability of building.
        gsd: side of a pixel, metres.
        weight: of the probability.
    """
    depth = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1] * gsd
    depth = ndimage.gaussian_filter(depth.astype("float32"), 1.0)
    p = np.clip(p, 1 - _SUREST, _SUREST)
    lowest = np.log(1 / _SUREST - 1)
    height = np.log1p(depth) + weight * (np.log(p / (1 - p)) - lowest)
    return np.asarray((1 + height / _UNIT) * inside, "uint16")
