from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from PIL import Image
from rasterio.warp import Resampling, reproject
from rio_cogeo import cog_validate

from geomage.geo import Raster, read_raster, write_cog
from geomage.mapping import MapJob, MapResult, map_rasters
from geomage.mapping.check import check_images
from tiny_network import write_tiny_network
from tiny_town import BOX, CLOUD, GONE, GSD, HOUSES, SIDE, SIZE, paint, write_town


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_network(tmp_path_factory.mktemp("model") / "tiny.onnx")


def run(
    folder: Path, model: Path, before: Path, *after: Path, gsd: float | None = None
) -> MapResult:
    job = MapJob(before=(before,), after=after, out=folder / "out", model=model, jobs=1, gsd=gsd)
    return map_rasters(job)


def values(result: MapResult, name: str) -> np.ndarray:
    return read_raster(result.rasters[name]).values[0]


def test_every_house_is_found_and_those_gone_are_called_destroyed(
    tmp_path: Path, model: Path
) -> None:
    town = write_town(tmp_path)
    with run(tmp_path, model, town.before, town.after) as result:
        houses = result.buildings
        assert len(houses) == len(HOUSES)
        gone = range(*GONE.indices(len(HOUSES)))
        assert houses["grade"].tolist() == [4 if n in gone else 1 for n in range(len(HOUSES))]
        shares = houses[["p_none", "p_minor", "p_major", "p_destroyed"]].to_numpy()
        np.testing.assert_allclose(shares.sum(axis=1), 1)
        np.testing.assert_allclose(houses["confidence"], shares.max(axis=1))
        np.testing.assert_allclose(houses["area_m2"], (SIZE * GSD) ** 2, rtol=0.1)
        assert houses["not_analysed_reason"].isna().all()
        assert houses.crs == BOX.crs.epsg
        assert result.not_analysed.empty
        assert result.facts["run_together"]["area_share"] == 0
        assert result.facts["shift"]["dx_m"] == pytest.approx(0, abs=0.05)
        json.dumps(result.facts)
        folder = result.folder
    assert not folder.exists()


def test_rasters_are_valid_cogs_on_the_grid_of_the_first_date(tmp_path: Path, model: Path) -> None:
    town = write_town(tmp_path)
    with run(tmp_path, model, town.before, town.after) as result:
        assert set(result.rasters) == {"building", "landcover", "damage", "flood", "change"}
        for name, path in result.rasters.items():
            assert path.name == f"{name}.tif"
            assert cog_validate(str(path))[0]
            assert read_raster(path).box == BOX
        damage = values(result, "damage")
        assert set(np.unique(damage)) == {0, 1, 4}
        # One grade a building: every outline holds one value.
        row, col = HOUSES[0]
        assert set(np.unique(damage[row + 3 : row + SIZE - 3, col + 3 : col + SIZE - 3])) == {4}


def test_a_cloud_is_not_analysed_and_never_undamaged(tmp_path: Path, model: Path) -> None:
    town = write_town(tmp_path, cloud=True)
    with run(tmp_path, model, town.before, town.after) as result:
        damage, flood = values(result, "damage"), values(result, "flood")
        inner = tuple(slice(s.start + 4, s.stop - 4) for s in CLOUD)
        assert (damage[inner] == 255).all()
        assert (flood[inner] == 255).all()
        hidden = result.buildings[result.buildings["grade"] == 0]
        assert set(hidden["not_analysed_reason"]) == {"obscured at second date"}
        assert hidden[["p_none", "confidence"]].isna().all(axis=None)
        inside = [r >= CLOUD[0].start and c >= CLOUD[1].start for r, c in HOUSES]
        assert len(hidden) == sum(inside)
        assert set(result.not_analysed["reason"]) == {"obscured at second date"}
        assert (values(result, "change")[inner] == 255).all()
        for name in ("damage", "flood", "change"):
            with rasterio.open(result.rasters[name]) as dataset:
                assert dataset.nodata == 255, name
                assert (dataset.dataset_mask()[inner] == 0).all(), name
                assert dataset.dataset_mask()[0, 0] == 255, name


def test_what_the_second_image_does_not_reach_is_not_analysed(tmp_path: Path, model: Path) -> None:
    town = write_town(tmp_path)
    half = GeoBox((SIDE, 160), BOX.affine, BOX.crs)
    after = write_cog(tmp_path / "half.tif", Raster(paint()[:, :, :160], half))
    with run(tmp_path, model, town.before, after) as result:
        assert (values(result, "damage")[:, 161:] == 255).all()
        missing = result.buildings[result.buildings.geometry.centroid.x > 500000 + 80]
        assert set(missing["not_analysed_reason"]) == {"outside the second image"}
        assert (missing["grade"] == 0).all()


def test_check_and_map_count_the_same_ground(tmp_path: Path, model: Path) -> None:
    """An image in degrees lies askew in its UTM grid: corners it does not reach are no loss."""
    askew = GeoBox((200, 200), Affine(4.5e-6, 0, 85.52, 0, -4.5e-6, 27.63), "EPSG:4326")
    image = write_cog(tmp_path / "askew.tif", Raster(paint()[:, :200, :200], askew))
    job = MapJob(before=(image,), out=tmp_path / "out", model=model, jobs=1)
    found = check_images(job)
    assert found.facts["seen_first"] > 0.9995
    assert not any("holds no data" in remark for remark in found.remarks)
    with map_rasters(job) as result:
        box = read_raster(result.rasters["building"]).box
        assert (values(result, "landcover") == 0).mean() > 0.01
        assert result.not_analysed.area.sum() < 5e-4 * box.extent.geom.area


def test_one_date_maps_buildings_and_says_nothing_of_damage(tmp_path: Path, model: Path) -> None:
    town = write_town(tmp_path)
    with run(tmp_path, model, town.before) as result:
        assert set(result.rasters) == {"building", "landcover"}
        assert len(result.buildings) == len(HOUSES)
        assert set(result.buildings["not_analysed_reason"]) == {"no second image"}
        assert (result.buildings["grade"] == 0).all()


def test_a_shifted_second_date_is_moved_back(tmp_path: Path, model: Path) -> None:
    town = write_town(tmp_path)
    still = read_raster(town.before)
    astray = GeoBox(BOX.shape, Affine.translation(1.5, -1.0) @ BOX.affine, BOX.crs)
    after = write_cog(tmp_path / "astray.tif", Raster(still.values, astray))
    with run(tmp_path, model, town.before, after) as result:
        assert result.facts["run_together"]["area_share"] == 0
        assert result.facts["shift"]["dx_m"] == pytest.approx(1.5, abs=0.05)
        assert result.facts["shift"]["dy_m"] == pytest.approx(-1.0, abs=0.05)
        seen = result.buildings[result.buildings["grade"] > 0]
        assert len(seen) > 30
        assert (seen["p_none"] > 0.97).all()


def test_a_second_date_of_another_crs_grid_and_size_tells_the_same(
    tmp_path: Path, model: Path
) -> None:
    town = write_town(tmp_path)
    other = GeoBox((420, 420), Affine(4.7e-6, 0, 14.9998, 0, -3.9e-6, 36.1447), "EPSG:4326")
    after = np.zeros((3, 420, 420), "uint8")
    reproject(
        paint(gone=True),
        after,
        src_transform=BOX.affine,
        src_crs="EPSG:32633",
        dst_transform=other.affine,
        dst_crs="EPSG:4326",
        resampling=Resampling.cubic,
    )
    path = write_cog(tmp_path / "geographic.tif", Raster(after, other))
    with run(tmp_path, model, town.before, path) as result:
        seen = result.buildings[result.buildings["grade"] > 0]
        gone = seen["building_id"] <= GONE.stop
        assert len(seen) >= 30
        assert (seen["grade"][gone] == 4).all()
        assert (seen["grade"][~gone] == 1).all()


def test_a_geographic_first_date_is_mapped_in_utm(tmp_path: Path, model: Path) -> None:
    box = GeoBox((300, 300), Affine(5e-6, 0, 15.0, 0, -4.5e-6, 36.1), "EPSG:4326")
    before = write_cog(tmp_path / "b.tif", Raster(paint()[:, :300, :300], box))
    with run(tmp_path, model, before, before) as result:
        assert read_raster(result.rasters["damage"]).box.crs.epsg == 32633
        assert result.facts["grid"]["gsd_m"] == pytest.approx(0.475, rel=0.02)
        assert (result.buildings["grade"] == 1).all()
        # What the grid holds beyond the turned image is no part of the area looked at.
        assert result.not_analysed.area.sum() < 20


def test_images_without_crs_are_mapped_in_pixel_coordinates(tmp_path: Path, model: Path) -> None:
    for name, gone in (("before", False), ("after", True)):
        Image.fromarray(paint(gone=gone).transpose(1, 2, 0)).save(tmp_path / f"{name}.png")
    paths = tmp_path / "before.png", tmp_path / "after.png"
    with run(tmp_path, model, *paths, gsd=GSD) as result:
        assert len(result.buildings) == len(HOUSES)
        assert result.buildings.crs is None
        assert (result.buildings["grade"] == 4).sum() == GONE.stop
        left, bottom, right, top = result.buildings.total_bounds
        assert 0 <= left < right <= SIDE * GSD
        assert -SIDE * GSD <= bottom < top <= 0


def test_finer_pixels_than_the_model_knows_are_brought_to_its_gsd(
    tmp_path: Path, model: Path
) -> None:
    fine = GeoBox((SIDE * 4, SIDE * 4), BOX.affine @ Affine.scale(0.25), BOX.crs)
    big = paint().repeat(4, axis=1).repeat(4, axis=2)
    before = write_cog(tmp_path / "fine.tif", Raster(big, fine))
    with run(tmp_path, model, before) as result:
        assert result.facts["work_gsd_m"] == pytest.approx(0.5, rel=0.01)
        assert values(result, "building").shape == (SIDE * 4, SIDE * 4)
        assert len(result.buildings) == len(HOUSES)
        np.testing.assert_allclose(result.buildings["area_m2"], (SIZE * GSD) ** 2, rtol=0.12)


def test_several_files_of_a_date_make_one_mosaic(tmp_path: Path, model: Path) -> None:
    town = write_town(tmp_path)
    parts = []
    for name, rows in (("north", slice(0, 150)), ("south", slice(140, SIDE))):
        image = paint()[:, rows]
        box = GeoBox(image.shape[1:], BOX.affine @ Affine.translation(0, rows.start), BOX.crs)
        parts.append(write_cog(tmp_path / f"{name}.tif", Raster(image, box)))
    job = MapJob(before=tuple(parts), out=tmp_path / "o", model=model, jobs=1)
    with map_rasters(job) as mosaic, run(tmp_path, model, town.before) as whole:
        for name in ("building", "landcover"):
            np.testing.assert_array_equal(values(mosaic, name), values(whole, name))
        assert read_raster(mosaic.rasters["building"]).box == BOX
