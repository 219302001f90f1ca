"""Clouds, their shadows, and thin cirrus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from geomage.sensor import _kernels
from geomage.sensor.bands import Band
from geomage.sensor.framing import Framing
from geomage.sensor.looks import Looks

__all__ = [
    "CIRRUS_M",
    "Clouds",
    "cloud_colour",
    "clouds_over",
    "shadow_depth",
    "thinned",
    "veil_over",
]

CIRRUS_M = 10_000.0
LARGEST_M = 3000.0  # of a heap of cumulus
_OCTAVES = 5

# Brightness of a thick cloud against the visible, nm: its droplets absorb about 1600 and 2200 nm
# (Nakajima and King 1990; rounded by us).
_DROPLETS = np.array([(400, 1.0), (1000, 1.0), (1250, 0.92), (1610, 0.68), (2200, 0.45)])


@dataclass(frozen=True)
class Clouds:
    """Opacity of cloud and depth of its shadow on the ground (y, x), 0..1, as the sensor sees them.

    white: reflectance (y, x) of the cloud in the visible, were it thick; height: of it, metres.
    """

    alpha: np.ndarray
    shadow: np.ndarray
    white: np.ndarray
    height: float


def shadow_shift(height: float, looks: Looks) -> tuple[float, float]:
    """Metres (south, east) from a cloud in the image to its shadow in the image.

    The shadow lies h / tan(elevation) away from the sun; the cloud itself is pictured
    h tan(off-nadir) away from the sensor.
    """
    sun, view = np.radians(looks.sun_azimuth), np.radians(looks.view_azimuth)
    away = height / np.tan(np.radians(looks.sun_elevation))
    lean = height * np.tan(np.radians(looks.off_nadir))
    east = -away * np.sin(sun) + lean * np.sin(view)
    north = -away * np.cos(sun) + lean * np.cos(view)
    return float(-north), float(east)


def clouds_over(
    framing: Framing, cover: float, height: float, looks: Looks, rng: np.random.Generator
) -> Clouds:
    """Draw clouds of a cover 0..1 at a height (metres) over a frame, and their shadows.

    Fractal noise cut where `cover` of the frame is above. Shadows come from the same field, so
    that clouds outside the frame cast theirs into it.
    """
    seed, soft = int(rng.integers(2**31)), float(rng.uniform(0.08, 0.45))
    field = _field(framing, (0.0, 0.0), seed)
    cut, soft = float(np.quantile(field, 1 - cover)), max(soft * float(np.ptp(field)), 1e-3)
    south, east = shadow_shift(height, looks)
    alpha = _opacity(field, cut, soft)
    shade = _opacity(_field(framing, (-south, -east), seed), cut, soft)
    relief = _lit(field / max(float(np.ptp(field)), 1e-3), framing, looks)
    return Clouds(alpha, shade * (1 - alpha), relief * np.float32(rng.uniform(0.45, 0.8)), height)


def _lit(field: np.ndarray, framing: Framing, looks: Looks) -> np.ndarray:
    """Brightness (y, x) of the top of a cloud whose height follows a field 0..1 of noise.

    Lambert's law on gentle slopes, 1 - cot(elevation) dz/ds towards the sun; made gentle, and
    a fifth at most, since light wanders in a cloud. Ours.
    """
    if min(field.shape) < 2:
        return np.ones_like(field)
    sun, cell = np.radians(looks.sun_azimuth), _cell(framing) / framing.gsd
    down, right = np.gradient(ndimage.gaussian_filter(field, cell / 64))
    rise = (
        cell * (right * np.sin(sun) - down * np.cos(sun)) / np.tan(np.radians(looks.sun_elevation))
    )
    return np.asarray(1 - 0.22 * np.tanh(0.8 * rise), np.float32)


def _cell(framing: Framing) -> float:
    """Width of the largest heaps of cloud over a frame, metres."""
    return min(min(framing.rows, framing.columns) * framing.gsd / 2, LARGEST_M)


def thinned(clouds: Clouds, depth: float) -> Clouds:
    """Let light through: the thickest cloud is of opacity `depth`, and shadows fade with it."""
    return replace(clouds, alpha=clouds.alpha * depth, shadow=clouds.shadow * depth)


def _field(framing: Framing, off_m: tuple[float, float], seed: int) -> np.ndarray:
    """Noise (y, x) over a frame moved by (south, east) metres."""
    cell = _cell(framing)
    every = max(1, int(cell / framing.gsd / 2 ** (_OCTAVES - 1) / 4))  # finest octave kept smooth
    coarse = framing.coarser(every)
    coarse = replace(coarse, rows=coarse.rows + 1, columns=coarse.columns + 1)
    field = np.empty((1, coarse.rows, coarse.columns), np.float32)
    start = (every - 1) / 2 * framing.gsd
    y0, x0 = ((off + start) / cell for off in off_m)
    _kernels.fractal(y0, x0, coarse.gsd / cell, 1.0, 0.55, _OCTAVES, seed, field[0])
    return np.asarray(coarse.sampled(field, framing)[0])


def _opacity(field: np.ndarray, cut: float, soft: float) -> np.ndarray:
    t = np.clip((field - cut) / soft + 0.4, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def veil_over(framing: Framing, reflectance: float, rng: np.random.Generator) -> np.ndarray:
    """Draw cirrus in streaks (y, x): reflectance in the visible, `reflectance` on average."""
    seed, along = int(rng.integers(2**31)), float(rng.uniform(2, 5))
    veil = np.empty((framing.rows, framing.columns), np.float32)
    step = framing.gsd / LARGEST_M
    _kernels.fractal(0.0, 0.0, step, along, 0.5, 4, seed, veil)
    veil = np.clip(1 + 1.6 * veil, 0, None)
    return np.asarray(veil * (reflectance / max(float(veil.mean()), 1e-6)), np.float32)


def cloud_colour(bands: Sequence[Band]) -> np.ndarray:
    """Brightness (n,) of a thick cloud in each band against that in the visible."""
    centres = [band.centre_nm for band in bands]
    return np.asarray(np.interp(centres, _DROPLETS[:, 0], _DROPLETS[:, 1]))


def shadow_depth(bands: Sequence[Band]) -> np.ndarray:
    """Share (n,) of light that a thick cloud takes from the ground in its shadow.

    What is left is light of the sky, which is blue: 0.38 of all at 550 nm, falling as
    wavelength^-1.3, with a fifth as the least, for clouds light each other's shadows. Ours.
    """
    um = np.array([band.centre_nm for band in bands]) / 550
    return np.asarray(1 - np.clip(0.38 * um**-1.3, 0.2, 0.6))
