"""Water: its banks, the sun it mirrors, and floods over what is lower than they are."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from geomage.render import _kernels_ground as k
from geomage.render.canvas import Canvas
from geomage.render.matter import MATTER, WATER, Appearance

__all__ = [
    "Mirror",
    "clearness_m",
    "flood_ground",
    "mirror_of_sun",
    "paint_glint",
    "shelve_banks",
    "surf",
]

_FLOOD_WATER = np.array(
    [
        (0.018, 0.026, 0.022), (0.028, 0.045, 0.036), (0.045, 0.055, 0.043), (0.07, 0.07, 0.053),
        (0.11, 0.092, 0.065), (0.15, 0.12, 0.08), (0.19, 0.15, 0.10), (0.26, 0.20, 0.135),
    ]
)  # fmt: skip
"""Reflectance (red, green, blue) of flood water from stained and clear to thick with clay."""
_STAINED = 3.0
"""Least attenuation of flood water, 1/m: dark because it swallows light, not because it is clear.
Ours; coloured and turbid inland waters have 2 and more (Kirk 2011), a lake over its bed, see
`shelve`, has 0.5."""
_CLEAR = 0.08  # mean reflectance up to which flood water may be green
_BED = np.array([0.20, 0.165, 0.115])  # reflectance of a wet bed of silt and sand
_FOAM = 0.5
_BANK_M = 6.0  # reach of a bank, under water and over it
_SLOPE = 0.25  # metres of depth a metre from the bank, ours
_DIRECT = 0.8  # share of the sun in the light on level ground
_REFRACTION = 1.34
_RESOLVED_M = 2.0  # pixels from here on show no single wave, ours
_WAVES = 0.12  # share of the variance of slopes in waves that fine pixels show, ours

Mirror = tuple[np.ndarray, float, float]


def shelve_banks(c: Canvas, wet: np.ndarray) -> np.ndarray | None:
    """Let beds show near banks; return the share of water around each pixel, None without any.

    wet (y, x): where water with natural banks is, not pools.
    """
    if not wet.any():
        return None
    size = max(round(2 * _BANK_M / c.px) | 1, 3)
    near = ndimage.uniform_filter(wet.astype(np.float32), size, mode="nearest")
    k.shelve(
        near, _BANK_M, _SLOPE, _BED, wet, c.noise.fine, c.noise.mid, c.albedo, MATTER["mud"],
        c.matter, c.under, c.share, c.over,
    )  # fmt: skip
    return np.asarray(near)


def surf(c: Canvas, sea: np.ndarray, near: np.ndarray) -> None:
    """Break the sea along its shore by the date's wind, in patches.

    sea (y, x): where it is; near: share of water around each pixel.
    """
    if not sea.any():
        return
    off = np.maximum(2 * near - 1, 0) * _BANK_M  # metres from the shore
    line = np.maximum(np.exp(-off), 0.8 * np.exp(-((off - 3.5 + 2 * c.noise.broad) ** 2) / 0.3))
    white = np.clip(line * (2.4 * c.noise.coarse - 0.6) * min(c.when.wind / 6, 1), 0, 0.8) * sea
    c.albedo += (white * (_FOAM - c.albedo)).astype(np.float32)
    k.cover_all(white, MATTER["foam"], c.matter, c.under, c.share, c.over)


def mirror_of_sun(when: Appearance) -> Mirror:
    """Slope (east, north) of the facet that mirrors the sun, variance of slopes, what it gives.

    Cox and Munk 1954 (doi:10.1364/JOSA.44.000838): slopes of both directions together have the
    variance 0.003 + 0.00512 W, W the wind in m/s; the sun's glint is

        pi rho P / (4 cos(sun) cos(view) cos(tilt)^4)

    of the sun's share of the light, P the density of that slope, rho Fresnel's reflectance.
    """
    sun = _ray(when.sun_azimuth, 90 - when.sun_elevation)
    view = _ray(when.view_azimuth, when.off_nadir)
    half = (sun + view) / np.linalg.norm(sun + view)
    rho = _fresnel(float(np.arccos(np.clip(half @ sun, -1, 1))))
    scale = np.pi * rho / (4 * max(sun[2], 0.05) * max(view[2], 0.05) * half[2] ** 4)
    variance = (0.003 + 0.00512 * when.wind) / 2
    return -half[:2] / half[2], float(variance), float(scale * _DIRECT * (1 - when.veil))


def _ray(azimuth: float, zenith: float) -> np.ndarray:
    """Unit vector (east, north, up) of a direction in degrees."""
    a, z = np.radians(azimuth), np.radians(zenith)
    return np.array([np.sin(z) * np.sin(a), np.sin(z) * np.cos(a), np.cos(z)])


def _fresnel(angle: float) -> float:
    """Reflectance of water for unpolarised light at an angle of incidence, radians."""
    if angle < 1e-4:
        return float(((_REFRACTION - 1) / (_REFRACTION + 1)) ** 2)
    inner = np.arcsin(np.sin(angle) / _REFRACTION)
    across = np.sin(angle - inner) / np.sin(angle + inner)
    along = np.tan(angle - inner) / np.tan(angle + inner)
    return float((across**2 + along**2) / 2)


def paint_glint(c: Canvas, water: np.ndarray, most: float) -> None:
    """Add the mirrored sun to all water that is seen, to a reflectance of `most` altogether."""
    if not water.any():
        return
    toward, variance, scale = mirror_of_sun(c.when)
    c.glint = np.zeros(c.height.shape, np.float32)
    waves = _WAVES * max(0.0, 1 - c.px / _RESOLVED_M)
    n = c.noise
    k.mirror(
        water, toward, variance, waves, scale, most, n.mid, n.coarse, n.broad, c.albedo, c.glint
    )


def _flood_colour(rng: np.random.Generator) -> np.ndarray:
    """Draw water (3,): any load of silt as often as any other, each band a little off.

    Clear water is now and then greener, by algae and what wetlands stain it with (ours).
    """
    load = rng.uniform(0, len(_FLOOD_WATER) - 1)
    at = np.arange(len(_FLOOD_WATER))
    mixed = np.array([np.interp(load, at, band) for band in _FLOOD_WATER.T])
    green = abs(rng.normal()) * np.array([0.0, 0.25, 0.1]) * (mixed.mean() < _CLEAR)
    off = np.exp(rng.normal(0, 0.15) + rng.normal(0, 0.08, 3) + green)
    return np.asarray(mixed * off)


def clearness_m(colour: np.ndarray) -> float:
    """Depth of flood water (reflectance (3,)) from which 1 / e of the light comes back, metres."""
    return float(1 / (2 * (_STAINED + 30 * colour.mean())))


def flood_ground(c: Canvas) -> np.ndarray:
    """Lay flood water over what is lower than it; return all water that no crown hides (y, x)."""
    water: np.ndarray = ((c.cover == WATER) & (c.crown == 0)).astype(np.uint8)
    depth = c.hazard("water_depth")
    if depth is None:
        return water
    c.depth = depth
    colour = _flood_colour(np.random.default_rng([c.seed, 37]))
    clear = clearness_m(colour)
    n = c.noise
    k.flood_water(
        depth, c.height, c.ids, c.crown, colour, clear, n.mid, n.broad, c.albedo, c.cover, water,
        MATTER["flood water"], c.matter, c.under, c.share, c.over,
    )  # fmt: skip
    foam = c.hazard("foam")
    if foam is not None:
        broken = 0.9 * foam + 1.2 * (n.coarse - 0.5) + 0.5 * (n.mid - 0.5) - 0.5
        white = np.clip(broken, 0, 0.7) * ((water > 0) & (foam > 0))
        c.albedo += white * (_FOAM - c.albedo)
        k.cover_all(white, MATTER["foam"], c.matter, c.under, c.share, c.over)
    return water
