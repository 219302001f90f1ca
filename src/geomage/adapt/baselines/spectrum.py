"""Colour and sharpness matching: what a sensor's colours, MTF and noise do to the mean spectrum.

Ours, of known parts: colours by `colour` (Monge-Kantorovich), then a small kernel of each band
whose response is the ratio of radial amplitude spectra, target over source in the target's colours,
each averaged over its domain. Nothing is drawn but the colours: MTF and noise are of a sensor,
amplitudes of one image are of what stands in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from geomage.adapt.baselines.bank import Weighed, kept_figures, pool_figures, refuse_match, weigh
from geomage.adapt.baselines.colour import ColourBank, Colours, match_colours
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

__all__ = ["Spectral", "SpectrumParams", "build_spectrum", "fit_spectrum", "radial_mean"]

_MAP = "monge-kantorovich"


@dataclass(frozen=True)
class SpectrumParams:
    """Colours and sharpness."""

    side: int = 32
    """Of the squares spectra are measured in, pixels, even; twice the reach of the kernel."""
    bound: float = 2.0
    """Largest gain, and largest loss, of a frequency."""
    match: str = "image"
    """Whose colours, of `bank.MATCHES`: of one target image, or of all images of a site (a
    [[target]] of the recipe) as one, either drawn by style; or of the whole target domain."""
    images: int = 64
    """Chips of either domain that are measured."""

    def __post_init__(self) -> None:
        refuse_match("spectrum", self.match)
        limits = {"side": (4, 256), "bound": (1.0, 100.0), "images": (1, 4096)}
        refuse_outside("adapt, spectrum", vars(self), limits)
        if self.side % 2:
            raise InputError(f"adapt, spectrum: side = {self.side} must be even")


def radial_mean(
    amplitudes: Float[np.ndarray, "band ky kx"],
) -> Float[np.ndarray, "band ky kx"]:
    """The same spectrum in every direction: root mean square over rings one harmonic wide."""
    side = amplitudes.shape[-2]
    fy, fx = frequencies(side)
    ring = np.rint(np.hypot(fy, fx) * side).astype(int)
    twice = _counted(side).ravel()
    power = [np.bincount(ring.ravel(), twice * band.ravel() ** 2) for band in amplitudes]
    return np.asarray(np.sqrt(np.stack(power) / np.bincount(ring.ravel(), twice))[:, ring])


class _Measured(NamedTuple):
    weighed: Weighed
    amplitudes: np.ndarray


@dataclass(frozen=True)
class Spectral:
    """`Translator` by colours and a kernel."""

    card: TranslatorCard
    bank: ColourBank
    kernels: Float[np.ndarray, "band v u"]

    def translate(
        self, window: Window, figures: Figures, style: int
    ) -> Float[np.ndarray, "made y x"]:
        """Match colours, then sharpness, about the mean of the whole image."""
        target = self.bank.draw(style)
        moved = match_colours(window.pixels, figures, target, _MAP)
        centred = filled(moved, window, target.mean)
        sharp = filter_window(centred, self.kernels) + target.mean[:, None, None]
        return np.where(window.valid, sharp, 0).astype(np.float32)


def fit_spectrum(params: SpectrumParams, fitting: Fitting) -> Parts:
    """Measure both domains, the source in the target's colours."""
    gathered = gather(
        fitting, params.images, partial(_measure, side=params.side), by_site=params.match == "site"
    )
    colours = [one.weighed for one in gathered.found]
    pooled = pool_figures(colours)
    whole = Colours(pooled.mean, pooled.covariance)
    recoloured = partial(_recoloured, whole=whole, side=params.side)
    source = _domain(measure_source(fitting, params.images, recoloured))
    gains = _gains(source, _domain([one.amplitudes for one in gathered.found]), params.bound)
    tables = ColourBank.of_figures(kept_figures(colours, gathered.sites, params.match)).tables()
    tables |= {"kernels": zero_phase_kernel(gains)}
    return Parts(gathered.card("spectrum", params.side // 2 - 1), tables, {}, asdict(params))


def _measure(image: Image, side: int) -> _Measured:
    return _Measured(weigh(image), measure_amplitudes(image, side))


def _recoloured(image: Image, whole: Colours, side: int) -> np.ndarray:
    moved = match_colours(image.pixels, weigh(image).figures, whole, _MAP).astype(np.float32)
    return measure_amplitudes(image._replace(pixels=moved), side)


def _domain(amplitudes: Sequence[np.ndarray]) -> np.ndarray:
    return radial_mean(np.sqrt(np.mean(np.square(amplitudes), axis=0)))


def _gains(source: np.ndarray, target: np.ndarray, bound: float) -> np.ndarray:
    """Gains to the target's shape; the power of the source stays, for colours have settled it."""
    ratio = _even(target / np.maximum(source, 1e-12), source)
    gains = _even(np.clip(ratio, 1 / bound, bound), source)
    gains[:, 0, 0] = 1.0  # of the mean, of which squares say nothing
    return gains


def _even(gains: np.ndarray, source: np.ndarray) -> np.ndarray:
    twice = _counted(gains.shape[-2])
    before, after = ((twice * a**2).sum((1, 2), keepdims=True) for a in (source, gains * source))
    return np.asarray(gains * np.sqrt(before / np.maximum(after, 1e-12)))


def _counted(side: int) -> np.ndarray:
    """How often a place of the half spectrum stands in the whole."""
    fx = frequencies(side)[1]
    return np.broadcast_to(np.where((fx == 0) | (fx == 0.5), 1.0, 2.0), (side, side // 2 + 1))


def build_spectrum(parts: Parts) -> Spectral:
    """From the bank and the kernels."""
    return Spectral(
        parts.card, ColourBank.of_tables(parts.tables), np.asarray(parts.tables["kernels"], float)
    )
