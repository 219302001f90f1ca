"""Features of any origin, read in a box and within a budget: what is broken is told, not hidden."""

from __future__ import annotations

import bz2
import re
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyogrio import raw

from geomage.errors import BudgetError, InputError
from geomage.geo.vectors import UNREADABLE, refuse_broken_geopackage

__all__ = ["FEATURES", "Bounds", "Features", "VectorFile", "open_features"]

Bounds = tuple[float, float, float, float]  # left, bottom, right, top in the CRS at hand

FEATURES = 250_000  # of one layer, more are refused
INFLATED = 4 * 2**30  # bytes that a compressed file may grow to
_HEAD = 8192
_OSM_XML = re.compile(rb"<osm[\s>]")
_MAGIC = {
    ".gpkg": b"SQLite format 3\x00",
    ".geojson": b"{",
    ".json": b"{",
    ".shp": b"\x00\x00\x27\x0a",
    ".fgb": b"fgb",
}
_READ = "GeoPackage, GeoJSON, Shapefile, FlatGeobuf, .osm.pbf, .osm and .osm.bz2"


@dataclass(frozen=True)
class Features:
    """Part of one layer.

    table: attributes and shapes in the CRS of the file; a shape that cannot be read is None.
    unclosed: how many shapes had a ring that did not end where it began; they are closed.
    """

    table: gpd.GeoDataFrame
    unclosed: int = 0


@dataclass(frozen=True)
class VectorFile:
    """A vector file that may be read.

    name: as the person named it; path: what is opened; layers: {name: kind of its shapes}.
    """

    name: Path
    path: Path
    layers: dict[str, str]

    @property
    def is_osm(self) -> bool:
        """Whether it is OpenStreetMap data."""
        return self.path.suffix.lower() in (".pbf", ".osm")

    def bounds(self, layer: str) -> Bounds | None:
        """What a layer covers, in its own CRS; None where it holds nothing."""
        with _quiet():
            found = pyogrio.read_info(self.path, layer=layer, force_total_bounds=True)
        total = found["total_bounds"]
        if total is None or not np.isfinite(total).all():
            return None
        left, bottom, right, top = (float(value) for value in total)
        return left, bottom, right, top

    def crs(self, layer: str) -> str | None:
        """The CRS of a layer as text, None where the file states none."""
        with _quiet():
            found = pyogrio.read_info(self.path, layer=layer)["crs"]
        return None if found is None else str(found)

    def read(
        self, layer: str, boxes: Sequence[Bounds] | None = None, budget: int = FEATURES
    ) -> Features:
        """Read the features of a layer that meet one of the boxes, each once.

        Args:
            layer: one of `layers`.
            boxes: in the CRS of the layer; None reads all.
            budget: most features.

        Raises:
            InputError: the file is damaged.
            BudgetError: more features than the budget, before they are read.
        """
        self._refuse_crowd(layer, boxes, budget)
        try:
            with _quiet():
                parts = [_read(self.path, layer, box, budget) for box in boxes or (None,)]
        except UNREADABLE as error:
            raise InputError(f"{self.name} is damaged ({error}): fetch or make it again") from error
        table = pd.concat([part[0] for part in parts], ignore_index=True)
        wkb = np.concatenate([part[2] for part in parts])
        if len(parts) > 1:  # what lies in two boxes is one thing
            numbers = np.concatenate([part[1] for part in parts])
            once = ~pd.DataFrame({"fid": numbers, "wkb": wkb}).duplicated().to_numpy()
            table, wkb = table[once].reset_index(drop=True), wkb[once]
        if len(table) > budget:
            raise self._crowd(layer, f"more than {budget:,}", budget)
        shapes, unclosed = _shapes(wkb)
        return Features(gpd.GeoDataFrame(table, geometry=shapes, crs=parts[0][3]), unclosed)

    def _refuse_crowd(self, layer: str, boxes: Sequence[Bounds] | None, budget: int) -> None:
        """Raise BudgetError from the count in the file's index, where it has one."""
        if boxes is not None or self.is_osm:
            return
        with _quiet():
            count = int(pyogrio.read_info(self.path, layer=layer)["features"])
        if count > budget:
            raise self._crowd(layer, f"{count:,}", budget)

    def _crowd(self, layer: str, count: str, budget: int) -> BudgetError:
        return BudgetError(
            f"{self.name}, layer {layer}, holds {count} features, at most {budget:,} are read at "
            "once: say which part with --bbox W,S,E,N"
        )


@contextmanager
def open_features(path: Path | str) -> Iterator[VectorFile]:
    """Check a vector file by its first bytes and list its layers; unpack `.bz2` for the while.

    Raises:
        InputError: missing, empty, damaged, or no vector file that can be read.
        BudgetError: unpacked it would be larger than 4 GiB.
    """
    file = Path(path).absolute()
    if not file.is_file():
        raise InputError(f"{path} does not exist or is not a file")
    if file.stat().st_size == 0:
        raise InputError(f"{path} is empty (0 bytes)")
    with tempfile.TemporaryDirectory(prefix="geomage-") as scratch:
        opened = file
        if file.suffix.lower() == ".bz2":
            opened = _unpacked(file, Path(scratch))
        _refuse_other(file, opened)
        yield VectorFile(Path(path), opened, _layers(file, opened))


def _unpacked(file: Path, scratch: Path) -> Path:
    target = scratch / file.stem
    size = 0
    try:
        with bz2.open(file) as source, target.open("wb") as sink:
            while piece := source.read(1 << 20):
                size += len(piece)
                if size > INFLATED:
                    raise BudgetError(
                        f"{file} unpacks to more than {INFLATED / 2**30:g} GiB: cut it first"
                    )
                sink.write(piece)
    except (EOFError, ValueError) as error:
        raise InputError(f"{file} is damaged ({error}): fetch it again") from error
    except OSError as error:
        raise InputError(f"{file} cannot be unpacked ({error}): fetch it again") from error
    return target


def _refuse_other(file: Path, opened: Path) -> None:
    """Raise InputError when the first bytes are not those of the format its ending names."""
    with opened.open("rb") as stream:
        head = stream.read(_HEAD)
    ending = opened.suffix.lower()
    if b"<OGRVRT" in head:
        raise InputError(f"{file} is a GDAL VRT, refused because it can point at any file")
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if ending == ".pbf":
        good = b"OSMHeader" in head[:64]
    elif ending == ".osm":
        good = _OSM_XML.search(head) is not None
    elif ending in _MAGIC:
        good = text.startswith(_MAGIC[ending])
    else:
        raise InputError(f"{file} is not a vector file read here: give {_READ}")
    if not good:
        raise InputError(f"{file} is not what its ending {ending} says, or it is damaged")
    if ending == ".gpkg":
        refuse_broken_geopackage(opened)


def _layers(file: Path, opened: Path) -> dict[str, str]:
    try:
        with _quiet():
            return {str(name): str(kind) for name, kind in pyogrio.list_layers(opened)}
    except UNREADABLE as error:
        raise InputError(f"{file} is damaged ({error}): fetch or make it again") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Reading strangers' files: what GDAL warns of is repaired and counted by the caller."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _read(
    path: Path, layer: str, box: Bounds | None, budget: int
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, str | None]:
    """(attributes, feature numbers, shapes as WKB, CRS) of one box, `budget` + 1 at most."""
    meta, fids, wkb, columns = raw.read(
        path, layer=layer, bbox=box, max_features=budget + 1, return_fids=True
    )
    table = pd.DataFrame(dict(zip(meta["fields"], columns, strict=True)), index=range(len(fids)))
    return table, fids, np.asarray(wkb, object), meta["crs"]


def _shapes(wkb: np.ndarray) -> tuple[np.ndarray, int]:
    """Shapes of WKB, None where there is none, and how many had to be closed."""
    with np.errstate(invalid="ignore"):  # coordinates that are no numbers are left out later
        strict = shapely.from_wkb(wkb, on_invalid="ignore")
    broken = np.flatnonzero(
        shapely.is_missing(strict) & np.array([b is not None for b in wkb], bool)
    )
    shapes = np.array(strict, object)
    shapes[broken] = shapely.from_wkb(wkb[broken], on_invalid="fix")
    return shapes, int((~shapely.is_missing(shapes[broken])).sum())
