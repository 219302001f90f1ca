"""Files beside an image, and what a decoder only mentions: they never change what is mapped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from geomage.cli import main
from geomage.errors import InputError
from geomage.geo import check_raster, open_raster, read_raster
from geomage.mapping import MapJob, map_rasters
from tiny_network import write_tiny_network
from tiny_town import BOX, SIDE, paint

OVERVIEW = (
    '<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">{}</MDI></Metadata>'
    "<SRS>EPSG:32601</SRS><GeoTransform>5e5,9,0,5e6,0,-9</GeoTransform></PAMDataset>"
)
BANDS = "".join(
    f'<VRTRasterBand dataType="Byte" band="{band}"><SimpleSource><SourceFilename>{{0}}'
    f"</SourceFilename><SourceBand>{band}</SourceBand></SimpleSource></VRTRasterBand>"
    for band in (1, 2, 3)
)
VRT = '<VRTDataset rasterXSize="80" rasterYSize="80">' + BANDS + "</VRTDataset>"
SIDE_FILES = {
    ".tif.aux.xml": OVERVIEW.format,
    ".tif.ovr": lambda evil: Path(evil).read_text(),
    ".aux": lambda _: "EHFA_HEADER_TAG",
    ".tfw": lambda _: "9\n0\n0\n-9\n0\n0\n",
    ".IMD": lambda _: "numberOfLooks = 7;\n",
    "_RPC.TXT": lambda _: "LINE_OFF: 1\n",
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_network(tmp_path_factory.mktemp("model") / "tiny.onnx")


def write_plain(path: Path, **options: object) -> Path:
    profile = {"driver": "GTiff", "count": 3, "height": SIDE, "width": SIDE, "dtype": "uint8"}
    where = {"crs": "EPSG:32633", "transform": BOX.affine}
    with rasterio.open(path, "w", **profile, **where, **options) as dataset:
        dataset.write(paint())
    return path


def write_picture(path: Path) -> Path:
    Image.fromarray(np.ascontiguousarray(paint().transpose(1, 2, 0))).save(path)
    return path


def write_evil(place: Path) -> Path:
    """A VRT of a bright picture, a quarter of the size: GDAL would take it for an overview."""
    write_plain(place / "bright.tif")
    with rasterio.open(place / "bright.tif", "r+") as dataset:
        dataset.write(np.full((3, SIDE, SIDE), 250, "uint8"))
    evil = place / "evil.vrt"
    evil.write_text(VRT.format(place / "bright.tif"))
    return evil


@pytest.mark.parametrize("ending", SIDE_FILES)
def test_a_side_file_changes_nothing(tmp_path: Path, ending: str) -> None:
    image = write_plain(tmp_path / "image.tif")
    facts, values = check_raster(image), read_raster(image).values
    evil = str(write_evil(tmp_path))
    image.with_name("image" + ending).write_text(SIDE_FILES[ending](evil))
    assert check_raster(image) == facts
    np.testing.assert_array_equal(read_raster(image).values, values)
    with open_raster(image) as dataset:
        assert dataset.overviews(1) == []
        small = dataset.read(1, out_shape=(40, 40))
    assert small.max() < 245
    assert {path.name for path in tmp_path.iterdir()} == {
        "image.tif",
        "image" + ending,
        "evil.vrt",
        "bright.tif",
    }


def test_an_overview_in_another_file_is_refused(tmp_path: Path) -> None:
    image = write_plain(tmp_path / "image.tif")
    with rasterio.open(image, "r+") as dataset:
        dataset.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=str(write_evil(tmp_path)))
    with pytest.raises(InputError, match="names another file as its overview"):
        check_raster(image)


def test_a_mask_beside_an_image_is_not_passed_over(tmp_path: Path) -> None:
    image = write_plain(tmp_path / "image.tif")
    image.with_name("image.tif.msk").write_bytes(image.read_bytes())
    with pytest.raises(InputError, match=r"image\.tif\.msk beside .*gdal_translate"):
        check_raster(image)


def test_a_crs_that_stands_beside_the_image_is_asked_for(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    image = write_picture(tmp_path / "image.png")
    Path(f"{image}.aux.xml").write_text(OVERVIEW.format("x"))
    assert main(["check", str(image)]) == 2
    assert "image.png.aux.xml states is not read: bring it in" in capfd.readouterr().err


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_place_that_stands_beside_a_crs_is_asked_for(tmp_path: Path) -> None:
    image = tmp_path / "image.tif"
    image.with_suffix(".tfw").write_text("0.5\n0\n0\n-0.5\n500000.25\n3999999.75\n")
    profile = {"driver": "GTiff", "count": 3, "height": 9, "width": 9, "dtype": "uint8"}
    with rasterio.open(image, "w", crs="EPSG:32633", **profile) as dataset:
        dataset.write(paint()[:, :9, :9])
    with pytest.raises(InputError, match=r"only .*image\.tfw its place"):
        check_raster(image)


def spoilt(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + b"\x55\xff\x33\x12" * 100 + data[middle + 400 :]


def jpeg(place: Path) -> Path:
    path = write_picture(place / "image.jpg")
    path.write_bytes(spoilt(path.read_bytes()))
    return path


def jpeg_in_tiff(place: Path) -> Path:
    layout = {"tiled": True, "blockxsize": 512, "blockysize": 512}
    path = write_plain(
        place / "image.tif", compress="jpeg", photometric="ycbcr", interleave="pixel", **layout
    )
    path.write_bytes(spoilt(path.read_bytes()))
    return path


@pytest.mark.parametrize("write", [jpeg, jpeg_in_tiff])
def test_damage_that_a_decoder_only_mentions_is_refused(
    tmp_path: Path, model: Path, capfd: pytest.CaptureFixture[str], write: object
) -> None:
    path = write(tmp_path)
    with pytest.raises(InputError, match=r"is damaged: pixels cannot be read.*fetch it again"):
        read_raster(path)
    job = MapJob(before=(path,), out=tmp_path / "out", model=model, gsd=0.5, jobs=1)
    with pytest.raises(InputError, match="is damaged"):
        map_rasters(job)
    assert capfd.readouterr().err == ""
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_a_sound_jpeg_is_read(tmp_path: Path) -> None:
    tiff = write_plain(tmp_path / "a.tif", compress="jpeg", photometric="ycbcr")
    for path in (write_picture(tmp_path / "a.jpg"), tiff):
        assert read_raster(path).values.std() > 9


def test_a_loop_of_links_and_an_empty_name_are_no_images(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    loop = tmp_path / "loop.tif"
    loop.symlink_to(loop)
    for image, says in ((str(loop), "loop.tif cannot be read: Too many"), ("", "name of an image")):
        assert main(["map", image, "-o", str(tmp_path / "out")]) == 2
        said = capfd.readouterr().err
        assert says in said
        assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["loop.tif"]
