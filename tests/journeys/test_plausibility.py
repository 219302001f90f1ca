"""How plausible an image is, from the command line, and what a map leaves out for it."""

from __future__ import annotations

import hashlib

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.transform import from_origin

from geomage.mapping import forecast, foreign

SIDE = 320  # px, 5 x 5 cells


def write(path, values: np.ndarray, *, step: float = 0.5, **more):
    place = {"crs": "EPSG:32631", "transform": from_origin(5e5, 5.4e6, step, step)}
    count, height, width = values.shape
    profile = {"driver": "GTiff", "dtype": "uint8", "count": count, **place, **more}
    with rasterio.open(path, "w", height=height, width=width, **profile) as file:
        file.write(values)
    return path


def noise(side: int = SIDE) -> np.ndarray:
    """The same noise in all bands: no camera gives that."""
    return np.random.default_rng(0).integers(1, 255, (1, side, side), np.uint8).repeat(3, axis=0)


def town(seed: int = 1) -> np.ndarray:
    """A simulated first date, 320 px of about half a metre."""
    from geomage.data.stream import SimulatedPairs, StreamParams

    params = StreamParams(size_px=SIDE, gsd_m=(0.49, 0.5), no_data=0.0, styles={"suburb": 1.0})
    return np.maximum(SimulatedPairs(params).pair(seed).before, 1)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    simulated = town()
    half = simulated.copy()
    half[:, :, :200] = noise()[:, :, :200]
    return {
        "noise": write(folder / "noise.tif", noise()),
        "town": write(folder / "town.tif", simulated),
        "half": write(folder / "half.tif", half),
    }


def test_a_simulated_town_is_of_the_domain(geomage, images, tmp_path):
    out = tmp_path / "town.tif"
    answer = geomage("plausibility", images["town"], "-o", out, "--json")
    assert answer.code == 0, answer.err
    assert answer.facts["cells"] == 25
    assert answer.facts["too_far"] == 0
    with rasterio.open(out) as raster:
        assert (raster.dtypes[0], raster.nodata) == ("float32", -1)
        assert raster.crs == "EPSG:32631"
        assert raster.transform == from_origin(5e5, 5.4e6, 32, 32)
        share = raster.read(1)
        assert raster.tags()["detector"] == "line-1"
    assert share.shape == (5, 5)
    assert ((share >= 0) & (share < 1)).all()


def test_noise_is_foreign_and_leaves_with_three(geomage, images, tmp_path):
    answer = geomage("plausibility", images["noise"], "-o", tmp_path / "n.tif", "--json")
    assert answer.code == 3, answer.err
    assert answer.facts["too_far_share"] == 1
    assert "25 of 25 cells are too far" in answer.err
    with rasterio.open(tmp_path / "n.tif") as raster:
        assert (raster.read(1) == 1).all()


def test_ones_are_the_cells_that_are_too_far(geomage, images, tmp_path):
    answer = geomage("plausibility", images["half"], "-o", tmp_path / "h.tif", "--json")
    with rasterio.open(tmp_path / "h.tif") as raster:
        assert 0 < (raster.read(1) == 1).sum() == answer.facts["too_far"] < 25


def test_cells_of_which_nothing_is_seen_are_not_judged(geomage, tmp_path):
    values = noise()
    values[:, :, 128:] = 0
    image = write(tmp_path / "half.tif", values, nodata=0)
    answer = geomage("plausibility", image, "-o", tmp_path / "out.tif", "--json")
    assert answer.code == 3, answer.err
    with rasterio.open(tmp_path / "out.tif") as raster:
        share = raster.read(1)
    assert (share[:, 3:] == -1).all()
    assert (share[:, :2] >= 0).all()


def test_neither_windows_nor_processes_change_a_byte(geomage, images, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    plain = tmp_path / "plain.tif"
    geomage("plausibility", images["half"], "-o", plain)
    digest = hashlib.sha256(plain.read_bytes()).hexdigest()
    for side, jobs in ((64, 1), (128, 1), (64, 2)):
        monkeypatch.setattr(foreign, "SIDE", side)
        out = tmp_path / f"{side}_{jobs}.tif"
        geomage("plausibility", images["half"], "-o", out, "--jobs", jobs)
        assert hashlib.sha256(out.read_bytes()).hexdigest() == digest, (side, jobs)


def test_what_cannot_be_judged_is_refused(geomage, images, tmp_path):
    out = tmp_path / "out.tif"
    small = write(tmp_path / "small.tif", noise(40))
    grey = write(tmp_path / "grey.tif", noise()[:1])
    coarse = write(tmp_path / "coarse.tif", noise(), step=10)
    loose = tmp_path / "loose.png"
    Image.fromarray(np.moveaxis(noise(), 0, -1)).save(loose)
    for image, words, said in (
        (images["town"], ["--detector", "line-l"], "no detector 'line-l' (near: line-1)"),
        (small, [], "too little is seen"),
        (grey, [], "has 1 band"),
        (coarse, [], "pixels of 10.00 m"),
        (loose, [], "--gsd"),
        (tmp_path / "none.tif", [], "none.tif"),
    ):
        answer = geomage("plausibility", image, "-o", out, *words)
        assert answer.code == 2, (image, answer.err)
        assert said in answer.err
        assert "Traceback" not in answer.err
        assert [p for p in tmp_path.iterdir() if p.name.startswith((".", "out"))] == []


def test_a_size_of_pixels_that_is_not_used_or_none_is_told(geomage, images, tmp_path):
    answer = geomage("plausibility", images["town"], "-o", tmp_path / "a.tif", "--gsd", "0.3")
    assert answer.code == 0, answer.err
    assert "state their own pixel size; --gsd 0.3 was not used" in answer.err
    for gsd in ("-1", "0", "nan", "1e9"):
        answer = geomage("plausibility", images["town"], "-o", tmp_path / "b.tif", "--gsd", gsd)
        assert answer.code == 2
        assert "is not a size of pixels" in answer.err


def test_an_output_that_stands_is_kept(geomage, images, tmp_path):
    out = tmp_path / "out.tif"
    out.write_text("mine")
    answer = geomage("plausibility", images["noise"], "-o", out)
    assert (answer.code, out.read_text()) == (2, "mine")
    answer = geomage("plausibility", images["noise"], "-o", images["noise"], "--overwrite")
    assert answer.code == 2
    assert "is the input" in answer.err


def test_a_map_says_nothing_where_the_model_knows_nothing(geomage, images, tmp_path):
    """Noise at the left of the first date; a cell at its edge sees more of the town beside it."""
    reason = "first image too far from what the model knows"
    words = ("map", images["half"], "--json", "-o")
    marked = geomage(*words, tmp_path / "marked")
    assert marked.code == 3, marked.err
    area = marked.facts["area"]
    assert area["not_analysed_by_reason_m2"][reason] == pytest.approx(128 * SIDE / 4, rel=0.01)
    areas = gpd.read_file(tmp_path / "marked/products.gpkg", layer="notAnalysedA")
    assert set(areas["reason"]) == {reason}
    for name, nothing in (("landcover", 0), ("building", 0)):
        with rasterio.open(tmp_path / f"marked/{name}.tif") as raster:
            assert (raster.read(1)[:, :128] == nothing).all()
            assert (raster.read_masks(1)[:, :128] == 0).all()
            assert (raster.read_masks(1)[:, 128:] > 0).all()
    plain = geomage(*words, tmp_path / "plain", "--no-plausibility")
    assert plain.code == 0, plain.err
    assert plain.facts["area"]["not_analysed_m2"] == 0
    with (
        rasterio.open(tmp_path / "marked/landcover.tif") as one,
        rasterio.open(tmp_path / "plain/landcover.tif") as other,
    ):
        assert np.array_equal(one.read(1)[:, 128:], other.read(1)[:, 128:])


def test_a_map_of_two_dates_says_which_one_is_too_far(geomage, images, tmp_path):
    answer = geomage("map", images["town"], images["noise"], "--json", "-o", tmp_path / "out")
    assert answer.code == 3, answer.err
    reasons = set(answer.facts["area"]["not_analysed_by_reason_m2"])
    assert "second image too far from what the model knows" in reasons
    assert not any("first" in reason for reason in reasons)
    with rasterio.open(tmp_path / "out/damage.tif") as raster:
        assert (raster.read(1) == 255).all()


def test_a_dry_run_counts_what_is_judged(geomage, tmp_path, monkeypatch):
    monkeypatch.setattr(forecast, "_TRIAL", 0.0)
    wide = write(tmp_path / "wide.tif", np.ones((3, 320, 2112), np.uint8))  # 1024, 1024 and 64 px
    words = ("map", wide, wide, "-o", tmp_path / "out", "--dry-run", "--json")
    said = geomage(*words)
    assert said.code == 0, said.err
    judged = said.facts["plausibility"]
    assert judged["tiles"] == 2 * 3
    assert judged["mpx_per_second"] > 0
    plain = geomage(*words, "--no-plausibility").facts
    assert plain["plausibility"] is None
    assert plain["tiles"] == said.facts["tiles"]
    modelled = 1.5 * plain["recomputation"] * plain["pixels"] / plain["mpx_per_second"] / 1e6
    assert plain["seconds"] == pytest.approx(modelled, rel=0.02, abs=0.06)  # told to a tenth
    assert said.facts["seconds"] > judged["seconds"] > 0
    assert said.facts["memory_bytes"] == plain["memory_bytes"]  # the model takes more
    one = geomage(*words[:2], *words[3:]).facts
    assert one["plausibility"]["tiles"] == 3
    told = geomage(*words[:-1]).err
    assert "6 tiles judged by their plausibility" in told


def test_a_model_of_which_nobody_knows_the_domain_marks_nothing(
    geomage, images, blank_model, tmp_path
):
    answer = geomage(
        "map", images["noise"], "--model", blank_model, "-o", tmp_path / "out", "--json"
    )
    assert answer.code == 0, answer.err
