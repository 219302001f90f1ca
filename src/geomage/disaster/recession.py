"""What is left of a flood some hours after its peak: falling water, mud, wet ground, flotsam.

The surface falls everywhere alike, by 1 - exp(-t / tau) of the greatest depth, so that edges dry
first. What lies in closed hollows below their sill cannot run off: it seeps. The times, the rate of
seeping, and how much mud and flotsam stay are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy import ndimage

from geomage.disaster.drainage import fill_hollows
from geomage.disaster.event import ids_on
from geomage.disaster.inundation import Peak, permanent_water
from geomage.disaster.vulnerability import draws
from geomage.world import City

__all__ = ["Recession", "flotsam", "recede"]

_TAU_H = {
    "level": 120.0, "hand": 60.0, "river": 36.0, "rain": 12.0, "dam": 4.0, "surge": 12.0,
    "tsunami": 1.5,
}  # fmt: skip
_SEEP_M_H = 0.005
_DRIES_H = 48.0  # until ground that was under water looks dry
_DRY_M = 0.01
_MANY = {True: 0.02, False: 0.0015}  # pieces a cell of 2 m, beside something that holds them or not
_WOOD = ((0.16, 0.115, 0.075), (0.26, 0.21, 0.15), (0.42, 0.37, 0.30))


@dataclass(frozen=True)
class Recession:
    """Fields (y, x) float32: depth m; mud, wet and foam 0..1."""

    depth: np.ndarray
    mud: np.ndarray
    wet: np.ndarray
    foam: np.ndarray


def recede(city: City, peak: Peak, source: str, hours: float) -> Recession:
    """Let the water fall for some hours."""
    most, tau = float(peak.deepest.max(initial=0.0)), _TAU_H[source]
    fallen = most * -np.expm1(-hours / tau)
    z = city.dtm.values[0].astype(np.float64)  # noqa: PD011 -- a raster
    hollow = fill_hollows(z, permanent_water(city)) - z
    pond = np.minimum(peak.deepest, hollow) - _SEEP_M_H * hours
    depth = np.maximum(peak.deepest - fallen, np.maximum(pond, 0.0))
    depth = np.where((depth > _DRY_M) | (hours == 0), depth, 0.0)
    left = (peak.deepest > 0) & (depth <= 0) & ~permanent_water(city)
    calm = 1 - 0.5 * np.clip(peak.fastest / 1.5, 0, 1)  # fast water leaves less behind
    mud = np.where(left, np.clip(0.25 + peak.deepest / 3, 0, 0.9) * calm, 0)
    gone = np.clip((peak.deepest - _DRY_M) / max(most, 1e-9), 0, 0.999)
    since = hours + tau * np.log1p(-gone)  # hours since the water left
    wet = np.where(left, np.clip(1 - np.maximum(since, 0) / _DRIES_H, 0, 1), 0)
    froude = peak.fastest / np.sqrt(9.81 * np.maximum(peak.deepest, 0.05))
    foam = np.clip((froude - 0.35) / 0.5, 0, 1) * np.clip((peak.fastest - 0.5) / 1.5, 0, 1)
    foam = np.where(depth > 0, foam * np.exp(-hours / 1.0), 0)
    return Recession(*(f.astype(np.float32) for f in (depth, mud, wet, foam)))


def flotsam(seed: int, city: City, peak: Peak) -> gpd.GeoDataFrame:
    """Logs and boards that came to rest, most of them beside what stands in the water.

    Each cell of the terrain draws for itself, so water at one end of a town moves nothing at the
    other.
    """
    held = ndimage.binary_dilation(ids_on(city) > 0, iterations=2) & (ids_on(city) == 0)
    many = np.where(held, _MANY[True], _MANY[False]) * np.clip(0.15 + peak.fastest / 1.5, 0, 1.5)
    many = many * (peak.deepest > 0.3) * (abs(city.dtm.box.affine.a) / 2) ** 2
    cells = np.arange(many.size)
    at = np.flatnonzero(draws(seed, "flotsam", cells) < many.ravel())
    u = [draws(seed, f"flotsam {name}", at) for name in ("x", "y", "angle", "length", "kind")]
    rows, columns = np.unravel_index(at, many.shape)
    x, y = city.dtm.box.affine @ (columns + u[0], rows + u[1])
    log = u[4] < 0.6
    colour = np.array(_WOOD)[np.digitize(u[4], [0.6, 0.85])]
    table = pd.DataFrame(
        {
            "kind": "flotsam",
            "angle": 180 * u[2],
            "length": np.where(log, 2.0 + 4.0 * u[3], 1.0 + 2.0 * u[3]),
            "width": np.where(log, 0.3 + 0.3 * u[3], 0.3 + 0.9 * u[3]),
            "height": np.where(log, 0.35, 0.15) + np.zeros(len(at)),
        }
        | dict(zip(("red", "green", "blue"), colour.T, strict=True))
    )
    return gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(x, y), crs=city.dtm.box.crs)
