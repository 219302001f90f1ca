"""Bring a real city in: from OpenStreetMap, BD TOPO or any footprints to a `City`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NoReturn

import geopandas as gpd
import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from shapely import Polygon
from shapely.geometry.base import BaseGeometry
from tqdm import tqdm

from geomage.errors import InputError
from geomage.geo import check_raster, footprint
from geomage.world.buildings import Building
from geomage.world.city import City
from geomage.world.dtm import HOLES, level_terrain, read_terrain
from geomage.world.extent import Place, grid_over, outline
from geomage.world.given import Given, things
from geomage.world.imported import House, Street, tabulate_import
from geomage.world.infer import Surveyed, infer_buildings
from geomage.world.orthophoto import drape
from geomage.world.reading import (
    ImportJob,
    joined,
    read_sources,
    refuse_missing,
    refuse_no_buildings,
)
from geomage.world.repair import Repaired, repair_areas, repair_footprints, repair_lines
from geomage.world.sources import ImportParams, Source, describe_source
from geomage.world.surroundings import Things, furnish
from geomage.world.tags import Facts, read_facts
from geomage.world.ways import read_way

__all__ = ["ImportJob", "import_city"]

MARGIN_M = 40.0  # around the buildings, where no box was asked for
_LONLAT = "EPSG:4326"


def import_city(job: ImportJob) -> City:
    """Import a city; the same sources, box and seed give the same city.

    What is given is kept; what is missing is inferred (see `infer`, `surroundings`) and marked.

    Raises:
        InputError: a source is missing, damaged, or holds no building in the box.
        BudgetError: more features than are read at once, or a side of more than 20 km.
    """
    with tqdm(total=6, unit="step", disable=None) as bar:
        with _step(bar, "look"):
            refuse_missing(job)
        with _step(bar, "read"):
            given, place, box = read_sources(job)
        with _step(bar, "repair"):
            site = _site(job, given, place, box)
        with _step(bar, "infer"):
            houses = _houses(job, site)
        with _step(bar, "furnish"):
            city = _town(job, site, houses)
        with _step(bar, "drape"):
            return _draped(job, city)


def _refuse_elsewhere(job: ImportJob, box: GeoBox) -> None:
    """Raise InputError when a raster does not cover the city, before buildings are inferred.

    A photo may show a part of it; a terrain model must cover it all but for holes.
    """
    for path, least in ((job.dtm, 1 - HOLES), (job.ortho, 1e-6)):
        share = 1.0 if path is None else _share_covered(check_raster(path).box, box)
        if share < least:
            where = ",".join(f"{v:.4f}" for v in footprint(box, _LONLAT).bounds)
            raise InputError(
                f"{path} does not cover the city: it covers {share:.0%} of {where}; give one that "
                "does, or a smaller --bbox"
            )


def _share_covered(raster: GeoBox, city: GeoBox) -> float:
    """Share of a city that lies within the outline of a raster."""
    square = footprint(city, raster.crs)
    left, _, right, _ = square.bounds
    if raster.crs is not None and raster.crs.geographic and right - left > 180:
        return 1.0  # across the antimeridian: what is missing shows when it is read
    return float(footprint(raster, None).intersection(square).area / square.area)


@contextmanager
def _step(bar: tqdm[NoReturn], name: str) -> Iterator[None]:
    bar.set_description(name)
    yield
    bar.update()


@dataclass(frozen=True)
class _Site:
    """The sources in the CRS of the city, made valid; counts of all that was changed."""

    box: GeoBox
    buildings: gpd.GeoDataFrame
    ways: gpd.GeoDataFrame
    areas: gpd.GeoDataFrame
    lines: gpd.GeoDataFrame
    trees: gpd.GeoDataFrame
    counts: Counter[str]
    remarks: tuple[str, ...]

    @property
    def crs(self) -> str:
        crs = self.box.crs
        assert crs is not None
        return str(crs.to_wkt()) if crs.epsg is None else f"EPSG:{crs.epsg}"

    @property
    def square(self) -> Polygon:
        return shapely.box(*self.box.boundingbox.bbox)

    @property
    def lonlat(self) -> tuple[float, float]:
        middle = gpd.GeoSeries([self.square.centroid], crs=self.crs).to_crs(_LONLAT).iloc[0]
        return float(middle.x), float(middle.y)


def _site(job: ImportJob, given: Given, place: Place, box: GeoBox | None) -> _Site:
    """Reproject, choose what lies in the box, repair, count."""
    crs = place.crs.to_wkt()
    counts: Counter[str] = Counter({"closed rings": given.unclosed, **given.left_out})
    raw = given.buildings.to_crs(crs)
    if job.bbox is not None:
        raw = raw[raw.intersects(outline(job.bbox, place.crs)) | ~raw.is_valid]
    rank = np.array([len(tags) for tags in raw["tags"]], int)
    mended = repair_footprints(list(raw.geometry), rank)
    counts.update(mended.counts)
    buildings = _chosen(raw, mended.shapes, mended.rows)
    if job.bbox is not None:
        buildings = buildings[buildings.intersects(outline(job.bbox, place.crs))]
        buildings = buildings.reset_index(drop=True)
    if buildings.empty:
        refuse_no_buildings(job, replace(given, buildings=buildings))
    box = box or grid_over(tuple(buildings.total_bounds.tolist()), place.crs, margin=MARGIN_M)
    _refuse_elsewhere(job, box)
    square = shapely.box(*box.boundingbox.bbox)
    ways, squares = _split_ways(given.ways.to_crs(crs))
    return _Site(
        box,
        buildings,
        _within(ways, repair_lines, square),
        _within(joined([given.areas.to_crs(crs), squares]), repair_areas, square),
        _within(given.lines.to_crs(crs), repair_lines, square),
        given.trees.to_crs(crs),
        counts,
        place.remarks,
    )


def _chosen(table: gpd.GeoDataFrame, shapes: np.ndarray, rows: np.ndarray) -> gpd.GeoDataFrame:
    return things(
        table["source_id"].iloc[rows], table["tags"].iloc[rows], shapes, table.crs.to_wkt()
    )


def _within(
    table: gpd.GeoDataFrame,
    repair: Callable[[Sequence[BaseGeometry | None]], Repaired],
    square: Polygon,
) -> gpd.GeoDataFrame:
    """Repaired shapes that reach into the square."""
    mended = repair(list(table.geometry))
    found = _chosen(table, mended.shapes, mended.rows)
    return found[found.intersects(square)].reset_index(drop=True)


def _split_ways(ways: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Ways to go along, and closed ones that are squares to walk on."""
    ring = np.array([t.get("area") == "yes" for t in ways["tags"]], bool)
    lines = ways.geometry.to_numpy()
    ring &= shapely.is_closed(lines) & (shapely.get_num_coordinates(lines) > 3)
    squares = ways[ring].set_geometry([Polygon(g.coords) for g in ways.geometry[ring]])
    return ways[~ring], squares


def _houses(job: ImportJob, site: _Site) -> list[House]:
    """Buildings with what is given of them, and the rest inferred."""
    known = [read_facts(tags) for tags in site.buildings["tags"]]
    use = _land_use(site)
    lonlat = site.lonlat
    surveyed = [
        Surveyed(shape, facts, ground, lonlat)
        for shape, facts, ground in zip(site.buildings.geometry, known, use, strict=True)
    ]
    built = infer_buildings(surveyed, job.seed)
    rows = zip(built, known, site.buildings["source_id"], site.buildings["tags"], strict=True)
    return [House(b, source, tags, _given(b, facts)) for b, facts, source, tags in rows]


def _given(building: Building, facts: Facts) -> str:
    """The given columns, without those that could not be drawn as given."""
    main = max(building.wings, key=lambda wing: wing.shape.area)
    names = set(facts.given().split(","))
    if facts.form is not None and main.form != facts.form:
        names.discard("form")
    if facts.eave is not None and abs(main.eave - facts.eave) > 1e-6:
        names.discard("eave")
    return ",".join(sorted(names))


def _land_use(site: _Site) -> list[str | None]:
    """Land use of the ground below each building, of the smallest area that says so."""
    said = np.array(["landuse" in tags for tags in site.areas["tags"]], bool)
    areas = site.areas[said]
    points = shapely.point_on_surface(site.buildings.geometry.to_numpy())
    use: list[str | None] = [None] * len(points)
    if areas.empty:
        return use
    at, where = shapely.STRtree(areas.geometry.to_numpy()).query(points, "within")
    size, words = areas.area.to_numpy(), [tags["landuse"] for tags in areas["tags"]]
    for i, k in sorted(zip(at, where, strict=True), key=lambda pair: -size[pair[1]]):
        use[i] = words[k]
    return use


def _town(job: ImportJob, site: _Site, houses: list[House]) -> City:
    """Streets, surroundings and terrain around the houses."""
    ways = [(read_way(tags), i) for i, tags in enumerate(site.ways["tags"])]
    streets = [
        Street(
            way,
            site.ways.geometry.iloc[i],
            site.ways["source_id"].iloc[i],
            site.ways["tags"].iloc[i],
        )
        for way, i in ways
        if way is not None
    ]
    counts = site.counts
    counts["ways not to be seen"] = len(ways) - len(streets)
    known = Things(
        site.square,
        [house.building for house in houses],
        [(street.way, street.line) for street in streets],
        site.areas,
        site.lines,
        site.trees,
    )
    around = furnish(np.random.default_rng([job.seed, 31]), known)
    layers = tabulate_import(houses, streets, around, site.crs)
    remarks = list(site.remarks)
    if job.dtm is None:
        wet = shapely.union_all([w.shape for w, _, _ in around.water if w.kind != "pool"])
        dtm = level_terrain(site.box, wet)
        remarks.append("no terrain model was given: the ground is level but for its water")
    else:
        dtm, holes = read_terrain(job.dtm, site.box)
        counts["terrain pixels closed"] = holes
    counts.update(_counted(houses, layers))
    return City(_params(job, site, counts, tuple(remarks)), dtm, **layers)


def _counted(houses: Sequence[House], layers: Mapping[str, gpd.GeoDataFrame]) -> dict[str, int]:
    """How much was given, and how much was inferred."""
    given = Counter(name for house in houses for name in house.given.split(","))
    counts = {"buildings": len(houses), "source buildings": len({h.source_id for h in houses})}
    for name in ("height", "storeys", "form", "material"):
        counts[f"{name} given"] = given[name]
        counts[f"{name} inferred"] = len(houses) - given[name]
    trees = layers["trees"]["given"] != ""
    counts |= {"streets": len(layers["streets"]), "trees given": int(trees.sum())}
    return counts | {"trees inferred": int((~trees).sum())}


def _params(
    job: ImportJob, site: _Site, counts: Mapping[str, int], remarks: tuple[str, ...]
) -> ImportParams:
    left, bottom, right, top = (float(v) for v in site.box.boundingbox.bbox)
    sources: tuple[Source, ...] = tuple(describe_source(r, p) for r, p in job.paths().items())
    return ImportParams(
        sources, site.crs, (left, bottom, right, top), job.bbox, job.seed, dict(counts), remarks
    )


def _draped(job: ImportJob, city: City) -> City:
    """The city with its orthophoto, where one is given."""
    if job.ortho is None or not isinstance(city.params, ImportParams):
        return city
    known = city.trees[city.trees["given"] != ""]
    found = drape(job.ortho, city.dtm.box, city.buildings, known)
    sun = found.sun
    said = [
        f"the photo covers {found.covered:.0%} of the city; {found.filled:.0%} of it was filled"
    ]
    said.append(
        "no shadow was found in the photo: only what stands was taken out"
        if sun is None
        else f"the sun of the photo stood {sun.elevation:.0f} degrees up at {sun.azimuth:.0f}"
    )
    params = replace(city.params, remarks=(*city.params.remarks, *said))
    return replace(city, params=params, ortho=found.raster)
