"""How far an event reached: flooded ground, water that was there before, debris of storms.

What the model lets one say, measured on simulated events it never saw (`python -m
benchmarks.extents`; share of the ground so called that is so, and share of such ground found):

- flooded, water seen where there was none: mostly so, but most of a flood in a town is not seen.
  What is not called flooded may be under water all the same;
- permanent water, water seen at both dates: half of it is;
- debris, changed ground near a building called Destroyed: mostly so in storms. After a fire or a
  flood the same ground is burnt or wet (debris: 5 and 2 % of it), so debris is outlined only where
  the event is stated to be a storm;
- burnt ground: not by the model, which sees red, green and blue, but by the fall of near infrared
  (`geomage.mapping.burnt`, `python -m benchmarks.burnt`): mostly so, and less than half of what
  burnt, where the event is stated to be a fire and both dates have that band.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
from geopandas import GeoDataFrame, GeoSeries
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from geomage.geo import (
    Tiling,
    check_raster,
    decoding,
    ground_gsd,
    is_held,
    open_raster,
)
from geomage.geo.areas import TileAreas, join_areas, tile_areas
from geomage.geo.shapes import burn_shapes
from geomage.product.surface import areas_m2

__all__ = [
    "BURNT",
    "BURNT_SPECK_M2",
    "BURNT_UNSOUGHT",
    "DEBRIS_NEAR_M",
    "FLOODED",
    "MEASURED",
    "PERMANENT",
    "SPECK_M2",
    "burnt_extent",
    "debris_extent",
    "extents_record",
    "water_extent",
]

FLOODED: Final = 1
PERMANENT: Final = 2
BURNT: Final = 1
SPECK_M2: Final = 50.0
"""Polygons below this are left out and holes below it are filled; the rasters keep every pixel."""
THIN_M: Final = 4.0
"""Polygons nowhere wider than this are left out: they are seams and edges of images."""
DEBRIS_FROM: Final = 128
"""Of a probability of change times 255, from which ground may be debris."""
DEBRIS_NEAR_M: Final = 20.0
"""From the outline of a building called Destroyed, within which it may be."""
_FIRES: Final = "30 simulated fires seen at 1.5 m (at 0.5 m: 87 % and 36 %)"
MEASURED: Final[Mapping[str, Mapping[str, Any]]] = {
    "flooded": {"precision": 0.77, "recall": 0.15, "on": "8 simulated floods"},
    "permanent_water": {"precision": 0.54, "recall": 0.19, "on": "36 simulated events"},
    "debris": {"precision": 0.75, "recall": 0.32, "on": "20 simulated storms"},
    "burnt": {"precision": 0.76, "recall": 0.47, "on": _FIRES},
}
"""Of the shipped model (burnt ground of none), by area: the share of what is called so that is so,
and the share found."""
BURNT_SPECK_M2: Final = 200.0
"""As `SPECK_M2`, of burnt ground: a shadow that moved is no fire."""
BURNT_UNSOUGHT: Final = (
    "sought only where the event is stated to be a fire (--event-type fire); it needs a "
    "near-infrared band at both dates"
)
"""Why burnt ground is not outlined where nobody said that there was a fire."""

_SIDE: Final = 1024  # px of a tile
_SURE: Final = 0.5  # of a speck: pixels differ in size over the grid, by less than that
_STRAIGHTEN: Final = 0.9  # px an outline may move to lose the steps of pixels


def water_extent(flood: Path, kind: int) -> GeoDataFrame:
    """Outline what is `FLOODED`, or what is `PERMANENT` water, without specks.

    Args:
        flood: the flood raster of a product, read tile by tile; tiles the file does not hold are
            not read.
        kind: value of the raster.

    Returns:
        Polygons in the CRS of the raster, with `area_m2` on the ellipsoid.
    """
    return _outlined(flood, kind, SPECK_M2)


def burnt_extent(burnt: Path) -> GeoDataFrame:
    """Outline burnt ground, from the raster of it, without patches under `BURNT_SPECK_M2`.

    Returns:
        Polygons as of `water_extent`.
    """
    return _outlined(burnt, BURNT, BURNT_SPECK_M2)


def _outlined(raster: Path, kind: int, speck_m2: float) -> GeoDataFrame:
    """Polygons of one value of a raster, read tile by tile."""
    tiling = Tiling(check_raster(raster).box, _SIDE)
    least = _least(tiling.box, speck_m2)
    found = {}
    with open_raster(raster) as dataset, decoding(raster):
        for key in tiling:
            core = tiling.core(key)
            if not is_held(dataset, core):
                continue
            values = dataset.read(1, window=core)
            if (values == kind).any():
                found[key] = _without_specks(tile_areas(values, [kind]), least)
    return _clean(join_areas(tiling, found), tiling.box, speck_m2)


def debris_extent(rasters: Mapping[str, Path], buildings: GeoDataFrame) -> GeoDataFrame:
    """Outline debris: changed ground, not under water, near buildings called Destroyed.

    Args:
        rasters: change and flood of a product.
        buildings: graded buildings, in the CRS of the rasters.

    Returns:
        Polygons as of `water_extent`.
    """
    box = check_raster(rasters["change"]).box
    tiling = Tiling(box, _SIDE)
    hit = buildings.geometry[buildings["damage_gra"] == "Destroyed"].to_numpy()
    near = shapely.buffer(hit, DEBRIS_NEAR_M * abs(box.affine.a) / ground_gsd(box), quad_segs=4)
    tree, found = shapely.STRtree(near), {}
    for key, values in _changed(rasters, tiling, tree, near):
        found[key] = _without_specks(tile_areas(values, [1]), _least(box, SPECK_M2))
    return _clean(join_areas(tiling, found), box, SPECK_M2)


def extents_record(
    layers: Mapping[str, GeoDataFrame | None], analysed_m2: float, left_out: Mapping[str, str]
) -> dict[str, Any]:
    """JSON-able record: area and share of each extent, how sure it is; None where none was sought.

    Args:
        layers: polygons with `area_m2` by name: flooded, permanent_water, debris, burnt.
        analysed_m2: area that was analysed.
        left_out: what is not outlined, and why.
    """
    record: dict[str, Any] = {"analysed_m2": round(analysed_m2, 1), "smallest_m2": SPECK_M2}
    for name, polygons in layers.items():
        if polygons is None:
            record[name] = None
            continue
        area = float(polygons["area_m2"].sum())
        record[name] = {
            "polygons": len(polygons),
            "area_m2": round(area, 1),
            "share_of_analysed": round(area / analysed_m2, 4) if analysed_m2 else None,
            "measured": MEASURED.get(name),
        }
        if name == "burnt":
            record[name]["smallest_m2"] = BURNT_SPECK_M2
    return record | {"left_out": dict(left_out)}


def _least(box: GeoBox, speck_m2: float) -> int:
    """Pixels of half a speck."""
    return int(_SURE * speck_m2 / ground_gsd(box) ** 2)


def _changed(
    rasters: Mapping[str, Path], tiling: Tiling, tree: shapely.STRtree, near: np.ndarray
) -> Iterator[tuple[Any, np.ndarray]]:
    """(tile, uint8 1 where its ground changed near what was destroyed), of tiles that have any."""
    change, flood = rasters["change"], rasters["flood"]
    with open_raster(change) as one, open_raster(flood) as other, decoding(change):
        for key in tiling:
            core: Window = tiling.core(key)
            part = tiling.part(core)
            some = np.sort(tree.query(part.extent.geom))
            if not len(some):
                continue
            values = one.read(1, window=core)
            there = (values >= DEBRIS_FROM) & (values < 255) & (other.read(1, window=core) == 0)
            close = np.zeros(values.shape, np.uint8)
            close = burn_shapes(near[some], np.ones(len(some)), part, close)
            yield key, (there & (close > 0)).astype(np.uint8)


def _without_specks(areas: TileAreas, least: int) -> TileAreas:
    """The areas of at least so many pixels, and all that may go on in the next tile."""
    parts = areas.parts
    going_on = np.isin(parts.number, np.concatenate([runs.labels for runs in parts.rim]))
    kept = (parts.pixels >= least) | going_on
    names = ("number", "pixels", "frame", "first", "kind", "mark")
    rest = replace(parts, **{name: getattr(parts, name)[kept] for name in names})
    return TileAreas(areas.shapes[kept], rest)


def _clean(found: GeoDataFrame, box: GeoBox, speck_m2: float) -> GeoDataFrame:
    """Polygons without small holes, straightened, none small or thin, with their areas."""
    metre = _units_per_m2(box) ** 0.5
    wide = ~shapely.is_empty(shapely.buffer(found.geometry.to_numpy(), -THIN_M / 2 * metre))
    found = found[wide]
    shapes = _without_holes(found.geometry.to_numpy(), speck_m2 * _units_per_m2(box))
    simple = shapely.simplify(shapes, _STRAIGHTEN * abs(box.affine.a), preserve_topology=True)
    shapes = np.where(shapely.is_valid(simple) & ~shapely.is_empty(simple), simple, shapes)
    frame = GeoDataFrame(geometry=GeoSeries(shapes, crs=found.crs), crs=found.crs)
    frame = frame.assign(area_m2=areas_m2(frame))
    return frame[frame["area_m2"] >= speck_m2].reset_index(drop=True)


def _units_per_m2(box: GeoBox) -> float:
    return abs(box.affine.a * box.affine.e) / ground_gsd(box) ** 2


def _without_holes(shapes: np.ndarray, least: float) -> np.ndarray:
    """Polygons without the holes of less than some area in their own units."""
    out = [
        shapely.Polygon(
            shape.exterior, [r for r in shape.interiors if shapely.Polygon(r).area >= least]
        )
        for shape in shapes
    ]
    return np.array(out, object).reshape(len(out))
