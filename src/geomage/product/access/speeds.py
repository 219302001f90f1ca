"""How fast one drives on what, dry and in water.

Speeds by class are those of OSRM's car profile (osrm-backend, profiles/car.lua, table
`speeds.highway`), and so is the rule that a posted limit is driven at 0.8 of itself
(`speed_reduction`). Tracks, busways and ways without a class are not in it: those three are ours.
Nobody's siren is in these numbers, and no traffic.

Water: v(w) = 0.0009 w² - 0.5529 w + 86.9448 km/h in w mm of standing water, the curve that
Pregnolato, Ford, Wilkinson and Dawson (2017, Transportation Research D 55, 67-81, eq. 1) fitted to
cars; it ends at 300 mm. Deeper water is for high vehicles: Kramer, Terheiden and Wieprecht (2016,
International Journal of Disaster Risk Reduction 17, 77-84) give a total head of 0.3 m for cars and
0.6 m for emergency vehicles as the limit. A walking pace of 5 km/h between the two is ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import numpy as np

__all__ = ["DEEPEST_M", "KMH", "driven_kmh", "wading_kmh"]

KMH: Final[Mapping[str, float]] = {
    "motorway": 90.0, "motorway_link": 45.0, "trunk": 85.0, "trunk_link": 40.0,
    "primary": 65.0, "primary_link": 30.0, "secondary": 55.0, "secondary_link": 25.0,
    "tertiary": 40.0, "tertiary_link": 20.0, "unclassified": 25.0, "residential": 25.0,
    "living_street": 10.0, "service": 15.0, "track": 15.0, "busway": 15.0, "road": 25.0,
}  # fmt: skip
DEEPEST_M: Final = 0.6
"""Metres of water that an emergency vehicle may go through."""
_CARS_M: Final = 0.3
_CREEP_KMH: Final = 5.0
_OF_LIMIT: Final = 0.8
_LIMIT: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(mph|km/h|kmh|kph)?\s*")
_SLOWEST, _FASTEST = 5.0, 150.0


def driven_kmh(kind: str, maxspeed: str | None) -> float:
    """Speed on a dry way of a class, km/h: of its posted limit where it has one that is a number.

    Args:
        kind: one of `KMH`.
        maxspeed: such as `50` or `30 mph`.
    """
    match = None if maxspeed is None else _LIMIT.fullmatch(maxspeed)
    if match is None:
        return KMH[kind]
    limit = float(match[1]) * (1.609344 if match[2] == "mph" else 1.0)
    return _OF_LIMIT * limit if _SLOWEST <= limit <= _FASTEST else KMH[kind]


def wading_kmh(dry: np.ndarray, depth_m: np.ndarray) -> np.ndarray:
    """Speed (n,) through water, km/h, never more than on the dry way; 0 where it is too deep."""
    w = 1000 * np.asarray(depth_m, float)
    curve = np.maximum(0.0009 * w**2 - 0.5529 * w + 86.9448, _CREEP_KMH)
    curve = np.where(w > 1000 * _CARS_M, _CREEP_KMH, curve)
    return np.where(w > 1000 * DEEPEST_M, 0.0, np.minimum(dry, curve))
