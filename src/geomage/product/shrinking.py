"""A large image made small: from its overviews, or by one pass over the blocks that it holds."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
from affine import Affine
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader, MemoryFile
from rasterio.windows import Window

from geomage.errors import InputError
from geomage.geo import decoding, held_windows
from geomage.geo.blocks import BLOCKS_SIDE
from geomage.mapping.stretch import holds_values

__all__ = ["salvaged", "shrunk"]

_MOST: Final = 4.0
"""Pixels along each side that the warper may average into one: it holds all of them at once."""


@dataclass(frozen=True)
class Shrunk:
    """An image to make a picture of."""

    image: DatasetReader
    bands: list[int]
    scale: Affine
    """From its pixels to those of the file."""


@contextmanager
def shrunk(dataset: DatasetReader, bands: Sequence[int], ratio: float) -> Iterator[Shrunk]:
    """Yield an image and its bands as they are, or a smaller copy of them with a band of alpha.

    A copy is an overview of the file where one is near enough, else the mean over squares of
    pixels; blocks that the file does not hold are no data. Memory: 32 bytes a pixel of the copy,
    and a window of 2048 x 2048 px.

    Args:
        dataset: an open image.
        bands: numbers of the bands wanted.
        ratio: pixels of the image along the side of one pixel of the picture to be made.
    """
    if ratio <= _MOST:
        yield Shrunk(dataset, list(bands), Affine.identity())
        return
    near = max((o for o in dataset.overviews(bands[0]) if o <= ratio), default=1)
    with decoding(dataset.name):
        if ratio / near <= _MOST:
            values, seen = _overview(dataset, bands, near)
            height, width = seen.shape
            scale = Affine.scale(dataset.width / width, dataset.height / height)
        else:
            values, seen = _means(dataset, bands, int(ratio))
            scale = Affine.scale(int(ratio))
    with _held(dataset, values, seen, scale) as copy:
        yield Shrunk(copy, list(range(1, len(bands) + 1)), scale)


@contextmanager
def salvaged(dataset: DatasetReader, bands: Sequence[int], ratio: float) -> Iterator[Shrunk]:
    """Yield a copy as `shrunk` does of an image that is damaged: its bad blocks are no data.

    Args:
        dataset: the image, just opened: what a decoder handed over for a bad block before may be
            kept, and would pass for sound.
        bands: see `shrunk`.
        ratio: see `shrunk`.
    """
    factor = max(1, int(ratio))
    values, seen = _means(dataset, bands, factor, 1, spare=True)
    with _held(dataset, values, seen, Affine.scale(factor)) as copy:
        yield Shrunk(copy, list(range(1, len(bands) + 1)), Affine.scale(factor))


def _overview(
    dataset: DatasetReader, bands: Sequence[int], factor: int
) -> tuple[np.ndarray, np.ndarray]:
    """Values (band, y, x) and (y, x) bool where they hold, of one overview as it stands."""
    shape = (-(-dataset.height // factor), -(-dataset.width // factor))
    values = dataset.read(list(bands), out_shape=(len(bands), *shape))
    seen = dataset.dataset_mask(out_shape=shape, resampling=Resampling.nearest) > 0
    return values, seen & holds_values(values)


def _means(
    dataset: DatasetReader,
    bands: Sequence[int],
    factor: int,
    side: int = BLOCKS_SIDE,
    *,
    spare: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Means over squares of `factor` pixels, as `_overview`; every block is decoded once.

    `spare` leaves out windows of about `side` px that cannot be decoded.
    """
    shape = (-(-dataset.height // factor), -(-dataset.width // factor))
    sums, count = np.zeros((len(bands), *shape)), np.zeros(shape)
    for window in held_windows(dataset, bands, side):
        try:
            with decoding(dataset.name):
                values = dataset.read(list(bands), window=window)
                seen = (dataset.dataset_mask(window=window) > 0) & holds_values(values)
        except InputError:
            if not spare:
                raise
            continue
        rows, cols, places = _squares(window, factor)
        count[rows, cols] += _summed(seen, places)
        for band, own in enumerate(values):
            sums[band, rows, cols] += _summed(own if seen.all() else np.where(seen, own, 0), places)
    sums /= np.maximum(count, 1)
    if np.issubdtype(dataset.dtypes[0], np.integer):
        np.rint(sums, out=sums)
    kind = "float32" if np.issubdtype(dataset.dtypes[0], np.floating) else dataset.dtypes[0]
    return sums.astype(kind), count > 0


def _squares(window: Window, factor: int) -> tuple[slice, slice, tuple[np.ndarray, np.ndarray]]:
    """Which squares a window meets, and where in it each begins, along rows and columns."""
    found = []
    for start, size in ((window.row_off, window.height), (window.col_off, window.width)):
        first, last = int(start) // factor, (int(start + size) - 1) // factor
        begins = np.arange(first, last + 1) * factor - int(start)
        found.append((slice(first, last + 1), np.maximum(begins, 0)))
    (rows, tops), (cols, lefts) = found
    return rows, cols, (tops, lefts)


def _summed(values: np.ndarray, places: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Sums of (y, x) values between the places, float64."""
    tops, lefts = places
    kind = "uint32" if values.dtype.itemsize == 1 and values.dtype.kind in "ub" else "float64"
    lines = np.empty((len(tops), values.shape[1]), kind)
    for line, top, end in zip(lines, tops, [*tops[1:], len(values)], strict=True):
        values[top:end].sum(axis=0, dtype=kind, out=line)
    return np.asarray(np.add.reduceat(lines, lefts, axis=1), float)


@contextmanager
def _held(
    dataset: DatasetReader, values: np.ndarray, seen: np.ndarray, scale: Affine
) -> Iterator[DatasetReader]:
    """The copy as a raster in memory, at the place of the image it was made of."""
    count, height, width = values.shape
    profile = {
        "driver": "GTiff", "count": count + 1, "height": height, "width": width,
        "dtype": values.dtype.name, "crs": dataset.crs, "transform": dataset.transform @ scale,
    }  # fmt: skip
    top = np.iinfo(values.dtype).max if np.issubdtype(values.dtype, np.integer) else 1
    with MemoryFile(ext=".tif") as memory, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open(**profile) as copy:
            copy.colorinterp = [ColorInterp.undefined] * count + [ColorInterp.alpha]
            copy.write(values, list(range(1, count + 1)))
            copy.write((seen * top).astype(values.dtype), count + 1)
        with memory.open() as copy:
            yield copy
