"""One image file before any pixel is read: its facts, its grid, its bands, whether it changed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox

from geomage.errors import BudgetError, InputError, RunError
from geomage.geo import (
    RasterFacts,
    check_raster,
    footprint,
    is_earthly,
    pixel_box,
    unread_place,
    upright_box,
)

__all__ = [
    "LARGEST_GSD",
    "Picture",
    "common_box",
    "file_stamp",
    "image_grid",
    "look",
    "pixel_bounds",
    "place",
    "read_header",
    "refuse_changed",
    "refuse_gsd",
    "refuse_restamped",
    "same_pixels",
    "sha256_of",
    "unused_gsd",
]

LARGEST = 4 * 10**10  # px of one image; beyond it a header is taken for a mistake
LARGEST_GSD = 1e4  # metres; beyond it a stated side of a pixel is a mistake


@dataclass(frozen=True)
class Picture:
    """One image file: its facts, its grid, the numbers of its red, green and blue bands."""

    facts: RasterFacts
    box: GeoBox
    bands: tuple[int, int, int]
    stamp: tuple[int, int] | None = None
    """Of its file when the work began: bytes, and time of the last change in nanoseconds."""

    @property
    def path(self) -> Path:
        """The file."""
        return self.facts.path


def look(path: Path, gsd: float | None) -> Picture:
    """Read the header of an image and check that it can serve: `read_header`, then `place`."""
    return place(read_header(path), gsd)


def read_header(path: Path) -> RasterFacts:
    """Read the header of an image and check that it is one.

    Raises:
        InputError: see `check_raster`; complex numbers; a CRS that is not of the earth.
        BudgetError: the header states a size that no image has.
    """
    facts = check_raster(path)
    rows, cols = facts.shape
    if rows * cols > LARGEST:
        raise BudgetError(
            f"{path} states {cols} x {rows} px, more than the {LARGEST:.0e} px of one image; "
            "cut it into pieces"
        )
    if facts.dtype.startswith("complex"):
        raise InputError(f"{path} holds complex numbers; give its amplitude as three bands")
    crs = facts.box.crs
    if crs is not None and not is_earthly(crs):
        raise InputError(
            f"{path} has the CRS {crs.proj.name!r}, neither projected nor geographic on the earth: "
            "give it the true one (gdal_edit.py -a_srs EPSG:…), or none (gdal_edit.py -a_srs '')"
        )
    return facts


def place(facts: RasterFacts, gsd: float | None) -> Picture:
    """Find the grid and the bands of an image.

    Args:
        facts: its header.
        gsd: metres per pixel, used when the file has no CRS.

    Raises:
        InputError: fewer than three bands; neither CRS nor `gsd`.
    """
    return Picture(facts, image_grid(facts, gsd), _rgb(facts), file_stamp(facts.path))


def _rgb(facts: RasterFacts) -> tuple[int, int, int]:
    names = facts.bands
    if all(name in names for name in ("red", "green", "blue")):
        return (names.index("red") + 1, names.index("green") + 1, names.index("blue") + 1)
    usable = [number for number, name in enumerate(names, start=1) if name != "alpha"]
    if len(usable) < 3:
        raise InputError(
            f"{facts.path} has {len(usable)} band{'s' * (len(usable) != 1)} of values; "
            f"red, green and blue are needed{_expand(facts)}"
        )
    return (usable[0], usable[1], usable[2])


def _expand(facts: RasterFacts) -> str:
    """Advice for an image of one band, whose colours may stand in a palette."""
    if facts.count > 1:
        return ""
    return (
        f"; a palette becomes three bands by gdal_translate -expand rgb {facts.path.name} rgb.tif"
    )


def image_grid(facts: RasterFacts, gsd: float | None) -> GeoBox:
    """The grid of an image; one without CRS is laid on pixels of `gsd` metres.

    Raises:
        InputError: neither CRS nor `gsd`.
    """
    if facts.box.crs is not None:
        return facts.box
    if gsd is None:
        a, b, c, d, e, f = facts.box.affine[:6]
        if (b, c, d, f) == (0, 0, 0, 0) and a == -e and a > 0:  # as `pixel_box` writes it
            return facts.box
        raise InputError(
            f"{facts.path} has no CRS: state the side of its pixels in metres with --gsd"
            f"{unread_place(facts.path)}"
        )
    return pixel_box(facts.shape, gsd)


def refuse_gsd(gsd: float | None) -> None:
    """Raise InputError where a stated side of a pixel is none."""
    if gsd is not None and not 0 < gsd < LARGEST_GSD:
        raise InputError(f"--gsd {gsd:g} is not a size of pixels in metres")


def unused_gsd(facts: RasterFacts, gsd: float | None) -> tuple[str, ...]:
    """A note where a stated side of a pixel is not used, for the image has its own."""
    if gsd is None or facts.box.crs is None:
        return ()
    return (f"the images state their own pixel size; --gsd {gsd:g} was not used",)


def refuse_changed(picture: Picture) -> None:
    """Raise RunError when a file is not as it was when its header was read, by size and time."""
    if picture.stamp is not None:
        refuse_restamped(picture.path, picture.stamp)


def refuse_restamped(path: Path, stamp: tuple[int, int] | None) -> None:
    """Raise RunError when a file has another size or time than it had."""
    if file_stamp(path) != stamp:
        raise RunError(
            f"{path} changed while it was read, so that the work is void: run the same command "
            "again once it is whole"
        )


def file_stamp(path: Path) -> tuple[int, int] | None:
    """Size in bytes and time of the last change in nanoseconds; None where nothing stands."""
    try:
        said = path.stat()
    except OSError:
        return None
    return said.st_size, said.st_mtime_ns


def sha256_of(path: Path) -> str:
    """Of the content of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def same_pixels(one: GeoBox, other: GeoBox) -> bool:
    """Whether each pixel of one grid is a pixel of the other (to a thousandth)."""
    if one.crs != other.crs:
        return False
    offset = ~other.affine @ one.affine
    col, row = offset.c, offset.f
    straight = np.allclose(offset[:6], (1, 0, col, 0, 1, row), atol=1e-7)
    return bool(straight and abs(col - round(col)) < 1e-3 and abs(row - round(row)) < 1e-3)


def pixel_bounds(box: GeoBox, grid: GeoBox) -> tuple[float, float, float, float]:
    """Bounds of one grid in pixels of another, a pixel wider."""
    steps = 1 if box.crs == grid.crs else 24  # what is not bent has its bounds at its corners
    rim = np.array(footprint(box, grid.crs, steps=steps).exterior.coords)
    a, b, c, d, e, f = (~grid.affine)[:6]
    cols = a * rim[:, 0] + b * rim[:, 1] + c
    rows = d * rim[:, 0] + e * rim[:, 1] + f
    return cols.min() - 2, rows.min() - 2, cols.max() + 2, rows.max() + 2


def common_box(pictures: Sequence[Picture]) -> GeoBox:
    """North-up grid over all images, with the CRS, pixel size and pixel corners of the first."""
    first = upright_box(pictures[0].box)
    if len(pictures) == 1:
        return first
    bounds = np.array([pixel_bounds(picture.box, first) for picture in pictures])
    left, top = np.floor(bounds[:, :2].min(axis=0) + 2 + 1e-3).astype(int)
    right, bottom = np.ceil(bounds[:, 2:].max(axis=0) - 2 - 1e-3).astype(int)
    affine = first.affine @ type(first.affine).translation(int(left), int(top))
    return GeoBox((int(bottom - top), int(right - left)), affine, first.crs)
