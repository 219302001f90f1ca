"""The pass that asks of each date, cell by cell, whether it is within what the model has learnt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from odc.geo.geobox import GeoBox
from rasterio.windows import Window
from tqdm import tqdm

from geomage.geo import TileKey, TileStore, Tiling, overlap
from geomage.mapping.date import Date, open_date
from geomage.mapping.imagery import Imagery
from geomage.mapping.journal import Work
from geomage.mapping.regrid import Layer
from geomage.mapping.runs import TileRun, tile_runs
from geomage.model.plausibility import UNSEEN, Detector, DetectorCard, load_detector
from geomage.workers import Run

__all__ = [
    "SIDE",
    "Judged",
    "ScoreTiles",
    "around_cells",
    "find_foreign",
    "judged_bytes",
    "judged_tiling",
    "score_part",
    "score_store",
    "score_window",
]

SIDE = 1024  # px, tiles of the grid that are scored at once
_PER_PIXEL = 100  # bytes of a tile with its halo: read 30, scored 67, as measured
_RUN = 8  # tiles a task


class Judged(NamedTuple):
    """Where a date is too far from what the model knows."""

    bits: Layer
    """One band on the grid of the work, not 0 where it is."""
    cells: int
    """Cells of which enough is seen."""
    foreign: int
    """How many of them are too far."""

    def facts(self) -> dict[str, float]:
        """JSON values."""
        share = self.foreign / max(1, self.cells)
        return {"cells": self.cells, "too_far": self.foreign, "too_far_share": round(share, 5)}


class Tally(NamedTuple):
    """Answer of one tile."""

    key: TileKey
    cells: int
    foreign: int


def score_window(imagery: Imagery, date: Date, detector: Detector, core: Window) -> np.ndarray:
    """Score the cells of a window, (rows, cols) float32; what lies beyond the grid is not seen.

    Args:
        imagery: of the date.
        date: what is known of it.
        detector: what scores.
        core: the window; its cells are those of the grid that it touches.
    """
    around = around_cells(detector.card, core)
    grid = Window(0, 0, int(date.box.shape[1]), int(date.box.shape[0]))
    inside = overlap(grid, around)
    view = imagery.view(inside)
    valid = view.seen & (date.seen.read(inside)[0] > 0)
    return score_part(detector, overlap(around, grid), around, view.values, valid)


def around_cells(card: DetectorCard, core: Window) -> Window:
    """The cells that a window touches, and the halo around them; may reach beyond the grid."""
    cell, halo = card.cell_px, card.halo_px
    top, left = (int(at) // cell * cell for at in (core.row_off, core.col_off))
    bottom, right = (
        -(-int(at + side) // cell) * cell
        for at, side in ((core.row_off, core.height), (core.col_off, core.width))
    )
    return Window(left - halo, top - halo, right - left + 2 * halo, bottom - top + 2 * halo)


def score_part(
    detector: Detector, here: Window, around: Window, counts: np.ndarray, valid: np.ndarray
) -> np.ndarray:
    """Score the cells of a window of `around_cells`, (rows, cols) float32, without its halo.

    Args:
        detector: what scores.
        here: the part of the window that lies on the grid; beyond it nothing is seen.
        around: the window.
        counts: (3, y, x) uint8 of that part.
        valid: (y, x) bool, where they hold data.
    """
    shown = np.zeros((3, int(around.height), int(around.width)), "uint8")
    seen = np.zeros(shown.shape[1:], bool)
    seen[here.toslices()] = valid
    shown[(slice(None), *here.toslices())] = counts * valid
    edge = detector.card.halo_px // detector.card.cell_px
    rows, cols = (side // detector.card.cell_px for side in seen.shape)
    return detector.score(shown, seen)[edge : rows - edge, edge : cols - edge]


@dataclass(frozen=True)
class ScoreTiles:
    """Task: score the cells of a run of tiles; what is there already stays."""

    date: Date
    tiling: Tiling
    """Of the grid of the work, in whole cells."""
    store: TileStore
    """On the grid of cells, a pixel a cell; its tiles are those of `tiling`."""
    detector: str
    """Its name, or where its JSON file lies, which every worker must see."""

    def __call__(self, run: TileRun) -> int:
        """Fill the tiles of a run; returns how many they are."""
        todo = list(self._seen(key for key in run.keys if not self.store.has(key)))
        if todo:
            detector = load_detector(self.detector)
            with open_date(self.date) as imagery:
                for key in todo:
                    found = score_window(imagery, self.date, detector, self.tiling.core(key))
                    self.store.write(key, found[None])
        return len(run.keys)

    def _seen(self, keys: Iterable[TileKey]) -> Iterator[TileKey]:
        """The tiles that hold data; the others are written as blank."""
        for key in keys:
            if self.date.seen.read(self.tiling.core(key)).any():
                yield key
            else:
                self.store.blank(key)


def judged_tiling(grid: GeoBox, card: DetectorCard) -> Tiling:
    """The tiles of a grid that are scored at once, in whole cells."""
    return Tiling(grid, SIDE // card.cell_px * card.cell_px)


def judged_bytes(card: DetectorCard) -> int:
    """Bytes that scoring a tile takes, estimated."""
    return _PER_PIXEL * (SIDE // card.cell_px * card.cell_px + 2 * card.halo_px) ** 2


def score_store(folder: Path, box: GeoBox, cell: int) -> TileStore:
    """Where scores are kept: a pixel a cell, cells from the upper left corner of a grid."""
    rows, cols = (-(-int(side) // cell) for side in box.shape)
    cells = GeoBox((rows, cols), box.affine @ type(box.affine).scale(cell), box.crs)
    return TileStore(folder, Tiling(cells, SIDE // cell), ("score",), "float32", int(UNSEEN))


def find_foreign(
    date: Date, name: str, part: Window, detector: str, work: Work, run: Run
) -> Judged:
    """Find where a date is too far from what a detector knows, in a part of the grid.

    Args:
        date: where its content lies.
        name: of the date, for its folders.
        part: of the grid of the work.
        detector: its name, or its JSON file, which every worker must see.
        work: where tiles are kept.
        run: who does it.
    """
    card, grid = load_detector(detector).card, date.seen.store.tiling.box
    tiling = judged_tiling(grid, card)
    scores = score_store(work.folder / f"score_{name}", grid, card.cell_px)
    task = ScoreTiles(date, tiling, scores, detector)
    keys = list(tiling.over(part))
    with tqdm(total=len(keys), desc="know", unit="tile", leave=False, disable=None) as bar:
        for done in run(task, list(tile_runs(keys, _RUN)), work.mark):
            bar.update(done)
    bits = TileStore(work.folder / f"foreign_{name}", tiling, ("foreign",))
    told = list(_spread(scores, bits, keys, card.limit))
    layer = Layer(bits, (0,), grid)
    return Judged(layer, sum(one.cells for one in told), sum(one.foreign for one in told))


def _spread(
    scores: TileStore, bits: TileStore, keys: list[TileKey], limit: float
) -> Iterator[Tally]:
    """Write what is too far pixel by pixel, from scores cell by cell."""
    cell = bits.tiling.side // scores.tiling.side
    for key in keys:
        found = scores.read_tile(key)[0]
        far, core = found >= limit, bits.tiling.core(key)
        if far.any():
            pixels = far.repeat(cell, axis=0).repeat(cell, axis=1)
            pixels = pixels[: int(core.height), : int(core.width)]
            bits.write(key, pixels.astype("uint8")[None] * np.uint8(255))
        else:
            bits.blank(key)
        yield Tally(key, int((found != UNSEEN).sum()), int(far.sum()))
