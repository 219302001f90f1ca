"""What engines that trace rays are given, and the picture that comes back.

They return radiance alone: what is seen where (`source`, `wall`) always comes from the heightfield
engine, so that labels do not depend on the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from geomage.render.daylight import sun_share
from geomage.render.engine import Picture, light_and_view, smoke_over
from geomage.render.facets import Facets, facet_stage
from geomage.render.matter import Appearance
from geomage.render.stage import Stage

__all__ = ["BOUNCES", "SUN_DEGREES", "Light", "Trace", "View", "trace_picture"]

SUN_DEGREES = 0.53  # angle under which the sun is seen from the Earth
BOUNCES = 4  # of light between surfaces, as Cycles has it
_TOGETHER = 3  # bands an engine renders at once


@dataclass(frozen=True)
class Light:
    """Sun and sky, such that a sunlit level Lambertian plane returns its reflectance.

    to_sun: unit vector (east, north, up). sun, sky: irradiance on the level plane over pi, (band,),
    which sum to 1. The sky is equally bright all over.
    """

    to_sun: tuple[float, float, float]
    sun: np.ndarray
    sky: np.ndarray


@dataclass(frozen=True)
class View:
    """Parallel rays through the pixels of a level image of the height 0.

    columns, rows: of the image; px: side of a pixel, metres; lean: metres (east, north) that a ray
    goes towards the sensor a metre of height.
    """

    columns: int
    rows: int
    px: float
    lean: tuple[float, float]


Trace = Callable[[Facets, Light, View, int], np.ndarray]
"""(facets of three bands, light, view, samples a pixel) -> radiance (3, y, x) float32."""


def trace_picture(stage: Stage, when: Appearance, trace: Trace, samples: int) -> Picture:
    """Picture a stage by tracing rays: radiance by `trace`, everything else by `light_and_view`."""
    ours = light_and_view(stage, when)
    facets, light, view = facet_stage(stage), _light(stage, when), _view(stage, when)
    found = []
    for first in range(0, len(stage.bands), _TOGETHER):
        some = np.minimum(np.arange(first, first + _TOGETHER), len(stage.bands) - 1)
        these = replace(facets, albedo=facets.albedo[some])
        lit = Light(light.to_sun, light.sun[some], light.sky[some])
        found.append(trace(these, lit, view, samples)[: len(stage.bands) - first])
    image = _on_the_ground(np.concatenate(found), stage, view)
    if stage.smoke is not None:
        smoke_over(stage, ours.source, light.sun, image)
    return replace(ours, radiance=image)


def _light(stage: Stage, when: Appearance) -> Light:
    azimuth, elevation = np.radians(when.sun_azimuth), np.radians(when.sun_elevation)
    flat = float(np.cos(elevation))
    to_sun = (
        flat * float(np.sin(azimuth)), flat * float(np.cos(azimuth)), float(np.sin(elevation)),
    )  # fmt: skip
    sun = sun_share(stage.bands, when.sun_elevation, when.veil)
    return Light(to_sun, sun, (1 - sun).astype(np.float32))


def _view(stage: Stage, when: Appearance) -> View:
    tan, turn = np.tan(np.radians(when.off_nadir)), np.radians(when.view_azimuth)
    rows, columns = (int(side) for side in stage.box.shape)
    lean = (float(tan * np.sin(turn)), float(tan * np.cos(turn)))
    return View(columns, rows, float(stage.box.affine.a), lean)


def _on_the_ground(image: np.ndarray, stage: Stage, view: View) -> np.ndarray:
    """Move each pixel (band, y, x) from the level of height 0 to its place on the terrain.

    A ray that meets the ground at height g crosses height 0 g * lean away from the sensor.
    """
    ground = stage.ground - np.median(stage.ground)
    east, north = (ground * (lean / view.px) for lean in view.lean)
    if max(np.abs(east).max(), np.abs(north).max()) < 0.05:
        return image
    rows, columns = np.indices(ground.shape, dtype=np.float32)
    there = np.stack([rows + north, columns - east])
    moved = [ndimage.map_coordinates(band, there, order=1, mode="nearest") for band in image]
    return np.stack(moved).astype(np.float32)
