"""MADOS: marine debris, oil spills and what looks like them, 2,803 crops of 240 px, Sentinel-2.

Kikaki et al. 2024 (ISPRS Journal 210). Official folder, a file a band, each at its own GSD:

    Scene_0/{10,20,60}/Scene_0_L2R_rhorc_492_1.tif   Rayleigh-corrected reflectance, float32
    Scene_0/10/Scene_0_L2R_cl_1.tif                  0 not annotated, 1 to 15
    splits/{train,val,test}_X.txt                    Scene_0_1, …
"""

from __future__ import annotations

import re
from pathlib import Path
from types import MappingProxyType

import numpy as np

from geomage.data.chip import UNKNOWN, Channel, Chip
from geomage.data.readers.bands import SENTINEL2
from geomage.data.readers.files import (
    ChipFiles,
    FileChips,
    chip_of,
    find_folder,
    read_bands,
    read_labels,
    read_list,
    refuse_empty,
    refuse_split,
)
from geomage.errors import InputError

__all__ = ["mados"]

CLASSES = (
    "marine debris",
    "dense sargassum",
    "sparse floating algae",
    "natural organic material",
    "ship",
    "oil spill",
    "marine water",
    "sediment-laden water",
    "foam",
    "turbid water",
    "shallow water",
    "waves and wakes",
    "oil platform",
    "jellyfish",
    "sea snot",
)
_VALUES = MappingProxyType({0: UNKNOWN, **{k: k - 1 for k in range(1, 16)}})
_BANDS = tuple(band for band in SENTINEL2 if band.name not in {"nir09", "cirrus"})
_GSD = 10.0
_NAME = re.compile(r"_rhorc_(\d+)_(\d+)\.tif$")
_OFF_NM = 30  # how far the name of a band may lie from that of Sentinel-2A; 2B differs by 16


def mados(folder: Path, split: str = "all", product: str = "") -> FileChips:
    """Read MADOS: all bands but water vapour and cirrus, repeated to 10 m.

    Args:
        folder: of the dataset.
        split: train, val, test or all.
        product: there is one alone.
    """
    refuse_split(split, ("train", "val", "test", "all"))
    refuse_split(product, ("",))
    root = find_folder(folder, "splits", "MADOS/splits")
    root = root.parent
    files = [one for scene in sorted(root.glob("Scene_*"), key=_number) for one in _in(scene)]
    if split != "all":
        path = root / "splits" / f"{split}_X.txt"
        wanted = set(read_list(path).split())
        files = [one for one in files if one.name in wanted]
    what = "Scene_0/10/Scene_0_L2R_cl_1.tif"
    return FileChips(CLASSES, refuse_empty(files, root, what), _read)


def _number(path: Path) -> int:
    told = path.name.rpartition("_")[2]
    return int(told) if told.isascii() and told.isdigit() else -1


def _in(scene: Path) -> list[ChipFiles]:
    """Crops of a scene; a file a band, in the order of wavelengths."""
    bands: dict[str, list[tuple[int, Path]]] = {}
    for path in scene.glob("*/*_rhorc_*.tif"):
        found = _NAME.search(path.name)
        if found:
            bands.setdefault(found[2], []).append((int(found[1]), path))
    return [
        ChipFiles(
            f"{scene.name}_{crop}",
            scene.name,
            tuple(path for _, path in sorted(bands.get(crop, ()))),
            label,
        )
        for label in sorted(
            (scene / "10").glob("*_cl_*.tif"), key=lambda path: _number(_bare(path))
        )
        for crop in (label.stem.rpartition("_")[2],)
    ]


def _bare(path: Path) -> Path:
    return path.with_suffix("")


def _read(files: ChipFiles) -> Chip:
    channels = tuple(_channel(path) for path in files.images)
    if channels != _BANDS:
        have = ", ".join(channel.name for channel in channels) or "none"
        raise InputError(
            f"{files.name} has {len(channels)} bands ({have}), MADOS has {len(_BANDS)}: "
            "give its own files"
        )
    parts = [_band(path) for path in files.images]
    pixels = np.concatenate([values for values, _ in parts])
    good = np.logical_and.reduce([valid for _, valid in parts])
    labels = None if files.label is None else read_labels(files.label, _VALUES)
    return chip_of(files, [(pixels, good)], _BANDS, _GSD, labels)


def _channel(path: Path) -> Channel:
    """The band of Sentinel-2 that a file is of, by the wavelength in its name."""
    found = _NAME.search(path.name)
    told = int(found[1]) if found else 0
    nearest = min(_BANDS, key=lambda band: abs(band.wavelength_um * 1000 - told))
    if abs(nearest.wavelength_um * 1000 - told) > _OFF_NM:
        raise InputError(f"{path}: {told} nm is no band of Sentinel-2")
    return nearest


def _band(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """One band and where it holds data, repeated to 10 m; its folder tells its GSD."""
    factor = int(path.parent.name) // 10
    values, good, _ = read_bands(path, 1, 1.0)
    return (
        values.repeat(factor, axis=1).repeat(factor, axis=2),
        good.repeat(factor, axis=0).repeat(factor, axis=1),
    )
