"""What lies on the ground: land polygons, water, vehicles and loose objects, block by block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import shapely
from shapely import LineString, Polygon
from shapely.geometry.base import BaseGeometry

from geomage.world.parcels import Frame, frame_of, polygons_of
from geomage.world.vegetation import Trees, Woods, dense_forest, scatter

__all__ = ["LAND_COLOURS", "Ground", "Item", "Land", "Water", "blob", "fill_block", "park_cars"]

# reflectance (red, green, blue): the middle of what each kind shows
LAND_COLOURS: dict[str, list[tuple[float, float, float]]] = {
    "lawn": [
        (0.060, 0.105, 0.040),
        (0.085, 0.115, 0.050),
        (0.045, 0.095, 0.035),
        (0.13, 0.135, 0.07),
    ],
    "meadow": [
        (0.085, 0.105, 0.050),
        (0.12, 0.120, 0.060),
        (0.17, 0.150, 0.085),
        (0.060, 0.085, 0.040),
    ],
    "field": [
        (0.055, 0.095, 0.035),
        (0.20, 0.17, 0.10),
        (0.26, 0.21, 0.14),
        (0.12, 0.13, 0.06),
        (0.17, 0.12, 0.085),
        (0.075, 0.11, 0.045),
    ],
    "bare": [
        (0.24, 0.18, 0.125),
        (0.30, 0.25, 0.19),
        (0.20, 0.14, 0.10),
        (0.36, 0.31, 0.25),
        (0.28, 0.17, 0.11),
        (0.17, 0.145, 0.12),
    ],
    "sand": [(0.46, 0.40, 0.30), (0.52, 0.47, 0.38), (0.38, 0.33, 0.25)],
    "gravel": [(0.33, 0.32, 0.29), (0.40, 0.38, 0.34), (0.26, 0.25, 0.24)],
    "concrete": [(0.38, 0.37, 0.34), (0.32, 0.31, 0.29), (0.45, 0.43, 0.40)],
    "asphalt": [
        (0.115, 0.115, 0.115),
        (0.15, 0.15, 0.145),
        (0.09, 0.09, 0.092),
        (0.19, 0.185, 0.175),
    ],
    "dirt": [(0.27, 0.21, 0.15), (0.36, 0.31, 0.25), (0.22, 0.16, 0.11), (0.44, 0.40, 0.34)],
    "ballast": [(0.22, 0.19, 0.17), (0.17, 0.155, 0.145)],
    "clay": [
        (0.33, 0.16, 0.10),
        (0.28, 0.17, 0.12),
        (0.10, 0.22, 0.16),
        (0.10, 0.16, 0.30),
        (0.36, 0.20, 0.13),
    ],
    "forest_floor": [(0.075, 0.070, 0.045), (0.055, 0.065, 0.035), (0.11, 0.09, 0.06)],
    "line": [(0.60, 0.60, 0.58)],
}
_WATER = [
    (0.018, 0.028, 0.022),
    (0.030, 0.042, 0.038),
    (0.055, 0.060, 0.042),
    (0.10, 0.085, 0.055),
    (0.13, 0.105, 0.070),
    (0.015, 0.030, 0.042),
]
_POOL = (0.10, 0.32, 0.42)
_CARS = [
    (0.60, 0.60, 0.60),
    (0.75, 0.75, 0.75),
    (0.05, 0.05, 0.05),
    (0.20, 0.20, 0.21),
    (0.32, 0.05, 0.04),
    (0.06, 0.09, 0.22),
    (0.40, 0.40, 0.42),
    (0.28, 0.25, 0.20),
]
_BOXES = [
    (0.45, 0.14, 0.08),
    (0.10, 0.18, 0.36),
    (0.36, 0.36, 0.35),
    (0.55, 0.50, 0.12),
    (0.10, 0.24, 0.16),
    (0.62, 0.62, 0.60),
]


@dataclass(frozen=True)
class Land:
    """A patch of ground: `layer` orders the painting, `pitch` and `angle` give its rows."""

    shape: Polygon
    kind: str
    colour: np.ndarray
    layer: int = 0
    angle: float = 0.0
    pitch: float = 0.0


@dataclass(frozen=True)
class Water:
    """Permanent water: river, pond, pool or sea."""

    shape: Polygon
    kind: str
    colour: np.ndarray


@dataclass(frozen=True)
class Item:
    """An oriented box: a vehicle or an object. Metres, radians."""

    x: float
    y: float
    angle: float
    length: float
    width: float
    height: float
    colour: np.ndarray
    kind: str = "car"
    on_roof: bool = False


@dataclass
class Ground:
    """Everything a block brings, gathered while the town grows."""

    land: list[Land] = field(default_factory=list)
    water: list[Water] = field(default_factory=list)
    trees: list[Trees] = field(default_factory=list)
    cars: list[Item] = field(default_factory=list)
    objects: list[Item] = field(default_factory=list)


def _tone(rng: np.random.Generator, kind: str) -> np.ndarray:
    base = np.array(LAND_COLOURS[kind][rng.integers(len(LAND_COLOURS[kind]))])
    return np.clip(base * rng.normal(1, 0.13) * rng.normal(1, 0.04, 3), 0.01, 0.8)


def land(
    rng: np.random.Generator, shape: Polygon, kind: str, layer: int = 0, **rows: float
) -> Land:
    """Make a patch with a drawn tone."""
    return Land(shape, kind, _tone(rng, kind), layer, **rows)


def blob(
    rng: np.random.Generator, x: float, y: float, radius: float, rough: float = 0.25
) -> Polygon:
    """Draw a smooth irregular closed shape of about `radius` metres."""
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    r = np.ones_like(t)
    for k in range(1, 6):
        r += rough / k * rng.normal() * np.cos(k * t + rng.uniform(0, 2 * np.pi))
    stretch = rng.uniform(0.6, 1.0)
    r = radius * np.clip(r, 0.25, None)
    turn = rng.uniform(0, np.pi)
    px, py = r * np.cos(t), r * np.sin(t) * stretch
    ring = np.stack(
        [x + px * np.cos(turn) - py * np.sin(turn), y + px * np.sin(turn) + py * np.cos(turn)], 1
    )
    return Polygon(ring).buffer(0)


def water_in(rng: np.random.Generator, shape: BaseGeometry, kind: str) -> list[Water]:
    """Return water with one drawn colour for every polygon part."""
    base = np.array(_POOL if kind == "pool" else _WATER[rng.integers(len(_WATER))]) * rng.normal(
        1, 0.15
    )
    return [Water(p, kind, np.clip(base, 0.005, 0.5)) for p in polygons_of(shape, 2.0)]


def vehicle(
    rng: np.random.Generator, x: float, y: float, angle: float, *, lorry: bool = False
) -> Item:
    """Draw one vehicle."""
    length, width, height = (
        (rng.uniform(8, 17), 2.6, 3.4) if lorry else (rng.uniform(3.9, 5.3), 1.9, 1.5)
    )
    colour = np.array(_CARS[rng.integers(len(_CARS))]) * rng.normal(1, 0.1)
    return Item(x, y, angle, float(length), width, height, np.clip(colour, 0.02, 0.9))


def park_cars(
    rng: np.random.Generator, ground: Ground, shape: BaseGeometry, *, lorries: float = 0.0
) -> None:
    """Fill a paved area with rows of parking, marked, partly taken."""
    frame = frame_of(shape)
    taken, c, s = rng.uniform(0.05, 0.9), np.cos(frame.angle), np.sin(frame.angle)
    lorry = rng.random() < lorries
    bay, depth = (4.0, 20.0) if lorry else (2.6, 8.2)
    inner = shape.buffer(-3.0)
    marks = rng.random() < 0.6
    for v in np.arange(-frame.width / 2 + depth / 2, frame.width / 2, depth):
        for u in np.arange(-frame.length / 2, frame.length / 2, bay):
            x, y = frame.x + u * c - v * s, frame.y + u * s + v * c
            if not shapely.contains_xy(inner, x, y):
                continue
            if marks and not lorry:
                stripe = Frame(frame.x, frame.y, frame.angle, 1, 1).rectangle(
                    0.15, 4.6, u - bay / 2, v
                )
                ground.land.append(Land(stripe, "line", np.array(LAND_COLOURS["line"][0]), 6))
            if rng.random() < taken:
                ground.cars.append(
                    vehicle(rng, x, y, frame.angle + np.pi / 2 + rng.normal(0, 0.03), lorry=lorry)
                )


def boxes(rng: np.random.Generator, ground: Ground, shape: Polygon, count: int) -> None:
    """Stack containers or pallets on a yard."""
    frame = frame_of(shape)
    inner = shape.buffer(-2.0)
    c, s = np.cos(frame.angle), np.sin(frame.angle)
    for _ in range(count):
        u, v = rng.uniform(-0.45, 0.45, 2) * [frame.length, frame.width]
        x, y = frame.x + u * c - v * s, frame.y + u * s + v * c
        if not shapely.contains_xy(inner, x, y):
            continue
        colour = np.array(_BOXES[rng.integers(len(_BOXES))]) * rng.normal(1, 0.12)
        angle = frame.angle + rng.choice([0, np.pi / 2])
        length = float(rng.choice([2.0, 3.5, 6.1, 12.2], p=[0.4, 0.3, 0.2, 0.1]))
        ground.objects.append(
            Item(
                x,
                y,
                angle,
                length,
                min(2.4, length),
                rng.uniform(0.8, 2.6),
                np.clip(colour, 0.02, 0.8),
                "container",
            )
        )


def _rounded(points: np.ndarray) -> np.ndarray:
    """Cut the corners of a line (n, 2) four times (Chaikin 1974): paths wind, they do not kink."""
    for _ in range(4):
        a, b = points[:-1], points[1:]
        inner = np.stack([0.75 * a + 0.25 * b, 0.25 * a + 0.75 * b], 1).reshape(-1, 2)
        points = np.concatenate([points[:1], inner, points[-1:]])
    return points


def _park(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    g.land.append(land(rng, block, str(rng.choice(["lawn", "meadow"], p=[0.75, 0.25]))))
    g.trees.append(scatter(rng, woods, block, rng.uniform(10, 120)))
    x0, y0, x1, y1 = block.bounds
    for _ in range(rng.integers(1, 5)):
        ends = _rounded(rng.uniform((x0, y0), (x1, y1), (4, 2)))
        path = LineString(ends).buffer(rng.uniform(0.8, 2.2))
        g.land += [
            land(rng, p, str(rng.choice(["concrete", "dirt", "asphalt"])), 2)
            for p in polygons_of(path.intersection(block), 3)
        ]
    if rng.random() < 0.25:
        _pond(rng, g, block)


def _pond(rng: np.random.Generator, g: Ground, block: Polygon) -> None:
    at = block.representative_point()
    room = np.sqrt(block.area)
    shape = blob(rng, at.x, at.y, room * rng.uniform(0.08, 0.32)).intersection(block.buffer(-2))
    bank = shape.buffer(rng.uniform(0.5, 4.0)).intersection(block)
    g.land += [
        land(rng, p, str(rng.choice(["bare", "meadow", "sand", "concrete"])), 2)
        for p in polygons_of(bank, 3)
    ]
    g.water += water_in(rng, shape, "pond")


def _pond_block(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    g.land.append(land(rng, block, "meadow"))
    _pond(rng, g, block)
    g.trees.append(scatter(rng, woods, block, rng.uniform(5, 60)))


def _forest(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    g.land.append(land(rng, block, "forest_floor"))
    g.trees.append(dense_forest(rng, woods, block))
    if rng.random() < 0.4:
        x0, y0, x1, y1 = block.bounds
        track = (
            LineString(_rounded(rng.uniform((x0, y0), (x1, y1), (4, 2))))
            .buffer(rng.uniform(1, 3))
            .simplify(0.3)
        )
        g.land += [land(rng, p, "dirt", 2) for p in polygons_of(track.intersection(block), 3)]


def _field(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    pieces, frame = [block], frame_of(block)
    for _ in range(rng.integers(0, 3)):
        far = 3 * frame.length
        half = frame.rectangle(far, far, rng.uniform(-0.3, 0.3) * frame.length - far / 2)
        pieces = [
            q for p in pieces for q in (*polygons_of(p & half, 30), *polygons_of(p - half, 30))
        ]
    for p in pieces:
        rows = {
            "angle": frame.angle + rng.choice([0, np.pi / 2]),
            "pitch": float(rng.choice([0, 1.2, 2.5, 4, 8])),
        }
        g.land.append(land(rng, p, "field", **rows))
    g.trees.append(scatter(rng, woods, block, rng.choice([0.0, 1.0, 5.0])))
    if rng.random() < 0.4:
        hedge = block.exterior.buffer(1.5).intersection(block)
        g.trees.append(scatter(rng, woods, hedge, rng.uniform(200, 700)))


def _meadow(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    g.land.append(land(rng, block, "meadow"))
    x0, y0, x1, y1 = block.bounds
    for _ in range(rng.integers(0, 6)):  # worn, wet and bare patches
        patch = blob(
            rng, rng.uniform(x0, x1), rng.uniform(y0, y1), rng.uniform(3, 25), 0.4
        ).intersection(block)
        g.land += [
            land(rng, p, str(rng.choice(["bare", "meadow", "lawn"])), 1)
            for p in polygons_of(patch, 3)
        ]
    g.trees.append(scatter(rng, woods, block, rng.uniform(1, 70)))


def _paddock(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    """Fenced pieces, each worn differently: pale rectangles that are no roofs."""
    frame = frame_of(block)
    nu, nv = rng.integers(1, 5), rng.integers(1, 4)
    du, dv = frame.length / nu, frame.width / nv
    g.land.append(land(rng, block, "meadow"))
    for i in range(nu):
        for j in range(nv):
            u, v = (i + 0.5) * du - frame.length / 2, (j + 0.5) * dv - frame.width / 2
            gap = rng.uniform(0.5, 2.5)
            cell = frame.rectangle(du - gap, dv - gap, u, v).intersection(block)
            kind = str(
                rng.choice(
                    ["meadow", "bare", "dirt", "lawn", "sand"], p=[0.35, 0.25, 0.15, 0.15, 0.1]
                )
            )
            g.land += [land(rng, p, kind, 1) for p in polygons_of(cell, 4)]
            if rng.random() < 0.5:
                fence = cell.boundary.buffer(0.15)
                g.land += [
                    Land(p, "line", np.array([0.4, 0.37, 0.32]), 3) for p in polygons_of(fence, 0.1)
                ]
    g.trees.append(scatter(rng, woods, block, rng.uniform(0, 8)))


def _golf(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    g.land.append(land(rng, block, "lawn"))
    x0, y0, x1, y1 = block.bounds
    for _ in range(int(rng.integers(2, 12))):
        x, y = rng.uniform((x0, y0), (x1, y1))
        kind = str(rng.choice(["sand", "lawn", "meadow"], p=[0.55, 0.3, 0.15]))
        radius = rng.uniform(2, 7) if kind == "sand" else rng.uniform(8, 25)
        g.land += [
            land(rng, p, kind, 2 if kind == "sand" else 1)
            for p in polygons_of(blob(rng, x, y, radius).intersection(block), 3)
        ]
    if rng.random() < 0.4:
        _pond(rng, g, block)
    g.trees.append(scatter(rng, woods, block, rng.uniform(5, 50)))


def _carpark(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    g.land.append(
        land(rng, block, str(rng.choice(["asphalt", "concrete", "gravel"], p=[0.7, 0.2, 0.1])))
    )
    park_cars(rng, g, block)
    g.trees.append(scatter(rng, woods, block, rng.uniform(0, 20)))


def _sport(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    g.land.append(
        land(rng, block, str(rng.choice(["lawn", "meadow", "bare"], p=[0.6, 0.25, 0.15])))
    )
    frame = frame_of(block)
    for _ in range(rng.integers(1, 4)):
        kind = str(rng.choice(["pitch", "court", "diamond", "track"]))
        u, v = rng.uniform(-0.3, 0.3, 2) * [frame.length, frame.width]
        c, s = np.cos(frame.angle), np.sin(frame.angle)
        x, y = frame.x + u * c - v * s, frame.y + u * s + v * c
        if kind == "diamond":
            g.land.append(land(rng, blob(rng, x, y, rng.uniform(10, 16), 0.08), "clay", 1))
            g.land.append(
                land(rng, Frame(x, y, frame.angle + 0.78, 1, 1).rectangle(13, 13), "lawn", 2)
            )
            continue
        length, width = {"pitch": (90.0, 55.0), "court": (34.0, 18.0), "track": (150.0, 80.0)}[kind]
        scale = min(1.0, 0.9 * frame.length / length, 0.9 * frame.width / width)
        shape = frame.rectangle(length * scale, width * scale, u * 0.3, v * 0.3)
        if kind == "track":
            shape = shape.buffer(-width * scale * 0.45).buffer(width * scale * 0.45)
            g.land += [land(rng, p, "clay", 1) for p in polygons_of(shape, 9)]
            shape = shape.buffer(-7)
        surface = "clay" if kind == "court" else str(rng.choice(["lawn", "lawn", "clay", "bare"]))
        g.land += [
            land(rng, p, surface, 2, angle=frame.angle, pitch=float(rng.choice([0, 10])))
            for p in polygons_of(shape, 9)
        ]
        for ring in polygons_of(shape.buffer(-1.0), 9):
            g.land += [
                Land(p, "line", np.array(LAND_COLOURS["line"][0]), 3)
                for p in polygons_of(ring.boundary.buffer(0.08), 0)
            ]
    g.trees.append(
        scatter(rng, woods, block.boundary.buffer(6).intersection(block), rng.uniform(0, 90))
    )


def _bare(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    kind = str(rng.choice(["bare", "dirt", "gravel", "sand"], p=[0.5, 0.25, 0.15, 0.1]))
    g.land.append(land(rng, block, kind))
    x0, y0, x1, y1 = block.bounds
    for _ in range(int(rng.integers(1, 9))):
        x, y = rng.uniform((x0, y0), (x1, y1))
        patch = blob(rng, x, y, rng.uniform(2, 18), 0.45).intersection(block)
        g.land += [
            land(rng, p, str(rng.choice(["bare", "dirt", "meadow", "gravel", "concrete"])), 1)
            for p in polygons_of(patch, 3)
        ]
    if rng.random() < 0.5:
        frame = frame_of(block)
        slab = frame.rectangle(
            frame.length * rng.uniform(0.1, 0.5), frame.width * rng.uniform(0.1, 0.5)
        )
        g.land += [land(rng, p, "concrete", 2) for p in polygons_of(slab.intersection(block), 9)]
    boxes(rng, g, block, int(rng.integers(0, 14)))
    g.trees.append(scatter(rng, woods, block, rng.uniform(0, 25)))


def _depot(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    g.land.append(land(rng, block, str(rng.choice(["gravel", "asphalt", "concrete", "bare"]))))
    boxes(rng, g, block, int(rng.integers(10, 70)))
    park_cars(rng, g, frame_of(block).rectangle(40, 30).intersection(block), lorries=0.8)
    g.trees.append(scatter(rng, woods, block, rng.uniform(0, 8)))


def _orchard(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    g.land.append(land(rng, block, str(rng.choice(["meadow", "bare"]))))
    frame, pitch = frame_of(block), rng.uniform(3.5, 7)
    u, v = np.meshgrid(
        np.arange(-frame.length / 2, frame.length / 2, pitch),
        np.arange(-frame.width / 2, frame.width / 2, pitch),
    )
    c, s = np.cos(frame.angle), np.sin(frame.angle)
    xy = np.stack([frame.x + u * c - v * s, frame.y + u * s + v * c], -1).reshape(-1, 2)
    xy = xy[shapely.contains_xy(block, xy)]
    if len(xy):
        trees = scatter(rng, woods, block, 0.0)
        n = len(xy)
        radius = pitch * rng.uniform(0.25, 0.48) * rng.uniform(0.8, 1.1, n)
        colour = np.clip(woods.greens[0] * rng.normal(1, 0.08, (n, 1)), 0.01, 0.3)
        g.trees.append(
            Trees(xy, radius, radius * 2, np.zeros(n, int), np.ones(n, np.uint8), colour)
        )
        g.trees.append(trees)


def _plaza(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    g.land.append(land(rng, block, str(rng.choice(["concrete", "gravel", "asphalt"]))))
    g.trees.append(scatter(rng, woods, block, rng.uniform(0, 60)))


FILLERS: Mapping[str, Callable[[np.random.Generator, Ground, Polygon, Woods], None]] = {
    "park": _park,
    "forest": _forest,
    "field": _field,
    "meadow": _meadow,
    "paddock": _paddock,
    "golf": _golf,
    "carpark": _carpark,
    "sport": _sport,
    "bare": _bare,
    "depot": _depot,
    "orchard": _orchard,
    "plaza": _plaza,
    "pond": _pond_block,
}


def fill_block(
    rng: np.random.Generator, ground: Ground, block: Polygon, use: str, woods: Woods
) -> None:
    """Fill a block that holds no parcels; `use` is a key of `FILLERS`."""
    FILLERS[use](rng, ground, block, woods)
