"""One date as every process sees it: its images, on which grid, how stretched, what is seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from geomage.geo import Stretch
from geomage.mapping.imagery import Imagery, open_imagery
from geomage.mapping.picture import Picture
from geomage.mapping.regrid import Layer

__all__ = ["Chip", "Date", "chip", "filled", "mirrored", "open_date"]


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
    lost: Layer | None = None
    """One band, not 0 where its images are damaged; None where they are whole."""


@contextmanager
def open_date(date: Date) -> Iterator[Imagery]:
    """Open the images of one date."""
    with open_imagery(date.pictures, date.box, date.stretch) as imagery:
        yield imagery


@dataclass(frozen=True)
class Chip:
    """One window of a date as the model sees it."""

    image: np.ndarray
    """Counts, uint8 (1, 3, y, x)."""
    lost: np.ndarray
    """Bool (y, x), what is damaged where the date is said to hold data: a part that was whole where
    it was looked at, and is not where a shift has moved it."""


def chip(imagery: Imagery, date: Date, window: Window) -> Chip:
    """One window; no data shows the mean colour of the date.

    The window may reach beyond the grid: there lies its mirror image, the same for every window.
    """
    mirror = mirrored(window, (int(date.box.shape[0]), int(date.box.shape[1])))
    view, seen = imagery.view(mirror.there), date.seen.read(mirror.there)[0] > 0
    image = filled(view.values, view.seen & seen, date.colour)
    return Chip(mirror.unfold(image)[None], mirror.unfold((view.lost & seen)[None])[0])


def filled(values: np.ndarray, valid: np.ndarray, colour: tuple[float, float, float]) -> np.ndarray:
    """Counts (3, y, x) with a colour where they are not valid."""
    if valid.all():
        return values
    return np.where(valid, values, np.rint(colour).astype("uint8")[:, None, None])


@dataclass(frozen=True)
class Mirrored:
    """A window that may reach beyond its grid, as a part of the grid and places in that part."""

    there: Window
    rows: np.ndarray
    cols: np.ndarray

    def unfold(self, part: np.ndarray) -> np.ndarray:
        """(band, y, x) of the window, from those of the part of the grid."""
        if part.shape[1:] == (len(self.rows), len(self.cols)):
            return part
        return np.take(np.take(part, self.rows, axis=1), self.cols, axis=2)


def mirrored(window: Window, shape: tuple[int, int]) -> Mirrored:
    """Find what a window needs of a grid of (y, x) pixels: beyond it lies its mirror image."""
    rows = _mirrored(window.row_off, window.height, shape[0])
    cols = _mirrored(window.col_off, window.width, shape[1])
    top, left = int(rows.min()), int(cols.min())
    there = Window(left, top, int(cols.max()) + 1 - left, int(rows.max()) + 1 - top)
    return Mirrored(there, rows - top, cols - left)


def _mirrored(start: int, count: int, size: int) -> np.ndarray:
    """Places 0..size - 1 of a line that is mirrored at both ends, again and again."""
    place = np.arange(start, start + count) % (2 * size)
    return np.asarray(np.where(place < size, place, 2 * size - 1 - place))
