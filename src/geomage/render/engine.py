"""Light and view: from a painted stage to radiance and exact truth.

Radiance is normalised: a sunlit level Lambertian plane under open sky returns its reflectance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from geomage.render import _kernels_light as k
from geomage.render.matter import Appearance
from geomage.render.stage import Stage
from geomage.sensor import VISIBLE, Band

__all__ = ["Picture", "light_and_view", "sky_view", "smoke_light", "sun_share"]

# share of the irradiance on a level plane that comes from the sun, in red, green, blue, clear sky
_SUN_SHARE = np.array([0.84, 0.80, 0.73], np.float32)
_SMOKE = np.array([0.42, 0.41, 0.40], np.float32)  # reflectance of a thick plume, ours
_BLOCK = 16
_SKY_ELEVATIONS = (20.7, 45.0, 69.3)  # equal parts of the cosine-weighted hemisphere


@dataclass(frozen=True)
class Picture:
    """What an ideal sensor of the stage's grid sees. Arrays (y, x); `source` indexes the stage."""

    radiance: np.ndarray  # (3, y, x)
    source: np.ndarray  # flat index of the visible point
    wall: np.ndarray  # metres below the top where a wall is seen, else 0


def sky_view(surface: np.ndarray, px: float, step: int = 2) -> np.ndarray:
    """Share of the cosine-weighted sky that each pixel sees (y, x).

    Eight azimuths at three elevations of equal weight, on a grid `step` times coarser.
    """
    ny, nx = surface.shape
    coarse = np.ascontiguousarray(surface[::step, ::step])
    total = np.zeros(coarse.shape, np.float32)
    for i, elevation in enumerate(_SKY_ELEVATIONS):
        tan = float(np.tan(np.radians(elevation)))
        for a in range(8):
            azimuth = np.radians(45 * a + 15 * i + 7.0)
            total += k.sun_shadow(coarse, px * step, np.sin(azimuth), np.cos(azimuth), tan, 0.8)
    view = total / (8 * len(_SKY_ELEVATIONS))
    if step > 1:
        view = np.repeat(np.repeat(view, step, 0), step, 1)[:ny, :nx]
        view = ndimage.uniform_filter(view, step + 1)
    return view


def sun_share(bands: tuple[Band, ...], when: Appearance) -> np.ndarray:
    """Share (band,) of the light on a level plane that comes from the sun; the rest is sky."""
    elevation = np.radians(when.sun_elevation)
    nm = [band.centre_nm for band in bands]
    share = np.interp(nm, [band.centre_nm for band in VISIBLE[::-1]], _SUN_SHARE[::-1])
    high = (0.75 + 0.25 * np.sin(elevation)) * (1 - when.veil)
    return np.asarray(share * high, np.float32)


def smoke_light(sun: np.ndarray) -> np.ndarray:
    """Radiance (band, 1, 1) of a thick plume under a sun of that share (band,)."""
    light = sun * np.float32(0.6) + (1 - sun)
    return np.asarray((_SMOKE * light)[:, None, None], np.float32)


def _ceiling(height: np.ndarray, reach: int) -> np.ndarray:
    """Highest surface near each block of 16 pixels, over `reach` pixels."""
    ny, nx = height.shape
    by, bx = -(-ny // _BLOCK), -(-nx // _BLOCK)
    padded = np.zeros((by * _BLOCK, bx * _BLOCK), np.float32)
    padded[:ny, :nx] = height
    blocks = padded.reshape(by, _BLOCK, bx, _BLOCK).max((1, 3))
    return np.asarray(ndimage.maximum_filter(blocks, 2 * (reach // _BLOCK + 1) + 1))


def light_and_view(stage: Stage, when: Appearance) -> Picture:
    """Light a stage by sun and sky and look at it from the date's view angle."""
    px = float(stage.box.affine.a)
    surface = (stage.ground + stage.height).astype(np.float32)
    azimuth, elevation = np.radians(when.sun_azimuth), np.radians(when.sun_elevation)
    sin_az, cos_az = float(np.sin(azimuth)), float(np.cos(azimuth))
    lit = k.sun_shadow(surface, px, sin_az, cos_az, float(np.tan(elevation)), 0.35)
    sky = sky_view(surface, px)
    flat = float(np.cos(elevation))
    sun = sun_share(stage.bands, when)
    image = k.radiance(
        surface,
        stage.albedo,
        lit,
        sky,
        px,
        flat * sin_az,
        flat * cos_az,
        float(np.sin(elevation)),
        sun,
        (1 - sun).astype(np.float32),
        0.3,
    )
    if stage.smoke is not None:  # a plume lies far over what it hides
        image += stage.smoke * (smoke_light(sun) - image)
    ny, nx = surface.shape
    if when.off_nadir < 1.0:
        return Picture(
            image,
            np.arange(ny * nx, dtype=np.int64).reshape(ny, nx),
            np.zeros((ny, nx), np.float32),
        )
    return _oblique(stage, when, image, px)


def _oblique(stage: Stage, when: Appearance, image: np.ndarray, px: float) -> Picture:
    tan = float(np.tan(np.radians(when.off_nadir)))
    turn = np.radians(when.view_azimuth)
    ux, uy = float(np.sin(turn)), float(np.cos(turn))
    height = stage.height
    reach = int(float(height.max()) * tan / px) + 1
    source = np.empty(height.shape, np.int64)
    wall = np.empty(height.shape, np.float32)
    k.view_march(height, _ceiling(height, reach), _BLOCK, px, tan, ux, uy, source, wall)
    azimuth, elevation = np.radians(when.sun_azimuth), np.radians(when.sun_elevation)
    sun = _SUN_SHARE * np.float32(1 - when.veil)
    direct = sun * np.float32(np.cos(elevation) / max(float(np.sin(elevation)), 0.2))
    seen = np.empty_like(image)
    k.lift_walls(
        image,
        seen,
        source,
        wall,
        stage.ids,
        stage.wall,
        stage.storey,
        height,
        np.array([ux, uy]),
        np.array([np.sin(azimuth), np.cos(azimuth)]),
        direct.astype(np.float32),
        ((1 - sun) * 0.8 + 0.12).astype(np.float32),
        px,
    )
    return Picture(seen, source, wall)
