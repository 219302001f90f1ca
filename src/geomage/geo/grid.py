"""Grids: pixel coordinates, true ground sampling distance, upright and metric grids."""

from __future__ import annotations

import math

import numpy as np
import pyproj
import shapely
from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from pyproj.exceptions import ProjError
from rasterio.windows import Window

from geomage.errors import InputError

CrsLike = CRS | str | None


def pixel_box(shape: tuple[int, int], gsd: float) -> GeoBox:
    """Grid without CRS: x to the right and y upwards in metres, origin at the upper left corner.

    Args:
        shape: (y, x) pixels.
        gsd: side of a pixel in metres.
    """
    return GeoBox(shape, Affine(gsd, 0.0, 0.0, 0.0, -gsd, 0.0), None)


def warp_crs(box: GeoBox) -> str:
    """CRS to hand to GDAL's warper, which needs one.

    Grids without a CRS are metres from one corner, so any stand-in shared by all of them serves.
    """
    return "EPSG:3857" if box.crs is None else str(box.crs.to_wkt())


def place(box: GeoBox, col: float, row: float) -> tuple[float, float]:
    """(x, y) in the CRS of the grid, at a position in pixels from its upper left corner."""
    a, b, c, d, e, f = box.affine[:6]
    return (a * col + b * row + c, d * col + e * row + f)


def is_earthly(crs: CRS) -> bool:
    """Whether places in a CRS have a longitude and latitude: no local grid, no other planet."""
    if not (crs.proj.is_projected or crs.proj.is_geographic):
        return False
    try:
        pyproj.Transformer.from_crs(crs.proj, "EPSG:4326", always_xy=True)
    except ProjError:
        return False
    return True


def ground_gsd(box: GeoBox) -> float:
    """True side of a pixel in metres at the centre of the grid, along the ground, not the map."""
    rows, cols = box.shape
    middle = (cols / 2, rows / 2)
    steps = (middle, (middle[0] + 1, middle[1]), (middle[0], middle[1] + 1))
    places = [place(box, *step) for step in steps]
    if box.crs is None:
        sides = [math.dist(places[0], place) for place in places[1:]]
        return math.sqrt(sides[0] * sides[1])
    crs = pyproj.CRS.from_user_input(str(box.crs))
    if not (crs.is_projected or crs.is_geographic):
        raise InputError(f"the CRS {crs.name} is neither projected nor geographic")
    to_lonlat = _change(crs, "EPSG:4326")
    lonlat = [to_lonlat.transform(*place) for place in places]
    if not all(math.isfinite(value) for place in lonlat for value in place):
        raise InputError(f"the grid lies outside the area where {crs.name} holds")
    geod = pyproj.Geod(ellps="WGS84")
    sides = [geod.inv(*lonlat[0], *place)[2] for place in lonlat[1:]]
    return float(math.sqrt(sides[0] * sides[1]))


def upright_box(box: GeoBox) -> GeoBox:
    """The grid itself when north is up; else the north-up grid of the same pixel size over it."""
    a, b, _, d, e, _ = box.affine[:6]
    if b == 0 and d == 0 and a > 0 and e < 0:
        return box
    width, height = math.hypot(a, d), math.hypot(b, e)
    return _cover(box, box.crs, width, height)


def utm_box(box: GeoBox) -> GeoBox:
    """North-up grid in the UTM zone of the centre of `box`, with its true pixel size in metres."""
    gsd = ground_gsd(box)
    lon, lat = _centre_lonlat(box)
    zone = min(60, int((lon + 180) // 6) + 1)
    return _cover(box, f"EPSG:{(32600 if lat >= 0 else 32700) + zone}", gsd, gsd)


def _centre_lonlat(box: GeoBox) -> tuple[float, float]:
    rows, cols = box.shape
    x, y = place(box, cols / 2, rows / 2)
    to_lonlat = _change(str(box.crs), "EPSG:4326")
    lon, lat = to_lonlat.transform(x, y)
    return float(lon), float(lat)


def footprint(box: GeoBox, crs: CrsLike, *, steps: int = 24) -> shapely.Polygon:
    """Outline of the grid in another CRS (its own when either is None), `steps` points a side."""
    rows, cols = box.shape
    along = np.linspace(0, 1, steps, endpoint=False)
    rim = [(s, 0.0) for s in along] + [(1.0, s) for s in along]
    rim += [(1 - s, 1.0) for s in along] + [(0.0, 1 - s) for s in along]
    xs, ys = zip(*(place(box, u * cols, v * rows) for u, v in rim), strict=True)
    if box.crs is not None and crs is not None:
        xs, ys = _change(str(box.crs), str(crs)).transform(xs, ys)
    if not (np.isfinite(xs).all() and np.isfinite(ys).all()):
        raise InputError(f"the grid cannot be brought to {crs}: it lies outside where that holds")
    return shapely.Polygon(list(zip(xs, ys, strict=True)))


def _change(source: pyproj.CRS | str, target: str) -> pyproj.Transformer:
    try:
        return pyproj.Transformer.from_crs(source, target, always_xy=True)
    except ProjError as error:
        names = [pyproj.CRS.from_user_input(crs).name for crs in (source, target)]
        raise InputError(
            f"there is no way from the CRS {names[0]!r} to {names[1]!r}: give both one of the "
            "earth, or none"
        ) from error


def _cover(box: GeoBox, crs: CrsLike, width: float, height: float) -> GeoBox:
    """North-up grid over the whole of `box`, origin on a whole multiple of the pixel size."""
    left, bottom, right, top = footprint(box, crs).bounds
    col, row = math.floor(left / width + 1e-6), math.ceil(top / height - 1e-6)
    shape = (
        max(1, row - math.floor(bottom / height + 1e-6)),
        max(1, math.ceil(right / width - 1e-6) - col),
    )
    return GeoBox(shape, Affine(width, 0.0, col * width, 0.0, -height, row * height), crs)


def overlap(one: Window, other: Window) -> Window:
    """What two windows share, in pixels from the corner of the first."""
    top, left = max(one.row_off, other.row_off), max(one.col_off, other.col_off)
    bottom = min(one.row_off + one.height, other.row_off + other.height)
    right = min(one.col_off + one.width, other.col_off + other.width)
    return Window(
        int(left - one.col_off), int(top - one.row_off), int(right - left), int(bottom - top)
    )


def window_box(box: GeoBox, window: Window) -> GeoBox:
    """The part of a grid that a window covers, in whole pixels of the grid."""
    shift = Affine.translation(int(window.col_off), int(window.row_off))
    return GeoBox((int(window.height), int(window.width)), box.affine @ shift, box.crs)
