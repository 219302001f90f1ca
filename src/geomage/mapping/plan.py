"""Before any pixel is read: do the images fit together, on which grid, in how much memory?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj.exceptions import ProjError
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from geomage.errors import BudgetError, InputError
from geomage.geo import (
    RasterFacts,
    footprint,
    ground_gsd,
    held_windows,
    open_raster,
    utm_box,
)
from geomage.geo.meridian import counts_from_seam, unrolled
from geomage.mapping.job import Extent, MapJob
from geomage.mapping.picture import (
    LARGEST_GSD,
    Picture,
    common_box,
    place,
    read_header,
    unused_gsd,
)
from geomage.model import ModelCard

COARSE = 2.0  # times the coarsest GSD of a model, beyond which a picture shows it nothing
FINE = 100.0  # parts of the finest GSD of a model, below which a picture is no view from above
SHIFT = 10.0  # metres, the largest shift between dates that is measured and undone
_BASE = 400 * 2**20  # bytes: libraries, model, GDAL's cache
_PER_SEEN_PIXEL = 250  # bytes of a window with its halo in the model, and given to it (24)
_PER_TRIMMED_PIXEL = 152  # the same where the graph takes counts and trims the halo, as measured
_PER_AHEAD_PIXEL = 50  # bytes read ahead, while they are read, and waiting to be written
_FARTHEST = 1e9  # units of a CRS; beyond it lies no place on earth, in feet either
_DEEPEST = 2  # windows read ahead, at most; more hide no more
_PER_STORED_PIXEL = 3  # bytes on disk of a pixel of all tiles, compressed: ours, a guess


@dataclass(frozen=True)
class Plan:
    """Images, grids and windows of a job."""

    before: tuple[Picture, ...]
    after: tuple[Picture, ...]
    product: GeoBox  # grid of the products
    work: GeoBox  # grid the model sees
    part: Window  # of the product grid, what is mapped
    depth: int  # windows read ahead, and waiting to be written
    notes: tuple[str, ...]
    coarse: bool  # the second date is too coarse for the model


def make_plan(job: MapJob, card: ModelCard) -> Plan:
    """Check the images of a job against each other, the model and the budget; read no pixel.

    Raises:
        InputError: the images do not fit together, or are too coarse for the model.
        BudgetError: the work would not fit in `job.memory_bytes`.
    """
    if not job.before:
        raise InputError("no image of the first date was given")
    if job.gsd is not None and not 0 < job.gsd < LARGEST_GSD:
        raise InputError(
            f"--gsd {job.gsd:g} is not a size of pixels in metres; the model {card.name} maps "
            f"{card.gsd_min / FINE:g} to {COARSE * card.gsd_max:g} m"
        )
    headers = [read_header(path) for path in (*job.before, *job.after)]
    _refuse_mixed(headers)
    _refuse_adrift(headers, job.gsd)
    boxes = unrolled([facts.box for facts in headers])
    headers = [replace(facts, box=box) for facts, box in zip(headers, boxes, strict=True)]
    pictures = tuple(place(facts, job.gsd) for facts in headers)
    before, after = pictures[: len(job.before)], pictures[len(job.before) :]
    _refuse_uneven(pictures)
    _refuse_fine(pictures, card)
    _refuse_apart(before, after)
    product = common_box(before)
    if product.crs is not None and (product.crs.geographic or counts_from_seam(product)):
        product = utm_box(product)
    gsd = ground_gsd(product)
    if gsd > COARSE * card.gsd_max:
        raise InputError(
            f"{before[0].path} has pixels of {gsd:.2f} m; the model {card.name} sees buildings at "
            f"{card.gsd_min:g} to {card.gsd_max:g} m: too coarse, nothing would be mapped"
        )
    work = work_grid(product, gsd, card)
    seconds = [ground_gsd(picture.box) for picture in after]
    return Plan(
        before=before,
        after=after,
        product=product,
        work=work,
        part=_part(job.extent, before[0].box, product),
        depth=_depth(job, card, work),
        notes=_notes(job, before + after, headers),
        coarse=bool(seconds) and min(seconds) > COARSE * card.gsd_max,
    )


def work_part(plan: Plan) -> Window:
    """What of the grid of the model the mapped part of the product is made from."""
    part, ends = plan.part, []
    spans = ((part.col_off, part.width, 1), (part.row_off, part.height, 0))
    for start, count, axis in spans:
        source, target = int(plan.work.shape[axis]), int(plan.product.shape[axis])
        reach = 2 * max(1.0, source / target) + 1 if source != target else 0
        first = max(0, math.floor(start * source / target - reach))
        ends.append((first, min(source, math.ceil((start + count) * source / target + reach))))
    (left, right), (top, bottom) = ends
    return Window(left, top, right - left, bottom - top)


def _part(extent: Extent | None, first: GeoBox, product: GeoBox) -> Window:
    """The pixels of the product grid that an extent touches."""
    rows, cols = map(int, product.shape)
    if extent is None:
        return Window(0, 0, cols, rows)
    shape = _placed(extent, first, product)
    west, south, east, north = shape.bounds
    (c0, r0), (c1, r1) = ~product.affine @ (west, north), ~product.affine @ (east, south)
    c0, r0 = max(0, math.floor(c0 + 1e-6)), max(0, math.floor(r0 + 1e-6))
    c1, r1 = min(cols, math.ceil(c1 - 1e-6)), min(rows, math.ceil(r1 - 1e-6))
    if c0 >= c1 or r0 >= r1:
        raise InputError(
            f"the extent {_bounds(shape)} does not touch the first date, "
            f"{_bounds(product.extent.geom)} ({crs_name(product)})"
        )
    return Window(c0, r0, c1 - c0, r1 - r0)


def _placed(extent: Extent, first: GeoBox, product: GeoBox) -> BaseGeometry:
    """An extent in the CRS of the product; InputError where it is none there."""
    left, bottom, right, top = extent.bounds
    words = f"extent {left:g}, {bottom:g}, {right:g}, {top:g}"
    if not (left < right and bottom < top and max(map(abs, extent.bounds)) <= _FARTHEST):
        raise InputError(
            f"{words}: give left, bottom, right and top in units of the CRS, left of right and "
            "bottom below top"
        )
    shape, crs = shapely.box(left, bottom, right, top), extent.crs or first.crs
    if crs is None:
        return shape
    if product.crs is None:
        raise InputError(
            "the extent has a CRS and the images have none: give LEFT,BOTTOM,RIGHT,TOP in metres "
            "from their lower left corner"
        )
    rim = shape.segmentize(max(right - left, top - bottom) / 16)
    try:
        moved: BaseGeometry = gpd.GeoSeries([rim], crs=str(crs)).to_crs(str(product.crs)).iloc[0]
    except ProjError as error:
        raise InputError(f"{words} cannot be brought to {crs_name(product)}: {error}") from error
    if not np.isfinite(moved.bounds).all():
        raise InputError(
            f"{words} lies where {crs_name(product)} has no place: give it in the CRS of the first "
            "image, or in a vector file with its own"
        )
    return moved


@runtime_checkable
class Sharpness(Protocol):
    """What GSD something looks at, metres: finest, coarsest, and that of oblong pixels."""

    @property
    def gsd_min(self) -> float:
        """Finest."""

    @property
    def gsd_max(self) -> float:
        """Coarsest."""

    @property
    def gsd(self) -> float:
        """Of oblong pixels."""


def work_grid(product: GeoBox, gsd: float, card: Sharpness) -> GeoBox:
    """The product grid, or the same extent in square pixels of a GSD the model can use."""
    a, e = product.affine.a, -product.affine.e
    square = abs(a - e) < 0.02 * a
    if square and card.gsd_min * 0.999 <= gsd <= card.gsd_max * 1.001:
        return product
    aim = min(max(gsd, card.gsd_min), card.gsd_max) if not square else card.gsd
    rows, cols = product.shape
    scale = aim / gsd * (a * e) ** 0.5  # in units of the CRS
    shape = (max(1, round(rows * e / scale)), max(1, round(cols * a / scale)))
    zoom = Affine.scale(cols / shape[1], rows / shape[0])
    return GeoBox(shape, product.affine @ zoom, product.crs)


def work_bytes(plan: Plan) -> int:
    """Bytes on disk of the tiles of a job and of its products: an estimate, not a bound.

    Blocks that the images of the first date do not hold take none.
    """
    pixels = int(plan.part.width * plan.part.height)
    if plan.work != plan.product:
        part = work_part(plan)
        pixels += int(part.width * part.height)
    return int(pixels * _held_share(plan.before) * _PER_STORED_PIXEL)


def _held_share(pictures: tuple[Picture, ...]) -> float:
    """Share of the pixels of images that lie in blocks their files hold."""
    held = total = 0
    for picture in pictures:
        with open_raster(picture.path) as dataset:
            held += sum(int(w.width * w.height) for w in held_windows(dataset))
            total += dataset.width * dataset.height
    return held / total


def _refuse_mixed(headers: Sequence[RasterFacts]) -> None:
    """With and without CRS do not mix."""
    placed = [facts.path for facts in headers if facts.box.crs is not None]
    loose = [facts.path for facts in headers if facts.box.crs is None]
    if placed and loose:
        raise InputError(
            f"{loose[0]} has no CRS, {placed[0]} has one: they cannot be laid on each other; "
            f"georeference {loose[0].name}: gdal_translate -a_srs EPSG:… -a_ullr WEST NORTH EAST "
            f"SOUTH {loose[0].name} placed.tif, or by control points in QGIS (Georeferencer)"
        )


def _is_adrift(facts: RasterFacts) -> bool:
    """Whether an image states a place, but no CRS to find it by."""
    return facts.box.crs is None and facts.box.affine[2:6:3] != (0, 0)


def _refuse_adrift(headers: Sequence[RasterFacts], gsd: float | None) -> None:
    """Images without CRS are laid corner on corner: not when they say that they lie elsewhere."""
    loose = [facts for facts in headers if _is_adrift(facts)]
    for facts in loose[1:]:
        apart = _corners_apart(loose[0].box, facts.box)
        if apart * (gsd or 1.0) > SHIFT:
            raise InputError(
                f"{loose[0].path} and {facts.path} have no CRS, yet state places {apart:.0f} px "
                f"apart ({_bounds(footprint(loose[0].box, None))} and "
                f"{_bounds(footprint(facts.box, None))}): give both their CRS "
                "(gdal_edit.py -a_srs EPSG:…), or remove what is wrong (a world file, or "
                "gdal_edit.py -unsetgt)"
            )


def _corners_apart(one: GeoBox, other: GeoBox) -> float:
    """Largest distance between equal corners of two grids, in pixels of the first."""
    rows, cols = one.shape
    ends = [(col * other.shape[1], row * other.shape[0]) for col in (0, 1) for row in (0, 1)]
    places = [~one.affine @ (other.affine @ end) for end in ends]
    mine = [(col * cols, row * rows) for col in (0, 1) for row in (0, 1)]
    return max(math.dist(place, corner) for place, corner in zip(places, mine, strict=True))


def _refuse_uneven(pictures: tuple[Picture, ...]) -> None:
    """Without CRS, all have one size."""
    loose = [picture for picture in pictures if picture.box.crs is None]
    for picture in loose[1:]:
        if picture.box.shape != loose[0].box.shape:
            raise InputError(
                f"{loose[0].path} is {_size(loose[0])} px and {picture.path} is {_size(picture)} "
                "px: images without CRS are laid corner on corner and must have one size"
            )
        if picture.box != loose[0].box:
            raise InputError(
                f"{loose[0].path} and {picture.path} have no CRS and pixels of different size; "
                "state one with --gsd"
            )


def _refuse_fine(pictures: tuple[Picture, ...], card: ModelCard) -> None:
    """A pixel of a hundredth of what a model knows is a mistake in its size, not a finer image."""
    finest = card.gsd_min / FINE
    for picture in pictures:
        gsd = ground_gsd(picture.box)
        if gsd < finest:
            raise InputError(
                f"{picture.path} has pixels of {gsd:.2g} m; images of {finest:g} to "
                f"{COARSE * card.gsd_max:g} m can be mapped: correct its pixel size (--gsd, or its "
                "georeference)"
            )


def _refuse_apart(before: tuple[Picture, ...], after: tuple[Picture, ...]) -> None:
    if not after:
        return
    crs = before[0].box.crs
    first = shapely.union_all([footprint(picture.box, crs) for picture in before])
    second = shapely.union_all([footprint(picture.box, crs) for picture in after])
    if first.intersection(second).area <= 0:
        raise InputError(
            f"{before[0].path} and {after[0].path} do not overlap: {_bounds(first)} and "
            f"{_bounds(second)} ({crs_name(before[0].box)})"
        )


def crs_name(box: GeoBox) -> str:
    """Short name of the CRS of a grid."""
    if box.crs is None:
        return "no CRS"
    return f"EPSG:{box.crs.epsg}" if box.crs.epsg else str(box.crs.proj.name)


def _bounds(shape: BaseGeometry) -> str:
    digits = 6 if max(map(abs, shape.bounds)) <= 360 else 1
    return "bounds " + ", ".join(f"{value:.{digits}f}" for value in shape.bounds)


def _size(picture: Picture) -> str:
    rows, cols = picture.box.shape
    return f"{cols} x {rows}"


def _notes(
    job: MapJob, pictures: tuple[Picture, ...], headers: Sequence[RasterFacts]
) -> tuple[str, ...]:
    adrift = [facts.path.name for facts in headers if _is_adrift(facts)]
    if adrift:
        said = "no CRS, so the stated place (geotransform or world file) is not used"
        return (f"{', '.join(adrift)}: {said}",)
    return unused_gsd(pictures[0].facts, job.gsd)


def _depth(job: MapJob, card: ModelCard, work: GeoBox) -> int:
    """How many windows are read ahead in the budget; the windows themselves never depend on it.

    The processes of this machine share the budget; each worker of a cluster has one of its own.
    """
    jobs = 1 if job.scheduler is not None else job.jobs or 1
    fixed, each = _window_bytes(card, work)
    depth = (job.memory_bytes // jobs - fixed) // each
    if depth < 1:
        least = -(-jobs * (fixed + each) // 2**20)
        many = f" in each of {jobs} processes" if jobs > 1 else ""
        raise BudgetError(
            f"the model {card.name} sees windows of {card.window} px with {card.halo} px around, "
            f"which takes {(fixed + each) / 2**20:.0f} MiB{many}; the budget is "
            f"{job.memory_bytes / 2**20:.0f} MiB: give --memory {least}MiB or more"
            f"{', or fewer --jobs' if jobs > 1 else ''}"
        )
    return min(depth, _DEEPEST)


def memory_bytes(plan: Plan, card: ModelCard, judged: int = 0) -> int:
    """Peak of memory of one process, estimated.

    Args:
        plan: the job.
        card: of the model.
        judged: bytes that the pass of a detector takes, which is another than the model's.
    """
    fixed, each = _window_bytes(card, plan.work)
    return max(fixed + plan.depth * each, _BASE + judged)


def _window_bytes(card: ModelCard, work: GeoBox) -> tuple[int, int]:
    """Bytes that are always taken, and those of each window read ahead."""
    sides = (min(card.window, -(-int(side) // card.stride) * card.stride) for side in work.shape)
    pixels = math.prod(side + 2 * card.halo for side in sides)
    each = _PER_TRIMMED_PIXEL if card.trim else _PER_SEEN_PIXEL
    return _BASE + pixels * each, pixels * _PER_AHEAD_PIXEL
