"""A translator over an image of any size, window by window, without seams.

Figures of the whole image are measured first. Then windows of one grid that is aligned to the
translator's stride are read with its halo, beyond the edges as the mirror image, translated and
cropped to tiles. So neither windows nor workers nor a kill can show: tiles that stand are used by
the next run of the same command, and the image appears under its name whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import rasterio
from tqdm import tqdm

from geomage import __version__
from geomage.data.translation import OpenedTranslator, TranslatorCard
from geomage.errors import BudgetError, InputError, OutputError
from geomage.geo import (
    MEMORY,
    RASTER_ENDINGS,
    Dress,
    TileStore,
    Tiling,
    raster_to_cog,
    refuse_file,
    refuse_full,
    true_path,
)
from geomage.mapping.journal import Work, open_work
from geomage.mapping.label_map import LabelMap, look_at_labels
from geomage.mapping.picture import refuse_gsd, unused_gsd
from geomage.mapping.runs import tile_runs
from geomage.mapping.subject import LATTICE, Subject, look_at_subject, measure_subject
from geomage.mapping.translate_tiles import TranslateTiles, halo_of
from geomage.workers import Run, Workers, give_back, makers, open_workers

__all__ = ["LARGEST_STYLE", "TranslateJob", "translate_raster"]

LARGEST_STYLE = 2**31 - 1
_SIDE = 512  # px of a tile, at least
_WINDOW = 1280  # px of a tile and its halo, else: the halo is lost work, memory is the price
_BASE = 400 * 2**20  # bytes: libraries, a translator, GDAL's cache
_PER_VALUE = 16  # bytes of a number of a window that is read ahead or waits to be written (ours)
_PER_WORK = 32  # bytes of a number of a window in work (ours)
_PER_NETWORK_PIXEL = 600  # bytes of a window more, in what looks beyond a pixel: a flow, measured
_DEEPEST = 2  # windows read ahead, at most
_RUN = 8  # tiles a task, at most
_PER_STORED_VALUE = 3  # bytes on disk, tiles and image together, compressed: a guess
_COLOURS = ("red", "green", "blue")


@dataclass(frozen=True, kw_only=True)
class TranslateJob:
    """One image, one translator."""

    image: Path
    out: Path
    """The COG to write."""
    opens: Callable[[], OpenedTranslator]
    """Opens the translator, in any process; it travels."""
    style: int = 0
    """Seed of all that is drawn; give both dates of a pair the same."""
    labels: Path | None = None
    """Raster of classes on the grid of the image, for a translator that is told the label map."""
    gsd: float | None = None
    """Side of a pixel in metres, of an image without CRS."""
    scale: float | None = None
    """Reflectance of a count; what the file states when None."""
    jobs: int = 1
    """Processes; changes no byte."""
    memory_bytes: int = MEMORY
    """Budget of memory, bytes; changes no byte."""
    overwrite: bool = False
    """Replace a file that stands at `out`."""
    side_px: int | None = None
    """Of tiles, in whole strides; by the card when None."""


def translate_raster(
    job: TranslateJob, say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Show an image as the target domain would; return what it was made from, and how.

    Raises:
        InputError: an image, labels or a number that the translator cannot take.
        BudgetError: a window would not fit in the budget of memory.
        OutputError: the output exists, is being made by another run, or cannot be written.
        ModelError: the translator cannot be opened, or gives what it must not.
    """
    _refuse_output(job)
    _refuse_numbers(job)
    give_back()
    ready, out = _prepare(job, say), job.out.absolute()
    rows, columns = ready.subject.facts.shape
    refuse_full(out, rows * columns * len(ready.card.made) * _PER_STORED_VALUE)
    identity = {**ready.identity, "side_px": ready.side, "made_by": makers()}
    with open_workers(Workers(job.jobs), say) as run, open_work(out, identity) as work:
        if work.resumed:
            say(f"note: going on with the work that an earlier run left in {work.folder}")
        radiometry, figures = measure_subject(ready.subject)
        subject = replace(ready.subject, radiometry=radiometry)
        store = _store(work, subject, ready.card, ready.side)
        task = TranslateTiles(
            subject, figures, ready.labels, store, job.opens, ready.opened.sha256, job.style,
            ready.depth,
        )  # fmt: skip
        _fill(task, ready.opened, job.jobs, run, work)
        stretch = None if radiometry.stretch is None else asdict(radiometry.stretch)
        facts = {**ready.identity, "stretch": stretch}
        _write(store, subject, ready.card, out, facts)
        work.scratch.discard()
    return facts


@dataclass(frozen=True)
class _Ready:
    """A job that nothing speaks against."""

    opened: OpenedTranslator
    subject: Subject
    labels: LabelMap | None
    side: int
    """Of tiles, pixels."""
    depth: int
    """Windows read ahead."""
    identity: dict[str, Any]
    """What the bytes of the translation depend on."""

    @property
    def card(self) -> TranslatorCard:
        """Of the translator."""
        return self.opened.translator.card


def _prepare(job: TranslateJob, say: Callable[[str], None]) -> _Ready:
    """Check image, labels, translator and budget against each other; no pixel is read."""
    opened = job.opens()
    card = opened.translator.card
    subject = look_at_subject(job.image, card, gsd=job.gsd, scale=job.scale)
    for note in unused_gsd(subject.facts, job.gsd):
        say(f"note: {note}")
    labels = _labels(job, subject, card, say)
    side = _side(job, card)
    _refuse_part(subject, card, side)
    depth = _depth(job, card, side, subject.facts.shape)
    return _Ready(opened, subject, labels, side, depth, _identity(job, subject, opened, labels))


def _refuse_output(job: TranslateJob) -> None:
    for path in filter(None, (job.image, job.labels)):
        if true_path(job.out) == true_path(path):
            raise OutputError(f"the output {job.out} is the input {path}; choose another output")
    refuse_file(job.out, overwrite=job.overwrite, endings=RASTER_ENDINGS)


def _refuse_numbers(job: TranslateJob) -> None:
    if not 0 <= job.style <= LARGEST_STYLE:
        raise InputError(f"--style {job.style} is outside 0..{LARGEST_STYLE}: choose one within")
    refuse_gsd(job.gsd)
    if job.scale is not None and not 0 < job.scale < 1e4:
        raise InputError(f"--scale {job.scale:g} is not what a count can stand for: above 0")


def _labels(
    job: TranslateJob, subject: Subject, card: TranslatorCard, say: Callable[[str], None]
) -> LabelMap | None:
    if job.labels is not None:
        return look_at_labels(job.labels, subject.facts, card.classes)
    if card.classes:
        say(f"note: {card.name} is told the label map: without --labels it goes by the image alone")
    return None


def _side(job: TranslateJob, card: TranslatorCard) -> int:
    """Side of tiles in whole strides: by the card alone, so that budgets change no byte."""
    wanted = job.side_px or max(_SIDE, _WINDOW - 2 * halo_of(card))
    return -(-wanted // card.stride_px) * card.stride_px


def _refuse_part(subject: Subject, card: TranslatorCard, side: int) -> None:
    """Raise InputError where a translator of whole images would be given a part of one."""
    most = min(side, LATTICE)
    if card.whole and max(subject.facts.shape) > most:
        rows, columns = subject.facts.shape
        raise InputError(
            f"{subject.path} has {columns} x {rows} px, and {card.name} ({card.method}) takes "
            f"whole images of at most {most} px a side: cut it, or learn with a method that takes "
            "windows (fourier: form = 'gains')"
        )


def _depth(job: TranslateJob, card: TranslatorCard, side: int, shape: tuple[int, int]) -> int:
    """How many windows are read ahead in the budget, which the processes share."""
    pixels = math.prod(min(side, one) + 2 * halo_of(card) for one in shape)
    values = pixels * (len(card.channels) + len(card.made))
    network = pixels * _PER_NETWORK_PIXEL if card.halo_px else 0
    fixed, ahead = _BASE + values * _PER_WORK + network, values * _PER_VALUE
    depth = (job.memory_bytes // job.jobs - fixed) // ahead
    if depth < 1:
        least = -(-job.jobs * (fixed + ahead) // 2**20)
        raise BudgetError(
            f"{card.name} sees windows of {side} px with {halo_of(card)} px around, which takes "
            f"{(fixed + ahead) / 2**20:.0f} MiB in each of {job.jobs} processes; the budget is "
            f"{job.memory_bytes / 2**20:.0f} MiB: give --memory {least}MiB or more, or fewer --jobs"
        )
    return min(depth, _DEEPEST)


def _identity(
    job: TranslateJob, subject: Subject, opened: OpenedTranslator, labels: LabelMap | None
) -> dict[str, Any]:
    """Everything that the bytes of a translation depend on."""
    card, radiometry = opened.translator.card, subject.radiometry
    told = None if labels is None else {"file": labels.path.name, "sha256": _sha256(labels.path)}
    return {
        "geomage": __version__,
        "input": {"file": subject.path.name, "sha256": _sha256(subject.path)},
        "labels": told,
        "translator": {
            "name": card.name,
            "method": card.method,
            "version": card.version,
            "sha256": opened.sha256,
        },
        "style": job.style,
        "gsd_m": subject.gsd_m,
        "bands": list(subject.bands),
        "scale": radiometry.line[0],
        "offset": radiometry.line[1],
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


# ------------------------------------------------------------------------------ passes


def _store(work: Work, subject: Subject, card: TranslatorCard, side: int) -> TileStore:
    radiometry = subject.radiometry
    bands = tuple(channel.name for channel in card.made)
    return TileStore(
        work.folder / "tiles",
        Tiling(subject.facts.box, side),
        (*bands, "seen") if radiometry.masked else bands,
        radiometry.dtype,
        radiometry.fill,
    )


def _fill(task: TranslateTiles, opened: OpenedTranslator, jobs: int, run: Run, work: Work) -> None:
    """Translate the tiles that are missing."""
    missing = task.store.missing()
    with tqdm(total=len(missing), desc="translate", unit="tile", disable=None) as bar:
        if jobs == 1:
            for _ in task.run(missing, opened):
                bar.update()
            return
        length = max(1, min(_RUN, len(missing) // (4 * jobs)))
        for done in run(task, list(tile_runs(missing, length)), work.mark):
            bar.update(done)


def _write(
    store: TileStore, subject: Subject, card: TranslatorCard, out: Path, facts: dict[str, Any]
) -> None:
    """Make the COG of all tiles; it appears under its name whole or not at all."""
    radiometry = subject.radiometry
    names = [channel.name for channel in card.made]
    coloured = set(names) >= set(_COLOURS)
    tags = {"TRANSLATION": json.dumps(facts), "TIFFTAG_SOFTWARE": f"geomage {__version__}"}
    dresses = [
        Dress(
            name,
            radiometry.nodata,
            tags=tags,
            mask=len(store.bands) if radiometry.masked else None,
            shown_as=name.capitalize() if coloured and name in _COLOURS else "",
            line=(1.0, 0.0) if radiometry.dtype == "uint8" else radiometry.line,
        )
        for name in names
    ]
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), store.image(dresses) as dataset:
        raster_to_cog(dataset, out, classes=False)
