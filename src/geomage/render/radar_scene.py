"""A struck town as Sentinel-1 sees it before and after: painted, sorted by range, made decibels.

A town of some hundred metres is a few dozen pixels wide: this shows walls, squares and floods as
radar has them, and is no place to learn floods from (see `data.floods` for that). What each kind of
ground scatters is a round figure of ours for `backscatter`; roofs are rough plates, and what makes
houses bright are the corners of their walls with the ground before them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from affine import Affine
from odc.geo import wh_
from odc.geo.geobox import GeoBox

from geomage.disaster import Event
from geomage.errors import InputError
from geomage.render.backscatter import WALL_BOUNCE, Scatterers, backscatter
from geomage.render.canvas import stage_noise
from geomage.render.matter import BUILDING, TREE, sample_appearance
from geomage.render.stage import Stage, paint
from geomage.sensor.radar import RadarShot, View, detect, local_incidence, project, radar

__all__ = ["RadarParams", "RadarScene", "render_radar"]

_FINE_M = 2.0  # cells of the town
_LEAST_PX = 16
_FILM_M = 0.03
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
    """Decibels (pol, y, x) of two dates on `box`, 10 m: VV, VH; shadow (y, x): share in shadow."""

    box: GeoBox
    before: np.ndarray
    after: np.ndarray
    shadow: np.ndarray


def render_radar(event: Event, params: RadarParams | None = None) -> RadarScene:
    """Look at an event by Sentinel-1; the same event and parameters give the same bytes.

    Raises:
        InputError: city smaller than 16 pixels of the radar.
    """
    params = params or RadarParams()
    model = radar("sentinel-1")
    fine, box = _grids(event, model.gsd)
    view = View(params.incidence, model.looks[params.orbit])
    when = sample_appearance(np.random.default_rng([params.seed, 8]))
    noise = stage_noise(fine, event.city.params.seed % 100_003)
    dates, shadow = [], np.zeros(box.shape.yx)
    for k, after in enumerate((False, True)):
        stage = paint(event, fine, when, noise, after=after)
        incidence = local_incidence(stage.ground.astype(float), _FINE_M, view)
        sigma = backscatter(_met(stage, params.wind[k]), incidence)
        height = stage.height.astype(float)
        echo = project(stage.ground.astype(float), height, sigma, view, _FINE_M, WALL_BOUNCE)
        dates.append(detect(echo.power, _FINE_M, view, model, RadarShot(seed=2 * params.seed + k)))
        times = round(model.gsd / _FINE_M)
        shadow = echo.shadow.reshape(box.shape[0], times, box.shape[1], times).mean((1, 3))
    return RadarScene(box, dates[0], dates[1], shadow.astype(np.float32))


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
