"""Which windows an epoch reads, in which order, and how many patches of which class each gives.

Windows follow the blocks of the first image, so that no block is decoded twice; every epoch lays
them from another block on, so that patches over their borders come as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from geomage.data.patch_reader import read_label
from geomage.data.patches import PatchLayer, PatchSource, Window
from geomage.errors import InputError

__all__ = ["FREE", "Tally", "Visit", "plan_given", "plan_visits", "tally_classes", "windows_of"]

FREE = -1  # a patch that is drawn for no class
_CELL = 256  # pixels of the finest raster: side of the cells that classes are counted in
_SMALLEST_CELL = 32
_CLASSES = 256


@dataclass(frozen=True)
class Visit:
    """One window to read, and what to cut from it.

    aims: the class that each patch shall hold, or FREE. places: (row, col) of each patch where they
    are given; else they are drawn.
    """

    source: int
    window: Window
    aims: tuple[int, ...]
    places: tuple[tuple[int, int], ...] | None = None


@dataclass(frozen=True)
class Tally:
    """Pixels of each class of a label raster: `counts` is (cell row, cell column, class).

    cell: side of a cell in pixels of the finest raster; shape: (y, x) of the source in them.
    """

    classes: tuple[int, ...]
    cell: int
    shape: tuple[int, int]
    counts: np.ndarray

    def within(self, window: Window) -> np.ndarray:
        """(class,) pixels of a window, as if those of a cell were spread over it."""
        rows = self._part(0, window.row, window.rows)
        cols = self._part(1, window.col, window.cols)
        return np.asarray(np.einsum("i,j,ijc->c", rows, cols, self.counts))

    def _part(self, axis: int, first: int, many: int) -> np.ndarray:
        """Share of each cell along one axis that some pixels take."""
        starts = self.cell * np.arange(self.counts.shape[axis])
        ends = np.minimum(starts + self.cell, self.shape[axis])
        taken = np.minimum(ends, first + many) - np.maximum(starts, first)
        return np.asarray(np.clip(taken, 0, None) / (ends - starts))


def windows_of(
    source: PatchSource, chunk: int, least: int = 1, shift: tuple[int, int] = (0, 0)
) -> list[Window]:
    """Cover a source by windows of about `chunk` pixels, which begin and end with blocks.

    Args:
        source: what to cover.
        chunk: side in pixels of the finest raster.
        least: side below which what is left at the rim goes to the window beside it.
        shift: (y, x) pixels by which the windows are moved; see `draw_shift`.
    """
    spans = [_spans(source, axis, (chunk, least), shift[axis]) for axis in (0, 1)]
    return [Window(top, left, rows, cols) for top, rows in spans[0] for left, cols in spans[1]]


def _spans(
    source: PatchSource, axis: int, sides: tuple[int, int], shift: int
) -> list[tuple[int, int]]:
    """(first, number) of pixels along one axis."""
    first = next(layer for layer in source.layers if not layer.label)
    grain, side = _grain(source, axis, sides[0])
    begin = (-(first.row, first.col)[axis] * first.factor) % grain + shift
    end, step = source.shape[axis], source.step
    borders = [-(-border // step) * step for border in range(begin % side, end, side)]
    within = [border for border in borders if sides[1] <= border <= end - sides[1]]
    return [(a, b - a) for a, b in pairwise((0, *within, end))]


def _grain(source: PatchSource, axis: int, chunk: int) -> tuple[int, int]:
    """(pixels by which windows may move, their side) along one axis.

    Blocks larger than a window (strips, a whole image) are decoded again for each of theirs.
    """
    first = next(layer for layer in source.layers if not layer.label)
    grain = math.lcm(first.block[axis] * first.factor, source.step)
    grain = grain if grain <= chunk else source.step
    return grain, max(1, chunk // grain) * grain


def draw_shift(rng: np.random.Generator, source: PatchSource, chunk: int) -> tuple[int, int]:
    """Draw where the windows of an epoch begin, (y, x); by half a window where that is a block."""
    shifts = []
    for axis in (0, 1):
        grain, side = _grain(source, axis, chunk)
        grain = grain if side > grain else max(1, side // 2 // source.step) * source.step
        shifts.append(int(rng.integers(side // grain)) * grain)
    return (shifts[0], shifts[1])


def tally_classes(source: PatchSource, name: str, chunk: int) -> Tally:
    """Count the classes of a label raster: one pass, in which blocks never written are not read.

    Raises:
        InputError: no such label, or values that are no classes from 0 to 255.
    """
    layer = source.label(name)
    cell = _cell(source, chunk)
    rows, cols = (-(-side // cell) for side in source.shape)
    counts = np.zeros((rows, cols, _CLASSES), np.uint32)
    for window in windows_of(source, chunk):
        values = read_label(layer, window)
        if values is not None:
            _add(counts, layer, window, (values, cell))
    found = [c for c in range(_CLASSES) if c != layer.nodata and counts[..., c].any()]
    return Tally(tuple(found), cell, source.shape, counts[..., found].astype(np.int64))


def _cell(source: PatchSource, chunk: int) -> int:
    """Side of cells that windows begin and end with, where blocks allow it."""
    first = next(layer for layer in source.layers if not layer.label)
    grains = (_grain(source, axis, chunk)[0] for axis in (0, 1))
    even = math.gcd(*grains, first.row * first.factor, first.col * first.factor, _CELL)
    if even >= _SMALLEST_CELL and even % source.step == 0:
        return even
    return max(1, _CELL // source.step) * source.step


def _add(
    counts: np.ndarray, layer: PatchLayer, window: Window, seen: tuple[np.ndarray, int]
) -> None:
    values, cell = seen
    if values.dtype.kind == "f" or values.min() < 0 or values.max() >= _CLASSES:
        raise InputError(
            f"{layer.path} holds {values.min():g} to {values.max():g} as {values.dtype}: classes "
            "are whole numbers from 0 to 255"
        )
    k, part = layer.factor, values.astype(np.intp)
    rows = (window.row + k * np.arange(part.shape[0])) // cell
    cols = (window.col + k * np.arange(part.shape[1])) // cell
    high, wide = int(rows[-1] - rows[0]) + 1, int(cols[-1] - cols[0]) + 1
    part += _CLASSES * ((rows - rows[0])[:, None] * wide + (cols - cols[0]))
    found = np.bincount(part.ravel(), minlength=high * wide * _CLASSES)
    here = (slice(rows[0], rows[0] + high), slice(cols[0], cols[0] + wide))
    counts[here] += found.reshape(high, wide, _CLASSES).astype(np.uint32)


def plan_visits(
    rng: np.random.Generator,
    sources: Sequence[PatchSource],
    sizes: tuple[int, int, int],
    tallies: Sequence[Tally] | None,
    weights: Mapping[int, float],
) -> list[Visit]:
    """Plan an epoch: all windows in random order.

    A whole window gives `per_chunk` patches, others by area. With `tallies` as many patches as that
    are aimed at classes, by their weights; a window gets its share of a class by its pixels of it,
    and is read anew for each `per_chunk` of them.

    Args:
        rng: for the order and what is left over in rounding.
        sources: what to read.
        sizes: side of a patch, side of a window, patches a window.
        tallies: of one label of each source.
        weights: by class; equal ones where empty.
    """
    size, chunk, per_chunk = sizes
    windows = [
        (number, window)
        for number, source in enumerate(sources)
        for window in windows_of(source, chunk, size, draw_shift(rng, source, chunk))
    ]
    areas = np.array([window.rows * window.cols for _, window in windows])
    due = (per_chunk * areas / chunk**2)[:, None]
    classes: tuple[int, ...] = (FREE,)
    if tallies is not None:
        classes, shares = _shares(windows, tallies, weights)
        due = due.sum() * shares
    many = np.floor(due + rng.random(due.shape)).astype(int)
    visits = []
    for (number, window), row in zip(windows, many, strict=True):
        aims = [int(c) for c in rng.permutation(np.repeat(classes, row))]
        visits += [Visit(number, window, tuple(part)) for part in _parts(aims, per_chunk)]
    return [visits[i] for i in rng.permutation(len(visits))]


def _parts(aims: Sequence[int], most: int) -> Iterator[Sequence[int]]:
    return (aims[i : i + most] for i in range(0, len(aims), most))


def _shares(
    windows: Sequence[tuple[int, Window]], tallies: Sequence[Tally], weights: Mapping[int, float]
) -> tuple[tuple[int, ...], np.ndarray]:
    """Classes, and (window, class) of the share of all patches that each is due."""
    known = sorted({c for tally in tallies for c in tally.classes})
    odd = sorted(set(weights) - set(known))
    if odd or not known:
        raise InputError(
            f"balance: class {odd[0] if odd else 'any'} is nowhere in the labels, which hold "
            f"{', '.join(map(str, known)) or 'none'}"
        )
    classes = tuple(c for c in known if weights.get(c, 0 if weights else 1) > 0)
    counts = np.zeros((len(windows), len(classes)))
    for i, (number, window) in enumerate(windows):
        held = dict(zip(tallies[number].classes, tallies[number].within(window), strict=True))
        counts[i] = [held.get(c, 0) for c in classes]
    wanted = np.array([weights.get(c, 1.0) for c in classes]) * (counts.sum(axis=0) > 0)
    if not wanted.sum() > 0:
        raise InputError("balance: the labels hold no class of a weight above 0")
    return classes, counts / np.maximum(counts.sum(axis=0), 1) * wanted / wanted.sum()


def plan_given(
    rng: np.random.Generator,
    sources: Sequence[PatchSource],
    sizes: tuple[int, int, int],
    places: Iterable[tuple[int, int, int]],
) -> list[Visit]:
    """Plan an epoch of patches at given (source, row, col): a window is read once for all in it."""
    size, chunk, _ = sizes
    near: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
    for number, row, col in places:
        high, wide = sources[number].shape
        if not (0 <= row <= high - size and 0 <= col <= wide - size):
            raise InputError(f"the patch at row {row}, column {col} leaves source {number}: "
                             f"{high} x {wide} px")  # fmt: skip
        if row % sources[number].step or col % sources[number].step:
            step = sources[number].step
            raise InputError(f"the patch at row {row}, column {col} of source {number} begins "
                             f"within a pixel: take multiples of {step}")  # fmt: skip
        near.setdefault((number, row // chunk, col // chunk), []).append((row, col))
    visits = []
    for (number, _, _), found in sorted(near.items()):
        order = [found[i] for i in rng.permutation(len(found))]
        (top, left), (low, right) = np.min(found, axis=0), np.max(found, axis=0)
        window = Window(int(top), int(left), int(low - top) + size, int(right - left) + size)
        visits.append(Visit(number, window, (FREE,) * len(order), tuple(order)))
    return [visits[i] for i in rng.permutation(len(visits))]
