"""A small block of real-looking footprints, written to files of any kind, for imports."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from shapely import Polygon, affinity

from geomage.geo import Raster, write_cog

UTM = "EPSG:32633"
EAST, NORTH = 456_000.0, 5_550_000.0


def at(shape: shapely.Geometry, x: float = 0.0, y: float = 0.0) -> shapely.Geometry:
    """Move a shape to the block."""
    return affinity.translate(shape, EAST + x, NORTH + y)


def ell(a: float = 20.0, b: float = 16.0, d: float = 8.0) -> Polygon:
    return Polygon([(0, 0), (a, 0), (a, d), (d, d), (d, b), (0, b)])


def block(crs: str = UTM) -> gpd.GeoDataFrame:
    """Six footprints of known height, storeys, roof or nothing."""
    shapes = [
        at(shapely.box(0, 0, 20, 10)),
        at(affinity.rotate(ell(), 30, origin=(0, 0)), 50, 0),
        at(shapely.Point(0, 0).buffer(8), 100, 10),
        at(shapely.box(0, 0, 30, 30).difference(shapely.box(10, 10, 20, 20)), 0, 40),
        at(shapely.box(0, 0, 5, 5), 60, 60),
        at(shapely.box(0, 0, 12, 9), 90, 60),
    ]
    table = gpd.GeoDataFrame(
        {
            "id": ["a", "b", "c", "d", "e", "f"],
            "height": [12.5, np.nan, 9.0, np.nan, np.nan, np.nan],
            "floors": [np.nan, 3, np.nan, 5, np.nan, np.nan],
            "roof_shape": ["gabled", "hipped", None, "flat", None, None],
            "roof_colour": ["#aa4422", None, None, None, None, None],
        },
        geometry=shapes,
        crs=UTM,
    )
    return table.to_crs(crs)


def write_block(
    path: Path, table: gpd.GeoDataFrame | None = None, layer: str | None = None
) -> Path:
    """Write footprints; the ending says the format."""
    frame = block() if table is None else table
    options = {"layer": layer} if layer else {}
    pyogrio.write_dataframe(frame, path, append=path.exists(), **options)
    return path


def write_raster(path: Path, values: np.ndarray, *, px: float, crs: str | None = UTM) -> Path:
    """Write (band, y, x) values from 100 m west and 100 m south of the block."""
    _, rows, _ = values.shape
    affine = Affine(px, 0, EAST - 100, 0, -px, NORTH - 100 + rows * px)
    return write_cog(path, Raster(values, GeoBox(values.shape[1:], affine, crs)))
