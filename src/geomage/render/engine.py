"""Light and view: from a painted stage to radiance and exact truth.

Radiance is normalised: a sunlit level Lambertian plane under open sky returns its reflectance, in
every band. What a stage pixel sees of sun and sky is found once for all bands. A stage pixel is
one sample: a sensor pixel gathers as many as its area holds (`RenderParams.oversample` squared).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from geomage.errors import InputError
from geomage.render import _kernels_light as k
from geomage.render import _kernels_view as v
from geomage.render.canvas import lattice
from geomage.render.daylight import (
    facade_tones,
    glass_tones,
    smoke_opacity,
    smoke_tones,
    sun_share,
)
from geomage.render.matter import FARTHEST, Appearance
from geomage.render.stage import Stage

__all__ = [
    "FARTHEST",
    "Picture",
    "light_and_view",
    "normals",
    "sky_view",
    "smoke_over",
    "visible",
]

_BLOCK = 16  # pixels, as the kernels have it
_AZIMUTHS = 8
_WALLS_LIT = 0.5
"""Light on what hides the sky, mostly walls, relative to level ground around it: a wall of any
azimuth gets the share cot(elevation) / pi of the sun, and half of the sky (ours)."""
_STEEPEST = 1e-3  # degrees off nadir; nearer, a tower of 500 m leans by less than a centimetre
_LOWEST = 0.2  # sine of the lowest sun that walls are lit by
Where = tuple[slice, slice]
_Part = tuple[int, int, int, int]  # first and last row, first and last column (exclusive)


@dataclass(frozen=True)
class Picture:
    """What an ideal sensor of the stage's grid sees. Arrays (y, x); `source` indexes the stage."""

    radiance: np.ndarray  # (band, y, x)
    source: np.ndarray  # flat index of the visible point
    wall: np.ndarray  # metres below the top where a wall is seen, else 0
    shadow: np.ndarray  # share of the direct sun that the visible point loses, 0..1
    facing: np.ndarray  # direction out of a wall seen, radians clockwise from north
    lit: np.ndarray  # share of the sun's disc that each pixel of the stage sees, 0..1


class _Light(NamedTuple):
    """Sun and sky on the stage. Arrays (y, x) but where said."""

    surface: np.ndarray  # metres
    lit: np.ndarray  # share of the sun's disc seen
    shade: np.ndarray  # height up to which the sun is hidden, metres
    direct: np.ndarray  # sun, relative to a level plane
    open_sky: np.ndarray  # sky, likewise
    around: np.ndarray  # (band, blocks) light of the neighbourhood
    phase: tuple[int, int]  # rows and columns by which the first block begins before the grid
    sun: np.ndarray  # (band,) share of the light on a level plane


def sky_view(surface: np.ndarray, px: float, origin: tuple[int, int] = (0, 0)) -> np.ndarray:
    """Share (y, x) of the cosine-weighted sky that each pixel sees.

    Exact in elevation, over eight azimuths, at every second pixel, between them from neighbours of
    about their height. `origin` is the place of the grid among all pixels (`lattice`).
    """
    out = np.empty(surface.shape, np.float32)
    k.spread_all(surface, _coarse_sky(surface, px, origin), (origin[0] % 2, origin[1] % 2), out)
    return out


def _coarse_sky(surface: np.ndarray, px: float, origin: tuple[int, int]) -> np.ndarray:
    """Sky view of every second pixel: of those that are even in the lattice."""
    first = origin[0] % 2, origin[1] % 2
    coarse = np.ascontiguousarray(surface[first[0] :: 2, first[1] :: 2])
    at = (origin[0] + first[0]) // 2, (origin[1] + first[1]) // 2
    view = np.zeros(coarse.shape, np.float32)
    for azimuth in np.radians(360 / _AZIMUTHS * np.arange(_AZIMUTHS) + 7.0):
        sin, cos = float(np.sin(azimuth)), float(np.cos(azimuth))
        k.add_open_sky(coarse, 2 * px, sin, cos, at, 1 / _AZIMUTHS, view)
    return view


def light_and_view(stage: Stage, when: Appearance, where: Where | None = None) -> Picture:
    """Light a stage by sun and sky and look at it from the date's view angle.

    where: rows and columns that are looked at; of others the picture shows nothing.

    Raises:
        InputError: a view of more than `FARTHEST` degrees, heights or albedo that are not finite,
            or buildings that have no walls.
    """
    if not when.off_nadir <= FARTHEST:
        raise InputError(f"{when.off_nadir:g} degrees off nadir is outside 0..{FARTHEST:g}")
    _refuse_odd(stage)
    rows, columns = where or (slice(None), slice(None))
    part = (*rows.indices(stage.height.shape[0])[:2], *columns.indices(stage.height.shape[1])[:2])
    shining = _lit(stage, when)
    source, wall = _looked(stage, when, shining.surface, part)
    out = np.zeros(stage.albedo.shape, np.float32)
    sky = (1 - shining.sun).astype(np.float32)
    k.expose(
        stage.albedo, source, shining.direct, shining.open_sky, shining.around, shining.phase,
        shining.sun, sky, part, out,
    )  # fmt: skip
    shadow, facing = (1 - shining.lit), wall
    if when.off_nadir >= _STEEPEST:
        shadow, facing = shadow.reshape(-1).take(source), np.zeros_like(wall)
        seen = Picture(out, source, wall, shadow, facing, shining.lit)
        _paint_walls(stage, when, shining, seen, part)
    if stage.smoke is not None:
        smoke_over(stage, source, shining.sun, out)
    return Picture(out, source, wall, shadow, facing, shining.lit)


def _refuse_odd(stage: Stage) -> None:
    """Raise InputError at values that the kernels would follow out of their arrays."""
    if min(stage.height.shape) < 2:
        raise InputError(f"a stage of {stage.height.shape} (y, x) has no slopes: give 2 x 2 px")
    for name in ("ground", "height", "albedo"):
        if not np.isfinite(getattr(stage, name)).all():
            raise InputError(f"{name} of a stage holds values that are not finite")
    least, most = int(stage.ids.min()), int(stage.ids.max())
    if least < 0 or most >= max(len(stage.wall), 1):
        raise InputError(
            f"ids of a stage are {least}..{most}, and walls those of 0..{len(stage.wall) - 1}"
        )


def _lit(stage: Stage, when: Appearance) -> _Light:
    """Sun and sky on every pixel of the stage."""
    px, origin = float(stage.box.affine.a), lattice(stage.box)
    surface = (stage.ground + stage.height).astype(np.float32)
    sun = _to_sun(when)
    lit, shade, direct, open_sky = (np.empty_like(surface) for _ in range(4))
    ways = np.radians(when.sun_azimuth), float(np.radians(when.sun_elevation))
    sin, cos = float(np.sin(ways[0])), float(np.cos(ways[0]))
    k.sun_shadow(surface, px, sin, cos, ways[1], origin, lit, shade)
    sky = _coarse_sky(surface, px, origin)
    k.light(surface, lit, sky, (origin[0] % 2, origin[1] % 2), px, sun, direct, open_sky)
    share = sun_share(stage.bands, when.sun_elevation, when.veil)
    phase = origin[0] % _BLOCK, origin[1] % _BLOCK
    around = _around(stage.albedo, (direct, open_sky), share, phase)
    return _Light(surface, lit, shade, direct, open_sky, around, phase, share)


def _to_sun(when: Appearance) -> np.ndarray:
    """Unit vector to the sun: east, north, up."""
    azimuth, elevation = np.radians(when.sun_azimuth), np.radians(when.sun_elevation)
    flat = np.cos(elevation)
    return np.array([flat * np.sin(azimuth), flat * np.cos(azimuth), np.sin(elevation)])


def _blocks(shape: tuple[int, ...], phase: tuple[int, int]) -> tuple[int, int]:
    """Number of blocks, down and across, that begin `phase` pixels before a grid."""
    return -(-(shape[0] + phase[0]) // _BLOCK), -(-(shape[1] + phase[1]) // _BLOCK)


def _around(
    albedo: np.ndarray,
    lights: tuple[np.ndarray, np.ndarray],
    sun: np.ndarray,
    phase: tuple[int, int],
) -> np.ndarray:
    """Light (band, blocks) from the neighbourhood, where it hides the sky: one bounce of its tint.

    Mean albedo times mean light over some 50 pixels, times what walls get of it.
    """
    shape = _blocks(albedo.shape[1:], phase)
    mean = np.empty((2 + len(albedo), *shape), np.float32)
    for layer, out in zip((*lights, *albedo), mean, strict=True):
        k.block_means(layer, phase, out)
    mean = ndimage.uniform_filter(mean, (1, 3, 3), mode="nearest")
    share = sun[:, None, None]
    return np.asarray(_WALLS_LIT * mean[2:] * (share * mean[0] + (1 - share) * mean[1]), "float32")


def _looked(
    stage: Stage, when: Appearance, surface: np.ndarray, part: _Part
) -> tuple[np.ndarray, np.ndarray]:
    """What every image pixel shows: flat index of the stage, metres below the top of a wall."""
    shape = surface.shape
    wall = np.zeros(shape, np.float32)
    if when.off_nadir < _STEEPEST:
        return np.arange(surface.size, dtype=np.int64).reshape(shape), wall
    source = np.zeros(shape, np.int64)
    px, tan = float(stage.box.affine.a), float(np.tan(np.radians(when.off_nadir)))
    turn = np.radians(when.view_azimuth)
    east, north = float(np.sin(turn)), float(np.cos(turn))
    highest, lowest, far = (np.empty(_blocks(shape, (0, 0)), np.float32) for _ in range(3))
    fine = -(-shape[0] // 4), -(-shape[1] // 4)
    high, low, near, start = (np.empty(fine, np.float32) for _ in range(4))
    v.block_ranges(surface, stage.ground, high, low)
    v.larger_blocks(high, low, highest, lowest)
    v.around(high, near)
    v.farthest(highest, lowest, px / tan, east, -north, _reach(stage, tan), far)
    v.nearer(near, low, px / tan, east, -north, far, start)
    v.look(
        surface, stage.ground, stage.height, highest, high, start, px, tan, east, north, part,
        source, wall,
    )  # fmt: skip
    return source, wall


def _reach(stage: Stage, tan: float) -> int:
    """How many blocks away a ray from any pixel may meet what stands highest.

    What stands H over its own ground is met H tan away, on ground that rises by G a metre
    H tan / (1 - G tan) away.
    """
    px, coarse = float(stage.box.affine.a), stage.ground[::_BLOCK, ::_BLOCK]
    rises = [float(np.abs(np.diff(coarse, axis=a)).max(initial=0)) for a in (0, 1)]
    steepest = max(rises) * np.sqrt(2) / (px * _BLOCK)
    reach = float(stage.height.max()) * tan / max(1 - steepest * tan, 0.1)
    return int(reach / (px * _BLOCK)) + 2


def _paint_walls(
    stage: Stage, when: Appearance, shining: _Light, seen: Picture, part: _Part
) -> None:
    """Paint what is seen of walls over the picture, in place."""
    turn, sun = np.radians(when.view_azimuth), _to_sun(when)
    tan = np.tan(np.radians(when.off_nadir))
    view = np.array([np.sin(turn), np.cos(turn), tan])
    flat = float(np.hypot(sun[0], sun[1]))
    direct = shining.sun * np.float32(flat / max(float(sun[2]), _LOWEST))
    plan = np.zeros((len(stage.wall), 6))
    plan[:, 0], plan[:, 1], plan[:, 3] = stage.wall, stage.storey, np.pi / 2
    if stage.plan is not None:
        plan[:, 2:] = stage.plan
    v.paint_walls(
        shining.surface,
        (stage.ground, stage.height, stage.ids, stage.albedo),
        plan,
        (facade_tones(stage.bands), glass_tones(stage.bands)),
        (shining.shade, shining.open_sky, direct, (1 - shining.sun).astype(np.float32)),
        shining.around,
        shining.phase,
        view,
        sun[:2] / max(flat, 1e-9),
        float(stage.box.affine.a),
        part,
        (seen.source, seen.wall, seen.facing, seen.shadow),
        seen.radiance,
    )


def smoke_over(stage: Stage, source: np.ndarray, sun: np.ndarray, out: np.ndarray) -> None:
    """Hide what smoke lies over, band by band; sun shines through much of the plume from above."""
    over = np.asarray(stage.smoke).reshape(-1)[source]
    smoky = over > 0
    thick = over[smoky]
    light = smoke_tones(stage.bands) * (0.6 * sun + (1 - sun))
    for image, band, tone in zip(out, stage.bands, light, strict=True):
        image[smoky] += smoke_opacity(thick, band) * (tone - image[smoky])


def normals(stage: Stage, picture: Picture, at: np.ndarray) -> np.ndarray:
    """Unit normals (3, …) east, north and up of what pictured pixels show; `at`: flat indices."""
    surface = (stage.ground + stage.height).astype(np.float32)
    rows, columns = np.divmod(picture.source.reshape(-1)[at], surface.shape[1])
    out = np.empty((3, *at.shape), np.float32)
    k.normals_at(surface, float(stage.box.affine.a), rows.ravel(), columns.ravel(),
                 out.reshape(3, -1))  # fmt: skip
    aside, angle = picture.wall.reshape(-1)[at] > 0, picture.facing.reshape(-1)[at]
    upright = (np.sin(angle), np.cos(angle), np.zeros_like(angle))
    return np.asarray(np.where(aside, np.stack(upright), out), np.float32)


def visible(stage: Stage, when: Appearance) -> np.ndarray:
    """Share (y, x) of each stage pixel's top that the sensor sees past what stands before it."""
    surface = (stage.ground + stage.height).astype(np.float32)
    seen, shade = np.empty_like(surface), np.empty_like(surface)
    turn = np.radians(when.view_azimuth)
    elevation = float(np.radians(90 - when.off_nadir))
    k.sun_shadow(
        surface, float(stage.box.affine.a), float(np.sin(turn)), float(np.cos(turn)), elevation,
        lattice(stage.box), seen, shade,
    )  # fmt: skip
    return np.asarray(seen)
