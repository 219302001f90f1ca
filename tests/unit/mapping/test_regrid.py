"""Layers brought to another grid window by window are those of the whole, as GDAL warps it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio.warp
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.windows import Window
from scipy import ndimage

from geomage.geo import TileStore, Tiling, warp_crs
from geomage.mapping.regrid import Layer


def bring(values: np.ndarray, source: GeoBox, target: GeoBox, how: Resampling) -> np.ndarray:
    """One (y, x) layer on another grid of the same CRS, by GDAL, whole."""
    out = np.zeros(tuple(target.shape), "uint8")
    rasterio.warp.reproject(
        np.ascontiguousarray(values, "uint8"),
        out,
        src_transform=source.affine,
        src_crs=warp_crs(source),
        dst_transform=target.affine,
        dst_crs=warp_crs(target),
        resampling=how,
    )
    return out.astype(values.dtype)


PRODUCT = GeoBox((120, 150), Affine(0.5, 0, 431_000.25, 0, -0.5, 5_000_000.5), "EPSG:32633")


def work(scale: float) -> GeoBox:
    """A grid of the same extent with pixels so many times as large."""
    rows, cols = PRODUCT.shape
    shape = (round(rows / scale), round(cols / scale))
    return GeoBox(
        shape, PRODUCT.affine @ Affine.scale(cols / shape[1], rows / shape[0]), PRODUCT.crs
    )


def stored(folder: Path, box: GeoBox, side: int = 40) -> tuple[TileStore, np.ndarray]:
    rng = np.random.default_rng(5)
    values = ndimage.gaussian_filter(rng.random(tuple(box.shape)), 2)
    values = ((values - values.min()) / np.ptp(values) * 255).astype("uint8")
    store = TileStore(folder, Tiling(box, side), ("a", "b"))
    for key in store.tiling:
        here = values[store.tiling.core(key).toslices()]
        store.write(key, np.stack([here, 255 - here]))
    return store, values


@pytest.mark.parametrize("scale", [0.4, 0.5, 0.97, 1.3, 2.0, 3.3])
def test_a_layer_on_another_grid_is_what_gdal_makes_of_the_whole(tmp_path, scale):
    store, values = stored(tmp_path / "s", work(scale))
    whole = Window(0, 0, 150, 120)
    near = Layer(store, (0,), PRODUCT).read(whole)[0]
    assert np.array_equal(near, bring(values, work(scale), PRODUCT, Resampling.nearest))
    smooth = Layer(store, (0, 1), PRODUCT, "bilinear").read(whole)
    theirs = bring(values, work(scale), PRODUCT, Resampling.bilinear)
    apart = np.abs(smooth[0].astype(int) - theirs)
    assert apart.max() <= 1
    assert (apart > 0).mean() < 0.02
    assert np.abs(smooth[0].astype(int) + smooth[1] - 255).max() <= 1


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    scales = (0.4, 0.5, 2.0, 1.3)
    return {scale: stored(tmp_path_factory.mktemp("s"), work(scale))[0] for scale in scales}


@given(st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_window_equals_the_whole_to_the_bit(stores, data):
    store = stores[data.draw(st.sampled_from(sorted(stores)))]
    layer = Layer(store, (1,), PRODUCT, data.draw(st.sampled_from(["nearest", "bilinear"])))
    col, row = data.draw(st.integers(0, 149)), data.draw(st.integers(0, 119))
    width, height = data.draw(st.integers(1, 150 - col)), data.draw(st.integers(1, 120 - row))
    window = Window(col, row, width, height)
    whole = layer.read(Window(0, 0, 150, 120))
    assert np.array_equal(layer.read(window), whole[(slice(None), *window.toslices())])


def test_a_layer_of_a_shifted_date_is_read_from_where_it_lies(tmp_path):
    store, values = stored(tmp_path / "s", PRODUCT)
    moved = Layer(store, (0,), PRODUCT, shift=(3, -2)).read(Window(0, 0, 150, 120))[0]
    assert np.array_equal(moved[2:, :-3], values[:-2, 3:])
    assert not moved[:2].any()
    assert not moved[:, -3:].any()
