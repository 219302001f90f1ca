"""The terrain of an imported city: from a model of any grid and CRS, or level ground."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.warp import reproject
from rasterio.windows import Window
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from geomage.errors import BudgetError, InputError
from geomage.geo import Raster, ground_gsd, open_raster, rasterise, warp_crs
from geomage.geo.open import RasterFacts, dataset_facts, decoding
from geomage.world.extent import DTM_GSD, said_in_degrees, transformer

__all__ = ["HOLES", "level_terrain", "read_terrain", "terrain_crs"]

_EARTHLY = (-450.0, 9000.0)  # metres; what lies outside is no height of the ground
HOLES = 0.05  # share of the city that may lack a height
_CHUNK = 512  # pixels of the city's grid that are filled at once
_MOST_READ = 150_000_000  # pixels read for one chunk
_AROUND = 6  # source pixels around it that its rim leans on
_FEET = {"ft": 0.3048, "foot": 0.3048, "feet": 0.3048, "us survey foot": 1200 / 3937}


def read_terrain(path: Path, box: GeoBox) -> tuple[Raster, int]:
    """Bring a terrain model to the grid of a city.

    Heights are metres; scale, offset and a unit of feet that the file states are heeded. What is
    no height (its no-data value, NaN, below -450 m or above 9000 m) has no say in what lies beside
    it; holes of up to 5 % of the city take the height of the nearest ground.

    Args:
        path: a raster of one band, of any CRS.
        box: the city's terrain grid.

    Returns:
        The terrain (1, y, x) float32, and how many pixels had no height.

    Raises:
        BudgetError: its pixels are far too fine.
        InputError: no terrain model, no CRS, damaged, or it does not cover the city.
    """
    found = np.full(box.shape.yx, np.nan, np.float32)
    with open_raster(path) as dataset, decoding(path):
        facts = dataset_facts(dataset)
        crs = terrain_crs(path, facts)
        finer = ground_gsd(facts.box) < abs(box.affine.a)
        for top in range(0, box.shape.y, _CHUNK):
            for left in range(0, box.shape.x, _CHUNK):
                part = np.s_[top : top + _CHUNK, left : left + _CHUNK]
                window = _window_of(dataset, box[part])
                if window is None:
                    continue
                if window.width * window.height > _MOST_READ:
                    raise BudgetError(
                        f"{path} has pixels of {ground_gsd(facts.box):.2g} m, too fine for a city: "
                        "bring it to 0.5 m or coarser (gdalwarp -tr)"
                    )
                reproject(
                    _heights(dataset, window),
                    found[part],
                    src_transform=dataset.window_transform(window),
                    src_crs=dataset.crs,
                    dst_transform=box[part].affine,
                    dst_crs=warp_crs(box),
                    src_nodata=np.nan,
                    dst_nodata=np.nan,
                    resampling=Resampling.average if finer else Resampling.cubic_spline,
                )
    hole = ~np.isfinite(found)
    if hole.mean() > HOLES:
        west, south, east, north = facts.box.boundingbox.bbox
        place = said_in_degrees((west, south, east, north), crs.to_wkt())
        raise InputError(
            f"{path} covers {1 - hole.mean():.0%} of the city only, since it covers {place} "
            "(W,S,E,N): give another terrain model, or move or shrink the city"
        )
    return Raster(_closed(found, hole)[None], box, None, ("height",)), int(hole.sum())


def _window_of(dataset: DatasetReader, part: GeoBox) -> Window | None:
    """The part of a raster that a grid needs; None where they do not meet."""
    rows, columns = np.meshgrid(*(np.linspace(0, n, 9) for n in part.shape.yx), indexing="ij")
    a, b, c, d, e, f = part.affine[:6]
    change = transformer(warp_crs(part), dataset.crs.to_wkt())
    x, y = change.transform(a * columns + b * rows + c, d * columns + e * rows + f)
    if dataset.crs.is_geographic:  # of the same meridian, the one within the raster
        middle = (dataset.bounds.left + dataset.bounds.right) / 2
        x = x + 360 * np.round((middle - x) / 360)
    good = np.isfinite(x) & np.isfinite(y)
    if not good.any():
        return None
    a, b, c, d, e, f = (~dataset.transform)[:6]
    u, v = a * x[good] + b * y[good] + c, d * x[good] + e * y[good] + f
    least = np.floor([u.min(), v.min()]) - _AROUND
    most = np.ceil([u.max(), v.max()]) + _AROUND
    least, most = (np.clip(w, 0, [dataset.width, dataset.height]) for w in (least, most))
    width, height = (most - least).astype(int)
    return Window(*least.astype(int), width, height) if width > 0 and height > 0 else None


def _heights(dataset: DatasetReader, window: Window) -> np.ndarray:
    """Heights (y, x) float32 of a part of a raster, metres; NaN for what is none."""
    stored = dataset.read(1, window=window, masked=True)
    feet = _FEET.get((dataset.units[0] or "").strip().lower(), 1.0)
    z = np.ma.filled(stored.astype(np.float64), np.nan)
    z = (z * dataset.scales[0] + dataset.offsets[0]) * feet
    z[~((z >= _EARTHLY[0]) & (z <= _EARTHLY[1]))] = np.nan
    return np.asarray(z.astype(np.float32))


def terrain_crs(path: Path, facts: RasterFacts) -> CRS:
    """The CRS of a terrain model; InputError for a raster that can be none, or lies nowhere."""
    if facts.box.crs is None:
        raise InputError(f"{path} has no CRS: a terrain model needs one (gdal_edit -a_srs)")
    if facts.count != 1:
        raise InputError(f"{path} has {facts.count} bands: a terrain model has one, of heights")
    if facts.dtype.startswith("complex"):
        raise InputError(f"{path} holds complex numbers: a terrain model has heights, metres")
    return facts.box.crs


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
