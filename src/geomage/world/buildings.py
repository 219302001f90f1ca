"""Footprints and roofs: wings, each a box with a roof form, joined into one building."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from geomage.world.kinds import KINDS, Massing
from geomage.world.parcels import Frame, frame_of
from geomage.world.skeleton import convex_corners
from geomage.world.style import Style
from geomage.world.wings import LOOSE, Wing, free_wing, ridge_over, wings_of_plan

__all__ = [
    "STOREY_M",
    "Building",
    "Wing",
    "pick",
    "place_building",
    "place_outbuilding",
    "roof_colour",
    "union_of",
]

STOREY_M = 2.9
MINIMUM_M2 = 12.0

# reflectance (red, green, blue) of roofs by material; the usual spread is drawn around them
_ROOF_COLOURS: dict[str, list[tuple[float, float, float]]] = {
    "shingle": [
        (0.13, 0.13, 0.13),
        (0.20, 0.19, 0.18),
        (0.17, 0.14, 0.11),
        (0.27, 0.25, 0.22),
        (0.09, 0.09, 0.10),
        (0.22, 0.17, 0.14),
        (0.33, 0.31, 0.28),
    ],
    "tile": [
        (0.34, 0.15, 0.09),
        (0.25, 0.15, 0.11),
        (0.33, 0.21, 0.15),
        (0.21, 0.14, 0.11),
        (0.28, 0.20, 0.155),
        (0.36, 0.27, 0.21),
        (0.30, 0.17, 0.115),
    ],
    "metal": [
        (0.55, 0.56, 0.57),
        (0.40, 0.41, 0.41),
        (0.46, 0.44, 0.41),
        (0.33, 0.325, 0.31),
        (0.38, 0.33, 0.28),
        (0.13, 0.22, 0.38),
        (0.32, 0.14, 0.11),
        (0.17, 0.23, 0.19),
        (0.65, 0.63, 0.59),
        (0.29, 0.21, 0.16),
        (0.24, 0.33, 0.44),
        (0.74, 0.74, 0.73),
    ],
    "membrane": [
        (0.72, 0.72, 0.70),
        (0.55, 0.55, 0.53),
        (0.62, 0.60, 0.56),
        (0.80, 0.80, 0.79),
        (0.35, 0.35, 0.35),
        (0.44, 0.43, 0.41),
        (0.22, 0.22, 0.22),
    ],
    "concrete": [
        (0.33, 0.32, 0.30),
        (0.42, 0.40, 0.37),
        (0.26, 0.25, 0.24),
        (0.50, 0.48, 0.45),
        (0.40, 0.30, 0.24),
    ],
    "gravel": [(0.36, 0.34, 0.31), (0.28, 0.27, 0.25), (0.20, 0.20, 0.20)],
    "thatch": [(0.26, 0.21, 0.13), (0.20, 0.17, 0.12)],
    "glass": [(0.34, 0.38, 0.37), (0.46, 0.49, 0.48), (0.55, 0.56, 0.55)],
}
_WALLS = [
    (0.55, 0.52, 0.47),
    (0.42, 0.36, 0.30),
    (0.34, 0.22, 0.16),
    (0.62, 0.60, 0.58),
    (0.30, 0.29, 0.28),
    (0.50, 0.42, 0.30),
]
_TYPOLOGY = {
    "shingle": "timber",
    "thatch": "timber",
    "tile": "masonry",
    "metal": "steel",
    "membrane": "reinforced concrete",
    "concrete": "reinforced concrete",
    "gravel": "reinforced concrete",
    "glass": "steel",
}
_SHEET_TOWNS = {"informal": "adobe"}
_USES = {"industry": "industry", "barn": "farm"}  # of styles where nobody lives


@dataclass(frozen=True)
class Building:
    """A footprint with its wings and looks."""

    footprint: Polygon
    wings: tuple[Wing, ...]
    use: str
    plan: str
    storeys: float
    material: str
    typology: str
    colour: tuple[float, float, float]
    wall: float  # brightness of its walls, reflectance
    objects: tuple[tuple[float, ...], ...] = field(default=())

    @property
    def height(self) -> float:
        """Highest ridge above the ground, metres."""
        return max(w.ridge for w in self.wings)


def pick(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    """Draw a key by its relative weight."""
    at = rng.random() * sum(weights.values())
    for name, share in weights.items():
        at -= share
        if at < 0:
            return name
    return [*weights][-1]  # rounding left a rest


def roof_colour(rng: np.random.Generator, material: str) -> tuple[float, float, float]:
    """Draw the reflectance of a roof of a material."""
    base = np.array(_ROOF_COLOURS[material][rng.integers(len(_ROOF_COLOURS[material]))])
    gain = rng.normal(1.0, 0.18)
    warm, red, blue = rng.normal(0, (0.04, 0.02, 0.02))  # roofs differ from yellow to blue
    r, g, b = np.clip(base * gain * (1 + warm + red, 1, 1 - warm + blue), 0.03, 0.9)
    return float(r), float(g), float(b)


def union_of(wings: Sequence[Wing]) -> BaseGeometry:
    """What wings cover together; where nearly equal edges fail, on a grid of 0.1 mm."""
    shapes = [w.shape for w in wings]
    try:
        return shapely.union_all(shapes)
    except shapely.GEOSException:
        return shapely.union_all(shapes, grid_size=1e-4)


def _aspect(rng: np.random.Generator) -> float:
    """Length over width of a footprint; some are long, as trailers and barns are."""
    return float(rng.uniform(2.3, 4.6) if rng.random() < 0.16 else rng.uniform(1.05, 2.1))


def _fitted(parcel: Polygon, area: float, aspect: float, rng: np.random.Generator) -> Frame | None:
    """Return the frame of a rectangle of about `area` m² that lies inside the parcel."""
    frame = frame_of(parcel)
    where = parcel.centroid if parcel.contains(parcel.centroid) else parcel.representative_point()
    ratio = np.clip(frame.length / max(frame.width, 0.1), 1, 2.2) if rng.random() < 0.5 else aspect
    length, width = np.sqrt(area * ratio), np.sqrt(area / ratio)
    turn = np.pi / 2 if rng.random() < 0.3 and width > 0.6 * length else 0.0
    slack = rng.uniform(-0.25, 0.25, 2) * [
        max(frame.length - length, 0),
        max(frame.width - width, 0),
    ]
    c, s = np.cos(frame.angle), np.sin(frame.angle)
    x, y = where.x + slack[0] * c - slack[1] * s, where.y + slack[0] * s + slack[1] * c
    for _ in range(7):
        found = Frame(x, y, frame.angle + turn, float(length), float(width))
        if parcel.contains(found.rectangle(found.length, found.width)):
            return found
        length, width = min(length * 0.87, frame.length), min(width * 0.87, frame.width)
        x, y = 0.6 * x + 0.4 * where.x, 0.6 * y + 0.4 * where.y
    return None


def _filled(parcel: Polygon) -> Polygon | None:
    """Return the parcel itself as a footprint, where it is compact enough."""
    simple = shapely.simplify(parcel, 0.3)
    shape = simple if parcel.covers(simple) else parcel
    hull = shape.convex_hull.area
    return (
        shape if shape.area > MINIMUM_M2 and shape.area > 0.85 * hull and shape.is_valid else None
    )


def place_building(
    rng: np.random.Generator, style: Style, parcel: Polygon, use: str = "residential"
) -> Building | None:
    """Place one building on a parcel, or return None where nothing fits.

    The plan drawn from the style decides: one of `KINDS`, or a common house of wings.
    """
    room = parcel.buffer(-rng.uniform(*style.setback_m), join_style="mitre")
    if room.is_empty or room.geom_type != "Polygon":
        return None
    plan = pick(rng, style.plans)
    built = KINDS[plan](rng, parcel, room) if plan in KINDS else None
    if built is None:
        plan, built = _common(rng, style, (parcel, room), plan, use)
    if built is None or built.footprint.area < MINIMUM_M2:
        return None
    typology = _TYPOLOGY[built.material]
    if rng.random() < 0.7:
        typology = _SHEET_TOWNS.get(style.name, typology)
    wall = float(np.mean(_WALLS[rng.integers(len(_WALLS))]) * rng.uniform(0.8, 1.2))
    return Building(
        built.footprint,
        built.wings,
        built.use or (_USES.get(style.name, use) if use == "residential" else use),
        plan,
        built.storeys,
        built.material,
        built.typology or typology,
        roof_colour(rng, built.material),
        wall,
    )


def _common(
    rng: np.random.Generator, style: Style, ground: tuple[Polygon, Polygon], plan: str, use: str
) -> tuple[str, Massing | None]:
    """Draw a house of wings on (parcel, room); returns the plan that fits, too."""
    parcel, room = ground
    material = pick(rng, style.materials)
    form = pick(rng, style.roofs)
    if material in {"membrane", "gravel", "concrete"}:
        form = "flat"
    elif form == "flat" and material in {"tile", "shingle", "thatch"}:
        material = "concrete" if rng.random() < 0.6 else "membrane"
    storeys = max(1, round(rng.uniform(*style.storeys) * rng.uniform(0.7, 1.15)))
    storey = STOREY_M if use != "hall" else 4.5
    eave = storeys * storey * rng.uniform(0.9, 1.1) + rng.uniform(0, 0.6)
    filled = _filled(room) if plan == "fill" else None
    if filled is not None:
        wings = _over_all(rng, filled, form, eave)
    else:
        cover = rng.uniform(*style.coverage)
        loose = LOOSE.get(plan, 1.0)
        frame = _fitted(room, min(parcel.area * cover * loose, room.area), _aspect(rng), rng)
        if frame is None or frame.width < 2.4:
            return plan, None
        if plan in KINDS or min(frame.length, frame.width) < (18 if plan == "courtyard" else 9):
            plan = "box"
        wings = wings_of_plan(rng, frame, plan, form, eave)
    footprint = wings[0].shape if len(wings) == 1 else union_of(wings)
    if not isinstance(footprint, Polygon):
        return plan, None
    return plan, Massing(footprint, tuple(wings), storeys, material)


def _over_all(rng: np.random.Generator, room: Polygon, form: str, eave: float) -> list[Wing]:
    """Fill a room: flat on any outline, of equal slope on a convex one that is not too wide."""
    frame = frame_of(room)
    if form == "flat":
        return [free_wing(room, "flat", frame.angle, (eave, eave))]
    if frame.width < 16 and convex_corners(room) is not None:
        form = form if form in {"gable", "shed", "mansard"} and frame.width < 12 else "hip"
        ridge = ridge_over(rng, form, frame.width, eave)
        return [free_wing(room, form, frame.angle, (eave, ridge))]
    box = _fitted(room, room.area * 0.8, 1.3, rng)
    return [] if box is None else wings_of_plan(rng, box, "box", form, eave)


def place_outbuilding(rng: np.random.Generator, room: Polygon) -> Building | None:
    """Place a shed, garage or trailer on what a parcel leaves free."""
    if room.area < 40 or room.geom_type != "Polygon":
        return None
    frame = frame_of(room)
    width = rng.uniform(2.5, 6.5)
    length = width * rng.uniform(1.0, 2.4)
    c, s = np.cos(frame.angle), np.sin(frame.angle)
    for _ in range(4):
        u, v = rng.uniform(-0.45, 0.45, 2) * [frame.length, frame.width]
        found = Frame(frame.x + u * c - v * s, frame.y + u * s + v * c, frame.angle, length, width)
        shape = found.rectangle(length, width)
        if room.contains(shape):
            form = str(rng.choice(["flat", "gable", "shed"]))
            eave = rng.uniform(2.0, 2.9)
            wing = Wing(
                shape, form, found.angle, length, width, eave, ridge_over(rng, form, width, eave)
            )
            material = str(rng.choice(["metal", "shingle", "membrane", "tile"]))
            return Building(
                shape,
                (wing,),
                "outbuilding",
                "box",
                1,
                material,
                "timber",
                roof_colour(rng, material),
                0.4,
            )
    return None
