"""Streets as they were before the event: what may be driven, which way, how fast, how wide.

A plane goes with the grid of the product: metres from its upper left corner, x along its rows and
y down its columns. Everything below the reading of files lies in that plane.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from shapely.geometry.base import BaseGeometry

from geomage.errors import BudgetError, InputError
from geomage.geo import footprint, ground_gsd
from geomage.geo.features import Bounds, open_features
from geomage.product.access.speeds import KMH, driven_kmh
from geomage.world.footprints import STREETS, read_street_lines
from geomage.world.given import crs_of, pick_layer
from geomage.world.osm import read_osm_ways
from geomage.world.repair import repair_lines
from geomage.world.ways import read_way

__all__ = [
    "AROUND_M",
    "MOST_WAYS",
    "Roads",
    "bounds_around",
    "from_plane",
    "read_roads",
    "to_plane",
]

AROUND_M: Final = 2000.0
"""Streets are read so far beyond the map: hospitals lie there, and ways around."""
MOST_WAYS: Final = 2_000_000
_FARTHEST_M: Final = 1e6  # from the map: no street that passes it has a corner there
_SEAM: Final = 1e7  # steps of a degree in which OpenStreetMap keeps places
_CENTIMETRE: Final = 100.0
_TRUE: Final = frozenset({"yes", "true", "1", "t"})
_FORWARD: Final = frozenset({"yes", "true", "1", "F"})  # F, T and B are those of Geofabrik's files
_BACKWARD: Final = frozenset({"-1", "reverse", "T"})
_ROUND: Final = frozenset({"roundabout", "circular"})


@dataclass(frozen=True)
class Roads:
    """Ways that a car may drive, one line each, in the plane of a grid.

    lines (n,): LineStrings; kind (n,): class of `speeds.KMH`; name, way_id (n,): text; oneway (n,):
    1 along the line, -1 against it, 0 both; level (n,): over 0 bridges, under 0 tunnels; kmh,
    width_m (n,). keys: integers (vertex, 2), equal where two vertices are one place in the source.
    shared: whether lines meet at shared vertices alone, as OpenStreetMap's do.
    left_out: how many ways were not read, by reason.
    """

    lines: np.ndarray
    keys: np.ndarray
    kind: np.ndarray
    name: np.ndarray
    way_id: np.ndarray
    oneway: np.ndarray
    level: np.ndarray
    kmh: np.ndarray
    width_m: np.ndarray
    shared: bool
    left_out: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.lines)


def read_roads(path: Path, box: GeoBox) -> Roads:
    """Read the streets of a file that lie on a map or within `AROUND_M` of it.

    Takes OpenStreetMap data, and lines of any vector file with the usual column names.

    Raises:
        InputError: no such file, no lines, no CRS, none near the map, or the map has no CRS.
        BudgetError: more than `MOST_WAYS` lines there.
    """
    if box.crs is None:
        raise InputError(
            f"--roads {path}: the map has no CRS, so no street has a place on it; map images "
            "that have one"
        )
    with open_features(path) as file:
        try:
            if file.is_osm:
                table, shared = (
                    read_osm_ways(file, bounds_around(box, "EPSG:4326"), MOST_WAYS),
                    True,
                )
            else:
                crs = crs_of(file, pick_layer(file, STREETS, "LineString"))
                table, shared = read_street_lines(file, bounds_around(box, crs), MOST_WAYS), False
        except BudgetError as error:
            raise BudgetError(f"{error}; or map less at once (--extent)") from error
    roads = _drivable(table, box, shared=shared)
    if not len(roads):
        left = ", ".join(f"{count} {why}" for why, count in roads.left_out.items() if count)
        raise InputError(
            f"--roads {path} holds no street for cars on the map or within {AROUND_M / 1000:g} km "
            f"of it{f' ({left})' if left else ''}: give the streets of this place"
        )
    return roads


def bounds_around(box: GeoBox, crs: str) -> list[Bounds]:
    """Bounds of the map and of `AROUND_M` around it, in another CRS."""
    more = int(np.ceil(AROUND_M / ground_gsd(box)))
    left, bottom, right, top = footprint(box.pad(more, more), crs).bounds
    return [(left, bottom, right, top)]


def to_plane(shapes: np.ndarray, box: GeoBox) -> np.ndarray:
    """Shapes in the CRS of a grid, in its plane."""
    gsd, inverse = ground_gsd(box), ~box.affine
    a, b, c, d, e, f = (gsd * value for value in inverse[:6])
    turn, shift = np.array([[a, d], [b, e]]), np.array([c, f])
    return np.asarray(shapely.transform(shapes, lambda xy: xy @ turn + shift))


def from_plane(shapes: np.ndarray, box: GeoBox) -> np.ndarray:
    """Shapes in the plane of a grid, in its CRS."""
    gsd = ground_gsd(box)
    a, b, c, d, e, f = box.affine[:6]
    turn, shift = np.array([[a, d], [b, e]]) / gsd, np.array([c, f])
    return np.asarray(shapely.transform(shapes, lambda xy: xy @ turn + shift))


def _drivable(table: gpd.GeoDataFrame, box: GeoBox, *, shared: bool) -> Roads:
    tags = list(table["tags"])
    kinds = np.array([_kind(one, shared=shared) for one in tags], object)
    open_ = np.array([_is_open(one) for one in tags], bool)
    some = np.array([kind is not None for kind in kinds], bool)
    kept = np.flatnonzero(some & open_)
    assert box.crs is not None
    source = table.geometry.iloc[kept]
    moved = to_plane(source.to_crs(box.crs.to_wkt()).to_numpy(), box)
    mended = repair_lines(_near(moved))
    rows = kept[mended.rows]
    keys = _keys(source.to_numpy(), mended.rows, mended.shapes, shared=shared)
    ways = [tags[row] for row in rows]
    names = kinds[rows]
    return Roads(
        lines=mended.shapes,
        keys=keys,
        kind=names,
        name=np.array([way.get("name") or way.get("ref") or "" for way in ways], object),
        way_id=table["source_id"].to_numpy(object)[rows],
        oneway=np.array([_oneway(way) for way in ways], np.int8),
        level=np.array([_level(way) for way in ways], np.int8),
        kmh=np.array(
            [driven_kmh(k, way.get("maxspeed")) for k, way in zip(names, ways, strict=True)], float
        ),
        width_m=np.array([_width(k, way) for k, way in zip(names, ways, strict=True)], float),
        shared=shared,
        left_out={
            "not for cars": int((~some).sum()),
            "closed to cars": int((some & ~open_).sum()),
            **mended.counts,
        },
    )


def _near(lines: np.ndarray) -> list[BaseGeometry | None]:
    """Lines in the plane of a grid, None for one that goes farther than `_FARTHEST_M`."""
    with np.errstate(invalid="ignore"):
        bounds = np.abs(shapely.bounds(lines)).reshape(-1, 4)
    far = np.asarray((bounds > _FARTHEST_M).any(axis=1))
    return [None if away else line for line, away in zip(lines, far, strict=True)]


def _keys(source: np.ndarray, rows: np.ndarray, lines: np.ndarray, *, shared: bool) -> np.ndarray:
    """Integers (vertex, 2) that say which vertices are one."""
    if not shared:
        return np.round(shapely.get_coordinates(lines) * _CENTIMETRE).astype(np.int64)
    found = shapely.get_coordinates(source[rows])
    return np.round(found * _SEAM).astype(np.int64)


def _kind(tags: Mapping[str, str], *, shared: bool) -> str | None:
    """Class of a way for cars; None for others. Lines of unknown class count as `road`."""
    highway = tags.get("highway", "" if "railway" in tags else "road").lower()
    if highway in KMH:
        return highway
    if highway.startswith("track"):
        return "track"
    if shared or "railway" in tags or read_way({"highway": highway}) is None:
        return None
    return None if highway in _ON_FOOT else "road"


_ON_FOOT: Final = frozenset(
    {"footway", "path", "steps", "cycleway", "bridleway", "pedestrian", "bus_guideway", "escape"}
)


def _is_open(tags: Mapping[str, str]) -> bool:
    """Whether cars, or at least rescue services, may use a way; private ones count as open."""
    if tags.get("emergency") in ("yes", "designated"):
        return True
    said = (tags.get(key) for key in ("motorcar", "motor_vehicle", "vehicle", "access"))
    return next((word for word in said if word), "yes") != "no"


def _oneway(tags: Mapping[str, str]) -> int:
    said = tags.get("oneway", "")
    if said in _BACKWARD:
        return -1
    implied = tags.get("junction") in _ROUND or tags.get("highway") == "motorway"
    return int(said in _FORWARD or (implied and not said))


def _level(tags: Mapping[str, str]) -> int:
    """Over 0 for bridges, under 0 for tunnels, by the tag `layer` where it agrees."""
    bridge, tunnel = _says(tags, "bridge"), _says(tags, "tunnel") or tags.get("indoor") == "yes"
    try:
        layer = int(float(tags.get("layer", "0")))
    except (ValueError, OverflowError):  # no number, or an infinite one
        layer = 0
    layer = max(-5, min(5, layer))
    if bridge:
        return max(layer, 1)
    return min(layer, -1) if tunnel else 0


def _says(tags: Mapping[str, str], key: str) -> bool:
    """Whether a tag is set: to yes, or to a kind of bridge or tunnel."""
    said = tags.get(key, "").lower()
    return said in _TRUE or said not in ("", "no", "false", "0", "f")


def _width(kind: str, tags: Mapping[str, str]) -> float:
    seen = {k: v for k, v in tags.items() if k not in ("tunnel", "indoor", "railway")}
    way = read_way({**seen, "highway": kind})
    return 6.0 if way is None else way.width
