"""The images of one date as one source: any grid, size and type in, 8-bit RGB windows out."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from geomage.data import Stretch
from geomage.errors import BudgetError, InputError
from geomage.geo import (
    RasterFacts,
    check_raster,
    decoding,
    footprint,
    is_earthly,
    open_raster,
    pixel_box,
    unread_place,
    upright_box,
    warp_crs,
)
from geomage.mapping.stretch import holds_values, measure_stretch, to_counts

LARGEST = 4 * 10**10  # px of one image; beyond it a header is taken for a mistake


@dataclass(frozen=True)
class Picture:
    """One image file: its facts, its grid, the numbers of its red, green and blue bands."""

    facts: RasterFacts
    box: GeoBox
    bands: tuple[int, int, int]

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
    return Picture(facts, _grid(facts, gsd), _rgb(facts))


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
    if facts.count > 2:
        return ""
    return (
        f"; a palette becomes three bands by gdal_translate -expand rgb {facts.path.name} rgb.tif"
    )


def _grid(facts: RasterFacts, gsd: float | None) -> GeoBox:
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


class Imagery:
    """Open images of one date, read window by window on one grid. Made by `open_imagery`."""

    def __init__(
        self, sources: Sequence[tuple[Picture, WarpedVRT]], box: GeoBox, stretch: Stretch
    ) -> None:
        self.box = box
        self.stretch = stretch
        self._sources = [
            (picture, vrt, shapely.box(*_pixel_bounds(picture.box, box)))
            for picture, vrt in sources
        ]

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Read one window of the grid.

        Returns:
            uint8 (3, y, x), 0 where there is no data; bool (y, x), where there is data; bool
            (y, x), where the stored value was zero in all bands.
        """
        size = (window.height, window.width)
        out = np.zeros((3, *size), "uint8")
        seen, black = np.zeros(size, bool), np.zeros(size, bool)
        here = shapely.box(
            window.col_off,
            window.row_off,
            window.col_off + window.width,
            window.row_off + window.height,
        )
        for picture, vrt, reach in self._sources:
            if not reach.intersects(here) or seen.all():
                continue
            values, valid = _read(picture, vrt, window)
            new = valid & ~seen
            dark = new & (values == 0).all(axis=0)
            np.copyto(out, to_counts(self.stretch, values, valid), where=new)
            black |= dark
            seen |= new
        return out, seen, black


def find_stretch(pictures: Sequence[Picture]) -> Stretch:
    """Measure the stretch of the images of one date: see `measure_stretch`."""
    with ExitStack() as stack:
        datasets = [stack.enter_context(open_raster(picture.path)) for picture in pictures]
        return measure_stretch(datasets, [picture.bands for picture in pictures])


@contextmanager
def open_imagery(
    pictures: Sequence[Picture], box: GeoBox, stretch: Stretch | None = None
) -> Iterator[Imagery]:
    """Open the images of one date for windows on `box`; None measures their stretch."""
    stretch = find_stretch(pictures) if stretch is None else stretch
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        datasets = [stack.enter_context(open_raster(picture.path)) for picture in pictures]
        sources = []
        for picture, dataset in zip(pictures, datasets, strict=True):
            options = _warp(picture, box)
            sources.append((picture, stack.enter_context(WarpedVRT(dataset, **options))))
        yield Imagery(sources, box, stretch)


def _warp(picture: Picture, box: GeoBox) -> dict[str, object]:
    """Options of the WarpedVRT that brings one image to the grid."""
    facts = picture.facts
    floating = facts.dtype.startswith("float")
    return {
        "crs": warp_crs(box),
        "transform": box.affine,
        "height": box.shape[0],
        "width": box.shape[1],
        "src_crs": warp_crs(picture.box),
        "src_transform": picture.box.affine,
        "src_nodata": np.nan if floating and facts.nodata is None else facts.nodata,
        "add_alpha": "alpha" not in facts.bands,
        "resampling": Resampling.nearest if _same_pixels(picture.box, box) else Resampling.cubic,
        "warp_mem_limit": 64,
    }


def _same_pixels(one: GeoBox, other: GeoBox) -> bool:
    """Whether each pixel of one grid is a pixel of the other (to a thousandth)."""
    if one.crs != other.crs:
        return False
    offset = ~other.affine @ one.affine
    col, row = offset.c, offset.f
    straight = np.allclose(offset[:6], (1, 0, col, 0, 1, row), atol=1e-7)
    return bool(straight and abs(col - round(col)) < 1e-3 and abs(row - round(row)) < 1e-3)


def _pixel_bounds(box: GeoBox, grid: GeoBox) -> tuple[float, float, float, float]:
    """Bounds of one grid in pixels of another, a pixel wider."""
    rim = np.array(footprint(box, grid.crs).exterior.coords)
    a, b, c, d, e, f = (~grid.affine)[:6]
    cols = a * rim[:, 0] + b * rim[:, 1] + c
    rows = d * rim[:, 0] + e * rim[:, 1] + f
    return cols.min() - 2, rows.min() - 2, cols.max() + 2, rows.max() + 2


def _read(picture: Picture, vrt: WarpedVRT, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Stored values (3, y, x) and validity (y, x) of one image in a window of the grid."""
    alpha = vrt.count if "alpha" not in picture.facts.bands else _alpha(picture)
    where = f" at column {window.col_off}, row {window.row_off} of the grid"
    with decoding(picture.path, where):
        stack = vrt.read([*picture.bands, alpha], window=window)
    return stack[:3], (stack[3] > 0) & holds_values(stack[:3])


def _alpha(picture: Picture) -> int:
    return picture.facts.bands.index("alpha") + 1


def common_box(pictures: Sequence[Picture]) -> GeoBox:
    """North-up grid over all images, with the CRS, pixel size and pixel corners of the first."""
    first = upright_box(pictures[0].box)
    if len(pictures) == 1:
        return first
    bounds = np.array([_pixel_bounds(picture.box, first) for picture in pictures])
    left, top = np.floor(bounds[:, :2].min(axis=0) + 2 + 1e-3).astype(int)
    right, bottom = np.ceil(bounds[:, 2:].max(axis=0) - 2 - 1e-3).astype(int)
    affine = first.affine @ type(first.affine).translation(int(left), int(top))
    return GeoBox((int(bottom - top), int(right - left)), affine, first.crs)
