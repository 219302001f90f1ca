"""Given footprints: judged by all their pixels, laid on the image, never intact when unseen."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from geomage.errors import BudgetError
from geomage.geo import TileStore, Tiling, ground_gsd
from geomage.geo.polygons import Polygons
from geomage.mapping import given
from geomage.mapping.building_tiles import Fields
from geomage.mapping.given import (
    Near,
    footprint_features,
    join_sums,
    near_tiles,
    paint_tile,
    shifted,
    sum_tile,
)
from geomage.mapping.reasons import NO_FIRST, NO_SECOND, OBSCURED, OUTSIDE
from geomage.mapping.registration import BLOCK, Registration, match_tile, register
from geomage.mapping.regrid import Layer
from geomage.product import graded

SHAPE = (130, 170)
INTACT, GONE = (240, 8, 4, 3), (2, 3, 5, 245)


def grid(
    shape: tuple[int, int] = SHAPE, crs: str | None = "EPSG:32631", gsd: float = 0.5
) -> GeoBox:
    return GeoBox(shape, Affine(gsd, 0, 500_000, 0, -gsd, 6_650_000), crs)


class Ground:
    """What a model said of a place, and what can be seen of it; intact buildings all over."""

    def __init__(self, shape: tuple[int, int] = SHAPE) -> None:
        self.building = np.full(shape, 230, "uint8")
        self.damage = np.repeat(np.array(INTACT, "uint8"), np.prod(shape)).reshape(4, *shape)
        self.codes = np.zeros(shape, "uint8")

    def fields(self, folder: Path, side: int = 64, box: GeoBox | None = None) -> Fields:
        tiling = Tiling(box or grid(self.codes.shape), side)
        store = TileStore(folder / str(side), tiling, ("building", *"1234", "codes"))
        stack = np.concatenate([self.building[None], self.damage, self.codes[None]])
        for key in tiling:
            store.write(key, stack[(slice(None), *tiling.core(key).toslices())])
        layers = [Layer(store, bands, tiling.box) for bands in ((0,), (1, 2, 3, 4), (5,))]
        return Fields(*layers, least=128)


def assess(
    fields: Fields, shapes: list, part: Window | None = None, *, two_dates: bool = True
) -> gpd.GeoDataFrame:
    tiling = fields.building.store.tiling
    fields = fields if two_dates else replace(fields, damage=None)
    part = part or Window(0, 0, tiling.width, tiling.height)
    kept = Polygons.of(np.array(shapes, object))
    sums = [sum_tile(fields, near, tiling) for near in near_tiles(kept, tiling, part).values()]
    assessed = join_sums(sums, kept, part)
    found = footprint_features(assessed, kept, tiling, {}, ("outside the image", two_dates))
    return graded(found)


def reasons(found: gpd.GeoDataFrame) -> list[str | None]:
    return [None if value != value else value for value in found["reason"]]  # noqa: PLR0124


def test_seams_change_nothing(tmp_path) -> None:
    ground = Ground()
    rng = np.random.default_rng(2)
    ground.building[:] = rng.integers(0, 255, SHAPE)
    ground.damage[:] = rng.integers(0, 255, (4, *SHAPE))
    ground.codes[rng.random(SHAPE) < 0.3] = OBSCURED
    corners = rng.uniform((0, 0), (150, 110), (30, 2))
    shapes = [shapely.box(x, y, x + 30, y + 20) for x, y in corners]
    parts, whole = (assess(ground.fields(tmp_path, side), shapes) for side in (64, 256))
    assert parts.to_csv() == whole.to_csv()


def test_one_odd_pixel_does_not_damage_a_building(tmp_path) -> None:
    """Not even where it alone looks like a building, of 1,600 pixels or of 40."""
    ground = Ground()
    ground.building[:] = 40
    for row, col in ((20, 20), (81, 102)):
        ground.building[row, col] = 255
        ground.damage[:, row, col] = GONE
    found = assess(
        ground.fields(tmp_path), [shapely.box(10, 10, 50, 50), shapely.box(98, 80, 106, 85)]
    )
    assert found["grade"].tolist() == [1, 1]
    assert (found["p_destroyed"] < 0.25).all()
    ground.building[:] = 230
    found = assess(ground.fields(tmp_path / "b"), [shapely.box(10, 10, 50, 50)])
    assert found["damage_gra"].tolist() == ["No visible damage"]
    assert found["p_destroyed"][0] < 0.02


def test_overlapping_footprints_are_each_judged_by_all_their_pixels(tmp_path) -> None:
    ground = Ground()
    ground.damage[:, 20:40, 20:40] = np.array(GONE)[:, None, None]
    square = shapely.box(20, 20, 40, 40)
    found = assess(ground.fields(tmp_path), [square, square, shapely.box(10, 20, 60, 128), square])
    assert found["damage_gra"].tolist() == [*["Destroyed"] * 2, "No visible damage", "Destroyed"]
    assert found["building_id"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (NO_FIRST, "no data at first date"),
        (NO_SECOND, "no data at second date"),
        (OBSCURED, "obscured at second date"),
        (OUTSIDE, "outside the second image"),
    ],
)
def test_what_is_not_seen_is_not_analysed_with_its_reason(tmp_path, code, reason) -> None:
    ground = Ground()
    ground.codes[:, :30] = code
    ground.building[:, :30] = 0 if code == NO_FIRST else 230
    shapes = [shapely.box(5, 5, 25, 25), shapely.box(12, 5, 42, 25), shapely.box(24, 5, 44, 25)]
    found = assess(ground.fields(tmp_path), shapes)
    assert reasons(found) == [reason, reason, None]
    assert found["damage_gra"].tolist() == [*["Not Analysed"] * 2, "No visible damage"]
    assert found["grade"].tolist() == [0, 0, 1]


def test_outside_too_small_and_no_building_are_reasons(tmp_path) -> None:
    ground = Ground()
    ground.building[60:, :] = 5
    ground.building[62:100, 100:] = 25
    shapes = [
        shapely.box(-500, 10, -480, 30),
        shapely.box(160, 10, 200, 30),
        shapely.box(20, 20, 21.4, 21.4),
        shapely.box(20, 70, 40, 90),
        shapely.box(110, 70, 130, 90),
    ]
    found = assess(ground.fields(tmp_path), shapes)
    assert reasons(found) == [
        *("outside the image", "outside the image", "too small to judge"),
        *("no building seen at first date", None),
    ]
    # a building of which little is seen is never surely intact
    assert found["damage_gra"].tolist() == [*["Not Analysed"] * 4, "Possibly damaged"]
    assert found["p_none"][4] == pytest.approx(
        0.5 + (found["p_building"][4] / 0.6) * 0.44, abs=0.01
    )
    alone = assess(ground.fields(tmp_path / "b"), shapes, two_dates=False)
    assert reasons(alone) == ["outside the image"] * 2 + ["no second image"] * 3


def test_a_part_of_the_grid_is_all_that_is_mapped(tmp_path) -> None:
    """Tiles beyond it were never written: what is absent there is not analysed, never intact."""
    shapes = [shapely.box(5, 5, 25, 25), shapely.box(55, 5, 75, 25), shapely.box(120, 5, 140, 25)]
    found = assess(Ground().fields(tmp_path), shapes, Window(0, 0, 60, 100))
    assert reasons(found) == [None, "outside the image", "outside the image"]


def test_the_worst_grade_is_painted_where_footprints_overlap() -> None:
    shapes = np.array([shapely.box(0, 0, 6, 6), shapely.box(3, 3, 9, 9), shapely.box(5, 0, 9, 9)])
    tiling = Tiling(grid((10, 10)), 10)
    (near,) = near_tiles(Polygons.of(shapes), tiling, Window(0, 0, 10, 10)).values()
    codes = np.zeros((10, 10), "uint8")
    codes[9] = NO_SECOND
    codes[8, 0] = NO_SECOND
    out = paint_tile(near, np.array([4, 1, 255], "uint8"), codes, tiling.core(near.key))[0]
    assert (out[1, 1], out[4, 4], out[7, 4], out[7, 8], out[1, 8], out[9, 9]) == (
        4,
        4,
        1,
        1,
        255,
        255,
    )
    assert (out[0, 9], out[8, 0]) == (0, 255)
    assert pickle.loads(pickle.dumps(near)) == near  # noqa: S301


def test_footprints_as_large_as_a_country_are_refused(monkeypatch) -> None:
    monkeypatch.setattr(given, "_MOST_PAIRS", 100)
    shapes = Polygons.of(np.array([shapely.box(0, 0, 640, 640)] * 2, object))
    with pytest.raises(BudgetError, match="2 footprints meet 200 tiles"):
        near_tiles(shapes, Tiling(grid((640, 640)), 64), Window(0, 0, 640, 640))


def houses(count: int, side: int, seed: int = 5) -> list:
    """Houses of many sizes that do not touch, on a jittered lattice."""
    rng = np.random.default_rng(seed)
    step = side // count
    out = []
    for row in range(count):
        for col in range(count):
            w, h = rng.uniform(12, 24, 2)
            x, y = (col, row) * np.array(step) + rng.uniform(2, step - 26, 2)
            out.append(shapely.box(x, y, x + w, y + h))
    return out


def registered(
    folder: Path, shown: list, given_: list, box: GeoBox, blur: int = 60
) -> Registration:
    """What is measured where a model sees some shapes and others are given."""
    ground = Ground(tuple(box.shape))
    rng = np.random.default_rng(1)
    seen = Polygons.of(np.array(shown, object)).runs(*box.shape)
    ground.building[:] = rng.integers(0, blur, box.shape)
    for _, row, begin, end in seen.table.tolist():
        ground.building[row, begin:end] = rng.integers(120, 255, end - begin)
    fields = ground.fields(folder, BLOCK, box)
    tiling = fields.building.store.tiling
    kept = Polygons.of(np.array(given_, object))
    part = Window(0, 0, tiling.width, tiling.height)
    found = {}
    for near in near_tiles(kept, tiling, part).values():
        found |= match_tile(fields.building, near.shapes, tiling, near.key)
    return register(found, ground_gsd(box))


@pytest.mark.parametrize("gsd", [0.25, 0.5, 1.0])
def test_a_shift_is_measured_in_metres_at_any_pixel_size(tmp_path, gsd) -> None:
    shown = houses(10, 512)
    moved = [shapely.affinity.translate(s, -4 / gsd, -3 / gsd) for s in shown]
    found = registered(tmp_path, shown, moved, grid((512, 512), gsd=gsd))
    assert found.reason == ""
    assert (found.dx_m, found.dy_m) == pytest.approx((4, -3), abs=0.15)
    back, by = shifted(Polygons.of(np.array(moved, object)), found, gsd, Window(0, 0, 512, 512))
    inside = by[:, 0] != 0
    assert np.allclose(back.frames()[inside], shapely.bounds(shown)[inside], atol=0.5)


def test_a_place_may_be_shifted_unlike_another(tmp_path) -> None:
    shown = houses(40, 4 * BLOCK)
    far = np.array([shapely.get_x(s.centroid) / (4 * BLOCK) for s in shown])
    moved = [
        shapely.affinity.translate(s, -2 * x / 0.5, 0) for s, x in zip(shown, far, strict=True)
    ]
    found = registered(tmp_path, shown, moved, grid((4 * BLOCK, 4 * BLOCK)))
    middles = shapely.get_coordinates(shapely.centroid(moved))
    off = found.at(middles) - np.stack([2 * far, 0 * far], axis=1)
    assert found.dx_m == pytest.approx(1, abs=0.5)
    assert np.median(np.abs(off[:, 0])) < 0.25 < np.median(np.abs(found.dx_m - 2 * far))


@pytest.mark.parametrize("case", ["other town", "nothing", "too far"])
def test_what_cannot_be_measured_moves_nothing_and_says_why(tmp_path, case) -> None:
    shown, given_ = houses(10, 512), houses(10, 512, seed=6)
    if case == "nothing":
        given_ = [shapely.box(600, 5, 620, 20)]
    if case == "too far":
        given_ = [shapely.affinity.translate(s, 40, 0) for s in shown]
    found = registered(tmp_path, shown, given_, grid((512, 512)))
    assert (found.dx_m, found.dy_m, dict(found.blocks)) == (0, 0, {})
    assert found.reason
    assert (found.at(np.array([[5.0, 5.0]])) == 0).all()


def test_what_travels_is_small(tmp_path) -> None:
    shown = houses(10, 512)
    tiling = Tiling(grid((512, 512)), 512)
    (near,) = near_tiles(Polygons.of(np.array(shown)), tiling, Window(0, 0, 512, 512)).values()
    assert isinstance(near, Near)
    assert len(pickle.dumps(near)) < 300 * len(shown)
    assert sum_tile(Ground((512, 512)).fields(tmp_path, 512), near, tiling).pixels.sum() > 0
