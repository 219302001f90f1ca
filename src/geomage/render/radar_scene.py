"""A struck town as Sentinel-1 sees it before and after: painted, sorted by range, made decibels.

A town of some hundred metres is a few dozen pixels wide: this shows walls, squares and floods as
radar has them, and is no place to learn floods from (see `data.floods` for that). What each kind of
ground scatters is a round figure of ours for `backscatter`; roofs are rough plates, and what makes
houses bright are the corners of their walls with the ground before them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from affine import Affine
from odc.geo import wh_
from odc.geo.geobox import GeoBox

from geomage.disaster import Event
from geomage.errors import BudgetError, InputError
from geomage.geo import Raster, fresh_folder, write_cog, write_vectors
from geomage.geo.stac import write_item
from geomage.render.backscatter import POLARISATIONS, WALL_BOUNCE, Scatterers, backscatter
from geomage.render.canvas import stage_noise
from geomage.render.matter import BUILDING, TREE, sample_appearance
from geomage.render.stage import Stage, paint
from geomage.sensor.radar import RadarShot, View, detect, local_incidence, project, radar

__all__ = ["RadarParams", "RadarScene", "render_radar", "write_radar"]

_FINE_M = 2.0  # cells of the town
_LEAST_PX = 16
_FILM_M = 0.03
_CELL_BYTES = 500  # of memory that a fine cell takes, measured
# by land cover 0..8: moisture m3/m3, roughness cm, plants kg/m2, their height m
_KINDS = np.array(
    [
        (0.2, 1.0, 0.3, 0.2), (0.2, 1.2, 0.1, 0.1), (0.22, 1.2, 0.8, 0.4), (0.1, 0.6, 0.1, 0.1),
        (0.08, 0.35, 0.0, 0.1), (0.2, 1.2, 5.0, 8.0), (0.4, 0.5, 0.0, 0.1), (0.22, 1.2, 1.2, 0.6),
        (0.08, 0.8, 0.0, 0.1),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class RadarParams:
    """How to look at a town: orbit, incidence in degrees, wind in m/s at either date."""

    orbit: str = "ascending"
    incidence: float = 38.0
    seed: int = 0
    wind: tuple[float, float] = (2.0, 2.0)
    memory_bytes: int = 4 * 2**30

    def __post_init__(self) -> None:
        looks = radar("sentinel-1").looks
        if self.orbit not in looks:
            raise InputError(f"unknown orbit {self.orbit!r}: choose one of {', '.join(looks)}")
        if self.seed < 0:
            raise InputError(f"seed {self.seed} is negative: choose one of 0 or more")
        near, far = radar("sentinel-1").incidence
        if not near <= self.incidence <= far:
            raise InputError(
                f"an incidence of {self.incidence:g} degrees is outside {near:g}..{far:g}, where "
                "sentinel-1 looks"
            )


@dataclass(frozen=True)
class RadarScene:
    """Decibels (pol, y, x) of two dates on `box`, 10 m: VV, VH; and their truth.

    shadow (y, x): share of a pixel in radar shadow at the second date; truth: by name (y, x),
    water_before and water_after: share of a pixel under water; water_depth: its mean over the pixel
    at the second date, metres; built: share under buildings at the first date; buildings: table of
    the event; event: what it was made with.
    """

    box: GeoBox
    before: np.ndarray
    after: np.ndarray
    shadow: np.ndarray
    truth: Mapping[str, np.ndarray]
    buildings: gpd.GeoDataFrame
    params: RadarParams
    event: Mapping[str, Any]


def render_radar(event: Event, params: RadarParams | None = None) -> RadarScene:
    """Look at an event by Sentinel-1; the same event and parameters give the same bytes.

    Raises:
        InputError: city smaller than 16 pixels of the radar.
        BudgetError: a larger city than the memory allows.
    """
    params = params or RadarParams()
    model = radar("sentinel-1")
    fine, box = _grids(event, model.gsd)
    _refuse_large(fine, params.memory_bytes)
    view = View(params.incidence, model.looks[params.orbit])
    when = sample_appearance(np.random.default_rng([params.seed, 8]))
    noise = stage_noise(fine, event.city.params.seed % 100_003)
    dates, stages, shadow = [], [], np.zeros(box.shape.yx)
    for k, after in enumerate((False, True)):
        stage = paint(event, fine, when, noise, after=after)
        incidence = local_incidence(stage.ground.astype(float), _FINE_M, view)
        sigma = backscatter(_met(stage, params.wind[k]), incidence)
        height = stage.height.astype(float)
        echo = project(stage.ground.astype(float), height, sigma, view, _FINE_M, WALL_BOUNCE)
        dates.append(detect(echo.power, _FINE_M, view, model, RadarShot(seed=2 * params.seed + k)))
        stages.append(stage)
        shadow = _mean(echo.shadow, box)
    return RadarScene(
        box=box, before=dates[0], after=dates[1], shadow=shadow,
        truth=_truth(stages[0], stages[1], box), buildings=event.buildings, params=params,
        event={"event": event.kind, "event_parameters": dict(event.parameters)},
    )  # fmt: skip


def write_radar(scene: RadarScene, folder: Path, *, overwrite: bool = False) -> Path:
    """Write a scene folder, whole or not at all: decibels, truth, buildings and `item.json`."""
    layers = {"before": scene.before, "after": scene.after, "shadow_after": scene.shadow}
    layers |= scene.truth
    with fresh_folder(folder, overwrite=overwrite) as tmp:
        for name, values in layers.items():
            stack, bands = (values, POLARISATIONS) if values.ndim == 3 else (values[None], (name,))
            unit = "dB" if values.ndim == 3 else "m" if name == "water_depth" else "1"
            write_cog(tmp / f"{name}.tif", Raster(stack, scene.box, None, bands), unit=unit)
        write_vectors(tmp / "buildings.gpkg", {"buildings": scene.buildings})
        assets = {name: f"{name}.tif" for name in layers} | {"buildings": "buildings.gpkg"}
        parameters = {"sensor": "sentinel-1", **asdict(scene.params), **scene.event}
        del parameters["memory_bytes"]  # changes nothing of the picture
        write_item(tmp, kind="scene", parameters=parameters, assets=assets, box=scene.box)
    return folder


def _refuse_large(fine: GeoBox, budget: int) -> None:
    rows, columns = (int(side) for side in fine.shape)
    needed = rows * columns * _CELL_BYTES
    if needed > budget:
        raise BudgetError(
            f"a radar image of {columns * _FINE_M:.0f} x {rows * _FINE_M:.0f} m needs about "
            f"{needed / 2**30:.1f} GiB, over the budget of {budget / 2**30:.1f} GiB: take a "
            "smaller city or a larger --memory"
        )


def _mean(fine: np.ndarray, box: GeoBox) -> np.ndarray:
    """Mean of fine cells in each pixel, float32."""
    rows, columns = (int(side) for side in box.shape)
    times = fine.shape[0] // rows
    cut = fine.reshape(rows, times, columns, times)
    return np.asarray(cut.mean((1, 3), dtype=np.float64).astype(np.float32))


def _truth(before: Stage, after: Stage, box: GeoBox) -> dict[str, np.ndarray]:
    return {
        "water_before": _mean(before.water > 0, box),
        "water_after": _mean(after.water > 0, box),
        "water_depth": _mean(after.flood_depth, box),
        "built": _mean(before.cover == BUILDING, box),
    }


def _grids(event: Event, gsd: float) -> tuple[GeoBox, GeoBox]:
    """The fine grid over the city and that of the product, which covers the same ground."""
    bounds = event.city.dtm.box.boundingbox
    columns, rows = int(bounds.span_x / gsd), int(bounds.span_y / gsd)
    if min(columns, rows) < _LEAST_PX:
        raise InputError(
            f"the city is {min(bounds.span_x, bounds.span_y):g} m wide, too small for sentinel-1: "
            f"grow one of at least {_LEAST_PX * gsd:.0f} m"
        )
    crs, times = event.city.dtm.box.crs, round(gsd / _FINE_M)
    corner = bounds.left, bounds.top
    wide = Affine(gsd, 0, corner[0], 0, -gsd, corner[1])
    narrow = Affine(_FINE_M, 0, corner[0], 0, -_FINE_M, corner[1])
    size = wh_(columns * times, rows * times)
    return GeoBox(size, narrow, crs), GeoBox(wh_(columns, rows), wide, crs)


def _met(stage: Stage, wind: float) -> Scatterers:
    """What the beam meets on a stage; houses stand in its height, not in a share."""
    moisture, rough, plants, tall = np.moveaxis(_KINDS[stage.cover], -1, 0)
    trees = (stage.cover == TREE).astype(float)
    wet = ((stage.water > 0) & (stage.cover != BUILDING)).astype(float)
    none = np.zeros(wet.shape)
    return Scatterers(
        moisture=moisture, rough_cm=rough, plants=plants, stems=none + 0.4, trees=trees,
        tall_m=tall, houses=none, facing=none, wet=wet,
        depth=wet * np.maximum(stage.flood_depth, _FILM_M), wind=none + wind,
    )  # fmt: skip
