"""What a report tells of the toy run, without a product on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
from shapely.geometry import LineString, Point
from shapely.geometry import box as square

from geomage.product.grading import graded
from geomage.product.layers import Source, product_layers
from geomage.product.order import PLAIN
from geomage.product.page.findings import Findings
from geomage.product.page.pictures import take_picture
from geomage.product.squares import worst_squares
from geomage.product.summary import summarise
from geomage.product.surface import areas_m2
from toy_run import (
    CREATED,
    SHAPE,
    UTM,
    footprints,
    grid,
    make_image,
    make_run,
    of_one_date,
    on_ground,
)


def make_findings(
    folder: Path,
    crs: str | None = UTM,
    *,
    dates: int = 2,
    name: str = "after.tif",
    full: bool = False,
    **more: Any,
) -> Findings:
    """Findings of six houses; `full` adds roads, zones and a hospital."""
    run = make_run(folder / "work", crs)
    run = run if dates == 2 else of_one_date(run)
    images = [("before", make_image(folder / "before.tif", crs))]
    images += [("after", make_image(folder / name, crs, 140))][: dates - 1]
    sources = [Source(i, path, role, "0" * 64) for i, (role, path) in enumerate(images, 1)]
    box = grid(crs)
    buildings = graded(run.buildings)
    buildings = buildings.assign(area_m2=areas_m2(buildings))
    flood = run.rasters.get("flood")
    layers = product_layers(buildings, run.not_analysed, box, sources, PLAIN, flood)
    squares = worst_squares(buildings, box)
    summary = summarise(buildings, run.not_analysed, box, run.rasters, squares)
    pictures = [take_picture([path], box) for _, path in images]
    extra = {**(_extra(crs) if full else {}), **more}
    if full:
        summary = {**summary, "product": {"locality": "Toytown", "version": 2}}
    return Findings(
        summary={"doubts": [], **summary, **extra.pop("summary", {})},
        buildings=buildings,
        not_analysed=run.not_analysed,
        flood=layers.get("observedEventA"),
        box=box,
        squares=squares,
        sources=sources,
        facts=run.facts,
        before=pictures[0],
        after=pictures[1] if dates == 2 else None,
        created=CREATED,
        **extra,
    )


def _extra(crs: str | None) -> dict[str, Any]:
    """Four streets, one of each state, two zones and a hospital, in pixels of the toy run."""
    where = grid(crs)
    rows = [(0, y, 100, y) for y in (5, 15, 25, 50)]
    lines = [
        LineString([where.affine @ (x0, y0), where.affine @ (x1, y1)]) for x0, y0, x1, y1 in rows
    ]
    states = ["passable", "blocked", "flooded", "unknown"]
    roads = gpd.GeoDataFrame(
        {"state": states, "depth_m": 0.0, "length_m": [800.0, 1500.0, 300.0, 400.0]},
        geometry=lines,
        crs=crs,
    )
    places = [on_ground(square(0, 20, 50, 60), where), on_ground(square(50, 20, 100, 60), where)]
    zones = gpd.GeoDataFrame(
        {
            "zone": ["Old <i>town", "Harbour"],
            "rank": [1, 2],
            "Destroyed": [1, 0],
            "Damaged": [2, 0],
            "assessed": [3, 2],
            "share_damaged": [1.0, 0.0],
            "low": [0.5, 0.0],
            "high": [0.9, 0.3],
            "damage_low": [1.0, 0.0],
            "damage_high": [3.0, 1.0],
            "people": [1200.0, float("nan")],
            "people_low": [899.5, float("nan")],
            "people_high": [1500.5, float("nan")],
        },
        geometry=places,
        crs=crs,
    )
    spot = Point(where.affine @ (70, 70))
    hospital = gpd.GeoDataFrame({"name": ["Hospital"]}, geometry=[spot], crs=crs)
    return {"roads": roads, "zones": zones, "facilities": hospital, **_reached(crs)}


def _reached(crs: str | None) -> dict[str, Any]:
    """Two places cut off, and what the hospital reaches in ten minutes."""
    spots = [
        on_ground(square(10, 7, 40, 13), grid(crs)),
        on_ground(square(60, 7, 90, 13), grid(crs)),
    ]
    access = {"access": ["cut off", "possibly cut off"], "buildings": [3, 2]}
    near = [on_ground(square(*side), grid(crs)) for side in ((20, 20, 95, 78), (60, 60, 80, 78))]
    reach = {"moment": ["before", "after"], "minutes": [10, 10]}
    return {
        "cut_off": gpd.GeoDataFrame(access, geometry=spots, crs=crs),
        "reach": gpd.GeoDataFrame(reach, geometry=near, crs=crs),
    }


__all__ = ["SHAPE", "footprints", "make_findings"]
