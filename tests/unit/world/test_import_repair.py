"""Footprints of any make become valid buildings that share no ground, and nothing is silent."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st
from shapely import Polygon

from geomage.world.repair import CLAIMED_M2, repair_areas, repair_footprints, repair_lines

places = st.tuples(st.integers(0, 40), st.integers(0, 40))
rings = st.lists(places, min_size=3, max_size=9)


def mend(*shapes: shapely.Geometry | None, rank: list[int] | None = None):
    return repair_footprints(list(shapes), np.array(rank or [0] * len(shapes)))


@given(st.lists(rings, min_size=1, max_size=6))
@example([[(0, 5), (0, 6), (20, 0)], [(15, 6), (0, 5), (0, 6), (1, 5), (13, 1)]])
@settings(max_examples=150, deadline=None)
def test_whatever_is_drawn_becomes_valid_apart_and_stays_so(drawn):
    mended = mend(*(Polygon(ring) for ring in drawn))
    shapes = mended.shapes
    assert all(isinstance(shape, Polygon) for shape in shapes)
    assert shapely.is_valid(shapes).all()
    one, other = shapely.STRtree(shapes).query(shapes, "intersects")
    pair = one < other
    common = shapely.intersection(shapes[one[pair]], shapes[other[pair]], grid_size=1e-6)
    assert shapely.area(common).max(initial=0) <= CLAIMED_M2 + 1e-6
    again = mend(*shapes)
    assert sum(again.counts[name] for name in ("self-crossing", "in parts", "overlaps")) == 0
    assert shapely.equals_exact(again.shapes, shapes).all()


def united(shapes) -> shapely.Geometry:
    """The union on a fine grid: exact, GEOS 3.14 loses whole triangles of some of these."""
    return shapely.union_all(shapes, grid_size=1e-6)


@given(st.lists(rings, min_size=1, max_size=5))
@example([[(0, 0), (1, 0), (36, 30)], [(0, 0), (0, 1), (23, 0), (8, 31)]])
@example(
    [
        [(0, 0), (0, 15), (11, 32), (0, 0), (6, 4), (38, 30)],
        [(12, 0), (36, 2), (1, 0), (11, 0), (10, 33)],
    ]
)
@settings(max_examples=80, deadline=None)
def test_ground_is_neither_made_nor_lost_but_for_slivers(drawn):
    outlines = [Polygon(ring) for ring in drawn]
    wanted = united(repair_areas(outlines).shapes)
    got = united(mend(*outlines).shapes)
    assert shapely.difference(got, wanted, grid_size=1e-6).area < 1e-3
    lost = shapely.difference(wanted, got, grid_size=1e-6)
    parts = shapely.get_parts(lost)
    thin = 2 * shapely.area(parts) / np.maximum(shapely.length(parts), 1e-9) < 0.5
    same = wanted.area * 0.06  # of two footprints that are one, the lesser goes
    assert ((shapely.area(parts) < 1.5) | thin).all() or lost.area < same


def test_a_valid_building_passes_vertex_by_vertex():
    shape = Polygon([(0.1, 0.2), (9.3, 0.4), (9.1, 7.7), (0.3, 7.9)])
    assert mend(shape).shapes[0] is shape or mend(shape).shapes[0].equals_exact(shape, 0)


@pytest.mark.parametrize(
    ("shapes", "name", "left"),
    [
        ([Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])], "self-crossing", 2),
        ([shapely.box(0, 0, 9, 9), shapely.box(0, 0, 9, 9.01)], "duplicates", 1),
        ([shapely.box(0, 0, 9, 9), shapely.box(8, 0, 18, 9)], "overlaps", 2),
        ([Polygon([(0, 0, 3), (9, 0, 3), (9, 9, 3)])], "three-dimensional", 1),
        ([shapely.union(shapely.box(0, 0, 4, 4), shapely.box(9, 9, 14, 14))], "in parts", 2),
        ([shapely.box(0, 0, 0.2, 30)], "slivers", 0),
        ([shapely.box(0, 0, 0.5, 0.5)], "slivers", 0),
        ([None, shapely.Point(1, 1), Polygon()], "not areas", 0),
        ([Polygon([(0, 0), (9, 0), (np.inf, 9)])], "not areas", 0),
    ],
)  # fmt: skip
def test_each_fault_is_counted_by_its_name(shapes, name, left):
    mended = mend(*shapes)
    assert mended.counts[name] >= 1
    assert len(mended.shapes) == left


def test_common_ground_goes_to_the_smaller_building():
    tower, podium = shapely.box(4, 4, 8, 8), shapely.box(0, 0, 20, 20)
    mended = mend(podium, tower)
    assert mended.shapes[list(mended.rows).index(1)].equals(tower)
    assert mended.shapes[list(mended.rows).index(0)].area == pytest.approx(400 - 16)


def test_of_two_that_are_one_the_better_known_stays():
    assert mend(shapely.box(0, 0, 9, 9), shapely.box(0, 0, 9, 9), rank=[1, 4]).rows.tolist() == [1]


def test_lines_keep_their_vertices_and_lose_their_height():
    line = shapely.LineString([(0, 0, 1), (5, 5, 2)])
    mended = repair_lines([line, None, shapely.Point(0, 0), shapely.MultiLineString([line, line])])
    assert len(mended.shapes) == 3
    assert not shapely.has_z(mended.shapes).any()
    assert mended.counts["not lines"] == 2
