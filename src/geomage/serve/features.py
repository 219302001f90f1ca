"""Vector layers of a product, tile by tile, by the spatial index of its file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyogrio
import pyproj
import shapely
from geopandas import GeoDataFrame
from odc.geo.geobox import GeoBox

from geomage.errors import InputError
from geomage.geo.vectors import UNREADABLE, refuse_broken_geopackage
from geomage.serve.plane import TILE_PX, TilePlane

__all__ = ["FINE", "MOST_FEATURES", "VectorLayer", "find_layers", "tile_features"]

MOST_FEATURES: Final = 4000
"""Features of a tile, at most: where there are more it holds none, and says so."""
FINE: Final = 16
"""Steps of a coordinate in a pixel of a tile."""
_RIM_PX: Final = 8.0  # drawn beyond a tile, so that its edge draws no line


@dataclass(frozen=True)
class VectorLayer:
    """A layer with a geometry."""

    name: str
    file: Path
    crs: str | None  # WKT
    kind: str  # geometry type
    count: int


def find_layers(file: Path) -> list[VectorLayer]:
    """Layers of a GeoPackage that can be drawn; InputError when it is damaged."""
    refuse_broken_geopackage(file)
    try:
        names = [str(name) for name, kind in pyogrio.list_layers(file) if kind]
        infos = [(name, pyogrio.read_info(file, layer=name)) for name in names]
    except UNREADABLE as error:
        raise InputError(f"{file} cannot be read: {error}") from error
    return [
        VectorLayer(name, file, info["crs"], str(info["geometry_type"]), int(info["features"]))
        for name, info in infos
    ]


def tile_features(layer: VectorLayer, plane: TilePlane, tile: GeoBox) -> dict[str, Any]:
    """Features of a layer that touch a tile, JSON-able.

    ``features`` holds, for each, its fields ``p``, its kind ``t`` (``a`` areas, ``l`` lines, ``p``
    points) and its parts ``g``: x, y, x, y … in sixteenths of a pixel from the tile's top left.
    ``more`` is true where there are too many to draw.
    """
    there = _Change(plane.crs, layer.crs)
    found = pyogrio.read_dataframe(
        layer.file, layer=layer.name, bbox=there.bounds(tile), max_features=MOST_FEATURES + 1
    )
    if len(found) > MOST_FEATURES:
        return {"features": [], "more": True}
    shapes = _onto_tile(found, there, tile)
    fields = found.drop(columns=found.geometry.name).to_dict("records")
    return {
        "features": [
            {"p": {k: _plain(v) for k, v in row.items()}, "t": _kind(shape), "g": parts}
            for row, shape in zip(fields, shapes, strict=True)
            if (parts := [*_parts(shape)])
        ],
        "more": False,
    }


@dataclass(frozen=True)
class _Change:
    """From the plane of the tiles to the CRS of a layer; nothing where either has none."""

    plane: str | None
    layer: str | None

    @property
    def is_none(self) -> bool:
        return self.plane is None or self.layer is None

    def bounds(self, tile: GeoBox) -> tuple[float, float, float, float]:
        step = abs(tile.affine.a) * _RIM_PX
        left, bottom, right, top = tile.extent.boundingbox
        wide = (left - step, bottom - step, right + step, top + step)
        if self.is_none:
            return wide
        found = _transformer(self.plane, self.layer).transform_bounds(*wide, densify_pts=11)
        return (found[0], found[1], found[2], found[3])

    def onto_plane(self, points: np.ndarray) -> np.ndarray:
        """Coordinates (point, 2) of the layer in the plane of the tiles."""
        if self.is_none:
            return points
        change = _transformer(self.layer, self.plane)
        return np.column_stack(change.transform(points[:, 0], points[:, 1]))


@cache
def _transformer(source: str | None, target: str | None) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(source, target, always_xy=True)


def _onto_tile(found: GeoDataFrame, there: _Change, tile: GeoBox) -> np.ndarray:
    """Shapes in steps of a tile, cut at its rim; what cannot be drawn is None."""
    onto = ~tile.affine

    def steps(points: np.ndarray) -> np.ndarray:
        x, y = there.onto_plane(points).T
        return np.column_stack(onto @ (x, y)) * FINE

    small = shapely.transform(found.geometry.to_numpy(), steps)
    small = shapely.simplify(small, 0.3 * FINE, preserve_topology=False)
    invalid = ~shapely.is_valid(small)
    small[invalid] = shapely.make_valid(small[invalid])
    rim = _RIM_PX * FINE
    end = TILE_PX * FINE + rim
    return np.asarray(shapely.clip_by_rect(small, -rim, -rim, end, end))


def _kind(shape: shapely.Geometry | None) -> str:
    return "pla"[_dimension(shape)] if shape is not None else "a"


def _dimension(shape: shapely.Geometry) -> int:
    return max(0, int(shapely.get_dimensions(shape)))


def _parts(shape: shapely.Geometry | None) -> Iterator[list[int]]:
    """Rings, lines or points of the highest dimension there is."""
    if shape is None or shapely.is_empty(shape):
        return
    dimension = _dimension(shape)
    for part in shapely.get_parts(shapely.get_parts(shape)):
        if _dimension(part) == dimension:
            rings = shapely.get_rings(part) if dimension == 2 else [part]
            for ring in rings:
                points = shapely.get_coordinates(ring)
                yield (
                    np.rint(points[:-1] if dimension == 2 else points).astype(int).ravel().tolist()
                )


def _plain(value: object) -> object:
    """A field as JSON has it."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | bool) else (None if value is None else str(value))
