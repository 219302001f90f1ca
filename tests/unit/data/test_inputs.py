"""What a run was learnt from: told by content, whatever the place, and held to."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import dataset_folders as made
from geomage.data.chip_sources import SourceParams, open_source
from geomage.data.inputs import inputs_of, refuse_changed
from geomage.errors import InputError


def told(params: SourceParams, kept: Path) -> dict:
    return inputs_of({"target": [open_source(params, kept)]})["target"][0]


def chips_of(folder: Path, **more) -> SourceParams:
    return SourceParams("chips", str(folder), **more)


def test_content_counts_and_not_where_or_when(tmp_path: Path):
    folder = made.chips(tmp_path / "a")
    params = chips_of(folder)
    first = told(params, tmp_path)
    files = [p for p in folder.rglob("*") if p.is_file() and p.suffix != ".txt"]
    assert first["chips"] == 3
    assert first["bytes"] == sum(path.stat().st_size for path in files)
    moved = tmp_path / "elsewhere"
    shutil.copytree(folder, moved, copy_function=shutil.copyfile)
    assert told(chips_of(moved), tmp_path) == first
    assert told(replace(params, stretch=True, bands=("red",)), tmp_path) == first
    assert told(replace(params, events=("south",)), tmp_path) != first


@pytest.mark.parametrize("which", ["chips.toml", "images/south/a.tif", "labels/north/a.tif"])
def test_any_file_that_a_chip_depends_on_counts(tmp_path: Path, which: str):
    folder = made.chips(tmp_path)
    first = told(chips_of(folder), tmp_path)
    with (folder / which).open("ab") as file:
        file.write(b"\n")
    assert told(chips_of(folder), tmp_path) != first


def test_chips_of_other_regions_do_not_count(tmp_path: Path):
    folder = made.chips(tmp_path)
    first = told(chips_of(folder, events=("north",)), tmp_path)
    (folder / "images/south/a.tif").write_bytes(b"")
    assert told(chips_of(folder, events=("north",)), tmp_path) == first


def test_simulated_chips_are_told_by_their_maker(tmp_path: Path):
    few = SourceParams("simulated-pairs", simulated={"count": 3, "stream": {"size_px": 64}})
    first = told(few, tmp_path)
    assert set(first) == {"chips", "maker"}
    other = replace(few, simulated={"count": 3, "stream": {"size_px": 64, "calm": 0.9}})
    assert told(other, tmp_path)["maker"] != first["maker"]


def test_a_run_of_other_files_is_refused_and_an_older_one_is_not(tmp_path: Path):
    folder = made.chips(tmp_path / "made")
    sources = {"source": [open_source(chips_of(folder), tmp_path)]}
    began = inputs_of(sources)
    refuse_changed(began, inputs_of(sources), tmp_path)
    refuse_changed(None, inputs_of(sources), tmp_path)
    refuse_changed({}, inputs_of(sources), tmp_path)
    (folder / "images/north/a.tif").write_bytes(b"")
    now = inputs_of(sources)
    with pytest.raises(InputError, match=r"other files of \[\[source\]\], source 1: 3 chips \("):
        refuse_changed(began, now, tmp_path)
    for odd in ({"source": 3}, {"source": ["x"]}, {"source": [None]}):
        with pytest.raises(InputError):
            refuse_changed(odd, now, tmp_path)
