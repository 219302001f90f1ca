"""Forms of toy towns, worked by hand."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from scipy.stats import ks_2samp
from shapely import LineString, Polygon, box

from geomage.errors import InputError, MissingExtraError
from geomage.world import measure
from geomage.world.junctions import count_degrees, node_streets
from geomage.world.measure import distances, entropy, ks_distance, turn_to_main

pytest.importorskip("momepy", reason="the extra [fit] is not installed")
CRS = "EPSG:32633"


def frame(shapes, **columns):
    return gpd.GeoDataFrame(columns, geometry=list(shapes), crs=CRS)


def grid(n=3, step=100.0):
    at = step * np.arange(n + 1)
    far = step * n
    return [LineString([(0, y), (far, y)]) for y in at] + [
        LineString([(x, 0), (x, far)]) for x in at
    ]


def houses(n=3, step=100.0):
    """One of 80 x 50 m in the middle of each block."""
    middle = step * (np.arange(n) + 0.5)
    return [box(x - 40, y - 25, x + 40, y + 25) for x in middle for y in middle]


def turned(shapes, angle=27.0):
    moved = gpd.GeoSeries(list(shapes)).rotate(angle, origin=(0, 0))
    return list(moved)


@pytest.mark.parametrize("angle", [0.0, 5.0, 27.0, 80.0])
def test_a_grid_of_nine_blocks(angle):
    form = measure.measure_form(frame(turned(houses(), angle)), frame(turned(grid(), angle)))
    assert np.allclose(form.block_m2, 10_000, rtol=1e-3)  # lines are noded on a grid of 1 cm
    assert np.allclose(form.block_sides_m, 100, rtol=1e-3)
    assert np.allclose(form.coverage, 0.4, rtol=1e-3)
    assert len(form.coverage) == 9
    assert form.degree.tolist() == [4, 4, 4, 4]  # those on the border may have been cut there
    assert form.orientation_entropy == pytest.approx(np.log(4))
    assert form.order == pytest.approx(1)
    assert np.allclose(form.bearing_deg, 0, atol=0.01)
    assert form.street_m == pytest.approx(8 * 300, rel=0.01)
    assert np.allclose(form.footprint_m2, 4000)
    assert np.allclose(form.elongation, 50 / 80)
    assert np.allclose(form.rectangularity, 1)
    assert np.allclose(form.corners, 4)
    assert not form.attached.any()
    assert not form.courtyard.any()


def test_a_ring_with_one_street_to_it():
    angle = np.radians(np.arange(0, 361, 45))
    ring = LineString(100 * np.stack([np.cos(angle), np.sin(angle)], 1))
    streets = frame([ring, LineString([(100, 0), (300, 0)])])
    form = measure.measure_form(frame([box(-20, -20, 20, 20)]), streets)
    assert form.block_m2 == pytest.approx([2 * np.sqrt(2) * 100**2], rel=1e-3)
    assert form.degree.tolist() == [3]
    assert form.orientation_entropy > np.log(4)
    assert 0 < form.order < 1


def test_one_street_that_ends():
    outer = LineString([(0, 0), (400, 0), (400, 400), (0, 400), (0, 0)])
    across, end = LineString([(0, 200), (400, 200)]), LineString([(200, 200), (200, 300)])
    form = measure.measure_form(None, frame([outer, across, end]))
    assert sorted(form.degree) == [1, 3]
    assert form.degree_shares() == {1: 0.5, 3: 0.5, 4: 0.0, 5: 0.0}
    assert sorted(form.block_m2) == pytest.approx([80_000, 80_000])
    assert not len(form.footprint_m2)


def test_a_street_cut_in_pieces_and_one_that_stops_short_by_a_hand():
    pieces = [LineString([(x, 200), (x + 50, 200)]) for x in range(0, 400, 50)]
    outer = LineString([(0, 0), (400, 0), (400, 400), (0, 400), (0, 0)])
    short = LineString([(225, 0.0), (225, 199.8)])
    degree = count_degrees(node_streets(np.array([*pieces, outer, short], object)))
    assert degree.tolist() == [3]


def test_carriageways_side_by_side_are_one_street():
    apart = [LineString([(0, y), (600, y)]) for y in (296, 304)]
    across = [LineString([(x, 0), (x, 600)]) for x in (0, 200, 400, 600)]
    rim = [LineString([(0, y), (600, y)]) for y in (0, 600)]
    degree = count_degrees(node_streets(np.array(apart + across + rim, object)))
    assert degree.tolist() == [4, 4]


def test_courts_corners_and_shared_walls():
    court = Polygon(box(0, 0, 40, 30).exterior, [box(10, 10, 30, 20).exterior])
    ell = Polygon([(40, 0), (70, 0), (70, 10), (50, 10), (50, 30), (40, 30)])
    alone = box(200, 0, 210, 20)
    inside, speck = box(201, 1, 206, 6), box(300, 0, 303, 3)  # a part of `alone`; a kiosk
    form = measure.measure_form(frame([court, ell, alone, inside, speck]))
    assert sorted(form.footprint_m2) == [200, 500, 1000]
    assert sorted(form.corners) == [4, 4, 6]
    assert sorted(form.courtyard) == [0, 0, 1]
    assert sorted(form.attached) == [0, 1, 1]
    assert any("no streets" in note for note in form.notes)
    assert np.isnan(form.orientation_entropy)


def test_parcels_are_plots_or_cells():
    plots = frame([box(x, 0, x + 20, 30) for x in range(0, 100, 20)])
    built = frame([box(x + 5, 5, x + 15, 20) for x in range(0, 100, 20)])
    assert np.allclose(measure.measure_form(built, None, plots).parcel_m2, 600)
    cells = measure.measure_form(built).parcel_m2
    assert len(cells) == 5
    assert (cells > 150).all()


def test_storeys_are_read_as_written_or_from_heights():
    shapes = [box(20 * k, 0, 20 * k + 10, 10) for k in range(12)]
    levels = measure.measure_form(frame(shapes, **{"building:levels": ["3", "2;4", None] * 4}))
    assert not len(levels.storeys) or set(levels.storeys) <= {2.0, 3.0}
    tall = measure.measure_form(frame(shapes, height=["5.8 m"] * 12))
    assert np.allclose(tall.storeys, 2)


def test_the_entropy_of_all_directions_is_that_of_36_bins():
    bearing = np.arange(0, 180, 10.0)
    assert entropy(bearing, np.ones(18)) == pytest.approx(np.log(36))
    assert entropy(np.array([0.0, 90.0]), np.array([3.0, 3.0])) == pytest.approx(np.log(4))
    assert turn_to_main(np.array([31.0, 121.0]), np.ones(2)) == pytest.approx([0, 90])


def test_the_distance_is_that_of_scipy_and_weights_count_as_copies():
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=40), rng.normal(0.5, 2, size=25)
    assert ks_distance(a, b) == pytest.approx(ks_2samp(a, b).statistic)
    twice = ks_distance(np.array([1.0, 2.0]), b, np.array([2.0, 1.0]), np.ones(25))
    assert twice == pytest.approx(ks_2samp([1.0, 1.0, 2.0], b).statistic)
    assert ks_distance(a, a) == 0
    assert np.isnan(ks_distance(a, np.empty(0)))


def test_a_town_is_at_no_distance_from_itself_and_far_from_another():
    one = measure.measure_form(frame(houses()), frame(grid()))
    other = measure.measure_form(frame(houses(4, 60.0)), frame(grid(4, 60.0)))
    assert set(distances(one, one).values()) == {0.0}
    assert distances(one, other)["block_m2"] == 1.0
    assert distances(one, measure.measure_form(frame(houses())))["footprint_m2"] == 0.0
    assert np.isnan(distances(one, measure.measure_form(frame(houses())))["degree"])


def test_nothing_to_measure_and_no_momepy_are_said(monkeypatch):
    with pytest.raises(InputError, match="no building of 12"):
        measure.measure_form(frame([box(0, 0, 2, 2)]))
    with pytest.raises(InputError, match="nothing to measure"):
        measure.measure_form(None, None)
    monkeypatch.setitem(__import__("sys").modules, "momepy", None)
    with pytest.raises(MissingExtraError, match=r"geomage\[fit\]"):
        measure.measure_form(frame([box(0, 0, 20, 20)]))


def test_empty_and_odd_lines_are_left_out():
    lines = np.array([None, LineString(), shapely.Point(0, 0), *grid()], object)
    assert len(node_streets(lines)) == len(node_streets(np.array(grid(), object)))
