"""A million directed edges: from everywhere to the nearest hospital, before and after an event.

    python -m benchmarks.routing [--side 520] [--hospitals 20] [-o routing.json]

Makes a lattice of streets with random lengths and one-way streets, breaks a tenth of them, builds
the network once, and measures by CPU time, in one process: the build; both answers (the seconds of
each junction to its nearest hospital, when all streets work and when the broken ones do not); the
parts that hang together; and one route across. Each is measured five times; the median is given.
networkx, where it can be imported, answers the same question once, and must agree.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from geomage.product.access.network import (
    Network,
    Spots,
    build_network,
    fastest_path,
    groups,
    travel_seconds,
)

TURNS = 5
MARK_S = 0.5


def lattice(side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Start, end, one-way and seconds of the streets of a town of side x side junctions."""
    rng = np.random.default_rng(7)
    node = np.arange(side * side).reshape(side, side)
    start = np.r_[node[:, :-1].ravel(), node[:-1].ravel()]
    end = np.r_[node[:, 1:].ravel(), node[1:].ravel()]
    oneway = np.where(rng.random(len(start)) < 0.05, rng.choice([-1, 1], len(start)), 0)
    return start, end, oneway, rng.uniform(4, 40, len(start))


def cpu(work: Callable[[], Any]) -> tuple[float, Any]:
    """Median CPU seconds of five turns, and the last answer."""
    spent = []
    for _ in range(TURNS):
        begin = time.process_time()
        answer = work()
        spent.append(time.process_time() - begin)
    return float(np.median(spent)), answer


def before_and_after(
    network: Network, dry: np.ndarray, after: np.ndarray, hospitals: Spots
) -> tuple[np.ndarray, np.ndarray]:
    return (
        travel_seconds(network, dry, hospitals)[0],
        travel_seconds(network, after, hospitals)[0],
    )


def by_networkx(network: Network, seconds: np.ndarray, hospitals: Spots) -> tuple[float, Any]:
    """CPU seconds and answer of networkx; hospitals stand at the beginning of their streets."""
    try:
        import networkx as nx  # noqa: PLC0415 -- of the tests alone
    except ImportError:
        return float("nan"), None
    graph = nx.DiGraph()
    graph.add_nodes_from(range(network.nodes))
    for i in np.flatnonzero(np.isfinite(seconds)):
        a, b, weight = int(network.start[i]), int(network.end[i]), float(seconds[i])
        if network.forward[i]:
            graph.add_edge(b, a, weight=weight)  # turned: to the hospitals
        if network.backward[i]:
            graph.add_edge(a, b, weight=weight)
    sources = {int(network.start[i]) for i in hospitals.segment}
    begin = time.process_time()
    found = nx.multi_source_dijkstra_path_length(graph, sources)
    spent = time.process_time() - begin
    answer = np.full(network.nodes, np.inf)
    answer[list(found)] = list(found.values())
    return spent, answer


def measure(side: int, hospitals: int) -> dict[str, Any]:
    start, end, oneway, dry = lattice(side)
    rng = np.random.default_rng(8)
    build, network = cpu(lambda: build_network(start, end, oneway))
    spots = Spots(rng.choice(len(start), hospitals, replace=False), np.zeros(hospitals))
    after = np.where(rng.random(len(start)) < 0.1, np.inf, dry)
    after[spots.segment] = dry[spots.segment]
    both, (was, now) = cpu(lambda: before_and_after(network, dry, after, spots))
    hanging, _ = cpu(lambda: groups(network, np.isfinite(after)))
    ends = Spots(np.array([0]), np.array([0.5])), Spots(np.array([len(start) - 1]), np.array([0.5]))
    after[[0, -1]] = dry[[0, -1]]
    across, path = cpu(lambda: fastest_path(network, after, *ends))
    theirs, answer = by_networkx(network, dry, spots)
    agree = None if answer is None else bool(_same(was, answer))
    return {
        "directed edges": len(network.out.heads),
        "junctions": network.nodes,
        "hospitals": hospitals,
        "build, CPU s": round(build, 3),
        "all to nearest hospital, before and after, CPU s": round(both, 3),
        "parts that hang together, CPU s": round(hanging, 3),
        "one route across, CPU s": round(across, 3),
        "segments of that route": 0 if path is None else len(path.segments),
        "junctions cut off": int((np.isinf(now) & np.isfinite(was)).sum()),
        "networkx, before only, CPU s": None if answer is None else round(theirs, 2),
        "the same answers as networkx": agree,
        "mark, CPU s": MARK_S,
        "passed": both < MARK_S,
        "cores": os.cpu_count(),
    }


def _same(ours: np.ndarray, theirs: np.ndarray) -> bool:
    both = np.isfinite(theirs)
    return bool((np.isfinite(ours) == both).all() and np.allclose(ours[both], theirs[both]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=520, help="junctions along a side")
    parser.add_argument("--hospitals", type=int, default=20)
    parser.add_argument("-o", "--out", type=Path, help="write JSON")
    options = parser.parse_args()
    found = measure(options.side, options.hospitals)
    width = max(map(len, found))
    for name, value in found.items():
        counted = isinstance(value, int) and not isinstance(value, bool)
        print(f"{name:{width}}  {f'{value:,}' if counted else value}")
    if options.out:
        options.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
