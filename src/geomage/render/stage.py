"""The stage: a struck city painted on a fine grid as height, matter and truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from odc.geo.geobox import GeoBox

from geomage.disaster import Event
from geomage.errors import InputError
from geomage.render.assets import (
    paint_flotsam,
    paint_remains,
    paint_roofs,
    paint_things,
    paint_trees,
    throw_debris,
)
from geomage.render.canvas import Canvas, Noise, onto
from geomage.render.ground import bury_all, paint_ground, scar_ground
from geomage.render.matter import BARE, BUILDING, MATTER, TREE, Appearance
from geomage.render.water import flood_ground, paint_glint
from geomage.sensor import VISIBLE, Band

__all__ = ["Stage", "paint"]

BRIGHTEST = 0.95  # reflectance: no matter gives back more light than it gets
_LAYERS = ("ground", "height", "cover", "ids", "footprint", "water", "changed", "matter")
_CHANGES = {
    "water_depth": 0.1,
    "burn": 0.3,
    "mud": 0.4,
    "ash": 0.001,
    "lava": 0.05,
    "slide": 0.1,
}  # field: least that counts as change


@dataclass(frozen=True)
class Stage:
    """What light falls on. Arrays (y, x) on `box` unless said otherwise.

    ground: terrain, metres; height: above it; albedo (band, y, x) in `bands`; cover: land cover;
    ids: building on top; footprint: building below whatever grows over it; water: 0/1;
    changed: by the hazard 0/1; flood_depth: metres; matter: value of `MATTER`; by building id,
    wall: brightness of its walls, storey: height of one, metres; plan (n, 4): angle of one of its
    walls, by what angle they turn (radians anticlockwise from east), and its middle, x and y in
    metres from the grid's south-west corner; None where walls run with the grid.

    None where there is none, smoke: opacity 0..1; under: second matter of a pixel, share: how much
    of the pixel that makes, in 255ths; wet: 0..1; glint: the sun that water mirrors, as
    reflectance, a part of `albedo` in every band.
    """

    box: GeoBox
    ground: np.ndarray
    height: np.ndarray
    albedo: np.ndarray
    cover: np.ndarray
    ids: np.ndarray
    footprint: np.ndarray
    water: np.ndarray
    changed: np.ndarray
    wall: np.ndarray
    storey: np.ndarray
    flood_depth: np.ndarray
    matter: np.ndarray
    smoke: np.ndarray | None = None
    bands: tuple[Band, ...] = VISIBLE
    plan: np.ndarray | None = None
    under: np.ndarray | None = None
    share: np.ndarray | None = None
    wet: np.ndarray | None = None
    glint: np.ndarray | None = None

    def __post_init__(self) -> None:
        rows, columns = (int(n) for n in self.box.shape)
        flat: dict[str, tuple[int, ...]] = dict.fromkeys(_LAYERS, (rows, columns))
        due = flat | {"albedo": (len(self.bands), rows, columns)}
        if min(rows, columns) < 1 or not self.bands:
            raise InputError(f"a stage of {due['albedo']} (band, y, x) holds nothing")
        for name, shape in due.items():
            if getattr(self, name).shape != shape:
                raise InputError(
                    f"{name} of a stage is {getattr(self, name).shape}, its grid and bands {shape}"
                )


def paint(event: Event, box: GeoBox, when: Appearance, noise: Noise, *, after: bool) -> Stage:
    """Paint one date of an event on a grid in the city's CRS.

    Args:
        event: the struck city.
        box: square pixels, north up.
        when: the date's looks.
        noise: of the place; the same for both dates.
        after: whether the disaster has struck.
    """
    c = Canvas.blank(event, box, when, noise, after=after)
    paint_ground(c)
    scar_ground(c)
    paint_roofs(c)
    paint_things(c)
    paint_remains(c)
    changed = throw_debris(c)
    footprint = c.ids.copy()
    paint_trees(c)
    c.ids[c.crown > 0] = 0
    water = flood_ground(c)
    paint_flotsam(c)
    bury_all(c)
    for name, least in _CHANGES.items():
        field = c.hazard(name)
        if field is not None:
            changed |= (np.abs(field) > least).astype(np.uint8)
    np.minimum(c.albedo, BRIGHTEST, out=c.albedo)
    paint_glint(c, ((water > 0) & _is_water(c)).astype(np.uint8), BRIGHTEST)
    cover = np.where(c.crown > 0, TREE, np.where(c.ids > 0, BUILDING, c.cover)).astype(np.uint8)
    cover[(c.matter == MATTER["foundation"]) & (cover == BUILDING)] = BARE
    ground = onto(event.city.dtm, box)
    return Stage(
        box, ground, c.height, c.albedo, cover, c.ids, footprint, water, changed, *_walls(event),
        c.depth, c.matter, _smoke(c), under=c.under, share=_shares(c), wet=c.wet, glint=c.glint,
        plan=_plan(c),
    )  # fmt: skip


def _is_water(c: Canvas) -> np.ndarray:
    """Where water lies open (y, x): nothing floats on it or was laid over it."""
    return np.isin(c.matter, [MATTER["water"], MATTER["flood water"]])


def _shares(c: Canvas) -> np.ndarray:
    """Share (y, x) of the second matter in 255ths; none where something was painted over both."""
    return np.where(c.over == c.matter, c.share, 0).astype(np.uint8)


def _smoke(c: Canvas) -> np.ndarray | None:
    """Opacity (y, x) of smoke, in puffs."""
    smoke = c.hazard("smoke")
    if smoke is None:
        return None
    n = c.noise
    puffs = 0.8 + 0.4 * n.broad + 0.3 * (n.coarse - 0.5)
    return np.asarray(np.clip(smoke * puffs, 0, 1), np.float32)


def _walls(event: Event) -> tuple[np.ndarray, np.ndarray]:
    """Brightness of walls and height of a storey (metres) by building id."""
    buildings = event.city.buildings
    number = buildings["building_id"].to_numpy()
    n = int(number.max(initial=0)) + 1
    tone, storey = np.full(n, 0.4, np.float32), np.full(n, 2.9, np.float32)
    tone[number] = buildings["wall"].to_numpy(np.float32)
    eaves = event.city.roofs.groupby("building_id")["eave"].max()
    eave = eaves.reindex(number).to_numpy(np.float32)
    storey[number] = np.maximum(eave / np.maximum(buildings["storeys"].to_numpy(), 1), 2.2)
    return tone, storey


def _plan(c: Canvas) -> np.ndarray:
    """Angle of its walls and its middle by building id (n, 4), see `Stage`.

    Walls of boxes turn by right angles, those of other shapes are taken to turn by 15 degrees.
    """
    roofs = c.event.city.roofs
    number = roofs["building_id"].to_numpy(np.int64)  # of no type where nothing is built
    n = int(c.event.city.buildings["building_id"].to_numpy().max(initial=0)) + 1
    plan = np.zeros((n, 4))
    plan[:, 1] = np.pi / 2
    middle = shapely.centroid(roofs.geometry.to_numpy())
    plan[number, 0] = np.radians(roofs["angle"].to_numpy())
    plan[number[roofs["boxed"].to_numpy() <= 0], 1] = np.pi / 12
    plan[number, 2:] = shapely.get_coordinates(middle) - c.corner
    return plan
