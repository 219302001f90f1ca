"""Rows of buildings along the border of a block, wall to wall, around a court."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from math import hypot

import numpy as np
import shapely
from shapely import LineString, Polygon
from shapely.geometry.base import BaseGeometry

from geomage.world.parcels import polygons_of

__all__ = ["cut_row"]

STEPS = 12  # of a bisection
SLENDER_M = 16.0  # a block narrower than that has no rows
CORNERS = (2.5, 4.0, 5.5)  # frontage that corners may cost, in sides of a square lot
SLIVER_M2 = 4.0


@dataclass(frozen=True)
class _Border:
    """A line to be walked along, its vertices measured once."""

    line: LineString

    @cached_property
    def coords(self) -> list[tuple[float, ...]]:
        """All vertices."""
        return list(self.line.coords)

    @cached_property
    def along(self) -> list[float]:
        """Metres from the start to every vertex but the last."""
        sides = (hypot(x1 - x0, y1 - y0) for (x0, y0), (x1, y1) in pairwise(self.coords))
        return list(accumulate(sides, initial=0.0))[:-1]

    @cached_property
    def length(self) -> float:
        """Metres."""
        return float(self.line.length)

    def piece(self, start: float, end: float) -> LineString:
        """What lies between two distances from the start, metres."""
        a, b = shapely.get_coordinates(shapely.line_interpolate_point(self.line, [start, end]))
        between = slice(bisect_right(self.along, start), bisect_left(self.along, end))
        return LineString([a, *self.coords[between], b])


def cut_row(
    rng: np.random.Generator, block: Polygon, areas: np.ndarray, elongation: np.ndarray
) -> tuple[list[Polygon], list[Polygon]] | None:
    """Cut lots of stated areas from the border of a block; return them and what they leave.

    Walls between neighbours stand square to the street. A lot is deep or wide, whichever fills
    the border best; gaps stay where the lots are too few to close the row.

    Args:
        rng: draws where the row begins, and its gaps.
        block: to be lined.
        areas: of the lots, m², in their order along the street.
        elongation: of each lot, short over long side.

    Returns:
        The lots and what they leave of the block, or None where the block is too slender.
    """
    thick = _thickness(block)
    if thick < SLENDER_M or areas.sum() > 0.85 * block.area:
        return None
    border = _walk(block, float(rng.uniform()))
    for corners in CORNERS:  # more frontage is kept for corners until the last lot finds its place
        length = max(border.length - corners * float(np.sqrt(np.mean(areas))), 1.0)
        widths = _widths(areas, elongation, length, 0.48 * thick)
        spare = length - widths.sum()
        # few gaps, most walls shared
        gaps = max(spare, 0.0) * rng.dirichlet(np.full(len(areas), 0.12))
        lots, rest = _laid(border, block, areas, widths, gaps)
        if len(lots) == len(areas) and lots[-1].area > 0.9 * areas[-1]:
            break
    return lots, rest


def _laid(
    border: _Border, block: Polygon, areas: np.ndarray, widths: np.ndarray, gaps: np.ndarray
) -> tuple[list[Polygon], list[Polygon]]:
    """Lay lots one after the other along the border; return them and the rest of the block."""
    lots: list[Polygon] = []
    at = 0.0
    rest: BaseGeometry = block
    for area, width, gap in zip(areas, widths, gaps, strict=True):
        at, piece = _next_lot(border, rest, (at, at + width), float(area))
        parts = sorted(polygons_of(piece, SLIVER_M2), key=lambda p: -p.area)
        lots += parts[:1]
        rest = shapely.difference(rest, parts[0]) if parts else rest
        at += gap
    return lots, polygons_of(rest, SLIVER_M2)


def _thickness(block: Polygon) -> float:
    """Width of the widest circle in a block, metres."""
    return 2 * shapely.length(shapely.maximum_inscribed_circle(block, 0.5))


def _widths(areas: np.ndarray, elongation: np.ndarray, length: float, deepest: float) -> np.ndarray:
    """Frontages of lots, each sqrt(A e) or sqrt(A / e), that together come near a length."""
    deep = np.maximum(np.sqrt(areas * elongation), areas / deepest)
    wide = np.maximum(np.sqrt(areas / elongation), areas / deepest)
    widths = deep.copy()
    for k in np.argsort(-(wide - deep), kind="stable"):
        if widths.sum() - deep[k] + wide[k] <= length:
            widths[k] = wide[k]
    return np.asarray(widths * min(1.0, length / widths.sum()))


def _walk(block: Polygon, start: float) -> _Border:
    """The border of a block, anticlockwise (the block on the left), begun at a share of it."""
    ring = shapely.orient_polygons(block).exterior
    whole = _Border(LineString(ring.coords))
    at = start * whole.length
    head, tail = whole.piece(0.0, at), whole.piece(at, whole.length)
    return _Border(LineString([*tail.coords, *head.coords[1:]]))


def _next_lot(
    border: _Border, rest: BaseGeometry, span: tuple[float, float], area: float
) -> tuple[float, BaseGeometry]:
    """Where a lot of the stated area ends along the border, metres, and its shape.

    It reaches further than its span where a corner or a neighbour takes of its area.
    """
    start, low = span
    depth = area / (low - start)
    end, high = low, min(low + 2 * depth, border.length)
    piece = shapely.intersection(_side(border, start, end, depth), rest)
    if piece.area > 0.97 * area or high <= low:
        return end, piece
    for _ in range(STEPS):
        end = (low + high) / 2
        piece = shapely.intersection(_side(border, start, end, depth), rest)
        low, high = (end, high) if piece.area < area else (low, end)
    return end, piece


def _side(border: _Border, start: float, end: float, depth: float) -> BaseGeometry:
    """The band on the left of a piece of the border."""
    piece = border.piece(min(start, border.length - 0.02), max(end, start + 0.01))
    return shapely.buffer(piece, depth, single_sided=True, join_style="mitre")
