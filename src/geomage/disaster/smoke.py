"""Smoke over a town: plumes of what still burns when the picture is taken, seen from above."""

from __future__ import annotations

import numpy as np
import scipy.fft

from geomage.disaster.fuel import FireParams

__all__ = ["plume", "smoke_field"]

_FADES_S = (1800.0, 6 * 3600.0)  # of burnt ground and of a burnt house, e-folding; ours
_STRENGTH = (0.02, 1.0)  # m2/s of opaque smoke from each m2 of them; ours
_LENGTH_M = 900.0


def smoke_field(age: np.ndarray, houses: np.ndarray, gsd: float, params: FireParams) -> np.ndarray:
    """Opacity (y, x) 0..1 of the smoke between ground and sky: 1 - exp(-column).

    Args:
        age: (y, x) seconds since each cell caught fire; -inf where it never did.
        houses: (y, x) which cells hold a building.
        gsd: metres.
        params: the wind.
    """
    fades = np.where(houses, _FADES_S[1], _FADES_S[0])
    strength = np.where(houses, _STRENGTH[1], _STRENGTH[0])
    on = np.isfinite(age) & (age >= 0)
    source = np.where(on, strength * np.exp(-np.where(on, age, 0) / fades), 0.0) * gsd**2
    column = _spread(source, plume(params.downwind, params.wind_speed, gsd))
    return np.asarray(1 - np.exp(-np.maximum(column, 0.0)))


def _spread(source: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolution (y, x) of two fields, the part in the middle that has the size of the first.

    As `scipy.signal.fftconvolve` does; that module takes a second to import.
    """
    whole = [n + k - 1 for n, k in zip(source.shape, kernel.shape, strict=True)]
    padded = [scipy.fft.next_fast_len(n, real=True) for n in whole]
    product = scipy.fft.rfft2(source, padded) * scipy.fft.rfft2(kernel, padded)
    rows, columns = (
        slice((k - 1) // 2, (k - 1) // 2 + n)
        for n, k in zip(source.shape, kernel.shape, strict=True)
    )
    return np.asarray(scipy.fft.irfft2(product, padded)[rows, columns])


def plume(downwind: tuple[float, float], speed: float, gsd: float) -> np.ndarray:
    """Column (y, x) downwind of one source in the middle: Q / (sqrt(2 pi) U s) exp(-y^2 / 2 s^2).

    s = 4 + .08 x / sqrt(1 + .0001 x), m, in neutral air over open country (Briggs 1973), from a
    source 4 m across. In winds under 1 m/s it drifts as at 1 m/s.
    """
    half = int(_LENGTH_M / gsd)
    east, south = np.meshgrid(np.arange(-half, half + 1) * gsd, np.arange(-half, half + 1) * gsd)
    x = east * downwind[0] - south * downwind[1]
    y = east * downwind[1] + south * downwind[0]
    ahead = np.maximum(x, 0.0)
    s = 4 + 0.08 * ahead / np.sqrt(1 + 1e-4 * ahead)
    column = np.exp(-(y**2) / (2 * s**2)) / (np.sqrt(2 * np.pi) * max(speed, 1.0) * s)
    return np.asarray(column * (x >= 0) * np.exp(-ahead / (_LENGTH_M / 3)))
