"""OpenEarthMap: land cover in 5,000 images of 97 regions, 0.25 to 0.5 m.

Xia et al. 2023 (WACV); CC BY-NC-SA 4.0. Official folder (images of xBD are added by who has it):

    tokyo/images/tokyo_1.tif   tokyo/labels/tokyo_1.tif   train.txt   val.txt   test.txt

Labels are 0 unknown, 1 bareland, … 8 building; those of the test part are not given away.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

from geomage.data.chip import UNKNOWN, Chip
from geomage.data.readers.bands import RGB
from geomage.data.readers.files import (
    COUNTS,
    ChipFiles,
    FileChips,
    chip_of,
    gsd_of,
    read_bands,
    read_labels,
    read_list,
    refuse_empty,
    refuse_split,
)
from geomage.errors import InputError

__all__ = ["openearthmap"]

CLASSES = (
    "bareland",
    "rangeland",
    "developed space",
    "road",
    "tree",
    "water",
    "agriculture",
    "building",
)
_VALUES = MappingProxyType({0: UNKNOWN, **{k: k - 1 for k in range(1, 9)}})
_GSD = 0.5  # where a file has no CRS (ours)


def openearthmap(folder: Path, split: str = "all", product: str = "") -> FileChips:
    """Read OpenEarthMap.

    Args:
        folder: of the dataset.
        split: train, val, test (no labels) or all. Images that are named and not there, which are
            those of xBD, are left out.
        product: there is one alone.
    """
    refuse_split(split, ("train", "val", "test", "all"))
    refuse_split(product, ("",))
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: give the one that the dataset was unpacked in")
    files = [_files(path) for path in sorted(folder.glob("*/images/*.tif"))]
    if split != "all":
        path = folder / f"{split}.txt"
        wanted = {line.removesuffix(".tif") for line in read_list(path).split()}
        files = [one for one in files if one.name in wanted]
    what = "tokyo/images/tokyo_1.tif, with train.txt beside tokyo"
    return FileChips(CLASSES, refuse_empty(files, folder, what), _read)


def _files(image: Path) -> ChipFiles:
    label = image.parents[1] / "labels" / image.name
    region = image.parents[1].name
    return ChipFiles(image.stem, region, (image,), label if label.is_file() else None)


def _read(files: ChipFiles) -> Chip:
    values, good, raster = read_bands(files.images[0], 3, COUNTS)
    labels = None if files.label is None else read_labels(files.label, _VALUES)
    return chip_of(files, [(values, good)], RGB, gsd_of(raster, _GSD), labels)
