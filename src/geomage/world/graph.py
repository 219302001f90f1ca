"""The street network as a graph: junctions, dead ends, connected parts, cul-de-sacs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, dijkstra, minimum_spanning_tree
from scipy.spatial import cKDTree

__all__ = ["StreetGraph", "joined", "spurs", "street_graph"]

SAME_M = 0.05  # ends nearer than this are one junction


@dataclass(frozen=True)
class StreetGraph:
    """Junctions and the edges between them.

    ends (n, 2): junction at the start and at the end of each edge; junctions (m, 2): metres.
    """

    ends: np.ndarray
    junctions: np.ndarray
    lengths: np.ndarray

    @property
    def degrees(self) -> np.ndarray:
        """Edges that meet at each junction (m,)."""
        return np.asarray(np.bincount(self.ends.ravel(), minlength=len(self.junctions)))

    def parts(self, kept: np.ndarray | None = None) -> np.ndarray:
        """Number of the connected part of each junction (m,), over the kept edges (n,) bool."""
        ends = self.ends if kept is None else self.ends[kept]
        m = len(self.junctions)
        links = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), (m, m))
        return np.asarray(connected_components(links, directed=False)[1])

    def loose(self, rng: np.random.Generator) -> np.ndarray:
        """Edges (n,) bool that can all be opened without cutting the network, drawn at random."""
        m, n = len(self.junctions), len(self.ends)
        spare = np.ones(n, bool)
        if n == 0:
            return spare
        low, high = self.ends.min(1), self.ends.max(1)
        pairs, first = np.unique(low * m + high, return_index=True)
        weight = rng.uniform(1, 2, len(pairs))
        tree = minimum_spanning_tree(coo_array((weight, (pairs // m, pairs % m)), (m, m)))
        row, column = tree.nonzero()
        spare[first[np.isin(pairs, row.astype(np.int64) * m + column)]] = False
        spare[low == high] = True
        return spare


def street_graph(lines: np.ndarray) -> StreetGraph:
    """Join lines (n,) where their ends meet."""
    n = len(lines)
    if n == 0:
        return StreetGraph(np.empty((0, 2), int), np.empty((0, 2)), np.empty(0))
    xy = shapely.get_coordinates(lines)
    after = np.cumsum(shapely.get_num_coordinates(lines))
    points = np.concatenate([xy[np.r_[0, after[:-1]]], xy[after - 1]])
    pairs = cKDTree(points).query_pairs(SAME_M, output_type="ndarray")
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (2 * n, 2 * n))
    count, label = connected_components(links, directed=False)
    junctions = np.empty((count, 2))
    junctions[label] = points
    return StreetGraph(np.stack([label[:n], label[n:]], 1), junctions, shapely.length(lines))


def spurs(lines: np.ndarray, fixed: np.ndarray, shortest: float) -> np.ndarray:
    """Which lines (n,) bool are loose ends shorter than `shortest` metres, or hang on such.

    fixed (n,): lines that stay whatever their length.
    """
    gone = np.zeros(len(lines), bool)
    graph = street_graph(lines)
    while True:
        degree = np.bincount(graph.ends[~gone].ravel(), minlength=len(graph.junctions))
        open_end = (degree[graph.ends] == 1).any(1)
        more = open_end & ~gone & ~fixed & (graph.lengths < shortest)
        if not more.any():
            return gone
        gone |= more


def joined(lines: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Add to the kept lines (n,) bool the shortest ways between their parts; return all (n,) bool.

    Parts that no way joins stay apart.
    """
    graph = street_graph(lines)
    if not kept.any():
        return kept
    m = len(graph.junctions)
    cost = np.where(kept, 1e-6 * graph.lengths, graph.lengths) + 1e-9
    order = np.argsort(-cost, kind="stable")  # of two lines between the same junctions the shorter
    low, high = graph.ends.min(1)[order], graph.ends.max(1)[order]
    edge = dict(zip(zip(low.tolist(), high.tolist(), strict=True), order.tolist(), strict=True))
    pairs = np.array(list(edge))
    links = coo_array((cost[list(edge.values())], tuple(pairs.T)), (m, m)).tocsr()
    part = graph.parts(kept)
    starts = np.unique(graph.ends[kept])
    sizes = np.bincount(part[graph.ends[kept, 0]], weights=graph.lengths[kept], minlength=m)
    main = starts[part[starts] == np.argmax(sizes)][0]
    far, back = dijkstra(links, directed=False, indices=main, return_predecessors=True)
    out = kept.copy()
    for number in np.unique(part[starts]):
        ends = starts[part[starts] == number]
        at = int(ends[np.argmin(far[ends])])
        while at != main and back[at] >= 0:
            before = int(back[at])
            out[edge[min(at, before), max(at, before)]] = True
            at = before
    return out
