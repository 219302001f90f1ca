"""The drawn town again and again, over many tiles: a collar, a hole, a cloud, houses on seams."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from geomage.geo import Raster, write_cog
from geomage.mapping import MapJob
from tiny_network import write_tiny_network
from tiny_town import BOX, GSD, Town, paint

SHAPE = (470, 850)  # px
WINDOW = 256  # px, of the network: 2 x 4 tiles
GRID = GeoBox(SHAPE, BOX.affine, BOX.crs)


def write_large_town(folder: Path, gsd: float = GSD) -> Town:
    grid = GeoBox(SHAPE, GRID.affine @ Affine.scale(gsd / GSD), GRID.crs)
    before, after = many(paint()), many(paint(gone=True))
    before[:, :, 830:] = 0  # a collar
    after[:, 300:420, 500:640] = 250  # a cloud
    after[:, 40:200, 10:150] = 0  # a shadow that no tile sees whole
    return Town(
        write_cog(folder / "before.tif", Raster(before, grid)),
        write_cog(folder / "after.tif", Raster(after, grid)),
    )


def many(image: np.ndarray) -> np.ndarray:
    return np.tile(image, (1, 2, 3))[:, : SHAPE[0], : SHAPE[1]].copy()


def write_network(path: Path) -> Path:
    return write_tiny_network(path, window=WINDOW)


def town_job(place: Path, gsd: float = GSD) -> MapJob:
    """What maps it: a product at `place`/out, of a network of small windows."""
    town = write_large_town(place, gsd)
    model = write_network(place / "tiny.onnx")
    return MapJob(before=(town.before,), after=(town.after,), out=place / "out", model=model)
