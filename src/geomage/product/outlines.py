"""Shapes as SVG path data, in the pixels of a report picture."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import shapely
from affine import Affine
from geopandas import GeoSeries
from odc.geo.geobox import GeoBox

from geomage.product.pictures import Picture

__all__ = ["ring_paths"]

_SIMPLER_PX: Final = 0.4  # picture pixels an outline may move


def ring_paths(shapes: GeoSeries, box: GeoBox, picture: Picture) -> list[list[str]]:
    """One closed subpath (``Mx y x y…z``) per ring of each shape, in picture pixels.

    Args:
        shapes: polygons in the CRS of ``box``; anything else gives no ring.
        box: grid of the product.
        picture: the picture they are drawn on.
    """
    rows, cols = (int(size) for size in box.shape)
    onto = Affine.scale(picture.width / cols, picture.height / rows) @ ~box.affine

    def to_picture(points: np.ndarray) -> np.ndarray:
        return np.column_stack(onto @ (points[:, 0], points[:, 1]))

    small = shapely.transform(shapes.to_numpy(), to_picture)
    small = shapely.simplify(small, _SIMPLER_PX, preserve_topology=True)
    return [[_subpath(ring) for ring in _rings(shape)] for shape in small]


def _rings(shape: shapely.Geometry | None) -> Iterable[np.ndarray]:
    if shape is None:
        return
    for part in shapely.get_parts(shape):
        if part.geom_type == "Polygon" and not part.is_empty:
            yield from (shapely.get_coordinates(ring)[:-1] for ring in shapely.get_rings(part))


def _subpath(points: np.ndarray) -> str:
    text = " ".join(f"{x:.1f} {y:.1f}" for x, y in points.tolist())
    return f"M{text}z"
