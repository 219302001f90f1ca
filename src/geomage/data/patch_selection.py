"""Choosing patches over a mosaic beforehand: by grid or by class, and split by blocks of ground.

The strategies are those of OTBTF's PatchesSelection (all, split, chessboard, balanced), told apart
by what they say: where patches lie (`grid` or `class`), and how they are split. Splits go by blocks
of ground: a patch that reaches into blocks of two splits is left out, so that no pixel of one split
is seen in another, in overlapping scenes neither.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from geomage.data.patch_plan import Tally, tally_classes
from geomage.data.patch_stream import PatchParams, PatchStream, patch_stream
from geomage.data.patches import PatchSource
from geomage.errors import InputError, near_names

__all__ = ["SelectionParams", "select_patches"]

_STRATEGIES = ("grid", "class")
_SPLIT = 3  # purpose of random numbers, beside those of the stream
_EPOCHS = 8  # passes, after which patches by class are as many as there are
_CLASSES = 256
_HAIR = 1e-9  # of the side of a block


@dataclass(frozen=True)
class SelectionParams:
    """Which patches to select."""

    strategy: str = "grid"
    """grid: at every `step`; class: `count` random ones, aimed at the classes of `label` equally"""
    size: int = 256
    """side of a patch, pixels of the finest raster"""
    step: int | None = None
    """pixels from one patch of the grid to the next; None: `size`"""
    count: int | None = None
    """patches to draw by class; fewer come where splits or lack of data forbid"""
    label: str | None = None
    """label raster whose classes are counted in each patch"""
    weights: Mapping[int, float] = field(default_factory=dict)
    """by class, instead of equally often"""
    splits: Mapping[str, float] | str = field(
        default_factory=lambda: {"train": 0.8, "val": 0.1, "test": 0.1}
    )
    """shares by name, or chessboard: train and val by turns"""
    block: int = 8
    """side of the blocks of ground that are split, patches"""
    max_nodata: float = 0.2
    """largest share of a patch in which one of the images has no data"""
    seed: int = 0


def select_patches(
    sources: Sequence[PatchSource], params: SelectionParams | None = None
) -> gpd.GeoDataFrame:
    """Select patches of one or many sources.

    Blocks of ground lie on a lattice in the CRS of the first source, with its origin; scenes that
    overlap are split alike. Each block goes to the split that lacks most, in random order.

    Args:
        sources: with layers of the same names and types.
        params: which patches.

    Returns:
        One row a patch, its footprint in the CRS of the first source as geometry: `source`, `row`,
        `col` (upper left pixel, of the finest raster), `size`, `x`, `y` (centre), `split`, `aim`
        (class it was drawn for, -1 none), `nodata` (share), `class_0`, … (pixels of each class).
        `patch_stream` takes it, or a part of its rows.

    Raises:
        InputError: parameters that do not fit each other or the sources, or nothing to select.
    """
    params = params or SelectionParams()
    _refuse_odd(sources, params)
    drawn = PatchParams(
        size=params.size, max_nodata=params.max_nodata, seed=params.seed,
        chunk=max(PatchParams.chunk, 2 * params.size),
    )  # fmt: skip
    stream = patch_stream(sources, drawn)
    tallies: tuple[Tally, ...] = ()
    if params.label is not None:
        tallies = tuple(tally_classes(s, params.label, drawn.chunk) for s in sources)
    if params.strategy == "class":
        rows = list(_by_class(_aimed(stream, params, tallies), params.count or 0, params.label))
    else:
        given = replace(stream, places=tuple(_grid(sources, params)))
        rows = list(_rows(given, 0, params.label))
    if not rows:
        raise InputError(
            f"no patch of {params.size} px lacks data in at most {params.max_nodata:g} of its "
            "pixels: take smaller ones, or a larger max_nodata"
        )
    classes = sorted({c for tally in tallies for c in tally.classes})
    table = _table(sources, rows, params.size, classes)
    table["split"] = _split(table, params, _block_side(sources[0], params))
    return table[table["split"] != ""].reset_index(drop=True)


def _block_side(source: PatchSource, params: SelectionParams) -> float:
    """Side of a block of ground, in units of the CRS."""
    return params.block * params.size * math.sqrt(abs(source.box.affine.determinant))


def _refuse_odd(sources: Sequence[PatchSource], params: SelectionParams) -> None:
    if params.strategy not in _STRATEGIES:
        raise InputError(f"strategy {params.strategy!r} is none of {', '.join(_STRATEGIES)}"
                         f"{near_names(params.strategy, _STRATEGIES)}")  # fmt: skip
    if params.strategy == "class" and (params.label is None or not params.count):
        raise InputError("strategy class needs a label and a count of at least 1")
    steps = {source.step for source in sources}
    step = params.size if params.step is None else params.step
    if step < 1 or any(step % each for each in steps):
        raise InputError(f"step = {step} must be a multiple of {max(steps, default=1)}, the pixels "
                         "of the coarsest raster")  # fmt: skip
    if params.block < 2:
        raise InputError(f"block = {params.block}: blocks of less than 2 patches hold none whole")
    if isinstance(params.splits, str):
        if params.splits != "chessboard":
            raise InputError(f"splits {params.splits!r}: give shares by name, or chessboard")
        return
    shares = params.splits.values()
    if not all(0 <= share < math.inf for share in shares) or not sum(shares) > 0:
        raise InputError(f"splits = {dict(params.splits)}: none below 0, and one above")


Row = tuple[int, int, int, int, float, np.ndarray]  # source, row, col, aim, nodata, counts by class


def _grid(
    sources: Sequence[PatchSource], params: SelectionParams
) -> Iterator[tuple[int, int, int]]:
    step = params.step or params.size
    for number, source in enumerate(sources):
        starts = [range(0, side - params.size + 1, step) for side in source.shape]
        yield from ((number, row, col) for row in starts[0] for col in starts[1])


def _rows(stream: PatchStream, epoch: int, label: str | None) -> Iterator[Row]:
    """What the table says of the patches of an epoch, those that hold enough data."""
    size = stream.params.size
    layers = [None if label is None else source.label(label) for source in stream.sources]
    for source, chunk, aim, (row, col) in stream.found(epoch):
        layer, counts = layers[source], np.zeros(0, np.int64)
        if layer is not None:
            seen = chunk.view(layer, row, col, size).astype(np.intp).ravel()
            counts = np.bincount(seen, minlength=_CLASSES)
        yield source, row, col, aim, chunk.nodata(row, col, size), counts


def _aimed(stream: PatchStream, params: SelectionParams, tallies: tuple[Tally, ...]) -> PatchStream:
    """The stream whose epochs have about as many patches as are asked for, aimed at classes."""
    area = sum(math.prod(source.shape) for source in stream.sources)
    many = max(1, round((params.count or 1) * stream.params.chunk**2 / area))
    drawn = replace(
        stream.params, balance=params.label, weights=dict(params.weights), per_chunk=many
    )
    return replace(stream, params=drawn, tallies=tallies)


def _by_class(stream: PatchStream, count: int, label: str | None) -> Iterator[Row]:
    """The first `count` patches of some epochs; where they are too few, data is rare."""
    places = set[tuple[int, ...]]()
    for epoch in range(_EPOCHS):
        for row in _rows(stream, epoch, label):
            if len(places) == count:
                return
            if row[:3] not in places:
                places.add(row[:3])
                yield row


def _table(
    sources: Sequence[PatchSource], rows: Sequence[Row], size: int, classes: Sequence[int]
) -> gpd.GeoDataFrame:
    """Rows of patches, in the order of their places, with footprints and centres."""
    rows = sorted(rows, key=lambda row: row[:3])
    names = ("source", "row", "col", "aim", "nodata")
    table = pd.DataFrame([row[:5] for row in rows], columns=list(names))
    table.insert(3, "size", size)
    outlines = np.concatenate(
        [_outlines(sources, number, table[table["source"] == number], size)
         for number in range(len(sources))]
    )  # fmt: skip
    table["x"], table["y"] = outlines.mean(axis=1).T
    for c in classes:
        table[f"class_{c}"] = [int(row[5][c]) for row in rows]
    crs = sources[0].box.crs
    return gpd.GeoDataFrame(
        table, geometry=shapely.polygons(outlines), crs=None if crs is None else crs.to_wkt()
    )


def _outlines(
    sources: Sequence[PatchSource], number: int, part: pd.DataFrame, size: int
) -> np.ndarray:
    """(patch, corner, (x, y)) of patches of one source, in the CRS of the first."""
    places = part[["row", "col"]].to_numpy()
    box, first = sources[number].box, sources[0].box.crs
    a, b, c, d, e, f = box.affine[:6]
    cols = places[:, 1, None] + np.array([0, size, size, 0])
    rows = places[:, 0, None] + np.array([0, 0, size, size])
    xs, ys = a * cols + b * rows + c, d * cols + e * rows + f
    if (box.crs is None) != (first is None):
        raise InputError(f"source {number} and the first: only one of them states a CRS")
    if box.crs is not None and first is not None and box.crs != first:
        change = pyproj.Transformer.from_crs(box.crs.to_wkt(), first.to_wkt(), always_xy=True)
        xs, ys = change.transform(xs, ys)
    return np.stack([xs, ys], axis=-1)


def _split(table: gpd.GeoDataFrame, params: SelectionParams, side: float) -> list[str]:
    """Name of the split of each patch, empty where it reaches into blocks of several."""
    # By a hair within the footprint, so that it does not touch the block beside it.
    bounds = table.geometry.bounds.to_numpy() + side * _HAIR * np.array([1, 1, -1, -1])
    low, high = np.floor(bounds[:, :2] / side), np.floor(bounds[:, 2:] / side)
    blocks = [
        {(int(x), int(y)) for x in range(int(w), int(e) + 1) for y in range(int(s), int(n) + 1)}
        for (w, s), (e, n) in zip(low, high, strict=True)
    ]
    names = _assigned(blocks, params)
    found = [{names[block] for block in held} for held in blocks]
    return [next(iter(held)) if len(held) == 1 else "" for held in found]


def _assigned(
    blocks: Sequence[set[tuple[int, int]]], params: SelectionParams
) -> dict[tuple[int, int], str]:
    """The split of each block of ground."""
    known = sorted(set().union(*blocks))
    if isinstance(params.splits, str):
        return {(x, y): ("train", "val")[(x + y) % 2] for x, y in known}
    names = [name for name, share in params.splits.items() if share > 0]
    wanted = np.array([params.splits[name] for name in names], float)
    many = dict.fromkeys(known, 0.0)
    for held in blocks:
        for block in held:
            many[block] += 1 / len(held)
    rng = np.random.default_rng((params.seed, _SPLIT))
    had, given = np.zeros(len(names)), {}
    for i in rng.permutation(len(known)):
        lacks = wanted / wanted.sum() * (had.sum() + many[known[i]]) - had
        best = int(np.argmax(lacks))
        had[best] += many[known[i]]
        given[known[i]] = names[best]
    return given
