"""Wings: boxes with a roof form, and how a plan is made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from shapely import Polygon

from geomage.world.parcels import Frame, frame_of

__all__ = ["LOOSE", "Wing", "box_wing", "fit_box", "free_wing", "ridge_over", "wings_of_plan"]

# area of a plan's bounding rectangle over its own
LOOSE = {"L": 1.5, "T": 1.6, "U": 1.5, "courtyard": 1.5, "cluster": 1.6}


@dataclass(frozen=True)
class Wing:
    """One roof: a rectangle (or, for `boxed` false, any polygon) with eave and ridge heights.

    angle: radians of the ridge; heights in metres above the ground of the building. length and
    width are the sides of the rectangle around `shape` in the direction of `angle`.
    """

    shape: Polygon
    form: str  # one of `roofs.FORMS`
    angle: float
    length: float
    width: float
    eave: float
    ridge: float
    boxed: bool = True


def box_wing(
    frame: Frame, form: str, heights: tuple[float, float], u: float = 0.0, v: float = 0.0
) -> Wing:
    """Return a rectangle of the frame's sides at (u, v) in its axes; heights of eave and ridge."""
    shape = frame.rectangle(frame.length, frame.width, u, v)
    return Wing(shape, form, frame.angle, frame.length, frame.width, *heights)


def free_wing(shape: Polygon, form: str, angle: float, heights: tuple[float, float]) -> Wing:
    """Return a wing of any outline whose ridge runs at `angle` radians."""
    xy = np.asarray(shape.exterior.coords)
    c, s = np.cos(angle), np.sin(angle)
    length, width = (float(np.ptp(xy @ axis)) for axis in ([c, s], [-s, c]))
    return Wing(shape, form, angle, length, width, *heights, boxed=False)


def fit_box(room: Polygon, length: tuple[float, float], width: tuple[float, float]) -> Frame | None:
    """Return the largest box of these sides (least, most; metres) about the middle of a room."""
    frame = frame_of(room)
    at = room.centroid if room.contains(room.centroid) else room.representative_point()
    a, b = min(length[1], frame.length), min(width[1], frame.width)
    for _ in range(9):
        if a < length[0] or b < width[0]:
            return None
        found = Frame(at.x, at.y, frame.angle, a, b)
        if room.contains(found.rectangle(a, b)):
            return found
        a, b = max(0.88 * a, min(a, length[0])), max(0.92 * b, min(b, width[0]))
    return None


_SLOPES = {  # rise over the span across: least and most
    "shed": (0.07, 0.25),
    "barrel": (0.12, 0.30),
    "dome": (0.35, 0.5),
    "sawtooth": (0.04, 0.09),
    "mansard": (0.28, 0.40),
}


def ridge_over(rng: np.random.Generator, form: str, across: float, eave: float) -> float:
    """Draw the height of the ridge of a roof form over a span, metres."""
    if form == "flat":
        return eave
    if form in _SLOPES:
        rise = across * rng.uniform(*_SLOPES[form])
    else:
        rise = across / 2 * np.tan(np.radians(rng.uniform(16, 38)))
    if form == "mansard":
        rise = min(rise, 4.8)
    elif form == "sawtooth":
        rise = float(np.clip(rise, 1.4, 3.0))
    return float(eave + rise)


def _parts(
    plan: str, length: float, width: float, rng: np.random.Generator
) -> list[tuple[float, float, float, float, bool]]:
    """Boxes of a plan as (u, v, along, across, turned) in the building's own axes."""
    a, b = length, width
    t = rng.uniform(0.38, 0.55)
    side = 1 if rng.random() < 0.5 else -1
    if plan == "L":
        d = b * t
        w = min(a * rng.uniform(0.35, 0.5), a)
        return [
            (0, -side * (b - d) / 2, a, d, False),
            (rng.choice([-1, 1]) * (a - w) / 2, 0, w, b, True),
        ]
    if plan == "T":
        d, w = b * t, a * rng.uniform(0.28, 0.4)
        return [(0, side * (b - d) / 2, a, d, False), (rng.uniform(-0.2, 0.2) * a, 0, w, b, True)]
    if plan == "U":
        d, w = b * 0.42, a * 0.27
        return [
            (0, side * (b - d) / 2, a, d, False),
            (-(a - w) / 2, 0, w, b, True),
            ((a - w) / 2, 0, w, b, True),
        ]
    if plan == "courtyard":
        d = max(5.0, min(a, b) * rng.uniform(0.22, 0.3))
        ends = [((a - d) / 2, 0.0, d, b, True), (-(a - d) / 2, 0.0, d, b, True)]
        return [(0, (b - d) / 2, a, d, False), (0, -(b - d) / 2, a, d, False), *ends]
    if plan == "cluster":  # a main roof and wings on both sides of it, as large houses have
        d = b * rng.uniform(0.42, 0.6)
        main = rng.uniform(-0.5, 0.5) * (b - d)
        boxes = [(0.0, main, a, d, False)]
        for _ in range(int(rng.integers(2, 5))):
            w = a * rng.uniform(0.2, 0.36)
            at = rng.uniform(-0.5, 0.5) * (a - w)
            end = rng.choice([-1, 1]) * b / 2 * rng.uniform(0.75, 1.0)
            boxes.append((at, (main + end) / 2, w, abs(end - main), True))
        return boxes
    return [(0, 0, a, b, False)]


def wings_of_plan(
    rng: np.random.Generator, frame: Frame, plan: str, form: str, eave: float
) -> list[Wing]:
    """Draw the wings of a plan in a frame: one pitch for all, some lower than the main one."""
    wings = []
    turn = rng.random() < 0.2  # ridge across the long side
    state = rng.integers(2**32)
    for u, v, along, across, turned in _parts(plan, frame.length, frame.width, rng):
        shape = frame.rectangle(along, across, u, v)
        flip = (across > along) != (turn and plan == "box")
        angle = frame.angle + (np.pi / 2 if flip else 0.0)
        length, width = (across, along) if flip else (along, across)
        rise_rng = np.random.default_rng(state)  # one pitch for all wings of a house
        lower = rng.uniform(0.75, 1.0) if turned and rng.random() < 0.35 else 1.0
        height = eave * lower
        wings.append(
            Wing(
                shape,
                form,
                float(angle),
                length,
                width,
                height,
                ridge_over(rise_rng, form, width, height),
            )
        )
    return wings
