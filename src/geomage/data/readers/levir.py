"""LEVIR-CD: new and lost buildings in 637 pairs of 1024 px, 0.5 m.

Chen and Shi 2020 (Remote Sensing 12, 1662); academic use. Official folder:

    {train,val,test}/{A,B,label}/train_1.png

A lies before B; label is 0 or 255. A plain folder of `train_386_0512_0768_before.png`,
`…_after.png`, `…_change.png` is read, too; the part is the beginning of the name.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import MappingProxyType

from geomage.data.chip import Chip
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
    refuse_split,
)

__all__ = ["levir"]

CLASSES = ("unchanged", "changed")
_VALUES = MappingProxyType({0: 0, 255: 1})
_PARTS = ("train", "val", "test")
_GSD = 0.5


def levir(folder: Path, split: str = "all", product: str = "") -> FileChips:
    """Read LEVIR-CD.

    Args:
        folder: of the dataset, or a plain folder of such pairs.
        split: train, val, test or all.
        product: there is one alone.
    """
    refuse_split(split, (*_PARTS, "all"))
    refuse_split(product, ("",))
    parts = _PARTS if split == "all" else (split,)
    plain = folder.is_dir() and any(folder.glob("*_change.png"))
    files = _plain(folder, parts) if plain else _official(folder, parts)
    refuse_missing(path for one in files for path in (*one.images, one.label or folder))
    return FileChips(CLASSES, refuse_empty(files, folder, "train_1.png, in A, B and label"), _read)


def _official(folder: Path, parts: tuple[str, ...]) -> list[ChipFiles]:
    find_folder(folder, *parts)
    return [
        ChipFiles(
            label.stem,
            label.stem,
            tuple(folder / part / date / label.name for date in ("A", "B")),
            label,
        )
        for part in parts
        for label in sorted((folder / part / "label").glob("*.png"), key=_number)
    ]


def _number(path: Path) -> tuple[int, str]:
    """train_2 before train_10."""
    digits = re.findall(r"\d+", path.stem)
    return (int(digits[-1]) if digits else 0, path.stem)


def _plain(folder: Path, parts: tuple[str, ...]) -> list[ChipFiles]:
    files = []
    for label in sorted(folder.glob("*_change.png")):
        name = label.name.removesuffix("_change.png")
        if name.startswith(parts):
            images = tuple(folder / f"{name}_{date}.png" for date in ("before", "after"))
            files.append(ChipFiles(name, "_".join(name.split("_")[:2]), images, label))
    return files


def _read(files: ChipFiles) -> Chip:
    dates = [read_bands(path, 3, COUNTS) for path in files.images]
    labels = None if files.label is None else read_labels(files.label, _VALUES)
    gsd = gsd_of(dates[0][2], _GSD)
    return chip_of(files, [date[:2] for date in dates], RGB, gsd, labels)
