"""From images of one or two dates to rasters and buildings, in passes over fixed tiles.

look at both dates -> run the model -> compose the product's pixels -> find buildings -> deliver.
Each pass is a set of tasks, each of which writes tiles of its own or answers in few bytes, so that
no raster is held whole, any number of workers gives the same bytes, and a killed run goes on where
it ended.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import geopandas as gpd
from odc.geo.geobox import GeoBox
from rasterio.windows import Window
from tqdm import tqdm

from geomage import __version__
from geomage.errors import InputError
from geomage.geo import TileStore, Tiling, ground_gsd, overlap, refuse_full, window_box
from geomage.mapping.assess import Assessment, Given, assess, read_given
from geomage.mapping.blobs import RUN_TOGETHER
from geomage.mapping.burnt_tiles import Sought, burnt_raster, find_burnt
from geomage.mapping.compose import SIDE, Delivery, Said, compose, count, deliver
from geomage.mapping.date import Date
from geomage.mapping.dates import Dates, read_dates
from geomage.mapping.foreign import Judged, find_foreign
from geomage.mapping.job import MapJob, MapResult, open_model, refuse_output
from geomage.mapping.journal import Work, open_work
from geomage.mapping.picture import Picture, sha256_of
from geomage.mapping.plan import Plan, crs_name, make_plan, work_bytes, work_part
from geomage.mapping.predict import TWO_DATES, Predict, model_store
from geomage.mapping.reasons import Shown, pixel_rims
from geomage.mapping.regrid import Layer
from geomage.mapping.runs import tile_runs
from geomage.model import Model, ModelCard
from geomage.model.plausibility import detector_of, load_detector
from geomage.workers import Run, Workers, cores, give_back, makers, open_workers

_RUN = 8  # tiles a task at most, where the model runs in several processes


def map_rasters(
    job: MapJob,
    say: Callable[[str], None] = lambda _: None,
    check: Callable[[GeoBox], None] = lambda _: None,
) -> MapResult:
    """Map buildings and land cover of one date, and with a second date damage, flood and change.

    The rasters lie in a hidden folder beside `job.out`; use the result in a `with` block and
    move out what shall stay. A run that was killed left its tiles there: the same job uses them.

    Args:
        job: what to map.
        say: told what a person should know while it goes on.
        check: given the grid of what will be mapped before any pixel is read; may raise.

    Raises:
        InputError: images that cannot be read, do not fit together, or hold nothing to map.
        BudgetError: the work would not fit in `job.memory_bytes`.
        OutputError: the output exists, is being made by another run, or cannot be written.
        RunError: workers were lost again and again; the same job goes on.
    """
    refuse_output(job)
    give_back()
    model = open_model(job, 1)  # for its card; what runs is opened for its pass alone
    card, plan = model.card, make_plan(job, model.card)
    check(window_box(plan.product, plan.part))
    given = read_given(job, plan, say)
    out = job.out.absolute()
    refuse_full(out, work_bytes(plan))
    identity = _identity(job, plan, model)
    if given is not None:
        identity["footprints"] = given.facts()
    detector = detector_of(model.path) if job.plausibility else None
    if detector is not None:
        identity["plausibility"] = _detector_facts(detector)
    if job.burnt:
        identity["parameters"]["burnt"] = True
    del model
    with (
        open_workers(Workers(job.jobs or 1, job.scheduler), say) as run,
        open_work(out, {**identity, "made_by": makers()}) as work,
    ):
        if work.resumed:
            say(f"note: going on with the work that an earlier run left in {work.folder}")
        result = _Passes(job, plan, card, work, run, say, given, detector).result()
        return replace(result, facts={**identity, **result.facts})


@dataclass(frozen=True)
class _Passes:
    """One run of a job: the passes, one after the other."""

    job: MapJob
    plan: Plan
    card: ModelCard
    work: Work
    run: Run
    say: Callable[[str], None]
    given: Given | None
    detector: str | None

    def result(self) -> MapResult:
        """Do all passes."""
        plan, card = self.plan, self.card
        store = model_store(self.work.folder / "model", plan.work, card, two_dates=bool(plan.after))
        dates = read_dates((plan.before, plan.after), store.tiling, self.work, self.run)
        for damage in dates.damage:
            self.say(f"note: {damage}")
        if not _shows(dates.first, work_part(plan)):
            names = ", ".join(str(picture.path) for picture in plan.before)
            raise InputError(f"nothing to map: {names} holds no data in the extent")
        give_back()
        self._predict(dates, store)
        give_back()
        foreign = self._judge(dates)
        sought = find_burnt(dates, work_part(plan), self.work, self.run) if self.job.burnt else None
        said = _said(plan, card, dates, store, foreign)
        tiling = Tiling(plan.product, SIDE)
        tiles, shares, areas = compose(said, tiling, plan.part, self.work, self.run)
        if self.given is not None:
            graded = assess(self.given, said, tiles, plan.part, self.work, self.run)
            facts = {**_found_facts(dates, store, foreign), "footprints": graded.facts}
            return self._with_burnt(self._finished(graded, areas, facts), sought, tiles)
        found = count(said, tiles, shares, self.work, self.run)
        give_back()
        delivery = deliver(tiles, found, plan.part, self.work, two_dates=bool(plan.after))
        together = round(delivery.run_together, 4)
        facts = {
            **_found_facts(dates, store, foreign),
            "run_together": {"area_share": together, "larger_than_m2": RUN_TOGETHER},
        }
        return self._with_burnt(self._finished(delivery, areas, facts), sought, tiles)

    def _with_burnt(self, made: MapResult, sought: Sought | None, tiles: TileStore) -> MapResult:
        """The result with what is known of burnt ground, where it was sought."""
        if sought is None:
            return made
        rasters = dict(made.rasters)
        if sought.fall is not None:
            rasters["burnt"] = burnt_raster(sought.fall, tiles, self.plan.part, self.work)
        return replace(made, rasters=rasters, facts={**made.facts, "burnt": sought.facts})

    def _finished(
        self, made: Delivery | Assessment, areas: gpd.GeoDataFrame, facts: dict[str, Any]
    ) -> MapResult:
        return MapResult(
            folder=self.work.folder,
            rasters=made.rasters,
            buildings=made.buildings,
            not_analysed=areas,
            facts=facts,
            scratch=self.work.scratch,
        )

    def _judge(self, dates: Dates) -> tuple[Judged, ...]:
        """Where each date is too far from what the model knows; nothing where nobody can tell."""
        if self.detector is None:
            return ()
        part, seen = work_part(self.plan), (dates.first, dates.second)
        return tuple(
            find_foreign(date, name, part, self.detector, self.work, self.run)
            for date, name in zip(seen, ("before", "after"), strict=True)
            if date is not None
        )

    def _predict(self, dates: Dates, store: TileStore) -> None:
        """Run the model on the tiles that are missing."""
        opens = partial(open_model, self.job)
        task = Predict(dates.first, dates.second, store, opens, self.job.flips, self.plan.depth)
        missing = store.missing(work_part(self.plan))
        alone = self.job.scheduler is None and self.job.jobs in (None, 1)
        with tqdm(total=len(missing), desc="map", unit="tile", disable=None) as bar:
            if alone:
                for _ in task.run(missing, opens(cores())):
                    bar.update(1)
                return
            runs = list(tile_runs(missing, _run_length(len(missing), self.job.jobs or 1)))
            for done in self.run(task, runs, self.work.mark):
                bar.update(done)


def _shows(date: Date, part: Window) -> bool:
    """Whether a date holds data in a part of the grid of the model."""
    store = date.seen.store
    for key in store.tiling.over(part):
        if store.holds(key):
            seen = store.read_tile(key)[0]
            if seen[overlap(store.tiling.core(key), part).toslices()].any():
                return True
    return False


def _run_length(tiles: int, jobs: int) -> int:
    """Tiles a task: fewer where there are few, so that no process waits long for the last one."""
    return max(1, min(_RUN, tiles // (4 * jobs)))


def _said(
    plan: Plan, card: ModelCard, dates: Dates, store: TileStore, foreign: tuple[Judged, ...]
) -> Said:
    """The layers of the model on the product grid."""
    two = dates.second is not None

    def layer(*names: str) -> Layer:
        return Layer(store, tuple(map(TWO_DATES.index, names)), plan.product, "bilinear")

    def seen(layer: Layer) -> Layer:
        return replace(layer, box=plan.product)

    def lost(date: Date | None) -> Layer | None:
        return None if date is None or date.lost is None else seen(date.lost)

    far = (*(seen(one.bits) for one in foreign), None, None)
    shown = Shown(
        first=seen(dates.first.seen),
        second=None if dates.second is None else seen(dates.second.seen),
        obscured=layer("obscured") if two else None,
        rims=(pixel_rims(plan.before, plan.product), pixel_rims(plan.after, plan.product)),
        coarse=plan.coarse,
        lost=(lost(dates.first), lost(dates.second)),
        foreign=(far[0], far[1]),
    )
    return Said(
        landcover=replace(layer("landcover"), how="nearest"),
        building=layer("building"),
        damage=layer("none", "minor", "major", "destroyed") if two else None,
        flags=layer("water", "changed", "obscured") if two else None,
        shown=shown,
        least=max(1, round(card.building_threshold * 255)),
    )


def _identity(job: MapJob, plan: Plan, model: Model) -> dict[str, Any]:
    """Everything that the bytes of a result depend on; no budget, no number of workers."""
    dates = [("before", picture) for picture in plan.before]
    dates += [("after", picture) for picture in plan.after]
    grid = window_box(plan.product, plan.part)
    return {
        "geomage": __version__,
        "inputs": [_input(role, picture) for role, picture in dates],
        "grid": {
            "crs": None if grid.crs is None else crs_name(grid),
            "shape": list(_shape(grid)),
            "transform": list(grid.affine[:6]),
            "gsd_m": ground_gsd(grid),
        },
        "work_gsd_m": ground_gsd(plan.work),
        "model": {**asdict(model.card), "sha256": sha256_of(model.path)},
        "parameters": {
            "gsd": job.gsd,
            "extent": None if job.extent is None else asdict(job.extent),
            "backend": model.backend,
            "precision": model.precision,
            "flips": job.flips,
            "seed": job.seed,
        },
        "notes": list(plan.notes),
    }


def _detector_facts(name: str) -> dict[str, Any]:
    """What marks depend on."""
    detector = load_detector(name)
    return {"detector": detector.card.name, "sha256": detector.sha256}


def _found_facts(dates: Dates, store: TileStore, foreign: tuple[Judged, ...]) -> dict[str, Any]:
    """What the passes found."""
    stretch = {"before": dates.first.stretch.rule}
    if dates.second is not None:
        stretch["after"] = dates.second.stretch.rule
    return {
        "stretch": stretch,
        "shift": None if dates.shift is None else asdict(dates.shift),
        "unreadable": [asdict(one) for one in dates.damage],
        "windows": {
            "side_px": store.tiling.side,
            "run": sum(map(store.holds, store.tiling)),
        },
        "too_far": {
            name: one.facts() for name, one in zip(("before", "after"), foreign, strict=False)
        },
    }


def _input(role: str, picture: Picture) -> dict[str, Any]:
    return {
        "role": role,
        "file": picture.path.name,
        "sha256": sha256_of(picture.path),
        "shape": list(picture.facts.shape),
        "dtype": picture.facts.dtype,
        "bands": list(picture.bands),
        "crs": None if picture.box.crs is None else crs_name(picture.box),
        "gsd_m": ground_gsd(picture.box),
    }


def _shape(box: GeoBox) -> tuple[int, int]:
    return (int(box.shape[0]), int(box.shape[1]))
