"""BRIGHT: building damage, optical before and radar after, 1024 px, 0.3 to 1 m.

Chen et al. 2025 (ESSD 17, 6217). Official folder:

    pre-event/bata-explosion_00000000_pre_disaster.tif     red, green, blue, uint8
    post-event/bata-explosion_00000000_post_disaster.tif   one band of X-band radar, uint8
    target/bata-explosion_00000000_building_damage.tif     0 background, 1 intact, 2 damaged,
                                                           3 destroyed
    {train,val,test}_set.txt                               names; they come with the authors' code

A chip has four bands at both dates: red, green, blue, x. What a date was not seen in is 0.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import numpy as np

from geomage.data.chip import Chip
from geomage.data.readers.bands import RGB, X_BAND
from geomage.data.readers.files import (
    COUNTS,
    ChipFiles,
    FileChips,
    chip_of,
    find_folder,
    gsd_of,
    read_bands,
    read_labels,
    read_list,
    refuse_empty,
    refuse_missing,
    refuse_split,
)
from geomage.data.splits import holdout

__all__ = ["bright"]

CLASSES = ("background", "intact", "damaged", "destroyed")
_VALUES = MappingProxyType({0: 0, 1: 1, 2: 2, 3: 3})
_CHANNELS = (*RGB, X_BAND)
_PARTS = ("train", "val", "test")
_SHARES = (0.7, 0.1, 0.2)
_SEED = 23  # of parts that no list tells; fixed, so that results can be compared
_GSD = 0.5  # where a file has no CRS (ours)
_BEFORE = "_pre_disaster.tif"


def bright(folder: Path, split: str = "all", product: str = "") -> FileChips:
    """Read BRIGHT.

    Args:
        folder: of the dataset.
        split: train, val, test or all. Where the lists `train_set.txt`, … do not lie in the folder,
            parts are 70, 10 and 20 % of each event, drawn by us.
        product: there is one alone.
    """
    refuse_split(split, (*_PARTS, "all"))
    refuse_split(product, ("",))
    root = find_folder(folder, "pre-event").parent
    files = [_files(root, path) for path in sorted((root / "pre-event").glob(f"*{_BEFORE}"))]
    refuse_missing(one.images[1] for one in files)
    chosen = files if split == "all" else _part(root, files, split)
    what = f"pre-event/bata-explosion_00000000{_BEFORE}"
    return FileChips(CLASSES, refuse_empty(chosen, root, what), _read)


def _files(root: Path, before: Path) -> ChipFiles:
    name = before.name.removesuffix(_BEFORE)
    after = root / "post-event" / f"{name}_post_disaster.tif"
    label = root / "target" / f"{name}_building_damage.tif"
    event = name.rpartition("_")[0]
    return ChipFiles(name, event, (before, after), label if label.is_file() else None)


def _part(root: Path, files: list[ChipFiles], split: str) -> list[ChipFiles]:
    path = root / f"{split}_set.txt"
    if path.is_file():
        wanted = set(read_list(path).split())
        return [one for one in files if one.name in wanted]
    drawn = holdout([one.event for one in files], _SHARES, _SEED)
    return [files[k] for k in drawn[_PARTS.index(split)]]


def _read(files: ChipFiles) -> Chip:
    colour, seen, raster = read_bands(files.images[0], 3, COUNTS)
    radar, echoed, _ = read_bands(files.images[1], 1, COUNTS)
    before = np.concatenate([colour, np.zeros_like(colour[:1])])
    after = np.concatenate([np.zeros((3, *radar.shape[1:]), np.float32), radar])
    labels = None if files.label is None else read_labels(files.label, _VALUES)
    dates = [(before, seen), (after, echoed)]
    return chip_of(files, dates, _CHANNELS, gsd_of(raster, _GSD), labels)
