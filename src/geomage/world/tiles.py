"""Towns larger than memory: grown tile by tile, written as they come, the same for any workers.

A tile grown alone is the tile cut from the whole, so tiles need nothing from each other but the
numbers of their buildings and blocks, which are counted on in the order of the tiles. Land and
water are cut at the borders of tiles.
"""

from __future__ import annotations

import json
import multiprocessing
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import shapely
from rasterio.windows import Window
from shapely import Polygon
from tqdm import tqdm

from geomage.geo import fresh_folder, growing_vectors
from geomage.geo.cog import raster_to_cog
from geomage.geo.stac import write_item
from geomage.world.city import DTM_GSD, LAYERS, City, CityParams, city_box
from geomage.world.graph import joined
from geomage.world.grow import APART, grow_tile, streets_around
from geomage.world.tables import street_table

__all__ = ["TILE_M", "Grown", "city_tiles", "grow_large_city"]

TILE_M = 1000.0  # side of a tile; a town no larger than two of them is grown in one piece
_AHEAD = 2  # tiles a worker may be ahead of the writer


@dataclass(frozen=True)
class Grown:
    """What was written of a large town."""

    folder: Path
    buildings: int
    trees: int
    tiles: int


def city_tiles(size_m: float) -> list[Polygon]:
    """Windows of a town of `size_m`, row by row from the south-west, on multiples of 2 m."""
    edges = [*np.arange(0.0, size_m - TILE_M / 2, TILE_M), size_m]
    pairs = list(pairwise(edges))
    return [shapely.box(x0, y0, x1, y1) for y0, y1 in pairs for x0, x1 in pairs]


def grow_large_city(
    params: CityParams, folder: Path, *, overwrite: bool = False, jobs: int = 1
) -> Grown:
    """Grow a town of any size into a city folder, whole or not at all.

    `city.city.json` is left out: a document of that size opens nowhere.

    Args:
        params: what to grow.
        folder: where.
        overwrite: whether a city folder there may be replaced.
        jobs: worker processes; any number gives the same folder.
    """
    with fresh_folder(folder, overwrite=overwrite) as tmp:
        counts = _write_tiles(params, tmp, jobs)
        (tmp / "city.params.json").write_text(json.dumps(params.as_dict(), indent=1) + "\n")
        write_item(
            tmp,
            kind="city",
            parameters=params.as_dict() | {"buildings": counts["buildings"]},
            assets={"city": "city.gpkg", "dtm": "dtm.tif"},
            box=city_box(params.size_m, DTM_GSD, params.site),
        )
    tiles = len(city_tiles(params.size_m))
    return Grown(folder, counts["buildings"], counts["trees"], tiles)


def _write_tiles(params: CityParams, folder: Path, jobs: int) -> dict[str, int]:
    """Write `city.gpkg` and `dtm.tif` tile by tile; return how many features each layer has."""
    windows = city_tiles(params.size_m)
    box = city_box(params.size_m, DTM_GSD, params.site)
    rows, columns = box.shape
    counts, lines = dict.fromkeys(LAYERS, 0), []
    empty: dict[str, gpd.GeoDataFrame] = {}
    profile = {
        "driver": "GTiff", "dtype": "float32", "count": 1, "height": rows, "width": columns,
        "crs": str(box.crs), "transform": box.affine, "tiled": True, "compress": "deflate",
        "BIGTIFF": "IF_SAFER",
    }  # fmt: skip
    raw = folder / "dtm.part.tif"
    with growing_vectors(folder / "city.gpkg") as add, rasterio.open(raw, "w", **profile) as dtm:
        dtm.set_band_description(1, "height")
        pieces = _grown(params, windows, jobs)
        for piece in tqdm(pieces, total=len(windows), desc="grow", unit="tile", disable=None):
            _place(dtm, piece)
            lines.append(piece.streets)
            for name, table in _numbered(piece, counts).items():
                if len(table):
                    add(name, table)
                    counts[name] += len(table)
                else:
                    empty.setdefault(name, table)
        streets = pd.concat([*lines, _detours(params, lines)])
        add("streets", gpd.GeoDataFrame(streets, crs=lines[0].crs))
        for name in LAYERS:
            if name != "streets" and counts[name] == 0:
                add(name, empty[name])
    with rasterio.open(raw) as dtm:
        raster_to_cog(dtm, folder / "dtm.tif", classes=False)
    raw.unlink()
    return counts


def _place(dtm: rasterio.io.DatasetWriter, piece: City) -> None:
    """Write the terrain of a tile where it belongs."""
    box, whole = piece.dtm.box, dtm.transform
    column = round((box.affine.c - whole.c) / DTM_GSD)
    row = round((whole.f - box.affine.f) / DTM_GSD)
    window = Window(column, row, box.shape[1], box.shape[0])
    dtm.write(piece.dtm.values[0], 1, window=window)  # noqa: PD011 -- a raster's, not a table's


def _numbered(piece: City, counts: dict[str, int]) -> dict[str, gpd.GeoDataFrame]:
    """Layers of a tile but its streets, buildings and blocks counted on from the tiles before."""
    tables = {name: getattr(piece, name) for name in LAYERS if name != "streets"}
    first = counts["buildings"]
    for name in ("buildings", "roofs"):
        tables[name] = tables[name].assign(building_id=tables[name]["building_id"] + first)
    lots = tables["parcels"]
    tables["parcels"] = lots.assign(block=lots["block"] + counts["blocks"])
    return tables


def _detours(params: CityParams, lines: list[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """Streets beyond the border of a town that touch it, or alone join parts of its network."""
    size = params.size_m
    square = shapely.box(0, 0, size, size)
    outside = [
        s
        for s in streets_around(params, square.boundary)
        if not _holds(square, shapely.line_interpolate_point(s.line, 0.5, normalized=True))
    ]
    table = street_table(outside, params.site)
    inside = pd.concat(lines)
    every = pd.concat([inside, table])
    common = ~every["kind"].isin(APART).to_numpy()
    west, south, east, north = city_box(size, DTM_GSD, params.site).boundingbox
    here = shapely.box(west, south, east, north)
    shapes = every.geometry.to_numpy()
    kept = shapely.intersects(shapes, here)
    kept[: len(inside)] = True
    kept[common] = joined(shapes[common], kept[common])
    return table[kept[len(inside) :]]


def _holds(window: Polygon, point: shapely.Point) -> bool:
    x0, y0, x1, y1 = window.bounds
    return bool(x0 <= point.x < x1 and y0 <= point.y < y1)


def _grown(params: CityParams, windows: list[Polygon], jobs: int) -> Iterator[City]:
    """Yield the tiles in their order, grown by so many processes; few wait for the writer."""
    grow = partial(grow_tile, params)
    if jobs == 1:
        yield from map(grow, windows)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        waiting: deque[Future[City]] = deque()
        todo = iter(windows)
        for window in todo:
            waiting.append(pool.submit(grow, window))
            if len(waiting) >= _AHEAD * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
