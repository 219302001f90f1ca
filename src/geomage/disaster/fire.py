"""Fire in a town: what burns, how much of it, and what of houses and trees is left.

What happens comes from `fuel`, `spread`, `ignition` and `firefront`; this module says what it did.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy import ndimage

from geomage.disaster.damage import Struck, at_trees, build_event, fail, untouched
from geomage.disaster.debris import debris_field
from geomage.disaster.event import Event
from geomage.disaster.firefront import Town, course_of, entry_of, town_of
from geomage.disaster.fuel import FireParams, crown_heights, extinction, fuel_map
from geomage.disaster.ignition import EMISSIVE_KW_M2, FLAME_M
from geomage.disaster.smoke import smoke_field
from geomage.disaster.spread import scorch_height, severity_of_intensity
from geomage.disaster.vulnerability import draws, lognormal_grades
from geomage.world import City

__all__ = ["FireParams", "fire", "why_unburnt"]

_CROWN_BASE = 0.3  # of a tree's height; ours
_FLAMES_S = 4 * 3600.0  # a house's flames close the street before it; ours
_BURN = np.array([0, 0.05, 0.1, 0.25, 0.55, 0.95])  # severity of a house by its grade; ours
# of houses that catch fire, chance of at least D4 and of D5, fitted to the Eaton fire 2025
_LOST = np.array([0.984, 0.977])
# exposure over that which lights a house, at which half are D1 and D2 (fitted, as above), and its
# logarithmic spread (ours)
_SCORCHED = (np.array([0.8, 1.4]), 0.5)


def _grades(
    town: Town, city: City, seed: int, lit: np.ndarray, cells: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Damage states (houses,) and the heat at each, kW per metre of front.

    A house that burns is lost, but for the few that are saved early (D3, D4); one that stood near
    is scorched (D1, D2) by how near its exposure came to what lights it.

    Args:
        town: what burns.
        city: the city.
        seed: of the event.
        lit: (houses,) whether it caught fire.
        cells: (y, x) whether the ground burnt.
    """
    m = len(lit)
    ids = city.buildings["building_id"].to_numpy()
    share, heat = np.zeros(m), np.zeros(m)
    source, target, flux = town.pairs
    near = lit[source]
    np.maximum.at(share, target[near], flux[near] / 13.1)
    cell, row = town.touching
    burnt = cells.ravel()[cell]
    ratio = town.line / np.maximum(town.houses.contact[row], 1e-9)
    np.maximum.at(share, row[burnt], np.minimum(ratio[burnt], 1))
    np.maximum.at(heat, row[burnt], town.line[burnt])
    facade = (
        EMISSIVE_KW_M2 * town.houses.flaming * (city.buildings["height"].to_numpy(float) + FLAME_M)
    )
    heat = np.where(lit, np.maximum(heat, facade), heat)
    medians, beta = _SCORCHED
    scorched = (draws(seed, "scorched", ids)[:, None] < lognormal_grades(share, medians, beta)).sum(
        1
    )
    saved = draws(seed, "saved", ids)
    burnt_grade = 3 + (saved[:, None] < _LOST).sum(1)
    return np.where(lit, burnt_grade, scorched), heat


def fire(city: City, params: FireParams, seed: int = 0, *, hours: float = 24.0) -> Event:
    """Burn a town: fuel turns to ash, houses that catch fire are gutted.

    The intensity is that of the fire line, heat released per metre of front (Byram 1959), kW/m.

    Args:
        city: the town.
        params: weather, place and time of the fire.
        seed: of all that is drawn.
        hours: from the end of burning to the second picture; what burns until then only smoulders.
    """
    town = town_of(city, params, seed)
    course = course_of(town, city, params, seed)
    at = course.ground.copy()
    burnt, lit = np.isfinite(at), np.isfinite(course.houses)
    pace = np.where(course.pace > 0, course.pace, 0.3 * town.ground.rate)
    line = np.where(burnt, pace * town.ground.heat, 0.0)
    grade, heat = _grades(town, city, seed, lit, burnt)
    severity = severity_of_intensity(line, np.clip(1.1 - params.moisture / 60, 0.3, 1.0))
    inside = town.house >= 0
    row = town.house[inside]
    line[inside], at[inside] = np.where(lit, heat, 0.0)[row], course.houses[row]
    severity[inside] = (_BURN * (np.arange(6) > 2))[grade][row]
    flames = np.zeros(line.shape)
    flames[inside] = (lit * (city.buildings["height"].to_numpy(float) + FLAME_M))[row]
    table = _struck(seed, city, grade, heat)
    fields: dict[str, np.ndarray] = {
        "burn": severity.astype(np.float32),
        "debris": debris_field(city, table, reach_m=4.0) * np.float32(0.5),
        "arrival": np.where(np.isfinite(at), at, -1.0),
    }
    now = (params.hours + hours) * 3600
    if params.smoke:
        fields["smoke"] = smoke_field(now - at, inside, town.ground.gsd, params)
    struck = Struck(
        table,
        line,
        "kW/m",
        fields,
        trees=_trees(city, seed, line, flames, params.wind_speed),
        obstacles=_burning(city, course.houses, now),
        objects=_chimneys(seed, table, city),
    )
    return build_event("fire", city, _plain(params) | {"seed": seed}, struck, hours)


def _plain(params: FireParams) -> dict[str, Any]:
    """Parameters as JSON holds them."""
    place = None if params.ignition is None else [float(v) for v in params.ignition]
    return asdict(params) | {"ignition": place}


def _struck(seed: int, city: City, grade: np.ndarray, heat: np.ndarray) -> gpd.GeoDataFrame:
    """Buildings table: shells of stone and concrete stand, of timber a tenth or two of the height.

    How much (`sink`) is ours.
    """
    table = untouched(city)
    table["grade_physical"], table["intensity"] = grade, heat
    table["cause"] = np.where(grade > 0, "fire", "none")
    table["burn"] = _BURN[grade]
    ways = {3: {"cover": 1}, 4: {"gutted": 1, "partial": 1}, 5: {"gutted": 1}}
    fail(seed, table, city, ways)
    fallen = (grade == 5) & (city.buildings["typology"] == "timber").to_numpy()
    left = 0.1 + 0.12 * draws(seed, "ash", table["building_id"].to_numpy())
    table.loc[fallen, "sink"] = left[fallen]
    table.loc[fallen, "rubble"] = (left * city.buildings["height"].to_numpy(float))[fallen]
    return table


def _chimneys(seed: int, table: gpd.GeoDataFrame, city: City) -> gpd.GeoDataFrame:
    """Chimneys (boxes) that stand over the ash of two of three timber houses of 60 m2 and more."""
    ids = table["building_id"].to_numpy()
    ash = ((table["failure"] == "gutted") & (table["sink"] < 0.5)).to_numpy()
    stands = ash & (draws(seed, "chimney", ids) < 2 / 3) & (city.buildings.area > 60).to_numpy()
    tone = 0.75 + 0.5 * draws(seed, "brick", ids[stands])
    brick = np.array([0.36, 0.22, 0.17])[:, None] * tone
    size = {"length": 1.3, "width": 0.7}
    tall = np.minimum(city.buildings["height"].to_numpy(float)[stands] + 0.8, 9.0)
    rows = {"kind": "chimney", "angle": 360 * draws(seed, "turn", ids[stands]), **size}
    colour = dict(zip(("red", "green", "blue"), brick, strict=True))
    points = city.buildings.geometry[stands].representative_point().to_numpy()
    return gpd.GeoDataFrame(
        pd.DataFrame(rows | {"height": tall} | colour, index=range(int(stands.sum()))),
        geometry=points,
        crs=city.buildings.crs,
    )


def _trees(
    city: City, seed: int, line: np.ndarray, flames: np.ndarray, wind: float
) -> tuple[np.ndarray, np.ndarray]:
    """Standing and scorched (n,): the share of each crown below the scorch height.

    The hottest fire line within 4 m counts, and what flames of burning houses within 6 m reach.
    Small trees in hot fires burn down; how many is ours.

    Args:
        city: theirs.
        seed: of the event.
        line: (y, x) kW/m.
        flames: (y, x) height of the flames of houses, m.
        wind: m/s, at 10 m; near the ground .36 of that at 6.1 m, as over grass 30 cm high.
    """
    hot = at_trees(city, ndimage.maximum_filter(line, 5))
    tall = city.trees["height"].to_numpy(float)
    base = _CROWN_BASE * tall
    reach = np.where(hot > 0, scorch_height(hot, wind / 1.15 * 0.36), 0.0)
    reach = np.maximum(reach, at_trees(city, ndimage.maximum_filter(flames, 7)))
    scorched = np.clip((reach - base) / np.maximum(tall - base, 0.1), 0, 1)
    falls = np.clip(hot / 20_000, 0, 0.5) * np.clip(1.5 - tall / 12, 0.2, 1)
    ids = np.arange(len(tall))
    return (draws(seed, "tree", ids) >= falls * (scorched >= 1)).astype(float), scorched


def _burning(city: City, arrival: np.ndarray, now: float) -> gpd.GeoDataFrame:
    """Ground within 12 m of houses in flames when the second picture is taken."""
    hot = np.isfinite(arrival) & (now - arrival < _FLAMES_S)
    shapes = city.buildings.geometry[hot].buffer(12.0)
    return gpd.GeoDataFrame({"cause": ["fire"] * len(shapes)}, geometry=shapes.to_numpy())


def why_unburnt(city: City, params: FireParams) -> str:
    """Say why nothing of a city burnt."""
    fuel = fuel_map(city, crown_heights(city))
    if not fuel.any():
        return "the town holds no grass, no leaves on soft ground and no buildings"
    entry = fuel.ravel()[entry_of(fuel, abs(city.dtm.box.affine.a), params)]
    return (
        f"dead fuel of {params.moisture:g} % is too wet: what grows where the fire enters burns "
        f"below {extinction(entry):g} %"
    )
