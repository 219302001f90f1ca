"""What crosses the whole town: an arterial, a railway, a river or a coast."""

from __future__ import annotations

import numpy as np
import shapely
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from geomage.world.buildings import pick
from geomage.world.draft import Draft
from geomage.world.ground import land, water_in
from geomage.world.parcels import polygons_of
from geomage.world.streets import Barrier, Street, grow_barrier
from geomage.world.styles import Style
from geomage.world.vegetation import sample_woods, scatter

__all__ = ["cross_town"]


def cross_town(rng: np.random.Generator, draft: Draft, style: Style, size: float) -> BaseGeometry:
    """Lay what crosses the whole town; return the area it takes from the blocks."""
    barrier = pick(rng, style.barriers)
    if barrier == "none":
        return Polygon()
    found, square = grow_barrier(rng, barrier, size), shapely.box(0, 0, size, size)
    if barrier == "arterial":
        return _arterial(rng, draft, found)
    if barrier == "rail":
        return _rail(rng, draft, found)
    if barrier == "river":
        return _river(rng, draft, found, square)
    return _coast(rng, draft, found, square)


def _arterial(rng: np.random.Generator, draft: Draft, b: Barrier) -> BaseGeometry:
    surface = str(rng.choice(["asphalt", "concrete"]))
    band = b.line.buffer(b.width / 2)
    if b.width > 20 and rng.random() < 0.6:  # two carriageways and a median
        lane = b.width * 0.4
        for side in (-1, 1):
            curve = shapely.get_parts(b.line.offset_curve(side * b.width * 0.3))
            draft.streets += [Street(line, "primary", surface, lane) for line in curve]
        kind = str(rng.choice(["lawn", "meadow", "concrete"]))
        draft.ground.land += [land(rng, p, kind, 1) for p in polygons_of(band)]
    else:
        draft.streets.append(Street(b.line, "primary", surface, b.width))
    verge = b.line.buffer(b.width / 2 + rng.uniform(1, 8))
    draft.ground.land += [land(rng, p, "meadow", -1) for p in polygons_of(verge)]
    return verge


def _rail(rng: np.random.Generator, draft: Draft, b: Barrier) -> BaseGeometry:
    band = b.line.buffer(b.width / 2 + rng.uniform(1, 10))
    draft.ground.land += [land(rng, p, "meadow", 0) for p in polygons_of(band)]
    for offset in np.arange(-b.width / 2 + 2.2, b.width / 2 - 1.0, 4.4):
        track = b.line.offset_curve(offset)
        if track.geom_type == "LineString" and not track.is_empty:
            draft.streets.append(Street(track, "rail", "ballast", 3.4))
    return band


def _river(rng: np.random.Generator, draft: Draft, b: Barrier, square: Polygon) -> BaseGeometry:
    bed = b.line.buffer(b.width / 2) & square
    bank = b.line.buffer(b.width / 2 + rng.uniform(2, 22)) & square
    draft.ground.water += water_in(rng, bed, "river")
    kind = str(rng.choice(["meadow", "bare", "forest_floor"]))
    draft.ground.land += [land(rng, p, kind, 0) for p in polygons_of(bank)]
    draft.ground.trees.append(
        scatter(rng, sample_woods(rng), bank - bed, rng.choice([10.0, 150.0, 500.0]))
    )
    _bridge_or_stop(rng, draft, bed)
    return bank


def _coast(rng: np.random.Generator, draft: Draft, b: Barrier, square: Polygon) -> BaseGeometry:
    sides = polygons_of(square - b.line.buffer(0.01))
    if len(sides) < 2:
        return Polygon()
    sea = min(sides, key=lambda p: p.area)
    beach = sea.buffer(b.width) & square
    draft.ground.water += water_in(rng, sea, "sea")
    kind = str(rng.choice(["sand", "bare", "gravel", "concrete"], p=[0.55, 0.2, 0.1, 0.15]))
    draft.ground.land += [land(rng, p, kind, 0) for p in polygons_of(beach)]
    _bridge_or_stop(rng, draft, sea, bridges=0.0)
    return beach


def _bridge_or_stop(
    rng: np.random.Generator, draft: Draft, water: BaseGeometry, bridges: float = 0.3
) -> None:
    """Let few streets cross the water as bridges; stop the others at the bank."""
    kept = []
    for street in draft.streets:
        if not street.line.intersects(water):
            kept.append(street)
        elif rng.random() < bridges:
            kept.append(Street(street.line, "bridge", street.surface, street.width))
        else:
            dry = street.line - water.buffer(4)
            lines = [g for g in shapely.get_parts(dry) if g.geom_type == "LineString"]
            kept += [Street(g, street.kind, street.surface, street.width) for g in lines]
    draft.streets = kept
