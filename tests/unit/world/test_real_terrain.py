"""A town grown on a real terrain model stands where that lies, on its heights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import rasterio
import shapely
from pyproj import Transformer
from rasterio.transform import from_origin

from geomage.errors import InputError
from geomage.world import CityParams, choose_site, grow_city, read_city, write_city
from geomage.world.grow import grow_tile

MIDDLE = 600_000.0, 4_500_000.0  # metres in EPSG:32633


def write_plane(path, *, gsd=10.0, side=1000.0, slope=0.05, crs="EPSG:32633"):
    """A plane that rises to the east, about the middle; its height there is 300 m."""
    n = int(side / gsd)
    x = (np.arange(n) + 0.5) * gsd - side / 2
    heights = np.repeat((300 + slope * x)[None], n, 0).astype(np.float32)
    corner = MIDDLE[0] - side / 2, MIDDLE[1] + side / 2
    with rasterio.open(
        path, "w", driver="GTiff", width=n, height=n, count=1, dtype="float32", crs=crs,
        transform=from_origin(*corner, gsd, gsd), nodata=-9999,
    ) as file:  # fmt: skip
        file.write(heights, 1)
    return path


@pytest.fixture
def plane(tmp_path):
    return write_plane(tmp_path / "plane.tif")


def grown(path, size=240.0, style="suburb", seed=3, at=None):
    site, _ = choose_site(path, size, at)
    return CityParams(size, style, seed, site)


def test_the_town_stands_in_the_middle_of_the_model_on_its_heights(plane):
    town = grow_city(grown(plane))
    box = town.dtm.box
    west, south, east, north = box.boundingbox.bbox
    assert ((west + east) / 2, (south + north) / 2) == pytest.approx(MIDDLE, abs=2)
    assert box.crs.epsg == 32633
    assert all(layer.crs.to_epsg() == 32633 for layer in (town.buildings, town.streets, town.trees))
    assert shapely.box(*box.boundingbox.bbox).contains(town.buildings.union_all())
    x = west + (np.arange(box.shape.x) + 0.5) * 2
    dug = town.water.union_all().buffer(4)
    row = box.shape.y // 2
    dry = ~shapely.contains_xy(dug, x, np.full(len(x), north - 2 * row - 1))
    np.testing.assert_allclose(
        town.dtm.values[0, row, dry], 300 + 0.05 * (x[dry] - MIDDLE[0]), atol=0.02
    )


def test_the_town_stands_where_it_is_told(plane):
    there = Transformer.from_crs("EPSG:32633", "EPSG:4326", always_xy=True)
    at = there.transform(MIDDLE[0] + 200, MIDDLE[1] - 150)
    west, south, east, north = grow_city(grown(plane, at=at)).dtm.box.boundingbox.bbox
    assert (west + east) / 2 == pytest.approx(MIDDLE[0] + 200, abs=2)
    assert (south + north) / 2 == pytest.approx(MIDDLE[1] - 150, abs=2)


def test_a_part_grown_alone_has_the_terrain_of_the_whole(plane):
    params = grown(plane, size=300.0)
    whole, part = grow_city(params), grow_tile(params, shapely.box(100, 40, 200, 140))
    rows = slice((300 - 140) // 2, (300 - 40) // 2)
    np.testing.assert_array_equal(part.dtm.values, whole.dtm.values[:, rows, 50:100])
    inside = whole.buildings[
        whole.buildings.intersects(shapely.box(*part.dtm.box.boundingbox.bbox))
    ]
    found = shapely.normalize(part.buildings.geometry.to_numpy())
    of = shapely.normalize(inside.geometry.to_numpy())
    assert set(shapely.to_wkb(found)) <= set(shapely.to_wkb(of))
    assert len(found)


@pytest.mark.parametrize("seed", range(6))
def test_no_river_and_no_coast_is_made_up(plane, seed):
    town = grow_city(grown(plane, style="harbour", seed=seed))
    assert not set(town.water["kind"]) & {"river", "sea"}


def test_its_folder_says_what_it_stands_on(plane, tmp_path):
    town = grow_city(grown(plane))
    write_city(town, tmp_path / "town")
    again = read_city(tmp_path / "town")
    assert again.params.site.dtm == town.params.site.dtm
    assert again.params.site.dtm.name == "plane.tif"
    assert again.params.site.origin == town.params.site.origin
    assert again.buildings.geometry.geom_equals(town.buildings.geometry).all()
    with pytest.raises(InputError, match=r"stands on plane\.tif"):
        grow_city(replace(again.params, seed=4))


def test_a_model_in_degrees_is_brought_to_metres(tmp_path):
    path = tmp_path / "degrees.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=60, height=60, count=1, dtype="int16", crs="EPSG:4326",
        transform=from_origin(55.4, -21.0, 0.0003, 0.0003),
    ) as file:  # fmt: skip
        file.write(np.full((60, 60), 700, np.int16), 1)
    site, remarks = choose_site(path, 300.0)
    assert site.crs == "EPSG:32740"
    assert "geographic" in remarks[0]
    assert np.all(
        grow_tile(CityParams(300.0, "suburb", 0, site), shapely.box(0, 0, 8, 8)).dtm.values == 700
    )


def test_a_model_that_does_not_cover_the_town_is_refused(plane, tmp_path):
    with pytest.raises(InputError, match="covers 25% of the city"):
        choose_site(plane, 2000.0)
    with pytest.raises(InputError, match="covers 0% of the city"):
        choose_site(plane, 200.0, (0.0, 0.0))
    nowhere = write_plane(tmp_path / "nowhere.tif", crs=None)
    with pytest.raises(InputError, match="no CRS"):
        choose_site(nowhere, 200.0)


def test_real_mountains_carry_a_town(data_dir):
    site, _ = choose_site(data_dir / "dem/srtm_ref.tif", 400.0)
    town = grow_city(CityParams(400.0, "suburb", 1, site))
    with rasterio.open(data_dir / "dem/srtm_ref.tif") as source:
        rows, columns = source.height // 2, source.width // 2
        near = source.read(1)[rows - 8 : rows + 8, columns - 8 : columns + 8]
    assert near.min() - 5 < town.dtm.values.min() <= town.dtm.values.max() < near.max() + 5
    assert len(town.buildings) > 5


def test_no_pond_is_dug_into_a_slope(tmp_path):
    steep = write_plane(tmp_path / "steep.tif", slope=0.4)
    town = grow_city(grown(steep, size=400.0, style="garden", seed=0))
    down, along = np.gradient(town.dtm.values[0].astype(float), 2.0)
    assert np.hypot(down, along).max() < 0.6
    assert choose_site(steep, 400.0)[1] == (
        "the ground slopes 40% on average: the plan of the town ignores it",
    )


def test_a_photograph_is_no_terrain_model(tmp_path):
    path = tmp_path / "photo.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=50, height=50, count=3, dtype="uint8", crs="EPSG:32633",
        transform=from_origin(*MIDDLE, 10, 10),
    ) as file:  # fmt: skip
        file.write(np.full((3, 50, 50), 90, np.uint8))
    with pytest.raises(InputError, match="has 3 bands: a terrain model has one"):
        choose_site(path, 200.0)


@pytest.mark.parametrize("void", [-32768, -9999, np.nan, np.inf])
def test_a_void_that_no_tag_names_has_no_say_in_what_lies_beside_it(tmp_path, void):
    path = write_plane(tmp_path / "void.tif")
    with rasterio.open(path, "r+") as file:
        heights = file.read(1)
        file.nodata = -1.0
        heights[50, 48:50] = void
        file.write(heights, 1)
    assert "had no height" in choose_site(path, 240.0)[1][-1]
    terrain = grow_tile(grown(path), shapely.box(0, 0, 240, 240)).dtm.values
    assert 290 < terrain.min() < terrain.max() < 310


def test_scale_and_feet_of_a_file_are_heeded(plane, tmp_path):
    whole = grow_tile(grown(plane), shapely.box(0, 0, 40, 40)).dtm.values
    for name, stored, scale, unit in (
        ("decimetres.tif", 10.0, 0.1, "metre"),
        ("feet.tif", 1 / 0.3048, 1.0, "ft"),
    ):
        path = write_plane(tmp_path / name)
        with rasterio.open(path, "r+") as file:
            file.write(file.read(1) * np.float32(stored), 1)
            file.scales, file.units = (scale,), (unit,)
        found = grow_tile(grown(path), shapely.box(0, 0, 40, 40)).dtm.values
        np.testing.assert_allclose(found, whole, atol=0.01)


def test_a_place_on_no_earth_is_refused(tmp_path):
    for crs in ('LOCAL_CS["site",UNIT["metre",1]]', "+proj=longlat +R=1737400 +no_defs"):
        path = write_plane(tmp_path / "nowhere.tif", crs=crs)
        with pytest.raises(InputError, match=r"no way from the CRS|neither projected"):
            choose_site(path, 200.0)
