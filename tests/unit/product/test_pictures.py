"""Pictures lie on the product grid, small, and moved back by the measured shift."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from PIL import Image

from geomage.errors import InputError
from geomage.geo import Raster, pixel_box, write_cog
from geomage.product.page.pictures import Picture, take_picture

UTM = "EPSG:32615"


def box(shape: tuple[int, int] = (64, 96), left: float = 366_000.0, gsd: float = 1.0) -> GeoBox:
    return GeoBox(shape, Affine(gsd, 0, left, 0, -gsd, 4_104_000.0), UTM)


def values(picture: Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.jpeg))).astype(int).mean(axis=2)


def spot(path: Path, where: GeoBox, rows: slice, columns: slice, dtype: str = "uint8") -> Path:
    top = 255 if dtype == "uint8" else 4000
    image = np.zeros((3, *where.shape), dtype)
    image[:, rows, columns] = top
    return write_cog(path, Raster(image, where))


def centre(grey: np.ndarray) -> tuple[float, float]:
    rows, columns = np.nonzero(grey > 128)
    return float(rows.mean()), float(columns.mean())


def test_a_spot_stays_where_it_is(tmp_path: Path) -> None:
    path = spot(tmp_path / "a.tif", box(), slice(16, 32), slice(48, 64))
    assert centre(values(take_picture([path], box()))) == pytest.approx((23.5, 55.5), abs=0.6)


@pytest.mark.parametrize("crs", [UTM, None])
def test_the_measured_shift_is_taken_back(tmp_path: Path, crs: str | None) -> None:
    where = box() if crs else pixel_box((64, 96), 1.0)
    # the content lies 8 m east and 4 m north of where it should
    path = spot(tmp_path / "a.tif", where, slice(12, 28), slice(56, 72))
    grey = values(take_picture([path], where, shift_m=(8.0, 4.0))).copy()
    grey[:5], grey[:, -9:] = 0, 0  # paper, where the moved image ends
    assert centre(grey) == pytest.approx((23.5, 55.5), abs=0.6)


def test_large_images_come_out_small(tmp_path: Path) -> None:
    path = spot(tmp_path / "a.tif", box((200, 300)), slice(50, 100), slice(150, 200))
    picture = take_picture([path], box((200, 300)), largest_px=60)
    assert (picture.width, picture.height) == (60, 40)
    assert centre(values(picture)) == pytest.approx((14.5, 34.5), abs=0.8)


def test_beyond_an_image_is_paper_not_black(tmp_path: Path) -> None:
    path = spot(tmp_path / "a.tif", box(left=366_048.0), slice(0, 64), slice(0, 96))
    grey = values(take_picture([path], box()))
    assert np.all(np.abs(grey[:, :40] - 236) < 6)
    assert np.all(grey[:, 56:] > 245)


def test_several_images_make_a_mosaic_first_on_top(tmp_path: Path) -> None:
    dark = write_cog(tmp_path / "d.tif", Raster(np.full((3, 64, 48), 40, np.uint8), box((64, 48))))
    light = spot(tmp_path / "l.tif", box(), slice(0, 64), slice(0, 96))
    grey = values(take_picture([dark, light], box()))
    assert grey[:, :40].max() < 60
    assert grey[:, 56:].min() > 240


def test_sixteen_bits_are_stretched(tmp_path: Path) -> None:
    path = spot(tmp_path / "a.tif", box(), slice(16, 32), slice(48, 64), "uint16")
    assert values(take_picture([path], box())).max() > 240


def test_one_band_is_refused(tmp_path: Path) -> None:
    path = write_cog(tmp_path / "a.tif", Raster(np.ones((1, 64, 96), np.uint8), box()))
    with pytest.raises(InputError, match="1 band"):
        take_picture([path], box())


def test_numbers_that_are_no_measurements_have_no_say(tmp_path: Path) -> None:
    image = np.tile(np.linspace(0.1, 0.5, 96), (3, 64, 1))
    clean = write_cog(tmp_path / "clean.tif", Raster(image, box()))
    image[:, :8] = 1e300
    filled = write_cog(tmp_path / "filled.tif", Raster(image, box()))
    one, other = (values(take_picture([path], box())) for path in (clean, filled))
    assert one[16:] == pytest.approx(other[16:], abs=2)
