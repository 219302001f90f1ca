"""A scene: what one sensor sees of an event at two dates, and the exact truth beneath."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from affine import Affine
from odc.geo import wh_
from odc.geo.geobox import GeoBox
from tqdm import tqdm

from geomage.disaster import Event
from geomage.errors import BudgetError, InputError
from geomage.geo import Raster, fresh_folder, write_cog, write_vectors
from geomage.geo.stac import write_item
from geomage.render.canvas import onto, stage_noise
from geomage.render.engine import Picture, light_and_view
from geomage.render.matter import BUILDING, MATTER, Appearance, sample_appearance
from geomage.render.stage import Stage, paint
from geomage.sensor import (
    Framing,
    Looks,
    SensorModel,
    Shot,
    capture,
    frame,
    sample_shot,
    sample_weather,
    sensor,
)

__all__ = ["RenderParams", "Scene", "finer_than_detail", "render_event", "write_scene"]

BYTES_A_PIXEL = 118  # of the fine grid, measured at the peak of painting and lighting
HIDDEN = 0.5  # opacity of smoke that hides a building
NOT_ANALYSED = 255  # in damage.tif
DETAIL_M = 0.25
"""Finest thing that a town is made of, about: finer pixels show its grain and nothing new."""
MARGIN_M = 30.0
"""Outer rim of a town that is not pictured: shadows and leaning roofs come in from there."""


@dataclass(frozen=True)
class RenderParams:
    """How to picture an event. What is None is drawn from the seed."""

    sensor: str = "vhr-0.5"
    seed: int = 0
    oversample: float = 2.0  # fine pixels a sensor pixel
    shift_px: float | None = None  # misregistration of the second date, sensor pixels, up to 3
    off_nadir_before: float | None = None  # degrees, 0..30
    off_nadir_after: float | None = None
    memory_bytes: int = 4 * 2**30

    def __post_init__(self) -> None:
        sensor(self.sensor)
        if self.seed < 0:
            raise InputError(f"seed {self.seed} is negative: choose one of 0 or more")
        for name in ("off_nadir_before", "off_nadir_after"):
            angle = getattr(self, name)
            if angle is not None and not 0 <= angle <= 30:
                raise InputError(f"{name} of {angle:g} degrees is outside 0..30")
        if self.shift_px is not None and not 0 <= self.shift_px <= 3:
            raise InputError(f"a shift of {self.shift_px:g} px is outside 0..3")
        if not 1 <= self.oversample <= 4:
            raise InputError(f"oversample {self.oversample:g} is outside 1..4")


@dataclass(frozen=True)
class Scene:
    """Two images and their truth, all on `box`.

    rasters: before, after (band, y, x) counts in the sensor's `bands` and type; landcover_before,
    landcover_after (0..8); building (ids as the first date sees them); damage (0 no building,
    1..4); height_before, height_after (metres above terrain); matter_before, matter_after (values
    of `MATTER`); water_depth, debris_height (metres), burn (severity 0..1), all three as the
    second date sees them; valid (0/1).
    buildings, streets, bridges: tables of the event; buildings with the pixels that show each.
    """

    box: GeoBox
    rasters: Mapping[str, np.ndarray]
    buildings: gpd.GeoDataFrame
    streets: gpd.GeoDataFrame
    bridges: gpd.GeoDataFrame
    parameters: Mapping[str, Any]
    bands: tuple[str, ...] = ("red", "green", "blue")


def finer_than_detail(name: str) -> list[str]:
    """Say what a sensor shows that is not there, where its GSD is finer than a town's detail."""
    gsd = sensor(name).gsd
    if gsd >= DETAIL_M:
        return []
    detail = f"a town holds nothing finer than about {DETAIL_M:g} m except grain"
    return [f"{name} samples every {gsd:g} m, but {detail}: small things are missing"]


def _grids(event: Event, model: SensorModel, params: RenderParams) -> tuple[GeoBox, GeoBox]:
    """Sensor grid over the city, and the fine grid around it."""
    bounds = event.city.dtm.box.boundingbox
    sides = (bounds.span_x, bounds.span_y)
    across, down = (int((side - 2 * MARGIN_M) / model.gsd) for side in sides)
    if min(across, down) < 32:
        raise InputError(
            f"the city is {min(sides):g} m wide, too small for {model.name}: "
            f"grow one of at least {2 * MARGIN_M + 32 * model.gsd:.0f} m",
        )
    box = _centred(event, (across, down), model.gsd)
    px = model.gsd / params.oversample
    wide, high = (int((n * model.gsd + 2 * MARGIN_M) / px) for n in (across, down))
    needed = wide * high * BYTES_A_PIXEL
    if needed > params.memory_bytes:
        raise BudgetError(
            f"picturing {across} x {down} px of {model.name} needs about {needed / 2**30:.1f} GiB, "
            f"over the budget of {params.memory_bytes / 2**30:.1f} GiB: "
            "take a smaller city, a coarser sensor or a larger --memory",
        )
    return box, _centred(event, (wide, high), px)


def _centred(event: Event, size: tuple[int, int], px: float) -> GeoBox:
    """Grid of (columns, rows) in the middle of the city."""
    bounds, (columns, rows) = event.city.dtm.box.boundingbox, size
    west = (bounds.left + bounds.right - columns * px) / 2
    north = (bounds.bottom + bounds.top + rows * px) / 2
    return GeoBox(wh_(columns, rows), Affine(px, 0, west, 0, -px, north), event.city.dtm.box.crs)


def render_event(event: Event, params: RenderParams | None = None) -> Scene:
    """Picture an event before and after; the same event and parameters give the same bytes.

    Raises:
        InputError: city smaller than a sensor frame.
        BudgetError: more pixels than the memory allows.
    """
    params = params or RenderParams()
    model = sensor(params.sensor)
    box, fine = _grids(event, model, params)
    rng = np.random.default_rng([params.seed, 6])
    when = sample_appearance(rng)
    then = sample_appearance(rng, when)
    when, then = _looked(when, params.off_nadir_before), _looked(then, params.off_nadir_after)
    shots = sample_shot(rng), sample_shot(rng)
    air = np.random.default_rng([params.seed, 7])
    shots = _under(shots[0], when, air), _under(shots[1], then, air)
    reach = rng.uniform(0, 2) if params.shift_px is None else params.shift_px
    turn = rng.uniform(0, 2 * np.pi)
    off = (float(reach * np.cos(turn) * model.gsd), float(reach * np.sin(turn) * model.gsd))
    noise = stage_noise(fine, event.city.params.seed % 100_003)
    px, fine_shape, shape = fine.affine.a, fine.shape.yx, box.shape.yx
    here, there = (
        frame(px, fine_shape, model.gsd, shape),
        frame(px, fine_shape, model.gsd, shape, off),
    )
    with tqdm(total=4, desc="picture", unit="step", delay=2, leave=False, disable=None) as bar:
        stage = paint(event, fine, when, noise, after=False)
        bar.update()
        rasters = _date("before", stage, light_and_view(stage, when), here, shots[0], model)
        bar.update()
        stage = paint(event, fine, then, noise, after=True)
        bar.update()
        picture = light_and_view(stage, then)
        rasters |= _date("after", stage, picture, there, shots[1], model)
    rasters["water_depth"] = _depth(event, stage, picture, there)
    for name in ("debris_height", "burn"):
        rasters[name] = _hazard(event, name, fine, picture, there)
    heap = rasters["matter_after"] == MATTER["rubble"]
    rasters["debris_height"] = np.where(
        heap,
        np.maximum(rasters["height_after"], rasters["debris_height"]),
        rasters["debris_height"],
    )
    rasters["damage"] = _graded(event, rasters["building"], rasters["landcover_before"])
    if stage.smoke is not None:
        smoky = there.pick(stage.smoke.reshape(-1)[picture.source]) > HIDDEN
        rasters["damage"][smoky & (rasters["damage"] > 0)] = NOT_ANALYSED
    rasters["valid"] = np.ones(shape, np.uint8)
    facts = {
        "render": asdict(params), "before": asdict(when) | {"shot": asdict(shots[0])},
        "after": asdict(then) | {"shot": asdict(shots[1])}, "shift_m": off, "event": event.kind,
        "event_parameters": dict(event.parameters), "city": event.city.params.as_dict(),
    }  # fmt: skip
    buildings = _buildings(event, rasters["building"])
    return Scene(box, rasters, buildings, event.streets, event.bridges, facts, model.names)


def _under(shot: Shot, when: Appearance, rng: np.random.Generator) -> Shot:
    """Put a shot under the sun and the view of its date."""
    looks = Looks(when.sun_azimuth, when.sun_elevation, when.off_nadir, when.view_azimuth)
    return sample_weather(rng, shot, looks)


def _looked(when: Appearance, off_nadir: float | None) -> Appearance:
    """Return the appearance, seen from another angle when one is asked for."""
    values = asdict(when)
    return when if off_nadir is None else Appearance(**(values | {"off_nadir": off_nadir}))


def _date(
    name: str, stage: Stage, picture: Picture, framing: Framing, shot: Shot, model: SensorModel
) -> dict[str, np.ndarray]:
    """Image and truth of one date."""

    def seen(layer: np.ndarray) -> np.ndarray:
        return framing.pick(layer.reshape(-1)[picture.source])

    counts, _ = capture(picture.radiance, framing, shot, model)
    height = np.maximum(seen(stage.height) - framing.pick(picture.wall), 0)
    found = {
        name: counts, f"landcover_{name}": seen(stage.cover), f"height_{name}": height,
        f"matter_{name}": seen(stage.matter),
    }  # fmt: skip
    if name == "before":
        found["building"] = np.where(found["landcover_before"] == BUILDING, seen(stage.ids), 0)
    return found


def _depth(event: Event, stage: Stage, picture: Picture, framing: Framing) -> np.ndarray:
    """Depth of flood water as the second date sees it, metres."""
    if "water_depth" not in event.rasters:
        return np.zeros((framing.rows, framing.columns), np.float32)
    depth = np.where(stage.water > 0, stage.flood_depth, 0)
    return framing.pick(depth.reshape(-1)[picture.source]).astype(np.float32)


def _hazard(
    event: Event, name: str, fine: GeoBox, picture: Picture, framing: Framing
) -> np.ndarray:
    """One of the event's fields as the second date sees it; 0 where it has none."""
    if name not in event.rasters:
        return np.zeros((framing.rows, framing.columns), np.float32)
    field = onto(event.rasters[name], fine)
    return framing.pick(field.reshape(-1)[picture.source]).astype(np.float32)


def _graded(event: Event, ids: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """Damage raster: visible grade plus one on building pixels of the first date."""
    number = event.buildings["building_id"].to_numpy()
    grade = np.zeros(int(number.max(initial=0)) + 1, np.uint8)
    grade[number] = event.buildings["grade_visible"].to_numpy() + 1
    return np.where(cover == BUILDING, grade[ids], 0).astype(np.uint8)


def _buildings(event: Event, ids: np.ndarray) -> gpd.GeoDataFrame:
    """Buildings of the scene with their damage and how many pixels show them."""
    number = event.buildings["building_id"].to_numpy()
    seen = np.bincount(ids.ravel(), minlength=int(number.max(initial=0)) + 1)
    return event.buildings.assign(pixels=seen[number])


_UNITS = {
    "height_before": "m",
    "height_after": "m",
    "water_depth": "m",
    "debris_height": "m",
    "burn": "1",
}
_CLASSES = json.dumps(dict(MATTER))
_DTYPES = {
    "building": np.int32,
    "height_before": np.float32,
    "height_after": np.float32,
    "water_depth": np.float32,
    "debris_height": np.float32,
    "burn": np.float32,
}  # of the written rasters; the others are bytes


def write_scene(scene: Scene, folder: Path, *, overwrite: bool = False) -> Path:
    """Write a scene folder, whole or not at all: COGs, buildings, roads and `item.json`."""
    with fresh_folder(folder, overwrite=overwrite) as tmp:
        for name, values in scene.rasters.items():
            stack = values if values.ndim == 3 else values[None]
            bands = scene.bands if values.ndim == 3 else (name,)
            if values.ndim == 2:
                stack = stack.astype(_DTYPES.get(name, np.uint8))
            tags = {"classes": _CLASSES} if name.startswith("matter") else {}
            raster = Raster(stack, scene.box, None, bands)
            write_cog(tmp / f"{name}.tif", raster, tags=tags, unit=_UNITS.get(name))
        write_vectors(tmp / "buildings.gpkg", {"buildings": scene.buildings})
        roads = {"streets": scene.streets, "bridges": scene.bridges}
        write_vectors(tmp / "roads.gpkg", roads)
        assets = {name: f"{name}.tif" for name in scene.rasters}
        assets |= {"buildings": "buildings.gpkg", "roads": "roads.gpkg"}
        write_item(tmp, kind="scene", parameters=scene.parameters, assets=assets, box=scene.box)
    return folder
