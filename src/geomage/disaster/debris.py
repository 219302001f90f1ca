"""Where what broke comes to lie: rubble that spills around a building, debris that wind carries."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from scipy import ndimage

from geomage.disaster.event import ids_on
from geomage.world import City

__all__ = ["BULK", "cover_of", "debris_field", "rubble_reach", "spill", "spilled_volume"]

BULK = 0.30
"""Volume of loose rubble over the volume a building enclosed, walls, floors and voids."""
_HIDING_M = 0.12  # of rubble that hides most of the ground
_SPILT = {"collapse": 0.30, "pancake": 0.35, "partial": 0.35, "soft_storey": 0.05, "open": 0.2}
"""Share of a building's rubble that comes to lie outside its footprint, by failure."""


def spilled_volume(city: City, table: gpd.GeoDataFrame) -> np.ndarray:
    """Volume (n,) of rubble outside each footprint, m3."""
    share = table["failure"].map(_SPILT).fillna(0.0).to_numpy()
    whole = city.buildings.area.to_numpy() * city.buildings["height"].to_numpy(float)
    return np.asarray(BULK * whole * share * np.clip(table["lost"].to_numpy(), 0.15, 1))


def rubble_reach(height: np.ndarray) -> np.ndarray:
    """Distance (n,) from the wall that rubble of a building reaches, metres, at least 2.

    Two thirds of the height up to 24 m, half of it from 54 to 100 m, 0.4 at 160 m: the distance
    of influence of buildings that may collapse, long side along the street, for the safety of
    roads after earthquakes (A Study of Influence Distance and Road Safety Avoidance Distance from
    Postearthquake Building Debris Accumulation, Advances in Civil Engineering 2020, 7034517,
    table 7). A limit to keep clear of rather than a mean: most of the rubble lies nearer.
    """
    share = np.interp(height, [24.0, 54.0, 100.0, 160.0], [2 / 3, 0.5, 0.5, 0.4])
    return np.asarray(np.maximum(height * share, 2.0))


def spill(city: City, table: gpd.GeoDataFrame) -> np.ndarray:
    """Height (y, x) of rubble around failed buildings, metres; no cubic metre of it is lost.

    Rubble thins out linearly from the wall to `rubble_reach`; the slope is ours. It lies on free
    ground, not on what stands; where there is none in reach, it stays on the building's own cells.
    """
    box = city.dtm.box
    gsd = abs(box.affine.a)
    ny, nx = box.shape.yx
    height = np.zeros((ny, nx))
    volume = spilled_volume(city, table)
    free = ids_on(city) == 0
    standing = ids_on(city.with_layers(buildings=city.buildings[table["failure"] == "intact"])) > 0
    reach = rubble_reach(city.buildings["height"].to_numpy(float))
    shapes = city.buildings.geometry.to_numpy()
    a = ~box.affine
    for row in np.flatnonzero(volume > 0):
        west, south, east, north = shapely.bounds(shapes[row])
        left, top = a @ (west - reach[row], north + reach[row])
        right, bottom = a @ (east + reach[row], south - reach[row])
        i0, i1 = max(int(top), 0), min(int(bottom) + 1, ny)
        j0, j1 = max(int(left), 0), min(int(right) + 1, nx)
        if i1 <= i0 or j1 <= j0:
            continue
        x, y = _centres(box, (i0, i1), (j0, j1))
        away = shapely.distance(shapely.points(x, y), shapes[row])
        shape = np.maximum(1 - away / reach[row], 0)
        weight = shape * free[i0:i1, j0:j1]
        if not weight.any():
            weight = shape * ~standing[i0:i1, j0:j1]
        total = weight.sum()
        if total > 0:
            height[i0:i1, j0:j1] += volume[row] * weight / (total * gsd**2)
    return height.astype(np.float32)


def _centres(
    box: GeoBox, rows: tuple[int, int], columns: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (y, x) of cell centres of a window."""
    at = box.affine
    x, y = np.meshgrid(np.arange(*columns) + 0.5, np.arange(*rows) + 0.5)
    return at.a * x + at.b * y + at.c, at.d * x + at.e * y + at.f


def cover_of(height: np.ndarray) -> np.ndarray:
    """Share (y, x) of the ground that rubble of a height in metres hides."""
    return np.asarray(1 - np.exp(-np.maximum(height, 0) / _HIDING_M), np.float32)


def debris_field(
    city: City, table: gpd.GeoDataFrame, reach_m: float, along: float | None = None
) -> np.ndarray:
    """Spread light debris (y, x) 0..1 around buildings by what they lost.

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
