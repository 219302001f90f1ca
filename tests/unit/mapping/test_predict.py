"""The model on tiles: windows on one stride, a mosaic that equals the whole, blanks not run."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from geomage.geo import Raster, Stretch, TileStore, Tiling, ground_gsd, pixel_box, write_cog
from geomage.mapping.date import Date
from geomage.mapping.imagery import find_stretch
from geomage.mapping.picture import look
from geomage.mapping.plan import work_grid
from geomage.mapping.predict import Predict, model_store, read_window
from geomage.mapping.regrid import Layer
from geomage.mapping.runs import TileRun, tile_runs
from geomage.model import Model, ModelCard, load_model
from tiny_network import REACH, write_tiny_network
from tiny_town import BOX, SIDE, paint

CARD = ModelCard(
    name="x", version="0", gsd_min=0.3, gsd_max=1.0, gsd=0.5, stride=8, halo=16, window=256
)


@given(st.integers(1, 900), st.integers(1, 900))
@settings(max_examples=40)
def test_the_model_sees_each_tile_in_whole_strides_with_its_halo(rows: int, cols: int) -> None:
    tiling = Tiling(pixel_box((rows, cols), 0.5), CARD.window)
    for key in tiling:
        core, window = tiling.core(key), read_window(tiling.core(key), CARD)
        assert window.height % CARD.stride == window.width % CARD.stride == 0
        assert (window.row_off, window.col_off) == (
            core.row_off - CARD.halo,
            core.col_off - CARD.halo,
        )
        assert 0 <= window.height - 2 * CARD.halo - core.height < CARD.stride
        assert 0 <= window.width - 2 * CARD.halo - core.width < CARD.stride


def test_tiles_come_in_runs_that_leave_none_out() -> None:
    tiling = Tiling(pixel_box((500, 700), 0.5), 100)
    runs = list(tile_runs(tiling, 8))
    assert [key for run in runs for key in run.keys] == list(tiling)
    assert [len(run.keys) for run in runs] == [8, 8, 8, 8, 3]
    assert str(runs[0]) == "tiles r0000c0000 to r0001c0000"


def date_of(path: Path, folder: Path, seen: np.ndarray | None = None) -> Date:
    """One date all of which is seen, or where `seen` says."""
    tiling = Tiling(BOX, 256)
    store = TileStore(folder, tiling, ("seen",))
    bits = np.ones(tuple(BOX.shape), "uint8") if seen is None else seen.astype("uint8")
    for key in tiling:
        store.write(key, bits[(None, *tiling.core(key).toslices())])
    picture = look(path, None)
    stretch = find_stretch([picture])
    assert isinstance(stretch, Stretch)
    return Date((picture,), BOX, stretch, (90.0, 90.0, 90.0), Layer(store, (0,), BOX))


def predicted(
    model: Model, dates: tuple[Date, Date | None], folder: Path, **options: object
) -> TileStore:
    store = model_store(folder, BOX, model.card, two_dates=dates[1] is not None)
    task = Predict(*dates, store, partial(load_model, model.path), **options)
    list(task.run(store.missing(), model))
    assert store.missing() == []
    return store


def whole_of(store: TileStore) -> np.ndarray:
    return store.read(Window(0, 0, SIDE, SIDE))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return write_cog(tmp_path / "b.tif", Raster(paint(), BOX))


def test_the_mosaic_of_tiles_equals_the_whole(tmp_path: Path, image: Path) -> None:
    date = date_of(image, tmp_path / "seen")
    stores = []
    for window in (256, 1024):
        path = write_tiny_network(tmp_path / f"{window}.onnx", window=window)
        model = load_model(path, threads=1)
        assert model.card.halo > REACH
        stores.append(predicted(model, (date, date), tmp_path / str(window)))
    assert len(stores[0].tiling) > len(stores[1].tiling) == 1
    np.testing.assert_array_equal(*map(whole_of, stores))


def test_a_model_that_trims_its_halo_agrees_too(tmp_path: Path, image: Path) -> None:
    """Even where the halo reaches beyond the raster: there lies its mirror image."""
    network = pytest.importorskip("geomage.model.network", reason="the extra [train]")
    from geomage.model.export import HALO, TRIM, write_onnx

    narrow = network.Network(network.NetworkParams((8, 8, 8, 8, 8), 8)).eval()
    date = date_of(image, tmp_path / "seen")
    stores = []
    for window in (256, 1024):
        card = replace(CARD, stride=network.STRIDE, halo=HALO, trim=TRIM, window=window)
        model = load_model(write_onnx(narrow, card, tmp_path / f"{window}.onnx"), threads=1)
        stores.append(predicted(model, (date, date), tmp_path / str(window)))
    pieces, whole = (whole_of(store).astype(int) for store in stores)
    assert all(band.any() for band in whole)
    assert np.abs(pieces[1:] - whole[1:]).max() <= 1  # 1e-4 of probability may round either way
    assert (pieces[0] == whole[0]).mean() > 0.9999


def test_depth_runs_and_what_is_there_already_change_no_byte(tmp_path: Path, image: Path) -> None:
    model = load_model(write_tiny_network(tmp_path / "m.onnx", window=256), threads=1)
    date = date_of(image, tmp_path / "seen")
    stores = [predicted(model, (date, date), tmp_path / f"d{n}", depth=n) for n in (1, 3)]
    third = model_store(tmp_path / "d9", BOX, model.card, two_dates=True)
    task = Predict(date, date, third, partial(load_model, model.path))
    for key in reversed(list(third.tiling)):
        task(TileRun((key,)))
    kept = third.path(key).stat().st_mtime_ns
    assert task(TileRun((key,))) == 1
    assert third.path(key).stat().st_mtime_ns == kept
    for one in third.tiling:
        assert len({store.path(one).read_bytes() for store in (*stores, third)}) == 1


def test_tiles_without_data_are_blank_and_not_run(tmp_path: Path, image: Path) -> None:
    model = load_model(write_tiny_network(tmp_path / "m.onnx", window=256), threads=1)
    seen = np.zeros(tuple(BOX.shape), bool)
    seen[:256, :200] = True
    date = date_of(image, tmp_path / "seen", seen)
    store = model_store(tmp_path / "model", BOX, model.card, two_dates=False)
    ran = list(
        Predict(date, None, store, partial(load_model, model.path)).run(store.missing(), model)
    )
    assert ran == [next(iter(store.tiling))]
    assert store.missing() == []
    assert sum(map(store.holds, store.tiling)) == 1
    landcover = whole_of(store)[0]
    assert ((landcover > 0) == seen).all()


def test_flips_give_the_mean_of_mirror_images(tmp_path: Path, image: Path) -> None:
    """The tiny network is symmetric: the mean says what one view says, to a count."""
    model = load_model(write_tiny_network(tmp_path / "m.onnx", window=256), threads=1)
    date = date_of(image, tmp_path / "seen")
    plain = whole_of(predicted(model, (date, date), tmp_path / "plain")).astype(int)
    flips = whole_of(predicted(model, (date, date), tmp_path / "flips", flips=True)).astype(int)
    assert np.abs(plain[1:] - flips[1:]).max() <= 1


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
