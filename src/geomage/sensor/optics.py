"""From the fine grid to samples: the blur that gives a band its MTF, sampling, sharpening."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from geomage.sensor import _kernels
from geomage.sensor.framing import Framing
from geomage.sensor.models import Optics, SensorModel

__all__ = ["add_noise", "blurred", "brought_back", "exposed", "sharpened"]

_SHARPEST = 0.8  # sigma in fine pixels, below which a sampled Gaussian is none
_DARK = 1 / 15  # of the reference: below this, noise is the detector's own and falls no further


def exposed(image: np.ndarray, framing: Framing, optics: Optics, gsd: float) -> np.ndarray:
    """Take bands (band, y, x) of the fine grid at `framing` through one set of optics.

    gsd: of the product to which `framing` belongs, metres: it scales the optics' own.
    """
    sigma = _sigma_for(optics.mtf, framing.ratio * optics.gsd / gsd)
    if sigma >= _SHARPEST:
        return blurred(image, framing, sigma, 4.0)
    nyquist = framing.ratio * optics.gsd / gsd
    rows, columns = framing.places
    each = _sigma_for(optics.mtf, nyquist, rows), _sigma_for(optics.mtf, nyquist, columns)
    return _interpolated(image, framing, each, 4.0)


def blurred(image: np.ndarray, framing: Framing, sigma: float, reach: float) -> np.ndarray:
    """Sample bands (band, y, x) through a Gaussian of `sigma` fine pixels cut at `reach` sigma."""
    if sigma < _SHARPEST:
        return _interpolated(image, framing, (sigma, sigma), reach)
    out = np.empty((len(image), framing.rows, framing.columns), np.float32)
    rows, columns = framing.places
    for band, seen in zip(image, out, strict=True):
        _kernels.gather(band, rows, columns, (sigma, sigma), (reach * sigma, reach * sigma), seen)
    return out


def _interpolated(
    image: np.ndarray, framing: Framing, sigma: tuple[float, float], reach: float
) -> np.ndarray:
    """Blur by a narrow Gaussian, `sigma` (rows, columns) in fine pixels, and interpolate."""
    fine = np.empty(image.shape[1:], np.float32)
    out = np.empty((len(image), framing.rows, framing.columns), np.float32)
    for b, band in enumerate(image):
        ndimage.gaussian_filter(band, sigma, output=fine, truncate=reach)
        _kernels.resample(fine[None], framing.row0, framing.col0, framing.ratio, out[b : b + 1])
    return out


def _sigma_for(mtf_nyquist: float, ratio: float, at: np.ndarray | None = None) -> float:
    """Blur, in fine pixels, that makes samples `ratio` apart pass `mtf_nyquist`.

    MTF(f) = exp(-2 pi^2 sigma^2 f^2) B(f) at f = 1 / (2 ratio) cycles a fine pixel. B is 1, or that
    of bilinear interpolation at the places `at` (n,): B = |1 - t + t exp(2 pi i f)| at the
    sub-pixel phases t.
    """
    b, f = 1.0, 0.5 / ratio
    if at is not None:
        t = at - np.floor(at)
        b = float(np.mean(np.abs(1 - t + t * np.exp(2j * np.pi * f))))
    if mtf_nyquist >= b:  # the fine grid is too coarse to be any sharper
        return 0.0
    return float(np.sqrt(-2 * np.log(mtf_nyquist / b)) * ratio / np.pi)


def add_noise(
    image: np.ndarray, optics: Sequence[Optics], rng: np.random.Generator, common: float = 0.0
) -> np.ndarray:
    """Add noise to bands (band, y, x): photons, so that it grows as the root of light.

    sigma = (at / snr) sqrt(rho / at), and no less than at rho = at / 15. `common`, 0..1, is the
    share of the variance that all bands have alike, and so the correlation of any two of them: the
    noise of a panchromatic band that sharpened them.
    """
    at = np.array([o.at for o in optics], np.float32)[:, None, None]
    snr = np.array([o.snr for o in optics], np.float32)[:, None, None]
    sigma = at / snr * np.sqrt(np.clip(image / at, _DARK, None))
    noise = rng.standard_normal(image.shape, np.float32)
    if common > 0:
        shared = rng.standard_normal((1, *image.shape[1:]), np.float32)
        noise = np.float32(np.sqrt(1 - common)) * noise + np.float32(np.sqrt(common)) * shared
    return np.asarray(image + noise * sigma, np.float32)


def brought_back(samples: np.ndarray, times: float, own: Framing, onto: Framing) -> np.ndarray:
    """Bring coarse samples onto the product's grid: repeated where it divides theirs.

    Repetition keeps every sample as it was taken, as the products' own grids nest in each other.
    """
    whole = round(times)
    if abs(times - whole) > 1e-6:
        return own.sampled(samples, onto)
    if whole == 1:
        return samples
    wide = np.repeat(np.repeat(samples, whole, 1), whole, 2)
    return np.ascontiguousarray(wide[:, : onto.rows, : onto.columns])


def sharpened(colour: np.ndarray, pan: np.ndarray, model: SensorModel) -> np.ndarray:
    """Lend the panchromatic band's detail to colours (band, y, x) already on its grid.

    Brovey with weights (Gillespie et al. 1987): rho_b pan / sum(w rho). Colour stays as coarse as
    it was taken, so that it bleeds over edges.
    """
    assert model.sharpening is not None
    weights = np.array(model.sharpening.weights, np.float32)
    dull = np.tensordot(weights, colour, 1)
    return np.asarray(colour * (pan / np.maximum(dull, 1e-3)), np.float32)
