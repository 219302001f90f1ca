"""The pass that translates: any tiles, in any process, to the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from rasterio.io import DatasetReader
from rasterio.windows import Window as Place

from geomage.data.chip import UNKNOWN
from geomage.data.translation import (
    Figures,
    OpenedTranslator,
    Translator,
    TranslatorCard,
    Window,
    translate_part,
)
from geomage.errors import ModelError
from geomage.geo import TileKey, TileStore
from geomage.mapping.date import mirrored
from geomage.mapping.label_map import LabelMap
from geomage.mapping.pipeline import run_pipeline
from geomage.mapping.runs import TileRun
from geomage.mapping.subject import Subject

__all__ = ["TranslateTiles", "halo_of", "window_of"]

_SEEN = 255  # of the band of tiles that says where there is data


class _Part(NamedTuple):
    """What the translator sees of a tile, and how large the tile is."""

    key: TileKey
    window: Window
    shape: tuple[int, int]


def halo_of(card: TranslatorCard) -> int:
    """Halo in whole strides, so that windows lie on the translator's grid."""
    return -(-card.halo_px // card.stride_px) * card.stride_px


def window_of(core: Place, card: TranslatorCard) -> Place:
    """What is seen of a tile: its core in whole strides, and the halo on each side.

    May reach beyond the image on every side.
    """
    halo = halo_of(card)
    height, width = (
        -(-int(side) // card.stride_px) * card.stride_px for side in (core.height, core.width)
    )
    return Place(
        int(core.col_off) - halo, int(core.row_off) - halo, width + 2 * halo, height + 2 * halo
    )


@dataclass(frozen=True)
class TranslateTiles:
    """Task on a run of tiles: what is there already stays, what holds no data is blank."""

    subject: Subject
    figures: Figures
    labels: LabelMap | None
    store: TileStore
    opens: Callable[[], OpenedTranslator]
    sha256: str
    """Of the translator that the work began with."""
    style: int
    depth: int
    """Tiles read ahead, and waiting to be written, at most."""

    def __call__(self, run: TileRun) -> int:
        """Fill the tiles of a run; returns how many they are."""
        todo = [key for key in run.keys if not self.store.has(key)]
        for _ in self.run(todo, self.opens()):
            pass
        return len(run.keys)

    def run(self, keys: Sequence[TileKey], opened: OpenedTranslator) -> Iterator[TileKey]:
        """Fill tiles by a translator that is open; yields those that are written."""
        if opened.sha256 != self.sha256:
            raise ModelError("the translator changed while it was at work: run the command again")
        translator = opened.translator
        with ExitStack() as stack:
            image = stack.enter_context(self.subject.opened())
            told = None if self.labels is None else stack.enter_context(self.labels.opened())

            def read(key: TileKey) -> _Part | None:
                return self._part(image, told, key, translator.card)

            def compute(part: _Part | None) -> np.ndarray | None:
                return None if part is None else self._translated(translator, part)

            yield from run_pipeline(keys, read, compute, self._put, depth=self.depth)

    def _part(
        self,
        image: DatasetReader,
        told: DatasetReader | None,
        key: TileKey,
        card: TranslatorCard,
    ) -> _Part | None:
        """Read what is seen of a tile; None where the tile holds no data."""
        core = self.store.tiling.core(key)
        shape = (int(core.height), int(core.width))
        place = window_of(core, card)
        mirror = mirrored(place, self.subject.facts.shape)
        stored, seen = self.subject.read(image, mirror.there)
        valid = mirror.unfold(seen[None])[0]
        if not _core(valid[None], shape, card).any():
            return None
        labels = None
        if self.labels is not None and told is not None:
            known = np.where(seen, self.labels.read(told, mirror.there), UNKNOWN)
            labels = mirror.unfold(known.astype(np.uint8)[None])[0]
        window = Window(
            mirror.unfold(self.subject.radiometry.taken(stored, seen)),
            valid,
            self.subject.gsd_m,
            int(place.row_off),
            int(place.col_off),
            labels,
        )
        return _Part(key, window, shape)

    def _translated(self, translator: Translator, part: _Part) -> np.ndarray:
        """What is stored of a tile: the bands that are made, and where there is data."""
        card, window = translator.card, part.window
        made = translate_part(translator, window, self.figures, self.style)
        if made.shape != (len(card.made), *window.valid.shape):
            raise ModelError(f"{card.name} gave {made.shape} for a window of {window.valid.shape}")
        seen = _core(window.valid[None], part.shape, card)[0]
        made = _core(made, part.shape, card)
        if not np.isfinite(made[:, seen]).all():
            raise ModelError(f"{card.name} gave a number that is not finite, in tile {part.key}")
        stored = self.subject.radiometry.given(made, seen)
        if len(self.store.bands) == len(stored):
            return stored
        return np.concatenate([stored, (seen[None] * _SEEN).astype(stored.dtype)])

    def _put(self, key: TileKey, values: np.ndarray | None) -> None:
        if values is None:
            self.store.blank(key)
        else:
            self.store.write(key, values)


def _core(values: np.ndarray, shape: tuple[int, int], card: TranslatorCard) -> np.ndarray:
    """The tile (band, y, x) in what was seen of it."""
    halo = halo_of(card)
    return values[:, halo : halo + shape[0], halo : halo + shape[1]]
