"""The stretch of the images of one date, from a coarse reading of their files.

A number that is not finite, or beyond ±1e30, is no data: no sensor measures it, and it is what
programs leave where they had nothing to say. What is left is brought to counts without overflow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise, product

import numpy as np
from rasterio.io import DatasetReader
from rasterio.windows import Window

from geomage.errors import InputError
from geomage.geo import Stretch, decoding, measure_values, open_raster, stands_in_blocks

LARGEST_VALUE = 1e30  # of a stored number that can be a measurement
SMALLEST_SPAN = 1e-30  # between the percentiles, below which an image shows nothing
_SIDE = 1024  # px, of the coarse reading the percentiles come from
_PARTS = 8  # along each side, in which a damaged image is read


def measure_stretch(
    datasets: Sequence[DatasetReader], bands: Sequence[tuple[int, int, int]]
) -> Stretch:
    """Find the stretch of the images of one date.

    Args:
        datasets: open images.
        bands: numbers of red, green and blue in each.

    Raises:
        InputError: the types differ between images, or there is only one value.
    """
    kinds = {str(dataset.dtypes[0]) for dataset in datasets}
    if len(kinds) > 1:
        raise InputError(
            f"the images of one date have different types ({', '.join(sorted(kinds))}); "
            "bring them to one type first"
        )
    samples = [_sample(dataset, list(rgb)) for dataset, rgb in zip(datasets, bands, strict=True)]
    values = np.concatenate(samples)
    names = ", ".join(dataset.name for dataset in datasets)
    if values.size == 0:
        raise InputError(f"nothing to map: {names} holds no data at all")
    stretch = measure_values(values)
    if stretch is None or stretch.high - stretch.low < SMALLEST_SPAN:
        raise InputError(f"nothing to map: {names} holds the same value everywhere")
    return stretch


def holds_values(stored: np.ndarray) -> np.ndarray:
    """(y, x) bool: where the stored numbers (band, y, x) can be measurements in every band."""
    if not np.issubdtype(stored.dtype, np.floating):
        return np.ones(stored.shape[1:], bool)
    return np.asarray((np.abs(stored) <= LARGEST_VALUE).all(axis=0))  # NaN is not


def to_counts(stretch: Stretch, stored: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Counts, uint8 (band, y, x), of stored numbers where they are valid; elsewhere of no meaning.

    Numbers far outside the line are brought nearer first: they become 0 or 255 all the same, and
    never overflow on the way.
    """
    if np.issubdtype(stored.dtype, np.floating):
        span = stretch.high - stretch.low
        near = np.where(valid, stored, stretch.low)
        stored = np.clip(near, stretch.low - span, stretch.high + span)
    return stretch.apply(stored)


def _sample(dataset: DatasetReader, bands: list[int]) -> np.ndarray:
    """Valid values of a coarse reading, all bands together; zero in all bands is no value.

    Where the file is damaged it is read in 8 x 8 parts, and those that can be decoded are taken.
    """
    step = max(1, -(-max(dataset.shape) // _SIDE))
    try:
        return _values(dataset, bands, Window(0, 0, dataset.width, dataset.height), step)
    except InputError as error:
        if not stands_in_blocks(dataset):
            raise
        parts = list(_sound_parts(dataset, bands, step))
        if not any(part.size for part in parts):
            raise error from None
        return np.concatenate(parts)


def _sound_parts(dataset: DatasetReader, bands: list[int], step: int) -> Iterator[np.ndarray]:
    """Valid values of each part that can be decoded.

    The file is opened anew for each: what a decoder hands over for a damaged block may be kept,
    and would pass for sound.
    """
    rows, cols = (
        np.linspace(0, side, _PARTS + 1).astype(int).tolist()
        for side in (dataset.height, dataset.width)
    )
    for (top, bottom), (left, right) in product(pairwise(rows), pairwise(cols)):
        if top < bottom and left < right:
            with suppress(InputError), open_raster(dataset.name) as again:
                yield _values(again, bands, Window(left, top, right - left, bottom - top), step)


def _values(dataset: DatasetReader, bands: list[int], window: Window, step: int) -> np.ndarray:
    size = (len(bands), -(-int(window.height) // step), -(-int(window.width) // step))
    with decoding(dataset.name):
        values = dataset.read(bands, window=window, out_shape=size)
        seen = dataset.read_masks(bands, window=window, out_shape=size).astype(bool).any(axis=0)
    seen &= holds_values(values) & (values != 0).any(axis=0)
    return np.asarray(values[:, seen].ravel(), "float64")
