"""What a job will take, before it is begun: pixels, tiles, time, memory, disk."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from odc.geo.geobox import GeoBox

from geomage.geo import Tiling, window_box
from geomage.mapping.assess import refuse_given
from geomage.mapping.job import MapJob, open_model
from geomage.mapping.plan import Plan, make_plan, memory_bytes, work_bytes, work_part
from geomage.mapping.predict import read_window
from geomage.model import Model
from geomage.workers import cores

__all__ = ["Forecast", "forecast"]

_TRIAL = 2.0  # seconds the model is tried for
_SIDE = 256  # px, the least that is answered at once while it is tried
_REST = 1.5  # of the model's time, with looking before and composing after it: ours, a guess


@dataclass(frozen=True)
class Forecast:
    """What a job will take, as far as its headers and a short trial of the model tell."""

    pixels: int
    """Of the grid the model sees; where there is no data it is not run."""
    tiles: int
    seen_pixels: int
    """What the model sees, halos included."""
    mpx_per_second: float
    """Of what the model sees, measured."""
    memory_bytes: int
    disk_bytes: int
    """While it runs, about; the product takes less."""

    @property
    def recomputation(self) -> float:
        """Pixels seen for each pixel of the grid."""
        return self.seen_pixels / self.pixels

    @property
    def seconds(self) -> float:
        """Wall-clock time on this machine alone, if every pixel holds data."""
        return _REST * self.seen_pixels / (self.mpx_per_second * 1e6)

    def as_dict(self) -> dict[str, float]:
        """JSON-able record."""
        return {
            "pixels": self.pixels,
            "tiles": self.tiles,
            "recomputation": round(self.recomputation, 3),
            "mpx_per_second": round(self.mpx_per_second, 3),
            "seconds": round(self.seconds, 1),
            "memory_bytes": self.memory_bytes,
            "disk_bytes": self.disk_bytes,
        }


def forecast(job: MapJob, check: Callable[[GeoBox], None] = lambda _: None) -> Forecast:
    """Read the headers of the images and try the model for two seconds; write nothing.

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
    tiling = Tiling(plan.work, model.card.window)
    seen = 0
    part = work_part(plan)
    keys = list(tiling.over(part))
    for key in keys:
        window = read_window(tiling.core(key), model.card)
        seen += int(window.width) * int(window.height)
    return Forecast(
        pixels=int(part.width * part.height),
        tiles=len(keys),
        seen_pixels=seen,
        mpx_per_second=_speed(model, plan),
        memory_bytes=memory_bytes(plan, model.card),
        disk_bytes=work_bytes(plan),
    )


def _speed(model: Model, plan: Plan) -> float:
    """Million pixels a second that the model sees, on noise, in windows like those of the job."""
    card = model.card
    core = min(card.window, max(_SIDE, min(_shape(plan))))
    side = -(-core // card.stride) * card.stride + 2 * card.halo
    chip = np.random.default_rng(0).integers(0, 256, (1, 3, side, side), dtype="uint8")
    start, runs = time.perf_counter(), 0
    while runs < 1 or time.perf_counter() - start < _TRIAL:
        model.predict(chip, chip)
        runs += 1
    return runs * side**2 / (time.perf_counter() - start) / 1e6


def _shape(plan: Plan) -> tuple[int, int]:
    return (int(plan.work.shape[0]), int(plan.work.shape[1]))
