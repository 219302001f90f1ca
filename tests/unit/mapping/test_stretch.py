from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from geomage.errors import InputError
from geomage.geo import Raster, write_cog
from geomage.mapping.imagery import look, open_imagery
from geomage.mapping.stretch import Stretch
from tiny_town import BOX, paint


def stretch_of(tmp_path: Path, *images: np.ndarray, nodata: float | None = None) -> Stretch:
    paths = [
        write_cog(tmp_path / f"{n}.tif", Raster(image, BOX, nodata))
        for n, image in enumerate(images)
    ]
    with open_imagery([look(path, None) for path in paths], BOX) as imagery:
        return imagery.stretch


def test_eight_bits_are_left_alone(tmp_path: Path) -> None:
    stretch = stretch_of(tmp_path, paint())
    counts = np.arange(256, dtype="uint8").reshape(1, 16, 16)
    np.testing.assert_array_equal(stretch.apply(counts), counts)
    assert "as they are" in stretch.rule


@pytest.mark.parametrize("scale", [1 / 255, 13.0])
def test_other_types_are_scaled_by_their_percentiles(tmp_path: Path, scale: float) -> None:
    stored = (paint() * scale).astype("float32" if scale < 1 else "uint16")
    stretch = stretch_of(tmp_path, stored)
    low, high = np.percentile(stored, (2, 98))
    assert (stretch.low, stretch.high) == (pytest.approx(low), pytest.approx(high))
    ends = stretch.apply(np.array([low, high]).reshape(1, 1, 2))
    assert ends.ravel().tolist() == [0, 255]
    assert f"{stretch.low:g}" in stretch.rule
    assert "percentile" in stretch.rule


def test_what_is_no_data_has_no_say_in_the_scale(tmp_path: Path) -> None:
    stored = paint().astype("float32")
    plain = stretch_of(tmp_path, stored)
    spoilt = stored.copy()
    spoilt[:, :40] = np.nan
    spoilt[:, 40:60] = -9999
    spoilt[:, 60:80] = 0
    other = stretch_of(tmp_path, spoilt, nodata=-9999)
    assert other.low == pytest.approx(plain.low, rel=0.1)
    assert other.high == pytest.approx(plain.high, rel=0.1)


def test_images_of_one_date_share_one_scale_and_one_type(tmp_path: Path) -> None:
    dark, light = paint().astype("uint16"), paint().astype("uint16") + 500
    stretch = stretch_of(tmp_path, dark, light)
    assert stretch.low is not None
    assert stretch.high is not None
    assert stretch.low < 100
    assert stretch.high > 500
    with pytest.raises(InputError, match="different types"):
        stretch_of(tmp_path, dark, paint())
    with pytest.raises(InputError, match="same value"):
        stretch_of(tmp_path, np.full_like(dark, 7))
