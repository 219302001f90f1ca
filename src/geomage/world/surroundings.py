"""What lies between the buildings of an imported city: land, water, trees, vehicles, roof gear.

Areas, coasts and trees of the source come first; what they leave open is inferred: ground by how
densely a block is built, trees in woods and parks by their kind, vehicles along streets by class.
Inferred rows have an empty `given`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import geopandas as gpd
import numpy as np
import shapely
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from geomage.world.buildings import Building
from geomage.world.cover import GREEN, PAVED, Cover, blocks_between, read_cover, sea_of
from geomage.world.ground import Ground, Item, Land, Water, land, park_cars, vehicle, water_in
from geomage.world.parcels import polygons_of
from geomage.world.tags import read_length
from geomage.world.vegetation import Trees, Woods, dense_forest, rows_along, sample_woods, scatter
from geomage.world.ways import Way

__all__ = ["Surroundings", "Things", "furnish"]

_CARS_A_100_M = {
    "motorway": 3.0, "trunk": 3.0, "primary": 3.0, "secondary": 3.0, "tertiary": 3.0,
    "residential": 3.5, "unclassified": 3.0, "living_street": 2.0, "service": 0.8, "road": 1.5,
}  # fmt: skip
_CURB = frozenset({"residential", "unclassified", "living_street", "tertiary"})
_TREES_A_HA = {"trees": 45.0, "bushes": 320.0, "orchard": 160.0}
_STREAMS_M = {"river": 8.0, "canal": 6.0, "stream": 1.5, "ditch": 1.0, "drain": 1.0}
_GEAR = {  # length, width, height in metres; reflectance
    "hvac": ((1.2, 3.2), (1.0, 2.4), (0.8, 1.8), (0.50, 0.50, 0.50)),
    "skylight": ((1.2, 5.0), (0.9, 1.6), (0.2, 0.4), (0.62, 0.66, 0.68)),
    "stair": ((2.2, 4.0), (2.0, 3.2), (2.2, 2.8), (0.42, 0.40, 0.36)),
    "chimney": ((0.6, 1.0), (0.6, 0.9), (0.8, 1.6), (0.28, 0.16, 0.12)),
}


@dataclass(frozen=True)
class Things:
    """What surroundings are made from, all in metres of the city's CRS.

    areas, lines, trees: tagged shapes, repaired; ways: what is drawn of each and its line.
    """

    square: Polygon
    buildings: Sequence[Building]
    ways: Sequence[tuple[Way, shapely.LineString]]
    areas: gpd.GeoDataFrame
    lines: gpd.GeoDataFrame
    trees: gpd.GeoDataFrame

    @cached_property
    def paved(self) -> list[BaseGeometry]:
        """The areas of all ways."""
        return [line.buffer(way.width / 2, quad_segs=4) for way, line in self.ways]

    @cached_property
    def footprints(self) -> np.ndarray:
        """The footprints of all buildings."""
        return np.array([*(b.footprint for b in self.buildings), None], object)[:-1]

    @cached_property
    def taken(self) -> Taken:
        """Where nothing grows and nobody parks: buildings and ways."""
        return Taken([*self.footprints, *self.paved])


class Taken:
    """Many areas, asked for those near one place."""

    def __init__(self, areas: Sequence[BaseGeometry]) -> None:
        self._areas = np.array([*areas, None], object)[:-1]
        self._tree = shapely.STRtree(self._areas)

    def free(self, shape: BaseGeometry) -> BaseGeometry:
        """What of a shape none of the areas takes."""
        near = self._areas[self._tree.query(shape, "intersects")]
        return shape.difference(shapely.union_all(near)) if len(near) else shape

    def holds(self, xy: np.ndarray) -> np.ndarray:
        """Which points (n, 2) lie in one of the areas."""
        held = np.zeros(len(xy), bool)
        held[self._tree.query(shapely.points(xy), "within")[0]] = True
        return held


@dataclass
class Surroundings:
    """What was given or inferred, each row beside its source and its given columns."""

    land: list[tuple[Land, str, str]] = field(default_factory=list)
    water: list[tuple[Water, str, str]] = field(default_factory=list)
    trees: list[tuple[Trees, Sequence[tuple[str, str]]]] = field(default_factory=list)
    vehicles: list[Item] = field(default_factory=list)
    objects: list[Item] = field(default_factory=list)
    blocks: list[tuple[Polygon, str]] = field(default_factory=list)


def furnish(rng: np.random.Generator, things: Things) -> Surroundings:
    """Lay out everything around the buildings."""
    rngs = rng.spawn(6)
    out, woods = Surroundings(), sample_woods(rngs[0])
    _lay_water(rngs[1], out, things)
    _lay_blocks(rngs[2], out, things, woods)
    _lay_areas(rngs[3], out, things, woods)
    _plant(rngs[4], out, things, woods)
    _drive(rngs[5], out, things)
    for building in things.buildings:
        _equip(rngs[5], out, building)
    return out


def _lay_water(rng: np.random.Generator, out: Surroundings, things: Things) -> None:
    """Water areas, the sea beyond the coast, and streams drawn as lines."""
    for source, tags, shape in _rows(things.areas):
        cover = read_cover(tags)
        if cover is not None and cover.kind == "water":
            kind = "pool" if cover.layer else tags.get("water", "lake")
            _add_water(rng, out, shape & things.square, kind, source)
    for source, tags, line in _rows(things.lines):
        if tags.get("natural") == "coastline" or tags.get("tunnel", "no") != "no":
            continue
        if (usual := _STREAMS_M.get(tags.get("waterway", ""))) is not None:
            width = read_length(tags.get("width")) or usual
            shape = line.buffer(width / 2) & things.square
            _add_water(rng, out, shape, tags["waterway"], source)
    coast = [g for _, t, g in _rows(things.lines) if t.get("natural") == "coastline"]
    sea = sea_of(np.array([*coast, None], object)[:-1], things.square)
    _add_water(rng, out, shapely.union_all(sea), "sea", "coastline")


def _add_water(
    rng: np.random.Generator, out: Surroundings, shape: BaseGeometry, kind: str, source: str
) -> None:
    out.water += [(w, source, "geometry,kind") for w in water_in(rng, shape, kind)]


def _rows(table: gpd.GeoDataFrame) -> Iterable[tuple[str, Mapping[str, str], BaseGeometry]]:
    return zip(table["source_id"], table["tags"], table.geometry, strict=True)


def _lay_blocks(rng: np.random.Generator, out: Surroundings, things: Things, woods: Woods) -> None:
    """Ground of which the source says nothing, by how densely its block is built."""
    water = [w.shape for w, _, _ in out.water]
    tree, wet = shapely.STRtree(things.footprints), Taken(water)
    for block in blocks_between(things.paved, shapely.union_all(water), things.square):
        near = things.footprints[tree.query(block, "intersects")]
        share = float(shapely.area(shapely.intersection(near, block)).sum()) / block.area
        out.blocks.append((block, "built" if share > GREEN else "open"))
        kind = "lawn" if share > GREEN else "meadow"
        if share > PAVED:
            kind = str(rng.choice(["concrete", "asphalt", "gravel"], p=[0.5, 0.4, 0.1]))
        out.land.append((land(rng, block, kind, -3), "", ""))
        density = 12.0 if share > PAVED else float(rng.uniform(15, 60))
        shapely.prepare(block)
        grown = scatter(rng, woods, block, density)
        grown = _kept(grown, ~(things.taken.holds(grown.xy) | wet.holds(grown.xy)))
        out.trees.append((grown, ()))


def _lay_areas(rng: np.random.Generator, out: Surroundings, things: Things, woods: Woods) -> None:
    """Areas of known cover, large ones below small ones, and what grows or stands on them."""
    wet = Taken([w.shape for w, _, _ in out.water])
    order = np.argsort(-things.areas.area.to_numpy(), kind="stable")
    for source, tags, shape in _rows(things.areas.iloc[order]):
        cover = read_cover(tags)
        if cover is None or cover.kind == "water":
            continue
        for part in polygons_of(shape & things.square, 1.0):
            patch = land(rng, part, cover.kind, cover.layer)
            out.land.append((patch, source, "geometry,kind"))
            if cover.fill:
                _fill(rng, out, cover, things.taken.free(wet.free(part)), woods)


def _fill(
    rng: np.random.Generator, out: Surroundings, cover: Cover, free: BaseGeometry, woods: Woods
) -> None:
    if free.is_empty:
        return
    shapely.prepare(free)
    if cover.fill == "forest":
        out.trees.append((dense_forest(rng, woods, free), ()))
    elif cover.fill in _TREES_A_HA:
        grown = scatter(rng, woods, free, _TREES_A_HA[cover.fill])
        size = 0.35 if cover.fill == "bushes" else 0.7 if cover.fill == "orchard" else 1.0
        out.trees.append((_sized(grown, size), ()))
    elif cover.fill == "parking":
        ground = Ground()
        for part in polygons_of(free, 40.0):
            park_cars(rng, ground, part)
        out.land += [(stripe, "", "") for stripe in ground.land]
        out.vehicles += ground.cars


def _sized(trees: Trees, size: float) -> Trees:
    return Trees(
        trees.xy, trees.radius * size, trees.height * size, trees.species, trees.evergreen,
        trees.colour,
    )  # fmt: skip


def _kept(trees: Trees, keep: np.ndarray) -> Trees:
    return Trees(
        trees.xy[keep], trees.radius[keep], trees.height[keep], trees.species[keep],
        trees.evergreen[keep], trees.colour[keep],
    )  # fmt: skip


def _plant(rng: np.random.Generator, out: Surroundings, things: Things, woods: Woods) -> None:
    """Trees that the source knows one by one, and its rows of trees."""
    inside = things.trees[things.trees.within(things.square)]
    if len(inside):
        xy = shapely.get_coordinates(inside.geometry.to_numpy())
        known = _known_trees(rng, woods, xy, inside["tags"])
        rows = zip(inside["source_id"], inside["tags"], strict=True)
        out.trees.append((known, [(source, _tree_given(tags)) for source, tags in rows]))
    for _, tags, line in _rows(things.lines):
        row_of_trees = tags.get("natural") == "tree_row" and line.length > 4
        if row_of_trees and isinstance(line, shapely.LineString):
            row = rows_along(rng, woods, line, 0.05)
            row = _kept(row, np.arange(len(row.xy)) % 2 == 0)
            out.trees.append((_kept(row, shapely.contains_xy(things.square, row.xy)), ()))


def _tree_given(tags: Mapping[str, str]) -> str:
    """The columns of a tree that its tags give."""
    names = ["geometry"]
    names += ["height"] * bool(read_length(tags.get("height")))
    said = read_length(tags.get("diameter_crown")) or read_length(tags.get("radius"))
    return ",".join([*names, *["radius"] * bool(said)])


def _known_trees(
    rng: np.random.Generator, woods: Woods, xy: np.ndarray, tags: Iterable[Mapping[str, str]]
) -> Trees:
    """Give single trees the crown and height they are said to have, else drawn ones."""
    n = len(xy)
    species = rng.integers(len(woods.greens), size=n)
    radius, height = np.clip(rng.lognormal(1.0, 0.35, n), 1.2, 6.5), np.full(n, np.nan)
    evergreen = (rng.random(n) < woods.evergreen).astype(np.uint8)
    for i, said in enumerate(tags):
        crown, tall = read_length(said.get("diameter_crown")), read_length(said.get("height"))
        own = read_length(said.get("radius"))
        radius[i] = crown / 2 if crown else own or radius[i]
        height[i] = tall or np.nan
        if "leaf_cycle" in said:
            evergreen[i] = said["leaf_cycle"] == "evergreen"
    height = np.where(np.isfinite(height), height, radius * rng.uniform(1.8, 3.0, n) + 1.0)
    tint = rng.normal(1, 0.14, (n, 1)) * rng.normal(1, 0.05, (n, 3))
    colour = np.clip(woods.greens[species] * tint, 0.01, 0.3)
    return Trees(xy, radius, height, species, evergreen, colour)


def _drive(rng: np.random.Generator, out: Surroundings, things: Things) -> None:
    """Vehicles along streets: at the curb of minor ones, in the lanes of major ones."""
    for way, line in things.ways:
        usual = _CARS_A_100_M.get(way.kind, 0.0)
        for at in rng.uniform(0, line.length, rng.poisson(usual * line.length / 100)):
            here, ahead = line.interpolate(at), line.interpolate(at + 1.0)
            angle = float(np.arctan2(ahead.y - here.y, ahead.x - here.x))
            off = way.width / 2 - 1.1 if way.kind in _CURB else rng.uniform(0.12, 0.4) * way.width
            off *= rng.choice([-1, 1])
            x, y = here.x - np.sin(angle) * off, here.y + np.cos(angle) * off
            if shapely.contains_xy(things.square, x, y):
                out.vehicles.append(vehicle(rng, x, y, angle, lorry=rng.random() < 0.05))


def _equip(rng: np.random.Generator, out: Surroundings, building: Building) -> None:
    """Machinery and skylights on flat roofs, chimneys on pitched ones."""
    for wing in building.wings:
        flat = wing.form == "flat"
        if building.use == "outbuilding" or wing.shape.area < 30:
            continue
        kinds = ["hvac", "skylight", "stair"] if flat else ["chimney", "skylight"]
        count = rng.poisson(wing.shape.area / 110 if flat else 0.8)
        inner = wing.shape.buffer(-1.5)
        x0, y0, x1, y1 = inner.bounds if not inner.is_empty else (0.0, 0.0, 0.0, 0.0)
        spots = rng.uniform((x0, y0), (x1, y1), (min(60, count), 2))
        for x, y in spots[shapely.contains_xy(inner, spots)] if len(spots) else ():
            length, width, height, colour = _GEAR[str(rng.choice(kinds))]
            tone = np.clip(np.array(colour) * rng.normal(1, 0.15), 0.01, 0.9)
            sides = rng.uniform(*length), rng.uniform(*width), rng.uniform(*height)
            out.objects.append(
                Item(float(x), float(y), wing.angle, *sides, tone, "roof gear", on_roof=True)
            )
