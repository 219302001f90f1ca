"""What a product's rasters show along segments: samples every metre, across the street and beside.

A street is looked at within 0.4 of its width to each side of its line, as far as that is known,
and what stands beside it up to 10 m from its edge. Rasters are read tile by tile, and segments some
at a time, so that neither the size of a map nor the number of its streets matters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from rasterio.io import DatasetReader
from rasterio.windows import Window

from geomage.geo import absent_value, decoding, is_held

__all__ = ["BESIDE_M", "OUTSIDE", "Corridor", "by_tile", "longest_runs", "look_along", "values_at"]

BESIDE_M: Final = (2.5, 5.0, 7.5, 10.0)
"""From the edge of a street, where ruins beside it are looked for."""
OUTSIDE: Final = -1
"""What is seen beyond the grid."""
_STEP_M: Final = 1.0
_ACROSS: Final = (-0.4, -0.2, 0.0, 0.2, 0.4)  # of the width
_AT_ONCE: Final = 200_000  # positions
_SIDE: Final = 1024  # px of a tile


@dataclass(frozen=True)
class Corridor:
    """Samples of some segments, one position after the other.

    segment (p,): of each position, ascending; across: {raster: (p, 5)} on the street; beside
    (p, 8): damage beside it. `OUTSIDE` beyond the grid.
    """

    segment: np.ndarray
    across: Mapping[str, np.ndarray]
    beside: np.ndarray


def look_along(
    lines: np.ndarray, width_m: np.ndarray, rasters: Mapping[str, DatasetReader], gsd: float
) -> Iterator[tuple[slice, Corridor]]:
    """Yield what lies along segments, some of them at a time.

    Args:
        lines: (n,) in the plane of the grid.
        width_m: (n,) of the streets.
        rasters: one-band rasters of one grid by name; `damage` is one of them.
        gsd: metres a pixel.
    """
    count = np.maximum(np.ceil(shapely.length(lines) / _STEP_M).astype(np.int64), 1)
    total = np.cumsum(count)
    begin = 0
    while begin < len(lines):
        base = total[begin - 1] if begin else 0
        end = max(int(np.searchsorted(total, base + _AT_ONCE, "right")), begin + 1)
        part = slice(begin, end)
        here, left, segment = _positions(lines[part], count[part])
        half = width_m[part][segment, None] / 2
        across = _aside(here, left, 2 * half * np.asarray(_ACROSS))
        far = half + np.asarray(BESIDE_M)
        beside = _aside(here, left, np.concatenate([-far, far], 1))
        yield (
            part,
            Corridor(
                segment,
                {name: values_at(across / gsd, one) for name, one in rasters.items()},
                values_at(beside / gsd, rasters["damage"]),
            ),
        )
        begin = end


def by_tile(lines: np.ndarray, gsd: float) -> np.ndarray:
    """Order (n,) in which segments of one tile follow each other, so that it is read once."""
    if not len(lines):
        return np.zeros(0, np.int64)
    bounds = shapely.bounds(lines)
    middle = (bounds[:, :2] + bounds[:, 2:]) / 2
    col, row = np.floor(middle / (gsd * _SIDE)).T
    return np.lexsort((col, row))


def _positions(lines: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places (p, 2) in the plane, unit vectors (p, 2) to the left there, and the line (p,)."""
    xy, of = shapely.get_coordinates(lines, return_index=True)
    step = np.diff(xy, axis=0)
    far = np.where(of[1:] == of[:-1], np.hypot(*step.T), 0.0)
    gone = np.r_[0.0, np.cumsum(far)]  # along all lines, one after the other
    first = np.searchsorted(of, np.arange(len(lines)))
    last = np.r_[first[1:], len(of)] - 1
    which = np.repeat(np.arange(len(lines)), count)
    number = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    at = gone[first[which]] + (number + 0.5) * ((gone[last] - gone[first]) / count)[which]
    edge = np.clip(np.searchsorted(gone, at, "right") - 1, first[which], last[which] - 1)
    d = step[edge] / np.maximum(far[edge], 1e-12)[:, None]
    here = xy[edge] + (at - gone[edge])[:, None] * d
    return here, np.stack([-d[:, 1], d[:, 0]], 1), which


def _aside(here: np.ndarray, left: np.ndarray, aside: np.ndarray) -> np.ndarray:
    """Places (p, k, 2) so many metres (p, k) to the left."""
    return np.asarray(here[:, None] + aside[..., None] * left[:, None])


def values_at(at: np.ndarray, raster: DatasetReader) -> np.ndarray:
    """Values of the first band at places (…, 2), column and row in pixels; `OUTSIDE` beyond it.

    Tiles that the file does not hold are not read.
    """
    col, row = (np.floor(at[..., i]).ravel() for i in (0, 1))
    inside = (col >= 0) & (row >= 0) & (col < raster.width) & (row < raster.height)
    kind = np.int16 if raster.dtypes[0] == "uint8" else np.float64
    found = np.full(col.size, OUTSIDE, kind)
    some = np.flatnonzero(inside)
    cols, rows = col[some].astype(np.int64), row[some].astype(np.int64)
    tile = rows // _SIDE * (raster.width // _SIDE + 1) + cols // _SIDE
    order = np.argsort(tile, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(tile[order])) + 1):
        if len(group):
            found[some[group]] = _of_tile(raster, cols[group], rows[group])
    return np.asarray(found.reshape(at.shape[:-1]))


def _of_tile(raster: DatasetReader, cols: np.ndarray, rows: np.ndarray) -> np.ndarray:
    left, top = int(cols.min()), int(rows.min())
    window = Window(left, top, int(cols.max()) - left + 1, int(rows.max()) - top + 1)
    if not is_held(raster, window):
        return np.full(len(cols), absent_value(raster), float)
    with decoding(raster.name):
        values = np.asarray(raster.read(1, window=window))
    return np.asarray(values[rows - top, cols - left])


def longest_runs(true: np.ndarray, segment: np.ndarray, count: int) -> np.ndarray:
    """Positions (count,) in the longest run that is true, segment by segment.

    Args:
        true: (p,) bool.
        segment: (p,) ascending, 0..count - 1.
        count: of segments.
    """
    number = np.arange(len(true))
    fresh = np.r_[True, segment[1:] != segment[:-1]][: len(true)]
    before = np.maximum.accumulate(np.where(~true | fresh, number - (true & fresh), -1))
    best = np.zeros(count, np.int64)
    np.maximum.at(best, segment, np.where(true, number - before, 0))
    return best
