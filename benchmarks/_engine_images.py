"""Large images for `benchmarks.engine`: a real pair and its mirror images, and sparse ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from geomage.geo import Raster, write_cog

GSD = 0.6  # metres, of the sample
PATCH = 1024  # px, what holds data in a sparse raster
PATCHES = 24  # as many in every one


def read_pair(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """(3, y, x) uint8 of both dates of a pair, on the grid of the first.

    Where the second shows nothing it is taken to show the first.
    """
    with rasterio.open(folder / "before.tif") as first:
        before = first.read([1, 2, 3])
        grid = {name: first.profile[name] for name in ("crs", "transform", "width", "height")}
    with (
        rasterio.open(folder / "after.tif") as second,
        WarpedVRT(second, resampling=Resampling.cubic, **grid) as there,
    ):
        after = there.read([1, 2, 3])
    return before, np.where((after > 0).any(axis=0), after, before)


def mirrored(sample: np.ndarray, side: int) -> np.ndarray:
    """(3, side, side): the sample and its mirror images, without a seam."""
    rows, cols = (_there_and_back(side, length) for length in sample.shape[1:])
    return sample[:, rows[:, None], cols]


def _there_and_back(count: int, length: int) -> np.ndarray:
    place = np.arange(count) % (2 * length)
    return np.where(place < length, place, 2 * length - 1 - place)


def utm_grid(side: int) -> GeoBox:
    return GeoBox((side, side), Affine(GSD, 0, 500_000, 0, -GSD, 5_000_000), "EPSG:32631")


def write_dense(path: Path, sample: np.ndarray, side: int) -> Path:
    """A deflate COG of blocks of 512 px, as geomage writes them."""
    image = np.maximum(mirrored(sample, side), 1)  # 0 in all bands would be no data
    return write_cog(path, Raster(image, utm_grid(side), 0, ("red", "green", "blue")))


def write_sparse(path: Path, sample: np.ndarray, side: int) -> Path:
    """A sparse BigTIFF with data in `PATCHES` squares, spread evenly; the rest takes no byte."""
    profile = {
        "driver": "GTiff", "count": 3, "dtype": "uint8", "height": side, "width": side,
        "crs": "EPSG:32631", "transform": utm_grid(side).affine, "nodata": 0, "tiled": True,
        "blockxsize": 512, "blockysize": 512, "compress": "deflate", "photometric": "RGB",
        "interleave": "pixel", "SPARSE_OK": True, "BIGTIFF": "YES",
    }  # fmt: skip
    image = np.maximum(mirrored(sample, 2 * PATCH), 1)
    with rasterio.open(path, "w", **profile) as file:
        for number, (row, col) in enumerate(_places(side)):
            top, left = (number % 2) * PATCH, (number // 2 % 2) * PATCH
            values = image[:, top : top + PATCH, left : left + PATCH]
            file.write(values, window=Window(col, row, PATCH, PATCH))
    return path


def _places(side: int) -> list[tuple[int, int]]:
    """Upper left corners of the squares: on five rows and columns, in whole squares."""
    cells = side // PATCH
    ends = [round(k * (cells - 1) / 4) * PATCH for k in range(5)]
    return [(row, col) for row in ends for col in ends][:PATCHES]
