"""Grow a town: streets, blocks, parcels, buildings, and all that lies around them."""

from __future__ import annotations

import numpy as np
import shapely
from affine import Affine
from odc.geo import wh_
from odc.geo.geobox import GeoBox
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from geomage.world.blocks import fill
from geomage.world.city import DTM_GSD, City, CityParams
from geomage.world.districts import seeded
from geomage.world.draft import Draft
from geomage.world.graph import joined
from geomage.world.ground import Water, vehicle
from geomage.world.site import Site
from geomage.world.streets import Street
from geomage.world.tables import tabulate
from geomage.world.terrain import Heights, grow_terrain
from geomage.world.town import BLOCK, FURNITURE, Quarter, Town, arterials, plan_quarter, plan_town
from geomage.world.vegetation import rows_along

__all__ = ["APART", "grow_city", "grow_tile", "streets_around"]

STEEPEST_SHORE_M = 1.0  # between the lowest and the highest point of the shore of a pond or pool
APART = ("rail", "motorway")  # kinds of streets that local traffic does not reach


def grow_city(params: CityParams) -> City:
    """Grow a town from its parameters; the same parameters give the same town.

    Every layer is in metres of the CRS of `params.site`, the square's south-west corner at its
    origin: EPSG:32631, (500000, 5400000), where no real terrain was asked for.
    """
    return grow_tile(params, shapely.box(0, 0, params.size_m, params.size_m))


def grow_tile(params: CityParams, window: Polygon) -> City:
    """Grow what a window of a town shows, exactly as it is in the whole town.

    Buildings, parcels, blocks, trees, vehicles and objects belong to the window that holds their
    inner point; land and water are cut at its border.

    Args:
        params: the whole town.
        window: an upright rectangle in local metres (0..size), on multiples of 2 m.
    """
    town = plan_town(params)
    quarters = [plan_quarter(town, d) for d in town.skeleton.touching(window)]
    draft = Draft()
    _lay_ground(draft, town, quarters)
    for quarter in quarters:
        _build(draft, town, quarter, window)
    _lay_streets(draft, town, quarters, window)
    if params.site.dtm is not None:
        draft.ground.water = [w for w in draft.ground.water if _level(w, town.relief)]
    ponds = [w.shape for w in draft.ground.water if w.kind == "pond"]
    dtm = grow_terrain(town.relief, _box(window, params.site), ponds, params.site)
    square = shapely.box(0, 0, params.size_m, params.size_m)
    draft.streets = _kept(draft.streets, square, window)
    return City(params, dtm, **tabulate(draft, square, window, params.site))


def _level(water: Water, ground: Heights) -> bool:
    """Whether the shore of a made-up water is level enough for it to lie on real terrain."""
    shore = shapely.get_coordinates(shapely.segmentize(water.shape.exterior, 2.0))
    return bool(np.ptp(ground.heights(shore)) <= STEEPEST_SHORE_M)


def streets_around(params: CityParams, where: BaseGeometry) -> list[Street]:
    """All streets of the districts that touch a place, in local metres."""
    town = plan_town(params)
    quarters = [plan_quarter(town, d) for d in town.skeleton.touching(where)]
    own = [s for b in town.barriers for s in b.own]
    return [*(s for q in quarters for s in q.network.streets), *arterials(town, quarters), *own]


def _kept(streets: list[Street], square: Polygon, window: Polygon) -> list[Street]:
    """Streets of a window: by their middle; of a whole town all that touch it, as one network.

    Ways outside the town that alone join two parts of its network are kept, too.
    """
    if not streets:
        return []
    lines = np.array([s.line for s in streets], object)
    if square.equals(window):
        keep = shapely.intersects(lines, square)
        common = np.array([s.kind not in APART for s in streets])
        keep[common] = joined(lines[common], keep[common])
    else:
        x0, y0, x1, y1 = window.bounds
        middle = shapely.line_interpolate_point(lines, 0.5, normalized=True)
        x, y = shapely.get_coordinates(middle).T
        keep = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
    return [s for s, k in zip(streets, keep, strict=True) if k]


def _box(window: Polygon, site: Site) -> GeoBox:
    (x0, y0, x1, y1), (east, north) = window.bounds, site.origin
    nx, ny = max(1, round((x1 - x0) / DTM_GSD)), max(1, round((y1 - y0) / DTM_GSD))
    affine = Affine(DTM_GSD, 0, east + x0, 0, -DTM_GSD, north + y0 + ny * DTM_GSD)
    return GeoBox(wh_(nx, ny), affine, site.crs)


def _lay_ground(draft: Draft, town: Town, quarters: list[Quarter]) -> None:
    """Lay what crosses the town, and the verges of every district."""
    for barrier in town.barriers:
        draft.ground.land += barrier.land
        draft.ground.water += barrier.waters
        draft.ground.trees += barrier.trees
        draft.ground.objects += barrier.boats
    for quarter in quarters:
        draft.ground.land += quarter.verge


def _build(draft: Draft, town: Town, quarter: Quarter, window: Polygon) -> None:
    """Fill the blocks of a district that touch the window."""
    seen = shapely.intersects(np.array(quarter.blocks, object), window)
    for number in np.flatnonzero(seen).tolist():
        rng = seeded(town.seed, BLOCK, quarter.district.key, number)
        fill(rng, draft, quarter, number, town.woods, window)


def _lay_streets(draft: Draft, town: Town, quarters: list[Quarter], window: Polygon) -> None:
    """Lay all streets, with their trees and vehicles."""
    near = window.buffer(25)
    for quarter in quarters:
        draft.streets += quarter.network.streets
        for number, street in enumerate(quarter.network.streets):
            if street.line.intersects(near):
                rng = seeded(town.seed, FURNITURE, quarter.district.key, number)
                _furnish(
                    rng,
                    draft,
                    town,
                    street,
                    quarter.style.street_trees,
                    quarter.style.vehicles_per_100m,
                )
    for street in arterials(town, quarters):
        draft.streets.append(street)
        if street.line.intersects(near):
            at = shapely.get_coordinates(street.line)[0].round(2)
            rng = np.random.default_rng(
                [town.seed, FURNITURE, *(at * 100 + 2**40).astype(np.int64)]
            )
            _furnish(
                rng, draft, town, street, town.style.street_trees, 3 * town.style.vehicles_per_100m
            )
    for barrier in town.barriers:
        for number, street in enumerate(barrier.own):
            draft.streets.append(street)
            if street.kind != "rail":
                rng = np.random.default_rng([town.seed, FURNITURE, number])
                _furnish(rng, draft, town, street, 0.0, 8.0)


def _furnish(
    rng: np.random.Generator, draft: Draft, town: Town, street: Street, trees: float, busy: float
) -> None:
    """Trees along a street and vehicles on it; trees never grow on the carriageway."""
    if street.kind in {"residential", "track"} and rng.random() < trees:
        draft.ground.trees.append(rows_along(rng, town.woods, street.line, street.width / 2 + 2.0))
    if street.kind == "path":
        return
    where = rng.uniform(0, street.line.length, rng.poisson(busy * street.line.length / 100))
    wide = street.kind in {"primary", "motorway", "bridge"}
    for at in where:
        here, ahead = street.line.interpolate(at), street.line.interpolate(at + 1.0)
        angle = np.arctan2(ahead.y - here.y, ahead.x - here.x)
        side = rng.choice([-1, 1]) * street.width * (rng.uniform(0.1, 0.4) if wide else 0.36)
        x, y = here.x - np.sin(angle) * side, here.y + np.cos(angle) * side
        draft.ground.cars.append(vehicle(rng, x, y, float(angle), lorry=rng.random() < 0.08))
