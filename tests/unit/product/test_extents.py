"""Extents: areas that do not hang on the CRS, no specks, no holes of a pixel, water apart."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Geod

from geomage.geo import Raster, ground_gsd, read_vectors, write_cog
from geomage.product import Order, extents
from geomage.product.extents import FLOODED, PERMANENT, debris_extent, water_extent
from toy_run import UTM

NORTH = 60.0
METRIC = GeoBox((400, 400), Affine(1, 0, 500_000.0, 0, -1, 6_651_600.0), "EPSG:32632")


def lake(box: GeoBox, radius_m: float = 150.0) -> np.ndarray:
    """(y, x) 1 within a circle on the ground in the middle of a grid."""
    rows, cols = (int(size) for size in box.shape)
    centre = gpd.GeoSeries.from_xy([500_200], [6_651_400], crs=32632).buffer(radius_m, 128)
    inside = centre.to_crs(box.crs.to_wkt()).iloc[0]
    x, y = box.affine @ np.meshgrid(np.arange(cols) + 0.5, np.arange(rows) + 0.5)
    return shapely.contains_xy(inside, x, y).astype(np.uint8)


def degrees() -> GeoBox:
    """A grid in degrees over the same ground, with pixels of about a metre."""
    west, south, east, north = (
        gpd.GeoSeries([METRIC.extent.geom], crs=32632).to_crs(4326).total_bounds
    )
    shape = (420, 420)
    step = (east - west) / shape[1], (north - south) / shape[0]
    return GeoBox(shape, Affine(step[0], 0, west, 0, -step[1], north), "EPSG:4326")


def raster(folder: Path, values: np.ndarray, box: GeoBox = METRIC, name: str = "flood") -> Path:
    """A raster of classes."""
    return write_cog(folder / f"{name}.tif", Raster(values[None], box, nodata=255))


def test_areas_agree_between_degrees_and_utm_at_60_north(tmp_path: Path) -> None:
    found = [
        water_extent(raster(tmp_path, lake(box), box, name), FLOODED)
        for name, box in (("utm", METRIC), ("degrees", degrees()))
    ]
    assert [len(one) for one in found] == [1, 1]
    one, two = (float(each["area_m2"].iloc[0]) for each in found)
    assert one == pytest.approx(two, rel=5e-3)
    assert one == pytest.approx(np.pi * 150**2 * (ground_gsd(METRIC)) ** 2, rel=5e-3)
    rim = found[1].geometry.iloc[0]
    exact = abs(Geod(ellps="WGS84").geometry_area_perimeter(rim)[0])
    assert two == pytest.approx(exact, rel=1e-5)


def test_specks_threads_and_holes_of_a_few_pixels_are_gone(tmp_path: Path) -> None:
    values = lake(METRIC)
    whole = float(water_extent(raster(tmp_path, values, name="whole"), FLOODED)["area_m2"].iloc[0])
    values[200:203, 200:203] = 0  # a hole of 9 m2
    values[5:11, 5:11] = 1  # 36 m2
    values[5:300, 390:392] = 1  # 590 m2, two metres wide
    found = water_extent(raster(tmp_path, values), FLOODED)
    assert len(found) == 1
    assert len(found.geometry.iloc[0].interiors) == 0
    assert found["area_m2"].iloc[0] == pytest.approx(whole)
    values[180:220, 180:220] = 0  # an island stays
    island = water_extent(raster(tmp_path, values, name="island"), FLOODED)
    assert len(island.geometry.iloc[0].interiors) == 1


def test_lasting_water_is_apart_from_the_flood(tmp_path: Path) -> None:
    values = lake(METRIC)
    values[:, :200] *= PERMANENT
    path = raster(tmp_path, values)
    flooded, lasting = (water_extent(path, kind) for kind in (FLOODED, PERMANENT))
    assert flooded["area_m2"].sum() == pytest.approx(lasting["area_m2"].sum(), rel=0.02)
    assert flooded.union_all().intersection(lasting.union_all()).area < 300  # along the cut
    assert len(water_extent(path, 7)) == 0


def test_tiles_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = raster(tmp_path, lake(METRIC))
    whole = water_extent(path, FLOODED)
    monkeypatch.setattr(extents, "_SIDE", 64)
    tiled = water_extent(path, FLOODED)
    assert len(tiled) == 1
    assert tiled["area_m2"].iloc[0] == pytest.approx(whole["area_m2"].iloc[0], rel=1e-3)


def test_debris_lies_near_what_was_destroyed_and_not_under_water(tmp_path: Path) -> None:
    change = np.full((400, 400), 200, np.uint8)
    flood = np.zeros((400, 400), np.uint8)
    flood[:, :100] = 1
    paths = {"change": raster(tmp_path, change, name="change"), "flood": raster(tmp_path, flood)}
    shapes = [shapely.box(500_095, 6_651_300, 500_105, 6_651_310),
              shapely.box(500_300, 6_651_300, 500_310, 6_651_310)]  # fmt: skip
    words = {"damage_gra": ["Destroyed", "Damaged"]}
    found = debris_extent(paths, gpd.GeoDataFrame(words, geometry=shapes, crs=32632))
    assert len(found) == 1
    dry = shapes[0].buffer(20).intersection(shapely.box(500_100, 0, 600_000, 9e6))
    assert found.geometry.iloc[0].symmetric_difference(dry).area < 0.05 * dry.area
    still = raster(tmp_path, change * 0 + 255, name="unknown")
    unknown = debris_extent(
        {**paths, "change": still}, gpd.GeoDataFrame(words, geometry=shapes, crs=32632)
    )
    assert len(unknown) == 0


@pytest.mark.parametrize(("event", "sought"), [("storm", True), ("flood", False), (None, False)])
def test_a_product_seeks_debris_of_storms_alone(make_product, event, sought) -> None:
    paths = make_product(order=Order(event_type=event))
    record = json.loads(paths.summary.read_text())["extents"]
    assert (record["debris"] is not None) == sought
    assert record["flooded"]["area_m2"] == pytest.approx(200, rel=2e-3)
    assert record["flooded"]["share_of_analysed"] == pytest.approx(
        200 / record["analysed_m2"], abs=1e-4
    )
    assert "--event-type fire" in record["left_out"]["burnt"]
    assert record["burnt"] is None
    assert len(read_vectors(paths.vectors, "hydrographyA")) == 0


def test_one_date_has_no_extents(make_product) -> None:
    record = json.loads(make_product(UTM, dates=1).summary.read_text())["extents"]
    assert record["flooded"] is record["permanent_water"] is record["debris"] is None
