"""What grows in a town and how fire runs over it: fuel, moisture, wind and slope of each cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from geomage.disaster import _kernels_fire as k
from geomage.disaster.event import ids_on
from geomage.disaster.spread import (
    FUELS,
    Moisture,
    bed_of,
    front_of,
    length_to_breadth,
    midflame_factor,
)
from geomage.errors import InputError
from geomage.geo import rasterise
from geomage.world import City

__all__ = ["FireParams", "Ground", "crown_heights", "extinction", "fuel_map", "ground_of"]

_FUEL = {"meadow": "GR4", "field": "1", "lawn": "GR1", "forest_floor": "10"}
"""Fuel model of each land kind; what is not named does not burn."""
_UNDER_TREES = {"": "9", "GR1": "9", "GR4": "2", "1": "2", "10": "10"}  # by what the land holds
_LITTER = ("bare", "dirt", "lawn", "meadow", "field", "forest_floor")  # land where leaves lie
_NAMES = ("", *FUELS)  # the code of a fuel is its place here, 0 for none
_TO_20_FT = 1 / 1.15  # wind at 6.1 m over wind at 10 m (Turner and Lawson 1978)
_COVER = 0.6  # share of the ground under a crown that its leaves hide; ours
_LONGEST_H = 8766.0  # a year
_MOST_LB = 3.0  # wind in a town veers: no narrower ellipse than this; ours


@dataclass(frozen=True)
class FireParams:
    """A fire that enters the town from its windward side, or from a point."""

    wind_speed: float = 9.0  # m/s, at 10 m
    wind_from_deg: float = 45.0  # where the wind comes from, clockwise from north
    hours: float = 3.0  # from ignition until nothing burns any further
    moisture: float = 6.0  # % of fine dead fuel; 10 h and 100 h fuel have 1 and 2 more
    live_moisture: float = 60.0  # % of live herbs; live wood has 30 more
    ignition: tuple[float, float] | None = None  # (east, north) of the middle, m; None: windward
    front_m: float = 60.0  # length of the line, across the wind, along which it enters; 0 a point
    embers: bool = True
    smoke: bool = False  # show what still smokes when the second picture is taken

    def __post_init__(self) -> None:
        if not 0 <= self.wind_speed <= 60:
            raise InputError(f"wind speed {self.wind_speed:g} m/s is outside 0..60")
        if not np.isfinite(self.wind_from_deg):
            raise InputError(f"wind from {self.wind_from_deg:g} degrees is no direction")
        if not 0 < self.hours <= _LONGEST_H:
            raise InputError(
                f"burning time {self.hours:g} h must be more than 0 hours, up to {_LONGEST_H:g}"
            )
        if not 1 <= self.moisture <= 60:
            raise InputError(
                f"moisture {self.moisture:g} % of dead fuel is outside 1..60: grass has 3 on the "
                "driest day, 25 after rain"
            )
        if not 30 <= self.live_moisture <= 300:
            raise InputError(
                f"moisture {self.live_moisture:g} % of live fuel is outside 30..300: herbs have 30 "
                "when cured, 120 when green"
            )
        if self.ignition is not None and not np.isfinite(self.ignition).all():
            raise InputError(f"ignition {self.ignition} is no place: give east and north, metres")
        if not 0 <= self.front_m < np.inf:
            raise InputError(f"a front {self.front_m:g} m long is none: give 0 m for a point")

    @property
    def downwind(self) -> tuple[float, float]:
        """Unit vector (east, north) along which the wind blows."""
        to = np.radians(self.wind_from_deg + 180)
        return float(np.sin(to)), float(np.cos(to))

    @property
    def water(self) -> Moisture:
        """Moisture of each class of fuel, %."""
        m, live = self.moisture, self.live_moisture
        return Moisture(m, m + 1, m + 2, live, live + 30)


@dataclass(frozen=True)
class Ground:
    """What burns on each cell (y, x) of the terrain grid, and how."""

    rate: np.ndarray  # m/s of the head, 0 where nothing burns
    east: np.ndarray  # of the direction the head runs along
    north: np.ndarray
    eccentricity: np.ndarray
    height: np.ndarray  # m
    heat: np.ndarray  # kJ/m2
    gsd: float


def fuel_map(city: City, crowns: np.ndarray) -> np.ndarray:
    """Code (y, x) on the terrain grid of the fuel model: place in ("", *FUELS); 0 is none.

    Leaves lie under crowns where the land is soft; streets, water and buildings are gaps.

    Args:
        city: the city.
        crowns: (y, x) of `crown_heights`.
    """
    box = city.dtm.box
    codes = city.land["kind"].map(lambda kind: _NAMES.index(_FUEL.get(kind, "")))
    fuel = rasterise(city.land.assign(fuel=codes), box, column="fuel", dtype="uint8")
    soft = city.land.assign(soft=city.land["kind"].isin(_LITTER).astype(int))
    below = np.zeros(len(_NAMES), np.uint8)
    for name, under in _UNDER_TREES.items():
        below[_NAMES.index(name)] = _NAMES.index(under)
    shaded = crowns > 0
    shaded &= rasterise(soft, box, column="soft", dtype="uint8") > 0
    fuel = np.where(shaded, below[fuel], fuel)
    roads = city.streets[city.streets["width"] > 3]
    gaps = rasterise([*roads.geometry.buffer(roads["width"] / 2), *city.water.geometry], box)
    return np.where((gaps > 0) | (ids_on(city) > 0), 0, fuel).astype(np.uint8)


def crown_heights(city: City) -> np.ndarray:
    """Return the height (y, x) in m of the trees over each cell, 0 under the open sky."""
    out = np.zeros(city.dtm.box.shape.yx, np.float32)
    at = city.trees.geometry
    x, y = ~city.dtm.box.affine @ (at.x.to_numpy(), at.y.to_numpy())
    radius = city.trees["radius"].to_numpy(float) / abs(city.dtm.box.affine.a)
    k.crowns(x, y, radius, city.trees["height"].to_numpy(float), out)
    return out


def ground_of(
    city: City,
    fuel: np.ndarray,
    crowns: np.ndarray,
    params: FireParams,
    patchy: np.ndarray | float = 1.0,
) -> Ground:
    """Rates, courses and shapes of surface fire over a city.

    Args:
        city: the city.
        fuel: (y, x) of `fuel_map`.
        crowns: (y, x) of `crown_heights`.
        params: wind and moisture.
        patchy: factor on the rates.
    """
    gsd = abs(city.dtm.box.affine.a)
    z = city.dtm.values[0].astype(np.float32)
    smooth = ndimage.gaussian_filter(z.astype(float), 2)
    north, east = np.gradient(smooth, gsd) if min(z.shape) > 1 else (0 * smooth, 0 * smooth)
    speed = params.wind_speed * _TO_20_FT
    out = {name: np.zeros(z.shape, np.float32) for name in ("rate", "east", "north", "ecc", "heat")}
    for code in np.unique(fuel[fuel > 0]):
        at = fuel == code
        bed = bed_of(FUELS[_NAMES[code]], params.water)
        if bed.rate <= 0:
            continue
        felt = speed * midflame_factor(bed.depth, crowns[at], _COVER * (crowns[at] > 0))
        wind = tuple(felt * w for w in params.downwind)
        head = front_of(bed, (wind[0], wind[1]), (east[at], -north[at]))
        ratio = np.minimum(length_to_breadth(head.wind), _MOST_LB)
        out["rate"][at], out["heat"][at] = head.rate, bed.heat
        out["east"][at], out["north"][at] = head.east, head.north
        out["ecc"][at] = np.sqrt(1 - 1 / np.maximum(ratio, 1) ** 2)
    rate = (out["rate"] * patchy).astype(np.float32)
    return Ground(rate, out["east"], out["north"], out["ecc"], z, out["heat"], gsd)


def extinction(fuel: np.ndarray) -> float:
    """Dead moisture in % from which none of the fuels of a map burns; 0 where there is none."""
    codes = np.unique(fuel[fuel > 0])
    return max((FUELS[_NAMES[code]].extinction for code in codes), default=0.0)
