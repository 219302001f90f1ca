"""From what was imported to layers: the tables of a city, with their source and what was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely

from geomage.world.buildings import Building
from geomage.world.given import write_tags
from geomage.world.ground import Item
from geomage.world.surroundings import Surroundings
from geomage.world.ways import Way

__all__ = ["House", "Street", "tabulate_import"]


@dataclass(frozen=True)
class House:
    """A finished building, where it came from, and what of it was given."""

    building: Building
    source_id: str
    tags: dict[str, str]
    given: str


@dataclass(frozen=True)
class Street:
    """A way as drawn, with its line, its source and its tags."""

    way: Way
    line: shapely.LineString
    source_id: str
    tags: dict[str, str]


def tabulate_import(
    houses: Sequence[House], streets: Sequence[Street], around: Surroundings, crs: str
) -> dict[str, gpd.GeoDataFrame]:
    """Make the layers of a city; all shapes in metres of `crs`."""
    lands = sorted(around.land, key=lambda row: row[0].layer)
    return {
        "buildings": _buildings(houses, crs),
        "roofs": _roofs(houses, crs),
        "streets": _streets(streets, crs),
        "blocks": _table([b for b, _ in around.blocks], crs, use=[u for _, u in around.blocks]),
        "parcels": _table([], crs, block=np.empty(0, int)),
        "land": _table(
            [p.shape for p, _, _ in lands],
            crs,
            kind=[p.kind for p, _, _ in lands],
            layer=np.array([p.layer for p, _, _ in lands], int),
            angle=np.degrees(np.array([p.angle for p, _, _ in lands], float)),
            pitch=np.array([p.pitch for p, _, _ in lands], float),
            **_rgb([p.colour for p, _, _ in lands]),
            **_origin([(source, given) for _, source, given in lands]),
        ),
        "water": _table(
            [w.shape for w, _, _ in around.water],
            crs,
            kind=[w.kind for w, _, _ in around.water],
            **_rgb([w.colour for w, _, _ in around.water]),
            **_origin([(source, given) for _, source, given in around.water]),
        ),
        "trees": _trees(around, crs),
        "vehicles": _items(around.vehicles, crs),
        "objects": _items(around.objects, crs).assign(
            kind=[i.kind for i in around.objects], on_roof=[int(i.on_roof) for i in around.objects]
        ),
    }


def _table(shapes: Sequence[object], crs: str, **columns: object) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(dict(columns), geometry=np.array([*shapes, None], object)[:-1], crs=crs)


def _points(xy: np.ndarray) -> list[object]:
    return [shapely.Point(place) for place in xy]


def _rgb(colours: Sequence[object]) -> dict[str, np.ndarray]:
    values = np.array(list(colours), np.float64).reshape(-1, 3)
    return {"red": values[:, 0], "green": values[:, 1], "blue": values[:, 2]}


def _origin(rows: Sequence[tuple[str, str]]) -> dict[str, np.ndarray]:
    return {
        "source_id": np.array([source for source, _ in rows], object),
        "given": np.array([given for _, given in rows], object),
    }


def _buildings(houses: Sequence[House], crs: str) -> gpd.GeoDataFrame:
    found = [house.building for house in houses]
    storeys = np.array([b.storeys for b in found], float)
    whole = bool((storeys == np.round(storeys)).all())
    return _table(
        [b.footprint for b in found],
        crs,
        building_id=np.arange(1, len(found) + 1),
        use=[b.use for b in found],
        plan=[b.plan for b in found],
        storeys=storeys.astype(int) if whole else storeys,
        height=np.array([b.height for b in found], float),
        typology=[b.typology for b in found],
        material=[b.material for b in found],
        wall=np.array([b.wall for b in found], float),
        **_rgb([b.colour for b in found]),
        **_origin([(house.source_id, house.given) for house in houses]),
        tags=np.array([write_tags(house.tags) for house in houses], object),
    )


def _roofs(houses: Sequence[House], crs: str) -> gpd.GeoDataFrame:
    rows = [(i, w) for i, house in enumerate(houses, 1) for w in house.building.wings]
    wings = [w for _, w in rows]
    return _table(
        [w.shape for w in wings],
        crs,
        building_id=np.array([i for i, _ in rows], int),
        form=[w.form for w in wings],
        angle=np.degrees(np.array([w.angle for w in wings], float)),
        length=np.array([w.length for w in wings], float),
        width=np.array([w.width for w in wings], float),
        eave=np.array([w.eave for w in wings], float),
        ridge=np.array([w.ridge for w in wings], float),
        boxed=np.array([w.boxed for w in wings], int),
    )


def _streets(streets: Sequence[Street], crs: str) -> gpd.GeoDataFrame:
    return _table(
        [s.line for s in streets],
        crs,
        kind=np.array([s.way.kind for s in streets], object),
        surface=np.array([s.way.surface for s in streets], object),
        width=np.array([s.way.width for s in streets], float),
        lanes=np.array([s.tags.get("lanes", "") for s in streets], object),
        name=np.array([s.tags.get("name", "") for s in streets], object),
        **_origin([(s.source_id, s.way.given) for s in streets]),
        tags=np.array([write_tags(s.tags) for s in streets], object),
    )


def _trees(around: Surroundings, crs: str) -> gpd.GeoDataFrame:
    groups = [row for row in around.trees if len(row[0].xy)]
    xy = np.concatenate([t.xy for t, _ in groups]) if groups else np.empty((0, 2))
    names = ("radius", "height", "species", "evergreen")
    columns = {
        n: np.concatenate([getattr(t, n) for t, _ in groups]) if groups else np.empty(0)
        for n in names
    }
    colour = np.concatenate([t.colour for t, _ in groups]) if groups else np.empty((0, 3))
    origin = [row for trees, rows in groups for row in rows or [("", "")] * len(trees.xy)]
    return _table(_points(xy), crs, **columns, **_rgb(list(colour)), **_origin(origin))


def _items(items: Sequence[Item], crs: str) -> gpd.GeoDataFrame:
    xy = np.array([(i.x, i.y) for i in items], float).reshape(-1, 2)
    return _table(
        _points(xy),
        crs,
        angle=np.degrees(np.array([i.angle for i in items], float)),
        **{
            name: np.array([getattr(i, name) for i in items], float)
            for name in ("length", "width", "height")
        },
        **_rgb([i.colour for i in items]),
    )
