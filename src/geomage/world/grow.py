"""Grow a town: streets, blocks, parcels, buildings, and all that lies around them."""

from __future__ import annotations

import numpy as np
import shapely
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from geomage.world.allotment import Filling, Lot, deal, lots_of
from geomage.world.barriers import cross_town
from geomage.world.buildings import Building, pick, place_building, place_outbuilding
from geomage.world.city import ORIGIN, City, CityParams
from geomage.world.draft import Draft
from geomage.world.footprints import place_goal
from geomage.world.ground import (
    Ground,
    Item,
    boxes,
    fill_block,
    land,
    park_cars,
    vehicle,
    water_in,
)
from geomage.world.parcels import Frame, frame_of, grow_blocks, polygons_of, split_block
from geomage.world.streets import grow_streets
from geomage.world.styles import Style
from geomage.world.tables import tabulate
from geomage.world.terrain import grow_terrain
from geomage.world.vegetation import Woods, rows_along, sample_woods, scatter

__all__ = ["grow_city"]


def grow_city(params: CityParams) -> City:
    """Grow a town from its parameters; the same parameters give the same town.

    Every layer is in EPSG:32631 metres, the square's south-west corner at (500000, 5400000).
    """
    style, size = params.look(), params.size_m
    rngs = np.random.default_rng([params.seed, 1]).spawn(8)
    draft = Draft(streets=grow_streets(rngs[0], style, size))
    hole = cross_town(rngs[1], draft, style, size)
    blocks, paved = grow_blocks(draft.streets, hole, size, style.sidewalk_m)
    verge = shapely.box(0, 0, size, size) - paved - hole
    woods = sample_woods(rngs[2])
    kind = "concrete" if style.sidewalk_m > 1 else "meadow"
    draft.ground.land += [land(rngs[2], p, kind, -2) for p in polygons_of(verge, 1)]
    fillings = deal(rngs[7], style, blocks, [s.line for s in draft.streets], size)
    for block, rng, fill in zip(blocks, rngs[3].spawn(len(blocks)), fillings, strict=True):
        _fill(rng, draft, style, (block, fill), woods)
    _furnish_streets(rngs[4], draft, style, woods, size)
    dry = shapely.union_all([w.shape for w in draft.ground.water if w.kind != "pool"])
    wet = shapely.transform(dry, lambda xy: xy + ORIGIN)
    dtm = grow_terrain(rngs[5], size, float(rngs[6].choice([0.5, 1.5, 4.0])), wet)
    return City(params, dtm, **tabulate(draft, shapely.box(0, 0, size, size)))


def _fill(
    rng: np.random.Generator,
    draft: Draft,
    style: Style,
    place: tuple[Polygon, Filling | None],
    woods: Woods,
) -> None:
    """Give a block a use and fill it."""
    block, filling = place
    use = pick(rng, style.land_use) if filling is None else filling.use
    if use in {"sport", "golf", "hall", "school", "depot"} and block.area < 2500:
        use = "built"
    draft.blocks.append((block, use))
    if use == "built":
        _build_block(rng, draft, style, place, woods)
    elif use in {"hall", "school"}:
        _build_hall(rng, draft, block, use, woods)
    else:
        fill_block(rng, draft.ground, block, use, woods)
        if use in _FARMED and rng.random() < 0.45:
            _farmstead(rng, draft, style, block)


_FARMED = frozenset({"forest", "field", "meadow", "paddock", "orchard", "bare"})


def _farmstead(rng: np.random.Generator, draft: Draft, style: Style, block: Polygon) -> None:
    """Scatter a few lone houses and barns over open land or clearings of a wood, with a track."""
    x0, y0, x1, y1 = block.bounds
    for _ in range(int(rng.integers(1, 6))):
        x, y = rng.uniform((x0, y0), (x1, y1))
        side = rng.uniform(14, 34)
        yard = Frame(x, y, float(rng.uniform(0, np.pi)), 1, 1).rectangle(
            side, side * rng.uniform(0.7, 1)
        )
        if not block.contains(yard) or any(yard.intersects(p) for p, _ in draft.parcels[-8:]):
            continue
        built = place_building(rng, _BARNS if rng.random() < 0.5 else style, yard)
        if built is None:
            continue
        draft.parcels.append((yard, len(draft.blocks) - 1))
        draft.buildings.append(built)
        clearing = yard.buffer(rng.uniform(-2, 12)) & block
        kind = str(rng.choice(["lawn", "meadow", "bare", "dirt"]))
        if rng.random() < 0.7:
            draft.ground.land += [land(rng, p, kind, 2) for p in polygons_of(clearing, 4)]
        way = shapely.shortest_line(built.footprint, block.exterior).buffer(rng.uniform(1.2, 2.5))
        draft.ground.land += [land(rng, p, "dirt", 3) for p in polygons_of(way & block, 2)]
        draft.clearings.append(built.footprint.buffer(rng.uniform(0.5, 9.0)))
        boxes(rng, draft.ground, clearing.buffer(0), int(rng.integers(0, 5)))


def _build_block(
    rng: np.random.Generator,
    draft: Draft,
    style: Style,
    place: tuple[Polygon, Filling | None],
    woods: Woods,
) -> None:
    block, filling = place
    size = rng.uniform(*style.parcel_m2)  # one lot size a block
    density = rng.uniform(*style.trees_per_ha)
    if rng.random() < style.wooded:  # old trees stand over roofs and streets
        density = rng.uniform(150, 420)
    yard_of_block = pick(rng, style.yards)
    twin_colour = rng.random() < 0.15
    draft.ground.land.append(land(rng, block, yard_of_block, -1))
    first: Building | None = None
    for lot in _lots(rng, block, filling, size):
        parcel = lot.parcel
        draft.parcels.append((parcel, len(draft.blocks) - 1))
        if rng.random() < 0.6:
            kind = yard_of_block if rng.random() < 0.5 else pick(rng, style.yards)
            draft.ground.land.append(land(rng, parcel, kind, 0))
        built = _place(rng, style, lot)
        free: BaseGeometry = parcel
        if built is not None:
            if twin_colour and first is not None and built.material == first.material:
                built = _recoloured(built, first.colour)
            first = first or built
            draft.buildings.append(built)
            _roof_objects(rng, draft.ground, built)
            free = parcel.buffer(-0.4) - built.footprint.buffer(1.0)
        free = _outbuilding(rng, draft, style, free)
        _yard(rng, draft.ground, style, parcel, free, built)
        draft.ground.trees.append(scatter(rng, woods, free.buffer(-0.3), density))


def _lots(
    rng: np.random.Generator, block: Polygon, filling: Filling | None, size: float
) -> list[Lot]:
    """Split a block into lots of about `size` m², or as its filling asks."""
    if filling is not None:
        return lots_of(rng, block, filling)
    return [Lot(p) for p in split_block(rng, block, size * 0.75, size * 1.3)]


def _place(rng: np.random.Generator, style: Style, lot: Lot) -> Building | None:
    """Place the building that is meant for a lot, or one that suits it."""
    if lot.open or rng.random() < style.empty:
        return None
    if lot.goal is not None:
        return place_goal(rng, style, lot.parcel, lot.goal)
    return place_building(rng, style, lot.parcel)


def _recoloured(b: Building, colour: tuple[float, float, float]) -> Building:
    return Building(
        b.footprint, b.wings, b.use, b.plan, b.storeys, b.material, b.typology, colour, b.wall
    )


def _outbuilding(
    rng: np.random.Generator, draft: Draft, style: Style, free: BaseGeometry
) -> BaseGeometry:
    if rng.random() >= style.outbuilding:
        return free
    rooms = sorted(polygons_of(free, 40), key=lambda p: -p.area)
    shed = place_outbuilding(rng, rooms[0]) if rooms else None
    if shed is None:
        return free
    draft.buildings.append(shed)
    return free - shed.footprint.buffer(0.6)


def _yard(
    rng: np.random.Generator,
    g: Ground,
    style: Style,
    parcel: Polygon,
    free: BaseGeometry,
    built: Building | None,
) -> None:
    """Driveway, terrace, pool, parked car."""
    if built is None or free.is_empty:
        return
    frame = frame_of(built.footprint)
    if rng.random() < 0.6 and style.sidewalk_m > 0:
        nearest = shapely.shortest_line(built.footprint, parcel.exterior)
        drive = nearest.buffer(rng.uniform(1.4, 3.2), cap_style="flat") & parcel
        kind = str(rng.choice(["concrete", "asphalt", "gravel", "dirt"], p=[0.5, 0.2, 0.2, 0.1]))
        g.land += [land(rng, p, kind, 2) for p in polygons_of(drive - built.footprint, 2)]
        if rng.random() < 0.5 and nearest.length > 5:
            at = shapely.line_interpolate_point(nearest, 0.5, normalized=True)
            (x0, y0), (x1, y1) = nearest.coords[0], nearest.coords[-1]
            g.cars.append(vehicle(rng, at.x, at.y, float(np.arctan2(y1 - y0, x1 - x0))))
    if rng.random() < 0.3:
        terrace = frame.rectangle(frame.length * 0.6, frame.width + rng.uniform(3, 8)) & free
        g.land += [land(rng, p, "concrete", 1) for p in polygons_of(terrace, 2)]
    if rng.random() < style.pool:
        rooms = sorted(polygons_of(free.buffer(-3), 30), key=lambda p: -p.area)
        if rooms:
            at = rooms[0].representative_point()
            pool = (
                Frame(at.x, at.y, frame.angle, 1, 1).rectangle(
                    rng.uniform(6, 11), rng.uniform(3, 5)
                )
                & free
            )
            g.land += [land(rng, p, "concrete", 3) for p in polygons_of(pool.buffer(1.2) & free, 2)]
            g.water += water_in(rng, pool, "pool")


_EQUIPMENT = {  # kind: (length, width, height) ranges in metres, reflectance
    "hvac": ((1.2, 3.2), (1.0, 2.4), (0.8, 1.8), (0.50, 0.50, 0.50)),
    "skylight": ((1.2, 5.0), (0.9, 1.6), (0.2, 0.4), (0.62, 0.66, 0.68)),
    "tank": ((1.0, 1.8), (1.0, 1.8), (1.0, 1.8), (0.10, 0.10, 0.11)),
    "stair": ((2.2, 4.0), (2.0, 3.2), (2.2, 2.8), (0.42, 0.40, 0.36)),
    "solar": ((2.0, 6.0), (1.6, 3.4), (0.2, 0.5), (0.03, 0.04, 0.09)),
    "chimney": ((0.6, 1.0), (0.6, 0.9), (0.8, 1.6), (0.28, 0.16, 0.12)),
}


def _roof_objects(rng: np.random.Generator, g: Ground, b: Building) -> None:
    """Equip a roof: machinery on flat ones, chimney and solar panels on pitched ones."""
    for wing in b.wings:
        flat = wing.form == "flat"
        kinds = (
            ["hvac", "skylight", "tank", "stair", "solar"]
            if flat
            else ["chimney", "solar", "skylight"]
        )
        n = min(
            40, rng.poisson((wing.shape.area / 90 if flat else 0.6) * rng.choice([0.2, 1.0, 2.0]))
        )
        rowed = flat and wing.shape.area > 900 and rng.random() < 0.5
        one = str(rng.choice(kinds))
        c, s, at = np.cos(wing.angle), np.sin(wing.angle), wing.shape.centroid
        for i in range(n):
            kind = one if rowed else str(rng.choice(kinds))
            length, width, height, colour = _EQUIPMENT[kind]
            u = rng.uniform(-0.42, 0.42) * wing.length
            v = rng.uniform(-0.38, 0.38) * wing.width
            if rowed:
                u, v = ((i % 8) - 3.5) / 9 * wing.length, ((i // 8) - 2) / 6 * wing.width
            tone = np.array(colour) * rng.normal(1, 0.15)
            g.objects.append(
                Item(
                    at.x + u * c - v * s,
                    at.y + u * s + v * c,
                    wing.angle,
                    rng.uniform(*length),
                    rng.uniform(*width),
                    rng.uniform(*height),
                    np.clip(tone, 0.01, 0.9),
                    kind,
                    on_roof=True,
                )
            )


_BARNS = Style(
    name="barn",
    fabric="grid",
    block_m=(100, 200),
    bend_m=0,
    street_width_m=(6, 8),
    dirt_streets=0,
    sidewalk_m=0,
    parcel_m2=(300, 900),
    coverage=(0.15, 0.6),
    setback_m=(0.5, 3),
    storeys=(1, 1.6),
    plans={"box": 6, "L": 1},
    roofs={"gable": 7, "shed": 1.5, "flat": 1},
    materials={"metal": 6, "shingle": 2, "tile": 1.5, "thatch": 0.3, "membrane": 0.5},
    yards={"bare": 1},
    land_use={"built": 1},
    trees_per_ha=(0, 10),
    street_trees=0,
    vehicles_per_100m=0,
)
_HALLS = Style(
    name="hall",
    fabric="grid",
    block_m=(100, 200),
    bend_m=0,
    street_width_m=(6, 8),
    dirt_streets=0,
    sidewalk_m=0,
    parcel_m2=(2000, 20000),
    coverage=(0.25, 0.55),
    setback_m=(6, 16),
    storeys=(1, 2.4),
    plans={"box": 5, "L": 2, "U": 1, "T": 1},
    roofs={"flat": 7, "gable": 2},
    materials={"membrane": 5, "metal": 4, "gravel": 1.5, "concrete": 1, "shingle": 0.6},
    yards={"asphalt": 1},
    land_use={"built": 1},
    trees_per_ha=(0, 10),
    street_trees=0,
    vehicles_per_100m=0,
)


def _build_hall(
    rng: np.random.Generator, draft: Draft, block: Polygon, use: str, woods: Woods
) -> None:
    """One large building with its car park or play ground."""
    built = place_building(rng, _HALLS, block, use="hall")
    if use == "hall":
        draft.ground.land.append(
            land(
                rng, block, str(rng.choice(["asphalt", "concrete", "gravel"], p=[0.65, 0.25, 0.1]))
            )
        )
    else:
        fill_block(rng, draft.ground, block, "sport", woods)
    draft.parcels.append((block, len(draft.blocks) - 1))
    if built is None:
        return
    draft.buildings.append(built)
    _roof_objects(rng, draft.ground, built)
    free = block - built.footprint.buffer(3)
    for part in polygons_of(free, 900):
        park_cars(rng, draft.ground, part)
    draft.ground.trees.append(scatter(rng, woods, free, rng.uniform(0, 20)))


def _furnish_streets(
    rng: np.random.Generator, draft: Draft, style: Style, woods: Woods, size: float
) -> None:
    """Trees along streets and vehicles on them; trees never grow on the carriageway."""
    square = shapely.box(0, 0, size, size)
    for street in draft.streets:
        if street.kind in {"residential", "track"} and rng.random() < style.street_trees:
            draft.ground.trees.append(rows_along(rng, woods, street.line, street.width / 2 + 2.0))
        if street.kind == "rail":
            continue
        busy = style.vehicles_per_100m * (3.0 if street.kind == "primary" else 1.0)
        for at in rng.uniform(0, street.line.length, rng.poisson(busy * street.line.length / 100)):
            here, ahead = street.line.interpolate(at), street.line.interpolate(at + 1.0)
            if not square.contains(here):
                continue
            angle = np.arctan2(ahead.y - here.y, ahead.x - here.x)
            side = (
                rng.choice([-1, 1])
                * street.width
                * (0.36 if street.kind != "primary" else rng.uniform(0.1, 0.4))
            )
            x, y = here.x - np.sin(angle) * side, here.y + np.cos(angle) * side
            draft.ground.cars.append(vehicle(rng, x, y, float(angle), lorry=rng.random() < 0.08))
