"""A raster of damage labels, laid on the grid of a product window by window."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.warp import reproject
from rasterio.windows import Window

from geomage.errors import BudgetError, InputError
from geomage.geo import (
    absent_value,
    block_windows,
    check_raster,
    decoding,
    is_earthly,
    is_held,
    open_raster,
    warp_crs,
    window_box,
)
from geomage.geo.under import window_under

__all__ = ["IGNORED", "UNCLASSIFIED", "LabelRaster", "open_labels", "refuse_foreign"]

IGNORED: Final = 255
UNCLASSIFIED: Final = 5
_MOST_PX: Final = 2**27  # of the raster under one window of the grid; a byte or more each


@dataclass(frozen=True)
class LabelRaster:
    """An open raster of labels and the grid it is laid on."""

    path: Path
    dataset: DatasetReader
    own: GeoBox
    box: GeoBox

    def read(self, window: Window) -> np.ndarray | None:
        """(y, x) uint8 labels of a window of the grid; None where all are 0 and none is held.

        Raises:
            BudgetError: too many pixels of the raster lie under the window.
        """
        if self._pixel_on_pixel:
            return self._labels(window)
        part = window_box(self.box, window)
        source = self._under(part)
        out = np.full(tuple(part.shape), IGNORED, np.uint8)
        if source is None:
            return out
        values = self._labels(source)
        if values is None and _within(self.own, source):
            return None
        if values is None:
            values = np.zeros((int(source.height), int(source.width)), np.uint8)
        reproject(
            values, out, resampling=Resampling.nearest, init_dest_nodata=False, tolerance=0,
            src_crs=warp_crs(self.own), src_transform=window_box(self.own, source).affine,
            dst_crs=warp_crs(self.box), dst_transform=part.affine,
        )  # fmt: skip
        return out

    @property
    def _pixel_on_pixel(self) -> bool:
        return self.own.crs is None or self.box.crs is None or self.own == self.box

    def _labels(self, window: Window) -> np.ndarray | None:
        """Labels of a window of the raster itself; None where it holds no block and says 0."""
        if not is_held(self.dataset, window, [1]):
            value = _label(np.array(absent_value(self.dataset)), self.dataset.nodata)
            shape = (int(window.height), int(window.width))
            return None if value == 0 else np.full(shape, value, np.uint8)
        with decoding(self.path):
            values = self.dataset.read(1, window=window)
        return _label(values, self.dataset.nodata).astype(np.uint8)

    def _under(self, part: GeoBox) -> Window | None:
        """The window of the raster that a part of the grid needs; None when there is none."""
        found = window_under(self.own, part)
        if found is not None and found.width * found.height > _MOST_PX:
            raise BudgetError(
                f"{self.path} has pixels so much finer than the product that {found.width} x "
                f"{found.height} of them lie under one of its tiles: bring it to the pixels of the "
                "product first (gdalwarp -r mode)"
            )
        return found


@contextmanager
def open_labels(path: Path, box: GeoBox) -> Iterator[LabelRaster]:
    """Open a raster of labels, after one look at all that it holds.

    Raises:
        InputError: it is no raster of labels, or cannot be laid on the grid.
    """
    own = check_raster(path).box
    with open_raster(path) as dataset:
        _refuse_kind(path, dataset)
        if box.crs is None or own.crs is None:
            _refuse_shape(path, dataset, box)
        else:
            refuse_foreign(path, own.crs)
        _refuse_values(path, dataset)
        yield LabelRaster(path, dataset, own, box)


def refuse_foreign(path: Path, crs: CRS) -> None:
    """Raise InputError for a CRS that is not of the earth."""
    if not is_earthly(crs):
        raise InputError(
            f"{path} has the CRS {crs.proj.name!r}, neither projected nor geographic on the earth: "
            "give it the true one"
        )


def _label(values: np.ndarray, nodata: float | None) -> np.ndarray:
    """Stored numbers with no data as `IGNORED`; a no-data value of 0 means no building."""
    if nodata is None or nodata == 0:
        return values
    return np.where(values == nodata, IGNORED, values)


def _within(own: GeoBox, window: Window) -> bool:
    """Whether a window ends before each rim of the raster, so that it was not cut there."""
    return bool(
        window.col_off > 0
        and window.row_off > 0
        and window.col_off + window.width < int(own.shape[1])
        and window.row_off + window.height < int(own.shape[0])
    )


def _refuse_kind(path: Path, dataset: DatasetReader) -> None:
    if dataset.count != 1 or not np.issubdtype(dataset.dtypes[0], np.integer):
        raise InputError(
            f"{path} has {dataset.count} band(s) of {dataset.dtypes[0]};"
            " a damage reference is one band of whole numbers"
        )


def _refuse_shape(path: Path, dataset: DatasetReader, box: GeoBox) -> None:
    if dataset.shape != tuple(box.shape):
        raise InputError(
            f"{path} has {dataset.width} x {dataset.height} px and the product"
            f" {box.shape[1]} x {box.shape[0]};"
            " without a CRS on both sides they must lie pixel on pixel"
        )


def _refuse_values(path: Path, dataset: DatasetReader) -> None:
    found: set[int] = set()
    with decoding(path):
        for window in block_windows(dataset):
            held = is_held(dataset, window, [1])
            stored = dataset.read(1, window=window) if held else absent_value(dataset)
            found |= set(np.unique(_label(np.asarray(stored), dataset.nodata)).tolist())
    odd = sorted({int(value) for value in found} - {*range(6), IGNORED})
    if odd or found == {0, IGNORED}:
        raise InputError(
            f"{path} holds {odd[:8] or [0, IGNORED]}; damage labels are 0 no building, 1 to 4"
            " grades, 5 unclassified, 255 ignored"
        )
