"""The pass that runs the model: any tiles, in any process, to the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from geomage.geo import TileKey, TileStore, Tiling
from geomage.mapping._kernels_counts import likeliest, to_255
from geomage.mapping.date import Date, chip, open_date
from geomage.mapping.imagery import Imagery
from geomage.mapping.pipeline import run_pipeline
from geomage.mapping.runs import TileRun
from geomage.model import Model, ModelCard, Prediction
from geomage.workers import threads_here

__all__ = [
    "ONE_DATE",
    "TWO_DATES",
    "Chips",
    "Predict",
    "answer",
    "model_store",
    "read_window",
    "tile_counts",
]

ONE_DATE = ("landcover", "building")
"""Bands of the tiles: most likely class 1 to 8; probability times 255."""
TWO_DATES = (
    *ONE_DATE, "none", "minor", "major", "destroyed", "water", "changed", "obscured",
)  # fmt: skip
"""The same, and probabilities of grades given a building, and of the flags, times 255."""
BUILDING = 7  # place of buildings among the land-cover probabilities
_FLIPS = ((), (-1,), (-2,), (-2, -1))  # axes


@dataclass(frozen=True)
class Chips:
    """What the model sees of one tile."""

    before: np.ndarray  # counts, uint8 (1, 3, y, x)
    after: np.ndarray
    seen: np.ndarray  # (y, x) bool of the core: where the first date holds data
    lost: np.ndarray | bool = False  # (y, x) bool: where the second date turned out damaged


def model_store(folder: Path, box: GeoBox, card: ModelCard, *, two_dates: bool) -> TileStore:
    """Where what a model says is kept: tiles of the window of its card."""
    return TileStore(folder, Tiling(box, card.window), TWO_DATES if two_dates else ONE_DATE)


def read_window(core: Window, card: ModelCard) -> Window:
    """What the model sees of a tile: its core, in whole strides, and the halo on each side.

    May reach beyond the grid on every side, see `chip`.
    """
    height, width = (-(-int(n) // card.stride) * card.stride for n in (core.height, core.width))
    return Window(
        int(core.col_off) - card.halo,
        int(core.row_off) - card.halo,
        width + 2 * card.halo,
        height + 2 * card.halo,
    )


@dataclass(frozen=True)
class Predict:
    """Task on a run of tiles: what the model says of them goes into the store.

    Tiles in which the first date holds no data are blank, and neither read nor computed. What
    is there already stays.
    """

    first: Date
    second: Date | None
    store: TileStore
    model: Callable[[int], Model]
    """Opens the model for so many threads; it travels."""
    flips: bool = False
    """Whether answers are means over the image and its three mirror images."""
    depth: int = 1
    """Tiles read ahead, and waiting to be written, at most."""

    def __call__(self, run: TileRun) -> int:
        """Fill the tiles of a run; returns how many they are."""
        todo = [key for key in run.keys if not self.store.has(key)]
        for _ in self.run(todo, self.model(threads_here())):
            pass
        return len(run.keys)

    def run(self, keys: Sequence[TileKey], model: Model) -> Iterator[TileKey]:
        """Fill tiles by a model that is open; yields those it ran on, once they are written."""
        keys = list(self._seen(keys))
        with ExitStack() as stack:
            first = stack.enter_context(open_date(self.first))
            second = None if self.second is None else stack.enter_context(open_date(self.second))

            def read(key: TileKey) -> list[Chips]:
                return [self._chips(first, second, key, model.card)]

            def compute(handed: list[Chips]) -> np.ndarray:
                chips = handed.pop()  # nobody else holds the images
                said = answer(model, (chips.before, chips.after), flips=self.flips)
                values = tile_counts(said, chips.seen, model.card, len(self.store.bands))
                if len(values) > len(ONE_DATE):
                    values[TWO_DATES.index("obscured")][chips.lost & chips.seen] = 255
                return values

            yield from run_pipeline(keys, read, compute, self.store.write, depth=self.depth)

    def _seen(self, keys: Sequence[TileKey]) -> Iterator[TileKey]:
        """The tiles that hold data; the others are written as blank."""
        for key in keys:
            if self.first.seen.read(self.store.tiling.core(key)).any():
                yield key
            else:
                self.store.blank(key)

    def _chips(
        self, first: Imagery, second: Imagery | None, key: TileKey, card: ModelCard
    ) -> Chips:
        core = self.store.tiling.core(key)
        window = read_window(core, card)
        before = chip(first, self.first, window)
        after = before
        if second is not None and self.second is not None:
            after = chip(second, self.second, window)
        seen = self.first.seen.read(core)[0] > 0
        rows, cols = (slice(card.halo, card.halo + side) for side in seen.shape)
        return Chips(before.image, after.image, seen, after.lost[rows, cols])


def tile_counts(said: Prediction, seen: np.ndarray, card: ModelCard, bands: int) -> np.ndarray:
    """(band, y, x) uint8 of a core, in the first `bands` of `TWO_DATES`, 0 where it is not seen."""
    rim = card.halo - card.trim
    out = np.empty((bands, *seen.shape), "uint8")
    likeliest(said.landcover[0], rim, seen, out[0])
    to_255(said.landcover[0, BUILDING], rim, seen, out[1])
    if bands > len(ONE_DATE):
        for band, one in zip(out[2:], (*said.damage[0], *said.flags[0]), strict=True):
            to_255(one, rim, seen, band)
    return out


def answer(
    model: Model, images: tuple[np.ndarray, np.ndarray], *, flips: bool = False
) -> Prediction:
    """What a model says of counts; with flips, the mean of what it says of their mirror images."""
    before, after = images
    if not flips:
        return model.predict(before, after)
    total: Prediction | None = None
    for axes in _FLIPS:
        said = model.predict(np.flip(before, axes), np.flip(after, axes))
        back = Prediction(*(np.flip(one, axes) for one in _parts(said)))
        total = back if total is None else _sum(total, back)
    assert total is not None
    return Prediction(*(one / np.float32(len(_FLIPS)) for one in _parts(total)))


def _parts(said: Prediction) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return said.landcover, said.damage, said.flags


def _sum(one: Prediction, other: Prediction) -> Prediction:
    return Prediction(*(a + b for a, b in zip(_parts(one), _parts(other), strict=True)))
