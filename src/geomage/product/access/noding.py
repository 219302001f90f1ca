"""Ways cut into segments: at every junction, at the rim of the map, and every hundred metres.

Where lines are joined:

- OpenStreetMap: where ways share a node (the same place to 1e-7 degrees), nowhere else.
- Other lines: where they share a vertex (to 1 cm), and where one ends within half a metre of
  another. Lines that pass each other on different levels (bridges, tunnels, `layer`) are not
  joined at a vertex they share; one that ends there is.

Lines that merely cross are never joined: a bridge crosses, too. How often lines on one level cross
without a vertex is counted, for then the network may lack junctions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from geomage.product.access.roads import Roads

__all__ = ["JOIN_M", "PIECE_M", "Segments", "cut_roads"]

PIECE_M: Final = 100.0
"""Longest segment: what is said of one is said of all of it."""
JOIN_M: Final = 0.5
"""An end of a line this near to another one is joined to it; not in OpenStreetMap."""


@dataclass(frozen=True)
class Segments:
    """Pieces of ways between two nodes, in the plane of the grid.

    lines (n,): LineStrings from their first node to their last; road (n,): row of the way;
    start, end (n,): nodes 0..nodes - 1; unjoined: crossings without a vertex, on one level.
    """

    lines: np.ndarray
    road: np.ndarray
    start: np.ndarray
    end: np.ndarray
    nodes: int
    unjoined: int

    def __len__(self) -> int:
        return len(self.lines)


@dataclass(frozen=True)
class _Chain:
    """Vertices of lines one after the other: place (n, 2), line (n,), and node (n,)."""

    xy: np.ndarray
    line: np.ndarray
    node: np.ndarray

    @property
    def first(self) -> np.ndarray:
        """Whether a vertex is the first of its line."""
        return np.asarray(np.r_[True, self.line[1:] != self.line[:-1]])

    @property
    def last(self) -> np.ndarray:
        """Whether a vertex is the last of its line."""
        return np.asarray(np.r_[self.line[1:] != self.line[:-1], True])

    @property
    def along(self) -> np.ndarray:
        """Metres from the first vertex of the line."""
        step = np.r_[0.0, np.hypot(*np.diff(self.xy, axis=0).T)]
        step[self.first] = 0
        total = np.cumsum(step)
        return np.asarray(total - np.repeat(total[self.first], np.bincount(self.line)))


def cut_roads(roads: Roads, rim: shapely.Polygon | None = None) -> Segments:
    """Cut ways into segments; a way of no length has none.

    Args:
        roads: the ways.
        rim: outline of the map in the same plane; None cuts at none.
    """
    chain = _chain(roads)
    if not roads.shared:
        chain = _with_ends_on_others(chain, roads)
        chain = _near_ends_joined(chain, roads.level)
        chain = _levels_parted(chain, roads.level)
    stretches, way = _at_junctions(chain)
    inner, stretch = _at_rim(stretches, rim)
    pieces, part = _in_pieces(inner)
    return _segments(pieces, way[stretch][part], 0 if roads.shared else _crossings(roads))


def _chain(roads: Roads) -> _Chain:
    xy, line = shapely.get_coordinates(roads.lines, return_index=True)
    _, node = np.unique(roads.keys, axis=0, return_inverse=True)
    return _Chain(xy, line, node.reshape(-1))


def _inserted(
    chain: _Chain, line: np.ndarray, at: np.ndarray, xy: np.ndarray, node: np.ndarray
) -> _Chain:
    """The chain with more vertices, each `at` metres along its line."""
    lines, along = np.r_[chain.line, line], np.r_[chain.along, at]
    order = np.lexsort((along, lines))
    return _Chain(
        np.concatenate([chain.xy, xy])[order], lines[order], np.r_[chain.node, node][order]
    )


def _with_ends_on_others(chain: _Chain, roads: Roads) -> _Chain:
    """A vertex in each line on which another one ends, away from its own vertices."""
    ends = np.flatnonzero(chain.first | chain.last)
    points = np.asarray(shapely.points(chain.xy[ends]), object)
    which, other = shapely.STRtree(roads.lines).query(points, "dwithin", JOIN_M)
    level = roads.level
    fit = (chain.line[ends][which] != other) & (level[other] == level[chain.line[ends][which]])
    which, other = which[fit], other[fit]
    at = shapely.line_locate_point(roads.lines[other], points[which])
    clear = (at > JOIN_M) & (at < shapely.length(roads.lines[other]) - JOIN_M)
    which, other, at = which[clear], other[clear], at[clear]
    return _inserted(chain, other, at, chain.xy[ends[which]], chain.node[ends[which]])


def _near_ends_joined(chain: _Chain, level: np.ndarray) -> _Chain:
    """One node for ends and what lies within `JOIN_M` of them, ends or vertices of their level."""
    nodes, where = np.unique(chain.node, return_index=True)
    ends = np.flatnonzero(chain.first | chain.last)
    tree = cKDTree(chain.xy[where])
    near = tree.query_ball_point(chain.xy[ends], JOIN_M)
    a = np.repeat(ends, [len(one) for one in near])
    b = where[np.fromiter((k for one in near for k in one), int, len(a))]
    is_end = (chain.first | chain.last)[b]
    fit = is_end | (level[chain.line[a]] == level[chain.line[b]])
    pairs = chain.node[a[fit]], chain.node[b[fit]]
    size = int(nodes.max(initial=0)) + 1
    graph = coo_array((np.ones(len(pairs[0]), bool), pairs), (size, size))
    _, joined = connected_components(graph, directed=False)
    return _Chain(chain.xy, chain.line, joined[chain.node].astype(np.int64))


def _levels_parted(chain: _Chain, level: np.ndarray) -> _Chain:
    """Nodes apart for levels that pass each other: two or more ways on at the same place."""
    here = level[chain.line].astype(np.int64)
    if not here.any():
        return chain
    ways = 2 - (chain.first | chain.last).astype(np.int64)
    groups, group = np.unique(np.stack([chain.node, here]), axis=1, return_inverse=True)
    group = group.reshape(-1)
    passes = np.bincount(group, weights=ways) >= 2
    order = np.lexsort((np.abs(groups[1]), ~passes, groups[0]))  # the one nearest the ground first
    base = np.r_[True, groups[0][order][1:] != groups[0][order][:-1]]
    own = np.zeros(len(order), bool)
    own[order] = passes[order] & ~base
    fresh = int(chain.node.max()) + 1 + np.cumsum(own) - 1
    return _Chain(chain.xy, chain.line, np.where(own[group], fresh[group], chain.node))


def _split(chain: _Chain, seam: np.ndarray) -> tuple[_Chain, np.ndarray]:
    """Lines ended and begun anew at the vertices of `seam`; and the old line of each new one."""
    inner = seam & ~chain.first & ~chain.last
    twice = np.repeat(np.arange(len(seam)), 1 + inner)  # once as an end, once as a beginning
    begins = chain.first[twice] | np.r_[False, twice[1:] == twice[:-1]]
    parts = _Chain(chain.xy[twice], np.cumsum(begins) - 1, chain.node[twice])
    return parts, chain.line[twice[begins]]


def _at_junctions(chain: _Chain) -> tuple[_Chain, np.ndarray]:
    """A line for each stretch between nodes that vertices share."""
    return _split(chain, np.bincount(chain.node)[chain.node] > 1)


def _at_rim(chain: _Chain, rim: shapely.Polygon | None) -> tuple[_Chain, np.ndarray]:
    """Stretches that lie on one side of the rim of the map each."""
    if rim is None:
        return _split(chain, np.zeros(len(chain.node), bool))
    lines = _lines(chain)
    over = np.flatnonzero(shapely.crosses(lines, rim))
    points, which = shapely.get_parts(
        shapely.extract_unique_points(shapely.intersection(lines[over], rim.boundary)),
        return_index=True,
    )
    at = shapely.line_locate_point(lines[over][which], points)
    fresh = int(chain.node.max(initial=-1)) + 1
    more = shapely.get_coordinates(points), fresh + np.arange(len(which))
    whole = _inserted(chain, over[which], at, *more)
    return _split(whole, whole.node >= fresh)


def _in_pieces(chain: _Chain) -> tuple[_Chain, np.ndarray]:
    """Stretches longer than `PIECE_M` in equal parts."""
    lines = _lines(chain)
    length = shapely.length(lines)
    cuts = np.maximum(np.ceil(length / PIECE_M).astype(np.int64), 1) - 1
    which = np.repeat(np.arange(len(lines)), cuts)
    number = 1 + np.arange(len(which)) - np.repeat(np.cumsum(cuts) - cuts, cuts)
    at = number * (length / (cuts + 1))[which]
    xy = shapely.get_coordinates(shapely.line_interpolate_point(lines[which], at))
    fresh = int(chain.node.max(initial=-1)) + 1
    whole = _inserted(chain, which, at, xy, fresh + np.arange(len(which)))
    return _split(whole, whole.node >= fresh)


def _lines(chain: _Chain) -> np.ndarray:
    return np.asarray(shapely.linestrings(chain.xy, indices=chain.line), object)


def _segments(chain: _Chain, road: np.ndarray, unjoined: int) -> Segments:
    lines = _lines(chain)
    some = shapely.length(lines) > 0
    both = np.stack([chain.node[chain.first][some], chain.node[chain.last][some]])
    names, ends = np.unique(both, return_inverse=True)
    start, end = ends.reshape(both.shape)
    return Segments(lines[some], road[some], start, end, len(names), unjoined)


def _crossings(roads: Roads) -> int:
    """How often two lines of one level cross where they share no vertex and neither ends."""
    lines, level = roads.lines, roads.level
    a, b = shapely.STRtree(lines).query(lines, "crosses")
    pair = (a < b) & (level[a] == level[b])
    a, b = lines[a[pair]], lines[b[pair]]
    points = shapely.intersection(a, b)
    corners = [shapely.distance(points, shapely.extract_unique_points(one)) for one in (a, b)]
    ends = [shapely.distance(points, shapely.boundary(one)) for one in (a, b)]
    return int(((np.fmax(*corners) > JOIN_M) & (np.fmin(*ends) > JOIN_M)).sum())
