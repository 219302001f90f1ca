"""The sources of an import: which file gives what, read in the box that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from odc.geo.geobox import GeoBox

from geomage.errors import InputError
from geomage.geo import check_raster, footprint
from geomage.geo.features import Bounds, VectorFile, open_features
from geomage.world.bdtopo import open_bdtopo, read_bdtopo
from geomage.world.extent import (
    Place,
    boxes_in,
    choose_crs,
    grid_over,
    lonlat_box,
    lonlat_centre,
    outline,
    said_in_degrees,
    zones_crossed,
)
from geomage.world.footprints import read_footprints, read_street_lines, read_tree_points
from geomage.world.given import Given, crs_of, no_things, pick_layer
from geomage.world.osm import read_osm

__all__ = ["ImportJob", "joined", "read_sources", "refuse_missing", "refuse_no_buildings"]

_LONLAT = "EPSG:4326"
Boxes = Callable[[str], "list[Bounds] | None"]


@dataclass(frozen=True)
class ImportJob:
    """What to import. The buildings come from `buildings`, else `bdtopo`, else `osm`.

    Streets come from `streets`, else `bdtopo`, else `osm`; land, water and trees from all.
    """

    osm: Path | None = None
    bdtopo: Path | None = None
    buildings: Path | None = None
    streets: Path | None = None
    trees: Path | None = None
    dtm: Path | None = None
    ortho: Path | None = None
    bbox: Bounds | None = None  # W, S, E, N in degrees; W of more than E crosses the antimeridian
    seed: int = 0

    def __post_init__(self) -> None:
        if not (self.osm or self.bdtopo or self.buildings):
            raise InputError("nothing to import: give --osm, --bdtopo or --buildings")
        if not 0 <= self.seed < 2**32:
            raise InputError(f"seed {self.seed} is outside 0..{2**32 - 1}: choose a seed within")
        if self.bbox is not None:
            lonlat_box(*self.bbox)

    def paths(self) -> dict[str, Path]:
        """What is read, by its role."""
        roles = ("osm", "bdtopo", "buildings", "streets", "trees", "dtm", "ortho")
        return {role: path for role in roles if (path := getattr(self, role)) is not None}


def refuse_missing(job: ImportJob) -> None:
    """Raise InputError for what can be seen before any work."""
    for path in job.paths().values():
        if not path.exists():
            raise InputError(f"{path} does not exist")
    for raster in (job.dtm, job.ortho):
        if raster is not None and check_raster(raster).box.crs is None:
            raise InputError(f"{raster} has no CRS: give it one (gdal_edit -a_srs)")
    if job.ortho is not None and (bands := check_raster(job.ortho).count) < 3:
        raise InputError(f"{job.ortho} has {bands} band(s), not red, green and blue")


def read_sources(job: ImportJob) -> tuple[Given, Place, GeoBox | None]:
    """Everything in the box, the CRS of the city, and its grid where a box was asked for."""
    if job.bbox is None:
        given = _gathered(job, lambda _crs: None)
        refuse_no_buildings(job, given)
        return given, _place(given.buildings), None
    west, south, east, north = job.bbox
    middle = ((west + east + (360 if west > east else 0)) / 2 + 180) % 360 - 180
    place = choose_crs(_source_crs(job), middle, (south + north) / 2)
    if zones_crossed(west, east):
        said = f"the box crosses the border of UTM zones: all of it lies in {place.crs}"
        place = replace(place, remarks=(*place.remarks, said))
    box = grid_over(outline(job.bbox, place.crs).bounds, place.crs)
    around = _lonlat_bounds(box)
    given = _gathered(job, lambda crs: boxes_in(around, crs))
    refuse_no_buildings(job, given)
    return given, place, box


def _place(buildings: gpd.GeoDataFrame) -> Place:
    usable = buildings.geometry[~(buildings.geometry.isna() | buildings.geometry.is_empty)]
    if usable.empty:
        raise InputError("no building has a shape")
    return choose_crs(buildings.crs.to_wkt(), *lonlat_centre(usable))


def _source_crs(job: ImportJob) -> str:
    """CRS of the source of the buildings."""
    if job.buildings is not None:
        with open_features(job.buildings) as file:
            _refuse_osm(file)
            return crs_of(file, pick_layer(file, ("building", "bati", "footprint"), "Polygon"))
    if job.bdtopo is not None:
        with open_bdtopo(job.bdtopo) as files:
            return crs_of(files[0], next(iter(files[0].layers)))
    return _LONLAT


def _lonlat_bounds(box: GeoBox) -> Bounds:
    """W, S, E, N of a grid; W of more than E across the antimeridian."""
    lon, lat = shapely.get_coordinates(footprint(box, _LONLAT)).T
    if np.ptp(lon) > 180:
        lon = np.where(lon < 0, lon + 360, lon)
    west, east = float(lon.min()), float(lon.max())
    return west, float(lat.min()), east - 360 if east > 180 else east, float(lat.max())


def refuse_no_buildings(job: ImportJob, given: Given) -> None:
    """Raise InputError, with what the source covers, when no building was read."""
    if len(given.buildings):
        return
    source = job.buildings or job.bdtopo or job.osm
    where = "" if job.bbox is None else f" in the box {','.join(f'{v:.8g}' for v in job.bbox)}"
    covers = f"; it covers {given.covers}" if given.covers else ""
    raise InputError(f"{source} holds no buildings{where}{covers}")


def _gathered(job: ImportJob, boxes: Boxes) -> Given:
    """All sources together: the first named of each kind wins, areas and trees are joined."""
    parts: list[Given] = []
    if job.osm is not None:
        with open_features(job.osm) as file:
            parts.append(read_osm(file, boxes(_LONLAT)))
    if job.bdtopo is not None:
        with open_bdtopo(job.bdtopo) as files:
            parts.append(read_bdtopo(files, boxes))
    if job.buildings is not None:
        with open_features(job.buildings) as file:
            parts.append(_footprints_of(file, boxes))
    best = parts[-1]
    whole = replace(
        best,
        ways=next((p.ways for p in reversed(parts) if len(p.ways)), best.ways),
        areas=joined([p.areas for p in parts]),
        lines=joined([p.lines for p in parts]),
        trees=joined([p.trees for p in parts]),
    )
    if job.streets is not None:
        with open_features(job.streets) as file:
            layer = pick_layer(file, ("street", "road", "edge", "troncon"), "LineString")
            whole = replace(whole, ways=read_street_lines(file, boxes(crs_of(file, layer))))
    if job.trees is not None:
        with open_features(job.trees) as file:
            layer = pick_layer(file, ("tree", "arbre"), "Point")
            own = read_tree_points(file, boxes(crs_of(file, layer)))
            whole = replace(whole, trees=joined([whole.trees, own]))
    return whole


def _refuse_osm(file: VectorFile) -> None:
    if file.is_osm:
        raise InputError(f"{file.name} is OpenStreetMap data: give it with --osm")


def _footprints_of(file: VectorFile, boxes: Boxes) -> Given:
    _refuse_osm(file)
    layer = pick_layer(file, ("building", "bati", "footprint"), "Polygon")
    crs = crs_of(file, layer)
    table, unclosed = read_footprints(file, boxes(crs))
    bounds = file.bounds(layer)
    covers = "" if bounds is None else said_in_degrees(bounds, crs)
    nothing = no_things(crs)
    return Given(table, nothing, nothing, nothing, nothing, unclosed, covers)


def joined(tables: Sequence[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """Tables of several sources in one, in the CRS of the first that holds anything."""
    full = [table for table in tables if len(table)]
    if len(full) < 2:
        return full[0] if full else tables[0]
    return pd.concat([full[0], *(t.to_crs(full[0].crs) for t in full[1:])], ignore_index=True)
