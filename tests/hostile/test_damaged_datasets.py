"""Datasets that strangers changed: one line that names the file, nothing unpickled, no flood."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from geomage.cli import main
from geomage.data import DatasetRecipe, PairsDataset, StreamParams, make_dataset
from geomage.errors import InputError
from samples import write_tiny

Change = Callable[[str, bytes], tuple[str, bytes]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("whole")
    params = StreamParams(size_px=64, gsd_m=(0.6, 0.7), hazards={"storm": 1.0}, calm=1.0)
    make_dataset(DatasetRecipe(cogs=False, stream=params), place / "d", 2)
    return place / "d"


@pytest.fixture
def place(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "d")


class Touch:
    """Unpickled, it leaves a file."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch unpickled",)


def rewrite(place: Path, change: Change) -> None:
    path = next(place.glob("shards/*.tar"))
    with tarfile.open(path) as tar:
        found = [(info.name, tar.extractfile(info).read()) for info in tar]
    with tarfile.open(path, "w") as tar:
        for name, data in (change(*one) for one in found):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def arrays_of(data: bytes) -> dict[str, np.ndarray]:
    return dict(np.load(io.BytesIO(data)))


def packed(**arrays: np.ndarray) -> bytes:
    with io.BytesIO() as memory:
        np.savez(memory, **arrays)
        return memory.getvalue()


def lying(data: bytes) -> bytes:
    """Arrays that say they are of ten terabytes."""
    with io.BytesIO() as memory:
        with zipfile.ZipFile(memory, "w") as archive:
            for name in arrays_of(data):
                with archive.open(f"{name}.npy", "w") as file:
                    head = {"descr": "|u1", "fortran_order": False, "shape": (10**13,)}
                    np.lib.format.write_array_header_1_0(file, head)
        return memory.getvalue()


def on_arrays(change: Callable[[bytes], bytes]) -> Change:
    return lambda name, data: (name, change(data) if name.endswith("npz") else data)


def on_record(change: Callable[[bytes], bytes]) -> Change:
    return lambda name, data: (name, change(data) if name.endswith("json") else data)


CHANGES = {
    "pickled arrays": on_arrays(lambda _: packed(before=np.array([Touch()], object))),
    "a pickle": on_arrays(lambda _: pickle.dumps(Touch())),
    "a layer gone": on_arrays(lambda data: packed(before=arrays_of(data)["before"])),
    "other shapes": on_arrays(
        lambda data: packed(**{name: np.zeros((2, 2), np.uint8) for name in arrays_of(data)})
    ),
    "other kinds": on_arrays(
        lambda data: packed(**{name: v * np.nan for name, v in arrays_of(data).items()})
    ),
    "ten terabytes": on_arrays(lying),
    "no JSON": on_record(lambda _: b"{"),
    "a list": on_record(lambda _: b"[]"),
    "without end": on_record(lambda _: b"[" * 10**6),
    "GSD of nothing": on_record(lambda data: data.replace(b'"gsd": 0', b'"gsd": NaN, "x": 0')),
    "one for the other": lambda name, data: (
        name.translate({ord("0"): "1", ord("1"): "0"}).replace("111111", "000000"), data
    ),
    "above its folder": lambda name, data: (f"../../{name}", data),
    "others": lambda name, data: (f"7{name}", data),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_shard_that_was_changed_is_named(
    place: Path, monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    monkeypatch.chdir(place.parent)
    rewrite(place, change)
    with pytest.raises(InputError, match=r"^[^\n]*tar is damaged[^\n]*run again$"):
        list(PairsDataset(place))
    assert [path.name for path in place.parent.iterdir()] == ["d"]


def test_a_shard_that_is_gone_is_named(place: Path) -> None:
    next(place.glob("shards/*.tar")).unlink()
    with pytest.raises(InputError, match=r"tar is missing"):
        list(PairsDataset(place))


MARKS = [
    "[]", "3", "null", "{", "[" * 10**6, '{"count": 2}', '{"recipe": [], "count": 2}',
    *(f'{{"recipe": {{}}, "count": {odd}}}' for odd in ('"2"', "null", "-5", "1e999", 10**12)),
]  # fmt: skip


@pytest.mark.parametrize("mark", MARKS, ids=[mark[:28] for mark in MARKS])
def test_a_damaged_mark_is_one_line(
    place: Path, capfd: pytest.CaptureFixture[str], mark: str
) -> None:
    (place / "dataset.json").write_text(mark)
    with pytest.raises(InputError, match=r"dataset\.json is damaged"):
        PairsDataset(place)
    recipe = write_tiny(place.parent)
    assert main(["dataset", str(recipe), "-o", str(place), "--count", "2"]) == 2
    said = capfd.readouterr().err
    assert "dataset.json is damaged; pass --overwrite" in said
    assert said.count("\n") == 1


def test_what_another_mark_says_stays_on_one_line(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    mark = json.loads((place / "dataset.json").read_text())
    (place / "dataset.json").write_text(json.dumps(mark | {"extra": "a\nb\x1b[31m"}))
    assert main(["dataset", str(write_tiny(place.parent)), "-o", str(place)]) == 2
    assert capfd.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (f"name = '{'a' * 300}'", "longer than 100 bytes"),
        ("licence = ''", "one line of 1 to"),
        ("[stream]\nsize_px = 4096\ngsd_m = [0.5, 10.0]", "over the 19900 m of the largest town"),
        ("[stream]\nsize_px = 8192\nsensors = { 'sentinel2-l2a' = 1 }", "over the 19900 m"),
    ],
)
def test_what_would_fail_late_is_refused_early(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str, hint: str
) -> None:
    (tmp_path / "r.toml").write_text(text)
    assert main(["dataset", str(tmp_path / "r.toml"), "-o", str(tmp_path / "d")]) == 2
    said = capfd.readouterr().err
    assert hint in said
    assert said.count("\n") == 1
    assert not (tmp_path / "d").exists()


def test_a_pipe_is_no_recipe(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "r.toml")
    assert main(["dataset", str(tmp_path / "r.toml"), "-o", str(tmp_path / "d")]) == 2
    assert "is no file" in capfd.readouterr().err
