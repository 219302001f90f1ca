"""Buildings whose outlines were given: laid on the image, summed tile by tile, and graded.

Each footprint is judged by all pixels whose middle it holds, also those it shares with another. The
sums of its tiles are added, so that seams change nothing. Nothing is left out: a footprint that the
images do not show is *not analysed*, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from rasterio.windows import Window

from geomage.errors import BudgetError
from geomage.geo import TileKey, Tiling, ground_gsd
from geomage.geo.polygons import Polygons, paint_runs
from geomage.mapping.building_tiles import Fields
from geomage.mapping.buildings import UNSEEN, Tally, building_columns
from geomage.mapping.reasons import (
    BEYOND,
    FIRST_DAMAGED,
    FIRST_FOREIGN,
    NO_FIRST,
    NO_SECOND_DATE,
    REASONS,
)
from geomage.mapping.registration import Registration

__all__ = [
    "OUTSIDE_EXTENT",
    "OUTSIDE_IMAGE",
    "TOO_SMALL",
    "Near",
    "TileSums",
    "footprint_features",
    "join_sums",
    "near_tiles",
    "paint_tile",
    "shifted",
    "sum_tile",
]

OUTSIDE_IMAGE = "outside the image"
OUTSIDE_EXTENT = "outside the extent"
TOO_SMALL = "too small to judge"
NO_BUILDING = "no building seen at first date"
FEWEST = 4  # px, footprints of fewer are not judged
KNOWN = 128
"""Added to the probability of building (0..255) of each pixel before it is squared as its weight:
that a building stands there is known, so that no pixel outweighs another by more than nine."""
ABSENT = 0.05
"""Mean probability of building below which the first image shows none, and no damage is told."""
SURE = 0.6
"""Mean probability of building from which the grades of a footprint are taken as they are.

Below, they are mixed with `UNKNOWN` in proportion: what the model does not see as a building it
does not grade well. On 319 labelled buildings of six xBD pairs and a tornado suburb, damage or none
is told rightly of 83 % of those with a mean above .8, of 63 % at .2 to .4, and no better than by
chance below .2; the mixing brings the calibration error of any damage there from .15 to .10 and
its Brier score from .227 to .20 (`python -m benchmarks.footprints`; looked at to choose it).
"""
UNKNOWN = (1 / 2, 1 / 6, 1 / 6, 1 / 6)
"""Probabilities of grades 1..4 where nothing is known."""
_MOST_PAIRS = 50_000_000  # of footprints and tiles they meet


@dataclass(frozen=True, eq=False)
class Near:
    """The footprints that meet one tile."""

    key: TileKey
    numbers: np.ndarray  # (k,) int64 among all
    shapes: Polygons  # corners in columns and rows of the grid

    def __str__(self) -> str:
        return f"tile {self.key}"

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Near) and other.key == self.key

    def local(self, core: Window) -> Polygons:
        """The shapes in columns and rows of the tile."""
        corner = np.array([core.col_off, core.row_off], "float64")
        return self.shapes.moved(np.tile(-corner, (len(self.shapes), 1)))


def _meets(frames: np.ndarray, part: Window) -> np.ndarray:
    """(n,) bool: which frames share ground with a part of the grid."""
    low = np.array([part.col_off, part.row_off])
    high = low + np.array([part.width, part.height])
    return np.asarray((frames[:, :2] < high).all(axis=1) & (frames[:, 2:] > low).all(axis=1))


def near_tiles(shapes: Polygons, tiling: Tiling, part: Window) -> dict[TileKey, Near]:
    """Which footprints meet which tiles of a part of the grid.

    Raises:
        BudgetError: they are so large that the pairs do not fit in memory.
    """
    frames = shapes.frames()
    numbers = np.flatnonzero(_meets(frames, part))
    low = np.array([part.col_off, part.row_off])
    high = low + np.array([part.width, part.height])
    inside = np.clip(frames[numbers], np.tile(low, 2), np.tile(high, 2))
    first = np.floor(inside[:, :2] / tiling.side).astype("int64")
    last = np.maximum(first, np.ceil(inside[:, 2:] / tiling.side).astype("int64") - 1)
    cols, rows = (last - first + 1).T
    if int((cols * rows).sum()) > _MOST_PAIRS:
        raise BudgetError(
            f"{len(numbers):,} footprints meet {int((cols * rows).sum()):,} tiles of "
            f"{tiling.side} px: they are no outlines of buildings; give those"
        )
    number = np.repeat(np.arange(len(numbers)), cols * rows)
    step = np.arange(len(number)) - np.repeat(np.cumsum(cols * rows) - cols * rows, cols * rows)
    col = first[number, 0] + step % cols[number]
    row = first[number, 1] + step // cols[number]
    order = np.lexsort((number, col, row))
    at = np.stack([row, col], axis=1)[order]
    begins = np.flatnonzero(np.r_[True, (np.diff(at, axis=0) != 0).any(axis=1)][: len(at)])
    groups = np.split(numbers[number[order]], begins[1:]) if len(at) else []
    keys = [TileKey(*at[begin].tolist()) for begin in begins]
    return {key: Near(key, some, shapes.some(some)) for key, some in zip(keys, groups, strict=True)}


def shifted(
    shapes: Polygons, registration: Registration, gsd: float, part: Window
) -> tuple[Polygons, np.ndarray]:
    """The footprints where the image shows them, and how far each moved to east and north, m.

    Those beyond the mapped part stay where they are.
    """
    frames = shapes.frames()
    by = registration.at((frames[:, :2] + frames[:, 2:]) / 2)
    by[~_meets(frames, part)] = 0
    return shapes.moved(by * (1 / gsd, -1 / gsd)), by


@dataclass(frozen=True)
class TileSums:
    """Sums of whole numbers over the pixels of some footprints within one tile."""

    numbers: np.ndarray  # (k,) among all
    pixels: np.ndarray  # (k,)
    built: np.ndarray  # (k,) of the probability of building times 255
    unseen: np.ndarray  # (k, reasons)
    damage: np.ndarray  # (k, 4) of weight times probability times 255


def sum_tile(fields: Fields, near: Near, tiling: Tiling) -> TileSums:
    """Sum over the footprints that meet one tile.

    Memory: some 30 bytes a pixel of the tile.
    """
    core = tiling.core(near.key)
    building = fields.building.read(core)[0].astype("int64")
    codes = fields.codes.read(core)[0]
    runs = near.local(core).runs(*codes.shape)
    unseen = np.zeros((len(near.numbers), BEYOND + 1), "int64")
    for code in np.unique(codes[codes > 0]).tolist():
        unseen[:, code] = runs.sums(codes == code)
    damage = np.zeros((len(near.numbers), 4), "int64")
    if fields.damage is not None:
        weight = (building + KNOWN) ** 2 * (codes == 0)
        for grade, values in enumerate(fields.damage.read(core)):
            damage[:, grade] = runs.sums(weight * values)
    return TileSums(near.numbers, runs.pixels(), runs.sums(building), unseen, damage)


@dataclass(frozen=True)
class Assessed:
    """All footprints, as the images show them."""

    sums: Tally  # (n,); of those that cannot be judged without damage
    built: np.ndarray  # (n,) mean probability of building, NaN where no pixel was counted
    small: np.ndarray  # (n,) bool, too small to judge
    absent: np.ndarray  # (n,) bool, no building to be seen at the first date


def join_sums(found: Sequence[TileSums], shapes: Polygons, part: Window) -> Assessed:
    """Add up the sums of all tiles; what lies beyond the mapped part counts as not seen.

    Args:
        found: of `sum_tile`. Their order does not matter.
        shapes: all footprints, corners in columns and rows of the grid.
        part: of the grid, what is mapped.
    """
    count = len(shapes)
    pixels, built = np.zeros(count, "int64"), np.zeros(count, "int64")
    unseen, damage = np.zeros((count, BEYOND + 1), "int64"), np.zeros((count, 4), "int64")
    for one in found:  # a footprint comes once in a tile
        pixels[one.numbers] += one.pixels
        built[one.numbers] += one.built
        unseen[one.numbers] += one.unseen
        damage[one.numbers] += one.damage
    first = pixels - unseen[:, [NO_FIRST, FIRST_DAMAGED, FIRST_FOREIGN, BEYOND]].sum(axis=1)
    mean = built / (255 * np.where(first > 0, first, np.nan))
    rest = _beyond(shapes, part, pixels)
    unseen[:, BEYOND] += rest
    pixels += rest
    small, absent = pixels < FEWEST, mean < ABSENT
    judged = damage * ~(small | absent)[:, None] / 255.0**2
    return Assessed(Tally(pixels, unseen, judged), mean, small, absent)


def _beyond(shapes: Polygons, part: Window, counted: np.ndarray) -> np.ndarray:
    """(n,) pixels of each footprint that lie beyond a part of the grid."""
    frames = shapes.frames()
    low = np.array([part.col_off, part.row_off])
    leaves = (frames[:, :2] < low).any(axis=1)
    leaves |= (frames[:, 2:] > low + np.array([part.width, part.height])).any(axis=1)
    rest = np.maximum(np.round(shapes.areas()).astype("int64") - counted, 0)
    return np.asarray(np.where(leaves, np.where(counted == 0, np.maximum(rest, FEWEST), rest), 0))


def footprint_features(
    assessed: Assessed,
    shapes: Polygons,
    tiling: Tiling,
    said: Mapping[str, np.ndarray],
    words: tuple[str, bool],
) -> gpd.GeoDataFrame:
    """All footprints in the order of their file; columns as `MapResult.buildings`, and `said`.

    Args:
        assessed: of `join_sums`.
        shapes: where the image shows them, in columns and rows of the grid.
        tiling: the tiles.
        said: more columns.
        words: what is said of those outside; whether there is a second date.
    """
    outside, two_dates = words
    sums, box = assessed.sums, tiling.box
    gsd = ground_gsd(box)
    columns = building_columns(np.arange(len(shapes)), sums, gsd, two_dates=two_dates)
    columns |= _tempered(columns, assessed.built)
    columns["building_id"] = np.arange(1, len(shapes) + 1)
    columns["area_m2"] = np.round(shapes.areas() * gsd**2, 1)
    reasons = _reasons(assessed, outside, two_dates=two_dates)
    columns["not_analysed_reason"] = pd.Series(reasons, dtype=object)
    columns["p_building"] = np.round(assessed.built, 3)
    crs = None if box.crs is None else box.crs.to_wkt()
    placed = shapes.placed(_in_crs(shapes.corners, tiling))
    return gpd.GeoDataFrame({**columns, **said}, geometry=placed.geometries(), crs=crs)


def _tempered(columns: Mapping[str, Any], built: np.ndarray) -> dict[str, np.ndarray]:
    """Probabilities of grades mixed with `UNKNOWN` where little of a building is seen."""
    names = ("p_none", "p_minor", "p_major", "p_destroyed")
    share = np.clip(built / SURE, 0, 1)
    mixed = {
        name: share * columns[name] + (1 - share) * unknown
        for name, unknown in zip(names, UNKNOWN, strict=True)
    }
    return {**mixed, "confidence": np.max([*mixed.values()], axis=0)}


def _in_crs(corners: np.ndarray, tiling: Tiling) -> np.ndarray:
    a, b, c, d, e, f = tiling.box.affine[:6]
    col, row = corners.T
    return np.stack([c + col * a + row * b, f + col * d + row * e], axis=1)


def _reasons(assessed: Assessed, outside: str, *, two_dates: bool) -> np.ndarray:
    """(n,) object: the commonest reason of footprints not seen, None for those seen."""
    said = np.array([None, *(REASONS.get(code, outside) for code in range(1, BEYOND + 1))], object)
    said[0] = REASONS[NO_FIRST]
    words = said[assessed.sums.unseen.argmax(axis=1)]
    away = words == outside
    shown = 2 * assessed.sums.unseen.sum(axis=1) < assessed.sums.pixels
    words[assessed.absent & shown] = NO_BUILDING
    words[assessed.small & ~away] = TOO_SMALL
    if not two_dates:
        words[~away] = NO_SECOND_DATE
    words[assessed.sums.seen] = None
    return np.asarray(words)


def paint_tile(
    near: Near | None, values: np.ndarray, codes: np.ndarray, core: Window
) -> np.ndarray:
    """(1, y, x) uint8 of one tile: 0 no building, its grade 1..4, 255 not analysed.

    Where footprints overlap the worst grade is painted.

    Args:
        near: footprints that meet the tile; None where there are none.
        values: (n,) uint8 grade of each of all footprints, `UNSEEN` where it has none.
        codes: (y, x) uint8 of the tile, 0 where analysed.
        core: the tile.
    """
    out = np.zeros(codes.shape, "uint8")
    if near is not None:
        runs = near.local(core).runs(*codes.shape)
        paint_runs(runs, np.full(len(near.numbers), UNSEEN, "uint8"), out)
        own = values[near.numbers]
        seen = own != UNSEEN
        table = runs.table[seen[runs.table[:, 0]]]
        paint_runs(replace(runs, table=table), own, out)
    out[codes > 0] = UNSEEN
    return out[None]
