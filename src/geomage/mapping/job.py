"""What to map, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import geopandas as gpd
import numpy as np
import shapely

from geomage.errors import InputError, OutputError
from geomage.geo import MEMORY, Scratch, read_vectors, true_path
from geomage.geo import refuse_output as refuse_folder
from geomage.model import DEFAULT_BACKEND, Model, load_model


@dataclass(frozen=True)
class Extent:
    """What of the first date to map."""

    left: float
    bottom: float
    right: float
    top: float
    crs: str | None = None
    """Of the four; that of the first image when None."""

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top."""
        return self.left, self.bottom, self.right, self.top


@dataclass(frozen=True, kw_only=True)
class MapJob:
    """One run of the main job: a first date, perhaps a second, a model."""

    before: tuple[Path, ...]
    """Images of the first date; several make a mosaic, earlier ones on top."""
    out: Path
    """Where the product folder shall be."""
    after: tuple[Path, ...] = ()
    """Images of the second date; none maps land cover and buildings only."""
    model: Path | str = "default"
    """An ONNX file, or the name of a shipped model."""
    backend: str = DEFAULT_BACKEND
    """What runs the model."""
    precision: str | None = None
    """What it computes in; that of the file when None."""
    accept_loss: bool = False
    """Run in a precision that has not passed the accuracy gate."""
    gsd: float | None = None
    """Side of a pixel in metres, for images without CRS."""
    extent: Extent | None = None
    """All of the first date when None. Inside, pixels and buildings are those of a map of all, but
    for buildings that the border cuts and what hangs together with them."""
    footprints: Path | None = None
    """Outlines of buildings that are assessed instead of the mapped ones."""
    footprints_layer: str | None = None
    """Of that file; None takes the one there is."""
    register: bool = True
    """Move footprints to where the image shows buildings."""
    memory_bytes: int = MEMORY
    """Budget of memory, bytes."""
    jobs: int | None = None
    """Processes; None is this one alone, whose model takes every core. Changes no byte."""
    scheduler: str | None = None
    """Address of a Dask scheduler that does the work instead; changes no byte either."""
    flips: bool = False
    """Whether answers are means over the image and its three mirror images, at four times the
    cost."""
    plausibility: bool = True
    """Mark as not analysed what is too far from what the model knows, where a detector of it is
    shipped."""
    burnt: bool = False
    """Seek burnt ground: the event was a fire. Needs a near-infrared band at both dates."""
    overwrite: bool = False
    """Replace a product folder that stands at `out`."""
    seed: int = 0
    """Kept with the parameters; mapping itself draws nothing at random."""


def open_model(job: MapJob, threads: int | None) -> Model:
    """The model of a job, as the job wants it run."""
    return load_model(
        job.model,
        threads,
        backend=job.backend,
        precision=job.precision,
        accept_loss=job.accept_loss,
    )


@dataclass(frozen=True)
class MapResult:
    """Rasters in a hidden folder, and features; leave its `with` block to drop the folder."""

    folder: Path
    """Holds the rasters; gone when the `with` block ends."""
    rasters: Mapping[str, Path]
    """COG by name: building, landcover, and with two dates damage, flood, change; burnt where it
    was sought and could be told."""
    buildings: gpd.GeoDataFrame
    """building_id, grade (1..4, 0 not analysed), p_none, p_minor, p_major, p_destroyed, confidence,
    area_m2, not_analysed_reason; polygons in the CRS of the rasters. Of given footprints also
    source_id, p_building, moved_e_m, moved_n_m, and occupants where the file has them."""
    not_analysed: gpd.GeoDataFrame
    """Polygons with their `reason`."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """JSON values: inputs, grid, shift, stretch, model."""
    scratch: Scratch | None = None
    """Holds the folder, so that no other run works in it."""

    def __enter__(self) -> Self:
        """Use the result."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove what was not moved out of the folder; after an error not of the input, keep it."""
        if error is None or isinstance(error, InputError) or self.scratch is None:
            self.discard()
        else:
            self.scratch.release()

    def discard(self) -> None:
        """Remove the folder."""
        if self.scratch is not None:
            self.scratch.discard()


def read_extent(text: str) -> Extent:
    """Read bounds, LEFT,BOTTOM,RIGHT,TOP, or those of a vector file, which come with its CRS.

    Raises:
        InputError: it is neither, or holds nothing.
    """
    with suppress(ValueError):
        left, bottom, right, top = map(float, text.split(","))
        return Extent(left, bottom, right, top)
    if _is_file(text):
        return _extent_of(Path(text))
    raise InputError(
        f"--extent {text!r} is neither a file nor four numbers; write LEFT,BOTTOM,RIGHT,TOP in "
        "the CRS of the first image"
    )


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except OSError:  # too long for a name
        return False


def _extent_of(path: Path) -> Extent:
    """The bounds of the features of a file."""
    features = read_vectors(path)
    if not isinstance(features, gpd.GeoDataFrame) or np.isnan(features.total_bounds).any():
        raise InputError(f"--extent {path}: holds no feature with a place")
    _refuse_crossing(path, features.geometry)
    crs = None if features.crs is None else features.crs.to_wkt()
    left, bottom, right, top = map(float, features.total_bounds)
    return Extent(left, bottom, right, top, crs)


def _refuse_crossing(path: Path, shapes: gpd.GeoSeries) -> None:
    """Raise InputError at a polygon that crosses itself: it is not the area somebody drew."""
    broken = shapes[shapes.notna() & ~shapes.is_valid]
    if len(broken):
        why = shapely.is_valid_reason(broken.iloc[0])
        raise InputError(f"--extent {path}: a shape crosses itself or is broken ({why}); mend it")


def refuse_output(job: MapJob) -> None:
    """Raise OutputError when the output exists, is an input, or holds one."""
    out = true_path(job.out)
    given = () if job.footprints is None else (job.footprints,)
    for path in (*job.before, *job.after, *given):
        source = true_path(path)
        if out == source:
            raise OutputError(f"the output {job.out} is the input {path}; choose another output")
        if out in source.parents:
            raise OutputError(f"the output {job.out} holds the input {path}; choose another output")
    refuse_folder(job.out, overwrite=job.overwrite)
