"""Where tiles lie: the world in Web Mercator, or the product's own plane where it has no place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyproj
from affine import Affine
from odc.geo.geobox import GeoBox

from geomage.geo import ground_gsd

__all__ = ["TILE_PX", "TilePlane", "plane_of"]

TILE_PX: Final = 256
_RIM: Final = math.pi * 6_378_137.0  # m, of Web Mercator: EPSG Guidance Note 7-2, method 1024
_MERCATOR: Final = "EPSG:3857"
_HIGHEST_LAT: Final = 85.0
_DEEPEST: Final = 24
_CLOSER: Final = 1  # zooms beyond one pixel of the product to a pixel of the screen


@dataclass(frozen=True)
class TilePlane:
    """Squares of tiles, zoom 0 being one: x to the east, y to the south, from the top left."""

    crs: str | None  # EPSG:3857, or the WKT of the product's; None without one
    left: float  # units of the CRS
    top: float
    side: float  # of the tile at zoom 0, units of the CRS
    deepest: int  # zoom
    bounds: tuple[float, float, float, float]  # left, bottom, right, top of the product
    unit: float  # units of the CRS in a metre on the ground, at the product

    @property
    def is_mercator(self) -> bool:
        """Whether these are the tiles that other web maps use."""
        return self.crs == _MERCATOR

    def tile(self, z: int, x: int, y: int) -> GeoBox | None:
        """Grid of one tile; None where there is none."""
        if not (0 <= z <= self.deepest and 0 <= x < 2**z and 0 <= y < 2**z):
            return None
        size = self.side / 2**z
        step = size / TILE_PX
        shift = Affine(step, 0.0, self.left + x * size, 0.0, -step, self.top - y * size)
        return GeoBox((TILE_PX, TILE_PX), shift, self.crs)


def plane_of(box: GeoBox) -> TilePlane:
    """The plane that shows a product.

    That is Web Mercator but near the poles, over 180 degrees, and without a CRS.
    """
    lonlat = _lonlat_bounds(box)
    return _own(box) if lonlat is None else _mercator(box, lonlat)


def _lonlat_bounds(box: GeoBox) -> tuple[float, float, float, float] | None:
    """West, south, east, north; None where Web Mercator is no good map of it."""
    if box.crs is None:
        return None
    change = pyproj.Transformer.from_crs(box.crs.proj, "EPSG:4326", always_xy=True)
    extent = box.extent.boundingbox
    west, south, east, north = change.transform_bounds(
        extent.left, extent.bottom, extent.right, extent.top, densify_pts=21
    )
    fits = np.isfinite([west, south, east, north]).all() and west < east
    return (west, south, east, north) if fits and max(-south, north) < _HIGHEST_LAT else None


def _mercator(box: GeoBox, lonlat: tuple[float, float, float, float]) -> TilePlane:
    west, south, east, north = lonlat
    change = pyproj.Transformer.from_crs("EPSG:4326", _MERCATOR, always_xy=True)
    (left, right), (low, top) = change.transform([west, east], [south, north])
    unit = 1 / math.cos(math.radians((south + north) / 2))
    pixel = ground_gsd(box) * unit
    zoom = math.ceil(math.log2(2 * _RIM / TILE_PX / pixel)) + _CLOSER
    bounds = (left, low, right, top)
    return TilePlane(_MERCATOR, -_RIM, _RIM, 2 * _RIM, min(max(zoom, 0), _DEEPEST), bounds, unit)


def _own(box: GeoBox) -> TilePlane:
    extent = box.extent.boundingbox
    pixel = abs(box.affine.a)
    longest = max(extent.right - extent.left, extent.top - extent.bottom)
    zoom = max(0, math.ceil(math.log2(longest / pixel / TILE_PX)))
    side = pixel * TILE_PX * 2**zoom
    bounds = (extent.left, extent.bottom, extent.right, extent.top)
    crs = None if box.crs is None else box.crs.to_wkt()
    unit = pixel / ground_gsd(box)
    return TilePlane(
        crs, extent.left, extent.top, side, min(zoom + _CLOSER, _DEEPEST), bounds, unit
    )
