"""Fourier domain adaptation: low frequencies get the target's amplitude and keep their phase.

FDA (Yang and Soatto 2020, CVPR, equation 3) replaces the amplitudes of an image at frequencies up
to β by those of a drawn target image: `form = "swap"`, in `swap_amplitude`. It is a function of a
whole image, and on a part of one it would give every part the same mean: it takes whole chips only.

`form = "gains"`, the default, serves images of any size. It multiplies low frequencies by the ratio
of the amplitude of a drawn target image to that of the source domain, as a kernel of finite reach,
and moves the mean of the whole image to the target's. It differs from FDA in that the amplitudes of
the source are those of its domain, so that an image keeps its own deviation from it; in that both
are means over squares of `side` pixels; and in that gains are smooth and bounded.

β = 0 changes nothing, in either form (in theirs the mean is swapped even then).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from geomage.adapt.baselines.bank import draw_row, refuse_large
from geomage.adapt.baselines.domain import Image, gather, measure_source
from geomage.adapt.baselines.spectra import (
    filled,
    filter_window,
    frequencies,
    measure_amplitudes,
    zero_phase_kernel,
)
from geomage.adapt.method import Fitting, Parts
from geomage.data.limits import refuse_outside
from geomage.data.translation import Figures, TranslatorCard, Window
from geomage.errors import InputError

__all__ = [
    "FORMS",
    "Fourier",
    "FourierParams",
    "Low",
    "build_fourier",
    "fit_fourier",
    "low_amplitudes",
    "swap_amplitude",
]

FORMS = ("gains", "swap")
_BOUND = 4.0  # of a gain and of its inverse
_SAME = 1e-4  # difference of means, of a whole image and its figures, reflectance
Low = Float[np.ndarray, "band ky kx"]
"""Amplitudes of the harmonics -b..b (rows, in this order) and 0..b (columns)."""


@dataclass(frozen=True)
class FourierParams:
    """Fourier domain adaptation."""

    beta: float = 0.05
    """β: greatest frequency along either axis that is adapted, cycles per pixel; 0.01 to 0.09."""
    form: str = "gains"
    """`gains` for images of any size, `swap` for FDA as published, on whole chips."""
    side: int = 128
    """Of the squares amplitudes are measured in, pixels, even; twice the reach of the gains."""
    images: int = 32
    """Chips of either domain that are measured."""

    def __post_init__(self) -> None:
        limits = {"beta": (0.0, 0.5), "side": (8, 1024), "images": (1, 1024)}
        refuse_outside("adapt, fourier", vars(self), limits)
        if self.form not in FORMS:
            raise InputError(f"adapt, fourier: form = {self.form!r} is none of {', '.join(FORMS)}")
        if self.side % 2:
            raise InputError(f"adapt, fourier: side = {self.side} must be even")


# ------------------------------------------------------------------------------ whole chips


def low_amplitudes(pixels: Float[np.ndarray, "band y x"], harmonics: int) -> Low:
    """Amplitudes of the lowest harmonics of an image, over its pixels, so that size is no matter.

    The share of a band's mean stands at harmonic 0, row `harmonics` and column 0.
    """
    spectrum = np.abs(np.fft.rfft2(pixels)) / pixels[0].size
    return np.asarray(spectrum[:, _rows(harmonics), : harmonics + 1])


def swap_amplitude(
    pixels: Float[np.ndarray, "band y x"], low: Low
) -> Float[np.ndarray, "band y x"]:
    """FDA: the amplitudes of the lowest harmonics replaced, all phases kept."""
    b = low.shape[-1] - 1
    spectrum = np.fft.rfft2(pixels)
    part = spectrum[:, _rows(b), : b + 1]
    spectrum[:, _rows(b), : b + 1] = low * pixels[0].size * np.exp(1j * np.angle(part))
    return np.asarray(np.fft.irfft2(spectrum, pixels.shape[1:]))


def _rows(harmonics: int) -> np.ndarray:
    """Rows of a spectrum that hold the harmonics -b..b."""
    return np.arange(-harmonics, harmonics + 1)


def _harmonics(beta: float, shape: Sequence[int]) -> int:
    """Harmonics of an image, b: FDA's floor(β min(y, x)), and such that -b and b are two rows."""
    return min(int(beta * min(shape)), (min(shape) - 1) // 2)


def _fitted(low: Low, harmonics: int) -> Low:
    """The lowest of the harmonics that are kept."""
    kept = low.shape[-1] - 1
    b = min(harmonics, kept)
    return low[:, kept - b : kept + b + 1, : b + 1]


# ------------------------------------------------------------------------------ any size


def _gains(source: np.ndarray, target: np.ndarray, beta: float) -> np.ndarray:
    """Gains (band, side, side // 2 + 1) to a target image: 1 beyond β, bounded below it."""
    whole = np.clip(target / np.maximum(source, 1e-12), 1 / _BOUND, _BOUND)
    fy, fx = frequencies(whole.shape[-2])
    gains = np.where(np.maximum(np.abs(fy), fx) <= beta, whole, 1.0)
    # squares say nothing of their mean: it goes with the longest waves
    gains[:, 0, 0] = gains[:, [0, 1, -1], [1, 0, 0]].mean(axis=1)
    return np.asarray(gains)


# ------------------------------------------------------------------------------ the method


@dataclass(frozen=True)
class Fourier:
    """`Translator` by amplitudes of low frequencies."""

    card: TranslatorCard
    params: FourierParams
    low: Float[np.ndarray, "image band ky kx"]
    """Gains or amplitudes of the harmonics of each target image."""
    mean: Float[np.ndarray, "image band"]

    def translate(
        self, window: Window, figures: Figures, style: int
    ) -> Float[np.ndarray, "made y x"]:
        """Give the window the low frequencies of a drawn target image."""
        if self.params.beta == 0:
            return np.where(window.valid, window.pixels, 0).astype(np.float32)
        row = draw_row(style, len(self.mean))
        make = self._swapped if self.params.form == "swap" else self._filtered
        return np.where(window.valid, make(window, figures, row), 0).astype(np.float32)

    def _filtered(self, window: Window, figures: Figures, row: int) -> np.ndarray:
        side, low = self.params.side, self.low[row]
        gains = np.ones((len(low), side, side // 2 + 1))
        b = low.shape[-1] - 1
        gains[:, _rows(b), : b + 1] = low
        centred = filled(window.pixels, window, figures.mean)
        filtered = filter_window(centred, zero_phase_kernel(gains))
        return np.asarray(filtered + self.mean[row][:, None, None])

    def _swapped(self, window: Window, figures: Figures, row: int) -> np.ndarray:
        mean = window.pixels[:, window.valid].mean(axis=1, dtype=float)
        if np.abs(mean - figures.mean).max() > _SAME:
            raise InputError(
                "fourier, form = 'swap', takes whole images, and this is a part of one: "
                "choose form = 'gains'"
            )
        low = _fitted(self.low[row], _harmonics(self.params.beta, window.valid.shape))
        level = figures.mean[:, None, None]
        return swap_amplitude(filled(window.pixels, window, figures.mean) + level, low)


class _Measured(NamedTuple):
    amplitudes: np.ndarray
    mean: np.ndarray
    """Of each band."""


def fit_fourier(params: FourierParams, fitting: Fitting) -> Parts:
    """Measure amplitudes of target images, and of the source where gains are asked for."""
    gains = params.form == "gains"
    gathered = gather(fitting, params.images, partial(_measure, params=params))
    mean = np.stack([mean for _, mean in gathered.found])
    target = [amplitudes for amplitudes, _ in gathered.found]
    low = _low_gains(target, params, fitting) if gains else _low_swaps(target)
    reach = params.side // 2 - 1 if gains else 0
    tables = {"low": low, "mean": mean}
    refuse_large(tables)
    card = replace(gathered.card("fourier", reach), whole=not gains)
    return Parts(card, tables, {}, asdict(params))


def _measure(image: Image, params: FourierParams) -> _Measured:
    mean = image.pixels[:, image.valid].mean(axis=1, dtype=float)
    if params.form == "gains":
        return _Measured(measure_amplitudes(image, params.side), mean)
    whole = filled(image.pixels, image, mean) + mean[:, None, None]
    return _Measured(low_amplitudes(whole, _harmonics(params.beta, image.valid.shape)), mean)


def _low_gains(target: list[np.ndarray], params: FourierParams, fitting: Fitting) -> np.ndarray:
    b = _harmonics(params.beta, (params.side,))
    source = measure_source(fitting, params.images, partial(_measure, params=params))
    domain = np.sqrt(np.mean([one.amplitudes**2 for one in source], axis=0))
    gains = [_gains(domain, one, params.beta) for one in target]
    return np.stack(gains)[:, :, _rows(b), : b + 1].astype(np.float32)


def _low_swaps(target: list[np.ndarray]) -> np.ndarray:
    b = min(low.shape[-1] - 1 for low in target)
    return np.stack([_fitted(low, b) for low in target]).astype(np.float32)


def build_fourier(parts: Parts) -> Fourier:
    """From what was measured."""
    low, mean = (np.asarray(parts.tables[name], float) for name in ("low", "mean"))
    return Fourier(parts.card, FourierParams(**parts.numbers), low, mean)
