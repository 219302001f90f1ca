"""Blocks from streets, parcels from blocks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from geomage.world.streets import Street

__all__ = ["Frame", "cut_blocks", "frame_of", "fronts", "polygons_of", "split_block"]

SMALLEST_BLOCK_M2 = 60.0


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
        a, b = float(length) / 2, float(width) / 2
        corners = np.array([(u - a, v - b), (u + a, v - b), (u + a, v + b), (u - a, v + b)])
        box: Polygon = shapely.polygons(corners @ self.axes + (self.x, self.y))
        return box

    @cached_property
    def axes(self) -> np.ndarray:
        """Unit vectors (2, 2) along its length and along its width."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.array([[c, s], [-s, c]])


def frame_of(polygon: BaseGeometry) -> Frame:
    """Return the minimum rotated rectangle of an area as a frame."""
    box = shapely.minimum_rotated_rectangle(polygon)
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = shapely.get_coordinates(box)[:4].tolist()
    (ax, ay), (bx, by) = (x1 - x0, y1 - y0), (x3 - x0, y3 - y0)
    length, width = float(np.hypot(ax, ay)), float(np.hypot(bx, by))
    if length < width:
        (ax, ay), length, width = (bx, by), width, length
    angle = float(np.arctan2(ay, ax) % np.pi)
    return Frame((x0 + x1 + x2 + x3) / 4, (y0 + y1 + y2 + y3) / 4, angle, length, width)


def polygons_of(geometry: BaseGeometry, smallest: float = 0.0) -> list[Polygon]:
    """Return the polygon parts of a geometry that are larger than `smallest` m²."""
    parts = [geometry] if isinstance(geometry, Polygon) else shapely.get_parts(geometry)
    return [p for p in parts if isinstance(p, Polygon) and p.area > smallest]


def paved(streets: list[Street], sidewalk: float = 0.0) -> BaseGeometry:
    """Area of carriageways, and of sidewalks of a width on both sides of those of cars."""
    if not streets:
        return Polygon()
    lines = np.array([s.line for s in streets], object)
    half = np.array([s.width / 2 + (sidewalk if s.kind != "path" else 0.0) for s in streets])
    return shapely.union_all(shapely.buffer(lines, half, quad_segs=6))


def cut_blocks(faces: list[Polygon], keep_out: BaseGeometry, taken: BaseGeometry) -> list[Polygon]:
    """Take streets with their sidewalks and what crosses the town out of the faces of a network."""
    if not taken.is_empty:
        keep_out = keep_out | taken
    left = shapely.difference(np.array(faces, object), keep_out)
    return [p for cell in left for p in polygons_of(cell, SMALLEST_BLOCK_M2)]


def fronts(parcels: list[Polygon], carriageways: BaseGeometry, sidewalk: float) -> np.ndarray:
    """Which parcels (n,) bool reach a street: nothing but its sidewalk lies between."""
    reach = sidewalk + 0.3
    return np.asarray(shapely.dwithin(np.array(parcels, object), carriageways, reach))


def _cut(polygon: Polygon, frame: Frame, at: float) -> tuple[list[Polygon], list[Polygon]]:
    """Cut across the frame's long axis at `at` metres from its centre; nothing is lost."""
    far = 2 * (frame.length + frame.width)
    left = frame.rectangle(far, far, at - far / 2)
    return polygons_of(polygon.intersection(left)), polygons_of(polygon.difference(left))


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
