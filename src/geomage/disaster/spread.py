"""How fast and how hard a surface fire burns: fuel, moisture, wind and slope.

Rate of spread by Rothermel (1972, USDA INT-115) with the corrections of Albini (1976, USDA INT-30);
fuel models of Anderson (1982, USDA INT-122) and of Scott and Burgan (2005, RMRS-GTR-153); wind at
mid-flame height by Andrews (2012, RMRS-GTR-266); shape of a fire by Anderson (1983, USDA INT-305).
Inside the rate equations are the units of their papers: feet, pounds, minutes, Btu. What goes in
and comes out is metric. The wind limit of Rothermel is left out, as Andrews et al. (2013) advise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

__all__ = [
    "DNBR_LIMITS",
    "FUELS",
    "Bed",
    "Front",
    "Fuel",
    "Moisture",
    "Values",
    "bed_of",
    "dnbr",
    "flame_length",
    "front_of",
    "length_to_breadth",
    "midflame_factor",
    "scorch_height",
    "severity_of_dnbr",
    "severity_of_intensity",
]

Values = np.ndarray | float
"""One value, or an array of them."""

_FT = 0.3048  # m
_TON_ACRE = 2000 / 43560  # lb/ft2
_KW_M2 = 1.05506 / 60 / _FT**2  # of a Btu/ft2/min
_MOST_LB = 8.0  # length to breadth, as BehavePlus caps it


@dataclass(frozen=True)
class Fuel:
    """A standard fuel model, in the units of its tables."""

    load: tuple[float, float, float, float, float]
    """1 h, 10 h, 100 h, live herbs, live wood; tons an acre."""
    surface: tuple[float, float, float]
    """Surface to volume of 1 h, live herbs, live wood; 1/ft."""
    depth: float  # ft
    extinction: float  # dead moisture at which nothing burns, %
    dynamic: bool = False  # herbs cure: they pass to the dead as they dry


FUELS: Mapping[str, Fuel] = MappingProxyType(
    {
        "1": Fuel((0.74, 0, 0, 0, 0), (3500, 1500, 1500), 1.0, 12),  # short grass
        "2": Fuel((2.0, 1.0, 0.5, 0.5, 0), (3000, 1500, 1500), 1.0, 15),  # grass under timber
        "3": Fuel((3.01, 0, 0, 0, 0), (1500, 1500, 1500), 2.5, 25),  # tall grass
        "4": Fuel((5.01, 4.01, 2.0, 0, 5.01), (2000, 1500, 1500), 6.0, 20),  # chaparral
        "5": Fuel((1.0, 0.5, 0, 0, 2.0), (2000, 1500, 1500), 2.0, 20),  # brush
        "8": Fuel((1.5, 1.0, 2.5, 0, 0), (2000, 1500, 1500), 0.2, 30),  # closed timber litter
        "9": Fuel((2.92, 0.41, 0.15, 0, 0), (2500, 1500, 1500), 0.2, 25),  # hardwood litter
        "10": Fuel((3.01, 2.0, 5.01, 0, 2.0), (2000, 1500, 1500), 1.0, 25),  # timber, undergrowth
        "GR1": Fuel((0.1, 0, 0, 0.3, 0), (2200, 2000, 1500), 0.4, 15, dynamic=True),
        "GR2": Fuel((0.1, 0, 0, 1.0, 0), (2000, 1800, 1500), 1.0, 15, dynamic=True),
        "GR4": Fuel((0.25, 0, 0, 1.9, 0), (2000, 1800, 1500), 2.0, 15, dynamic=True),
    }
)
"""Anderson's models by number; GR short, low and moderate load of dry grass of Scott and Burgan."""


@dataclass(frozen=True)
class Moisture:
    """Water in fuel over its dry weight, %."""

    one_hour: float
    ten_hours: float
    hundred_hours: float
    herbs: float
    wood: float


@dataclass(frozen=True)
class Bed:
    """A fuel at a moisture, before wind and slope.

    Phi_w = C U^B (beta / beta_op)^-E of the midflame wind U, phi_s = 5.275 beta^-.3 tan^2 slope.
    """

    rate: float  # m/s, in still air on the level
    heat: float  # kJ/m2, released by the front: reaction intensity x 384 / sigma minutes
    wind_factor: float  # phi_w = factor U^power, U in m/s
    wind_power: float
    slope_factor: float  # phi_s = factor tan^2 slope
    depth: float  # m


@dataclass(frozen=True)
class Front:
    """Where and how fast the head of a fire runs; arrays of one shape."""

    rate: np.ndarray  # m/s along the slope
    east: np.ndarray  # of the unit vector in plan it runs along
    north: np.ndarray
    wind: np.ndarray  # m/s, midflame wind that alone would drive it so


def _extinction_of_live(w: np.ndarray, s: np.ndarray, m: np.ndarray, dead: float) -> float:
    """Moisture of extinction of live fuel: Rothermel's eq. 88 as Albini (1976) corrects it."""
    fine = w[:4] * np.exp(-138 / s[:4])
    live = float((w[4:] * np.exp(-500 / s[4:])).sum())
    if live <= 0:
        return dead
    moisture = float((m[:4] * fine).sum() / fine.sum())
    return max(dead, 2.9 * float(fine.sum()) / live * (1 - moisture / dead) - 0.226)


def _damping(moisture: float, extinction: float) -> float:
    r = min(moisture / extinction, 1.0)
    return 1 - 2.59 * r + 5.11 * r**2 - 3.52 * r**3 if r < 1 else 0.0


def _loads(fuel: Fuel, moisture: Moisture) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Load, surface and moisture (6,): dead 1, 10, 100 h, cured herbs; live herbs, live wood."""
    one, ten, hundred, herbs, wood = np.array(fuel.load) * _TON_ACRE
    cured = _cured(moisture.herbs) if fuel.dynamic else 0.0
    fine, herb, woody = fuel.surface
    m = moisture
    return (
        np.array([one, ten, hundred, herbs * cured, herbs * (1 - cured), wood]),
        np.array([fine, 109.0, 30.0, herb, herb, woody], float),
        np.array([m.one_hour, m.ten_hours, m.hundred_hours, m.one_hour, m.herbs, m.wood]) / 100,
    )


def _cured(herbs: float) -> float:
    """Share of the herbs that is dead: all at 30 % of water, none from 120 % (Scott and Burgan)."""
    return float(np.clip((120 - herbs) / 90, 0, 1))


def bed_of(fuel: Fuel, moisture: Moisture) -> Bed:
    """Rate, heat and factors of wind and slope of a fuel at a moisture."""
    w, s, m = _loads(fuel, moisture)
    area = w * s / 32
    kinds = (slice(0, 4), slice(4, 6))
    share = np.concatenate([area[k] / max(area[k].sum(), 1e-12) for k in kinds])
    weight = np.array([area[k].sum() for k in kinds]) / area.sum()
    sigma = float(sum(f * (share[k] * s[k]).sum() for f, k in zip(weight, kinds, strict=True)))
    beta = float(w.sum() / 32 / fuel.depth)
    ratio = beta / (3.348 * sigma**-0.8189)
    a, b = 133 * sigma**-0.7913, sigma**1.5
    velocity = b / (495 + 0.0594 * b) * ratio**a * np.exp(a * (1 - ratio))
    dry = fuel.extinction / 100
    limits = (dry, _extinction_of_live(w, s, m, dry))
    burning = sum(
        _net_load(w[k], s[k], share[k]) * _damping(float((share[k] * m[k]).sum()), limit)
        for k, limit in zip(kinds, limits, strict=True)
    )
    reaction = velocity * burning * 8000 * 0.174 * 0.01**-0.19  # Btu/ft2/min
    flux = np.exp((0.792 + 0.681 * sigma**0.5) * (beta + 0.1)) / (192 + 0.2595 * sigma)
    warmed = share * np.exp(-138 / s) * (250 + 1116 * m)
    heat = sum(f * warmed[k].sum() for f, k in zip(weight, kinds, strict=True))
    power = 0.02526 * sigma**0.54
    c = 7.47 * np.exp(-0.133 * sigma**0.55) * ratio ** -(0.715 * np.exp(-3.59e-4 * sigma))
    return Bed(
        rate=float(reaction * flux / (w.sum() / fuel.depth * heat)) * _FT / 60,
        heat=float(reaction * _KW_M2 * 384 / sigma * 60),
        wind_factor=float(c * (60 / _FT) ** power),
        wind_power=float(power),
        slope_factor=float(5.275 * beta**-0.3),
        depth=fuel.depth * _FT,
    )


def _net_load(w: np.ndarray, s: np.ndarray, share: np.ndarray) -> float:
    """Load without minerals, each class weighted by its size group (Albini 1976, p. 20)."""
    group = np.digitize(s, [1200, 192, 96, 48, 16])
    weight = ((group[:, None] == group) * share).sum(1)
    return float((weight * w).sum() * (1 - 0.0555))


def midflame_factor(depth: float, canopy_m: Values = 0.0, cover: Values = 0.0) -> np.ndarray:
    """Wind at mid-flame height over wind 6.1 m above the vegetation (Andrews 2012, eq. 2 and 6).

    Args:
        depth: of the fuel bed, m.
        canopy_m: height of trees over it, m.
        cover: share of the ground under their crowns.
    """
    bed = depth / _FT
    open_air = 1.83 / np.log((20 + 0.36 * bed) / (0.13 * bed))
    high = np.maximum(np.asarray(canopy_m, float) / _FT, 1e-6)
    fill = np.asarray(cover, float) / 3
    with np.errstate(divide="ignore"):
        under = 0.555 / (np.sqrt(fill * high) * np.log((20 + 0.36 * high) / (0.13 * high)))
    return np.asarray(np.where((fill >= 0.05) & (high >= 6), under, open_air))


def front_of(
    bed: Bed,
    wind: tuple[Values, Values],
    slope: tuple[Values, Values],
) -> Front:
    """Rate and course of the head under wind and slope, added as vectors on the slope's plane.

    Args:
        bed: what burns.
        wind: midflame, where it blows to, (east, north) in m/s.
        slope: rise over run towards east and north.
    """
    gx, gy = (np.asarray(g, float) for g in slope)
    wx, wy = (np.asarray(w, float) + 0 * gx for w in wind)
    steep = np.hypot(gx, gy)
    speed = np.sqrt(wx**2 + wy**2 + (wx * gx + wy * gy) ** 2)
    up = np.sqrt(steep**2 + steep**4)
    pushed = bed.wind_factor * speed**bed.wind_power / np.maximum(speed, 1e-12)
    drawn = bed.slope_factor * steep**2 / np.maximum(up, 1e-12)
    x, y = pushed * wx + drawn * gx, pushed * wy + drawn * gy
    phi = np.sqrt(x**2 + y**2 + (x * gx + y * gy) ** 2)
    flat = np.hypot(x, y)
    still = flat <= 0
    return Front(
        rate=np.asarray(bed.rate * (1 + phi)),
        east=np.where(still, 0.0, x / np.where(still, 1, flat)),
        north=np.where(still, 1.0, y / np.where(still, 1, flat)),
        wind=np.asarray((phi / bed.wind_factor) ** (1 / bed.wind_power)),
    )


def length_to_breadth(wind: Values) -> np.ndarray:
    """Length over breadth of a fire by its effective midflame wind in m/s, at most 8.

    Source: Anderson (1983), as used by Finney (1998, eq. 9), where it is 1 in still air.
    """
    u = np.asarray(wind, float)
    return np.asarray(
        np.minimum(0.936 * np.exp(0.2566 * u) + 0.461 * np.exp(-0.1548 * u) - 0.397, _MOST_LB)
    )


def flame_length(intensity: Values) -> np.ndarray:
    """Length of flames in m by fireline intensity in kW/m: .0775 I^.46 (Byram 1959)."""
    return np.asarray(0.0775 * np.asarray(intensity, float) ** 0.46)


def scorch_height(intensity: Values, wind: float, air: float = 30.0) -> np.ndarray:
    """Height in m below which leaves are killed (Van Wagner 1973, eq. 10, in kW/m).

    Args:
        intensity: of the fire line, kW/m.
        wind: m/s.
        air: its temperature, degrees C.
    """
    i = np.asarray(intensity, float)
    lifted = 0.74183 * i ** (7 / 6) / np.sqrt(np.maximum(0.025574 * i + wind**3, 1e-12))
    return np.asarray(lifted / (60 - air))


DNBR_LIMITS = ((0.0, 0.1, 0.3, 0.5, 0.7, 1.0), (0.0, 0.1, 0.27, 0.44, 0.66, 1.3))
"""Severity and the dNBR it stands for, at the limits of unburnt, low, moderate-low, moderate-high
and high severity (Key and Benson 2006, LA-51; dNBR as a difference, not times 1000). Which severity
stands at each limit is ours."""


def dnbr(severity: Values) -> np.ndarray:
    """Expected fall of the normalised burn ratio, (NIR - SWIR) / (NIR + SWIR), by burn severity."""
    return np.asarray(np.interp(severity, *DNBR_LIMITS))


def severity_of_dnbr(change: Values) -> np.ndarray:
    """Burn severity 0..1 by the fall of the normalised burn ratio; the reverse of `dnbr`."""
    return np.asarray(np.interp(change, *DNBR_LIMITS[::-1]))


def severity_of_intensity(intensity: Values, consumed: Values) -> np.ndarray:
    """Burn severity 0..1 of ground by fireline intensity in kW/m and share of the fuel consumed.

    Classes of intensity are those of Alexander and Lanoville (1989): 10, 500, 2000, 4000 and
    10,000 kW/m; that they stand for the severities below is ours.
    """
    classes = np.log([10.0, 500.0, 2000.0, 4000.0, 10_000.0, 30_000.0])
    hard = np.interp(
        np.log(np.maximum(intensity, 1e-9)), classes, [0.12, 0.4, 0.58, 0.7, 0.85, 1.0]
    )
    return np.asarray(np.where(np.asarray(intensity) > 0, hard * consumed, 0.0))
