"""A scene: what one sensor sees of an event at two dates, and the exact truth beneath."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from tqdm import tqdm

from geomage.disaster import Event
from geomage.errors import BudgetError, InputError
from geomage.geo import Raster, fresh_folder, reserve, write_cog, write_vectors
from geomage.geo.stac import image_asset, write_item
from geomage.render.canvas import stage_noise
from geomage.render.engine import FARTHEST
from geomage.render.engines import TRACING_BYTES, engine, engine_facts, refuse_engine
from geomage.render.frames import MARGIN_M, Tile, fine_grid, margin_of, sensor_grid, tiles
from geomage.render.matter import BUILDING, MATTER, Appearance, sample_appearance
from geomage.render.spectra import widen
from geomage.render.stage import paint
from geomage.render.truth import LAYERS, SMOKE, Shown, Sight, label, sight_of
from geomage.sensor import (
    Looks,
    SensorModel,
    Shot,
    described_bands,
    develop,
    expose,
    exposed_shapes,
    sample_looks,
    sample_shot,
    sample_weather,
    sensor,
)

__all__ = [
    "MARGIN_M",
    "RenderParams",
    "Scene",
    "beyond_its_views",
    "finer_than_detail",
    "render_event",
    "render_to",
    "write_scene",
]

BYTES_A_PIXEL = 134  # of the fine grid and three bands, measured while painting and lighting
BYTES_A_BAND = 8  # of the fine grid, for each further band
BYTES_A_COUNT = 20  # of the sensor's grid and one band, while counts are made
LABEL_BYTES = 110  # of the sensor's grid, all labels of both dates
NOT_ANALYSED = 255  # in damage.tif
DETAIL_M = 0.25
"""Finest thing that a town is made of, about: finer pixels show its grain and nothing new."""


@dataclass(frozen=True)
class RenderParams:
    """How to picture an event. What is None is drawn from the seed."""

    sensor: str = "vhr-0.5"
    seed: int = 0
    oversample: float = 2.0  # fine pixels a sensor pixel
    shift_px: float | None = None  # misregistration of the second date, sensor pixels, up to 3
    off_nadir_before: float | None = None  # degrees, 0..45
    off_nadir_after: float | None = None
    memory_bytes: int = 4 * 2**30
    engine: str = "heightfield"  # of `ENGINES`: what computes the radiance
    samples: int | None = None  # a pixel, of engines that trace rays; None: as many as `SAMPLES`

    def __post_init__(self) -> None:
        sensor(self.sensor)
        refuse_engine(self.engine, self.samples)
        if self.seed < 0:
            raise InputError(f"seed {self.seed} is negative: choose one of 0 or more")
        for name in ("off_nadir_before", "off_nadir_after"):
            angle = getattr(self, name)
            if angle is not None and not 0 <= angle <= FARTHEST:
                raise InputError(f"{name} of {angle:g} degrees is outside 0..{FARTHEST:g}")
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
    of `MATTER`); normal_before, normal_after (3, y, x) (unit vectors east, north, up);
    shadow_before, shadow_after (share of the direct sun lost, 0..1); water_depth, debris_height
    (metres), burn (severity 0..1), all three as the second date sees them; valid (0/1).
    buildings, streets, bridges: tables of the event; buildings with the pixels that show each, and
    the share of its plan that each date sees in the sun: not under crowns, behind walls, in smoke
    or in shadow (visible_before, visible_after).
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


def beyond_its_views(params: RenderParams) -> list[str]:
    """Say which view angle asked for is one that a sensor's images are not taken at."""
    model = sensor(params.sensor)
    asked = {"before": params.off_nadir_before, "after": params.off_nadir_after}
    return [
        f"{model.name} looks up to {model.off_nadir:g} degrees off nadir; {angle:g} ({date}) is "
        "farther than its images are taken"
        for date, angle in asked.items()
        if angle is not None and angle > model.off_nadir
    ]


def render_event(
    event: Event, params: RenderParams | None = None, *, work: Path | None = None
) -> Scene:
    """Picture an event before and after; the same event and parameters give the same bytes.

    Made in tiles of up to 1024 sensor pixels, with what reaches into them from around. Memory is
    needed for one tile, and for the scene unless `work` names an empty folder to keep it in.

    Raises:
        InputError: city smaller than a sensor frame.
        BudgetError: more pixels than the memory allows.
        MissingExtraError: the engine is not installed.
    """
    params = params or RenderParams()
    engine(params.engine, params.samples)  # one that is missing is said before work starts
    dates, off = _dates(params, _latitude(event))
    model = sensor(params.sensor)
    job = _Job(event, params, model, sensor_grid(event, model), work)
    _refuse_large(job, dates)
    total = sum(len(_tiles(job, date)) for date in dates)
    with tqdm(total=total, desc="picture", unit="tile", delay=2, leave=False, disable=None) as bar:
        first, second = (_pictured(job, date, bar) for date in dates)
    rasters = _layers(job, first, second)
    facts = {
        "render": _said(params), "engine": engine_facts(params.engine, params.samples),
        "before": asdict(dates[0].when) | {"shot": asdict(dates[0].shot)},
        "after": asdict(dates[1].when) | {"shot": asdict(dates[1].shot)}, "shift_m": off,
        "event": event.kind, "event_parameters": dict(event.parameters),
        "city": event.city.params.as_dict(),
    }  # fmt: skip
    buildings = _buildings(event, rasters["building"], (first.sight, second.sight))
    return Scene(job.box, rasters, buildings, event.streets, event.bridges, facts, model.names)


def _said(params: RenderParams) -> dict[str, Any]:
    """Parameters that a picture depends on: all but memory."""
    return {name: value for name, value in asdict(params).items() if name != "memory_bytes"}


@dataclass(frozen=True)
class _Job:
    """What is pictured: `box` is the sensor's grid; large arrays lie in the folder `work`."""

    event: Event
    params: RenderParams
    model: SensorModel
    box: GeoBox
    work: Path | None

    def blank(self, name: str, shape: tuple[int, ...], dtype: type) -> np.ndarray:
        """Array of zeros, in memory or in a file."""
        if self.work is None:
            return np.zeros(shape, dtype)
        file = reserve(self.work / name, int(np.prod(shape)) * np.dtype(dtype).itemsize)
        return np.memmap(file, dtype, mode="r+", shape=shape)


@dataclass(frozen=True)
class _Date:
    """One of both dates: its looks, its air, and by how many metres (east, north) it lies off."""

    name: str
    when: Appearance
    shot: Shot
    shift_m: tuple[float, float] = (0.0, 0.0)


class _Taken(NamedTuple):
    counts: np.ndarray
    labels: dict[str, np.ndarray]
    sight: Sight


def _dates(
    params: RenderParams, latitude: float
) -> tuple[tuple[_Date, _Date], tuple[float, float]]:
    """Draw both dates, and the shift of the second, metres."""
    gsd = sensor(params.sensor).gsd
    rng = np.random.default_rng([params.seed, 6])
    when = sample_appearance(rng)
    then = sample_appearance(rng, when)
    sun = np.random.default_rng([params.seed, 8])
    when, then = _passed(when, params, sun, latitude), _passed(then, params, sun, latitude)
    when, then = _looked(when, params.off_nadir_before), _looked(then, params.off_nadir_after)
    shots = sample_shot(rng), sample_shot(rng)
    air = np.random.default_rng([params.seed, 7])
    shots = _under(shots[0], when, air), _under(shots[1], then, air)
    reach = rng.uniform(0, 2) if params.shift_px is None else params.shift_px
    turn = rng.uniform(0, 2 * np.pi)
    off = (float(reach * np.cos(turn) * gsd), float(reach * np.sin(turn) * gsd))
    return (_Date("before", when, shots[0]), _Date("after", then, shots[1], off)), off


def _passed(
    when: Appearance, params: RenderParams, rng: np.random.Generator, latitude: float
) -> Appearance:
    """Put sun and view where they stand when a satellite with an orbit of its own passes."""
    model = sensor(params.sensor)
    if model.level == "picture":
        return when
    return replace(when, **asdict(sample_looks(rng, model, latitude)))


def _latitude(event: Event) -> float:
    """Of the middle of the town, degrees; 45 for one that lies nowhere."""
    box = event.city.dtm.box
    if box.crs is None:
        return 45.0
    a, lonlat = box.boundingbox, box.crs.transformer_to_crs(CRS("EPSG:4326"))
    return float(lonlat((a.left + a.right) / 2, (a.bottom + a.top) / 2)[1])


def _tiles(job: _Job, date: _Date) -> list[Tile]:
    fine, framing = fine_grid(job.event, job.box, job.params.oversample, date.shift_m)
    return tiles(framing, fine, job.model, margin_of(job.event, date.when, job.model))


def _refuse_large(job: _Job, dates: tuple[_Date, _Date]) -> None:
    """Raise BudgetError where one tile, or a scene kept in memory, exceeds the budget."""
    params, bands = job.params, len(job.model.bands)
    every = [tile.window for date in dates for tile in _tiles(job, date)]
    largest = max((w[0].stop - w[0].start) * (w[1].stop - w[1].start) for w in every)
    each = BYTES_A_PIXEL + BYTES_A_BAND * (bands - 3) + TRACING_BYTES.get(params.engine, 0)
    needed = largest * each
    rows, columns = (int(side) for side in job.box.shape)
    if job.work is None:
        needed += rows * columns * (LABEL_BYTES + BYTES_A_COUNT * bands)
    else:  # pictures are developed in strips
        strip = min(rows, 1024) if job.model.level == "picture" else rows
        needed = max(needed, strip * columns * BYTES_A_COUNT * bands)
    if needed > params.memory_bytes:
        raise BudgetError(
            f"picturing {columns} x {rows} px of {job.model.name} needs about "
            f"{needed / 2**30:.3g} GiB, over the budget of {params.memory_bytes / 2**30:.3g} GiB: "
            "take a smaller city, a coarser sensor or a larger --memory",
        )


def _pictured(job: _Job, date: _Date, bar: Any) -> _Taken:
    """Paint, light, view and label one date, tile by tile, and develop the whole."""
    fine, framing = fine_grid(job.event, job.box, job.params.oversample, date.shift_m)
    shapes = exposed_shapes(framing, job.model)
    grounds = [job.blank(f"{date.name}_{i}", shape, np.float32) for i, shape in enumerate(shapes)]
    labels: dict[str, np.ndarray] = {}
    plan = seen = np.zeros(1, np.int64)
    for tile in _tiles(job, date):
        shown = _shown(job, date, fine, tile)
        parts = expose(shown.picture.radiance, tile.framing, date.shot, job.model)
        for whole, part in zip(grounds, parts, strict=True):
            _put(whole, part, tile, framing.rows)
        for name, values in label(shown).items():
            if name not in labels:
                labels[name] = job.blank(f"{date.name}_{name}", _shape(job, name), LAYERS[name][0])
            labels[name][(..., *tile.place)] = values
        sight = sight_of(shown, date.when, _count(job.event))
        plan, seen = plan + sight.plan, seen + sight.seen
        del shown, parts  # before the next is painted
        bar.update()
    counts, _ = develop(grounds, framing, date.shot, job.model)
    return _Taken(counts, labels, Sight(plan, seen))


def _shown(job: _Job, date: _Date, fine: GeoBox, tile: Tile) -> Shown:
    """Paint a tile's window, light it and look at it."""
    box, event = fine[tile.window], job.event
    noise = stage_noise(box, event.city.params.seed % 100_003)
    stage = paint(event, box, date.when, noise, after=date.name == "after")
    stage = widen(stage, job.model.bands)
    light_and_view = engine(job.params.engine, job.params.samples)
    return Shown(event, stage, light_and_view(stage, date.when), tile)


def _count(event: Event) -> int:
    """One more than the largest id of a building."""
    return int(event.buildings["building_id"].to_numpy().max(initial=0)) + 1


def _put(whole: np.ndarray, part: np.ndarray, tile: Tile, rows: int) -> None:
    """Put a tile's exposure in its place; coarse bands have fewer rows than the picture."""
    times = round(rows / whole.shape[1]) if whole.shape[1] < rows else 1
    top, left = (span.start // times for span in tile.place)
    whole[:, top : top + part.shape[1], left : left + part.shape[2]] = part


def _shape(job: _Job, name: str) -> tuple[int, ...]:
    rows, columns = (int(side) for side in job.box.shape)
    bands = LAYERS[name][1]
    return (rows, columns) if bands == 1 else (bands, rows, columns)


def _layers(job: _Job, first: _Taken, second: _Taken) -> dict[str, np.ndarray]:
    """Rasters of the scene, of both dates; fields that the event has not are 0."""

    def of(taken: _Taken, name: str) -> np.ndarray:
        if name in taken.labels:
            return taken.labels[name]
        return job.blank(f"no_{name}", _shape(job, name), LAYERS[name][0])

    found = {"before": first.counts, "after": second.counts}
    for name in ("landcover", "matter", "height", "normal", "shadow"):
        found |= {f"{name}_before": of(first, name), f"{name}_after": of(second, name)}
    found["building"] = of(first, "building")
    for name in ("water_depth", "debris_height", "burn"):
        found[name] = of(second, name)
    found["damage"] = job.blank("damage", _shape(job, "landcover"), np.uint8)
    smoke = second.labels.get(SMOKE)
    for rows in _strips(job):
        graded = _graded(job.event, found["building"][rows], found["landcover_before"][rows])
        if smoke is not None:
            graded[(smoke[rows] > 0) & (graded > 0)] = NOT_ANALYSED
        found["damage"][rows] = graded
    found["valid"] = job.blank("valid", _shape(job, "landcover"), np.uint8)
    found["valid"][:] = 1
    return found


def _strips(job: _Job) -> list[slice]:
    rows = int(job.box.shape[0])
    return [slice(at, min(at + 1024, rows)) for at in range(0, rows, 1024)]


def _under(shot: Shot, when: Appearance, rng: np.random.Generator) -> Shot:
    """Put a shot under the sun and the view of its date."""
    looks = Looks(when.sun_azimuth, when.sun_elevation, when.off_nadir, when.view_azimuth)
    return sample_weather(rng, shot, looks)


def _looked(when: Appearance, off_nadir: float | None) -> Appearance:
    """Return the appearance, seen from another angle when one is asked for."""
    values = asdict(when)
    return when if off_nadir is None else Appearance(**(values | {"off_nadir": off_nadir}))


def _graded(event: Event, ids: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """Damage raster: visible grade plus one on building pixels of the first date."""
    number = event.buildings["building_id"].to_numpy()
    grade = np.zeros(int(number.max(initial=0)) + 1, np.uint8)
    grade[number] = event.buildings["grade_visible"].to_numpy() + 1
    return np.where(cover == BUILDING, grade[ids], 0).astype(np.uint8)


def _buildings(event: Event, ids: np.ndarray, sights: tuple[Sight, Sight]) -> gpd.GeoDataFrame:
    """Buildings of the scene with their damage, how many pixels show them, and what is seen."""
    number, count = event.buildings["building_id"].to_numpy(), _count(event)
    shown = np.zeros(count, np.int64)
    for at in range(0, len(ids), 1024):
        shown += np.bincount(ids[at : at + 1024].ravel(), minlength=count)
    with np.errstate(invalid="ignore"):  # none where the frame holds nothing of a building
        before, after = (np.round(s.seen / s.plan, 4)[number] for s in sights)
    return event.buildings.assign(pixels=shown[number], visible_before=before, visible_after=after)


_UNITS = {
    "height_before": "m", "height_after": "m", "water_depth": "m", "debris_height": "m",
    "burn": "1", "normal_before": "1", "normal_after": "1", "shadow_before": "1",
    "shadow_after": "1",
}  # fmt: skip
_IMAGES = ("before", "after")
_CLASSES = json.dumps(dict(MATTER))


def write_scene(scene: Scene, folder: Path, *, overwrite: bool = False) -> Path:
    """Write a scene folder, whole or not at all: COGs, buildings, roads and `item.json`."""
    with fresh_folder(folder, overwrite=overwrite) as tmp:
        _write(scene, tmp)
    return folder


def render_to(
    event: Event, folder: Path, params: RenderParams | None = None, *, overwrite: bool = False
) -> Scene:
    """Picture an event into a scene folder, whole or not at all.

    Works on scenes larger than memory: what `render_event` and `write_scene` give, byte for byte,
    but rasters lie in files while they are made. The scene that returns has none.
    """
    with fresh_folder(folder, overwrite=overwrite) as tmp:
        work = tmp / "work"
        work.mkdir()
        scene = render_event(event, params, work=work)
        _write(scene, tmp)
        shutil.rmtree(work)
    return replace(scene, rasters={})


def _write(scene: Scene, folder: Path) -> None:
    model = sensor(scene.parameters["render"]["sensor"])
    for name, values in scene.rasters.items():
        stack = values if values.ndim == 3 else values[None]
        bands = scene.bands if name in _IMAGES else (name,)
        if name.startswith("normal"):
            bands = ("east", "north", "up")
        tags = {"classes": _CLASSES} if name.startswith("matter") else {}
        scale = model.reflectance if name in _IMAGES else None
        raster = Raster(stack, scene.box, None, bands, scale)
        write_cog(folder / f"{name}.tif", raster, tags=tags, unit=_UNITS.get(name))
    write_vectors(folder / "buildings.gpkg", {"buildings": scene.buildings})
    roads = {"streets": scene.streets, "bridges": scene.bridges}
    write_vectors(folder / "roads.gpkg", roads)
    assets: dict[str, Any] = {name: f"{name}.tif" for name in scene.rasters}
    for name in _IMAGES:
        assets[name] = image_asset(f"./{name}.tif", described_bands(model))
    assets |= {"buildings": "buildings.gpkg", "roads": "roads.gpkg"}
    write_item(folder, kind="scene", parameters=scene.parameters, assets=assets, box=scene.box)
