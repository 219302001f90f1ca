"""Burnt ground: its area, what neither haze nor windows change, bands by their names."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.enums import ColorInterp
from scipy.optimize import brentq

from geomage.cli import main
from geomage.data.stream import SimulatedPairs, StreamParams
from geomage.errors import RunError
from geomage.evaluation import map_into
from geomage.geo import Raster, check_raster, read_raster, read_vectors, write_cog
from geomage.geo.shapes import burn_shapes
from geomage.mapping import MapJob, burnt_tiles, map_rasters
from geomage.mapping.burnt import FALL, WEIGHT, fall_of, level_of
from geomage.mapping.burnt_tiles import find_nir
from geomage.mapping.check import check_images
from geomage.mapping.forecast import forecast
from geomage.mapping.job import Extent
from geomage.product import Order
from tiny_network import write_tiny_network

GSD = 0.5
SHAPE = (300, 340)  # px
BOX = GeoBox(SHAPE, Affine(GSD, 0, 500_000, 0, -GSD, 4_000_000), "EPSG:32633")
FIRE = (slice(80, 200), slice(100, 260))  # 60 m x 80 m
NAMES = ("blue", "green", "red", "nir")
RED, NIR = 0.07, 0.4


def meadow(*, fire: float | None = None) -> np.ndarray:
    """(4, y, x) reflectance of grass around a dark pond; near infrared under fire is a share."""
    rng = np.random.default_rng(3)
    image = np.empty((4, *SHAPE))
    image[:3] = np.array([0.06, 0.08, RED])[:, None, None] * rng.uniform(0.7, 1.3, SHAPE)
    image[3] = NIR
    if fire is not None:
        image[(3, *FIRE)] *= fire
    image[:, 250:290, 20:70] = 0.0  # 2 % of all
    return image


def halfway() -> float:
    """What fire leaves of near infrared, so that half of it under the bell makes the least fall."""

    def excess(left: float) -> float:
        nir = NIR * (1 + left) / 2
        browning = (NIR - RED) / (NIR + RED) - (nir - RED) / (nir + RED)
        return float(np.log(NIR / nir) + WEIGHT * browning - FALL)

    return brentq(excess, 0.0, 1.0)


def written(
    path: Path, image: np.ndarray, bands: tuple[str, ...] = NAMES, nodata: int | None = 0
) -> Path:
    """Counts of reflectance; 10 of them are haze, so that black is no hole."""
    counts = np.rint(image * 10_000 + 10).astype("uint16")
    return write_cog(path, Raster(counts, BOX, nodata=nodata, bands=bands))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_network(tmp_path_factory.mktemp("model") / "tiny.onnx", window=256)


def job_in(place: Path, model: Path, after: np.ndarray, bands: tuple[str, ...] = NAMES) -> MapJob:
    first = written(place / "before.tif", meadow())
    second = written(place / "after.tif", after, bands)
    return MapJob(before=(first,), after=(second,), out=place / "out", model=model, burnt=True)


@pytest.fixture
def job(tmp_path: Path, model: Path) -> Callable[..., MapJob]:
    return partial(job_in, tmp_path, model)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, model: Path) -> np.ndarray:
    """What is burnt of the meadow of which fire left a tenth of near infrared."""
    return said(job_in(tmp_path_factory.mktemp("whole"), model, meadow(fire=0.1)))


def said(job: MapJob) -> np.ndarray:
    """The raster of burnt ground."""
    with map_rasters(job) as result:
        return read_raster(result.rasters["burnt"]).values[0]


def test_the_outline_is_that_of_the_fire_within_a_pixel(job):
    product = map_into(job(meadow(fire=halfway())), order=Order(event_type="fire"))
    events = read_vectors(product.vectors, "observedEventA")
    fires = events[events["event_type"] == "8-Wildfire"]
    assert fires["notation"].tolist() == ["Burnt area"]
    rows, cols = (side.stop - side.start for side in FIRE)
    exact, rim = rows * cols * GSD**2, 2 * (rows + cols) * GSD
    scale = 0.9996**2  # of UTM in the middle of its zone
    assert fires["area_m2"].iloc[0] == pytest.approx(exact / scale, abs=rim * GSD)
    summary = json.loads(product.summary.read_text())
    record = summary["extents"]
    assert record["left_out"] == {}
    assert record["burnt"]["area_m2"] == pytest.approx(fires["area_m2"].sum(), abs=1)
    assert 0 < record["burnt"]["measured"]["precision"] < 1
    assert "Seen as burnt" in product.report.read_text()
    assert "burnt.tif" in json.loads(product.manifest.read_text())["files"]


def fallen(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Cells (rows, cols) that are called burnt, all being seen."""
    values, seen = np.concatenate([before[[2, 3]], after[[2, 3]]]), np.ones(SHAPE, bool)
    level = level_of([(values, seen)], GSD)
    assert not isinstance(level, str)
    return fall_of(values, seen, level, GSD) >= FALL


LIGHTS = [(0.5, 0.0), (0.6, 0.03), (1.8, 0.0), (1.0, 0.06)]


@pytest.mark.parametrize(("gain", "haze"), LIGHTS)
def test_light_and_haze_over_one_date_burn_nothing(gain, haze):
    assert not fallen(meadow(), meadow() * gain + haze).any()
    assert not fallen(meadow() * gain + haze, meadow()).any()


@pytest.mark.parametrize(("gain", "haze"), LIGHTS)
def test_nor_do_they_hide_a_fire(gain, haze):
    found = fallen(meadow(), meadow(fire=0.05) * gain + haze)
    clear = fallen(meadow(), meadow(fire=0.05))
    assert clear.sum() > 1000
    assert (found != clear).sum() < 0.1 * clear.sum()


def test_clouds_over_most_of_it_do_not_shift_the_level():
    after = meadow()
    after[:, :, 120:] = 0.7
    assert not fallen(meadow(), after)[:, :24].any()


@pytest.mark.parametrize("left", [(0.3, 0.3, 0.3, 0.3), (3.0, 3.0, 3.0, 0.6)])
def test_neither_shade_nor_stubble_burnt(left):
    after = meadow()
    after[(slice(None), *FIRE)] *= np.array(left)[:, None, None]
    assert not fallen(meadow(), after).any()


def test_a_fire_over_most_of_it_is_found():
    after = meadow()
    after[3, :, 80:] *= 0.15
    found = fallen(meadow(), after)
    assert found[:60, 24:].all()
    assert not found[:, :17].any()


def test_ground_that_shows_one_value_alone_has_no_level():
    flat = np.ones((4, *SHAPE))
    assert "red of the first date holds one value" in level_of([(flat, np.ones(SHAPE, bool))], GSD)
    assert "too little is seen" in level_of([], GSD)
    image = meadow()[[2, 3, 2, 3]]
    image[3] = 0.2
    said = level_of([(image, np.ones(SHAPE, bool))], GSD)
    assert said == "near infrared of the second date holds one value alone"
    red = meadow()[[2, 2, 2, 2]]
    assert "hardly anything is green" in level_of([(red, np.ones(SHAPE, bool))], GSD)


def test_neither_windows_nor_processes_nor_an_extent_show(job, whole, monkeypatch):
    assert set(np.unique(whole)) == {0, 1}
    part = Extent(500_030, 3_999_880, 500_100, 3_999_980)
    some = said(replace(job(meadow(fire=0.1)), extent=part, jobs=2))
    np.testing.assert_array_equal(some, whole[40:240, 60:200])
    monkeypatch.setattr(burnt_tiles, "_SIDE", 64)
    np.testing.assert_array_equal(said(job(meadow(fire=0.1))), whole)


def test_a_search_that_was_cut_off_goes_on(job, whole, monkeypatch):
    asked = job(meadow(fire=0.1))

    def cut(*_):
        raise RunError("cut off")

    with monkeypatch.context() as patch:
        patch.setattr("geomage.mapping.engine.burnt_raster", cut)
        with pytest.raises(RunError, match="cut off"):
            said(asked)
    monkeypatch.setattr(burnt_tiles, "level_of", cut)
    monkeypatch.setattr(burnt_tiles, "fall_of", cut)
    np.testing.assert_array_equal(said(asked), whole)


def test_what_one_date_does_not_show_is_not_analysed(job):
    after = meadow(fire=0.1)
    after[:, 100:140, 150:200] = -0.001  # 0, no data
    found = said(job(after))
    assert (found[100:140, 150:200] == 255).all()
    assert (found == 255).sum() == 40 * 50
    assert (found[150:190, 110:250] == 1).all()


def test_a_hole_in_one_band_neither_burns_nor_shifts_the_level(job, whole):
    after = meadow(fire=0.1)
    after[3, 20:60, 20:60] = -0.001  # no data
    found = said(job(after))
    assert (found[24:56, 24:56] == 255).all()
    away = np.ones(SHAPE, bool)
    away[:80, :80] = False
    assert (found != whole)[away].sum() < 0.002 * away.sum()
    assert not (found[~away] == 1).any()


@pytest.mark.parametrize("date", [0, 1])
def test_a_zero_of_near_infrared_alone_cannot_be_told_though_no_file_declares_it(job, date):
    asked, images = job(meadow()), [meadow(), meadow(fire=0.1)]
    images[date][3, 20:60, 20:60] = -0.001  # counts of 0
    for path, image in zip((*asked.before, *asked.after), images, strict=True):
        written(path, image, nodata=None)
    found = said(asked)
    assert (found[20:60, 20:60] == 255).all()
    assert (found == 255).sum() == 40 * 40
    assert not (found[:75, :75] == 1).any()
    assert (found[90:190, 110:250] == 1).all()


def test_bare_ground_does_not_burn(job):
    before, after = meadow(), meadow(fire=0.1)
    bare = (slice(None), slice(80, 140), slice(100, 260))
    before[bare] = 0.3
    after[bare] = 0.03
    first = job(after)
    written(first.before[0], before)
    found = said(first)
    assert not (found[100:115, 130:230] == 1).any()
    assert (found[160:190, 110:250] == 1).all()


@pytest.mark.parametrize(
    ("bands", "found"),
    [
        (("Red", "Green", "Blue", "NIR"), 4),
        (("red", "near-infrared", "green", "blue"), 2),
        (("nir08", "red", "green", "nir"), 4),
        (("nir", "nir", "red", "green"), None),
        (("B2", "B3", "B4", "B8"), None),
        (("red", "green", "blue", "infrarouge"), None),
        ((), None),
    ],
)
def test_near_infrared_is_found_by_its_name_and_never_guessed(tmp_path, bands, found):
    assert find_nir(check_raster(written(tmp_path / "image.tif", meadow(), bands))) == found


def test_or_by_its_colour(tmp_path):
    path = tmp_path / "image.tif"
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 4, "height": 8, "width": 8}
    place = {"crs": BOX.crs.to_wkt(), "transform": BOX.affine}
    with rasterio.open(path, "w", **profile, **place) as file:
        file.colorinterp = [ColorInterp[name] for name in ("nir", "red", "green", "blue")]
        file.write(np.ones((4, 8, 8), "uint8"))
    assert find_nir(check_raster(path)) == 1


def test_a_fire_without_near_infrared_has_a_reason_and_no_outline(job):
    asked = job(meadow(fire=0.1), ("red", "green", "blue", "extra"))
    product = map_into(asked, order=Order(event_type="fire"))
    summary = json.loads(product.summary.read_text())
    why = summary["extents"]["left_out"]["burnt"]
    assert why.startswith("not one band of after.tif (4 bands) is called near infrared")
    assert f"Burnt ground is not outlined: {why}." in summary["doubts"]
    assert summary["extents"]["burnt"] is None
    assert "burnt" not in product.rasters


def test_a_map_before_it_is_made_counts_the_search(job, monkeypatch):
    monkeypatch.setattr("geomage.mapping.forecast._TRIAL", 0.0)
    asked = job(meadow())
    assert forecast(asked).burnt.tiles == 1
    assert forecast(asked).burnt_left_out is None
    without = replace(asked, burnt=False)
    assert (forecast(without).burnt, forecast(without).burnt_left_out) == (None, None)
    written(asked.after[0], meadow(), ("red", "green", "blue", "extra"))
    told = forecast(asked)
    assert told.burnt is None
    assert "not one band of after.tif (4 bands)" in told.burnt_left_out


def test_a_look_at_a_pair_says_whether_burnt_ground_can_be_outlined(job, monkeypatch):
    monkeypatch.setattr("geomage.mapping.forecast._TRIAL", 0.0)
    asked = job(meadow())
    found = check_images(asked)
    assert found.facts["burnt_left_out"] is None
    can = "near infrared is in both images: burnt ground can be outlined after a fire"
    assert [one for one in found.remarks if "burnt" in one] == [f"{can} (--event-type fire)"]
    written(asked.after[0], meadow(), ("red", "green", "blue", "extra"))
    told, why = check_images(asked), forecast(asked).burnt_left_out
    assert told.facts["burnt_left_out"] == why
    assert why.startswith("not one band of after.tif (4 bands) is called near infrared")
    said = [one for one in told.remarks if "burnt" in one]
    assert said == [f"burnt ground will not be outlined: {why}"]
    alone = check_images(replace(asked, after=()))
    assert not any("burnt" in one for one in alone.remarks)


def test_a_simulated_fire_is_outlined_from_the_command_line(tmp_path, model, capsys):
    fires = StreamParams(
        size_px=112, sensors={"spot-1.5": 1}, hazards={"fire": 1}, styles={"suburb": 1},
        calm=0.0, cloudy=0.0, no_data=0.0, seed=10,
    )  # fmt: skip
    pair = SimulatedPairs(fires).pair(0)
    grid = GeoBox((112, 112), Affine(1.5, 0, 500_000, 0, -1.5, 4_000_000), "EPSG:32633")
    paths = [
        write_cog(tmp_path / f"{name}.tif", Raster(counts, grid, nodata=0, bands=NAMES))
        for name, counts in (("before", pair.before), ("after", pair.after))
    ]
    words = ["map", *map(str, paths), "-o", str(tmp_path / "out"), "--model", str(model)]
    assert main([*words, "--event-type", "fire", "--json"]) in (0, 3)
    assert json.loads(capsys.readouterr().out)["extents"]["burnt"]["polygons"] > 0
    events = read_vectors(tmp_path / "out/products.gpkg", "observedEventA")
    fires_m = events.geometry[events["notation"] == "Burnt area"].to_numpy()
    found = burn_shapes(fires_m, np.ones(len(fires_m)), grid, np.zeros((112, 112), np.uint8)) > 0
    true = pair.burn >= 0.2
    assert true.mean() > 0.1
    assert (found & true).sum() > 0.7 * found.sum()
    assert (found & true).sum() > 0.3 * true.sum()
