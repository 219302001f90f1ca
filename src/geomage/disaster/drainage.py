"""Where water would stand and run by the terrain alone: hollows, drainage, height above it.

Priority-flood: Barnes, Lehman and Mulla (2014), Computers & Geosciences 62, 117-127. Height above
the nearest drainage (HAND): Nobre et al. (2011), J. Hydrol. 404, 13-29, along the steepest of eight
directions. Axes are (y, x), heights in metres.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from geomage.disaster._kernels_drainage import drain, gather, reach

__all__ = ["fill_hollows", "height_above_drainage", "streams"]


def fill_hollows(ground: np.ndarray, outlet: np.ndarray | None = None) -> np.ndarray:
    """Raise the floor of each closed hollow to its sill, as water would that cannot leave.

    Args:
        ground: (y, x).
        outlet: (y, x) bool, where water leaves beside the borders of the grid.
    """
    return np.asarray(drain(ground.astype(np.float64), _outlets(ground, outlet))[0])


def streams(ground: np.ndarray, cells: int) -> np.ndarray:
    """Where (y, x) so many cells or more drain through."""
    _, order, down = drain(ground.astype(np.float64), _outlets(ground, None))
    return np.asarray(gather(order, down).reshape(ground.shape) >= cells)


def height_above_drainage(ground: np.ndarray, drainage: np.ndarray) -> np.ndarray:
    """Height (y, x) of the filled ground above the drainage its water runs to, metres, 0 or more.

    Args:
        ground: (y, x).
        drainage: (y, x) bool: rivers, ponds, streams; one cell at least. Ground whose water leaves
            the grid first is measured from the drainage nearest to where it leaves.
    """
    filled, order, down = drain(ground.astype(np.float64), _outlets(ground, None))
    to = reach(order, down, drainage.ravel())
    nearest = ndimage.distance_transform_edt(~drainage, return_distances=False, return_indices=True)
    to = np.ravel_multi_index(tuple(nearest), ground.shape).ravel()[to]
    return np.asarray(np.maximum(filled - filled.ravel()[to].reshape(ground.shape), 0.0))


def _outlets(ground: np.ndarray, outlet: np.ndarray | None) -> np.ndarray:
    out = np.zeros(ground.shape, bool) if outlet is None else outlet.copy()
    out[[0, -1]] = out[:, [0, -1]] = True
    return out
