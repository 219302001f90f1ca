"""HLS Burn Scars: burnt ground in 804 chips of 512 px, 30 m, of the United States.

Phillips et al. 2023 (Hugging Face, ibm-nasa-geospatial/hls_burn_scars). Official folder:

    training/subsetted_512x512_HLS.S30.T10SDH.2020248.v1.4_merged.tif   six bands, reflectance
    training/subsetted_512x512_HLS.S30.T10SDH.2020248.v1.4.mask.tif     -1 no data, 0, 1 burnt
    validation/…

or, since 2025, the same files in `data/` and names in `splits/{train,val,test}.txt`.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import MappingProxyType

from geomage.data.chip import UNKNOWN, Chip
from geomage.data.readers.bands import HLS
from geomage.data.readers.files import (
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

__all__ = ["burnscars"]

CLASSES = ("not burnt", "burnt")
_VALUES = MappingProxyType({-1: UNKNOWN, 0: 0, 1: 1})
_NODATA = 9999.0
_GSD = 30.0
_SEED = 23  # of the part that validates; fixed, so that results can be compared
_ENDING = "_merged.tif"


def burnscars(folder: Path, split: str = "all", product: str = "") -> FileChips:
    """Read HLS Burn Scars.

    Args:
        folder: of the dataset.
        split: train, val, test or all. Of folders training and validation, train and val are 90 and
            10 % of training and test is validation, as PANGAEA has it; drawn by us.
        product: there is one alone.
    """
    refuse_split(split, ("train", "val", "test", "all"))
    refuse_split(product, ("",))
    root = find_folder(folder, "training", "data").parent
    listed = (root / "data").is_dir()
    files = _listed(root, split) if listed else _halves(root, split)
    refuse_missing(path for one in files for path in (*one.images, one.label or root))
    return FileChips(CLASSES, refuse_empty(files, root, f"subsetted_512x512_HLS…{_ENDING}"), _read)


def _halves(root: Path, split: str) -> list[ChipFiles]:
    train, test = (_in(root / part) for part in ("training", "validation"))
    if split in ("test", "all"):
        return test if split == "test" else train + test
    drawn = holdout([""] * len(train), (0.9, 0.1, 0.0), _SEED)
    return [train[k] for k in (drawn.train if split == "train" else drawn.val)]


def _listed(root: Path, split: str) -> list[ChipFiles]:
    every = _in(root / "data")
    if split == "all":
        return every
    path = root / "splits" / f"{split}.txt"
    wanted = set(read_list(path).split())
    return [one for one in every if one.name in wanted or one.name + _ENDING in wanted]


def _in(folder: Path) -> list[ChipFiles]:
    return [
        ChipFiles(name, _tile(name), (path,), _mask(path, name))
        for path in sorted(folder.glob(f"*{_ENDING}"))
        for name in (path.name.removesuffix(_ENDING),)
    ]


def _mask(image: Path, name: str) -> Path:
    """`….mask.tif`; older copies have `…_mask.tif`."""
    dotted = image.with_name(f"{name}.mask.tif")
    return dotted if dotted.is_file() else image.with_name(f"{name}_mask.tif")


def _tile(name: str) -> str:
    """Tile of the military grid, such as T10SDH: what lies together."""
    found = re.search(r"\bT\d\d[A-Z]{3}\b", name.replace("_", "."))
    return found.group() if found else ""


def _read(files: ChipFiles) -> Chip:
    values, good, raster = read_bands(files.images[0], len(HLS), 1.0, _NODATA)
    labels = None if files.label is None else read_labels(files.label, _VALUES)
    return chip_of(files, [(values, good)], HLS, gsd_of(raster, _GSD), labels)
