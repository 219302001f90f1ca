"""The images of one date as one source: any grid, size and type in, 8-bit RGB windows out."""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import pairwise, product

import numpy as np
import rasterio
import shapely
from odc.geo.geobox import GeoBox
from rasterio.enums import MaskFlags, Resampling
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window
from shapely import Polygon

from geomage.errors import InputError
from geomage.geo import (
    BLOCK_CACHE,
    Stretch,
    decoding,
    footprint,
    is_held,
    open_raster,
    stands_in_blocks,
    warp_crs,
    window_box,
)
from geomage.mapping.picture import Picture, pixel_bounds, refuse_changed, same_pixels
from geomage.mapping.stretch import holds_values, measure_stretch, to_counts

SQUARE = 64  # px, parts of the grid that are read by themselves where a file is damaged
_KERNEL = 8  # px, more than resampling takes from beside a pixel


@dataclass(frozen=True)
class Damage:
    """Parts of the grid, squares of 64 px at most, in which a file cannot be decoded."""

    file: str
    """Its name."""
    column: int
    """Of the middle of the first part, in pixels of the file, as `row`."""
    row: int
    parts: int = 1
    """How many."""

    def __str__(self) -> str:
        place = f"around column {self.column}, row {self.row}"
        many = f"{self.parts} squares of 64 px cannot be read, the first {place}"
        one = f"a square of 64 px cannot be read {place}"
        return f"{self.file} is damaged: {one if self.parts == 1 else many}; fetch it again"


def join_damage(found: Iterable[Damage]) -> tuple[Damage, ...]:
    """One for each file, of its first part and the number of all."""
    joined: dict[str, Damage] = {}
    for one in found:
        first = joined.get(one.file, replace(one, parts=0))
        joined[one.file] = replace(first, parts=first.parts + one.parts)
    return tuple(joined.values())


@dataclass(frozen=True)
class View:
    """What the images of one date show of a window."""

    values: np.ndarray
    """Uint8 (3, y, x), 0 where there is no data."""
    seen: np.ndarray
    """Bool (y, x), where there is data."""
    black: np.ndarray
    """Bool (y, x), where the stored value was zero in all bands."""
    lost: np.ndarray
    """Bool (y, x), where there may be data in parts that cannot be decoded."""
    damage: tuple[Damage, ...]
    """These parts."""


class Imagery:
    """Open images of one date, read window by window on one grid. Made by `open_imagery`."""

    def __init__(
        self, sources: Sequence[tuple[Picture, WarpedVRT]], box: GeoBox, stretch: Stretch
    ) -> None:
        self.box = box
        self.stretch = stretch
        self._sources = [_Source(picture, box, vrt) for picture, vrt in sources]

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Read one window of the grid: values, seen and black of `view`."""
        view = self.view(window)
        return view.values, view.seen, view.black

    def stored(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Read the numbers of one window as they are stored, not stretched.

        Returns:
            (3, y, x) float32 of the bands of the pictures, and bool (y, x) where each of them has
            data; parts that cannot be decoded hold none.
        """
        out = np.zeros((3, window.height, window.width), "float32")
        seen = np.zeros(out.shape[1:], bool)
        for source in self._sources:
            if seen.all() or not source.reaches(window):
                continue
            values, valid, _ = source.read(window)
            if source.picture.facts.nodata is not None:
                valid = valid & (values != source.picture.facts.nodata).all(axis=0)
            new = valid & ~seen
            np.copyto(out, values, where=new, casting="unsafe")
            seen |= new
        return out, seen

    def view(self, window: Window) -> View:
        """Read one window of the grid; parts that cannot be decoded hold no data.

        Raises:
            RunError: an image changed since the work began.
        """
        size = (window.height, window.width)
        out = np.zeros((3, *size), "uint8")
        seen, black, lost = (np.zeros(size, bool) for _ in range(3))
        damage: list[Damage] = []
        for source in self._sources:
            if seen.all() or not source.reaches(window):
                continue
            values, valid, broken = source.read(window)
            for part in broken:
                lost[part.toslices()] = True
                damage.append(source.damage(_within(window, part)))
            if not valid.any():
                continue
            new = valid & ~seen
            counts = to_counts(self.stretch, values, valid)
            if new.all():
                out = counts
            else:
                np.copyto(out, counts, where=new)
            black |= new & (values == 0).all(axis=0)
            seen |= new
        return View(out, seen, black, lost & ~seen, join_damage(damage))


class _Source:
    """One image on the grid.

    Some decoders hand over noise where a file is damaged and mention it only once: a block that is
    read again from a cache would pass for sound. So the file is opened anew for each window from
    the first damage on, and after each part that cannot be decoded.
    """

    def __init__(self, picture: Picture, box: GeoBox, vrt: WarpedVRT) -> None:
        self.picture = picture
        self._box = box
        self._rim = shapely.box(*pixel_bounds(picture.box, box))
        self._vrt: WarpedVRT | None = vrt
        self._dataset = vrt.src_dataset
        self._straight = _is_plain(self._dataset) and same_pixels(picture.box, box)
        self._in_blocks = stands_in_blocks(self._dataset)
        self._sparse = _may_be_sparse(self._dataset)

    def reaches(self, window: Window) -> bool:
        """Whether the image may hold something of a window."""
        return bool(self._rim.intersects(_outline(window)))

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray, list[Window]]:
        """Stored values (3, y, x), validity (y, x), and parts of the window that are damaged."""
        absent = self._absent(window)
        if absent is not None:
            return *absent, []
        try:
            values, valid = self._read_whole(window)
            broken: list[Window] = []
        except InputError:
            refuse_changed(self.picture)
            if not self._in_blocks:
                raise
            self._vrt = None
            values, valid, broken = self._read_parts(window)
        refuse_changed(self.picture)
        return values, valid, broken

    def _absent(self, window: Window) -> tuple[np.ndarray, np.ndarray] | None:
        """What reading gives where the file holds no block; None where it must be read.

        It is no data where the file says so by a value or by alpha, else pure black, which is
        known without reading inside the image and not along its rim.
        """
        if self._vrt is None or not self._sparse:
            return None
        facts, place = self.picture.facts, self._place(window)
        hidden = facts.nodata is not None or "alpha" in facts.bands
        if is_held(self._dataset, place) or not (hidden or _lies_in(place, facts.shape)):
            return None
        size = (int(window.height), int(window.width))
        return np.zeros((3, *size), facts.dtype), np.full(size, not hidden)

    def _place(self, window: Window) -> Window:
        """Pixels of the file that a window of the grid is made of, and some more; any may lack."""
        left, top, right, bottom = pixel_bounds(window_box(self._box, window), self.picture.box)
        margin = _KERNEL * max(1.0, (right - left) / window.width, (bottom - top) / window.height)
        col, row = math.floor(left - margin), math.floor(top - margin)
        return Window(col, row, math.ceil(right + margin) - col, math.ceil(bottom + margin) - row)

    def _read_whole(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        if self._vrt is not None and self._straight:
            return self._read_from(self._dataset, window)
        if self._vrt is not None:
            return _read(self.picture, self._vrt, window)
        with _opened(self.picture) as dataset:
            return self._read_from(dataset, window)

    def _read_from(self, dataset: DatasetReader, window: Window) -> tuple[np.ndarray, np.ndarray]:
        box = window_box(self._box, window)
        if self._straight:
            corner = ~self.picture.box.affine @ box.affine
            col, row = round(corner.c), round(corner.f)
            return _read_pixels(
                self.picture, dataset, Window(col, row, window.width, window.height)
            )
        with WarpedVRT(dataset, **_warp(self.picture, box)) as vrt:
            return _read(self.picture, vrt, Window(0, 0, window.width, window.height))

    def _read_parts(self, window: Window) -> tuple[np.ndarray, np.ndarray, list[Window]]:
        """The same in squares of the grid, each by itself."""
        size = (int(window.height), int(window.width))
        values = np.zeros((3, *size), self.picture.facts.dtype)
        valid = np.zeros(size, bool)
        parts = [part for part in _squares(window) if self.reaches(_within(window, part))]
        left, broken = deque(parts), []
        while left:
            with _opened(self.picture) as dataset, suppress(InputError):
                while left:
                    broken.append(left.popleft())
                    here = broken[-1].toslices()
                    found = self._read_from(dataset, _within(window, broken[-1]))
                    values[(slice(None), *here)], valid[here] = found
                    broken.pop()
        return values, valid, broken

    def damage(self, window: Window) -> Damage:
        """Where a window of the grid lies in the file."""
        facts, crs = self.picture.facts, self.picture.box.crs
        middle = footprint(window_box(self._box, window), crs).centroid
        col, row = ~self.picture.box.affine @ (middle.x, middle.y)
        rows, cols = facts.shape
        return Damage(
            facts.path.name, min(max(int(col), 0), cols - 1), min(max(int(row), 0), rows - 1)
        )


def _outline(window: Window) -> Polygon:
    left, top = window.col_off, window.row_off
    right, bottom = left + window.width, top + window.height
    return Polygon([(left, top), (right, top), (right, bottom), (left, bottom)])


def _lies_in(place: Window, shape: tuple[int, int]) -> bool:
    rows, cols = shape
    return bool(
        place.row_off >= 0
        and place.col_off >= 0
        and place.row_off + place.height <= rows
        and place.col_off + place.width <= cols
    )


def _may_be_sparse(dataset: DatasetReader) -> bool:
    """Whether what an absent block means is plain: one no-data value or none, and no mask."""
    masks = {flag for flags in dataset.mask_flag_enums for flag in flags}
    by_mask = MaskFlags.per_dataset in masks and MaskFlags.alpha not in masks
    return not by_mask and len(set(map(str, dataset.nodatavals))) == 1


def _squares(window: Window) -> Iterator[Window]:
    """A window cut along lines of the grid, 64 px apart; each part in pixels of the window."""
    left, top = int(window.col_off), int(window.row_off)
    right, bottom = left + int(window.width), top + int(window.height)
    rows, cols = (
        [start, *range((start // SQUARE + 1) * SQUARE, end, SQUARE), end]
        for start, end in ((top, bottom), (left, right))
    )
    for (north, south), (west, east) in product(pairwise(rows), pairwise(cols)):
        yield Window(west - left, north - top, east - west, south - north)


def _within(window: Window, part: Window) -> Window:
    """A part of a window, in pixels of the grid."""
    col, row = int(window.col_off) + part.col_off, int(window.row_off) + part.row_off
    return Window(col, row, part.width, part.height)


def find_stretch(pictures: Sequence[Picture]) -> Stretch:
    """Measure the stretch of the images of one date: see `measure_stretch`."""
    with ExitStack() as stack:
        stack.enter_context(rasterio.Env(GDAL_CACHEMAX=BLOCK_CACHE))
        datasets = [stack.enter_context(open_raster(picture.path)) for picture in pictures]
        return measure_stretch(datasets, [picture.bands for picture in pictures])


@contextmanager
def open_imagery(
    pictures: Sequence[Picture], box: GeoBox, stretch: Stretch | None = None
) -> Iterator[Imagery]:
    """Open the images of one date for windows on `box`; None measures their stretch."""
    stretch = find_stretch(pictures) if stretch is None else stretch
    with ExitStack() as stack:
        stack.enter_context(rasterio.Env(GDAL_CACHEMAX=BLOCK_CACHE))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        sources = []
        for picture in pictures:
            dataset = stack.enter_context(_opened(picture))
            vrt = stack.enter_context(WarpedVRT(dataset, **_warp(picture, box)))
            sources.append((picture, vrt))
        yield Imagery(sources, box, stretch)


@contextmanager
def _opened(picture: Picture) -> Iterator[DatasetReader]:
    """Open the file of an image that is still the one that the work began with."""
    refuse_changed(picture)
    with open_raster(picture.path) as dataset:
        yield dataset


def _warp(picture: Picture, box: GeoBox) -> dict[str, object]:
    """Options of the WarpedVRT that brings one image to the grid."""
    facts = picture.facts
    floating = facts.dtype.startswith("float")
    return {
        "crs": warp_crs(box),
        "transform": box.affine,
        "height": box.shape[0],
        "width": box.shape[1],
        "src_crs": warp_crs(picture.box),
        "src_transform": picture.box.affine,
        "src_nodata": np.nan if floating and facts.nodata is None else facts.nodata,
        "add_alpha": "alpha" not in facts.bands,
        "resampling": Resampling.nearest if same_pixels(picture.box, box) else Resampling.cubic,
        "warp_mem_limit": 64,
    }


def _read(picture: Picture, vrt: WarpedVRT, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Stored values (3, y, x) and validity (y, x) of one image in a window of the grid."""
    alpha = vrt.count if "alpha" not in picture.facts.bands else _alpha(picture)
    where = f" at column {window.col_off}, row {window.row_off} of the grid"
    with decoding(picture.path, where):
        stack = vrt.read([*picture.bands, alpha], window=window)
    return stack[:3], (stack[3] > 0) & holds_values(stack[:3])


def _read_pixels(
    picture: Picture, dataset: DatasetReader, place: Window
) -> tuple[np.ndarray, np.ndarray]:
    """The same of pixels of the file as they are; what lies beyond the file is no data."""
    size, (rows, cols) = (int(place.height), int(place.width)), picture.facts.shape
    top, left = max(0, -place.row_off), max(0, -place.col_off)
    height = min(size[0], rows - place.row_off) - top
    width = min(size[1], cols - place.col_off) - left
    values, valid = np.zeros((3, *size), picture.facts.dtype), np.zeros(size, bool)
    if height <= 0 or width <= 0:
        return values, valid
    window = Window(place.col_off + left, place.row_off + top, width, height)
    with decoding(picture.path, f" at column {window.col_off}, row {window.row_off}"):
        stack = dataset.read([*picture.bands], window=window)
    held = holds_values(stack)
    nodata = picture.facts.nodata
    if nodata is not None and (stack[0] == nodata).any():  # else each pixel holds something
        held &= (stack != nodata).any(axis=0)
    if held.shape == size:
        return stack, held
    here = slice(top, top + height), slice(left, left + width)
    values[:, *here], valid[here] = stack, held
    return values, valid


def _is_plain(dataset: DatasetReader) -> bool:
    """Whether three bands hold the colours and nothing but a value of theirs says no data."""
    masks = {flag for flags in dataset.mask_flag_enums for flag in flags}
    same = len(set(map(str, dataset.nodatavals))) == 1
    return dataset.count == 3 and same and masks <= {MaskFlags.all_valid, MaskFlags.nodata}


def _alpha(picture: Picture) -> int:
    return picture.facts.bands.index("alpha") + 1
