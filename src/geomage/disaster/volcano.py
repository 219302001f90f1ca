"""Volcano: lava that buries what it reaches, ash that loads roofs until they give way.

Lava takes nearly every building it touches, but some at the margins of flows stand damaged: the
impact is not binary (Meredith et al. 2023, J. Appl. Volcanol., doi 10.1186/s13617-023-00140-7). Ash
breaks roofs by its weight (Spence et al. 2005).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import geopandas as gpd
import numpy as np

from geomage.disaster.damage import (
    Struck,
    at_trees,
    build_event,
    fail,
    most_around,
    untouched,
    values_at,
)
from geomage.disaster.debris import spill
from geomage.disaster.event import DEEPEST_M, Event
from geomage.disaster.lava import Lava, flow_lava, uphill_of, vent_place
from geomage.disaster.tephra import AshColumn, collapse_load, deposit, kept_share, roof_load
from geomage.disaster.vulnerability import draws, grades, lognormal_grades
from geomage.errors import InputError
from geomage.world import City

__all__ = [
    "VolcanoParams",
    "ash_chance",
    "ash_fall",
    "lava_chance",
    "lava_field",
    "vent_azimuth",
    "volcano",
]

_LAVA_M = np.array([0.1, 0.2, 0.35, 0.6, 1.0])  # medians of D1..D5, ours
_LAVA_BETA = 0.3
_ASH_SHARE = np.array([0.4, 0.6, 0.8, 1.0, 1.35])  # of the collapse load: D4 is Spence's, rest ours
_ASH_BETA = 0.25  # ours
_ASH_WAYS = {
    3: {"cover": 0.5, "partial": 0.5},
    4: {"partial": 0.6, "open": 0.4},
    5: {"collapse": 0.7, "open": 0.3},
}
_LAVA_WAYS = {
    3: {"cover": 0.4, "partial": 0.6},
    4: {"partial": 0.7, "gutted": 0.3},
    5: {"swept": 0.55, "collapse": 0.35, "gutted": 0.1},
}
_FAILED = ("failure", "lost", "rubble", "side", "sink", "lean", "grade_visible")
_BURIED = 0.6  # of its height in lava: nothing of a building is left to see (ours)
_TRACE_M = 1e-4  # thinner ash leaves no trace
_MOST_M3 = 2e10  # m3, above any eruption on record (Laki 1783: 1.5e10)


@dataclass(frozen=True)
class VolcanoParams:
    """An eruption seen from the town's centre."""

    distance_m: float = 250.0  # of the vent from the centre, metres
    azimuth_deg: float | None = None  # of the vent, clockwise from north; None: uphill
    lava_m3: float = 200_000.0  # volume of the lava
    yield_pa: float = 6_000.0  # yield strength of the lava; 1e2..1e5 Pa are reported (Hulme 1974)
    ash_kg: float = 1e8  # mass of all ash
    column_m: float = 3_000.0  # height of the ash column above the ground
    wind_speed: float = 8.0  # m/s
    wind_from_deg: float | None = None  # clockwise from north; None: from the vent to the town
    grain_phi: float = 0.0  # median grain size, -log2(mm)
    grain_sigma: float = 1.5  # its standard deviation, phi
    ash_density: float = 1000.0  # kg/m3 of the deposit
    wet: bool = False  # rain fell on the ash

    def __post_init__(self) -> None:
        _within("the vent's distance", self.distance_m, (0, 1e6), "m")
        _within("the lava's volume", self.lava_m3, (0, _MOST_M3), "m3")
        _within("the lava's yield strength", self.yield_pa, (10, 1e6), "Pa")
        _within("the mass of ash", self.ash_kg, (0, 1e16), "kg")
        _within("the height of the column", self.column_m, (50, 60_000), "m")
        _within("the wind speed", self.wind_speed, (0, 100), "m/s")
        _within("the grain size", self.grain_phi, (-6, 10), "phi")
        _within("the spread of grain sizes", self.grain_sigma, (0, 5), "phi")
        _within("the density of the ash", self.ash_density, (100, 2500), "kg/m3")
        for name, angle in (("azimuth", self.azimuth_deg), ("wind", self.wind_from_deg)):
            if angle is not None and not np.isfinite(angle):
                raise InputError(f"{name} of {angle:g} degrees is no direction: give 0 to 360")


def _within(what: str, value: float, span: tuple[float, float], unit: str) -> None:
    if not span[0] <= value <= span[1]:
        raise InputError(
            f"{what} of {value:g} {unit} is outside {span[0]:g}..{span[1]:g} {unit}: "
            "choose one within"
        )


def vent_azimuth(city: City, params: VolcanoParams) -> float:
    """Azimuth of the vent in degrees: the one given, uphill, or north where there is no relief."""
    if params.azimuth_deg is not None:
        return params.azimuth_deg
    return uphill_of(city) or 0.0


def lava_field(city: City, params: VolcanoParams, seed: int = 0) -> Lava:
    """Thickness of lava on the terrain grid, and what of it came to rest elsewhere."""
    vent = vent_place(city, params.distance_m, vent_azimuth(city, params))
    return flow_lava(city, vent, params.lava_m3, params.yield_pa, seed)


def ash_fall(city: City, params: VolcanoParams) -> np.ndarray:
    """Dry mass of ash (y, x) on the terrain grid, kg/m2."""
    azimuth = vent_azimuth(city, params)
    vent = vent_place(city, params.distance_m, azimuth)
    blows = np.radians(180 + (azimuth if params.wind_from_deg is None else params.wind_from_deg))
    wind = (params.wind_speed * float(np.sin(blows)), params.wind_speed * float(np.cos(blows)))
    column = AshColumn(params.ash_kg, params.column_m, wind, params.grain_phi, params.grain_sigma)
    at = city.dtm.box.affine
    ny, nx = city.dtm.values.shape[1:]
    x = at.c + at.a * (np.arange(nx) + 0.5) - vent[0]
    y = at.f + at.e * (np.arange(ny) + 0.5) - vent[1]
    return deposit(column, x, y)


def lava_chance(depth: np.ndarray) -> np.ndarray:
    """Chances (n, 5) of reaching D1..D5 beside or under lava of a thickness in metres."""
    return lognormal_grades(depth, _LAVA_M, _LAVA_BETA)


def ash_chance(load_kpa: np.ndarray, collapse_kpa: np.ndarray) -> np.ndarray:
    """Chances (n, 5) of reaching D1..D5 under a load, given the mean load at collapse."""
    return lognormal_grades(load_kpa, collapse_kpa[:, None] * _ASH_SHARE, _ASH_BETA)


def volcano(city: City, params: VolcanoParams, seed: int = 0, *, hours: float = 24.0) -> Event:
    """Strike a city with an eruption: lava from a vent, ash from a column.

    The event's rasters `lava` and `ash` are metres; its intensity is the thicker of the two.
    """
    lava = lava_field(city, params, seed).thickness
    mass = ash_fall(city, params)
    mass[mass < _TRACE_M * params.ash_density] = 0.0
    ash = mass / params.ash_density
    if ash.max() > DEEPEST_M:
        raise InputError(
            f"ash would lie {ash.max():.3g} m deep, over {DEEPEST_M:g} m: give less of it, a "
            "higher column or a vent further away"
        )
    table = untouched(city)
    deep, thick = most_around(city, lava), values_at(city, ash)
    load = roof_load(values_at(city, mass), wet=params.wet) * kept_share(city, wet=params.wet)
    by_lava, by_ash = lava_chance(deep), ash_chance(load, collapse_load(city))
    u = draws(seed, "grade", table["building_id"].to_numpy())
    table["grade_physical"] = grades(np.maximum(by_lava, by_ash), u)
    flowed = (grades(by_lava, u) >= grades(by_ash, u)) & (deep > 0)
    table["intensity"] = np.maximum(deep, thick)
    cause = np.where(flowed, "lava", "ash")
    table["cause"] = np.where(table["grade_physical"] > 0, cause, "none")
    _break(seed, city, table, flowed, deep)
    rubble = np.where(lava > 0, 0.0, spill(city, table)).astype(np.float32)
    burnt = at_trees(city, lava) > 0
    struck = Struck(
        table,
        np.maximum(lava, ash),
        "m of lava or ash",
        {"lava": lava, "ash": ash, "debris_height": rubble},
        trees=(np.where(burnt, 0.0, 1.0), np.where(burnt, 1.0, 0.0)),
    )
    return build_event("volcano", city, asdict(params) | {"seed": seed}, struck, hours)


def _break(
    seed: int, city: City, table: gpd.GeoDataFrame, flowed: np.ndarray, deep: np.ndarray
) -> None:
    """Choose how each building fails: its roof under ash, its walls in lava (in place)."""
    in_lava = table.copy()
    fail(seed, table, city, _ASH_WAYS)
    fail(seed, in_lava, city, _LAVA_WAYS)
    for name in _FAILED:
        table.loc[flowed, name] = in_lava.loc[flowed, name]
    table.loc[table["failure"] == "intact", "side"] = 0.0
    under = flowed & (deep > _BURIED * city.buildings["height"].to_numpy(float))
    under &= (table["grade_physical"] == 5).to_numpy()
    table.loc[under, ["failure", "rubble", "lost"]] = ["swept", 0.0, 1.0]
