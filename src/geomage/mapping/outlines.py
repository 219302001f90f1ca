"""Outlines of mapped buildings as an analyst would draw them: right-angled, apart, true in area.

A building keeps to one direction and to what is square to it (Wei, Ji and Lu 2020, Toward Automatic
Building Footprint Delineation, section III-C, for the idea; rule and thresholds here are ours). The
edges of its outline become walls that lie along that direction or across it, each at the mean place
of its edges; walls shorter than `STEP` go, and the area is brought back. An outline that has no
such direction, or would change too much, stays as the pixels gave it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import shapely
from odc.geo.geobox import GeoBox

from geomage.geo import ground_gsd
from geomage.geo.polygons import Polygons
from geomage.mapping import _kernels_outlines as k
from geomage.workers import threads_here

__all__ = ["STEP", "apart", "clean_outlines", "regularised"]

STEP = 1.5
"""Metres, shorter walls are left out; two pixels where these are larger."""
STRAIGHT = 0.25
"""How far the edges of an outline must keep to its main direction: 1 all, 0 a circle."""
_LIKE = 0.8  # intersection over union of an outline before and after, at least
_FARTHEST = 0.35  # of the root of its area, how far a corner may come to lie from the old outline
_FINE = 0.5  # of a step, detail of an outline below which it is not looked at
_AT_ONCE = 50_000  # outlines, in all threads together
_LEFT = 0.7  # of an outline that must be left beside its neighbours, else it stays as it was
_SPUR = 0.4  # px, narrower strips beside a neighbour are taken off


def clean_outlines(shapes: np.ndarray, box: GeoBox) -> np.ndarray:
    """(n,) outlines made right-angled where buildings are, none of which reaches into another.

    Depends on the outlines alone: not on their order, nor on what else is mapped farther off.

    Args:
        shapes: (n,) polygons or sets of them in the CRS of the grid.
        box: the grid.
    """
    step = max(STEP / ground_gsd(box), 2.0) * abs(box.affine.a)
    threads = threads_here()
    at_once = min(_AT_ONCE // threads, -(-len(shapes) // threads)) or 1
    some = [shapes[begin : begin + at_once] for begin in range(0, len(shapes), at_once)]
    with ThreadPoolExecutor(threads, "outlines") as hands:
        square = hands.map(lambda part: regularised(part, step), some)
        clean = np.concatenate([np.zeros(0, object), *square])
    spur = _SPUR * abs(box.affine.a)
    return apart(clean, lambda chosen: _simplified(shapes[chosen], step), spur)


def regularised(shapes: np.ndarray, step: float) -> np.ndarray:
    """(n,) the same polygons, right-angled where that is what they nearly are.

    Area and centroid of each part of each stay.

    Args:
        shapes: (n,) polygons or sets of them.
        step: walls shorter than this are left out, in units of the shapes.
    """
    parts, of = shapely.get_parts(shapes, return_index=True)
    if not len(parts):
        return shapes.copy()
    new = _regularised(parts, step)
    several = np.flatnonzero(np.bincount(of, minlength=len(shapes)) > 1)
    out = shapes.copy()
    alone = ~np.isin(of, several)
    out[of[alone]] = new[alone]
    for number in several.tolist():
        whole = shapely.union_all(new[of == number])
        like = _is_like(np.array([whole]), shapes[number : number + 1])[0]
        out[number] = whole if like else shapes[number]
    return out


def _regularised(parts: np.ndarray, step: float) -> np.ndarray:
    """(n,) polygons, right-angled where they nearly are; else without their finest detail."""
    kept = Polygons.of(parts)
    # Near 0 and on the pixels it was made of, so that a place far off changes no digit.
    corner = kept.frames()[:, :2]
    old = kept.moved(-corner).geometries()
    plainer = _simplified(old, step)
    new = _with_area(_squared(Polygons.of(plainer), step).geometries(), old)
    new = np.where(_is_like(new, old), new, plainer)
    back = Polygons.of(new).moved(corner).geometries()
    # Far from 0 corners that all but touch may fall together.
    return np.where(shapely.is_valid(back), back, parts)


def _simplified(old: np.ndarray, step: float) -> np.ndarray:
    """Outlines without what is finer than half a step, in their old area; else as they were."""
    new = _with_area(shapely.simplify(old, step * _FINE, preserve_topology=True), old)
    return np.where(_is_like(new, old), new, old)


def _squared(shapes: Polygons, step: float) -> Polygons:
    """Every ring right-angled that can be; the others as they were."""
    x, y = (np.ascontiguousarray(values) for values in shapes.corners.T)
    rings, count = shapes.rings, len(shapes.rings) - 1
    out, ends = np.empty((len(x) + count, 2)), np.zeros(count, "int64")
    k.square_all(x, y, rings, shapes.parts[shapes.shapes], step, STRAIGHT, out, ends)
    sizes = np.where(ends > 0, ends, np.diff(rings))
    begins = np.where(ends > 0, rings[:-1] + np.arange(count), rings[:-1] + len(out))
    every = np.concatenate([out, shapes.corners])
    first = np.concatenate([[0], np.cumsum(sizes)]).astype("int64")
    places = np.arange(first[-1]) + np.repeat(begins - first[:-1], sizes)
    return Polygons(every[places], first, shapes.parts, shapes.shapes)


def _with_area(new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """Each new shape grown or shrunk, and moved, to the area and the centroid of the old one."""
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.sqrt(shapely.area(old) / shapely.area(new))
    good = np.isfinite(scale) & (scale > 0.5) & (scale < 2)
    scale = np.where(good, scale, 1.0)
    here = shapely.get_coordinates(shapely.centroid(new))
    there = shapely.get_coordinates(shapely.centroid(old))
    count = shapely.get_num_coordinates(new)
    every, onto, by = (np.repeat(values, count, axis=0) for values in (here, there, scale))
    corners = (shapely.get_coordinates(new) - every) * by[:, None] + onto
    return np.asarray(shapely.set_coordinates(new.copy(), corners))


def _is_like(new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """(n,) bool: whether a new outline is one, and still that of the same building."""
    good = shapely.is_valid(new) & ~shapely.is_empty(new)
    fair = np.where(good, new, old)
    both = shapely.area(shapely.intersection(fair, old))
    union = shapely.area(fair) + shapely.area(old) - both
    off = shapely.hausdorff_distance(fair, old)
    good &= both >= _LIKE * union
    return np.asarray(good & (off <= _FARTHEST * np.sqrt(shapely.area(old))))


def apart(
    shapes: np.ndarray, before: Callable[[np.ndarray], np.ndarray], spur: float
) -> np.ndarray:
    """(n,) the shapes without the ground that a smaller one claims too.

    Where little would be left of one, another outline of it is taken, less the others.

    Args:
        shapes: (n,) polygons or sets of them.
        before: gives other outlines of the buildings of some numbers, nearer to their pixels.
        spur: width below which what is left over beside a neighbour goes.
    """
    area, out, scant = shapely.area(shapes), shapes.copy(), {}
    for number, near in _claimed(shapes):
        taken = shapely.union_all(shapes[near])
        left = _opened(shapely.difference(shapes[number], taken), spur)
        if shapely.area(left) < _LEFT * area[number]:
            scant[number] = taken
        else:
            out[number] = left
    others = before(np.array([*scant], int))
    for (number, taken), other in zip(scant.items(), others, strict=True):
        left = shapely.difference(other, taken)
        out[number] = left if shapely.area(left) > 0 else shapes[number]
    return out


def _claimed(shapes: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Numbers of shapes of whose ground smaller ones claim a part, and the numbers of those."""
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    area = shapely.area(shapes)
    below = (area[second] < area[first]) | ((area[second] == area[first]) & (second < first))
    first, second = first[below], second[below]
    shared = shapely.area(shapely.intersection(shapes[first], shapes[second])) > 0
    first, second = first[shared], second[shared]
    order = np.lexsort((second, first))
    first, second = first[order], second[order]
    begins = np.flatnonzero(np.r_[True, np.diff(first) != 0][: len(first)])
    return zip(first[begins].tolist(), np.split(second, begins[1:]), strict=False)


def _opened(shape: shapely.Geometry, width: float) -> shapely.Geometry:
    """A shape without its thin strips; corners stay square."""
    small = shapely.buffer(shape, -width / 2, join_style="mitre")
    large = shapely.buffer(small, width / 2, join_style="mitre")
    # Mitres of a shape whose parts touch may cross; made valid they can be laid on it.
    again = shapely.intersection(shapely.make_valid(large), shapely.make_valid(shape))
    parts = shapely.get_parts(again)
    parts = parts[shapely.get_dimensions(parts) == 2]
    largest = int(shapely.area(parts).argmax()) if len(parts) else None
    return shapely.Polygon() if largest is None else shapely.Polygon(parts[largest])
