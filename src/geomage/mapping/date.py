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
    """Float32 (1, 3, y, x) in 0..1 of one window; no data shows the mean colour of the date.

    The window may reach beyond the grid: the outermost pixels are carried on.
    """
    there, rest = _within(window, date.box)
    values, valid, _ = imagery.read(there)
    valid &= date.seen.read(there)[0] > 0
    colour = np.array(date.colour)[:, None, None]
    image = np.where(valid, values, colour).astype("float32") / 255
    return np.pad(image, ((0, 0), *rest), mode="edge")[None]


def _within(window: Window, box: GeoBox) -> tuple[Window, tuple[tuple[int, int], tuple[int, int]]]:
    """The part of a window inside a grid, and by how much it reaches beyond on each side."""
    rows, cols = (int(side) for side in box.shape)
    top, left = max(0, int(window.row_off)), max(0, int(window.col_off))
    bottom = min(rows, int(window.row_off + window.height))
    right = min(cols, int(window.col_off + window.width))
    above, before = top - int(window.row_off), left - int(window.col_off)
    below = int(window.row_off + window.height) - bottom
    after = int(window.col_off + window.width) - right
    return Window(left, top, right - left, bottom - top), ((above, below), (before, after))
