"""xBD, the dataset of xView2: building damage in pairs of 1024 px, about 0.5 m.

Gupta et al. 2019 (arXiv 1911.09296); CC BY-NC-SA 4.0. Official folder:

    {train,tier3,test,hold}/images/hurricane-harvey_00000005_{pre,post}_disaster.png
    {train,tier3,test,hold}/labels/hurricane-harvey_00000005_{pre,post}_disaster.json
    {train,test,hold}/targets/hurricane-harvey_00000005_post_disaster_target.png

A plain folder of `hurricane-harvey_00000005_before.png`, `…_after.png`, `…_damage.png` is read, too
(damage 0 no building, 1 none, 2 minor, 3 major, 4 destroyed, 5 unclassified).
"""

from __future__ import annotations

import json
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import geopandas as gpd
import numpy as np
import shapely.affinity
import shapely.errors
import shapely.wkt
from jaxtyping import UInt8

from geomage.data.chip import UNKNOWN, Chip, Moment
from geomage.data.readers.bands import RGB
from geomage.data.readers.files import (
    COUNTS,
    ChipFiles,
    FileChips,
    chip_of,
    find_folder,
    gsd_of,
    read_bands,
    read_labels,
    refuse_empty,
    refuse_missing,
    refuse_part_of_plain,
    refuse_split,
)
from geomage.data.splits import holdout
from geomage.errors import CorruptError, InputError
from geomage.geo import pixel_box, rasterise

__all__ = ["CLASSES", "xbd"]

CLASSES = ("no building", "no damage", "minor", "major", "destroyed")
_VALUES = MappingProxyType({0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: UNKNOWN, 255: UNKNOWN})
_GRADES = MappingProxyType(
    {"no-damage": 1, "minor-damage": 2, "major-damage": 3, "destroyed": 4, "un-classified": UNKNOWN}
)
_FOLDERS = MappingProxyType(
    {
        "train": ("train", "tier3"),
        "val": ("train", "tier3"),
        "test": ("test",),
        "hold": ("hold",),
        "all": ("train", "tier3", "test", "hold"),
    }
)
_PRODUCTS = ("labels", "targets")
_GSD = 0.5
_SEED = 23  # of the part that validates; fixed, so that results can be compared
_PRE, _POST = "_pre_disaster", "_post_disaster"
_SUFFIXES = (".png", ".tif")


def xbd(folder: Path, split: str = "all", product: str = "") -> FileChips:
    """Read xBD.

    Args:
        folder: of the dataset, or a plain folder of such pairs.
        split: train and val (90 and 10 % of each event of train and tier3, as PANGAEA has it, drawn
            by us), test, hold or all; a plain folder has no parts but all.
        product: labels (the usual one: polygons, burnt; unclassified buildings are unknown) or
            targets (rasters, which tier3 lacks; to them unclassified buildings may be undamaged).
    """
    refuse_split(split, _FOLDERS)
    product = product or "labels"
    if product not in _PRODUCTS:
        raise InputError(f"no product {product!r}: there are {', '.join(_PRODUCTS)}")
    plain = folder.is_dir() and any(folder.glob("*_damage.*"))
    files = _plain(folder, split) if plain else _official(folder, split, product)
    return FileChips(CLASSES, files, partial(_read, polygons=not plain and product == "labels"))


def _official(folder: Path, split: str, product: str) -> tuple[ChipFiles, ...]:
    find_folder(folder, *_FOLDERS[split])
    files = [one for part in _FOLDERS[split] for one in _in(folder / part, product)]
    refuse_missing(path for one in files for path in (*one.images, one.label or folder))
    if split in ("train", "val"):
        drawn = holdout([one.event for one in files], (0.9, 0.1, 0.0), _SEED)
        files = [files[k] for k in (drawn.train if split == "train" else drawn.val)]
    return refuse_empty(files, folder, "EVENT_00000005_pre_disaster.png, in images")


def _in(part: Path, product: str) -> list[ChipFiles]:
    ending = ".json" if product == "labels" else "_target.png"
    files = []
    for before in sorted((part / "images").glob(f"*{_PRE}.*")):
        if before.suffix in _SUFFIXES:
            name = before.name.removesuffix(_PRE + before.suffix)
            after = before.with_name(name + _POST + before.suffix)
            label = part / product / f"{name}{_POST}{ending}"
            files.append(ChipFiles(name, _event(name), (before, after), label))
    return files


def _plain(folder: Path, split: str) -> tuple[ChipFiles, ...]:
    refuse_part_of_plain(folder, split)
    files = []
    for label in sorted(folder.glob("*_damage.*")):
        name = label.stem.removesuffix("_damage")
        images = tuple(folder / f"{name}_{date}{label.suffix}" for date in ("before", "after"))
        files.append(ChipFiles(name, _event(name), images, label))
    refuse_missing(path for one in files for path in one.images)
    return refuse_empty(files, folder, "x_before.png, x_after.png, x_damage.png")


def _event(name: str) -> str:
    return name.rsplit("_", 1)[0]


def _read(files: ChipFiles, *, polygons: bool) -> Chip:
    dates = [read_bands(path, 3, COUNTS) for path in files.images]
    raster = dates[0][2]
    gsd, labels = gsd_of(raster, _GSD), None
    moments: tuple[Moment, ...] = ()
    if files.label is not None and polygons:
        table = _table(files.label)
        moments = _told_moments(files.label, table)
        gsd = gsd_of(raster, _told_gsd(table))
        labels = burn_polygons(files.label, table, dates[0][1].shape)
    elif files.label is not None:
        labels = read_labels(files.label, _VALUES)
    return chip_of(files, [date[:2] for date in dates], RGB, gsd, labels, moments)


def _table(path: Path) -> dict[str, Any]:
    try:
        table: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise CorruptError(f"{path} is damaged: no JSON; fetch it again") from error
    rows = _under(_under(table, "features"), "xy")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise CorruptError(f"{path} is damaged: it has no features in pixels; fetch it again")
    return table


def _under(table: Any, name: str) -> Any:
    """What a table holds under a name; None where it is no table, or holds nothing there."""
    return table.get(name) if isinstance(table, dict) else None


def _told_gsd(table: dict[str, Any]) -> float:
    """Metres a pixel: that of the panchromatic band, to which images were sharpened."""
    told = _under(_under(table, "metadata"), "pan_resolution")
    return float(told) if isinstance(told, int | float) and 0.1 < told < 5 else _GSD


def _told_moments(path: Path, after: dict[str, Any]) -> tuple[Moment, Moment]:
    """Of both dates: the label of the first lies beside that of the second, which is at `path`."""
    first = path.with_name(path.name.replace(_POST, _PRE))
    return (_moment(_table(first)) if first.is_file() else Moment(), _moment(after))


def _moment(table: dict[str, Any]) -> Moment:
    """Sun and day as the catalogue of the images told them; NaN where it did not."""
    told = _under(table, "metadata")
    sun, taken = _under(told, "sun_elevation"), _under(told, "capture_date")
    moment = Moment(float(sun)) if isinstance(sun, int | float) and -90 <= sun <= 90 else Moment()
    with suppress(TypeError, ValueError):  # no date, or none of ISO 8601
        date = np.datetime64(taken[: len("yyyy-mm-dd")], "D")
        if not np.isnat(date):
            moment = moment._replace(day=1.0 + (date - date.astype("M8[Y]")).astype(int))
    return moment


def burn_polygons(
    path: Path, table: dict[str, Any], shape: tuple[int, int]
) -> UInt8[np.ndarray, "y x"]:
    """Burn the buildings of a label file; a pixel is of the last one that holds its centre.

    Args:
        path: of the file, for messages.
        table: what it holds; `features.xy` has WKT in pixels, y downwards, and a `subtype`.
        shape: (y, x) pixels.

    Raises:
        InputError: a subtype that is no grade; the file and the value are named.
    """
    rows = table["features"]["xy"]
    grades = [_grade(path, row) for row in rows]
    try:
        shapes = [shapely.wkt.loads(str(row["wkt"])) for row in rows]
    except (KeyError, TypeError, shapely.errors.ShapelyError) as error:
        raise CorruptError(f"{path} is damaged: a polygon is no WKT; fetch it again") from error
    upwards = [shapely.affinity.scale(one, 1, -1, origin=(0, 0)) for one in shapes]
    frame = gpd.GeoDataFrame({"grade": grades}, geometry=upwards)
    return rasterise(frame, pixel_box(shape, 1.0), column="grade")


def _grade(path: Path, row: dict[str, Any]) -> int:
    told = _under(_under(row, "properties"), "subtype")
    if not isinstance(told, str) or told not in _GRADES:
        raise InputError(f"{path}: subtype {told!r} is none of {', '.join(_GRADES)}")
    return _GRADES[told]
