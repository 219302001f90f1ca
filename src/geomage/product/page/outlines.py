"""Shapes in the pixels of a report picture, and as few numbers as a page can hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import shapely
from affine import Affine
from geopandas import GeoSeries
from odc.geo.geobox import GeoBox

from geomage.geo import ground_gsd
from geomage.product.page.pictures import Picture

__all__ = ["encoded", "extent_of", "onto_picture", "paths"]

_SIMPLER_PX: Final = 0.4  # picture pixels that an outline may move
_SIMPLER_M: Final = 0.5  # metres, where the pixels of the picture are larger
_TENTH: Final = 0.1  # picture pixels; finer than that no point is told


def onto_picture(box: GeoBox, picture: Picture) -> Affine:
    """From the CRS of the product to the pixels of a picture of it: (x, y) to (column, row)."""
    rows, cols = (int(size) for size in box.shape)
    onto: Affine = Affine.scale(picture.width / cols, picture.height / rows) @ ~box.affine
    return onto


def paths(
    shapes: GeoSeries, box: GeoBox, picture: Picture, coarser: float = 1.0
) -> list[list[np.ndarray]]:
    """Rings and lines of each shape, float64 (point, 2): column and row in picture pixels.

    A ring is told without its last point, rims of holes run against the rims around them. Points
    have no path. Simplified (Douglas-Peucker) by 0.4 px, or 0.5 m where that is less.

    Args:
        shapes: geometries in the CRS of ``box``.
        box: grid of the product.
        picture: the picture they are drawn on.
        coarser: how many times more an outline may move.
    """
    onto: Any = onto_picture(box, picture)

    def to_picture(points: np.ndarray) -> np.ndarray:
        return np.column_stack(onto @ (points[:, 0], points[:, 1]))

    px_m = ground_gsd(box) * int(box.shape[1]) / picture.width
    small = shapely.transform(shapes.to_numpy(), to_picture)
    simpler = max(min(_SIMPLER_PX, _SIMPLER_M / px_m), _TENTH) * coarser
    small = shapely.simplify(small, simpler, preserve_topology=True)
    return [list(_paths(shape)) for shape in small]


def _paths(shape: shapely.Geometry | None) -> Iterable[np.ndarray]:
    if shape is None:
        return
    for part in shapely.get_parts(shape):
        if part.is_empty:
            continue
        if part.geom_type == "Polygon":
            rings = shapely.get_rings(shapely.orient_polygons(part))
            yield from (shapely.get_coordinates(ring)[:-1] for ring in rings)
        elif part.geom_type in ("LineString", "LinearRing"):
            yield shapely.get_coordinates(part)


def encoded(points: np.ndarray) -> list[int]:
    """A path as tenths of a pixel: x and y of the first point, then steps to the next."""
    tenths = np.rint(points / _TENTH).astype(np.int64)
    return np.diff(tenths, axis=0, prepend=0).ravel().tolist()


def extent_of(rings: Sequence[np.ndarray]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of paths, in picture pixels."""
    points = np.concatenate(rings)
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return float(left), float(top), float(right), float(bottom)
