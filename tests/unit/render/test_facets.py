"""Facets hold what the stage holds: level tops, tilted planes, closed boxes, walls with windows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from geomage.render.daylight import facade_tones
from geomage.render.facets import APRON_M, facet_stage
from geomage.sensor import VISIBLE, Band
from towns import stage

PX, HEIGHT = 0.5, 9.0


def box() -> np.ndarray:
    height = np.zeros((30, 40))
    height[8:20, 10:26] = HEIGHT
    return height


def crossed(facets) -> np.ndarray:
    """Vector area (quad, 3) of each quad, m2: half the cross product of its diagonals."""
    a, b, c, d = (facets.corners[facets.quads[:, i]].astype(np.float64) for i in range(4))
    return np.cross(c - a, d - b) / 2


def test_level_ground_is_one_square_a_pixel_and_an_apron_around_it():
    facets = facet_stage(stage(np.zeros((6, 7)), px=PX, albedo=0.25))
    assert len(facets.quads) == 8 * 9
    assert np.allclose(facets.corners[:, 2], 0)
    wide, high = 2 * APRON_M + 7 * PX, 2 * APRON_M + 6 * PX
    assert crossed(facets)[:, 2].sum() == pytest.approx(wide * high)
    assert np.allclose(facets.albedo, 0.25)


@pytest.mark.parametrize(("east", "north"), [(0.3, 0.0), (-0.2, 0.4)])
def test_a_tilted_plane_has_its_slope_and_no_walls(east, north):
    rows, columns = np.indices((12, 14))
    height = 10 + PX * (east * columns - north * rows)
    facets = facet_stage(replace(stage(np.zeros((12, 14))), ground=height.astype(np.float32)))
    x, y = np.moveaxis(facets.corners[facets.quads].mean(1)[:, :2], -1, 0)
    rim = 1.01 * PX  # where a pixel has no neighbour it counts as level
    inner = (x > rim) & (x < 14 * PX - rim) & (y > rim) & (y < 12 * PX - rim)
    area = crossed(facets)[inner]
    assert len(area) == 10 * 12
    assert np.allclose(area, [-east * PX**2, -north * PX**2, PX**2], atol=1e-5)


def test_a_box_has_four_walls_of_its_height_and_tops_that_cover_the_ground_once():
    facets = facet_stage(stage(box(), px=PX))
    area = crossed(facets)
    walls = np.abs(area[:, 2]) < 1e-6
    assert np.linalg.norm(area[walls], axis=1).sum() == pytest.approx(2 * (12 + 16) * PX * HEIGHT)
    wide, high = 2 * APRON_M + 40 * PX, 2 * APRON_M + 30 * PX
    assert np.abs(area[:, 2]).sum() == pytest.approx(wide * high)


def test_walls_of_a_house_show_plaster_and_glass_and_others_what_is_on_top():
    house = stage(box(), px=PX, albedo=0.25)
    wall = np.abs(crossed(facet_stage(house))[:, 2]) < 1e-6
    tones = facet_stage(house).albedo[1, wall]
    plain = np.abs(tones - 0.4 * facade_tones(VISIBLE)[1, 1]) < 1e-6
    assert 0.3 < plain.mean() < 0.95
    assert (tones[~plain] < 0.2).all()
    heap = replace(house, ids=np.zeros_like(house.ids))
    assert np.allclose(facet_stage(heap).albedo, 0.25)


def test_every_band_has_its_albedo():
    bands = (*VISIBLE, Band("nir", 850.0, 100.0))
    there = stage(box(), px=PX)
    albedo = np.stack([np.full(there.height.shape, a, np.float32) for a in (0.1, 0.2, 0.3, 0.4)])
    facets = facet_stage(replace(there, albedo=albedo, bands=bands))
    tops = np.abs(crossed(facets)[:, 2]) > 1e-6
    assert np.allclose(facets.albedo[:, tops], np.array([[0.1], [0.2], [0.3], [0.4]]))


@pytest.mark.parametrize("degrees", [0, 12, 30, 45])
def test_walls_askew_to_the_grid_are_straight_and_not_longer_than_they_are(degrees):
    turn, (long, wide) = np.radians(degrees), (18.0, 11.0)
    rows, columns = np.indices((80, 90))
    east, north = PX * (columns - 44.6), PX * (39.7 - rows)
    along, across = (
        east * np.cos(turn) + north * np.sin(turn), north * np.cos(turn) - east * np.sin(turn),
    )  # fmt: skip
    inside = (np.abs(along) < long / 2) & (np.abs(across) < wide / 2)
    plan = np.array([[0.0, np.pi / 2, 0, 0], [turn, np.pi / 2, 22.5, 20.0]])
    facets = facet_stage(replace(stage(np.where(inside, HEIGHT, 0.0), px=PX), plan=plan))
    area = crossed(facets)
    walls = area[(np.abs(area[:, 2]) < 1e-4) & (np.abs(area).max(1) > 1e-4)]
    size = np.linalg.norm(walls, axis=1)
    assert size.sum() == pytest.approx(2 * (long + wide) * HEIGHT, rel=0.06)  # stairs: up to 1.41
    askew = (np.arctan2(walls[:, 1], walls[:, 0]) - turn + np.pi / 4) % (np.pi / 2) - np.pi / 4
    assert size[np.abs(askew) < np.radians(8)].sum() > 0.85 * size.sum()
    assert np.linalg.norm(area[:, 2].sum()) == pytest.approx(
        (2 * APRON_M + 90 * PX) * (2 * APRON_M + 80 * PX)
    )
