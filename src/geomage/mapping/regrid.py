"""Layers of one grid read on another of the same extent, any window by itself.

Done here and not by GDAL's warper because its arithmetic starts at the corner of what it is given:
where a value lies on the edge between two counts, or a centre between two pixels, windows would
differ from the whole. Here each pixel depends on its place in the whole grid alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from geomage.geo import TileStore

__all__ = ["Layer", "brought"]

_WIDENS = 1 / 0.95  # pixels of the source a pixel, from which the kernel is widened, as in GDAL
_WHOLE = 0.05  # as in GDAL, a widening so close to a whole number is taken for it


@dataclass(frozen=True)
class Layer:
    """Some bands of a store on a grid of the same extent; small, and opened by any process.

    Reading a window takes 1 byte a pixel and band. From another grid, four bands bilinear take 20
    bytes a pixel where its pixels are twice as large, 46 where they are half as large.
    """

    store: TileStore
    bands: tuple[int, ...]
    """Places of the bands in the store, from 0."""
    box: GeoBox
    """The grid it is read on."""
    how: Literal["nearest", "bilinear"] = "nearest"
    """Classes and bits by the nearest pixel, probabilities bilinear."""
    shift: tuple[int, int] = (0, 0)
    """Columns to the right and rows further down, in pixels of the store, from where it is read."""

    def read(self, window: Window) -> np.ndarray:
        """Read a window of the grid, (band, y, x); beyond the store lies its `fill`."""
        if self.store.tiling.box == self.box:
            return self._stored(window)
        there, rows, cols = self._taps(window)
        return brought(self._stored(there), rows, cols)

    def _stored(self, window: Window) -> np.ndarray:
        cols, rows = self.shift
        moved = Window(window.col_off + cols, window.row_off + rows, window.width, window.height)
        return self.store.read(moved, self.bands)

    def _taps(self, window: Window) -> tuple[Window, Taps, Taps]:
        """What to read of the store, and which of it to weigh for each row and column."""
        tiling = self.store.tiling
        taps = _nearest if self.how == "nearest" else _bilinear
        rows = taps(window.row_off, window.height, tiling.height, int(self.box.shape[0]))
        cols = taps(window.col_off, window.width, tiling.width, int(self.box.shape[1]))
        top, left = int(rows.places.min()), int(cols.places.min())
        bottom, right = int(rows.places.max()) + 1, int(cols.places.max()) + 1
        return (
            Window(left, top, right - left, bottom - top),
            Taps(rows.places - top, rows.weights),
            Taps(cols.places - left, cols.weights),
        )


@dataclass(frozen=True)
class Taps:
    """Which pixels of a line make each pixel of another, and how much they weigh."""

    places: np.ndarray  # (n, taps) int64
    weights: np.ndarray  # (n, taps) float32, of sum 1


def brought(values: np.ndarray, rows: Taps, cols: Taps) -> np.ndarray:
    """(band, y, x) uint8 on the other grid; means are rounded, halves upwards."""
    if rows.places.shape[1] == cols.places.shape[1] == 1:
        return values[:, rows.places[:, :1], cols.places[:, 0]]
    out = np.empty((len(values), len(rows.places), len(cols.places)), "uint8")
    for band, target in zip(values, out, strict=True):
        down = _weighed(band, rows)
        target[:] = np.floor(_weighed(down.T, cols).T + np.float32(0.5))
    return out


def _weighed(values: np.ndarray, taps: Taps) -> np.ndarray:
    """(n, x) float32: weighed sums of rows, always added up in one order."""
    out = np.zeros((len(taps.places), values.shape[1]), "float32")
    for place, weight in zip(taps.places.T, taps.weights.T, strict=True):
        out += values[place] * weight[:, None]
    return out


def _nearest(start: int, count: int, source: int, target: int) -> Taps:
    """The pixel that holds the centre of each; on an edge the one that begins there."""
    place = ((2 * np.arange(start, start + count, dtype="int64") + 1) * source) // (2 * target)
    return Taps(place[:, None], np.ones((count, 1), "float32"))


def _bilinear(start: int, count: int, source: int, target: int) -> Taps:
    """Weights that fall linearly with the distance of centres, wider where pixels grow."""
    reach = source / target
    reach = 1.0 if reach <= _WIDENS else reach
    reach = float(round(reach)) if abs(reach - round(reach)) < _WHOLE else reach
    centre = (2 * np.arange(start, start + count, dtype="int64") + 1) * source / (2 * target)
    first = np.floor(centre - reach - 0.5).astype("int64") + 1
    places = first[:, None] + np.arange(int(np.ceil(2 * reach)))
    weights = np.maximum(0, 1 - np.abs(places + 0.5 - centre[:, None]) / reach)
    weights[(places < 0) | (places >= source)] = 0
    weights /= weights.sum(axis=1, keepdims=True)
    return Taps(np.clip(places, 0, source - 1), weights.astype("float32"))
