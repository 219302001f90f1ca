"""Which pixels of one grid lie under a part of another."""

from __future__ import annotations

import math

import numpy as np
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from geomage.geo.grid import footprint

__all__ = ["whole_shift", "window_under"]

_RIM = 2  # px around what is needed
_SAME = 1e-3  # px by which grids may be off each other and still be one


def window_under(own: GeoBox, part: GeoBox) -> Window | None:
    """The window of a grid that covers another one, and 2 px more; None where they do not meet."""
    crs = None if own.crs is None else str(own.crs.to_wkt())
    x, y = np.array(footprint(part, crs).exterior.coords).T
    col, row = ~own.affine @ (x, y)
    left, top = (max(0, math.floor(at.min()) - _RIM) for at in (col, row))
    right = min(int(own.shape[1]), math.ceil(col.max()) + _RIM)
    bottom = min(int(own.shape[0]), math.ceil(row.max()) + _RIM)
    if left >= right or top >= bottom:
        return None
    return Window(left, top, right - left, bottom - top)


def whole_shift(own: GeoBox, other: GeoBox) -> tuple[int, int] | None:
    """(rows, columns) from the corner of one grid to that of another; None unless pixels agree.

    Pixels agree where CRS and pixel are the same and the corners whole pixels apart.
    """
    if own.crs != other.crs:
        return None
    rows, cols = (int(size) for size in other.shape)
    row, col = (round(at) for at in (~own.affine @ (other.affine @ (0, 0)))[::-1])
    for at in ((0, 0), (cols, 0), (0, rows)):
        found = ~own.affine @ (other.affine @ at)
        if max(abs(found[0] - at[0] - col), abs(found[1] - at[1] - row)) > _SAME:
            return None
    return row, col
