"""Blobs of building and the buildings in them, tile by tile; no raster of labels is ever kept.

`blob_parts` labels one tile, `share_blobs` joins the parts of all and gives each blob to one tile,
`cut_tile` cuts those of a tile into buildings. A blob whose frame fits in a tile is cut as a whole
by the tile that holds the upper left corner of its frame, which reads as much more to the right and
below as the frame takes: so its buildings do not depend on where the seams run. A larger blob is
cut along the seams, and each connected piece in its tile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from rasterio.windows import Window
from scipy import ndimage

from geomage.geo import TileKey, Tiling, ground_gsd
from geomage.geo.components import Components, TileParts, join, label_mask, tile_parts
from geomage.mapping.blobs import SMALLEST, cut_blob, fill_holes

__all__ = ["Cut", "Share", "blob_parts", "cut_tile", "reach", "share_blobs"]


@dataclass(frozen=True)
class Share:
    """The blobs that a tile cuts, beside those that end within it; 40 and 12 bytes each."""

    whole: np.ndarray  # (k,) int64 first pixel of each in the grid, row * width + column
    frame: np.ndarray  # (k, 4) int64 their top, left, bottom, right in pixels of the grid
    piece: np.ndarray  # (j,) int32 labels in the tile of pieces of blobs too large for one tile
    blob: np.ndarray  # (j,) int64 first pixels in the grid of the blobs they are of


@dataclass(frozen=True)
class Cut:
    """The buildings of one tile."""

    labels: np.ndarray  # (y, x) int32 of the window of `reach`, 0 between buildings, 1..n in them
    blob: np.ndarray  # (n + 1,) int64 first pixel in the grid of the blob of each; of 0, which is
    # none, -1
    swallowed: np.ndarray  # int64 first pixels of blobs that lay in a hole of another and went


def blob_parts(building: np.ndarray, least: int) -> TileParts:
    """The blobs of one tile that touch its border.

    Memory: 12 bytes a pixel.

    Args:
        building: (y, x) uint8, probability times 255, of a tile.
        least: from which a pixel is called building.
    """
    return tile_parts(label_mask(building >= least)).at_rim()


def share_blobs(tiling: Tiling, parts: Mapping[TileKey, TileParts]) -> dict[TileKey, Share]:
    """Give each blob that touches a border of tiles to one tile, or its pieces to theirs.

    Args:
        tiling: the tiles.
        parts: of `blob_parts`, of all tiles. The order does not matter.
    """
    blobs = join(tiling, parts)
    large = blobs.pixels * ground_gsd(tiling.box) ** 2 >= SMALLEST
    sides = blobs.frame[:, 2:] - blobs.frame[:, :2]
    whole = (sides <= tiling.side).all(axis=1)
    owner = blobs.frame[:, :2] // tiling.side
    by_tile: dict[TileKey, list[int]] = {}
    for number in np.flatnonzero(whole & large).tolist():
        by_tile.setdefault(TileKey(*owner[number].tolist()), []).append(number)
    pieces = {key: ~whole[of] & large[of] for key, of in blobs.of.items()}
    keys = sorted({*by_tile, *(key for key, some in pieces.items() if some.any())})
    return {key: _share(blobs, by_tile.get(key, []), key, parts, pieces) for key in keys}


def _share(
    blobs: Components,
    whole: list[int],
    key: TileKey,
    parts: Mapping[TileKey, TileParts],
    pieces: Mapping[TileKey, np.ndarray],
) -> Share:
    numbers = np.array(whole, "int64")
    none = np.zeros(0, "int64")
    cut = key in pieces
    return Share(
        whole=blobs.first[numbers],
        frame=blobs.frame[numbers],
        piece=parts[key].number[pieces[key]] if cut else none.astype("int32"),
        blob=blobs.first[blobs.of[key][pieces[key]]] if cut else none,
    )


def reach(tiling: Tiling, key: TileKey, share: Share | None) -> Window:
    """What must be read to cut the blobs of a tile: the tile, and the frames of its blobs."""
    core = tiling.core(key)
    if share is None or not len(share.frame):
        return core
    bottom = max(core.row_off + core.height, int(share.frame[:, 2].max()))
    right = max(core.col_off + core.width, int(share.frame[:, 3].max()))
    return Window(core.col_off, core.row_off, right - core.col_off, bottom - core.row_off)


def cut_tile(
    building: np.ndarray, least: int, share: Share | None, tiling: Tiling, key: TileKey
) -> Cut:
    """Cut the blobs of one tile into buildings, in the order of the first pixels of the blobs.

    In a raster of one tile these are the buildings of `label_buildings`. Pieces of large blobs that
    are smaller than the smallest building go; holes that a seam runs through stay.

    Memory: 14 bytes a pixel of the window, and 40 a pixel of the frame of its largest blob.

    Args:
        building: (y, x) uint8, probability times 255, of the window of `reach`.
        least: from which a pixel is called building.
        share: of `share_blobs`; None where it gave the tile nothing.
        tiling: the tiles.
        key: the tile.
    """
    gsd = ground_gsd(tiling.box)
    pieces = _pieces(building >= least, share, tiling, key)
    out = np.zeros(building.shape, "int32")
    count, of, swallowed = 0, [np.full(1, -1, "int64")], [np.zeros(0, "int64")]
    for piece in sorted(pieces.found, key=lambda piece: piece.first):
        blob = pieces.labels[piece.layer][piece.frame] == piece.label
        if np.count_nonzero(blob) * gsd**2 < SMALLEST:
            continue
        filled = fill_holes(blob, gsd)
        swallowed.append(pieces.islands(piece, filled & ~blob))
        labels, found = cut_blob(filled, building[piece.frame], gsd)
        free = (labels > 0) & (out[piece.frame] == 0)
        out[piece.frame][free] = labels[free] + count
        count += found
        of.append(np.full(found, piece.blob, "int64"))
    return _without_empty(Cut(out, np.concatenate(of), np.concatenate(swallowed)))


@dataclass(frozen=True)
class _Piece:
    """A blob, or what of it is cut in one tile."""

    first: int  # its first pixel, row * width of the grid + column
    blob: int  # first pixel of its blob
    layer: int  # in which labels it lies: 0 of the window, 1 of the tile alone
    label: int
    frame: tuple[slice, slice]


@dataclass(frozen=True)
class _Pieces:
    labels: tuple[np.ndarray, np.ndarray]  # of the window; of the tile alone
    found: list[_Piece]
    frames: list[tuple[slice, slice]]  # of the labels of the window
    corner: tuple[int, int]  # row and column of the window
    width: int  # of the grid

    def first(self, label: int, frame: tuple[slice, slice]) -> int:
        """First pixel in the grid of a label of the window."""
        rows, cols = frame
        col = cols.start + int((self.labels[0][rows.start, cols] == label).argmax())
        return int((self.corner[0] + rows.start) * self.width + self.corner[1] + col)

    def islands(self, piece: _Piece, holes: np.ndarray) -> np.ndarray:
        """First pixels of other blobs in holes of one that were filled."""
        if not holes.any():
            return np.zeros(0, "int64")
        inside = np.unique(self.labels[0][piece.frame][holes])
        return np.array(
            [self.first(label, self.frames[label - 1]) for label in inside.tolist() if label],
            "int64",
        )


def _pieces(mask: np.ndarray, share: Share | None, tiling: Tiling, key: TileKey) -> _Pieces:
    """What is cut in a tile: blobs that end within it, and its share of others."""
    core = tiling.core(key)
    inner = label_mask(mask[: core.height, : core.width])
    same = mask.shape == inner.shape
    labels = inner if same else label_mask(mask)
    frames = ndimage.find_objects(labels)
    pieces = _Pieces((labels, inner), [], frames, (core.row_off, core.col_off), tiling.width)
    parts = tile_parts(inner)
    ends = ~np.isin(parts.number, parts.at_rim().number)
    firsts = np.stack([parts.frame[ends, 0], parts.first[ends]], axis=1)
    if share is not None:
        placed = np.stack(np.divmod(share.whole, tiling.width), axis=1) - np.array(pieces.corner)
        firsts = np.concatenate([firsts, placed])
    for row, col in firsts.tolist():
        label = int(labels[row, col])
        first = (core.row_off + row) * tiling.width + core.col_off + col
        pieces.found.append(_Piece(first, first, 0, label, frames[label - 1]))
    if share is not None:
        for label, blob in zip(share.piece.tolist(), share.blob.tolist(), strict=True):
            top, left, bottom, right = parts.frame[label - 1].tolist()
            first = (core.row_off + top) * tiling.width + core.col_off + int(parts.first[label - 1])
            frame = (slice(top, bottom), slice(left, right))
            pieces.found.append(_Piece(first, blob, 1, label, frame))
    return pieces


def _without_empty(cut: Cut) -> Cut:
    """The same without numbers of which no pixel is left."""
    there = np.bincount(cut.labels.ravel(), minlength=len(cut.blob)) > 0
    there[0] = True
    if there.all():
        return cut
    number = (np.cumsum(there) - 1).astype("int32")
    return Cut(number[cut.labels], cut.blob[there], cut.swallowed)
