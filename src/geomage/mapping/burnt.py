"""Burnt ground: where the near infrared of what was green fell between two dates.

Leaves reflect half of the near infrared and char a tenth, which red, green and blue hardly show.
Each band of each date gives up what its darkest ground shows, haze (Chavez 1988, Remote Sensing of
Environment 24, 459); a pixel is then the mean of what lies within some metres. Its fall is

    log(N / N') - a + w (NDVI - NDVI' - b),    NDVI = (N - R) / (N + R),

of near infrared N and red R before and, with ', after. Offsets a and b are the medians of either
difference over ground that is green at both dates: what light, air, camera and season took from it,
as the offset of dNBR is that of unburnt ground (Key and Benson 2006, LA-27). Ground that grew much
brighter in red was harvested, and ground whose NDVI stayed lies in shade: neither burnt.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float
from rasterio.windows import Window
from scipy import ndimage

__all__ = [
    "BELL_M",
    "BRIGHT",
    "BROWNING",
    "CELL_M",
    "FALL",
    "GREEN",
    "REDDENING",
    "WEIGHT",
    "Bands",
    "Level",
    "fall_of",
    "level_of",
    "on_pixels",
    "side_of_cells",
    "told_in",
]

FALL: Final = 0.6
"""From which ground is called burnt; chosen, as what follows, on 172 simulated fires and 76 pairs
without, so that less than 3 % of ground is called burnt where nothing was."""
WEIGHT: Final = 2.0
"""Of the fall of NDVI, w."""
BROWNING: Final = 0.05
"""Of NDVI, levelled, that it fell at least: in a shadow it hardly does."""
REDDENING: Final = 0.5
"""Of the logarithm of red, levelled, that it rose at most: on stubble it rises more."""
GREEN: Final = 0.1
"""Of NDVI before, from which there was something to burn."""
BRIGHT: Final = 0.25
"""Of the usual near infrared before, from which there was: below it are water and shade."""
BELL_M: Final = 4.0
"""Standard deviation of the bell within which a pixel is a mean, metres."""
CELL_M: Final = 2.0
"""Side of the cells that means are made of, metres, about."""
_DARKEST, _OF_DARKEST = 0.5, 0.9  # per cent; what of it is haze
_MOST_DARK, _FLOOR = 0.5, 0.01  # of the usual value: haze at most, and what is left at least
_LEAST_GREEN: Final = 0.02  # of what is seen, that the level is measured of
_BANDS: Final = tuple(
    f"{band} of the {date} date"
    for date in ("first", "second") for band in ("red", "near infrared")
)  # fmt: skip

Bands = Float[np.ndarray, "4 y x"]
"""Red and near infrared before, then after."""


@dataclass(frozen=True)
class Level:
    """What is taken from the images before they are compared; measured once, of all they show."""

    dark: tuple[float, ...]
    """Four stored numbers, haze: red and near infrared before, then after."""
    floor: tuple[float, ...]
    """The least that is left of each."""
    offsets: tuple[float, ...]
    """Medians of what `_falls` gives, of ground that is green at both dates."""


def told_in(values: Bands) -> Bool[np.ndarray, "y x"]:
    """Where the dates can be compared: no band is below 0, and near infrared is not exactly 0.

    Such a zero is a hole in that band alone, or cannot be told from one.
    """
    return np.asarray((values >= 0).all(axis=0) & (values[1::2] > 0).all(axis=0))


def side_of_cells(gsd: float) -> int:
    """Pixels along a cell."""
    return max(1, round(CELL_M / gsd))


def _cells(
    values: Bands, seen: Bool[np.ndarray, "y x"], cell: int, gsd: float
) -> tuple[Float[np.ndarray, "4 rows cols"], Float[np.ndarray, "rows cols"]]:
    """Means under the bell cell by cell, and how much of what lies under it is seen, 0..1.

    Cells begin at the upper left pixel; each mean depends on what lies within three spreads.
    """
    rows, cols = (-(-side // cell) * cell for side in seen.shape)
    stack = np.zeros((5, rows, cols))
    here = (slice(0, seen.shape[0]), slice(0, seen.shape[1]))
    stack[(slice(0, 4), *here)] = np.where(seen, values, 0)
    stack[(4, *here)] = seen
    parts = stack.reshape(5, rows // cell, cell, cols // cell, cell).mean(axis=(2, 4))
    spread = BELL_M / (cell * gsd)
    smooth = ndimage.gaussian_filter(parts, (0, spread, spread), mode="constant", truncate=3.0)
    return smooth[:4] / np.maximum(smooth[4], 1e-9), smooth[4]


def _lifted(means: np.ndarray, level: Level) -> np.ndarray:
    """(4, …) without haze, and never under the floor."""
    shape = (4,) + (1,) * (means.ndim - 1)
    dark, floor = (np.reshape(one, shape) for one in (level.dark, level.floor))
    return np.asarray(np.maximum(means - dark, floor))


def level_of(blocks: Iterable[tuple[np.ndarray, np.ndarray]], gsd: float) -> Level | str:
    """Measure the level of some blocks, each (4, y, x) and where it is seen at both dates (y, x).

    Why not, where nothing is seen, a band holds one value alone, or nothing was green before.
    """
    cell = side_of_cells(gsd)
    pixels, means = [np.zeros((4, 0))], [np.zeros((4, 0))]
    for values, seen in blocks:
        pixels.append(values[:, ::2, ::2][:, seen[::2, ::2]])
        mean, share = _cells(values, seen, cell, gsd)
        means.append(mean[:, share > 0.5])
    raw, smooth = np.concatenate(pixels, axis=1), np.concatenate(means, axis=1)
    if not raw.size or not smooth.size:
        return "too little is seen at both dates to compare them by"
    flat = np.ptp(raw, axis=1) == 0
    if flat.any():
        return f"{_BANDS[int(flat.argmax())]} holds one value alone"
    lowest = np.percentile(raw, _DARKEST, axis=1)
    usual = np.median(raw, axis=1)
    dark = np.minimum(lowest - (1 - _OF_DARKEST) * np.abs(lowest), _MOST_DARK * usual)
    floor = _FLOOR * (usual - dark)
    if not (floor > 0).all():
        return f"{_BANDS[int((~(floor > 0)).argmax())]} is dark almost everywhere"
    level = Level(tuple(map(float, dark)), tuple(map(float, floor)), (0.0, 0.0, 0.0))
    lifted = _lifted(smooth, level)
    green = _is_green(lifted[:2], level.floor[1])
    if green.mean() < _LEAST_GREEN:
        return "hardly anything is green at the first date, if its band called nir is near infrared"
    green &= _is_green(lifted[2:], level.floor[3])
    if green.mean() < _LEAST_GREEN:
        green[:] = True
    medians = np.median(_falls(lifted[:, green]), axis=1)
    return replace(level, offsets=tuple(map(float, medians)))


def _is_green(lifted: np.ndarray, floor: float) -> np.ndarray:
    """Where something grows, of one date (2, …) without haze; `floor` is that of near infrared."""
    red, nir = lifted
    return np.asarray((nir - red >= GREEN * (nir + red)) & (nir >= BRIGHT / _FLOOR * floor))


def _falls(lifted: np.ndarray) -> np.ndarray:
    """(3, …): logarithms of near infrared and of red, before over after, and fall of NDVI."""
    red, nir, red_after, nir_after = lifted
    ndvi, ndvi_after = ((n - r) / (n + r) for n, r in ((nir, red), (nir_after, red_after)))
    return np.stack([np.log(nir / nir_after), np.log(red / red_after), ndvi - ndvi_after])


def fall_of(
    values: Bands, seen: Bool[np.ndarray, "y x"], level: Level, gsd: float
) -> Float[np.ndarray, "rows cols"]:
    """The fall, cell by cell; 0 where it is no fire, not a number where nothing is seen."""
    means, share = _cells(values, seen, side_of_cells(gsd), gsd)
    lifted = _lifted(means, level)
    fading, dimming, browning = _falls(lifted) - np.reshape(level.offsets, (3, 1, 1))
    fall = fading + WEIGHT * browning
    may = (browning >= BROWNING) & (dimming >= -REDDENING)
    fall[~(may & _is_green(lifted[:2], level.floor[1]))] = 0
    return np.where(share > 1e-6, np.maximum(fall, 0), np.nan)


def on_pixels(cells: np.ndarray, cell: int, part: Window) -> np.ndarray:
    """(y, x) of pixels, bilinear between the middles of cells.

    Args:
        cells: (rows, cols), of which the first begins at the first pixel.
        cell: pixels along one.
        part: which pixels.
    """
    down, right = (
        (np.arange(start, start + count) + 0.5) / cell - 0.5
        for start, count in ((part.row_off, part.height), (part.col_off, part.width))
    )
    return _between(_between(cells, down).T, right).T


def _between(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Rows of values at places between them."""
    low = np.floor(places).astype(int)
    share = (places - low)[:, None]
    first, second = (np.clip(low + step, 0, len(values) - 1) for step in (0, 1))
    return np.asarray(values[first] * (1 - share) + values[second] * share)
