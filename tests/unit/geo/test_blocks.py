"""Windows of whole blocks cover a raster once, and those that hold nothing are known unread."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image
from rasterio.windows import Window

from geomage.geo import absent_value, block_windows, held_windows, is_held, open_raster, pixel_box
from geomage.geo.under import whole_shift, window_under

PROFILE = {
    "driver": "GTiff", "width": 700, "height": 500, "count": 2, "dtype": "uint8",
    "transform": Affine(1, 0, 70, 0, -1, 90), "compress": "deflate", "sparse_ok": True,
}  # fmt: skip
TILED = {"tiled": True, "blockxsize": 64, "blockysize": 64}


def write(path, **options):
    with rasterio.open(path, "w", **PROFILE, **options) as dataset:
        dataset.write(np.ones((10, 10), "uint8"), 2, window=Window(300, 200, 10, 10))
    return path


@pytest.mark.parametrize("options", [TILED, {"blockysize": 7}, {**TILED, "interleave": "pixel"}])
def test_windows_cover_a_raster_once_in_whole_blocks(tmp_path, options):
    count = np.zeros((500, 700), int)
    with rasterio.open(write(tmp_path / "a.tif", **options)) as dataset:
        high, wide = dataset.block_shapes[0]
        for window in block_windows(dataset, side=150):
            count[window.toslices()] += 1
            assert window.row_off % high == 0
            assert window.col_off % wide == 0
            assert window.width * window.height <= max(150**2, high * wide)
    assert (count == 1).all()


def test_only_windows_that_hold_a_block_of_a_wanted_band_are_told(tmp_path):
    with rasterio.open(write(tmp_path / "a.tif", **TILED, interleave="band")) as dataset:
        found = list(held_windows(dataset, side=128))
        assert found == [Window(256, 128, 128, 128)]
        assert list(held_windows(dataset, [2], side=128)) == found
        assert not list(held_windows(dataset, [1], side=128))
        assert is_held(dataset, Window(310, 190, 5, 5))
        assert not is_held(dataset, Window(0, 0, 256, 500))
        assert not is_held(dataset, Window(-90, -90, 50, 50))
        assert absent_value(dataset) == 0


def test_bands_that_share_blocks_are_held_together(tmp_path):
    with rasterio.open(write(tmp_path / "a.tif", **TILED, interleave="pixel")) as dataset:
        assert list(held_windows(dataset, [1], side=128)) == [Window(256, 128, 128, 128)]


def test_what_is_absent_reads_as_is_told(tmp_path):
    with rasterio.open(write(tmp_path / "a.tif", **TILED, nodata=9, interleave="band")) as dataset:
        assert absent_value(dataset, 1) == 9
        assert (dataset.read(1) == 9).all()


def test_other_formats_hold_everything(tmp_path):
    Image.fromarray(np.zeros((20, 30), "uint8")).save(tmp_path / "a.png")
    with open_raster(tmp_path / "a.png") as dataset:
        assert sum(w.width * w.height for w in held_windows(dataset)) == 600


def test_grids_that_share_pixels_are_whole_pixels_apart():
    own = pixel_box((100, 100), 0.5)
    assert whole_shift(own, own[20:50, 30:60]) == (20, 30)
    assert whole_shift(own[20:50, 30:60], own) == (-20, -30)
    assert whole_shift(own, pixel_box((100, 100), 0.501)) is None
    moved = own.affine @ Affine.translation(0.3, 0)
    assert whole_shift(own, type(own)((9, 9), moved, None)) is None


def test_the_pixels_under_a_part_are_told_with_a_rim():
    own = pixel_box((100, 100), 0.5)
    assert window_under(own, own[20:50, 30:60]) == Window(28, 18, 34, 34)
    assert window_under(own, own[0:10, 0:100]) == Window(0, 0, 100, 12)
    far = type(own)((9, 9), own.affine @ Affine.translation(500, 0), None)
    assert window_under(own, far) is None
