"""From building probability to single buildings: blobs, cut where only a neck joins them."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage import morphology, segmentation

SMALLEST = 12.0  # m2, smaller blobs are not called buildings
_HOLE = 30.0  # m2, smaller holes are filled
_WHOLE = 120.0  # m2, smaller blobs are never cut
_LARGEST = 1_000_000  # px, blobs with a larger frame are left as they are, to save memory
_NECK = 0.3  # by how much the logarithm of (depth + 1 m) falls in a neck: to three quarters


def label_buildings(building: np.ndarray, threshold: float, gsd: float) -> tuple[np.ndarray, int]:
    """Give every building a number.

    Args:
        building: (y, x) uint8, probability times 255.
        threshold: probability from which a pixel is called building.
        gsd: side of a pixel, metres.

    Returns:
        (y, x) int32 with 0 between buildings and 1..n in them, from the top down; and n.
    """
    patches = np.zeros(building.shape, "int32")
    ndimage.label(building >= max(1, round(threshold * 255)), output=patches)
    out = np.zeros(building.shape, "int32")
    count = 0
    for number, part in enumerate(ndimage.find_objects(patches), start=1):
        blob = patches[part] == number
        if blob.sum() * gsd**2 < SMALLEST:
            continue
        labels = blob.astype("int32")
        if blob.size <= _LARGEST:
            labels = _parts(_filled(blob, gsd), gsd)
        inside = (labels > 0) & (out[part] == 0)
        out[part][inside] = labels[inside] + count
        count += int(labels.max())
    return out, count


def _filled(blob: np.ndarray, gsd: float) -> np.ndarray:
    """The blob without its small holes."""
    holes, count = ndimage.label(ndimage.binary_fill_holes(blob) & ~blob)
    if count == 0:
        return blob
    small = np.bincount(holes.ravel()) * gsd**2 < _HOLE
    small[0] = False
    return np.asarray(blob | small[holes])


def _parts(blob: np.ndarray, gsd: float) -> np.ndarray:
    """(y, x) int32: the blob as 1, or as 1..n where narrow necks join n parts of it.

    The depth of a pixel is its distance from the outline. Two parts are two when between their
    deepest places the depth falls to less than about three quarters of the lesser. (At the corner
    of an L the depth is 1.17 times that of its arms, at any size: one building.)
    """
    whole = blob.astype("int32")
    if blob.sum() * gsd**2 < _WHOLE:
        return whole
    depth = ndimage.distance_transform_edt(np.pad(blob, 1))[1:-1, 1:-1] * gsd
    depth = ndimage.gaussian_filter(depth.astype("float32"), 1.0) * blob
    seeds, count = ndimage.label(_peaks(depth), structure=np.ones((3, 3)))
    if count < 2:
        return whole
    parts = _flooded(depth, seeds, blob)
    sizes = np.bincount(parts.ravel(), minlength=count + 1) * gsd**2
    if (sizes[1:] < SMALLEST).any():
        parts = _flooded(depth, np.where(sizes[seeds] >= SMALLEST, seeds, 0), blob)
    kept, parts = np.unique(parts, return_inverse=True)
    return np.asarray(parts.reshape(blob.shape) + (kept[0] > 0), "int32")


def _peaks(depth: np.ndarray) -> np.ndarray:
    """(y, x) uint8, 1 where one must pass a neck to come to any deeper place."""
    height = np.log1p(depth)
    # Filled up to `_NECK` below its tops, tops without a neck between them share one plateau.
    filled = morphology.reconstruction(height - _NECK, height)  # type: ignore[no-untyped-call]
    peaks = morphology.local_maxima(filled)  # type: ignore[no-untyped-call]
    return np.asarray(peaks * (depth > 0), "uint8")


def _flooded(depth: np.ndarray, seeds: np.ndarray, blob: np.ndarray) -> np.ndarray:
    """(y, x) int32: the blob shared out among the seeds, from the deepest places outwards."""
    parts = segmentation.watershed(-depth, seeds, mask=blob)  # type: ignore[no-untyped-call]
    return np.asarray(parts, "int32")
