"""One image that is to be translated: which of its bands, what they mean, figures of the whole."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import MaskFlags
from rasterio.io import DatasetReader
from rasterio.windows import Window

from geomage.data.chip import Channel
from geomage.data.translation import Figures, TranslatorCard, measure_figures
from geomage.errors import InputError, near_names
from geomage.geo import (
    BLOCK_CACHE,
    RasterFacts,
    block_windows,
    decoding,
    ground_gsd,
    open_raster,
)
from geomage.mapping.picture import file_stamp, image_grid, read_header, refuse_restamped
from geomage.mapping.radiometry import Radiometry

__all__ = ["LATTICE", "Subject", "look_at_subject", "measure_subject"]

NEAR = 1.05
"""How far the GSD of an image may lie outside what a translator has learnt, as a factor."""
LATTICE = 1024
"""Pixels a side, at most, of the lattice that figures are measured on."""


@dataclass(frozen=True)
class Subject:
    """An image and what a translator needs to know of it; small, and opened by any process."""

    facts: RasterFacts
    bands: tuple[int, ...]
    """Numbers of those that are taken, from 1, in the order of the card."""
    gsd_m: float
    radiometry: Radiometry
    stamp: tuple[int, int] | None
    """Of its file when the work began."""

    @property
    def path(self) -> Path:
        """The file."""
        return self.facts.path

    @contextmanager
    def opened(self) -> Iterator[DatasetReader]:
        """Open the file, which must be as it was."""
        refuse_restamped(self.path, self.stamp)
        with rasterio.Env(GDAL_CACHEMAX=BLOCK_CACHE), open_raster(self.path) as dataset:
            yield dataset

    def read(self, dataset: DatasetReader, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Stored numbers (band, y, x) of a window of the image, and where they are data (y, x).

        Raises:
            InputError: a damaged block.
            RunError: the file changed meanwhile.
        """
        bands = list(self.bands)
        with decoding(self.path, f" at column {window.col_off}, row {window.row_off}"):
            stored = dataset.read(bands, window=window)
            masks = dataset.read_masks(bands, window=window).astype(bool)
        refuse_restamped(self.path, self.stamp)
        return stored, self.radiometry.seen(stored, masks)


def look_at_subject(
    path: Path, card: TranslatorCard, *, gsd: float | None, scale: float | None
) -> Subject:
    """Read the header of an image and check it against a translator; no pixel is read.

    Args:
        path: the image.
        card: of the translator.
        gsd: metres a pixel, of an image without CRS.
        scale: what one count stands for; None takes what the file states.

    Raises:
        InputError: bands, GSD or numbers that the translator cannot take.
    """
    facts = read_header(path)
    gsd_m = ground_gsd(image_grid(facts, gsd))
    least, most = card.gsd_m
    if not least / NEAR <= gsd_m <= most * NEAR:
        raise InputError(
            f"{path} has pixels of {gsd_m:.3g} m, {card.name} has learnt {least:g} to {most:g} m: "
            "bring it to one of these (gdalwarp -tr …) or take another translator"
        )
    with open_raster(path) as dataset:
        bands = _bands(dataset, facts, card)
        line = _line(dataset, bands, scale)
        flags = {flag for band in bands for flag in dataset.mask_flag_enums[band - 1]}
    radiometry = Radiometry.of(
        facts,
        (card.channels, card.made),
        line=line,
        masked=MaskFlags.per_dataset in flags,
        stretched=card.stretched,
    )
    return Subject(facts, bands, gsd_m, radiometry, file_stamp(path))


def _bands(dataset: DatasetReader, facts: RasterFacts, card: TranslatorCard) -> tuple[int, ...]:
    """Numbers of the bands of a card: by their names, else by colours, else in order."""
    wanted = [channel.name for channel in card.channels]
    usable = [number for number in dataset.indexes if facts.bands[number - 1] != "alpha"]
    named = {(dataset.descriptions[n - 1] or "").strip().lower(): n for n in reversed(usable)}
    for known in (named, {facts.bands[n - 1]: n for n in reversed(usable)}):
        if all(name in known for name in wanted):
            return tuple(known[name] for name in wanted)
    alien = _alien(named, card.channels)
    if len(usable) == len(wanted) and not alien:
        return tuple(usable)
    names = ", ".join(name for name in reversed(named) if name)
    has = f"the bands {names}" if names else f"{len(usable)} bands without names"
    missing = next((name for name in wanted if name not in named), "")
    near = near_names(missing, [name for name in named if name])
    raise InputError(
        f"{facts.path} has {has}; {card.name} takes {', '.join(wanted)}{near}: give "
        "these in this order (gdal_translate -b …), of these names or none (rasterio: "
        "file.descriptions = …)"
    )


def _alien(named: dict[str, int], channels: tuple[Channel, ...]) -> bool:
    """Whether a file names its bands, and some otherwise than the card: order says nothing then."""
    wanted = {channel.name for channel in channels}
    said = {name for name in named if name.isalnum() and not name.startswith("band")}
    return bool(said) and bool(said - wanted)


def _line(
    dataset: DatasetReader, bands: tuple[int, ...], scale: float | None
) -> tuple[float, float] | None:
    """Scale and offset of the bands; None where the file states none."""
    if scale is not None:
        if dataset.dtypes[0] == "uint8":
            raise InputError(f"{dataset.name} holds 8 bits, counts / 255: leave --scale out")
        return (scale, 0.0)
    lines = {(dataset.scales[band - 1], dataset.offsets[band - 1]) for band in bands}
    for line in lines:
        if not all(map(math.isfinite, line)) or line[0] == 0:
            raise InputError(
                f"{dataset.name} states scale {line[0]:g} and offset {line[1]:g}, which no count "
                "can stand for: give the true ones (gdal_edit.py -scale … -offset …) or --scale"
            )
    if len(lines) > 1:
        raise InputError(
            f"{dataset.name}: its bands state different scales or offsets: bring them to one "
            "(gdal_translate -unscale -ot Float32)"
        )
    scale, offset = lines.pop()
    return None if (scale, offset) == (1.0, 0.0) else (float(scale), float(offset))


def measure_subject(subject: Subject) -> tuple[Radiometry, Figures]:
    """Figures of the whole image, on a lattice of at most 1024 x 1024 of its pixels.

    They hang on nothing but the image: no overview is read, which would be smoother.

    Raises:
        InputError: the image holds no data, or cannot be read.
    """
    rows, columns = subject.facts.shape
    step = max(1, -(-max(rows, columns) // LATTICE))
    with subject.opened() as dataset:
        parts = [
            _lattice(*subject.read(dataset, window), window, step)
            for window in block_windows(dataset)
        ]
    stored = np.concatenate(parts, axis=1)
    if stored.shape[1] < 2:
        found = "data in one pixel" if stored.size else "no data"
        raise InputError(f"{subject.path} holds {found}: nothing can be translated")
    radiometry = subject.radiometry.measured(stored, subject.path)
    seen = np.ones((1, stored.shape[1]), bool)
    taken = radiometry.taken(stored[:, None], seen)
    return radiometry, measure_figures(taken, seen)


def _lattice(stored: np.ndarray, seen: np.ndarray, window: Window, step: int) -> np.ndarray:
    """Valid numbers (band, pixel) of every `step`-th row and column of the image in a window."""
    here = tuple(
        slice(-int(first) % step, None, step) for first in (window.row_off, window.col_off)
    )
    return np.asarray(stored[(slice(None), *here)][:, seen[here]])
