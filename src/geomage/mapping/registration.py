"""How far given footprints lie off what the model calls building, place by place.

For each block of the grid the covariance of footprints and probability is found at every shift
within `SEARCH` metres; sums over blocks are the surface of a district, or of the whole image. A
block moves by the peak over itself and its eight neighbours where that is clear, else by the peak
over all; where that is not clear either, nothing moves and the reason is said. (Matching by
normalised correlation: Lewis 1995, Fast Normalized Cross-Correlation. Thresholds are ours.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import scipy.fft
from rasterio.windows import Window

from geomage.geo import TileKey, Tiling, ground_gsd
from geomage.geo.polygons import Polygons, paint_runs
from geomage.mapping.regrid import Layer

__all__ = ["BLOCK", "SEARCH", "Match", "Registration", "match_tile", "register"]

SEARCH = 10.0  # metres, the largest shift that is looked for
BLOCK = 512  # px of the grid, a side of a block; tiles are whole numbers of blocks
_CELL = 0.5  # metres, a side of what is compared, at least
_AGREES = 0.2  # correlation of footprints and probability at the peak, at least
_ABOVE = 0.03  # of correlation, by how much the peak is above all that is `_APART` from it
_APART = 3.0  # metres
_LOCAL = 3.0  # metres, the farthest a block moves from the shift of all
_FEWEST = 8  # footprints in a block and its neighbours
_LEAST = 20.0  # m2 of footprints in a block, less says nothing

Place = tuple[int, int]
"""Row and column of a block."""


@dataclass(frozen=True)
class Match:
    """What one block says; some 13 kB at 0.5 m."""

    together: np.ndarray  # (s, s) float32 covariance times cells, at each shift
    spread: np.ndarray  # (s, s) float32 variance of the probability times cells
    own: float  # variance of the footprints times cells
    count: int  # footprints

    def __add__(self, other: Match) -> Match:
        return Match(
            self.together + other.together,
            self.spread + other.spread,
            self.own + other.own,
            self.count + other.count,
        )

    @property
    def correlation(self) -> np.ndarray:
        """(s, s) of footprints and probability at each shift."""
        return np.asarray(self.together / np.sqrt(np.maximum(self.own * self.spread, 1e-9)))


@dataclass(frozen=True)
class Registration:
    """Shifts of footprints, to the east and to the north, metres."""

    dx_m: float  # of all
    dy_m: float
    score: float  # correlation at that shift, 0..1
    reason: str = ""  # why nothing was moved; empty where it was
    blocks: Mapping[Place, tuple[float, float]] = field(default_factory=dict)
    """Shifts of the blocks that are clear by themselves."""

    def at(self, middles: np.ndarray) -> np.ndarray:
        """(n, 2) shifts at (n, 2) columns and rows of a grid, blended between middles of blocks."""
        shift = np.full((len(middles), 2), (self.dx_m, self.dy_m))
        if not self.blocks or not len(middles):
            return shift
        keys = np.array([*self.blocks], "int64")
        low, size = keys.min(axis=0) - 1, np.ptp(keys, axis=0) + 3
        field_ = np.full((*size, 2), (self.dx_m, self.dy_m))
        field_[tuple((keys - low).T)] = [*self.blocks.values()]
        at = middles[:, ::-1] / BLOCK - 0.5 - low
        at = np.clip(at, 0, size - 1.001)
        first = at.astype("int64")
        (down, right), (row, col) = (at - first).T[..., None], first.T
        upper = field_[row, col] * (1 - right) + field_[row, col + 1] * right
        lower = field_[row + 1, col] * (1 - right) + field_[row + 1, col + 1] * right
        return np.asarray(upper * (1 - down) + lower * down)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able record."""
        each = np.array([*self.blocks.values()]).reshape(-1, 2)
        off = np.hypot(*(each - (self.dx_m, self.dy_m)).T)
        return {
            "dx_m": round(self.dx_m, 2),
            "dy_m": round(self.dy_m, 2),
            "score": round(self.score, 3),
            "reason": self.reason,
            "blocks": len(each),
            "local_largest_m": round(float(off.max(initial=0)), 2),
        }


def match_tile(
    building: Layer, shapes: Polygons, tiling: Tiling, key: TileKey
) -> dict[Place, Match]:
    """Compare the footprints of one tile with the probability of building at every shift.

    Memory: 10 bytes a pixel of the tile and `SEARCH` around it.

    Args:
        building: probability times 255.
        shapes: those near the tile, corners in columns and rows of the grid.
        tiling: the tiles, of whole blocks.
        key: the tile.
    """
    core = tiling.core(key)
    step, reach = _scale(ground_gsd(tiling.box))
    corner = np.array([core.col_off, core.row_off], "float64")
    local = shapes.moved(np.tile(-corner, (len(shapes), 1)))
    burnt = np.zeros((core.height, core.width), "uint8")
    paint_runs(local.runs(*burnt.shape), np.ones(len(local), "uint8"), burnt)
    middles = local.frames().reshape(-1, 2, 2).mean(axis=1)
    found = {}
    for top, left in _starts(core):
        part = burnt[top : top + BLOCK, left : left + BLOCK]
        if part.sum() * ground_gsd(tiling.box) ** 2 < _LEAST:
            continue
        around = Window(
            core.col_off + left - reach * step,
            core.row_off + top - reach * step,
            part.shape[1] + 2 * reach * step,
            part.shape[0] + 2 * reach * step,
        )
        place = (core.row_off + top) // BLOCK, (core.col_off + left) // BLOCK
        inside = (middles >= (left, top)) & (middles < (left + BLOCK, top + BLOCK))
        count = int(inside.all(axis=1).sum())
        seen = _coarser(building.read(around)[0], step)
        found[place] = _match(_coarser(part, step), seen / 255, reach, count)
    return found


def _starts(core: Window) -> Iterator[tuple[int, int]]:
    for top in range(0, int(core.height), BLOCK):
        for left in range(0, int(core.width), BLOCK):
            yield top, left


def _scale(gsd: float) -> tuple[int, int]:
    """Pixels of the grid a cell, and cells of the largest shift."""
    step = max(1, round(_CELL / gsd))
    return step, math.ceil(SEARCH / (gsd * step))


def _coarser(values: np.ndarray, step: int) -> np.ndarray:
    """(y / step, x / step) float32 means of squares of pixels; a rest at the end goes."""
    rows, cols = (side // step for side in values.shape)
    squares = values[: rows * step, : cols * step].reshape(rows, step, cols, step)
    return np.asarray(squares.mean(axis=(1, 3), dtype="float32"))


def _match(given: np.ndarray, seen: np.ndarray, reach: int, count: int) -> Match:
    """Covariances of (y, x) with all windows of (y + 2 reach, x + 2 reach)."""
    seen = seen[: given.shape[0] + 2 * reach, : given.shape[1] + 2 * reach].astype("float64")
    cells, side = given.size, 2 * reach + 1
    shape = tuple(scipy.fft.next_fast_len(length, real=True) for length in seen.shape)
    still = given.astype("float64") - given.mean(dtype="float64")
    spectrum = np.conj(scipy.fft.rfft2(still, shape)) * scipy.fft.rfft2(seen, shape)
    together = scipy.fft.irfft2(spectrum, shape)[:side, :side]
    mean, square = (_window_sums(values, given.shape) for values in (seen, seen**2))
    return Match(
        together.astype("float32"),
        (square - mean**2 / cells).astype("float32"),
        float((still**2).sum()),
        count,
    )


def _window_sums(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sums of all windows of a shape within (y, x)."""
    total = np.pad(values.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    y, x = shape
    return np.asarray(total[y:, x:] - total[:-y, x:] - total[y:, :-x] + total[:-y, :-x])


def register(found: Mapping[Place, Match], gsd: float) -> Registration:
    """The shifts that the blocks of all tiles agree on.

    Args:
        found: of `match_tile`, of all tiles. Their order does not matter.
        gsd: side of a pixel of the grid, metres.
    """
    step, reach = _scale(gsd)
    cell = gsd * step
    keys = sorted(found)
    if not keys:
        return Registration(0.0, 0.0, 0.0, "no footprint lies on the image")
    whole = _sum(found[key] for key in keys)
    peak = _peak(whole.correlation, reach, cell)
    if peak.score < _AGREES:
        reason = "the footprints do not look like what is seen as building"
        return Registration(0.0, 0.0, max(0.0, peak.score), reason)
    if peak.clear < _ABOVE:
        return Registration(0.0, 0.0, peak.score, "no shift is clearly better than others")
    if math.hypot(peak.col, peak.row) * cell > SEARCH:
        return Registration(0.0, 0.0, peak.score, f"the best match lies beyond {SEARCH:g} m")
    blocks = {}
    for key in keys:
        own = _district(found, key)
        if own.count < _FEWEST:
            continue
        near = _peak(own.correlation, reach, cell, around=peak)
        if near.score >= _AGREES and near.clear >= _ABOVE:
            blocks[key] = (near.col * cell, -near.row * cell)
    return Registration(peak.col * cell, -peak.row * cell, peak.score, "", blocks)


def _district(found: Mapping[Place, Match], key: Place) -> Match:
    """A block twice, and its neighbours."""
    row, col = key
    near = [(row + y, col + x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    return _sum([found[key], *(found[one] for one in near if one in found)])


def _sum(matches: Iterable[Match]) -> Match:
    first, *rest = matches
    return reduce(add, rest, first)


@dataclass(frozen=True)
class _Peak:
    col: float  # cells to the right
    row: float  # cells down
    score: float
    clear: float  # how far the score is above all scores that are `_APART` from it


def _peak(surface: np.ndarray, reach: int, cell: float, around: _Peak | None = None) -> _Peak:
    """The highest place of (s, s) correlations; of those near to another peak where it is given."""
    rows, cols = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    near = np.ones(surface.shape, bool)
    if around is not None:
        near = np.hypot(rows - around.row, cols - around.col) * cell <= _LOCAL
    best = int(np.where(near, surface, -np.inf).argmax())
    row, col = divmod(best, surface.shape[1])
    apart = np.hypot(rows - rows.flat[best], cols - cols.flat[best]) * cell > _APART
    score = float(surface[row, col])
    return _Peak(
        col - reach + _top(surface[row, col - 1 : col + 2]),
        row - reach + _top(surface[row - 1 : row + 2, col]),
        score,
        score - float(surface[apart].max(initial=-1)),
    )


def _top(three: np.ndarray) -> float:
    """Where the parabola through three neighbours is highest, in -0.5..0.5 of the middle one."""
    if len(three) < 3:
        return 0.0
    before, here, after = map(float, three)
    bend = before - 2 * here + after
    return 0.0 if bend >= 0 else float(np.clip((before - after) / (2 * bend), -0.5, 0.5))
