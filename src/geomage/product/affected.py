"""How densely buildings are hit: a smooth surface of those called Destroyed or Damaged.

Kernel density (Silverman 1986, equation 4.5, the quartic kernel K2 in two dimensions):

    K(d) = 3 / (pi r^2) (1 - (d / r)^2)^2 for d < r, else 0

summed over the buildings, d from a point within each. Its integral over the ground is their number,
less what lies beyond the border of the map. The radius is ours: 150 m, a block or two around each
house; larger on maps of more than 50 km, where the surface has 2048 cells along.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from affine import Affine
from geopandas import GeoDataFrame
from odc.geo.geobox import GeoBox
from scipy import ndimage

from geomage.geo import Raster, ground_gsd, rasterise, write_cog

__all__ = ["HIT", "Surface", "affected_surface", "write_affected"]

HIT: Final = ("Destroyed", "Damaged")
"""The words that count as one building; all others count as none."""
RADIUS_M: Final = 150.0
_CELLS: Final = 6  # along the radius
_MOST: Final = 2048  # cells along the longer side


@dataclass(frozen=True)
class Surface:
    """Buildings hit per square kilometre."""

    values: np.ndarray  # (y, x) float32, nan where the middle of a cell was not analysed
    box: GeoBox
    radius_m: float

    def as_dict(self) -> dict[str, Any]:
        """JSON-able record: what the file holds, and its largest value."""
        known = self.values[np.isfinite(self.values)]
        return {
            "file": "affected.tif",
            "unit": "buildings called Destroyed or Damaged per km2",
            "kernel": "quartic, Silverman 1986, eq. 4.5",
            "radius_m": round(self.radius_m, 1),
            "highest": round(float(known.max(initial=0)), 1),
        }


def affected_surface(buildings: GeoDataFrame, not_analysed: GeoDataFrame, box: GeoBox) -> Surface:
    """Lay the kernel around each building that was hit.

    Args:
        buildings: graded buildings (see `grading.graded`), in the CRS of ``box``.
        not_analysed: polygons of which nothing is known.
        box: grid of the map.
    """
    cells, radius = _cells(box)
    hit = buildings[buildings["damage_gra"].isin(HIT)]
    size = ground_gsd(cells)
    density = ndimage.convolve(_counts(hit, cells), _kernel(radius / size), mode="constant")
    values = (density / (size / 1000) ** 2).astype(np.float32)
    if len(not_analysed):
        values[rasterise(not_analysed, cells) > 0] = np.nan
    return Surface(values, cells, radius)


def write_affected(path: Path, surface: Surface) -> Path:
    """Write a surface as a COG of one band, nan where nothing is known."""
    raster = Raster(surface.values[None], surface.box, nodata=math.nan, bands=("affected",))
    facts = surface.as_dict()
    tags = {name.upper(): str(facts[name]) for name in ("unit", "kernel", "radius_m")}
    return write_cog(path, raster, tags=tags, unit="km-2")


def _cells(box: GeoBox) -> tuple[GeoBox, float]:
    """The coarse grid of the surface, from the corner of the map; and the radius, metres."""
    rows, cols = (int(size) for size in box.shape)
    gsd = ground_gsd(box)
    radius = max(RADIUS_M, max(rows, cols) * gsd * _CELLS / _MOST)
    step = max(1, round(radius / _CELLS / gsd))
    shape = (math.ceil(rows / step), math.ceil(cols / step))
    affine = box.affine @ Affine.scale(step)
    return GeoBox(shape, affine, box.crs), radius


def _counts(hit: GeoDataFrame, cells: GeoBox) -> np.ndarray:
    """(y, x) float64 buildings, each shared between the four cells whose middles are nearest."""
    rows, cols = (int(size) for size in cells.shape)
    out = np.zeros((rows, cols))
    if len(hit) == 0:
        return out
    inside = hit.geometry.representative_point()
    x, y = ~cells.affine @ (inside.x.to_numpy(), inside.y.to_numpy())
    x, y = np.clip(x - 0.5, 0, cols - 1), np.clip(y - 0.5, 0, rows - 1)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    for down, along in ((0, 0), (0, 1), (1, 0), (1, 1)):
        weight = np.abs(1 - down - (y - top)) * np.abs(1 - along - (x - left))
        at = (np.minimum(top + down, rows - 1), np.minimum(left + along, cols - 1))
        np.add.at(out, at, weight)
    return out


def _kernel(radius: float) -> np.ndarray:
    """(n, n) shares of one building by cell, of sum 1; `radius` in cells."""
    reach = math.ceil(radius)
    away = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1]) / radius
    weights = np.maximum(1 - away**2, 0) ** 2
    return np.asarray(weights / weights.sum())
