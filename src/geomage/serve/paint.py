"""Rasters painted onto any small grid: a tile of the map, or a chip around a building."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from PIL import Image
from rasterio.enums import ColorInterp, Resampling
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT

from geomage.geo import Stretch, decoding, ground_gsd, open_raster, warp_crs
from geomage.mapping.palette import BURNT, DAMAGE, FLOOD, LANDCOVER, Palette
from geomage.mapping.stretch import holds_values, measure_stretch, to_counts

__all__ = ["CLASSES", "Photographs", "as_jpeg", "as_png", "paint_classes", "paint_shares"]

CLASSES: Final[Mapping[str, Palette]] = {
    "damage": DAMAGE, "flood": FLOOD, "burnt": BURNT, "landcover": LANDCOVER
}  # fmt: skip
_SHARES: Final = {"building": (192, 64, 224), "change": (0, 150, 136)}
_MOST: Final = 16
"""Pixels of a file along the side of one painted, at most: an image without overviews is not read
from end to end for one tile of the world."""
_PAPER: Final = 236  # grey where an image has no data, in a picture without transparency


@dataclass(frozen=True)
class Photographs:
    """The images of one date on the grid of a product."""

    paths: tuple[Path, ...]  # the top one first
    box: GeoBox  # grid of the product
    shift_m: tuple[float, float] = (0.0, 0.0)  # east, north, by which they lie off it
    _lines: dict[str, Stretch] = field(default_factory=dict, compare=False, repr=False)

    def paint(self, small: GeoBox, unit: float = 1.0) -> np.ndarray | None:
        """uint8 (4, y, x), red to alpha; None where an image is too large to be shown so small.

        Args:
            small: where to paint, in any CRS.
            unit: units of its CRS in a metre on the ground.
        """
        rows, cols = (int(size) for size in small.shape)
        canvas = np.zeros((4, rows, cols), np.uint8)
        east, north = (unit * metres for metres in self.shift_m)
        moved = GeoBox(small.shape, Affine.translation(east, north) @ small.affine, small.crs)
        for path in self.paths:
            found = self._painted(path, moved)
            if found is None:
                return None
            new = (canvas[3] == 0) & (found[3] > 0)
            canvas[:, new] = found[:, new]
        return canvas

    def _painted(self, path: Path, small: GeoBox) -> np.ndarray | None:
        with open_raster(path) as dataset:
            source = _source(dataset, self.box)
            ratio = _pixel(small, self.box) / _pixel(source, self.box)
            if ratio / max((o for o in dataset.overviews(1) if o <= ratio), default=1) > _MOST:
                return None
            bands = _rgb_bands(dataset)
            how = Resampling.average if ratio > 1 else Resampling.cubic
            # cubic overshoots no-data: a mask is warped by the nearest
            with WarpedVRT(dataset, **_onto(source, small, how, dataset)) as warped, decoding(path):
                values, seen = warped.read(bands), warped.dataset_mask() > 0
            seen &= holds_values(values)
            if values.dtype != np.uint8:
                values = to_counts(self._line(path, dataset, bands), values, seen)
        return np.asarray(np.concatenate([values, seen[None] * np.uint8(255)]) * seen)

    def _line(self, path: Path, dataset: DatasetReader, bands: list[int]) -> Stretch:
        """The stretch of an image, measured once."""
        key = str(path)
        if key not in self._lines:
            self._lines[key] = measure_stretch([dataset], [(bands[0], bands[1], bands[2])])
        return self._lines[key]


def paint_classes(path: Path, box: GeoBox, small: GeoBox, colours: Palette) -> np.ndarray:
    """uint8 (4, y, x) of a raster of classes: the nearest pixel's colour, clear outside.

    Args:
        path: one band of uint8.
        box: its grid.
        small: where to paint.
        colours: by value; what has none is clear.
    """
    values, inside = _read(path, box, small, Resampling.nearest)
    table = np.zeros((256, 4), np.uint8)
    for value, colour in colours.items():
        table[value] = colour
    return np.asarray(np.moveaxis(table[values], -1, 0) * inside)


def paint_shares(path: Path, box: GeoBox, small: GeoBox, name: str) -> np.ndarray:
    """uint8 (4, y, x) of an amount from 0 to 255: one colour, the clearer the less."""
    values, inside = _read(path, box, small, Resampling.average)
    colour = np.array(_SHARES.get(name, (0, 0, 0)), np.uint8)[:, None, None]
    return np.concatenate([np.broadcast_to(colour, (3, *values.shape)), (values * inside)[None]])


def _read(path: Path, box: GeoBox, small: GeoBox, how: Resampling) -> tuple[np.ndarray, np.ndarray]:
    """Values uint8 (y, x), and where the file lies; its no-data value is a value like others."""
    with open_raster(path) as dataset:
        options = {**_onto(box, small, how, dataset), "add_alpha": True, "src_nodata": None}
        with WarpedVRT(dataset, **options) as warped, decoding(path):
            return warped.read(1), warped.dataset_mask() > 0


def _source(dataset: DatasetReader, box: GeoBox) -> GeoBox:
    """Grid of an image; without a CRS it lies on the product pixel by pixel."""
    transform = box.affine if box.crs is None else dataset.transform
    return GeoBox(dataset.shape, transform, None if box.crs is None else dataset.crs)


def _pixel(grid: GeoBox, box: GeoBox) -> float:
    """Side of a pixel: metres, or units of a plane without CRS."""
    return abs(float(grid.affine.a)) if box.crs is None else ground_gsd(grid)


def _onto(source: GeoBox, small: GeoBox, how: Resampling, dataset: DatasetReader) -> dict[str, Any]:
    height, width = (int(size) for size in small.shape)
    return {
        "src_crs": warp_crs(source),
        "src_transform": source.affine,
        "crs": warp_crs(small),
        "transform": small.affine,
        "width": width,
        "height": height,
        "resampling": how,
        "add_alpha": ColorInterp.alpha not in dataset.colorinterp,
    }


def _rgb_bands(dataset: DatasetReader) -> list[int]:
    """Numbers of red, green and blue; the first three where the file does not say, or its first."""
    names = [colour.name for colour in dataset.colorinterp]
    wanted = ("red", "green", "blue")
    if all(name in names for name in wanted):
        return [names.index(name) + 1 for name in wanted]
    return [1, 2, 3] if dataset.count >= 3 else [1, 1, 1]


def as_png(painted: np.ndarray) -> bytes:
    """A tile that can be seen through."""
    return _encoded(painted, "PNG", compress_level=3)


def as_jpeg(painted: np.ndarray) -> bytes:
    """A picture; grey where there is nothing."""
    shown = np.where(painted[3] > 0, painted[:3], _PAPER).astype(np.uint8)
    return _encoded(shown, "JPEG", quality=90)


def _encoded(values: Sequence[Any] | np.ndarray, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(np.moveaxis(np.asarray(values), 0, -1))).save(
        file, form, **options
    )
    return file.getvalue()
