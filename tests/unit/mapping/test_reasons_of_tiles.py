"""Why nothing is said, tile by tile, is what the whole raster says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from scipy import ndimage

from geomage.geo import Raster, TileStore, Tiling, vectorise_tiles, write_cog
from geomage.mapping.picture import Picture, look
from geomage.mapping.reasons import (
    FIRST_FOREIGN,
    NO_FIRST,
    NO_SECOND,
    OBSCURED,
    REASONS,
    SECOND_FOREIGN,
    Shown,
    Views,
    _coded,
    pixel_rims,
    reason_tile,
    with_reasons,
    within_window,
)
from geomage.mapping.regrid import Layer
from whole_rasters import reason_areas, reason_codes, within

BOX = GeoBox((230, 310), Affine(0.5, 0, 500_000.25, 0, -0.5, 4e6), "EPSG:32633")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> tuple[tuple[Picture, ...], tuple[Picture, ...]]:
    """A first image over most of the grid; two second ones, turned, and half a pixel off."""
    folder = tmp_path_factory.mktemp("images")
    ones = np.ones((3, 200, 200), "uint8")

    def picture(name: str, affine: Affine) -> Picture:
        box = GeoBox((200, 200), affine, BOX.crs)
        return look(write_cog(folder / name, Raster(ones, box)), None)

    return (
        (picture("a.tif", BOX.affine @ Affine.scale(1.5, 1.15)),),
        (
            picture("b.tif", BOX.affine @ Affine.translation(20.5, 10.5)),
            picture("c.tif", BOX.affine @ Affine.translation(180, 3) @ Affine.scale(0.6, 1)),
        ),
    )


def views(seed: int) -> Views:
    rng = np.random.default_rng(seed)
    far = np.zeros((2, 230, 310), bool)  # away from patches that lie between two areas
    far[0, :64, 128:192] = far[1, 32:96, 224:288] = True
    one, two, haze = ndimage.gaussian_filter(rng.normal(0, 1, (3, 230, 310)), (0, 6, 6))
    specks = rng.random((230, 310)) > 0.999
    obscured = np.clip(127 + 3000 * (haze - 0.05), 0, 255) * ~specks + 255 * specks * (haze < 0.05)
    return Views(one < 0.1, two < 0.08, obscured.astype("uint8"), foreign=(far[0], far[1]))


def shown(folder: Path, seen: Views, rims: tuple, side: int, *, coarse: bool = False) -> Shown:
    names = ("first", "second", "obscured", "far_first", "far_second")
    far = [np.zeros_like(seen.first) if one is None else one for one in seen.foreign]
    store = TileStore(folder, Tiling(BOX, side), names)
    stack = np.stack([seen.first, seen.second, seen.obscured, *far]).astype("uint8")
    for key in store.tiling:
        store.write(key, stack[(slice(None), *store.tiling.core(key).toslices())])
    first, second, obscured, *foreign = (Layer(store, (band,), BOX) for band in range(5))
    return Shown(first, second, obscured, rims, coarse, foreign=(foreign[0], foreign[1]))


def mosaic(one: Shown, tiling: Tiling) -> np.ndarray:
    out = np.zeros((230, 310), "uint8")
    for key in tiling:
        out[tiling.core(key).toslices()] = reason_tile(one, tiling, key)[0]
    return out


@pytest.mark.parametrize("side", [64, 150, 512])
@pytest.mark.parametrize("coarse", [False, True])
def test_reasons_over_tiles_are_those_of_the_whole(tmp_path, pictures, side, coarse):
    seen = views(side)
    rims = tuple(pixel_rims(some, BOX) for some in pictures)
    whole = reason_codes(seen, BOX, pictures, coarse=coarse)
    assert len(np.unique(whole)) >= 5
    some = shown(tmp_path / "s", seen, rims, side, coarse=coarse)
    assert np.array_equal(mosaic(some, Tiling(BOX, side)), whole)


def test_specks_on_a_seam_are_sieved_whole(tmp_path, pictures):
    all_seen = np.ones((230, 310), bool)
    obscured = np.zeros((230, 310), "uint8")
    obscured[60:66, 98:103] = 255  # 30 px on the corner of four tiles of 64, or 100
    obscured[120:140, 90:110] = 255
    rims = (pixel_rims(pictures[0], BOX), pixel_rims(pictures[0], BOX))
    some = shown(tmp_path / "s", Views(all_seen, all_seen, obscured), rims, 128)
    for side in (64, 100):
        codes = mosaic(some, Tiling(BOX, side))[:200, :280]
        assert (codes == OBSCURED).sum() == 400


def test_areas_over_tiles_carry_their_reasons(pictures):
    codes = reason_codes(views(5), BOX, pictures, coarse=False)
    tiles = with_reasons(
        vectorise_tiles(lambda window: codes[window.toslices()], Tiling(BOX, 90), REASONS)
    )
    whole = reason_areas(codes, BOX)
    assert tiles.crs == whole.crs
    areas = [frame.dissolve("reason").area for frame in (tiles, whole)]
    assert areas[0].to_dict() == pytest.approx(areas[1].to_dict())
    assert len(areas[0]) >= 4
    assert len(tiles) == len(whole)


def test_one_date_alone_gives_reasons_of_the_first(tmp_path, pictures):
    seen = views(3)
    two = shown(tmp_path / "s", seen, (pixel_rims(pictures[0], BOX), pixel_rims((), BOX)), 100)
    one = Shown(two.first, None, None, two.rims, coarse=False, foreign=(two.foreign[0], None))
    alone = Views(seen.first, None, None, foreign=(seen.foreign[0], None))
    whole = reason_codes(alone, BOX, (pictures[0], ()), coarse=False)
    assert np.array_equal(mosaic(one, Tiling(BOX, 100)), whole)


def test_what_is_too_far_gives_way_to_what_is_not_there_or_obscured():
    ones, none = np.ones((1, 4), bool), np.zeros((1, 4), bool)
    obscured = np.array([[0, 255, 0, 0]], "uint8")
    second = np.array([[True, True, False, True]])
    seen = Views(ones, second, obscured, foreign=(none, ones))
    codes = _coded(seen, (ones, ones), coarse=False)
    assert codes.tolist() == [[SECOND_FOREIGN, OBSCURED, NO_SECOND, SECOND_FOREIGN]]
    first = np.array([[True, True, True, False]])
    seen = Views(first, second, obscured, foreign=(ones, none))
    codes = _coded(seen, (ones, ones), coarse=False)
    assert codes.tolist() == [[FIRST_FOREIGN, FIRST_FOREIGN, FIRST_FOREIGN, NO_FIRST]]


def test_outlines_of_images_are_burnt_alike_in_any_window(pictures):
    for some in pictures:
        whole = within(some, BOX)
        assert 0 < whole.sum() < whole.size
        rims, tiling = pixel_rims(some, BOX), Tiling(BOX, 37)
        for key in tiling:
            core = tiling.core(key)
            assert np.array_equal(within_window(rims, core), whole[core.toslices()])
