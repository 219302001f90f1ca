"""Where an imported city lies: the box that was asked for, its CRS, its grid."""

from __future__ import annotations

import math
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pyproj
import shapely
from affine import Affine
from odc.geo import wh_
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from pyproj.exceptions import ProjError

from geomage.errors import BudgetError, InputError
from geomage.geo import ground_gsd
from geomage.geo.features import Bounds

__all__ = ["DTM_GSD", "LARGEST_M", "Place", "boxes_in", "choose_crs", "grid_over", "lonlat_box"]

DTM_GSD = 2.0  # metres, the pixel of a city's terrain
LARGEST_M = 20_000.0  # side of a city
_POLEWARD = 84.0  # degrees; beyond it there is no UTM zone
_TRUE = 0.005  # share by which lengths of a CRS may differ from those on the ground


@dataclass(frozen=True)
class Place:
    """The CRS of a city and how it was chosen."""

    crs: CRS
    remarks: tuple[str, ...] = ()


def lonlat_box(west: float, south: float, east: float, north: float) -> Bounds:
    """Check a box of longitudes and latitudes; west of more than east crosses the antimeridian.

    Raises:
        InputError: out of range, or it has no area.
    """
    box = (west, south, east, north)
    said = ",".join(f"{value:g}" for value in box)
    if not all(map(math.isfinite, box)) or not (abs(west) <= 180 and abs(east) <= 180):
        raise InputError(f"--bbox {said}: W and E are longitudes of -180..180 degrees")
    if not (-_POLEWARD <= south < north <= _POLEWARD):
        raise InputError(f"--bbox {said}: S and N are latitudes, S less than N, within -84..84")
    if west == east:
        raise InputError(f"--bbox {said} has no width: W and E are the same")
    return box


def _pieces(box: Bounds) -> list[Bounds]:
    """The box itself, or its parts on both sides of the antimeridian."""
    west, south, east, north = box
    if west < east:
        return [box]
    return [(west, south, 180.0, north), (-180.0, south, east, north)]


def boxes_in(box: Bounds, crs: str | None) -> list[Bounds]:
    """Bounds of a lon/lat box in another CRS; two where it crosses the antimeridian.

    Raises:
        InputError: the box lies outside where the CRS holds.
    """
    change = transformer("EPSG:4326", crs or "EPSG:4326")
    found = []
    for piece in _pieces(box):
        left, bottom, right, top = change.transform_bounds(*piece, densify_pts=21)
        if not all(map(math.isfinite, (left, bottom, right, top))):
            raise InputError(f"--bbox lies outside the area where {crs} holds")
        found.append((left, bottom, right, top))
    return found


def said_in_degrees(bounds: Bounds, crs: str) -> str:
    """Bounds in a CRS as W,S,E,N in degrees, as --bbox takes them."""
    found = transformer(crs, "EPSG:4326").transform_bounds(*bounds, densify_pts=21)
    return ",".join(f"{v:.5f}" for v in found)


def outline(box: Bounds, crs: CRS) -> shapely.Polygon:
    """A lon/lat box as a polygon in a projected CRS, its sides followed by 24 points each."""
    west, south, east, north = box
    east += 360 if west > east else 0
    rim = shapely.segmentize(
        shapely.box(west, south, east, north), max(east - west, north - south) / 24
    )
    x, y = shapely.get_coordinates(rim).T
    moved = transformer("EPSG:4326", str(crs)).transform((x + 180) % 360 - 180, y)
    return shapely.Polygon(np.stack(moved, 1))


def lonlat_centre(shapes: gpd.GeoSeries) -> tuple[float, float]:
    """Middle of the bounds of shapes, degrees, whatever side of the antimeridian they lie on."""
    points = shapely.get_coordinates(shapes.to_numpy())
    change = transformer(shapes.crs.to_wkt(), "EPSG:4326")
    lon, lat = change.transform(*points.T)
    good = np.isfinite(lon) & np.isfinite(lat)
    if not good.any():
        raise InputError(f"the shapes lie outside the area where {shapes.crs.name} holds")
    lon, lat = lon[good], lat[good]
    if np.ptp(lon) > 180:
        lon = np.where(lon < 0, lon + 360, lon)
    middle = (float(lon.min() + lon.max()) / 2 + 180) % 360 - 180
    return middle, float(lat.min() + lat.max()) / 2


def choose_crs(source: str, lon: float, lat: float, of: str = "buildings") -> Place:
    """The source's own CRS where its metres are metres on the ground, else the UTM zone.

    Args:
        source: CRS of what decides.
        lon: longitude of the middle of the city, degrees.
        lat: latitude, degrees.
        of: what that is, for the remark.

    Raises:
        InputError: beyond 84 degrees north or south.
    """
    if abs(lat) > _POLEWARD:
        raise InputError(f"the city lies at {lat:.1f} degrees of latitude, where no UTM zone is")
    own = pyproj.CRS.from_user_input(source).to_2d()
    if own.is_compound:
        own = own.sub_crs_list[0]
    if own.is_projected and _is_metric(own, lon, lat):
        return Place(CRS(own.to_wkt() if own.to_epsg() is None else f"EPSG:{own.to_epsg()}"))
    zone = min(60, int((lon + 180) // 6) + 1)
    crs = CRS(f"EPSG:{(32600 if lat >= 0 else 32700) + zone}")
    kind = "geographic" if own.is_geographic else "not true in metres here"
    return Place(crs, (f"the CRS of the {of}, {own.name}, is {kind}: brought to {crs}",))


def _is_metric(crs: pyproj.CRS, lon: float, lat: float) -> bool:
    """Whether a metre of the map is a metre on the ground, within half a percent."""
    if {axis.unit_name for axis in crs.axis_info} != {"metre"}:
        return False
    x, y = transformer("EPSG:4326", crs.to_wkt()).transform(lon, lat)
    if not (math.isfinite(x) and math.isfinite(y)):
        return False
    here = GeoBox(wh_(2, 2), Affine(1, 0, x - 1, 0, -1, y + 1), crs.to_wkt())
    return abs(ground_gsd(here) - 1) < _TRUE


def zones_crossed(west: float, east: float) -> bool:
    """Whether two longitudes lie in different UTM zones."""
    east += 360 if west > east else 0
    return bool((west + 180) // 6 != (east - 1e-9 + 180) // 6)


def grid_over(bounds: Bounds, crs: CRS, *, margin: float = 0.0) -> GeoBox:
    """North-up terrain grid over bounds in metres, on whole multiples of its 2 m.

    Raises:
        BudgetError: a side of more than 20 km.
    """
    left, bottom = (DTM_GSD * math.floor((v - margin) / DTM_GSD + 1e-6) for v in bounds[:2])
    right, top = (DTM_GSD * math.ceil((v + margin) / DTM_GSD - 1e-6) for v in bounds[2:])
    width, height = right - left, top - bottom
    if not (width <= LARGEST_M and height <= LARGEST_M):
        raise BudgetError(
            f"the city would be {width / 1000:.1f} x {height / 1000:.1f} km, at most "
            f"{LARGEST_M / 1000:g} km a side: say which part with --bbox W,S,E,N"
        )
    shape = wh_(round(width / DTM_GSD), round(height / DTM_GSD))
    return GeoBox(shape, Affine(DTM_GSD, 0, left, 0, -DTM_GSD, top), crs)


def transformer(source: str, target: str) -> pyproj.Transformer:
    """The way from one CRS to another, x before y; InputError where there is none."""
    try:
        return pyproj.Transformer.from_crs(source, target, always_xy=True)
    except ProjError as error:
        names = " to ".join(" ".join(crs.split())[:60] for crs in (source, target))
        raise InputError(f"there is no way from the CRS {names}") from error
