"""Buildings, streets and plots of a real or grown town, from whatever file holds them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
from pyproj import CRS, Proj, Transformer

from geomage.errors import InputError
from geomage.geo import read_vectors
from geomage.geo.features import open_features
from geomage.geo.vectors import UNREADABLE
from geomage.world.city import City, read_city
from geomage.world.osm import read_osm

__all__ = ["FormLayers", "city_layers", "read_form_layers"]

# Roads that bound blocks; paths, drives and slip roads do not.
DRIVEN = re.compile(
    r"^(motorway|trunk|primary|secondary|tertiary|unclassified|residential|living_street|"
    r"pedestrian|road)$"
)
DISTORTED = 0.02  # an area wrong by more is measured in UTM instead (Web Mercator, mostly)
_HEIGHTS = ("building:levels", "height")
_OSM = (".pbf", ".osm", ".osm.bz2")


@dataclass(frozen=True)
class FormLayers:
    """Layers of one town, in one CRS whose metres are metres on the ground."""

    buildings: gpd.GeoDataFrame
    streets: gpd.GeoDataFrame | None
    plots: gpd.GeoDataFrame | None
    notes: tuple[str, ...] = ()
    """What was reprojected or left out."""


def read_form_layers(
    path: Path,
    streets: Path | None = None,
    *,
    layer_buildings: str = "buildings",
    layer_streets: str = "streets",
    layer_plots: str = "plots",
) -> FormLayers:
    """Read the layers of a town from a city folder, a GeoPackage, footprints or an OSM file.

    Args:
        path: where the buildings are; streets and plots too, if the file has such layers.
        streets: another file of streets.
        layer_buildings: layer of footprints; a file with one layer may call it anything.
        layer_streets: layer of centre lines.
        layer_plots: layer of parcels.

    Raises:
        InputError: not readable, no polygon, or no CRS.
    """
    if path.is_dir():
        return city_layers(read_city(path))
    if path.name.lower().endswith(_OSM):
        buildings, roads = _osm(path)
        plots = None
    else:
        names = _layers(path)
        only = next(iter(names)) if len(names) == 1 else None
        buildings = _shapes(path, layer_buildings if only is None else only, names, "Polygon")
        roads = _optional(path, layer_streets, names, "LineString") if only is None else None
        plots = _optional(path, layer_plots, names, "Polygon") if only is None else None
    if streets is not None:
        roads = _street_file(streets, layer_streets)
    return _projected(buildings, roads, plots, path)


def city_layers(city: City) -> FormLayers:
    """Take the layers of a grown town; streets end at the border of its square, rails are none."""
    roads = city.streets[~city.streets["kind"].isin(["rail", "path"])]
    square = city.dtm.box.extent.geom
    return FormLayers(city.buildings, roads.clip(square), city.parcels)


def _layers(path: Path) -> set[str]:
    if path.suffix.lower() != ".gpkg":
        return {path.stem}
    if not path.is_file():
        raise InputError(f"{path} does not exist or is not a file")
    try:
        return {str(name) for name, _ in pyogrio.list_layers(path)}
    except UNREADABLE as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def _optional(path: Path, layer: str, names: set[str], kind: str) -> gpd.GeoDataFrame | None:
    return _shapes(path, layer, names, kind) if layer in names else None


def _shapes(path: Path, layer: str, names: set[str], kind: str) -> gpd.GeoDataFrame:
    """Read a layer and keep one kind of shape."""
    if layer not in names:
        raise InputError(f"{path} has no layer {layer!r}, but {', '.join(sorted(names))}")
    table = read_vectors(path, layer if path.suffix.lower() == ".gpkg" else None)
    if not isinstance(table, gpd.GeoDataFrame):
        raise InputError(f"{path}, layer {layer}: no shapes in it")
    return _of_kind(table, kind, f"{path}, layer {layer}")


def _of_kind(table: gpd.GeoDataFrame, kind: str, where: str) -> gpd.GeoDataFrame:
    good = table[~(table.geometry.isna() | table.geometry.is_empty)]
    kept = good[good.geom_type.isin([kind, f"Multi{kind}"])]
    if kept.empty:
        others = ", ".join(sorted(set(good.geom_type))) or "nothing"
        raise InputError(f"{where}: no {kind} in it, but {others}")
    return kept


def _street_file(path: Path, layer: str) -> gpd.GeoDataFrame:
    if path.name.lower().endswith(_OSM):
        return _osm(path)[1]
    names = _layers(path)
    return _shapes(path, layer if layer in names else min(names), names, "LineString")


def _osm(path: Path) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame | None]:
    """Buildings and driven streets of an OSM file."""
    with open_features(path) as file:
        given = read_osm(file, None)
    standing = np.array([tags["building"] != "roof" for tags in given.buildings["tags"]], bool)
    built = given.buildings[standing]
    built = built.assign(**{k: [t.get(k) for t in built["tags"]] for k in _HEIGHTS})
    driven = np.array([_driven(tags) for tags in given.ways["tags"]], bool)
    return _of_kind(built, "Polygon", str(path)), given.ways[driven]


def _driven(tags: dict[str, str]) -> bool:
    """Whether a way is a street above ground."""
    return bool(DRIVEN.match(tags.get("highway", ""))) and tags.get("tunnel", "no") == "no"


def _projected(
    buildings: gpd.GeoDataFrame,
    streets: gpd.GeoDataFrame | None,
    plots: gpd.GeoDataFrame | None,
    path: Path,
) -> FormLayers:
    """Bring all layers to the CRS of the buildings, or to UTM where its metres are none."""
    if buildings.crs is None:
        raise InputError(f"{path}: no CRS; state it in the file")
    crs, notes = buildings.crs, []
    if not _is_metric(buildings):
        crs = buildings.estimate_utm_crs()
        notes.append(f"reprojected from {buildings.crs.name} to {crs.name}")
    found = [None if t is None else _moved(t, crs) for t in (buildings, streets, plots)]
    return FormLayers(found[0], found[1], found[2], tuple(notes))


def _moved(table: gpd.GeoDataFrame, crs: CRS) -> gpd.GeoDataFrame:
    return table.set_crs(crs) if table.crs is None else table.to_crs(crs)


def _is_metric(table: gpd.GeoDataFrame) -> bool:
    """Whether areas in the CRS of the table are areas on the ground, to 2 %."""
    crs = CRS(table.crs)
    if not crs.is_projected or crs.axis_info[0].unit_name not in {"metre", "meter"}:
        return False
    x0, y0, x1, y1 = table.total_bounds
    lon, lat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(
        (x0 + x1) / 2, (y0 + y1) / 2
    )
    scale = Proj(crs).get_factors(lon, lat, errcheck=False).areal_scale
    return bool(abs(scale - 1) < DISTORTED)
