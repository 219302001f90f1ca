from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from odc.geo.geobox import GeoBox

from geomage.errors import InputError
from geomage.geo import pixel_box, rasterise, vectorise

BOX = GeoBox((12, 9), Affine(2, 0, 500000, 0, -2, 4e6), "EPSG:32633")


@given(arrays("uint8", (12, 9), elements=st.integers(0, 3)))
def test_outlines_burnt_again_give_the_raster(classes: np.ndarray) -> None:
    areas = vectorise(classes, BOX)
    assert areas.area.sum() == pytest.approx(12 * 9 * 4)
    np.testing.assert_array_equal(rasterise(areas, BOX, column="value"), classes)


@given(arrays("uint8", (12, 9), elements=st.integers(0, 3)))
def test_a_mask_leaves_out_what_it_covers(classes: np.ndarray) -> None:
    areas = vectorise(classes, BOX, mask=classes > 0)
    assert areas.area.sum() == pytest.approx(4 * np.count_nonzero(classes))
    assert 0 not in areas["value"].tolist()


def test_large_numbers_of_buildings_keep_their_numbers() -> None:
    labels = np.zeros((12, 9), "int32")
    labels[2:4, 2:4] = 2_000_000_017
    areas = vectorise(labels, BOX, mask=labels > 0)
    assert areas["value"].tolist() == [2_000_000_017]
    burnt = rasterise(areas, BOX, column="value", dtype="int32")
    np.testing.assert_array_equal(burnt, labels)


def test_features_in_another_crs_are_brought_to_the_grid() -> None:
    square = gpd.GeoDataFrame(
        geometry=[shapely.box(500004, 4e6 - 10, 500010, 4e6 - 4)], crs=BOX.crs.epsg
    )
    burnt = rasterise(square, BOX)
    np.testing.assert_array_equal(rasterise(square.to_crs(4326), BOX), burnt)
    assert burnt.sum() == 9


def test_no_features_burn_nothing_and_a_missing_column_is_named() -> None:
    none = gpd.GeoDataFrame({"a": []}, geometry=[], crs="EPSG:32633")
    assert (rasterise(none, BOX, fill=3) == 3).all()
    with pytest.raises(InputError, match="'grade'"):
        rasterise(none, BOX, column="grade")
    with pytest.raises(InputError, match="grid"):
        vectorise(np.zeros((3, 3), "uint8"), pixel_box((4, 4), 1.0))
