"""The two images of the report, on the product grid, read small and never whole in memory."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from PIL import Image
from rasterio.enums import ColorInterp, Resampling
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT

from geomage.errors import InputError
from geomage.geo import decoding, ground_gsd, open_raster
from geomage.mapping.stretch import holds_values
from geomage.product.shrinking import Shrunk, salvaged, shrunk

__all__ = ["LARGEST_PX", "Picture", "as_picture", "close_looks", "take_picture"]

LARGEST_PX: Final = 1600
"""Longer side of a picture in the report, at most."""

_QUALITY: Final = 82
_COLOURS: Final = ("red", "green", "blue")
_METRES_A_DEGREE: Final = 111_320.0
_PLANE: Final = "EPSG:3857"  # stands for pixel coordinates on both sides of a warp
_PAPER: Final = 236  # grey where an image has no data


@dataclass(frozen=True)
class Picture:
    """A JPEG in the report."""

    width: int
    height: int
    jpeg: bytes

    @property
    def data_uri(self) -> str:
        """The image as text."""
        return "data:image/jpeg;base64," + base64.b64encode(self.jpeg).decode("ascii")


Painted = tuple[np.ndarray, np.ndarray]


def picture_box(box: GeoBox, largest_px: int = LARGEST_PX) -> GeoBox:
    """The same ground with at most ``largest_px`` pixels along the longer side."""
    rows, cols = (int(size) for size in box.shape)
    factor = max(1.0, max(rows, cols) / largest_px)
    height, width = max(1, round(rows / factor)), max(1, round(cols / factor))
    scale = Affine.scale(cols / width, rows / height)
    return GeoBox((height, width), box.affine @ scale, box.crs)


def take_picture(
    paths: Sequence[Path],
    box: GeoBox,
    shift_m: tuple[float, float] = (0.0, 0.0),
    largest_px: int = LARGEST_PX,
) -> Picture:
    """Paint one or more images of a date onto the product grid.

    Args:
        paths: images of one date; where they overlap the first one wins.
        box: grid of the product; without a CRS the images lie on it pixel by pixel.
        shift_m: (east, north) metres by which the content lies off the grid; it is moved back.
        largest_px: longer side of the picture.
    """
    small = picture_box(box, largest_px)
    height, width = (int(size) for size in small.shape)
    canvas = np.full((3, height, width), _PAPER, np.uint8)
    free = np.ones((height, width), bool)
    for path in paths:
        colours, seen = _painted(path, box, small, shift_m)
        new = free & seen
        canvas[:, new] = colours[:, new]
        free &= ~seen
    return as_picture(canvas)


def as_picture(canvas: np.ndarray) -> Picture:
    """Colours, uint8 (3, y, x), as a JPEG."""
    _, height, width = canvas.shape
    file = io.BytesIO()
    Image.fromarray(np.moveaxis(canvas, 0, -1)).save(
        file, "JPEG", quality=_QUALITY, optimize=True, progressive=True
    )
    return Picture(width, height, file.getvalue())


def close_looks(
    paths: Sequence[Path], box: GeoBox, pieces: Sequence[GeoBox], shift_m: tuple[float, float]
) -> list[np.ndarray]:
    """Colours of small pieces of the ground, each uint8 (3, y, x); grey where none can be read.

    Images that do not hold counts of 8 bits are stretched by what is in each piece.

    Args:
        paths: images of one date; where they overlap the first one wins.
        box: grid of the product.
        pieces: their grids, some hundred pixels wide.
        shift_m: see `take_picture`.
    """
    canvases = [np.full((3, *map(int, piece.shape)), _PAPER, np.uint8) for piece in pieces]
    free = [np.ones(canvas.shape[1:], bool) for canvas in canvases]
    for path in paths:
        with open_raster(path) as dataset:
            source = Shrunk(dataset, _rgb_bands(dataset), Affine.identity())
            for i, piece in enumerate(pieces):
                colours, seen = _near(source, box, piece, shift_m)
                new = free[i] & seen
                canvases[i][:, new] = colours[:, new]
                free[i] &= ~seen
    return canvases


def _near(source: Shrunk, box: GeoBox, piece: GeoBox, shift_m: tuple[float, float]) -> Painted:
    """One piece of an image; what cannot be decoded is no data, and nothing else is read."""
    try:
        with (
            decoding(source.image.name),
            WarpedVRT(source.image, **_onto(source, box, piece, shift_m)) as warped,
        ):
            return _counts(warped.read(source.bands), warped.dataset_mask() > 0)
    except InputError:
        shape = tuple(map(int, piece.shape))
        return np.zeros((3, *shape), np.uint8), np.zeros(shape, bool)


def _painted(path: Path, box: GeoBox, small: GeoBox, shift_m: tuple[float, float]) -> Painted:
    """(uint8 (3, y, x) colours, bool (y, x) where the image has data) on the small grid.

    Blocks that cannot be decoded are no data.
    """

    def painted(made: Callable[..., AbstractContextManager[Shrunk]]) -> Painted:
        with (
            open_raster(path) as dataset,
            made(dataset, _rgb_bands(dataset), _ratio(dataset, box, small)) as source,
            WarpedVRT(source.image, **_onto(source, box, small, shift_m)) as warped,
            decoding(path),
        ):
            return _counts(warped.read(source.bands), warped.dataset_mask() > 0)

    try:
        return painted(shrunk)
    except InputError:
        return painted(salvaged)


def _ratio(dataset: DatasetReader, box: GeoBox, small: GeoBox) -> float:
    """Pixels of an image along the side of one of the picture."""
    if box.crs is not None and dataset.crs is None:
        raise InputError(f"{dataset.name} has no CRS but the product has one")
    if box.crs is None:
        return int(box.shape[1]) / int(small.shape[1])
    own = GeoBox(dataset.shape, dataset.transform, dataset.crs)
    return ground_gsd(small) / ground_gsd(own)


def _onto(
    source: Shrunk, box: GeoBox, small: GeoBox, shift_m: tuple[float, float]
) -> dict[str, Any]:
    """How to warp an image onto the small grid; GDAL reads it in pieces, never whole."""
    dataset = source.image
    height, width = (int(size) for size in small.shape)
    crs = box.crs
    unit_m = 1.0 if crs is None or crs.projected else _METRES_A_DEGREE
    east, north = (metres / unit_m for metres in shift_m)
    opaque = ColorInterp.alpha not in dataset.colorinterp
    return {
        "src_crs": _PLANE if crs is None else dataset.crs,
        "src_transform": box.affine @ source.scale if crs is None else dataset.transform,
        "crs": _PLANE if crs is None else crs.to_wkt(),
        "transform": Affine.translation(east, north) @ small.affine,
        "width": width,
        "height": height,
        "resampling": Resampling.average,
        "add_alpha": opaque,
    }


def _rgb_bands(dataset: DatasetReader) -> list[int]:
    """Numbers of the red, green and blue bands; the first three where the file does not say."""
    if dataset.count < 3:
        raise InputError(f"{dataset.name} has {dataset.count} band(s); a picture needs 3")
    names = [colour.name for colour in dataset.colorinterp]
    if all(name in names for name in _COLOURS):
        return [names.index(name) + 1 for name in _COLOURS]
    return [1, 2, 3]


def _counts(values: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts 0..255: 8-bit as it is, else 2 to 98 % of all three bands to 0..255."""
    if values.dtype == np.uint8:
        return values, seen
    finite = seen & holds_values(values)
    numbers = np.where(finite, values, 0).astype(np.float32)
    if not finite.any():
        return np.zeros(values.shape, np.uint8), finite
    low, high = np.percentile(numbers[:, finite], (2, 98))
    stretched = (numbers - low) / max(float(high - low), 1e-6) * 255
    return np.clip(stretched, 0, 255).astype(np.uint8), finite
