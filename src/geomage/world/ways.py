"""Ways to go on: class, surface and width, from tags where they say so, else by class.

Widths by class are carriageways of common design guides, rounded; a lane is 3.25 m.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from geomage.world.tags import read_length

__all__ = ["Way", "read_way"]

_LANE_M = 3.25
_WIDEST_M = 80.0
_WIDTHS = {  # metres by class of highway
    "motorway": 11.0, "trunk": 10.0, "primary": 10.0, "secondary": 9.0, "tertiary": 7.5,
    "motorway_link": 5.0, "trunk_link": 5.0, "primary_link": 5.0, "secondary_link": 5.0,
    "tertiary_link": 5.0, "residential": 6.5, "unclassified": 6.0, "living_street": 5.5,
    "service": 4.0, "pedestrian": 6.0, "track": 3.0, "footway": 2.0, "cycleway": 2.5, "path": 1.5,
    "bridleway": 2.0, "steps": 2.5, "road": 6.0, "busway": 6.0, "raceway": 10.0,
}  # fmt: skip
_OTHER_M = 4.0
_SURFACES = {
    "asphalt": "asphalt", "paved": "asphalt", "chipseal": "asphalt", "tarmac": "asphalt",
    "concrete": "concrete", "concrete:plates": "concrete", "concrete:lanes": "concrete",
    "paving_stones": "concrete", "paving_stones:30": "concrete", "bricks": "concrete",
    "sett": "concrete", "cobblestone": "concrete", "unhewn_cobblestone": "concrete",
    "stone": "concrete", "metal": "concrete", "wood": "dirt", "gravel": "gravel",
    "fine_gravel": "gravel", "compacted": "gravel", "pebblestone": "gravel", "ballast": "ballast",
    "unpaved": "dirt", "ground": "dirt", "dirt": "dirt", "earth": "dirt", "sand": "dirt",
    "grass": "dirt", "mud": "dirt", "woodchips": "dirt",
}  # fmt: skip
_EARTHEN = frozenset({"track", "path", "bridleway"})
_NOWHERE = frozenset(
    {"proposed", "construction", "corridor", "elevator", "platform", "razed", "abandoned", "no",
     "rest_area", "services", "bus_stop", "planned", "disused", "raceway_proposed"}
)  # fmt: skip
_RAILS = frozenset({"rail", "light_rail", "narrow_gauge", "tram", "funicular", "preserved"})


@dataclass(frozen=True)
class Way:
    """One street or track: its class, surface, width in metres, and which of them are given."""

    kind: str
    surface: str
    width: float
    given: str


def read_way(tags: Mapping[str, str]) -> Way | None:
    """Read a way; None where nothing of it shows from above, or it does not stand yet.

    Tunnels, indoor passages, and what is planned or gone are nothing to see.
    """
    if tags.get("tunnel", "no") not in ("no", "") or tags.get("indoor") == "yes":
        return None
    highway, railway = tags.get("highway"), tags.get("railway")
    if highway is None:
        return _rail(railway or "")
    if highway in _NOWHERE:
        return None
    return _street(highway, tags)


def _rail(railway: str) -> Way | None:
    if railway not in _RAILS:
        return None
    if railway == "tram":  # laid into a street
        return Way("tram", "asphalt", 2.6, "geometry,kind")
    return Way("rail", "ballast", 3.4, "geometry,kind")


def _street(highway: str, tags: Mapping[str, str]) -> Way:
    given = ["geometry", "kind"]
    width, lanes = read_length(tags.get("width")), read_length(tags.get("lanes"))
    if lanes is not None:
        given.append("lanes")
    if width is not None and 0 < width <= _WIDEST_M:
        given.append("width")
    elif lanes is not None and 0 < lanes <= 16:
        width = max(lanes, 1.0) * _LANE_M
    else:
        width = _WIDTHS.get(highway, _OTHER_M)
    surface = _SURFACES.get(tags.get("surface", "").lower())
    if surface is not None:
        given.append("surface")
    else:
        surface = "dirt" if highway in _EARTHEN else "asphalt"
    return Way(highway, surface, float(width), ",".join(sorted(given)))
