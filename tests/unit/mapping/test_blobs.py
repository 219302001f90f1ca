from __future__ import annotations

import numpy as np
import pytest

from geomage.geo import pixel_box
from geomage.mapping.blobs import label_buildings
from geomage.mapping.buildings import building_features, damage_raster, tally

GSD = 0.5


def drawn(*rectangles: tuple[int, int, int, int]) -> np.ndarray:
    """Building probability times 255 with rectangles (top, left, bottom, right) in pixels."""
    out = np.zeros((200, 200), "uint8")
    for top, left, bottom, right in rectangles:
        out[top:bottom, left:right] = 230
    return out


def test_two_houses_joined_by_a_neck_are_two() -> None:
    labels, count = label_buildings(
        drawn((20, 20, 60, 60), (20, 66, 60, 106), (38, 60, 42, 66)), 0.5, GSD
    )
    assert count == 2
    assert labels[40, 40] != labels[40, 90]


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
    labels, count = label_buildings(drawn(*shape), 0.5, GSD)
    assert count == 1
    np.testing.assert_array_equal(labels > 0, drawn(*shape) > 0)


def test_specks_go_and_small_holes_close_but_a_courtyard_stays() -> None:
    hall = drawn((20, 20, 120, 120), (150, 150, 155, 155))
    hall[40:44, 40:44] = 0  # 4 m2
    hall[70:100, 70:100] = 0  # 225 m2
    labels, _ = label_buildings(hall, 0.5, GSD)
    assert labels[152, 152] == 0
    assert labels[42, 42] > 0
    assert labels[85, 85] == 0


def test_a_building_seen_by_less_than_half_is_not_analysed() -> None:
    building = drawn((20, 20, 60, 60), (100, 100, 140, 140))
    labels, count = label_buildings(building, 0.5, GSD)
    damage = np.zeros((4, 200, 200), "uint8")
    damage[0], damage[3] = 51, 204
    codes = np.zeros((200, 200), "uint8")
    codes[:, :45] = 4  # five eighths of the first house
    codes[:, 130:] = 3  # a quarter of the second
    sums = tally(labels, count, building, damage, codes)
    rows = building_features(labels, pixel_box((200, 200), GSD), sums, two_dates=True)
    assert rows["grade"].tolist() == [0, 4]
    assert rows["not_analysed_reason"].tolist() == ["obscured at second date", None]
    assert rows["p_destroyed"][1] == pytest.approx(0.8)
    raster = damage_raster(labels, sums, codes)
    assert (raster[20:60, 20:60] == 255).all()
    assert (raster[100:140, 100:130] == 4).all()
    assert (raster[codes > 0] == 255).all()
    assert raster[80, 80] == 0


def test_a_grade_is_the_mean_weighted_by_the_square_of_the_probability_of_building() -> None:
    building = drawn((20, 20, 60, 60))
    building[20:60, 40:60] = 140
    labels, count = label_buildings(building, 0.5, GSD)
    damage = np.zeros((4, 200, 200), "uint8")
    damage[0, :, :40] = 255
    damage[2, :, 40:] = 255
    sums = tally(labels, count, building, damage, np.zeros((200, 200), "uint8"))
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
    labels, count = label_buildings(drawn((20, 20, 60, 60)), 0.5, GSD)
    damage = np.zeros((4, 200, 200), "uint8")
    for layer, share in zip(damage, shares, strict=True):
        layer[:] = round(255 * share)
    sums = tally(labels, count, drawn((20, 20, 60, 60)), damage, np.zeros((200, 200), "uint8"))
    assert sums.grade[1] == grade


def test_no_building_gives_an_empty_frame_with_all_columns() -> None:
    empty = np.zeros((50, 50), "uint8")
    labels, count = label_buildings(empty, 0.5, GSD)
    sums = tally(labels, count, empty, np.zeros((4, 50, 50), "uint8"), empty)
    rows = building_features(labels, pixel_box((50, 50), GSD), sums, two_dates=True)
    assert rows.empty
    assert {"building_id", "grade", "p_destroyed", "area_m2", "confidence"} <= set(rows.columns)
