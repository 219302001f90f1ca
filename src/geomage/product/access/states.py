"""Which segments of a road network work, as far as a map can say.

Each is passable, blocked, flooded or unknown.

The rule, in one place; the first line that holds decides, and `why` says which one it was.

1. *blocked*: over 2 m or more, what is called changed with a probability of `BLOCKED_FROM` or lies
   in a destroyed building leaves less than a lane of 2.5 m free.
2. *flooded*: over 3 m or more, most of the street lies in new water; its depth where one is given.
3. *unknown*: in a tunnel; outside the map; anything of it not analysed, or no second image; over
   water of both dates without a bridge; under trees for 15 m, or on buildings for 10 m, so that its
   line does not fit the image; new water on it, but less than that; changed with a probability of
   `DOUBTED_FROM` or more over most of its width; a destroyed building within 10 m.
4. *passable*: all of it was seen at both dates, dry, unchanged, and no ruin is near.

So nothing is passable by default. All thresholds are ours, chosen on three simulated scenes (storm,
flood, earthquake; docs/access.md says how they do on others). What a map does not see it does not
see here either: a tree across a street, rubble in a lane of 3 m, a bridge that hangs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from rasterio.io import DatasetReader

from geomage.product.access.corridors import OUTSIDE, Corridor, by_tile, longest_runs, look_along

__all__ = [
    "BLOCKED",
    "FLOODED",
    "NOT_ANALYSED",
    "OUTSIDE_MAP",
    "PASSABLE",
    "STATES",
    "UNKNOWN",
    "States",
    "judge_segments",
]

PASSABLE: Final = "passable"
BLOCKED: Final = "blocked"
FLOODED: Final = "flooded"
UNKNOWN: Final = "unknown"
STATES: Final = (PASSABLE, BLOCKED, FLOODED, UNKNOWN)

BLOCKED_FROM: Final = 128
"""Probability of change, of 255, from which what lies on a street takes room."""
DOUBTED_FROM: Final = 20
"""Probability of change, of 255, from which a street is not called passable."""
_NEEDED: Final = ("damage", "flood", "change")
_LANE_M: Final = 2.5
_DESTROYED, _NOT_ANALYSED = 4, 255
_NEW_WATER, _OLD_WATER = 1, 2
_TREE, _BUILDING = 5, 8
_BLOCKED_M, _WET_M, _OLD_WATER_M, _TREES_M, _ROOFS_M = 2, 3, 3, 15, 10
_MOST, _MIDDLE = 3, 2  # of five samples across

NOT_ANALYSED: Final = "not analysed"
OUTSIDE_MAP: Final = "outside the map"
_WHYS: Final = {
    "debris": "changed over its whole width",
    "ruin": "a destroyed building lies on it",
    "water": "under new water",
    "tunnel": "in a tunnel, not seen from above",
    "outside": OUTSIDE_MAP,
    "unseen": NOT_ANALYSED,
    "no second": "no second image",
    "old water": "water at both dates and no bridge is known",
    "trees": "hidden under trees",
    "roofs": "its line lies on buildings: it does not fit the image",
    "touched": "new water touches it",
    "doubt": "something changed on it",
    "near ruin": "a destroyed building stands beside it",
    "": "seen at both dates, dry and unchanged",
}


@dataclass(frozen=True)
class States:
    """state and why (n,), texts of `STATES` and of the rule that decided."""

    state: np.ndarray
    why: np.ndarray


def judge_segments(
    lines: np.ndarray,
    width_m: np.ndarray,
    level: np.ndarray,
    rasters: Mapping[str, DatasetReader],
    gsd: float,
) -> States:
    """Give each segment its state.

    Args:
        lines: (n,) in the plane of the grid of the rasters.
        width_m: (n,) of the streets.
        level: (n,) over 0 bridges, under 0 tunnels.
        rasters: open rasters of a product by name: landcover, and with two dates damage, flood,
            change.
        gsd: metres a pixel.
    """
    n = len(lines)
    missing = [name for name in _NEEDED if name not in rasters]
    if missing:
        said = ", ".join(missing)
        said = _WHYS["no second"] if len(missing) == 3 else f"the product has no raster of {said}"
        return States(np.full(n, UNKNOWN, object), np.full(n, said, object))
    state, why = np.full(n, UNKNOWN, object), np.full(n, "", object)
    order = by_tile(lines, gsd)
    for part, corridor in look_along(lines[order], width_m[order], rasters, gsd):
        rows = order[part]
        found = _evidence(corridor, width_m[rows])
        state[rows], why[rows] = _decided(found, level[rows])
    return States(state, why)


def _evidence(corridor: Corridor, width_m: np.ndarray) -> dict[str, np.ndarray]:
    """{name of `_WHYS`: (n,) bool} for some segments."""
    seen, segment, n = corridor.across, corridor.segment, len(width_m)
    flood, change, damage, cover = (seen[k] for k in ("flood", "change", "damage", "landcover"))
    hidden = np.any([a == _NOT_ANALYSED for a in (flood, change, damage)], 0)
    sure, ruin = (change >= BLOCKED_FROM) & ~hidden, damage == _DESTROYED
    width = width_m[segment]

    def runs(true: np.ndarray, least: int) -> np.ndarray:
        """Whether it is so for as many metres, or all along a shorter segment."""
        length = np.bincount(segment, minlength=n)
        return np.asarray(longest_runs(true, segment, n) >= np.minimum(least, length))

    def narrow(taken: np.ndarray) -> np.ndarray:
        free = width * (1 - taken.mean(1))
        return np.asarray((free < np.minimum(_LANE_M, 0.6 * width)) & taken.any(1))

    wet = flood == _NEW_WATER
    outside = (flood == OUTSIDE)[:, _MIDDLE] | ((flood == OUTSIDE).sum(1) >= _MOST)
    unseen = hidden.any(1)
    doubt = np.median(change, 1) >= DOUBTED_FROM
    return {
        "ruin": runs(narrow(ruin), _BLOCKED_M),
        "debris": runs(narrow(sure | ruin), _BLOCKED_M) & ~runs(wet.sum(1) >= _MOST, _WET_M),
        "water": runs(wet.sum(1) >= _MOST, _WET_M),
        "outside": _any(outside, segment, n),
        "unseen": _any(unseen, segment, n),
        "old water": runs((flood == _OLD_WATER).sum(1) >= _MOST, _OLD_WATER_M),
        "trees": longest_runs((cover == _TREE).all(1), segment, n) >= _TREES_M,
        "roofs": longest_runs((cover == _BUILDING).all(1), segment, n) >= _ROOFS_M,
        "touched": _any(wet[:, 1:-1].any(1), segment, n),
        "doubt": _any(doubt, segment, n),
        "near ruin": _any((corridor.beside == _DESTROYED).any(1), segment, n),
    }


def _any(true: np.ndarray, segment: np.ndarray, count: int) -> np.ndarray:
    return np.bincount(segment, weights=true, minlength=count) > 0


def _decided(found: Mapping[str, np.ndarray], level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(state, why), each (n,), by the order of the rule."""
    tunnel, bridge = level < 0, level > 0
    seen = {name: true & ~tunnel for name, true in found.items()}
    seen["old water"] = seen["old water"] & ~bridge
    order = (
        ("ruin", BLOCKED),
        ("debris", BLOCKED),
        ("water", FLOODED),
        ("tunnel", UNKNOWN),
        ("outside", UNKNOWN),
        ("unseen", UNKNOWN),
        ("old water", UNKNOWN),
        ("trees", UNKNOWN),
        ("roofs", UNKNOWN),
        ("touched", UNKNOWN),
        ("doubt", UNKNOWN),
        ("near ruin", UNKNOWN),
    )
    seen["tunnel"] = tunnel
    tests = [seen[name] for name, _ in order]
    state = np.select(tests, [word for _, word in order], PASSABLE).astype(object)
    why = np.select(tests, [_WHYS[name] for name, _ in order], _WHYS[""]).astype(object)
    return state, why
