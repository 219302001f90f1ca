"""Where nothing is said, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import rasterio.features
from odc.geo.geobox import GeoBox

from geomage.geo import footprint, rasterise, vectorise
from geomage.mapping.imagery import Picture

NO_FIRST, OUTSIDE, NO_SECOND, OBSCURED, COARSE, BEYOND = 1, 2, 3, 4, 5, 6
REASONS: Mapping[int, str] = {
    NO_FIRST: "no data at first date",
    OUTSIDE: "outside the second image",
    NO_SECOND: "no data at second date",
    OBSCURED: "obscured at second date",
    COARSE: "second image too coarse",
}
NO_SECOND_DATE = "no second image"
_SPECK = 36  # px, patches smaller than this take the state of what surrounds them


@dataclass(frozen=True)
class Views:
    """What can be seen, on the product grid; each (y, x)."""

    first: np.ndarray  # bool, the first date holds data
    second: np.ndarray | None  # bool, the second does; None without one
    obscured: np.ndarray | None  # uint8, probability times 255; None without a second date


def reason_codes(
    views: Views,
    box: GeoBox,
    pictures: tuple[tuple[Picture, ...], tuple[Picture, ...]],
    *,
    coarse: bool,
) -> np.ndarray:
    """(y, x) uint8: 0 where analysed, else a key of `REASONS`, or `BEYOND` the first images.

    Args:
        views: what can be seen.
        box: the grid of `views`.
        pictures: images of the first and of the second date.
        coarse: the second date is too coarse for the model.
    """
    codes = np.zeros(tuple(box.shape), "uint8")
    if views.second is not None and views.obscured is not None:
        codes[views.obscured > 127] = OBSCURED
        if coarse:
            codes[:] = COARSE
        codes[~views.second] = NO_SECOND
        codes[~within(pictures[1], box)] = OUTSIDE
        if codes.size > _SPECK:
            codes = rasterio.features.sieve(codes, _SPECK)
    codes[~views.first] = NO_FIRST
    codes[~within(pictures[0], box) & ~views.first] = BEYOND
    return codes


def within(pictures: tuple[Picture, ...], box: GeoBox) -> np.ndarray:
    """(y, x) bool: where a grid lies in the outline of a picture, data there or not."""
    return np.asarray(rasterise([footprint(one.box, box.crs) for one in pictures], box) > 0)


def reason_areas(codes: np.ndarray, box: GeoBox) -> gpd.GeoDataFrame:
    """Polygons of what was not analysed, with their `reason`."""
    areas = vectorise(codes, box, mask=(codes > 0) & (codes != BEYOND))
    reasons = [REASONS[int(code)] for code in areas["value"]]
    return gpd.GeoDataFrame({"reason": reasons}, geometry=areas.geometry.to_numpy(), crs=areas.crs)
