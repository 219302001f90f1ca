"""From the drawing board to layers: one table for each kind of thing, in the CRS of the town."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import shapely
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from geomage.world.buildings import Building
from geomage.world.city import CRS, ORIGIN
from geomage.world.draft import Draft
from geomage.world.exposure import with_exposure
from geomage.world.ground import Item, Land, Water
from geomage.world.vegetation import Trees
from geomage.world.wings import Wing

__all__ = ["tabulate"]


def tabulate(draft: Draft, square: Polygon) -> dict[str, gpd.GeoDataFrame]:
    """Turn a finished draft into layers; streets and trees outside the square are left out."""
    streets = [s for s in draft.streets if s.line.intersects(square)]
    roofs = [(i, w) for i, b in enumerate(draft.buildings, 1) for w in b.wings]
    g = draft.ground
    lands: list[Land] = sorted(g.land, key=lambda p: p.layer)
    return {
        "buildings": _buildings(draft.buildings),
        "roofs": _roofs(roofs),
        "streets": _table(
            [s.line for s in streets],
            kind=[s.kind for s in streets],
            surface=[s.surface for s in streets],
            width=[s.width for s in streets],
        ),
        "blocks": _table([b for b, _ in draft.blocks], use=[u for _, u in draft.blocks]),
        "parcels": _table([p for p, _ in draft.parcels], block=[i for _, i in draft.parcels]),
        "land": _table(
            [p.shape for p in lands],
            kind=[p.kind for p in lands],
            layer=[p.layer for p in lands],
            angle=np.degrees([p.angle for p in lands]),
            pitch=[float(p.pitch) for p in lands],
            **_rgb([p.colour for p in lands]),
        ),
        "water": _waters(g.water),
        "trees": _trees(
            g.trees, square, [*draft.clearings, *(b.footprint for b in draft.buildings)]
        ),
        "vehicles": _items(g.cars, with_kind=False),
        "objects": _items(g.objects, with_kind=True),
    }


def _table(shapes: Sequence[BaseGeometry] | np.ndarray, **columns: object) -> gpd.GeoDataFrame:
    moved = shapely.transform(np.array(shapes, object), lambda xy: xy + ORIGIN)
    return gpd.GeoDataFrame(dict(columns), geometry=list(moved), crs=CRS)


def _rgb(colours: list[np.ndarray]) -> dict[str, np.ndarray]:
    values = np.array(colours, np.float64).reshape(-1, 3)
    return {"red": values[:, 0], "green": values[:, 1], "blue": values[:, 2]}


def _buildings(found: list[Building]) -> gpd.GeoDataFrame:
    table = _table(
        [b.footprint for b in found],
        building_id=np.arange(1, len(found) + 1),
        use=[b.use for b in found],
        plan=[b.plan for b in found],
        storeys=[b.storeys for b in found],
        height=[b.height for b in found],
        typology=[b.typology for b in found],
        material=[b.material for b in found],
        wall=[b.wall for b in found],
        **_rgb([np.array(b.colour) for b in found]),
    )
    return with_exposure(table)


def _roofs(roofs: list[tuple[int, Wing]]) -> gpd.GeoDataFrame:
    wings = [w for _, w in roofs]
    return _table(
        [w.shape for w in wings],
        building_id=[i for i, _ in roofs],
        form=[w.form for w in wings],
        angle=np.degrees([w.angle for w in wings]),
        length=[float(w.length) for w in wings],
        width=[float(w.width) for w in wings],
        eave=[float(w.eave) for w in wings],
        ridge=[float(w.ridge) for w in wings],
        boxed=[int(w.boxed) for w in wings],
    )


def _waters(found: list[Water]) -> gpd.GeoDataFrame:
    return _table(
        [w.shape for w in found], kind=[w.kind for w in found], **_rgb([w.colour for w in found])
    )


def _trees(groups: list[Trees], square: Polygon, clearings: list[Polygon]) -> gpd.GeoDataFrame:
    kept = [t for t in groups if len(t.xy)]
    xy = np.concatenate([t.xy for t in kept]) if kept else np.empty((0, 2))
    names = ("radius", "height", "species", "evergreen")
    columns = {
        n: np.concatenate([getattr(t, n) for t in kept]) if kept else np.empty(0) for n in names
    }
    colour = np.concatenate([t.colour for t in kept]) if kept else np.empty((0, 3))
    inside = shapely.contains_xy(square, xy) if len(xy) else np.zeros(0, bool)
    if clearings and len(xy):  # lone yards, and the ground under every building
        tree = shapely.STRtree(clearings)
        inside[tree.query(shapely.points(xy), "within")[0]] = False
    columns = {n: v[inside] for n, v in columns.items()} | _rgb(list(colour[inside]))
    return _table(np.asarray(shapely.points(xy[inside])), **columns)


def _items(items: list[Item], *, with_kind: bool) -> gpd.GeoDataFrame:
    extra = (
        {"kind": [i.kind for i in items], "on_roof": [int(i.on_roof) for i in items]}
        if with_kind
        else {}
    )
    return _table(
        np.asarray(shapely.points(np.array([(i.x, i.y) for i in items]).reshape(-1, 2))),
        angle=np.degrees([i.angle for i in items]),
        length=[float(i.length) for i in items],
        width=[float(i.width) for i in items],
        height=[float(i.height) for i in items],
        **extra,
        **_rgb([i.colour for i in items]),
    )
