"""From the drawing board to layers: one table for each kind of thing, in the CRS of the town."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import shapely
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from geomage.world.buildings import Building
from geomage.world.draft import Draft
from geomage.world.exposure import with_exposure
from geomage.world.ground import Item, Land, Water
from geomage.world.site import Site
from geomage.world.streets import Street
from geomage.world.vegetation import Trees
from geomage.world.wings import Wing

__all__ = ["street_table", "tabulate"]


def tabulate(
    draft: Draft, square: Polygon, window: Polygon, site: Site
) -> dict[str, gpd.GeoDataFrame]:
    """Turn a finished draft into layers.

    Args:
        draft: what was grown, local metres.
        square: the town: buildings that cross its border are left out, parcels and blocks are cut.
        window: the part that is wanted. What has an inner point in it belongs to it; land and water
            are cut at its border. Streets are taken as they are.
        site: where the town stands.
    """
    built = _inside(draft.buildings, square, window)
    roofs = [(i, w) for i, b in enumerate(built, 1) for w in b.wings]
    g = draft.ground
    blocks, parcels = _lots(draft, square, window)
    trees = _trees(g.trees, window, [*draft.clearings, *(b.footprint for b in draft.buildings)])
    tables = {
        "buildings": _buildings(built),
        "roofs": _roofs(roofs),
        "streets": _streets(draft.streets),
        "blocks": blocks,
        "parcels": parcels,
        "land": _lands(sorted(g.land, key=lambda p: p.layer), window),
        "water": _waters(g.water, window),
        "trees": trees,
        "vehicles": _items(g.cars, window, with_kind=False),
        "objects": _items(_standing(g.objects, draft.buildings, square), window, with_kind=True),
    }
    placed = {name: _placed(table, site) for name, table in tables.items()}
    return placed | {"buildings": with_exposure(placed["buildings"])}


def _owned(shapes: np.ndarray, window: Polygon) -> np.ndarray:
    """Which shapes (n,) bool have their inner point in a window, west and south border included."""
    if not len(shapes):
        return np.zeros(0, bool)
    x, y = shapely.get_coordinates(shapely.point_on_surface(shapes)).T
    return _holds(window, x, y)


def _holds(window: Polygon, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x0, y0, x1, y1 = window.bounds
    return np.asarray((x >= x0) & (x < x1) & (y >= y0) & (y < y1))


def _inside(found: list[Building], square: Polygon, window: Polygon) -> list[Building]:
    shapes = np.array([b.footprint for b in found], object)
    shapely.prepare(square)
    keep = shapely.within(shapes, square) & _owned(shapes, window) if found else []
    return [b for b, k in zip(found, keep, strict=True) if k]


def _standing(items: list[Item], found: list[Building], square: Polygon) -> list[Item]:
    """Leave out what stands on a roof that the border of the town cuts."""
    shapes = np.array([b.footprint for b in found], object)
    if not len(shapes) or not items:
        return items
    gone = shapes[~shapely.within(shapes, square)]
    if not len(gone):
        return items
    at = shapely.points([(i.x, i.y) for i in items])
    over = np.zeros(len(items), bool)
    over[shapely.STRtree(gone).query(at, "intersects")[0]] = True
    return [i for i, lost in zip(items, over, strict=True) if not (lost and i.on_roof)]


def street_table(streets: list[Street], site: Site) -> gpd.GeoDataFrame:
    """Turn streets in local metres into a layer."""
    return _placed(_streets(streets), site)


def _streets(streets: list[Street]) -> gpd.GeoDataFrame:
    return _table(
        [s.line for s in streets],
        kind=[s.kind for s in streets],
        surface=[s.surface for s in streets],
        width=[s.width for s in streets],
    )


def _lots(
    draft: Draft, square: Polygon, window: Polygon
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Blocks and parcels, cut at the border of the town; `block` of a parcel is a row of blocks.

    A parcel goes where its block goes.
    """
    blocks, row = _pieces(np.array([b for b, _ in draft.blocks], object), square)
    parcels, at = _pieces(np.array([p for p, _ in draft.parcels], object), square)
    of = np.array([i for _, i in draft.parcels], int)[at]
    piece = np.searchsorted(row, of)
    for k in np.flatnonzero(np.bincount(row, minlength=len(draft.blocks))[of] > 1):
        rows = np.flatnonzero(row == of[k])  # the border cut the block in several
        inner = shapely.point_on_surface(parcels[k])
        piece[k] = rows[int(np.argmin(shapely.distance(blocks[rows], inner)))]
    mine = _owned(blocks, window)
    kept = mine[piece] if len(piece) else np.zeros(0, bool)
    uses = [draft.blocks[i][1] for i in row[mine]]
    number = np.cumsum(mine) - 1
    return _table(blocks[mine], use=uses), _table(parcels[kept], block=number[piece[kept]])


def _clipped(shapes: np.ndarray, window: Polygon) -> np.ndarray:
    """Cut what crosses the border of a window."""
    shapely.prepare(window)
    out, crossing = shapes.copy(), ~shapely.within(shapes, window)
    out[crossing] = shapely.intersection(shapes[crossing], window)
    return out


def _pieces(shapes: np.ndarray, window: Polygon) -> tuple[np.ndarray, np.ndarray]:
    """Polygons inside a window, and the row of the shape each comes from."""
    if not len(shapes):
        return shapes, np.zeros(0, int)
    parts, of = shapely.get_parts(_clipped(shapes, window), return_index=True)
    solid = (shapely.get_type_id(parts) == 3) & (shapely.area(parts) > 1e-6)
    return parts[solid], of[solid]


def _lands(lands: list[Land], window: Polygon) -> gpd.GeoDataFrame:
    shapes, of = _pieces(np.array([p.shape for p in lands], object), window)
    rows = [lands[i] for i in of]
    return _table(
        shapes,
        kind=[p.kind for p in rows],
        layer=[p.layer for p in rows],
        angle=np.degrees([p.angle for p in rows]),
        pitch=[float(p.pitch) for p in rows],
        **_rgb([p.colour for p in rows]),
    )


def _table(shapes: Sequence[BaseGeometry] | np.ndarray, **columns: object) -> gpd.GeoDataFrame:
    """A table in local metres."""
    return gpd.GeoDataFrame(dict(columns), geometry=list(shapes))


def _placed(table: gpd.GeoDataFrame, site: Site) -> gpd.GeoDataFrame:
    """A table moved from local metres to where the town stands."""
    moved = shapely.transform(table.geometry.to_numpy(), lambda xy: xy + site.origin)
    bent = ~shapely.is_valid(moved)  # vertices that rounding far from the origin laid on each other
    if bent.any():
        moved[bent] = shapely.buffer(moved[bent], 0)
    return table.set_geometry(gpd.GeoSeries(moved, table.index, crs=site.crs))


def _rgb(colours: list[np.ndarray]) -> dict[str, np.ndarray]:
    values = np.array(colours, np.float64).reshape(-1, 3)
    return {"red": values[:, 0], "green": values[:, 1], "blue": values[:, 2]}


def _buildings(found: list[Building]) -> gpd.GeoDataFrame:
    return _table(
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
        source_id=np.full(len(found), "", object),
        given=np.full(len(found), "", object),
    )


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


def _waters(found: list[Water], window: Polygon) -> gpd.GeoDataFrame:
    shapes, of = _pieces(np.array([w.shape for w in found], object), window)
    rows = [found[i] for i in of]
    return _table(shapes, kind=[w.kind for w in rows], **_rgb([w.colour for w in rows]))


def _trees(groups: list[Trees], window: Polygon, clearings: list[Polygon]) -> gpd.GeoDataFrame:
    kept = [t for t in groups if len(t.xy)]
    xy = np.concatenate([t.xy for t in kept]) if kept else np.empty((0, 2))
    names = ("radius", "height", "species", "evergreen")
    columns = {
        n: np.concatenate([getattr(t, n) for t in kept]) if kept else np.empty(0) for n in names
    }
    colour = np.concatenate([t.colour for t in kept]) if kept else np.empty((0, 3))
    inside = _holds(window, *xy.T)
    if clearings and len(xy):  # lone yards, and the ground under every building
        tree = shapely.STRtree(clearings)
        inside[tree.query(shapely.points(xy), "within")[0]] = False
    columns = {n: v[inside] for n, v in columns.items()} | _rgb(list(colour[inside]))
    return _table(np.asarray(shapely.points(xy[inside])), **columns)


def _items(items: list[Item], window: Polygon, *, with_kind: bool) -> gpd.GeoDataFrame:
    keep = _holds(window, np.array([i.x for i in items]), np.array([i.y for i in items]))
    items = [i for i, k in zip(items, keep, strict=True) if k]
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
