"""The table of sensors: what it holds, how it is asked, and the pages made from it."""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from geomage.errors import InputError
from geomage.sensor import SENSORS, VISIBLE, Shot, capture, frame, sensor
from geomage.sensor.radar import RADARS

PROJECT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", SENSORS)
def test_a_sensor_is_complete_and_within_reason(name):
    model = SENSORS[name]
    assert model.name == name
    assert len(set(model.names)) == len(model.bands) == len(model.optics)
    assert {"red", "green", "blue"} <= set(model.names)
    assert [model.names[i] for i in model.colours] == ["red", "green", "blue"]
    assert min(o.gsd for o in model.optics) >= model.gsd or model.sharpening is not None
    assert all(0 < o.mtf < 0.5 and o.snr > 20 and 0 < o.at < 1 for o in model.optics)
    assert model.dtype is (np.uint8 if model.level == "picture" else np.uint16)
    assert 0 < model.off_nadir <= 45
    assert 0 < model.hours[0] < model.hours[1] < 24
    assert "ours" in model.source
    if model.level == "picture":  # the tone curve knows its first three bands
        assert model.names[:3] == ("red", "green", "blue")
        assert len({o.gsd for o in model.optics}) == 1
    if model.sharpening is not None:
        assert sum(model.sharpening.weights) == pytest.approx(1)
        assert len(model.sharpening.weights) == len(model.bands)
        assert model.sharpening.optics.gsd < min(o.gsd for o in model.optics)


def test_sentinel_2_has_the_bands_and_order_of_its_products():
    l1c, l2a = SENSORS["sentinel2-l1c"], SENSORS["sentinel2-l2a"]
    assert [round(b.centre_nm) for b in l1c.bands] == [
        443, 492, 560, 665, 704, 740, 783, 833, 865, 945, 1374, 1614, 2202,
    ]  # fmt: skip
    assert [o.gsd for o in l1c.optics] == [60, 10, 10, 10, 20, 20, 20, 10, 20, 60, 60, 20, 20]
    assert l2a.names == tuple(n for n in l1c.names if n != "cirrus")
    assert all(0.15 <= o.mtf <= (0.45 if o.gsd == 60 else 0.30) for o in l1c.optics)


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("sentinel-2", "sentinel2-l1c"),
        ("Pleiades", "pleiades-0.5"),
        ("vhr-0.4", "vhr-0.5"),
        ("worldview", "worldview"),
        ("drone", "drone-0.05"),
    ],
)
def test_a_wrong_name_suggests_near_ones(wrong, near):
    with pytest.raises(InputError, match=f"{wrong}.*did you mean .*{near}"):
        sensor(wrong)


def test_a_name_like_none_lists_all():
    with pytest.raises(InputError) as error:
        sensor("zzz")
    assert "did you mean" not in str(error.value)
    assert all(name in str(error.value) for name in SENSORS)


def test_radiance_of_other_bands_is_refused():
    with pytest.raises(InputError, match=r"3 bands.*13.*swir22"):
        capture(
            np.zeros((3, 20, 20), np.float32),
            frame(1.0, (20, 20), 1.0, (10, 10)),
            Shot(),
            SENSORS["sentinel2-l1c"],
        )


def test_a_model_that_contradicts_itself_is_refused():
    with pytest.raises(InputError, match="2 bands and 3 optics"):
        replace(SENSORS["vhr-0.5"], bands=VISIBLE[:2])
    with pytest.raises(InputError, match="radiance"):
        replace(SENSORS["vhr-0.5"], level="radiance")


@pytest.mark.parametrize("name", ["bdortho-0.2", "pleiades-0.5", "sentinel2-l2a"])
def test_odd_and_tiny_frames_are_taken(name):
    model = SENSORS[name]
    for rows, columns in ((1, 1), (7, 13), (61, 5)):
        image = np.full((len(model.bands), 140, 40), 0.2, np.float32)
        counts, hidden = capture(
            image, frame(0.5, (140, 40), 1.0, (rows, columns)), Shot(cloud=0.3, jpeg=80), model
        )
        assert counts.shape == (len(model.bands), rows, columns)
        assert hidden.shape == (rows, columns)


def test_the_page_of_sensors_is_what_the_table_says():
    path = PROJECT / "dev" / "write_sensors.py"
    spec = importlib.util.spec_from_file_location("write_sensors", path)
    writer = importlib.util.module_from_spec(spec)
    sys.modules["write_sensors"] = writer
    spec.loader.exec_module(writer)
    page = (PROJECT / "docs" / "sensors.md").read_text()
    assert page == writer.page(), "docs/sensors.md is stale: run `make docs`"


def test_the_help_of_render_names_every_sensor():
    page = (PROJECT / "docs" / "commands.md").read_text()
    part = re.sub(r"\s+", " ", page.split("## geomage render")[1].split("\n## ")[0])
    listed = part.split("One of ")[1].split(": docs/sensors.md")[0].replace("- ", "-")
    assert listed.split(", ") == [*SENSORS, *RADARS]
