"""Footprints and lines of any origin, made valid: every change is counted by its kind.

Rule for ground that two buildings claim: it goes to the smaller one, and the larger is cut, so that
a kiosk under a canopy or a tower on a podium stays whole. Two footprints that share more than 95 %
of their union are one building twice; the one of which more is known stays, else the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

__all__ = ["Repaired", "repair_areas", "repair_footprints", "repair_lines"]

SLIVER_M2 = 1.0  # smaller is no building
SLIVER_M = 0.3  # thinner is none either
CLAIMED_M2 = 0.01  # common ground of two footprints that is let be
_GRID_M = 1e-6  # exact overlay calls shapes that only touch one within the other, or loses some
_SAME = 0.95  # intersection over union


@dataclass(frozen=True)
class Repaired:
    """Valid shapes, the row each came from, and how many were changed in which way."""

    shapes: np.ndarray
    rows: np.ndarray
    counts: dict[str, int] = field(default_factory=dict)


def repair_footprints(shapes: Sequence[BaseGeometry | None], rank: np.ndarray) -> Repaired:
    """Make building footprints valid single polygons that share no ground.

    What is valid and stands alone passes unchanged, vertex by vertex.

    Args:
        shapes: footprints in metres; None where one could not be read.
        rank: (n,) how much is known of each; decides which of two equal ones stays.
    """
    areas = repair_areas(shapes)
    counts = dict(areas.counts)
    thick = ~_is_sliver(areas.shapes)
    counts["slivers"] = int((~thick).sum())
    found, rows = areas.shapes[thick], areas.rows[thick]
    alone = ~_twice(found, rank[rows])
    counts["duplicates"] = int((~alone).sum())
    found, rows = found[alone], rows[alone]
    return _apart(found, rows, counts)


def repair_areas(shapes: Sequence[BaseGeometry | None]) -> Repaired:
    """Make areas valid, flat and single: one row for each polygon."""
    array = np.array([*shapes, None], object)[:-1]
    counts = {"not areas": 0, "three-dimensional": 0, "self-crossing": 0, "in parts": 0}
    usable = np.isin(shapely.get_type_id(array), (3, 6, 7)) & ~shapely.is_empty(array)
    usable[usable] = [_is_finite(shape) for shape in array[usable]]
    counts["not areas"] = int((~usable).sum())
    rows = np.flatnonzero(usable)
    array = array[rows]
    counts["three-dimensional"] = int(shapely.has_z(array).sum())
    array = shapely.force_2d(array)
    bad = ~shapely.is_valid(array)
    counts["self-crossing"] = int(bad.sum())
    array[bad] = shapely.make_valid(array[bad])
    parts, source = _polygons(array)
    counts["in parts"] = int((np.bincount(source, minlength=len(array)) > 1).sum())
    return Repaired(parts, rows[source], counts)


def repair_lines(shapes: Sequence[BaseGeometry | None]) -> Repaired:
    """Make lines flat and single; what has no length is dropped."""
    array = np.array([*shapes, None], object)[:-1]
    usable = np.isin(shapely.get_type_id(array), (1, 2, 5)) & ~shapely.is_empty(array)
    usable[usable] = [_is_finite(shape) for shape in array[usable]]
    rows = np.flatnonzero(usable)
    parts, source = shapely.get_parts(shapely.force_2d(array[rows]), return_index=True)
    long = shapely.length(parts) > 0
    return Repaired(parts[long], rows[source[long]], {"not lines": int((~usable).sum())})


def _is_finite(shape: BaseGeometry) -> bool:
    return bool(np.isfinite(shapely.get_coordinates(shape)).all())


def _polygons(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Polygon parts of shapes and the row of each; collections are opened to the bottom."""
    parts, source = shapely.get_parts(array, return_index=True)
    inner, middle = shapely.get_parts(parts, return_index=True)
    areas = shapely.get_type_id(inner) == 3
    return np.asarray(inner[areas], object), source[middle[areas]]


def _is_sliver(shapes: np.ndarray) -> np.ndarray:
    """Which shapes are too small or too thin to be a building."""
    area = shapely.area(shapes)
    width = 2 * area / np.maximum(shapely.length(shapes), 1e-9)
    return np.asarray((area < SLIVER_M2) | (width < SLIVER_M))


def _pairs(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(one, other, common area) of shapes that share ground; each pair once."""
    one, other = shapely.STRtree(shapes).query(shapes, "intersects")
    once = one < other
    one, other = one[once], other[once]
    common = shapely.area(shapely.intersection(shapes[one], shapes[other], grid_size=_GRID_M))
    shared = common > CLAIMED_M2
    return one[shared], other[shared], common[shared]


def _twice(shapes: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Which shapes are the lesser of two that are one."""
    lesser = np.zeros(len(shapes), bool)
    one, other, common = _pairs(shapes)
    area = shapely.area(shapes)
    same = common > _SAME * (area[one] + area[other] - common)
    for a, b in zip(one[same], other[same], strict=True):
        if not lesser[a] and not lesser[b]:
            lesser[b if rank[a] >= rank[b] else a] = True
    return lesser


def _apart(shapes: np.ndarray, rows: np.ndarray, counts: dict[str, int]) -> Repaired:
    """Cut from every footprint what a smaller one claims."""
    one, other, _ = _pairs(shapes)
    area = shapely.area(shapes)
    larger = np.where(area[one] >= area[other], one, other)
    smaller = np.where(area[one] >= area[other], other, one)
    cut = shapes.copy()
    for k in np.unique(larger):
        claimed = shapely.union_all(shapes[smaller[larger == k]], grid_size=_GRID_M)
        cut[k] = shapely.difference(shapes[k], claimed)
    counts["overlaps"] = len(one)
    touched = np.zeros(len(shapes), bool)
    touched[larger] = True
    parts, source = _polygons(cut)
    keep = ~(touched[source] & _is_sliver(parts))
    counts["covered by others"] = len(shapes) - len(np.unique(source[keep]))
    return Repaired(parts[keep], rows[source[keep]], counts)
