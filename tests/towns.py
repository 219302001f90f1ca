"""Small towns and stages that many tests look at, grown once; hashes of what is on disk."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from geomage.render import Stage
from geomage.world import City, CityParams, grow_city


@cache
def town(style: str = "suburb", seed: int = 0, size_m: float = 128.0) -> City:
    """A grown town. Shared between tests: look, do not touch."""
    return grow_city(CityParams(size_m, style, seed))


def plain_town(size_m: float = 140.0, *, houses: int = 1, side_m: float = 24.0) -> City:
    """Level bare ground with white flat houses in a row, far apart, and nothing else."""
    model = town("centre", 0, size_m)
    west, south = model.dtm.box.boundingbox.left, model.dtm.box.boundingbox.bottom
    middle = [west + size_m * (i + 1) / (houses + 1) for i in range(houses)]
    shapes = [
        shapely.box(*(x - side_m / 2, south + (size_m - side_m) / 2),
                    *(x + side_m / 2, south + (size_m + side_m) / 2))
        for x in middle
    ]  # fmt: skip
    white = {"red": 0.8, "green": 0.8, "blue": 0.8}
    building = {
        "use": "residential", "plan": "box", "storeys": 2, "height": 6.0, "typology": "timber",
        "material": "membrane", "wall": 0.4, "floor_area": 2 * side_m**2, "occupants_day": 10.0,
        "occupants_night": 25.0, "vulnerability": "D", **white,
    }  # fmt: skip
    roof = {
        "form": "flat", "angle": 0.0, "length": side_m, "width": side_m, "eave": 6.0,
        "ridge": 6.0, "boxed": 1,
    }  # fmt: skip
    ids = range(1, houses + 1)
    ground = {
        "kind": "asphalt", "layer": 0, "angle": 0.0, "pitch": 0.0,
        "red": 0.1, "green": 0.1, "blue": 0.1,
    }  # fmt: skip
    crs = model.buildings.crs
    square = shapely.box(west, south, west + size_m, south + size_m)
    nothing = {
        name: getattr(model, name).iloc[:0]
        for name in ("streets", "water", "trees", "vehicles", "objects")
    }
    level = type(model.dtm)(np.ones_like(model.dtm.values), model.dtm.box, None, ("height",))
    return City(
        params=model.params,
        dtm=level,
        buildings=gpd.GeoDataFrame(
            [{"building_id": i} | building for i in ids], geometry=shapes, crs=crs
        ),
        roofs=gpd.GeoDataFrame([{"building_id": i} | roof for i in ids], geometry=shapes, crs=crs),
        blocks=model.blocks,
        parcels=model.parcels,
        land=gpd.GeoDataFrame([ground], geometry=[square], crs=crs),
        **nothing,
    )


def stage(
    height: np.ndarray, *, px: float = 0.5, albedo: float = 0.3, ground: np.ndarray | None = None
) -> Stage:
    """A stage with no matter but one albedo; what stands is one building."""
    rows, columns = height.shape
    zero = np.zeros(height.shape, np.float32)
    ids = (height > 0).astype(np.int32)
    return Stage(
        box=GeoBox((rows, columns), Affine(px, 0, 0, 0, -px, rows * px), "EPSG:32631"),
        ground=zero if ground is None else ground.astype(np.float32),
        height=height.astype(np.float32),
        albedo=np.full((3, rows, columns), albedo, np.float32),
        cover=np.where(ids > 0, 8, 1).astype(np.uint8),
        ids=ids,
        footprint=ids,
        water=zero.astype(np.uint8),
        changed=zero.astype(np.uint8),
        wall=np.array([0.4, 0.4], np.float32),
        storey=np.array([2.9, 2.9], np.float32),
        flood_depth=zero,
        matter=np.zeros(height.shape, np.uint8),
    )


def folder_hashes(folder: Path) -> dict[str, str]:
    """sha256 of every file below a folder, by its path there."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def table_bytes(frame: gpd.GeoDataFrame) -> bytes:
    """Everything a layer says, as bytes."""
    shapes = b"".join(shapely.to_wkb(frame.geometry.to_numpy()))
    return shapes + frame.drop(columns="geometry").to_csv(float_format="%.17g").encode()
