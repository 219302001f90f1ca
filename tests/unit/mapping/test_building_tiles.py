"""Buildings found tile by tile: today's in a raster of one tile, the same at any side of tiles."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from rasterio.windows import Window
from scipy import ndimage

from geomage.geo import TileKey, TileStore, Tiling, ground_gsd
from geomage.mapping import building_tiles
from geomage.mapping.blob_tiles import Cut, Share, blob_parts, share_blobs
from geomage.mapping.building_tiles import (
    Census,
    Fields,
    count_tile,
    damage_tile,
    join_buildings,
    paint_near,
    tile_features,
)
from geomage.mapping.regrid import Layer
from whole_rasters import building_features, damage_raster, label_buildings, tally

GSD = 0.5
LEAST = 128


def grid(shape: tuple[int, int]) -> GeoBox:
    return GeoBox(shape, Affine(GSD, 0, 500_000.2, 0, -GSD, 4_000_000.7), "EPSG:32633")


@dataclass(frozen=True)
class Ground:
    """Probabilities and reasons of a raster."""

    building: np.ndarray
    damage: np.ndarray
    codes: np.ndarray

    @property
    def box(self) -> GeoBox:
        return grid(self.building.shape)


def ground(seed: int, shape: tuple[int, int] = (150, 190), blur: float = 3.0) -> Ground:
    """Blobs of any form with doubt within them; clouds over some."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(0, 1, (6, *shape)), (0, blur, blur))
    smooth /= smooth.std(axis=(1, 2), keepdims=True)
    damage = np.clip(60 + 60 * smooth[1:5], 0, 255).astype("uint8")
    codes = np.where(smooth[5] > 1.2, 4, 0) + np.where(smooth[5] < -1.8, 1, 0)
    building = np.clip(90 + 75 * smooth[0], 0, 255).astype("uint8")
    return Ground(building, damage, codes.astype("uint8"))


def town(side: int, step: int, shape: tuple[int, int] = (150, 190)) -> Ground:
    """Houses that overlap seams, none larger than `side`."""
    one = ground(3, shape)
    building = np.zeros(shape, "uint8")
    for row in range(3, shape[0], step):
        for col in range(5, shape[1], step):
            building[row : row + side, col : col + side - 3] = 200
    return Ground(building, one.damage, one.codes)


def fields(folder, one: Ground, side: int) -> Fields:
    store = TileStore(folder, Tiling(one.box, side), ("building", *"1234", "codes"))
    stack = np.concatenate([one.building[None], one.damage, one.codes[None]])
    for key in store.tiling:
        store.write(key, stack[(slice(None), *store.tiling.core(key).toslices())])
    layers = [Layer(store, bands, one.box) for bands in ((0,), (1, 2, 3, 4), (5,))]
    return Fields(layers[0], layers[1], layers[2], LEAST)


@dataclass(frozen=True)
class Found:
    features: gpd.GeoDataFrame
    damage: np.ndarray
    census: Census


def by_tiles(one: Fields, side: int) -> Found:
    """All steps, tiles in an odd order, answers through pickle as between processes."""
    tiling = Tiling(one.building.box, side)
    keys = sorted(tiling, key=lambda key: (key.col, -key.row))
    parts = {key: blob_parts(one.building.read(tiling.core(key))[0], one.least) for key in keys}
    shares = share_blobs(tiling, parts)
    answers = {
        key: pickle.loads(pickle.dumps(count_tile(one, shares.get(key), tiling, key)))  # noqa: S301
        for key in keys
    }
    census = join_buildings(tiling, answers)
    masks = {key: answer.mask for key, answer in answers.items()}
    rows = [tile_features(census, answers[key], tiling, key, two_dates=True) for key in tiling]
    out = np.zeros((tiling.height, tiling.width), "uint8")
    for key in keys:
        codes = one.codes.read(tiling.core(key))[0]
        near = paint_near(census, masks, key)
        out[tiling.core(key).toslices()] = damage_tile(near, codes, tiling, key)[0]
    full = [row for row in rows if len(row)] or rows[:1]
    return Found(pd.concat(full, ignore_index=True), out, census)


def at_once(one: Ground) -> tuple[gpd.GeoDataFrame, np.ndarray, float]:
    """As the whole raster in memory gives it, without gaps in the numbers."""
    gsd = ground_gsd(one.box)
    found = label_buildings(one.building, LEAST / 255, gsd)
    sums = tally(found, one.building, one.damage, one.codes, gsd)
    frame = building_features(found.labels, one.box, sums, two_dates=True).reset_index(drop=True)
    frame["building_id"] = np.arange(1, len(frame) + 1)
    share = found.run_together_share(sums.pixels, gsd)
    return frame, damage_raster(found.labels, sums, one.codes), share


@given(st.integers(0, 10**6), st.sampled_from([1.5, 2.5, 4.0]))
@settings(max_examples=4, deadline=None)
def test_a_raster_of_one_tile_gives_exactly_what_the_whole_gives(tmp_path_factory, seed, blur):
    one = ground(seed, blur=blur)
    found = by_tiles(fields(tmp_path_factory.mktemp("s"), one, 256), 256)
    frame, damage, share = at_once(one)
    assert np.array_equal(found.damage, damage)
    assert found.census.run_together == pytest.approx(share)
    assert len(frame) > 5
    pd.testing.assert_frame_equal(
        pd.DataFrame(found.features.drop(columns="geometry")),
        pd.DataFrame(frame.drop(columns="geometry")),
    )
    assert (
        shapely.normalize(found.features.geometry.to_numpy())
        == shapely.normalize(frame.geometry.to_numpy())
    ).all()


def sorted_by_place(frame: gpd.GeoDataFrame) -> pd.DataFrame:
    frame = frame.assign(
        wkb=shapely.to_wkb(shapely.normalize(frame.geometry.to_numpy())),
    ).drop(columns=["geometry", "building_id"])
    return pd.DataFrame(frame).sort_values("wkb", ignore_index=True)


@pytest.mark.parametrize("side", [41, 64, 100])
def test_buildings_that_fit_in_a_tile_are_the_same_at_any_side(tmp_path, side):
    one = town(37, 43)
    tiles = fields(tmp_path / "s", one, 80)
    found, whole = by_tiles(tiles, side), by_tiles(tiles, 256)
    assert len(whole.features) == 20
    assert np.array_equal(found.damage, whole.damage)
    assert found.features["building_id"].tolist() == list(range(1, 21))
    pd.testing.assert_frame_equal(
        sorted_by_place(found.features), sorted_by_place(whole.features), check_exact=True
    )


@given(st.integers(0, 10**6), st.integers(60, 120))
@settings(max_examples=3, deadline=None)
def test_blobs_that_fit_are_cut_alike_beside_others_that_do_not(tmp_path_factory, seed, side):
    one = ground(seed)
    tiles = fields(tmp_path_factory.mktemp("s"), one, 100)
    found, whole = by_tiles(tiles, side), by_tiles(tiles, 256)
    small = fitting(one.building >= LEAST, side)
    assert np.array_equal(found.damage[small], whole.damage[small])

    def lying(frame: gpd.GeoDataFrame) -> pd.DataFrame:
        return sorted_by_place(
            frame[[is_mostly(shape, small, one.box) for shape in frame.geometry]]
        )

    assert len(lying(whole.features)) > 0
    pd.testing.assert_frame_equal(lying(found.features), lying(whole.features), check_exact=True)


def fitting(mask: np.ndarray, side: int) -> np.ndarray:
    """(y, x) bool: blobs that are cut whole, but for those in the yards of larger ones."""
    labels, _ = ndimage.label(mask)
    small, large = np.zeros_like(mask), np.zeros_like(mask)
    for number, (rows, cols) in enumerate(ndimage.find_objects(labels), 1):
        blob = labels == number
        if max(rows.stop - rows.start, cols.stop - cols.start) > side:
            large |= ndimage.binary_fill_holes(blob)
        elif blob.sum() * GSD**2 >= 12:
            small |= blob
    within = np.unique(labels[large & small])
    return small & ~np.isin(labels, within[within > 0])


def is_mostly(shape: shapely.Geometry, mask: np.ndarray, box: GeoBox) -> bool:
    """Whether more than half of a shape lies on pixels of a mask."""
    rows, cols = np.nonzero(mask)
    a = box.affine
    inside = shapely.contains_xy(shape, a.c + (cols + 0.5) * a.a, a.f + (rows + 0.5) * a.e)
    return inside.sum() * GSD**2 > 0.5 * shape.area


def test_a_blob_larger_than_a_tile_is_cut_at_seams_and_keeps_its_blob(tmp_path):
    building = np.zeros((150, 190), "uint8")
    building[10:130, 10:180] = 200
    one = Ground(building, ground(1).damage, np.zeros((150, 190), "uint8"))
    found = by_tiles(fields(tmp_path / "s", one, 64), 64)
    assert len(found.features) == 9
    assert np.array_equal(found.damage > 0, building > 0)
    area = 120 * 170 * ground_gsd(one.box) ** 2
    assert found.features["area_m2"].sum() == pytest.approx(area, abs=0.5)
    assert found.census.run_together == 1.0
    assert set(found.features["grade"]) <= {1, 2, 3, 4}


def test_slivers_that_a_seam_cuts_from_a_large_blob_go(tmp_path):
    building = np.zeros((150, 190), "uint8")
    building[10:66, 10:180] = 200  # reaches 2 px over the seam at 64 ...
    building[64:66, 30:] = 0  # ... for 20 px: 10 m2
    one = Ground(building, ground(1).damage, np.zeros((150, 190), "uint8"))
    found = by_tiles(fields(tmp_path / "s", one, 64), 64)
    assert found.features["area_m2"].min() > 12
    assert (found.damage[64:66] == 0).all()


def islanded(shape: tuple[int, int] = (60, 60)) -> Ground:
    """A house with a yard of 25 m2, and a shed of 12 m2 in it, on seams."""
    building = np.zeros(shape, "uint8")
    building[20:40, 20:42] = 200
    building[25:35, 25:35] = 0
    building[28:34, 26:34] = 200
    return Ground(building, ground(1, shape).damage, np.zeros(shape, "uint8"))


@pytest.mark.parametrize("side", [25, 26, 30, 64])
def test_what_stands_in_a_yard_that_is_filled_is_of_the_house_around_it(tmp_path, side):
    one = islanded()
    found = by_tiles(fields(tmp_path / "s", one, 64), side)
    frame, damage, _ = at_once(one)
    assert len(frame) == len(found.features) == 1
    assert np.array_equal(found.damage, damage)
    assert found.features["building_id"].tolist() == [1]


def test_a_building_that_falls_apart_is_one_shape_and_comes_back_from_its_corners():
    labels = np.zeros((40, 50), "int32")
    labels[2:12, 3:13], labels[20:38, 5:25], labels[2:12, 20:30] = 1, 2, 1
    labels[25:30, 10:15] = 0
    box = grid((100, 100))
    cut = Cut(labels, np.array([-1, 0, 1]), np.zeros(0, "int64"))
    shapes = building_tiles._outlines(cut, Window(7, 9, 50, 40), box)
    assert [shape.geom_type for shape in shapes] == ["MultiPolygon", "Polygon"]
    assert [shape.area / GSD**2 for shape in shapes] == pytest.approx([200, 335])
    assert shapes[0].bounds[0] == pytest.approx(500_000.2 + 10 * GSD)
    back = building_tiles.Rings.of(shapes, box).polygons(box)
    assert (back == shapes).all()


@pytest.mark.parametrize("side", [64, 256])
def test_no_building_gives_an_empty_frame_with_all_columns(tmp_path, side):
    empty = np.zeros((100, 100), "uint8")
    one = Ground(empty, np.zeros((4, 100, 100), "uint8"), empty.copy())
    found = by_tiles(fields(tmp_path / "s", one, 64), side)
    assert found.features.empty
    assert found.features.columns.tolist() == at_once(one)[0].columns.tolist()
    assert found.census.count == 0
    assert found.census.run_together == 0.0
    assert not found.damage.any()


def test_with_one_date_nothing_is_said_of_damage(tmp_path):
    one = town(30, 60)
    two = fields(tmp_path / "s", one, 100)
    single = Fields(two.building, None, two.codes, LEAST)
    tiling = Tiling(one.box, 256)
    found = count_tile(single, None, tiling, TileKey(0, 0))
    rows = tile_features(
        join_buildings(tiling, {TileKey(0, 0): found}),
        found,
        tiling,
        TileKey(0, 0),
        two_dates=False,
    )
    assert set(rows["not_analysed_reason"]) == {"no second image"}
    assert (rows["grade"] == 0).all()


def test_each_blob_has_one_owner_that_holds_the_corner_of_its_frame():
    one = town(37, 43)
    tiling = Tiling(one.box, 50)
    parts = {key: blob_parts(one.building[tiling.core(key).toslices()], LEAST) for key in tiling}
    shares = share_blobs(tiling, parts)
    firsts = np.concatenate([share.whole for share in shares.values()])
    assert len(set(firsts.tolist())) == len(firsts)
    for key, share in shares.items():
        assert isinstance(share, Share)
        assert not len(share.piece)
        assert (share.frame[:, 0] // 50 == key.row).all()
        assert (share.frame[:, 1] // 50 == key.col).all()


def test_a_building_is_small_in_the_answers(tmp_path):
    one = town(24, 30, (600, 600))
    tiling = Tiling(one.box, 600)
    answer = count_tile(fields(tmp_path / "s", one, 600), None, tiling, TileKey(0, 0))
    assert len(answer.blob) == 400
    assert len(pickle.dumps(answer)) / 400 < 350
