"""How the numbers of one date become counts, known before any window of it is seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from geomage.errors import InputError
from geomage.geo import Stretch, measure_values
from geomage.mapping.arrays import Photo, is_valid, look_at
from geomage.mapping.date import filled
from geomage.mapping.stretch import SMALLEST_SPAN, to_counts

__all__ = ["Tone", "measure_tone", "tone_of"]

_SIDE = 1024  # px of the coarse reading


@dataclass(frozen=True)
class Tone:
    """The stretch of one date, and its mean colour."""

    stretch: Stretch
    colour: tuple[float, float, float]
    """Mean counts of what is seen; shown to the model where there is no data."""

    def counts(self, values: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """Counts, uint8 (3, y, x), of stored numbers, the mean colour where they are not valid."""
        return filled(to_counts(self.stretch, values[:3], valid), valid, self.colour)


def measure_tone(image: xr.DataArray | xr.Dataset) -> Tone:
    """Measure the tone of an image, to hand it to `apply` for that image and parts of it.

    Reads each n-th pixel of each n-th row, n the smallest number that leaves at most 1024 each
    way: of a lazy array all chunks are read once, and only these pixels kept.

    Args:
        image: as `apply` takes it.

    Raises:
        InputError: it is no image, holds no data, or the same value everywhere.
    """
    return tone_of(look_at("the image", image))


def tone_of(photo: Photo) -> Tone:
    """Measure the tone of a date.

    Raises:
        InputError: it holds no data, or the same value everywhere.
    """
    values = photo.read(*_places(photo.shape))
    valid = is_valid(values, photo.nodata)
    bright = valid & (values[:3] != 0).any(axis=0)
    if not bright.any():
        raise InputError(f"nothing to map: {photo.name} holds no data at all")
    stretch = measure_values(values[:3, bright].astype("float64"))
    if stretch is None or stretch.high - stretch.low < SMALLEST_SPAN:
        raise InputError(f"nothing to map: {photo.name} holds the same value everywhere")
    red, green, blue = to_counts(stretch, values[:3], valid)[:, bright].mean(axis=1).tolist()
    return Tone(stretch, (red, green, blue))


def _places(shape: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of the coarse reading, from the middle of the first step."""
    step = max(1, -(-max(shape) // _SIDE))
    rows, cols = (slice(min(step, side) // 2, None, step) for side in shape)
    return rows, cols
