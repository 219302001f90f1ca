"""How houses catch fire: from the radiation of a burning house, from embers, from burning plants.

Each way from what burns to what it lights takes a time of its own, whatever burns besides: doses
of several neighbours are not added, which makes a fire a shortest path and keeps it monotone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from scipy.special import ndtri

from geomage.disaster.spread import Values
from geomage.disaster.vulnerability import by_typology, draws
from geomage.world import City

__all__ = [
    "EMISSIVE_KW_M2",
    "FLAME_M",
    "Houses",
    "brand_flight",
    "brand_lights_ground",
    "houses_of",
    "radiating_pairs",
    "radiation",
    "time_to_ignite",
    "view_factor",
]

EMISSIVE_KW_M2 = 117.6
"""Of a wooden house in full fire: a black body of 1200 K (Cohen and Butler 1998)."""
_CRITICAL_KW_M2 = 13.1
FLAME_M = 3.0  # of flame over the eaves; ours
_REACH_M = 30.0  # no house radiates what lights wood from further away
_BURNS_S = 3600.0  # in full fire; ours
_GROWS_S = (300.0, 900.0)  # from ignition to flames out of windows and roof; ours
_SPREAD = 0.35  # logarithmic, of how well a wall or its windows stand radiation; ours
# share of a facade that flames, share of the radiation that reaches what burns, chance to let
# embers in, beside timber; kW/m of burning plants at the wall that light two of three: all ours
_FLAMING = {
    "timber": 1.0, "masonry": 0.45, "adobe": 0.4, "steel": 0.35, "reinforced concrete": 0.3
}  # fmt: skip
_BARE = {"timber": 1.0, "masonry": 0.75, "adobe": 0.7, "steel": 0.65, "reinforced concrete": 0.5}
_OPEN = {"timber": 1.0, "masonry": 0.7, "adobe": 0.6, "steel": 0.5, "reinforced concrete": 0.4}
_CONTACT = {
    "timber": 1500.0, "masonry": 3000.0, "adobe": 3500.0, "steel": 4000.0,
    "reinforced concrete": 5000.0,
}  # fmt: skip
_PARTY_WALL = 0.15  # of the radiation, through the wall two houses share, unless of timber; ours
# chance that one ember that could light something lights a timber house under such a roof, by its
# vents, gutters and eaves too. The order follows tests of roofs; the level is fitted (Eaton 2025)
_ROOF = {
    "thatch": 0.3, "shingle": 0.05, "membrane": 0.035, "gravel": 0.03, "tile": 0.03,
    "metal": 0.025, "glass": 0.015, "concrete": 0.015,
}  # fmt: skip
_BRANDS_M2 = 0.25  # embers that could light something, per m2 of a burning timber house; fitted
_MOST_BRANDS = 400
_BRAND = (125.0, 1.4e-3)  # density kg/m3 and thickness m of a firebrand
_HEAT_KW_M2 = 400.0  # heat release per m2 of a burning house or crown; ours


@dataclass(frozen=True)
class Houses:
    """What fire asks of the buildings of a city, one value each."""

    accept: np.ndarray  # chance that an ember that lands lights it
    brands: np.ndarray  # embers it throws when it burns
    flaming: np.ndarray  # share of its facade that flames
    bare: np.ndarray  # share of radiation that counts, with its own luck
    contact: np.ndarray  # kW/m of burning plants at its wall that light it
    grows: np.ndarray  # s from ignition to full fire


def houses_of(city: City, seed: int) -> Houses:
    """Ask the buildings of a city how they burn; draws are lasting, one per building."""
    ids = city.buildings["building_id"].to_numpy()
    flaming = by_typology(city, _FLAMING)
    luck = np.exp(-_SPREAD * ndtri(np.clip(draws(seed, "wall", ids), 1e-9, 1 - 1e-9)))
    roof = city.buildings["material"].map(_ROOF).fillna(_ROOF["tile"]).to_numpy(float)
    least, most = _GROWS_S
    calm = -np.log1p(-draws(seed, "contact", ids) * (1 - 1e-9))
    return Houses(
        accept=roof * by_typology(city, _OPEN),
        brands=np.minimum(_BRANDS_M2 * city.buildings.area * flaming, _MOST_BRANDS)
        .to_numpy(float)
        .astype(np.int64)
        if len(ids)
        else np.zeros(0, np.int64),
        flaming=flaming,
        bare=by_typology(city, _BARE) * luck,
        contact=by_typology(city, _CONTACT) * calm,
        grows=least + (most - least) * draws(seed, "grows", ids),
    )


def view_factor(width: Values, height: Values, distance: Values) -> np.ndarray:
    """Share of a surface's view that a parallel rectangle in front of its middle fills.

    Four quarters of a / sqrt(1 + a^2) atan(b / sqrt(1 + a^2)) + b / sqrt(1 + b^2)
    atan(a / sqrt(1 + b^2)), over 2 pi, with a = width / 2 distance, b = height / 2 distance
    (Howell, catalogue of configuration factors, B-3).
    """
    a, b = width / 2 / distance, height / 2 / distance
    p, q = np.sqrt(1 + a**2), np.sqrt(1 + b**2)
    return np.asarray(2 / np.pi * (a / p * np.arctan(b / p) + b / q * np.arctan(a / q)))


def radiation(width: Values, height: Values, distance: Values, flaming: Values) -> np.ndarray:
    """Heat flux in kW/m2 from a burning facade, flames over its eaves included."""
    seen = view_factor(width, height + FLAME_M, np.maximum(distance, 0.3))
    return np.asarray(EMISSIVE_KW_M2 * flaming * seen)


def time_to_ignite(flux: Values) -> np.ndarray:
    """Seconds until wood under a heat flux in kW/m2 burns; infinite up to 13.1 kW/m2.

    Flux-time product (q - 13.1)^1.828 t = 11,501 (Tran, Cohen and Chase 1992; Cohen 2004).
    """
    over = np.maximum(np.asarray(flux, float) - _CRITICAL_KW_M2, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(11_501 / over**1.828)


def radiating_pairs(city: City, houses: Houses) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of source and target (p,), and the flux in kW/m2 that counts, of houses in reach."""
    shapes = city.buildings.geometry.to_numpy()
    if len(shapes) < 2:
        return np.zeros(0, int), np.zeros(0, int), np.zeros(0)
    source, target = shapely.STRtree(shapes).query(shapes, "dwithin", distance=_REACH_M)
    other = source != target
    source, target = source[other], target[other]
    away = shapely.distance(shapes[source], shapes[target])
    width = np.sqrt(shapely.area(shapes))
    height = city.buildings["height"].to_numpy(float)
    timber = (city.buildings["typology"] == "timber").to_numpy()
    flux = radiation(width[source], height[source], away, houses.flaming[source])
    wall = np.where((away < 0.3) & ~timber[target], _PARTY_WALL, 1.0)
    return source, target, flux * wall * houses.bare[target]


def radiated(source: np.ndarray, flux: np.ndarray, houses: Houses) -> np.ndarray:
    """Seconds (p,) from the ignition of one house to that of the other; infinite where never."""
    wait = time_to_ignite(flux)
    return np.asarray(np.where(wait <= _BURNS_S, houses.grows[source] + wait, np.inf))


def brand_flight(side: np.ndarray, wind: float) -> np.ndarray:
    """How far embers fly (n, 3): mu and sigma of the log distance downwind, deviation across, m.

    Mean .47 B^(2/3) D and deviation .88 B^(1/3) D downwind, .92 D across, with B = U / sqrt(g D)
    (rho_p d_p / rho_a D)^(-3/4) (Q / rho_a c_p T_a sqrt(g) D^(5/2))^(1/2) (Himoto and Tanaka 2008,
    Fire Safety Journal 43).

    Args:
        side: of the source, D in m.
        wind: U, m/s, more than 0.
    """
    d = np.maximum(np.asarray(side, float), 1.0)
    density, thickness = _BRAND
    power = _HEAT_KW_M2 * d**2 / (1.2 * 1.0 * 300 * np.sqrt(9.81) * d**2.5)
    b = wind / np.sqrt(9.81 * d) * (density * thickness / (1.2 * d)) ** -0.75 * np.sqrt(power)
    mean, deviation = 0.47 * b ** (2 / 3) * d, 0.88 * b ** (1 / 3) * d
    sigma2 = np.log1p((deviation / mean) ** 2)
    return np.stack([np.log(mean) - sigma2 / 2, np.sqrt(sigma2), 0.92 * d], 1)


def brand_lights_ground(moisture: float, air: float = 30.0) -> float:
    """Chance that an ember lights fine dead fuel, by its moisture in % (Schroeder 1969).

    Args:
        moisture: of the fuel, %.
        air: temperature of the fuel, degrees C.
    """
    m = moisture / 100
    warm = 144.5 - 0.266 * air - 5.8e-4 * air**2 - air * m
    needed = warm + 18.54 * -np.expm1(-15.1 * m) + 640 * m  # cal/g
    return float(np.clip(4.8e-5 * max((400 - needed) / 10, 0.0) ** 4.3 / 50, 0.0, 1.0))
