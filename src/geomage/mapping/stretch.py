"""The stretch of the images of one date, from a coarse reading of their files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from geomage.data import Stretch, measure_values
from geomage.errors import InputError

_SIDE = 1024  # px, of the coarse reading the percentiles come from


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
    if stretch is None:
        raise InputError(f"nothing to map: {names} holds the same value everywhere")
    return stretch


def _sample(dataset: DatasetReader, bands: list[int]) -> np.ndarray:
    """Valid values of a coarse reading, all bands together; zero in all bands is no value."""
    step = max(1, -(-max(dataset.shape) // _SIDE))
    size = (len(bands), -(-dataset.height // step), -(-dataset.width // step))
    try:
        values = dataset.read(bands, out_shape=size)
        seen = dataset.read_masks(bands, out_shape=size).astype(bool).any(axis=0)
    except RasterioError as error:
        raise InputError(f"{dataset.name} is damaged: it cannot be read ({error})") from error
    seen &= np.isfinite(values).all(axis=0) & (values != 0).any(axis=0)
    return np.asarray(values[:, seen].ravel(), "float64")
