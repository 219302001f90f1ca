"""From shapes to rasters and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import geopandas as gpd
import numpy as np
import rasterio.features
import shapely
import shapely.geometry
from odc.geo.geobox import GeoBox
from shapely.geometry.base import BaseGeometry

from geomage.errors import InputError
from geomage.geo import _kernels_burn as k

_BURNT = ("uint8", "int16", "uint16", "int32", "float32", "float64")
_POLYGON, _POLYGONS = 3, 6  # type numbers of shapely


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
    return burn_shapes(geometries, values, box, np.full(tuple(box.shape), fill, dtype))


def burn_shapes(
    geometries: Sequence[BaseGeometry] | np.ndarray,
    values: Sequence[float] | np.ndarray,
    box: GeoBox,
    out: np.ndarray,
) -> np.ndarray:
    """Burn shapes in the CRS of `box`, a value each, over an array (y, x); returns it or another.

    Polygons on an upright grid are burnt here, by the very rule of GDAL; GDAL burns all else.
    """
    every = np.array(geometries, object).reshape(-1)
    some = ~(shapely.is_missing(every) | shapely.is_empty(every))
    every, each = every[some], np.asarray(values)[some]
    if not len(every):
        return out
    if _is_plain(every, box):
        _burn_polygons(every, each.astype(out.dtype), box, out)
        return out
    return _burn_any(every, each, box, out)


def _is_plain(shapes: np.ndarray, box: GeoBox) -> bool:
    """Whether all shapes are polygons or sets of them, and the grid is upright."""
    kinds = shapely.get_type_id(shapes)
    upright = box.affine.b == 0 and box.affine.d == 0 and box.affine.a > 0 > box.affine.e
    return upright and bool(np.isin(kinds, [_POLYGON, _POLYGONS]).all())


def _burn_polygons(shapes: np.ndarray, values: np.ndarray, box: GeoBox, out: np.ndarray) -> None:
    parts, of = shapely.get_parts(shapes, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    corners, ring = shapely.get_coordinates(rings, return_index=True)
    a = box.affine
    x = -a.c / a.a + corners[:, 0] * (1 / a.a)  # as GDAL rounds
    y = -a.f / a.e + corners[:, 1] * (1 / a.e)
    first, inside = _firsts(ring, len(rings)), _firsts(part, len(parts))
    k.burn(x, y, first, inside, shapely.is_ccw(rings), values[of], out)


def _firsts(of: np.ndarray, count: int) -> np.ndarray:
    """First place (count + 1,) of each number in a sorted row of numbers 0..count - 1."""
    return np.searchsorted(of, np.arange(count + 1))


def _burn_any(shapes: np.ndarray, values: np.ndarray, box: GeoBox, out: np.ndarray) -> np.ndarray:
    # GDAL burns a few types only: other floats go through float64, other integers through int32.
    through = "float64" if np.issubdtype(out.dtype, np.floating) else "int32"
    through = out.dtype.name if out.dtype.name in _BURNT else through
    pairs = zip(shapes, values.tolist(), strict=True)
    burnt = out.astype(through)
    rasterio.features.rasterize(pairs, out=burnt, transform=box.affine)
    return np.asarray(burnt.astype(out.dtype))


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
