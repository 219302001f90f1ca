"""Images that strangers send: each is refused with a message that helps, and leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from PIL import Image

from geomage.cli.options import read_bytes
from geomage.errors import BudgetError, InputError, OutputError
from geomage.geo import Raster, check_raster, pixel_box, read_raster, write_cog
from geomage.mapping import MapJob, map_rasters
from geomage.mapping.check import check_images
from tiny_network import write_tiny_network
from tiny_town import BOX, SIDE, Town, paint, write_town

VRT = """<VRTDataset rasterXSize="320" rasterYSize="320">
<VRTRasterBand dataType="Byte" band="1"><SimpleSource><SourceFilename>{path}</SourceFilename>
<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"""


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return write_town(tmp_path)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_network(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture
def place(tmp_path: Path, town: Town) -> Iterator[Path]:
    """A folder that must hold after the test what it held before the run."""
    assert town.before.exists()
    yield tmp_path
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith((".", "out"))]


def run(place: Path, model: Path, before: Path, *after: Path, **options: object) -> None:
    """A run that would succeed leaves its folder; here each one is expected to fail."""
    job = MapJob(before=(before,), after=after, out=place / "out", model=model, jobs=1, **options)
    map_rasters(job).discard()


def bad_file(place: Path, town: Town, kind: str) -> Path:
    path = place / f"{kind}.tif"
    whole = town.before.read_bytes()
    contents = {
        "empty": b"",
        "page": b"\n <!DOCTYPE html>\n<html><body>404</body></html>",
        "truncated": whole[: len(whole) // 2],
        "header_only": whole[:100],
        "vrt": VRT.format(path=town.before).encode(),
        "noise": bytes(range(256)) * 9,
    }
    if kind in contents:
        path.write_bytes(contents[kind])
    return path


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("missing", "does not exist"),
        ("empty", "empty"),
        ("page", "HTML"),
        ("truncated", "truncated"),
        ("header_only", "truncated"),
        ("vrt", "VRT"),
        ("noise", "not an image"),
    ],
)
@pytest.mark.parametrize("date", ["before", "after"])
def test_a_file_that_is_no_image_is_named(
    place: Path, town: Town, model: Path, kind: str, says: str, date: str
) -> None:
    bad = bad_file(place, town, kind)
    pair = (bad, town.after) if date == "before" else (town.before, bad)
    with pytest.raises(InputError, match=says) as caught:
        run(place, model, *pair)
    assert bad.name in str(caught.value)


def test_a_folder_is_not_an_image(place: Path, model: Path) -> None:
    with pytest.raises(InputError, match="not a file"):
        run(place, model, place)


@pytest.mark.parametrize("cut", [0.2, 0.6, 0.9, 0.999])
@pytest.mark.parametrize("driver", ["GTiff", "PNG", "JPEG"])
def test_a_file_cut_anywhere_is_found_before_it_is_read(
    tmp_path: Path, driver: str, cut: float
) -> None:
    whole = tmp_path / "whole"
    if driver == "GTiff":
        write_cog(whole, Raster(paint(), BOX))
    else:
        Image.fromarray(np.ascontiguousarray(paint().transpose(1, 2, 0))).save(whole, driver)
    data = whole.read_bytes()
    check_raster(whole)
    part = tmp_path / "part"
    part.write_bytes(data[: int(len(data) * cut)])
    with pytest.raises(InputError):
        check_raster(part)


def test_a_block_spoilt_in_the_middle_gives_no_half_map(
    place: Path, town: Town, model: Path
) -> None:
    with rasterio.open(town.before) as dataset:
        offset = int(dataset.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1))
        size = int(dataset.get_tag_item("BLOCK_SIZE_0_0", "TIFF", bidx=1))
    data = bytearray(town.before.read_bytes())
    data[offset : offset + size] = b"\xff" * size
    town.before.write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        run(place, model, town.before, town.after)
    with pytest.raises(InputError, match="damaged"):
        read_raster(town.before)


def test_one_image_with_a_crs_and_one_without_cannot_be_compared(
    place: Path, town: Town, model: Path
) -> None:
    loose = write_cog(place / "loose.tif", Raster(paint(), pixel_box((SIDE, SIDE), 0.5)))
    for pair in ((town.before, loose), (loose, town.after)):
        with pytest.raises(InputError, match=r"loose\.tif has no CRS"):
            run(place, model, *pair)


def test_a_plain_image_beside_a_placed_one_is_not_sent_after_its_pixel_size(
    place: Path, town: Town, model: Path
) -> None:
    Image.fromarray(np.ascontiguousarray(paint().transpose(1, 2, 0))).save(place / "plain.png")
    for pair in ((town.before, place / "plain.png"), (place / "plain.png", town.after)):
        for gsd in (None, 0.5):
            with pytest.raises(
                InputError, match=r"plain\.png has no CRS, .*\.tif has one"
            ) as caught:
                run(place, model, *pair, gsd=gsd)
            assert "gdal_translate -a_srs" in str(caught.value)
            assert "--gsd" not in str(caught.value)


FOREIGN = {
    "local": 'LOCAL_CS["site grid",UNIT["metre",1]]',
    "geocentric": "EPSG:4978",
    "moon": (
        'GEOGCS["Moon 2000",DATUM["D_Moon_2000",SPHEROID["Moon_2000",1737400,0]],'
        'PRIMEM["Reference_Meridian",0],UNIT["Degree",0.0174532925199433]]'
    ),
}


@pytest.mark.parametrize("crs", FOREIGN.values(), ids=FOREIGN)
def test_a_crs_that_is_not_of_the_earth_is_refused_by_name(
    place: Path, town: Town, model: Path, crs: str
) -> None:
    foreign = place / "foreign.tif"
    profile = {"driver": "GTiff", "count": 3, "height": SIDE, "width": SIDE, "dtype": "uint8"}
    with rasterio.open(foreign, "w", crs=crs, transform=BOX.affine, **profile) as dataset:
        dataset.write(paint())
    for pair in ((foreign,), (foreign, foreign), (foreign, town.after), (town.before, foreign)):
        with pytest.raises(InputError, match=r"foreign\.tif has the CRS .*-a_srs"):
            run(place, model, *pair)


def test_images_without_crs_need_their_pixel_size_and_one_size(place: Path, model: Path) -> None:
    for name, side in (("one", 320), ("same", 320), ("other", 300)):
        image = paint()[:, :side, :side].transpose(1, 2, 0)
        Image.fromarray(np.ascontiguousarray(image)).save(place / f"{name}.png")
    with pytest.raises(InputError, match="--gsd"):
        run(place, model, place / "one.png", place / "same.png")
    with pytest.raises(InputError, match=r"320 x 320 px and .* 300 x 300"):
        run(place, model, place / "one.png", place / "other.png", gsd=0.5)
    for gsd in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="--gsd"):
            run(place, model, place / "one.png", gsd=gsd)


def test_images_that_do_not_overlap_are_told_apart_by_their_bounds(
    place: Path, town: Town, model: Path
) -> None:
    away = GeoBox(BOX.shape, Affine.translation(5000, 0) @ BOX.affine, BOX.crs)
    far = write_cog(place / "far.tif", Raster(paint(), away))
    with pytest.raises(InputError, match="do not overlap") as caught:
        run(place, model, town.before, far)
    assert "500000.0, 3999840.0, 500160.0, 4000000.0" in str(caught.value)
    assert "505000.0, 3999840.0, 505160.0, 4000000.0" in str(caught.value)


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_bands_are_counted(place: Path, town: Town, model: Path, count: int) -> None:
    poor = write_cog(place / "poor.tif", Raster(paint()[:count], BOX))
    with pytest.raises(InputError, match=f"has {count} band.*are needed") as caught:
        run(place, model, poor, town.after)
    assert ("-expand rgb poor.tif" in str(caught.value)) == (count == 1)  # a palette has one band


def test_an_image_without_any_data_leaves_nothing_to_map(
    place: Path, town: Town, model: Path
) -> None:
    nothing = [
        Raster(np.zeros((3, SIDE, SIDE), "uint8"), BOX),
        Raster(np.full((3, SIDE, SIDE), 9, "uint8"), BOX, nodata=9),
        Raster(np.full((3, SIDE, SIDE), np.nan, "float32"), BOX),
        Raster(np.full((3, SIDE, SIDE), 5.0, "float32"), BOX),
        Raster(paint().astype("float64") * 1e300, BOX),
        Raster(paint().astype("float64") * 1e-320, BOX),
    ]
    for number, raster in enumerate(nothing):
        path = write_cog(place / f"nothing{number}.tif", raster)
        for pair in ((path, town.after), (town.before, path)):
            with pytest.raises(InputError, match="nothing to map"):
                run(place, model, *pair)


def test_a_header_of_a_million_by_a_million_is_refused_by_budget(
    place: Path, town: Town, model: Path
) -> None:
    huge = place / "huge.tif"
    profile = {"driver": "GTiff", "count": 3, "height": 10**6, "width": 10**6, "dtype": "uint8"}
    layout = {"tiled": True, "blockxsize": 4096, "blockysize": 4096, "sparse_ok": True}
    with rasterio.open(
        huge, "w", crs=BOX.crs.to_wkt(), transform=BOX.affine, bigtiff="YES", **profile, **layout
    ):
        pass
    for pair in ((huge, town.after), (town.before, huge)):
        with pytest.raises(BudgetError, match="1000000 x 1000000"):
            run(place, model, *pair)
    with pytest.raises(BudgetError):
        read_raster(huge)


def test_a_job_that_does_not_fit_in_its_memory_says_what_does(
    place: Path, town: Town, model: Path
) -> None:
    with pytest.raises(BudgetError, match=r"windows of \d+ px.*give --memory \d+MiB") as caught:
        run(place, model, town.before, town.after, memory_bytes=10**6)
    least = read_bytes(str(caught.value).split("--memory ")[1].split()[0])
    job = MapJob(before=(town.before,), out=place / "out", model=model, memory_bytes=least)
    map_rasters(job).discard()
    with pytest.raises(BudgetError):
        map_rasters(replace(job, memory_bytes=least - 2**20))


def test_an_output_that_exists_or_is_an_input_is_refused(
    place: Path, town: Town, model: Path
) -> None:
    taken = place / "taken"
    taken.mkdir()
    for out, says in (
        (taken, "--overwrite"),
        (town.before, "is the input"),
        (town.after, "is the input"),
        (place, "holds the input"),
    ):
        for overwrite in {False, out != taken}:
            pair = {"before": (town.before,), "after": (town.after,)}
            job = MapJob(**pair, out=out, model=model, overwrite=overwrite)
            with pytest.raises(OutputError, match=says):
                map_rasters(job)
    assert list(taken.iterdir()) == []
    assert check_raster(town.before).shape == (SIDE, SIDE)


@pytest.mark.parametrize("gsd", [1e-300, 1e-9, 1e-3, 5.0, 1e9, 1e300])
def test_a_pixel_size_that_no_image_has_is_refused_with_the_range(
    place: Path, model: Path, gsd: float
) -> None:
    Image.fromarray(np.ascontiguousarray(paint().transpose(1, 2, 0))).save(place / "plain.png")
    with pytest.raises(InputError, match=r"pixels .*\d m"):
        run(place, model, place / "plain.png", place / "plain.png", gsd=gsd)
    job = MapJob(before=(place / "plain.png",), out=place / "out", model=model, gsd=gsd)
    with pytest.raises(InputError, match=r"pixels .*\d m"):
        check_images(job)


def test_a_georeference_of_tiny_pixels_is_refused_at_either_date(
    place: Path, town: Town, model: Path
) -> None:
    tiny = GeoBox(BOX.shape, BOX.affine @ Affine.scale(1e-6), BOX.crs)
    path = write_cog(place / "tiny.tif", Raster(paint(), tiny))
    for pair in ((path,), (town.before, path)):
        with pytest.raises(InputError, match=r"tiny\.tif has pixels of 5e-07 m; images of"):
            run(place, model, *pair)


def test_pixels_too_coarse_for_the_model_are_refused_or_not_analysed(
    place: Path, town: Town, model: Path
) -> None:
    coarse = GeoBox((32, 32), BOX.affine @ Affine.scale(10), BOX.crs)
    poor = write_cog(place / "coarse.tif", Raster(paint()[:, ::10, ::10], coarse))
    with pytest.raises(InputError, match="too coarse"):
        run(place, model, poor, town.after)
    job = MapJob(before=(town.before,), after=(poor,), out=place / "out", model=model, jobs=1)
    with map_rasters(job) as result:
        assert set(result.buildings["not_analysed_reason"]) == {"second image too coarse"}
        assert (read_raster(result.rasters["damage"]).values == 255).all()
