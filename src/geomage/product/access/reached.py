"""What is still reached: places cut off, and times to the nearest facility before and after.

Before the event every segment works. After it, *surely* those called passable; *at best* those
called unknown, too. A place is a node of the network, and it is

- *joined* when one may drive there and back by segments that surely work, to a facility where
  some are given, else to the main network (the longest part that hangs together);
- *possibly cut off* when that needs unknown segments;
- *cut off* when it takes blocked or flooded ones;
- *apart before* when it was not joined before the event either, so that the data say nothing.

A segment that works is what the better of its ends is; one that does not, the worse: who lives on
it may live beyond the water.

Roads end where the file of roads does: a way around beyond it is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import geopandas as gpd
import numpy as np
import rasterio.features
import shapely
from affine import Affine
from geopandas import GeoDataFrame
from odc.geo.geobox import GeoBox
from scipy import ndimage

from geomage.geo import vectorise
from geomage.product.access.network import Network, Spots, groups, travel_seconds
from geomage.product.access.roads import from_plane
from geomage.product.access.transport import in_plane, network_of, working_seconds
from geomage.product.surface import areas_m2

__all__ = [
    "ACCESS",
    "APART",
    "CUT_OFF",
    "JOINED",
    "MINUTES",
    "POSSIBLY_CUT_OFF",
    "Access",
    "cut_off_places",
    "judge_access",
    "time_areas",
]

JOINED: Final = "joined"
POSSIBLY_CUT_OFF: Final = "possibly cut off"
CUT_OFF: Final = "cut off"
APART: Final = "apart before"
ACCESS: Final = (JOINED, POSSIBLY_CUT_OFF, CUT_OFF, APART)
MINUTES: Final = (5, 10, 15, 30)

_HALF_STREET_M: Final = 25.0  # around segments, the area of a place cut off
_NEAR_M: Final = 150.0  # from a street, still served by it
_CELL_M: Final = 20.0
_MOST_CELLS: Final = 4_000_000


@dataclass(frozen=True)
class Access:
    """What is reached of a network.

    access (n,): word of `ACCESS` of each segment; before, after, at_best (n,): seconds from its
    middle (from the worse of its ends where it does not work) to the nearest facility, inf where
    none is reached; None where no facilities are given.
    """

    access: np.ndarray
    before: np.ndarray | None = None
    after: np.ndarray | None = None
    at_best: np.ndarray | None = None


def judge_access(frame: GeoDataFrame, facilities: Spots | None = None) -> Access:
    """Say of each segment whether it is still reached.

    Args:
        frame: segments of `transport.COLUMNS`.
        facilities: hospitals or depots on them; None asks for the main network instead.
    """
    network = network_of(frame)
    whole = frame["seconds"].to_numpy(float)
    sure = working_seconds(frame)
    best = working_seconds(frame, through_unknown=True)
    if facilities is None:
        length = frame["length_m"].to_numpy(float)
        was, is_, may = (_in_main(network, s, length) for s in (whole, sure, best))
        return Access(_words(network, (is_, may, was), np.isfinite(sure)))
    was, is_, may = (_there_and_back(network, s, facilities) for s in (whole, sure, best))
    times = [_from_middles(network, s, facilities) for s in (whole, sure, best)]
    return Access(_words(network, (is_, may, was), np.isfinite(sure)), *times)


def _in_main(network: Network, seconds: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Nodes of the group with the longest segments that work."""
    works = np.isfinite(seconds)
    group = groups(network, works)
    within = works & (group[network.start] == group[network.end])
    if not within.any():
        return np.zeros(network.nodes, bool)
    total = np.bincount(group[network.start[within]], weights=length[within])
    return np.asarray(group == total.argmax(), bool)


def _there_and_back(network: Network, seconds: np.ndarray, spots: Spots) -> np.ndarray:
    """Nodes from which some spot is reached, and which some spot reaches."""
    there, _ = travel_seconds(network, seconds, spots)
    back, _ = travel_seconds(network, seconds, spots, towards=False)
    return np.asarray(np.isfinite(there) & np.isfinite(back))


def _words(
    network: Network, nodes: tuple[np.ndarray, np.ndarray, np.ndarray], works: np.ndarray
) -> np.ndarray:
    """Words (n,) of segments, from nodes that are reached surely, at best, and before."""
    at_node = np.select(list(nodes), [0, 1, 2], 3)
    ends = at_node[network.start], at_node[network.end]
    best, worst = np.minimum(*ends), np.maximum(*ends)
    said = np.where(works | (worst == ACCESS.index(APART)), best, worst)
    return np.asarray(np.array(ACCESS, object)[said])


def _from_middles(network: Network, seconds: np.ndarray, spots: Spots) -> np.ndarray:
    """Seconds (n,) from the middles of segments to the nearest spot.

    On a segment that does not work they count from the worse of its ends.
    """
    there, _ = travel_seconds(network, seconds, spots)
    ahead = np.where(network.forward, there[network.end], np.inf)
    back = np.where(network.backward, there[network.start], np.inf)
    broken = ~np.isfinite(seconds)
    worst = np.maximum(there[network.end], there[network.start])
    found = np.where(broken, worst, np.where(broken, 0, seconds) / 2 + np.minimum(ahead, back))
    return _with_own(found, seconds, network, spots)


def _with_own(found: np.ndarray, seconds: np.ndarray, network: Network, spots: Spots) -> np.ndarray:
    """The segments that hold a spot: straight to it where their direction allows that."""
    one, part = spots.segment, spots.share - 0.5
    allowed = np.where(part > 0, network.forward[one], network.backward[one]) | (part == 0)
    direct = np.where(allowed & np.isfinite(seconds[one]), np.abs(part), np.inf)
    with np.errstate(invalid="ignore"):
        straight = np.where(np.isfinite(direct), direct * seconds[one], np.inf)
    np.minimum.at(found, one, straight)
    return found


def cut_off_places(frame: GeoDataFrame, access: np.ndarray) -> GeoDataFrame:
    """Outlines of places cut off: segments that hang together, and 25 m around them.

    Columns: access, length_m, segments, why (what stands in the way: states of the segments around
    it that do not work), geometry in the CRS of the segments.

    Args:
        frame: segments on the map, in a CRS of metres.
        access: (n,) of `Access`.
    """
    parts = [_places(frame, access, word) for word in (CUT_OFF, POSSIBLY_CUT_OFF)]
    columns = ["access", "length_m", "segments", "why", "geometry"]
    rows = [row for part in parts for row in part]
    found = gpd.GeoDataFrame(rows, columns=columns, geometry="geometry", crs=frame.crs)
    return found.sort_values(["access", "length_m"], ascending=[True, False], ignore_index=True)


def _places(frame: GeoDataFrame, access: np.ndarray, word: str) -> list[dict[str, object]]:
    network, some = network_of(frame), access == word
    if not some.any():
        return []
    group = groups(network, some, strong=False)[network.start]
    state, rows = frame["state"].to_numpy(object), np.flatnonzero(some)
    order = rows[np.argsort(group[rows], kind="stable")]
    found = []
    for one in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        ends = np.union1d(network.start[one], network.end[one])
        beside = np.isin(network.start, ends) | np.isin(network.end, ends)
        around = shapely.union_all(
            shapely.buffer(frame.geometry.to_numpy()[one], _HALF_STREET_M, quad_segs=4)
        )
        words = sorted({*state[beside]} - {"passable"})
        found.append(
            {
                "access": word,
                "length_m": round(float(frame["length_m"].to_numpy()[one].sum()), 1),
                "segments": len(one),
                "why": ", ".join(words),
                "geometry": around,
            }
        )
    return found


def time_areas(
    frame: GeoDataFrame, box: GeoBox, access: Access, minutes: tuple[int, ...] = MINUTES
) -> GeoDataFrame:
    """Areas within so many minutes of a facility, before and after: isochrones.

    A place takes the time of the street nearest to it, as far as 150 m from it; cells of 20 m,
    larger where the network is. Columns: moment (before, after, at best), minutes, area_m2; areas
    of more minutes hold those of fewer.

    Args:
        frame: segments.
        box: grid of the product.
        access: of `judge_access` with facilities.
        minutes: bounds of the areas.
    """
    assert access.before is not None
    assert access.after is not None
    assert access.at_best is not None
    lines = in_plane(frame, box)
    left, top, right, bottom = shapely.total_bounds(lines)
    side = max(_CELL_M, float(np.sqrt((right - left) * (bottom - top) / _MOST_CELLS)))
    shape = tuple(
        int(np.ceil((span + 2 * _NEAR_M) / side)) for span in (bottom - top, right - left)
    )
    corner = Affine(side, 0, left - _NEAR_M, 0, side, top - _NEAR_M)
    parts = []
    moments = (("before", access.before), ("after", access.after), ("at best", access.at_best))
    for moment, seconds in moments:
        grid = _nearest_seconds(lines, seconds, shape, corner, side)
        parts += [_area(grid <= 60 * one, corner, (moment, one)) for one in minutes]
    shapes = from_plane(np.array([part[2] for part in parts], object), box)
    found = GeoDataFrame(
        {"moment": [part[0] for part in parts], "minutes": [part[1] for part in parts]},
        geometry=shapes,
        crs=frame.crs,
    )
    found = found[~found.geometry.is_empty].reset_index(drop=True)
    return found.assign(area_m2=areas_m2(found).round(1))


def _nearest_seconds(
    lines: np.ndarray, seconds: np.ndarray, shape: tuple[int, ...], corner: Affine, side: float
) -> np.ndarray:
    """Seconds (y, x) of the reached street nearest to each cell; inf over 150 m from any."""
    some = np.flatnonzero(np.isfinite(seconds))
    if not len(some):
        return np.full(shape, np.inf)
    order = some[np.argsort(-seconds[some], kind="stable")]  # the quickest is drawn last
    drawn = rasterio.features.rasterize(
        zip(lines[order], np.arange(1, len(order) + 1), strict=True),
        out_shape=shape,
        transform=corner,
        dtype="int32",
        all_touched=True,
    )
    far, at = ndimage.distance_transform_edt(drawn == 0, return_indices=True)
    found = seconds[order][np.maximum(drawn[tuple(at)], 1) - 1]
    return np.asarray(np.where(far * side <= _NEAR_M, found, np.inf))


def _area(
    inside: np.ndarray, corner: Affine, label: tuple[str, int]
) -> tuple[str, int, shapely.MultiPolygon]:
    grid = GeoBox(inside.shape, corner, None)
    parts = vectorise(inside, grid, mask=inside)
    whole = shapely.multipolygons(parts.geometry.to_numpy())
    return (*label, whole)
