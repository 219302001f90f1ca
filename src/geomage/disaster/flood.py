"""Flood: fill the terrain from its water or lowest ground up to a level.

Depth-damage: JRC global functions, residential, Europe (Huizinga, de Moel and Szewczyk 2017,
table 3-1).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from scipy import ndimage

from geomage.disaster.damage import Struck, build_event, fail, untouched
from geomage.disaster.debris import debris_field
from geomage.disaster.event import Event, ids_on
from geomage.errors import InputError
from geomage.geo import rasterise
from geomage.world import City

__all__ = ["FloodParams", "damage_factor", "fill", "flood"]

_DEPTHS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0)
_FACTORS = (0.0, 0.25, 0.40, 0.50, 0.60, 0.75, 0.85, 0.95, 1.0)
HIGHEST_M = 1000.0  # above the lowest ground; no flood stands higher


@dataclass(frozen=True)
class FloodParams:
    """A flood at its peak, or after it drained."""

    level_m: float = 3.0  # water level above the lowest ground, metres
    surge: float = 0.0  # 0 still water .. 1 a wave that sweeps light buildings away
    drained: float = 0.0  # share of the water that has left; mud stays

    def __post_init__(self) -> None:
        if not 0 < self.level_m <= HIGHEST_M:
            raise InputError(
                f"a flood level of {self.level_m:g} m is outside 0..{HIGHEST_M:g} m: give the "
                "height of the water above the lowest ground"
            )
        if not (0 <= self.surge <= 1 and 0 <= self.drained <= 1):
            raise InputError("surge and drained are shares: give 0 to 1")


def damage_factor(depth_m: np.ndarray) -> np.ndarray:
    """Share of value lost by a dwelling at a water depth in metres."""
    return np.asarray(np.interp(depth_m, _DEPTHS, _FACTORS))


def fill(dtm: np.ndarray, level: float, source: np.ndarray) -> np.ndarray:
    """Depth (y, x) of water that spreads from `source` over ground lower than `level`."""
    low = dtm < level
    labels, _ = ndimage.label(low, structure=np.ones((3, 3)))
    joined = np.unique(labels[source & low])
    wet = np.isin(labels, joined[joined > 0])
    return np.where(wet, level - dtm, 0.0).astype(np.float32)


def flood(city: City, params: FloodParams, seed: int = 0, *, hours: float = 24.0) -> Event:
    """Flood a city: what stands in water is seen as such, what is swept is gone."""
    rng = np.random.default_rng([seed, 4])
    z = city.dtm.values[0]
    level = float(z.min()) + params.level_m
    permanent = rasterise(city.water[city.water["kind"] != "pool"], city.dtm.box).astype(bool)
    source = permanent if permanent.any() else z <= z.min() + 0.02
    peak = fill(z, level, source)
    table = untouched(city)
    wet, depth = _at_buildings(city, peak)
    factor = _at_buildings(city, damage_factor(peak))[1] * wet
    grade = np.digitize(factor, [0.05, 0.2, 0.38, 0.55, 0.9])
    light = city.buildings["typology"].isin(["timber", "adobe", "steel"]).to_numpy(bool)
    force = params.surge * np.clip(depth / 2.5, 0, 1.2) * np.where(light, 1.0, 0.55)
    swept = rng.random(len(table)) < force
    grade = np.where(swept, 5, np.minimum(grade, 4))
    hurt = ~swept & (rng.random(len(table)) < 0.6 * force)
    grade = np.where(hurt, np.maximum(grade, 4), grade)
    now = fill(z, level - params.drained * params.level_m, source)
    wet_now, depth_now = _at_buildings(city, now)
    shown = _at_buildings(city, np.clip(now / 0.25, 0, 1))[1] * wet_now  # a film hardly shows
    standing = np.where(wet_now > 0.1, shown, 0)
    muddy = np.where((wet > 0.5) & (depth > 0.5), 0.3, 0.0)  # what drained water leaves to see
    seen = np.digitize(np.maximum(standing, muddy), [0.12, 0.55])
    hidden = depth_now > city.buildings["height"].to_numpy() + 0.3
    table["grade_physical"] = grade
    table["grade_visible"] = np.where(swept | hidden, 3, np.maximum(seen, np.where(hurt, 2, 0)))
    table["intensity"] = table["depth"] = depth
    table["cause"] = np.where(grade > 0, "water", "none")
    struck = table.copy()
    struck["grade_physical"] = np.where(swept, 5, np.where(hurt, 4, 0))
    fail(seed, struck, city, {4: {"partial": 1, "cover": 1}, 5: {"swept": 2, "collapse": 1}})
    for name in ("failure", "lost", "rubble", "side", "sink", "lean"):
        table[name] = struck[name]
    mud = np.where((peak > 0) & (now <= 0), np.clip(0.25 + peak / 3, 0, 0.9), 0)
    debris = np.maximum(
        debris_field(city, table, 16.0), 0.5 * params.surge * (peak > 0) * rng.random()
    )
    speed = params.surge * np.sqrt(9.81 * peak)
    fields = {"water_depth": now, "velocity": speed, "mud": mud, "debris": debris}
    fields = {name: values.astype(np.float32) for name, values in fields.items()}
    struck = Struck(table, peak, "m", fields)
    return build_event("flood", city, asdict(params) | {"seed": seed}, struck, hours)


def _at_buildings(city: City, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of each footprint (with two metres around it) that is wet, and its mean wet depth."""
    ids = ids_on(city)
    near = ndimage.grey_dilation(ids, 3)
    ids = np.where(ids > 0, ids, near)
    labels = city.buildings["building_id"].to_numpy()
    wet = np.nan_to_num(ndimage.mean(depth > 0, ids, labels))
    total = np.nan_to_num(ndimage.mean(depth, ids, labels))
    return np.asarray(wet), np.asarray(total / np.maximum(wet, 1e-6) * (wet > 0))
