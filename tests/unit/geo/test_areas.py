"""Areas outlined tile by tile are those of the whole raster."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from rasterio.windows import Window
from scipy import ndimage

from geomage.geo import Tiling, pixel_box, vectorise, vectorise_tiles
from geomage.geo.areas import join_areas, outlines, tile_areas
from geomage.geo.components import label_mask, tile_parts

BOX = GeoBox((60, 47), pixel_box((60, 47), 0.3).affine.translation(431_000.2, 5_000_000.7)
             @ pixel_box((60, 47), 0.3).affine, "EPSG:32633")  # fmt: skip


def patches(seed: int, blur: int) -> np.ndarray:
    """(y, x) uint8 0..3, areas of any form and size."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.uniform_filter(rng.random((60, 47)), blur)
    return np.digitize(smooth, np.quantile(smooth, [0.4, 0.6, 0.8])).astype("uint8")


@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(8, 64))
@settings(max_examples=5, deadline=None)
def test_areas_over_tiles_are_those_of_the_whole(seed, blur, side):
    values = patches(seed, blur)
    tiling = Tiling(BOX, side)
    tiles = vectorise_tiles(lambda window: values[window.toslices()], tiling, (1, 3))
    whole = vectorise(values, BOX, mask=np.isin(values, (1, 3)))
    assert tiles.crs == whole.crs
    assert len(tiles) == len(whole)
    assert tiles.is_valid.all()
    assert set(tiles.geom_type) == {"Polygon"}
    for value in (1, 3):
        mine, theirs = (
            sorted(shapely.normalize(frame.geometry[frame["value"] == value].to_numpy()).tolist(),
                   key=lambda shape: shape.wkb)
            for frame in (tiles, whole)
        )  # fmt: skip
        assert mine == theirs  # to the last corner


def test_the_order_of_tiles_does_not_matter():
    values = patches(7, 3)
    tiling = Tiling(BOX, 16)
    found = {key: tile_areas(values[tiling.core(key).toslices()], (2,)) for key in tiling}
    turned = dict(reversed(found.items()))
    assert join_areas(tiling, found).equals(join_areas(tiling, turned))


@pytest.mark.parametrize("side", [16, 100])
def test_nothing_wanted_gives_an_empty_frame_with_its_column(side):
    tiles = vectorise_tiles(
        lambda window: np.zeros((window.height, window.width), "uint8"), Tiling(BOX, side), (1,)
    )
    assert tiles.empty
    assert list(tiles.columns) == ["value", "geometry"]
    assert tiles.crs == BOX.crs


def test_an_area_around_all_tiles_keeps_its_holes():
    values = np.ones((60, 47), "uint8")
    values[5:9, 5:9] = values[30:34, 30:34] = 0
    tiling = Tiling(BOX, 10)
    (shape,) = vectorise_tiles(lambda window: values[window.toslices()], tiling, {1}).geometry
    assert len(shape.interiors) == 2
    assert len(shape.exterior.coords) == 5


def test_a_window_is_read_once_and_holds_one_tile():
    seen = []

    def read(window: Window) -> np.ndarray:
        seen.append((window.row_off, window.col_off, window.height, window.width))
        return np.ones((window.height, window.width), "uint8")

    vectorise_tiles(read, Tiling(BOX, 32), (1,))
    assert seen == [(0, 0, 32, 32), (0, 32, 32, 15), (32, 0, 28, 32), (32, 32, 28, 15)]


def test_a_tile_of_one_value_is_told_as_any_other() -> None:
    """It takes a shorter way; a row of another value sends the same area the long one."""
    even = np.ones((40, 60), "int32")
    mixed = np.vstack([even, np.zeros((1, 60), "int32")])
    for flip in (False, True):
        short, long = label_mask((even > 0) ^ flip), label_mask((mixed > 0) ^ flip)
        np.testing.assert_array_equal(short, long[:-1])
    parts, others = tile_parts(even), tile_parts(mixed)
    for name in ("number", "pixels", "frame", "first", "kind", "mark"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(others, name))
    (numbers, shapes), (same, there) = outlines(even), outlines(mixed)
    assert numbers.tolist() == same.tolist() == [1]
    assert shapes[0].wkb == there[0].wkb
    assert len(tile_parts(even * 0).number) == len(outlines(even * 0)[0]) == 0
