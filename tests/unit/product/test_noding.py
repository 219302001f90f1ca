"""Where streets are joined, and where they only cross."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geomage.errors import InputError
from geomage.product.access.noding import PIECE_M, Segments, cut_roads
from geomage.product.access.roads import Roads, read_roads
from street_products import BOX, SQUARE, lonlat, write_streets


def parts(segments: Segments) -> int:
    """How many parts the network falls into."""
    ends = (segments.start, segments.end)
    graph = coo_array((np.ones(len(segments)), ends), (segments.nodes,) * 2)
    return int(connected_components(graph, directed=False)[0])


def roads(tmp_path: Path, paths, **columns) -> Roads:
    return read_roads(write_streets(tmp_path / "streets.gpkg", paths, **columns), BOX)


def osm(tmp_path: Path, nodes, ways) -> Roads:
    """Streets of an OpenStreetMap file: places by number, and (numbers, tags) by way."""
    spots = "".join(
        f'<node id="{i}" version="1" lon="{lonlat(*at)[0]:.7f}" lat="{lonlat(*at)[1]:.7f}"/>'
        for i, at in nodes.items()
    )
    lines = "".join(
        f'<way id="{k}" version="1">'
        + "".join(f'<nd ref="{i}"/>' for i in refs)
        + "".join(f'<tag k="{key}" v="{value}"/>' for key, value in tags.items())
        + "</way>"
        for k, (refs, tags) in enumerate(ways, 1)
    )
    path = tmp_path / "town.osm"
    path.write_text(f'<?xml version="1.0"?><osm version="0.6">{spots}{lines}</osm>')
    return read_roads(path, BOX)


CROSS = (((50, 200), (350, 200)), ((200, 50), (200, 350)))


def test_a_network_is_cut_at_its_junctions_and_every_hundred_metres(tmp_path) -> None:
    segments = cut_roads(roads(tmp_path, SQUARE))
    length = shapely.length(segments.lines)
    assert length.max() <= PIECE_M + 1e-6
    assert length.sum() == pytest.approx(4 * 360, rel=1e-3)
    assert parts(segments) == 1
    degrees = np.bincount(np.r_[segments.start, segments.end])
    assert sorted(degrees)[-4:] == [4, 4, 4, 4]
    assert (degrees == 1).sum() == 8


def test_segments_begin_and_end_at_their_nodes(tmp_path) -> None:
    segments = cut_roads(roads(tmp_path, SQUARE))
    place = np.full((segments.nodes, 2), np.nan)
    for line, start, end in zip(segments.lines, segments.start, segments.end, strict=True):
        for node, at in ((start, line.coords[0]), (end, line.coords[-1])):
            assert np.isnan(place[node]).all() or np.allclose(place[node], at, atol=1e-6)
            place[node] = at


def test_lines_that_merely_cross_are_not_joined_and_counted(tmp_path) -> None:
    segments = cut_roads(roads(tmp_path, CROSS))
    assert parts(segments) == 2
    assert segments.unjoined == 1


@pytest.mark.parametrize(("off", "joined"), [(0.0, 1), (0.4, 1), (2.0, 2)])
def test_a_street_that_ends_on_another_is_joined_within_half_a_metre(tmp_path, off, joined) -> None:
    paths = (((50, 200), (350, 200)), ((200, 50), (200, 200 - off)))
    assert parts(cut_roads(roads(tmp_path, paths))) == joined


def test_a_bridge_that_shares_a_vertex_with_the_street_below_is_not_joined(tmp_path) -> None:
    paths = (((50, 200), (200, 200), (350, 200)), ((200, 50), (200, 200), (200, 350)))
    assert parts(cut_roads(roads(tmp_path, paths))) == 1
    assert parts(cut_roads(roads(tmp_path, paths, bridge=["yes", "no"]))) == 2
    assert parts(cut_roads(roads(tmp_path, paths, tunnel=["F", "T"]))) == 2


def test_a_bridge_is_joined_to_the_streets_at_its_ends(tmp_path) -> None:
    paths = (((50, 200), (150, 200)), ((150, 200), (250, 200)), ((250, 200), (350, 200)))
    assert parts(cut_roads(roads(tmp_path, paths, bridge=["no", "yes", "no"]))) == 1


def test_openstreetmap_is_joined_at_shared_nodes_alone(tmp_path) -> None:
    nodes = {1: (50, 200), 2: (350, 200), 3: (200, 50), 4: (200, 350), 5: (200, 200)}
    street = {"highway": "residential"}
    near = {**nodes, 4: (200, 199.7)}
    apart = osm(tmp_path, near, [((1, 2), street), ((3, 4), street)])
    assert parts(cut_roads(apart)) == 2
    joined = osm(tmp_path, nodes, [((1, 5, 2), street), ((3, 5, 4), street)])
    assert parts(cut_roads(joined)) == 1


def test_ways_say_who_may_go_where_and_how_fast(tmp_path) -> None:
    nodes = {1: (50, 200), 2: (350, 200), 3: (350, 300)}
    ways = [
        ((1, 2), {"highway": "primary", "name": "Main", "maxspeed": "30 mph"}),
        ((1, 2), {"highway": "residential", "oneway": "-1"}),
        ((1, 2, 3, 1), {"highway": "service", "junction": "roundabout"}),
        ((1, 2), {"highway": "motorway"}),
        ((1, 2), {"highway": "tertiary", "tunnel": "yes", "layer": "-2"}),
        ((1, 2), {"highway": "trunk", "bridge": "viaduct"}),
        ((1, 2), {"highway": "footway"}),
        ((1, 2), {"highway": "residential", "access": "no"}),
        ((1, 2), {"highway": "residential", "access": "no", "emergency": "yes"}),
    ]
    found = osm(tmp_path, nodes, ways)
    assert found.oneway.tolist() == [0, -1, 1, 1, 0, 0, 0]
    assert found.level.tolist() == [0, 0, 0, 0, -2, 1, 0]
    assert found.kmh[0] == pytest.approx(0.8 * 30 * 1.609344)
    assert found.kmh[1:4].tolist() == [25.0, 15.0, 90.0]
    assert found.name[0] == "Main"
    assert found.left_out["not for cars"] == 1
    assert found.left_out["closed to cars"] == 1


def test_streets_are_cut_at_the_rim_of_the_map(tmp_path) -> None:
    found = roads(tmp_path, (((300, 200), (500, 200)),))
    segments = cut_roads(found, shapely.box(0, 0, 400, 400))
    ends = shapely.bounds(segments.lines)
    outside = (ends[:, 0] >= 400 - 1e-6).astype(int)
    assert (ends[:, 2][outside == 0] <= 400 + 1e-6).all()
    assert 0 < outside.sum() < len(segments)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 6)] * 4), min_size=1, max_size=12))
def test_cutting_keeps_every_metre(ends) -> None:
    some = [((60 * a, 60 * b), (60 * c, 60 * d)) for a, b, c, d in ends if (a, b) != (c, d)]
    if not some:
        return
    lines = np.array([shapely.LineString(one) for one in some] + [None], object)[:-1]
    none = np.zeros(len(lines), np.int8)
    text, number = np.full(len(lines), "", object), np.full(len(lines), 25.0)
    keys = shapely.get_coordinates(lines).astype(np.int64) * 100
    found = Roads(
        lines, keys, text, text, text, none, none, number, number, shared=False, left_out={}
    )
    segments = cut_roads(found)
    assert shapely.length(segments.lines).sum() == pytest.approx(shapely.length(found.lines).sum())
    sums = np.bincount(segments.road, weights=shapely.length(segments.lines))
    np.testing.assert_allclose(sums, shapely.length(found.lines), atol=1.0)


def test_streets_far_from_the_map_are_none(tmp_path) -> None:
    with pytest.raises(InputError, match="no street for cars on the map"):
        roads(tmp_path, (((9000, 9000), (9100, 9000)),))
