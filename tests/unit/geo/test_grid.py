from __future__ import annotations

import math

import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from geomage.errors import InputError
from geomage.geo import footprint, ground_gsd, pixel_box, upright_box, utm_box


def test_pixel_coordinates_start_at_the_upper_left_and_run_upwards() -> None:
    box = pixel_box((4, 6), 0.5)
    assert box.crs is None
    assert footprint(box, None).bounds == (0.0, -2.0, 3.0, 0.0)
    assert ground_gsd(box) == pytest.approx(0.5)


@given(lat=st.floats(-65, 65))
def test_gsd_is_measured_on_the_ground_not_on_a_mercator_map(lat: float) -> None:
    radius = 6378137.0
    y = radius * math.log(math.tan(math.pi / 4 + math.radians(lat) / 2))
    box = GeoBox((10, 10), Affine(1, 0, 0, 0, -1, y), "EPSG:3857")
    assert ground_gsd(box) == pytest.approx(math.cos(math.radians(lat)), rel=0.01)


@given(lon=st.floats(-179, 179), lat=st.floats(-70, 70), rows=st.integers(8, 400))
def test_the_utm_grid_covers_a_geographic_one_with_the_same_pixels(
    lon: float, lat: float, rows: int
) -> None:
    box = GeoBox((rows, 300), Affine(5e-6, 0, lon, 0, -5e-6, lat), "EPSG:4326")
    utm = utm_box(box)
    assert footprint(utm, utm.crs).buffer(1e-3).covers(footprint(box, utm.crs))
    assert ground_gsd(utm) == pytest.approx(ground_gsd(box), rel=2e-3)


def test_a_turned_grid_becomes_upright_and_an_upright_one_stays() -> None:
    straight = GeoBox((30, 40), Affine(0.5, 0, 100, 0, -0.5, 200), "EPSG:32633")
    assert upright_box(straight) is straight
    turned = GeoBox((30, 40), straight.affine @ Affine.rotation(30), "EPSG:32633")
    box = upright_box(turned)
    assert box.affine.b == box.affine.d == 0
    assert box.affine.a == pytest.approx(0.5)
    assert footprint(box, box.crs).buffer(1e-6).covers(footprint(turned, box.crs))


def test_a_south_up_grid_becomes_north_up() -> None:
    south = GeoBox((30, 40), Affine(0.5, 0, 100, 0, 0.5, 200), "EPSG:32633")
    box = upright_box(south)
    assert box.affine.e == -0.5
    assert box.shape == south.shape
    assert footprint(box, box.crs).equals(footprint(south, box.crs))


def test_a_grid_outside_its_crs_is_refused() -> None:
    with pytest.raises(InputError, match="outside"):
        ground_gsd(GeoBox((9, 9), Affine(1, 0, 1e12, 0, -1, 1e12), "EPSG:32633"))
