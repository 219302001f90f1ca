"""How ground is roughened: what strays, what stays, and what is never touched."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from geomage.render import _kernels_paint as k
from geomage.render.canvas import stage_noise
from geomage.render.matter import Appearance, ground_row
from geomage.world.districts import street_angle

PX, SIDE = 0.3, 200
AT = (0, 0)  # of the lattice of pixels, where the grid begins
NOISE = stage_noise(GeoBox((SIDE, SIDE), Affine(PX, 0, 0, 0, -PX, 60), "EPSG:32631"), 5)
ROWS, COLUMNS = np.indices((SIDE, SIDE))


def halves(second: int = 1) -> np.ndarray:
    return np.where(COLUMNS < SIDE // 2, 0, second).astype(np.int32)


def frayed(index: np.ndarray, still: list[bool], most: float = 0.6) -> np.ndarray:
    n = NOISE
    return k.fray(index, np.array(still), n.mid, n.coarse, n.loss, n.wide, PX, most)


def test_an_edge_strays_but_not_farther_than_it_may():
    index = halves()
    moved = frayed(index, [False, False]) != index
    away = np.abs(COLUMNS + 0.5 - SIDE / 2) * PX
    assert moved.sum() > 20
    assert away[moved].max() <= 0.6 + PX


def test_edges_of_what_stays_as_drawn_do_not_stray():
    index = halves()
    assert (frayed(index, [False, True]) == index).all()
    assert (frayed(index, [True, False]) == index).all()


def test_nothing_strays_by_nothing():
    assert (frayed(halves(), [False, False], 0.0) == halves()).all()


def painted(kind: str, row: int) -> tuple[np.ndarray, np.ndarray]:
    """Albedo and cover of ground of one kind, as the given row of a table."""
    colour = np.array([0.20, 0.18, 0.14])
    table = np.array([ground_row(kind, colour, 0, 0, Appearance())] * (row + 1), np.float32)
    albedo = np.zeros((3, SIDE, SIDE), np.float32)
    cover = np.zeros((SIDE, SIDE), np.uint8)
    index = np.full((SIDE, SIDE), row, np.int32)
    n = NOISE
    noises = (n.fine, n.mid, n.coarse, n.broad, n.loss, n.wide)
    k.paint_ground(index, table, noises, AT, PX, albedo, cover)
    return albedo, cover


@pytest.mark.parametrize(
    "kind", ["lawn", "meadow", "bare", "asphalt", "concrete", "field", "water"]
)
def test_ground_is_one_class_and_between_black_and_white(kind):
    for row in range(6):
        albedo, cover = painted(kind, row)
        assert albedo.min() > 0
        assert albedo.max() < 0.95
        assert np.unique(cover).size == 1
        assert 0.5 < albedo.mean() / painted(kind, 0)[0].mean() < 2


def test_patches_differ_in_roughness():
    spread = [np.std(painted("meadow", row)[0][1]) for row in range(12)]
    assert max(spread) > 1.5 * min(spread)


def test_bushes_are_low_and_leave_houses_and_roads_alone():
    height = np.zeros((SIDE, SIDE), np.float32)
    albedo = np.full((3, SIDE, SIDE), 0.3, np.float32)
    ids = np.where(ROWS < 60, 1, 0).astype(np.int32)
    cover = np.where(COLUMNS < 100, 2, 4).astype(np.uint8)  # grass beside road
    k.strew_low(
        AT, PX, height, albedo, ids, cover, 0.5, np.array([0.05, 0.07, 0.03]), NOISE.fine, 9
    )
    assert (height > 0).mean() > 0.005
    assert height.max() < 1.7
    assert (height[ids > 0] == 0).all()
    assert (height[:, 104:] == 0).all()  # they may lean a metre over the edge
    assert (albedo[:, height == 0] == np.float32(0.3)).all()


def test_a_crown_is_lumpy_and_stays_within_its_reach():
    height = np.zeros((SIDE, SIDE), np.float32)
    albedo, crown = np.zeros((3, SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), np.uint8)
    tree = np.array([[30.0, 30, 6, 12, 1, 0, 0.05, 0.07, 0.03, 1, 0, 1]])
    k.paint_trees(tree, AT, PX, SIDE, height, albedo, crown, NOISE.fine, NOISE.mid, NOISE.loss, 3)
    away = np.hypot((COLUMNS + 0.5) * PX - 30, (SIDE - ROWS - 0.5) * PX - 30)
    assert 60 < crown.sum() * PX**2 < 170  # a disc of 6 m has 113 m²
    assert away[crown > 0].max() < 1.25 * 6 * 1.1
    assert height.max() <= 12 * 1.05
    core = (away < 3) & (crown > 0)
    assert np.std(height[core]) > 0.3


def test_a_bare_crown_shows_limbs_and_gaps():
    shares = []
    for leaf, twig in ((1.0, 0.0), (0.34, 1.0)):
        height = np.zeros((SIDE, SIDE), np.float32)
        albedo, crown = np.zeros((3, SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), np.uint8)
        tree = np.array([[30.0, 30, 6, 12, leaf, twig, 0.05, 0.07, 0.03, 1, 0, 1]])
        k.paint_trees(
            tree, AT, PX, SIDE, height, albedo, crown, NOISE.fine, NOISE.mid, NOISE.loss, 3
        )
        shares.append(crown.sum())
    assert 0.1 < shares[1] / shares[0] < 0.75


def test_a_share_of_towns_lies_by_the_compass():
    rng = np.random.default_rng(2)
    angle = np.array([street_angle(u) for u in rng.random(4000)])
    ruled = np.abs(np.degrees(angle)) <= 2
    assert 0.32 < ruled.mean() < 0.40
    others = np.histogram(angle[~ruled], 6, (0, np.pi))[0]
    assert others.min() > 0.7 * others.max()  # no other direction is favoured
