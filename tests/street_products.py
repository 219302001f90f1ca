"""Products of 400 x 400 m with streets on them: places are metres from the upper left corner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyproj
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from geomage.geo import Raster, write_cog
from geomage.product import Order, write_product

UTM = "EPSG:32631"
SIDE = 400
LEFT, TOP = 500_000.0, 5_400_000.0
BOX = GeoBox((SIDE, SIDE), Affine(1.0, 0, LEFT, 0, -1.0, TOP), UTM)
CREATED = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
# two streets along the rows and two across, one bent end: a square with arms
SQUARE = (
    ((20, 100), (100, 100), (300, 100), (380, 100)),
    ((20, 300), (100, 300), (300, 300), (380, 300)),
    ((100, 20), (100, 100), (100, 300), (100, 380)),
    ((300, 20), (300, 100), (300, 300), (300, 380)),
)


@dataclass(frozen=True)
class _Run:
    """A finished mapping run."""

    rasters: Mapping[str, Path]
    buildings: gpd.GeoDataFrame
    not_analysed: gpd.GeoDataFrame
    facts: Mapping[str, Any] = field(default_factory=dict)


def placed(x: float, y: float) -> tuple[float, float]:
    """A place in the CRS of the product."""
    return LEFT + x, TOP - y


def lonlat(x: float, y: float) -> tuple[float, float]:
    """A place in degrees."""
    change = pyproj.Transformer.from_crs(UTM, "EPSG:4326", always_xy=True)
    lon, lat = change.transform(*placed(x, y))
    return float(lon), float(lat)


def said(x: float, y: float) -> str:
    """A place as the command line takes it."""
    return ",".join(f"{value:.7f}" for value in lonlat(x, y))


def lines(paths: Sequence[Sequence[tuple[float, float]]]) -> list[shapely.LineString]:
    """Lines through places, in the CRS of the product."""
    return [shapely.LineString([placed(*point) for point in path]) for path in paths]


def write_streets(
    path: Path, paths: Sequence[Sequence[tuple[float, float]]] = SQUARE, **columns: Any
) -> Path:
    """A file of streets."""
    frame = gpd.GeoDataFrame(columns, geometry=lines(paths), crs=UTM)
    if path.suffix == ".geojson":
        frame = frame.to_crs(4326)
    frame.to_file(path)
    return path


def layers_of_pixels(**painted: Sequence[tuple[int, int, int, int, int]]) -> dict[str, np.ndarray]:
    """{raster: (y, x) uint8}; squares (left, top, right, bottom, value) are painted on each."""
    found = {
        name: np.full((SIDE, SIDE), 3 if name == "landcover" else 0, np.uint8)
        for name in ("building", "landcover", "damage", "flood", "change")
    }
    for name, squares in painted.items():
        for left, top, right, bottom, value in squares:
            found[name][top:bottom, left:right] = value
    return found


def write_rasters(
    folder: Path, **painted: Sequence[tuple[int, int, int, int, int]]
) -> dict[str, Path]:
    """{name: raster} as `layers_of_pixels` paints them."""
    return {
        name: write_cog(folder / f"{name}.tif", Raster(values[None], BOX))
        for name, values in layers_of_pixels(**painted).items()
    }


def write_street_product(
    folder: Path,
    order: Order,
    *,
    dates: int = 2,
    **painted: Sequence[tuple[int, int, int, int, int]],
) -> Path:
    """A product with streets in `folder / "out"`; four houses stand at its corners."""
    folder.mkdir(parents=True, exist_ok=True)
    rasters = write_rasters(folder, **painted)
    if dates == 1:
        rasters = {name: rasters[name] for name in ("building", "landcover")}
    homes = [
        shapely.box(*placed(x, y + 10), *placed(x + 10, y)) for x in (30, 350) for y in (85, 285)
    ]
    buildings = gpd.GeoDataFrame(
        {
            "building_id": range(1, 5),
            "grade": 1,
            **dict(zip(_PROBABILITIES, (0.9, 0.05, 0.03, 0.02), strict=True)),
            "confidence": 0.9,
            "area_m2": 100.0,
            "not_analysed_reason": np.full(4, None, object),
        },
        geometry=homes,
        crs=UTM,
    )
    unseen = gpd.GeoDataFrame(
        {"reason": ["obscured at second date"]},
        geometry=[shapely.box(*placed(190, 110), *placed(210, 90))],
        crs=UTM,
    )
    images = [
        write_cog(folder / f"{name}.tif", Raster(np.full((3, SIDE, SIDE), 90, np.uint8), BOX))
        for name in ("before", "after")
    ]
    run = _Run(rasters, buildings, unseen)
    return write_product(
        run, folder / "out", before_paths=images[:1], after_paths=images[1:dates], order=order,
        created=CREATED,
    ).folder  # fmt: skip


_PROBABILITIES = ("p_none", "p_minor", "p_major", "p_destroyed")
