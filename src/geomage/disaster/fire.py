"""Wildfire in a town: fastest paths of fire over fuel with wind, and houses that catch it.

Spread is an ellipse with the wind (Anderson 1983: length to width from wind speed), its front
found as the least arrival time over the grid (Finney 2002, minimum travel time).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from geomage.disaster.damage import Struck, at_trees, build_event, fail, untouched, values_at
from geomage.disaster.debris import debris_field
from geomage.disaster.event import Event, ids_on
from geomage.disaster.vulnerability import by_typology
from geomage.errors import InputError
from geomage.geo import rasterise
from geomage.world import City

__all__ = ["FireParams", "arrival_time", "fire", "fuel_map"]

# spread rate of each land kind relative to dry grass; what is not named does not burn
_FUEL = {"meadow": 1.0, "lawn": 0.45, "field": 0.7, "forest_floor": 0.9, "bare": 0.12, "dirt": 0.05}
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1))
_IGNITION = {
    "timber": 0.85,
    "adobe": 0.35,
    "masonry": 0.5,
    "reinforced concrete": 0.3,
    "steel": 0.3,
}


@dataclass(frozen=True)
class FireParams:
    """A fire that enters the town from one point."""

    wind_speed: float = 9.0  # m/s
    wind_from_deg: float = 45.0  # where the wind comes from, clockwise from north
    hours: float = 1.0  # burning time
    moisture: float = 0.3  # of the fuel, 0 dry .. 1 wet

    def __post_init__(self) -> None:
        if not 0 <= self.wind_speed <= 60:
            raise InputError(f"wind speed {self.wind_speed:g} m/s is outside 0..60")
        if not np.isfinite(self.wind_from_deg):
            raise InputError(f"wind from {self.wind_from_deg:g} degrees is no direction")
        if not self.hours > 0 or not 0 <= self.moisture < 1:
            raise InputError("burning time must be more than 0 hours and moisture within 0..1")


def fuel_map(city: City) -> np.ndarray:
    """Relative spread rate (y, x) on the terrain grid of land, trees, houses; 0 on roads, water."""
    box = city.dtm.box
    land = city.land.assign(fuel=city.land["kind"].map(_FUEL).fillna(0.0))
    fuel = rasterise(land, box, column="fuel", dtype="float32")
    crowns = city.trees.geometry.buffer(city.trees["radius"].to_numpy(), quad_segs=2)
    fuel = (
        np.maximum(fuel, 1.1 * rasterise(list(crowns), box).astype(np.float32))
        if len(crowns)
        else fuel
    )
    roads = city.streets[city.streets["width"] > 3]
    gaps = rasterise([*roads.geometry.buffer(roads["width"] / 2), *city.water.geometry], box)
    fuel[gaps.astype(bool)] = 0
    return np.asarray(np.where(ids_on(city) > 0, 0.55, fuel), np.float32)


def arrival_time(
    fuel: np.ndarray, gsd: float, start: tuple[int, int], wind: tuple[float, float], rate: float
) -> np.ndarray:
    """Least time (y, x) in seconds for the front to arrive; infinite where it never does.

    Args:
        fuel: (y, x) relative spread rate, 0 where nothing burns.
        gsd: metres.
        start: (row, column).
        wind: where it blows to, (east, north) in m/s.
        rate: spread without wind over dry grass, m/s.
    """
    ny, nx = fuel.shape
    speed = float(np.hypot(*wind))
    lw = min(1 + 0.25 * speed, 6.0)
    ecc = np.sqrt(1 - 1 / lw**2)
    head = rate * (1 + 0.35 * speed)
    node = np.arange(ny * nx).reshape(ny, nx)
    rows, cols, times = [], [], []
    for di, dj in [*_STEPS, *((-a, -b) for a, b in _STEPS)]:
        i0, i1, j0, j1 = max(0, -di), min(ny, ny - di), max(0, -dj), min(nx, nx - dj)
        a, b = fuel[i0:i1, j0:j1], fuel[i0 + di : i1 + di, j0 + dj : j1 + dj]
        length = gsd * np.hypot(di, dj)
        cos = (dj * wind[0] - di * wind[1]) / (np.hypot(di, dj) * speed) if speed > 0 else 0.0
        v = head * (1 - ecc) / (1 - ecc * cos)
        open_edge = (a > 0) & (b > 0) & _passable(fuel, (i0, i1, j0, j1), (di, dj))
        rows.append(node[i0:i1, j0:j1][open_edge])
        cols.append(node[i0 + di : i1 + di, j0 + dj : j1 + dj][open_edge])
        times.append(length / (v * np.sqrt(a * b)[open_edge]))
    graph = coo_matrix(
        (np.concatenate(times), (np.concatenate(rows), np.concatenate(cols))), (ny * nx, ny * nx)
    )
    return np.asarray(dijkstra(graph.tocsr(), indices=int(node[start]))).reshape(ny, nx)


def _passable(
    fuel: np.ndarray, span: tuple[int, int, int, int], step: tuple[int, int]
) -> np.ndarray:
    """Whether every cell that an oblique step brushes holds fuel, so that no step leaps a gap."""
    i0, i1, j0, j1 = span
    di, dj = step
    ok = np.ones((i1 - i0, j1 - j0), bool)
    if abs(di) + abs(dj) < 2:
        return ok
    si, sj = int(np.sign(di)), int(np.sign(dj))
    brushed = [(si, 0), (0, sj)] if abs(di) == abs(dj) else [(si, sj), (di - si, dj - sj)]
    for a, b in brushed:
        ok &= fuel[i0 + a : i1 + a, j0 + b : j1 + b] > 0
    return ok


def _ember_fuel(fuel: np.ndarray, gsd: float, wind_speed: float) -> np.ndarray:
    """Slow spread by embers over gaps no wider than 1.5 s of wind carry them; 0 beyond."""
    gap = ndimage.distance_transform_edt(fuel <= 0) * gsd
    return np.where(gap <= 0.75 * wind_speed, 0.15, 0.0)


def fire(city: City, params: FireParams, seed: int = 0, *, hours: float = 24.0) -> Event:
    """Burn a town: fuel turns to ash, houses that catch fire are gutted."""
    rng = np.random.default_rng([seed, 5])
    gsd = abs(city.dtm.box.affine.a)
    fuel = fuel_map(city) * (1 - params.moisture)
    fuel = fuel * np.clip(
        1 + 0.5 * ndimage.gaussian_filter(rng.normal(size=fuel.shape), 4) * 8, 0.3, 2
    )
    carried = np.where(fuel > 0, fuel, _ember_fuel(fuel, gsd, params.wind_speed))
    to = np.radians(params.wind_from_deg + 180)
    wind = (params.wind_speed * np.sin(to), params.wind_speed * np.cos(to))
    ny, nx = fuel.shape
    i = int(np.clip(ny / 2 * (1 + 0.8 * np.cos(to)), 0, ny - 1))
    j = int(np.clip(nx / 2 * (1 - 0.8 * np.sin(to)), 0, nx - 1))
    reach = np.hypot(*np.indices(fuel.shape) - np.array([i, j])[:, None, None]) + 1e3 * (
        fuel <= 0.1
    )
    start = np.unravel_index(int(np.argmin(reach)), fuel.shape)
    arrival = arrival_time(carried, gsd, (int(start[0]), int(start[1])), wind, rate=0.02)
    burnt = (arrival <= params.hours * 3600) & (fuel > 0)  # embers cross a gap, it does not burn
    severity = np.where(burnt, np.clip(0.35 + 0.55 * fuel, 0, 1), 0).astype(np.float32)
    near = ndimage.grey_dilation(severity, 5)
    heat = values_at(city, near)
    prone = by_typology(city, _IGNITION)
    caught = rng.random(len(heat)) < prone * np.clip(heat * 1.5, 0, 1)
    table = untouched(city)
    grade = np.where(
        caught, rng.choice([3, 4, 5], len(heat), p=[0.08, 0.14, 0.78]), np.where(heat > 0.5, 1, 0)
    )
    table["grade_physical"] = grade
    table["intensity"] = heat
    table["cause"] = np.where(grade > 0, "fire", "none")
    ways = {3: {"cover": 1}, 4: {"gutted": 1, "partial": 1}, 5: {"gutted": 2, "collapse": 1}}
    fail(seed, table, city, ways)
    at = at_trees(city, severity)
    scorched = np.where(at > 0.2, rng.uniform(0.3, 1.0, len(at)), 0)
    standing = np.where((at > 0.5) & (rng.random(len(at)) < 0.35), 0.0, 1.0)
    debris = debris_field(city, table, reach_m=4.0) * 0.5
    minutes = np.where(np.isfinite(arrival), arrival / 60, -1)
    fields: dict[str, np.ndarray] = {"burn": severity, "debris": debris}
    unit = "min to arrival, -1 never"
    struck = Struck(table, minutes, unit, fields, trees=(standing, scorched))
    return build_event("fire", city, asdict(params) | {"seed": seed}, struck, hours)
