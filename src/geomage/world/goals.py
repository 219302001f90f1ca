"""A footprint of a stated area on its lot: a free-standing one, or the whole lot."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import shapely
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from geomage.world.buildings import MINIMUM_M2, Building, pick, place_building, union_of
from geomage.world.parcels import Frame, frame_of
from geomage.world.style import Style
from geomage.world.wings import LOOSE, Wing, free_wing, wings_of_plan

__all__ = ["Goal", "place_goal", "shape_footprint"]

APART_M = 0.8  # of a free-standing building from the border of its lot
WING_M = 5.0  # least depth of a wing beside a court
COURT_M2 = 40.0  # least court
CLOSED = 0.35  # share of courts that are closed on all sides
CORE = 0.97  # a lot that a footprint fills to more is built over whole


@dataclass(frozen=True)
class Goal:
    """The footprint meant for a lot."""

    area_m2: float
    elongation: float  # short over long side
    whole: bool = False  # the lot is the footprint: buildings wall to wall
    court: bool = False  # what the lot has more than the footprint is a court, not a margin


def place_goal(rng: np.random.Generator, style: Style, lot: Polygon, goal: Goal) -> Building | None:
    """Place a building of the goal's footprint on a lot, with the looks of its style.

    The looks are those of a building that the style puts on an open square.
    """
    side = float(np.sqrt(max(3 * goal.area_m2, 900.0)))
    plain = replace(style, setback_m=(0, 0), plans={"box": 1.0})
    model = place_building(rng, plain, shapely.box(0, 0, side, side))
    if model is None:
        return None
    plan, wings = _wings_for(rng, lot, goal, pick(rng, style.plans), model.wings[0])
    footprint = union_of(wings)
    if not isinstance(footprint, Polygon) or footprint.area < MINIMUM_M2:
        return None
    return replace(model, footprint=footprint, wings=tuple(wings), plan=plan)


def _wings_for(
    rng: np.random.Generator, lot: Polygon, goal: Goal, plan: str, like: Wing
) -> tuple[str, list[Wing]]:
    """Wings whose union has the area of the goal, and the plan they have in the end."""
    loose = LOOSE.get(plan, 1.0)
    found = shape_footprint(rng, lot, goal, loose)
    if (
        isinstance(found, Frame)
        and loose > 1.0
        and found.width >= (18 if plan == "courtyard" else 9)
    ):
        wings = _exact_wings(rng, lot, found, (plan, like), goal.area_m2)
        if wings:
            return plan, wings
    if loose > 1.0:
        found = shape_footprint(rng, lot, goal)
    if isinstance(found, Frame):
        return "box", wings_of_plan(rng, found, "box", like.form, like.eave)
    if found is None:
        return "fill", []
    return "fill", [free_wing(found, "flat", frame_of(found).angle, (like.eave, like.eave))]


def _exact_wings(
    rng: np.random.Generator, lot: Polygon, frame: Frame, what: tuple[str, Wing], area_m2: float
) -> list[Wing]:
    """Wings of a plan, drawn again with the frame grown or shrunk to an area; none if too large."""
    (plan, like), seed = what, int(rng.integers(2**32))
    wings = wings_of_plan(np.random.default_rng(seed), frame, plan, like.form, like.eave)
    scale = float(np.sqrt(area_m2 / union_of(wings).area))
    exact = replace(frame, length=frame.length * scale, width=frame.width * scale)
    if not lot.contains(exact.rectangle(exact.length, exact.width)):
        return []
    return wings_of_plan(np.random.default_rng(seed), exact, plan, like.form, like.eave)


def shape_footprint(
    rng: np.random.Generator, lot: Polygon, goal: Goal, loose: float = 1.0
) -> Frame | Polygon | None:
    """Return a footprint of the goal's area inside a lot, a frame where it is a rectangle.

    Args:
        rng: draws place and direction.
        lot: the parcel.
        goal: what is meant to stand there.
        loose: area of a plan's bounding rectangle over its own; only a frame is returned for it.
    """
    if goal.whole or goal.area_m2 >= CORE * lot.area:
        return _compact(lot)
    if goal.court:
        found = _courted(rng, lot, goal.area_m2)
        if found is not None:
            return found
    free = _free(rng, lot, goal, loose)
    return free if free is not None or loose > 1.0 else _inset(lot, goal.area_m2)


def _compact(shape: BaseGeometry) -> Polygon | None:
    """The largest polygon of an area with its outline cleaned, without slivers and spikes."""
    core = shapely.buffer(shape, -0.6, join_style="mitre")
    grown = shapely.buffer(core, 0.6, join_style="mitre")
    cleaned = shapely.make_valid(grown)  # corners all but on each other cross when moved back
    parts = shapely.get_parts(shapely.intersection(cleaned, shape))
    areas = [p for p in parts if isinstance(p, Polygon) and p.area > 1.0 and p.is_valid]
    return max(areas, key=lambda p: p.area, default=None)


def _free(rng: np.random.Generator, lot: Polygon, goal: Goal, loose: float) -> Frame | None:
    """A rectangle of the goal's area and elongation; less elongated where that does not fit."""
    frame = frame_of(lot)
    where = lot.centroid if lot.contains(lot.centroid) else lot.representative_point()
    own = np.clip(frame.width / max(frame.length, 0.1), 0.05, 1.0)
    c, s = np.cos(frame.angle), np.sin(frame.angle)
    inner = shapely.buffer(lot, -APART_M, join_style="mitre")
    for blend in (0.0, 0.0, 0.0, 0.15, 0.3, 0.5, 0.7, 1.0):
        elongation = goal.elongation * (1 - blend) + own * blend
        length = float(np.sqrt(goal.area_m2 * loose / elongation))
        width = goal.area_m2 * loose / length
        u, v = rng.uniform(-0.5, 0.5, 2) * [
            max(frame.length - length, 0) * (1 - blend),
            max(frame.width - width, 0) * (1 - blend),
        ]
        found = Frame(where.x + u * c - v * s, where.y + u * s + v * c, frame.angle, length, width)
        if inner.contains(found.rectangle(length, width)):
            return found
    return None


def _courted(rng: np.random.Generator, lot: Polygon, area_m2: float) -> Polygon | None:
    """The lot around a court, or on three sides of one, with wings of one depth."""
    low, high = 0.0, float(np.sqrt(lot.area)) / 2
    for _ in range(14):
        depth = (low + high) / 2
        court = shapely.buffer(lot, -depth, join_style="mitre")
        low, high = (depth, high) if lot.area - court.area < area_m2 else (low, depth)
    if depth < WING_M or court.area < COURT_M2:
        return None
    if rng.random() < CLOSED:
        return _compact(shapely.difference(lot, court))
    angle = frame_of(lot).angle + float(rng.integers(4)) * np.pi / 2
    step = (depth + 0.5) * np.array([np.cos(angle), np.sin(angle)])
    return _compact(shapely.difference(lot, shapely.transform(court, lambda xy: xy + step)))


def _inset(lot: Polygon, area_m2: float) -> Polygon | None:
    """The lot drawn in evenly on all sides to an area."""
    low, high = 0.0, float(np.sqrt(lot.area)) / 2
    for _ in range(14):
        inset = (low + high) / 2
        area = shapely.buffer(lot, -inset, join_style="mitre").area
        low, high = (inset, high) if area > area_m2 else (low, inset)
    return _compact(shapely.buffer(lot, -low, join_style="mitre"))
