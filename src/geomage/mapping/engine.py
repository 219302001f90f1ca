"""From images of one or two dates to rasters and buildings."""

from __future__ import annotations

import hashlib
import shutil
import time
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling

from geomage.errors import InputError
from geomage.geo import Scratch, Shift, ground_gsd, refuse_full
from geomage.mapping.deliver import Shelf, deliver
from geomage.mapping.imagery import Picture, open_imagery
from geomage.mapping.job import MapJob, MapResult, open_model, refuse_output
from geomage.mapping.layers import (
    Date,
    Layers,
    blank_layers,
    bring,
    bring_layers,
    predict_layers,
    work_bytes,
)
from geomage.mapping.plan import Plan, crs_name, make_plan, tiles
from geomage.mapping.reasons import Views, reason_codes
from geomage.mapping.survey import moved, residual_shift, survey
from geomage.model import Model, ModelCard

_CACHE = 96 * 2**20  # bytes GDAL may keep of blocks it read


def map_rasters(job: MapJob) -> MapResult:
    """Map buildings and land cover of one date, and with a second date damage, flood and change.

    The rasters lie in a temporary folder beside `job.out`; use the result in a `with` block and
    move out what shall stay.

    Raises:
        InputError: images that cannot be read, do not fit together, or hold nothing to map.
        BudgetError: the work would not fit in `job.memory_bytes`.
        OutputError: the output exists, is an input, or cannot be written.
    """
    started = time.perf_counter()
    refuse_output(job)
    card = open_model(job, 1).card
    plan = make_plan(job, card)
    out = job.out.absolute()
    refuse_full(out, work_bytes(plan))
    scratch = Scratch.make(out)
    with scratch.work(out) as folder:
        with rasterio.Env(GDAL_CACHEMAX=_CACHE):
            result = _run(job, plan, card, folder)
        shutil.rmtree(folder / "work", ignore_errors=True)
    seconds = round(time.perf_counter() - started, 2)
    return replace(result, facts={**result.facts, "seconds": seconds}, scratch=scratch)


def _run(job: MapJob, plan: Plan, card: ModelCard, folder: Path) -> MapResult:
    """Look at both dates, run the model, and make rasters and features of what it says."""
    (folder / "work").mkdir()
    layers = blank_layers(folder / "work" / "model", plan.work)
    windows = list(tiles(_shape(plan.work), plan.side, card))
    with ExitStack() as stack:
        first = _first(plan, stack)
        second, shift = _second(plan, first, stack)
        # Loaded here, so that the memory it works in is given back when the windows are done.
        model = open_model(job, job.jobs)
        facts = _facts(job, plan, model)
        ran = predict_layers(model, windows, (first, second), layers)
        del model
        stretch = {"before": first.imagery.stretch.rule}
        if second is not None:
            stretch["after"] = second.imagery.stretch.rule
    views = _views(plan, first, second, layers)
    codes = reason_codes(views, plan.product, (plan.before, plan.after), coarse=plan.coarse)
    layers = bring_layers(layers, plan.product, folder / "work" / "product")
    facts = {
        **facts,
        "stretch": stretch,
        "shift": None if shift is None else asdict(shift),
        "windows": {"side_px": plan.side, "halo_px": card.halo, "run": ran},
    }
    result = deliver(
        layers,
        codes,
        views.first,
        card.building_threshold,
        Shelf(folder, layers),
        two_dates=bool(plan.after),
    )
    return replace(result, facts={**facts, **result.facts})


def _first(plan: Plan, stack: ExitStack) -> Date:
    imagery = stack.enter_context(open_imagery(plan.before, plan.work))
    sight = survey(imagery, "look at the first date")
    if not sight.seen.any():
        raise InputError(f"nothing to map: {_names(plan.before)} holds no data at all")
    return Date(imagery, sight)


def _second(plan: Plan, first: Date, stack: ExitStack) -> tuple[Date | None, Shift | None]:
    """The second date on the work grid, moved by its measured shift."""
    if not plan.after:
        return None, None
    imagery = stack.enter_context(open_imagery(plan.after, plan.work))
    sight = survey(imagery, "look at the second date")
    if not sight.seen.any():
        raise InputError(
            f"nothing to map: {_names(plan.after)} holds no data where {_names(plan.before)} lies"
        )
    shift = residual_shift(first.imagery, imagery, first.sight.seen & sight.seen)
    if shift.reason or (shift.dx_m, shift.dy_m) == (0, 0):
        return Date(imagery, sight), shift
    gsd = ground_gsd(plan.work)
    cols, rows = shift.dx_m / gsd, -shift.dy_m / gsd
    box = GeoBox(plan.work.shape, plan.work.affine @ Affine.translation(cols, rows), plan.work.crs)
    imagery = stack.enter_context(open_imagery(plan.after, box))
    return Date(imagery, moved(sight, round(cols), round(rows))), shift


def _views(plan: Plan, first: Date, second: Date | None, layers: Layers) -> Views:
    """What can be seen, brought to the product grid."""

    def brought(seen: np.ndarray) -> np.ndarray:
        return bring(seen, plan.work, plan.product, Resampling.nearest)

    if second is None:
        return Views(brought(first.sight.seen), None, None)
    obscured = bring(layers.flags[2], plan.work, plan.product, Resampling.bilinear)
    return Views(brought(first.sight.seen), brought(second.sight.seen), obscured)


def _facts(job: MapJob, plan: Plan, model: Model) -> dict[str, Any]:
    """Record of a run: everything needed to make it again."""
    dates = [("before", picture) for picture in plan.before]
    dates += [("after", picture) for picture in plan.after]
    return {
        "inputs": [_input(role, picture) for role, picture in dates],
        "grid": {
            "crs": None if plan.product.crs is None else crs_name(plan.product),
            "shape": list(_shape(plan.product)),
            "transform": list(plan.product.affine[:6]),
            "gsd_m": ground_gsd(plan.product),
        },
        "work_gsd_m": ground_gsd(plan.work),
        "model": {**asdict(model.card), "sha256": _sha256(model.path)},
        "parameters": {
            "gsd": job.gsd,
            "memory_bytes": job.memory_bytes,
            "jobs": job.jobs,
            "backend": model.backend,
            "precision": model.precision,
            "seed": job.seed,
        },
        "notes": list(plan.notes),
    }


def _input(role: str, picture: Picture) -> dict[str, Any]:
    return {
        "role": role,
        "file": picture.path.name,
        "sha256": _sha256(picture.path),
        "shape": list(picture.facts.shape),
        "dtype": picture.facts.dtype,
        "bands": list(picture.bands),
        "crs": None if picture.box.crs is None else crs_name(picture.box),
        "gsd_m": ground_gsd(picture.box),
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _shape(box: GeoBox) -> tuple[int, int]:
    return (int(box.shape[0]), int(box.shape[1]))


def _names(pictures: tuple[Picture, ...]) -> str:
    return ", ".join(str(picture.path) for picture in pictures)
