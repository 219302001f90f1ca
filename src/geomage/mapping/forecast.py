"""What a job will take, before it is begun: pixels, tiles, time, memory, disk."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox

from geomage.geo import Tiling, ground_gsd, window_box
from geomage.mapping.assess import refuse_given
from geomage.mapping.burnt import Level, fall_of
from geomage.mapping.burnt_tiles import around_tile, fall_tiling, missing_nir
from geomage.mapping.foreign import around_cells, judged_bytes, judged_tiling
from geomage.mapping.job import MapJob, open_model
from geomage.mapping.plan import Plan, make_plan, memory_bytes, work_bytes, work_part
from geomage.mapping.predict import read_window
from geomage.model import Model
from geomage.model.plausibility import Detector, detector_of, load_detector
from geomage.workers import cores

__all__ = ["Forecast", "Passed", "forecast"]

_TRIAL = 2.0  # seconds that the model, and then the detector, is tried for
_SIDE = 256  # px, the least that is answered at once while it is tried
_REST = 1.5  # of their time, with looking before and composing after: ours, a guess


@dataclass(frozen=True)
class Passed:
    """What one pass over the grid will take."""

    tiles: int
    seen_pixels: int
    """What is seen of all tiles, halos included."""
    mpx_per_second: float
    """Of what is seen, measured; by all processes of the job."""

    @property
    def seconds(self) -> float:
        """Wall-clock time on this machine alone, if every pixel holds data."""
        return _REST * self.seen_pixels / (self.mpx_per_second * 1e6)


@dataclass(frozen=True)
class Forecast:
    """What a job will take, as far as its headers and a short trial of the model tell."""

    pixels: int
    """Of the grid the model sees; where there is no data it is not run."""
    model: Passed
    plausibility: Passed | None
    """The pass that tells what is too far from what the model knows; None where there is none."""
    burnt: Passed | None
    """The pass that seeks burnt ground, and reads the images once more; None where none is sought,
    or it cannot be told."""
    burnt_left_out: str | None
    """Why burnt ground, which is sought, will not be outlined."""
    memory_bytes: int
    disk_bytes: int
    """While it runs, about; the product takes less."""

    @property
    def recomputation(self) -> float:
        """Pixels that the model sees for each pixel of the grid."""
        return self.model.seen_pixels / self.pixels

    @property
    def seconds(self) -> float:
        """Wall-clock time of all passes."""
        more = (self.plausibility, self.burnt)
        return self.model.seconds + sum(one.seconds for one in more if one is not None)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able record."""
        return {
            "pixels": self.pixels,
            "tiles": self.model.tiles,
            "recomputation": round(self.recomputation, 3),
            "mpx_per_second": round(self.model.mpx_per_second, 3),
            "plausibility": _record(self.plausibility),
            "burnt": _record(self.burnt),
            "burnt_left_out": self.burnt_left_out,
            "seconds": round(self.seconds, 1),
            "memory_bytes": self.memory_bytes,
            "disk_bytes": self.disk_bytes,
        }


def _record(passed: Passed | None) -> dict[str, Any] | None:
    """JSON values of a pass beside that of the model; None where there is none."""
    if passed is None:
        return None
    return {
        "tiles": passed.tiles,
        "mpx_per_second": round(passed.mpx_per_second, 3),
        "seconds": round(passed.seconds, 1),
    }


def forecast(job: MapJob, check: Callable[[GeoBox], None] = lambda _: None) -> Forecast:
    """Read the headers of the images, try model and detector two seconds each; write nothing.

    Args:
        job: what to map.
        check: as of `map_rasters`.

    Raises:
        InputError: as `map_rasters` would.
        BudgetError: the work would not fit in `job.memory_bytes`; the message says what would.
    """
    model = open_model(job, cores())
    plan = make_plan(job, model.card)
    check(window_box(plan.product, plan.part))
    refuse_given(job, plan)
    name = detector_of(model.path) if job.plausibility else None
    detector = None if name is None else load_detector(name)
    part = work_part(plan)
    judged = 0 if detector is None else judged_bytes(detector.card)
    why = missing_nir((plan.before, plan.after)) if job.burnt else None
    return Forecast(
        pixels=int(part.width * part.height),
        model=_modelled(model, plan),
        plausibility=None if detector is None else _judged(detector, plan, job.jobs or 1),
        burnt=_searched(plan, job.jobs or 1) if job.burnt and why is None else None,
        burnt_left_out=why,
        memory_bytes=memory_bytes(plan, model.card, judged),
        disk_bytes=work_bytes(plan),
    )


def _modelled(model: Model, plan: Plan) -> Passed:
    """The pass of the model over both dates at once."""
    card = model.card
    tiling = Tiling(plan.work, card.window)
    windows = [read_window(tiling.core(key), card) for key in tiling.over(work_part(plan))]
    seen = sum(int(one.width) * int(one.height) for one in windows)
    side = -(-_core(plan, card.window) // card.stride) * card.stride + 2 * card.halo
    chip = _noise(side)[None]
    return Passed(len(windows), seen, _speed(lambda: model.predict(chip, chip), side**2))


def _judged(detector: Detector, plan: Plan, jobs: int) -> Passed:
    """The pass of the detector, date after date, on one core of each process."""
    card, dates = detector.card, 2 if plan.after else 1
    tiling = judged_tiling(plan.work, card)
    windows = [around_cells(card, tiling.core(key)) for key in tiling.over(work_part(plan))]
    seen = sum(int(one.width) * int(one.height) for one in windows)
    side = -(-_core(plan, tiling.side) // card.cell_px) * card.cell_px + 2 * card.halo_px
    counts, valid = _noise(side), np.ones((side, side), bool)
    speed = _speed(lambda: detector.score(counts, valid), side**2)
    return Passed(dates * len(windows), dates * seen, speed * min(jobs, cores()))


def _searched(plan: Plan, jobs: int) -> Passed:
    """The pass over both dates that seeks burnt ground, on one core of each process."""
    tiling, gsd = fall_tiling(plan.work), ground_gsd(plan.work)
    windows = [around_tile(tiling, key) for key in tiling.over(work_part(plan))]
    seen = sum(int(one.width) * int(one.height) for one in windows)
    side = _core(plan, tiling.side)
    values, there = np.tile(_noise(side)[:1], (4, 1, 1)) + 1.0, np.ones((side, side), bool)
    level = Level((0.0,) * 4, (1.0,) * 4, (0.0,) * 3)
    speed = _speed(lambda: fall_of(values, there, level, gsd), side**2)
    return Passed(len(windows), seen, speed * min(jobs, cores()))


def _speed(look: Callable[[], object], pixels: int) -> float:
    """Million pixels a second, of something that looks at so many at once."""
    start, runs = time.perf_counter(), 0
    while runs < 1 or time.perf_counter() - start < _TRIAL:
        look()
        runs += 1
    return runs * pixels / (time.perf_counter() - start) / 1e6


def _noise(side: int) -> np.ndarray:
    """Counts (3, y, x) to be tried on."""
    return np.random.default_rng(0).integers(0, 256, (3, side, side), dtype="uint8")


def _core(plan: Plan, window: int) -> int:
    """Side of the windows of a job without their halo, pixels."""
    return min(window, max(_SIDE, min(map(int, plan.work.shape))))
