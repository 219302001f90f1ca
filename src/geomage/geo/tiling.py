"""A grid parted into square tiles, always at the same places whoever works on which of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from geomage.errors import InputError
from geomage.geo.grid import window_box

__all__ = ["TileKey", "Tiling"]

_NAME = re.compile(r"r(\d+)c(\d+)")


@dataclass(frozen=True, order=True)
class TileKey:
    """Place of a tile among the tiles: row from the top, column from the left."""

    row: int
    col: int

    def __str__(self) -> str:
        return f"r{self.row:04d}c{self.col:04d}"

    @classmethod
    def parse(cls, text: str) -> TileKey:
        """Read a key as `str` writes it.

        Raises:
            InputError: it is none.
        """
        found = _NAME.fullmatch(text)
        if found is None:
            raise InputError(f"{text!r} is no tile; tiles are named like r0003c0012")
        return cls(int(found[1]), int(found[2]))


@dataclass(frozen=True)
class Tiling:
    """Tiles of `side` pixels from the upper left corner of a grid; the last ones may be cut."""

    box: GeoBox
    side: int

    def __post_init__(self) -> None:
        if self.side < 1:
            raise InputError(f"tiles of {self.side} px: their side must be at least 1 px")

    @property
    def height(self) -> int:
        """Rows of pixels of the grid."""
        return int(self.box.shape[0])

    @property
    def width(self) -> int:
        """Columns of pixels of the grid."""
        return int(self.box.shape[1])

    @property
    def rows(self) -> int:
        """Rows of tiles."""
        return -(-self.height // self.side)

    @property
    def cols(self) -> int:
        """Columns of tiles."""
        return -(-self.width // self.side)

    def __len__(self) -> int:
        return self.rows * self.cols

    def __iter__(self) -> Iterator[TileKey]:
        """All tiles, row by row."""
        return (TileKey(row, col) for row in range(self.rows) for col in range(self.cols))

    def core(self, key: TileKey) -> Window:
        """The pixels of a tile, in pixels of the grid."""
        if not (0 <= key.row < self.rows and 0 <= key.col < self.cols):
            raise InputError(f"tile {key} lies outside the {self.rows} x {self.cols} tiles")
        row, col = key.row * self.side, key.col * self.side
        return Window(col, row, min(self.side, self.width - col), min(self.side, self.height - row))

    def around(self, key: TileKey, margin: int) -> Window:
        """The tile and `margin` pixels on each side, as far as the grid reaches."""
        core = self.core(key)
        left, top = max(0, core.col_off - margin), max(0, core.row_off - margin)
        right = min(self.width, core.col_off + core.width + margin)
        bottom = min(self.height, core.row_off + core.height + margin)
        return Window(left, top, right - left, bottom - top)

    def over(self, window: Window) -> Iterator[TileKey]:
        """The tiles that share pixels with a window, row by row."""
        top, left = max(0, int(window.row_off)), max(0, int(window.col_off))
        bottom = min(self.height, int(window.row_off + window.height))
        right = min(self.width, int(window.col_off + window.width))
        if top >= bottom or left >= right:
            return
        for row in range(top // self.side, (bottom - 1) // self.side + 1):
            for col in range(left // self.side, (right - 1) // self.side + 1):
                yield TileKey(row, col)

    def part(self, window: Window) -> GeoBox:
        """The grid of a window."""
        return window_box(self.box, window)
