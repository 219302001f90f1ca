"""Footprints taken apart into boxes that a pitched roof can stand on.

A footprint is laid into the frame of its walls; the lines its walls lie on make a grid of cells,
and the cells inside are covered by few rectangles, largest first: one for a box, two for an L or a
T, three for a U, four around a courtyard. Where that explains the footprint to within 8 % of its
area, each rectangle, clipped by the footprint, is a wing; else the footprint is one wing of its own
shape, with a flat roof. The wings together are the footprint, whatever the source drew.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import shapely
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from geomage.world.parcels import polygons_of

__all__ = ["Piece", "Plan", "take_apart"]

BOXES = 8  # most wings of one building
_LINES = 11  # most wall lines in one direction
_MISFIT = 0.08  # share of the area
_SPECK_M2 = 1e-4  # what rounding leaves
_COMPACT = 0.8  # area over that of the smallest box around it: a box with bent walls


@dataclass(frozen=True)
class Piece:
    """One wing's plan: `angle` of its long side in radians, sides in metres.

    The box of `length` and `width` around the middle of the shape's smallest rectangle holds it.
    """

    shape: Polygon
    angle: float
    length: float
    width: float
    boxed: bool  # the shape is that box


@dataclass(frozen=True)
class Plan:
    """A footprint taken apart; `name` is box, L, T, U, cluster, courtyard or free."""

    name: str
    pieces: tuple[Piece, ...]

    @property
    def pitched(self) -> bool:
        """Whether a pitched roof can stand on it."""
        return len(self.pieces) > 1 or self.name == "box"


def take_apart(footprint: Polygon) -> Plan:
    """Take a footprint apart into wings that together are the footprint."""
    angle = _walls_angle(footprint)
    around = shapely.minimum_rotated_rectangle(footprint).area
    if not footprint.interiors and footprint.area > _COMPACT * around:
        return Plan("box", (_piece(footprint, angle),))
    rectangles = _rectangles(footprint, angle)
    pieces = _clipped(footprint, rectangles) if rectangles else [footprint]
    name = _name(rectangles) if rectangles else "free"
    name = "courtyard" if footprint.interiors else name
    return Plan(name, tuple(_piece(piece, angle) for piece in pieces))


def _walls_angle(footprint: Polygon) -> float:
    """Direction of the walls modulo a right angle, weighed by their length, radians."""
    edges = np.diff(shapely.get_coordinates(footprint.exterior), axis=0)
    length = np.hypot(*edges.T)
    turn = 4 * np.arctan2(edges[:, 1], edges[:, 0])
    return float(np.arctan2((length * np.sin(turn)).sum(), (length * np.cos(turn)).sum()) / 4)


def _turned(xy: np.ndarray, angle: float) -> np.ndarray:
    """Coordinates (n, 2) in axes turned by an angle."""
    c, s = np.cos(angle), np.sin(angle)
    return np.asarray(xy @ np.array([[c, -s], [s, c]]))


def _piece(shape: Polygon, angle: float) -> Piece:
    """Measure a wing along its walls."""
    middle = shapely.get_coordinates(shapely.centroid(shapely.minimum_rotated_rectangle(shape)))
    sides = 2 * np.abs(_turned(shapely.get_coordinates(shape) - middle, angle)).max(0)
    length, width = float(sides[0]), float(sides[1])
    if width > length:
        length, width, angle = width, length, angle + np.pi / 2
    boxed = abs(shape.area - length * width) < 1e-6 * shape.area
    return Piece(shape, float(angle % np.pi), length, width, bool(boxed))


def _rectangles(footprint: Polygon, angle: float) -> list[Polygon]:
    """Rectangles along the walls that explain a footprint, largest first; none where they do not.

    They may overlap, as the wings of a house meet under one roof.
    """
    flat = shapely.transform(footprint, lambda xy: _turned(xy, angle))
    us, vs = (_lines(axis, footprint.area) for axis in shapely.get_coordinates(flat).T)
    if not (2 <= len(us) <= _LINES and 2 <= len(vs) <= _LINES):
        return []
    inside = _cells_inside(flat, us, vs)
    found = _cover(inside, np.diff(us), np.diff(vs))
    boxes = [shapely.box(us[i], vs[j], us[k], vs[m]) for i, k, j, m in found]
    if not boxes or shapely.union_all(boxes).symmetric_difference(flat).area > _MISFIT * flat.area:
        return []
    return [shapely.transform(box, lambda xy: _turned(xy, -angle)) for box in boxes]


def _lines(at: np.ndarray, area: float) -> np.ndarray:
    """Positions on which walls lie: those nearer than a twentieth of the side are one."""
    at = np.sort(at)
    breaks = np.flatnonzero(np.diff(at) > max(0.6, 0.05 * np.sqrt(area))) + 1
    groups = np.split(at, breaks)
    lines = np.array([group.mean() for group in groups])
    lines[0], lines[-1] = at[0], at[-1]
    return lines


def _cells_inside(flat: Polygon, us: np.ndarray, vs: np.ndarray) -> np.ndarray:
    """Which cells (u, v) of the grid of lines lie inside, by more than half."""
    u0, v0 = np.meshgrid(us[:-1], vs[:-1], indexing="ij")
    u1, v1 = np.meshgrid(us[1:], vs[1:], indexing="ij")
    cells = shapely.box(u0, v0, u1, v1)
    return np.asarray(shapely.area(shapely.intersection(cells, flat)) > 0.5 * shapely.area(cells))


@cache
def _spans(nu: int, nv: int) -> np.ndarray:
    """All rectangles of cells (n, 4): first and end row, first and end column."""
    spans = [
        (i, k, j, m)
        for i in range(nu)
        for k in range(i + 1, nu + 1)
        for j in range(nv)
        for m in range(j + 1, nv + 1)
    ]
    return np.array(spans)


def _summed(cells: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """Sum of cells in each span."""
    total = np.zeros((cells.shape[0] + 1, cells.shape[1] + 1))
    total[1:, 1:] = cells.cumsum(0).cumsum(1)
    i, k, j, m = spans.T
    return np.asarray(total[k, m] - total[i, m] - total[k, j] + total[i, j])


def _cover(inside: np.ndarray, du: np.ndarray, dv: np.ndarray) -> list[tuple[int, int, int, int]]:
    """Few spans that cover the inside and nothing else, largest gain first."""
    area = du[:, None] * dv
    spans = _spans(*inside.shape)
    spans = spans[_summed(np.where(inside, 0.0, 1.0), spans) == 0]
    left = inside.copy()
    found: list[tuple[int, int, int, int]] = []
    size = _summed(area, spans) if len(spans) else np.empty(0)
    while left.any():
        if len(found) == BOXES:
            return []
        gain = _summed(area * left, spans) + 1e-3 * size
        i, k, j, m = (int(value) for value in spans[int(np.argmax(gain))])
        found.append((i, k, j, m))
        left[i:k, j:m] = False
    return found


def _clipped(footprint: Polygon, rectangles: list[Polygon]) -> list[Polygon]:
    """Each rectangle's part of the footprint; what none covers goes to the nearest."""
    parts: list[BaseGeometry] = [r.intersection(footprint) for r in rectangles]
    rest = footprint.difference(shapely.union_all(parts))
    for piece in polygons_of(rest, _SPECK_M2):
        near = int(np.argmin([shapely.distance(part, piece.centroid) for part in parts]))
        parts[near] = parts[near].union(piece)
    return [piece for part in parts for piece in polygons_of(part, _SPECK_M2)]


def _name(rectangles: list[Polygon]) -> str:
    """The letter of a plan by the number of its boxes, and where the second meets the first."""
    if len(rectangles) == 1:
        return "box"
    if len(rectangles) == 3:
        return "U"
    if len(rectangles) > 3:
        return "cluster"
    common = shapely.union_all(rectangles)
    return "L" if len(shapely.get_coordinates(shapely.simplify(common, 0.01))) <= 7 else "T"
