"""The outlines of a flood raster, tile by tile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from geopandas import GeoDataFrame

from geomage.geo import (
    Tiling,
    check_raster,
    decoding,
    ground_gsd,
    is_held,
    open_raster,
)
from geomage.geo.areas import TileAreas, join_areas, tile_areas

__all__ = ["FLOOD_SPECK_M2", "flood_areas"]

FLOODED: Final = 1
FLOOD_SPECK_M2: Final = 50.0
"""Flood polygons below this are left out of ``observedEventA``; ``flood.tif`` keeps every pixel."""

_SIDE: Final = 1024  # px of a tile
_SURE: Final = 0.5  # of a speck: pixels differ in size over the grid, by less than that


def flood_areas(path: Path) -> GeoDataFrame:
    """Outline what is flooded, in the CRS of the raster.

    Areas of less than half a speck may be missing: they are dropped tile by tile, so that a noisy
    raster does not fill the memory. Tiles that the file does not hold are not read.
    """
    tiling = Tiling(check_raster(path).box, _SIDE)
    least = int(_SURE * FLOOD_SPECK_M2 / ground_gsd(tiling.box) ** 2)
    found = {}
    with open_raster(path) as dataset, decoding(path):
        for key in tiling:
            core = tiling.core(key)
            if not is_held(dataset, core):
                continue
            values = dataset.read(1, window=core)
            if (values == FLOODED).any():
                found[key] = _without_specks(tile_areas(values, [FLOODED]), least)
    return join_areas(tiling, found)


def _without_specks(areas: TileAreas, least: int) -> TileAreas:
    """The areas of at least so many pixels, and all that may go on in the next tile."""
    parts = areas.parts
    going_on = np.isin(parts.number, np.concatenate([runs.labels for runs in parts.rim]))
    kept = (parts.pixels >= least) | going_on
    names = ("number", "pixels", "frame", "first", "kind", "mark")
    rest = replace(parts, **{name: getattr(parts, name)[kept] for name in names})
    return TileAreas(areas.shapes[kept], rest)
