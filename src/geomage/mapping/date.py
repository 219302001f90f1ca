"""One date as every process sees it: its images, on which grid, how stretched, what is seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from geomage.data import Stretch
from geomage.mapping.imagery import Imagery, Picture, open_imagery
from geomage.mapping.regrid import Layer

__all__ = ["Date", "chip", "open_date"]


@dataclass(frozen=True)
class Date:
    """What is known of one date before the model sees it; small, and opened by any process."""

    pictures: tuple[Picture, ...]
    box: GeoBox
    """The grid it is read on: that of the work, moved by the measured shift."""
    stretch: Stretch
    colour: tuple[float, float, float]
    """Mean counts of what is seen; shown to the model where nothing is."""
    seen: Layer
    """One band, not 0 where the date holds data."""


@contextmanager
def open_date(date: Date) -> Iterator[Imagery]:
    """Open the images of one date."""
    with open_imagery(date.pictures, date.box, date.stretch) as imagery:
        yield imagery


def chip(imagery: Imagery, date: Date, window: Window) -> np.ndarray:
    """Counts, uint8 (1, 3, y, x), of one window; no data shows the mean colour of the date.

    The window may reach beyond the grid: there lies its mirror image, the same for every window.
    """
    rows = _mirrored(window.row_off, window.height, int(date.box.shape[0]))
    cols = _mirrored(window.col_off, window.width, int(date.box.shape[1]))
    top, left = int(rows.min()), int(cols.min())
    there = Window(left, top, int(cols.max()) + 1 - left, int(rows.max()) + 1 - top)
    values, valid, _ = imagery.read(there)
    valid &= date.seen.read(there)[0] > 0
    colour = np.rint(date.colour).astype("uint8")[:, None, None]
    image = np.where(valid, values, colour)
    if image.shape[1:] == (len(rows), len(cols)):
        return image[None]
    return image[:, (rows - top)[:, None], cols - left][None]


def _mirrored(start: int, count: int, size: int) -> np.ndarray:
    """Places 0..size - 1 of a line that is mirrored at both ends, again and again."""
    place = np.arange(start, start + count) % (2 * size)
    return np.asarray(np.where(place < size, place, 2 * size - 1 - place))
