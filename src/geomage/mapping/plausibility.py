"""A map of how plausible an image is: what share of a training domain is less foreign, by cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from geomage import __version__
from geomage.errors import InputError, OutputError
from geomage.geo import (
    RASTER_ENDINGS,
    Dress,
    TileStore,
    Tiling,
    ground_gsd,
    mosaic_to_cog,
    refuse_file,
    true_path,
    utm_box,
)
from geomage.geo.meridian import counts_from_seam
from geomage.mapping.dates import read_dates
from geomage.mapping.foreign import ScoreTiles, judged_tiling, score_store
from geomage.mapping.journal import open_work
from geomage.mapping.picture import (
    Picture,
    common_box,
    look,
    refuse_gsd,
    sha256_of,
    unused_gsd,
)
from geomage.mapping.plan import COARSE, work_grid
from geomage.mapping.runs import tile_runs
from geomage.model.plausibility import UNSEEN, Detector, DetectorCard, load_detector
from geomage.workers import Workers, give_back, makers, open_workers

__all__ = ["PlausibilityJob", "Plausible", "map_plausibility"]

_RUN = 4  # tiles a task
_BELOW_1 = np.nextafter(np.float32(1), np.float32(0))


@dataclass(frozen=True, kw_only=True)
class PlausibilityJob:
    """One image to judge."""

    image: Path
    out: Path
    """COG to write."""
    detector: str = "line-1"
    """Name of a shipped detector, or its JSON file."""
    gsd: float | None = None
    """Side of a pixel in metres, for an image without CRS."""
    jobs: int = 1
    """Processes; changes no byte."""
    scheduler: str | None = None
    """Address of a Dask scheduler that does the work instead; changes no byte either."""
    overwrite: bool = False


@dataclass(frozen=True)
class Plausible:
    """What was written, in figures."""

    out: Path
    cells: int
    """Of which enough was seen."""
    too_far: int
    """How many of them are too far from what the detector knows."""
    facts: dict[str, Any]
    """JSON values."""


def map_plausibility(
    job: PlausibilityJob, say: Callable[[str], None] = lambda _: None
) -> Plausible:
    """Judge an image of any size, tile by tile as a map is made.

    The raster is float32, a pixel a cell: the share of the training domain that is less foreign,
    0..1, 1 where it is too far and nowhere else, and -1 where too little is seen.

    Raises:
        InputError: the image cannot be read, is too coarse, or is smaller than what is looked at.
        ModelError: no such detector.
        OutputError: the output exists or cannot be written.
        RunError: workers were lost again and again.
    """
    detector = load_detector(job.detector)
    refuse_file(job.out, overwrite=job.overwrite, endings=RASTER_ENDINGS)
    if true_path(job.out) == true_path(job.image):
        raise OutputError(f"-o {job.out} is the input; choose another output")
    refuse_gsd(job.gsd)
    picture = look(job.image, job.gsd)
    for note in unused_gsd(picture.facts, job.gsd):
        say(f"note: {note}")
    tiling = _tiling(picture, detector)
    identity = _identity(picture, tiling, detector)
    with (
        open_workers(Workers(job.jobs, job.scheduler), say) as run,
        open_work(job.out, identity) as work,
    ):
        dates = read_dates(((picture,), ()), tiling, work, run)
        store = score_store(work.folder / "score", tiling.box, detector.card.cell_px)
        task = ScoreTiles(dates.first, tiling, store, job.detector)
        for _ in run(task, list(tile_runs(tiling, _RUN)), work.mark):
            pass
        give_back()
        found = _delivered(job, detector, store, work.folder)
        work.scratch.discard()
    return found


def _identity(picture: Picture, tiling: Tiling, detector: Detector) -> dict[str, Any]:
    """Everything that the bytes of a result depend on."""
    return {
        "geomage": __version__,
        "input": sha256_of(picture.path),
        "grid": [*map(int, tiling.box.shape), *tiling.box.affine[:6]],
        "detector": detector.sha256,
        "made_by": makers(),
    }


def _delivered(
    job: PlausibilityJob, detector: Detector, scores: TileStore, folder: Path
) -> Plausible:
    """From scores to shares, a COG of them, and figures.

    Raises:
        InputError: of no cell enough is seen.
    """
    card = detector.card
    shares = replace(scores, folder=folder / "share", bands=("share",))
    seen: list[np.ndarray] = []
    for key in scores.tiling:
        found = scores.read_tile(key)
        shares.write(key, _shares(card, found))
        seen.append(found[found != UNSEEN])
    known = np.concatenate(seen)
    if not known.size:
        raise InputError(
            f"{job.image}: too little is seen to judge it; the detector {card.name} looks at "
            f"cells of {card.cell_px} px and those beside them"
        )
    unit = "share of the training domain that is less foreign; 1: too far; -1: not judged"
    tags = {"unit": unit, "detector": card.name}
    dress = Dress("plausibility", nodata=UNSEEN, tags=tags)
    mosaic_to_cog(shares, job.out, 0, dress, classes=False)
    return Plausible(job.out, known.size, int((known >= card.limit).sum()), _facts(card, known))


def _shares(card: DetectorCard, scores: np.ndarray) -> np.ndarray:
    """Share of the domain that is less foreign: 1 where too far, and nowhere else."""
    below = np.minimum(card.calibration.share(scores), _BELOW_1)
    shares = np.where(scores >= card.limit, np.float32(1), below)
    return np.where(scores == UNSEEN, UNSEEN, shares).astype("float32")


def _facts(card: DetectorCard, known: np.ndarray) -> dict[str, Any]:
    """What the scores of the cells say of an image, JSON values."""
    share = card.calibration.share(known)
    return {
        "detector": card.name,
        "domain": card.domain,
        "cells": int(known.size),
        "cell_px": card.cell_px,
        "limit": round(card.limit, 6),
        "too_far_share": round(float((known >= card.limit).mean()), 5),
        "beyond_quantile": card.quantile,
        "beyond_share": round(float((share >= card.quantile).mean()), 5),
        "median_share": round(float(np.median(share)), 4),
    }


def _tiling(picture: Picture, detector: Detector) -> Tiling:
    """Tiles of the grid that the detector looks at."""
    card, box = detector.card, common_box((picture,))
    if box.crs is not None and (box.crs.geographic or counts_from_seam(box)):
        box = utm_box(box)
    gsd = ground_gsd(box)
    if gsd > COARSE * card.gsd_max:
        raise InputError(
            f"{picture.path} has pixels of {gsd:.2f} m; the detector {card.name} knows images of "
            f"{card.gsd_min:g} to {card.gsd_max:g} m: nothing in it can be judged"
        )
    return judged_tiling(work_grid(box, gsd, card), card)
