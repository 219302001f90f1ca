from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from geomage.geo import Raster, ground_gsd, pixel_box, write_cog
from geomage.mapping.imagery import look, open_imagery
from geomage.mapping.layers import Date, Layers, blank_layers, predict_layers
from geomage.mapping.plan import tiles, work_grid
from geomage.mapping.survey import Sight, collar, moved, survey
from geomage.model import Model, ModelCard, load_model
from tiny_network import REACH, write_tiny_network
from tiny_town import BOX, SIDE, paint

CARD = ModelCard(name="x", version="0", gsd_min=0.3, gsd_max=1.0, gsd=0.5, stride=8, halo=16)


@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([16, 60, 128]))
def test_windows_share_the_grid_out_on_one_stride(rows: int, cols: int, side: int) -> None:
    times = np.zeros((rows, cols), int)
    for tile in tiles((rows, cols), side, CARD):
        times[tile.core.toslices()] += 1
        for edge in (tile.read.row_off, tile.read.col_off, tile.read.height, tile.read.width):
            assert edge % CARD.stride == 0
        assert tile.read.row_off in (0, tile.core.row_off - CARD.halo)
    assert (times == 1).all()


@pytest.mark.parametrize("side", [32, 72, 128])
def test_the_mosaic_of_windows_equals_the_whole(tmp_path: Path, side: int) -> None:
    model = load_model(write_tiny_network(tmp_path / "m.onnx"), threads=1)
    assert model.card.halo > REACH
    path = write_cog(tmp_path / "b.tif", Raster(paint(), BOX))
    pieces, whole = (
        predicted(model, path, tmp_path / str(length), length) for length in (side, 4096)
    )
    for name in ("landcover", "building", "damage", "flags"):
        np.testing.assert_array_equal(getattr(pieces, name), getattr(whole, name))


@pytest.mark.parametrize("side", [64, 160])
def test_a_model_that_trims_its_halo_agrees_too(tmp_path: Path, side: int) -> None:
    """Even where the halo reaches beyond the raster: its edge is carried on, for every window."""
    network = pytest.importorskip("geomage.model.network", reason="the extra [train]")
    from geomage.model.export import HALO, TRIM, WINDOW, write_onnx

    card = replace(CARD, stride=network.STRIDE, halo=HALO, trim=TRIM, window=WINDOW)
    narrow = network.Network(network.NetworkParams((8, 8, 8, 8, 8), 8)).eval()
    model = load_model(write_onnx(narrow, card, tmp_path / "m.onnx"), threads=1)
    path = write_cog(tmp_path / "b.tif", Raster(paint(), BOX))
    pieces, whole = (
        predicted(model, path, tmp_path / str(length), length) for length in (side, 4096)
    )
    for name in ("building", "damage", "flags"):
        one, other = (np.asarray(getattr(layers, name), int) for layers in (pieces, whole))
        assert other.any()
        assert np.abs(one - other).max() <= 1  # counts: 1e-4 of probability may round either way
    assert (pieces.landcover == whole.landcover).mean() > 0.9999


def predicted(model: Model, path: Path, folder: Path, side: int) -> Layers:
    layers = blank_layers(folder, BOX)
    with open_imagery([look(path, None)], BOX) as imagery:
        date = Date(imagery, survey(imagery, "look"))
        predict_layers(model, list(tiles((SIDE, SIDE), side, model.card)), (date, date), layers)
    return layers


def test_windows_without_data_are_not_run(tmp_path: Path) -> None:
    model = load_model(write_tiny_network(tmp_path / "m.onnx"), threads=1)
    image = paint()
    image[:, :, 160:] = 0
    path = write_cog(tmp_path / "b.tif", Raster(image, BOX, nodata=0))
    layers = blank_layers(tmp_path / "layers", BOX)
    with open_imagery([look(path, None)], BOX) as imagery:
        date = Date(imagery, survey(imagery, "look"))
        windows = list(tiles((SIDE, SIDE), 64, CARD))
        assert predict_layers(model, windows, (date, None), layers) == 15
    assert (layers.landcover[0][:, 160:] == 0).all()
    assert (layers.landcover[0][:, :160] > 0).all()


def test_the_black_collar_of_a_scene_is_no_data_but_a_shadow_is() -> None:
    black = np.zeros((200, 200), bool)
    black[:, :30] = True  # a collar along the left edge
    black[80:120, 80:120] = True  # a black roof in the middle
    black[:5, 150:155] = True  # a shadow at the edge
    out = collar(np.ones_like(black), black)
    assert out[:, :30].all()
    assert out.sum() == 200 * 30
    island = np.ones_like(black)
    island[75:80, 80:120] = False  # the roof now touches what was not seen
    assert collar(island, black)[80:120, 80:120].all()


@settings(max_examples=30)
@given(st.integers(-9, 9), st.integers(-9, 9))
def test_sight_moves_as_the_grid_does(cols: int, rows: int) -> None:
    seen = np.random.default_rng(0).random((7, 8)) > 0.4
    out = moved(Sight(seen, np.zeros(3)), cols, rows).seen
    for row in range(7):
        for col in range(8):
            there = 0 <= row + rows < 7 and 0 <= col + cols < 8
            assert out[row, col] == (there and seen[row + rows, col + cols])


@given(gsd=st.floats(0.05, 2.0), rows=st.integers(50, 500))
def test_the_work_grid_has_the_extent_of_the_product_and_a_gsd_the_model_knows(
    gsd: float, rows: int
) -> None:
    product = pixel_box((rows, 400), gsd)
    work = work_grid(product, gsd, CARD)
    assume(min(abs(gsd - CARD.gsd_min), abs(gsd - CARD.gsd_max)) > 0.002)
    if CARD.gsd_min < gsd < CARD.gsd_max:
        assert work == product
    else:
        assert ground_gsd(work) == pytest.approx(CARD.gsd, rel=0.1)
        ratio = np.array(work.shape) * [-work.affine.e, work.affine.a]
        np.testing.assert_allclose(ratio, np.array(product.shape) * gsd, rtol=1e-9)


def test_pixels_that_are_not_square_get_a_square_work_grid() -> None:
    product = GeoBox((400, 200), Affine(1.0, 0, 5e5, 0, -0.5, 4e6), "EPSG:32633")
    work = work_grid(product, 0.7, CARD)
    assert work.affine.a == pytest.approx(-work.affine.e, rel=0.01)
