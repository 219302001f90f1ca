"""From damage states to what fails: how each building breaks, and the event that comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
from scipy import ndimage

from geomage.disaster.aftermath import recovered
from geomage.disaster.debris import cover_of
from geomage.disaster.event import (
    VISIBLE_OF_PHYSICAL,
    Event,
    ids_on,
    layer,
    no_objects,
    tree_states,
)
from geomage.disaster.roads import bridge_states, street_states
from geomage.disaster.vulnerability import draws
from geomage.geo import Raster
from geomage.world import City

__all__ = [
    "SHOWS",
    "Struck",
    "at_trees",
    "build_event",
    "calm",
    "fail",
    "means_around",
    "most_around",
    "untouched",
    "values_at",
]

SHOWS: Mapping[str, int] = {
    "intact": 0, "cracked": 0, "cover": 1, "partial": 2, "soft_storey": 2, "collapse": 3,
    "gutted": 3, "swept": 3, "pancake": 3, "open": 3, "cleared": 3,
}  # fmt: skip
"""The worst visible grade that each failure can show from above."""
_LOST = {3: (0.06, 0.26), 4: (0.32, 0.62), 5: (0.9, 1.0)}  # share of the roof, by grade
_STOREY_M = 2.9


def untouched(city: City) -> gpd.GeoDataFrame:
    """Return the buildings table of a city to which nothing happened."""
    n = len(city.buildings)
    zero = dict.fromkeys(("intensity", "depth", "velocity", "burn", "debris"), np.zeros(n))
    return gpd.GeoDataFrame(
        {
            "building_id": city.buildings["building_id"].to_numpy(),
            "grade_physical": np.zeros(n, int),
            "grade_visible": np.zeros(n, int),
            **zero,
            "cause": ["none"] * n,
            "failure": ["intact"] * n,
            "lost": np.zeros(n),
            "rubble": np.zeros(n),
            "side": np.zeros(n),
            "sink": np.ones(n),
            "lean": np.zeros(n),
            "tarp": np.zeros(n, int),
        },
        geometry=city.buildings.geometry.to_numpy(),
        crs=city.buildings.crs,
    )


def values_at(city: City, field: np.ndarray) -> np.ndarray:
    """Sample a field (y, x) of the terrain grid at each building's inner point."""
    return _at_points(city, field, city.buildings.geometry.representative_point())


def at_trees(city: City, field: np.ndarray) -> np.ndarray:
    """Sample a field (y, x) of the terrain grid at each tree."""
    return _at_points(city, field, city.trees.geometry)


def _at_points(city: City, field: np.ndarray, points: gpd.GeoSeries) -> np.ndarray:
    columns, rows = ~city.dtm.box.affine @ (points.x.to_numpy(), points.y.to_numpy())
    ny, nx = field.shape
    return np.asarray(
        field[np.clip(rows.astype(int), 0, ny - 1), np.clip(columns.astype(int), 0, nx - 1)]
    )


def fail(
    seed: int,
    table: gpd.GeoDataFrame,
    city: City,
    ways: Mapping[int, Mapping[str, float]],
    among: np.ndarray | None = None,
) -> None:
    """Choose how each building fails from its physical grade, and what of that is seen (in place).

    Sets failure, lost, rubble, side, sink, lean and grade_visible: the grade of the joint damage
    scale, lowered where the failure hides from above.

    Args:
        seed: of the event.
        table: buildings with `grade_physical`.
        city: theirs.
        ways: grade D3..D5 -> failure: weight. Grades that are left out stay intact.
        among: (n,) bool, buildings to choose for, those of one typology; the others are left as
            they are. None chooses for all.
    """
    grade = table["grade_physical"].to_numpy()
    ids = table["building_id"].to_numpy()
    height = city.buildings["height"].to_numpy(float)
    here = np.ones(len(table), bool) if among is None else among
    failure = np.where(here, "intact", table["failure"].to_numpy(object)).astype(object)
    lost = np.where(here, 0.0, table["lost"].to_numpy(float))
    sink, lean = np.ones(len(table)), np.zeros(len(table))
    which, much, more = (draws(seed, p, ids) for p in ("failure", "lost", "heap"))
    for g, weights in ways.items():
        rows = np.flatnonzero((grade == g) & here)
        ends = np.cumsum(list(weights.values())) / sum(weights.values())
        names = np.array(list(weights), dtype=object)
        failure[rows] = names[np.searchsorted(ends, which[rows], "right").clip(0, len(names) - 1)]
        least, most = _LOST[g]
        lost[rows] = least + (most - least) * much[rows]
    whole = np.isin(failure, ["intact", "cracked", "soft_storey"])
    lost[whole] = 0
    fallen = failure == "collapse"
    lost[(fallen & (more < 0.75)) | (failure == "open")] = 1.2  # nothing of the roof stands
    rubble = np.where(fallen, np.clip(height * 0.28, 0.7, 4.5), np.clip(height * 0.3, 0.6, 3.0))
    flat, soft = failure == "pancake", failure == "soft_storey"
    sink[flat] = 0.2 + 0.35 * more[flat]
    lost[flat] = 0.1 + 0.4 * much[flat]  # most of the top slab lies whole
    share = _STOREY_M / np.maximum(height, _STOREY_M)
    sink[soft] = np.clip(1 - share[soft] * (0.75 + 0.25 * more[soft]), 0.2, 1)
    lean[soft] = _STOREY_M * (0.2 + 0.6 * much[soft])
    table["failure"], table["lost"], table["sink"], table["lean"] = failure, lost, sink, lean
    table["rubble"] = rubble * ((grade >= 3) & ~whole)
    table["side"] = 360 * draws(seed, "side", ids) * (failure != "intact")
    shown = np.array([SHOWS[name] for name in failure], int)
    table["grade_visible"] = np.minimum(VISIBLE_OF_PHYSICAL[grade], shown)


@dataclass(frozen=True)
class Struck:
    """What a hazard did to a city, before anyone did anything about it.

    buildings: as `fail` left them.
    intensity: (y, x) on the terrain grid, in `unit`.
    fields: (y, x) on the terrain grid, of `FIELDS`.
    trees: standing and scorched (n,) 0..1; None when all stand unharmed.
    falls: where the top of each tree that lies points (n,), degrees clockwise from north, -1 for
        others; None when none lies.
    bridge_grades: (n,) D0..D5 of what `bridges` of the city lists; None when none was harmed.
    obstacles: shapes that block a street, with `cause` of `BLOCKS`, such as fallen trees.
    objects: what lies about, with the columns of the city's objects.
    """

    buildings: gpd.GeoDataFrame
    intensity: np.ndarray
    unit: str
    fields: Mapping[str, np.ndarray] = field(default_factory=dict)
    trees: tuple[np.ndarray, np.ndarray] | None = None
    falls: np.ndarray | None = None
    bridge_grades: np.ndarray | None = None
    obstacles: gpd.GeoDataFrame | None = None
    objects: gpd.GeoDataFrame | None = None


def build_event(
    kind: str, city: City, parameters: Mapping[str, Any], struck: Struck, hours: float
) -> Event:
    """Assemble an event as it looks some hours later: people cover roofs, clear lots and streets.

    Args:
        kind: of hazard.
        city: what was struck.
        parameters: of the hazard, with `seed`.
        struck: what the hazard did.
        hours: from the event to the second picture.
    """
    seed = int(parameters["seed"])
    fields = dict(struck.fields)
    if "debris_height" in fields:
        fields["debris"] = np.maximum(fields.get("debris", 0.0), cover_of(fields["debris_height"]))
    later = recovered(seed, kind, city, struck.buildings, fields, hours)
    bridges = bridge_states(city, struck.bridge_grades, later.fields.get("water_depth"))
    streets = street_states(city, later.fields, bridges, struck.obstacles)
    n = len(city.trees)
    standing, scorched = struck.trees or (np.ones(n), np.zeros(n))
    things = [t for t in (struck.objects, later.objects) if t is not None and len(t)]
    if "debris_height" in later.fields:
        later.buildings["debris"] = most_around(city, later.fields["debris_height"])
    return Event(
        kind,
        city,
        {**parameters, "hours": hours},
        struck.unit,
        later.buildings,
        streets,
        bridges,
        tree_states(city, standing, scorched, struck.falls),
        no_objects(city, *things),
        layer(city, struck.intensity, "intensity"),
        _rasters(city, later.fields),
        float(hours),
    )


def means_around(city: City, field: np.ndarray) -> np.ndarray:
    """Mean (n,) of a field (y, x) over each footprint and a cell around it."""
    return _near(city, field, ndimage.mean)


def most_around(city: City, field: np.ndarray) -> np.ndarray:
    """Greatest value (n,) of a field (y, x) over each footprint and a cell around it."""
    return _near(city, field, ndimage.maximum)


def _near(city: City, field: np.ndarray, measure: Callable[..., np.ndarray]) -> np.ndarray:
    ids = ids_on(city)
    ids = np.where(ids > 0, ids, ndimage.grey_dilation(ids, 3))
    labels = city.buildings["building_id"].to_numpy()
    with np.errstate(invalid="ignore"):  # the mean of no cell: a building outside the terrain
        return np.asarray(np.nan_to_num(np.asarray(measure(field, ids, labels), float)))


def _rasters(city: City, fields: Mapping[str, np.ndarray]) -> dict[str, Raster]:
    return {name: layer(city, values, name) for name, values in fields.items()}


def calm(city: City) -> Event:
    """Return the event in which nothing happens."""
    zero = np.zeros(city.dtm.values.shape[1:], np.float32)
    event = build_event("none", city, {"seed": 0}, Struck(untouched(city), zero, "1"), 0.0)
    return Event(**{**vars(event), "parameters": {}})
