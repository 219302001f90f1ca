"""Opening rasters that strangers made: allow-listed, complete, within budget."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from geomage.errors import BudgetError, InputError
from geomage.geo._beside import read_world, refuse_mask_beside, world_file
from geomage.geo._whole import refuse_partial
from geomage.geo.raster import Raster

# The format follows from the first bytes and GDAL is told which one, so that it never tries others:
# a VRT, even one renamed to .tif, can make it read any file of the machine.
_FORMATS = {
    b"II*\x00": "GTiff",
    b"MM\x00*": "GTiff",
    b"II+\x00": "GTiff",
    b"MM\x00+": "GTiff",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"\x00\x00\x00\x0cjP": "JP2OpenJPEG",
    b"\xff\x4f\xff\x51": "JP2OpenJPEG",
}
# Nothing beside the image is opened, and what its decoder doubts is an error.
_ALONE = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_ERROR_ON_LIBJPEG_WARNING": "TRUE",
}
_FLATTEST = 1e-3  # sine between rows and columns, below which no image was ever placed
_DECODERS = ("libjpeg:", "JPEGLib:")
_VOICE = logging.getLogger("rasterio._err")  # what GDAL says
MEMORY = 2 * 1024**3  # bytes, the budget when none is stated


@dataclass(frozen=True)
class RasterFacts:
    """What the header of a raster says."""

    path: Path
    box: GeoBox  # crs None and affine as stored when the file has no georeference
    count: int  # bands
    dtype: str
    nodata: float | None
    bands: tuple[str, ...]  # colour interpretation, lower case
    names: tuple[str, ...] = ()  # descriptions of the bands, as stored; empty where there is none

    @property
    def shape(self) -> tuple[int, int]:
        """(y, x) pixels."""
        return (int(self.box.shape[0]), int(self.box.shape[1]))


@contextmanager
def open_raster(path: Path | str) -> Iterator[DatasetReader]:
    """Open a raster of an allowed format whose file is complete; close it at the end.

    Raises:
        InputError: missing, empty, truncated, not a raster, or a format that is not allowed.
    """
    file = _plain_file(path)
    driver = _driver(file)
    refuse_partial(file, driver)
    refuse_mask_beside(file)
    with warnings.catch_warnings(), rasterio.Env(**_ALONE):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            dataset = rasterio.open(file, driver=driver)
        except RasterioError as error:
            raise InputError(f"{file} begins like a {driver} but its header is broken") from error
        with dataset:
            if "OVERVIEW_FILE" in dataset.tags(ns="OVERVIEWS"):
                raise InputError(
                    f"{file} names another file as its overview, which is refused: write it anew "
                    "without (gdal_translate -nomd)"
                )
            yield dataset


@contextmanager
def decoding(path: Path | str, where: str = "") -> Iterator[None]:
    """Around the reading of pixels: a damaged block becomes an InputError.

    Some decoders only mention the damage in passing and hand over noise; that counts, too.

    Args:
        path: the image.
        where: place of the pixels, for the message.
    """
    ear, level = _Ear(), _VOICE.level
    _VOICE.addFilter(ear)
    _VOICE.setLevel(logging.INFO)
    try:
        yield
    except RasterioError as error:
        raise _damaged(path, where, ear.heard or _causes(error)) from error
    finally:
        _VOICE.setLevel(level)
        _VOICE.removeFilter(ear)
    if ear.heard:
        raise _damaged(path, where, ear.heard)


class _Ear(logging.Filter):
    """Keeps what the decoders say of damage, and keeps it from stderr."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        marks = [mark for mark in _DECODERS if mark in text]
        self.heard += [text.partition(mark)[2].partition("(")[0].strip(" '") for mark in marks]
        return not marks


def _causes(error: BaseException) -> list[str]:
    """Messages of an error and of what caused it, the first cause first."""
    said = [] if error.__cause__ is None else _causes(error.__cause__)
    return [*said, str(error)]


def _damaged(path: Path | str, where: str, said: Sequence[str]) -> InputError:
    first = said[0].strip().partition("\n")[0]
    return InputError(f"{path} is damaged: pixels cannot be read{where} ({first}); fetch it again")


def check_raster(path: Path | str) -> RasterFacts:
    """Read the header of a raster, after the checks of `open_raster`; no pixel is read."""
    with open_raster(path) as dataset:
        return dataset_facts(dataset)


def dataset_facts(dataset: DatasetReader) -> RasterFacts:
    """Facts of an open dataset; refuses georeferences that no affine holds."""
    path = Path(dataset.name)
    if dataset.crs is None and dataset.gcps[0]:
        raise InputError(
            f"{path} is placed by ground control points only; bring it to a grid first (gdalwarp)"
        )
    transform = _transform(path, dataset)
    if not all(map(math.isfinite, transform)) or _flatness(transform) < _FLATTEST:
        raise InputError(
            f"{path} has a georeference of no size (rows and columns run the same way): "
            f"{tuple(transform)[:6]}; give it the true one"
        )
    return RasterFacts(
        path=path,
        box=GeoBox(dataset.shape, transform, dataset.crs),
        count=dataset.count,
        dtype=str(dataset.dtypes[0]),
        nodata=None if dataset.nodata is None else float(dataset.nodata),
        bands=tuple(colour.name for colour in dataset.colorinterp),
        names=tuple(name or "" for name in dataset.descriptions),
    )


def _flatness(transform: Affine) -> float:
    """Sine of the angle between the rows and the columns of a grid; 0 for pixels of no area."""
    a, b, _, d, e, _ = transform[:6]
    sides = math.hypot(a, d) * math.hypot(b, e)
    return abs(transform.determinant) / sides if sides > 0 else 0.0


def _transform(path: Path, dataset: DatasetReader) -> Affine:
    """The georeference of the file, or the one of the world file beside it."""
    world = world_file(path) if dataset.transform == Affine.identity() else None
    beside = None if world is None else read_world(world)
    if beside is None:
        return Affine(*dataset.transform[:6])
    if dataset.crs is not None:
        raise InputError(
            f"{path} states its CRS, and only {world} its place: bring both into one file "
            f"(gdal_translate {path.name} placed.tif)"
        )
    return beside


def read_raster(
    path: Path | str, bands: Sequence[int] | None = None, *, memory_bytes: int = MEMORY
) -> Raster:
    """Read a whole raster.

    Args:
        path: file of an allowed format.
        bands: numbers of the bands to read, from 1; None reads all.
        memory_bytes: budget for the values.

    Raises:
        InputError: see `open_raster`; also a band that is not there or a block that cannot be read.
        BudgetError: the values would not fit.
    """
    with open_raster(path) as dataset:
        facts = dataset_facts(dataset)
        wanted = list(bands) if bands is not None else list(range(1, dataset.count + 1))
        missing = [band for band in wanted if not 1 <= band <= dataset.count]
        if missing:
            raise InputError(f"{path} has {dataset.count} bands; asked for {missing}")
        need = math.prod(dataset.shape) * len(wanted) * np.dtype(facts.dtype).itemsize
        if need > memory_bytes:
            raise BudgetError(
                f"{path} needs {need / 2**30:.3g} GiB in memory "
                f"({dataset.width} x {dataset.height} px), the budget is "
                f"{memory_bytes / 2**30:.3g} GiB; cut it, or raise --memory"
            )
        with decoding(path):
            values = dataset.read(wanted)
        names = tuple(dataset.descriptions[band - 1] or facts.bands[band - 1] for band in wanted)
        return Raster(values, facts.box, facts.nodata, names)


def _plain_file(path: Path | str) -> Path:
    """The absolute path of a local, non-empty file."""
    file = Path(path).absolute()
    if str(path) in ("", "."):
        raise InputError("the name of an image is empty; give the path of a file")
    try:
        size = file.stat().st_size
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist") from error
    except OSError as error:  # a loop of links, a folder that may not be entered
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if not file.is_file():
        raise InputError(f"{path} is not a file")
    if size == 0:
        raise InputError(f"{path} is empty (0 bytes)")
    return file


def _magic(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(64)
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from error


def _driver(file: Path) -> str:
    """The GDAL driver for the first bytes of a file."""
    start = _magic(file)
    for magic, driver in _FORMATS.items():
        if start.startswith(magic):
            return driver
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    seen = "its first bytes are of no format read here"
    if text.startswith((b"<!doctype html", b"<html")):
        seen = "it is an HTML page, perhaps a failed download"
    elif text.startswith(b"<vrtdataset"):
        seen = "it is a GDAL VRT, refused because it can point at any file"
    formats = ", ".join(sorted(set(_FORMATS.values())))
    raise InputError(f"{file} is not an image that can be read: {seen} ({formats})")
