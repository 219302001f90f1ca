from __future__ import annotations

import numpy as np
import pytest

from geomage.geo import pixel_box
from geomage.mapping._kernels_parts import grow_parts
from geomage.mapping.buildings import LEANS_ON_BLOB
from whole_rasters import building_features, damage_raster, label_buildings, tally

GSD = 0.5


def drawn(*rectangles: tuple[int, int, int, int]) -> np.ndarray:
    """Building probability times 255 with rectangles (top, left, bottom, right) in pixels."""
    out = np.zeros((200, 200), "uint8")
    for top, left, bottom, right in rectangles:
        out[top:bottom, left:right] = 230
    return out


def test_two_houses_joined_by_a_neck_are_two() -> None:
    found = label_buildings(drawn((20, 20, 60, 60), (20, 66, 60, 106), (38, 60, 42, 66)), 0.5, GSD)
    assert found.count == 2
    assert found.labels[40, 40] != found.labels[40, 90]
    assert found.blob.tolist() == [0, 1, 1]


def town(side: int, gap: int, between: int) -> np.ndarray:
    """Probability times 255 of 7 x 7 houses in one block, with gaps of a lower probability."""
    out = np.zeros((200, 200), "uint8")
    out[10 : 10 + 7 * (side + gap) - gap, 10 : 10 + 7 * (side + gap) - gap] = between
    for row in range(7):
        for col in range(7):
            top, left = 10 + row * (side + gap), 10 + col * (side + gap)
            out[top : top + side, left : left + side] = 230
    return out


def test_a_dense_town_comes_apart_where_the_probability_falls_between_houses() -> None:
    """The depth of one square block has one top: only the probability tells its houses."""
    block = town(side=20, gap=4, between=130)
    found = label_buildings(block, 0.5, GSD)
    assert found.count == 49
    np.testing.assert_array_equal(found.labels > 0, block > 0)  # not one pixel is lost
    houses = [found.labels[20 + 24 * row, 20 + 24 * col] for row in range(7) for col in range(7)]
    assert len(set(houses)) == 49
    assert set(found.blob[1:].tolist()) == {1}
    pixels = np.bincount(found.labels.ravel())
    assert found.run_together_share(pixels, GSD) == 1.0
    assert found.run_together_share(pixels, GSD / 2) == 0.0  # a block of 1700 m2


def test_a_slight_fall_of_probability_does_not_cut_a_hall() -> None:
    hall = town(side=20, gap=4, between=215)
    assert label_buildings(hall, 0.5, GSD).count == 1


def test_pixels_finer_than_the_cut_change_neither_number_nor_union() -> None:
    block = town(side=20, gap=4, between=130).repeat(4, 0).repeat(4, 1)
    found = label_buildings(block, 0.5, GSD / 4)
    assert found.count == 49
    np.testing.assert_array_equal(found.labels > 0, block > 0)


def test_surfaces_part_at_a_saddle_deep_enough_and_only_between_large_parts() -> None:
    profile = np.array([0, 5, 9, 4, 7, 8, 0, 3, 3], "uint16")
    assert grow_parts(profile, 9, 1, 4)[0].tolist() == [0, 1, 1, 1, 2, 2, 0, 3, 3]
    assert grow_parts(profile, 9, 1, 5)[0].tolist() == [0, 1, 1, 1, 1, 1, 0, 2, 2]
    assert grow_parts(profile, 9, 3, 4)[0].tolist() == [0, 1, 1, 1, 1, 1, 0, 2, 2]


@pytest.mark.parametrize(
    "shape",
    [
        [(20, 20, 40, 120)],  # a long hall
        [(20, 20, 40, 120), (40, 20, 120, 40)],  # an L
        [(20, 20, 40, 120), (40, 20, 120, 40), (40, 100, 120, 120)],  # a U
    ],
    ids=["hall", "L", "U"],
)
def test_one_building_of_any_plan_stays_one(shape: list[tuple[int, int, int, int]]) -> None:
    found = label_buildings(drawn(*shape), 0.5, GSD)
    assert found.count == 1
    np.testing.assert_array_equal(found.labels > 0, drawn(*shape) > 0)


def test_specks_go_and_small_holes_close_but_a_courtyard_stays() -> None:
    hall = drawn((20, 20, 120, 120), (150, 150, 155, 155))
    hall[40:44, 40:44] = 0  # 4 m2
    hall[70:100, 70:100] = 0  # 225 m2
    labels = label_buildings(hall, 0.5, GSD).labels
    assert labels[152, 152] == 0
    assert labels[42, 42] > 0
    assert labels[85, 85] == 0


def test_a_building_seen_by_less_than_half_is_not_analysed() -> None:
    building = drawn((20, 20, 60, 60), (100, 100, 140, 140))
    found = label_buildings(building, 0.5, GSD)
    damage = np.zeros((4, 200, 200), "uint8")
    damage[0], damage[3] = 51, 204
    codes = np.zeros((200, 200), "uint8")
    codes[:, :45] = 4  # five eighths of the first house
    codes[:, 130:] = 3  # a quarter of the second
    sums = tally(found, building, damage, codes, GSD)
    rows = building_features(found.labels, pixel_box((200, 200), GSD), sums, two_dates=True)
    assert rows["grade"].tolist() == [0, 4]
    assert rows["not_analysed_reason"].tolist() == ["obscured at second date", None]
    assert rows["p_destroyed"][1] == pytest.approx(0.8)
    raster = damage_raster(found.labels, sums, codes)
    assert (raster[20:60, 20:60] == 255).all()
    assert (raster[100:140, 100:130] == 4).all()
    assert (raster[codes > 0] == 255).all()
    assert raster[80, 80] == 0


def test_a_grade_is_the_mean_weighted_by_the_square_of_the_probability_of_building() -> None:
    building = drawn((20, 20, 60, 60))
    building[20:60, 40:60] = 140
    found = label_buildings(building, 0.5, GSD)
    damage = np.zeros((4, 200, 200), "uint8")
    damage[0, :, :40] = 255
    damage[2, :, 40:] = 255
    sums = tally(found, building, damage, np.zeros((200, 200), "uint8"), GSD)
    np.testing.assert_allclose(
        sums.grades[1], [230**2 / (230**2 + 140**2), 0, 140**2 / (230**2 + 140**2), 0]
    )
    assert sums.grade[1] == 1


@pytest.mark.parametrize(
    ("shares", "grade"),
    [
        ((0.82, 0, 0, 0.18), 1),
        ((0.78, 0, 0, 0.22), 4),
        ((0, 0, 0.6, 0.4), 4),
        ((0, 0, 0.7, 0.3), 3),
    ],
)
def test_the_grade_is_the_one_dearest_to_miss(shares: tuple[float, ...], grade: int) -> None:
    """A destroyed house missed costs four times a whole one, a damaged one twice."""
    found = label_buildings(drawn((20, 20, 60, 60)), 0.5, GSD)
    damage = np.zeros((4, 200, 200), "uint8")
    for layer, share in zip(damage, shares, strict=True):
        layer[:] = round(255 * share)
    sums = tally(found, drawn((20, 20, 60, 60)), damage, np.zeros((200, 200), "uint8"), GSD)
    assert sums.grade[1] == grade


def test_a_part_of_a_blob_leans_on_its_blob_and_a_house_alone_does_not() -> None:
    """Two houses of 400 m2 on one neck: 100 m2 of the mean of both count with each."""
    building = drawn((20, 20, 60, 60), (20, 66, 60, 106), (38, 60, 42, 66), (120, 20, 160, 60))
    found = label_buildings(building, 0.5, GSD)
    damage = np.zeros((4, 200, 200), "uint8")
    damage[0, :, :63], damage[3, :, 63:] = 255, 255
    sums = tally(found, building, damage, np.zeros((200, 200), "uint8"), GSD)
    left, right, alone = (
        sums.grades[found.labels[40 + 100 * i, j]] for i, j in ((0, 40), (0, 90), (1, 40))
    )
    weight = (230 / 255) ** 2
    whole = 400 * weight + LEANS_ON_BLOB
    assert left[3] == pytest.approx(LEANS_ON_BLOB / 2 / whole, abs=0.01)
    assert right[0] == pytest.approx(LEANS_ON_BLOB / 2 / whole, abs=0.01)
    np.testing.assert_allclose(alone, [1, 0, 0, 0])


def test_no_building_gives_an_empty_frame_with_all_columns() -> None:
    empty = np.zeros((50, 50), "uint8")
    found = label_buildings(empty, 0.5, GSD)
    sums = tally(found, empty, np.zeros((4, 50, 50), "uint8"), empty, GSD)
    rows = building_features(found.labels, pixel_box((50, 50), GSD), sums, two_dates=True)
    assert rows.empty
    assert {"building_id", "grade", "p_destroyed", "area_m2", "confidence"} <= set(rows.columns)
