"""Blocks that a file does not hold: the same as if they were there and read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from geomage.geo import Tiling
from geomage.mapping.imagery import open_imagery
from geomage.mapping.picture import look

SHAPE = (700, 900)
BOX = GeoBox(SHAPE, Affine(0.5, 0, 500000, 0, -0.5, 4e6), "EPSG:32633")
ASKEW = GeoBox((520, 700), Affine(0.7, 0.05, 499980.3, 0.04, -0.7, 4000010.2), "EPSG:32633")
KINDS = {
    "black": {"count": 3, "dtype": "uint8"},
    "no data": {"count": 3, "dtype": "uint8", "nodata": 0},
    "other no data": {"count": 3, "dtype": "uint16", "nodata": 65535},
    "alpha": {"count": 4, "dtype": "uint8", "photometric": "rgb", "alpha": "yes"},
    "not a number": {"count": 3, "dtype": "float32", "nodata": float("nan")},
    "float": {"count": 3, "dtype": "float32"},
}


def write_twice(place: Path, kind: str) -> tuple[Path, Path]:
    """A file without what holds nothing, and one with it."""
    facts = KINDS[kind]
    empty = facts.get("nodata", 0)
    image = np.full((facts["count"], *SHAPE), empty, facts["dtype"])
    rng = np.random.default_rng(3)
    image[:, 256:512, 384:640] = rng.integers(20, 250, (256, 256))
    image[:, 640:700, 0:128] = rng.integers(20, 250, (60, 128))
    paths = []
    for sparse in (True, False):
        path = place / f"{'sparse' if sparse else 'dense'}.tif"
        profile = {
            "driver": "GTiff", "height": SHAPE[0], "width": SHAPE[1], "crs": "EPSG:32633",
            "transform": BOX.affine, "tiled": True, "blockxsize": 128, "blockysize": 128,
            "compress": "deflate", "sparse_ok": sparse, **facts,
        }  # fmt: skip
        with rasterio.open(path, "w", **profile) as dataset:
            dataset.write(image)
        with rasterio.open(path) as dataset:
            assert (dataset.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1) is None) == sparse
        paths.append(path)
    return paths[0], paths[1]


@pytest.mark.parametrize("grid", [BOX, ASKEW], ids=["own", "askew"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_absent_is_as_if_it_were_read(tmp_path: Path, kind: str, grid: GeoBox) -> None:
    sparse, dense = (look(path, None) for path in write_twice(tmp_path, kind))
    with open_imagery([sparse], grid) as one, open_imagery([dense], grid) as two:
        assert one.stretch == two.stretch
        tiling = Tiling(grid, 96)
        for key in tiling:
            core = tiling.core(key)
            for got, true in zip(one.read(core), two.read(core), strict=True):
                assert np.array_equal(got, true), key
        whole = Window(0, 0, grid.shape[1], grid.shape[0])
        for got, true in zip(one.read(whole), two.read(whole), strict=True):
            assert np.array_equal(got, true)
