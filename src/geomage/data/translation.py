"""What it takes to show an image of one domain as another domain would: the contract of `adapt`.

A translator is a function of a window, of figures of the whole image it is cut from, and of a
style, so that an image of any size is translated window by window without seams. Nothing here
needs torch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, UInt8

from geomage.data.chip import Channel, Chip, ChipSource
from geomage.errors import InputError

__all__ = [
    "QUANTILES",
    "Figures",
    "TranslatedChips",
    "Translator",
    "TranslatorCard",
    "Window",
    "measure_figures",
    "translate_chip",
]

QUANTILES = 257
"""Quantiles of a band that `Figures` keep, from the least value to the greatest."""


@dataclass(frozen=True)
class Window:
    """A part of an image of one date.

    pixels: (band, y, x), as `Chip` has them; 0 where not valid.
    valid: pixels that hold data.
    gsd_m: metres.
    row, column: of its upper left pixel in the image; noise is drawn by place, never by window.
    labels: class of each pixel, `UNKNOWN` where nobody knows; None where there are none.
    """

    pixels: Float[np.ndarray, "band y x"]
    valid: Bool[np.ndarray, "y x"]
    gsd_m: float
    row: int = 0
    column: int = 0
    labels: UInt8[np.ndarray, "y x"] | None = None


@dataclass(frozen=True)
class Figures:
    """Figures of the valid pixels of a whole image, or of a domain.

    quantiles: of each band, at `QUANTILES` even shares from 0 to 1.
    mean: of each band.
    covariance: of the bands.
    """

    quantiles: Float[np.ndarray, "band share"]
    mean: Float[np.ndarray, " band"]
    covariance: Float[np.ndarray, "band band"]


@dataclass(frozen=True)
class TranslatorCard:
    """What a translator is, and what it can be given.

    method: a name of `geomage.adapt.METHODS`.
    channels: bands it takes, in order.
    made: bands it gives, in order; `channels` where domains have the same.
    gsd_m: least and greatest GSD it has learnt, metres.
    halo_px: how far beyond a pixel its answer looks; 0 for a function of the pixel.
    stride_px: rows and columns of windows are multiples of it.
    classes: of the label map that it is told, where it is told one; else empty.
    version: of geomage that made it.
    """

    name: str
    method: str
    channels: tuple[Channel, ...]
    made: tuple[Channel, ...]
    gsd_m: tuple[float, float]
    halo_px: int = 0
    stride_px: int = 1
    classes: tuple[str, ...] = ()
    version: str = ""


@runtime_checkable
class Translator(Protocol):
    """Source -> target."""

    @property
    def card(self) -> TranslatorCard:
        """What it is."""

    def translate(
        self, window: Window, figures: Figures, style: int
    ) -> Float[np.ndarray, "made y x"]:
        """Show a window as the target domain would: float32, 0 where not valid.

        Args:
            window: of the source domain; at its edges the answer lacks the halo.
            figures: of the image the window is cut from.
            style: seed of all that is drawn; both dates of a pair are given the same.
        """


def measure_figures(
    pixels: Float[np.ndarray, "band y x"], valid: Bool[np.ndarray, "y x"]
) -> Figures:
    """Measure an image.

    Raises:
        InputError: fewer than two pixels are valid.
    """
    seen = pixels[:, valid].astype(np.float64)
    if seen.shape[1] < 2:
        raise InputError("an image without valid pixels cannot be translated: leave it out")
    shares = np.linspace(0, 1, QUANTILES)
    return Figures(
        np.quantile(seen, shares, axis=1).T.copy(),
        seen.mean(axis=1),
        np.atleast_2d(np.cov(seen)),
    )


def translate_chip(translator: Translator, chip: Chip, style: int) -> Chip:
    """Translate each date of a chip in the same style; labels, size and place stay.

    Raises:
        InputError: its bands are not those of the translator.
    """
    if chip.channels != translator.card.channels:
        has, wants = (
            ", ".join(c.name for c in channels)
            for channels in (chip.channels, translator.card.channels)
        )
        raise InputError(f"{chip.name}: has the bands {has}; {translator.card.name} takes {wants}")
    dates = [
        translator.translate(
            Window(date, chip.valid, chip.gsd_m, labels=chip.labels),
            measure_figures(date, chip.valid),
            style,
        )
        for date in chip.pixels
    ]
    return replace(chip, pixels=np.stack(dates), channels=translator.card.made)


@dataclass(frozen=True)
class TranslatedChips:
    """A source seen through a translator: for training, chip by chip, as they are asked for."""

    source: ChipSource
    translator: Translator
    seed: int = 0

    @property
    def classes(self) -> tuple[str, ...]:
        """As of the source."""
        return self.source.classes

    @property
    def names(self) -> tuple[str, ...]:
        """As of the source."""
        return self.source.names

    def chip(self, index: int) -> Chip:
        """Chip `index`, translated in a style of its own."""
        chip = self.source.chip(index)
        if not chip.valid.any():
            return chip
        style = int(np.random.default_rng([self.seed, index]).integers(2**31))
        return translate_chip(self.translator, chip, style)
