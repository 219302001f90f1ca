"""A disk that fills, or a limit on files: one line, the code of wrong use, nothing left.

Of a map its tiles are left, and the same command goes on with them once there is room.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from file_limit import files_up_to
from geomage.cli import main
from geomage.errors import OutputError
from geomage.geo import refuse_full, reserve
from tiny_network import write_tiny_network
from tiny_town import write_town


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images, a model, a city and an event."""
    place = tmp_path_factory.mktemp("inputs")
    write_town(place)
    write_tiny_network(place / "tiny.onnx")
    assert main(["city", "grow", "--size", "80", "-o", str(place / "town")]) == 0
    assert main(["strike", "storm", str(place / "town"), "-o", str(place / "event")]) == 0
    # Kernels are compiled and kept here, before any limit: the compiler writes files, too.
    assert main(["render", str(place / "event"), "-o", str(place / "scene")]) == 0
    return place


def words(inputs: Path, verb: str, out: Path) -> list[str]:
    line = {
        "map": ["map", "before.tif", "after.tif", "--model", "tiny.onnx", "--jobs", "1"],
        "grow": ["city", "grow", "--size", "80"],
        "render": ["render", "event"],
    }[verb]
    there = [str(inputs / word) if (inputs / word).exists() else word for word in line]
    return [*there, "-o", str(out)]


@pytest.mark.parametrize("verb", ["grow", "render"])
def test_a_file_that_may_not_grow_is_one_line_and_leaves_nothing(
    tmp_path: Path, inputs: Path, capfd: pytest.CaptureFixture[str], verb: str
) -> None:
    with files_up_to(20_000):
        code = main(words(inputs, verb, tmp_path / "out"))
    said = capfd.readouterr().err
    assert code == 2, said
    assert f"cannot write {tmp_path / 'out'}" in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A disk of a stated size, where this user may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={request.param}", "tmpfs", str(place)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may not mount a disk in memory")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize(
    ("small_disk", "verb"),
    [
        ("200k", "map"),  # less than the tiles
        ("60k", "grow"),
        ("30k", "render"),
    ],
    indirect=["small_disk"],
)
def test_a_full_disk_is_one_line_and_leaves_nothing(
    small_disk: Path, inputs: Path, capfd: pytest.CaptureFixture[str], verb: str
) -> None:
    line = words(inputs, verb, small_disk / "out")
    code = main(line) if verb == "grow" else apart(line)
    said = capfd.readouterr().err
    assert code == 2, said
    assert f"cannot write {small_disk / 'out'}" in said
    assert "free on its disk" in said
    assert said.count("\n") == 1
    assert not list(small_disk.iterdir())


@pytest.mark.parametrize("limit", [3_000, 20_000], ids=["tiles", "product"])
def test_a_map_goes_on_once_files_may_grow(
    tmp_path: Path, inputs: Path, capfd: pytest.CaptureFixture[str], limit: int
) -> None:
    out = tmp_path / "out"
    with files_up_to(limit):
        code = main(words(inputs, "map", out))
    said = capfd.readouterr().err
    assert code == 2, said
    assert "cannot write" in said
    assert "ulimit -f" in said
    assert said.count("\n") == 1
    goes_on(words(inputs, "map", out), capfd)


@pytest.mark.parametrize("small_disk", ["320k"], indirect=True)
def test_a_map_goes_on_once_there_is_room_on_the_disk(
    small_disk: Path, inputs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    line = words(inputs, "map", small_disk / "out")
    assert apart(line) == 2
    said = capfd.readouterr().err
    assert "free on its disk" in said
    assert said.count("\n") == 1
    command = ["mount", "-o", "remount,size=20m", str(small_disk)]
    subprocess.run(command, check=True, capture_output=True)
    goes_on(line, capfd)


def goes_on(line: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """The same command, with nothing in its way, uses what is there and leaves only its product."""
    out = Path(line[-1])
    assert [path.name for path in out.parent.iterdir()] == [".out.work"]
    assert main(line) == 0
    assert "going on with the work that an earlier run left" in capfd.readouterr().err
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    assert (out / "manifest.json").exists()


def apart(line: list[str]) -> int:
    """Run in a process of its own: a mapped file with holes would take this one with it."""
    program = "import sys; from geomage.cli import main; sys.exit(main())"
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run([sys.executable, "-c", program, *line], check=False, env=paths).returncode


def test_space_is_reserved_not_promised(tmp_path: Path) -> None:
    file = reserve(tmp_path / "layer", 10**6)
    assert file.stat().st_blocks * 512 >= 10**6
    assert file.read_bytes() == bytes(10**6)


def test_more_than_a_disk_holds_is_refused_with_both_numbers(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"GiB are needed .* are free on its disk"):
        refuse_full(tmp_path / "deep" / "out", 2**60)
