"""Bring a real city in: from OpenStreetMap, BD TOPO or any footprints to a `City`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from odc.geo.geobox import GeoBox
from shapely import Polygon
from shapely.geometry.base import BaseGeometry
from tqdm import tqdm

from geomage.errors import InputError
from geomage.geo import check_raster, footprint
from geomage.geo.features import Bounds, VectorFile, open_features
from geomage.world.bdtopo import open_bdtopo, read_bdtopo
from geomage.world.buildings import Building
from geomage.world.city import City
from geomage.world.drape import drape
from geomage.world.dtm import HOLES, level_terrain, read_terrain
from geomage.world.extent import (
    Place,
    boxes_in,
    choose_crs,
    grid_over,
    lonlat_box,
    lonlat_centre,
    outline,
    zones_crossed,
)
from geomage.world.footprints import read_footprints, read_street_lines, read_tree_points
from geomage.world.given import Given, crs_of, no_things, pick_layer, things
from geomage.world.imported import House, Street, tabulate_import
from geomage.world.infer import Surveyed, infer_buildings
from geomage.world.osm import read_osm
from geomage.world.repair import Repaired, repair_areas, repair_footprints, repair_lines
from geomage.world.sources import ImportParams, Source, describe_source
from geomage.world.surroundings import Things, furnish
from geomage.world.tags import Facts, read_facts
from geomage.world.ways import read_way

__all__ = ["ImportJob", "import_city"]

MARGIN_M = 40.0  # around the buildings, where no box was asked for
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


def import_city(job: ImportJob) -> City:
    """Import a city; the same sources, box and seed give the same city.

    What is given is kept; what is missing is inferred (see `infer`, `surroundings`) and marked.

    Raises:
        InputError: a source is missing, damaged, or holds no building in the box.
        BudgetError: more features than are read at once, or a side of more than 20 km.
    """
    with tqdm(total=6, unit="step", disable=None) as bar:
        with _step(bar, "look"):
            _refuse_missing(job)
        with _step(bar, "read"):
            given, place, box = _read(job)
        with _step(bar, "repair"):
            site = _site(job, given, place, box)
        with _step(bar, "infer"):
            houses = _houses(job, site)
        with _step(bar, "furnish"):
            city = _town(job, site, houses)
        with _step(bar, "drape"):
            return _draped(job, city)


def _refuse_missing(job: ImportJob) -> None:
    """Raise InputError for what can be seen before any work."""
    for path in job.paths().values():
        if not path.exists():
            raise InputError(f"{path} does not exist")
    for raster in (job.dtm, job.ortho):
        if raster is not None and check_raster(raster).box.crs is None:
            raise InputError(f"{raster} has no CRS: give it one (gdal_edit -a_srs)")
    if job.ortho is not None and (bands := check_raster(job.ortho).count) < 3:
        raise InputError(f"{job.ortho} has {bands} band(s), not red, green and blue")


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


def _read(job: ImportJob) -> tuple[Given, Place, GeoBox | None]:
    """Everything in the box, the CRS of the city, and its grid where a box was asked for."""
    if job.bbox is None:
        given = _gathered(job, lambda _crs: None)
        _refuse_none(job, given)
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
    _refuse_none(job, given)
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


def _refuse_none(job: ImportJob, given: Given) -> None:
    if len(given.buildings):
        return
    source = job.buildings or job.bdtopo or job.osm
    where = "" if job.bbox is None else f" in the box {','.join(f'{v:g}' for v in job.bbox)}"
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
        areas=_joined([p.areas for p in parts]),
        lines=_joined([p.lines for p in parts]),
        trees=_joined([p.trees for p in parts]),
    )
    if job.streets is not None:
        with open_features(job.streets) as file:
            layer = pick_layer(file, ("street", "road", "edge", "troncon"), "LineString")
            whole = replace(whole, ways=read_street_lines(file, boxes(crs_of(file, layer))))
    if job.trees is not None:
        with open_features(job.trees) as file:
            layer = pick_layer(file, ("tree", "arbre"), "Point")
            own = read_tree_points(file, boxes(crs_of(file, layer)))
            whole = replace(whole, trees=_joined([whole.trees, own]))
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
    covers = "" if bounds is None else ",".join(f"{v:g}" for v in bounds) + f" in {table.crs.name}"
    nothing = no_things(crs)
    return Given(table, nothing, nothing, nothing, nothing, unclosed, covers)


def _joined(tables: Sequence[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """Tables of several sources in one, in the CRS of the first that holds anything."""
    full = [table for table in tables if len(table)]
    if len(full) < 2:
        return full[0] if full else tables[0]
    return pd.concat([full[0], *(t.to_crs(full[0].crs) for t in full[1:])], ignore_index=True)


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
        _refuse_none(job, replace(given, buildings=buildings))
    box = box or grid_over(tuple(buildings.total_bounds.tolist()), place.crs, margin=MARGIN_M)
    _refuse_elsewhere(job, box)
    square = shapely.box(*box.boundingbox.bbox)
    ways, squares = _split_ways(given.ways.to_crs(crs))
    return _Site(
        box,
        buildings,
        _within(ways, repair_lines, square),
        _within(_joined([given.areas.to_crs(crs), squares]), repair_areas, square),
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
