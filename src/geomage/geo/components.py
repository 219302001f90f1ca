"""Connected components of a raster that is looked at tile by tile.

Each tile is labelled alone; what its parts share with those of the next tile across a seam joins
them (union-find over the pairs, after Rosenfeld and Pfaltz 1966, doi:10.1145/321356.321357). Pixels
that share a side are connected, as in `scipy.ndimage.label`, whose parts of the whole raster these
are, whatever the side of the tiles.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_matrix, csgraph

from geomage.geo.tiling import TileKey, Tiling

__all__ = [
    "Components",
    "TileParts",
    "is_even",
    "join",
    "label_mask",
    "label_values",
    "tile_parts",
]


@dataclass(frozen=True)
class Runs:
    """Labels along one border of a tile, as runs of equal ones."""

    lengths: np.ndarray  # (r,) int32
    labels: np.ndarray  # (r,) int32

    @classmethod
    def of(cls, labels: np.ndarray) -> Runs:
        """The runs of a row of labels."""
        starts = np.flatnonzero(np.r_[True, labels[1:] != labels[:-1]])
        lengths = np.diff(np.r_[starts, len(labels)])
        return cls(lengths.astype("int32"), labels[starts].astype("int32"))

    def row(self) -> np.ndarray:
        """The labels, pixel by pixel."""
        return np.repeat(self.labels, self.lengths)


@dataclass(frozen=True)
class TileParts:
    """The connected parts of one tile: what is needed to join them to those of other tiles.

    36 bytes a part, and 8 a run of equal labels along the borders.
    """

    number: np.ndarray  # (n,) int32 label of each in its tile, ascending
    pixels: np.ndarray  # (n,) int64
    frame: np.ndarray  # (n, 4) int32 top, left, bottom, right in pixels of the tile
    first: np.ndarray  # (n,) int32 column of its first pixel, which lies in the row `top`
    kind: np.ndarray  # (n,) int32 value of its pixels; only equal ones are joined
    mark: np.ndarray  # (n,) bool, whether the caller marked one of its pixels
    rim: tuple[Runs, Runs, Runs, Runs]  # along top, bottom, left, right

    def at_rim(self) -> TileParts:
        """Those that touch a border of the tile: all others are whole, and known to their tile."""
        at = np.isin(self.number, np.concatenate([runs.labels for runs in self.rim]))
        names = ("number", "pixels", "frame", "first", "kind", "mark")
        return replace(self, **{name: getattr(self, name)[at] for name in names})


@dataclass(frozen=True)
class Components:
    """What the parts of all tiles make together; m components, numbered from 0.

    44 bytes a component and 12 a part.
    """

    of: Mapping[TileKey, np.ndarray]  # (n,) int32 component of each part, in the order of its tile
    pixels: np.ndarray  # (m,) int64
    frame: np.ndarray  # (m, 4) int64 top, left, bottom, right in pixels of the grid
    first: np.ndarray  # (m,) int64 first pixel in the order of rows, row * width + column
    kind: np.ndarray  # (m,) int32
    mark: np.ndarray  # (m,) bool, whether a part of it is marked
    parts: np.ndarray  # (m,) int32 how many parts it has


def label_mask(mask: np.ndarray) -> np.ndarray:
    """(y, x) int32: 0 outside a mask, 1..n in its connected parts, in the order of first pixels."""
    labels = np.zeros(mask.shape, "int32")
    if is_even(mask):  # most tiles of a sparse raster
        labels[:] = mask[0, 0] != 0
    else:
        ndimage.label(np.ascontiguousarray(mask), output=labels)
    return labels


def is_even(values: np.ndarray) -> bool:
    """Whether all of (y, x) values are the same."""
    return bool((values == values[0, 0]).all())


def label_values(values: np.ndarray, wanted: Collection[int]) -> tuple[np.ndarray, np.ndarray]:
    """Label the connected areas of equal value, value by value.

    Returns:
        (y, x) int32, 0 where no wanted value lies; and the value of each label, of 0 that is 0.
    """
    labels, kinds = np.zeros(values.shape, "int32"), [np.zeros(1, "int32")]
    count = 0
    sought = set(wanted) & {int(values[0, 0])} if is_even(values) else set(wanted)
    for value in sorted(sought):
        mask = values == value
        if not mask.any():
            continue
        own = label_mask(mask)
        number = int(own.max())
        labels[mask] = own[mask] + count
        kinds.append(np.full(number, value, "int32"))
        count += number
    return labels, np.concatenate(kinds)


def tile_parts(
    labels: np.ndarray, *, mark: np.ndarray | None = None, kinds: np.ndarray | None = None
) -> TileParts:
    """Measure the parts of a labelled tile.

    Args:
        labels: (y, x) int32 of `label_mask` or `label_values`.
        mark: (y, x) bool; parts with such a pixel are marked.
        kinds: value of each label, from 0; None makes all one kind.
    """
    if is_even(labels):
        return _even_parts(labels, mark, kinds)
    found = ndimage.find_objects(labels)
    count = len(found)
    frame = np.array([_ends(part) for part in found], "int32").reshape(-1, 4)
    marked = np.zeros(count + 1, bool)
    if mark is not None:
        marked[labels[mark]] = True
    return TileParts(
        number=np.arange(1, count + 1, dtype="int32"),
        pixels=np.bincount(labels.ravel(), minlength=count + 1)[1:].astype("int64"),
        frame=frame,
        first=np.array([_first(labels, i, part) for i, part in enumerate(found, 1)], "int32"),
        kind=np.zeros(count, "int32") if kinds is None else kinds[1:].astype("int32"),
        mark=marked[1:],
        rim=(
            Runs.of(labels[0]), Runs.of(labels[-1]), Runs.of(labels[:, 0]), Runs.of(labels[:, -1])
        ),
    )  # fmt: skip


def _even_parts(labels: np.ndarray, mark: np.ndarray | None, kinds: np.ndarray | None) -> TileParts:
    """Those of a tile of one label: itself, or nothing. Most tiles of a sparse raster are so."""
    (rows, cols), label = labels.shape, int(labels[0, 0])
    some = min(label, 1)
    kind = np.zeros(some, "int32") if kinds is None else kinds[1:].astype("int32")
    lengths = (np.array([side], "int32") for side in (cols, cols, rows, rows))
    top, bottom, left, right = (Runs(one, np.array([label], "int32")) for one in lengths)
    return TileParts(
        number=np.arange(1, some + 1, dtype="int32"),
        pixels=np.full(some, labels.size, "int64"),
        frame=np.array([(0, 0, rows, cols)] * some, "int32").reshape(-1, 4),
        first=np.zeros(some, "int32"),
        kind=kind,
        mark=np.full(some, mark is not None and bool(mark.any())),
        rim=(top, bottom, left, right),
    )


def _ends(part: tuple[slice, slice]) -> tuple[int, int, int, int]:
    rows, cols = part
    return rows.start, cols.start, rows.stop, cols.stop


def _first(labels: np.ndarray, number: int, part: tuple[slice, slice]) -> int:
    rows, cols = part
    return int(cols.start + (labels[rows.start, cols] == number).argmax())


def join(tiling: Tiling, parts: Mapping[TileKey, TileParts]) -> Components:
    """Join the parts of tiles across the seams.

    Args:
        tiling: the tiles.
        parts: of every tile, or of some: what is missing is taken for empty. The order does not
            matter.
    """
    keys = [key for key in sorted(parts) if len(parts[key].number)]
    if not keys:
        return _none()
    sizes = [len(parts[key].number) for key in keys]
    base = dict(zip(keys, np.r_[0, np.cumsum(sizes)[:-1]].tolist(), strict=True))
    pairs = np.concatenate([np.zeros((0, 2), "int64"), *_pairs(parts, base)])
    links = coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), (sum(sizes),) * 2)
    count, component = csgraph.connected_components(links, directed=False)
    order = np.argsort(component, kind="stable")
    starts = np.searchsorted(component[order], np.arange(count))
    frames, firsts = _placed(tiling, [(key, parts[key]) for key in keys])

    def over(how: np.ufunc, values: np.ndarray) -> np.ndarray:
        return np.asarray(how.reduceat(values[order], starts))

    def all_of(name: str) -> np.ndarray:
        return np.concatenate([getattr(parts[key], name) for key in keys])

    return Components(
        of={
            key: component[base[key] : base[key] + size].astype("int32")
            for key, size in zip(keys, sizes, strict=True)
        },
        pixels=over(np.add, all_of("pixels")),
        frame=np.hstack([over(np.minimum, frames[:, :2]), over(np.maximum, frames[:, 2:])]),
        first=over(np.minimum, firsts),
        kind=over(np.minimum, all_of("kind")),
        mark=over(np.logical_or, all_of("mark")),
        parts=np.diff(np.r_[starts, len(order)]).astype("int32"),
    )


def _none() -> Components:
    long, short = np.zeros(0, "int64"), np.zeros(0, "int32")
    return Components({}, long, np.zeros((0, 4), "int64"), long, short, np.zeros(0, bool), short)


def _placed(
    tiling: Tiling, tiles: list[tuple[TileKey, TileParts]]
) -> tuple[np.ndarray, np.ndarray]:
    """Frames in pixels of the grid, and first pixels, of the parts of all tiles."""
    frames, firsts = [], []
    for key, own in tiles:
        core = tiling.core(key)
        corner = np.array([core.row_off, core.col_off] * 2, "int64")
        frames.append(own.frame + corner)
        firsts.append(frames[-1][:, 0] * tiling.width + own.first + core.col_off)
    return np.concatenate(frames), np.concatenate(firsts)


def _pairs(parts: Mapping[TileKey, TileParts], base: Mapping[TileKey, int]) -> Iterator[np.ndarray]:
    """(k, 2) places of parts that touch across a seam, seam by seam."""
    for key in base:
        for other, here, there in (
            (TileKey(key.row, key.col + 1), 3, 2),
            (TileKey(key.row + 1, key.col), 1, 0),
        ):
            if other not in base:
                continue
            one, two = parts[key], parts[other]
            rows = np.stack([one.rim[here].row(), two.rim[there].row()], axis=1)
            rows = np.unique(rows[(rows > 0).all(axis=1)], axis=0)
            first = np.searchsorted(one.number, rows[:, 0])
            second = np.searchsorted(two.number, rows[:, 1])
            same = one.kind[first] == two.kind[second]
            yield np.stack([first + base[key], second + base[other]], axis=1)[same].astype("int64")
