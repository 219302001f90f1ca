"""The course of a fire: over ground, from house to house, and by embers, as one shortest path.

The front is the least arrival time over the grid (Finney 2002, minimum travel time), over the rates
and ellipses of `fuel` and the ways of `ignition`. Fire never steps over a cell without fuel: only
a burning house, within 30 m of another or beside fuel, and embers cross gaps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from geomage.disaster import _kernels_fire as k
from geomage.disaster.event import ids_on
from geomage.disaster.fuel import FireParams, Ground, crown_heights, fuel_map, ground_of
from geomage.disaster.ignition import (
    Houses,
    brand_flight,
    brand_lights_ground,
    houses_of,
    radiated,
    radiating_pairs,
)
from geomage.disaster.vulnerability import draws, kernel_seed
from geomage.errors import InputError
from geomage.world import City

__all__ = ["Course", "Town", "arrival_times", "course_of", "entry_of", "town_of"]

_PATCHY = 0.35  # spread of rates from spot to spot; ours
_CROWN_M = 5.0  # across a crown that throws embers
_SMOULDER_S = (120.0, 1500.0)  # from landing to flames; ours
_CATCH_S = (120.0, 600.0)  # plants at the wall to a burning house; ours


def arrival_times(
    ground: Ground, starts: np.ndarray, until: float = np.inf
) -> tuple[np.ndarray, np.ndarray]:
    """Arrival (y, x) in s over ground alone, without houses and embers, and pace (y, x) in m/s.

    Sixteen directions: in still air on level ground fire is at most 2.8 % late (a path may leave
    the straight line by 13 degrees), never early.

    Args:
        ground: what burns.
        starts: cells, as places in the flattened grid.
        until: seconds after which fire is not followed.
    """
    cells = ground.rate.size
    none = _Ways(np.zeros(cells + 1, np.int64), np.zeros(0, np.int64), np.zeros(0))
    at, pace = _solve(ground, _Built.none(cells), none, np.asarray(starts), until)
    return at.reshape(ground.rate.shape), pace.reshape(ground.rate.shape)


@dataclass(frozen=True)
class _Ways:
    """Ways besides those over ground, as compressed rows."""

    first: np.ndarray
    target: np.ndarray
    delay: np.ndarray  # s


@dataclass(frozen=True)
class _Built:
    """Where houses stand, and the embers that fly."""

    house: np.ndarray  # (cells,) row of the house on it, -1 where none
    home: np.ndarray  # (houses,) a cell of each
    brands: np.ndarray  # (cells + houses,) that could light something
    flight: np.ndarray  # (1 + houses, 3) of any cell and of each house
    accept: np.ndarray  # (houses,)
    wind: tuple[float, float] = (0.0, 1.0)
    catch: float = 0.0
    seed: int = 0

    @classmethod
    def none(cls, cells: int) -> _Built:
        """No houses, no embers."""
        empty = np.zeros(0, np.int64)
        return cls(
            np.full(cells, -1, np.int32), empty, np.zeros(cells, np.uint16), np.zeros((1, 3)),
            np.zeros(0),
        )  # fmt: skip


def _solve(
    ground: Ground, built: _Built, ways: _Ways, starts: np.ndarray, until: float
) -> tuple[np.ndarray, np.ndarray]:
    layers = (ground.rate, ground.east, ground.north, ground.eccentricity, ground.height)
    flat = tuple(np.ascontiguousarray(a, np.float32) for a in layers)
    if not len(starts):
        n = ground.rate.size
        return np.full(n + len(built.accept), np.inf), np.zeros(n, np.float32)
    at, pace = k.cascade(
        flat,
        float(ground.gsd),
        (starts.astype(np.int64), float(until)),
        (ways.first, ways.target, ways.delay),
        (built.house, built.home, built.accept),
        (built.brands, built.flight, np.array(built.wind), built.catch, np.array(_SMOULDER_S)),
        np.int64(kernel_seed(built.seed)),
    )
    return np.asarray(at), np.asarray(pace)


def _places(city: City) -> tuple[np.ndarray, np.ndarray]:
    """Row (y, x) of the house on each cell, -1 where none; and a cell (houses,) of each house."""
    ids = city.buildings["building_id"].to_numpy()
    ny, nx = city.dtm.box.shape.yx
    row_of = np.full(int(ids.max(initial=0)) + 1, -1, np.int32)
    row_of[ids] = np.arange(len(ids))
    row_of[0] = -1
    inner = city.buildings.geometry.representative_point()
    x, y = ~city.dtm.box.affine @ (inner.x.to_numpy(), inner.y.to_numpy())
    j, i = np.clip(x.astype(int), 0, nx - 1), np.clip(y.astype(int), 0, ny - 1)
    house = row_of[ids_on(city)]
    lone = house[i, j] < 0
    house[i[lone], j[lone]] = np.flatnonzero(lone)
    return house, (i * nx + j).astype(np.int64)


def _beside(house: np.ndarray, rate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (p,) of burning cell and house that touch, corners included."""
    ny, nx = house.shape
    cells = np.arange(ny * nx).reshape(ny, nx)
    found = []
    for di in (-1, 0, 1):
        for dj in (-1, 0, 1):
            at = (slice(max(0, -di), ny - max(0, di)), slice(max(0, -dj), nx - max(0, dj)))
            to = (slice(max(0, di), ny + min(0, di)), slice(max(0, dj), nx + min(0, dj)))
            both = (rate[at] > 0) & (house[to] >= 0)
            found.append(np.stack([cells[at][both], house[to][both]], 1))
    pairs = np.unique(np.concatenate(found), axis=0)
    return pairs[:, 0], pairs[:, 1]


def _rows(source: np.ndarray, target: np.ndarray, delay: np.ndarray, nodes: int) -> _Ways:
    kept = np.isfinite(delay)
    source, target, delay = source[kept], target[kept], delay[kept]
    order = np.argsort(source, kind="stable")
    first = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=nodes))])
    return _Ways(first.astype(np.int64), target[order].astype(np.int64), delay[order])


@dataclass(frozen=True)
class Town:
    """All that a fire asks of a town."""

    fuel: np.ndarray  # (y, x) of `fuel_map`
    leafy: np.ndarray  # (y, x) whether crowns stand over it
    ground: Ground
    houses: Houses
    house: np.ndarray
    home: np.ndarray
    pairs: tuple[np.ndarray, np.ndarray, np.ndarray]  # of houses: source, target, kW/m2
    touching: tuple[np.ndarray, np.ndarray]  # of cell and house
    line: np.ndarray  # (touching,) kW/m, head fire of the cell


def town_of(city: City, params: FireParams, seed: int) -> Town:
    """Ask a town what of it burns, and how; draws are lasting."""
    crowns = crown_heights(city)
    fuel = fuel_map(city, crowns)
    noise = np.random.default_rng([seed, 5]).normal(size=fuel.shape)
    patchy = np.clip(1 + _PATCHY * 14 * ndimage.gaussian_filter(noise, 4), 0.4, 1.8)
    ground = ground_of(city, fuel, crowns, params, patchy)
    houses = houses_of(city, seed)
    house, home = _places(city)
    fuel[house >= 0], ground.rate[house >= 0] = 0, 0
    pairs = radiating_pairs(city, houses)
    touching = _beside(house, ground.rate)
    line = (ground.rate * ground.heat).ravel()[touching[0]]
    return Town(fuel, crowns > 0, ground, houses, house, home, pairs, touching, line)


def _ways(town: Town, city: City, seed: int) -> _Ways:
    """From plants to the house they touch and back, and from house to house."""
    n, m = town.ground.rate.size, len(town.home)
    source, target, flux = town.pairs
    cell, row = town.touching
    least, most = _CATCH_S
    catch = least + (most - least) * draws(seed, "catch", city.buildings["building_id"].to_numpy())
    lit = np.where(town.line >= town.houses.contact[row], catch[row], np.inf)
    return _rows(
        np.concatenate([n + source, cell, n + row]),
        np.concatenate([n + target, n + row, cell]),
        np.concatenate([radiated(source, flux, town.houses), lit, town.houses.grows[row]]),
        n + m,
    )


def _built(town: Town, city: City, params: FireParams, seed: int) -> _Built:
    n, m = town.ground.rate.size, len(town.home)
    brands, flight = np.zeros(n + m, np.uint16), np.zeros((1 + m, 3))
    if params.embers and params.wind_speed > 0:
        brands[:n] = (town.leafy & (town.ground.rate > 0)).ravel()
        brands[n:] = town.houses.brands
        flight[:1] = brand_flight(np.array([_CROWN_M]), params.wind_speed)
        flight[1:] = brand_flight(np.sqrt(city.buildings.area.to_numpy()), params.wind_speed)
    return _Built(
        town.house.ravel(), town.home, brands, flight, town.houses.accept, params.downwind,
        brand_lights_ground(params.moisture), seed,
    )  # fmt: skip


def entry_of(fuel: np.ndarray, gsd: float, params: FireParams) -> np.ndarray:
    """Cells (n,) on the line of entry and, first, the one of them or of all with fuel next to it.

    Args:
        fuel: (y, x) more than 0 where something could burn, however wet; something must.
        gsd: metres.
        params: wind, place and length of the line.
    """
    ny, nx = fuel.shape
    east, north = params.downwind
    half = np.array([nx, ny]) * gsd / 2
    middle = -0.8 * half * np.array([east, north])
    if params.ignition is not None:
        middle = np.array(params.ignition)
        if (np.abs(middle) > half).any():
            raise InputError(
                f"ignition {middle[0]:g} m east, {middle[1]:g} m north is outside the town, which "
                f"ends {half[0]:g} m east and {half[1]:g} m north of its middle: choose a point "
                "within"
            )
    steps = int(min(params.front_m / 2 / gsd, nx + ny))  # beyond, no cell of the town is left
    along = gsd * np.arange(-steps, steps + 1)
    x, y = middle[0] - along * north, middle[1] + along * east
    i, j = ((half[1] - y) / gsd).astype(int), ((x + half[0]) / gsd).astype(int)
    inside = (i >= 0) & (j >= 0) & (i < ny) & (j < nx)
    line = i[inside] * nx + j[inside]
    rows, columns = np.nonzero(fuel)
    away = (rows + 0.5 - (half[1] - middle[1]) / gsd) ** 2
    away = away + (columns + 0.5 - (middle[0] + half[0]) / gsd) ** 2
    nearest = int(np.argmin(away))
    first = rows[nearest] * nx + columns[nearest]
    if steps == 0:  # a point: one cell
        return np.array([first], np.int64)
    return np.concatenate([[first], line[fuel.ravel()[line] > 0]]).astype(np.int64)


def _starts(params: FireParams, town: Town) -> np.ndarray:
    """Nodes that burn first: fuel where the fire enters; in a town without any, the next house."""
    if town.fuel.any():
        cells = entry_of(town.fuel, town.ground.gsd, params)
        return np.unique(cells[(town.ground.rate > 0).ravel()[cells]])
    if not len(town.home):
        return np.zeros(0, np.int64)
    cell = entry_of(town.house + 1, town.ground.gsd, params)[0]
    return np.array([town.fuel.size + town.house.ravel()[cell]], np.int64)


@dataclass(frozen=True)
class Course:
    """When fire came to each cell (y, x) and each house (n,), s, infinite where it never did."""

    ground: np.ndarray
    houses: np.ndarray
    pace: np.ndarray  # (y, x) m/s with which it came over ground; 0 where it came otherwise


def course_of(town: Town, city: City, params: FireParams, seed: int) -> Course:
    """Follow a fire from where it enters until its time is over."""
    starts = _starts(params, town)
    built = _built(town, city, params, seed)
    arrival, pace = _solve(town.ground, built, _ways(town, city, seed), starts, params.hours * 3600)
    shape, n = town.ground.rate.shape, town.ground.rate.size
    return Course(arrival[:n].reshape(shape), arrival[n:], pace.reshape(shape))
