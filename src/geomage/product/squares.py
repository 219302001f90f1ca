"""A lettered grid of squares over the map, so that "where" can be said on the radio."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from geopandas import GeoDataFrame, GeoSeries
from odc.geo.geobox import GeoBox

from geomage.geo import ground_gsd
from geomage.product.grading import NOT_ANALYSED, WORDS
from geomage.product.surface import lonlat

__all__ = ["Square", "SquareGrid", "square_grid", "worst_squares"]

MOST_ALONG: Final = 10  # squares along the longer side, at most
_REST: Final = 0.1  # of a square, less of which at the border is none of its own


@dataclass(frozen=True)
class SquareGrid:
    """Squares named like C4: column letters from the west, row numbers from the north."""

    side_m: float
    side_px: float
    columns: int
    rows: int

    def edges(self, row: int, column: int, box: GeoBox) -> tuple[np.ndarray, np.ndarray]:
        """Pixels where a square begins and ends, (left, right) and (top, bottom)."""
        height, width = (int(size) for size in box.shape)
        x = np.minimum([column * self.side_px, (column + 1) * self.side_px], width)
        y = np.minimum([row * self.side_px, (row + 1) * self.side_px], height)
        x[1] = width if column == self.columns - 1 else x[1]
        y[1] = height if row == self.rows - 1 else y[1]
        return x, y

    def name(self, row: int, column: int) -> str:
        """Name of one square."""
        return f"{chr(ord('A') + column)}{row + 1}"


@dataclass(frozen=True)
class Square:
    """Buildings of one square, by word."""

    name: str
    row: int
    column: int
    counts: Mapping[str, int]  # by word of `WORDS`
    lon: float | None  # of the centre, degrees
    lat: float | None

    @property
    def assessed(self) -> int:
        """Buildings with a word other than Not Analysed."""
        return sum(self.counts.values()) - self.counts[NOT_ANALYSED]

    def as_dict(self) -> dict[str, Any]:
        """JSON-able record."""
        return {
            "square": self.name,
            "assessed": self.assessed,
            "counts": dict(self.counts),
            "lon": self.lon,
            "lat": self.lat,
        }


def square_grid(box: GeoBox) -> SquareGrid:
    """Squares with a side of 1, 2 or 5 times a power of ten metres, at most ten along.

    A rest of less than a tenth of a square at the border belongs to the square before it.
    """
    rows, cols = (int(size) for size in box.shape)
    gsd = ground_gsd(box)
    least = max(rows, cols) * gsd / MOST_ALONG
    decade = 10.0 ** math.floor(math.log10(least))
    side = next(step * decade for step in (1, 2, 5, 10) if step * decade >= least * (1 - 1e-9))
    px = side / gsd
    return SquareGrid(side, px, _squares_along(cols / px), _squares_along(rows / px))


def _squares_along(whole: float) -> int:
    return max(1, math.ceil(whole - _REST))


def worst_squares(buildings: GeoDataFrame, box: GeoBox, most: int = 6) -> list[Square]:
    """Squares with damage, most Destroyed first, then most Damaged, then most Possibly damaged."""
    if len(buildings) == 0:
        return []
    grid = square_grid(box)
    inside = buildings.geometry.representative_point()
    col, row = ~box.affine @ (inside.x.to_numpy(), inside.y.to_numpy())
    columns = np.clip(col // grid.side_px, 0, grid.columns - 1).astype(int)
    rows = np.clip(row // grid.side_px, 0, grid.rows - 1).astype(int)
    tally = np.zeros((grid.rows, grid.columns, len(WORDS)), np.int64)
    word = buildings["damage_gra"].map({w: i for i, w in enumerate(WORDS)}).to_numpy(int)
    np.add.at(tally, (rows, columns, word), 1)
    hurt = tally[..., :3]
    order = np.lexsort(tuple(hurt[..., k].ravel() for k in (2, 1, 0)))[::-1]
    places = [divmod(int(i), grid.columns) for i in order[:most]]
    return [_square(grid, box, r, c, tally[r, c]) for r, c in places if tally[r, c, :3].any()]


def _square(grid: SquareGrid, box: GeoBox, row: int, column: int, tally: np.ndarray) -> Square:
    edges_x, edges_y = grid.edges(row, column, box)
    x, y = box.affine @ (float(edges_x.mean()), float(edges_y.mean()))
    crs = None if box.crs is None else box.crs.to_wkt()
    lon, lat = lonlat(GeoSeries.from_xy([x], [y], crs=crs))[0]
    known = math.isfinite(lon) and math.isfinite(lat)
    return Square(
        name=grid.name(row, column),
        row=row,
        column=column,
        counts={word: int(tally[i]) for i, word in enumerate(WORDS)},
        lon=round(float(lon), 6) if known else None,
        lat=round(float(lat), 6) if known else None,
    )
