"""Sen1Floods11: water in 446 hand-labelled chips of 512 px, Sentinel-1 and Sentinel-2.

Bonafilia, Tellman, Anderson and Issenberg 2020 (CVPR Workshops). Official folder, version 1.1:

    v1.1/data/flood_events/HandLabeled/S1Hand/Ghana_103272_S1Hand.tif      VV, VH, dB, float32
    v1.1/data/flood_events/HandLabeled/S2Hand/Ghana_103272_S2Hand.tif      13 bands of L1C, x 10000
    v1.1/data/flood_events/HandLabeled/LabelHand/Ghana_103272_LabelHand.tif   -1, 0 dry, 1 water
    v1.1/splits/flood_handlabeled/flood_{train,valid,test,bolivia}_data.csv   S1 file, label file

A plain folder of `Ghana_103272_S1.tif`, `…_S2.tif`, `…_label.tif` is read, too.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np

from geomage.data.chip import UNKNOWN, Chip, radar_share
from geomage.data.readers.bands import SENTINEL1, SENTINEL2
from geomage.data.readers.files import (
    ChipFiles,
    FileChips,
    chip_of,
    find_folder,
    read_bands,
    read_labels,
    read_list,
    refuse_empty,
    refuse_missing,
    refuse_part_of_plain,
    refuse_split,
)
from geomage.errors import InputError

__all__ = ["sen1floods11"]

CLASSES = ("dry", "water")
_VALUES = MappingProxyType({-1: UNKNOWN, 0: 0, 1: 1})
_GSD = 10.0
_LISTS = MappingProxyType({"train": "train", "val": "valid", "test": "test", "bolivia": "bolivia"})
_HAND = "data/flood_events/HandLabeled"
_SENSORS = MappingProxyType({"s1": SENTINEL1, "s2": SENTINEL2, "s1+s2": (*SENTINEL1, *SENTINEL2)})


def sen1floods11(folder: Path, split: str = "all", product: str = "") -> FileChips:
    """Read Sen1Floods11.

    Args:
        folder: of the dataset, or a plain folder of such chips.
        split: train, val, test, bolivia (the flood that the authors kept apart) or all; a plain
            folder has no parts but all.
        product: s1 (the usual one), s2, or s1+s2 (bands of Sentinel-1 first). Chips that lack it
            are left out of a plain folder.
    """
    refuse_split(split, (*_LISTS, "all"))
    product = product or "s1"
    if product not in _SENSORS:
        raise InputError(f"no product {product!r}: there are {', '.join(_SENSORS)}")
    plain = folder.is_dir() and any(folder.glob("*_label.tif"))
    files = _plain(folder, split, product) if plain else _official(folder, split, product)
    return FileChips(CLASSES, files, partial(_read, product=product))


def _official(folder: Path, split: str, product: str) -> tuple[ChipFiles, ...]:
    hand = find_folder(folder, _HAND, f"v1.1/{_HAND}")
    root = hand.parents[2]
    chips = _listed(root, split) if split != "all" else _found(hand / "LabelHand")
    names = {"s1": "S1Hand", "s2": "S2Hand"}
    files = [
        ChipFiles(
            chip,
            _region(chip),
            tuple(hand / names[k] / f"{chip}_{names[k]}.tif" for k in product.split("+")),
            hand / "LabelHand" / f"{chip}_LabelHand.tif",
        )
        for chip in chips
    ]
    refuse_missing(path for one in files for path in (*one.images, one.label or hand))
    return refuse_empty(files, hand, "Ghana_103272_LabelHand.tif")


def _listed(root: Path, split: str) -> list[str]:
    path = root / "splits" / "flood_handlabeled" / f"flood_{_LISTS[split]}_data.csv"
    rows = csv.reader(read_list(path).splitlines())
    return [row[0].strip().removesuffix("_S1Hand.tif") for row in rows if row]


def _found(folder: Path) -> list[str]:
    return sorted(path.name.removesuffix("_LabelHand.tif") for path in folder.glob("*.tif"))


def _plain(folder: Path, split: str, product: str) -> tuple[ChipFiles, ...]:
    refuse_part_of_plain(folder, split)
    wanted = product.upper().split("+")
    files = []
    for label in sorted(folder.glob("*_label.tif")):
        chip = label.name.removesuffix("_label.tif")
        images = tuple(folder / f"{chip}_{sensor}.tif" for sensor in wanted)
        if all(path.is_file() for path in images):
            files.append(ChipFiles(chip, _region(chip), images, label))
    return refuse_empty(files, folder, f"Ghana_103272_{wanted[0]}.tif, Ghana_103272_label.tif")


def _region(chip: str) -> str:
    return chip.rsplit("_", 1)[0]


def _read(files: ChipFiles, product: str) -> Chip:
    kinds: Mapping[str, Path] = dict(zip(product.split("+"), files.images, strict=True))
    parts = [_sensed(kind, path) for kind, path in kinds.items()]
    pixels = np.concatenate([values for values, _ in parts])
    good = np.logical_and.reduce([valid for _, valid in parts])
    labels = None if files.label is None else read_labels(files.label, _VALUES)
    return chip_of(files, [(pixels, good)], _SENSORS[product], _GSD, labels)


def _sensed(kind: str, path: Path) -> tuple[np.ndarray, np.ndarray]:
    if kind == "s2":
        values, good, _ = read_bands(path, len(SENTINEL2), 1e-4)
        return values, good & (values != 0).any(axis=0)
    decibels, good, _ = read_bands(path, len(SENTINEL1), 1.0)
    return np.where(good, radar_share(decibels), 0).astype(np.float32), good
