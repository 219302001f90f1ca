"""Places easy to get wrong: the 180th meridian, and images that have a place but no CRS."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from PIL import Image

from geomage.errors import InputError
from geomage.geo import check_raster, footprint, ground_gsd, pixel_box
from geomage.geo.meridian import counts_from_seam, unrolled
from geomage.geo.stac import write_item
from geomage.mapping import MapJob, map_rasters
from geomage.mapping.check import check_images
from tiny_network import write_tiny_network
from tiny_town import HOUSES, SIDE, paint

STEP = 4.5e-6  # degrees, about half a metre
HALF = 20037508.342789244  # metres, half a turn in EPSG:3857


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_network(tmp_path_factory.mktemp("model") / "tiny.onnx")


def geographic(middle: float) -> GeoBox:
    affine = Affine(STEP, 0, middle - SIDE / 2 * STEP, 0, -STEP, -17)
    return GeoBox((SIDE, SIDE), affine, "EPSG:4326")


def mercator(middle: float) -> GeoBox:
    return GeoBox((SIDE, SIDE), Affine(0.5, 0, middle - SIDE / 4, 0, -0.5, -1.92e6), "EPSG:3857")


def write(path: Path, box: GeoBox, *, gone: bool = False) -> Path:
    profile = {"driver": "GTiff", "count": 3, "height": SIDE, "width": SIDE, "dtype": "uint8"}
    crs = None if box.crs is None else box.crs.to_wkt()
    with rasterio.open(path, "w", crs=crs, transform=box.affine, **profile) as dataset:
        dataset.write(paint(gone=gone))
    return path


PAIRS = {
    "over both": (geographic(180), geographic(-180)),
    "both names of one place": (geographic(190), geographic(-170)),
    "a web map": (mercator(HALF), mercator(-HALF)),
    "far from it": (geographic(10), geographic(370)),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_an_image_over_the_180th_meridian_is_whole(
    tmp_path: Path, model: Path, pair: tuple[GeoBox, GeoBox]
) -> None:
    before, after = (
        write(tmp_path / "b.tif", pair[0]),
        write(tmp_path / "a.tif", pair[1], gone=True),
    )
    job = MapJob(before=(before,), after=(after,), out=tmp_path / "out", model=model, jobs=1)
    facts = check_images(job).facts
    assert facts["seen_first"] > 0.9  # the corners of a turned image are missing
    assert facts["seen_both"] > facts["seen_first"] - 0.02
    if pair is PAIRS["over both"]:
        with map_rasters(job) as result:
            assert len(result.buildings) == len(HOUSES)
            assert (result.buildings["grade"] == 4).sum() == 12


@pytest.mark.parametrize("box", [geographic(180), mercator(HALF)], ids=["degrees", "metres"])
def test_counting_from_the_180th_meridian_moves_nothing(box: GeoBox) -> None:
    (moved,) = unrolled([box])
    assert counts_from_seam(moved)
    assert not counts_from_seam(box)
    assert ground_gsd(moved) == pytest.approx(ground_gsd(box), rel=1e-6)
    here, there = (np.array(footprint(one, "EPSG:32760").exterior.coords) for one in (box, moved))
    np.testing.assert_allclose(here, there, atol=0.01)


def test_images_away_from_the_seam_stay_as_they_are() -> None:
    boxes = [geographic(179.5), geographic(10), mercator(1e6), pixel_box((9, 9), 0.5)]
    boxes.append(GeoBox((9, 9), Affine(1, 0, 9e5, 0, -1, 8e6), "EPSG:32760"))
    assert unrolled(boxes) == boxes


def test_two_sides_of_the_seam_are_neighbours() -> None:
    west, east = unrolled([geographic(179.99), geographic(-179.99)])
    assert footprint(west, None).distance(footprint(east, None)) < 0.03


def test_an_old_datum_at_the_seam_is_sent_to_a_projected_crs() -> None:
    box = geographic(180)
    with pytest.raises(InputError, match=r"180th meridian.*gdalwarp -t_srs EPSG:32601"):
        unrolled([GeoBox(box.shape, box.affine, CRS("EPSG:4720"))])


def test_an_item_at_the_seam_is_cut_in_two(tmp_path: Path) -> None:
    box = GeoBox((400, 400), Affine(0.5, 0, 819354.6, 0, -0.5, 8118000), "EPSG:32760")
    item = json.loads(
        write_item(tmp_path, kind="product", parameters={}, assets={}, box=box).read_text()
    )
    west, _, east, _ = item["bbox"]
    assert 179.9 < west < 180
    assert -180 < east < -179.9
    assert item["geometry"]["type"] == "MultiPolygon"


@pytest.mark.parametrize(("code", "pole"), [("EPSG:3995", 90), ("EPSG:3031", -90)])
@pytest.mark.parametrize("north", [500, 700])
def test_an_item_over_a_pole_holds_the_pole(
    tmp_path: Path, code: str, pole: int, north: float
) -> None:
    box = GeoBox((500, 500), Affine(2, 0, -500, 0, -2, north), code)
    item = json.loads(
        write_item(tmp_path, kind="product", parameters={}, assets={}, box=box).read_text()
    )
    cap = shapely.from_geojson(json.dumps(item["geometry"]))
    assert cap.is_valid
    assert cap.distance(shapely.Point(12.0, pole)) == 0
    assert item["bbox"][::2] == [-180, 180]
    rim = footprint(box, "EPSG:4326")
    assert cap.buffer(1e-3).contains(shapely.MultiPoint(shapely.get_coordinates(rim)))


def adrift(place: Path, name: str, east: float, kind: str) -> Path:
    if kind == "geotransform":
        box = GeoBox((SIDE, SIDE), Affine(0.5, 0, 5e5 + east, 0, -0.5, 4e6), None)
        return write(place / f"{name}.tif", box)
    path = place / f"{name}.png"
    Image.fromarray(np.ascontiguousarray(paint().transpose(1, 2, 0))).save(path)
    path.with_suffix(".pgw").write_text(f"0.5\n0\n0\n-0.5\n{5e5 + east + 0.25}\n3999999.75\n")
    return path


@pytest.mark.parametrize("kind", ["geotransform", "world file"])
@pytest.mark.parametrize("east", [5000, 100, -11])
def test_images_without_crs_that_lie_apart_are_not_one_place(
    tmp_path: Path, model: Path, kind: str, east: float
) -> None:
    pair = adrift(tmp_path, "b", 0, kind), adrift(tmp_path, "a", east, kind)
    for before, after in (((pair[0],), (pair[1],)), (pair, ())):  # two dates, or a mosaic
        job = MapJob(before=before, after=after, out=tmp_path / "o", model=model, gsd=0.5)
        with pytest.raises(InputError, match=rf"no CRS, yet state places {abs(east) * 2} px apart"):
            check_images(job)


@pytest.mark.parametrize("kind", ["geotransform", "world file"])
def test_a_place_that_is_not_used_is_noted(tmp_path: Path, model: Path, kind: str) -> None:
    pair = adrift(tmp_path, "b", 0, kind), adrift(tmp_path, "a", 1, kind)
    job = MapJob(before=pair[:1], after=pair[1:], out=tmp_path / "o", model=model, gsd=0.5)
    assert "is not used" in check_images(job).remarks[0]


@pytest.mark.parametrize(
    "text", ["", "nan\n0\n0\nnan\n1\nx\n", "0\n0\n0\n0\n0\n0\n", "\xff", "1\n2"]
)
def test_a_world_file_of_no_sense_is_none(tmp_path: Path, model: Path, text: str) -> None:
    path = adrift(tmp_path, "b", 0, "world file")
    path.with_suffix(".pgw").write_text(text, encoding="latin-1")
    job = MapJob(before=(path,), out=tmp_path / "o", model=model, gsd=0.5)
    assert not any("is not used" in remark for remark in check_images(job).remarks)


def test_pixels_of_no_area_are_a_wrong_georeference(tmp_path: Path) -> None:
    box = GeoBox((SIDE, SIDE), Affine(0.5, 0.5, 5e5, -0.5, -0.50000005, 4e6), "EPSG:32633")
    with pytest.raises(InputError, match="georeference of no size"):
        check_raster(write(tmp_path / "b.tif", box))
