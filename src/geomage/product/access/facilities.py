"""Hospitals and depots: places given by a file, each on its nearest segment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from geopandas import GeoDataFrame
from odc.geo.geobox import GeoBox

from geomage.errors import InputError
from geomage.geo.features import VectorFile, open_features
from geomage.product.access.network import Spots
from geomage.product.access.roads import AROUND_M, bounds_around, to_plane
from geomage.world.given import crs_of, text_of

__all__ = ["FARTHEST_M", "Facilities", "read_facilities", "spots_on"]

FARTHEST_M: Final = 1000.0
"""A place farther than this from any street is on none."""
_OSM_LAYERS: Final = ("points", "multipolygons")
_NAMES: Final = ("name", "nom", "nombre", "facility", "label")


@dataclass(frozen=True)
class Facilities:
    """Points in the CRS of a product with `name`, and how many features had no place near it."""

    frame: GeoDataFrame
    left_out: int


def read_facilities(path: Path, box: GeoBox) -> Facilities:
    """Read facilities on a map or within `AROUND_M` of it.

    Of OpenStreetMap data: hospitals (`amenity=hospital`). Of other files: every feature of every
    layer that has shapes; areas and lines count as a point inside them.

    Raises:
        InputError: no such file, no CRS, or none of them near the map.
        BudgetError: too many features.
    """
    if box.crs is None:
        raise InputError(f"--facilities {path}: the map has no CRS, so they have no place on it")
    crs = box.crs.to_wkt()
    with open_features(path) as file:
        shaped = tuple(name for name, kind in file.layers.items() if kind != "None")
        layers = _OSM_LAYERS if file.is_osm else shaped
        parts = [_layer(file, layer, box).to_crs(crs) for layer in layers]
    frame = pd.concat(parts, ignore_index=True) if parts else gpd.GeoDataFrame()
    if not len(frame):
        what = "no hospital (amenity=hospital)" if file.is_osm else "nothing"
        raise InputError(
            f"--facilities {path} holds {what} on the map or within {AROUND_M / 1000:g} km of it"
        )
    shapes = frame.geometry.to_numpy()
    usable = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    usable &= np.isfinite(shapely.bounds(shapes)).all(1)
    points = shapely.point_on_surface(shapes[usable])
    kept = GeoDataFrame({"name": frame["name"].to_numpy()[usable]}, geometry=points, crs=crs)
    if kept.empty:
        raise InputError(f"--facilities {path}: none of its {len(frame)} features has a place")
    return Facilities(kept, int((~usable).sum()))


def _layer(file: VectorFile, layer: str, box: GeoBox) -> GeoDataFrame:
    crs = "EPSG:4326" if file.is_osm else crs_of(file, layer)
    table = file.read(layer, bounds_around(box, crs)).table
    if file.is_osm:
        table = table[_hospitals(table)]
    known = {str(name).lower(): name for name in table.columns}
    column = next((known[name] for name in _NAMES if name in known), None)
    values = [None] * len(table) if column is None else [text_of(one) for one in table[column]]
    names = [one or f"{layer} {number}" for number, one in enumerate(values, 1)]
    return GeoDataFrame({"name": names}, geometry=table.geometry.to_numpy(), crs=crs)


def _hospitals(table: GeoDataFrame) -> np.ndarray:
    """Rows with amenity=hospital, a column of GDAL's areas and one of the other tags of points."""
    said = np.zeros(len(table), bool)
    if "amenity" in table:
        said |= table["amenity"].to_numpy() == "hospital"
    others = table["other_tags"].fillna("").astype(str)
    return np.asarray(said | others.str.contains('"amenity"=>"hospital"', regex=False))


def spots_on(
    lines: np.ndarray, points: np.ndarray, allowed: np.ndarray | None = None
) -> tuple[Spots, np.ndarray]:
    """The nearest place on lines for each point, and how far it is, metres.

    Args:
        lines: (n,) segments in the plane of a grid, n at least 1.
        points: (k,) in the same plane.
        allowed: (n,) bool, those that count; all when None.
    """
    rows = np.arange(len(lines)) if allowed is None else np.flatnonzero(allowed)
    if not len(rows):
        nowhere = np.zeros(len(points), np.int64)
        return Spots(nowhere, np.zeros(len(points))), np.full(len(points), np.inf)
    tree = shapely.STRtree(lines[rows])
    segment = rows[tree.nearest(points)] if len(points) else np.zeros(0, np.int64)
    share = shapely.line_locate_point(lines[segment], points, normalized=True)
    return Spots(segment, share), shapely.distance(lines[segment], points)


def points_in_plane(frame: GeoDataFrame, box: GeoBox) -> np.ndarray:
    """A point of each feature in the plane of a grid."""
    return to_plane(shapely.point_on_surface(frame.geometry.to_numpy()), box)
