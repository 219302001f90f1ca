"""What a model says of one window of arrays, in any process; and of all, at once or lazily.

The windows are those of the card, from the upper left corner of the grid. How the arrays are cut
into chunks decides which chunks a window reads, and nothing else.
"""

from __future__ import annotations

import hashlib
import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.windows import Window

from geomage.errors import InputError, ModelError
from geomage.geo import TileKey, Tiling, overlap
from geomage.mapping.array_foreign import DetectorSource, foreign_pixels, reach_of_cells
from geomage.mapping.arrays import Photo, is_valid
from geomage.mapping.date import mirrored
from geomage.mapping.predict import (
    ONE_DATE,
    TWO_DATES,
    answer,
    read_window,
    tile_counts,
)
from geomage.mapping.reasons import (
    FIRST_FOREIGN,
    NO_FIRST,
    NO_SECOND,
    OBSCURED,
    SECOND_FOREIGN,
)
from geomage.mapping.stretch import to_counts
from geomage.mapping.tone import Tone
from geomage.model import Model, ModelCard, default_model_path, load_model
from geomage.workers import cores, threads_here

__all__ = ["ModelSource", "SayWindow", "say_all", "say_lazily"]

_OBSCURED = TWO_DATES.index("obscured")
# Of large chunks, a window is sent the part it needs, by a task of its own: of those of two windows
# with their halo while that makes few tasks, of those of sixteen always.
_LARGE, _HUGE, _PARTS = 2, 16, 20_000
_OPENING = threading.Lock()


@dataclass(frozen=True)
class ModelSource:
    """Where a model is found by any process; it travels instead of the model."""

    path: Path | None
    """None is the shipped one, wherever the package lies."""
    backend: str
    precision: str
    sha256: str

    @classmethod
    def of(cls, model: Model) -> ModelSource:
        """Say where an open model is found."""
        shipped = model.path == default_model_path()
        path = None if shipped else model.path.absolute()
        return cls(path, model.backend, model.precision, _sha256(model.path))

    def open(self) -> Model:
        """Open it, or the one that this process has open.

        Raises:
            ModelError: it is not there, or it is another one.
        """
        with _OPENING:
            return _opened(self, threads_here())


@lru_cache(maxsize=2)
def _opened(source: ModelSource, threads: int) -> Model:
    # Whoever opened it first has accepted what its precision costs.
    model = load_model(
        source.path or "default",
        threads,
        backend=source.backend,
        precision=source.precision,
        accept_loss=True,
    )
    if _sha256(model.path) != source.sha256:
        raise ModelError(
            f"{model.path} is another model than the one this work began with: give all workers "
            "the same version of geomage and the same file"
        )
    return model


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@cache
def _gate(threads: int) -> threading.BoundedSemaphore:
    """As many runs of a model at once as fill the cores: more only take memory."""
    return threading.BoundedSemaphore(max(1, cores() // threads))


@dataclass(frozen=True)
class SayWindow:
    """Task: what the model says of one window; small, and pickles."""

    model: ModelSource
    tones: tuple[Tone, ...]
    nodata: tuple[float | None, ...]
    shape: tuple[int, int]
    """(y, x) pixels of the arrays."""
    flips: bool = False
    detector: DetectorSource | None = None
    """What tells where an array is too far from what the model knows; None where nobody does."""

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of what is said: those of the tiles of a map, and a code of why nothing is."""
        return (*(ONE_DATE if len(self.tones) == 1 else TWO_DATES), "not_analysed")

    def reach(self, core: Window, card: ModelCard) -> Window:
        """The part of the arrays that a window needs, of the model and of the detector."""
        there = mirrored(read_window(core, card), self.shape).there
        if self.detector is None:
            return there
        return _both(there, reach_of_cells(self.detector.open(), core, self.shape))

    def __call__(self, core: Window, dates: Sequence[np.ndarray]) -> np.ndarray:
        """Say it, uint8 (band, y, x).

        Args:
            core: the window.
            dates: values (band, y, x) of each date in its reach.
        """
        there = self.reach(core, self.model.open().card)
        shown = [
            _Shown(there, values, is_valid(values, nodata), tone)
            for values, nodata, tone in zip(dates, self.nodata, self.tones, strict=True)
        ]
        seen = [one.cut(core).valid for one in shown]
        if not seen[0].any():
            said = np.zeros((len(self.bands) - 1, *seen[0].shape), "uint8")
            return _with_code(said, seen, [np.zeros_like(one) for one in seen])
        said = self._counts(core, shown, seen[0])
        return _with_code(said, seen, [self._foreign(core, one) for one in shown])

    def _counts(self, core: Window, dates: list[_Shown], seen: np.ndarray) -> np.ndarray:
        model, threads = self.model.open(), threads_here()
        mirror = mirrored(read_window(core, model.card), self.shape)
        parts = [one.cut(mirror.there) for one in dates]
        shown = [mirror.unfold(one.tone.counts(one.values, one.valid))[None] for one in parts]
        with _gate(threads):
            said = answer(model, (shown[0], shown[-1]), flips=self.flips)
        return tile_counts(said, seen, model.card, len(self.bands) - 1)

    def _foreign(self, core: Window, date: _Shown) -> np.ndarray:
        """(y, x) bool of the core: where a date is too far from what the model knows."""
        if self.detector is None:
            return np.zeros((core.height, core.width), bool)
        detector = self.detector.open()
        part = date.cut(reach_of_cells(detector, core, self.shape))
        counts = to_counts(date.tone.stretch, part.values[:3], part.valid)
        with _gate(threads_here()):
            return foreign_pixels(detector, core, counts, part.valid, self.shape)


@dataclass(frozen=True)
class _Shown:
    """A part of one date."""

    window: Window
    values: np.ndarray  # (band, y, x)
    valid: np.ndarray  # (y, x) bool
    tone: Tone

    def cut(self, window: Window) -> _Shown:
        """A window that lies in this one."""
        rows, cols = overlap(self.window, window).toslices()
        return replace(
            self, window=window, values=self.values[:, rows, cols], valid=self.valid[rows, cols]
        )


def _both(one: Window, other: Window) -> Window:
    """The smallest window that holds two."""
    top, left = min(one.row_off, other.row_off), min(one.col_off, other.col_off)
    bottom = max(one.row_off + one.height, other.row_off + other.height)
    right = max(one.col_off + one.width, other.col_off + other.width)
    return Window(int(left), int(top), int(right - left), int(bottom - top))


def _with_code(said: np.ndarray, seen: list[np.ndarray], foreign: list[np.ndarray]) -> np.ndarray:
    """Nothing is said of a date where it is not seen, or foreign; the last band tells why."""
    code = np.zeros(seen[0].shape, "uint8")
    if len(seen) > 1:
        code[foreign[1]] = SECOND_FOREIGN
        code[said[_OBSCURED] > 127] = OBSCURED
        code[~seen[1]] = NO_SECOND
    code[foreign[0]] = FIRST_FOREIGN
    code[~seen[0]] = NO_FIRST
    out = np.concatenate([said, code[None]])
    out[:-1, (code == NO_FIRST) | (code == FIRST_FOREIGN)] = 0
    out[len(ONE_DATE) : -1, (code == NO_SECOND) | (code == SECOND_FOREIGN)] = 0
    return out


def say_all(task: SayWindow, photos: Sequence[Photo], tiling: Tiling) -> np.ndarray:
    """Do all windows now, one after the other; uint8 (band, y, x)."""
    card = task.model.open().card
    out = np.zeros((len(task.bands), *task.shape), "uint8")
    for core in map(tiling.core, tiling):
        there = task.reach(core, card)
        rows, cols = core.toslices()
        out[:, rows, cols] = task(core, [photo.read_window(there) for photo in photos])
    return out


def say_lazily(task: SayWindow, photos: Sequence[Photo], tiling: Tiling) -> Any:
    """Plan all windows, a chunk each, as a Dask array of uint8 (band, y, x).

    One task a window, which takes the chunks it touches; of large ones it is sent its part.

    Raises:
        InputError: chunks of unknown size.
    """
    import dask.array as da  # noqa: PLC0415 -- only here is it needed
    from dask.base import tokenize  # noqa: PLC0415
    from dask.highlevelgraph import HighLevelGraph  # noqa: PLC0415

    card = task.model.open().card
    arrays = [_chunked(photo, tiling.side) for photo in photos]
    token = tokenize(task, tiling.side, *(array.name for array in arrays))
    reaches = _reaches(task, tiling, card)
    sources = [
        _Source(f"geomage-part-{place}-{token}", photo, array, reaches)
        for place, (photo, array) in enumerate(zip(photos, arrays, strict=True))
    ]
    name = f"geomage-{token}"
    graph: dict[Any, Any] = {}
    for key in tiling:
        chunks = [source.chunks(key, graph) for source in sources]
        cuts = tuple(source.cut(key) for source in sources)
        graph[name, 0, key.row, key.col] = (_say, task, tiling.core(key), chunks, cuts)
    layers = HighLevelGraph.from_collections(name, graph, dependencies=arrays)
    sides = [_sides(side, tiling.side) for side in task.shape]
    return da.Array(layers, name, chunks=((len(task.bands),), *sides), dtype="uint8")


def _reaches(task: SayWindow, tiling: Tiling, card: ModelCard) -> tuple[list[slice], list[slice]]:
    """Rows that each row of windows needs, and columns that each column does."""
    firsts = [TileKey(row, 0) for row in range(tiling.rows)]
    tops = [TileKey(0, col) for col in range(tiling.cols)]
    rows = [task.reach(tiling.core(key), card).toslices()[0] for key in firsts]
    cols = [task.reach(tiling.core(key), card).toslices()[1] for key in tops]
    return rows, cols


def _chunked(photo: Photo, side: int) -> Any:
    """The array of a date as Dask's; one that is in memory goes into the graph."""
    array = photo.image.data if photo.image.chunks else None
    if array is None:
        array = photo.image.chunk(dict.fromkeys(photo.image.dims[1:], side)).data
    if any(np.isnan(side) for chunks in array.chunks for side in chunks):
        raise InputError(
            f"{photo.name} has chunks of unknown size: {photo.name}.data.compute_chunk_sizes()"
        )
    return array


def _sides(length: int, side: int) -> tuple[int, ...]:
    """Sides of the windows along one axis."""
    return tuple(min(side, length - start) for start in range(0, length, side))


@dataclass(frozen=True)
class _Cut:
    """Which parts of chunks make a block."""

    bands: tuple[int, ...]
    rows: tuple[slice, ...]
    cols: tuple[slice, ...]

    def join(self, chunks: list[list[list[np.ndarray]]]) -> np.ndarray:
        """(band, y, x) of chunks in lists by band, row and column."""
        parts = [
            [
                [chunk[:, rows, cols] for cols, chunk in zip(self.cols, line, strict=True)]
                for rows, line in zip(self.rows, plane, strict=True)
            ]
            for plane in chunks
        ]
        return np.asarray(np.block(parts)[list(self.bands)])


def _say(task: SayWindow, core: Window, chunks: list[Any], cuts: tuple[_Cut, ...]) -> np.ndarray:
    return task(core, [cut.join(some) for some, cut in zip(chunks, cuts, strict=True)])


def _copy(chunk: np.ndarray, rows: slice, cols: slice) -> np.ndarray:
    """A copy, that the chunk may go."""
    return np.array(chunk[:, rows, cols])


class _Source:
    """The chunks of one date that windows need, and the tasks that cut large ones."""

    def __init__(
        self, name: str, photo: Photo, array: Any, reaches: tuple[list[slice], list[slice]]
    ) -> None:
        self._array, self._name = array, name
        bands, *sides = array.chunks
        self._rows, self._cols = (
            [list(_spans(list(accumulate(axis)), reach)) for reach in some]
            for axis, some in zip(sides, reaches, strict=True)
        )
        places = [(n, k) for n, size in enumerate(bands) for k in range(size)]
        wanted = [places[band] for band in photo.bands]
        self._planes = sorted({plane for plane, _ in wanted})
        self._bands = tuple(
            sum(bands[other] for other in self._planes if other < plane) + place
            for plane, place in wanted
        )
        self._is_cut = self._are_cut(max(sides[0]) * max(sides[1]), reaches)

    def _are_cut(self, pixels: int, reaches: tuple[list[slice], list[slice]]) -> bool:
        """Whether chunks of so many pixels are sent in parts."""
        high, wide = (max(reach.stop - reach.start for reach in some) for some in reaches)
        rows, cols = (sum(map(len, spans)) for spans in (self._rows, self._cols))
        few = rows * cols * len(self._planes) <= _PARTS
        return bool(pixels > (_LARGE if few else _HUGE) * high * wide)

    def chunks(self, key: TileKey, graph: dict[Any, Any]) -> list[Any]:
        """What a window needs, keys in lists by band, row and column; cuts are added to `graph`."""
        rows, cols = self._rows[key.row], self._cols[key.col]
        if self._is_cut:
            return [
                [[self._part((b, r, c), (at, to), graph) for c, to in cols] for r, at in rows]
                for b in self._planes
            ]
        name = self._array.name
        return [[[(name, b, r, c) for c, _ in cols] for r, _ in rows] for b in self._planes]

    def cut(self, key: TileKey) -> _Cut:
        """How to make a block of what `chunks` names."""
        rows, cols = (
            tuple(slice(None) if self._is_cut else part for _, part in spans)
            for spans in (self._rows[key.row], self._cols[key.col])
        )
        return _Cut(self._bands, rows, cols)

    def _part(
        self, place: tuple[int, int, int], part: tuple[slice, slice], graph: dict[Any, Any]
    ) -> tuple[str, int]:
        name = (self._name, len(graph))
        graph[name] = (_copy, (self._array.name, *place), *part)
        return name


def _spans(ends: list[int], reach: slice) -> Iterator[tuple[int, slice]]:
    """Which chunks along an axis hold a reach, and which part of each."""
    start, stop = reach.start, reach.stop
    place = bisect_right(ends, start)
    while start < stop:
        begin, end = ends[place - 1] if place else 0, min(stop, ends[place])
        if end > start:
            yield place, slice(start - begin, end - begin)
        start, place = end, place + 1
