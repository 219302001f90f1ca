"""Daylight by wavelength, and the matter of walls and smoke: what light needs beside the stage."""

from __future__ import annotations

import numpy as np

from geomage.sensor import Band

__all__ = ["facade_tones", "glass_tones", "smoke_opacity", "smoke_tones", "sun_share"]

_TURBIDITY = 0.08  # aerosol optical depth at 1 um, of clear air; with it red, green, blue get
_ANGSTROM = 1.14  # .84, .80, .74 of their light from a sun 50 degrees high
_ALBEDO_400, _ALBEDO_FALL = 0.945, 0.095  # single scattering albedo of rural aerosol
_LN = float(np.log(1 - 0.65))  # asymmetry factor of rural aerosol
_SMOKE_ANGSTROM = 1.6
_NODES_NM = (400.0, 475.0, 555.0, 650.0, 800.0, 1000.0, 1600.0, 2200.0, 2500.0)
_FACADES = (  # relative to the mean of red, green and blue; shapes after published spectra, ours
    (0.94, 0.98, 1.00, 1.02, 1.03, 1.04, 1.05, 0.90, 0.80),  # white plaster
    (0.78, 0.90, 1.01, 1.09, 1.14, 1.17, 1.20, 1.02, 0.90),  # tinted plaster
    (0.55, 0.68, 0.88, 1.44, 1.60, 1.68, 1.85, 1.70, 1.55),  # brick
    (0.88, 0.95, 1.01, 1.04, 1.06, 1.08, 1.12, 1.00, 0.90),  # concrete
)


def _micrometres(bands: tuple[Band, ...]) -> np.ndarray:
    return np.array([band.centre_nm for band in bands]) / 1000


def sun_share(bands: tuple[Band, ...], elevation: float, veil: float = 0.0) -> np.ndarray:
    """Share (band,) of the light on a level plane that comes straight from the sun.

    Direct E_d = T_r T_a; from the sky E_s = (1 - T_r^.95) T_aa / 2 + T_r^1.5 T_aa (1 - T_as) F,
    all times the same sun and the same absorbing gases, which part out: Bird and Riordan (1986),
    equations 3-5 to 3-7, with their rural aerosol and without light from the ground.
    T_r: Rayleigh transmission for the optical depth of Hansen and Travis (1974), equation 2.30.

    Args:
        bands: taken at their centres.
        elevation: of the sun, degrees; below 5 taken as 5.
        veil: share of the direct sun that high cloud turns into sky light; 0 in a clear sky.
    """
    um = _micrometres(bands)
    sine = float(np.sin(np.radians(max(elevation, 5.0))))
    mass = 1 / sine
    rayleigh = 0.008569 * um**-4 * (1 + 0.0113 * um**-2 + 0.00013 * um**-4)
    aerosol = _TURBIDITY * um**-_ANGSTROM
    scatters = _ALBEDO_400 * np.exp(-_ALBEDO_FALL * np.log(um / 0.4) ** 2)
    t_r, t_a = np.exp(-mass * rayleigh), np.exp(-mass * aerosol)
    t_as, t_aa = np.exp(-mass * scatters * aerosol), np.exp(-mass * (1 - scatters) * aerosol)
    a = _LN * (1.459 + _LN * (0.1595 + _LN * 0.4129))
    b = _LN * (0.0783 + _LN * (-0.3824 - _LN * 0.5874))
    forward = 1 - 0.5 * np.exp((a + b * sine) * sine)
    sky = 0.5 * (1 - t_r**0.95) * t_aa + t_r**1.5 * t_aa * (1 - t_as) * forward
    direct = t_r * t_a
    return np.asarray((1 - veil) * direct / (direct + sky), np.float32)


def facade_tones(bands: tuple[Band, ...]) -> np.ndarray:
    """Reflectance (kind, band) of plasters, brick and concrete, relative to a wall's brightness."""
    nm = 1000 * _micrometres(bands)
    return np.array([np.interp(nm, _NODES_NM, shape) for shape in _FACADES], np.float32)


def glass_tones(bands: tuple[Band, ...]) -> np.ndarray:
    """Reflectance (band,) of windows, which mirror the sky, relative to that at 555 nm (ours)."""
    return np.asarray((_micrometres(bands) / 0.555) ** -0.75, np.float32)


def smoke_tones(bands: tuple[Band, ...]) -> np.ndarray:
    """Reflectance (band,) of a plume that nothing is seen through (ours)."""
    return np.asarray(0.41 * (_micrometres(bands) / 0.555) ** 0.15, np.float32).clip(0, 0.5)


def smoke_opacity(opacity: np.ndarray, band: Band) -> np.ndarray:
    """Opacity (y, x) of smoke in a band, from that in the visible: 1 - (1 - o)^(t / t_555).

    The optical depth t goes with the wavelength to the power -1.6, as of aged smoke of burning
    plants (Eck et al. 1999 give 1.2 to 2.1): what burns is seen through smoke in the SWIR.
    """
    depth = (band.centre_nm / 555.0) ** -_SMOKE_ANGSTROM
    return np.asarray(1 - (1 - np.clip(opacity, 0, 0.999)) ** depth, np.float32)
