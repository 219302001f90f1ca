"""What it takes to show an image of one domain as another domain would: the contract of `adapt`.

A translator is a function of a window, of figures of the whole image it is cut from, and of a
style, so that an image of any size is translated window by window without seams. Nothing here
needs torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, UInt8

from geomage.data.chip import Channel, Chip, ChipSource
from geomage.errors import GeomageError, InputError, ModelError

__all__ = [
    "QUANTILES",
    "Figures",
    "OpenTranslator",
    "OpenedTranslator",
    "TranslatedChips",
    "Translator",
    "TranslatorCard",
    "Window",
    "measure_figures",
    "translate_chip",
    "translate_part",
    "translate_window",
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
        Below 0 where a window reaches beyond the image, into its mirror image.
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
    gsd_m: least and greatest GSD of the source that it has learnt, metres.
    halo_px: how far beyond a pixel its answer looks; 0 for a function of the pixel.
    stride_px: rows and columns of windows are multiples of it.
    classes: of the label map that it is told, where it is told one; else empty.
    version: of geomage that made it.
    stretched: whether what it takes and gives has gone through the line of `geomage.geo.stretch`.
    whole: whether it takes whole images only, never a part of one: chips, and small rasters.
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
    stretched: bool = False
    whole: bool = False


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


class OpenedTranslator(NamedTuple):
    """A translator, and what it was opened from."""

    translator: Translator
    sha256: str
    """Of all that its answers hang on."""


OpenTranslator = Callable[[str], OpenedTranslator]
"""Opens the translator of a run folder or file: handed to rooms that do not know `adapt`."""


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


def translate_part(
    translator: Translator, window: Window, figures: Figures, style: int
) -> Float[np.ndarray, "made y x"]:
    """Translate a window of whole strides.

    Raises:
        ModelError: its tables are of other shapes than its card says.
    """
    try:
        return translator.translate(window, figures, style)
    except GeomageError:
        raise
    except (ValueError, IndexError) as error:
        raise ModelError(
            f"{translator.card.name} cannot translate a window, its file may be damaged: {error}"
        ) from error


def translate_window(
    translator: Translator, window: Window, figures: Figures, style: int
) -> Float[np.ndarray, "made y x"]:
    """Translate a window of any size: below and to the right it is mirrored to whole strides."""
    stride = translator.card.stride_px
    rows, columns = window.valid.shape
    more = ((0, -rows % stride), (0, -columns % stride))
    if not any(count for _, count in more):
        return translate_part(translator, window, figures, style)
    labels = window.labels
    whole = replace(
        window,
        pixels=np.pad(window.pixels, ((0, 0), *more), "symmetric"),
        valid=np.pad(window.valid, more, "symmetric"),
        labels=None if labels is None else np.pad(labels, more, "symmetric"),
    )
    return translate_part(translator, whole, figures, style)[:, :rows, :columns]


def translate_chip(translator: Translator, chip: Chip, style: int) -> Chip:
    """Translate each date of a chip in the same style; labels, size and place stay.

    Figures are of all dates together: what differs between them is kept, where each by its own
    figures would look like the target and the change be gone.

    A chip with less than two valid pixels becomes one of zeros.

    Raises:
        InputError: its bands are not those of the translator.
    """
    card = translator.card
    if chip.channels != card.channels:
        has, wants = (
            ", ".join(f"{c.name} at {c.wavelength_um:g} um" for c in channels)
            for channels in (chip.channels, card.channels)
        )
        raise InputError(f"{chip.name}: has the bands {has}; {card.name} takes {wants}")
    if chip.valid.sum() < 2:
        blank = np.zeros((len(chip.pixels), len(card.made), *chip.valid.shape), np.float32)
        return replace(chip, pixels=blank, channels=card.made)
    beside = np.concatenate(list(chip.pixels), axis=2)
    figures = measure_figures(beside, np.tile(chip.valid, len(chip.pixels)))
    dates = [
        translate_window(
            translator,
            Window(date, chip.valid, chip.gsd_m, labels=chip.labels),
            figures,
            style,
        )
        for date in chip.pixels
    ]
    return replace(chip, pixels=np.stack(dates), channels=card.made)


@dataclass(frozen=True)
class TranslatedChips:
    """A source seen through a translator: for training, chip by chip, as they are asked for.

    share: of the chips that are translated; the others stay as they are.
    looks: how often each chip stands in the source, each time in a style of its own.
    """

    source: ChipSource
    translator: Translator
    seed: int = 0
    share: float = 1.0
    looks: int = 1

    def __post_init__(self) -> None:
        card = self.translator.card
        if self.share < 1 and card.made != card.channels:
            raise InputError(
                f"{card.name} makes other bands than it takes: translate all chips (share 1)"
            )

    @property
    def classes(self) -> tuple[str, ...]:
        """As of the source."""
        return self.source.classes

    @property
    def names(self) -> tuple[str, ...]:
        """As of the source; with several looks, all chips of the first one, then of the next."""
        names = self.source.names
        if self.looks == 1:
            return names
        return tuple(f"{name}_look{look}" for look in range(self.looks) for name in names)

    def chip(self, index: int) -> Chip:
        """Chip `index`, translated in a style of its own."""
        chip = self.source.chip(index % len(self.source.names))
        if self.looks > 1:
            chip = replace(chip, name=self.names[index])
        rng = np.random.default_rng([self.seed, index])
        style = int(rng.integers(2**31))
        if rng.random() >= self.share:
            return chip
        return translate_chip(self.translator, chip, style)
