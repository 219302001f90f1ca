"""Building kinds with a shape of their own: a plan name of a style picks one of `KINDS`.

row         houses side by side that share their walls, right across the parcel
slab        a long block of flats, 10 to 14 m deep, 3 to 12 storeys
tower       compact, 8 to 25 storeys, a plant room on top
warehouse   large and low, in bays under gables, barrels, saw teeth or one flat roof
church      nave with a steep gable, tower with a spire or a cupola, apse
greenhouse  parallel strips of glass
mobile      a mobile home, 4.2 to 5 m or twice as wide, some with a lower porch or carport along it

Sizes in metres; what does not fit its parcel gives None, and the parcel a common house.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import shapely
from shapely import Polygon

from geomage.world.parcels import Frame, frame_of
from geomage.world.skeleton import convex_corners
from geomage.world.wings import Wing, box_wing, fit_box, free_wing, ridge_over

__all__ = ["KINDS", "Massing"]


@dataclass(frozen=True)
class Massing:
    """A building without its looks: `use` and `typology` are left to the style where None."""

    footprint: Polygon
    wings: tuple[Wing, ...]
    storeys: int
    material: str
    use: str | None = None
    typology: str | None = None


Kind = Callable[[np.random.Generator, Polygon, Polygon], Massing | None]


def _row(rng: np.random.Generator, parcel: Polygon, room: Polygon) -> Massing | None:
    """Houses of 5 to 7 m from side to side of the parcel; the outer ones take its slanted ends."""
    frame = frame_of(parcel)
    deep = frame.length > 3 * frame.width  # a single lot: the house stands across it
    across = frame.angle + (np.pi / 2 if deep else 0.0)
    wide, far = (frame.width, frame.length) if deep else (frame.length, frame.width)
    depth = min(rng.uniform(8.5, 12.0), 0.8 * far)
    units = max(1, round(wide / rng.uniform(5.2, 7.2)))
    if depth < 6 or room.area < 0.3 * parcel.area:
        return None
    band = Frame(frame.x, frame.y, across, wide, depth)
    storeys = int(rng.integers(2, 4))
    eave, tilt = storeys * 2.8 + rng.uniform(0.2, 0.8), rng.uniform(0.3, 0.45) * depth
    form = str(rng.choice(["gable", "gable", "gable", "flat"]))
    jog = rng.choice([0.0, 0.0, 0.7])  # some rows step back and forth
    wings = []
    for i in range(units):
        at = ((i + 0.5) / units - 0.5) * wide
        end = 2.0 if i in {0, units - 1} else 0.0  # beyond the box: the parcel's own side is met
        lean = end if units == 1 else end / 2 * (-1 if i == 0 else 1)
        unit = band.rectangle(
            wide / units + end, depth, at + (0.0 if units == 1 else lean), jog * (i // 2 % 2)
        )
        shape = unit & parcel
        if not isinstance(shape, Polygon) or convex_corners(shape) is None:
            continue
        if shape.area < 0.4 * depth * wide / units:
            continue
        low = eave + float(rng.choice([0.0, 0.0, 0.3, -0.3]))
        top = low if form == "flat" else low + tilt
        wings.append(free_wing(shape, form, across, (low, top)))
    footprint = shapely.union_all([w.shape for w in wings], grid_size=1e-6) & parcel
    if not isinstance(footprint, Polygon) or footprint.is_empty:
        return None
    material = "membrane" if form == "flat" else str(rng.choice(["tile", "tile", "shingle"]))
    return Massing(footprint, tuple(wings), storeys, material, typology="masonry")


def _slab(rng: np.random.Generator, parcel: Polygon, room: Polygon) -> Massing | None:
    """A long block of flats."""
    del parcel
    frame = fit_box(room, (26, rng.uniform(40, 95)), (10, rng.uniform(10.5, 14)))
    if frame is None:
        return None
    storeys = int(rng.integers(3, 13))
    eave = storeys * 2.8 + rng.uniform(0.3, 1.2)
    material = str(rng.choice(["membrane", "gravel", "concrete"]))
    form, ridge = "flat", eave
    if storeys < 6 and rng.random() < 0.3:
        form, material = "hip", str(rng.choice(["tile", "metal"]))
        ridge = ridge_over(rng, form, 0.7 * frame.width, eave)
    wing = box_wing(frame, form, (eave, ridge))
    return Massing(wing.shape, (wing,), storeys, material, typology="reinforced concrete")


def _tower(rng: np.random.Generator, parcel: Polygon, room: Polygon) -> Massing | None:
    """A compact high building; some are crosses in plan, all carry a plant room."""
    del parcel
    side = rng.uniform(17, 30)
    frame = fit_box(room, (15, side), (15, side * rng.uniform(0.75, 1)))
    if frame is None:
        return None
    storeys = int(rng.integers(8, 26))
    eave = storeys * 3.0 + rng.uniform(0.5, 2)
    core = _part(frame, rng.uniform(0.35, 0.55), rng.uniform(0.35, 0.55))
    plant = box_wing(core, "flat", (eave + 3.2, eave + 3.2))
    bodies = [frame]
    if rng.random() < 0.35:
        bodies = [_part(frame, 1.0, 0.6), _part(frame, 0.6, 1.0)]
    wings = [box_wing(body, "flat", (eave, eave)) for body in bodies]
    footprint = shapely.union_all([w.shape for w in wings])
    if not isinstance(footprint, Polygon):
        return None
    material = str(rng.choice(["membrane", "gravel", "concrete"]))
    return Massing(footprint, (*wings, plant), storeys, material, typology="reinforced concrete")


def _warehouse(rng: np.random.Generator, parcel: Polygon, room: Polygon) -> Massing | None:
    """A hall in bays."""
    del parcel
    frame = fit_box(room, (24, rng.uniform(45, 140)), (15, rng.uniform(25, 75)))
    if frame is None:
        return None
    form = str(rng.choice(["gable", "sawtooth", "barrel", "flat"], p=[0.4, 0.22, 0.13, 0.25]))
    eave = rng.uniform(5.5, 11)
    bays = 1 if form in {"flat", "sawtooth"} else max(1, round(frame.width / rng.uniform(16, 30)))
    span = frame.width / bays
    ridge = ridge_over(rng, form, span, eave)
    if form == "gable":
        ridge = eave + span / 2 * float(np.tan(np.radians(rng.uniform(4, 10))))
    wings = _bays(frame, bays, form, (eave, ridge))
    material = "membrane" if form == "flat" else "metal"
    whole = frame.rectangle(frame.length, frame.width)
    return Massing(whole, wings, 1, material, "industry", "steel")


def _church(rng: np.random.Generator, parcel: Polygon, room: Polygon) -> Massing | None:
    """Nave along the room, tower at one end, apse at the other, sometimes a transept."""
    del parcel
    frame = fit_box(room, (20, rng.uniform(28, 46)), (8, rng.uniform(9, 17)))
    if frame is None:
        return None
    end = int(rng.choice([-1, 1]))
    side = min(rng.uniform(4.5, 6.5), 0.6 * frame.width)
    nave = replace(frame, length=frame.length - 0.8 * side - 0.3 * frame.width)
    mid = end * (0.3 * frame.width - 0.8 * side) / 2
    eave = rng.uniform(6.5, 11)
    ridge = eave + frame.width / 2 * float(np.tan(np.radians(rng.uniform(44, 56))))
    high = ridge * rng.uniform(1.05, 1.5)
    cap = str(rng.choice(["hip", "hip", "dome"]))
    top = high + side * (rng.uniform(1.0, 2.6) if cap == "hip" else rng.uniform(0.5, 0.8))
    turret = replace(frame, length=side, width=side)
    round_end = _octagon(frame, -end * (frame.length / 2 - 0.3 * frame.width), 0.3 * frame.width)
    wings = [
        box_wing(nave, "gable", (eave, ridge), mid),
        free_wing(round_end, "hip", frame.angle, (0.8 * eave, 0.8 * eave + 0.3 * frame.width)),
        box_wing(turret, cap, (high, top), end * (frame.length - side) / 2),
    ]
    if rng.random() < 0.4:
        arm = replace(frame, length=frame.width, width=0.32 * frame.length, angle=_turned(frame))
        wings.append(box_wing(arm, "gable", (eave, 0.95 * ridge)))
        wings[0] = box_wing(replace(nave, width=0.62 * frame.width), "gable", (eave, ridge), mid)
    footprint = shapely.union_all([w.shape for w in wings])
    if not isinstance(footprint, Polygon):
        return None
    material = str(rng.choice(["tile", "shingle", "metal"]))
    return Massing(footprint, tuple(wings), 1, material, "worship", "masonry")


def _greenhouse(rng: np.random.Generator, parcel: Polygon, room: Polygon) -> Massing | None:
    """Parallel strips under one height."""
    del parcel
    frame = fit_box(room, (16, rng.uniform(30, 90)), (6, rng.uniform(9, 60)))
    if frame is None:
        return None
    strips = max(1, round(frame.width / rng.uniform(6.0, 9.6)))
    eave = rng.uniform(2.2, 3.8)
    form = str(rng.choice(["barrel", "gable"]))
    ridge = eave + frame.width / strips * rng.uniform(0.2, 0.28)
    wings = _bays(frame, strips, form, (eave, ridge))
    whole = frame.rectangle(frame.length, frame.width)
    return Massing(whole, wings, 1, "glass", "farm", "steel")


def _mobile(rng: np.random.Generator, parcel: Polygon, room: Polygon) -> Massing | None:
    """One or two halves that came by road, side by side under one low roof."""
    del parcel
    wide = rng.uniform(4.2, 5.0) * (2 if rng.random() < 0.4 else 1)
    frame = fit_box(room, (9, rng.uniform(13, 24)), (4, wide))
    if frame is None:
        return None
    eave = rng.uniform(2.6, 3.2)
    ridge = eave + frame.width / 2 * float(np.tan(np.radians(rng.uniform(3, 16))))
    wings = [box_wing(frame, "gable", (eave, ridge))]
    if rng.random() < 0.4:
        deep, side = rng.uniform(2.2, 3.6), float(rng.choice([-1, 1]))
        porch = replace(frame, length=rng.uniform(0.3, 0.9) * frame.length, width=deep)
        along = rng.uniform(-0.5, 0.5) * (frame.length - porch.length)
        roof = box_wing(
            porch, "flat", (eave - 0.3, eave - 0.3), along, side * (frame.width + deep) / 2
        )
        if room.contains(roof.shape):
            wings.append(roof)
    footprint = shapely.union_all([w.shape for w in wings], grid_size=1e-6)
    if not isinstance(footprint, Polygon):
        return None
    material = str(rng.choice(["metal", "shingle", "membrane"], p=[0.45, 0.4, 0.15]))
    return Massing(footprint, tuple(wings), 1, material, typology="timber")


def _bays(frame: Frame, bays: int, form: str, heights: tuple[float, float]) -> tuple[Wing, ...]:
    """Parallel wings that fill a frame."""
    bay = replace(frame, width=frame.width / bays)
    at = (np.arange(bays) + 0.5) / bays - 0.5
    return tuple(box_wing(bay, form, heights, 0.0, float(v) * frame.width) for v in at)


def _part(frame: Frame, along: float, across: float) -> Frame:
    return replace(frame, length=along * frame.length, width=across * frame.width)


def _turned(frame: Frame) -> float:
    return frame.angle + np.pi / 2


def _octagon(frame: Frame, u: float, radius: float) -> Polygon:
    """Return eight corners on a circle about (u, 0) in the frame's axes."""
    turn = np.pi / 8 + np.arange(8) * np.pi / 4
    c, s = np.cos(frame.angle), np.sin(frame.angle)
    own = np.column_stack([u + radius * np.cos(turn), radius * np.sin(turn)])
    return Polygon(own @ np.array([[c, s], [-s, c]]) + [frame.x, frame.y])


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "row": _row,
        "slab": _slab,
        "tower": _tower,
        "warehouse": _warehouse,
        "church": _church,
        "greenhouse": _greenhouse,
        "mobile": _mobile,
    }
)
