"""Whether images can be mapped, said before the work: facts, and what will be lost."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from geomage.geo import Shift, Tiling, ground_gsd
from geomage.mapping.burnt_tiles import missing_nir
from geomage.mapping.dates import Dates, read_dates
from geomage.mapping.job import MapJob
from geomage.mapping.journal import open_work
from geomage.mapping.picture import Picture
from geomage.mapping.plan import Plan, crs_name, make_plan
from geomage.mapping.reasons import pixel_rims, within_window
from geomage.model import ModelCard, load_model
from geomage.workers import Workers, open_workers

__all__ = ["Findings", "check_images"]


@dataclass(frozen=True)
class Findings:
    """What a look at the images found; images that cannot be mapped raise instead."""

    facts: dict[str, Any]
    """JSON values: images, grid, share seen, shift, stretch, why burnt ground cannot be told."""
    remarks: tuple[str, ...]
    """What will be lost or changed, in sentences."""


def check_images(job: MapJob) -> Findings:
    """Look at the images of a job as `map_rasters` would, run no model, write nothing.

    Raises:
        InputError: the images cannot be mapped; the message says why and how to mend it.
        BudgetError: the work would not fit in `job.memory_bytes`.
    """
    card = load_model(job.model, threads=1).card
    plan = make_plan(job, card)
    with (
        tempfile.TemporaryDirectory(prefix="geomage-") as place,
        open_workers(Workers()) as run,
        open_work(Path(place) / "check", {}) as work,
    ):
        tiling = Tiling(plan.work, card.window)
        found = read_dates((plan.before, plan.after), tiling, work, run)
        seen = _Seen.of(plan, found)
        work.scratch.release()
    facts: dict[str, Any] = {
        "seen_first": seen.share(seen.first),
        "stretch": {"before": found.first.stretch.rule},
    }
    if found.second is not None and found.shift is not None:
        facts |= {"seen_both": seen.share(seen.both), "shift": asdict(found.shift)}
        facts["stretch"] |= {"after": found.second.stretch.rule}
    dates = [("before", picture) for picture in plan.before]
    dates += [("after", picture) for picture in plan.after]
    facts["images"] = [_image(role, picture) for role, picture in dates]
    facts["grid"] = _grid(plan)
    facts["burnt_left_out"] = missing_nir((plan.before, plan.after))
    facts["unreadable"] = [asdict(one) for one in found.damage]
    said = [str(one) for one in found.damage]
    return Findings(facts, (*said, *_remarks(plan, card, facts, found.shift)))


@dataclass(frozen=True)
class _Seen:
    """Pixels of the work grid: in the outlines of the first images, seen in them, seen twice."""

    inside: int
    first: int
    both: int

    @classmethod
    def of(cls, plan: Plan, dates: Dates) -> Self:
        """Count them tile by tile, the second date where it was before it is moved."""
        rims, tiling = pixel_rims(plan.before, plan.work), dates.first.seen.store.tiling
        total = np.zeros(3, "int64")
        for key in tiling:
            core = tiling.core(key)
            first = dates.first.seen.read(core)[0] > 0
            both = first
            if dates.second is not None:
                both = first & (replace(dates.second.seen, shift=(0, 0)).read(core)[0] > 0)
            inside = within_window(rims, core) | first
            total += [inside.sum(), first.sum(), both.sum()]
        return cls(*map(int, total))

    def share(self, seen: int) -> float:
        """Of what lies in the outlines of the first images, as a map counts it."""
        return round(seen / max(1, self.inside), 4)


def _image(role: str, picture: Picture) -> dict[str, Any]:
    rows, cols = picture.facts.shape
    return {
        "role": role,
        "file": str(picture.path),
        "size": [cols, rows],
        "gsd_m": round(ground_gsd(picture.box), 3),
        "crs": crs_name(picture.box),
        "dtype": picture.facts.dtype,
    }


def _grid(plan: Plan) -> dict[str, Any]:
    return {
        "crs": crs_name(plan.product),
        "gsd_m": round(ground_gsd(plan.product), 3),
        "model_gsd_m": round(ground_gsd(plan.work), 3),
    }


def _remarks(plan: Plan, card: ModelCard, facts: dict[str, Any], shift: Shift | None) -> list[str]:
    """Sentences about what the map will lose, and what will be done to the images."""
    said = list(plan.notes)
    if plan.work != plan.product:
        said.append(
            f"pixels of {ground_gsd(plan.product):.2f} m are brought to "
            f"{ground_gsd(plan.work):.2f} m for the model, which knows {card.gsd_min:g} to "
            f"{card.gsd_max:g} m"
        )
    if plan.product.crs is None:
        said.append("the images have no CRS: results will be in pixel coordinates")
    if facts["seen_first"] < 1:
        said.append(f"{1 - facts['seen_first']:.1%} of the first date holds no data")
    if facts.get("seen_both", 1) < facts["seen_first"]:
        lost = facts["seen_first"] - facts["seen_both"]
        said.append(f"{lost:.1%} is not seen at the second date and will not be analysed")
    if plan.coarse:
        said.append("the second date is too coarse for the model: no damage will be mapped")
    said += [f"{date}: {rule}" for date, rule in facts["stretch"].items()]
    if plan.after:
        said.append(_burnt_remark(facts["burnt_left_out"]))
    return said + _shift_remarks(shift)


def _burnt_remark(left_out: str | None) -> str:
    """Whether burnt ground can be outlined, of two dates."""
    if left_out is None:
        said = "near infrared is in both images"
        return f"{said}: burnt ground can be outlined after a fire (--event-type fire)"
    return f"burnt ground will not be outlined: {left_out}"


def _shift_remarks(shift: Shift | None) -> list[str]:
    if shift is None:
        return []
    if shift.reason:
        return [f"the residual shift of the second date could not be measured: {shift.reason}"]
    if (shift.dx_m, shift.dy_m) == (0, 0):
        return []
    east, north = shift.dx_m, shift.dy_m
    return [f"the second date lies {east:+.1f} m east, {north:+.1f} m north; it will be moved back"]
