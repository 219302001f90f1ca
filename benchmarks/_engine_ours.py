"""Our passes for `benchmarks.engine`, and the bare model beside them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.windows import Window

from geomage.geo import TileStore
from geomage.mapping import MapJob, map_rasters
from geomage.mapping.date import chip, open_date
from geomage.mapping.dates import Dates, read_dates
from geomage.mapping.journal import open_work
from geomage.mapping.plan import Plan, make_plan
from geomage.mapping.predict import Predict, model_store, read_window
from geomage.model import Model
from geomage.workers import Workers, open_workers

CACHE = 96 * 2**20  # of GDAL, as the engine sets it


@dataclass(frozen=True)
class Time:
    """What something took."""

    wall: float
    cpu: float


def timed(what: Callable[[], object]) -> Time:
    start, used = time.perf_counter(), time.process_time()
    what()
    return Time(time.perf_counter() - start, time.process_time() - used)


@dataclass(frozen=True)
class Ready:
    """A job up to where the model runs."""

    model: Model
    plan: Plan
    dates: Dates
    store: TileStore

    def predict(self) -> None:
        """The pass that runs the model, from nothing, tiles in files at the end."""
        shutil.rmtree(self.store.folder, ignore_errors=True)
        first, second = self.dates.first, self.dates.second
        task = Predict(first, second, self.store, lambda _: self.model, depth=self.plan.depth)
        for _ in task.run(self.store.missing(), self.model):
            pass

    def shapes(self) -> list[tuple[int, int]]:
        """(y, x) of what the model sees of each tile."""
        tiling, card = self.store.tiling, self.model.card
        windows = [read_window(tiling.core(key), card) for key in tiling]
        return [(int(one.height), int(one.width)) for one in windows]

    def chip(self) -> np.ndarray:
        """(1, 3, y, x) of the first tile."""
        core = self.store.tiling.core(next(iter(self.store.tiling)))
        with open_date(self.dates.first) as imagery:
            return chip(imagery, self.dates.first, read_window(core, self.model.card)).image


@contextmanager
def ready(
    model: Model, before: tuple[Path, ...], after: tuple[Path, ...], out: Path
) -> Iterator[Ready]:
    """Look at the images; what is kept of them goes with the block."""
    job = MapJob(before=before, after=after, out=out, model=model.path)
    plan = make_plan(job, model.card)
    with (
        open_workers(Workers(1, None), print) as run,
        open_work(out, {"benchmark": "engine"}) as work,
        rasterio.Env(GDAL_CACHEMAX=CACHE),
    ):
        store = model_store(work.folder / "model", plan.work, model.card, two_dates=bool(after))
        dates = read_dates((plan.before, plan.after), store.tiling, work, run)
        yield Ready(model, plan, dates, store)
        work.scratch.discard()


def predict_pass(
    model: Model, before: tuple[Path, ...], after: tuple[Path, ...], out: Path
) -> None:
    """Look at images and run the model over them, and no more."""
    with ready(model, before, after, out) as job:
        job.predict()


def map_all(model: Path, before: Path, after: Path, out: Path) -> None:
    """`map_rasters` from end to end."""
    with map_rasters(MapJob(before=(before,), after=(after,), out=out, model=model)):
        pass


def bare(model: Model, image: np.ndarray, shapes: list[tuple[int, int]]) -> None:
    """Only the model, on parts of one image in memory; answers are thrown away."""
    for rows, cols in shapes:
        part = np.ascontiguousarray(image[:, :, :rows, :cols])
        model.predict(part, part)


def without_halo(shapes: list[tuple[int, int]], halo: int) -> list[tuple[int, int]]:
    return [(rows - 2 * halo, cols - 2 * halo) for rows, cols in shapes]


def in_windows(model: Model, dates: tuple[np.ndarray, np.ndarray], window: int) -> np.ndarray:
    """(channel, y, x) float32 of two images in windows with the halo, mirrored beyond the edges.

    What the pass computes, before counts.
    """
    card, (height, width) = model.card, dates[0].shape[1:]
    out = np.empty((15, height, width), "float32")
    rim = card.halo - card.trim
    for row in range(0, height, window):
        for col in range(0, width, window):
            core = Window(col, row, min(window, width - col), min(window, height - row))
            said = model.predict(*(_mirrored(one, read_window(core, card)) for one in dates))
            here = np.s_[:, rim : rim + core.height, rim : rim + core.width]
            parts = [one[0][here] for one in (said.landcover, said.damage, said.flags)]
            out[:, row : row + core.height, col : col + core.width] = np.concatenate(parts)
    return out


def _mirrored(image: np.ndarray, window: Window) -> np.ndarray:
    """(1, 3, y, x) of a window that may reach beyond an image."""
    places = [
        _place(int(start), int(count), size)
        for start, count, size in (
            (window.row_off, window.height, image.shape[1]),
            (window.col_off, window.width, image.shape[2]),
        )
    ]
    return image[None][:, :, places[0][:, None], places[1]]


def _place(start: int, count: int, size: int) -> np.ndarray:
    place = np.arange(start, start + count) % (2 * size)
    return np.where(place < size, place, 2 * size - 1 - place)
