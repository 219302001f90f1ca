"""Simulated chips: made once, kept whole, the same in any hands, and labelled by what is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from geomage.data.chip import UNKNOWN, ChipSource
from geomage.data.chip_sources import ChosenBands, SourceParams, StretchedChips, open_source
from geomage.data.floods import FloodPairParams, FloodPairs
from geomage.data.kept_chips import keep_chips, make_chips
from geomage.data.simulated_chips import (
    LEAST_SEVERITY,
    UNBURNT_SEVERITY,
    SimulatedFloodChips,
    SimulatedFloodParams,
    SimulatedPairChips,
    SimulatedPairParams,
)
from geomage.data.stream import SimulatedPairs, StreamParams
from geomage.errors import InputError
from geomage.workers import Workers

FLOODS = SimulatedFloodParams(count=2, first=3, pairs=FloodPairParams(seed=2, cells=64))
STREAM = StreamParams(size_px=64, no_data=1.0)


@pytest.fixture(scope="module")
def floods(tmp_path_factory: pytest.TempPathFactory):
    source = keep_chips(tmp_path_factory.mktemp("chips") / "floods", SimulatedFloodChips(FLOODS))
    make_chips(source, Workers(1))
    return source


def test_floods_are_those_of_the_simulator(floods):
    chip, pair = floods.chip(1), FloodPairs(FLOODS.pairs).pair(4)
    assert isinstance(floods, ChipSource)
    assert floods.names == ("000003", "000004")
    assert [c.name for c in chip.channels[:3]] == ["vv", "vh", "coastal"]
    assert chip.pixels.shape == (1, 15, 64, 64)
    assert np.allclose(25 * (chip.pixels[0, 0] - 1), pair.radar_after[0], atol=0.05)
    assert np.allclose(chip.pixels[0, 2:], pair.optical_after / 1e4, atol=1e-3)
    assert set(np.unique(chip.labels)) <= {0, 1, UNKNOWN}


def test_a_chip_is_the_same_made_or_read_and_is_made_once(floods, tmp_path: Path):
    other = keep_chips(tmp_path / "again", floods.maker)
    path = other.path(0)
    assert not path.exists()
    fresh, kept = other.chip(0), floods.chip(0)
    assert np.array_equal(fresh.pixels, kept.pixels)
    assert np.array_equal(fresh.labels, kept.labels)
    assert path.read_bytes() == floods.path(0).read_bytes()
    when = path.stat().st_mtime_ns
    other.chip(0)
    assert path.stat().st_mtime_ns == when
    path.write_bytes(b"half")
    with pytest.raises(InputError, match="damaged"):
        other.chip(0)


def test_a_folder_holds_chips_of_one_kind(floods, tmp_path: Path):
    wider = SimulatedFloodChips(replace(FLOODS, count=9, first=0))
    assert keep_chips(floods.folder, wider).path(3) == floods.path(0)
    with pytest.raises(InputError, match="holds other chips"):
        keep_chips(floods.folder, SimulatedFloodChips(replace(FLOODS, task="flood")))
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        keep_chips(tmp_path, floods.maker)


def test_a_run_killed_before_its_mark_leaves_a_folder_that_can_be_used(floods, tmp_path: Path):
    (tmp_path / "chips.123.part").write_text("{")
    assert keep_chips(tmp_path, floods.maker).names == floods.names
    (tmp_path / "chips.json").unlink()
    (tmp_path / "mine.txt").write_text("dear")
    with pytest.raises(InputError, match="no folder of chips"):
        keep_chips(tmp_path, floods.maker)


def test_the_flood_between_two_dates():
    maker = SimulatedFloodChips(replace(FLOODS, task="flood", sensors="s1"))
    chip = maker.make(1)
    assert chip.pixels.shape == (2, 2, 64, 64)
    assert np.array_equal(chip.labels, FloodPairs(FLOODS.pairs).pair(4).flood)


def test_pairs_answer_what_the_task_asks():
    sample = SimulatedPairs(STREAM).pair(5)
    made = {
        task: SimulatedPairChips(SimulatedPairParams(task, 1, 5, STREAM)).chip_of(sample, 0)
        for task in ("damage", "landcover", "building")
    }
    assert made["damage"].pixels.shape == (2, 3, 64, 64)
    assert made["landcover"].pixels.shape == (1, 3, 64, 64)
    assert np.allclose(made["damage"].pixels[1], sample.after / 255, atol=1e-6)
    for chip in made.values():
        assert (chip.labels[~chip.valid] == UNKNOWN).all()
    known = made["landcover"].valid & (sample.landcover > 0)
    assert (made["landcover"].labels == sample.landcover - 1)[known].all()
    assert ((made["building"].labels == 1) == (sample.landcover == 8))[known].all()
    seen = made["damage"].valid
    assert (made["damage"].labels == sample.damage)[seen].all()


def test_towns_tell_how_high_the_sun_stood_and_kept_chips_remember(tmp_path: Path):
    sample = SimulatedPairs(STREAM).pair(5)
    maker = SimulatedPairChips(SimulatedPairParams("damage", 1, 5, STREAM))
    made = maker.chip_of(sample, 0)
    suns = [sample.facts[date]["sun_elevation"] for date in ("before", "after")]
    assert [one.sun_deg for one in made.moments] == suns
    assert np.isnan([one.day for one in made.moments]).all()  # a town has no calendar
    source = keep_chips(tmp_path, maker)
    source.chip(0)
    kept = source.chip(0)
    assert [kept.moment(k).sun_deg for k in (0, 1)] == suns
    with np.load(source.path(0)) as file:
        older = {name: file[name] for name in file if name != "moments"}
    np.savez(source.path(0), **older)
    assert np.isnan(source.chip(0).moment(1)).all()
    with pytest.raises(InputError, match="1 moments for 2 dates"):
        replace(made, moments=made.moments[:1])


def test_what_burnt_is_asked_of_fires_and_unknown_in_smoke():
    fires = StreamParams(
        size_px=64, gsd_m=(1.6, 2.5), calm=0.0, cloudy=0.0, no_data=0.0, hazards={"fire": 1.0}
    )
    sample = SimulatedPairs(fires).pair(1)
    maker = SimulatedPairChips(SimulatedPairParams("burnt", 1, 1, fires))
    assert maker.classes == ("not burnt", "burnt")
    assert sample.burn is not None
    hidden = np.zeros_like(sample.obscured)
    hidden[:20] = 1
    labels = maker.chip_of(replace(sample, obscured=hidden), 0).labels
    assert (labels[:20] == UNKNOWN).all()
    assert ((labels == 1) == (sample.burn >= LEAST_SEVERITY))[20:].all()
    assert ((labels == 0) == (sample.burn < UNBURNT_SEVERITY))[20:].all()
    assert (labels[np.isnan(sample.burn)] == UNKNOWN).all()
    assert np.isnan(sample.burn).any()
    assert 0.02 < (labels[20:] == 1).mean() < 0.98
    unburnt = maker.chip_of(replace(sample, burn=None), 0)
    assert unburnt.pixels.shape == (2, 3, 64, 64)
    assert (unburnt.labels[sample.obscured == 0] == 0).all()


def test_bands_are_chosen_and_images_stretched(floods):
    few = ChosenBands(floods, ("red", "vv")).chip(0)
    whole = floods.chip(0)
    names = [channel.name for channel in whole.channels]
    assert [channel.name for channel in few.channels] == ["red", "vv"]
    assert np.array_equal(few.pixels[:, 0], whole.pixels[:, names.index("red")])
    with pytest.raises(InputError, match="near: red"):
        ChosenBands(floods, ("redd",)).chip(0)
    line = StretchedChips(ChosenBands(floods, ("red", "green", "blue"))).chip(0)
    low, high = np.percentile(line.pixels * 255, (1, 99))
    assert (low, high) == pytest.approx((16, 240), abs=1)


def test_sources_are_opened_by_name(tmp_path: Path):
    words = {"task": "water", "sensors": "s1", "count": 1, "pairs": {"cells": 64}}
    source = open_source(SourceParams("simulated-floods", simulated=words), tmp_path)
    assert source.classes == ("dry", "water")
    assert source.names == ("000000",)
    assert [p.name for p in tmp_path.glob("*/chips.json")] == ["chips.json"]
    for wrong, hint in (
        ({"reader": "simulated-flods"}, "near: simulated-floods"),
        ({"reader": "simulated-floods", "simulated": {"sensors": "s3"}}, "s1"),
        ({"reader": "simulated-pairs", "simulated": {"tsk": "damage"}}, "near: task"),
        ({"reader": "levir"}, "folder"),
        ({"reader": "simulated-pairs", "fraction": 0.0}, "fraction"),
    ):
        with pytest.raises(InputError, match=hint):
            SourceParams(**wrong)
