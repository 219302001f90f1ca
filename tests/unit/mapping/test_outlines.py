"""Outlines of mapped buildings: right-angled, true in area, apart, whatever they were made from."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import example, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from geomage.geo import rasterise, vectorise
from geomage.mapping.buildings import straightened
from geomage.mapping.outlines import apart, clean_outlines, regularised

GSD = 0.5
GRID = GeoBox((240, 240), Affine(GSD, 0, 500_000, 0, -GSD, 6_650_000), "EPSG:32631")
MIDDLE = (500_060, 6_649_940)


def seen(shapes: list) -> np.ndarray:
    """Outlines of true buildings as pixels give them."""
    labels = rasterise(shapes, GRID).astype("int32")
    for number, shape in enumerate(shapes, start=1):
        labels[rasterise([shape], GRID) > 0] = number
    found = vectorise(labels, GRID, mask=labels > 0)
    return straightened(found.sort_values("value").geometry.to_numpy(), GRID)


def turned(shape: shapely.Geometry, angle: float) -> shapely.Geometry:
    moved = shapely.affinity.translate(shape, *MIDDLE)
    return shapely.affinity.rotate(moved, angle, origin=MIDDLE)


ROOM = shapely.box(-12, -7, 12, 7)
L_SHAPE = shapely.union(shapely.box(-12, -7, 12, 2), shapely.box(-12, -7, -3, 14))
COURT = shapely.difference(shapely.box(-16, -14, 16, 14), shapely.box(-7, -5, 7, 5))


def corner_angles(shape: shapely.Polygon) -> np.ndarray:
    """Angles at the corners of all rings, degrees."""
    out = []
    for ring in shapely.get_rings(shape):
        xy = shapely.get_coordinates(ring)[:-1]
        back, on = np.roll(xy, 1, axis=0) - xy, np.roll(xy, -1, axis=0) - xy
        cross = back[:, 0] * on[:, 1] - back[:, 1] * on[:, 0]
        out.append(np.degrees(np.arctan2(np.abs(cross), (back * on).sum(axis=1))))
    return np.concatenate(out)


@pytest.mark.parametrize("angle", [0, 11, 30, 45, 77])
@pytest.mark.parametrize(("shape", "corners"), [(ROOM, 4), (L_SHAPE, 6), (COURT, 8)])
def test_a_building_gets_its_own_corners_back(shape, corners, angle) -> None:
    true = turned(shape, angle)
    (raw,) = seen([true])
    (clean,) = clean_outlines(np.array([raw]), GRID)
    assert np.allclose(corner_angles(clean), 90, atol=1e-4)
    assert len(corner_angles(clean)) == corners
    assert clean.area == pytest.approx(raw.area, rel=1e-9)
    assert clean.centroid.distance(raw.centroid) < 1e-6
    better = [one.intersection(true).area / one.union(true).area for one in (raw, clean)]
    assert better[1] > 0.92
    assert better[1] > better[0] - 0.035


def test_a_round_tank_stays_round() -> None:
    tank = turned(shapely.Point(0, 0).buffer(13), 0)
    (clean,) = clean_outlines(seen([tank]), GRID)
    assert clean.intersection(tank).area / clean.union(tank).area > 0.9
    assert len(corner_angles(clean)) > 6


def test_rows_of_houses_touch_and_never_merge() -> None:
    row = [turned(shapely.box(-40 + 9 * n, -6, -31 + 9 * n, 6 + 3 * (n % 2)), 23) for n in range(9)]
    raw = seen(row)
    clean = clean_outlines(raw, GRID)
    assert len(clean) == len(row)
    assert (shapely.area(clean) > 0.9 * shapely.area(raw)).all()
    assert shapely.area(clean).sum() - shapely.union_all(clean).area < 1e-6
    assert shapely.is_valid(clean).all()


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1))
@example(9995)  # mitres that cross
@example(20034)  # corners that fall together far from 0
def test_whatever_the_pixels_outlines_are_valid_apart_and_of_like_area(seed: int) -> None:
    rng = np.random.default_rng(seed)
    blocks = np.kron(rng.integers(0, 5, (16, 16)), np.ones((5, 5), "int32"))
    labels = np.zeros((240, 240), "int32")
    labels[40:120, 40:120] = np.where(rng.random((80, 80)) < 0.9, blocks, 0)
    frame = vectorise(labels, GRID, mask=labels > 0)
    frame = frame[frame.area > 12]
    raw = straightened(frame.geometry.to_numpy(), GRID)
    clean = clean_outlines(raw, GRID)
    assert shapely.is_valid(clean).all()
    assert (shapely.area(clean) > 0.5 * shapely.area(raw)).all()
    assert (shapely.get_dimensions(clean) == 2).all()
    assert shapely.area(clean).sum() - shapely.union_all(clean).area < 1e-6 * len(clean)


def test_neither_order_nor_place_nor_what_lies_far_off_changes_an_outline() -> None:
    shapes = seen(
        [turned(shapely.box(x, y, x + 12, y + 9), 31) for x in (-30, -17, 8) for y in (0, 14)]
    )
    clean = clean_outlines(shapes, GRID)
    back = clean_outlines(shapes[::-1], GRID)[::-1]
    assert shapely.equals_exact(clean, back, 0).all()
    assert shapely.equals_exact(clean_outlines(shapes[-1:], GRID), clean[-1:], 0).all()
    far = shapely.transform(shapes, lambda xy: xy + np.array([2**22, 2**20]))
    moved = shapely.transform(clean_outlines(far, GRID), lambda xy: xy - np.array([2**22, 2**20]))
    assert shapely.equals_exact(moved, clean, 1e-6).all()


def test_the_smaller_of_two_keeps_its_ground() -> None:
    large, small = shapely.box(0, 0, 20, 20), shapely.box(15, 5, 25, 10)
    for pair in ([large, small], [small, large]):
        out = apart(np.array(pair), np.array(pair).take, 0.2)
        by_area = sorted(out, key=lambda shape: shape.area)
        assert by_area[0].equals(small)
        assert by_area[1].area == pytest.approx(400 - 25)
    twins = apart(np.array([large, large]), np.array([large, large]).take, 0.2)
    assert (shapely.area(twins) > 0).all()  # none is lost, though no ground is left for it


def test_sets_of_polygons_and_none_at_all_are_taken() -> None:
    two = shapely.MultiPolygon(
        [turned(ROOM, 20), shapely.affinity.translate(turned(ROOM, 20), 40, 0)]
    )
    (clean,) = regularised(np.array([two]), 1.5)
    assert clean.area == pytest.approx(two.area)
    assert len(clean.geoms) == 2
    assert len(clean_outlines(np.zeros(0, object), GRID)) == 0
