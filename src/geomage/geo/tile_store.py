"""A raster as a folder of tiles, each written whole or not at all, in any order, by anyone.

A tile that holds nothing but `fill` is an empty file. So a killed run leaves tiles that are whole,
many processes write at once, and what holds nothing costs nothing.
"""

from __future__ import annotations

import math
import os
import secrets
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader, MemoryFile
from rasterio.windows import Window

from geomage.errors import InputError, OutputError, RunError
from geomage.geo._mosaic import Dress, Source, mosaic_xml
from geomage.geo.grid import overlap
from geomage.geo.space import why_unwritten
from geomage.geo.tiling import TileKey, Tiling

__all__ = ["TileStore"]

_BLOCK = 256  # px, of the files of tiles
_NOWHERE = Affine.translation(0.5, 0.5)
"""Tiles are placed by their names; rasterio warns of files that have no place at all."""


@dataclass(frozen=True)
class TileStore:
    """Tiles of one raster; small enough to travel to any process that sees the folder."""

    folder: Path
    tiling: Tiling
    bands: tuple[str, ...]
    """Names of the bands."""
    dtype: str = "uint8"
    fill: float = 0
    """Value of pixels of which nothing was written, in every band; may be NaN."""

    def path(self, key: TileKey) -> Path:
        """Where a tile lies once it is whole."""
        return self.folder / f"r{key.row:04d}" / f"{key}.tif"

    def has(self, key: TileKey) -> bool:
        """Whether a tile was written."""
        return self.path(key).exists()

    def missing(self, part: Window | None = None) -> list[TileKey]:
        """The tiles not yet written, row by row; of those that share pixels with a part."""
        there = {path.stem for path in self.folder.glob("r*/r*.tif")}
        keys = self.tiling if part is None else self.tiling.over(part)
        return [key for key in keys if str(key) not in there]

    def write(self, key: TileKey, values: np.ndarray) -> None:
        """Write a tile, (band, y, x) of its core; it appears under its name when it is whole.

        Raises:
            InputError: the values do not fit the tile.
            OutputError: it cannot be written.
        """
        core = self.tiling.core(key)
        wanted = (len(self.bands), int(core.height), int(core.width))
        if values.shape != wanted or values.dtype != np.dtype(self.dtype):
            raise InputError(
                f"tile {key} is {wanted} of {self.dtype}, got {values.shape} of {values.dtype}"
            )
        empty = bool(_equal(values, self.fill).all())
        self._put(key, b"" if empty else self._encoded(key, values))

    def blank(self, key: TileKey) -> None:
        """Write a tile of nothing but `fill`."""
        self._put(key, b"")

    def hand_over(self, key: TileKey, other: TileStore) -> None:
        """Move a tile to another store on the same disk.

        Raises:
            OutputError: it cannot be moved.
        """
        target = other.path(key)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self.path(key).replace(target)
        except OSError as error:
            raise OutputError(
                f"cannot write {target}: {why_unwritten(error, other.folder)}"
            ) from error

    def read(self, window: Window, bands: tuple[int, ...] | None = None) -> np.ndarray:
        """Read any window of the grid, (band, y, x); what was not written is `fill`.

        Args:
            window: in pixels of the grid; may reach beyond it.
            bands: places of the bands from 0; None reads all.

        Raises:
            RunError: a tile is damaged.
        """
        wanted = tuple(range(len(self.bands))) if bands is None else bands
        shape = (len(wanted), int(window.height), int(window.width))
        out = np.full(shape, self.fill, self.dtype)
        for key in self.tiling.over(window):
            core = self.tiling.core(key)
            there, here = overlap(core, window), overlap(window, core)
            values = self._decoded(key, wanted, there)
            if values is not None:
                out[(slice(None), *here.toslices())] = values
        return out

    def read_tile(self, key: TileKey, bands: tuple[int, ...] | None = None) -> np.ndarray:
        """Read the core of a tile, (band, y, x)."""
        return self.read(self.tiling.core(key), bands)

    def holds(self, key: TileKey) -> bool:
        """Whether a tile was written and holds more than `fill`."""
        try:
            return self.path(key).stat().st_size > 0
        except FileNotFoundError:
            return False

    @contextmanager
    def mosaic(
        self, band: int, dress: Dress, part: Window | None = None
    ) -> Iterator[DatasetReader]:
        """Yield a virtual raster of one band of all tiles, or of a part of the grid.

        Args:
            band: its place from 0.
            dress: what it says of itself.
            part: in pixels of the grid.

        Raises:
            InputError: blank tiles would read as another value than `fill`.
        """
        with self._virtual({band + 1: dress}, part) as dataset:
            yield dataset

    @contextmanager
    def image(self, dresses: Sequence[Dress]) -> Iterator[DatasetReader]:
        """Yield a virtual raster of the first bands of all tiles, as many as dresses.

        Args:
            dresses: what each says of itself; tags and mask of the first are those of all.

        Raises:
            InputError: blank tiles would read as another value than `fill`.
        """
        with self._virtual(dict(enumerate(dresses, start=1)), None) as dataset:
            yield dataset

    @contextmanager
    def _virtual(self, dresses: dict[int, Dress], part: Window | None) -> Iterator[DatasetReader]:
        part = part or Window(0, 0, self.tiling.width, self.tiling.height)
        keys = list(self.tiling.over(part))
        sources = [
            Source(self.path(key), self.tiling.core(key), _BLOCK) for key in keys if self.holds(key)
        ]
        for dress in dresses.values():
            blank = np.float64(dress.nodata or 0)
            if not _equal(blank, self.fill) and len(sources) < len(keys):
                raise InputError(
                    f"blank tiles hold {self.fill:g} and cannot have the no-data value "
                    f"{dress.nodata}"
                )
        xml = mosaic_xml(sources, self.tiling.box, part, self.dtype, dresses)
        with (
            warnings.catch_warnings(),
            MemoryFile(xml.encode(), ext=".vrt") as memory,
        ):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(memory.name, driver="VRT") as dataset:
                yield dataset

    def _put(self, key: TileKey, data: bytes) -> None:
        path = self.path(key)
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
            os.replace(part, path)  # noqa: PTH105 -- atomic, also over an older one
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            raise OutputError(
                f"cannot write {path}: {why_unwritten(error, self.folder)}"
            ) from error

    def _encoded(self, key: TileKey, values: np.ndarray) -> bytes:
        core = self.tiling.core(key)
        profile = {
            "driver": "GTiff", "count": len(self.bands), "dtype": self.dtype,
            "height": core.height, "width": core.width, "tiled": True,
            "blockxsize": _BLOCK, "blockysize": _BLOCK,
            "compress": "ZSTD", "zstd_level": 1, "interleave": "band",
            "transform": _NOWHERE,
        }  # fmt: skip
        with MemoryFile(ext=".tif") as memory:
            with memory.open(**profile) as dataset:
                dataset.write(values)
            return bytes(memory.getbuffer())

    def _decoded(self, key: TileKey, bands: tuple[int, ...], window: Window) -> np.ndarray | None:
        """Values of a window within a tile, None where it holds nothing."""
        if not self.holds(key):
            return None
        path = self.path(key)
        try:
            with rasterio.open(path, driver="GTiff") as dataset:
                return np.asarray(dataset.read([band + 1 for band in bands], window=window))
        except (RasterioError, NotGeoreferencedWarning) as error:  # each tile states a place
            raise RunError(
                f"{path} is damaged ({str(error)[:200]}): remove it, and run the same command again"
            ) from error


def _equal(values: np.ndarray | np.float64, fill: float) -> np.ndarray:
    """Where values are the fill; NaN is NaN."""
    return np.asarray(np.isnan(values) if math.isnan(fill) else values == fill)
