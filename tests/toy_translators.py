"""Translators that are plain enough to know the answer of: handed to what uses any translator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import maximum_filter

from geomage.data.chip import Channel
from geomage.data.translation import Figures, OpenedTranslator, TranslatorCard, Window

RGB = (Channel("red", 0.65), Channel("green", 0.555), Channel("blue", 0.475))
RADAR = (Channel("vv", 55_500.0), Channel("vh", 55_500.0))


def card(channels=RGB, made=None, **more) -> TranslatorCard:
    return TranslatorCard("toy", "toy", channels, made or channels, (0.4, 0.6), **more)


@dataclass
class Same:
    """What it is given."""

    card: TranslatorCard = field(default_factory=card)
    seen: list[tuple[Window, Figures, int]] = field(default_factory=list)

    def translate(self, window: Window, figures: Figures, style: int) -> np.ndarray:
        self.seen.append((window, figures, style))
        return window.pixels


@dataclass
class Wide:
    """The brightest within three pixels, and a grain by place and style: exact in any window."""

    card: TranslatorCard = field(default_factory=lambda: card(halo_px=3, stride_px=4))

    def translate(self, window: Window, _figures: Figures, style: int) -> np.ndarray:
        assert all(side % 4 == 0 for side in window.valid.shape)
        assert window.row % 4 == window.column % 4 == 0
        wide = maximum_filter(window.pixels, (1, 7, 7)) * np.float32(0.617)
        rows, columns = (
            start + np.arange(side)
            for start, side in zip((window.row, window.column), window.valid.shape, strict=True)
        )
        grain = (rows[:, None] * 7 + columns * 13 + style) % 32 / np.float32(255)
        return ((wide + grain) * window.valid).astype(np.float32)


@dataclass
class Constant:
    """One value everywhere."""

    value: float
    card: TranslatorCard = field(default_factory=card)

    def translate(self, window: Window, _figures: Figures, _style: int) -> np.ndarray:
        return np.full((len(self.card.made), *window.valid.shape), self.value, np.float32)


def opener(translator) -> Callable[[], OpenedTranslator]:
    return lambda: OpenedTranslator(translator, "0" * 64)
