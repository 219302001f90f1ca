"""Rasters as folders of tiles: each whole or absent, any window read back, COGs made of them."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.windows import Window
from rio_cogeo.cogeo import cog_validate

from geomage.errors import InputError, OutputError, RunError
from geomage.geo import Dress, TileKey, TileStore, Tiling, mosaic_to_cog, pixel_box


@given(
    height=st.integers(1, 80),  # 6400 tiles at most
    width=st.integers(1, 80),
    side=st.integers(1, 90),
    margin=st.integers(0, 50),
)
@settings(max_examples=60, deadline=None)
def test_tiles_cover_a_grid_once_and_margins_end_at_its_edge(height, width, side, margin):
    tiling = Tiling(pixel_box((height, width), 0.5), side)
    count = np.zeros((height, width), int)
    for key in tiling:
        count[tiling.core(key).toslices()] += 1
        around = tiling.around(key, margin)
        assert around.col_off >= 0
        assert around.row_off >= 0
        assert around.col_off + around.width <= width
        assert around.row_off + around.height <= height
        assert TileKey.parse(str(key)) == key
    assert (count == 1).all()
    assert len(list(tiling)) == len(tiling)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_the_tiles_over_a_window_are_those_that_share_pixels_with_it(data):
    tiling = Tiling(pixel_box((100, 140), 0.5), data.draw(st.integers(7, 60)))
    col, row = data.draw(st.integers(-20, 139)), data.draw(st.integers(-20, 99))
    window = Window(col, row, data.draw(st.integers(1, 90)), data.draw(st.integers(1, 90)))
    mark = np.zeros((100, 140), bool)
    mark[max(0, row) : max(0, row + window.height), max(0, col) : max(0, col + window.width)] = True
    sharing = [key for key in tiling if mark[tiling.core(key).toslices()].any()]
    assert list(tiling.over(window)) == sharing


def test_a_part_of_a_tiling_lies_where_its_pixels_lie():
    tiling = Tiling(pixel_box((100, 140), 0.5), 64)
    part = tiling.part(tiling.core(TileKey(1, 2)))
    assert tuple(part.shape) == (36, 12)
    assert part.affine @ (0, 0) == (64.0, -32.0)


@pytest.mark.parametrize("key", [TileKey(2, 0), TileKey(0, 3), TileKey(-1, 0)])
def test_a_tile_outside_is_refused(key):
    with pytest.raises(InputError, match="outside"):
        Tiling(pixel_box((100, 140), 0.5), 64).core(key)


@pytest.mark.parametrize("text", ["", "r1", "r1c", "../r1c1", "r1c1.tif"])
def test_a_word_that_is_no_tile_is_refused(text):
    with pytest.raises(InputError, match="no tile"):
        TileKey.parse(text)


@pytest.fixture
def store(tmp_path):
    return TileStore(tmp_path / "tiles", Tiling(pixel_box((300, 410), 0.5), 128), ("a", "b"))


@pytest.fixture
def whole():
    values = np.random.default_rng(4).integers(0, 9, (2, 300, 410), dtype="uint8")
    values[:, 128:256, 128:256] = 0
    return values


@pytest.fixture
def full(store, whole):
    for key in store.tiling:
        store.write(key, whole[(slice(None), *store.tiling.core(key).toslices())])
    return store


def test_any_window_is_read_back_as_it_was_written(full, whole):
    for window in (Window(0, 0, 410, 300), Window(100, 120, 200, 30), Window(127, 127, 2, 2)):
        here = (slice(None), *window.toslices())
        assert np.array_equal(full.read(window), whole[here])
        assert np.array_equal(full.read(window, (1,)), whole[here][1:])
    beyond = full.read(Window(-10, -5, 20, 15))
    assert (beyond[:, :5] == 0).all()
    assert np.array_equal(beyond[:, 5:, 10:], whole[:, :10, :10])


def test_a_tile_of_nothing_is_an_empty_file_and_reads_as_the_fill(full):
    assert full.has(TileKey(1, 1))
    assert not full.holds(TileKey(1, 1))
    assert full.path(TileKey(1, 1)).stat().st_size == 0
    assert not full.read_tile(TileKey(1, 1)).any()


def test_what_is_missing_is_known(store):
    store.blank(TileKey(0, 1))
    assert store.missing() == [key for key in store.tiling if key != TileKey(0, 1)]


def test_the_bytes_of_a_tile_depend_on_its_values_only(tmp_path, store, whole):
    other = TileStore(tmp_path / "elsewhere", store.tiling, store.bands)
    key = TileKey(0, 0)
    for one in (store, other, store):
        one.write(key, whole[(slice(None), *store.tiling.core(key).toslices())])
    assert store.path(key).read_bytes() == other.path(key).read_bytes()


@pytest.mark.parametrize(
    "values",
    [np.zeros((2, 128, 127), "uint8"), np.zeros((1, 128, 128), "uint8"), np.zeros((2, 128, 128))],
)
def test_values_that_do_not_fit_a_tile_are_refused(store, values):
    with pytest.raises(InputError, match="tile r0000c0000"):
        store.write(TileKey(0, 0), values)
    assert not store.folder.exists()


def test_a_damaged_tile_is_named(full):
    path = full.path(TileKey(0, 0))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(RunError, match=r"r0000c0000\.tif is damaged"):
        full.read_tile(TileKey(0, 0))


def test_where_nothing_can_be_written_nothing_is_left(tmp_path, whole):
    (tmp_path / "tiles").write_text("a file")
    store = TileStore(tmp_path / "tiles", Tiling(pixel_box((300, 410), 0.5), 128), ("a", "b"))
    with pytest.raises(OutputError, match="cannot write"):
        store.write(TileKey(0, 0), whole[:, :128, :128])
    assert [path.name for path in tmp_path.iterdir()] == ["tiles"]


def test_a_cog_of_tiles_is_valid_and_holds_what_they_hold(full, whole, tmp_path):
    dress = Dress("first", nodata=0, colours={1: (255, 0, 0)}, tags={"unit": "a < b & c"})
    path = mosaic_to_cog(full, tmp_path / "a.tif", 0, dress, classes=True)
    assert cog_validate(str(path)) == (True, [], [])
    with rasterio.open(path) as dataset:
        assert np.array_equal(dataset.read(1), whole[0])
        assert dataset.transform == full.tiling.box.affine
        assert dataset.nodata == 0
        assert dataset.descriptions == ("first",)
        assert dataset.tags()["unit"] == "a < b & c"
        assert dataset.colormap(1)[1] == (255, 0, 0, 255)


def test_one_band_may_say_where_the_other_holds(full, whole, tmp_path):
    path = mosaic_to_cog(full, tmp_path / "a.tif", 0, Dress("first", mask=2), classes=False)
    with rasterio.open(path) as dataset:
        assert dataset.nodata is None
        assert np.array_equal(dataset.dataset_mask() > 0, whole[1] > 0)
        assert np.array_equal(dataset.read(1), whole[0])
