"""The label map of an image that a translator is told: a raster of classes on the same grid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from rasterio.io import DatasetReader
from rasterio.windows import Window

from geomage.data.chip import UNKNOWN
from geomage.data.readers.openearthmap import CLASSES as OPEN_EARTH_MAP
from geomage.data.twins import COVERS
from geomage.errors import InputError
from geomage.geo import RasterFacts, check_raster, decoding, open_raster
from geomage.mapping.picture import file_stamp, refuse_restamped, same_pixels
from geomage.mapping.plan import crs_name

__all__ = ["LabelMap", "look_at_labels"]

_FROM_ONE = (COVERS, OPEN_EARTH_MAP)
"""Land cover, whose rasters have 0 for no data and count classes from 1."""


@dataclass(frozen=True)
class LabelMap:
    """A raster of classes; small, and opened by any process."""

    path: Path
    classes: tuple[str, ...]
    nodata: float | None
    stamp: tuple[int, int] | None
    """Of its file when the work began."""

    @property
    def first(self) -> int:
        """Value of the first class."""
        return int(self.classes in _FROM_ONE)

    @contextmanager
    def opened(self) -> Iterator[DatasetReader]:
        """Open the file, which must be as it was."""
        refuse_restamped(self.path, self.stamp)
        with open_raster(self.path) as dataset:
            yield dataset

    def read(self, dataset: DatasetReader, window: Window) -> UInt8[np.ndarray, "y x"]:
        """Labels of a window, from 0; `UNKNOWN` where nobody knows.

        Raises:
            InputError: a value that is no class.
        """
        with decoding(self.path):
            values = dataset.read(1, window=window)
        refuse_restamped(self.path, self.stamp)
        unknown = values == UNKNOWN
        if self.first:
            unknown |= values == 0
        if self.nodata is not None:
            unknown |= values == self.nodata
        last = self.first + len(self.classes) - 1
        odd = values[~unknown & ((values < self.first) | (values > last))]
        if odd.size:
            raise InputError(
                f"{self.path}: value {odd[0].item():g} is no class: they go from {self.first} "
                f"({self.classes[0]}) to {last} ({self.classes[-1]})"
            )
        return np.where(unknown, UNKNOWN, values - self.first).astype(np.uint8)


def look_at_labels(path: Path, image: RasterFacts, classes: tuple[str, ...]) -> LabelMap:
    """Check a raster of classes against an image; no pixel is read.

    Raises:
        InputError: the translator is told no label map, or the raster is not on the image's grid.
    """
    if not classes:
        raise InputError(f"--labels {path}: this translator is told no label map; leave it out")
    facts = check_raster(path)
    both = facts.box.crs is not None and image.box.crs is not None
    if facts.shape != image.shape or (both and not _same_grid(facts, image)):
        raise InputError(
            f"--labels {path} ({_words(facts)}) is not on the grid of {image.path} "
            f"({_words(image)}): bring it there by nearest pixels (gdalwarp -te … -ts … -r near)"
        )
    if facts.count != 1 or not np.issubdtype(np.dtype(facts.dtype), np.integer):
        raise InputError(
            f"--labels {path}: {facts.count} bands of {facts.dtype}; give one band of whole numbers"
        )
    return LabelMap(facts.path, classes, facts.nodata, file_stamp(facts.path))


def _same_grid(one: RasterFacts, other: RasterFacts) -> bool:
    offset = ~other.box.affine @ one.box.affine
    return same_pixels(one.box, other.box) and max(abs(offset.c), abs(offset.f)) < 1e-3


def _words(facts: RasterFacts) -> str:
    (rows, columns), affine = facts.shape, facts.box.affine
    return f"{columns} x {rows} px from {affine.c:.10g}, {affine.f:.10g} in {crs_name(facts.box)}"
