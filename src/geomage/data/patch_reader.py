"""Reading windows of a source: what is stored nowhere is not read, what holds no data is known.

A file is opened for a window and closed after it: no handle lives on, so that there is none that a
forked or spawned process could inherit. Against a window of some megapixels opening costs little.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import EllipsisType

import numpy as np
from rasterio.enums import MaskFlags
from rasterio.io import DatasetReader
from rasterio.windows import Window as Pixels

from geomage.data.patches import PatchLayer, PatchSource, Window
from geomage.errors import InputError
from geomage.geo import decoding, open_raster

__all__ = ["Chunk", "read_chunk", "read_label"]


@dataclass(frozen=True)
class Chunk:
    """Pixels of all layers of one window.

    values: by layer; images (band, y, x), labels (y, x).
    valid: (y, x) of each image, true where at least one band holds a value; None: everywhere.
    """

    window: Window
    layers: tuple[PatchLayer, ...]
    values: dict[str, np.ndarray]
    valid: dict[str, np.ndarray | None]

    def cut(self, row: int, col: int, size: int) -> dict[str, np.ndarray]:
        """Copies of one patch; `row` and `col` as in the source, in pixels of the finest raster."""
        return {layer.name: self.view(layer, row, col, size).copy() for layer in self.layers}

    def view(self, layer: PatchLayer, row: int, col: int, size: int) -> np.ndarray:
        """One layer of a patch, not copied."""
        return self.values[layer.name][self._part(layer, row, col, size)]

    def nodata(self, row: int, col: int, size: int) -> float:
        """Share of a patch without data, of the image that lacks most."""
        shares = [0.0]
        for layer in self.layers:
            valid = self.valid.get(layer.name)
            if valid is not None:
                part = valid[self._part(layer, row, col, size)]
                shares.append(1 - np.count_nonzero(part) / part.size)
        return max(shares)

    def _part(
        self, layer: PatchLayer, row: int, col: int, size: int
    ) -> tuple[EllipsisType, slice, slice]:
        k = layer.factor
        top, left = (row - self.window.row) // k, (col - self.window.col) // k
        return (..., slice(top, top + size // k), slice(left, left + size // k))


def read_chunk(source: PatchSource, window: Window) -> Chunk | None:
    """Read a window of every layer; None, unread, where an image stores nothing of it.

    Raises:
        InputError: a file that is damaged, or that changed since it was described.
    """
    values, valid = {}, {}
    for layer in source.layers:
        with _opened(layer) as dataset:
            part = layer.own(window)
            absent = _absent(dataset, part)
            if not layer.label:
                if absent.all():
                    return None
                values[layer.name] = _read(dataset, layer, part)
                valid[layer.name] = _valid(dataset, layer, part, values[layer.name], absent)
            else:
                values[layer.name] = _read(dataset, layer, part)[0]
    return Chunk(window, source.layers, values, valid)


def read_label(layer: PatchLayer, window: Window) -> np.ndarray | None:
    """(y, x) classes of a window, None where the file stores nothing of it."""
    with _opened(layer) as dataset:
        part = layer.own(window)
        if _absent(dataset, part).all():
            return None
        return np.asarray(_read(dataset, layer, part)[0])


@contextmanager
def _opened(layer: PatchLayer) -> Iterator[DatasetReader]:
    with open_raster(layer.path) as dataset:
        same = (dataset.count, dataset.dtypes[0]) == (layer.count, layer.dtype)
        if not same or tuple(map(int, dataset.block_shapes[0])) != layer.block:
            raise InputError(f"{layer.path} is another file than when the run began; begin anew")
        yield dataset


def _read(dataset: DatasetReader, layer: PatchLayer, part: Window) -> np.ndarray:
    if part.row + part.rows > dataset.height or part.col + part.cols > dataset.width:
        raise InputError(
            f"{layer.path} has {dataset.height} x {dataset.width} px, fewer than when the run "
            "began; begin anew"
        )
    low, right = part.row + part.rows, part.col + part.cols
    where = f" in rows {part.row} to {low}, columns {part.col} to {right}"
    with decoding(layer.path, where):
        return np.asarray(dataset.read(window=_pixels(part)))


def _pixels(part: Window) -> Pixels:
    return Pixels(part.col, part.row, part.cols, part.rows)


def _absent(dataset: DatasetReader, part: Window) -> np.ndarray:
    """(y, x) of the blocks that a window meets: true where the file stores none (sparse TIFF).

    GDAL gives the place of a block in the file, and nothing for one that was never written.
    """
    high, wide = dataset.block_shapes[0]
    rows = range(part.row // high, -(-(part.row + part.rows) // high))
    cols = range(part.col // wide, -(-(part.col + part.cols) // wide))
    if dataset.driver != "GTiff":
        return np.zeros((len(rows), len(cols)), bool)
    found = [dataset.get_tag_item(f"BLOCK_OFFSET_{x}_{y}", dm="TIFF", bidx=1)
             for y in rows for x in cols]  # fmt: skip
    return np.array([one is None for one in found]).reshape(len(rows), len(cols))


def _valid(
    dataset: DatasetReader, layer: PatchLayer, part: Window, values: np.ndarray, absent: np.ndarray
) -> np.ndarray | None:
    """(y, x): where an image holds a value; None for everywhere."""
    masked = MaskFlags.per_dataset in dataset.mask_flag_enums[0]  # its own mask, or alpha
    lacking = _lacking(values, layer.nodata)
    if lacking is None and not masked and not absent.any():
        return None
    valid = np.ones(values.shape[1:], bool) if lacking is None else ~lacking
    if masked:
        with decoding(layer.path):
            valid &= dataset.read_masks(1, window=_pixels(part)) > 0
    high, wide = layer.block
    for row, col in np.argwhere(absent):
        top = (part.row // high + row) * high - part.row
        left = (part.col // wide + col) * wide - part.col
        valid[max(0, top) : top + high, max(0, left) : left + wide] = False
    return valid


def _lacking(values: np.ndarray, nodata: float | None) -> np.ndarray | None:
    """(y, x): where no band holds a value; None for nowhere, which the first band may tell."""
    spots: np.ndarray | None = None
    for band in values.reshape(values.shape[0], -1):
        some = band if spots is None else band[spots]
        none = np.isnan(some) if values.dtype.kind == "f" else np.zeros(some.shape, bool)
        if nodata is not None:
            none |= some == nodata
        spots = np.flatnonzero(none) if spots is None else spots[none]
        if not spots.size:
            return None
    lacking = np.zeros(values.shape[1:], bool)
    lacking.ravel()[spots] = True
    return lacking
