"""Fill blocks: parcels with houses and yards, halls and schools, lone farms."""

from __future__ import annotations

import numpy as np
import shapely
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from geomage.world.allotment import Lot, lots_of
from geomage.world.buildings import Building, pick, place_building, place_outbuilding
from geomage.world.draft import Draft
from geomage.world.goals import place_goal
from geomage.world.ground import (
    Ground,
    blob,
    boxes,
    clutter,
    fence,
    land,
    park_cars,
    vehicle,
    water_in,
)
from geomage.world.land_use import fill_block
from geomage.world.parcels import Frame, frame_of, fronts, polygons_of, split_block
from geomage.world.rooftops import equip_roof
from geomage.world.style import Style
from geomage.world.town import Quarter
from geomage.world.vegetation import Woods, scatter

__all__ = ["fill"]


def fill(
    rng: np.random.Generator,
    draft: Draft,
    quarter: Quarter,
    number: int,
    woods: Woods,
    window: Polygon,
) -> None:
    """Give a block a use and fill it, lots that lie far from a window left out.

    Args:
        rng: the block's own source of randomness.
        draft: what takes all that is grown.
        quarter: the district the block lies in.
        number: of the block among those of the district.
        woods: the trees of the town.
        window: what is looked at, in local metres.
    """  # fmt: skip
    style, block, filling = quarter.style, quarter.blocks[number], quarter.fillings[number]
    use = pick(rng, style.land_use) if filling is None else filling.use
    small = use in {"sport", "golf", "hall", "school", "depot", "quarry"} and block.area < 2500
    if small or block.area > _LARGEST.get(use, np.inf):
        use = "built"
    draft.blocks.append((block, use))
    if use == "built":
        _build_block(rng, draft, quarter, number, woods, window)
    elif use in {"hall", "school"}:
        _build_hall(rng, draft, block, use, woods)
    else:
        fill_block(rng, draft.ground, block, use, woods)
        if use in _FARMED and rng.random() < 0.45:
            _farmstead(rng, draft, style, block)


_LARGEST = {  # m², beyond which a block is built on instead
    "bare": 14_000.0,
    "carpark": 11_000.0,
    "hall": 40_000.0,
    "plaza": 7_000.0,
    "plots": 15_000.0,
    "sport": 45_000.0,
}
_REACH_M = 10.0  # from a lot to the farthest thing that belongs to it
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
        clearing = polygons_of(yard.buffer(rng.uniform(-2, 12)) & block, 4)
        kind = str(rng.choice(["lawn", "meadow", "bare", "dirt"]))
        if rng.random() < 0.7:
            draft.ground.land += [land(rng, p, kind, 2) for p in clearing]
        way = shapely.shortest_line(built.footprint, block.exterior).buffer(rng.uniform(1.2, 2.5))
        draft.ground.land += [land(rng, p, "dirt", 3) for p in polygons_of(way & block, 2)]
        draft.clearings.append(built.footprint.buffer(rng.uniform(0.5, 9.0)))
        for piece in sorted(clearing, key=lambda p: p.area)[-1:]:
            boxes(rng, draft.ground, piece, int(rng.integers(0, 5)))


def _build_block(
    rng: np.random.Generator, draft: Draft, quarter: Quarter, number: int, woods: Woods,
    window: Polygon,
) -> None:  # fmt: skip
    style, block = quarter.style, quarter.blocks[number]
    size = rng.uniform(*style.parcel_m2)  # one lot size a block
    density = rng.uniform(*style.trees_per_ha)
    if rng.random() < style.wooded:  # old trees stand over roofs and streets
        density = rng.uniform(150, 420)
    yard_of_block = pick(rng, style.yards)
    twin_colour = rng.random() < 0.15
    bounds = pick(rng, style.fences)
    messy = style.clutter * float(np.exp(rng.normal(0, 0.8)))
    draft.ground.land.append(land(rng, block, yard_of_block, -1))
    first: Building | None = None
    lots = _lots(rng, quarter, number, size)
    seeds = rng.integers(2**63, size=len(lots))  # of each lot, so that any can be left out
    near = shapely.intersects([lot.parcel for lot, _ in lots], window.buffer(_REACH_M))
    for (lot, front), seed, here in zip(lots, seeds, near, strict=True):
        parcel = lot.parcel
        draft.parcels.append((parcel, len(draft.blocks) - 1))  # goes where its block goes
        if not here and (first is not None or not twin_colour):
            continue
        rng = np.random.default_rng(seed)
        if not front:
            _back_land(rng, draft.ground, style, parcel, woods, density)
            continue
        if rng.random() < 0.6:
            kind = yard_of_block if rng.random() < 0.5 else pick(rng, style.yards)
            draft.ground.land.append(land(rng, parcel, kind, 0))
        built = _place(rng, quarter, lot)
        free: BaseGeometry = parcel
        if built is not None:
            if twin_colour and first is not None and built.material == first.material:
                built = _recoloured(built, first.colour)
            first = first or built
            draft.buildings.append(built)
            equip_roof(rng, draft.ground, built)
            free = parcel.buffer(-0.4) - built.footprint.buffer(1.0)
        free = _outbuilding(rng, draft, style, free)
        _yard(rng, draft.ground, style, parcel, free, built)
        if bounds != "none":
            _enclose(rng, draft.ground, parcel, bounds, woods)
        clutter(rng, draft.ground, free, messy)
        draft.ground.trees.append(scatter(rng, woods, free.buffer(-0.3), density))


def _lots(
    rng: np.random.Generator, quarter: Quarter, number: int, size: float
) -> list[tuple[Lot, bool]]:
    """Split a block into lots of about `size` m², or as it was dealt; and which may be built on."""
    block, filling = quarter.blocks[number], quarter.fillings[number]
    if filling is not None:  # real blocks have houses in their courts
        return [(lot, True) for lot in lots_of(rng, block, filling)]
    parcels = split_block(rng, block, size * 0.75, size * 1.3)
    reached = fronts(parcels, quarter.carriageways, quarter.style.sidewalk_m)
    return [(Lot(p), bool(front)) for p, front in zip(parcels, reached, strict=True)]


def _place(rng: np.random.Generator, quarter: Quarter, lot: Lot) -> Building | None:
    """Place the building that is meant for a lot, or one that suits it."""
    style = quarter.style
    room = _front_strip(style, lot.parcel, quarter) if lot.goal is None else lot.parcel
    if lot.open or rng.random() < style.empty:
        return None
    if lot.goal is not None:
        return place_goal(rng, style, lot.parcel, lot.goal)
    return place_building(rng, style, room)


def _enclose(rng: np.random.Generator, g: Ground, parcel: Polygon, kind: str, woods: Woods) -> None:
    """Fence, wall or hedge along the sides of a parcel."""
    if kind == "hedge":
        strip = parcel.buffer(-0.4) - parcel.buffer(-1.2)
        g.trees.append(scatter(rng, woods, strip, rng.uniform(300, 1600), largest=1.3))
    else:
        fence(rng, g, parcel.buffer(-0.3), gap=rng.uniform(0.1, 0.6), wall=kind == "wall")


def _front_strip(style: Style, parcel: Polygon, quarter: Quarter) -> Polygon:
    """The part of a deep parcel near its street, where the house of a village stands."""
    if style.strip_m <= 0:
        return parcel
    near = parcel & quarter.strip
    parts = polygons_of(near, 60)
    return max(parts, key=lambda p: p.area) if parts else parcel


def _back_land(
    rng: np.random.Generator,
    g: Ground,
    style: Style,
    parcel: Polygon,
    woods: Woods,
    density: float,
) -> None:
    """A parcel behind others: garden, orchard or waste ground, no house."""
    if rng.random() < 0.6:  # else it lies as its block does
        kind = str(rng.choice(["meadow", "lawn", "field", "bare"], p=[0.4, 0.3, 0.2, 0.1]))
        kind = kind if style.parcel_m2[0] > 400 else pick(rng, style.yards)
        g.land.append(land(rng, parcel, kind, 0))
    if rng.random() < 0.5:
        g.trees.append(scatter(rng, woods, parcel, max(density, 60.0)))


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
    _beds(rng.spawn(1)[0], g, free)
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


def _beds(rng: np.random.Generator, g: Ground, free: BaseGeometry) -> None:
    """Beds, bald patches, heaps of gravel: what a yard is besides one lawn."""
    x0, y0, x1, y1 = free.bounds
    for _ in range(rng.poisson(min((x1 - x0) * (y1 - y0) / 350, 3.0))):
        x, y = rng.uniform((x0, y0), (x1, y1))
        if not shapely.contains_xy(free, x, y):
            continue
        shape = blob(rng, x, y, float(rng.uniform(0.8, 4.0)), 0.35) & free
        kind = str(rng.choice(["lawn", "meadow", "bare", "dirt", "gravel", "concrete"]))
        g.land += [land(rng, p, kind, 1) for p in polygons_of(shape, 1)]


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
    equip_roof(rng, draft.ground, built)
    free = block - built.footprint.buffer(3)
    for part in polygons_of(free, 900):
        park_cars(rng, draft.ground, part)
    draft.ground.trees.append(scatter(rng, woods, free, rng.uniform(0, 20)))
