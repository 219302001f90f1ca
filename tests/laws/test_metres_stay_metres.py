"""A distance in metres is one on the ground, whatever the units of the images and the footprints.

At 60 N a degree of longitude is half as long as one of latitude, and a metre of Web Mercator is
half a metre: a toolkit that searches, moves or measures in units of the CRS is wrong by two or by
a hundred thousand.
"""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from geomage.geo import TileStore, Tiling, ground_gsd, utm_box
from geomage.geo.footprints import read_footprints
from geomage.mapping.given import near_tiles, shifted
from geomage.mapping.registration import match_tile, register
from geomage.mapping.regrid import Layer

UTM = "EPSG:32631"
EAST, NORTH = 500_000, 6_651_500  # at 60 N
OFF = (4.0, 3.0)  # metres to the east and to the north, by which the footprints lie off


def houses() -> gpd.GeoSeries:
    """100 houses of 8 to 14 m on a jittered lattice of 25 m."""
    rng = np.random.default_rng(5)
    out = []
    for place in np.mgrid[:10, :10].reshape(2, -1).T * 25.0:
        (w, h), (x, y) = rng.uniform(8, 14, 2), place + rng.uniform(1, 10, 2) - 125
        out.append(shapely.box(EAST + x, NORTH + y, EAST + x + w, NORTH + y + h))
    return gpd.GeoSeries(out, crs=UTM)


def product_grid(crs: str) -> GeoBox:
    """Grid that a product has of an image of 300 m around the houses, in a CRS."""
    centre = gpd.GeoSeries([shapely.Point(EAST, NORTH)], crs=UTM).to_crs(crs)[0]
    x, y, side = centre.x, centre.y, 600
    step = {UTM: (0.5, 0.5), "EPSG:3857": (1.0, 1.0), "EPSG:4326": (0.5 / 55_800, 0.5 / 111_400)}
    dx, dy = step[crs]
    at = Affine(dx, 0, x - side / 2 * dx, 0, -dy, y + side / 2 * dy)
    box = GeoBox((side, side), at, crs)
    return utm_box(box) if box.crs.geographic else box


@pytest.mark.parametrize("footprints", ["EPSG:4326", "EPSG:3857", UTM])
@pytest.mark.parametrize("image", ["EPSG:4326", "EPSG:3857", UTM])
def test_footprints_are_found_and_moved_by_metres_on_the_ground(
    tmp_path: Path, image: str, footprints: str
) -> None:
    box = product_grid(image)
    gsd = ground_gsd(box)
    assert gsd == pytest.approx(0.5, rel=0.02)
    true = tmp_path / "true.gpkg"
    gpd.GeoDataFrame(geometry=houses()).to_file(true)
    shown = read_footprints(true, box).shapes
    seen = np.zeros((1, *box.shape), "uint8")
    for _, row, begin, end in shown.runs(*box.shape).table.tolist():
        seen[0, row, begin:end] = 220
    tiling = Tiling(box, 1024)
    store = TileStore(tmp_path / "store", tiling, ("building",))
    for key in tiling:
        store.write(key, seen[(slice(None), *tiling.core(key).toslices())])

    path = tmp_path / "off.gpkg"
    gpd.GeoDataFrame(geometry=houses().translate(*OFF)).to_crs(footprints).to_file(path)
    given = read_footprints(path, box).shapes
    found = {}
    part = Window(0, 0, tiling.width, tiling.height)
    for near in near_tiles(given, tiling, part).values():
        found |= match_tile(Layer(store, (0,), box), near.shapes, tiling, near.key)
    measured = register(found, gsd)
    assert (measured.dx_m, measured.dy_m) == pytest.approx((-OFF[0], -OFF[1]), abs=0.15)
    moved, _ = shifted(given, measured, gsd, part)
    assert np.abs(moved.frames() - shown.frames()).max() * gsd < 0.25
    areas = shapely.area(houses().to_numpy())
    assert np.allclose(given.areas() * gsd**2, areas, rtol=0.02)
