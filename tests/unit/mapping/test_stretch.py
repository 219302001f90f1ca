from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from geomage.errors import InputError
from geomage.geo import Raster, Stretch, write_cog
from geomage.mapping.imagery import open_imagery
from geomage.mapping.picture import look
from tiny_town import BOX, paint


def stretch_of(tmp_path: Path, *images: np.ndarray, nodata: float | None = None) -> Stretch:
    paths = [
        write_cog(tmp_path / f"{n}.tif", Raster(image, BOX, nodata))
        for n, image in enumerate(images)
    ]
    with open_imagery([look(path, None) for path in paths], BOX) as imagery:
        return imagery.stretch


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_every_type_is_scaled_by_its_percentiles(tmp_path: Path, kind: str) -> None:
    scale = {"uint8": 0.5, "uint16": 13.0, "float32": 1 / 255}[kind]
    stored = (paint() * scale).astype(kind)
    stretch = stretch_of(tmp_path, stored)
    low, high = np.percentile(stored, (1, 99))
    assert (stretch.low, stretch.high) == (pytest.approx(low), pytest.approx(high))
    ends = stretch.apply(np.array([low, high]).reshape(1, 1, 2))
    assert ends.ravel().tolist() == [16, 240]
    assert f"{stretch.low:g}" in stretch.rule
    assert "percentile" in stretch.rule


def test_haze_and_gain_do_not_change_what_a_model_sees(tmp_path: Path) -> None:
    stored = paint().astype("float32") + 1
    hazy = stored * 1.7 + 400
    clear, foggy = stretch_of(tmp_path, stored), stretch_of(tmp_path, hazy)
    apart = clear.apply(stored).astype(int) - foggy.apply(hazy)
    assert np.abs(apart).max() <= 1


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
