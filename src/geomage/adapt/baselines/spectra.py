"""Amplitude spectra of images, and filters made of them that keep phase.

A filter is a kernel of finite reach laid over every pixel alike, so that windows with a halo of its
reach join without seams.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.signal import oaconvolve
from scipy.signal.windows import hann

from geomage.adapt.baselines.domain import Image
from geomage.data.translation import Window
from geomage.errors import InputError

__all__ = ["filled", "filter_window", "frequencies", "measure_amplitudes", "zero_phase_kernel"]

Spectrum = Float[np.ndarray, "band ky kx"]
_BLOCKS = 8  # a side of an image, at most


def filled(
    pixels: Float[np.ndarray, "band y x"], window: Window | Image, level: np.ndarray
) -> Float[np.ndarray, "band y x"]:
    """Pixels less a level of each band; 0 where not valid."""
    return np.asarray(np.where(window.valid, pixels - level[:, None, None], 0.0), float)


def frequencies(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each row and column of the half spectrum of a square: cycles per pixel."""
    return np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]


def measure_amplitudes(image: Image, side: int) -> Spectrum:
    """Root mean square amplitude (band, side, side // 2 + 1) over overlapping squares (Welch 1967).

    Squares lie half a side apart, each less its own mean under a Hann window; where an image has
    more than 8 a side, evenly spread ones are taken. What is not valid has the image's mean.

    Raises:
        InputError: the image is smaller than a square.
    """
    if min(image.valid.shape) < side:
        raise InputError(
            f"an image of {image.valid.shape} px cannot be measured in squares of side = {side}: "
            "choose a smaller side"
        )
    mean = image.pixels[:, image.valid].mean(axis=1, dtype=float)
    whole = filled(image.pixels, image, mean)
    views = np.lib.stride_tricks.sliding_window_view(whole, (side, side), (1, 2))
    rows, columns = (_places(n, side) for n in whole.shape[1:])
    blocks = views[:, rows][:, :, columns]
    taper = np.outer(hann(side, sym=False), hann(side, sym=False))
    level = (blocks * taper).sum((-2, -1), keepdims=True) / taper.sum()
    spectra = np.fft.rfft2((blocks - level) * taper / np.sqrt((taper**2).sum()))
    return np.asarray(np.sqrt((np.abs(spectra) ** 2).mean(axis=(1, 2))))


def _places(length: int, side: int) -> np.ndarray:
    """Where squares begin along a side."""
    count = min(_BLOCKS, 1 + 2 * (length - side) // side)
    return np.linspace(0, length - side, count).astype(int)


def zero_phase_kernel(gains: Spectrum) -> Float[np.ndarray, "band v u"]:
    """Kernels (band, side - 1, side - 1) whose response is near the gains, real and above 0.

    The inverse transform of the gains times 1 - |v| / (side / 2) along either axis: the response is
    the gains smoothed by Fejér's kernel, which is nowhere below 0, so phase is kept exactly. Gains
    of 1 give back the image.

    Args:
        gains: above 0, the same at k and -k, over `frequencies(side)`.
    """
    side = gains.shape[-2]
    kernels = np.fft.fftshift(np.fft.irfft2(gains, (side, side)), (-2, -1))[..., 1:, 1:]
    tent = 1 - np.abs(np.arange(1 - side // 2, side // 2)) / (side / 2)
    return np.asarray(kernels * np.outer(tent, tent))


def filter_window(
    centred: Float[np.ndarray, "band y x"], kernels: Float[np.ndarray, "band v u"]
) -> Float[np.ndarray, "band y x"]:
    """Lay a kernel over each band; beyond the edge lies the mirror image."""
    reach = kernels.shape[-1] // 2
    wide = np.pad(centred, [(0, 0), (reach, reach), (reach, reach)], "symmetric")
    return np.asarray(oaconvolve(wide, kernels, "valid", axes=(1, 2)))
