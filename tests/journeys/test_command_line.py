"""How every command behaves, whatever it does: codes, streams, errors."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from geomage.cli import frame
from geomage.errors import InputError, MissingExtraError, ModelError, OutputError, RunError

CODES = [
    (InputError("no"), 2),
    (ModelError("no"), 2),
    (OutputError("no"), 2),
    (MissingExtraError("no"), 2),
    (RunError("no"), 1),
    (OSError(28, "No space left on device"), 2),
    (OSError(5, "Input/output error"), 1),
    (MemoryError(), 1),
    (KeyError("a fault of ours"), 1),
]


@pytest.fixture
def break_with(monkeypatch):
    """Let `city grow` raise what the test wants."""

    def arm(error):
        def fail(_params):
            raise error

        monkeypatch.setattr("geomage.world.grow_city", fail)

    return arm


@pytest.mark.parametrize(("error", "code"), CODES, ids=[type(e).__name__ for e, _ in CODES])
def test_errors_become_a_message_and_a_code(geomage, break_with, tmp_path, error, code):
    break_with(error)
    answer = geomage("city", "grow", "-o", tmp_path / "town", "--json")
    assert answer.code == code
    assert answer.out == ""
    assert answer.err.startswith("geomage: ")
    assert "Traceback" not in answer.err
    assert not list(tmp_path.iterdir())


def test_debug_shows_the_traceback_wherever_it_stands(geomage, break_with, tmp_path):
    break_with(RunError("the river ran dry"))
    for words in (["--debug", "city", "grow"], ["city", "grow", "--debug"]):
        answer = geomage(*words, "-o", tmp_path / "town")
        assert answer.code == 1
        assert "Traceback" in answer.err
        assert answer.err.rstrip().endswith("geomage: the river ran dry")


def test_wrong_use_is_two_and_says_so_on_stderr(geomage):
    for words in (["nonsense"], ["city", "grow"], ["city", "grow", "-o"], ["map"]):
        answer = geomage(*words)
        assert answer.code == 2, words
        assert answer.out == ""
        assert answer.err


SEEDED = [
    ["demo"],
    ["city", "grow"],
    *(
        ["strike", hazard, "no"]
        for hazard in ("flood", "earthquake", "fire", "storm", "volcano", "landslide")
    ),
    ["render", "no"],
    ["map", "no.tif"],
]


@pytest.mark.parametrize("verb", SEEDED, ids=" ".join)
@pytest.mark.parametrize("seed", [2**64, 99999999999999999999999, -1])
def test_a_seed_that_no_machine_word_holds_is_refused(geomage, tmp_path, verb, seed):
    answer = geomage(*verb, "--seed", seed, "-o", tmp_path / "out")
    assert answer.code == 2
    assert "seed" in answer.err
    assert not list(tmp_path.iterdir())


def test_the_largest_seed_serves(geomage, town, tmp_path):
    words = ("--seed", 2**64 - 1, "-o")
    assert geomage("strike", "storm", town, *words, tmp_path / "event").code == 0
    assert geomage("render", tmp_path / "event", *words, tmp_path / "scene").code == 0


def test_version_and_help_go_to_stdout(geomage):
    assert geomage("--version").out.startswith("geomage ")
    assert "city" in geomage("--help").out


def test_the_command_line_starts_without_heavy_libraries():
    code = "import sys, geomage.cli; print(*{'torch', 'numba', 'rasterio'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_what_a_stopped_command_leaves_is_said_as_it_is():
    assert "nothing unfinished" in frame._left_behind(["render", "train", "-o", "out"])
    assert "goes on" in frame._left_behind(["map", "train.tif", "-o", "out"])
    assert "resumes it" in frame._left_behind(["--debug", "train", "line", "-o", "run"])


@pytest.mark.parametrize(
    ("number", "word"), [(signal.SIGTERM, "terminated"), (signal.SIGINT, "interrupted")]
)
def test_a_signal_leaves_nothing_behind(tmp_path, number, word):
    """In the middle of the work: exit code 1, no output, no half-written neighbour."""
    program = (
        "import signal, sys, time, geomage.world as world\n"
        # a shell gives its background jobs an interrupt that is ignored
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from geomage.cli import main\n"
        "write = world.write_city\n"
        "import geomage.world.folder as folder\n"
        "def slow(*_): print('now', flush=True); time.sleep(60)\n"
        "folder.write_city_files = slow\n"
        f"sys.exit(main(['city', 'grow', '--size', '100', '-o', {str(tmp_path / 'town')!r}]))\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "now\n"
    assert list(tmp_path.iterdir())
    time.sleep(0.1)
    os.kill(child.pid, number)
    _, err = child.communicate(timeout=30)
    assert child.returncode == 1
    assert word in err
    assert not list(tmp_path.iterdir())


def test_every_exit_code_is_one_of_the_four():
    assert {error.exit_code for error in (InputError, OutputError, RunError)} | {
        0,
        frame.PARTLY,
    } == {0, 1, 2, 3}


def test_the_package_runs_as_a_module():
    said = subprocess.run(
        [sys.executable, "-m", "geomage", "--help"], capture_output=True, text=True, check=True
    )
    assert "strike" in said.stdout
    wrong = [sys.executable, "-m", "geomage", "check", "no/such/image.tif"]
    assert subprocess.run(wrong, capture_output=True, check=False).returncode == 2
