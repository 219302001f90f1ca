"""Broken folders of datasets: the file and the value are named, corrupt chips counted."""

from __future__ import annotations

import json

import numpy as np
import pytest

import dataset_folders as made
from geomage.data.readers import READERS
from geomage.data.survey import survey_chips
from geomage.errors import CorruptError, InputError, RunError


def test_a_label_out_of_range_names_file_and_value(tmp_path):
    made.levir(tmp_path)
    path = made.png(tmp_path / "val/label/val_1.png", made.halves(0, 7))
    with pytest.raises(InputError, match=r"val_1\.png: label value 7 is none of 0, 255") as error:
        survey_chips(READERS["levir"](tmp_path, "val", ""), most_corrupt=1.0)
    assert str(path) in str(error.value)
    assert not isinstance(error.value, CorruptError)


def test_a_grade_that_is_none_names_file_and_value(tmp_path):
    made.xbd(tmp_path)
    path = tmp_path / "test/labels/mexico-earthquake_00000000_post_disaster.json"
    path.write_text(json.dumps(made.xbd_label("flattened")))
    with pytest.raises(InputError, match=r"00000000_post_disaster\.json: subtype 'flattened'"):
        READERS["xbd"](tmp_path, "test", "").chip(0)


def test_a_wrong_number_of_bands_is_refused(tmp_path):
    made.sen1floods11(tmp_path)
    path = tmp_path / "v1.1/data/flood_events/HandLabeled/S2Hand/Ghana_1_S2Hand.tif"
    made.tif(path, np.zeros((12, made.SIDE, made.SIDE), np.int16))
    with pytest.raises(InputError, match="has 12 bands, this dataset has 13") as error:
        survey_chips(READERS["sen1floods11"](tmp_path, "train", "s2"), most_corrupt=1.0)
    assert not isinstance(error.value, CorruptError)


def test_a_missing_band_of_mados_is_told(tmp_path):
    made.mados(tmp_path)
    (tmp_path / "Scene_0/60/Scene_0_L2R_rhorc_442_1.tif").unlink()
    with pytest.raises(InputError, match="Scene_0_1 has 10 bands"):
        READERS["mados"](tmp_path, "train", "").chip(0)


def test_corrupt_patches_are_skipped_and_counted(tmp_path):
    made.levir(tmp_path)
    damaged = tmp_path / "train/B/train_10.png"
    damaged.write_bytes(damaged.read_bytes()[:60])
    told: list[str] = []
    source = READERS["levir"](tmp_path, "all", "")
    found = survey_chips(source, most_corrupt=0.25, say=told.append)
    assert list(found.skipped) == ["train_10"]
    assert len(told) == 1
    assert "train_10.png" in told[0]
    assert found.chips.names == ("train_2", "val_1", "test_1")
    assert found.chips.chip(2).name == "test_1"
    # half of 64 pixels each
    np.testing.assert_array_equal(found.counts, [[32, 32]] * 3)


def test_too_many_corrupt_patches_end_the_run(tmp_path):
    made.levir(tmp_path)
    (tmp_path / "train/B/train_10.png").write_bytes(b"")
    with pytest.raises(RunError, match=r"1 of 4 chips cannot be read, 0\.1 of all may be skipped"):
        survey_chips(READERS["levir"](tmp_path, "all", ""), most_corrupt=0.1)


BROKEN = [
    *("{", "[]", '{"features": {}}', '{"features": null}', '{"features": ["xy"]}', "[" * 10**5),
    *(f'{{"features": {{"xy": {rows}}}}}' for rows in ("null", "5", "{}", "[[1]]", '["x"]')),
    '{"features": {"xy": [{"properties": {"subtype": "destroyed"}, "wkt": null}]}}',
]


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_damaged_labels_of_xbd_are_corrupt(tmp_path, text):
    made.xbd(tmp_path)
    path = tmp_path / "test/labels/mexico-earthquake_00000000_post_disaster.json"
    path.write_text(text)
    with pytest.raises(CorruptError, match=path.name):
        READERS["xbd"](tmp_path, "test", "").chip(0)


def test_a_missing_file_is_told_before_any_pixel_is_read(tmp_path):
    made.levir(tmp_path)
    (tmp_path / "test/A/test_1.png").unlink()
    with pytest.raises(InputError, match=r"test_1\.png is not there"):
        READERS["levir"](tmp_path, "test", "")


@pytest.mark.parametrize("name", READERS)
def test_an_empty_folder_is_told(name, tmp_path):
    with pytest.raises(InputError, match=str(tmp_path)):
        READERS[name](tmp_path, "all", "")


@pytest.mark.parametrize("name", READERS)
def test_no_folder_is_told(name, tmp_path):
    with pytest.raises(InputError, match="is no folder"):
        READERS[name](tmp_path / "nowhere", "all", "")


@pytest.mark.parametrize("properties", [None, [], {"subtype": ["destroyed"]}, {"subtype": None}])
def test_a_building_of_xbd_without_a_grade_is_told(tmp_path, properties):
    made.xbd(tmp_path)
    path = tmp_path / "test/labels/mexico-earthquake_00000000_post_disaster.json"
    row = {"properties": properties, "wkt": made.HOME}
    path.write_text(json.dumps({"features": {"xy": [row]}}))
    with pytest.raises(InputError, match=r"00000000_post_disaster\.json: subtype"):
        READERS["xbd"](tmp_path, "test", "").chip(0)


@pytest.mark.parametrize("facts", [None, [1], {"capture_date": 5, "pan_resolution": []}])
def test_odd_facts_of_an_image_of_xbd_are_as_none(tmp_path, facts):
    made.xbd(tmp_path)
    path = tmp_path / "test/labels/mexico-earthquake_00000000_post_disaster.json"
    path.write_text(json.dumps(made.xbd_label() | {"metadata": facts}))
    assert READERS["xbd"](tmp_path, "test", "").chip(0).gsd_m == 0.5


def test_buildings_of_spacenet_nested_without_end_are_corrupt(tmp_path):
    made.spacenet(tmp_path)
    next(tmp_path.rglob("*img1.geojson")).write_text("[" * 10**5)
    with pytest.raises(CorruptError, match=r"img1\.geojson is damaged"):
        READERS["spacenet"](tmp_path, "all", "").chip(0)
