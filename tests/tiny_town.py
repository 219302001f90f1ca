"""A drawn town on a real grid: bright roofs on dark ground; some gone, or under cloud, later."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from scipy import ndimage

from geomage.geo import Raster, write_cog

GSD = 0.5
SIDE = 320  # px
BOX = GeoBox((SIDE, SIDE), Affine(GSD, 0, 500000, 0, -GSD, 4e6), "EPSG:32633")
HOUSES = [(row, col) for row in range(24, 300, 48) for col in range(24, 300, 48)]
SIZE = 20  # px, side of a house
GONE = slice(0, 12)  # houses destroyed at the second date
CLOUD = (slice(200, 320), slice(200, 320))


@dataclass(frozen=True)
class Town:
    before: Path
    after: Path


def paint(*, gone: bool = False, cloud: bool = False) -> np.ndarray:
    """uint8 (3, y, x), the same ground at both dates."""
    rng = np.random.default_rng(5)
    ground = 60 + 25 * ndimage.gaussian_filter(rng.normal(0, 1, (SIDE, SIDE)), 2) * 8
    image = np.clip(ground, 20, 90)
    for number, (row, col) in enumerate(HOUSES):
        level = 70 if gone and number in range(*GONE.indices(len(HOUSES))) else 200
        image[row : row + SIZE, col : col + SIZE] = level
    if cloud:
        image[CLOUD] = 250
    image[::8, ::8] = 240  # specks at both ends hold the stretch near one to one
    image[4::8, 4::8] = 16
    return np.repeat(image[None], 3, axis=0).astype("uint8")


def write_town(folder: Path, *, cloud: bool = False) -> Town:
    before = write_cog(folder / "before.tif", Raster(paint(), BOX))
    after = write_cog(folder / "after.tif", Raster(paint(gone=True, cloud=cloud), BOX))
    return Town(before, after)
