"""The whole chain on one town: grow, strike, render, map, score; then Joplin if it is there."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

import geomage
from geomage.disaster import StormParams, storm, write_event
from geomage.evaluation import map_into, score_job
from geomage.geo import refuse_output, refuse_taken
from geomage.mapping import MapJob
from geomage.model import load_model
from geomage.product import Score
from geomage.render import RenderParams, render_event, write_scene
from geomage.world import CityParams, grow_city, write_city

__all__ = ["DemoParams", "DemoResult", "real_imagery", "run_demo"]


@dataclass(frozen=True)
class DemoParams:
    """What the demo simulates."""

    size_m: float = 800.0
    """Side of the town, metres."""
    style: str = "suburb"
    """Kind of settlement, a name in `world.STYLES`."""
    ef: int = 4
    """Strength of the tornado that crosses it."""
    sensor: str = "vhr-0.5"
    """Sensor that pictures it, a name in `sensor.SENSORS`."""
    seed: int = 1
    """Seeds the town, the tornado and the picture."""


@dataclass(frozen=True)
class DemoResult:
    """What the demo made."""

    score: Score
    """The map of the town against the truth that is known."""
    reports: tuple[Path, ...]
    """Pages to open: the town, and Joplin when real imagery was there."""


def real_imagery() -> Path | None:
    """Find $GEOMAGE_DATA, or shared/data beside the working directory or the checkout."""
    stated = os.environ.get("GEOMAGE_DATA")
    beside = Path("shared", "data")
    checkout = Path(geomage.__file__).resolve().parents[2]
    places = [Path(stated)] if stated else [Path.cwd().parent / beside, checkout.parent / beside]
    return next((place for place in places if place.is_dir()), None)


def run_demo(
    out: Path,
    params: DemoParams | None = None,
    *,
    model: Path | str = "default",
    data: Path | None = None,
    jobs: int | None = None,
    overwrite: bool = False,
) -> DemoResult:
    """Run the chain; `out` then holds town, event, scene, map, score.json and perhaps joplin.

    Args:
        out: folder of the results.
        params: what to simulate.
        model: a model file, or "default".
        data: real imagery, see `real_imagery`; None maps the town only.
        jobs: threads of the model; None takes all cores.
        overwrite: replace results that stand in `out`.

    Raises:
        OutputError: `out` exists and `overwrite` is not set.
        ModelError: there is no such model.
    """
    refuse_taken(out.absolute(), overwrite=overwrite)
    for name in ("town", "event", "scene", "map", "joplin"):
        refuse_output(out / name, overwrite=overwrite)
    load_model(model)  # a wrong one is said now, not in three minutes
    chosen, joplin = params or DemoParams(), _joplin(data)
    job = MapJob(
        before=(out / "scene" / "before.tif",),
        after=(out / "scene" / "after.tif",),
        out=out / "map",
        model=model,
        jobs=jobs,
        overwrite=overwrite,
    )
    with tqdm(total=5 if joplin else 4, unit="step", disable=None) as bar:
        _simulate(out, chosen, bar, overwrite=overwrite)
        with _step(bar, "map it and score the map"):
            score = score_job(job, out / "scene" / "damage.tif")
            text = json.dumps(score.as_dict(), indent=2, allow_nan=False)
            (out / "score.json").write_text(text + "\n", encoding="utf-8")
        reports = [job.out]
        if joplin:
            with _step(bar, "map Joplin, May 2011"):
                before, after = joplin
                there = replace(job, before=(before,), after=(after,), out=out / "joplin")
                reports.append(map_into(there).folder)
    return DemoResult(score, tuple(folder / "report.html" for folder in reports))


def _simulate(out: Path, chosen: DemoParams, bar: tqdm[NoReturn], *, overwrite: bool) -> None:
    """Leave town, event and scene in the folder."""
    with _step(bar, "grow a town"):
        city = grow_city(CityParams(chosen.size_m, chosen.style, chosen.seed))
        write_city(city, out / "town", overwrite=overwrite)
    with _step(bar, "strike it"):
        event = storm(city, StormParams(ef=chosen.ef), chosen.seed)
        write_event(event, out / "event", overwrite=overwrite)
    with _step(bar, "picture it"):
        scene = render_event(event, RenderParams(sensor=chosen.sensor, seed=chosen.seed))
        write_scene(scene, out / "scene", overwrite=overwrite)


@contextmanager
def _step(bar: tqdm[NoReturn], name: str) -> Iterator[None]:
    """Name a step on the bar, or in a line of its own where no bar is shown."""
    bar.set_description(name)
    if bar.disable:
        print(name, file=sys.stderr, flush=True)
    yield
    bar.update()


def _joplin(data: Path | None) -> tuple[Path, Path] | None:
    """Both images of Joplin, or nothing when they are not there."""
    if data is None:
        return None
    folder = data / "damage" / "joplin_2011"
    before, after = folder / "before.tif", folder / "after.tif"
    return (before, after) if before.is_file() and after.is_file() else None
