"""What a building holds and how it stands up to shaking: the exposure record.

Floor area is footprint times storeys, m2. People are expected numbers, not whole ones:

- homes: 40 m2 a person, a dwelling of 95.9 m2 (Eurostat, EU-SILC 2012, average size of dwelling)
  over a household of 2.4 (Eurostat, EU-SILC 2012);
- all else at its fullest hour: people per 1000 sq ft of FEMA P-58-1 (2018), table 3-1, default peak
  populations: school 14 (elementary), shop 6, office 4, hospital 5, hotel 2.5, warehouse 1;
- which share of them is in at 2 pm and at 2 am: the default distribution of Hazus (Earthquake Model
  Technical Manual, table of casualties by time of day): commerce .98 and .02, industry .80 and .10,
  schools .80 and none. For homes Hazus has .99 at night; by day it counts the people the census
  finds at home, and 0.4 of the inhabitants stand for that here.

Hotels and hospitals count as full at both hours, churches and farm buildings as warehouses: the two
sources have no share or no density for them. Sheds and garages hold nobody. A use that the table
does not know counts as homes.

Vulnerability: class of EMS-98 (Gruenthal 1998, vulnerability table, most likely class) and index V
of the macroseismic method (Lagomarsino and Giovinazzi 2006, most plausible value), by typology. The
method parts masonry further: ours stands between old brick or simple stone (.74) and masonry with
floors of concrete (.616).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import geopandas as gpd
import numpy as np

__all__ = ["OCCUPANCY", "TYPOLOGIES", "Occupancy", "Typology", "with_exposure"]

_PER_1000_SQFT = 1 / 92.903  # people per m2


@dataclass(frozen=True)
class Typology:
    """How a way of building stands up to shaking."""

    ems98: str
    """Vulnerability class, A (weakest) to F."""
    index: float
    """Vulnerability index V, 0 (strongest) to 1."""


@dataclass(frozen=True)
class Occupancy:
    """People in a building of one use, per m2 of floor."""

    day: float  # at 2 pm
    night: float  # at 2 am


TYPOLOGIES: Mapping[str, Typology] = MappingProxyType(
    {
        "adobe": Typology("A", 0.84),
        "masonry": Typology("B", 0.70),
        "timber": Typology("D", 0.447),
        "reinforced concrete": Typology("C", 0.544),
        "steel": Typology("E", 0.363),
    }
)


def _peak(thousand: float, day: float, night: float) -> Occupancy:
    return Occupancy(thousand * _PER_1000_SQFT * day, thousand * _PER_1000_SQFT * night)


_HOMES = Occupancy(0.4 / 40, 0.99 / 40)
OCCUPANCY: Mapping[str, Occupancy] = MappingProxyType(
    {
        "residential": _HOMES,
        "hall": _peak(6, 0.98, 0.02),
        "retail": _peak(6, 0.98, 0.02),
        "office": _peak(4, 0.98, 0.02),
        "school": _peak(14, 0.8, 0.0),
        "hospital": _peak(5, 1.0, 1.0),
        "hotel": _peak(2.5, 1.0, 1.0),
        "industry": _peak(1, 0.8, 0.1),
        "worship": _peak(1, 0.8, 0.1),
        "farm": _peak(1, 0.8, 0.1),
        "commercial": _peak(6, 0.98, 0.02),  # as OSM tags it: shops and offices together
        "public": _peak(4, 0.98, 0.02),
        "religious": _peak(1, 0.8, 0.1),
        "agricultural": _peak(1, 0.8, 0.1),
        "outbuilding": Occupancy(0.0, 0.0),
    }
)


def with_exposure(buildings: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return buildings with floor_area, occupants_day, occupants_night and vulnerability.

    Args:
        buildings: footprints in a projected CRS, with `use`, `storeys` and `typology`.

    Raises:
        KeyError: a typology that `TYPOLOGIES` does not know.
    """
    floor = buildings.area.to_numpy() * buildings["storeys"].to_numpy(np.float64)
    found = [OCCUPANCY.get(use, _HOMES) for use in buildings["use"]]
    return buildings.assign(
        floor_area=floor,
        occupants_day=floor * np.array([o.day for o in found], np.float64),
        occupants_night=floor * np.array([o.night for o in found], np.float64),
        vulnerability=[TYPOLOGIES[name].ems98 for name in buildings["typology"]],
    )
