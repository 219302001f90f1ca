"""From grades to what fails: operators on buildings, debris around them, the state of streets."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from scipy import ndimage

from geomage.disaster.event import VISIBLE_OF_PHYSICAL, Event, ids_on, layer, tree_states
from geomage.geo import Raster
from geomage.world import City

__all__ = ["build_event", "calm", "debris_field", "fail", "street_states", "untouched", "values_at"]


def untouched(city: City) -> gpd.GeoDataFrame:
    """Return the buildings table of a city to which nothing happened."""
    n = len(city.buildings)
    return gpd.GeoDataFrame(
        {
            "building_id": city.buildings["building_id"].to_numpy(),
            "grade_physical": np.zeros(n, int),
            "grade_visible": np.zeros(n, int),
            "intensity": np.zeros(n),
            "cause": ["none"] * n,
            "depth": np.zeros(n),
            "failure": ["intact"] * n,
            "lost": np.zeros(n),
            "rubble": np.zeros(n),
            "side": np.zeros(n),
            "sink": np.ones(n),
            "tarp": np.zeros(n, int),
        },
        geometry=city.buildings.geometry.to_numpy(),
        crs=city.buildings.crs,
    )


def values_at(city: City, field: np.ndarray) -> np.ndarray:
    """Sample a field (y, x) of the terrain grid at each building's inner point."""
    points = city.buildings.geometry.representative_point()
    inverse = ~city.dtm.box.affine
    columns, rows = inverse @ (points.x.to_numpy(), points.y.to_numpy())
    ny, nx = field.shape
    return np.asarray(
        field[np.clip(rows.astype(int), 0, ny - 1), np.clip(columns.astype(int), 0, nx - 1)]
    )


def fail(
    rng: np.random.Generator,
    table: gpd.GeoDataFrame,
    heights: np.ndarray,
    ways: dict[int, list[str]],
) -> None:
    """Choose how each building fails from its physical grade, and by how much (in place).

    Args:
        rng: source of randomness.
        table: buildings with `grade_physical`.
        heights: (n,) metres.
        ways: grade D3..D5 -> failures to draw from.
    """
    grade = table["grade_physical"].to_numpy()
    n = len(table)
    failure = np.array(["intact"] * n, dtype=object)
    lost, sink = np.zeros(n), np.ones(n)
    spans = {3: (0.06, 0.26), 4: (0.32, 0.62), 5: (0.9, 1.0)}
    for g, names in ways.items():
        rows = np.flatnonzero(grade == g)
        failure[rows] = rng.choice(names, len(rows))
        lost[rows] = rng.uniform(*spans[g], len(rows))
    collapsed = np.isin(failure, ["collapse"])
    lost[collapsed & (rng.random(n) < 0.75)] = 1.2  # nothing stands
    rubble = np.where(
        collapsed, np.clip(heights * 0.28, 0.7, 4.5), np.clip(heights * 0.3, 0.6, 3.0)
    )
    lost[failure == "open"] = 1.2  # no roof is left, most walls are
    flat = failure == "pancake"
    sink[flat] = rng.uniform(0.2, 0.55, int(flat.sum()))
    tarped = (failure == "cover") & (rng.random(n) < 0.22)
    table["failure"], table["lost"], table["sink"] = failure, lost, sink
    table["rubble"] = rubble * (grade >= 3)
    table["side"] = rng.uniform(0, 360, n)
    table["tarp"] = tarped.astype(int)


def debris_field(
    city: City, table: gpd.GeoDataFrame, reach_m: float, along: float | None = None
) -> np.ndarray:
    """Spread debris (y, x) 0..1 around buildings by what they lost.

    Args:
        city: the city.
        table: struck buildings (`lost`, `failure`).
        reach_m: distance over which debris thins out, metres.
        along: direction of throw in degrees from east, or None for all around.
    """
    weight = np.zeros(int(table["building_id"].to_numpy().max(initial=0)) + 1)
    throws = ~table["failure"].isin(["intact", "swept"]).to_numpy()
    weight[table["building_id"]] = np.clip(table["lost"], 0, 1) * throws
    source = weight[ids_on(city)]
    sigma = reach_m / 2 / abs(city.dtm.box.affine.a)
    spread = ndimage.gaussian_filter(source, sigma) * 1.35
    if along is not None:
        step = 3 * sigma * np.array([-np.sin(np.radians(along)), np.cos(np.radians(along))])
        spread = np.maximum(spread, 0.8 * ndimage.shift(spread, step, order=1))
    return np.asarray(np.clip(np.maximum(spread, 0.0), 0, 1), np.float32)


def street_states(city: City, debris: np.ndarray, depth: np.ndarray) -> gpd.GeoDataFrame:
    """Give each street its state: blocked where debris covers it, flooded where water stands.

    A street of which nothing lies on the terrain grid is unknown.
    """
    lines = city.streets.geometry.to_numpy()
    water, rubble, seen = (_along(city, lines, f) for f in (depth, debris, np.ones(depth.shape)))
    state = np.where(water > 0.15, "flooded", np.where(rubble > 0.45, "blocked", "passable"))
    return gpd.GeoDataFrame(
        {"state": np.where(seen > 0, state, "unknown"), "depth": water},
        geometry=lines,
        crs=city.streets.crs,
    )


def _along(city: City, lines: np.ndarray, field: np.ndarray) -> np.ndarray:
    """Largest value (n,) of a field (y, x) of the terrain grid every 2 m along lines; 0 outside."""
    if not len(lines):
        return np.empty(0)
    count = np.maximum(np.ceil(shapely.length(lines) / 2.0).astype(int), 1)
    first = np.cumsum(count) - count
    at = 2.0 * (np.arange(count.sum()) - np.repeat(first, count))
    points = shapely.line_interpolate_point(np.repeat(lines, count), at)
    columns, rows = ~city.dtm.box.affine @ shapely.get_coordinates(points).T
    ny, nx = field.shape
    inside = (rows >= 0) & (columns >= 0) & (rows < ny) & (columns < nx)
    values = np.zeros(len(at))
    values[inside] = field[rows[inside].astype(int), columns[inside].astype(int)]
    return np.asarray(np.maximum.reduceat(values, first))


def build_event(
    kind: str,
    city: City,
    parameters: dict[str, object],
    table: gpd.GeoDataFrame,
    intensity: tuple[np.ndarray, str],
    *,
    trees: tuple[np.ndarray, np.ndarray] | None = None,
    **fields: np.ndarray,
) -> Event:
    """Assemble an event from a struck table, the hazard (values, unit) and its fields."""
    zero = np.zeros(city.dtm.values.shape[1:], np.float32)
    n = len(city.trees)
    standing, scorched = trees if trees is not None else (np.ones(n), np.zeros(n))
    rasters: dict[str, Raster] = {
        name: layer(city, values, name) for name, values in fields.items()
    }
    streets = street_states(city, fields.get("debris", zero), fields.get("water_depth", zero))
    return Event(
        kind,
        city,
        parameters,
        intensity[1],
        table,
        streets,
        tree_states(city, standing, scorched),
        layer(city, intensity[0], "intensity"),
        rasters,
    )


def calm(city: City) -> Event:
    """Return the event in which nothing happens."""
    zero = np.zeros(city.dtm.values.shape[1:], np.float32)
    return Event(
        "none",
        city,
        {},
        "1",
        untouched(city),
        street_states(city, zero, zero),
        tree_states(city, np.ones(len(city.trees)), np.zeros(len(city.trees))),
        layer(city, zero, "intensity"),
        {},
    )


def visible(grade_physical: np.ndarray) -> np.ndarray:
    """Map EMS-98 D0..D5 to the visible grade 0..3."""
    return np.asarray(VISIBLE_OF_PHYSICAL[grade_physical])
