from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from scipy import ndimage

from geomage.errors import InputError
from geomage.geo import Raster, measure_shift, pixel_box, read_raster

GSD = 0.5


def ground(seed: int, side: int = 512) -> np.ndarray:
    """(1, y, x) blocks of many sizes on smooth ground: edges to match, like a town."""
    rng = np.random.default_rng(seed)
    image = ndimage.gaussian_filter(rng.normal(0, 1, (side, side)), 6) * 300 + 90
    for _ in range(250):
        row, col = rng.integers(0, side - 20, 2)
        image[row : row + rng.integers(8, 30), col : col + rng.integers(8, 30)] = rng.uniform(
            40, 220
        )
    return ndimage.gaussian_filter(image, 0.7)[None].astype("float32")


def moved(values: np.ndarray, right: float, down: float) -> np.ndarray:
    return ndimage.shift(values, (0, down, right), order=3, mode="nearest")


@pytest.mark.parametrize(("right", "down"), [(0, 0), (0.4, -1.7), (3.25, 2.5), (-6.5, 0.5)])
def test_a_known_shift_is_found_to_a_twentieth_of_a_pixel(right: float, down: float) -> None:
    box = pixel_box((512, 512), GSD)
    still = ground(1)
    shift = measure_shift(Raster(still, box), Raster(moved(still, right, down), box))
    assert shift.reason == ""
    assert shift.dx_m == pytest.approx(right * GSD, abs=0.05 * GSD)
    assert shift.dy_m == pytest.approx(-down * GSD, abs=0.05 * GSD)
    assert shift.score > 0.7


def test_other_light_haze_noise_and_rubble_do_not_turn_it() -> None:
    box = pixel_box((512, 512), GSD)
    still = ground(2)
    other = moved(still, 2.0, -1.0) * 0.5 + 60 + np.random.default_rng(0).normal(0, 4, still.shape)
    other[:, 100:260, 60:300] = np.random.default_rng(1).uniform(0, 255, (1, 160, 240))
    shift = measure_shift(Raster(still, box), Raster(other, box))
    assert shift.dx_m == pytest.approx(1.0, abs=0.1)
    assert shift.dy_m == pytest.approx(0.5, abs=0.1)


def test_two_images_of_different_places_give_no_shift_and_a_reason() -> None:
    box = pixel_box((512, 512), GSD)
    shift = measure_shift(Raster(ground(3), box), Raster(ground(4), box))
    assert (shift.dx_m, shift.dy_m) == (0.0, 0.0)
    assert shift.reason


def test_too_little_common_ground_gives_a_reason() -> None:
    box = pixel_box((512, 512), GSD)
    empty = np.full((1, 512, 512), np.nan, "float32")
    shift = measure_shift(Raster(ground(3), box), Raster(empty, box))
    assert "too little" in shift.reason


def test_a_raster_on_another_grid_is_brought_over_first() -> None:
    town = ground(5)
    one = GeoBox((512, 512), Affine(0.5, 0, 500000, 0, -0.5, 4e6), "EPSG:32633")
    # The same ground, its grid said to lie 1.5 m further east than it does.
    other = GeoBox((400, 480), Affine(0.5, 0, 500011.5, 0, -0.5, 4e6 - 20), "EPSG:32633")
    shift = measure_shift(Raster(town, one), Raster(town[:, 40:440, 20:500], other))
    assert shift.dx_m == pytest.approx(1.5, abs=0.05)
    assert shift.dy_m == pytest.approx(0.0, abs=0.05)
    with pytest.raises(InputError, match="CRS"):
        measure_shift(Raster(town, one), Raster(town, pixel_box((512, 512), GSD)))


def test_joplin_agrees_to_about_a_metre(data_dir: Path) -> None:
    before, after = (
        read_raster(data_dir / "damage" / "joplin_2011" / f"{name}.tif")
        for name in ("before", "after")
    )
    shift = measure_shift(before, after)
    assert shift.reason == ""
    assert np.hypot(shift.dx_m, shift.dy_m) < 2.0
    assert shift.score > 0.4
