"""From the numbers a file stores to the counts 0..255 a model sees.

8-bit images are used as they are. Others are scaled by one line for all bands and all images of a
date, which brings the 2nd and 98th percentile of their valid pixels to 0 and 255.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from geomage.errors import InputError

_SIDE = 1024  # px, of the coarse reading the percentiles come from
_SHARES = (2.0, 98.0)  # per cent


@dataclass(frozen=True)
class Stretch:
    """A line from stored values to counts; `low` None leaves 8-bit counts as they are."""

    low: float | None = None
    high: float | None = None

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Counts, uint8, of the same shape; what is not finite becomes 0."""
        if self.low is None or self.high is None:
            return np.asarray(values, "uint8")
        scaled = (values.astype("float32") - self.low) * (255.0 / (self.high - self.low))
        scaled = np.nan_to_num(scaled, nan=0.0, posinf=255.0, neginf=0.0)
        return np.asarray(np.clip(np.rint(scaled), 0, 255), "uint8")

    @property
    def rule(self) -> str:
        """The rule in words, for the parameters of a product."""
        if self.low is None or self.high is None:
            return "8-bit counts, used as they are"
        return (
            f"{self.low:g} .. {self.high:g} (2nd and 98th percentile of valid pixels, all bands) "
            "scaled to 0 .. 255"
        )


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
    if kinds == {"uint8"}:
        return Stretch()
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
    low, high = (float(share) for share in np.percentile(values, _SHARES))
    if not high > low:
        raise InputError(f"nothing to map: {names} holds the same value ({low:g}) everywhere")
    return Stretch(low, high)


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
