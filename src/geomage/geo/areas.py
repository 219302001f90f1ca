"""Outlines of the areas of equal value of a raster that is looked at tile by tile."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import rasterio.features
import shapely
import shapely.geometry
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from geomage.geo.components import TileParts, is_even, join, label_values, tile_parts
from geomage.geo.tiling import TileKey, Tiling

__all__ = ["TileAreas", "join_areas", "outlines", "tile_areas", "to_crs_units", "vectorise_tiles"]


@dataclass(frozen=True)
class TileAreas:
    """Areas of equal value within one tile; 16 bytes a corner and 36 an area."""

    shapes: np.ndarray  # (n,) polygons in pixels from the upper left corner of the tile, y down
    parts: TileParts  # the same areas in the same order, to be joined


def vectorise_tiles(
    read_window: Callable[[Window], np.ndarray], tiling: Tiling, wanted: Collection[int]
) -> gpd.GeoDataFrame:
    """Outline the connected areas of some values of a raster that is read window by window.

    Areas, values and corners are those of `vectorise` of the whole raster; their order is that of
    their first pixels. Memory: some 15 bytes a pixel of a tile, and the outlines.

    Args:
        read_window: gives (y, x) integers of a window of the grid.
        tiling: how the raster is read.
        wanted: values to outline.

    Returns:
        Polygons in the CRS of the grid, with the column `value`.
    """
    found = {key: tile_areas(read_window(tiling.core(key)), wanted) for key in tiling}
    return join_areas(tiling, found)


def tile_areas(values: np.ndarray, wanted: Collection[int]) -> TileAreas:
    """Outline the connected areas of some values within one tile.

    Memory: some 15 bytes a pixel.

    Args:
        values: (y, x) integers.
        wanted: values to outline.
    """
    labels, kinds = label_values(values, wanted)
    return TileAreas(outlines(labels)[1], tile_parts(labels, kinds=kinds))


def join_areas(tiling: Tiling, found: Mapping[TileKey, TileAreas]) -> gpd.GeoDataFrame:
    """Join the areas of all tiles across their seams.

    Areas that end within their tile are taken as they are; the rest is dissolved, each component
    for itself.
    """
    joined = join(tiling, {key: areas.parts for key, areas in found.items()})
    shapes = np.full(len(joined.pixels), None, object)
    pieces: dict[int, list[shapely.Polygon]] = {}
    for key, of in joined.of.items():
        core = tiling.core(key)
        moved = _moved(found[key].shapes, core.col_off, core.row_off)
        alone = joined.parts[of] == 1
        shapes[of[alone]] = moved[alone]
        for number, shape in zip(of[~alone].tolist(), moved[~alone], strict=True):
            pieces.setdefault(number, []).append(shape)
    for number, parts in pieces.items():
        shapes[number] = _dissolved(parts)
    order = np.argsort(joined.first, kind="stable")
    box = tiling.box
    return gpd.GeoDataFrame(
        {"value": joined.kind[order].astype("int64")},
        geometry=to_crs_units(shapes[order], box),
        crs=None if box.crs is None else box.crs.to_wkt(),
    )


def outlines(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outline the labelled parts of a raster along the sides of their pixels.

    Args:
        labels: (y, x) int32, 0 outside.

    Returns:
        Labels, ascending; and their polygons in pixels from the upper left corner, y down. A label
        whose pixels do not hang together comes several times.
    """
    if is_even(labels):
        (y, x), number = labels.shape, int(labels[0, 0])
        whole = [shapely.Polygon([(0, 0), (0, y), (x, y), (x, 0)])] * (number > 0)
        return np.full(len(whole), number, "int64"), np.array(whole, object)
    found = list(rasterio.features.shapes(labels, mask=labels > 0))
    numbers = np.array([int(value) for _, value in found], "int64")
    shapes = np.array([shapely.geometry.shape(shape) for shape, _ in found], object)
    order = np.argsort(numbers, kind="stable")
    return numbers[order], shapes[order]


def to_crs_units(shapes: np.ndarray, box: GeoBox) -> np.ndarray:
    """Bring polygons in pixels of a grid to its CRS, corner by corner as GDAL does."""
    a, b, c, d, e, f = box.affine[:6]

    def placed(corners: np.ndarray) -> np.ndarray:
        col, row = corners.T
        return np.stack([c + col * a + row * b, f + col * d + row * e], axis=1)

    return np.asarray(shapely.transform(shapes, placed))


def _moved(shapes: np.ndarray, cols: int, rows: int) -> np.ndarray:
    shift = np.array([cols, rows], "float64")
    return np.asarray(shapely.transform(shapes, lambda corners: corners + shift))


def _dissolved(parts: list[shapely.Polygon]) -> shapely.Polygon:
    """The union of polygons that share sides, without the corners that the seams left on lines."""
    whole = shapely.simplify(shapely.union_all(parts), 0)
    assert isinstance(whole, shapely.Polygon)
    return shapely.Polygon(_turning(whole.exterior), [_turning(ring) for ring in whole.interiors])


def _turning(ring: shapely.LinearRing) -> np.ndarray:
    """(n, 2) corners of a ring without its first one where that lies on a line."""
    corners = shapely.get_coordinates(ring)
    before, here, after = corners[-2], corners[0], corners[1]
    level = before[0] == here[0] == after[0] or before[1] == here[1] == after[1]
    return np.vstack([corners[1:-1], corners[1]]) if level else corners
