"""Answers of the network are those of networkx, on random graphs with one-way streets."""

from __future__ import annotations

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from geomage.product.access.network import (
    Network,
    Spots,
    build_network,
    fastest_path,
    groups,
    travel_seconds,
)

SHARES = (0.0, 0.25, 0.5, 1.0)
BROKEN = float("inf")


@st.composite
def towns(draw: st.DrawFn) -> tuple[Network, np.ndarray]:
    """A network with loops and parallel streets, and the seconds of its segments."""
    nodes = draw(st.integers(2, 9))
    count = draw(st.integers(1, 18))
    ends = st.lists(st.integers(0, nodes - 1), min_size=count, max_size=count)
    start, end = np.array(draw(ends)), np.array(draw(ends))
    ways = draw(st.lists(st.sampled_from([-1, 0, 0, 1]), min_size=count, max_size=count))
    cost = st.one_of(st.integers(1, 9).map(float), st.just(BROKEN))
    seconds = np.array(draw(st.lists(cost, min_size=count, max_size=count)))
    return build_network(start, end, np.array(ways), nodes), seconds


@st.composite
def spots(draw: st.DrawFn, segments: int) -> tuple[int, float]:
    return draw(st.integers(0, segments - 1)), draw(st.sampled_from(SHARES))


def graph_of(network: Network, seconds: np.ndarray) -> nx.MultiDiGraph:
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(network.nodes))
    for i in np.flatnonzero(np.isfinite(seconds)):
        a, b = int(network.start[i]), int(network.end[i])
        if network.forward[i]:
            graph.add_edge(a, b, weight=seconds[i])
        if network.backward[i]:
            graph.add_edge(b, a, weight=seconds[i])
    return graph


def join(graph: nx.MultiDiGraph, network: Network, seconds: np.ndarray, spot, name: str) -> None:
    """A node on a segment, entered and left as its direction allows; at its ends, their node."""
    i, share = spot
    if np.isinf(seconds[i]):
        graph.add_node(name)
        return
    a, b = int(network.start[i]), int(network.end[i])
    ahead, back = network.forward[i], network.backward[i]
    for node, part, out, into in ((a, share, back, ahead), (b, 1 - share, ahead, back)):
        if out or part == 0:
            graph.add_edge(name, node, weight=part * seconds[i])
        if into or part == 0:
            graph.add_edge(node, name, weight=part * seconds[i])


def place(*some: tuple[int, float]) -> Spots:
    return Spots(np.array([i for i, _ in some], int), np.array([share for _, share in some], float))


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_the_fastest_way_between_two_places_is_that_of_networkx(data) -> None:
    network, seconds = data.draw(towns())
    one, other = (data.draw(spots(len(seconds))) for _ in range(2))
    graph = graph_of(network, seconds)
    join(graph, network, seconds, one, "from")
    join(graph, network, seconds, other, "to")
    i, part = one[0], other[1] - one[1]
    if i == other[0] and np.isfinite(seconds[i]):
        allowed = network.forward[i] if part > 0 else network.backward[i]
        if allowed or part == 0:
            graph.add_edge("from", "to", weight=abs(part) * seconds[i])
    found = fastest_path(network, seconds, place(one), place(other))
    if not nx.has_path(graph, "from", "to"):
        assert found is None
        return
    assert found is not None
    assert found.seconds == nx.dijkstra_path_length(graph, "from", "to")
    follow(network, seconds, found, one, other)


def follow(network: Network, seconds: np.ndarray, found, one, other) -> None:
    """The path hangs together, keeps to directions, and takes the seconds it says."""
    begin = np.where(found.forward, 0.0, 1.0)
    end = 1 - begin
    begin[0], end[-1] = one[1], other[1]
    took = np.abs(end - begin) * seconds[found.segments]
    assert took.sum() == found.seconds
    gone = end != begin
    ahead, back = network.forward[found.segments], network.backward[found.segments]
    allowed = np.where(found.forward, ahead, back)
    assert (allowed | ~gone).all()
    heads = np.where(found.forward, network.end[found.segments], network.start[found.segments])
    tails = np.where(found.forward, network.start[found.segments], network.end[found.segments])
    assert (heads[:-1] == tails[1:]).all()


@settings(max_examples=35, deadline=None)
@given(st.data(), st.booleans())
def test_seconds_to_the_nearest_place_are_those_of_networkx(data, towards) -> None:
    network, seconds = data.draw(towns())
    some = data.draw(st.lists(spots(len(seconds)), min_size=1, max_size=4))
    graph = graph_of(network, seconds)
    names = [f"hospital {k}" for k in range(len(some))]
    for name, spot in zip(names, some, strict=True):
        join(graph, network, seconds, spot, name)
    turned = graph.reverse() if towards else graph
    lengths = [nx.single_source_dijkstra_path_length(turned, name) for name in names]
    found, nearest = travel_seconds(network, seconds, place(*some), towards=towards)
    for node in range(network.nodes):
        each = [length.get(node, BROKEN) for length in lengths]
        assert found[node] == min(each)
        assert nearest[node] == -1 if np.isinf(min(each)) else each[nearest[node]] == min(each)


@settings(max_examples=20, deadline=None)
@given(towns(), st.booleans())
def test_groups_are_those_of_networkx(town, strong) -> None:
    network, seconds = town
    graph = graph_of(network, seconds)
    parts = (
        nx.strongly_connected_components(graph) if strong else nx.weakly_connected_components(graph)
    )
    found = groups(network, np.isfinite(seconds), strong=strong)
    assert {frozenset(np.flatnonzero(found == g).tolist()) for g in np.unique(found)} == {
        frozenset(part) for part in parts
    }


def test_without_any_hospital_nothing_is_reached() -> None:
    network = build_network(np.array([0]), np.array([1]), np.array([0]))
    found, nearest = travel_seconds(network, np.array([3.0]), place())
    assert np.isinf(found).all()
    assert (nearest == -1).all()
