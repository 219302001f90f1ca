"""Readers of public datasets: tiny folders in their authors' layouts, and real samples."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import dataset_folders as made
from geomage.data.chip import UNKNOWN, ChipSource
from geomage.data.readers import READERS, find_reader
from geomage.errors import InputError


@pytest.mark.parametrize("name", READERS)
def test_every_reader_gives_chips_that_share_channels_and_classes(name, tmp_path):
    source = find_reader(name)(getattr(made, name)(tmp_path), "all", "")
    assert isinstance(source, ChipSource)
    assert len(set(source.names)) == len(source.names) == len(source.events) > 1
    chips = [source.chip(k) for k in range(len(source.names))]
    assert tuple(chip.name for chip in chips) == source.names
    assert tuple(chip.event for chip in chips) == source.events
    assert len({chip.channels for chip in chips}) == 1
    assert {chip.pixels.dtype for chip in chips} == {np.dtype("float32")}
    for chip in chips:
        labels = np.full(chip.valid.shape, UNKNOWN) if chip.labels is None else chip.labels
        assert labels[labels != UNKNOWN].max(initial=0) < len(source.classes)
        assert (labels[~chip.valid] == UNKNOWN).all()
        assert (chip.pixels[:, :, ~chip.valid] == 0).all()
        assert np.isfinite(chip.pixels).all()


def test_sen1floods11_parts_are_those_of_its_lists(tmp_path):
    read = READERS["sen1floods11"]
    made.sen1floods11(tmp_path)
    parts = {name: read(tmp_path, name, "").names for name in ("train", "val", "test", "bolivia")}
    assert parts == {
        "train": ("Ghana_1",),
        "val": ("Spain_2",),
        "test": ("Spain_3",),
        "bolivia": ("Bolivia_4",),
    }
    assert read(tmp_path / "v1.1", "all", "").events == ("Bolivia", "Ghana", "Spain", "Spain")


def test_sen1floods11_scales_radar_and_reflectance_and_masks(tmp_path):
    source = READERS["sen1floods11"](made.sen1floods11(tmp_path), "train", "s1+s2")
    chip = source.chip(0)
    assert [channel.name for channel in chip.channels[:4]] == ["vv", "vh", "coastal", "blue"]
    # -12.5 dB lies half way between -25 dB and 0 dB; 1500 counts are 0.15 of reflectance
    np.testing.assert_allclose(chip.pixels[0, :2, 1, 1], 0.5)
    np.testing.assert_allclose(chip.pixels[0, 2:, 1, 1], 0.15, rtol=1e-6)
    assert not chip.valid[0, 0]
    assert chip.labels[0].tolist() == [UNKNOWN, 0, 0, 0, 1, 1, 1, 1]
    assert (chip.labels[-1] == UNKNOWN).all()


def test_xbd_burns_polygons_with_the_grade_after(tmp_path):
    chip = READERS["xbd"](made.xbd(tmp_path), "test", "").chip(0)
    assert chip.pixels.shape == (2, 3, made.SIDE, made.SIDE)
    np.testing.assert_allclose(chip.pixels[:, 0, 0, 0], [0.2, 0.4])
    expected = np.zeros((made.SIDE, made.SIDE), np.uint8)
    expected[1:3, 1:5] = 3
    np.testing.assert_array_equal(chip.labels, expected)
    assert chip.gsd_m == pytest.approx(0.6)
    assert chip.event == "mexico-earthquake"


@pytest.mark.parametrize("untold", ["yesterday", "NaT", "", 20170131])
def test_xbd_tells_sun_and_day_of_both_dates_where_its_labels_do(untold, tmp_path):
    folder = made.xbd(tmp_path)
    assert np.isnan(READERS["xbd"](folder, "test", "").chip(0).moments).all()
    post = folder / "test/labels/mexico-earthquake_00000000_post_disaster.json"
    label = json.loads(post.read_text())
    for date, sun, taken in (("pre", 61.5, "2017-01-31T17:16:03.000Z"), ("post", 40, untold)):
        label["metadata"] |= {"sun_elevation": sun, "capture_date": taken}
        post.with_name(post.name.replace("post", date)).write_text(json.dumps(label))
    before, after = READERS["xbd"](folder, "test", "").chip(0).moments
    assert before == (61.5, 31.0)
    assert after.sun_deg == 40
    assert np.isnan(after.day)


def test_xbd_targets_are_rasters(tmp_path):
    shutil.rmtree(made.xbd(tmp_path) / "tier3")
    chip = READERS["xbd"](tmp_path, "test", "targets").chip(0)
    assert np.unique(chip.labels).tolist() == [0, 4]


def test_xbd_validates_on_a_tenth_of_each_event(tmp_path):
    made.xbd(tmp_path, pairs=10)
    train, val = (READERS["xbd"](tmp_path, part, "") for part in ("train", "val"))
    assert not set(train.names) & set(val.names)
    assert sorted(val.events) == ["joplin-tornado", "palu-tsunami"]
    assert len(train.names) == 18


def test_levir_counts_parts_in_order_of_numbers(tmp_path):
    source = READERS["levir"](made.levir(tmp_path), "train", "")
    assert source.names == ("train_2", "train_10")
    chip = source.chip(0)
    assert chip.pixels[:, 0, 0, 0].tolist() == [0, 1]
    assert chip.labels[0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize("listed", [False, True])
def test_burn_scars_in_both_layouts(tmp_path, listed):
    source = READERS["burnscars"](made.burnscars(tmp_path, listed=listed), "train", "")
    chip = source.chip(0)
    assert (chip.event, chip.gsd_m) == (source.events[0], 30.0)
    assert chip.event.startswith("T1")
    assert [one.name for one in chip.channels] == [
        *("blue", "green", "red", "nir08"),
        *("swir16", "swir22"),
    ]
    assert not chip.valid[0, 0]
    assert len(source.names) == (1 if listed else 2)


def test_mados_brings_bands_to_ten_metres_in_order(tmp_path):
    source = READERS["mados"](made.mados(tmp_path), "train", "")
    assert source.names == ("Scene_0_1", "Scene_1_1")
    chip = source.chip(0)
    assert chip.pixels.shape == (1, 11, 12, 12)
    told = [0.0442, 0.0492, 0.056, 0.0665, 0.0704, 0.074, 0.0783, 0.0833, 0.0865, 0.1614, 0.2202]
    np.testing.assert_allclose(chip.pixels[0, :, 5, 5], told, rtol=1e-6)
    assert chip.labels[[0, 2, 4], 0].tolist() == [0, 14, UNKNOWN]


def test_openearthmap_leaves_out_images_of_xbd(tmp_path):
    source = READERS["openearthmap"](made.openearthmap(tmp_path), "train", "")
    assert source.names == ("accra_1", "tokyo_1")
    chip = source.chip(1)
    assert chip.labels[0].tolist() == [UNKNOWN] * 4 + [7] * 4
    assert chip.gsd_m == pytest.approx(0.3, rel=0.01)


def test_bright_keeps_its_two_sensors_apart(tmp_path):
    source = READERS["bright"](made.bright(tmp_path, lists=True), "test", "")
    chip = source.chip(0)
    assert (chip.name, chip.event) == ("la_palma-volcano_00000000", "la_palma-volcano")
    np.testing.assert_allclose(chip.pixels[0, :, 0, 0], [0.2, 0.2, 0.2, 0])
    np.testing.assert_allclose(chip.pixels[1, :, 0, 0], [0, 0, 0, 0.4])
    assert np.unique(chip.labels).tolist() == [1, 3]


def test_spacenet_burns_its_geojson_on_the_grid(tmp_path):
    source = READERS["spacenet"](made.spacenet(tmp_path), "all", "")
    assert source.names == ("AOI_2_Vegas_img1", "AOI_2_Vegas_img2")
    chip = source.chip(0)
    expected = np.zeros((made.SIDE, made.SIDE), np.uint8)
    expected[:2, :4] = 1  # 1.2 m by 0.6 m of pixels of 0.3 m
    np.testing.assert_array_equal(chip.labels, expected)
    assert chip.pixels.max() == pytest.approx(1)
    assert source.chip(1).labels.max() == 0


def test_spacenet_parts_are_drawn_and_whole(tmp_path):
    made.spacenet(tmp_path, tiles=20)
    parts = [READERS["spacenet"](tmp_path, part, "").names for part in ("train", "val", "test")]
    assert [len(part) for part in parts] == [14, 3, 3]
    assert len(set().union(*parts)) == 20


def test_unknown_names_are_answered_with_near_ones(tmp_path):
    with pytest.raises(InputError, match="near: sen1floods11"):
        find_reader("sen1flood")
    with pytest.raises(InputError, match=r"no part 'vall'.*near: val"):
        READERS["levir"](made.levir(tmp_path), "vall", "")


@pytest.mark.parametrize(
    ("name", "label"), [("sen1floods11", "a_label.tif"), ("xbd", "a_damage.png")]
)
def test_a_plain_folder_has_no_parts_and_says_how_to_choose(name, label, tmp_path):
    (tmp_path / label).touch()
    with pytest.raises(InputError, match=r"no part 'train', only all.*`events`.*--split drawn"):
        READERS[name](tmp_path, "train", "")


def test_samples_of_sen1floods11(data_dir):
    folder = data_dir / "flood" / "sen1floods11"
    radar = READERS["sen1floods11"](folder, "all", "s1")
    assert set(radar.events) == {"Ghana", "India", "Nigeria", "Pakistan", "Paraguay", "Spain"}
    by_name = {name: radar.chip(k) for k, name in enumerate(radar.names)}
    assert not by_name["Paraguay_34417"].valid.any()
    assert (by_name["Ghana_83483"].labels == UNKNOWN).all()
    assert (by_name["Ghana_53713"].labels != 1).all()
    assert (by_name["India_900498"].labels == 1).sum() > 1000
    optical = READERS["sen1floods11"](folder, "all", "s2")
    assert set(optical.events) == {"India", "Spain"}
    assert 0.02 < optical.chip(0).pixels.mean() < 0.4


def test_samples_of_xbd(data_dir):
    source = READERS["xbd"](data_dir / "damage" / "xbd", "all", "")
    assert len(source.names) == 6
    clouded = source.chip(source.names.index("hurricane-florence_00000009"))
    assert (clouded.labels == UNKNOWN).any()
    assert clouded.labels[clouded.labels != UNKNOWN].max() <= 4
    mexico = READERS["xbd"](data_dir / "damage" / "mexico_2017", "all", "")
    assert set(mexico.events) == {"mexico-earthquake"}


def test_samples_of_levir(data_dir):
    folder = data_dir / "change" / "levir"
    names = [READERS["levir"](folder, part, "").names for part in ("train", "val", "test")]
    assert [len(part) for part in names] == [1, 1, 4]
    chips = [READERS["levir"](folder, "test", "").chip(k) for k in range(4)]
    assert {chip.pixels.shape for chip in chips} == {(2, 3, 256, 256)}
    assert 0.02 < np.mean([chip.labels == 1 for chip in chips]) < 0.5


def test_a_sample_of_spacenet_in_its_official_layout(data_dir, tmp_path):
    home = tmp_path / "AOI_9_Atlanta_Train"
    (home / "PAN").mkdir(parents=True)
    (home / "geojson_buildings").mkdir()
    sample = data_dir / "buildings" / "atlanta_offnadir"
    shutil.copy(sample / "pan.tif", home / "PAN" / "PAN_AOI_9_Atlanta_img1.tif")
    label = home / "geojson_buildings" / "buildings_AOI_9_Atlanta_img1.geojson"
    shutil.copy(sample / "buildings.geojson", label)
    chip = READERS["spacenet"](tmp_path, "all", "").chip(0)
    assert chip.gsd_m == pytest.approx(0.5, rel=0.02)
    assert 0.01 < (chip.labels == 1).mean() < 0.3
