"""An extent cut from a larger raster: inside, the pixels and buildings of the whole map."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from odc.geo.geobox import GeoBox
from scipy import ndimage

from geomage.errors import InputError
from geomage.geo import read_raster
from geomage.mapping import Extent, MapJob, map_rasters, read_extent
from geomage.mapping.forecast import forecast
from geomage.model import load_model
from large_town import town_job


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> MapJob:
    return town_job(tmp_path_factory.mktemp("town"))


def bounds(job: MapJob, shares: tuple[float, float, float, float]) -> Extent:
    """Left, bottom, right, top as shares of the first image."""
    box = read_raster(job.before[0]).box.boundingbox
    left, bottom, right, top = shares
    return Extent(
        box.left + left * box.span_x, box.bottom + bottom * box.span_y,
        box.left + right * box.span_x, box.bottom + top * box.span_y,
    )  # fmt: skip


@pytest.mark.parametrize("gsd", [0.5, 0.25], ids=["grid of the model", "finer"])
def test_an_extent_holds_what_the_whole_map_holds_there(tmp_path: Path, gsd: float) -> None:
    job = town_job(tmp_path, gsd)
    extent = bounds(job, (0.16, 0.31, 0.57, 0.78))
    inside = shapely.box(*extent.bounds)
    with (
        map_rasters(job) as whole,
        map_rasters(replace(job, extent=extent, out=tmp_path / "part")) as part,
    ):
        assert part.facts["windows"]["run"] < whole.facts["windows"]["run"]
        box = read_raster(part.rasters["building"]).box
        assert box.extent.geom.covers(inside.buffer(-1e-6))
        assert box.extent.geom.area < 1.05 * inside.area
        small = {name: read_raster(path).values[0] for name, path in part.rasters.items()}
        large = {name: cut(whole.rasters[name], box) for name in small}
        on_border = hangs_on_border(large["building"], job)
        for name, values in small.items():
            differ = large[name] != values
            assert not (differ & ~on_border if name == "damage" else differ).any(), name
        mine, theirs = (free(one.buildings, box, on_border) for one in (part, whole))
    assert len(theirs) > 20
    assert 0 < on_border.mean() < 0.2
    assert mine.to_json() == theirs.to_json()


def cut(path: Path, box: GeoBox) -> np.ndarray:
    """The pixels of a raster that lie on another grid of the same pixels."""
    raster = read_raster(path)
    col, row = map(round, ~raster.box.affine @ box.affine @ (0, 0))
    return raster.values[0, row : row + box.shape[0], col : col + box.shape[1]]


def hangs_on_border(building: np.ndarray, job: MapJob) -> np.ndarray:
    """(y, x) bool: buildings, and what hangs together with them, that touch the border."""
    labels, _ = ndimage.label(
        building >= round(load_model(job.model, 1).card.building_threshold * 255)
    )
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    return ndimage.binary_fill_holes(np.isin(labels, rim[rim > 0]))


def free(buildings: gpd.GeoDataFrame, box: GeoBox, on_border: np.ndarray) -> gpd.GeoDataFrame:
    """Buildings on a grid that do not hang on its border, by place."""
    at = buildings.geometry.representative_point()
    cols, rows = np.floor(~box.affine @ np.array([at.x, at.y])).astype(int)
    here = (rows >= 0) & (cols >= 0) & (rows < box.shape[0]) & (cols < box.shape[1])
    here[here] = ~on_border[rows[here], cols[here]]
    some = buildings[here].drop(columns="building_id")
    return some.iloc[np.lexsort((at.x[here], at.y[here]))].reset_index(drop=True)


def test_an_extent_may_come_in_another_crs_and_is_said_in_the_forecast(job: MapJob) -> None:
    extent = bounds(job, (0.0, 0.5, 0.5, 1.0))
    crs = read_raster(job.before[0]).box.crs
    lonlat = gpd.GeoSeries([shapely.box(*extent.bounds)], crs=crs.to_wkt()).to_crs(4326)
    told = Extent(*lonlat.total_bounds.tolist(), "EPSG:4326")
    whole, part, other = (forecast(replace(job, extent=one)) for one in (None, extent, told))
    assert part.pixels == pytest.approx(whole.pixels / 4, rel=0.03)
    assert other.pixels == pytest.approx(part.pixels, rel=0.05)
    assert part.model.tiles < whole.model.tiles
    assert whole.plausibility is None  # nobody knows what this model has learnt
    assert part.disk_bytes < whole.disk_bytes / 3


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ((0.6, 0.2, 0.4, 0.8), "left of right"),
        ((1.5, 0.2, 1.8, 0.8), "does not touch the first date"),
        ((math.nan, 0.2, 0.5, 0.8), "left of right"),
        ((0.1, 0.2, math.inf, 0.8), "left of right"),
    ],
)
def test_an_extent_that_cannot_be_mapped_is_refused(job: MapJob, shares, said: str) -> None:
    with pytest.raises(InputError, match=said):
        map_rasters(replace(job, extent=bounds(job, shares)))


@pytest.mark.parametrize(
    "where", [Extent(-1e300, 0, 1e300, 5, "EPSG:4326"), Extent(200, 95, 210, 99, "EPSG:4326")]
)
def test_an_extent_beyond_the_earth_is_refused(job: MapJob, where: Extent) -> None:
    with pytest.raises(InputError, match=r"give left|has no place"):
        map_rasters(replace(job, extent=where))


def test_an_extent_is_four_numbers_or_the_bounds_of_a_file(tmp_path: Path) -> None:
    assert read_extent("-3.5,1,2e1,4").bounds == (-3.5, 1.0, 20.0, 4.0)
    path = tmp_path / "area.geojson"
    gpd.GeoSeries([shapely.Point(3, 4).buffer(1)], crs=4326).to_file(path)
    told = read_extent(str(path))
    assert told.bounds == pytest.approx((2, 3, 4, 5))
    assert told.crs is not None
    for wrong in ("1,2,3", "1,2,3,x", str(tmp_path), str(tmp_path / "none.gpkg"), "", "x" * 5000):
        with pytest.raises(InputError, match="neither a file nor four numbers"):
            read_extent(wrong)
    empty = tmp_path / "empty.gpkg"
    gpd.GeoDataFrame({"n": [1]}, geometry=[None], crs=4326).to_file(empty)
    with pytest.raises(InputError, match="no feature with a place"):
        read_extent(str(empty))
