"""Datasets whose making is killed, filled, contested or asked for wrongly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import rasterio

from file_limit import files_up_to
from geomage.cli import main
from geomage.cli.frame import _left_behind
from geomage.data import PairsDataset
from geomage.errors import InputError
from geomage.geo.scratch import hold_alone
from samples import write_tiny
from towns import folder_hashes

COUNT = 4
PROGRAM = (
    "import sys\nfrom geomage.cli import main\nif __name__ == '__main__':\n    sys.exit(main())\n"
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset that nothing disturbed."""
    place = tmp_path_factory.mktemp("whole")
    assert main(words(write_tiny(place), place / "d")) == 0
    return place / "d"


def words(recipe: Path, out: Path, count: int = COUNT) -> list[str]:
    return ["dataset", str(recipe), "-o", str(out), "--count", str(count)]


@pytest.fixture
def running(whole: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The same dataset on its way, in another process with two workers."""
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    line = [*words(whole.parent / "tiny.toml", tmp_path / "d"), "--jobs", "2"]
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, *line],
        env=paths, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        yield process
        process.kill()


def wait_until(there: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The children of the server that forks them."""
    servers = psutil.Process(process.pid).children()
    return [child for server in servers for child in server.children()]


def test_killed_workers_and_a_killed_run_cost_no_byte(
    running: subprocess.Popen[str], whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "d"
    wait_until(lambda: workers_of(running))
    workers_of(running)[0].kill()
    said = running.stderr.readline()
    assert "note: a worker ended (signal SIGKILL) at sample" in said
    wait_until(lambda: list(out.glob("samples/*/0*")))
    orphans = [*psutil.Process(running.pid).children(recursive=True)]
    running.send_signal(signal.SIGKILL)
    running.wait()
    psutil.wait_procs(orphans, timeout=60)
    assert not any(p.is_running() and p.status() != "zombie" for p in orphans)
    for path in out.glob("samples/*/0*/*.tif"):
        with rasterio.open(path) as file:
            file.read()
    with pytest.raises(InputError, match="unfinished"):
        PairsDataset(out)
    stood = {path: path.stat().st_mtime_ns for path in out.glob("samples/*/0*/*.tif")}
    assert main(words(whole.parent / "tiny.toml", out)) == 0
    assert folder_hashes(out) == folder_hashes(whole)
    kept = [path for path, stamp in stood.items() if path.stat().st_mtime_ns == stamp]
    assert kept  # what was whole was not made again


def test_a_stopped_run_says_how_to_go_on() -> None:
    assert "the same command goes on" in _left_behind(["--debug", "dataset", "vhr"])
    assert "the same command goes on" in _left_behind(["map", "before.tif"])
    assert "nothing" in _left_behind(["render", "dataset"])


@pytest.mark.usefixtures("whole")  # kernels are compiled before the limit
@pytest.mark.parametrize("form", ["cogs", "shards"])
def test_a_file_that_may_not_grow_is_one_line_and_leaves_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], form: str
) -> None:
    off = "shards" if form == "cogs" else "cogs"
    recipe = write_tiny(tmp_path, **{off: "false"})
    with files_up_to(6_000):  # metadata fits, an image does not
        code = main(words(recipe, tmp_path / "d"))
    said = capfd.readouterr().err
    assert code == 2, said
    assert f"cannot write {tmp_path / 'd'}" in said
    assert "ulimit -f" in said
    assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.toml"]


def test_a_disk_that_fills_keeps_what_is_whole(
    whole: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may not mount a disk in memory")
    try:
        recipe, out = whole.parent / "tiny.toml", disk / "d"
        assert main(words(recipe, out)) == 2
        said = capfd.readouterr().err
        assert "free on its disk" in said
        assert said.count("\n") == 1
        assert not list(out.rglob(".*"))
        stood = folder_hashes(out)
        assert any(name.endswith("_before.tif") for name in stood)
        assert stood.items() <= (folder_hashes(whole) | waiting(out)).items()
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        assert main(words(recipe, out)) == 0
        assert folder_hashes(out) == folder_hashes(whole)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def waiting(out: Path) -> dict[str, str]:
    """Samples that wait for their shard."""
    return {name: it for name, it in folder_hashes(out).items() if name.startswith("parts/")}


def test_two_runs_of_one_folder_are_kept_apart(
    whole: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    held = hold_alone(whole)
    try:
        before = folder_hashes(whole)
        assert main(words(whole.parent / "tiny.toml", whole, COUNT + 1)) == 2
        assert "another run is writing" in capfd.readouterr().err
        assert folder_hashes(whole) == before
    finally:
        held.release()


def test_another_recipe_seed_or_count_says_what_differs(
    whole: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = folder_hashes(whole)
    recipe = str(whole.parent / "tiny.toml")
    other = tmp_path / "other.toml"
    other.write_text((whole.parent / "tiny.toml").read_text().replace("px = 64", "px = 96"))
    for line, hint in (
        ([recipe, "--count", "4", "--seed", "5"], "recipe.stream.seed = 0 and this run has 5"),
        ([str(other), "--count", "4"], "recipe.stream.size_px = 64 and this run has 96"),
        ([recipe, "--count", "2"], "holds 4 samples and --count 2 asks for fewer"),
    ):
        assert main(["dataset", *line, "-o", str(whole)]) == 2
        said = capfd.readouterr().err
        assert hint in said
        assert said.count("\n") == 1
    assert folder_hashes(whole) == before


def test_files_of_others_are_left_alone(
    whole: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    recipe = whole.parent / "tiny.toml"
    for more in ([], ["--overwrite"]):
        assert main([*words(recipe, tmp_path), *more]) == 2
        assert "no dataset of geomage" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_damaged_mark_is_named_and_overwritten_when_asked(tmp_path: Path) -> None:
    recipe = write_tiny(tmp_path, shards="false")
    out = tmp_path / "d"
    assert main(words(recipe, out, 1)) == 0
    (out / "dataset.json").write_text("{")
    assert main(words(recipe, out, 1)) == 2
    assert main([*words(recipe, out, 1), "--overwrite"]) == 0


RECIPES = [
    ("siez_px = 3", "near: size_px"),
    ("size_px = 8", "outside 64"),
    ("negatives = 1.5", "outside 0..1"),
    ("sensors = { 'vhr-0.4' = 1 }", "near: vhr-0.6, vhr-0.5"),
    ("sensors = { 'vhr-0.5' = 0 }", "at least one share"),
    ("hazards = { flod = 1 }", "near: flood"),
    ("styles = { suburbs = 1 }", "near: suburb"),
    ("gsd_m = [1, 0.5]", "must rise"),
    ("cloudy = 'often'", "expected float"),
]
HEADS = [
    ("name = '../up'", "letters, digits"),
    ("cogs = false\nshards = false", "nothing would be written"),
    ("shard_samples = 0", "outside 1"),
    ("licence = 3", "expected str"),
    ("titel = 'x'", "near: title"),
    ("name = ", "not a TOML recipe"),
]


@pytest.mark.parametrize(
    ("text", "hint"), [*HEADS, *((f"[stream]\n{line}", hint) for line, hint in RECIPES)]
)
def test_a_wrong_recipe_is_one_line_and_leaves_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str, hint: str
) -> None:
    (tmp_path / "r.toml").write_text(text)
    assert main(words(tmp_path / "r.toml", tmp_path / "d")) == 2
    said = capfd.readouterr().err
    assert hint in said
    assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["r.toml"]


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        (["vhs", "--count", "1"], "near: vhr"),
        (["vhr", "--count", "0"], "--count 0 is outside"),
        (["vhr", "--count", "100000000"], "is outside"),
        (["vhr", "--jobs", "0"], "--jobs 0 is outside"),
        (["vhr", "--seed", str(2**64)], "64 bits"),
        (["nowhere.toml"], "cannot read"),
    ],
)
def test_wrong_words_are_one_line_and_leave_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], line: list[str], hint: str
) -> None:
    assert main(["dataset", *line, "-o", str(tmp_path / "d")]) == 2
    said = capfd.readouterr().err
    assert hint in said
    assert not list(tmp_path.iterdir())
