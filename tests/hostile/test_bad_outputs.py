"""Outputs that cannot be written: said before any work, with the code of wrong use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from geomage.cli import main
from tiny_network import write_tiny_network
from tiny_town import write_town

# Each would fail on its input too: that it names the output shows that it looks there first.
COMMANDS = {
    "map": ["map", "no.tif", "no.tif", "-o"],
    "grow": ["city", "grow", "--size", "19000", "-o"],
    "show": ["city", "show", "no", "-o"],
    "strike": ["strike", "storm", "no", "-o"],
    "render": ["render", "no", "-o"],
    "train": ["train", "no", "-o"],
    "export": ["export", "no", "-o"],
    "demo": ["demo", "--model", "no.onnx", "-o"],
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("deep", ["x", "x/y"])
def test_a_file_where_a_folder_should_be_is_refused_first(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], deep: str
) -> None:
    (tmp_path / "file").write_text("dear")
    assert main([*words, str(tmp_path / "file" / deep)]) == 2
    said = capfd.readouterr().err
    assert f"{tmp_path / 'file'} is no folder" in said
    assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("verb", ["map", "grow", "train", "adapt", "pretrain", "dataset", "pool"])
@pytest.mark.parametrize("name", ["", " "])
def test_an_output_without_a_name_is_refused_first(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    verb: str,
    name: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    more = {one: [one, "no", "-o"] for one in ("adapt", "pretrain", "dataset")}
    more["pool"] = ["train", "no", "-o", "run", "--pool"]
    assert main([*(COMMANDS | more)[verb], name]) == 2
    said = capfd.readouterr().err
    assert f"the output {name!r} is no name" in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder nobody can write in")
@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_a_place_nobody_can_write_in_is_refused_first(
    capfd: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main([*words, "/proc/out"]) == 2
    said = capfd.readouterr().err
    assert "cannot write in /proc" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("verb", sorted({*COMMANDS} - {"train", "demo"}))  # they fill a folder
def test_a_name_that_leaves_no_room_for_the_work_is_refused_first(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], verb: str
) -> None:
    assert main([*COMMANDS[verb], str(tmp_path / ("n" * 250))]) == 2
    assert "too long" in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


def test_demo_refuses_strangers_files_in_its_folder_first(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "demo" / "map").mkdir(parents=True)
    (tmp_path / "demo" / "map" / "mine").write_text("dear")
    words = [*COMMANDS["demo"], str(tmp_path / "demo"), "--overwrite"]
    assert main(words) == 2
    assert "no result of geomage" in capfd.readouterr().err


def test_a_map_killed_without_warning_is_cleared_by_the_next(tmp_path: Path) -> None:
    town, model = write_town(tmp_path), write_tiny_network(tmp_path / "tiny.onnx")
    out = tmp_path / "deep" / "out"
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from geomage.mapping import MapJob, map_rasters\n"
        "before, after, model, out = map(Path, sys.argv[1:])\n"
        "job = MapJob(before=(before,), after=(after,), out=out, model=model, jobs=1)\n"
        "with map_rasters(job): print('now', flush=True); time.sleep(60)\n"
    )
    words = [sys.executable, "-c", program, town.before, town.after, model, out]
    child = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "now\n"
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=30)
    time.sleep(0.1)
    assert list(out.parent.iterdir())
    words = ["map", town.before, town.after, "--model", model, "-o", out]
    assert main([str(word) for word in words]) == 0
    assert [path.name for path in out.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31m", "a\udcff"])
def test_a_name_that_is_no_line_of_text_is_refused_first(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], name: str
) -> None:
    assert main([*words, str(tmp_path / name)]) == 2
    said = capfd.readouterr().err
    assert "no plain name" in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_a_way_through_a_folder_that_is_not_there_is_refused_first(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main([*words, f"{tmp_path}/nosuch/../x"]) == 2
    assert "nosuch does not exist" in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


def geomage(line: str, *words: object) -> subprocess.CompletedProcess[str]:
    """Run in a shell, for its redirections; `"$@"` in the line stands for the words."""
    program = "import sys; from geomage.cli import main; sys.exit(main())"
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = ["sh", "-c", line, "sh", sys.executable, "-c", program, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=paths)


@pytest.mark.parametrize("away", ["2>&-", "2>/dev/full", ">&- 2>&-"])
def test_a_map_stands_when_nobody_can_be_told(tmp_path: Path, away: str) -> None:
    town, model = write_town(tmp_path), write_tiny_network(tmp_path / "tiny.onnx")
    words = ["map", town.before, "--model", model, "-o", tmp_path / "out"]
    assert geomage(f'"$@" {away}', *words).returncode == 0
    assert (tmp_path / "out" / "manifest.json").is_file()


def test_a_result_that_cannot_be_delivered_is_an_error_of_the_output(tmp_path: Path) -> None:
    town, model = write_town(tmp_path), write_tiny_network(tmp_path / "tiny.onnx")
    answer = geomage('"$@" >/dev/full', "check", town.before, "--model", model, "--json")
    assert answer.returncode == 2
    assert answer.stderr.splitlines()[-1] == (
        "geomage: the result cannot be written to standard output: No space left on device"
    )
