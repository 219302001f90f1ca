"""What tiles must agree with: the same steps on whole rasters in memory, as plainly as can be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
from odc.geo.geobox import GeoBox
from rasterio.windows import Window
from scipy import ndimage
from tqdm import tqdm

from geomage.geo import footprint, ground_gsd, rasterise, vectorise
from geomage.geo.shift import Shift, block_places, shift_of_blocks
from geomage.mapping.blobs import RUN_TOGETHER, SMALLEST, cut_blob, fill_holes
from geomage.mapping.buildings import (
    UNSEEN,
    Tally,
    building_columns,
    lean_on_blobs,
    straightened,
    tally_alone,
)
from geomage.mapping.imagery import Imagery
from geomage.mapping.picture import Picture
from geomage.mapping.reasons import BEYOND, Views, _coded, with_reasons

_SIDE = 1536  # px, blobs with a larger frame are cut along lines so far apart
_STEP = 2048  # px, windows of this pass
_BORDER = 64  # px, smaller black patches at the edge are taken for shadow


@dataclass(frozen=True)
class Sight:
    """What one date shows of the grid."""

    seen: np.ndarray  # (y, x) bool: where it holds data
    colour: np.ndarray  # (3,) mean counts of what was seen


def survey(imagery: Imagery, label: str) -> Sight:
    """Where a date holds data, and its mean colour.

    Pure black connected to the edge of the image counts as no data: it is the collar of a scene,
    whatever its header says.
    """
    rows, cols = imagery.box.shape
    seen, black = np.zeros((rows, cols), bool), np.zeros((rows, cols), bool)
    total, number = np.zeros(3), 0
    windows = list(_windows(rows, cols))
    for window in tqdm(windows, desc=label, unit="window", leave=False, disable=None):
        here = window.toslices()
        values, seen[here], black[here] = imagery.read(window)
        bright = seen[here] & ~black[here]
        total += values.sum(axis=(1, 2), where=bright, dtype="float64")
        number += int(bright.sum())
    return Sight(seen & ~collar(seen, black), total / max(1, number))


def moved(sight: Sight, cols: int, rows: int) -> Sight:
    """The same seen from a grid that lies `cols` pixels to the right and `rows` further down."""
    seen = np.zeros_like(sight.seen)
    height, width = seen.shape
    target = (
        slice(max(0, -rows), max(0, min(height, height - rows))),
        slice(max(0, -cols), max(0, min(width, width - cols))),
    )
    source = (
        slice(max(0, rows), max(0, min(height, height + rows))),
        slice(max(0, cols), max(0, min(width, width + cols))),
    )
    seen[target] = sight.seen[source]
    return Sight(seen, sight.colour)


def collar(seen: np.ndarray, black: np.ndarray) -> np.ndarray:
    """(y, x) bool: black connected to the edge of the raster or to where nothing was seen."""
    if not black.any():
        return np.zeros_like(black)
    patches, count = ndimage.label(black | ~seen)
    sizes = np.bincount(patches.ravel(), minlength=count + 1)
    outer = np.zeros(count + 1, bool)
    for edge in (patches[0], patches[-1], patches[:, 0], patches[:, -1], patches[~seen]):
        outer[edge] = True
    outer &= sizes >= _BORDER
    outer[0] = False
    return np.asarray(outer[patches] & black)


def residual_shift(before: Imagery, after: Imagery, both: np.ndarray) -> Shift:
    """How far the second date lies off the first, from blocks spread over what both show.

    Args:
        before: images of the first date.
        after: images of the second date on the same grid.
        both: (y, x) bool, where both hold data.
    """
    return shift_of_blocks(_blocks(before, after, both), ground_gsd(before.box))


def _blocks(
    before: Imagery, after: Imagery, both: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for rows, cols in block_places(both):
        window = Window.from_slices(rows, cols)
        first, second = (date.read(window)[0] for date in (before, after))
        yield first.mean(axis=0, dtype="float32"), second.mean(axis=0, dtype="float32")


def _windows(rows: int, cols: int) -> Iterator[Window]:
    for row in range(0, rows, _STEP):
        for col in range(0, cols, _STEP):
            yield Window(col, row, min(_STEP, cols - col), min(_STEP, rows - row))


@dataclass(frozen=True)
class Buildings:
    """Single buildings, and from which blob each was cut."""

    labels: np.ndarray  # (y, x) int32, 0 between buildings, 1..n in them, blob by blob
    blob: np.ndarray  # (n + 1,) int64 number of the blob of each; of 0, which is none, 0

    @property
    def count(self) -> int:
        """How many buildings there are."""
        return len(self.blob) - 1

    def run_together_share(self, pixels: np.ndarray, gsd: float) -> float:
        """Share of the area in blobs larger than `RUN_TOGETHER`; 0 where there is none.

        Args:
            pixels: (n + 1,) of each building.
            gsd: side of a pixel, metres.
        """
        area = np.bincount(self.blob, weights=pixels)[1:] * gsd**2
        return float(area[area > RUN_TOGETHER].sum() / max(area.sum(), 1e-9))


def label_buildings(building: np.ndarray, threshold: float, gsd: float) -> Buildings:
    """Give every building a number.

    Args:
        building: (y, x) uint8, probability times 255.
        threshold: probability from which a pixel is called building.
        gsd: side of a pixel, metres.
    """
    out = np.zeros(building.shape, "int32")
    count, blobs = 0, [np.zeros(1, "int64")]
    for number, part, blob in _blobs(building >= max(1, round(threshold * 255)), gsd):
        labels, found = cut_blob(fill_holes(blob, gsd), building[part], gsd)
        inside = (labels > 0) & (out[part] == 0)
        out[part][inside] = labels[inside] + count
        count += found
        blobs.append(np.full(found, number))
    return Buildings(out, np.concatenate(blobs))


def _blobs(mask: np.ndarray, gsd: float) -> Iterator[tuple[int, tuple[slice, slice], np.ndarray]]:
    """Number, frame and mask of the connected parts of a mask; very large ones in pieces."""
    patches = np.zeros(mask.shape, "int32")
    ndimage.label(mask, output=patches)
    for number, part in enumerate(ndimage.find_objects(patches), start=1):
        if np.count_nonzero(patches[part] == number) * gsd**2 < SMALLEST:
            continue
        for piece in _frames(part):
            blob = patches[piece] == number
            if blob.any():
                yield number, piece, blob


def _frames(part: tuple[slice, slice]) -> Iterator[tuple[slice, slice]]:
    """The frame, or several of at most `_SIDE` pixels that make it up."""
    rows, cols = part
    for top in range(rows.start, rows.stop, _SIDE):
        for left in range(cols.start, cols.stop, _SIDE):
            yield (
                slice(top, min(top + _SIDE, rows.stop)),
                slice(left, min(left + _SIDE, cols.stop)),
            )


def tally(
    found: Buildings, building: np.ndarray, damage: np.ndarray, codes: np.ndarray, gsd: float
) -> Tally:
    """Sum over buildings, each pixel weighed by the square of its probability: rims mislead.

    Args:
        found: the buildings.
        building: (y, x) uint8 probability.
        damage: (4, y, x) uint8 probabilities of grades 1..4.
        codes: (y, x) uint8, 0 where analysed, else the reason.
        gsd: side of a pixel, metres.
    """
    return lean_on_blobs(
        tally_alone(found.labels, found.count, building, damage, codes), found.blob, gsd
    )


def damage_raster(labels: np.ndarray, sums: Tally, codes: np.ndarray) -> np.ndarray:
    """(y, x) uint8: 0 no building, the grade of the building 1..4, 255 not analysed."""
    of_label = np.where(sums.seen, sums.grade, UNSEEN).astype("uint8")
    of_label[0] = 0
    out = of_label[labels]
    out[codes > 0] = UNSEEN
    return np.asarray(out)


def building_features(
    labels: np.ndarray, box: GeoBox, sums: Tally, *, two_dates: bool
) -> gpd.GeoDataFrame:
    """One row per building, in the order of its number; columns as `MapResult.buildings` says."""
    outlines = vectorise(labels, box, mask=labels > 0).sort_values("value", kind="stable")
    if outlines["value"].duplicated().any():
        outlines = outlines.dissolve("value", as_index=False)
    numbers = outlines["value"].to_numpy()
    columns = building_columns(numbers, sums, ground_gsd(box), two_dates=two_dates)
    shapes = straightened(outlines.geometry.to_numpy(), box)
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=outlines.crs)


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
    inside = (within(pictures[0], box), within(pictures[1], box))
    return _coded(views, inside, coarse=coarse)


def within(pictures: tuple[Picture, ...], box: GeoBox) -> np.ndarray:
    """(y, x) bool: where a grid lies in the outline of a picture, data there or not."""
    return np.asarray(rasterise([footprint(one.box, box.crs) for one in pictures], box) > 0)


def reason_areas(codes: np.ndarray, box: GeoBox) -> gpd.GeoDataFrame:
    """Polygons of what was not analysed, with their `reason`."""
    return with_reasons(vectorise(codes, box, mask=(codes > 0) & (codes != BEYOND)))
