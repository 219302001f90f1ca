"""First pass over the images, tile by tile: where each date holds data, its colour, its shift.

Two steps for each date, with a small answer in between: `look_tile` reads the images of a tile,
`join_looks` finds which black patches hang together with the edge of the image, and `seen_tile`
takes them away. A tile of which nothing was seen is a blank file, one that is seen throughout a
file of equal values: less than 3 kB for 1024 px.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from rasterio.windows import Window

from geomage.geo import Shift, TileKey, Tiling, ground_gsd
from geomage.geo.components import TileParts, join, label_mask, tile_parts
from geomage.geo.shift import is_shown, shift_of_blocks, spread_places
from geomage.mapping.imagery import Damage, Imagery
from geomage.mapping.regrid import Layer

__all__ = [
    "Frame",
    "Look",
    "Sighting",
    "join_frames",
    "join_looks",
    "look_tile",
    "seen_tile",
    "shared_frame",
    "shift_between",
]

_BORDER = 64  # px, smaller black patches at the edge are taken for shadow
_BRIGHT, _BLACK = 1, 2  # seen; seen and pure black

Frame = tuple[int, int, int, int]
"""First row and column, and those behind the last."""


@dataclass(frozen=True)
class Look:
    """Answer of one tile; some 200 bytes, and 36 a dark patch at its border."""

    colour: np.ndarray  # (3,) float64 sums of counts where it is seen and not black
    bright: int  # px of these
    black: int  # px seen and pure black
    dark: TileParts  # what is black or not seen and touches the border of the tile
    damage: tuple[Damage, ...] = ()  # parts that cannot be decoded


@dataclass(frozen=True)
class Sighting:
    """What one date shows of the grid."""

    colour: np.ndarray  # (3,) mean counts of what was seen
    collar: Mapping[TileKey, np.ndarray]  # dark patches at the border of tiles that are no data
    bright: int  # px seen and not black
    black: int  # px of pure black, seen or no data


def look_tile(
    imagery: Imagery, tiling: Tiling, key: TileKey
) -> tuple[np.ndarray, np.ndarray, Look]:
    """Read the images of one date in one tile.

    Memory: 12 bytes a pixel beside what reading takes.

    Returns:
        (1, y, x) uint8, to be kept for `seen_tile`: 0 no data, 1 seen, 2 seen and pure black;
        (1, y, x) uint8, 1 where an image is damaged; and the answer for `join_looks`.
    """
    view = imagery.view(tiling.core(key))
    seen, black = view.seen, view.black
    black &= seen
    bright = seen & ~black
    bits = seen.astype("uint8")
    bits[black] = _BLACK
    parts = tile_parts(label_mask(~bright), mark=~seen | _edge(tiling, key))
    return (
        bits[None],
        view.lost[None].astype("uint8"),
        Look(
            colour=_sums(view.values, bright),
            bright=int(np.count_nonzero(bright)),
            black=int(np.count_nonzero(black)),
            dark=parts.at_rim(),
            damage=view.damage,
        ),
    )


def _sums(counts: np.ndarray, where: np.ndarray) -> np.ndarray:
    """(band,) float64 sums of counts (band, y, x), which are whole numbers and so exact."""
    if not where.any():
        return np.zeros(len(counts))
    return np.asarray((counts * where).sum(axis=(1, 2), dtype="uint64"), "float64")


def join_looks(tiling: Tiling, looks: Mapping[TileKey, Look]) -> Sighting:
    """What all tiles of a date say together; the order of tiles does not matter.

    Pure black connected to the edge of the image, or to where there is no data, counts as no data
    from 64 px on: it is the collar of a scene, whatever its header says.
    """
    joined = join(tiling, {key: look.dark for key, look in looks.items()})
    outer = joined.mark & (joined.pixels >= _BORDER)
    some = [looks[key] for key in sorted(looks)]
    bright = sum(look.bright for look in some)
    return Sighting(
        colour=sum((look.colour for look in some), np.zeros(3)) / max(1, bright),
        collar={
            key: looks[key].dark.number[outer[of]]
            for key, of in joined.of.items()
            if looks[key].black
        },
        bright=bright,
        black=sum(look.black for look in some),
    )


def seen_tile(bits: np.ndarray, sighting: Sighting, tiling: Tiling, key: TileKey) -> np.ndarray:
    """Where a date holds data in one tile, (1, y, x) uint8, 0 or 1, without the collar.

    Memory: 15 bytes a pixel where there is black, else 2.

    Args:
        bits: of `look_tile`.
        sighting: of all tiles.
        tiling: the tiles.
        key: the tile.
    """
    if not (bits == _BLACK).any():
        return bits
    here = bits[0]
    labels = label_mask(here != _BRIGHT)
    parts = tile_parts(labels, mark=(here == 0) | _edge(tiling, key))
    outer = np.r_[False, parts.mark & (parts.pixels >= _BORDER)]
    outer[parts.at_rim().number] = False  # of these all tiles decided together
    outer[sighting.collar.get(key, np.zeros(0, "int32"))] = True
    return np.asarray((here > 0) & ~outer[labels], "uint8")[None]


def _edge(tiling: Tiling, key: TileKey) -> np.ndarray:
    """(y, x) bool: the pixels of a tile that lie along the edge of the grid."""
    core = tiling.core(key)
    out = np.zeros((core.height, core.width), bool)
    out[0] |= key.row == 0
    out[-1] |= key.row == tiling.rows - 1
    out[:, 0] |= key.col == 0
    out[:, -1] |= key.col == tiling.cols - 1
    return out


def shared_frame(first: Layer, second: Layer, tiling: Tiling, key: TileKey) -> Frame | None:
    """Frame of what both dates show of one tile, None where that is nothing.

    Memory: 3 bytes a pixel.

    Args:
        first: bits `seen` of the first date.
        second: those of the second date, where it was before it is moved.
        tiling: the tiles.
        key: the tile.
    """
    core = tiling.core(key)
    both = _both(first, second, core)
    rows, cols = (np.flatnonzero(both.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return None
    return (
        int(core.row_off + rows[0]),
        int(core.col_off + cols[0]),
        int(core.row_off + rows[-1] + 1),
        int(core.col_off + cols[-1] + 1),
    )


def join_frames(frames: Iterable[Frame | None]) -> Frame | None:
    """The frame around some."""
    some = [frame for frame in frames if frame is not None]
    if not some:
        return None
    tops, lefts, bottoms, rights = zip(*some, strict=True)
    return (min(tops), min(lefts), max(bottoms), max(rights))


def shift_between(
    before: Imagery, after: Imagery, seen: tuple[Layer, Layer], frame: Frame | None
) -> Shift:
    """How far the second date lies off the first, from blocks spread over what both show.

    Memory: at most 100 blocks of 256 px, 260 kB each.

    Args:
        before: images of the first date.
        after: images of the second date on the same grid.
        seen: bits `seen` of both dates.
        frame: of what both show.
    """
    return shift_of_blocks(_blocks(before, after, seen, frame), ground_gsd(before.box))


def _blocks(
    before: Imagery, after: Imagery, seen: tuple[Layer, Layer], frame: Frame | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for place in [] if frame is None else spread_places(frame):
        window = Window.from_slices(*place)
        if not is_shown(_both(*seen, window)):
            continue
        first, second = (date.read(window)[0] for date in (before, after))
        yield first.mean(axis=0, dtype="float32"), second.mean(axis=0, dtype="float32")


def _both(first: Layer, second: Layer, window: Window) -> np.ndarray:
    return np.asarray((first.read(window)[0] > 0) & (second.read(window)[0] > 0))
