"""People of each zone, from a raster that counts them, on whatever grid that lies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import rasterio
import shapely
from affine import Affine
from geopandas import GeoDataFrame
from odc.geo.geobox import GeoBox
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from geomage.errors import InputError
from geomage.geo import (
    RasterFacts,
    check_raster,
    decoding,
    is_earthly,
    open_raster,
    rasterise,
    warp_crs,
    window_box,
)
from geomage.product.surface import box_outline

__all__ = ["Residents", "residents_of"]

_PARTS: Final = 16  # a side of a pixel is cut into, to share it out between zones
_SIDE: Final = 64  # px of the population raster read at once
_MOST: Final = 1e10  # people in a pixel: more than live on earth


@dataclass(frozen=True)
class Residents:
    """Who lives in each zone."""

    people: np.ndarray  # (zone,) float64; nan where the raster knows nothing of the zone
    known: np.ndarray  # (zone,) share of the zone's pixels of which the raster says anything


def residents_of(zones: GeoDataFrame, population: Path, box: GeoBox) -> Residents:
    """Share out the people of each pixel by the part of it that lies in each zone.

    A pixel counts people, not people per area, and they are taken to live evenly over it: it is
    cut into 16 x 16 parts, each of which belongs to the zone that holds its centre.

    Args:
        zones: polygons in the CRS of the map.
        population: raster of people per pixel, one band, any CRS and grid.
        box: grid of the map.

    Raises:
        InputError: no such raster, several bands, no CRS, impossible counts, or it lies elsewhere.
    """
    facts = check_raster(population)
    _refuse_values(population, facts)
    _refuse_grid(population, facts.box, box)
    own = zones.assign(number=range(1, len(zones) + 1)).to_crs(warp_crs(facts.box))
    people, seen, parts = (np.zeros(len(zones) + 1) for _ in range(3))
    with open_raster(population) as dataset, decoding(population):
        for window in _windows(own, facts.box):
            number = _numbers(own, window_box(facts.box, window))
            counts, there = _counts(dataset, window, population)
            fine = np.repeat(np.repeat(counts, _PARTS, 0), _PARTS, 1) / _PARTS**2
            known = np.repeat(np.repeat(there, _PARTS, 0), _PARTS, 1)
            people += np.bincount(number.ravel(), fine.ravel(), len(people))
            seen += np.bincount(number.ravel(), known.ravel(), len(people))
            parts += np.bincount(number.ravel(), minlength=len(people))
    if not parts[1:].any():
        raise InputError(
            f"--population {population}: does not lie on the zones of the map, or its pixels are "
            "far larger than these; give a raster of the same place"
        )
    share = seen[1:] / np.maximum(parts[1:], 1)
    return Residents(np.where(seen[1:] > 0, people[1:], np.nan), share)


def _refuse_values(population: Path, facts: RasterFacts) -> None:
    if facts.count != 1:
        raise InputError(
            f"--population {population}: has {facts.count} bands; give one of people per pixel"
        )
    if "complex" in facts.dtype:
        raise InputError(f"--population {population}: holds complex numbers; give people per pixel")


def _refuse_grid(population: Path, own: GeoBox, box: GeoBox) -> None:
    if box.crs is None:
        raise InputError(
            "--population: the images have no CRS, so that people cannot be laid on them"
        )
    if own.crs is None:
        raise InputError(f"--population {population}: has no CRS; assign the one it was made in")
    if not is_earthly(own.crs):
        raise InputError(f"--population {population}: its CRS is no place on earth")
    mine, there = (box_outline(one).to_crs("EPSG:4326").iloc[0] for one in (box, own))
    if not shapely.intersects(mine, there):
        raise InputError(
            f"--population {population}: lies elsewhere: it spans {_bounds(there)} in degrees, the "
            f"map {_bounds(mine)}"
        )


def _windows(zones: GeoDataFrame, box: GeoBox) -> Iterator[Window]:
    """Windows of the raster over the zones."""
    left, bottom, right, top = zones.total_bounds
    corners = [
        ~box.affine @ at for at in ((left, top), (right, top), (left, bottom), (right, bottom))
    ]
    cols, rows = np.array(corners).T
    height, width = (int(size) for size in box.shape)
    first_row, last_row = max(int(np.floor(rows.min())), 0), min(int(np.ceil(rows.max())), height)
    first_col, last_col = max(int(np.floor(cols.min())), 0), min(int(np.ceil(cols.max())), width)
    for row in range(first_row, last_row, _SIDE):
        for col in range(first_col, last_col, _SIDE):
            yield Window(col, row, min(_SIDE, last_col - col), min(_SIDE, last_row - row))


def _numbers(zones: GeoDataFrame, part: GeoBox) -> np.ndarray:
    """(16 y, 16 x) number of the zone of each part of the pixels of a window, 0 outside all."""
    return rasterise(zones, _cut(part), column="number", dtype="int32")


def _cut(box: GeoBox) -> GeoBox:
    """A grid with 16 x 16 pixels for each."""
    rows, cols = (int(size) * _PARTS for size in box.shape)
    return GeoBox((rows, cols), box.affine @ Affine.scale(1 / _PARTS), box.crs)


def _counts(
    dataset: rasterio.io.DatasetReader, window: Window, path: Path
) -> tuple[np.ndarray, np.ndarray]:
    """(y, x) people, 0 where nothing is known; and where something is."""
    values = dataset.read(1, window=window).astype("float64")
    there = (dataset.read_masks(1, window=window) > 0) & np.isfinite(values)
    known = values[there]
    odd = known[(known < 0) | (known > _MOST)]
    if odd.size:
        raise InputError(
            f"--population {path}: counts {odd.min():g} people in a pixel; declare that value as "
            "no data (gdal_edit -a_nodata), or give another raster"
        )
    return np.where(there, values, 0.0), there


def _bounds(shape: BaseGeometry) -> str:
    return "[" + ", ".join(f"{value:.5g}" for value in shape.bounds) + "]"
