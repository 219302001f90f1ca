"""What killed runs leave beside an output, and that it goes without harm to a living run."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from geomage.errors import OutputError
from geomage.geo import Scratch, fresh_folder

WORKER = """
import pathlib, sys, time
from geomage.geo import fresh_folder
with fresh_folder(sys.argv[1], overwrite=True) as folder:
    (folder / "item.json").write_text("{}")
    print(folder, flush=True)
    time.sleep(60)
"""
KILLED_IN_THE_SWAP = """
import os, pathlib, signal, sys
from geomage.geo import fresh_folder
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
with fresh_folder(sys.argv[1], overwrite=True) as folder:
    (folder / "item.json").write_text("new")
    move = pathlib.Path.rename
    pathlib.Path.rename = lambda one, other: move(one, other) if one.name == "out" else die()
"""


def start(target: Path) -> tuple[subprocess.Popen[str], Path]:
    """A run in another process, in the middle of its work."""
    words = [sys.executable, "-c", WORKER, str(target)]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    return child, Path(child.stdout.readline().strip())


def stop(child: subprocess.Popen[str]) -> None:
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=30)


def write(target: Path, *, overwrite: bool = False) -> None:
    with fresh_folder(target, overwrite=overwrite) as folder:
        (folder / "item.json").write_text("{}")


def test_the_next_run_of_the_same_output_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    child, left = start(tmp_path / "out")
    stop(child)
    assert left.is_dir()
    write(tmp_path / "other")
    assert left.is_dir()
    write(tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "out"]


def test_a_living_run_keeps_its_folder(tmp_path: Path) -> None:
    child, held = start(tmp_path / "out")
    try:
        write(tmp_path / "out")
        assert (held / "item.json").is_file()
    finally:
        stop(child)
    write(tmp_path / "out", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_two_runs_of_one_process_do_not_sweep_each_other(tmp_path: Path) -> None:
    one, other = (Scratch.make(tmp_path / "out") for _ in range(2))
    write(tmp_path / "out")
    assert one.folder.is_dir()
    assert other.folder.is_dir()
    one.discard()
    other.discard()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_output_lost_between_two_moves_is_put_back(tmp_path: Path) -> None:
    write(tmp_path / "out")
    (tmp_path / "out" / "mine").write_text("dear")
    words = [sys.executable, "-c", KILLED_IN_THE_SWAP, str(tmp_path / "out")]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    with pytest.raises(OutputError, match="--overwrite"):
        write(tmp_path / "out")
    assert (tmp_path / "out" / "mine").read_text() == "dear"
    write(tmp_path / "out", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_only_what_geomage_names_is_swept(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    kept = [".out.part", ".out.backup.part", ".out.0a1b2c3d.keep", ".another.0a1b2c3d.part"]
    for name in kept:
        (tmp_path / name).mkdir()
    (tmp_path / ".out.0a1b2c3d.part").write_text("a file, not a folder")
    (tmp_path / ".out.ffffffff.part").symlink_to(tmp_path / "mine")
    before = sorted(path.name for path in tmp_path.iterdir())
    write(tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*before, "out"])


def test_folders_above_go_again_when_nothing_was_made(tmp_path: Path) -> None:
    scratch = Scratch.make(tmp_path / "a" / "b" / "out")
    assert scratch.folder.parent == tmp_path / "a" / "b"
    scratch.discard()
    assert not list(tmp_path.iterdir())
