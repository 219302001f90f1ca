"""Areas on the ellipsoid, and on the plane where there is no CRS."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyproj
import rasterio
from geopandas import GeoDataFrame, GeoSeries
from odc.geo.geobox import GeoBox

from geomage.geo import absent_value, held_windows

__all__ = ["areas_m2", "box_outline", "class_counts", "lonlat", "pixel_area_m2"]

_AT_ONCE: Final = 100_000  # shapes brought to another CRS


def areas_m2(shapes: GeoDataFrame | GeoSeries) -> np.ndarray:
    """Area of each shape in m², float64 (shape,): on WGS 84 with a CRS, else on the plane.

    The ellipsoid is reached through an equal-area projection centred on the shapes: exact but for
    the bending of long edges, and a thousand times quicker than geodesics one by one.
    """
    geometry = shapes.geometry
    if geometry.crs is None or len(geometry) == 0:
        return np.asarray(geometry.area, float)
    parts = [geometry.iloc[i : i + _AT_ONCE] for i in range(0, len(geometry), _AT_ONCE)]
    ends = np.array([part.to_crs("EPSG:4326").total_bounds for part in parts])
    (west, south), (east, north) = np.fmin.reduce(ends[:, :2]), np.fmax.reduce(ends[:, 2:])
    if not np.isfinite([west, south, east, north]).all():
        return np.full(len(geometry), np.nan)
    lat, lon = (south + north) / 2, (west + east) / 2
    plane = pyproj.CRS.from_proj4(f"+proj=laea +lat_0={lat} +lon_0={lon} +ellps=WGS84 +units=m")
    with np.errstate(invalid="ignore"):  # the far side of the earth has no place on the plane
        return np.concatenate([part.to_crs(plane).area.to_numpy(float) for part in parts])


def box_outline(box: GeoBox) -> GeoSeries:
    """The rim of a grid as one polygon in its own CRS, edges cut so that they bend rightly."""
    rim = box.extent.geom.segmentize(max(box.extent.geom.length / 64, 1e-9))
    return GeoSeries([rim], crs=None if box.crs is None else box.crs.to_wkt())


def pixel_area_m2(box: GeoBox) -> float:
    """Mean area of a pixel in m²."""
    return float(areas_m2(box_outline(box))[0]) / (int(box.shape[0]) * int(box.shape[1]))


def class_counts(dataset: rasterio.io.DatasetReader) -> np.ndarray:
    """Pixels of each value of a one-band uint8 raster, int64 (256,), read window by window.

    What the file does not hold is counted by its size.
    """
    counts = np.zeros(256, np.int64)
    for window in held_windows(dataset, [1]):
        counts += np.bincount(dataset.read(1, window=window).ravel(), minlength=256)
    counts[int(absent_value(dataset))] += dataset.width * dataset.height - counts.sum()
    return counts


def lonlat(shapes: GeoSeries) -> np.ndarray:
    """Longitude and latitude of a point in each shape, float64 (shape, 2); nan without a CRS."""
    if shapes.crs is None:
        return np.full((len(shapes), 2), np.nan)
    inside = shapes.representative_point().to_crs("EPSG:4326")
    return np.column_stack([inside.x, inside.y])
