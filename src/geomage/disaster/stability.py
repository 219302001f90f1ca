"""Whether a slope stands: the infinite slope, wet by rain or moved by shaking.

Wetness is that of steady flow along the slope (Montgomery and Dietrich 1994, Water Resour. Res. 30,
1153-1171):

    FS = c / (gamma t sin a) + (1 - m gamma_w / gamma) tan phi / tan a,
    m  = min(1, q A / (b T sin a)),

t being the depth of soil across the slope (the form of Jibson et al. 2000, Eng. Geol. 58, 271-289,
eq. 1). Shaking moves soil by the displacement of Jibson (2007), and slides break out with the
chance that Jibson et al. (2000) found at Northridge.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from geomage.errors import InputError

__all__ = [
    "SMOOTH_M",
    "displacement_cm",
    "failure_chance",
    "peak_acceleration",
    "reach_tangent",
    "safety_factor",
    "slope_of",
    "wetness",
]

SMOOTH_M = 6.0
"""Over which the slope of a slide is taken, metres (ours)."""
_WATER_N, _SOIL_N = 9_810.0, 18_000.0  # N/m3, unit weights; the soil's is ours


def safety_factor(
    slope: np.ndarray, m: np.ndarray, soil_m: float, cohesion_pa: np.ndarray,
    friction: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Factor of safety (n,) of the infinite slope; infinite on level ground.

    Args:
        slope: radians.
        m: share of the soil's depth under water, 0..1.
        soil_m: depth of soil across the slope, metres.
        cohesion_pa: Pa.
        friction: tangent of the angle of internal friction.
    """
    sin = np.maximum(np.sin(slope), 1e-9)
    held = cohesion_pa / (_SOIL_N * soil_m * sin)
    rubbed = (1 - m * _WATER_N / _SOIL_N) * friction / np.maximum(np.tan(slope), 1e-9)
    return np.asarray(np.where(slope > 1e-6, held + rubbed, np.inf))


def wetness(area_m: np.ndarray, slope: np.ndarray, rain_mm: float, t_m2: float) -> np.ndarray:
    """Share m of the soil under water, from the area drained per width of contour, metres."""
    flow = rain_mm / 1000 * area_m / (t_m2 * np.maximum(np.sin(slope), 1e-3))
    return np.asarray(np.minimum(flow, 1.0))


def displacement_cm(critical_g: np.ndarray, pga_g: float) -> np.ndarray:
    """Newmark displacement in cm, Jibson (2007), Eng. Geol. 91, 209-218, eq. 6.

    log D = 0.215 + log((1 - a_c / a_max)^2.341 (a_c / a_max)^-1.438); 0 where a_c >= a_max.
    """
    if pga_g <= 0:
        return np.zeros(np.shape(critical_g))
    ratio = np.maximum(np.minimum(critical_g, pga_g) / pga_g, 1e-3)
    return np.asarray(10**0.215 * (1 - ratio) ** 2.341 * ratio**-1.438)


def failure_chance(moved_cm: np.ndarray) -> np.ndarray:
    """Chance that a slope fails, P = 0.335 (1 - exp(-0.048 D^1.565)) (Jibson et al. 2000)."""
    return np.asarray(0.335 * -np.expm1(-0.048 * np.maximum(moved_cm, 0.0) ** 1.565))


def peak_acceleration(magnitude: float, distance_m: float) -> float:
    """Peak ground acceleration on rock in g (Ambraseys, Simpson and Bommer 1996).

    log a = -1.48 + 0.266 M - 0.922 log sqrt(d^2 + 3.5^2), d in km to what lies over the fault, M of
    surface waves; fitted to 4.0 to 7.5 within 200 km, extrapolated beyond.
    """
    if not 4 <= magnitude <= 9:
        raise InputError(f"magnitude {magnitude:g} is outside 4..9: choose one within")
    if not 0 <= distance_m <= 1e7:
        raise InputError(f"distance {distance_m:g} m is outside 0..1e7 m: choose one within")
    r = float(np.hypot(distance_m / 1000, 3.5))
    return float(10 ** (-1.48 + 0.266 * magnitude - 0.922 * np.log10(r)))


def reach_tangent(volume_m3: np.ndarray) -> np.ndarray:
    """Tangent H/L of the angle of reach by volume, log(H / L) = -0.085 log V - 0.047.

    After Corominas (1996), Can. Geotech. J. 33, 260-271, all landslides; the coefficients could not
    be checked against the paper.
    """
    return np.asarray(10 ** (-0.047 - 0.085 * np.log10(np.maximum(volume_m3, 1.0))))


def slope_of(z: np.ndarray, gsd: float) -> np.ndarray:
    """Slope (y, x) in radians of a terrain, smoothed over 6 m, as wide as the slides it carries."""
    smooth = ndimage.gaussian_filter(z, SMOOTH_M / 2 / gsd, mode="nearest")
    south, east = np.gradient(smooth, gsd)
    return np.asarray(np.arctan(np.hypot(south, east)))
