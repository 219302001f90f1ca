"""Many polygons in few arrays: moved, parted and laid on a grid without an object for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from geomage.geo import _kernels_burn as k

__all__ = ["Polygons", "Runs", "paint_runs"]


@dataclass(frozen=True)
class Polygons:
    """Shapes of one or several polygons each; 16 bytes a corner and some 12 a shape; it travels."""

    corners: np.ndarray  # (k, 2) float64
    rings: np.ndarray  # int64 first corner of each closed ring, and their number
    parts: np.ndarray  # int64 first ring of each polygon, and their number
    shapes: np.ndarray  # int64 first polygon of each shape, and their number

    def __len__(self) -> int:
        return len(self.shapes) - 1

    @classmethod
    def of(cls, shapes: np.ndarray) -> Polygons:
        """Take (n,) polygons or sets of polygons, none of them empty."""
        if not len(shapes):
            zero = np.zeros(1, "int64")
            return cls(np.zeros((0, 2)), zero, zero, zero)
        several = shapes.copy()
        single = np.flatnonzero(shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON)
        # One of several at least, so that the arrays have the offsets of sets.
        for place in single[:1].tolist() if len(single) == len(shapes) else []:
            several[place] = shapely.MultiPolygon([shapes[place]])
        _, corners, offsets = shapely.to_ragged_array(several)
        rings, parts, each = (part.astype("int64") for part in offsets)
        return cls(np.ascontiguousarray(corners[:, :2], "float64"), rings, parts, each)

    @classmethod
    def joined(cls, pieces: Sequence[Polygons]) -> Polygons:
        """The shapes of all, one after the other."""
        return cls(
            np.concatenate([np.zeros((0, 2)), *(one.corners for one in pieces)]),
            _chained([one.rings for one in pieces]),
            _chained([one.parts for one in pieces]),
            _chained([one.shapes for one in pieces]),
        )

    @property
    def first_corner(self) -> np.ndarray:
        """(n + 1,) first corner of each shape, and their number."""
        return np.asarray(self.rings[self.parts[self.shapes]])

    def frames(self) -> np.ndarray:
        """(n, 4) float64 least x and y, largest x and y."""
        first = self.first_corner[:-1]
        if not len(first):
            return np.zeros((0, 4))
        return np.hstack(
            [np.minimum.reduceat(self.corners, first), np.maximum.reduceat(self.corners, first)]
        )

    def areas(self) -> np.ndarray:
        """(n,) areas on the plane, of rings that run one way outside and the other in holes."""
        x, y = self.corners.T
        twice = np.zeros(len(x))
        twice[:-1] = x[:-1] * y[1:] - x[1:] * y[:-1]
        twice[self.rings[1:-1] - 1] = 0  # between the last corner of a ring and the next ring
        ring = np.abs(np.add.reduceat(twice, self.rings[:-1])) / 2 if len(x) else np.zeros(0)
        outer = np.zeros(len(ring), bool)
        outer[self.parts[:-1]] = True
        of = np.repeat(np.arange(len(self)), np.diff(self.parts[self.shapes]))
        return np.bincount(of, np.where(outer, ring, -ring), minlength=len(self))

    def moved(self, by: np.ndarray) -> Polygons:
        """Each shape moved by its own (n, 2) in x and y."""
        each = np.repeat(by, np.diff(self.first_corner), axis=0)
        return Polygons(self.corners + each, self.rings, self.parts, self.shapes)

    def placed(self, corners: np.ndarray) -> Polygons:
        """The same shapes with other (k, 2) corners."""
        return Polygons(corners, self.rings, self.parts, self.shapes)

    def some(self, numbers: np.ndarray) -> Polygons:
        """The shapes of some numbers, in their order."""
        part, shapes = _picked(self.shapes, numbers)
        ring, parts = _picked(self.parts, part)
        corner, rings = _picked(self.rings, ring)
        return Polygons(self.corners[corner], rings, parts, shapes)

    def geometries(self) -> np.ndarray:
        """(n,) shapely polygons, or sets of them where a shape has several."""
        if not len(self):
            return np.zeros(0, object)
        every = shapely.from_ragged_array(
            shapely.GeometryType.POLYGON, self.corners, (self.rings, self.parts)
        )
        out = np.asarray(every[self.shapes[:-1]])
        for number in np.flatnonzero(np.diff(self.shapes) > 1).tolist():
            out[number] = shapely.MultiPolygon(every[self.shapes[number] : self.shapes[number + 1]])
        return out

    def runs(self, height: int, width: int) -> Runs:
        """Their pixels in a grid of so many rows and columns; corners are columns and rows.

        A pixel belongs to every shape that holds its middle: shapes that overlap share it.
        """
        x, y = (np.ascontiguousarray(values) for values in self.corners.T)
        ring_of = self.parts[self.shapes]
        most = k.count_runs(x, y, self.rings, ring_of, height)
        out = np.empty((most, 4), "int32")
        found = k.runs(x, y, self.rings, ring_of, height, width, out) if most else 0
        return Runs(out[:found], len(self), (height, width))


@dataclass(frozen=True)
class Runs:
    """Pixels of shapes, row by row; 16 bytes a run."""

    table: np.ndarray  # (m, 4) int32 shape, row, first column, the one behind the last
    count: int  # of shapes
    shape: tuple[int, int]  # rows and columns of the grid

    def pixels(self) -> np.ndarray:
        """(n,) int64 pixels of each shape."""
        return self._by_shape((self.table[:, 3] - self.table[:, 2]).astype("int64"))

    def sums(self, values: np.ndarray) -> np.ndarray:
        """(n,) int64 sums of whole numbers (y, x) over the pixels of each shape."""
        along = np.zeros((self.shape[0], self.shape[1] + 1), "int64")
        np.cumsum(values, axis=1, out=along[:, 1:])
        row, begin, end = self.table[:, 1], self.table[:, 2], self.table[:, 3]
        return self._by_shape(along[row, end] - along[row, begin])

    def _by_shape(self, values: np.ndarray) -> np.ndarray:
        out = np.zeros(self.count, "int64")
        np.add.at(out, self.table[:, 0], values)
        return out


def paint_runs(runs: Runs, values: np.ndarray, out: np.ndarray) -> None:
    """Fill the pixels of shapes into (y, x), a value each; where they overlap, the largest stays.

    Args:
        runs: of `Polygons.runs`.
        values: (n,) of the type of `out`.
        out: (y, x).
    """
    order = np.argsort(values[runs.table[:, 0]], kind="stable")
    k.fill_runs(runs.table[order], values, out)


def _chained(offsets: Sequence[np.ndarray]) -> np.ndarray:
    ends = np.cumsum([0, *(one[-1] for one in offsets)])
    shifted = [one[:-1] + end for one, end in zip(offsets, ends[:-1], strict=True)]
    return np.concatenate([np.zeros(0, "int64"), *shifted, ends[-1:]]).astype("int64")


def _picked(offsets: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places within the groups of some numbers, and the offsets of these groups."""
    sizes = np.diff(offsets)[numbers]
    ends = np.concatenate([[0], np.cumsum(sizes)]).astype("int64")
    places = np.arange(ends[-1]) + np.repeat(offsets[numbers] - ends[:-1], sizes)
    return places, ends
