"""What all readers share: chips that lie in files, and how pixels and labels are read.

A missing file, another number of bands and a label that is none of the classes are mistakes of the
folder and end the work (`InputError`). A file that is there and cannot be read is a
`CorruptError`: `geomage.data.survey` skips and counts such chips.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8

from geomage.data.chip import UNKNOWN, Channel, Chip, Moment
from geomage.errors import BudgetError, CorruptError, InputError, near_names
from geomage.geo import Raster, ground_gsd, read_raster

__all__ = [
    "COUNTS",
    "ChipFiles",
    "FileChips",
    "chip_of",
    "find_folder",
    "gsd_of",
    "read_bands",
    "read_image",
    "read_labels",
    "read_list",
    "refuse_empty",
    "refuse_missing",
    "refuse_part_of_plain",
    "refuse_split",
]

COUNTS = 1 / 255
"""What a count of an 8-bit picture stands for."""


@dataclass(frozen=True)
class ChipFiles:
    """Where one chip lies; none of it has been read.

    name: unique in its source; event: disaster, region or scene; images: a file a date, or a band;
    label: None where there is none.
    """

    name: str
    event: str
    images: tuple[Path, ...]
    label: Path | None = None


@dataclass(frozen=True)
class FileChips:
    """A `ChipSource` of files.

    described: files beside those of the chips that say what these mean.
    """

    classes: tuple[str, ...]
    files: tuple[ChipFiles, ...]
    read: Callable[[ChipFiles], Chip]
    described: tuple[Path, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of all chips, in order."""
        return tuple(one.name for one in self.files)

    @property
    def events(self) -> tuple[str, ...]:
        """Event of each chip, known without reading a pixel."""
        return tuple(one.event for one in self.files)

    def chip(self, index: int) -> Chip:
        """Read chip `index`."""
        return self.read(self.files[index])


def read_image(path: Path, bands: int, *, alpha: bool = False) -> Raster:
    """Read an image that must have so many bands.

    Args:
        path: the image.
        bands: how many it must have.
        alpha: whether a last band of that name may lie behind them.

    Raises:
        CorruptError: it cannot be read.
        InputError: it is not there, has another number of bands, or holds complex numbers.
    """
    refuse_missing((path,))
    try:
        raster = read_raster(path)
    except BudgetError:
        raise
    except InputError as error:
        raise CorruptError(str(error)) from error
    count = raster.values.shape[0]
    hidden = alpha and count == bands + 1 and raster.bands[-1] == "alpha"
    if count != bands and not hidden:
        raise InputError(f"{path} has {count} bands, this dataset has {bands}: give its own files")
    if np.iscomplexobj(raster.values):
        raise InputError(f"{path} holds complex numbers, this dataset none: give its own files")
    return raster


def read_bands(
    path: Path, bands: int, scale: float, nodata: float | None = None
) -> tuple[np.ndarray, Bool[np.ndarray, "y x"], Raster]:
    """Read an image as float32 times `scale`.

    Args:
        path: the image.
        bands: how many it must have.
        scale: what one count stands for.
        nodata: value of pixels without data, beside the one that the file names.

    Returns:
        (band, y, x), 0 where there is no data; (y, x) where there is; the raster as it lies.
    """
    raster = read_image(path, bands)
    good = raster.valid() & np.isfinite(raster.values).all(axis=0)
    if nodata is not None:
        good &= (raster.values != nodata).all(axis=0)
    values = np.where(good, raster.values, 0).astype(np.float32) * np.float32(scale)
    return values, good, raster


def read_labels(path: Path, classes: Mapping[int, int]) -> UInt8[np.ndarray, "y x"]:
    """Read a label raster of one band.

    Args:
        path: the raster.
        classes: class of each value that it may hold; `UNKNOWN` for values that tell nothing.

    Raises:
        InputError: a value that is none of these; file and value are named.
    """
    values = read_image(path, 1).values[0]
    labels = np.full(values.shape, UNKNOWN, np.uint8)
    known = np.zeros(values.shape, bool)
    for value, one in classes.items():
        here = values == value
        labels[here] = one
        known |= here
    if not known.all():
        odd = np.unique(values[~known])[0].item()
        told = ", ".join(map(str, sorted(classes)))
        raise InputError(f"{path}: label value {odd:g} is none of {told}: is it of this dataset?")
    return labels


def chip_of(
    files: ChipFiles,
    dates: Sequence[tuple[np.ndarray, np.ndarray]],
    channels: tuple[Channel, ...],
    gsd_m: float,
    labels: np.ndarray | None,
    moments: tuple[Moment, ...] = (),
) -> Chip:
    """Put a chip together; labels of pixels without data at any date become `UNKNOWN`.

    Args:
        files: name and event.
        dates: pixels (band, y, x) and where they hold data (y, x), of each date.
        channels: one a band.
        gsd_m: metres.
        labels: (y, x), or None.
        moments: of the dates, where the dataset tells.
    """
    shapes = {values.shape for values, _ in dates}
    if len(shapes) > 1:
        raise InputError(f"{files.name}: images of its dates differ in size: {shapes}")
    valid = np.logical_and.reduce([good for _, good in dates])
    if labels is not None and labels.shape == valid.shape:
        labels = np.where(valid, labels, UNKNOWN).astype(np.uint8)
    pixels = np.stack([values for values, _ in dates])
    return Chip(files.name, pixels, channels, gsd_m, valid, labels, files.event, moments)


def gsd_of(raster: Raster, otherwise: float) -> float:
    """Metres a pixel on the ground; `otherwise` where the file has no CRS."""
    return otherwise if raster.box.crs is None else ground_gsd(raster.box)


def find_folder(folder: Path, *below: str) -> Path:
    """The first of some folders below that exists.

    Raises:
        InputError: none does; all are named.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: give the one that the dataset was unpacked in")
    found = next((folder / part for part in below if (folder / part).is_dir()), None)
    if found is None:
        raise InputError(f"{folder} holds none of {', '.join(below)}: is it the dataset's own?")
    return found


def refuse_split(split: str, known: Iterable[str]) -> None:
    """Raise InputError at a part that a dataset does not have."""
    names = list(known)
    if split not in names:
        raise InputError(
            f"no part {split!r}{near_names(split, names)}: this dataset has {', '.join(names)}"
        )


def refuse_part_of_plain(folder: Path, split: str) -> None:
    """Raise InputError at a part of a plain folder, which has none; says how to choose chips."""
    if split != "all":
        raise InputError(
            f"{folder} is a plain folder of chips: it has no part {split!r}, only all. In a recipe "
            "leave `split` out and choose by `events` and `without`; to evaluate add --split drawn"
        )


def read_list(path: Path) -> str:
    """The text of a list of chips.

    Raises:
        InputError: it is not there, or no text.
    """
    refuse_missing((path,))
    try:
        return path.read_text("utf-8")
    except ValueError as error:
        raise InputError(f"{path} is no text in UTF-8: unpack the dataset again") from error


def refuse_missing(paths: Iterable[Path]) -> None:
    """Raise InputError where files are not there; the first is named."""
    missing = [path for path in paths if not path.is_file()]
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise InputError(f"{missing[0]} is not there{more}: unpack the dataset again")


def refuse_empty(files: Sequence[ChipFiles], folder: Path, what: str) -> tuple[ChipFiles, ...]:
    """The files as a tuple; InputError where there is none.

    Args:
        files: what was found.
        folder: where.
        what: how such files are named, for the message.
    """
    if not files:
        raise InputError(f"{folder} holds no chip: files are named {what}")
    return tuple(files)
