"""Images that are unusual but right: they are accepted, by a rule that is stated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

from geomage.geo import Raster, read_raster, write_cog
from geomage.mapping import MapJob, MapResult, map_rasters
from tiny_network import write_tiny_network
from tiny_town import BOX, HOUSES, SIDE, paint, write_town


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_network(tmp_path_factory.mktemp("model") / "tiny.onnx")


def run(folder: Path, model: Path, *images: Path, gsd: float | None = None) -> MapResult:
    dates = {"before": images[:1], "after": images[1:]}
    out = folder / f"{images[0].stem}_out"  # each is held while its result is in use
    return map_rasters(MapJob(**dates, out=out, model=model, jobs=1, gsd=gsd))


@pytest.mark.parametrize(
    "stored",
    [
        (paint() * 13.0).astype("uint16"),
        (paint() * 13.0 - 500).astype("int16"),
        (paint() / 255).astype("float32"),
        (paint() / 255).astype("float64"),
    ],
    ids=lambda values: str(values.dtype),
)
def test_other_types_are_scaled_and_the_rule_is_stated(
    tmp_path: Path, model: Path, stored: np.ndarray
) -> None:
    path = write_cog(tmp_path / "b.tif", Raster(stored, BOX))
    with run(tmp_path, model, path, path) as result:
        assert len(result.buildings) == len(HOUSES)
        assert (result.buildings["grade"] == 1).all()
        assert "percentile" in result.facts["stretch"]["before"]


@pytest.mark.parametrize("nodata", [None, -9999.0])
def test_nan_is_no_data(tmp_path: Path, model: Path, nodata: float | None) -> None:
    spoilt = paint().astype("float32")
    spoilt[:, :, :100] = np.nan
    before = write_cog(tmp_path / "b.tif", Raster(paint().astype("float32"), BOX))
    after = write_cog(tmp_path / "a.tif", Raster(spoilt, BOX, nodata))
    with run(tmp_path, model, before, after) as result:
        damage = read_raster(result.rasters["damage"]).values[0]
        assert (damage[:, :99] == 255).all()
        assert (damage[:, 102:] != 255).all()
        hidden = result.buildings[result.buildings["grade"] == 0]
        assert set(hidden["not_analysed_reason"]) == {"no data at second date"}
    with run(tmp_path, model, after) as result:
        assert (read_raster(result.rasters["landcover"]).values[0, :, :99] == 0).all()
        assert set(result.not_analysed["reason"]) == {"no data at first date"}


@pytest.mark.parametrize(
    ("kind", "fill"),
    [
        ("float64", 1e300),  # more than a float32 holds
        ("float32", 1e31),
        ("float64", 3.4e38),
        ("float32", -3.4028234e38),
        ("float32", np.inf),
        ("float64", -np.inf),
    ],
)
def test_numbers_that_no_sensor_measures_are_no_data(
    tmp_path: Path, model: Path, kind: str, fill: float
) -> None:
    spoilt = paint().astype(kind)
    spoilt[:, :, :100] = fill
    before = write_cog(tmp_path / "b.tif", Raster(paint().astype(kind), BOX))
    after = write_cog(tmp_path / "a.tif", Raster(spoilt, BOX))
    with run(tmp_path, model, before, after) as result:
        damage = read_raster(result.rasters["damage"]).values[0]
        assert (damage[:, :99] == 255).all()
        assert (damage[:, 102:] != 255).all()
    with run(tmp_path, model, after) as result:
        assert set(result.not_analysed["reason"]) == {"no data at first date"}


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("factor", [1e-25, 1e27, -1e27])
def test_large_and_small_numbers_are_scaled_without_overflow(
    tmp_path: Path, model: Path, kind: str, factor: float
) -> None:
    stored = (paint() * factor).astype(kind)
    stored[:, 5, 5] = 9e29  # the largest that counts as measured, far outside the percentiles
    path = write_cog(tmp_path / "b.tif", Raster(stored, BOX))
    with run(tmp_path, model, path, path) as result:
        assert result.not_analysed.empty
        if factor > 0:
            assert len(result.buildings) >= len(HOUSES)


def with_alpha(path: Path) -> Path:
    profile = {"driver": "GTiff", "count": 4, "height": SIDE, "width": SIDE, "dtype": "uint8"}
    alpha = np.full((SIDE, SIDE), 255, "uint8")
    alpha[:, :100] = 0
    with rasterio.open(
        path, "w", crs="EPSG:32633", transform=BOX.affine, photometric="RGB", alpha="YES", **profile
    ) as dataset:
        dataset.write(np.concatenate([paint(), alpha[None]]))
    return path


def with_mask(path: Path) -> Path:
    mask = np.ones((SIDE, SIDE), bool)
    mask[:, :100] = False
    return write_cog(path, Raster(paint(), BOX), mask=mask)


def with_nodata(path: Path) -> Path:
    values = paint()
    values[:, :, :100] = 255
    return write_cog(path, Raster(values, BOX, 255))


def with_collar(path: Path) -> Path:
    values = paint()
    values[:, :, :100] = 0
    return write_cog(path, Raster(values, BOX))


@pytest.mark.parametrize("write", [with_alpha, with_mask, with_nodata, with_collar])
def test_every_way_to_say_no_data_is_heard(tmp_path: Path, model: Path, write: object) -> None:
    town = write_town(tmp_path)
    path = write(tmp_path / "holes.tif")
    with run(tmp_path, model, town.before, path) as result:
        damage = read_raster(result.rasters["damage"]).values[0]
        assert (damage[:, :98] == 255).all()
        assert (damage[:, 104:] != 255).all()
        assert set(result.not_analysed["reason"]) == {"no data at second date"}


def test_bands_are_taken_by_their_colour_not_their_place(tmp_path: Path, model: Path) -> None:
    path = tmp_path / "bgrn.tif"
    profile = {"driver": "GTiff", "count": 4, "height": SIDE, "width": SIDE, "dtype": "uint8"}
    with rasterio.open(path, "w", crs="EPSG:32633", transform=BOX.affine, **profile) as dataset:
        dataset.write(np.concatenate([np.full((1, SIDE, SIDE), 9, "uint8"), paint()]))
        dataset.colorinterp = [
            rasterio.enums.ColorInterp[name] for name in ("undefined", "blue", "green", "red")
        ]
    with run(tmp_path, model, path) as result:
        assert result.facts["inputs"][0]["bands"] == [4, 3, 2]
        assert len(result.buildings) == len(HOUSES)


def test_an_image_that_knows_its_pixel_size_keeps_it_and_says_so(
    tmp_path: Path, model: Path
) -> None:
    town = write_town(tmp_path)
    with run(tmp_path, model, town.before, gsd=3.0) as result:
        assert result.facts["grid"]["gsd_m"] == pytest.approx(0.5, rel=0.01)
        assert "--gsd 3 was not used" in result.facts["notes"][0]


@pytest.mark.parametrize("shape", [(2, 2), (3, 200), (40, 7)])
def test_images_of_a_few_pixels_are_mapped(
    tmp_path: Path, model: Path, shape: tuple[int, int]
) -> None:
    box = GeoBox(shape, BOX.affine, BOX.crs)
    path = write_cog(tmp_path / "b.tif", Raster(paint()[:, : shape[0], : shape[1]], box))
    with run(tmp_path, model, path, path) as result:
        assert read_raster(result.rasters["damage"]).values.shape == (1, *shape)
        assert result.facts["shift"]["reason"]


def test_a_south_up_and_a_turned_image_are_mapped_north_up(tmp_path: Path, model: Path) -> None:
    flipped = GeoBox(BOX.shape, BOX.affine @ Affine(1, 0, 0, 0, -1, SIDE), BOX.crs)
    south = tmp_path / "south.tif"
    profile = {"driver": "GTiff", "count": 3, "height": SIDE, "width": SIDE, "dtype": "uint8"}
    with rasterio.open(
        south, "w", crs="EPSG:32633", transform=flipped.affine, **profile
    ) as dataset:
        dataset.write(paint()[:, ::-1])
    town = write_town(tmp_path)
    with run(tmp_path, model, south) as one, run(tmp_path, model, town.before) as other:
        assert read_raster(one.rasters["building"]).box == BOX
        np.testing.assert_array_equal(
            read_raster(one.rasters["building"]).values,
            read_raster(other.rasters["building"]).values,
        )
    turned = GeoBox(BOX.shape, BOX.affine @ Affine.rotation(20), BOX.crs)
    path = write_cog(tmp_path / "turned.tif", Raster(paint(), turned))
    with run(tmp_path, model, path) as result:
        assert len(result.buildings) == len(HOUSES)
        assert result.not_analysed.empty
