"""A translator over a raster: windows that cannot be seen, numbers that keep their meaning."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from rio_cogeo import cog_validate

from dataset_folders import png
from geomage.adapt.method import Parts
from geomage.adapt.translator_file import open_translator_file, write_parts
from geomage.data.translation import QUANTILES, Window, measure_figures
from geomage.data.twins import COVERS
from geomage.errors import BudgetError, InputError, ModelError, OutputError, RunError
from geomage.mapping.translate import TranslateJob, translate_raster
from toy_translators import RADAR, Constant, Same, Wide, card, opener

SIZE = (131, 170)
PLACE = from_origin(500_000, 5_400_000, 0.5, 0.5)


def counts(bands=3, seed=0, size=SIZE) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(1, 256, (bands, *size), dtype=np.uint8)


def write(path: Path, values: np.ndarray, names=(), mask=None, **profile) -> Path:
    size = {"count": len(values), "height": values.shape[1], "width": values.shape[2]}
    kind = {"driver": "GTiff", "dtype": values.dtype, "crs": "EPSG:32631", "transform": PLACE}
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(path, "w", **kind | size | profile) as file,
    ):
        file.write(values)
        for number, name in enumerate(names, start=1):
            file.set_band_description(number, name)
        if mask is not None:
            file.write_mask(mask)
    return path


def translated(image: Path, translator, out: Path | None = None, **more) -> np.ndarray:
    out = out or image.with_name("out.tif")
    job = TranslateJob(image=image, out=out, opens=opener(translator), overwrite=True, **more)
    translate_raster(job)
    with rasterio.open(out) as file:
        return file.read()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    values = counts()
    values[:, 20:60, 100:] = 0
    return write(tmp_path / "image.tif", values)


def test_no_side_of_windows_can_be_seen(image: Path, tmp_path: Path):
    outs = [tmp_path / f"{side}.tif" for side in (20, 44, 64, 512)]
    for out, side in zip(outs, (20, 44, 64, 512), strict=True):
        translated(image, Wide(), out, side_px=side, style=5)
    first, *others = (out.read_bytes() for out in outs)
    assert all(other == first for other in others)
    assert cog_validate(str(outs[0])) == (True, [], [])


def test_it_is_the_translation_of_the_whole_mirrored_image(image: Path):
    with rasterio.open(image) as file:
        values, place, crs = file.read(), file.transform, file.crs
    seen = (values != 0).any(axis=0)
    pixels = values.astype(np.float32) / np.float32(255)
    around = ((4, 4 + -SIZE[0] % 4), (4, 4 + -SIZE[1] % 4))
    whole = Window(
        np.pad(pixels, ((0, 0), *around), "symmetric"),
        np.pad(seen, around, "symmetric"),
        0.5,
        -4,
        -4,
    )
    direct = Wide().translate(whole, measure_figures(pixels, seen), 5)
    direct = direct[:, 4 : 4 + SIZE[0], 4 : 4 + SIZE[1]].astype(float)
    direct = np.rint(direct * 255).clip(0, 255) * seen
    made = translated(image, Wide(), side_px=64, style=5)
    assert np.array_equal(made, direct)
    with rasterio.open(image.with_name("out.tif")) as file:
        assert (file.transform, file.crs, file.dtypes) == (place, crs, ("uint8",) * 3)
        assert file.descriptions == ("red", "green", "blue")
        assert [one.name for one in file.colorinterp] == ["red", "green", "blue"]
        assert '"style": 5' in file.tags()["TRANSLATION"]
    assert not np.array_equal(made, translated(image, Wide(), side_px=64, style=6))


def test_figures_are_those_of_the_whole_image(image: Path):
    with rasterio.open(image) as file:
        pixels = file.read().astype(np.float32) / np.float32(255)
    same = Same()
    translated(image, same, side_px=64)
    assert len(same.seen) == 9
    expected = measure_figures(pixels, (pixels != 0).any(axis=0))
    for _, figures, _ in same.seen:
        assert figures.quantiles.shape == (3, QUANTILES)
        assert np.array_equal(figures.quantiles, expected.quantiles)
        assert np.allclose(figures.covariance, expected.covariance)


def test_figures_of_a_large_image_do_not_look_at_its_overviews(tmp_path: Path):
    values = counts(size=(1100, 700))
    plain, tiled = Same(), Same()
    translated(write(tmp_path / "a.tif", values), plain)
    path = write(tmp_path / "b.tif", values, tiled=True, blockxsize=256, blockysize=256)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4], rasterio.enums.Resampling.average)
    translated(path, tiled)
    assert np.array_equal(plain.seen[0][1].quantiles, tiled.seen[0][1].quantiles)
    lattice = values[:, ::2, ::2] / np.float32(255)
    assert np.allclose(
        plain.seen[0][1].quantiles,
        measure_figures(lattice, np.ones(lattice.shape[1:], bool)).quantiles,
    )


@pytest.fixture
def table(tmp_path: Path) -> Path:
    numbers = {"match": "domain", "images": 4, "strength": 1.0}
    rng = np.random.default_rng(2)
    tables = {
        "quantiles": np.sort(rng.random((1, 3, QUANTILES)), axis=2),
        "mean": np.full((1, 3), 0.5),
        "covariance": np.eye(3)[None],
    }
    parts = Parts(card(), tables, {}, numbers)
    folder = tmp_path / "run"
    folder.mkdir()
    return write_parts(folder, parts._replace(card=card_of("histogram")))


def card_of(method: str):
    return replace(card(), method=method)


def test_neither_jobs_nor_memory_change_a_byte(image: Path, table: Path, tmp_path: Path):
    opens = partial(open_translator_file, table)
    found = []
    for jobs, memory in ((1, 2**30), (2, 2**31), (1, 2**32)):
        out = tmp_path / f"{jobs}_{memory}.tif"
        translate_raster(
            TranslateJob(
                image=image, out=out, opens=opens, jobs=jobs, memory_bytes=memory, side_px=64
            )
        )
        found.append(out.read_bytes())
    assert found[0] == found[1] == found[2]
    assert sorted(path.name for path in tmp_path.glob(".*")) == []
    with pytest.raises(BudgetError, match="give --memory"):
        translate_raster(
            TranslateJob(image=image, out=tmp_path / "x.tif", opens=opens, memory_bytes=2**20)
        )


# ------------------------------------------------------------------------------ numbers


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_what_is_translated_by_nothing_is_what_it_was(dtype: str, tmp_path: Path):
    values = (counts() * (30 if "16" in dtype else 1)).astype(dtype)
    if dtype == "float32":
        values /= 255
    values[:, :40, :40] = -9999 if dtype in {"int16", "float32"} else 0
    nodata = float(values[0, 0, 0])
    path = write(tmp_path / "a.tif", values, nodata=nodata)
    assert np.array_equal(translated(path, Same(), side_px=64), values)
    with rasterio.open(tmp_path / "out.tif") as file:
        assert (file.nodata, file.dtypes[0]) == (nodata, dtype)


def test_a_mask_stays_a_mask_and_alpha_becomes_one(tmp_path: Path):
    values, mask = counts(), np.ones(SIZE, bool)
    mask[:70, :70] = False
    values[:, 100:, 100:] = 0  # data all the same: the mask says so
    for path in (
        write(tmp_path / "a.tif", values, mask=mask),
        write(
            tmp_path / "b.tif", np.concatenate([values, mask[None] * np.uint8(255)]), alpha="yes"
        ),
    ):
        made = translated(path, Same(), side_px=64)
        assert np.array_equal(made, values * mask)
        with rasterio.open(tmp_path / "out.tif") as file:
            assert np.array_equal(file.read_masks(1) > 0, mask)
            assert file.nodata is None


def test_what_is_not_a_number_is_no_data(tmp_path: Path):
    values = counts().astype(np.float32) / 255
    values[0, :30, :30] = np.nan
    made = translated(write(tmp_path / "a.tif", values), Same(), side_px=16)
    assert np.isnan(made[:, :30, :30]).all()
    assert np.array_equal(made[:, 30:], values[:, 30:])


@pytest.mark.parametrize(
    ("dtype", "nodata"), [("uint8", None), ("uint8", 0), ("uint8", 255), ("float32", 0)]
)
def test_data_never_turn_into_no_data(dtype: str, nodata: float | None, tmp_path: Path):
    values = counts().astype(dtype)
    values[values == 255] = 254
    values[:, :9] = nodata or 0
    path = write(tmp_path / "a.tif", values, nodata=nodata)
    made = translated(path, Constant(1.0 if nodata == 255 else 0.0))
    assert ((made != (nodata or 0)).any(axis=0) == (values != (nodata or 0)).any(axis=0)).all()


def test_16_bits_are_reflectance_by_the_scale_of_the_file(tmp_path: Path):
    values = counts().astype(np.uint16) * 30
    for path, scale, more in (
        (write(tmp_path / "a.tif", values), 1e-4, {}),
        (write(tmp_path / "b.tif", values), 1e-3, {"scale": 1e-3}),
    ):
        same = Same()
        assert np.array_equal(translated(path, same, **more), values)
        assert np.allclose(same.seen[0][0].pixels[:, : SIZE[0], : SIZE[1]], values * scale)
    with rasterio.open(tmp_path / "b.tif", "r+") as file:
        file.scales, file.offsets = (2e-5,) * 3, (0.01,) * 3
    same = Same()
    translated(tmp_path / "b.tif", same)
    assert np.allclose(same.seen[0][0].pixels, values * 2e-5 + 0.01)
    with rasterio.open(tmp_path / "out.tif") as file:
        assert (file.scales[0], file.offsets[0]) == (2e-5, 0.01)


def test_backscatter_is_told_as_a_share_and_kept_in_db(tmp_path: Path):
    db = np.random.default_rng(0).uniform(-30, 5, (2, *SIZE)).astype(np.float32)
    same = Same(card(RADAR))
    made = translated(write(tmp_path / "a.tif", db, ("VV", "VH")), same)
    assert np.allclose(same.seen[0][0].pixels, 1 + db / 25, atol=1e-6)
    assert np.allclose(made, db, atol=1e-5)


def test_a_stretched_image_is_translated_where_such_were_learnt(tmp_path: Path):
    values = counts().astype(np.uint16) * 10
    same = Same(card(stretched=True))
    made = translated(write(tmp_path / "a.tif", values), same)
    assert made.dtype == np.uint8
    low, high = np.percentile(same.seen[0][0].pixels * 255, (1, 99))
    assert (round(low), round(high)) == (16, 240)


# ------------------------------------------------------------------------------ bands and labels


def test_bands_are_found_by_name_by_colour_and_in_order(tmp_path: Path):
    values = counts(4)
    path = write(
        tmp_path / "a.tif", values, ("blue", "green", "Red", "nir"), photometric="minisblack"
    )
    assert np.array_equal(translated(path, Same()), values[[2, 1, 0]])
    path = write(tmp_path / "b.tif", values[:3], photometric="minisblack")
    assert np.array_equal(translated(path, Same()), values[:3])


@pytest.mark.parametrize(
    ("bands", "names", "said"),
    [
        (2, (), "has 2 bands without names; toy takes red, green, blue"),
        (3, ("vv", "vh", "ratio"), "has the bands vv, vh, ratio"),
        (3, ("rred", "green", "blue"), "near: rred"),
    ],
)
def test_other_bands_are_refused(bands: int, names: tuple[str, ...], said: str, tmp_path: Path):
    path = write(tmp_path / "a.tif", counts(bands), names, photometric="minisblack")
    with pytest.raises(InputError, match=said):
        translated(path, Same())
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.tif"]


def test_labels_are_told_where_they_lie(tmp_path: Path):
    path = write(tmp_path / "a.tif", counts())
    cover = np.random.default_rng(1).integers(0, 9, (1, *SIZE), dtype=np.uint8)
    labels = write(tmp_path / "labels.tif", cover)
    same = Same(card(classes=COVERS))
    translated(path, same, labels=labels, side_px=256)
    told = same.seen[0][0].labels
    assert np.array_equal(told, np.where(cover[0] == 0, 255, cover[0] - 1.0))
    same = Same(card(classes=("dry", "water")))
    with pytest.raises(InputError, match=r"value 8 is no class: they go from 0 \(dry\)"):
        translated(path, same, labels=write(labels, np.full_like(cover, 8)))
    translated(path, same, labels=write(labels, cover % 2))
    assert np.array_equal(same.seen[-1][0].labels, cover[0] % 2)
    with pytest.raises(InputError, match="is told no label map"):
        translated(path, Same(), labels=labels)
    with pytest.raises(InputError, match="not on the grid"):
        translated(path, same, labels=write(labels, cover, transform=from_origin(0, 0, 0.5, 0.5)))
    with pytest.raises(InputError, match="not on the grid"):
        translated(path, same, labels=write(labels, cover[:, 1:]))


# ------------------------------------------------------------------------------ refused, killed


def test_another_size_of_pixels_is_refused(tmp_path: Path):
    path = write(tmp_path / "a.tif", counts(), transform=from_origin(5e5, 5.4e6, 2, 2))
    with pytest.raises(InputError, match=r"has pixels of 2 m, toy has learnt 0.4 to 0.6 m"):
        translated(path, Same())
    path = png(tmp_path / "b.png", np.moveaxis(counts(), 0, -1))
    with pytest.raises(InputError, match="state the side of its pixels"):
        translated(path, Same())
    assert np.array_equal(translated(path, Same(), gsd=0.5), counts())


def test_a_size_of_pixels_that_is_not_used_is_told(image: Path):
    told: list[str] = []
    job = TranslateJob(image=image, out=image.with_name("out.tif"), opens=opener(Same()), gsd=0.9)
    translate_raster(job, told.append)
    assert told == ["note: the images state their own pixel size; --gsd 0.9 was not used"]


@pytest.mark.parametrize(
    ("more", "said"),
    [({"style": -1}, "--style"), ({"gsd": 0.0}, "--gsd"), ({"scale": -1.0}, "--scale")],
)
def test_absurd_numbers_are_refused(image: Path, more: dict, said: str):
    with pytest.raises(InputError, match=said):
        translated(image, Same(), **more)


def test_an_output_that_stands_or_is_read_is_refused(image: Path):
    job = TranslateJob(image=image, out=image, opens=opener(Same()), overwrite=True)
    with pytest.raises(OutputError, match="is the input"):
        translate_raster(job)
    out = image.with_name("out.tif")
    out.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists already"):
        translate_raster(TranslateJob(image=image, out=out, opens=opener(Same())))
    assert out.read_bytes() == b"mine"


def test_an_image_without_data_is_refused(tmp_path: Path):
    path = write(tmp_path / "a.tif", np.zeros((3, *SIZE), np.uint8))
    with pytest.raises(InputError, match="holds no data"):
        translated(path, Same())
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.tif"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_translator_that_gives_no_number_is_told(value: float, image: Path):
    with pytest.raises(ModelError, match="not finite, in tile r0000c0000"):
        translated(image, Constant(value))
    assert sorted(one.name for one in image.parent.iterdir()) == ["image.tif"]


class Breaks(Wide):
    """Fails at its fourth window, the first time."""

    calls = 0

    def translate(self, window, figures, style):
        self.calls += 1
        if self.calls == 4:
            raise RunError("lost")
        return super().translate(window, figures, style)


def test_a_run_that_broke_goes_on_and_ends_with_the_same_bytes(image: Path, tmp_path: Path):
    out, breaks = tmp_path / "out.tif", Breaks()
    job = TranslateJob(image=image, out=out, opens=opener(breaks), side_px=64)
    with pytest.raises(RunError):
        translate_raster(job)
    assert not out.exists()
    told: list[str] = []
    translate_raster(job, told.append)
    assert "going on" in told[0]
    assert breaks.calls == 4 + 6
    translated(image, Wide(), tmp_path / "other.tif", side_px=64)
    assert out.read_bytes() == (tmp_path / "other.tif").read_bytes()
    assert not list(tmp_path.glob(".*"))


class Kills(Breaks):
    """Ends its process instead."""

    def translate(self, window, figures, style):
        try:
            return super().translate(window, figures, style)
        except RunError:
            os.kill(os.getpid(), signal.SIGKILL)
            raise


def test_a_run_that_was_killed_goes_on(image: Path, tmp_path: Path):
    out = tmp_path / "out.tif"
    job = TranslateJob(image=image, out=out, opens=opener(Kills()), side_px=64)
    process = multiprocessing.get_context("fork").Process(target=translate_raster, args=(job,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not out.exists()
    whole = Breaks()
    whole.calls = 4
    translate_raster(replace(job, opens=opener(whole)))
    assert whole.calls < 4 + 9
    translated(image, Wide(), tmp_path / "other.tif", side_px=64)
    assert out.read_bytes() == (tmp_path / "other.tif").read_bytes()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("line", [(0.0, 0.0), (float("nan"), 0.0), (1e-4, float("inf"))])
def test_a_line_that_no_count_stands_for_is_refused(line: tuple[float, float], tmp_path: Path):
    image = write(tmp_path / "image.tif", counts().astype(np.uint16))
    with rasterio.open(image, "r+") as file:
        file.scales, file.offsets = ((one,) * 3 for one in line)
    with pytest.raises(InputError, match="which no count can stand for"):
        translated(image, Same())


def test_numbers_keep_the_scale_of_a_file_of_floats(tmp_path: Path):
    percent = (counts() / 2.55).astype(np.float32)
    image = write(tmp_path / "image.tif", percent)
    with rasterio.open(image, "r+") as file:
        file.scales = (0.01,) * 3
    np.testing.assert_allclose(translated(image, Same()), percent, rtol=1e-5)
    with rasterio.open(tmp_path / "out.tif") as file:
        assert file.scales == (0.01,) * 3


def test_a_scale_of_8_bits_is_refused(image: Path):
    with pytest.raises(InputError, match=r"holds 8 bits.*leave --scale out"):
        translated(image, Same(), scale=0.5)


def test_what_takes_whole_images_is_given_no_part_of_one(image: Path, tmp_path: Path):
    whole = Same(card(whole=True))
    translated(image, whole)
    long = write(tmp_path / "long.tif", counts(size=(4, 1025)))
    seen = len(whole.seen)
    with pytest.raises(InputError, match=r"1025 x 4 px, and toy .* at most 1024 px"):
        translated(long, whole, tmp_path / "long_out.tif")
    assert len(whole.seen) == seen
    with pytest.raises(InputError, match="at most 64 px"):
        translated(image, whole, side_px=64)


class Torn(Same):
    """Tables of another shape than its card says."""

    def translate(self, window: Window, *_told) -> np.ndarray:
        return window.pixels * np.zeros((7, 1, 1), np.float32)


def test_a_translator_whose_tables_do_not_fit_is_blamed(image: Path):
    with pytest.raises(ModelError, match="toy cannot translate a window, its file may be damaged"):
        translated(image, Torn())
