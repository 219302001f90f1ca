"""Earthquake: intensity at the site, vulnerability of each typology, EMS-98 grades.

Intensity: Allen, Wald and Worden (2012), J. Seismology 16, 409-431, hypocentral form.
Mean damage: Lagomarsino and Giovinazzi (2006), Bull. Earthquake Eng. 4, 415-443,
mu = 2.5 [1 + tanh((I + 6.25 V - 13.1) / 2.3)], grades binomial with mean mu.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from scipy import ndimage, stats
from scipy.special import ndtri

from geomage.disaster.damage import Struck, build_event, fail, untouched, values_at
from geomage.disaster.debris import spill
from geomage.disaster.event import Event
from geomage.disaster.vulnerability import binomial_grades, by_typology, draws, grades
from geomage.errors import InputError
from geomage.world import City
from geomage.world.exposure import TYPOLOGIES

__all__ = [
    "VULNERABILITY",
    "EarthquakeParams",
    "earthquake",
    "grade_shares",
    "intensity_at",
    "mean_grade",
]

_WAYS = {
    3: {"cover": 0.4, "partial": 0.3, "cracked": 0.3},
    4: {"partial": 0.6, "open": 0.15, "soft_storey": 0.25},
    5: {"collapse": 0.6, "pancake": 0.25, "soft_storey": 0.15},
}
VULNERABILITY = {name: typology.index for name, typology in TYPOLOGIES.items()}


@dataclass(frozen=True)
class EarthquakeParams:
    """An earthquake seen from the city's centre."""

    magnitude: float = 6.8  # moment magnitude
    distance_m: float = 8_000.0  # epicentral distance, metres
    depth_km: float = 10.0  # depth of the focus, kilometres

    def __post_init__(self) -> None:
        if not 3 <= self.magnitude <= 9.5:
            raise InputError(f"magnitude {self.magnitude:g} is outside 3..9.5")
        if not (self.distance_m >= 0 and self.depth_km > 0):
            raise InputError("distance must be 0 m or more and depth more than 0 km")


def intensity_at(magnitude: float, distance_m: float, depth_km: float) -> float:
    """Macroseismic intensity at a distance (Allen et al. 2012, eq. 2-3), never under 1."""
    r = float(np.hypot(distance_m / 1000, depth_km))
    near = -0.209 + 2.042 * np.exp(magnitude - 5)
    i = 2.085 + 1.428 * magnitude - 1.402 * np.log(np.hypot(r, near))
    if r > 50:
        i += 0.078 * np.log(r / 50)
    return float(np.clip(i, 1, 12))


def mean_grade(intensity: np.ndarray, vulnerability: np.ndarray) -> np.ndarray:
    """Mean damage grade mu in 0..5."""
    return np.asarray(2.5 * (1 + np.tanh((intensity + 6.25 * vulnerability - 13.1) / 2.3)))


def grade_shares(mu: float) -> np.ndarray:
    """Shares of D0..D5 for a mean grade: binomial with five trials."""
    return np.asarray(stats.binom.pmf(np.arange(6), 5, mu / 5))


def earthquake(
    city: City, params: EarthquakeParams, seed: int = 0, *, hours: float = 24.0
) -> Event:
    """Shake a city: D3 loses roof cover or a corner, D4 a wing, D5 falls."""
    rng = np.random.default_rng([seed, 2])
    centre = intensity_at(params.magnitude, params.distance_m, params.depth_km)
    shape = city.dtm.values.shape[1:]
    site = ndimage.gaussian_filter(rng.normal(size=shape), 25)  # site effects over about 50 m
    site = (site - site.mean()) / max(float(site.std()), 1e-9)
    field = np.clip(centre + 0.4 * site, 1, 12)
    table = untouched(city)
    felt = values_at(city, field)
    index = by_typology(city, VULNERABILITY)
    ids = table["building_id"].to_numpy()
    index = index + 0.03 * (city.buildings["storeys"].to_numpy() - 2)
    index = index + 0.06 * ndtri(draws(seed, "vulnerability", ids))
    grade = grades(binomial_grades(mean_grade(felt, index)), draws(seed, "grade", ids))
    grade[felt < 4.5] = 0
    table["grade_physical"] = grade
    table["intensity"] = felt
    table["cause"] = np.where(grade > 0, "shaking", "none")
    fail(seed, table, city, _WAYS)
    struck = Struck(table, field, "EMS-98 intensity", {"debris_height": spill(city, table)})
    return build_event("earthquake", city, asdict(params) | {"seed": seed}, struck, hours)
