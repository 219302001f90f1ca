"""A road network as a sparse matrix of seconds: ways through it, and times to nearest places.

Directions and seconds are edges; turns cost nothing. All answers are those of Dijkstra's algorithm
and of strongly connected components in scipy.sparse.csgraph, so that a million edges take a
twentieth of a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

__all__ = ["Network", "Path", "Spots", "build_network", "fastest_path", "groups", "travel_seconds"]

_NONE: Final = -9999  # scipy's predecessor of what has none


@dataclass(frozen=True)
class _Rows:
    """Directed edges by the node they are gone from: heads and edges of `indptr`.

    An edge is the number of its segment, plus the number of segments where it is gone backwards.
    """

    indptr: np.ndarray
    heads: np.ndarray
    edges: np.ndarray


@dataclass(frozen=True)
class Network:
    """Segments between nodes 0..nodes - 1, and the ways they may be gone.

    start, end (n,): nodes; forward, backward (n,): whether a segment may be gone from its start to
    its end, and back. out: edges by their tail; into: by their head.
    """

    nodes: int
    start: np.ndarray
    end: np.ndarray
    forward: np.ndarray
    backward: np.ndarray
    out: _Rows
    into: _Rows


@dataclass(frozen=True)
class Spots:
    """Places on segments: segment (k,), and the share (k,) of its length from its start."""

    segment: np.ndarray
    share: np.ndarray


@dataclass(frozen=True)
class Path:
    """A way through a network: its segments in order, whether each is gone forward, its seconds.

    The first and the last segment are those of the two spots, and are gone in part.
    """

    segments: np.ndarray
    forward: np.ndarray
    seconds: float


def build_network(
    start: np.ndarray, end: np.ndarray, oneway: np.ndarray, nodes: int | None = None
) -> Network:
    """Build a network of segments.

    Args:
        start: (n,) nodes where segments begin.
        end: (n,) nodes where they end.
        oneway: (n,) 1 only from start to end, -1 only back, 0 both.
        nodes: how many; one more than the greatest when None.
    """
    a, b = np.asarray(start, np.int64), np.asarray(end, np.int64)
    count = int(max(a.max(initial=-1), b.max(initial=-1))) + 1 if nodes is None else nodes
    forward, backward = oneway >= 0, oneway <= 0
    number = np.arange(len(a))
    edges = np.r_[number[forward], len(a) + number[backward]]
    tails, heads = np.r_[a[forward], b[backward]], np.r_[b[forward], a[backward]]
    out, into = _rows(tails, heads, edges, count), _rows(heads, tails, edges, count)
    return Network(count, a, b, forward, backward, out, into)


def _rows(tails: np.ndarray, heads: np.ndarray, edges: np.ndarray, nodes: int) -> _Rows:
    order = np.argsort(tails, kind="stable")
    indptr = np.r_[0, np.cumsum(np.bincount(tails, minlength=nodes))]
    return _Rows(indptr.astype(np.int32), heads[order].astype(np.int32), edges[order])


def travel_seconds(
    network: Network, seconds: np.ndarray, spots: Spots, *, towards: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Seconds between each node and the nearest of some spots, and which one that is.

    Args:
        network: the roads.
        seconds: (n,) each segment takes, inf where it does not work.
        spots: hospitals, say.
        towards: whether one goes to the spot, not from it.

    Returns:
        (nodes,) seconds, inf where none is reached; (nodes,) number of the spot, -1 there.
    """
    rows = network.into if towards else network.out
    matrix = _with_spots(network, rows, seconds, spots, towards=towards)
    sources = network.nodes + np.arange(len(spots.segment))
    if not len(sources):
        return np.full(network.nodes, np.inf), np.full(network.nodes, -1)
    found, _, nearest = dijkstra(matrix, indices=sources, min_only=True, return_predecessors=True)
    some = nearest[: network.nodes]
    return found[: network.nodes], np.where(some == _NONE, -1, some - network.nodes)


def _with_spots(
    network: Network, rows: _Rows, seconds: np.ndarray, spots: Spots, *, towards: bool
) -> csr_array:
    """The matrix of a network with a node more for each spot, from which its segment is entered."""
    n = max(len(network.start), 1)
    to_start, to_end = _entries(network, seconds, spots, towards=towards)
    k = len(spots.segment)
    heads = np.stack([network.start[spots.segment], network.end[spots.segment]], 1).ravel()
    data = np.stack([to_start, to_end], 1).ravel()
    indptr = np.r_[rows.indptr, rows.indptr[-1] + 2 * np.arange(1, k + 1)].astype(np.int32)
    size = network.nodes + k
    values = np.r_[seconds[rows.edges % n], data]
    return csr_array((values, np.r_[rows.heads, heads].astype(np.int32), indptr), (size, size))


def _entries(
    network: Network, seconds: np.ndarray, spots: Spots, *, towards: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Seconds (k,) between spots and the two nodes of their segments; inf against a one-way."""
    whole, share = seconds[spots.segment], spots.share
    forward, backward = network.forward[spots.segment], network.backward[spots.segment]
    by_start, by_end = (forward, backward) if towards else (backward, forward)
    by_start, by_end = by_start | (share == 0), by_end | (share == 1)  # it is the node itself
    with np.errstate(invalid="ignore"):  # none of a way that does not work
        start, end = whole * share, whole * (1 - share)
    broken = ~np.isfinite(whole)
    return (
        np.where(by_start & ~broken, start, np.inf),
        np.where(by_end & ~broken, end, np.inf),
    )


def fastest_path(
    network: Network, seconds: np.ndarray, origin: Spots, target: Spots
) -> Path | None:
    """The fastest way from one spot to another; None where there is none.

    Args:
        network: the roads.
        seconds: (n,) each segment takes, inf where it does not work.
        origin: one spot.
        target: one spot.
    """
    matrix = _with_spots(network, network.out, seconds, origin, towards=False)
    found, before = dijkstra(matrix, indices=network.nodes, return_predecessors=True)
    last = int(target.segment[0])
    to_start, to_end = _entries(network, seconds, target, towards=True)
    ends = found[network.start[last]] + to_start[0], found[network.end[last]] + to_end[0]
    direct = _along_one(network, seconds, origin, target)
    best = min(*ends, direct)
    if not np.isfinite(best):
        return None
    if direct <= min(ends):
        ahead = bool(target.share[0] >= origin.share[0])
        return Path(np.array([last]), np.array([ahead]), float(direct))
    ahead = bool(ends[0] <= ends[1])
    node = int(network.start[last] if ahead else network.end[last])
    edges = [last + (0 if ahead else len(network.start))]
    while (tail := int(before[node])) != network.nodes:
        edges.append(_edge(network, seconds, tail, node))
        node = tail
    first = int(origin.segment[0])
    leaves_end = _leaves_by_end(network, seconds, origin, node)
    edges.append(first if leaves_end else first + len(network.start))
    way = np.array(edges[::-1])
    return Path(way % len(network.start), way < len(network.start), float(best))


def _along_one(network: Network, seconds: np.ndarray, origin: Spots, target: Spots) -> float:
    """Seconds between two spots of one segment without leaving it; inf where that cannot be."""
    one = int(origin.segment[0])
    part = float(target.share[0] - origin.share[0])
    allowed = network.forward[one] if part > 0 else network.backward[one]
    if one != int(target.segment[0]) or not (allowed or part == 0):
        return np.inf
    return float(abs(part) * seconds[one]) if np.isfinite(seconds[one]) else np.inf


def _leaves_by_end(network: Network, seconds: np.ndarray, origin: Spots, node: int) -> bool:
    """Whether a way from a spot to a node of its segment goes by the end of the segment."""
    one = int(origin.segment[0])
    to_start, to_end = _entries(network, seconds, origin, towards=False)
    by_start = to_start[0] if network.start[one] == node else np.inf
    by_end = to_end[0] if network.end[one] == node else np.inf
    return bool(by_end <= by_start)


def _edge(network: Network, seconds: np.ndarray, tail: int, head: int) -> int:
    """The quickest edge between two nodes."""
    rows = network.out
    span = slice(int(rows.indptr[tail]), int(rows.indptr[tail + 1]))
    edges = rows.edges[span][rows.heads[span] == head]
    return int(edges[np.argmin(seconds[edges % len(network.start)])])


def groups(network: Network, works: np.ndarray, *, strong: bool = True) -> np.ndarray:
    """Number (nodes,) of the group of nodes that reach each other by segments (n,) that work.

    Args:
        network: the roads.
        works: (n,) bool.
        strong: whether there and back by the ways segments may be gone; else in any direction.
    """
    a, b = network.start[works], network.end[works]
    ahead, back = network.forward[works], network.backward[works]
    tails, heads = np.r_[a[ahead], b[back]], np.r_[b[ahead], a[back]]
    shape = (network.nodes, network.nodes)
    matrix = coo_array((np.ones(len(tails), bool), (tails, heads)), shape).tocsr()
    found = connected_components(matrix, connection="strong" if strong else "weak")
    return np.asarray(found[1])
