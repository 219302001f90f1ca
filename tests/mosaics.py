"""Small rasters of one place that patches are cut from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

SIDE = 640
WEST, NORTH = 500_000.0, 5_000_000.0


def box(rows: int, cols: int, gsd: float = 0.5, east: float = 0.0) -> GeoBox:
    return GeoBox((rows, cols), Affine(gsd, 0, WEST + east, 0, -gsd, NORTH), "EPSG:32631")


def labels(side: int = SIDE) -> np.ndarray:
    """Class 1 nearly everywhere, 2 in a band, 3 in one small square, 0 (no data) at the left."""
    classes = np.ones((side, side), np.uint8)
    classes[:, side - 60 :] = 2
    classes[300:316, 200:216] = 3
    classes[:, :20] = 0
    return classes


def write(folder: Path, side: int = SIDE) -> dict[str, Path]:
    """A fine image with a hole of no data, one of half its resolution, and labels."""
    rng = np.random.default_rng(side)
    fine = rng.integers(1, 255, (3, side, side), np.uint8)
    fine[:, :150, :150] = 0
    coarse = rng.integers(1, 4000, (2, side // 2, side // 2)).astype(np.uint16)
    paths = {name: folder / f"{name}.tif" for name in ("fine", "coarse", "classes")}
    for name, values, gsd in (("fine", fine, 0.5), ("coarse", coarse, 1.0)):
        write_tiled(paths[name], values, box(*values.shape[1:], gsd))
    write_tiled(paths["classes"], labels(side)[None], box(side, side))
    return paths


def write_tiled(path: Path, values: np.ndarray, grid: GeoBox) -> Path:
    """A GeoTIFF of blocks of 128 px, 0 no data."""
    profile = {
        "driver": "GTiff", "count": values.shape[0], "height": values.shape[1],
        "width": values.shape[2], "dtype": values.dtype.name, "nodata": 0, "tiled": True,
        "blockxsize": 128, "blockysize": 128, "compress": "deflate", "interleave": "pixel",
        "crs": grid.crs.to_wkt(), "transform": grid.affine,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        file.write(values)
    return path


def write_sparse(path: Path, side: int = 512) -> Path:
    """An image of which only the upper left block of 128 px was ever written."""
    profile = {
        "driver": "GTiff", "width": side, "height": side, "count": 1, "dtype": "uint8",
        "tiled": True, "blockxsize": 128, "blockysize": 128, "sparse_ok": True,
        "crs": "EPSG:32631", "transform": box(side, side).affine, "compress": "deflate",
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        values = np.full((1, 128, 128), 7, np.uint8)
        file.write(values, window=rasterio.windows.Window(0, 0, 128, 128))
    return path
