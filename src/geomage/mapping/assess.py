"""The pass over given footprints: register them, sum over them by tiles, grade and paint them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from rasterio.windows import Window

from geomage.errors import InputError
from geomage.geo import TileKey, TileStore, Tiling, ground_gsd
from geomage.geo.footprints import Footprints, read_footprints, refuse_footprints
from geomage.mapping.building_tiles import Fields
from geomage.mapping.buildings import UNSEEN
from geomage.mapping.compose import DAMAGE_DRESS, Said, fields_of, painted_cog, product_rasters
from geomage.mapping.given import (
    OUTSIDE_EXTENT,
    OUTSIDE_IMAGE,
    Assessed,
    Near,
    TileSums,
    footprint_features,
    join_sums,
    near_tiles,
    paint_tile,
    shifted,
    sum_tile,
)
from geomage.mapping.job import MapJob
from geomage.mapping.journal import Work
from geomage.mapping.plan import Plan
from geomage.mapping.registration import (
    Match,
    Place,
    Registration,
    match_tile,
    register,
)
from geomage.mapping.regrid import Layer
from geomage.workers import Run

__all__ = ["Given", "assess", "read_given", "refuse_given"]

_UNASKED = Registration(0.0, 0.0, 0.0, "not asked for")


@dataclass(frozen=True)
class Given:
    """Footprints of a job, on the grid of the product."""

    found: Footprints
    path: Path
    sha256: str
    register: bool
    outside: str  # what is said of those that nothing was mapped around

    def facts(self) -> dict[str, Any]:
        """JSON values of what was read."""
        return {
            "file": self.path.name,
            "sha256": self.sha256,
            "layer": self.found.layer,
            "features": self.found.features,
            "buildings": len(self.found),
            "repaired": self.found.repaired,
            "left_out": self.found.left_out,
            "register": self.register,
        }


def refuse_given(job: MapJob, plan: Plan) -> None:
    """Raise InputError when the footprints of a job cannot serve it; read no feature."""
    _refuse_layer_of_none(job)
    if job.footprints is not None:
        refuse_footprints(job.footprints, plan.product, job.footprints_layer)


def _refuse_layer_of_none(job: MapJob) -> None:
    if job.footprints is None and job.footprints_layer is not None:
        raise InputError("--footprints-layer needs a file: give it with --footprints FILE")


def read_given(
    job: MapJob, plan: Plan, say: Callable[[str], None] = lambda _: None
) -> Given | None:
    """The footprints of a job; None where it has none."""
    _refuse_layer_of_none(job)
    if job.footprints is None:
        return None
    found = read_footprints(job.footprints, plan.product, job.footprints_layer)
    if found.left_out:
        say(
            f"note: {job.footprints.name}: {found.left_out} of {found.features} features are no "
            "areas, or have no place in the CRS of the images, and are left out"
        )
    with job.footprints.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    outside = OUTSIDE_IMAGE if job.extent is None else OUTSIDE_EXTENT
    return Given(found, job.footprints, sha256, job.register, outside)


@dataclass(frozen=True)
class Assessment:
    """Rasters by name, the footprints graded, and what was found of them."""

    rasters: dict[str, Path]
    buildings: gpd.GeoDataFrame
    facts: dict[str, Any]


@dataclass(frozen=True)
class _Compare:
    """Task: compare the footprints of one tile with what is seen as building."""

    building: Layer
    tiling: Tiling

    def __call__(self, near: Near) -> dict[Place, Match]:
        return match_tile(self.building, near.shapes, self.tiling, near.key)


@dataclass(frozen=True)
class _Sum:
    """Task: sum over the footprints of one tile."""

    fields: Fields
    tiling: Tiling

    def __call__(self, near: Near) -> TileSums:
        return sum_tile(self.fields, near, self.tiling)


@dataclass(frozen=True)
class _Pass:
    """One run over the footprints of a job."""

    given: Given
    said: Said
    store: TileStore
    part: Window
    work: Work
    run: Run

    @property
    def tiling(self) -> Tiling:
        return self.store.tiling

    def result(self, *, two_dates: bool) -> Assessment:
        """Do all of it."""
        fields, gsd = fields_of(self.said, self.store), ground_gsd(self.tiling.box)
        registration = self._registered(fields.building)
        shapes, by = shifted(self.given.found.shapes, registration, gsd, self.part)
        nears = near_tiles(shapes, self.tiling, self.part)
        sums = list(self.run(_Sum(fields, self.tiling), list(nears.values()), self.work.mark))
        assessed = join_sums(sums, shapes, self.part)
        said = {
            "source_id": self.given.found.ids,
            "moved_e_m": np.round(by[:, 0], 2),
            "moved_n_m": np.round(by[:, 1], 2),
        }
        if self.given.found.occupants is not None:
            said["occupants"] = self.given.found.occupants
        features = footprint_features(
            assessed, shapes, self.tiling, said, (self.given.outside, two_dates)
        )
        facts = {**self.given.facts(), "registration": registration.as_dict()}
        return Assessment(self._rasters(assessed, nears, two_dates=two_dates), features, facts)

    def _registered(self, building: Layer) -> Registration:
        if not self.given.register:
            return _UNASKED
        nears = near_tiles(self.given.found.shapes, self.tiling, self.part)
        found: dict[Place, Match] = {}
        task = _Compare(building, self.tiling)
        for some in self.run(task, list(nears.values()), self.work.mark):
            found |= some
        return register(found, ground_gsd(self.tiling.box))

    def _rasters(
        self, assessed: Assessed, nears: dict[TileKey, Near], *, two_dates: bool
    ) -> dict[str, Path]:
        folder = self.work.folder / "result"
        folder.mkdir(exist_ok=True)
        rasters = product_rasters(self.store, folder, self.part, two_dates=two_dates)
        if two_dates:
            values = np.where(assessed.sums.seen, assessed.sums.grade, UNSEEN).astype("uint8")

            def damage(key: TileKey, codes: np.ndarray) -> np.ndarray:
                return paint_tile(nears.get(key), values, codes, self.tiling.core(key))

            rasters["damage"] = painted_cog(self.store, damage, DAMAGE_DRESS, self.part, self.work)
        return rasters


def assess(
    given: Given, said: Said, store: TileStore, part: Window, work: Work, run: Run
) -> Assessment:
    """Grade given footprints by what the model said, and make the rasters of the product.

    Args:
        given: the footprints.
        said: what the model said.
        store: pixels of the product, of `compose`.
        part: of the grid, what is mapped.
        work: the working folder.
        run: who does it.
    """
    return _Pass(given, said, store, part, work, run).result(two_dates=said.damage is not None)
