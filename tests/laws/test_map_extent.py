"""An extent cut from a larger raster: inside, the pixels and buildings of the whole map."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geomage.errors import InputError
from geomage.geo import read_raster
from geomage.mapping import Extent, MapJob, map_rasters, read_extent
from geomage.mapping.forecast import forecast
from large_town import write_large_town, write_network


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> MapJob:
    place = tmp_path_factory.mktemp("town")
    town = write_large_town(place)
    model = write_network(place / "tiny.onnx")
    return MapJob(before=(town.before,), after=(town.after,), out=place / "out", model=model)


def bounds(job: MapJob, shares: tuple[float, float, float, float]) -> Extent:
    """Left, bottom, right, top as shares of the first image."""
    box = read_raster(job.before[0]).box.boundingbox
    left, bottom, right, top = shares
    return Extent(
        box.left + left * box.span_x, box.bottom + bottom * box.span_y,
        box.left + right * box.span_x, box.bottom + top * box.span_y,
    )  # fmt: skip


def test_an_extent_holds_what_the_whole_map_holds_there(job: MapJob, tmp_path: Path) -> None:
    extent = bounds(job, (0.23, 0.31, 0.64, 0.78))
    inside = shapely.box(*extent.bounds)
    with map_rasters(job) as whole, map_rasters(
        replace(job, extent=extent, out=tmp_path / "part")
    ) as part:  # fmt: skip
        assert part.facts["windows"]["run"] < whole.facts["windows"]["run"]
        mine = part.buildings[part.buildings.within(inside.buffer(-1))]
        theirs = whole.buildings[whole.buildings.within(inside.buffer(-1))]
        # Houses that stand wall to wall with one on the border may be cut apart otherwise.
        alone = mine["geometry"].isin(theirs["geometry"])
        assert len(theirs) > 20
        assert alone.mean() > 0.9
        columns = ["grade", "p_none", "p_destroyed", "confidence", "not_analysed_reason"]
        same = theirs.set_index("geometry").loc[mine[alone]["geometry"], columns]
        assert same.reset_index(drop=True).equals(mine[alone][columns].reset_index(drop=True))
        for name, path in part.rasters.items():
            small, large = read_raster(path), read_raster(whole.rasters[name])
            col, row = ~large.box.affine @ small.box.affine @ (0, 0)
            rows, cols = small.values.shape[1:]
            cut = large.values[:, round(row) : round(row) + rows, round(col) : round(col) + cols]
            if name == "damage":  # the same for a building that the border leaves whole
                assert (cut == small.values).mean() > 0.97
            else:
                np.testing.assert_array_equal(cut, small.values, err_msg=name)
            assert small.box.extent.geom.covers(inside.buffer(-1e-6))
            assert small.box.extent.geom.area < 1.05 * inside.area


def test_an_extent_may_come_in_another_crs_and_is_said_in_the_forecast(job: MapJob) -> None:
    extent = bounds(job, (0.0, 0.5, 0.5, 1.0))
    crs = read_raster(job.before[0]).box.crs
    lonlat = gpd.GeoSeries([shapely.box(*extent.bounds)], crs=crs.to_wkt()).to_crs(4326)
    told = Extent(*lonlat.total_bounds.tolist(), "EPSG:4326")
    whole, part, other = (forecast(replace(job, extent=one)) for one in (None, extent, told))
    assert part.pixels == pytest.approx(whole.pixels / 4, rel=0.03)
    assert other.pixels == pytest.approx(part.pixels, rel=0.05)
    assert part.tiles < whole.tiles
    assert part.disk_bytes < whole.disk_bytes / 3


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ((0.6, 0.2, 0.4, 0.8), "left of right"),
        ((1.5, 0.2, 1.8, 0.8), "does not touch the first date"),
        ((math.nan, 0.2, 0.5, 0.8), "left of right"),
    ],
)
def test_an_extent_that_cannot_be_mapped_is_refused(job: MapJob, shares, said: str) -> None:
    with pytest.raises(InputError, match=said):
        map_rasters(replace(job, extent=bounds(job, shares)))


def test_an_extent_is_four_numbers_or_the_bounds_of_a_file(tmp_path: Path) -> None:
    assert read_extent("-3.5,1,2e1,4").bounds == (-3.5, 1.0, 20.0, 4.0)
    path = tmp_path / "area.geojson"
    gpd.GeoSeries([shapely.Point(3, 4).buffer(1)], crs=4326).to_file(path)
    told = read_extent(str(path))
    assert told.bounds == pytest.approx((2, 3, 4, 5))
    assert told.crs is not None
    for wrong in ("1,2,3", "1,2,3,x", str(tmp_path), str(tmp_path / "none.gpkg"), ""):
        with pytest.raises(InputError, match="neither a file nor four numbers"):
            read_extent(wrong)
