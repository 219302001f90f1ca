"""The terrain of an imported city: from a model of any grid and CRS, or level ground."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.warp import reproject
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from geomage.errors import InputError
from geomage.geo import Raster, ground_gsd, open_raster, rasterise, warp_crs
from geomage.geo.open import dataset_facts
from geomage.world.extent import DTM_GSD

__all__ = ["HOLES", "level_terrain", "read_terrain"]

_EARTHLY = (-450.0, 9000.0)  # metres; what lies outside is no height of the ground
HOLES = 0.05  # share of the city that may lack a height


def read_terrain(path: Path, box: GeoBox) -> tuple[Raster, int]:
    """Bring a terrain model to the grid of a city.

    Holes of up to 5 % of the city take the height of the nearest ground.

    Args:
        path: a raster of heights in metres, of any CRS.
        box: the city's terrain grid.

    Returns:
        The terrain (1, y, x) float32, and how many pixels had no height.

    Raises:
        InputError: no raster, no CRS, or it does not cover the city.
    """
    with open_raster(path) as dataset:
        facts = dataset_facts(dataset)
        if facts.box.crs is None:
            raise InputError(f"{path} has no CRS: a terrain model needs one (gdal_edit -a_srs)")
        finer = ground_gsd(facts.box) < abs(box.affine.a)
        found = np.full(box.shape.yx, np.nan, np.float32)
        try:
            reproject(
                rasterio.band(dataset, 1),
                found,
                dst_transform=box.affine,
                dst_crs=warp_crs(box),
                src_nodata=facts.nodata,
                dst_nodata=np.nan,
                resampling=Resampling.average if finer else Resampling.cubic_spline,
            )
        except RasterioError as error:
            raise InputError(f"{path} is damaged or cannot be reprojected ({error})") from error
    found[(found < _EARTHLY[0]) | (found > _EARTHLY[1])] = np.nan
    hole = ~np.isfinite(found)
    if hole.mean() > HOLES:
        raise InputError(
            f"{path} covers {1 - hole.mean():.0%} of the city only: give a terrain model that "
            "covers it, or choose a smaller city"
        )
    return Raster(_closed(found, hole)[None], box, None, ("height",)), int(hole.sum())


def _closed(values: np.ndarray, hole: np.ndarray) -> np.ndarray:
    if not hole.any():
        return values
    rows, columns = ndimage.distance_transform_edt(
        hole, return_distances=False, return_indices=True
    )
    return np.asarray(values[rows, columns])


def level_terrain(box: GeoBox, water: BaseGeometry) -> Raster:
    """Level ground at 3 m, sinking over 40 m to its water at 1 m: no relief is made up.

    Args:
        box: the city's terrain grid.
        water: its permanent water, in the CRS of the grid.
    """
    z = np.full(box.shape.yx, 3.0)
    if not water.is_empty:
        wet = rasterise([water], box).astype(bool)
        if wet.any():
            away = ndimage.distance_transform_edt(~wet) * DTM_GSD
            z = 1.6 + 1.4 * np.clip(away / 40, 0, 1)
            z[wet] = 1.0
    return Raster(z[None].astype(np.float32), box, None, ("height",))
