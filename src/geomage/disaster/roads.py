"""What still works of streets and bridges: passable, blocked and by what, flooded and how deep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely

from geomage.world import City

__all__ = ["bridge_states", "bridges", "most_along", "over_deck", "street_states"]

LANE_M = 2.5  # of clear width that lets a lorry through
_STEP_M = 2.0
_ACROSS = (-0.4, -0.2, 0.0, 0.2, 0.4)  # of the width
_RUBBLE_M, _WATER_M, _THICK_M = 0.3, 0.15, 0.1
_LIMITS = {  # field: (more than this blocks, cause)
    "debris_height": (_RUBBLE_M, "debris"),
    "slide": (_THICK_M, "landslide"),
    "lava": (_THICK_M, "lava"),
    "ash": (0.3, "ash"),
    "debris": (0.6, "debris"),
}


def bridges(city: City) -> gpd.GeoDataFrame:
    """Return where streets cross water (not pools): lines with `street`, their row in the streets.

    One row per stretch over water of 3 m or more.
    """
    water = city.water[city.water["kind"] != "pool"].geometry.to_numpy()
    lines = city.streets.geometry.to_numpy()
    where, parts = np.zeros(0, int), np.zeros(0, object)
    if len(water) and len(lines):
        sound = np.where(shapely.is_valid(water), water, shapely.buffer(water, 0))  # no loops
        wet = shapely.union_all(sound)
        over = shapely.intersection(lines, wet)
        parts, where = shapely.get_parts(over, return_index=True)
        keep = shapely.length(parts) >= 3.0
        parts, where = parts[keep], where[keep]
    return gpd.GeoDataFrame({"street": where.astype(int)}, geometry=parts, crs=city.streets.crs)


def over_deck(city: City, line: shapely.LineString, depth: np.ndarray) -> float:
    """Water over a bridge, metres; negative below its deck, -inf where there is none.

    The deck is taken to lie as high as the highest ground along it and at its two ends.

    Args:
        city: the city.
        line: the bridge.
        depth: (y, x) of water on the terrain grid, metres.
    """
    i, j = _cells_along(city, line)
    z = city.dtm.values[0]
    wet = depth[i, j] > 0
    surface = np.where(wet, z[i, j] + depth[i, j], -np.inf)
    return float(surface.max() - z[i, j].max())


def most_along(city: City, line: shapely.LineString, field: np.ndarray) -> float:
    """Largest value of a field (y, x) of the terrain grid along a bridge."""
    i, j = _cells_along(city, line)
    return float(field[i, j].max())


def _cells_along(city: City, line: shapely.LineString) -> tuple[np.ndarray, np.ndarray]:
    share = np.linspace(-0.1, 1.1, 25).clip(0, 1)
    at = shapely.get_coordinates(shapely.line_interpolate_point(line, share, normalized=True))
    columns, rows = ~city.dtm.box.affine @ at.T
    ny, nx = city.dtm.values.shape[1:]
    return np.clip(rows.astype(int), 0, ny - 1), np.clip(columns.astype(int), 0, nx - 1)


def bridge_states(
    city: City, grades: np.ndarray | None = None, depth: np.ndarray | None = None
) -> gpd.GeoDataFrame:
    """Give each bridge its state: impassable from D4 on, flooded where water is over its deck.

    Args:
        city: the city.
        grades: (n,) D0..D5 of what `bridges` lists; all 0 when left out.
        depth: (y, x) of water on the terrain grid, metres; none when left out.
    """
    table = bridges(city)
    grade = np.zeros(len(table), int) if grades is None else np.asarray(grades, int)
    over = np.zeros(len(table))
    if depth is not None:
        over = np.array([max(over_deck(city, line, depth), 0.0) for line in table.geometry], float)
    down, wet = grade >= 4, over > _WATER_M
    return table.assign(
        grade_physical=grade,
        state=np.where(down, "blocked", np.where(wet, "flooded", "passable")),
        cause=np.where(down, "bridge", np.where(wet, "water", "none")),
        depth=over,
        debris=0.0,
    )


def street_states(
    city: City,
    fields: Mapping[str, np.ndarray],
    over: gpd.GeoDataFrame,
    obstacles: gpd.GeoDataFrame | None = None,
) -> gpd.GeoDataFrame:
    """Give each street the worst of what happens along it.

    A street is blocked where what lies on it leaves less than one lane of 2.5 m anywhere along it,
    where an obstacle crosses it or a bridge on it is down; flooded where water of more than 0.15 m
    stands on its middle; unknown when nothing of it lies on the terrain grid.

    Args:
        city: the city.
        fields: (y, x) on the terrain grid; those of water, rubble, soil, lava and ash count.
        over: bridges, from `bridge_states`.
        obstacles: shapes with `cause`.
    """
    lines = city.streets.geometry.to_numpy()
    width = city.streets["width"].to_numpy(float)
    n = len(lines)
    state = np.full(n, "passable", object)
    cause = np.full(n, "none", object)
    zero = np.zeros(city.dtm.values.shape[1:], np.float32)
    points = _along(lines)
    depth = points.most(city, fields.get("water_depth", zero))
    rubble = points.most(city, fields.get("debris_height", zero))
    wet = depth > _WATER_M
    state[wet], cause[wet] = "flooded", "water"
    for name, (limit, why) in _LIMITS.items():
        if name in fields and (fields[name] > limit).any():
            _block(state, cause, _narrowed(city, points, width, fields[name] > limit), why)
    for shapes, why in _crossing(obstacles):
        hit = np.zeros(n, bool)
        if n and len(shapes):
            hit[np.unique(shapely.STRtree(shapes).query(lines, "intersects")[0])] = True
        _block(state, cause, hit, why)
    broken = np.zeros(n, bool)
    broken[over.loc[over["state"] == "blocked", "street"].to_numpy(int)] = True
    _block(state, cause, broken, "bridge")
    unseen = points.most(city, np.ones(zero.shape)) <= 0
    state[unseen], cause[unseen] = "unknown", "none"
    return gpd.GeoDataFrame(
        {"state": state, "cause": cause, "depth": depth, "debris": rubble},
        geometry=lines,
        crs=city.streets.crs,
    )


def _block(state: np.ndarray, cause: np.ndarray, where: np.ndarray, why: str) -> None:
    state[where], cause[where] = "blocked", why


def _crossing(obstacles: gpd.GeoDataFrame | None) -> list[tuple[np.ndarray, str]]:
    if obstacles is None:
        return []
    groups = obstacles.groupby("cause")
    return [(part.geometry.to_numpy(), str(why)) for why, part in groups]


@dataclass(frozen=True)
class _Points:
    """Points every 2 m along lines, metres: (n, 2), unit vectors to their left, first of a line."""

    at: np.ndarray
    left: np.ndarray
    first: np.ndarray
    count: np.ndarray

    def values(self, city: City, field: np.ndarray, aside: np.ndarray) -> np.ndarray:
        """Values (n,) of a field (y, x) of the terrain grid `aside` metres to the left of lines."""
        x, y = (self.at + np.repeat(aside, self.count)[:, None] * self.left).T
        columns, rows = ~city.dtm.box.affine @ (x, y)
        ny, nx = field.shape
        inside = (rows >= 0) & (columns >= 0) & (rows < ny) & (columns < nx)
        out = np.zeros(len(inside))
        out[inside] = field[rows[inside].astype(int), columns[inside].astype(int)]
        return out

    def most(self, city: City, field: np.ndarray) -> np.ndarray:
        """Largest value (n,) of a field (y, x) along the middle of each line; 0 outside."""
        if not len(self.first):
            return np.empty(0)
        values = self.values(city, field, np.zeros(len(self.first)))
        return np.asarray(np.maximum.reduceat(values, self.first))


def _along(lines: np.ndarray) -> _Points:
    """Points along lines, and the direction across them there."""
    if not len(lines):
        none = np.zeros(0, int)
        return _Points(np.zeros((0, 2)), np.zeros((0, 2)), none, none)
    count = np.maximum(np.ceil(shapely.length(lines) / _STEP_M).astype(int), 1)
    first = np.cumsum(count) - count
    along = _STEP_M * (np.arange(count.sum()) - np.repeat(first, count))
    every = np.repeat(lines, count)
    here = shapely.get_coordinates(shapely.line_interpolate_point(every, along))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(every, along + 0.5))
    d = ahead - here
    bare = np.hypot(*d.T) < 1e-9  # at the very end of a line
    d[bare] = np.roll(d, 1, axis=0)[bare]
    d /= np.maximum(np.hypot(*d.T), 1e-9)[:, None]
    return _Points(here, np.stack([-d[:, 1], d[:, 0]], 1), first, count)


def _narrowed(city: City, points: _Points, width: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Which streets have a place where what covers them leaves less than a lane."""
    if not len(points.first):
        return np.zeros(0, bool)
    taken = [points.values(city, covered.astype(float), width * t) for t in _ACROSS]
    least = np.minimum.reduceat(1 - np.mean(taken, 0), points.first)
    return np.asarray((least * width < np.minimum(LANE_M, 0.6 * width)) & (least < 1))
