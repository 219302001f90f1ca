"""Flood: water from a level, a river, rain, a dam, a surge or a tsunami, and what it does.

The water itself is in `inundation` and `shallow`, what it does to a building in `submersion`, what
is left of it later in `recession`.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
from scipy import ndimage

from geomage.disaster.damage import (
    Struck,
    at_trees,
    build_event,
    fail,
    means_around,
    most_around,
    untouched,
)
from geomage.disaster.debris import debris_field, spill
from geomage.disaster.event import Event
from geomage.disaster.inundation import FloodParams, Peak, flood_peak
from geomage.disaster.recession import Recession, flotsam, recede
from geomage.disaster.submersion import (
    bridge_grades,
    content_grades,
    structural_states,
    tsunami_states,
)
from geomage.disaster.vulnerability import draws
from geomage.world import City

__all__ = ["FloodParams", "flood"]

_BUILT = ("failure", "lost", "rubble", "side", "sink", "lean")
_FLOATS = ("timber", "adobe", "steel")  # what collapses in water and goes with it; the rest heaps


def flood(city: City, params: FloodParams, seed: int = 0, *, hours: float = 24.0) -> Event:
    """Flood a city, and look at it some hours after the peak.

    What stands in water is seen as such, what is swept is gone, and what dried shows its mud.
    """
    peak = flood_peak(city, params)
    left = recede(city, peak, params.source, hours)
    table = _buildings(seed, city, peak, params.source)
    table["grade_visible"] = _seen(city, table, left)
    debris = np.maximum(debris_field(city, table, 16.0), _strewn(seed, peak))
    fields = {
        "water_depth": left.depth, "velocity": peak.fastest, "foam": left.foam, "wet": left.wet,
        "mud": left.mud, "debris": debris.astype(np.float32), "debris_height": spill(city, table),
    }  # fmt: skip
    if params.flows:
        fields |= {"arrival": peak.arrival, "duration": peak.under}
    standing = _standing(seed, city, peak)
    struck = Struck(
        table, peak.deepest, "m", fields,
        trees=(standing, np.zeros(len(standing))),
        bridge_grades=bridge_grades(city, peak.deepest, peak.fastest),
        objects=flotsam(seed, city, peak),
    )  # fmt: skip
    return build_event("flood", city, params.facts() | {"seed": seed}, struck, hours)


def _standing(seed: int, city: City, peak: Peak) -> np.ndarray:
    """1 where a tree stands, 0 where fast and deep water took it: half of them at 4 m/s (ours)."""
    deep, fast = at_trees(city, peak.deepest), at_trees(city, peak.fastest)
    taken = draws(seed, "tree", np.arange(len(deep))) < np.clip((fast - 2) / 4, 0, 0.9)
    return np.where(taken & (deep > 1), 0.0, 1.0)


def _strewn(seed: int, peak: Peak) -> np.ndarray:
    """Share (y, x) of the ground under what fast water dropped, in patches; ours."""
    rng = np.random.default_rng([seed, 4])
    rough = ndimage.gaussian_filter(rng.normal(size=peak.deepest.shape), 3)
    patch = np.clip(rough / max(float(rough.std()), 1e-9) - 0.4, 0, 1)
    return np.asarray(np.clip(peak.fastest / 6, 0, 0.6) * patch * (peak.deepest > 0.1))


def _buildings(seed: int, city: City, peak: Peak, source: str) -> gpd.GeoDataFrame:
    """Damage of each building: the worse of what is in it and what it is."""
    table = untouched(city)
    deep, fast = most_around(city, peak.deepest), most_around(city, peak.fastest)
    grade = content_grades(city, peak.deepest)
    if source == "tsunami":
        state = tsunami_states(seed, city, deep)
        broken, swept = np.where(state >= 3, np.minimum(state, 5), 0), state == 6
        grade = np.maximum(grade, np.minimum(state, 5))
    else:
        flow = most_around(city, peak.deepest * peak.fastest)
        state = structural_states(seed, city, deep, fast, flow)
        broken = np.array([0, 4, 5])[state]
        swept = (state == 2) & city.buildings["typology"].isin(_FLOATS).to_numpy()
    table["grade_physical"] = np.where(broken >= 4, broken, 0)
    _break(seed, table, city, swept)
    table["grade_physical"] = np.maximum(grade, broken)
    wet = means_around(city, (peak.deepest > 0).astype(float))
    depth = means_around(city, peak.deepest) / np.maximum(wet, 1e-6)
    table["intensity"] = table["depth"] = np.where(wet > 0, depth, 0.0)
    table["velocity"] = fast
    table["cause"] = np.where(table["grade_physical"] > 0, "water", "none")
    return table


def _break(seed: int, table: gpd.GeoDataFrame, city: City, swept: np.ndarray) -> None:
    """Let structures of D4 and D5 fail, and those that are swept vanish (in place)."""
    gone = table.copy()
    fail(seed, gone, city, {5: {"swept": 1}})
    fail(seed, table, city, {4: {"partial": 1}, 5: {"collapse": 1}})
    for name in _BUILT:
        table.loc[swept, name] = gone.loc[swept, name]


def _seen(city: City, table: gpd.GeoDataFrame, left: Recession) -> np.ndarray:
    """Visible grade (n,) on the joint damage scale.

    Water that stands around a building is minor, around most of it major, over its roof destroyed;
    water counts by how much of the ground it hides, a film of 3 cm a fifth, 15 cm two thirds.
    Mud over half of the ground around it, which only deep water leaves, is minor. A part that fell
    is major, a fallen or swept building destroyed.
    """
    now = left.depth
    wet_now = means_around(city, (now > 0).astype(float))
    shown = means_around(city, 1 - np.exp(-now / 0.15))  # a film hardly shows
    standing = np.where(wet_now > 0.1, shown, 0)
    muddy = np.where(means_around(city, left.mud) > 0.5, 0.45, 0.0)
    seen = np.digitize(np.maximum(standing, muddy), [0.3, 0.6])
    depth_now = means_around(city, now) / np.maximum(wet_now, 1e-6)
    hidden = (wet_now > 0) & (depth_now > city.buildings["height"].to_numpy(float) + 0.3)
    broke = np.where(table["failure"] == "intact", 0, np.where(table["failure"] == "partial", 2, 3))
    return np.maximum(np.maximum(seen, broke), np.where(hidden, 3, 0))
