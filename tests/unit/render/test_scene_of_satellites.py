"""What a scene folder says of a satellite's images: when they were taken, and what counts are."""

from __future__ import annotations

import itertools
import json

import pystac
import pytest
import rasterio

from geomage.disaster import calm
from geomage.render import RenderParams, render_event, write_scene
from geomage.sensor import sensor, sun_position
from towns import plain_town

LATITUDE = 48.755  # of towns on plain metres
SUNS = [
    sun_position(LATITUDE, day, hour / 20)
    for day, hour in itertools.product(range(1, 366, 2), range(194, 215))
]


@pytest.fixture(scope="module")
def scene():
    return render_event(calm(plain_town(160.0)), RenderParams("spot-1.5", off_nadir_after=25.0))


def test_a_satellite_passes_at_its_hour_and_looks_as_it_does(scene):
    model = sensor("spot-1.5")
    assert model.hours == (194 / 20, 214 / 20)
    for date in ("before", "after"):
        taken = scene.parameters[date]
        here = (taken["sun_azimuth"], taken["sun_elevation"])
        assert min(abs(a - here[0]) + abs(e - here[1]) for a, e in SUNS) < 1.5
        assert taken["off_nadir"] <= model.off_nadir
        assert taken["shot"]["looks"]["sun_azimuth"] == taken["sun_azimuth"]
    assert scene.parameters["after"]["off_nadir"] == 25


def test_files_say_which_bands_are_colours_and_what_a_count_stands_for(scene, tmp_path):
    folder = write_scene(scene, tmp_path / "scene")
    with rasterio.open(folder / "after.tif") as image:
        assert image.descriptions == ("blue", "green", "red", "nir")
        names = [colour.name for colour in image.colorinterp]
        assert names == ["blue", "green", "red", "undefined"]
        assert image.scales == pytest.approx((1 / 4095,) * 4)
        assert image.dtypes[0] == "uint16"
    with rasterio.open(folder / "height_after.tif") as heights:
        assert heights.scales == (1.0,)
    item = pystac.Item.from_dict(json.loads((folder / "item.json").read_text()))
    red = item.assets["before"].extra_fields["bands"][2]
    assert red["name"] == red["eo:common_name"] == "red"
    assert red["eo:center_wavelength"] == pytest.approx(0.66)
    assert red["raster:scale"] == pytest.approx(1 / 4095)
    assert any("/eo/" in url for url in item.stac_extensions)
    assert "bands" not in item.assets["damage"].extra_fields


def test_pictures_have_no_scale(tmp_path):
    scene = render_event(calm(plain_town(120.0)), RenderParams("vhr-1.0"))
    folder = write_scene(scene, tmp_path / "scene")
    with rasterio.open(folder / "before.tif") as image:
        assert image.scales == (1.0, 1.0, 1.0)
        assert [colour.name for colour in image.colorinterp] == ["red", "green", "blue"]
