"""Which blocks of a raster stand in its file: what is absent need not be read.

A sparse TIFF states no place for a block of which nothing was written; it reads as the no-data
value of the band, or as 0 where there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from rasterio.io import DatasetReader
from rasterio.windows import Window

__all__ = [
    "BLOCKS_SIDE",
    "BLOCK_CACHE",
    "absent_value",
    "block_windows",
    "held_windows",
    "is_held",
    "stands_in_blocks",
]

BLOCK_CACHE = 48 * 2**20
"""Bytes of blocks GDAL may keep (GDAL_CACHEMAX) where a raster is read once from end to end; its
own default is a twentieth of the machine's memory."""

BLOCKS_SIDE = 2048
"""Side in px of windows of whole blocks, about."""

_TIFFS = ("GTiff", "COG")
_STREAMS = ("PNG", "JPEG")
_LARGEST_BLOCK = 4096**2  # px


def stands_in_blocks(dataset: DatasetReader) -> bool:
    """Whether parts of a raster can be decoded without what lies before them.

    Not in PNG and JPEG, nor where a block is larger than 4096 x 4096 px.
    """
    high, wide = dataset.block_shapes[0]
    return dataset.driver not in _STREAMS and high * wide <= _LARGEST_BLOCK


def held_windows(
    dataset: DatasetReader, bands: Sequence[int] | None = None, side: int = BLOCKS_SIDE
) -> Iterator[Window]:
    """Yield the windows of `block_windows` that hold a block of any of the bands.

    Args:
        dataset: an open raster; of formats other than TIFF every window is taken to hold one.
        bands: numbers of the bands wanted, from 1; None wants all.
        side: see `block_windows`.
    """
    for window in block_windows(dataset, side):
        if is_held(dataset, window, bands):
            yield window


def block_windows(dataset: DatasetReader, side: int = BLOCKS_SIDE) -> Iterator[Window]:
    """Part a raster into windows of whole blocks, row by row, so that each is decoded once.

    Args:
        dataset: an open raster.
        side: px; windows hold about side² pixels, but never less than a block, and are
            square as far as the blocks allow (strips make them wide and low).
    """
    high, wide = dataset.block_shapes[0]
    width = min(dataset.width, wide * max(1, side // wide))
    height = min(dataset.height, high * max(1, side * side // width // high))
    for row, col in product(range(0, dataset.height, height), range(0, dataset.width, width)):
        yield Window(col, row, min(width, dataset.width - col), min(height, dataset.height - row))


def is_held(dataset: DatasetReader, window: Window, bands: Sequence[int] | None = None) -> bool:
    """Whether the file holds a block of any of the bands that meets a window."""
    if dataset.driver not in _TIFFS:
        return True
    wanted = dataset.indexes if bands is None else bands
    if "band" not in str(dataset.interleaving).lower():  # all bands of a place lie in one block
        wanted = wanted[:1]
    return any(
        dataset.get_tag_item(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=band) is not None
        for band in wanted
        for row, col in _blocks(dataset, window)
    )


def _blocks(dataset: DatasetReader, window: Window) -> Iterator[tuple[int, int]]:
    """(row, column) of the blocks that meet a window, as far as the raster reaches."""
    high, wide = dataset.block_shapes[0]
    top, left = max(0, int(window.row_off)), max(0, int(window.col_off))
    bottom = min(dataset.height, int(window.row_off + window.height))
    right = min(dataset.width, int(window.col_off + window.width))
    if top >= bottom or left >= right:
        return iter(())
    return product(
        range(top // high, (bottom - 1) // high + 1), range(left // wide, (right - 1) // wide + 1)
    )


def absent_value(dataset: DatasetReader, band: int = 1) -> float:
    """What an absent block of a band reads as."""
    stated = dataset.nodatavals[band - 1]
    return 0.0 if stated is None else float(stated)
