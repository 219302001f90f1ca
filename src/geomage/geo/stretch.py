"""From the numbers an image stores to the counts 0..255 a model sees: one line an image.

The line brings the 1st and the 99th percentile of the valid pixels, all bands together, to 16 and
240. It takes haze and gain away, keeps colour and leaves room for what is brighter; simulated and
real images of any data type go through the same rule.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geomage.geo._kernels_counts import looked_up

__all__ = ["SHARES", "Stretch", "measure_values", "stretch_counts"]

SHARES = (1.0, 99.0)  # per cent
_COUNTS = (16.0, 240.0)  # what they become


@dataclass(frozen=True)
class Stretch:
    """A line from stored values to counts: `low` becomes 16, `high` 240."""

    low: float
    high: float

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Counts, uint8, of the same shape; what is not finite becomes 0."""
        if values.dtype == np.uint8:  # by table: a tenth of the time, and no copy on the way
            out = np.empty(values.shape, "uint8")
            looked_up(np.ascontiguousarray(values).ravel(), self._line(np.arange(256)), out.ravel())
            return out
        return self._line(values)

    def _line(self, values: np.ndarray) -> np.ndarray:
        gain = (_COUNTS[1] - _COUNTS[0]) / (self.high - self.low)
        scaled = (values.astype("float32") - self.low) * gain + _COUNTS[0]
        scaled = np.nan_to_num(scaled, nan=0.0, posinf=255.0, neginf=0.0)
        return np.asarray(np.clip(np.rint(scaled), 0, 255), "uint8")

    @property
    def rule(self) -> str:
        """The rule in words, for the parameters of a product."""
        return (
            f"{self.low:g} .. {self.high:g} (1st and 99th percentile of valid pixels, all bands) "
            "scaled to 16 .. 240"
        )


def measure_values(values: np.ndarray) -> Stretch | None:
    """Find the line of valid values, of any shape; None where all are the same or none is."""
    if values.size == 0:
        return None
    low, high = (float(share) for share in np.percentile(values, SHARES))
    return Stretch(low, high) if high > low else None


def stretch_counts(image: np.ndarray) -> np.ndarray:
    """Stretch a whole image (band, y, x) by its own line; pixels of zeros hold no data, stay 0."""
    valid = (image != 0).any(axis=0)
    line = measure_values(image[:, valid])
    if line is None:
        return np.asarray(image, "uint8")
    return np.asarray(np.where(valid, np.maximum(line.apply(image), 1), 0), "uint8")
