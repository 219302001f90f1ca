"""OpenStreetMap: buildings, ways, land, water and trees of a .osm.pbf, .osm or .osm.bz2 file."""

from __future__ import annotations

import re
from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import shapely

from geomage.errors import BudgetError, InputError
from geomage.geo.features import FEATURES, Bounds, VectorFile
from geomage.world.extent import said_in_degrees
from geomage.world.given import Given, text_of, things

__all__ = ["read_osm", "read_osm_ways"]

CRS = "EPSG:4326"
_PAIR = re.compile(r'"((?:[^"\\]|\\.)*)"=>"((?:[^"\\]|\\.)*)"')
_LAND = (
    "landuse", "natural", "leisure", "amenity", "place", "man_made", "aeroway", "water", "waterway",
    "highway",
)  # fmt: skip
_OWN = {"osm_id", "osm_way_id", "other_tags", "z_order", "geometry"}


def read_osm(file: VectorFile, boxes: Sequence[Bounds] | None) -> Given:
    """Read OpenStreetMap data.

    A closed way or a multipolygon with `building` is a building; one whose way does not end where
    it began is closed and counted. Buildings under ground and `building=no` are left out.

    Raises:
        InputError: no OSM data, or damaged.
        BudgetError: too many features.
    """
    if not file.is_osm:
        raise InputError(
            f"{file.name} is no OpenStreetMap file: --osm takes .osm.pbf, .osm and .osm.bz2, "
            "--buildings other footprints"
        )
    areas = _tagged(file.read("multipolygons", boxes).table, "way")
    lines = _tagged(file.read("lines", boxes).table, "way")
    points = _tagged(file.read("points", boxes).table, "node")
    built = _has(areas, "building")
    loose = _has(lines, "building")
    outlines, kept = _closed(lines[loose])
    houses = things(
        [*areas["source_id"][built], *lines["source_id"][loose][kept]],
        [*areas["tags"][built], *lines["tags"][loose][kept]],
        [*areas.geometry[built], *outlines],
        CRS,
    )
    stand = np.array([_stands(tags) for tags in houses["tags"]], bool)
    ways = _has(lines, "highway", "railway") & ~loose
    return Given(
        buildings=houses[stand].reset_index(drop=True),
        ways=lines[ways].reset_index(drop=True),
        areas=areas[~built & _has(areas, *_LAND)].reset_index(drop=True),
        lines=lines[~ways & ~loose].reset_index(drop=True),
        trees=points[_says(points, "natural", "tree")].reset_index(drop=True),
        unclosed=len(outlines),
        covers="" if len(houses) else _covers(file),
        left_out={"under ground or building=no": int((~stand).sum())},
    )


def read_osm_ways(
    file: VectorFile, boxes: Sequence[Bounds] | None, budget: int = FEATURES
) -> gpd.GeoDataFrame:
    """Read the ways to go on alone, those under ground too.

    Raises:
        InputError: damaged.
        BudgetError: more lines than the budget.
    """
    lines = file.read("lines", boxes, budget).table
    named = np.array([text_of(value) is not None for value in lines["highway"]], bool)
    return _tagged(lines[named].reset_index(drop=True), "way")


def _tagged(table: gpd.GeoDataFrame, kind: str) -> gpd.GeoDataFrame:
    """Bring GDAL's columns and the rest of the tags together."""
    names = [name for name in table.columns if name not in _OWN]
    columns = [table[name].tolist() for name in names]
    others = table["other_tags"].tolist()
    tags = []
    for i, other in enumerate(others):
        found = {_plain(key): _plain(value) for key, value in _PAIR.findall(text_of(other) or "")}
        found |= {n: str(c[i]) for n, c in zip(names, columns, strict=True) if text_of(c[i])}
        tags.append(found)
    return things(_ids(table, kind), tags, table.geometry.to_numpy(), CRS)


def _ids(table: gpd.GeoDataFrame, kind: str) -> list[str]:
    if "osm_way_id" not in table:
        return [f"{kind}/{number}" for number in table["osm_id"]]
    pairs = zip(table["osm_way_id"], table["osm_id"], strict=True)
    return [f"way/{way}" if text_of(way) else f"relation/{other}" for way, other in pairs]


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _has(table: gpd.GeoDataFrame, *keys: str) -> np.ndarray:
    return np.array([any(key in tags for key in keys) for tags in table["tags"]], bool)


def _says(table: gpd.GeoDataFrame, key: str, value: str) -> np.ndarray:
    return np.array([tags.get(key) == value for tags in table["tags"]], bool)


def _stands(tags: dict[str, str]) -> bool:
    """Whether a building can be seen from above."""
    return tags["building"] != "no" and tags.get("location") != "underground"


def _closed(lines: gpd.GeoDataFrame) -> tuple[list[shapely.Polygon], np.ndarray]:
    """Outlines that do not end where they began, closed; and which had three corners at least."""
    corners = shapely.get_num_points(lines.geometry.to_numpy())
    kept = corners >= 3
    return [shapely.Polygon(line.coords) for line in lines.geometry[kept]], np.asarray(kept)


def _covers(file: VectorFile) -> str:
    """What the file covers, degrees: as its header says, else as its areas lie."""
    bounds = file.bounds("multipolygons")
    if bounds is None:
        try:
            areas = file.read("multipolygons").table
        except BudgetError:
            return ""
        bounds = tuple(areas.total_bounds.tolist()) if len(areas) else None
    return "" if bounds is None else said_in_degrees(bounds, CRS)
