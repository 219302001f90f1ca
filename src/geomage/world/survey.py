"""Real terrain under a grown town: where it lies, and its heights."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import numpy as np
from affine import Affine
from odc.geo import wh_
from odc.geo.geobox import GeoBox

from geomage.errors import InputError
from geomage.geo import open_raster
from geomage.geo.open import dataset_facts
from geomage.world.dtm import read_terrain, terrain_crs
from geomage.world.extent import DTM_GSD, choose_crs, transformer
from geomage.world.site import Site
from geomage.world.sources import describe_source
from geomage.world.terrain import Surveyed

__all__ = ["choose_site", "survey"]

STEEP = 0.15  # average slope from which streets and houses would be laid otherwise
MOST_PX = 4096  # a side of the lattice: towns of more than 8 km have one coarser than 2 m


def choose_site(
    path: Path, size_m: float, at: tuple[float, float] | None = None
) -> tuple[Site, tuple[str, ...]]:
    """Choose where a town stands on a terrain model.

    Args:
        path: a raster of heights in metres, of any CRS.
        size_m: side of the town, metres.
        at: longitude and latitude of its middle, degrees; that of the raster when None.

    Returns:
        The site, and what was decided in choosing it.

    Raises:
        InputError: no raster, no CRS, or the terrain model does not cover the town.
    """
    with open_raster(path) as dataset:
        facts = dataset_facts(dataset)
    box, own = facts.box, terrain_crs(path, facts).to_wkt()
    columns, rows = box.shape.x / 2, box.shape.y / 2
    lon, lat = at or _lonlat(own, box.affine @ (columns, rows))
    place = choose_crs(own, lon, lat, of="terrain model")
    change = transformer("EPSG:4326", place.crs.to_wkt())
    x, y = change.transform(lon, lat)
    if not (math.isfinite(x) and math.isfinite(y)):
        raise InputError(f"{lon:g},{lat:g} lies outside the area where {place.crs} holds")
    corner = (_snapped(x - size_m / 2), _snapped(y - size_m / 2))
    site = Site(str(place.crs), corner, describe_source("dtm", path), path)
    ground, remarks = survey(site, size_m), place.remarks
    if ground.slope > STEEP:
        remarks += (
            f"the ground slopes {ground.slope:.0%} on average: the plan of the town ignores it",
        )
    if ground.closed:
        remarks += (
            f"{ground.closed:.2%} of the ground had no height and took that of the nearest",
        )
    return site, remarks


def _lonlat(crs: str, xy: tuple[float, float]) -> tuple[float, float]:
    change = transformer(crs, "EPSG:4326")
    lon, lat = change.transform(*xy)
    if not (math.isfinite(lon) and math.isfinite(lat)):
        raise InputError("the terrain model lies outside the area where its CRS holds")
    return lon, lat


def _snapped(metres: float) -> float:
    return DTM_GSD * math.floor(metres / DTM_GSD + 0.5)


@lru_cache(maxsize=2)
def survey(site: Site, size_m: float) -> Surveyed:
    """Read the terrain under a town; the last ones are kept.

    Raises:
        InputError: the file is not at hand, is damaged, or does not cover the town.
    """
    if site.path is None or site.dtm is None:
        name = "a terrain model" if site.dtm is None else site.dtm.name
        raise InputError(f"the town stands on {name}: say where that lies (--dtm)")
    step = DTM_GSD * max(1, math.ceil(size_m / DTM_GSD / MOST_PX))
    n = math.ceil(size_m / step)
    west, south = site.origin
    top = max(n * step, DTM_GSD * round(size_m / DTM_GSD))
    lattice = GeoBox(wh_(n, n), Affine(step, 0, west, 0, -step, south + top), site.crs)
    terrain, closed = read_terrain(site.path, lattice)
    return Surveyed(terrain.values[0].astype(np.float64), top, step, closed / n**2)
