"""A translated source keeps labels and places, and draws by seed."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from geomage.data.chip import Channel, Chip
from geomage.data.translation import (
    QUANTILES,
    Figures,
    TranslatedChips,
    TranslatorCard,
    Window,
    measure_figures,
    translate_chip,
)
from geomage.errors import InputError

RGB = tuple(Channel(n, w) for n, w in (("red", 0.66), ("green", 0.56), ("blue", 0.48)))


def chip(name: str = "a", bands: tuple[Channel, ...] = RGB) -> Chip:
    pixels = np.random.default_rng(1).random((2, len(bands), 8, 6)).astype(np.float32)
    labels = np.arange(48, dtype=np.uint8).reshape(8, 6) % 3
    return Chip(name, pixels, bands, 0.5, np.ones((8, 6), bool), labels, "storm")


@dataclass(frozen=True)
class Shifted:
    """Adds a number drawn from the style."""

    card = TranslatorCard("shifted", "shift", RGB, RGB, (0.1, 10.0))

    def translate(self, window: Window, figures: Figures, style: int) -> np.ndarray:
        shift = np.random.default_rng(style).random() - figures.mean[0]
        return np.asarray((window.pixels + shift) * window.valid, np.float32)


@dataclass(frozen=True)
class Some:
    classes = ("a", "b", "c")
    names = ("a", "b")

    def chip(self, index: int) -> Chip:
        return chip(self.names[index])


def test_what_differs_between_dates_stays() -> None:
    """Figures are of both dates: one map moves both."""
    pair = chip()
    dark = replace(pair, pixels=np.stack([pair.pixels[0], pair.pixels[1] / 3]))
    seen = translate_chip(Shifted(), dark, 3).pixels
    np.testing.assert_allclose(seen[1] - seen[0], dark.pixels[1] - dark.pixels[0], atol=1e-6)


def test_labels_places_and_events_stay() -> None:
    seen = translate_chip(Shifted(), chip(), 3)
    assert np.array_equal(seen.labels, chip().labels)
    assert (seen.event, seen.name, seen.gsd_m) == ("storm", "a", 0.5)
    assert not np.array_equal(seen.pixels, chip().pixels)


def test_both_dates_share_a_style() -> None:
    twice = replace(chip(), pixels=np.repeat(chip().pixels[:1], 2, axis=0))
    one, two = translate_chip(Shifted(), twice, 3).pixels
    assert np.array_equal(one, two)


def test_same_seed_same_chips_and_each_its_own_style() -> None:
    one, again = (TranslatedChips(Some(), Shifted(), 5) for _ in range(2))
    assert np.array_equal(one.chip(0).pixels, again.chip(0).pixels)
    assert not np.array_equal(one.chip(0).pixels, one.chip(1).pixels)
    assert (one.classes, one.names) == (Some.classes, Some.names)


def test_other_bands_are_refused_by_name() -> None:
    with pytest.raises(InputError, match="a: has the bands vv at 55500 um; shifted takes red"):
        translate_chip(Shifted(), chip(bands=(Channel("vv", 55500),)), 0)


def test_figures_of_valid_pixels_alone() -> None:
    pixels = chip().pixels[0]
    valid = np.zeros((8, 6), bool)
    valid[:4] = True
    odd = np.where(valid, pixels, np.float32(9))
    figures = measure_figures(odd, valid)
    seen = pixels[:, :4].reshape(3, -1)
    assert figures.quantiles.shape == (3, QUANTILES)
    assert np.allclose(figures.quantiles[:, [0, -1]], np.stack([seen.min(1), seen.max(1)], 1))
    assert np.allclose(figures.mean, seen.mean(1))
    assert np.allclose(figures.covariance, np.cov(seen))


def test_an_image_of_one_band_has_figures_too() -> None:
    figures = measure_figures(chip().pixels[0][:1], np.ones((8, 6), bool))
    assert figures.covariance.shape == (1, 1)


def test_nothing_valid_is_refused_and_such_chips_stay() -> None:
    empty = np.zeros((8, 6), bool)
    with pytest.raises(InputError, match="valid"):
        measure_figures(chip().pixels[0], empty)

    @dataclass(frozen=True)
    class Blank(Some):
        def chip(self, index: int) -> Chip:
            return replace(Some.chip(self, index), valid=empty)

    seen = TranslatedChips(Blank(), Shifted()).chip(0)
    assert seen.pixels.shape == chip().pixels.shape
    assert not seen.pixels.any()
