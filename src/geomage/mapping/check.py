"""Whether images can be mapped, said before the work: facts, and what will be lost."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from geomage.errors import InputError
from geomage.geo import Shift, ground_gsd
from geomage.mapping.imagery import Imagery, Picture, open_imagery
from geomage.mapping.job import MapJob
from geomage.mapping.plan import Plan, crs_name, make_plan
from geomage.mapping.reasons import within
from geomage.mapping.survey import Sight, residual_shift, survey
from geomage.model import ModelCard, load_model

__all__ = ["Findings", "check_images"]


@dataclass(frozen=True)
class Findings:
    """What a look at the images found; images that cannot be mapped raise instead."""

    facts: dict[str, Any]
    """JSON values: images, grid, share seen, shift, stretch."""
    remarks: tuple[str, ...]
    """What will be lost or changed, in sentences."""


def check_images(job: MapJob) -> Findings:
    """Look at the images of a job as `map_rasters` would, run no model, write nothing.

    Raises:
        InputError: the images cannot be mapped; the message says why and how to mend it.
        BudgetError: the work would not fit in `job.memory_bytes`.
    """
    card = load_model(job.model, threads=job.jobs).card
    plan = make_plan(job, card)
    with ExitStack() as stack:
        first = stack.enter_context(open_imagery(plan.before, plan.work))
        seen = _seen(first, "first")
        inside = within(plan.before, plan.work) | seen.seen
        facts: dict[str, Any] = {
            "seen_first": _share(seen.seen, inside),
            "stretch": {"before": first.stretch.rule},
        }
        shift = None
        if plan.after:
            second = stack.enter_context(open_imagery(plan.after, plan.work))
            both = seen.seen & _seen(second, "second").seen
            shift = residual_shift(first, second, both)
            facts |= {"seen_both": _share(both, inside), "shift": asdict(shift)}
            facts["stretch"] |= {"after": second.stretch.rule}
    dates = [("before", picture) for picture in plan.before]
    dates += [("after", picture) for picture in plan.after]
    facts["images"] = [_image(role, picture) for role, picture in dates]
    facts["grid"] = _grid(plan)
    return Findings(facts, tuple(_remarks(plan, card, facts, shift)))


def _seen(imagery: Imagery, which: str) -> Sight:
    sight = survey(imagery, f"look at the {which} date")
    if not sight.seen.any():
        raise InputError(f"nothing to map: the {which} date holds no data where the first lies")
    return sight


def _share(mask: np.ndarray, inside: np.ndarray) -> float:
    """Of what lies in the outlines of the first images, as a map counts it."""
    return round(float(mask.sum() / max(1, inside.sum())), 4)


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
    return said + _shift_remarks(shift)


def _shift_remarks(shift: Shift | None) -> list[str]:
    if shift is None:
        return []
    if shift.reason:
        return [f"the residual shift of the second date could not be measured: {shift.reason}"]
    if (shift.dx_m, shift.dy_m) == (0, 0):
        return []
    east, north = shift.dx_m, shift.dy_m
    return [f"the second date lies {east:+.1f} m east, {north:+.1f} m north; it will be moved back"]
