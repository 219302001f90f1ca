"""Tornado: a Rankine-type wind along a track, fragility of roofs and walls, debris downwind.

Thresholds follow the degrees of damage of the Enhanced Fujita scale for one- and two-family homes
(McDonald and Mehta 2006): roof cover near 38 m/s, roof deck near 54 m/s, walls near 63 m/s, all
near 76 m/s.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from scipy import ndimage
from scipy.special import ndtr

from geomage.disaster.damage import Struck, at_trees, build_event, fail, untouched, values_at
from geomage.disaster.debris import debris_field
from geomage.disaster.event import Event
from geomage.disaster.vulnerability import by_typology
from geomage.errors import InputError
from geomage.world import City

__all__ = ["StormParams", "storm", "wind_field"]

_EF_WIND = (33.0, 43.0, 55.0, 67.0, 81.0, 95.0)  # middle of EF0..EF5, 3 s gust, m/s
_MEDIANS = np.array([41.0, 54.0, 66.0])  # visible minor, major, destroyed, for timber
_STRENGTH = {
    "timber": 1.0,
    "adobe": 0.97,
    "masonry": 1.06,
    "steel": 1.12,
    "reinforced concrete": 1.3,
}
_SPREAD = 0.13
_UPROOTED = 41.0  # m/s, hardwood trees uprooted: expected value of the Enhanced Fujita scale


@dataclass(frozen=True)
class StormParams:
    """A tornado that crosses the city."""

    ef: int = 4  # Enhanced Fujita scale, 0..5
    radius_m: float = 60.0  # radius of the strongest wind
    heading_deg: float = 70.0  # where it goes, clockwise from north
    offset_m: float = 0.0  # track to the right of the centre

    def __post_init__(self) -> None:
        if self.ef not in range(6):
            raise InputError(f"EF{self.ef} does not exist: choose 0 to 5")
        if not self.radius_m > 0:
            raise InputError("the radius of strongest wind must be more than 0 m")
        if not (np.isfinite(self.heading_deg) and np.isfinite(self.offset_m)):
            raise InputError("heading and offset of a track must be finite numbers")


def wind_field(city: City, params: StormParams) -> np.ndarray:
    """Peak gust (y, x) in m/s on the terrain grid."""
    ny, nx = city.dtm.values.shape[1:]
    gsd = abs(city.dtm.box.affine.a)
    x = (np.arange(nx) + 0.5 - nx / 2) * gsd
    y = (ny / 2 - np.arange(ny) - 0.5) * gsd
    heading = np.radians(params.heading_deg)
    across = x[None] * np.cos(heading) - y[:, None] * np.sin(heading) - params.offset_m
    d = np.abs(across) / params.radius_m
    return np.asarray(_EF_WIND[params.ef] * np.minimum(1.0, np.maximum(d, 1e-3) ** -0.75))


def storm(city: City, params: StormParams, seed: int = 0, *, hours: float = 24.0) -> Event:
    """Strike a city with a tornado: roofs lose cover, then deck, then the walls go."""
    rng = np.random.default_rng([seed, 3])
    wind = wind_field(city, params)
    gusts = ndimage.gaussian_filter(rng.normal(size=wind.shape), 8)
    wind = wind * (1 + 0.06 * gusts / max(float(gusts.std()), 1e-9))
    table = untouched(city)
    felt = values_at(city, wind)
    strength = by_typology(city, _STRENGTH)
    z = np.log(felt[:, None] / (_MEDIANS * strength[:, None])) / _SPREAD
    grade_seen = (rng.random(len(table))[:, None] < ndtr(z)).sum(1)
    grade = np.where(grade_seen > 0, grade_seen + 2, np.where(felt > 33, 1, 0))
    table["grade_physical"] = grade
    table["intensity"] = felt
    table["cause"] = np.where(grade > 0, "wind", "none")
    fail(
        seed,
        table,
        city,
        {3: {"cover": 1}, 4: {"partial": 1}, 5: {"collapse": 2, "open": 2, "swept": 1}},
    )
    along = 90 - params.heading_deg
    debris = debris_field(city, table, reach_m=rng.uniform(18, 44), along=along)
    strewn = rng.uniform(0.0, 0.14) * np.clip((wind - 28) / 20, 0, 1) * (0.4 + 0.8 * (gusts > 0))
    debris = np.maximum(debris, strewn * (debris.max(initial=0.0) > 0)).astype(np.float32)
    soil = np.clip((wind - 45) / 60, 0, 0.65) * np.clip(debris * 3, 0.3, 1)
    tree_wind = at_trees(city, wind)
    standing = (rng.random(len(tree_wind)) > ndtr(np.log(tree_wind / _UPROOTED) / 0.22)).astype(
        float
    )
    trees = (standing, np.zeros(len(standing)))
    struck = Struck(table, wind, "m/s", {"debris": debris, "mud": soil}, trees=trees)
    return build_event("storm", city, asdict(params) | {"seed": seed}, struck, hours)
