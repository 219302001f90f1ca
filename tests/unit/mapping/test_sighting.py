"""What is seen tile by tile is what a look at the whole image shows."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.windows import Window
from scipy import ndimage

from geomage.geo import Raster, TileKey, TileStore, Tiling, read_raster, write_cog
from geomage.mapping.imagery import Imagery, open_imagery
from geomage.mapping.picture import look
from geomage.mapping.regrid import Layer
from geomage.mapping.sighting import (
    Sighting,
    join_frames,
    join_looks,
    look_tile,
    seen_tile,
    shared_frame,
    shift_between,
)
from tiny_town import BOX, SIDE, paint
from whole_rasters import residual_shift, survey


def sighted(imagery: Imagery, tiling: Tiling, folder: Path) -> tuple[Sighting, TileStore]:
    """The two steps over all tiles, the second half of them first."""
    raw = TileStore(folder / "raw", tiling, ("look",))
    seen = TileStore(folder / "seen", tiling, ("seen",))
    looks = {}
    for key in reversed(list(tiling)):
        bits, _, looks[key] = look_tile(imagery, tiling, key)
        raw.write(key, bits)
    sighting = join_looks(tiling, looks)
    for key in tiling:
        seen.write(key, seen_tile(raw.read_tile(key), sighting, tiling, key))
    return sighting, seen


def whole(store: TileStore) -> np.ndarray:
    return store.read(Window(0, 0, store.tiling.width, store.tiling.height))[0] > 0


def dark_noise(seed: int) -> np.ndarray:
    """uint8 (3, y, x): black patches, patches of no data (255), and what lies between."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(0, 1, (150, 170)), 2 + seed % 3)
    edge = np.zeros((150, 170), bool)
    edge[:, : 20 * (seed % 2)] = True
    image = rng.integers(20, 200, (3, 150, 170)).astype("uint8")
    image[:, (smooth > 0.6 * smooth.std()) | edge] = 0
    image[:, smooth < -1.6 * smooth.std()] = 255
    return image


@pytest.mark.parametrize("seed", range(3))
def test_the_collar_over_tiles_is_that_of_the_whole(tmp_path, seed):
    box = GeoBox((150, 170), BOX.affine, BOX.crs)
    path = write_cog(tmp_path / "a.tif", Raster(dark_noise(seed), box, nodata=255))
    with open_imagery([look(path, None)], box) as imagery:
        sight = survey(imagery, "look")
        assert 0 < sight.seen.sum() < sight.seen.size
        for side in (37, 85, 512):
            sighting, seen = sighted(imagery, Tiling(box, side), tmp_path / str(side))
            assert np.array_equal(whole(seen), sight.seen)
            assert np.array_equal(sighting.colour, sight.colour)
            assert sighting.bright > 0
            assert sighting.black == (dark_noise(seed) == 0).all(axis=0).sum()


@pytest.mark.parametrize("side", [300])
def test_real_images_are_seen_as_a_whole_at_any_side(tmp_path, data_dir, side):
    image = next((data_dir / "damage" / "joplin_2011").rglob("*.tif"))
    values = read_raster(image)
    rows = slice(0, 900)
    cut = values.values[:3, rows, :1100].copy()
    cut[:, :, :70] = 0
    cut[:, 400:410, :300] = 0
    box = GeoBox(cut.shape[1:], values.box.affine, values.box.crs)
    path = write_cog(tmp_path / "a.tif", Raster(cut, box))
    with open_imagery([look(path, None)], box) as imagery:
        sight = survey(imagery, "look")
        _, seen = sighted(imagery, Tiling(box, side), tmp_path)
    assert not sight.seen.all()
    assert np.array_equal(whole(seen), sight.seen)


def test_tiles_that_are_all_seen_or_not_at_all_cost_next_to_nothing(tmp_path):
    image = np.full((3, 600, 300), 90, "uint8")
    image[:, ::5, ::3] = 130
    image[:, 300:] = 0
    box = GeoBox((600, 300), BOX.affine, BOX.crs)
    path = write_cog(tmp_path / "a.tif", Raster(image, box, nodata=0))
    with open_imagery([look(path, None)], box) as imagery:
        _, seen = sighted(imagery, Tiling(box, 300), tmp_path)
    assert seen.path(TileKey(1, 0)).stat().st_size == 0
    assert seen.path(TileKey(0, 0)).stat().st_size < 3000


@pytest.mark.parametrize("side", [150])
def test_the_shift_between_dates_is_that_of_the_whole(tmp_path, side):
    image = paint()
    image[:, :, :40] = 255
    first = write_cog(tmp_path / "a.tif", Raster(image, BOX, nodata=255))
    moved = GeoBox((SIDE, SIDE), BOX.affine @ Affine.translation(2, -1), BOX.crs)
    second = write_cog(tmp_path / "b.tif", Raster(paint(gone=True), moved))
    tiling = Tiling(BOX, side)
    with ExitStack() as stack:
        before, after = (
            stack.enter_context(open_imagery([look(path, None)], BOX)) for path in (first, second)
        )
        one, two = survey(before, "first"), survey(after, "second")
        expected = residual_shift(before, after, one.seen & two.seen)
        seen = tuple(
            Layer(sighted(date, tiling, tmp_path / name)[1], (0,), BOX)
            for date, name in ((before, "one"), (after, "two"))
        )
        frame = join_frames(shared_frame(*seen, tiling, key) for key in tiling)
        assert shift_between(before, after, seen, frame) == expected
    assert expected.reason == ""
    assert abs(expected.dx_m) > 0.9


def test_where_nothing_is_shared_no_shift_is_measured(tmp_path):
    blank = Layer(TileStore(tmp_path / "none", Tiling(BOX, 64), ("seen",)), (0,), BOX)
    tiling = Tiling(BOX, 64)
    assert join_frames(shared_frame(blank, blank, tiling, key) for key in tiling) is None
    path = write_cog(tmp_path / "a.tif", Raster(paint(), BOX))
    with open_imagery([look(path, None)], BOX) as imagery:
        assert "too little" in shift_between(imagery, imagery, (blank, blank), None).reason
