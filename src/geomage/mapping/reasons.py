"""Where nothing is said, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import rasterio.features
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.windows import Window
from scipy import ndimage

from geomage.geo import TileKey, Tiling, footprint, rasterise
from geomage.geo.components import is_even
from geomage.mapping.imagery import SQUARE
from geomage.mapping.picture import Picture
from geomage.mapping.regrid import Layer

NO_FIRST, OUTSIDE, NO_SECOND, OBSCURED, COARSE, FIRST_DAMAGED, SECOND_DAMAGED = range(1, 8)
FIRST_FOREIGN, SECOND_FOREIGN, BEYOND = range(8, 11)
REASONS: Mapping[int, str] = {
    NO_FIRST: "no data at first date",
    OUTSIDE: "outside the second image",
    NO_SECOND: "no data at second date",
    OBSCURED: "obscured at second date",
    COARSE: "second image too coarse",
    FIRST_DAMAGED: "first image damaged",
    SECOND_DAMAGED: "second image damaged",
    FIRST_FOREIGN: "first image too far from what the model knows",
    SECOND_FOREIGN: "second image too far from what the model knows",
}
NO_SECOND_DATE = "no second image"
_SPECK = 36  # px, patches smaller than this take the state of what surrounds them
_MARGIN = 64  # px around a tile, so that each patch that small which touches it is seen whole


@dataclass(frozen=True)
class Views:
    """What can be seen, on the product grid; each (y, x)."""

    first: np.ndarray  # bool, the first date holds data
    second: np.ndarray | None  # bool, the second does; None without one
    obscured: np.ndarray | None  # uint8, probability times 255; None without a second date
    lost: tuple[np.ndarray | None, np.ndarray | None] = (None, None)
    """Bool, where images of each date are damaged; None where they are whole."""
    foreign: tuple[np.ndarray | None, np.ndarray | None] = (None, None)
    """Bool, where each date is too far from what the model knows; None where nobody looked."""


@dataclass(frozen=True)
class Shown:
    """What is known of both dates on the product grid, to be read tile by tile; it travels."""

    first: Layer
    """Bits, where the first date holds data."""
    second: Layer | None
    """The same of the second date, None without one."""
    obscured: Layer | None
    """Probability times 255 that the second date is obscured, None without one."""
    rims: tuple[np.ndarray, np.ndarray]
    """Outlines of the images of each date, of `pixel_rims`."""
    coarse: bool
    """The second date is too coarse for the model."""
    lost: tuple[Layer | None, Layer | None] = (None, None)
    """Bits, where the images of each date are damaged; None where they are whole."""
    foreign: tuple[Layer | None, Layer | None] = (None, None)
    """Bits, where each date is too far from what the model knows; None where nobody looked."""


def reason_tile(shown: Shown, tiling: Tiling, key: TileKey) -> np.ndarray:
    """What `reason_codes` says of one tile, (1, y, x) uint8.

    Patches of less than 36 px take the state of the largest area beside them, as it is within the
    tile and 64 px around it. In the whole raster another area may be the largest: where a patch
    lies between two, or where small patches touch each other, tiles may differ from the whole in
    those few pixels. The tiles are always the same ones, so that nothing else can change a result.

    Memory: 10 bytes a pixel of the tile with its margin, where the layers are on its grid.
    """
    window, core = tiling.around(key, _MARGIN), tiling.core(key)
    views = Views(
        shown.first.read(window)[0] > 0,
        None if shown.second is None else shown.second.read(window)[0] > 0,
        None if shown.obscured is None else shown.obscured.read(window)[0],
        (_bits(shown.lost[0], window), _bits(shown.lost[1], window)),
        (_bits(shown.foreign[0], window), _bits(shown.foreign[1], window)),
    )
    inside = (within_window(shown.rims[0], window), within_window(shown.rims[1], window))
    codes = _coded(views, inside, coarse=shown.coarse)
    top, left = core.row_off - window.row_off, core.col_off - window.col_off
    return codes[None, top : top + core.height, left : left + core.width]


def _coded(views: Views, inside: tuple[np.ndarray, np.ndarray], *, coarse: bool) -> np.ndarray:
    """(y, x) uint8 codes, from what can be seen and from what lies within the images."""
    codes = np.zeros(views.first.shape, "uint8")
    if views.second is not None and views.obscured is not None:
        if views.foreign[1] is not None:
            codes[views.foreign[1]] = SECOND_FOREIGN
        codes[views.obscured > 127] = OBSCURED
        if coarse:
            codes[:] = COARSE
        codes[~views.second] = NO_SECOND
        if views.lost[1] is not None and views.lost[1].any():
            codes[views.lost[1] | ((codes == OBSCURED) & _beside(views.lost[1]))] = SECOND_DAMAGED
        codes[~inside[1]] = OUTSIDE
        if codes.size > _SPECK and not is_even(codes):
            codes = rasterio.features.sieve(codes, _SPECK)
    if views.foreign[0] is not None:
        codes[views.foreign[0]] = FIRST_FOREIGN
    codes[~views.first] = NO_FIRST
    if views.lost[0] is not None:
        codes[views.lost[0]] = FIRST_DAMAGED
    codes[~inside[0] & ~views.first] = BEYOND
    return codes


def _beside(lost: np.ndarray) -> np.ndarray:
    """(y, x) bool: what lies so near to damage that a shift between the dates may make it lost."""
    return np.asarray(ndimage.maximum_filter(lost, 2 * SQUARE + 3))


def _bits(layer: Layer | None, window: Window) -> np.ndarray | None:
    return None if layer is None else layer.read(window)[0] > 0


def pixel_rims(pictures: tuple[Picture, ...], box: GeoBox) -> np.ndarray:
    """(n,) outlines of images in pixels of an upright grid, y down."""
    a = box.affine
    corner, scale = np.array([-a.c / a.a, -a.f / a.e]), np.array([1 / a.a, 1 / a.e])
    rims = np.array([footprint(one.box, box.crs) for one in pictures], object)
    return np.asarray(shapely.transform(rims, lambda xy: corner + xy * scale))


def within_window(rims: np.ndarray, window: Window) -> np.ndarray:
    """(y, x) bool: where a window of the grid lies in one of the outlines of `pixel_rims`."""
    left, top, shape = window.col_off, window.row_off, (window.height, window.width)
    frame = shapely.box(left, top, left + window.width, top + window.height)
    if shapely.covers(rims, frame).any():
        return np.ones(shape, bool)
    if not shapely.intersects(rims, frame).any():
        return np.zeros(shape, bool)
    corner, up = np.array([window.col_off, window.row_off], "float64"), np.array([1.0, -1.0])
    box = GeoBox(shape, Affine(1.0, 0, 0, 0, -1.0, 0), None)
    return np.asarray(rasterise(shapely.transform(rims, lambda xy: (xy - corner) * up), box) > 0)


def with_reasons(areas: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Areas of codes, as of `join_areas` for the codes in `REASONS`, with their `reason`."""
    reasons = [REASONS[int(code)] for code in areas["value"]]
    return gpd.GeoDataFrame({"reason": reasons}, geometry=areas.geometry.to_numpy(), crs=areas.crs)
