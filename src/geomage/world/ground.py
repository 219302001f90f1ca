"""What lies on the ground: patches of land, water, vehicles and loose objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import shapely
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from geomage.world.parcels import Frame, frame_of, polygons_of
from geomage.world.vegetation import Trees

__all__ = [
    "BOXES",
    "LAND_COLOURS",
    "Ground",
    "Item",
    "Land",
    "Water",
    "blob",
    "boats",
    "boxes",
    "clutter",
    "fence",
    "land",
    "park_cars",
    "vehicle",
    "water_in",
]

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
_CARS = [  # white, silver, grey and black are most of them
    (0.62, 0.62, 0.61),
    (0.75, 0.75, 0.74),
    (0.70, 0.69, 0.66),
    (0.05, 0.05, 0.05),
    (0.07, 0.07, 0.075),
    (0.20, 0.20, 0.20),
    (0.13, 0.13, 0.135),
    (0.40, 0.40, 0.40),
    (0.47, 0.46, 0.44),
    (0.32, 0.05, 0.04),
    (0.06, 0.09, 0.20),
    (0.28, 0.25, 0.20),
    (0.16, 0.12, 0.10),
]
BOXES = np.array(
    [
        (0.45, 0.14, 0.08),
        (0.10, 0.18, 0.36),
        (0.36, 0.36, 0.35),
        (0.55, 0.50, 0.12),
        (0.10, 0.24, 0.16),
        (0.62, 0.62, 0.60),
    ]
)


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


_WARM_OR_COOL = np.array([(1.0, 1.0, 0.0), (0.0, 0.0, 0.0), (-1.0, 0.0, 1.0)])
"""How red, green, blue go with three draws: earths differ from yellow to blue more than to pink."""
_SPREAD = np.array([0.035, 0.015, 0.015])  # of the draws, standard deviations


def _tone(rng: np.random.Generator, kind: str) -> np.ndarray:
    base = np.array(LAND_COLOURS[kind][rng.integers(len(LAND_COLOURS[kind]))])
    gain = np.exp(rng.normal(0.05, 0.24))
    tint = 1 + _WARM_OR_COOL @ (_SPREAD * rng.standard_normal(3))
    return np.asarray(np.minimum(np.maximum(base * gain * tint, 0.01), 0.8))


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
    """Fill a paved area with rows of parking, marked, partly taken; one of no size holds none."""
    if shape.area == 0:
        return
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
        colour = BOXES[rng.integers(len(BOXES))] * rng.normal(1, 0.12)
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


_CLUTTER = np.array(
    [
        (0.30, 0.24, 0.18),
        (0.42, 0.40, 0.37),
        (0.55, 0.54, 0.52),
        (0.12, 0.11, 0.10),
        (0.34, 0.16, 0.10),
        (0.10, 0.22, 0.42),
        (0.62, 0.60, 0.55),
        (0.14, 0.24, 0.14),
    ]
)


def clutter(rng: np.random.Generator, ground: Ground, where: BaseGeometry, per_m2: float) -> None:
    """Strew a yard with what people keep there: tanks, stacks, carts, laundry, low sheds."""
    if where.is_empty:
        return
    x0, y0, x1, y1 = where.bounds
    n = rng.poisson(per_m2 * (x1 - x0) * (y1 - y0))
    xy = rng.uniform((x0, y0), (x1, y1), (n, 2))
    xy = xy[shapely.contains_xy(where, xy)] if n else xy
    angle = rng.uniform(0, np.pi)
    for x, y in xy:
        length = float(np.exp(rng.normal(0.1, 0.6)))
        tone = _CLUTTER[rng.integers(len(_CLUTTER))] * rng.normal(1, 0.18)
        ground.objects.append(
            Item(
                x,
                y,
                angle + rng.normal(0, 0.4),
                min(length, 4.0),
                min(length * rng.uniform(0.4, 1.0), 2.5),
                rng.uniform(0.2, 1.7),
                np.clip(tone, 0.02, 0.8),
                "clutter",
            )
        )


def fence(
    rng: np.random.Generator, ground: Ground, outline: BaseGeometry, *, gap: float, wall: bool
) -> None:
    """Put a fence, or a wall, along the sides of a parcel, each left out with a chance `gap`."""
    tone = np.array([0.45, 0.42, 0.38] if wall else [0.28, 0.22, 0.16]) * rng.normal(1, 0.2)
    height = rng.uniform(1.5, 2.4) if wall else rng.uniform(0.9, 1.8)
    rings = [p.exterior.coords for p in polygons_of(shapely.simplify(outline, 0.4), 4)]
    sides = [np.array(side) for ring in rings for side in pairwise(ring)]
    for a, b in sides:
        along = b - a
        length = float(np.hypot(*along))
        if length < 2.0 or rng.random() < gap:
            continue
        angle = float(np.arctan2(along[1], along[0]))
        x, y = (a + b) / 2
        ground.objects.append(
            Item(
                x, y, angle, length, 0.25 if wall else 0.14, height, np.clip(tone, 0.05, 0.7),
                "wall" if wall else "fence",
            )
        )  # fmt: skip


_HULLS = np.array([(0.70, 0.70, 0.69), (0.55, 0.56, 0.58), (0.08, 0.14, 0.30), (0.30, 0.08, 0.06)])


def boats(
    rng: np.random.Generator, where: BaseGeometry, count: int, longest: float = 12.0
) -> list[Item]:
    """Moor boats on a water."""
    if where.is_empty or count == 0:
        return []
    x0, y0, x1, y1 = where.bounds
    xy = rng.uniform((x0, y0), (x1, y1), (40 * count, 2))
    xy = xy[shapely.contains_xy(where, xy)][:count]
    angle = rng.uniform(0, np.pi)
    out = []
    for x, y in xy:
        length = float(np.clip(rng.lognormal(1.9, 0.5), 3.0, longest))
        colour = np.clip(_HULLS[rng.integers(len(_HULLS))] * rng.normal(1, 0.1), 0.02, 0.85)
        out.append(
            Item(x, y, angle + rng.normal(0, 0.5), length, 0.32 * length, 0.16 * length, colour,
                 "boat")
        )  # fmt: skip
    return out
