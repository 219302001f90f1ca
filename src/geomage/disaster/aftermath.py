"""What people do after a disaster: sheets on roofs, cleared streets and lots, tents.

One parameter, the hours since, decides: at one hour nothing is done, after a day streets are being
cleared and sheets laid, after a month lots lie bare and camps stand. Shares grow with time, and
each asset has one lasting draw, so what is done once stays done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geomage.disaster.vulnerability import draws
from geomage.geo import rasterise
from geomage.world import City

__all__ = ["Recovered", "cleared_share", "recovered", "tarped_share", "tents"]

_ROOM = ("lawn", "meadow", "field", "bare", "sand", "gravel")
_TENT = {"length": 6.0, "width": 4.0, "height": 2.2}
_CANVAS = ((0.62, 0.61, 0.57), (0.50, 0.52, 0.50), (0.20, 0.31, 0.48))
_PEOPLE_A_TENT = 5.0
_NARROWEST_M = 20.0  # ground that is taken for a camp; verges are narrower
_IN_CAMPS = 0.3  # of those whose home cannot be lived in


@dataclass(frozen=True)
class Recovered:
    """A struck town some time later: buildings, fields (y, x), and objects that came."""

    buildings: gpd.GeoDataFrame
    fields: dict[str, np.ndarray]
    objects: gpd.GeoDataFrame | None


def tarped_share(hours: float) -> float:
    """Share of the roofs that lost cover which lie under a sheet."""
    return float(0.35 * -np.expm1(-max(hours - 6.0, 0.0) / 72.0))


def cleared_share(hours: float) -> float:
    """Share of the ruins that were carted away: none in the first week, all within a year."""
    return float(np.clip((hours / 24 - 7) / 58, 0.0, 1.0))


def recovered(
    seed: int,
    kind: str,
    city: City,
    table: gpd.GeoDataFrame,
    fields: Mapping[str, np.ndarray],
    hours: float,
) -> Recovered:
    """Let some hours pass over a struck town; arguments are left as they are."""
    ids = table["building_id"].to_numpy()
    later = table.copy()
    bare_roof = later["failure"].isin(["cover", "partial"]).to_numpy()
    later["tarp"] = (bare_roof & (draws(seed, "tarp", ids) < tarped_share(hours))).astype(int)
    ruin = later["failure"].isin(["collapse", "pancake", "open", "gutted", "soft_storey"])
    ruin &= later["grade_physical"] == 5
    gone = ruin.to_numpy() & (draws(seed, "cleared", ids) < cleared_share(hours))
    later.loc[gone, ["failure", "rubble", "grade_visible"]] = ["cleared", 0.0, 3]
    left = dict(fields)
    for name in {"debris", "debris_height", "ash", "slide"} & {*fields}:
        lying = np.where(fields[name] > 0, _left_lying(city, later, hours), 1.0)
        left[name] = (fields[name] * lying).astype(np.float32)
    if "ash" in fields:
        left["ash"] = (left["ash"] * _left_on_roofs(seed, city, later, hours)).astype(np.float32)
    camp = kind == "earthquake" and hours >= 12
    return Recovered(later, left, tents(seed, city, table, hours) if camp else None)


def _left_lying(city: City, table: gpd.GeoDataFrame, hours: float) -> np.ndarray:
    """Share (y, x) of the debris that still lies: wide streets are cleared first, then the rest."""
    left = np.ones(city.dtm.box.shape.yx)
    streets = city.streets
    for wide, start in ((True, 8.0), (False, 36.0)):
        share = float(np.exp(-max(hours - start, 0.0) / 48.0))
        chosen = streets[(streets["width"] >= 8.0) == wide]
        if share < 1 and len(chosen):
            at = rasterise(list(chosen.geometry.buffer(chosen["width"] / 2 + 1)), city.dtm.box)
            left[at.astype(bool)] = share
    lots = table.geometry[(table["failure"] == "cleared").to_numpy()]
    if len(lots):
        left[rasterise(list(lots.buffer(8.0)), city.dtm.box).astype(bool)] = 0.0
    return left


def _left_on_roofs(seed: int, city: City, table: gpd.GeoDataFrame, hours: float) -> np.ndarray:
    """Share (y, x) of the ash that still lies on roofs: each is swept at once, in the order drawn.

    From the third day on, half of the roofs that stand within ten days (ours; on La Palma in 2021
    roofs began to be cleaned after about a month, doi 10.3389/feart.2023.1303330).
    """
    swept = -np.expm1(-max(hours - 48.0, 0.0) / 240.0 * np.log(2))
    stands = (table["grade_physical"] < 4).to_numpy()
    clean = stands & (draws(seed, "roof swept", table["building_id"].to_numpy()) < swept)
    left = np.ones(city.dtm.box.shape.yx)
    if clean.any():
        left[rasterise(list(table.geometry[clean]), city.dtm.box).astype(bool)] = 0.0
    return left


def tents(seed: int, city: City, table: gpd.GeoDataFrame, hours: float) -> gpd.GeoDataFrame | None:
    """Rows of tents on open ground for three of ten people who lost their home, or None."""
    lost = (table["grade_physical"] >= 4).to_numpy()
    people = float(city.buildings["occupants_night"].to_numpy(float)[lost].sum())
    wanted = round(_IN_CAMPS * people / _PEOPLE_A_TENT * min(hours / 72.0, 1.0))
    land = city.land[city.land["kind"].isin(_ROOM) & (city.land.area > 900)]
    if wanted < 1 or not len(land):
        return None
    verges = city.streets.geometry.buffer(city.streets["width"] / 2 + 4)
    taken = shapely.union_all([*city.buildings.geometry.buffer(6.0), *verges])
    spots: list[tuple[float, float, float]] = []
    for plot in land.loc[land.area.sort_values(ascending=False, kind="stable").index].geometry:
        spots += _rows(shapely.difference(plot.buffer(-3.0), taken))
        if len(spots) >= wanted:
            break
    spots = spots[:wanted]
    if not spots:
        return None
    x, y, angle = np.array(spots).T
    tone = draws(seed, "tent", np.arange(len(spots)))
    colour = np.array(_CANVAS)[np.digitize(tone, [0.7, 0.9])]
    return gpd.GeoDataFrame(
        pd.DataFrame(
            {"kind": "tent", "angle": angle, **_TENT}
            | dict(zip(("red", "green", "blue"), colour.T, strict=True)),
            index=range(len(spots)),
        ),
        geometry=gpd.points_from_xy(x, y),
        crs=city.land.crs,
    )


def _rows(ground: shapely.Geometry) -> list[tuple[float, float, float]]:
    """Places (x, y, degrees) of tents in rows along the longer side of a piece of ground."""
    if shapely.is_empty(ground):
        return []
    ring = shapely.get_coordinates(shapely.oriented_envelope(ground))
    sides = np.diff(ring[:3], axis=0)
    long, short = sorted(sides, key=lambda side: -float(np.hypot(*side)))
    if np.hypot(*short) < _NARROWEST_M:
        return []
    angle = float(np.degrees(np.arctan2(long[1], long[0])))
    u, v = long / np.hypot(*long), short / np.hypot(*short)
    along, across = np.arange(5, np.hypot(*long) - 4, 9.0), np.arange(4, np.hypot(*short) - 3, 8.0)
    at = ring[0] + along[:, None, None] * u + across[None, :, None] * v
    points = at.reshape(-1, 2)
    inside = shapely.contains(ground, shapely.points(points))
    return [(float(px), float(py), angle) for px, py in points[inside]]
