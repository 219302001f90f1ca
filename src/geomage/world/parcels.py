"""Blocks from streets, parcels from blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from geomage.world.streets import Street

__all__ = ["Frame", "frame_of", "grow_blocks", "polygons_of", "split_block"]


@dataclass(frozen=True)
class Frame:
    """Oriented box around a shape: centre (metres), direction of the long side (radians), sides."""

    x: float
    y: float
    angle: float
    length: float
    width: float

    def rectangle(self, length: float, width: float, u: float = 0.0, v: float = 0.0) -> Polygon:
        """Return a box of the frame's direction, centred at (u, v) in its own axes."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [length / 2, width / 2] + [u, v]
        return Polygon(corners @ np.array([[c, s], [-s, c]]) + [self.x, self.y])


def frame_of(polygon: BaseGeometry) -> Frame:
    """Return the minimum rotated rectangle of an area as a frame."""
    box = shapely.minimum_rotated_rectangle(polygon)
    corners = shapely.get_coordinates(box)[:4]
    a, b = corners[1] - corners[0], corners[3] - corners[0]
    if np.hypot(*a) < np.hypot(*b):
        a, b = b, a
    x, y = corners.mean(0)
    angle = float(np.arctan2(a[1], a[0]) % np.pi)
    return Frame(float(x), float(y), angle, float(np.hypot(*a)), float(np.hypot(*b)))


def polygons_of(geometry: BaseGeometry, smallest: float = 0.0) -> list[Polygon]:
    """Return the polygon parts of a geometry that are larger than `smallest` m²."""
    parts = shapely.get_parts(geometry)
    return [p for p in parts if isinstance(p, Polygon) and p.area > smallest]


def grow_blocks(
    streets: list[Street], hole: BaseGeometry, size: float, sidewalk: float
) -> tuple[list[Polygon], BaseGeometry]:
    """Cut the square 0..size by streets; return the blocks and the paved street area."""
    square = shapely.box(0, 0, size, size)
    lines = [s.line for s in streets]
    net = shapely.union_all([*lines, square.exterior])
    cells = shapely.get_parts(shapely.polygonize([net]))
    paved = (
        shapely.union_all([s.line.buffer(s.width / 2) for s in streets]) if streets else Polygon()
    )
    keep_out = shapely.union(shapely.buffer(paved, sidewalk), hole)
    cells = shapely.difference(shapely.intersection(cells, square), keep_out)
    blocks = [shapely.simplify(b, 0.15) for c in cells for b in polygons_of(c, 60.0)]
    return [p for b in blocks for p in polygons_of(shapely.make_valid(b))], paved


def _cut(polygon: Polygon, frame: Frame, at: float) -> tuple[list[Polygon], list[Polygon]]:
    """Cut across the frame's long axis at `at` metres from its centre."""
    far = 2 * (frame.length + frame.width)
    left = frame.rectangle(far, far, at - far / 2)
    return polygons_of(polygon.intersection(left), 4.0), polygons_of(polygon.difference(left), 4.0)


def split_block(rng: np.random.Generator, block: Polygon, low: float, high: float) -> list[Polygon]:
    """Split a block across its long axis, again and again, until parcels are small enough.

    Areas in square metres; the parcels tile the block.
    """
    done, todo = [], [block]
    while todo:
        piece = todo.pop()
        frame = frame_of(piece)
        goal = rng.uniform(low, high)
        slender = frame.length > 3.2 * max(frame.width, 1.0) and piece.area > low
        if piece.area <= goal * 1.35 and not slender:
            done.append(piece)
            continue
        a, b = _cut(piece, frame, frame.length * rng.uniform(-0.08, 0.08))
        if not a or not b:
            done.append(piece)
            continue
        todo += a + b
    return done
