"""Terrain: a smooth fractal relief, lowered along water."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from geomage.geo import Raster, rasterise
from geomage.world.city import DTM_GSD, city_box

__all__ = ["grow_terrain"]


def _octave(rng: np.random.Generator, n: int, cells: int) -> np.ndarray:
    coarse = rng.normal(size=(cells + 3, cells + 3))
    at = np.linspace(1, cells + 1, n)
    rows, columns = np.meshgrid(at, at, indexing="ij")
    return np.asarray(ndimage.map_coordinates(coarse, [rows, columns], order=3))


def grow_terrain(
    rng: np.random.Generator, size: float, relief_m: float, water: BaseGeometry
) -> Raster:
    """Grow a DTM (1, y, x) in metres at 2 m; ground slopes down to its water.

    Args:
        rng: source of randomness.
        size: side in metres.
        relief_m: standard deviation of the relief over the town.
        water: water polygons in the CRS of the town.
    """
    box = city_box(size, DTM_GSD)
    n = box.shape[0]
    z = np.zeros((n, n))
    for cells in (1, 2, 4, 8):
        z += _octave(rng, n, cells) / cells
    z = relief_m * (z - z.mean()) / max(float(z.std()), 1e-9)
    if not water.is_empty:
        wet = rasterise([water], box).astype(bool)
        if wet.any() and not wet.all():
            away = ndimage.distance_transform_edt(~wet) * DTM_GSD
            level = float(np.percentile(z[wet], 10))
            z = level + (z - level) * np.clip(away / 60, 0, 1) + np.minimum(away, 40) * 0.02
            z[wet] = level - 1.0
    z = z - z.min() + 1.0
    return Raster(z[None].astype(np.float32), box, None, ("height",))
