"""What can be measured of any image and tells its style: light, colours, sharpness, shadow, edges.

Each number is brought to a scale without ends (logarithm, logit, Fisher's z), so that a density of
them is one over the whole space.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int64
from scipy.spatial.distance import cdist

from geomage.adapt.baselines.domain import LEAST_VALID, Image
from geomage.adapt.baselines.spectra import measure_amplitudes
from geomage.data.chip import Channel, ChipSource
from geomage.errors import InputError

__all__ = [
    "STYLE_SIDE",
    "StyleStatistics",
    "energy_distance",
    "measure_style",
    "statistic_names",
    "survey_style",
]

STYLE_SIDE = 32
"""Of the squares spectra are measured in, and of the smallest image with a style, pixels."""
_FLOOR = 1e-3  # reflectance
_DARK = 0.5  # of the median: what is darker is called shadow
_CLIP = 0.999  # of a correlation


@dataclass(frozen=True)
class StyleStatistics:
    """Statistics of the chips of a source.

    names: of the columns.
    values: a row a chip.
    indices: number of each of them in its source; chips that hold too little are left out.
    """

    names: tuple[str, ...]
    values: Float[np.ndarray, "chip statistic"]
    indices: Int64[np.ndarray, " chip"]


def statistic_names(channels: tuple[Channel, ...]) -> tuple[str, ...]:
    """Columns of `measure_style` for such bands."""
    names = [channel.name for channel in channels]
    pairs = [f"correlation {a} {b}" for a, b in combinations(names, 2)]
    each = [f"{what} {name}" for what in ("mean", "deviation") for name in names]
    return (*each, *pairs, "slope", "edges", "shadow")


def measure_style(image: Image) -> Float[np.ndarray, " statistic"]:
    """Measure an image.

    In order: log mean and log deviation of each band; Fisher's z of each correlation of two; slope
    of the log of the radial amplitude over that of the frequency; log of the mean gradient over the
    deviation, of the mean of the bands; logit of the share of pixels darker than half the median.

    Raises:
        InputError: it is smaller than 32 px.
    """
    seen = image.pixels[:, image.valid].astype(float)
    mean, deviation = seen.mean(axis=1), seen.std(axis=1)
    z = [_fisher(seen[a], seen[b]) for a, b in combinations(range(len(seen)), 2)]
    levels = np.log(np.maximum(np.concatenate([mean, deviation]), _FLOOR))
    return np.array([*levels, *z, _slope(image), _edges(image), _shadow(seen.mean(axis=0))])


def _fisher(a: np.ndarray, b: np.ndarray) -> float:
    spread = a.std() * b.std()
    r = ((a - a.mean()) * (b - b.mean())).mean() / spread if spread > 0 else 0.0
    return float(np.arctanh(np.clip(r, -_CLIP, _CLIP)))


def _slope(image: Image) -> float:
    """Of the first row and column of the half spectrum, harmonics 2 to a third of the side."""
    amplitudes = measure_amplitudes(image, STYLE_SIDE).mean(axis=0)
    harmonics = np.arange(2, STYLE_SIDE // 3)
    level = np.log(np.maximum((amplitudes[0, harmonics] + amplitudes[harmonics, 0]) / 2, 1e-9))
    return float(np.polyfit(np.log(harmonics), level, 1)[0])


def _edges(image: Image) -> float:
    grey = image.pixels.mean(axis=0, dtype=float)
    both = image.valid[1:, 1:] & image.valid[:-1, 1:] & image.valid[1:, :-1]
    steps = np.hypot(grey[1:, 1:] - grey[:-1, 1:], grey[1:, 1:] - grey[1:, :-1])[both]
    spread = max(grey[image.valid].std(), _FLOOR)
    return float(np.log(max(steps.mean() / spread, _FLOOR))) if steps.size else np.log(_FLOOR)


def _shadow(grey: Float[np.ndarray, " pixel"]) -> float:
    dark = (grey < _DARK * np.median(grey)).sum() + 1
    return float(np.log(dark / (len(grey) + 2 - dark)))


def survey_style(source: ChipSource) -> StyleStatistics:
    """Measure the first date of every chip.

    Raises:
        InputError: no chip holds data, or bands differ within the source.
    """
    rows, kept = [], []
    channels: tuple[Channel, ...] = ()
    for index in range(len(source.names)):
        chip = source.chip(index)
        if chip.valid.mean() < LEAST_VALID:
            continue
        if channels and chip.channels != channels:
            raise InputError(
                f"{chip.name}: has other bands than the chips before: choose one sensor"
            )
        channels = chip.channels
        rows.append(measure_style(Image(chip.pixels[0], chip.valid, chip.gsd_m, channels)))
        kept.append(index)
    if not rows:
        raise InputError(f"no style can be measured: of {len(source.names)} chips none holds data")
    return StyleStatistics(statistic_names(channels), np.stack(rows), np.array(kept, np.int64))


def energy_distance(
    x: Float[np.ndarray, "chip statistic"],
    y: Float[np.ndarray, "other statistic"],
    weights: Float[np.ndarray, " chip"] | None = None,
) -> float:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'|, in deviations of `y`; 0 for equal distributions only.

    (Székely and Rizzo 2013.) `weights` of the rows of `x`; None for all alike.
    """
    w = np.full(len(x), 1 / len(x)) if weights is None else weights / weights.sum()
    u = np.full(len(y), 1 / len(y))
    scale = np.maximum(y.std(axis=0), 1e-9)
    a, b = x / scale, y / scale
    return float(2 * w @ cdist(a, b) @ u - w @ cdist(a, a) @ w - u @ cdist(b, b) @ u)
