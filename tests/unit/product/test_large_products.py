"""A product of 40,000 x 40,000 px, most of it absent: made and scored in bounded memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

MOST_MB = 400  # above what is there before the work; one raster of the product has 1,600 MB

WORK = """
import json, resource, sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
import geopandas as gpd, numpy as np, rasterio, shapely
from affine import Affine
from rasterio.windows import Window
from geomage.product import product_paths, score_product, write_product

place, SIDE, CRS = Path(sys.argv[1]), 40_000, "EPSG:32633"
AT = Affine(0.5, 0, 400_000, 0, -0.5, 5_000_000)
PROFILE = {
    "driver": "GTiff", "width": SIDE, "height": SIDE, "crs": CRS, "transform": AT, "tiled": True,
    "blockxsize": 512, "blockysize": 512, "compress": "deflate", "sparse_ok": True,
    "dtype": "uint8",
}
# a house of 20 px at each of three places; the flood around the second lies over seams of tiles
HOUSES = [(5_000, 6_000), (20_470, 20_470), (30_000, 39_000)]


def sparse(name, value, nodata=None, count=1, side=20, grow=0):
    with rasterio.open(place / name, "w", **PROFILE, count=count, nodata=nodata) as dataset:
        for row, col in HOUSES:
            window = Window(col - grow, row - grow, side + 2 * grow, side + 2 * grow)
            shape = (count, window.height, window.width)
            dataset.write(np.full(shape, value, "uint8"), window=window)
    return place / name


@dataclass(frozen=True)
class Run:
    rasters: object
    buildings: object
    not_analysed: object
    facts: object


shapes = [shapely.box(*(AT @ (c, r + 20)), *(AT @ (c + 20, r))) for r, c in HOUSES]
frame = gpd.GeoDataFrame(
    {"building_id": [1, 2, 3], "grade": 4, "p_none": 0.02, "p_minor": 0.03, "p_major": 0.05,
     "p_destroyed": 0.9, "not_analysed_reason": None},
    geometry=shapes, crs=CRS,
)
nothing = gpd.GeoDataFrame({"reason": np.zeros(0, object)}, geometry=[], crs=CRS)
rasters = {
    "building": sparse("b.tif", 255), "landcover": sparse("l.tif", 8, 0),
    "damage": sparse("d.tif", 4, 255), "flood": sparse("f.tif", 1, 255, grow=40),
    "change": sparse("c.tif", 200, 255),
}
image, labels = sparse("image.tif", 120, 0, count=3, grow=300), sparse("labels.tif", 4)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
write_product(
    Run(rasters, frame, nothing, {}), place / "out", before_paths=[image], after_paths=[image],
    created=datetime(2026, 1, 1, tzinfo=UTC),
)
score = score_product(place / "out", labels).as_dict()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
flood = gpd.read_file(place / "out/products.gpkg", layer="observedEventA")
summary = json.loads((place / "out/summary.json").read_text())
print(json.dumps({
    "grown_mb": (peak - before) / 1024, "score": score, "floods": len(flood),
    "corners": [len(shape.exterior.coords) for shape in flood.geometry],
    "landcover": summary["landcover"], "flood": summary["flood"],
}))
"""


def test_a_large_sparse_product_is_made_and_scored_in_bounded_memory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WORK, str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
    )
    said = json.loads(done.stdout)
    assert said["grown_mb"] < MOST_MB
    assert said["score"]["buildings"]["found"] == 3
    assert said["score"]["damage"]["all"]["macro_f1"] == 1
    pixels = said["score"]["building_pixels"]
    assert (pixels["tp"], pixels["fp"], pixels["fn"]) == (1200, 0, 0)
    assert (said["floods"], said["corners"]) == (3, [5, 5, 5])  # no corner where tiles meet
    assert abs(said["landcover"]["building"] / 300 - 1) < 0.01
    assert abs(said["flood"]["flooded"] / 7500 - 1) < 0.01
    assert abs(said["flood"]["not analysed"] / 4e8 - 1) < 0.01
