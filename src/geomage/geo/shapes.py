"""From shapes to rasters and back."""

from __future__ import annotations

from collections.abc import Iterable

import geopandas as gpd
import numpy as np
import rasterio.features
import shapely
import shapely.geometry
from odc.geo.geobox import GeoBox
from shapely.geometry.base import BaseGeometry

from geomage.errors import InputError

_BURNT = ("uint8", "int16", "uint16", "int32", "float32", "float64")


def rasterise(
    shapes: gpd.GeoDataFrame | Iterable[BaseGeometry],
    box: GeoBox,
    *,
    column: str | None = None,
    fill: float = 0,
    dtype: str = "uint8",
) -> np.ndarray:
    """Burn shapes into a grid; a pixel belongs to the shape that holds its centre.

    Args:
        shapes: a GeoDataFrame (brought to the CRS of `box`), or shapes already in that CRS.
        box: the grid.
        column: number to burn for each feature; None burns 1.
        fill: value where no shape lies.
        dtype: type of the result.

    Returns:
        (y, x) array; where shapes overlap the last one wins.
    """
    geometries, values = _burnt(shapes, box, column)
    pairs = [
        (geometry, value)
        for geometry, value in zip(geometries, values, strict=True)
        if geometry is not None and not geometry.is_empty
    ]
    out = np.full(tuple(box.shape), fill, dtype)
    if not pairs:
        return out
    # GDAL burns a few types only: other floats go through float64, other integers through int32.
    through = "float64" if np.issubdtype(out.dtype, np.floating) else "int32"
    through = out.dtype.name if out.dtype.name in _BURNT else through
    burnt = rasterio.features.rasterize(
        pairs, out_shape=out.shape, transform=box.affine, fill=fill, dtype=through
    )
    return np.asarray(burnt.astype(dtype))


def vectorise(
    array: np.ndarray, box: GeoBox, *, mask: np.ndarray | None = None
) -> gpd.GeoDataFrame:
    """Outline the connected areas of equal value (pixels that share a side).

    Args:
        array: (y, x) integers or booleans.
        box: its grid.
        mask: (y, x), true where areas are outlined; None outlines all.

    Returns:
        Polygons in the CRS of `box`, with the column `value`.
    """
    if array.shape != tuple(box.shape):
        raise InputError(f"array {array.shape} does not fit its grid {tuple(box.shape)}")
    data = array.astype("uint8") if array.dtype == np.bool_ else array
    if data.dtype not in (np.dtype("uint8"), np.dtype("int16"), np.dtype("uint16")):
        data = data.astype("int32", copy=False)
    inside = None if mask is None else mask.astype(bool, copy=False)
    found = list(rasterio.features.shapes(data, mask=inside, transform=box.affine))
    return gpd.GeoDataFrame(
        {"value": np.array([int(value) for _, value in found], dtype="int64")},
        geometry=[shapely.geometry.shape(shape) for shape, _ in found],
        crs=None if box.crs is None else box.crs.to_wkt(),
    )


def _burnt(
    shapes: gpd.GeoDataFrame | Iterable[BaseGeometry], box: GeoBox, column: str | None
) -> tuple[list[BaseGeometry], list[float]]:
    if not isinstance(shapes, gpd.GeoDataFrame):
        geometries = list(shapes)
        return geometries, [1] * len(geometries)
    frame = shapes
    if frame.crs is not None and box.crs is not None:
        frame = frame.to_crs(box.crs.to_wkt())
    if column is not None and column not in frame.columns:
        raise InputError(f"no column {column!r}; there are {', '.join(map(str, frame.columns))}")
    values = [1] * len(frame) if column is None else frame[column].tolist()
    return list(frame.geometry), values
