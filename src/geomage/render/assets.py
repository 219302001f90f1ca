"""Painting what stands: roofs whole or broken, equipment, vehicles, debris, sheets, trees."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from shapely import affinity

from geomage.disaster import FAILURES
from geomage.disaster.damage import at_trees
from geomage.render import _kernels_paint as k
from geomage.render import _kernels_roofs as roof
from geomage.render.canvas import Canvas, burn
from geomage.render.matter import MATTER, WATER, leaf_colour
from geomage.world.skeleton import edge_planes
from geomage.world.solids import WingBases, wing_bases

__all__ = [
    "paint_flotsam",
    "paint_remains",
    "paint_roofs",
    "paint_things",
    "paint_trees",
    "throw_debris",
]

_FORMS = {
    "flat": roof.FLAT, "gable": roof.GABLE, "hip": roof.HIP, "shed": roof.SHED,
    "half-hip": roof.HALF_HIP, "mansard": roof.MANSARD, "sawtooth": roof.SAWTOOTH,
    "barrel": roof.BARREL, "dome": roof.DOME,
}  # fmt: skip
_MATERIALS = {
    "shingle": roof.SHINGLE, "tile": roof.TILE, "metal": roof.METAL, "membrane": roof.MEMBRANE,
    "concrete": roof.CONCRETE, "gravel": roof.GRAVEL, "thatch": roof.THATCH,
    "glass": roof.GLASS,
}  # fmt: skip
_RUBBLE = np.array(  # reflectance of wood, plaster, brick, insulation, tar, concrete, new boards
    [
        (0.34, 0.28, 0.21), (0.50, 0.47, 0.43), (0.25, 0.20, 0.15), (0.24, 0.15, 0.11),
        (0.56, 0.55, 0.53), (0.16, 0.14, 0.12), (0.38, 0.31, 0.27), (0.11, 0.105, 0.10),
        (0.30, 0.285, 0.265), (0.21, 0.18, 0.14), (0.58, 0.45, 0.35), (0.66, 0.52, 0.41),
        (0.60, 0.58, 0.55),
    ]
)  # fmt: skip
_MASONRY = np.array(  # reflectance of plaster, brick, concrete, mortar, tiles
    [
        (0.50, 0.47, 0.43), (0.31, 0.21, 0.16), (0.36, 0.35, 0.33), (0.44, 0.42, 0.39),
        (0.26, 0.25, 0.23), (0.30, 0.285, 0.265), (0.38, 0.31, 0.27), (0.42, 0.26, 0.19),
        (0.56, 0.55, 0.53),
    ]
)  # fmt: skip
_CARRIED = {"slide": 0.33, "lava": 0.15, "velocity": 1.5}
"""From how many metres, or m/s of water, fences and cars go (ours; cars float at about 1.5 m/s)."""
_DUSTY = 0.45  # share of dust on what an earthquake broke, by eye
_WOODEN = ("storm", "flood")
_TARP = ((0.06, 0.16, 0.48), (0.06, 0.16, 0.48), (0.10, 0.22, 0.50), (0.55, 0.56, 0.58))
_BUSH = np.array(  # reflectance of leaves, dry twigs, broom and heath
    [(0.035, 0.055, 0.025), (0.055, 0.075, 0.030), (0.085, 0.080, 0.050), (0.12, 0.105, 0.07)]
)
_BARK = np.array([0.13, 0.105, 0.08])
_STEM = np.array([0.27, 0.22, 0.16])
_DEAD = np.array([0.15, 0.10, 0.055])  # leaves that the heat killed
_CHAR = np.array([0.055, 0.050, 0.046])
_RGB = ["red", "green", "blue"]
_BOX = ["length", "width", "height", *_RGB]
_WING_ID = 13  # column of the building's id in a wing row


def paint_roofs(c: Canvas) -> None:
    """Paint every roof, low ones first; after the event as it failed, with its sheets."""
    roofs = c.event.city.roofs
    roofs = roofs[shapely.intersects(roofs.geometry.to_numpy(), c.here)]
    if not len(roofs):
        return
    roofs = roofs.sort_values("ridge", kind="stable")
    (wings, planes), n = _wings(c, roofs), c.noise
    roof.paint_roofs(
        wings, planes, _failures(c, roofs, wings), _free_shapes(c, roofs), c.at, c.px, c.rows,
        c.height, c.albedo, c.ids, c.matter, n.fine, n.mid, n.coarse, n.loss,
    )  # fmt: skip
    if c.after:
        _lay_sheets(c, wings)


def _wings(c: Canvas, roofs: gpd.GeoDataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Kernel rows of roofs (n, 20), and the planes (m, 3) of those that are no boxes."""
    look = c.event.city.buildings.set_index("building_id").loc[roofs["building_id"]]
    bases = wing_bases(roofs)
    ids = look.index.to_numpy()
    colour = _recoloured(c, ids, look[_RGB].to_numpy())
    planes, which = _edges(bases)
    columns = [
        *(bases.centres - c.corner + _leant(c, roofs)).T,
        np.cos(bases.angles), np.sin(bases.angles),
        roofs["length"], roofs["width"], roofs["eave"], roofs["ridge"],
        [_FORMS[form] for form in bases.forms], look["material"].map(_MATERIALS),
        *colour.T, ids, (ids * 7919) % 60, roofs["boxed"], np.arange(len(roofs)),
        *which,
    ]  # fmt: skip
    return np.stack([np.asarray(column, np.float64) for column in columns], 1), planes


def _leant(c: Canvas, roofs: gpd.GeoDataFrame) -> np.ndarray:
    """How far (n, 2) each roof moved sideways with a storey that gave way, metres."""
    if not c.after:
        return np.zeros((len(roofs), 2))
    struck = c.event.buildings.set_index("building_id").loc[roofs["building_id"]]
    side = np.radians(struck["side"].to_numpy())
    lean = struck["lean"].to_numpy()
    return np.stack([lean * np.cos(side), lean * np.sin(side)], 1)


def _edges(bases: WingBases) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Planes (m, 3) of all convex wings that are no boxes; first and number a wing, its reach."""
    planes = [None if ring is None else edge_planes(ring) for ring in bases.outlines]
    count = np.array([0 if p is None else len(p) for p in planes])
    first = np.cumsum(count) - count
    found = [p for p in planes if p is not None]
    return np.concatenate([np.zeros((0, 3)), *found]), (first, count, bases.reach)


def _recoloured(c: Canvas, ids: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Roofs at a second date: aged a little, a few renewed."""
    if c.when.ageing <= 0 and c.when.renewed <= 0:
        return colour
    n = int(c.event.city.buildings["building_id"].to_numpy().max(initial=0)) + 1
    rng = np.random.default_rng([c.when.traffic, 17])
    gain = rng.normal(1, c.when.ageing, (n, 1)) * rng.normal(1, c.when.ageing / 3, (n, 3))
    chosen = rng.random((n, 1)) < c.when.renewed
    fresh = rng.uniform(0.08, 0.7, (n, 1)) * rng.normal(1, 0.12, (n, 3))
    return np.asarray(np.clip(np.where(chosen[ids], fresh[ids], colour * gain[ids]), 0.02, 0.92))


def _failures(c: Canvas, roofs: gpd.GeoDataFrame, wings: np.ndarray) -> np.ndarray:
    """Kernel rows (n, 7): how each wing failed, its side in the wing's own axes."""
    if not c.after:
        return np.tile([0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0], (len(roofs), 1))
    struck = c.event.buildings.set_index("building_id").loc[roofs["building_id"]]
    side = np.radians(struck["side"].to_numpy()) - np.arctan2(wings[:, 3], wings[:, 2])
    code = struck["failure"].map({name: i for i, name in enumerate(FAILURES)})
    columns = [
        code, struck["lost"], struck["rubble"], np.cos(side), np.sin(side), struck["sink"],
        np.full(len(roofs), _DUSTY if c.event.kind == "earthquake" else 0.0),
    ]  # fmt: skip
    return np.stack([np.asarray(column, np.float64) for column in columns], 1)


def _free_shapes(c: Canvas, roofs: gpd.GeoDataFrame) -> np.ndarray:
    """Burn roofs that are no rectangles: the building's id (y, x).

    By building, not by wing: wings overlap, and where they meet the higher roof shows.
    """
    free = roofs[roofs["boxed"] <= 0]
    moved = [
        affinity.translate(shape, *off) if off.any() else shape
        for shape, off in zip(free.geometry, _leant(c, free), strict=True)
    ]
    shapes = list(zip(moved, free["building_id"].tolist(), strict=True))
    return burn(shapes, c.box) if shapes else np.zeros(c.height.shape, np.int32)


def _lay_sheets(c: Canvas, wings: np.ndarray) -> None:
    """Sheets over roofs that lost their cover."""
    struck = c.event.buildings
    covered = set(struck.loc[struck["tarp"] > 0, "building_id"])
    rows = []
    for w in wings:
        if int(w[_WING_ID]) not in covered:
            continue
        rng = np.random.default_rng([c.seed, 29, int(w[_WING_ID])])
        colour = _TARP[rng.integers(len(_TARP))]
        side = rng.choice([-1, 1]) * w[5] * 0.22
        length, width = w[4] * rng.uniform(0.3, 0.9), w[5] * rng.uniform(0.3, 0.5)
        at = (w[0] - w[3] * side, w[1] + w[2] * side, w[2], w[3])
        rows.append([*at, length, width, w[_WING_ID], *colour])
    if rows:
        roof.paint_tarps(np.array(rows, float), c.px, c.rows, c.height, c.albedo, c.ids, c.matter)


def _boxes(c: Canvas, layer: gpd.GeoDataFrame) -> np.ndarray:
    """Kernel rows (n, 10) of oriented boxes."""
    angle = np.radians(layer["angle"].to_numpy())
    x0, y0 = c.corner
    at = [layer.geometry.x - x0, layer.geometry.y - y0, np.cos(angle), np.sin(angle)]
    columns = [*at, *(layer[name] for name in _BOX)]
    return np.stack([np.asarray(column, np.float64) for column in columns], 1)


def paint_things(c: Canvas) -> None:
    """Roof equipment, yard objects, vehicles; vehicles are others at each date."""
    city = c.event.city
    _strew(c)
    upper = city.objects[city.objects["on_roof"] > 0]
    if c.after and len(upper):
        upper = upper[_on_whole_roof(c, upper)]
    lower = city.objects[city.objects["on_roof"] <= 0]
    _put(c, _boxes(c, upper), add=True)
    _put(c, _spared(c, _boxes(c, lower)))
    rng = np.random.default_rng([c.when.traffic, 11])
    cars = _boxes(c, city.vehicles)
    kept = rng.random(len(cars)) < rng.uniform(0.35, 1.0)
    cars[:, :2] += rng.normal(0, 0.5, (len(cars), 2))
    cars[:, 7:] = cars[rng.permutation(len(cars)), 7:]
    _put(c, _spared(c, cars[kept]), glazed=True)


def _strew(c: Canvas) -> None:
    """Bushes and stones, as many as the place has (up to one in four cells of 1.8 m, ours)."""
    rng = np.random.default_rng([c.seed, 61])
    often, tint = 0.25 * rng.random() ** 2, _BUSH[rng.integers(len(_BUSH))] * rng.normal(1, 0.2)
    k.strew_low(
        c.at, c.px, c.height, c.albedo, c.ids, c.cover, often, tint, c.noise.fine, c.seed % 65_536
    )


def _spared(c: Canvas, boxes: np.ndarray) -> np.ndarray:
    """Boxes that nothing carried off: what stands in soil, lava or fast water goes."""
    if not c.after or not len(boxes):
        return boxes
    ny, nx = c.height.shape
    row = np.clip(ny - boxes[:, 1] / c.px, 0, ny - 1).astype(int)
    column = np.clip(boxes[:, 0] / c.px, 0, nx - 1).astype(int)
    kept = np.ones(len(boxes), bool)
    for name, limit in _CARRIED.items():
        field = c.hazard(name)
        if field is not None:
            kept &= np.abs(field[row, column]) < limit
    return np.asarray(boxes[kept], np.float64)


def _put(
    c: Canvas, boxes: np.ndarray, *, add: bool = False, glazed: bool = False, what: str = "object"
) -> None:
    """Paint boxes on the ground, or on top of roofs."""
    if len(boxes):
        k.paint_boxes(
            boxes, c.px, c.rows, c.height, c.albedo, add, c.ids, c.cover, int(glazed),
            c.matter, MATTER[what],
        )  # fmt: skip


def paint_remains(c: Canvas) -> None:
    """Tents that came after the event, and chimneys that alone are left of burnt houses."""
    if c.after:
        _put(c, _boxes(c, _arrived(c, "tent")), what="tent")
        boxes, bare = _boxes(c, _arrived(c, "chimney")), np.zeros_like(c.ids)
        if len(boxes):
            k.paint_boxes(
                boxes, c.px, c.rows, c.height, c.albedo, 0, bare, c.cover, 0, c.matter,
                MATTER["object"],
            )  # fmt: skip


def paint_flotsam(c: Canvas) -> None:
    """What floats on the flood, or was left where it stood."""
    if not c.after:
        return
    things = _arrived(c, "flotsam")
    boxes = _boxes(c, things)
    if len(boxes):
        ny, nx = c.height.shape
        row = np.clip(ny - boxes[:, 1] / c.px, 0, ny - 1).astype(int)
        boxes[:, 6] += c.depth[row, np.clip(boxes[:, 0] / c.px, 0, nx - 1).astype(int)]
        _put(c, boxes, what="flotsam")


def _arrived(c: Canvas, kind: str) -> gpd.GeoDataFrame:
    things = c.event.objects
    return things[things["kind"] == kind]


def _on_whole_roof(c: Canvas, things: gpd.GeoDataFrame) -> np.ndarray:
    """Which roof objects stand on buildings that did not fail."""
    struck = c.event.buildings
    failed = struck.geometry[struck["failure"] != "intact"].to_numpy()
    keep = np.ones(len(things), bool)
    if len(failed):
        keep[shapely.STRtree(failed).query(things.geometry.to_numpy(), "intersects")[0]] = False
    return keep


def throw_debris(c: Canvas) -> np.ndarray:
    """Boards and blocks around what broke; returns where they lie dense (y, x) 0/1."""
    density = c.hazard("debris")
    if density is not None:
        density = density * (c.cover != WATER)
    if density is None or not (density > 0.02).any():
        return np.zeros(c.height.shape, np.uint8)
    wind = c.event.kind == "storm"
    a_square_metre = 7.0 if wind else 3.0
    along = float(np.arctan2(*_downwind(c)[::-1])) if wind else 0.0
    shape = np.array([2.1, 0.35, along, 1.2] if wind else [1.9, 0.12, 0.0, np.pi])
    rng = np.random.default_rng([c.seed, 19])
    pieces = _RUBBLE if c.event.kind in _WOODEN else _MASONRY
    palette = pieces[rng.choice(len(pieces), 7, replace=False)]
    k.scatter_debris(
        density, a_square_metre, c.at, c.px, c.seed + 23, palette, c.height, c.albedo, c.ids,
        c.noise.coarse, shape, c.matter, MATTER["rubble"],
    )  # fmt: skip
    return np.asarray(density > 0.25, np.uint8)


def _downwind(c: Canvas) -> np.ndarray:
    """Unit vector (east, north) of the wind: the mean of where trees fell, or of the track."""
    fall = c.event.trees["fall"].to_numpy()
    fall = np.radians(fall[fall >= 0])
    way = np.array([np.sin(fall).sum(), np.cos(fall).sum()])
    track = np.radians(c.event.parameters["heading_deg"])
    way = way if np.hypot(*way) > 0 else np.array([np.sin(track), np.cos(track)])
    return np.asarray(way / np.hypot(*way))


def paint_trees(c: Canvas) -> None:
    """Crowns over all else; none in water, none that is gone."""
    trees = c.event.city.trees
    if not len(trees):
        return
    x, y = trees.geometry.x.to_numpy(), trees.geometry.y.to_numpy()
    west, south, east, north = c.here.bounds
    near = (x > west) & (x < east) & (y > south) & (y < north)
    x, y = x - c.corner[0], y - c.corner[1]
    ny, nx = c.height.shape
    row = np.clip(ny - y / c.px, 0, ny - 1).astype(int)
    near &= c.cover[row, np.clip(x / c.px, 0, nx - 1).astype(int)] != WATER
    near &= trees["radius"].to_numpy() > 0
    colour, leaf, twig = leaf_colour(trees[_RGB].to_numpy(), trees["evergreen"].to_numpy(), c.when)
    radius, height = trees["radius"].to_numpy(), trees["height"].to_numpy()
    level, upright = np.ones(len(trees)), np.zeros(len(trees))
    columns = [x, y, radius, height, leaf, twig, *colour.T, level, upright, level]
    rows = np.stack([np.asarray(column, np.float64) for column in columns], 1)
    if c.after:
        rows, near = _struck_trees(c, rows, near)
    n = c.noise
    k.paint_trees(
        rows[near], c.at, c.px, ny, c.height, c.albedo, c.crown, n.fine, n.mid, n.loss, c.seed + 31
    )
    c.matter[c.crown > 0] = MATTER["crown"]


def _struck_trees(c: Canvas, rows: np.ndarray, near: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Kernel rows (n, 12) of trees after the event, and which are there: scorched, bare, lying."""
    states = c.event.trees
    x, y, radius, height, leaf, twig = rows[:, :6].T
    scorched = states["scorched"].to_numpy()
    brown, black = np.clip(scorched / 0.5, 0, 1), np.clip(scorched / 0.5 - 1, 0, 1)
    colour = rows[:, 6:9] * (1 - brown[:, None]) + _DEAD * brown[:, None]
    colour = colour * (1 - black[:, None]) + _CHAR * black[:, None]
    leaf = np.clip(leaf * (1 - 0.6 * black), 0.25, 1)
    bare = _stripped(c)
    colour = colour * (1 - 0.7 * bare[:, None]) + 0.7 * _BARK * bare[:, None]
    leaf, twig = leaf * (1 - 0.7 * bare), np.maximum(twig, bare > 0.5)
    way = np.radians(states["fall"].to_numpy())
    lying = way >= 0
    _lay_stems(c, *(v[lying & near] for v in (x, y, way, height)))
    east, north = np.where(lying, np.sin(way), 1.0), np.where(lying, np.cos(way), 0.0)
    x, y = x + lying * 0.66 * height * east, y + lying * 0.66 * height * north
    stretch = np.where(lying, np.clip(0.3 * height / np.maximum(radius, 1e-3), 1.1, 2.5), 1.0)
    radius, height = np.where(lying, 0.75 * radius, radius), np.where(lying, 1.6, height)
    colour = np.where(lying[:, None], 0.6 * colour + 0.4 * _BARK, colour)
    leaf = np.where(lying, 0.35, leaf)
    gone = (states["standing"].to_numpy() < 0.5) & ~lying
    columns = [x, y, radius, height, leaf, twig, *colour.T, east, north, stretch]
    return np.stack(columns, 1), near & ~gone


def _stripped(c: Canvas) -> np.ndarray:
    """Share (n,) of its leaves each tree lost to the wind: none at 45 m/s, all at 70 (ours)."""
    if c.event.kind != "storm":
        return np.zeros(len(c.event.trees))
    gust = at_trees(c.event.city, c.event.intensity.values[0])
    return np.asarray(np.clip((gust - 45) / 25, 0, 1))


def _lay_stems(
    c: Canvas, x: np.ndarray, y: np.ndarray, way: np.ndarray, height: np.ndarray
) -> None:
    """Stems of lying trees, from their feet (n,) towards `way`, radians clockwise from north."""
    if not len(x):
        return
    rows = np.stack(
        [
            *(x + 0.4 * height * np.sin(way), y + 0.4 * height * np.cos(way)),
            *(np.sin(way), np.cos(way), 0.8 * height, np.clip(0.05 * height, 0.3, 0.9)),
            np.full(len(x), 0.5),
            *np.broadcast_to(_STEM[:, None], (3, len(x))),
        ],
        1,
    )
    _put(c, rows)
