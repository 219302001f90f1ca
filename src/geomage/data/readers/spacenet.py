"""SpaceNet 1, 2 and 6: buildings as polygons over images of WorldView, 0.3 to 0.5 m.

Van Etten, Lindenbaum and Bacastow 2018 (arXiv 1807.01232); CC BY-SA 4.0. Official folders, wherever
they lie below the one that is given:

    AOI_2_Vegas_Train/RGB-PanSharpen/RGB-PanSharpen_AOI_2_Vegas_img1.tif      11 bits, uint16
    AOI_2_Vegas_Train/geojson/buildings/buildings_AOI_2_Vegas_img1.geojson
    train/AOI_11_Rotterdam/PS-RGB/SN6_Train_AOI_11_Rotterdam_PS-RGB_…_tile_8679.tif
    train/AOI_11_Rotterdam/geojson_buildings/SN6_Train_AOI_11_Rotterdam_Buildings_…_tile_8679.geojson
"""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from types import MappingProxyType

import geopandas as gpd
import numpy as np
from jaxtyping import UInt8

from geomage.data.chip import Channel, Chip
from geomage.data.readers.bands import PAN, RGB, WORLDVIEW
from geomage.data.readers.files import (
    COUNTS,
    ChipFiles,
    FileChips,
    chip_of,
    gsd_of,
    read_image,
    refuse_empty,
    refuse_split,
)
from geomage.data.splits import holdout
from geomage.errors import CorruptError, InputError
from geomage.geo import Raster, rasterise, read_vectors

__all__ = ["spacenet"]

CLASSES = ("no building", "building")
_PRODUCTS: MappingProxyType[str, tuple[Channel, ...]] = MappingProxyType(
    {
        "PS-RGB": RGB,
        "RGB-PanSharpen": RGB,
        "3band": RGB,
        "PS-MS": WORLDVIEW,
        "MUL-PanSharpen": WORLDVIEW,
        "8band": WORLDVIEW,
        "PAN": PAN,
    }
)
_LABELS = ("geojson/buildings", "geojson_buildings", "geojson")
_PARTS = ("train", "val", "test")
_SHARES = (0.7, 0.15, 0.15)
_SEED = 23  # of the parts; fixed, so that results can be compared
_COUNTS_11 = 1 / 2047
_PLACE = re.compile(r"AOI_\d+_[A-Za-z]+")
_TILE = re.compile(r"img\d+|\d+_\d+_tile_\d+")
_GSD = 0.3


def spacenet(folder: Path, split: str = "all", product: str = "") -> FileChips:
    """Read buildings of SpaceNet.

    Counts of 16-bit files are divided by 2047 (11 bits), whatever stretch they have; brighter ones
    go above 1.

    Args:
        folder: any above the folders of an AOI.
        split: train, val, test or all: 70, 15 and 15 % of each AOI, drawn by us, since SpaceNet
            keeps the labels of its own test part.
        product: PS-RGB, RGB-PanSharpen, 3band, PS-MS, MUL-PanSharpen, 8band or PAN; the first of
            these that is there when nothing is said.
    """
    refuse_split(split, (*_PARTS, "all"))
    refuse_split(product, ("", *_PRODUCTS))
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: give one above the folders of an AOI")
    wanted = (product,) if product else tuple(_PRODUCTS)
    found = {one: _below(folder, one) for one in wanted}
    one = next((name for name, files in found.items() if files), wanted[0])
    files = refuse_empty(found[one], folder, f"{one}/…_AOI_2_Vegas_img1.tif")
    if split != "all":
        drawn = holdout([each.event for each in files], _SHARES, _SEED)
        files = tuple(files[k] for k in drawn[_PARTS.index(split)])
    return FileChips(CLASSES, files, partial(_read, channels=_PRODUCTS[one]))


def _below(folder: Path, product: str) -> list[ChipFiles]:
    """Chips of every folder of that product."""
    files = []
    for images in sorted(path for path in folder.rglob(product) if path.is_dir()):
        labels = _labels(images.parent)
        for path in sorted(images.glob("*.tif")):
            key = _key(path)
            if key:
                name = "_".join(key)
                files.append(ChipFiles(name, key[0], (path,), labels.get(key)))
    return files


def _labels(area: Path) -> dict[tuple[str, str], Path]:
    """Label files of an AOI by place and tile."""
    paths = [path for part in _LABELS for path in sorted((area / part).glob("*.geojson"))]
    return {key: path for path in paths if (key := _key(path))}


def _key(path: Path) -> tuple[str, str] | None:
    place, tile = _PLACE.search(path.name), _TILE.search(path.name)
    return (place.group(), tile.group()) if place and tile else None


def _read(files: ChipFiles, channels: tuple[Channel, ...]) -> Chip:
    raster = read_image(files.images[0], len(channels))
    good = raster.valid()
    scale = COUNTS if raster.values.dtype == np.uint8 else _COUNTS_11
    values = np.where(good, raster.values, 0).astype(np.float32) * np.float32(scale)
    labels = None if files.label is None else _burn(files.label, raster)
    return chip_of(files, [(values, good)], channels, gsd_of(raster, _GSD), labels)


def _burn(path: Path, raster: Raster) -> UInt8[np.ndarray, "y x"]:
    """1 where a building holds the centre of a pixel."""
    if _is_empty(path):
        return np.zeros(tuple(raster.box.shape), np.uint8)
    try:
        frame = read_vectors(path)
    except InputError as error:
        raise CorruptError(str(error)) from error
    if not isinstance(frame, gpd.GeoDataFrame):
        return np.zeros(tuple(raster.box.shape), np.uint8)
    return rasterise(frame, raster.box)


def _is_empty(path: Path) -> bool:
    """Whether a GeoJSON lists no feature: a place without buildings."""
    try:
        return not json.loads(path.read_text("utf-8")).get("features", True)
    except (ValueError, AttributeError, RecursionError) as error:
        raise CorruptError(f"{path} is damaged: no GeoJSON; fetch it again") from error
