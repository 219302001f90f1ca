"""The graph of streets: lines noded where they meet, and how many streets meet at each node."""

from __future__ import annotations

import numpy as np
import shapely
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

__all__ = ["count_degrees", "node_streets"]

SNAP_M = 0.5  # ends nearer to a line than this meet it
TOGETHER_M = 15.0  # nodes nearer than this are one junction: dual carriageways, staggered corners
EDGE_M = 30.0  # ends nearer than this to the border of the data may have been cut there


def node_streets(lines: np.ndarray) -> np.ndarray:
    """Cut lines where they meet, and join them where only two do (nodes of degree 2)."""
    lines = shapely.get_parts(shapely.force_2d(lines[~shapely.is_missing(lines)]))
    lines = lines[(shapely.get_type_id(lines) == 1) & (shapely.length(lines) > SNAP_M)]
    if not len(lines):
        return np.empty(0, object)
    net = shapely.union_all(shapely.set_precision(_reaching(lines), SNAP_M / 50))
    pieces = shapely.get_parts(net)
    kept = pieces[(shapely.length(pieces) > 2 * SNAP_M) | ~_ends_free(pieces).any(axis=1)]
    merged = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(kept)))
    return np.asarray(merged[shapely.length(merged) > 0])


def _ends(lines: np.ndarray) -> np.ndarray:
    """First and last point of each line, (n, 2, 2)."""
    return np.stack([shapely.get_coordinates(shapely.get_point(lines, i)) for i in (0, -1)], 1)


def _ends_free(lines: np.ndarray) -> np.ndarray:
    """Whether the first and last point of each line are of no other line, (n, 2)."""
    _, which, count = np.unique(
        shapely.get_coordinates(lines).round(3), axis=0, return_inverse=True, return_counts=True
    )
    last = np.cumsum(shapely.get_num_coordinates(lines)) - 1
    first = np.concatenate([[0], last[:-1] + 1])
    return np.asarray(np.stack([count[which[first]] == 1, count[which[last]] == 1], 1))


def _reaching(lines: np.ndarray) -> np.ndarray:
    """Lines drawn on by a little at their free ends, so that they meet what they nearly touch."""
    free = _ends_free(lines)
    longer = []
    for line, (first, last) in zip(lines, free, strict=True):
        xy = shapely.get_coordinates(line)
        if first:
            xy = np.vstack([_beyond(xy[1], xy[0]), xy])
        if last:
            xy = np.vstack([xy, _beyond(xy[-2], xy[-1])])
        longer.append(shapely.linestrings(xy))
    return np.array(longer, object)


def _beyond(inner: np.ndarray, end: np.ndarray) -> np.ndarray:
    step = end - inner
    return np.asarray(end + step * SNAP_M / max(float(np.hypot(*step)), 1e-9))


def count_degrees(lines: np.ndarray) -> np.ndarray:
    """Streets that meet at each junction or end inside the data; what passes through is no node.

    Nodes within 15 m are one junction, and carriageways side by side one street.

    Args:
        lines: noded lines, from `node_streets`.
    """
    if not len(lines):
        return np.empty(0)
    nodes, which = np.unique(_ends(lines).reshape(-1, 2).round(2), axis=0, return_inverse=True)
    pairs = cKDTree(nodes).query_pairs(TOGETHER_M, output_type="ndarray")
    links = coo_matrix((np.ones(len(pairs)), pairs.T), (len(nodes), len(nodes)))
    count, junction = connected_components(links, directed=False)
    a, b = junction[which.reshape(-1, 2)].T
    degree = np.zeros(count)
    for i in _single_streets(lines, a, b):
        degree[a[i]] += 1
        degree[b[i]] += 1
    total = np.stack([np.bincount(junction, xy) for xy in nodes.T], 1)
    centre = total / np.bincount(junction)[:, None]
    extent = shapely.buffer(shapely.convex_hull(shapely.multilinestrings(lines)), -EDGE_M)
    inside = shapely.contains_xy(extent, centre)
    return np.asarray(degree[inside & (degree != 2) & (degree > 0)])


def _single_streets(lines: np.ndarray, a: np.ndarray, b: np.ndarray) -> list[int]:
    """Edges between junctions, without those inside one and second carriageways."""
    middle = shapely.get_coordinates(shapely.line_interpolate_point(lines, 0.5, normalized=True))
    kept: dict[tuple[int, int], list[int]] = {}
    for i in np.argsort(-shapely.length(lines), kind="stable"):
        pair = (int(min(a[i], b[i])), int(max(a[i], b[i])))
        if pair[0] == pair[1] and lines[i].length < 4 * TOGETHER_M:
            continue
        beside = kept.setdefault(pair, [])
        if all(np.hypot(*(middle[i] - middle[j])) >= 2 * TOGETHER_M for j in beside):
            beside.append(int(i))
    return [i for group in kept.values() for i in group]
