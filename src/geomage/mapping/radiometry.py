"""From the numbers an image stores to what a translator takes (reflectance, 0..1), and back.

Counts of 8 bits are counts / 255. Other numbers become reflectance by the line that the file states
(scale and offset); whole numbers of a file that states none are reflectance x 10000. Backscatter of
a radar is in dB and goes through `radar_share`. What is translated is stored as it came; where the
translator was learnt from stretched images it is the stretched image that is translated, and its
counts of 8 bits are what is stored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from jaxtyping import Bool, Float

from geomage.data.chip import RADAR, Channel, radar_share
from geomage.errors import InputError
from geomage.geo import RasterFacts, Stretch, measure_values
from geomage.mapping.stretch import holds_values, to_counts

__all__ = ["USUAL_SCALE", "Radiometry"]

USUAL_SCALE = 1e-4
"""Reflectance of a count where a file of whole numbers states none, as most products have it."""
_STORED = {"uint8": "uint8", "uint16": "uint16", "int16": "int16", "int32": "int32"}
_STORED |= {"float32": "float32", "float64": "float32"}
_FLOOR_DB = 25.0  # of `radar_share`


@dataclass(frozen=True)
class Radiometry:
    """What stored numbers mean, in one image and in its translation."""

    dtype: str
    """Of the translation."""
    line: tuple[float, float]
    """Scale and offset of stored numbers."""
    radar: tuple[bool, ...]
    """Which bands of the image are backscatter in dB."""
    made_radar: tuple[bool, ...]
    """Which bands of the translation are."""
    masked: bool
    """Whether a mask or an alpha band says where there is data, in both."""
    nodata: float | None
    """What stands for no data in the translation; None where the mask does, or the file states
    none."""
    stretched: bool = False
    stretch: Stretch | None = None
    """The line of the image, once it is measured."""

    @classmethod
    def of(
        cls,
        facts: RasterFacts,
        channels: tuple[tuple[Channel, ...], tuple[Channel, ...]],
        *,
        line: tuple[float, float] | None,
        masked: bool,
        stretched: bool,
    ) -> Self:
        """Find it from the header of an image.

        Args:
            facts: the header.
            channels: bands that are taken, and that are made.
            line: scale and offset that the file states; None where it states none.
            masked: whether the file has a mask or an alpha band.
            stretched: whether the translator takes stretched images.

        Raises:
            InputError: numbers that cannot be translated.
        """
        if facts.dtype not in _STORED:
            raise InputError(
                f"{facts.path} holds {facts.dtype}: give {', '.join(sorted(_STORED))} "
                "(gdal_translate -ot …)"
            )
        floating = facts.dtype.startswith("float")
        usual = (1.0, 0.0) if floating else (USUAL_SCALE, 0.0)
        nodata = facts.nodata if facts.nodata is not None or not floating else math.nan
        if stretched and nodata is not None:
            nodata = 0.0
        in_db = floating and not stretched
        taken, made = (tuple(in_db and one.name in RADAR for one in bands) for bands in channels)
        return cls(
            dtype="uint8" if stretched else _STORED[facts.dtype],
            line=(1 / 255, 0.0) if facts.dtype == "uint8" or stretched else line or usual,
            radar=taken,
            made_radar=made,
            masked=masked and facts.nodata is None,
            nodata=None if masked and facts.nodata is None else nodata,
            stretched=stretched,
        )

    @property
    def fill(self) -> float:
        """What is stored where there is no data."""
        return 0.0 if self.nodata is None else self.nodata

    def seen(
        self, stored: np.ndarray, masks: Bool[np.ndarray, "band y x"]
    ) -> Bool[np.ndarray, "y x"]:
        """Where stored numbers (band, y, x) are data.

        Of whole numbers a pixel is, where one band says so; zeros in all bands of a file that
        states nothing are the collar of a scene. Of other numbers all bands must say so.
        """
        if stored.dtype.kind == "f":
            return np.asarray(masks.all(axis=0) & holds_values(stored))
        if not self.masked and self.nodata is None:
            return np.asarray((stored != 0).any(axis=0))
        return np.asarray(masks.any(axis=0))

    def measured(self, stored: np.ndarray, path: Path) -> Self:
        """With the stretch of valid numbers (band, pixel) of an image, where one is wanted.

        Raises:
            InputError: all are the same.
        """
        if not self.stretched:
            return self
        line = measure_values(stored.astype("float64"))
        if line is None:
            raise InputError(f"{path} holds the same value everywhere: nothing can be translated")
        return replace(self, stretch=line)

    def taken(self, stored: np.ndarray, seen: Bool[np.ndarray, " *place"]) -> np.ndarray:
        """Float32 that the translator takes of stored numbers (band, …); 0 where not seen."""
        if self.stretch is not None:
            values = to_counts(self.stretch, stored, seen).astype("float32") / np.float32(255)
            return np.where(seen, values, np.float32(0))
        values = self._in_units(np.where(seen, stored, stored.dtype.type(0)))
        for band in np.flatnonzero(self.radar):
            values[band] = radar_share(values[band])
        return np.where(seen, values, np.float32(0))

    def _in_units(self, stored: np.ndarray) -> np.ndarray:
        """Reflectance or dB."""
        if stored.dtype == np.uint8:
            return np.asarray(stored / np.float32(255))
        scale, offset = map(np.float32, self.line)
        return np.asarray(stored.astype("float32") * scale + offset)

    def given(
        self, made: Float[np.ndarray, "band y x"], seen: Bool[np.ndarray, "y x"]
    ) -> np.ndarray:
        """What is stored of a translation: the nearest number, never the one of no data."""
        values = made.astype("float64")
        for band in np.flatnonzero(self.made_radar):
            values[band] = _FLOOR_DB * (values[band] - 1)
        values = (values - self.line[1]) / self.line[0]
        if self.dtype != "float32":
            limits = np.iinfo(self.dtype)
            values = np.clip(np.rint(values), limits.min, limits.max)
        stored = values.astype(self.dtype)
        if not self.masked:
            self._keep_apart(stored)
        stored[:, ~seen] = self.fill
        return stored

    def _keep_apart(self, stored: np.ndarray) -> None:
        """Move what would read as no data by the least there is."""
        if stored.dtype.kind == "f":
            same = stored == np.float32(self.fill)
            stored[same] = np.nextafter(stored[same], np.float32(np.inf))
            return
        same = (stored == self.fill).all(axis=0)
        top = np.iinfo(stored.dtype).max
        stored[0, same] = self.fill - 1 if self.fill == top else self.fill + 1
