"""Chips of one's own: any sensor, any classes, in a folder that says itself what it holds.

    chips.toml                                what the files mean (`Described`)
    images/NAME.tif, or images/REGION/NAME.tif    one date
    before/…, after/…                         two dates, instead of images
    labels/…                                  of the same names, where there are labels: one band
    train.txt, val.txt, test.txt              names of the chips of each part, where there are parts

Rasters may be .tif, .tiff, .jp2 or .png. Names are without ending, REGION/NAME in a subfolder;
the region is the event by which chips are chosen and kept apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np

from geomage.data.chip import RADAR, UNKNOWN, Channel, Chip, radar_share
from geomage.data.limits import Limits, refuse_outside, refuse_text
from geomage.data.readers.bands import PAN, SENTINEL1, SENTINEL2
from geomage.data.readers.files import (
    COUNTS,
    ChipFiles,
    FileChips,
    chip_of,
    find_folder,
    gsd_of,
    read_image,
    read_labels,
    read_list,
    refuse_empty,
    refuse_split,
)
from geomage.data.tables import build, read_table
from geomage.errors import InputError, near_names
from geomage.geo import Raster

__all__ = ["Described", "chips"]

_FILE = "chips.toml"
_ENDINGS = (".tif", ".tiff", ".jp2", ".png")
_DATES = (("images",), ("before", "after"))
_PARTS = ("train", "val", "test")
_C_BAND_UM = SENTINEL1[0].wavelength_um
_KNOWN = MappingProxyType(
    {band.name: band.wavelength_um for band in (*SENTINEL2, *PAN)}
    | dict.fromkeys(RADAR, _C_BAND_UM)
)
"""Centres of bands that have a common name: those of Sentinel-1 and -2, and panchromatic."""
_NO_SENSOR_UM = (100.0, 5000.0)
"""Between thermal infrared and radar."""
_LIMITS: Limits = {"scale": (0.0, 1e6), "offset": (-1e6, 1e6), "gsd": (0.0, 1e5)}


@dataclass(frozen=True)
class Described:
    """What `chips.toml` says."""

    bands: tuple[str, ...]
    """STAC common names in the order of the files (red, nir, swir16, …); vv, vh, hh, hv are radar
    in dB."""
    wavelengths_um: tuple[float, ...] = ()
    """Centre of each band, micrometres; left out where all have common names."""
    scale: float = 0.0
    """What one count of an optical band stands for: 0.0001 of Sentinel-2. Left out (0): 1/255 for
    files of 8 bits, 1 for floating point."""
    offset: float = 0.0
    """Added to counts times scale, reflectance: -0.1 of Sentinel-2 since 2022."""
    nodata: float | None = None
    """Value of pixels without data, beside the one that a file names; an alpha band says the same,
    and where nothing does, whole numbers that are 0 in all bands hold no data."""
    gsd: float = 0.0
    """Metres a pixel, for files without a CRS."""
    classes: tuple[str, ...] = ()
    """Names of the labels; left out where there are none."""
    values: tuple[int, ...] = ()
    """What each class is in the label files; left out: 0, 1, 2, …"""
    unknown: tuple[int, ...] = (UNKNOWN,)
    """What a pixel is there whose class nobody knows."""

    def __post_init__(self) -> None:
        refuse_outside(_FILE, vars(self), _LIMITS)
        self._refuse_bands()
        for what, names in (("bands", self.bands), ("classes", self.classes)):
            if len(set(names)) < len(names):
                raise InputError(f"{_FILE}: {what} = {list(names)}: name each once")
        if len(self.classes) >= UNKNOWN:
            raise InputError(f"{_FILE}: {len(self.classes)} classes: give at most {UNKNOWN - 1}")
        if self.values and len(self.values) != len(self.classes):
            raise InputError(
                f"{_FILE}: {len(self.values)} values for {len(self.classes)} classes: give one each"
            )
        if len(set(self.meant)) < len(self.meant):
            raise InputError(f"{_FILE}: values = {list(self.values)}: give each class its own")
        both = sorted(set(self.unknown) & set(self.meant))
        if both:
            raise InputError(f"{_FILE}: label {both[0]} is a class and unknown: it can be one")

    def _refuse_bands(self) -> None:
        if not self.bands:
            raise InputError(f"{_FILE}: bands is empty: name the bands of the files in order")
        if self.wavelengths_um and len(self.wavelengths_um) != len(self.bands):
            raise InputError(
                f"{_FILE}: {len(self.wavelengths_um)} wavelengths_um for {len(self.bands)} bands: "
                "give one each"
            )
        for name in () if self.wavelengths_um else self.bands:
            if name not in _KNOWN:
                raise InputError(
                    f"{_FILE}: nobody knows where band {name!r} lies{near_names(name, _KNOWN)}: "
                    f"give wavelengths_um, or take one of {', '.join(_KNOWN)}"
                )
        for channel in self.channels:
            refuse_text(f"{_FILE}: a name of a band", channel.name)
            if _NO_SENSOR_UM[0] < channel.wavelength_um < _NO_SENSOR_UM[1]:
                raise InputError(
                    f"{_FILE}: band {channel.name!r} at {channel.wavelength_um:g} um: no sensor "
                    "sees that: give micrometres, not nanometres"
                )

    @property
    def channels(self) -> tuple[Channel, ...]:
        """One a band."""
        centres = self.wavelengths_um or tuple(_KNOWN[name] for name in self.bands)
        return tuple(Channel(*both) for both in zip(self.bands, centres, strict=True))

    @property
    def meant(self) -> tuple[int, ...]:
        """Value of each class in the label files."""
        return self.values or tuple(range(len(self.classes)))

    @property
    def meaning(self) -> Mapping[int, int]:
        """Class, or `UNKNOWN`, of each value of the label files."""
        unknown = dict.fromkeys(self.unknown, UNKNOWN)
        return {**unknown, **{value: k for k, value in enumerate(self.meant)}}


def chips(folder: Path, split: str = "all", product: str = "") -> FileChips:
    """Read chips that a `chips.toml` describes.

    Args:
        folder: that holds it.
        split: train, val or test where a list of that name lies beside it, or all.
        product: there is one alone.
    """
    refuse_split(product, ("",))
    found = find_folder(folder, *(names[0] for names in _DATES)).parent
    if not (found / _FILE).is_file():
        raise InputError(
            f"{found} holds no {_FILE}, which says what its files mean: write one, for photos "
            '`bands = ["red", "green", "blue"]` (docs/learning.md)'
        )
    said: Described = build(Described, read_table(found / _FILE), str(found / _FILE))
    files = refuse_empty(_files(found, said), found, "images/NAME.tif")
    part = _of_part(files, found, split)
    return FileChips(said.classes, part, partial(_read, said=said), (found / _FILE,))


def _files(root: Path, said: Described) -> list[ChipFiles]:
    dates = [_rasters(root / name) for name in _dates(root)]
    labels = _rasters(root / "labels")
    if labels and not said.classes:
        raise InputError(f"{root / _FILE} names no classes, but there are labels: name them")
    lonely = sorted(set(dates[0]) ^ set(dates[-1]))
    if lonely:
        raise InputError(f"{root}: chip {lonely[0]!r} has one date of two: give before and after")
    stray = sorted(set(labels) - set(dates[0]))
    if stray:
        raise InputError(f"{labels[stray[0]]} labels an image that is not there")
    return [
        ChipFiles(name, name.rpartition("/")[0], tuple(d[name] for d in dates), labels.get(name))
        for name in dates[0]
    ]


def _dates(root: Path) -> tuple[str, ...]:
    there = [names for names in _DATES if any((root / name).is_dir() for name in names)]
    if len(there) > 1:
        raise InputError(f"{root} holds images and before, after: keep one date or two")
    return there[0]


def _rasters(folder: Path) -> dict[str, Path]:
    """Files by name, in order; those of a subfolder are of its region."""
    found: dict[str, Path] = {}
    for path in sorted([*folder.glob("*"), *folder.glob("*/*")]):
        if path.suffix.lower() not in _ENDINGS or not path.is_file():
            continue
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            raise InputError(f"{path} and {found[name].name} have one name: keep one")
        found[name] = path
    return dict(sorted(found.items()))


def _of_part(files: tuple[ChipFiles, ...], root: Path, split: str) -> tuple[ChipFiles, ...]:
    lists = {name: root / f"{name}.txt" for name in _PARTS if (root / f"{name}.txt").is_file()}
    if split == "all":
        return files
    if split not in lists:
        told = ", ".join([*lists, "all"])
        raise InputError(
            f"{root} has no part {split!r}{near_names(split, lists)}, only {told}: "
            f"list its chips in {split if split in _PARTS else 'train'}.txt, or say all; "
            "to evaluate add --split drawn"
        )
    wanted = [line.strip() for line in read_list(lists[split]).splitlines()]
    known = {one.name: one for one in files}
    for name in filter(None, wanted):
        if name not in known:
            raise InputError(f"{lists[split]}: no chip {name!r}{near_names(name, known)}")
    chosen = set(wanted)
    return refuse_empty([one for one in files if one.name in chosen], lists[split], "a line each")


def _read(files: ChipFiles, said: Described) -> Chip:
    rasters = [read_image(path, len(said.bands), alpha=True) for path in files.images]
    dates = [_measured(r, said, p) for r, p in zip(rasters, files.images, strict=True)]
    gsd = gsd_of(rasters[0], said.gsd)
    if not gsd > 0:
        raise InputError(f"{files.images[0]} has no CRS: give gsd in {_FILE}")
    labels = None if files.label is None else read_labels(files.label, said.meaning)
    return chip_of(files, dates, said.channels, gsd, labels)


def _measured(raster: Raster, said: Described, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Reflectance, or what a network takes for decibels; and where there are data."""
    values = raster.values[: len(said.bands)]
    good = raster.valid() & np.isfinite(values).all(axis=0) & _seen(raster, said)
    radar = np.array([name in RADAR for name in said.bands])
    scale = 1.0 if radar.all() else _scale(values.dtype, said, path)
    counts = np.where(good, values, 0).astype(np.float32)
    shares = counts * np.float32(scale) + np.float32(said.offset)
    seen = np.where(radar[:, None, None], radar_share(counts), shares)
    return np.where(good, seen, 0).astype(np.float32), good


def _seen(raster: Raster, said: Described) -> np.ndarray:
    """Where data are by alpha and by the value of `chips.toml`; else not where counts are all 0."""
    values, alpha = np.split(raster.values, [len(said.bands)])
    by_alpha = (alpha != 0).all(axis=0)  # true where there is none
    if said.nodata is not None:
        return np.asarray(by_alpha & (values != said.nodata).all(axis=0))
    told = len(alpha) or raster.nodata is not None or values.dtype.kind == "f"
    return np.asarray(by_alpha if told else values.any(axis=0))


def _scale(dtype: np.dtype, said: Described, path: Path) -> float:
    if said.scale:
        return said.scale
    if dtype == np.uint8:
        return COUNTS
    if dtype.kind == "f":
        return 1.0
    raise InputError(
        f"{path} is of {dtype}: say in {_FILE} what a count stands for, scale = 0.0001 perhaps"
    )
