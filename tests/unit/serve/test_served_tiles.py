"""Tiles show what the files hold, where it lies, in any CRS and in none."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from PIL import Image
from tests.toy_run import UTM, grid, make_image, make_run, of_one_date

from geomage.geo import pixel_box
from geomage.product import write_product
from geomage.serve.paint import Photographs, as_jpeg, as_png
from geomage.serve.plane import TILE_PX, TilePlane, plane_of

pytest.importorskip("starlette", reason="needs the extra [web]")
from tests.served import toy_product

from geomage.serve.view import View, open_view


def opened(folder: Path, crs: str | None) -> View:
    return open_view(toy_product(folder, crs), {})


@pytest.fixture(scope="module", params=[UTM, None], ids=["utm", "no crs"])
def view(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> View:
    return opened(tmp_path_factory.mktemp("view"), request.param)


def tile_at(plane: TilePlane, x: float, y: float, zoom: int) -> tuple[int, int]:
    size = plane.side / 2**zoom
    return int((x - plane.left) // size), int((plane.top - y) // size)


def middle_tile(plane: TilePlane) -> GeoBox:
    left, bottom, right, top = plane.bounds
    zoom = plane.deepest
    found = plane.tile(zoom, *tile_at(plane, (left + right) / 2, (bottom + top) / 2, zoom))
    assert found is not None
    return found


def test_zoom_0_is_one_tile_and_each_zoom_quarters_it(view: View) -> None:
    plane = view.plane
    whole, part = plane.tile(0, 0, 0), plane.tile(1, 1, 0)
    assert whole.extent.boundingbox.span_x == pytest.approx(plane.side)
    assert part.extent.boundingbox.left == pytest.approx(plane.left + plane.side / 2)
    assert part.extent.boundingbox.bottom == pytest.approx(plane.top - plane.side / 2)


@pytest.mark.parametrize("place", [(-1, 0, 0), (3, 8, 0), (3, 0, -1), (99, 0, 0), (0, 1, 0)])
def test_beyond_the_plane_there_is_no_tile(view: View, place: tuple[int, int, int]) -> None:
    assert view.plane.tile(*place) is None


def test_web_mercator_is_where_other_maps_have_it() -> None:
    plane = plane_of(grid(UTM))
    assert plane.is_mercator
    # 92.6 W 37.07 N by the formula of slippy maps: x = 2^z (λ + 180) / 360
    left, _, right, _ = plane.bounds
    lon = np.degrees((left + right) / 2 / 6_378_137)
    x, _ = tile_at(plane, (left + right) / 2, plane.bounds[1], 17)
    assert x == int(2**17 * (lon + 180) / 360)


@pytest.mark.parametrize(
    ("crs", "place"),
    [("EPSG:3031", (0.0, 0.0)), ("EPSG:32760", (800_000.0, 8_000_000.0)), (None, (0.0, 0.0))],
    ids=["south pole", "180 degrees", "no crs"],
)
def test_where_mercator_is_no_map_the_products_own_plane_serves(
    crs: str | None, place: tuple[float, float]
) -> None:
    box = pixel_box((700, 900), 0.5)
    if crs:
        box = GeoBox((700, 90_000), Affine(0.5, 0, place[0], 0, -0.5, place[1]), crs)
    plane = plane_of(box)
    assert not plane.is_mercator
    left, bottom, right, top = plane.bounds
    assert plane.side >= max(right - left, top - bottom)
    found = plane.tile(plane.deepest - 1, 0, 0)
    assert abs(found.affine.a) == pytest.approx(0.5)  # a pixel of the product a pixel of a tile


def test_a_house_has_its_colour_and_its_place(view: View) -> None:
    tile = middle_tile(view.plane)
    painted = view.rasters["damage"](tile, view.plane.unit)
    assert painted.shape == (4, TILE_PX, TILE_PX)
    seen = {tuple(c) for c in np.moveaxis(painted, 0, -1).reshape(-1, 4).tolist()}
    palette = {(0, 0, 0, 0), (57, 167, 224, 255), (255, 212, 0, 255), (240, 109, 0, 255),
               (179, 0, 27, 255), (138, 143, 152, 255)}  # fmt: skip
    assert len(seen) > 2
    assert seen <= palette  # classes are never mixed


def test_the_image_lies_where_the_raster_does(view: View) -> None:
    # the red column is pixel 50: left of the house of column 50 to 59
    plane = view.plane
    left, bottom, right, top = plane.bounds
    step = Affine((right - left) / 400, 0, left, 0, (bottom - top) / 320, top)
    tile = GeoBox((320, 400), step, plane.crs)
    photo = view.rasters["after"](tile, plane.unit).astype(int)
    built = view.rasters["building"](tile, plane.unit)[3]
    red = np.argwhere((photo[0] - photo[1] > 60) & (photo[3] > 0))
    houses = np.argwhere(built > 120)
    assert len(red) > 10
    assert len(houses) > 10
    first = houses[:, 1].min()  # column of the first house, at pixel 5
    pixel = (houses[:, 1].max() + 1 - first) / 85  # to the end of the last, at pixel 90
    assert (red[:, 1].mean() - first) / pixel == pytest.approx(45.5, abs=1)


def test_what_shifted_is_moved_back(tmp_path: Path) -> None:
    toy_product(tmp_path)
    box = grid(UTM)
    still = Photographs((tmp_path / "after.tif",), box).paint(box)
    moved = Photographs((tmp_path / "after.tif",), box, (2.0, -1.0)).paint(box)
    assert (moved[:3, 2:, :96] == still[:3, :-2, 4:]).all() or (
        moved[:3, :-2, :96] == still[:3, 2:, 4:]
    ).all()
    assert np.argmax(still[0, 40]) - np.argmax(moved[0, 40]) == 4  # 2 m east, 0.5 m a pixel


def test_outside_is_clear_and_not_analysed_is_not(view: View) -> None:
    plane = view.plane
    far = plane.tile(plane.deepest, 0, 2**plane.deepest - 1)
    for name in view.rasters:
        painted = view.rasters[name](far, plane.unit)
        assert painted is not None
        if plane.is_mercator:
            assert not painted[3].any(), name


def test_an_image_too_large_for_a_tile_is_not_read_for_it(tmp_path: Path) -> None:
    view = opened(tmp_path, UTM)
    assert view.rasters["after"](view.plane.tile(3, 1, 3), view.plane.unit) is None


def test_files_are_of_the_kind_they_say() -> None:
    painted = np.zeros((4, 8, 8), np.uint8)
    assert Image.open(io.BytesIO(as_png(painted))).mode == "RGBA"
    with Image.open(io.BytesIO(as_jpeg(painted))) as jpeg:
        assert jpeg.mode == "RGB"
        assert np.asarray(jpeg).min() > 200  # paper where there is nothing


def test_a_file_edited_by_hand_is_named_and_shown(tmp_path: Path) -> None:
    out = toy_product(tmp_path)
    (out / "summary.csv").write_text("x")
    (tmp_path / "after.tif").unlink()
    notes = open_view(out, {}).notes
    assert "summary.csv is not the file that manifest.json lists" in notes[0]
    assert "after.tif (after) is no longer where it was" in notes[1]


def test_a_map_of_one_date_can_be_looked_at(tmp_path: Path) -> None:
    run = of_one_date(make_run(tmp_path / "work"))
    image = make_image(tmp_path / "before.tif")
    write_product(run, tmp_path / "out", before_paths=[image])
    view = open_view(tmp_path / "out", {})
    assert [*view.rasters] == ["before", "building", "landcover"]
    assert not view.notes
    assert view.rasters["before"](grid(UTM), 1.0)[3].all()
