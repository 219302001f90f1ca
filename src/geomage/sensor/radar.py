"""Sentinel-1: from backscatter on the ground to the decibels of an orthorectified GRD product.

A side-looking radar sorts echoes by range. On the ground a point of height z above the datum is
therefore mapped z / tan(theta) nearer to the sensor than it is (layover, foreshortening), and what
stands h above flat ground hides h tan(theta) behind it (shadow), with theta the incidence angle
from the vertical. Orthorectification moves pixels back by the height of the terrain, not by that of
what stands on it. Walls that face the sensor and the ground before them send the beam back from the
foot of the wall. Earth's curvature, the change of incidence over a scene and the wave nature of
single scatterers are left out.

Speckle of L looks is a gamma law of mean 1 and variance 1/L (Ulaby, Moore and Fung 1982, Microwave
Remote Sensing II, section 7-2), correlated because pixels are closer than the resolution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType

import numpy as np
from scipy import ndimage
from scipy.special import gammaincinv, ndtr

from geomage.errors import InputError
from geomage.sensor import _kernels_radar as kernels

__all__ = [
    "RADARS",
    "Echo",
    "RadarModel",
    "RadarShot",
    "View",
    "detect",
    "local_incidence",
    "project",
    "radar",
    "speckle",
]

_FLOOR = 1e-5  # power that is left where less than the noise is subtracted, -50 dB
_WALL_M = 2.0  # least rise from one cell to the next that is a wall
_DIHEDRAL_DEG = 20.0  # off the beam by which a wall's echo falls to 1/e; ours
_FWHM = 2.3548  # standard deviations of a bell in its width at half height


@dataclass(frozen=True)
class RadarModel:
    """A radar product.

    ghz: carrier; gsd: metres of a pixel; resolution: metres at half power, (range, azimuth), on the
    ground; enl: equivalent number of looks; nesz_db: sigma naught of the noise, worst case;
    incidence: degrees, (near, far); looks: degrees from north in which the beam goes, by orbit.
    """

    name: str
    ghz: float
    gsd: float
    resolution: tuple[float, float]
    enl: float
    nesz_db: float
    incidence: tuple[float, float]
    looks: Mapping[str, float]
    polarisations: tuple[str, ...] = ("VV", "VH")


RADARS: Mapping[str, RadarModel] = MappingProxyType(
    {
        # ESA, Sentinel-1 User Handbook (GMES-S1OP-EOPG-TN-13-0001) and Product Definition
        # (S1-RS-MDA-52-7440): IW GRD high resolution. Headings of about 348 and 192 degrees near
        # the equator, looking right.
        "sentinel-1": RadarModel(
            "sentinel-1",
            5.405,
            10.0,
            (20.0, 22.0),
            4.4,
            -22.0,
            (29.1, 46.0),
            MappingProxyType({"ascending": 78.0, "descending": 282.0}),
        ),
    }
)


def radar(name: str) -> RadarModel:
    """Return a radar by name.

    Raises:
        InputError: when there is none of that name.
    """
    if name not in RADARS:
        near = get_close_matches(name, RADARS, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(RADARS)}"
        raise InputError(f"unknown radar {name!r}: {hint}")
    return RADARS[name]


@dataclass(frozen=True)
class View:
    """How the beam meets the ground: degrees from the vertical, and from north where it goes."""

    incidence: float = 38.0
    look: float = 78.0

    def __post_init__(self) -> None:
        if not 10 <= self.incidence <= 80:
            raise InputError(f"an incidence of {self.incidence:g} degrees is outside 10..80")
        if not np.isfinite(self.look):
            raise InputError("look is a direction: give degrees clockwise from north")

    @property
    def cot(self) -> float:
        """Cotangent of the incidence."""
        return float(1 / np.tan(np.radians(self.incidence)))

    @property
    def towards(self) -> tuple[float, float]:
        """Unit step (rows, columns) on the ground towards the sensor, north up."""
        a = np.radians(self.look)
        return float(np.cos(a)), float(-np.sin(a))


@dataclass(frozen=True)
class RadarShot:
    """The state of the radar at one pass.

    noise_db: sigma naught of the noise, VV and VH; left: share of its mean that the processor
    leaves; phase: by which the grid of the product lies off the map, pixels (rows, columns), 0..1.
    """

    noise_db: tuple[float, float] = (-25.0, -25.0)
    left: tuple[float, float] = (0.0, 0.0)
    phase: tuple[float, float] = (0.0, 0.0)
    seed: int = 0


@dataclass(frozen=True)
class Echo:
    """What comes back, on the map: power (pol, y, x) as sigma naught; shadow (y, x) 0/1."""

    power: np.ndarray
    shadow: np.ndarray


def local_incidence(terrain: np.ndarray, px: float, view: View) -> np.ndarray:
    """Degrees (y, x) between the beam and the normal of the terrain.

    cos = (cos(theta) + sin(theta) g) / (1 + |grad z|^2)^.5, with g the fall towards the sensor.
    """
    down, along = np.gradient(terrain.astype(float), px)
    theta, (uy, ux) = np.radians(view.incidence), view.towards
    fall = -(down * uy + along * ux)
    norm = np.sqrt(1 + down**2 + along**2)
    cos = np.clip((np.cos(theta) + np.sin(theta) * fall) / norm, -1, 1)
    return np.asarray(np.degrees(np.arccos(cos)))


def facing_walls(height: np.ndarray, px: float, view: View) -> np.ndarray:
    """Area of dihedral (y, x) a cell's area: walls that face the sensor, with the ground before.

    rise tan(theta) / px, falling with the angle phi between beam and wall as exp(-(phi/20 deg)^2).
    """
    uy, ux = view.towards
    shifted = ndimage.shift(height.astype(float), (-uy, -ux), order=1, mode="nearest")
    rise = height - shifted
    down, along = np.gradient(ndimage.gaussian_filter(height.astype(float), 1.0))
    across = (-down * uy - along * ux) / np.maximum(np.hypot(down, along), 1e-9)
    off = np.degrees(np.arccos(np.clip(across, -1, 1))) / _DIHEDRAL_DEG
    area = rise / view.cot / px * np.exp(-(off**2))
    return np.asarray(np.where((rise >= _WALL_M) & (across > 0), area, 0.0))


def project(
    terrain: np.ndarray,
    height: np.ndarray,
    sigma0: np.ndarray,
    view: View,
    px: float,
    bounce: tuple[float, ...] = (0.0, 0.0),
) -> Echo:
    """Sort backscatter by range, and orthorectify it by the terrain.

    Args:
        terrain: (y, x) metres.
        height: (y, x) metres above it.
        sigma0: (pol, y, x), linear, at the local incidence.
        view: of the radar.
        px: metres of a cell.
        bounce: sigma naught a polarisation of a dihedral of one cell, seen head on.
    """
    if not (terrain.shape == height.shape == sigma0.shape[1:]) or min(terrain.shape) < 2:
        raise InputError(
            f"terrain {terrain.shape}, height {height.shape} and backscatter {sigma0.shape} "
            "do not lie on one grid of 2 x 2 cells or more"
        )
    uy, ux = view.towards
    ground = terrain.astype(np.float64) - float(np.mean(terrain))
    surface = ground + height
    shadow = np.zeros(ground.shape, np.uint8)
    kernels.cast_shadow(surface, px, uy, ux, view.cot, shadow)
    down, along = np.gradient(ground, px)
    echo = sigma0 * np.sqrt(1 + down**2 + along**2)
    image = np.zeros(sigma0.shape)
    kernels.lay_out(surface, echo, shadow, px, uy, ux, view.cot, image)
    walls = facing_walls(height, px, view) * (shadow == 0)
    if walls.any():
        gain = np.asarray(bounce, float)[:, None, None]
        kernels.lay_bounces(surface, gain * walls, px, uy, ux, view.cot, image)
    power = np.empty(sigma0.shape)
    kernels.orthorectify(image, ground, px, uy, ux, view.cot, power)
    return Echo(power, shadow)


@cache
def _gamma_table(looks: float) -> tuple[np.ndarray, np.ndarray]:
    """Normal quantiles and what they become under a gamma law of mean 1 and variance 1/looks."""
    z = np.linspace(-6, 6, 2401)
    return z, gammaincinv(looks, ndtr(z)) * (1 / looks)


def speckle(
    shape: tuple[int, int], looks: float, sigma_px: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """Multiplicative speckle (y, x), mean 1 and variance 1/looks, of correlated pixels.

    Args:
        shape: (rows, columns).
        looks: equivalent number of looks.
        sigma_px: of the bell that correlates neighbours, pixels (rows, columns); 0 for none.
        rng: what draws it.
    """
    field = rng.normal(size=(shape[0] + 16, shape[1] + 16))
    field = ndimage.gaussian_filter(field, sigma_px)[8:-8, 8:-8] * _unit_gain(sigma_px)
    return np.asarray(np.interp(field, *_gamma_table(looks)))


def _unit_gain(sigma_px: tuple[float, float]) -> float:
    """What brings filtered white noise back to variance 1."""
    probe = np.zeros((65, 65))
    probe[32, 32] = 1.0
    return float(1 / np.sqrt((ndimage.gaussian_filter(probe, sigma_px) ** 2).sum()))


def detect(
    echo: np.ndarray, px: float, view: View, model: RadarModel, shot: RadarShot
) -> np.ndarray:
    """Make the decibels (pol, y, x), float32, that users of a GRD product have.

    The echo is blurred to the resolution and brought to pixels of the product, takes noise and
    speckle, loses the mean of the noise again (where that leaves less than -50 dB, -50 dB stay),
    and is brought to the map by bilinear interpolation.

    Args:
        echo: (pol, y, x) power on the map, linear.
        px: metres of its cells; the product's pixels are a whole number of them.
        view: of the radar.
        model: what it is.
        shot: its state.
    """
    k = round(model.gsd / px)
    if k < 1 or abs(model.gsd - k * px) > 1e-6 or min(echo.shape[1:]) < k:
        raise InputError(
            f"cells of {px:g} m do not divide pixels of {model.gsd:g} m: give {model.gsd:g} m "
            "divided by a whole number, and one pixel at least"
        )
    blurred = _resolved(echo, px, view, model)
    ny, nx = (n // k for n in echo.shape[1:])
    seen = blurred[:, : ny * k, : nx * k].reshape(len(echo), ny, k, nx, k).mean((2, 4))
    rng = np.random.default_rng([shot.seed, 51])
    sigma = tuple(s / np.sqrt(2) for s in _sigmas(model.gsd, view, model))
    out = np.empty((len(echo), ny, nx), np.float32)
    for p in range(len(echo)):
        noise = 10 ** (shot.noise_db[p] / 10)
        grain = speckle((ny, nx), model.enl, (sigma[0], sigma[1]), rng)
        power = np.maximum((seen[p] + noise) * grain - noise * (1 - shot.left[p]), _FLOOR)
        power = ndimage.shift(power, shot.phase, order=1, mode="nearest")
        out[p] = 10 * np.log10(power)
    return out


def _sigmas(px: float, view: View, model: RadarModel) -> tuple[float, float]:
    """Standard deviations (rows, columns) of the point response in cells of `px` metres.

    Axes of the response are those of range and azimuth; on the map its variances are taken along
    rows and columns, which leaves out that it is turned by some degrees.
    """
    along, across = (r / _FWHM / px for r in model.resolution)
    turn = np.radians(view.look)
    rows = np.hypot(along * np.cos(turn), across * np.sin(turn))
    columns = np.hypot(along * np.sin(turn), across * np.cos(turn))
    return float(rows), float(columns)


def _resolved(echo: np.ndarray, px: float, view: View, model: RadarModel) -> np.ndarray:
    """Blur (pol, y, x) to the resolution; a pixel's own width is taken off it."""
    own = (model.gsd / px) ** 2 / 12 - 1 / 12
    sigma = tuple(float(np.sqrt(max(s**2 - own, 0.0))) for s in _sigmas(px, view, model))
    return np.stack([ndimage.gaussian_filter(band, sigma, mode="nearest") for band in echo])
