"""Scores and pictures do not depend on the windows they are made of."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from geopandas import GeoDataFrame, GeoSeries
from odc.geo.geobox import GeoBox
from PIL import Image
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning
from shapely.geometry import box

from geomage.errors import InputError
from geomage.geo import Raster, Tiling, rasterise, read_vectors, write_cog
from geomage.product import product_paths, score_product
from geomage.product.delivered import open_delivered
from geomage.product.page.pictures import take_picture
from geomage.product.reference import open_reference, read_ids
from geomage.product.score import Score, compare
from geomage.product.surface import areas_m2
from toy_run import UTM, footprints, grid

TRUE = [4, 3, 3, 2, 1, 4]


def scored(folder: Path, reference: Path, side: int) -> Score:
    with open_delivered(folder) as said:
        tiling = Tiling(said.box, side)
        with open_reference(reference, tiling) as truth:
            return compare(said, truth, tiling)


def labels(path: Path, crs: str = UTM) -> Path:
    """The houses, moved by some pixels, so that every kind of agreement is there."""
    shapes = GeoSeries(footprints(grid(UTM)), crs=UTM).translate(2.3, -3.1)
    if path.suffix == ".gpkg":
        GeoDataFrame({"dmg": TRUE}, geometry=shapes).to_crs(crs).to_file(path)
        return path
    where = grid(UTM) if crs == UTM else GeoBox(
        (140, 170), Affine(0.4, 0, 366_000 - 6, 0, -0.4, 4_104_000 + 7), UTM
    )  # fmt: skip
    values = rasterise(GeoDataFrame({"dmg": TRUE}, geometry=shapes), where, column="dmg")
    values[3:9] = 255
    return write_cog(path, Raster(values[None], where, 255))


@pytest.mark.parametrize("name", ["ref.gpkg", "ref.tif"])
@pytest.mark.parametrize("crs", [UTM, "EPSG:4326"])
def test_a_score_is_the_same_for_any_tiles(make_product, tmp_path, name, crs) -> None:
    folder = make_product().folder
    reference = labels(tmp_path / name, crs)
    whole = scored(folder, reference, 1000)
    assert 0 < whole.pixels.tp < 600
    assert whole.detection.missed + whole.detection.found > 0
    for side in (7, 16, 33):
        parts = scored(folder, reference, side)
        assert parts.as_dict() == whole.as_dict()


def test_buildings_of_a_label_raster_are_whole_for_any_tiles(tmp_path: Path) -> None:
    reference = labels(tmp_path / "ref.tif")
    one, other = (read_ids(reference, Tiling(grid(UTM), side)) for side in (1000, 9))
    assert one.max() == other.max() == 6
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    assert pairs.shape == (2, 7)


def test_labels_that_know_nothing_of_the_place_are_refused(make_product, tmp_path: Path) -> None:
    away = GeoBox((9, 9), Affine(0.5, 0, 376_000, 0, -0.5, 4_104_000), UTM)
    path = write_cog(tmp_path / "ref.tif", Raster(np.ones((1, 9, 9), np.uint8), away))
    with pytest.raises(InputError, match="no label where the product lies"):
        score_product(make_product().folder, path)


@pytest.mark.parametrize("overviews", [(), (2, 4, 8, 16)])
@pytest.mark.parametrize("crs", [UTM, None])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_large_images_are_shrunk_before_they_are_warped(tmp_path, overviews, crs, dtype) -> None:
    where = GeoBox((500, 700), Affine(0.5, 0, 366_000, 0, -0.5, 4_104_000), crs)
    profile = {
        "driver": "GTiff", "count": 3, "height": 500, "width": 700, "dtype": dtype, "crs": crs,
        "transform": where.affine if crs else None, "tiled": True, "blockxsize": 64,
        "blockysize": 64, "nodata": 0,
    }  # fmt: skip
    values = np.full((3, 500, 700), 60, dtype)
    values[:, 120:260, 330:520] = 240
    values[:, 400:] = 0
    with warnings.catch_warnings(), rasterio.Env():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        dataset = rasterio.open(tmp_path / "a.tif", "w", **profile)
    with dataset:
        dataset.write(values)
        if overviews:
            dataset.build_overviews(list(overviews), Resampling.average)
    picture = take_picture([tmp_path / "a.tif"], where, largest_px=45)
    grey = np.asarray(Image.open(io.BytesIO(picture.jpeg))).astype(float).mean(axis=2)
    px = 700 / 45
    assert (grey[int(404 / px) + 1 :] > 225).all()  # paper
    body = grey[: int(390 / px)]
    light = body > (150 if dtype == "uint8" else 128)
    rows, cols = np.nonzero(light)
    assert light.sum() == pytest.approx(140 * 190 / px**2, rel=0.15)
    assert rows.mean() == pytest.approx(190 / px - 0.5, abs=0.5)
    assert cols.mean() == pytest.approx(425 / px - 0.5, abs=0.5)


def test_areas_too_small_to_see_are_told_and_stay_in_the_layers(make_product) -> None:
    paths = product_paths(make_product().folder)
    assert "small areas not drawn" not in paths.report.read_text()
    assert len(read_vectors(paths.vectors, "notAnalysedA")) == 1


def test_more_areas_than_a_page_can_hold_are_counted(make_product, monkeypatch) -> None:
    monkeypatch.setattr("geomage.product.page.drawing.MOST_AREAS", 0)
    page = make_product().report.read_text()
    assert "2 small areas not drawn: products.gpkg has them" in page  # one flood, one unseen
    assert page.count('"paths":[]') == 2


def test_areas_are_measured_alike_for_many_shapes_and_few(monkeypatch) -> None:
    shapes = GeoSeries([box(i, 45, i + 0.01, 45.01) for i in range(9)], crs=4326)
    whole = areas_m2(shapes)
    monkeypatch.setattr("geomage.product.surface._AT_ONCE", 2)
    assert areas_m2(shapes).tolist() == whole.tolist()
