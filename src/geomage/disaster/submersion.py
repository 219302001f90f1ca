"""What water does to buildings and bridges: by depth to what is in them, by flow to what they are.

Contents: JRC global depth-damage functions, Europe (Huizinga, de Moel and Szewczyk 2017, tables of
residential, commercial and industrial buildings). Structure: depth times speed, by Clausen (1989)
for masonry and RESCDAM (Karvonen et al. 2000) for all; timber is anchored. Adobe is taken as timber
that is not, steel sheds as timber and reinforced concrete as twice as strong as masonry: these
three are ours, as is the spread of strengths.

Tsunami: Suppasri et al. (2013), Nat. Hazards 66, 319-341,
table 3, by depth and material.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import shapely
from scipy.special import ndtri

from geomage.disaster.damage import means_around
from geomage.disaster.roads import bridges, most_along, over_deck
from geomage.disaster.vulnerability import by_typology, draws, grades, lognormal_grades
from geomage.world import City

__all__ = [
    "bridge_grades",
    "content_grades",
    "damage_factor",
    "structural_states",
    "tsunami_states",
]

_DEPTHS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0)
_FACTORS: Mapping[str, tuple[float, ...]] = {
    "residential": (0.0, 0.25, 0.40, 0.50, 0.60, 0.75, 0.85, 0.95, 1.0),
    "commercial": (0.0, 0.15, 0.30, 0.45, 0.55, 0.75, 0.90, 1.0, 1.0),
    "industrial": (0.0, 0.15, 0.27, 0.40, 0.52, 0.70, 0.85, 1.0, 1.0),
}
_KIND = {
    "retail": "commercial", "office": "commercial", "hall": "commercial", "school": "commercial",
    "hospital": "commercial", "hotel": "commercial", "worship": "commercial",
    "industry": "industrial", "warehouse": "industrial", "farm": "industrial",
}  # fmt: skip
_STATES = (0.05, 0.2, 0.38, 0.55, 0.9)  # share of value lost at which D1..D5 begins; ours
_PARTIAL = {"adobe": 2, "timber": 3, "steel": 3, "masonry": 3, "reinforced concrete": 6}  # m2/s
_TOTAL = {"adobe": 3, "timber": 7, "steel": 7, "masonry": 7, "reinforced concrete": 14}  # m2/s
_FAST = {"adobe": 0, "timber": 0, "steel": 0, "masonry": 2, "reinforced concrete": 2}  # m/s
_SPREAD = 0.25  # standard deviation of the logarithm of strength, building by building; ours
_WOOD = ((-2.1216, -0.9338, -0.0400, 0.6721, 0.7825, 1.2094),
         (1.2261, 0.9144, 0.7276, 0.4985, 0.5559, 0.5247))  # fmt: skip
_BRICK = ((-2.1130, -1.1573, 0.1059, 0.9043, 1.1918, 1.6583),
          (1.3362, 1.0400, 0.7693, 0.5746, 0.6821, 0.6913))  # fmt: skip
_SUPPASRI = {  # mean and standard deviation of ln(depth) of minor .. collapsed, washed away
    "timber": _WOOD,
    "adobe": _BRICK,
    "masonry": _BRICK,
    "steel": ((-1.6956, -0.8982, 0.0662, 0.7061, 1.4575, 2.2790),
              (1.1013, 0.8835, 0.7171, 0.6680, 0.8938, 0.7362)),
    "reinforced concrete": ((-1.9636, -0.9723, 0.1577, 0.9423, 1.9381, 2.8232),
                            (1.0966, 1.0600, 0.7090, 0.7522, 1.0120, 0.9635)),
}  # fmt: skip
_OVER_M = 0.3  # of water over a deck that reaches its girders and railings; ours


def damage_factor(depth_m: np.ndarray, use: str = "residential") -> np.ndarray:
    """Share of value lost by a building at a water depth in metres, by its use."""
    return _factor(depth_m, _KIND.get(use, "residential"))


def _factor(depth_m: np.ndarray, kind: str) -> np.ndarray:
    return np.asarray(np.interp(depth_m, _DEPTHS, _FACTORS[kind]))


def content_grades(city: City, deepest: np.ndarray) -> np.ndarray:
    """Damage states (n,) D0..D4 by what water (y, x) in and around a building costs."""
    factor = np.zeros(len(city.buildings))
    kinds = city.buildings["use"].map(_KIND).fillna("residential").to_numpy()
    for kind in sorted({*kinds}):
        rows = kinds == kind
        factor[rows] = means_around(city, _factor(deepest, kind))[rows]
    return np.asarray(np.minimum(np.digitize(factor, _STATES), 4))


def structural_states(
    seed: int, city: City, depth: np.ndarray, speed: np.ndarray, flow: np.ndarray
) -> np.ndarray:
    """What flow does to each structure (n,): 0 nothing, 1 partial, 2 total collapse.

    Args:
        seed: of the event.
        city: with n buildings.
        depth: (n,) m, the greatest.
        speed: (n,) m/s, the greatest.
        flow: (n,) m2/s, the greatest depth times speed.
    """
    ids = city.buildings["building_id"].to_numpy()
    strength = np.exp(_SPREAD * ndtri(np.clip(draws(seed, "strength", ids), 1e-9, 1 - 1e-9)))
    fast = (speed > by_typology(city, _FAST)) & (depth > 0)
    partial = fast & (flow > strength * by_typology(city, _PARTIAL))
    total = fast & (flow > strength * by_typology(city, _TOTAL))
    return np.asarray(partial.astype(int) + total)


def tsunami_states(seed: int, city: City, depth: np.ndarray) -> np.ndarray:
    """Damage (n,) 0..6: none, minor, moderate, major, complete, collapsed, washed away."""
    ids = city.buildings["building_id"].to_numpy()
    kinds = city.buildings["typology"].to_numpy()
    by_typology(city, dict.fromkeys(_SUPPASRI, 0.0))  # refuses a typology that is unknown
    table = np.array([_SUPPASRI[kind] for kind in kinds]).reshape(-1, 2, 6)
    chance = lognormal_grades(depth, np.exp(table[:, 0]), table[:, 1])
    chance = np.minimum.accumulate(chance, 1)  # the published curves cross where water is shallow
    return grades(chance, draws(seed, "tsunami", ids))


def bridge_grades(city: City, deepest: np.ndarray, fastest: np.ndarray) -> np.ndarray:
    """Damage states (n,) of bridges that fast water overtops: D3, D4, D5 from 1, 3, 7 m2/s.

    The flow is the water over the deck (`over_deck`) times the greatest speed along it. The limits
    are those of masonry, and ours for bridges.
    """
    table = bridges(city)
    return np.array([_over(city, line, deepest, fastest) for line in table.geometry], int)


def _over(city: City, line: shapely.LineString, deepest: np.ndarray, fastest: np.ndarray) -> int:
    over = over_deck(city, line, deepest)
    if over < _OVER_M:
        return 0
    flow = over * most_along(city, line, fastest)
    return int(np.array([0, 3, 4, 5])[np.digitize(flow, [1, 3, 7])])
