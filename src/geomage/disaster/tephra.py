"""Ash fall: closed form of advection and diffusion, and the load it puts on roofs.

Every height of the column and every grain size falls to a Gaussian around where the wind carried
it (Suzuki 1983; Bonadonna et al. 2005, J. Geophys. Res. 110, B03206):

    m(x, y) = sum M_ij / (2 pi s^2) exp(-((x - x_ij)^2 + (y - y_ij)^2) / (2 s^2)),

with s^2 = 2 K (t + t') for grains that fall within an hour, s^2 = 4 C / 5 (t + t')^(5/2) for finer
ones, t the time of fall and t' that in which the column spread, 0.0032 z^2 / K and
(0.2 z^2)^(2/5), as their program Tephra2 has it. Simpler than theirs: one wind at all heights,
grains of one density, air as at sea level, level ground.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geomage.disaster.vulnerability import by_typology
from geomage.world import City

__all__ = [
    "AshColumn",
    "collapse_load",
    "column_shares",
    "deposit",
    "fall_speed",
    "kept_share",
    "roof_load",
    "sliding",
]

_K = 100.0  # m2/s, horizontal diffusion; 10..1000 are in use
_C = 0.04  # m2/s^(5/2), apparent eddy diffusivity (Suzuki 1983)
_HOUR = 3600.0  # fall time that parts coarse from fine grains (Bonadonna et al. 2005)
_AIR, _VISCOSITY = 1.2, 1.8e-5  # kg/m3, Pa s
_GRAIN = 1500.0  # kg/m3, between pumice and lithics (ours)
_FAINT = 1e-30  # of the middle of a Gaussian: nothing, and slow to reckon with
_HEIGHTS, _SIZES = 24, 13
_WET = 1.5  # rain adds a half to the weight of ash (USGS: 50 to 100 % when it is saturated)
_CLASS_KPA = {
    "thatch": 2.0, "glass": 2.0, "metal": 3.0, "shingle": 3.0, "tile": 3.0,
    "membrane": 4.5, "gravel": 4.5, "concrete": 7.0,
}  # fmt: skip
_FRAME = {"adobe": 2 / 3, "masonry": 1.0, "timber": 1.0, "reinforced concrete": 1.0, "steel": 1.0}


@dataclass(frozen=True)
class AshColumn:
    """An eruption column and the wind that carries it."""

    mass_kg: float
    height_m: float  # of its top above the ground
    wind: tuple[float, float]  # where it blows to, (east, north), m/s
    grain_phi: float  # median grain size, -log2(mm)
    grain_sigma: float  # standard deviation, phi


def fall_speed(phi: np.ndarray) -> np.ndarray:
    """Terminal speed (n,) of grains, m/s, by three regimes of spheres (Kunii and Levenspiel 1969).

    The slowest of the three laws holds: Stokes below a Reynolds number of 6, the intermediate one
    up to 500, the turbulent one above.
    """
    d = 2.0 ** -np.asarray(phi, float) * 1e-3
    g = 9.81 * _GRAIN
    stokes = g * d**2 / (18 * _VISCOSITY)
    between = d * (4 * g**2 / (225 * _VISCOSITY * _AIR)) ** (1 / 3)
    turbulent = np.sqrt(3.1 * g * d / _AIR)
    return np.asarray(np.minimum(np.minimum(stokes, between), turbulent))


def column_shares(levels: np.ndarray) -> np.ndarray:
    """Shares (n,) of the mass that leave the column at heights 0..1, most in its upper third.

    S(x) = ((1 - x) exp(A (x - 1)))^lambda with A = 4 and lambda = 1 (Suzuki 1983 in the form of
    Pfeiffer et al. 2005).
    """
    s = (1 - levels) * np.exp(4 * (levels - 1))
    return np.asarray(s / s.sum())


def deposit(column: AshColumn, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Mass on the ground (len(y), len(x)), kg/m2.

    Args:
        column: the column.
        x: (n,) metres east of the vent.
        y: (m,) metres north of it.
    """
    levels = (np.arange(_HEIGHTS) + 0.5) / _HEIGHTS
    phi = column.grain_phi + column.grain_sigma * np.linspace(-3, 3, _SIZES)
    of_size = np.exp(-0.5 * np.linspace(-3, 3, _SIZES) ** 2)
    mass = column.mass_kg * np.outer(column_shares(levels), of_size / of_size.sum()).ravel()
    height = (levels * column.height_m)[:, None]
    fall = height / fall_speed(phi)[None]
    coarse = 2 * _K * (fall + 0.0032 * height**2 / _K)
    fine = 0.8 * _C * (fall + (0.2 * height**2) ** 0.4) ** 2.5
    s2 = np.where(fall < _HOUR, coarse, fine).ravel()
    to_x, to_y = (w * fall.ravel()[:, None] for w in column.wind)
    along = np.exp(-((x[None] - to_x) ** 2) / (2 * s2[:, None]))
    across = np.exp(-((y[None] - to_y) ** 2) / (2 * s2[:, None]))
    for factor in (along, across):
        factor[factor < _FAINT] = 0.0
    return np.asarray((across * (mass / (2 * np.pi * s2))[:, None]).T @ along)


def sliding(pitch_deg: np.ndarray, *, wet: bool) -> np.ndarray:
    """Share of the ash that stays on a roof of a pitch.

    All up to 20 degrees (30 when wet), none from 35 on, in a straight line between. After the tests
    of Osman et al. (2023), J. Appl. Volcanol., doi 10.1186/s13617-023-00137-2: dry ash began to
    slide from 12 to 15 degrees on, thin wet ash from 30, and most was shed from 32 on metal, 35 on
    tiles. That dry ash loads a roof in full up to 20 degrees is ours; their table of coefficients
    could not be checked.
    """
    start = 30.0 if wet else 20.0
    return np.asarray(np.clip((35.0 - pitch_deg) / (35.0 - start), 0.0, 1.0))


def kept_share(city: City, *, wet: bool) -> np.ndarray:
    """Share (n,) of the ash that stays on each building, over its wings by their area."""
    roofs = city.roofs
    run = np.where(roofs["form"] == "shed", 1.0, 0.5) * roofs["width"].to_numpy(float)
    rise = np.maximum(roofs["ridge"] - roofs["eave"], 0.0) * (roofs["form"] != "flat")
    pitch = np.degrees(np.arctan2(rise.to_numpy(float), np.maximum(run, 0.1)))
    area = np.maximum(roofs.area.to_numpy(), 1e-6)
    index = roofs["building_id"].to_numpy(int)
    ids = city.buildings["building_id"].to_numpy(int)
    top = int(max(index.max(initial=0), ids.max(initial=0))) + 1
    whole = np.bincount(index, area, top)
    kept = np.bincount(index, area * sliding(pitch, wet=wet), top)
    return np.asarray((kept / np.maximum(whole, 1e-9))[ids])


def roof_load(mass: np.ndarray, *, wet: bool) -> np.ndarray:
    """Load of ash, kPa, from its dry mass, kg/m2."""
    return np.asarray(mass * 9.81 / 1000 * (_WET if wet else 1.0))


def collapse_load(city: City) -> np.ndarray:
    """Mean load (n,) at which each roof collapses, kPa.

    After Spence et al. (2005), Nat. Hazards Earth Syst. Sci. 5, 477-494, European roof classes:
    weak 2, medium weak 3, medium strong 4.5, strong 7 kPa; the loads could not be checked against
    their table. Which material falls in which class is ours, and so is that roofs on adobe are one
    class weaker.
    """
    cover = city.buildings["material"].map(_CLASS_KPA).fillna(3.0).to_numpy(float)
    return np.asarray(cover * by_typology(city, _FRAME))
