"""Close looks are as sharp as the images, whatever the picture of the whole map."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from PIL import Image

from geomage.geo import Raster, write_cog
from geomage.product.page.chips import CHIP_PX, MOST_CHIPS, cut_chips
from geomage.product.page.pictures import Picture, take_picture

GRID = GeoBox((2400, 2400), Affine(0.5, 0, 366_000.0, 0, -0.5, 4_104_000.0), "EPSG:32615")
HOUSE = (1000, 600, 1020, 620)  # left, top, right, bottom in pixels of the grid


def striped(path: Path) -> Path:
    """Grey ground and one house of stripes that are two pixels wide."""
    values = np.full((3, 2400, 2400), 100, np.uint8)
    left, top, right, bottom = HOUSE
    values[:, top:bottom, left:right] = np.where(np.arange(20) % 4 < 2, 220, 20)
    return write_cog(path, Raster(values, GRID, bands=("red", "green", "blue")))


def look(picture: Picture) -> np.ndarray:
    with Image.open(io.BytesIO(picture.jpeg)) as image:
        return np.asarray(image.convert("L"), float)


def test_a_close_look_shows_what_the_picture_cannot(tmp_path: Path) -> None:
    path = striped(tmp_path / "image.tif")
    small = take_picture([path], GRID, largest_px=400)
    extent = tuple(edge / 6 for edge in HOUSE)
    chips = cut_chips([extent, None], GRID, small, [([path], (0.0, 0.0))])
    assert chips.after is None
    left, top, side = chips.places[0]
    assert chips.places[1] is None
    sheet = look(chips.before)
    assert sheet.shape == (CHIP_PX, 2 * CHIP_PX)
    k = CHIP_PX / (side * 6)  # pixels of the square for one of the image
    row = int((610 - top * 6) * k)
    across = [int((1000 + at + 1 - left * 6) * k) for at in range(0, 20, 2)]
    stripes = sheet[row, across]
    assert np.ptp(stripes) > 120
    assert (np.sign(np.diff(stripes)) == [-1, 1, -1, 1, -1, 1, -1, 1, -1]).all()
    house = look(small)[103, 167:170]
    assert np.ptp(house) < 60  # in the picture the stripes run into one another


def test_no_more_than_two_hundred_are_cut_and_none_where_the_picture_is_fine(tmp_path) -> None:
    path = striped(tmp_path / "image.tif")
    small = take_picture([path], GRID, largest_px=400)
    extents = [(10.0 + i, 10.0, 13.0 + i, 13.0) for i in range(MOST_CHIPS + 50)]
    chips = cut_chips(extents, GRID, small, [([path], (0.0, 0.0))])
    assert len(chips.places) == MOST_CHIPS
    assert cut_chips(extents, GRID, Picture(2400, 2400, b""), [([path], (0.0, 0.0))]) is None


def test_a_building_too_long_for_a_square_has_none(tmp_path: Path) -> None:
    path = striped(tmp_path / "image.tif")
    small = take_picture([path], GRID, largest_px=400)
    chips = cut_chips([(10.0, 10.0, 110.0, 20.0)], GRID, small, [([path], (0.0, 0.0))])
    assert chips.places == [None]


def test_the_second_date_is_moved_back(tmp_path: Path) -> None:
    """Content that lies 2 m east of where it should is shown where it should be."""
    path = striped(tmp_path / "image.tif")
    small = take_picture([path], GRID, largest_px=400)
    extent = tuple((edge - 4 * (i % 2 == 0)) / 6 for i, edge in enumerate(HOUSE))
    dates = [([path], (0.0, 0.0)), ([path], (2.0, 0.0))]
    chips = cut_chips([extent], GRID, small, dates)
    before, after = (
        np.flatnonzero(np.abs(look(sheet)[CHIP_PX // 2] - 100) > 60).mean()
        for sheet in (chips.before, chips.after)
    )
    k = CHIP_PX / (chips.places[0][2] * 6)
    assert before - after == pytest.approx(4 * k, abs=1)  # 2 m are 4 px
