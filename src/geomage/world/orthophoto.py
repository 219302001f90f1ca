"""An orthophoto as ground: what stands on it and its shadows taken out and filled.

Buildings and known trees are masked with a metre and a half around them. The sun of the photo is
found by casting the shadows of all buildings for many suns and keeping the one whose shade agrees
best with the dark of the photo (correlation); its shade is masked too. Holes are filled from the
ground around by a pyramid (pull and push, Gortler et al. 1996), with the fine texture mirrored at
the rim of the hole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
from affine import Affine
from odc.geo import wh_
from odc.geo.geobox import GeoBox
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.warp import reproject
from scipy import ndimage

from geomage.errors import InputError
from geomage.geo import Raster, ground_gsd, open_raster, rasterise, warp_crs
from geomage.geo.open import dataset_facts

__all__ = ["BARE", "SCALE", "Sun", "drape", "find_sun", "shade"]

SCALE = 10_000  # stored counts of a reflectance of 1
BARE = 65_535  # stored where the photo shows nothing
_BANDS = ("red", "green", "blue")
_FINEST_M, _MOST_PX = 0.2, 40_000_000
_PHOTO = 0.8  # reflectance of white in an 8-bit photo, whose counts are sRGB
_AROUND_M = 1.5
_TRIED_PX = 400  # side of the grid on which suns are tried
_AGREES = 0.12  # least correlation of a shade with the dark of the photo


@dataclass(frozen=True)
class Sun:
    """Where the sun of a photo stood, degrees: azimuth clockwise from north; how sure."""

    azimuth: float
    elevation: float
    agreement: float  # correlation of its shade with the dark


@dataclass(frozen=True)
class Draped:
    """Ground from a photo: reflectance as counts (3, y, x) uint16, `BARE` where it shows none."""

    raster: Raster
    sun: Sun | None
    filled: float  # share of the photo that was masked and filled
    covered: float  # share of the city that the photo shows


def drape(path: Path, box: GeoBox, buildings: gpd.GeoDataFrame, trees: gpd.GeoDataFrame) -> Draped:
    """Bring an orthophoto to a city and take out what stands on the ground.

    Args:
        path: an image of three bands or more: red, green, blue; 8-bit counts are taken for sRGB,
            other integers for reflectance x 10000, floats for reflectance.
        box: the city's terrain grid.
        buildings: with `height`, metres.
        trees: with `radius` and `height`, metres: those that stand where they are in the photo.

    Raises:
        InputError: no image, fewer than three bands, no CRS, or it shows nothing of the city.
    """
    values, valid, grid = _photo(path, box)
    heights = _heights(grid, buildings, trees)
    stands = ndimage.binary_dilation(
        heights > 0, iterations=max(1, round(_AROUND_M / grid.affine.a))
    )
    dark = np.log(values.mean(0) + 0.02)
    sun = find_sun(dark, heights, valid & ~stands, grid.affine.a)
    masked = stands
    if sun is not None:
        cast = shade(heights, grid.affine.a, sun.azimuth, max(sun.elevation - 4, 8.0))
        masked = stands | ndimage.binary_dilation(cast, iterations=max(1, round(1 / grid.affine.a)))
    ground = fill(values, valid & ~masked) if (valid & ~masked).any() else values
    counts = np.round(np.clip(ground, 0, 1) * SCALE).astype(np.uint16)
    counts[:, ~valid] = BARE
    raster = Raster(counts, grid, float(BARE), _BANDS)
    return Draped(raster, sun, float(masked[valid].mean()), float(valid.mean()))


def _photo(path: Path, box: GeoBox) -> tuple[np.ndarray, np.ndarray, GeoBox]:
    """(reflectance (3, y, x), where the photo shows something, grid over the city)."""
    with open_raster(path) as dataset:
        facts = dataset_facts(dataset)
        if facts.box.crs is None:
            raise InputError(f"{path} has no CRS: an orthophoto needs one (gdal_edit -a_srs)")
        if facts.count < 3:
            raise InputError(f"{path} has {facts.count} band(s), not red, green and blue")
        grid = _grid(box, ground_gsd(facts.box))
        values = _warped(dataset, [1, 2, 3], grid, Resampling.average, facts.nodata)
        valid = np.isfinite(values).all(0)
        for band, meaning in enumerate(dataset.colorinterp, 1):
            if meaning == ColorInterp.alpha:
                alpha = _warped(dataset, [band], grid, Resampling.nearest, None)[0]
                valid &= np.nan_to_num(alpha) > 0
        if facts.nodata is None:
            valid &= values.any(0)  # black without a no-data value is no ground
    if valid.mean() < 0.01:
        raise InputError(f"{path} does not show the city: give a photo that covers it")
    return _reflectance(np.nan_to_num(values), facts.dtype), valid, grid


def _grid(box: GeoBox, gsd: float) -> GeoBox:
    """Grid over the city at the photo's own pixel, or coarser where that would be too many."""
    left, bottom, right, top = box.boundingbox.bbox
    gsd = max(gsd, _FINEST_M, math.sqrt((right - left) * (top - bottom) / _MOST_PX))
    across, down = math.ceil((right - left) / gsd), math.ceil((top - bottom) / gsd)
    return GeoBox(wh_(across, down), Affine(gsd, 0, left, 0, -gsd, top), box.crs)


def _warped(
    dataset: DatasetReader,
    bands: Sequence[int],
    grid: GeoBox,
    resampling: Resampling,
    nodata: float | None,
) -> np.ndarray:
    out = np.full((len(bands), *grid.shape.yx), np.nan, np.float32)
    try:
        reproject(
            rasterio.band(dataset, list(bands)),
            out,
            dst_transform=grid.affine,
            dst_crs=warp_crs(grid),
            src_nodata=nodata,
            dst_nodata=np.nan,
            resampling=resampling,
        )
    except RasterioError as error:
        raise InputError(f"{dataset.name} is damaged or cannot be reprojected ({error})") from error
    return out


def _reflectance(values: np.ndarray, dtype: str) -> np.ndarray:
    if dtype == "uint8":
        share = values / 255
        linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
        return np.asarray(_PHOTO * linear, np.float32)
    if np.issubdtype(np.dtype(dtype), np.integer):
        return np.asarray(np.clip(values / SCALE, 0, 1), np.float32)
    return np.asarray(np.clip(values, 0, 1), np.float32)


def _heights(grid: GeoBox, buildings: gpd.GeoDataFrame, trees: gpd.GeoDataFrame) -> np.ndarray:
    """Heights (y, x) of what stands, metres; 0 on the ground."""
    houses = rasterise(buildings, grid, column="height", dtype="float32")
    if not len(trees):
        return houses
    crowns = trees.set_geometry(trees.geometry.buffer(trees["radius"].to_numpy(), quad_segs=3))
    tall = rasterise(crowns, grid, column="height", dtype="float32")
    return np.asarray(np.maximum(houses, tall))


def shade(heights: np.ndarray, px: float, azimuth: float, elevation: float) -> np.ndarray:
    """Where things cast shade on level ground (y, x) bool.

    Args:
        heights: (y, x) metres above the ground.
        px: metres a pixel.
        azimuth: where the sun stands, degrees clockwise from north.
        elevation: degrees above the horizon.
    """
    tan = math.tan(math.radians(elevation))
    east, south = -math.sin(math.radians(azimuth)), math.cos(math.radians(azimuth))
    ny, nx = heights.shape
    dark = np.zeros(heights.shape, bool)
    for step in range(1, min(max(ny, nx), int(float(heights.max(initial=0)) / tan / px) + 2)):
        dx, dy = round(step * east), round(step * south)
        if abs(dx) >= nx or abs(dy) >= ny:
            break
        to = slice(max(dy, 0), ny + min(dy, 0)), slice(max(dx, 0), nx + min(dx, 0))
        source = slice(max(-dy, 0), ny - max(dy, 0)), slice(max(-dx, 0), nx - max(dx, 0))
        dark[to] |= heights[source] > step * px * tan
    return dark & (heights <= 0)


def find_sun(dark: np.ndarray, heights: np.ndarray, ground: np.ndarray, px: float) -> Sun | None:
    """Find the sun whose shade agrees best with the dark of a photo; None where none does.

    Args:
        dark: (y, x) logarithm of brightness.
        heights: (y, x) metres of what stands.
        ground: (y, x), true where the ground itself shows.
        px: metres a pixel.
    """
    step = max(1, round(max(heights.shape) / _TRIED_PX), round(1 / px))
    dark, heights, ground = (a[::step, ::step] for a in (dark, heights, ground))
    px *= step
    near = ground & (ndimage.distance_transform_edt(heights <= 0) * px < 60)
    if near.sum() < 100 or not (heights > 0).any():
        return None
    suns = [(float(a), float(e)) for a in range(0, 360, 20) for e in (22, 34, 46, 58, 68)]
    first = _best(suns, dark, heights, near, px)
    turns, lifts = range(-20, 21, 5), range(-9, 10, 3)
    suns = [
        (first.azimuth + a, min(max(first.elevation + e, 12), 80)) for a in turns for e in lifts
    ]
    best = _best(suns, dark, heights, near, px)
    return best if best.agreement >= _AGREES else None


def _best(
    suns: Sequence[tuple[float, float]],
    dark: np.ndarray,
    heights: np.ndarray,
    near: np.ndarray,
    px: float,
) -> Sun:
    """The sun (azimuth, elevation) whose shade agrees best with the dark near things."""
    seen = dark[near] - dark[near].mean()
    best = Sun(0.0, 45.0, 0.0)
    for azimuth, elevation in suns:
        cast = shade(heights, px, azimuth, elevation)[near].astype(np.float32)
        cast -= cast.mean()
        norm = float(np.linalg.norm(cast) * np.linalg.norm(seen))
        agreement = float(-(cast @ seen)) / norm if norm > 0 else 0.0
        if agreement > best.agreement:
            best = Sun(azimuth % 360, elevation, agreement)
    return best


def fill(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Fill what is not known from around it; what is known stays.

    Args:
        values: (band, y, x).
        known: (y, x) bool, true somewhere.
    """
    smooth = _pulled(values * known, known.astype(np.float32), known)
    fine = values - np.stack([ndimage.gaussian_filter(band, 2.0) for band in values])
    rows, columns = ndimage.distance_transform_edt(
        ~known, return_distances=False, return_indices=True
    )
    ny, nx = known.shape
    y, x = np.mgrid[:ny, :nx]
    mirror = np.clip(2 * rows - y, 0, ny - 1), np.clip(2 * columns - x, 0, nx - 1)
    texture = np.where(ndimage.binary_erosion(known, iterations=3)[mirror], fine[:, *mirror], 0)
    return np.asarray(np.where(known, values, np.maximum(smooth + texture, 0.005)), np.float32)


def _pulled(total: np.ndarray, weight: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Means of what is known, from the coarsest level of the pyramid down to this one."""
    mean = np.asarray(total / np.maximum(weight, 1e-9), np.float32)
    if known.all() or min(known.shape) <= 1:
        return mean
    halved, weights = _halved(total), _halved(weight[None])[0]
    coarse = _pulled(halved, weights, weights > 0)
    ny, nx = known.shape
    up = np.repeat(np.repeat(coarse, 2, 1), 2, 2)[:, :ny, :nx]
    up = np.stack([ndimage.uniform_filter(band, 3, mode="nearest") for band in up])
    return np.where(known, mean, up)


def _halved(values: np.ndarray) -> np.ndarray:
    """Sums of 2 x 2 pixels."""
    bands, ny, nx = values.shape
    even = np.pad(values, ((0, 0), (0, ny % 2), (0, nx % 2)))
    return np.asarray(even.reshape(bands, (ny + 1) // 2, 2, (nx + 1) // 2, 2).sum((2, 4)))
