"""The layer `transportationL`: segments in the service's words and fields, and ours beside them.

It is the network itself: a route needs nothing but this layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyproj
import shapely
from geopandas import GeoDataFrame, GeoSeries
from odc.geo.geobox import GeoBox
from rasterio.io import DatasetReader

from geomage.errors import InputError
from geomage.geo import check_raster, ground_gsd, is_earthly, open_raster
from geomage.product.access.corridors import values_at
from geomage.product.access.network import Network, build_network
from geomage.product.access.noding import Segments, cut_roads
from geomage.product.access.roads import Roads, from_plane, read_roads, to_plane
from geomage.product.access.speeds import wading_kmh
from geomage.product.access.states import (
    BLOCKED,
    FLOODED,
    NOT_ANALYSED,
    PASSABLE,
    UNKNOWN,
    States,
    judge_segments,
)
from geomage.product.surface import box_outline

__all__ = ["COLUMNS", "Streets", "check_depth", "map_streets", "network_of", "working_seconds"]

ROAD_TYPE: Final = "211-Highways, Streets and Roads"
INFO: Final[Mapping[str, str]] = {
    "motorway": "2111-Highways", "trunk": "2111-Highways", "primary": "21120-Primary Road",
    "secondary": "21121-Secondary Road", "track": "21124-Cart Track",
}  # fmt: skip
LOCAL_ROAD: Final = "21122-Local Road"
DAMAGE: Final[Mapping[str, str]] = {
    PASSABLE: "No visible damage",
    BLOCKED: "Damaged",
    FLOODED: "Possibly damaged",  # what lies under water is not seen
    UNKNOWN: "Not Analysed",
}
COLUMNS: Final = (
    "obj_type", "name", "info", "damage_gra", "det_method", "notation", "or_src_id", "dmg_src_id",
    "cd_value", "state", "depth_m", "length_m", "why", "seconds", "kind", "way_id", "oneway",
    "level", "kmh", "width_m", "start_node", "end_node",
)  # fmt: skip
_NOT_APPLICABLE: Final = "Not Applicable"
_NO_SOURCE: Final = 997
_LEAST: Final = (0.01, 0.001)  # metres and seconds of a segment, as they are rounded
_STEP_M: Final = 1.0


@dataclass(frozen=True)
class Streets:
    """A road network with the state of each of its segments.

    frame: columns of `COLUMNS`, LineStrings in the CRS of `box`; left_out: ways that were not
    read, by reason; unjoined: crossings without a junction on one level.
    """

    frame: GeoDataFrame
    box: GeoBox
    left_out: Mapping[str, int]
    unjoined: int = 0


def map_streets(
    path: Path,
    rasters: Mapping[str, Path],
    not_analysed: GeoDataFrame,
    *,
    depth: Path | None = None,
    src_ids: tuple[int, int] = (_NO_SOURCE, _NO_SOURCE),
) -> Streets:
    """Lay streets on a product and give each segment its state.

    Args:
        path: streets, see `read_roads`.
        rasters: those of the product, by name.
        not_analysed: polygons with `reason`, in the CRS of the rasters.
        depth: raster of the depth of the water in metres.
        src_ids: numbers of the streets and of the last image in the table `source`.

    Raises:
        InputError: see `read_roads`; the depth is no raster with a CRS.
    """
    box = check_raster(rasters["landcover"]).box
    roads = read_roads(path, box)
    segments = cut_roads(roads, _rim(box))
    with ExitStack() as stack:
        opened = {
            name: stack.enter_context(open_raster(rasters[name]))
            for name in ("landcover", "damage", "flood", "change")
            if name in rasters
        }
        states = judge_segments(
            segments.lines,
            roads.width_m[segments.road],
            roads.level[segments.road],
            opened,
            ground_gsd(box),
        )
    frame = _frame(roads, segments, states, box, src_ids)
    frame = _with_reasons(frame, not_analysed)
    if depth is not None:
        frame["depth_m"] = _depths(segments.lines, states.state == FLOODED, depth, box)
    return Streets(frame, box, roads.left_out, segments.unjoined)


def _rim(box: GeoBox) -> shapely.Polygon:
    """Outline of a grid in its own plane."""
    gsd = ground_gsd(box)
    return shapely.box(0, 0, gsd * int(box.shape[1]), gsd * int(box.shape[0]))


def _frame(
    roads: Roads, segments: Segments, states: States, box: GeoBox, src_ids: tuple[int, int]
) -> GeoDataFrame:
    assert box.crs is not None
    road, state = segments.road, states.state
    lines = GeoSeries(from_plane(segments.lines, box), crs=box.crs.to_wkt())
    length, kind = lengths_m(lines), roads.kind[road]
    named = roads.name[road]
    columns = {
        "obj_type": ROAD_TYPE,
        "name": np.where(named == "", "Unknown", named),
        "info": [INFO.get(one.removesuffix("_link"), LOCAL_ROAD) for one in kind],
        "damage_gra": [DAMAGE[one] for one in state],
        "det_method": "Automatic extraction",
        "notation": _NOT_APPLICABLE,
        "or_src_id": np.full(len(road), src_ids[0], np.int32),
        "dmg_src_id": np.where(state == UNKNOWN, _NO_SOURCE, src_ids[1]).astype(np.int32),
        "cd_value": _NOT_APPLICABLE,
        "state": state,
        "depth_m": np.full(len(road), np.nan),
        "length_m": np.maximum(length.round(2), _LEAST[0]),  # none is rounded to no street
        "why": states.why,
        "seconds": np.maximum((3.6 * length / roads.kmh[road]).round(3), _LEAST[1]),
        "kind": kind,
        "way_id": roads.way_id[road],
        "oneway": roads.oneway[road].astype(np.int16),
        "level": roads.level[road].astype(np.int16),
        "kmh": roads.kmh[road].round(1),
        "width_m": roads.width_m[road].round(2),
        "start_node": segments.start.astype(np.int64),
        "end_node": segments.end.astype(np.int64),
    }
    return GeoDataFrame(columns, geometry=lines.to_numpy(), crs=lines.crs)


def lengths_m(lines: GeoSeries) -> np.ndarray:
    """Length (n,) of lines on the ellipsoid of WGS 84, metres."""
    placed = lines.to_crs("EPSG:4326").to_numpy()
    xy, of = shapely.get_coordinates(placed, return_index=True)
    _, _, step = pyproj.Geod(ellps="WGS84").inv(*xy[:-1].T, *xy[1:].T)
    step = np.where(of[1:] == of[:-1], step, 0.0)
    return np.bincount(of[1:], weights=step, minlength=len(lines))


def _with_reasons(frame: GeoDataFrame, not_analysed: GeoDataFrame) -> GeoDataFrame:
    """Why a segment could not be analysed, where a polygon says so."""
    rows = np.flatnonzero(frame["why"] == NOT_ANALYSED)
    if not len(rows) or not len(not_analysed):
        return frame
    at, area = not_analysed.sindex.query(frame.geometry.iloc[rows], predicate="intersects")
    at, first = np.unique(at, return_index=True)
    why = frame["why"].to_numpy(object).copy()
    reasons = not_analysed["reason"].to_numpy(object)[area[first]]
    why[rows[at]] = [f"{NOT_ANALYSED}: {reason}" for reason in reasons]
    return frame.assign(why=why)


def _depths(lines: np.ndarray, flooded: np.ndarray, path: Path, box: GeoBox) -> np.ndarray:
    """Greatest depth (n,) along the middle of flooded segments, metres; nan where none is known."""
    own = check_depth(path, box)
    assert own.crs is not None
    assert box.crs is not None
    found, rows = np.full(len(lines), np.nan), np.flatnonzero(flooded)
    if not len(rows):
        return found
    count = np.maximum(np.ceil(shapely.length(lines[rows]) / _STEP_M).astype(np.int64), 1)
    which = np.repeat(np.arange(len(rows)), count)
    along = _STEP_M * (np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count) + 0.5)
    points = from_plane(shapely.line_interpolate_point(lines[rows][which], along), box)
    placed = GeoSeries(points, crs=box.crs.to_wkt()).to_crs(own.crs.to_wkt())
    pixels = np.stack(~own.affine @ (placed.x.to_numpy(), placed.y.to_numpy()), -1)
    with open_raster(path) as raster:
        depth = _known(values_at(pixels, raster).astype(float), raster)
    most = np.full(len(rows), -np.inf)
    np.fmax.at(most, which, depth)
    found[rows] = np.where(most > 0, most, np.nan)
    return found.round(2)


def check_depth(path: Path, box: GeoBox) -> GeoBox:
    """The grid of a depth of water; InputError where it says nothing of a map."""
    facts = check_raster(path)
    if facts.box.crs is None:
        raise InputError(f"--depth {path} has no CRS: give it one (gdal_edit -a_srs)")
    if not is_earthly(facts.box.crs):
        raise InputError(f"--depth {path}: its CRS is no place on earth")
    if facts.count != 1 or "complex" in facts.dtype:
        raise InputError(
            f"--depth {path} has {facts.count} band(s) of {facts.dtype}: give one of metres"
        )
    mine, there = (box_outline(one).to_crs("EPSG:4326").iloc[0] for one in (box, facts.box))
    if not shapely.intersects(mine, there):
        raise InputError(f"--depth {path} lies elsewhere than the map: give one of this place")
    return facts.box


def _known(depth: np.ndarray, raster: DatasetReader) -> np.ndarray:
    """Depths that are numbers above zero, nan for all others."""
    none = ~np.isfinite(depth) | (depth <= 0) | (depth == raster.nodata)
    return np.where(none, np.nan, depth)


def network_of(frame: GeoDataFrame) -> Network:
    """The network of a layer of segments."""
    start, end, oneway = (frame[name].to_numpy() for name in ("start_node", "end_node", "oneway"))
    return build_network(start, end, oneway)


def working_seconds(
    frame: GeoDataFrame, *, through_unknown: bool = False, wade_m: float = 0.0
) -> np.ndarray:
    """Seconds (n,) that segments take after the event; inf for those that do not work.

    Args:
        frame: segments.
        through_unknown: whether unknown segments count as working.
        wade_m: through so much water a vehicle may go, where its depth is known.
    """
    state, dry = frame["state"].to_numpy(), frame["seconds"].to_numpy(float)
    works = (state == PASSABLE) | (through_unknown & (state == UNKNOWN))
    depth = frame["depth_m"].to_numpy(float)
    wet = (state == FLOODED) & (depth <= wade_m)
    kmh = wading_kmh(frame["kmh"].to_numpy(float), np.where(wet, depth, 0.0))
    with np.errstate(divide="ignore"):
        slow = dry * frame["kmh"].to_numpy(float) / kmh
    return np.where(works, dry, np.where(wet, slow, np.inf))


def in_plane(frame: GeoDataFrame, box: GeoBox) -> np.ndarray:
    """The lines of segments in the plane of the grid."""
    return to_plane(frame.geometry.to_numpy(), box)
