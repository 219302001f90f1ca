"""Ground truth of one date: what each sensor pixel shows, and how much of each building is seen."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from geomage.disaster import Event
from geomage.render.canvas import onto
from geomage.render.engine import Picture, normals, visible
from geomage.render.frames import Tile
from geomage.render.matter import BUILDING, MATTER, Appearance
from geomage.render.stage import Stage

__all__ = ["LAYERS", "SMOKE", "Shown", "Sight", "label", "sight_of"]

HIDDEN = 0.5  # opacity of smoke, or share of the sun lost, that hides damage
SMOKE = "smoke"
_HAZARDS = ("debris_height", "burn")
LAYERS: Mapping[str, tuple[type, int]] = MappingProxyType(
    {
        "landcover": (np.uint8, 1),
        "matter": (np.uint8, 1),
        "height": (np.float32, 1),
        "normal": (np.float32, 3),
        "shadow": (np.float32, 1),
        "building": (np.int32, 1),
        "water_depth": (np.float32, 1),
        "debris_height": (np.float32, 1),
        "burn": (np.float32, 1),
        SMOKE: (np.uint8, 1),
    }
)
"""Name -> (type, bands) of what `label` gives."""


class Shown(NamedTuple):
    """A tile of one date: the event, its stage, and the picture taken of it."""

    event: Event
    stage: Stage
    picture: Picture
    tile: Tile


class Sight(NamedTuple):
    """By building id: pixels of its plan, and those of them that are seen in the sun."""

    plan: np.ndarray
    seen: np.ndarray


def label(shown: Shown) -> dict[str, np.ndarray]:
    """What each sensor pixel of a tile shows, by the names of `LAYERS`; (y, x), normals (3, y, x).

    Taken at the middle of the pixel. Normals and shares are rounded to 1/512, so that files shrink.
    """
    event, stage, picture, tile = shown
    shape = picture.source.shape
    at = tile.framing.pick(np.arange(picture.source.size).reshape(shape))
    source, below = picture.source.reshape(-1)[at], picture.wall.reshape(-1)[at]

    def seen(layer: np.ndarray) -> np.ndarray:
        return np.asarray(layer.reshape(-1)[source])

    cover = seen(stage.cover)
    found = {
        "landcover": cover,
        "matter": seen(stage.matter),
        "height": np.maximum(seen(stage.height) - below, 0),
        "normal": _rounded(normals(stage, picture, at)),
        "shadow": _rounded(picture.shadow.reshape(-1)[at]),
        "building": np.where(cover == BUILDING, seen(stage.ids), 0),
    }
    if "water_depth" in event.rasters:
        found["water_depth"] = seen(np.where(stage.water > 0, stage.flood_depth, 0))
    for name in _HAZARDS:
        if name in event.rasters:
            found[name] = seen(onto(event.rasters[name], stage.box))
    if "debris_height" in found:
        found["debris_height"] = np.where(
            found["matter"] == MATTER["rubble"],
            np.maximum(found["height"], found["debris_height"]),
            found["debris_height"],
        )
    if stage.smoke is not None:
        found[SMOKE] = seen(stage.smoke) > HIDDEN
    return found


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.rint(values * 512) / 512, np.float32)


def sight_of(shown: Shown, when: Appearance, count: int) -> Sight:
    """How much of the buildings (ids below `count`) whose plan lies in a tile is seen.

    Not seen is what lies under a crown, behind what stands before it, in smoke, or in shadow.
    """
    _, stage, picture, tile = shown
    plan = stage.footprint[tile.own]
    seen = (stage.ids[tile.own] == plan) & (picture.lit[tile.own] > HIDDEN)
    if when.off_nadir > 0:
        seen &= visible(stage, when)[tile.own] > HIDDEN
    if stage.smoke is not None:
        seen &= stage.smoke[tile.own] < HIDDEN
    return Sight(
        np.bincount(plan.ravel(), minlength=count), np.bincount(plan[seen], minlength=count)
    )
