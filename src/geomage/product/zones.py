"""The places that are counted in: lettered squares of the map, or polygons that were given."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import shapely
from geopandas import GeoDataFrame
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox

from geomage.errors import InputError, near_names
from geomage.geo import is_earthly, read_vectors
from geomage.product.squares import square_grid
from geomage.product.surface import box_outline

__all__ = ["NAMES", "given_zones", "square_zones", "zone_of"]

NAMES: Final = ("zone", "name", "nam", "name_en", "adm3_en", "adm2_en", "name_3", "name_2", "nom",
                "bezeichnung", "code", "id")  # fmt: skip
"""Columns that hold names of zones, looked for in this order, in any case."""
_SHARED: Final = 0.01  # of the smaller of two zones that may lie in both: borders drawn twice


def square_zones(box: GeoBox) -> GeoDataFrame:
    """The lettered squares over a map: `zone`, `inside` (share of it on the map, here 1), geometry.

    They are those of `squares.square_grid`, cut at the border of the map.
    """
    grid = square_grid(box)
    names, shapes = [], []
    for row, col in itertools.product(range(grid.rows), range(grid.columns)):
        x, y = grid.edges(row, col, box)
        corners = [(x[0], y[0]), (x[0], y[1]), (x[1], y[1]), (x[1], y[0])]
        names.append(grid.name(row, col))
        shapes.append(shapely.Polygon([box.affine @ corner for corner in corners]))
    crs = None if box.crs is None else box.crs.to_wkt()
    return GeoDataFrame({"zone": names, "inside": 1.0}, geometry=shapes, crs=crs)


def given_zones(path: Path, box: GeoBox, name: str | None = None) -> GeoDataFrame:
    """Read zones that were given, in any CRS: the same columns, in the CRS of the map.

    Args:
        path: polygons in a GeoPackage, GeoJSON, Shapefile or FlatGeobuf.
        box: grid of the map.
        name: column with their names; None looks for one of `NAMES`, else numbers them from 1.

    Raises:
        InputError: no polygons, none on the map, no CRS, a zone that is empty, crosses itself or
            lies over another, or no such column.
    """
    frame = read_vectors(path)
    if not isinstance(frame, GeoDataFrame) or len(frame) == 0:
        raise InputError(f"--zones {path}: holds no polygon; give a layer of polygons")
    names = _names(path, frame, name)
    _refuse_shapes(path, frame.geometry, names)
    shapes = _brought(path, frame.geometry, box)
    rim = box_outline(box).iloc[0]
    cut = shapely.intersection(shapes.to_numpy(), rim)
    on = shapely.area(cut) > 0
    if not on.any():
        raise InputError(
            f"--zones {path}: none of its {len(frame)} zones lies on the map; they span "
            f"{_bounds(shapes.total_bounds)}, the map {_bounds(np.array(rim.bounds))}"
        )
    _refuse_overlaps(path, cut[on], names[on])
    whole = shapely.area(shapes.to_numpy())
    columns = {"zone": names[on], "inside": np.minimum(shapely.area(cut) / whole, 1)[on].round(4)}
    polygons = np.array([_polygonal(shape) for shape in cut[on]], object)
    return GeoDataFrame(columns, geometry=polygons, crs=shapes.crs)


def zone_of(zones: GeoDataFrame, buildings: GeoDataFrame) -> np.ndarray:
    """(building,) row of the zone that holds a point within each building; -1 for none."""
    found = np.full(len(buildings), -1)
    if len(buildings) == 0:
        return found
    points = buildings.geometry.representative_point().to_numpy()
    which, zone = shapely.STRtree(zones.geometry.to_numpy()).query(points, predicate="intersects")
    first, place = np.unique(which, return_index=True)  # on a border the first one has it
    found[first] = zone[place]
    return found


def _names(path: Path, frame: GeoDataFrame, wanted: str | None) -> np.ndarray:
    """(zone,) object: the names, each once."""
    columns = [str(column) for column in frame.columns if column != frame.geometry.name]
    if wanted is not None and wanted not in columns:
        raise InputError(
            f"--zone-name: {path} has no column {wanted!r}{near_names(wanted, columns)}; it has "
            f"{', '.join(columns) or 'none'}"
        )
    lower = {column.lower(): column for column in reversed(columns)}
    found = wanted or next((lower[word] for word in NAMES if word in lower), None)
    if found is None:
        return np.array([str(n) for n in range(1, len(frame) + 1)], object)
    names = frame[found].astype(object).where(frame[found].notna(), "").astype(str).str.strip()
    unnamed = (names == "").to_numpy()
    if unnamed.any():
        raise InputError(
            f"--zones {path}: {int(unnamed.sum())} zones have no name in the column {found!r}; "
            "name them, or choose another column by --zone-name"
        )
    twice = names[names.duplicated()]
    if len(twice):
        raise InputError(
            f"--zones {path}: two zones are named {twice.iloc[0]!r} in the column {found!r}; "
            "dissolve them, or choose another column by --zone-name"
        )
    return np.asarray(names.to_numpy(object))


def _refuse_shapes(path: Path, shapes: gpd.GeoSeries, names: np.ndarray) -> None:
    nothing = (shapes.isna() | shapes.is_empty).to_numpy()
    if nothing.any():
        raise InputError(f"--zones {path}: zone {names[nothing][0]!r} is empty; remove it")
    odd = ~shapes.geom_type.isin(("Polygon", "MultiPolygon")).to_numpy()
    if odd.any():
        kind = shapes.geom_type.to_numpy()[odd][0]
        raise InputError(f"--zones {path}: zone {names[odd][0]!r} is a {kind}, no polygon")
    broken = ~shapes.is_valid.to_numpy()
    if broken.any():
        why = shapely.is_valid_reason(shapes.to_numpy()[broken][0])
        raise InputError(
            f"--zones {path}: zone {names[broken][0]!r} is no area ({why}); mend it, for example "
            "with QGIS' Fix geometries"
        )


def _brought(path: Path, shapes: gpd.GeoSeries, box: GeoBox) -> gpd.GeoSeries:
    if (shapes.crs is None) != (box.crs is None):
        have, lack = ("the map", path) if shapes.crs is None else (path, "the map")
        raise InputError(
            f"--zones: {have} has a CRS and {lack} has none; they cannot be laid together"
        )
    if box.crs is None:
        return shapes
    if not is_earthly(CRS(shapes.crs)):
        raise InputError(f"--zones {path}: its CRS {shapes.crs.name!r} is no place on earth")
    brought = shapes.to_crs(box.crs.to_wkt())
    if not np.isfinite(brought.total_bounds).all():
        raise InputError(f"--zones {path}: lies where the CRS of the map does not hold")
    return brought


def _refuse_overlaps(path: Path, shapes: np.ndarray, names: np.ndarray) -> None:
    """Raise InputError where two zones share ground: their buildings would count in one alone."""
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    one, other = one[one < other], other[one < other]
    shared = shapely.area(shapely.intersection(shapes[one], shapes[other]))
    least = np.minimum(shapely.area(shapes[one]), shapely.area(shapes[other]))
    worst = np.flatnonzero(shared > _SHARED * least)
    if len(worst):
        first, second = names[one[worst[0]]], names[other[worst[0]]]
        raise InputError(
            f"--zones {path}: zones {first!r} and {second!r} lie over each other; give zones of "
            "one level that share borders alone"
        )


def _polygonal(shape: shapely.Geometry) -> shapely.Geometry:
    """A shape without the lines and points that cutting leaves."""
    parts = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _bounds(bounds: np.ndarray) -> str:
    return "[" + ", ".join(f"{value:.6g}" for value in bounds) + "]"
