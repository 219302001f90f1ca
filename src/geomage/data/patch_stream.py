"""Patches from rasters of any size: whole windows are read, many patches are cut from each.

Reading a random window decodes all blocks it touches for one patch. Here a window of some blocks is
decoded once and gives tens of patches, which a shuffle buffer mixes with those of other windows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from geomage.data.patch_plan import FREE, Tally, Visit, plan_given, plan_visits, tally_classes
from geomage.data.patch_reader import Chunk, read_chunk
from geomage.data.patches import PatchSource
from geomage.errors import BudgetError, InputError
from geomage.geo import MEMORY

__all__ = ["Patch", "PatchParams", "PatchStream", "patch_stream"]

Patch = dict[str, Any]
_TRIES = 4  # places drawn for one patch, before it is given up for want of data
_PLAN, _DRAW, _MIX = range(3)  # purposes of random numbers


@dataclass(frozen=True)
class PatchParams:
    """How patches are drawn."""

    size: int = 256
    """side of a patch, pixels of the finest raster"""
    per_chunk: int = 96
    """patches cut from a whole window; 96 of 256 px hold half as many pixels again as a window of
    2048 px, and nearly three quarters of it lie in one"""
    chunk: int = 2048
    """side of a window, pixels of the finest raster; taken to whole blocks"""
    max_nodata: float = 0.2
    """largest share of a patch in which one of the images has no data"""
    balance: str | None = None
    """label whose classes patches are aimed at, each equally often; None draws by area"""
    weights: Mapping[int, float] = field(default_factory=dict)
    """by class of that label, instead of equally often"""
    buffer: int = 512
    """patches in the shuffle buffer"""
    seed: int = 0


@dataclass(frozen=True)
class PatchStream:
    """Patches without end, epoch by epoch; from `patch_stream`.

    A patch is a dict: each layer by its name, as stored, images (band, y, x) and labels (y, x);
    `place`, int64: number of the source, row and column of the upper left pixel, in pixels of the
    finest raster; `aim`, the class that it was drawn for and holds, -1 for none.

    Same sources, parameters, epoch and worker: same patches in the same order. Which patches an
    epoch has does not depend on the number of workers. Nothing is open between windows: streams go
    to forked and spawned processes alike.
    """

    sources: tuple[PatchSource, ...]
    params: PatchParams
    tallies: tuple[Tally, ...] | None = None
    places: tuple[tuple[int, int, int], ...] | None = None
    worker: tuple[int, int] = (0, 1)

    def share(self, worker: int, of: int) -> PatchStream:
        """The part of the windows that is for worker number `worker` of `of`."""
        if not 0 <= worker < of:
            raise InputError(f"worker {worker} of {of}: numbers go from 0 to {of - 1}")
        return replace(self, worker=(worker, of))

    def __iter__(self) -> Iterator[Patch]:
        return self.epoch(0)

    def epoch(self, number: int) -> Iterator[Patch]:
        """Patches of one pass over the sources; each pass draws others.

        Raises:
            InputError: a file that is damaged or has changed.
        """
        rng = np.random.default_rng((self.params.seed, number, _MIX, *self.worker))
        return _mixed(self.unmixed(number), self.params.buffer, rng)

    def unmixed(self, number: int) -> Iterator[Patch]:
        """The same patches, window by window: for a store, whose reader shuffles itself."""
        for source, chunk, aim, (row, col) in self.found(number):
            place = np.array([source, row, col])
            yield {**chunk.cut(row, col, self.params.size), "place": place, "aim": aim}

    def found(self, number: int) -> Iterator[tuple[int, Chunk, int, tuple[int, int]]]:
        """(source, window as read, aim, (row, column)) of the patches of an epoch, uncut."""
        worker, of = self.worker
        for i, visit in list(enumerate(self.visits(number)))[worker::of]:
            rng = np.random.default_rng((self.params.seed, number, _DRAW, i))
            chunk = read_chunk(self.sources[visit.source], visit.window)
            if chunk is not None:
                places = self._places(visit, chunk, rng)
                yield from ((visit.source, chunk, aim, place) for aim, place in places)

    def visits(self, number: int) -> list[Visit]:
        """The windows of an epoch, of all workers, in their order."""
        params = self.params
        rng = np.random.default_rng((params.seed, number, _PLAN))
        sizes = (params.size, params.chunk, params.per_chunk)
        if self.places is not None:
            return plan_given(rng, self.sources, sizes, self.places)
        return plan_visits(rng, self.sources, sizes, self.tallies, params.weights)

    def _places(
        self, visit: Visit, chunk: Chunk, rng: np.random.Generator
    ) -> Iterator[tuple[int, tuple[int, int]]]:
        """(aim, place) of the patches of a window that hold enough data."""
        size, most = self.params.size, self.params.max_nodata
        if visit.places is not None:
            good = (p for p in visit.places if chunk.nodata(*p, size) <= most)
            yield from ((FREE, place) for place in good)
            return
        draw = _Draw(chunk, self.sources[visit.source], self.params, {})
        for aim in visit.aims:
            drawn = (draw.place(rng, aim) for _ in range(_TRIES))
            found = next((p for p in drawn if p and chunk.nodata(*p, size) <= most), None)
            if found is not None:
                yield aim, found


@dataclass(frozen=True)
class _Draw:
    """Draws places of patches in a window; where the pixels of each class lie is found once."""

    chunk: Chunk
    source: PatchSource
    params: PatchParams
    found: dict[int, np.ndarray]

    def place(self, rng: np.random.Generator, aim: int) -> tuple[int, int] | None:
        """Row and column of a patch, anywhere or with a random pixel of a class in it."""
        window = self.chunk.window
        spans = [(0, window.rows), (0, window.cols)]
        if aim == FREE or self.params.balance is None:
            row, col = (self._start(rng, 0, n - self.params.size) for _, n in spans)
            return window.row + row, window.col + col
        pixels = self._pixels(aim)
        if not pixels.size:
            return None
        layer = self.source.label(self.params.balance)
        at = divmod(int(rng.choice(pixels)), window.cols // layer.factor)
        starts = [
            self._start(rng, (p + 1) * layer.factor - self.params.size, p * layer.factor, n)
            for p, (_, n) in zip(at, spans, strict=True)
        ]
        return window.row + starts[0], window.col + starts[1]

    def _start(self, rng: np.random.Generator, low: int, high: int, rows: int | None = None) -> int:
        """One of the starts from `low` to `high` at which a patch lies within the window."""
        step = self.source.step
        if rows is not None:
            high = min(high, rows - self.params.size)
        first, last = -(-max(0, low) // step), high // step
        return int(rng.integers(first, last + 1)) * step

    def _pixels(self, aim: int) -> np.ndarray:
        if aim not in self.found:
            labels = self.chunk.values[str(self.params.balance)]
            self.found[aim] = np.flatnonzero(labels == aim)
        return self.found[aim]


def patch_stream(
    sources: Sequence[PatchSource], params: PatchParams | None = None, selection: Any = None
) -> PatchStream:
    """Stream patches of one or many sources, such as the scenes of a mosaic.

    Args:
        sources: all with layers of the same names and types.
        params: how patches are drawn; with `balance` the labels are read through once, now.
        selection: a table of `select_patches`, or some of its rows; its patches are given instead
            of random ones, in another order each epoch.

    Raises:
        InputError: parameters that do not fit each other or the sources.
        BudgetError: a shuffle buffer or a window that would not fit in memory.
    """
    params = params or PatchParams()
    for number, source in enumerate(sources):
        _refuse_misfit(sources[0], source, number)
        _refuse_odd(source, params)
    if not sources:
        raise InputError("patches need at least one source")
    tallies = places = None
    if selection is not None:
        _refuse_other(selection, params)
        columns = (selection[name].to_numpy().tolist() for name in ("source", "row", "col"))
        places = tuple(zip(*columns, strict=True))
    elif params.balance is not None:
        tallies = tuple(tally_classes(s, params.balance, params.chunk) for s in sources)
    stream = PatchStream(tuple(sources), params, tallies, places)
    stream.visits(0)  # classes and places that are not there are told now
    return stream


def _refuse_misfit(first: PatchSource, other: PatchSource, number: int) -> None:
    """Raise InputError where a source would give patches of another make than the first."""
    kinds = [
        [(layer.name, layer.label, layer.factor, layer.count, layer.dtype) for layer in one.layers]
        for one in (first, other)
    ]
    odd = [pair for pair in zip(*kinds, strict=False) if pair[0] != pair[1]]
    if odd or len(kinds[0]) != len(kinds[1]):
        words = f": {odd[0][1]} against {odd[0][0]}" if odd else ""
        raise InputError(f"source {number} has other layers than the first{words} "
                         "(name, label, pixels of the finest, bands, type)")  # fmt: skip


def _refuse_odd(source: PatchSource, params: PatchParams) -> None:
    """Raise InputError or BudgetError at parameters that cannot be served."""
    size, step, shape = params.size, source.step, source.shape
    if size < 1 or size % step:
        raise InputError(f"size = {size}: a patch must be whole pixels of the coarsest raster, "
                         f"a multiple of {step}")  # fmt: skip
    if size > min(shape):
        raise InputError(f"size = {size}: the rasters share {shape[0]} x {shape[1]} px only")
    if params.chunk < size:
        raise InputError(f"chunk = {params.chunk} must not be less than size = {size}")
    if params.per_chunk < 1 or params.buffer < 1:
        raise InputError(f"per_chunk = {params.per_chunk} and buffer = {params.buffer} must be at "
                         "least 1")  # fmt: skip
    if not 0 <= params.max_nodata <= 1:
        raise InputError(f"max_nodata = {params.max_nodata} is no share from 0 to 1")
    odd = [w for w in params.weights.values() if not 0 <= w < math.inf]
    if odd or (params.weights and not sum(params.weights.values()) > 0):
        raise InputError(f"weights = {dict(params.weights)}: none below 0, and one above")
    if params.balance is not None:
        source.label(params.balance)
    _refuse_large(source, params)


def _refuse_large(source: PatchSource, params: PatchParams) -> None:
    for name, side, many in (("buffer", params.size, params.buffer), ("chunk", params.chunk, 1)):
        each = sum(
            math.prod(layer.shape(side)) * np.dtype(layer.dtype).itemsize for layer in source.layers
        )
        if many * each > MEMORY:
            raise BudgetError(
                f"{name} = {getattr(params, name)} takes {many * each / 2**30:.3g} GiB, more than "
                f"the {MEMORY / 2**30:g} GiB of memory: take less"
            )


def _refuse_other(selection: Any, params: PatchParams) -> None:
    """Raise InputError at a table that is no selection, or one of patches of another size."""
    lacking = {"source", "row", "col", "size"} - set(selection.columns)
    if lacking:
        raise InputError(f"the selection has no column {min(lacking)!r}: make it with "
                         "select_patches")  # fmt: skip
    odd = set(selection["size"].tolist()) - {params.size}
    if odd:
        raise InputError(f"the selection is of patches of {min(odd)} px, size = {params.size}")
    if params.balance is not None:
        raise InputError("balance has no use with a selection: select by class instead")


def _mixed(patches: Iterable[Patch], many: int, rng: np.random.Generator) -> Iterator[Patch]:
    """The same patches in another order: each new one takes the place of a random one held."""
    held: list[Patch] = []
    for patch in patches:
        if len(held) < many:
            held.append(patch)
            continue
        i = int(rng.integers(many))
        yield held[i]
        held[i] = patch
    for i in rng.permutation(len(held)):
        yield held[i]
