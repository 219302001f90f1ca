"""Workers, schedulers and whole runs killed at random: run again, and no byte is missing or other.

Twenty rounds. When to kill is drawn by how many files stand, so that every round hits the middle
of the work however fast the machine is.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from geomage.errors import RunError
from geomage.workers import Workers
from small_cluster import small_cluster
from tile_tasks import write_tiles, wrong_tiles

COUNT = 16
PROGRAM = Path(__file__).parents[1] / "tile_tasks.py"


@contextmanager
def run_in(folder: Path, hands: str) -> Iterator[subprocess.Popen[str]]:
    folder.mkdir(exist_ok=True)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    line = [sys.executable, "-W", "ignore", str(PROGRAM), str(folder), str(COUNT), hands]
    with subprocess.Popen(line, env=env, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until(there: Callable[[], object], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.002)


def wait_for_files(folder: Path, dice: np.random.Generator) -> None:
    least = dice.integers(1, COUNT * 2 // 3)
    wait_until(lambda: len(list(folder.glob("*.tile"))) >= least)


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The server that forks the workers first, then the workers."""
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def forked(process: subprocess.Popen[str]) -> list[psutil.Process]:
    direct = {child.pid for child in psutil.Process(process.pid).children()}
    return [one for one in family(process) if one.pid not in direct]


def lives(one: psutil.Process) -> bool:
    try:
        return one.is_running() and one.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end(processes: list[psutil.Process]) -> None:
    for one in processes:
        with suppress(psutil.NoSuchProcess):
            one.kill()


@pytest.mark.parametrize("what", ["worker", "run", "everything", "ctrl-c"])
@pytest.mark.parametrize("seed", range(4))
def test_local_workers_killed_at_random_lose_nothing(what: str, seed: int, tmp_path: Path):
    dice, out = np.random.default_rng([len(what), seed]), tmp_path / "out"
    with run_in(out, "2") as process:
        wait_for_files(out, dice)
        around = family(process)
        if what == "worker":
            hands = forked(process)
            end([hands[dice.integers(len(hands))]])
            said = process.communicate(timeout=300)[1]
            assert process.returncode == 0, said
            assert "note: a worker ended (signal SIGKILL) at tile" in said
        elif what == "ctrl-c":
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=300)
            assert process.returncode
        else:
            process.kill()
            process.wait()
            if what == "everything":
                end(around)
    stood = {path: path.stat().st_mtime_ns for path in out.glob("*.tile")}
    assert stood
    if what != "worker":
        assert len(stood) < COUNT  # the kill came in the middle
    write_tiles(out, COUNT, Workers(1))  # at once: an orphan may still be at its tile
    assert not wrong_tiles(out, COUNT)
    wait_until(lambda: not any(map(lives, around)))
    write_tiles(out, COUNT, Workers(1))
    assert not list(out.glob(".*"))
    if what != "run":  # an orphan may replace a tile by the same bytes
        assert {p: p.stat().st_mtime_ns for p in stood} == stood


def test_a_cluster_killed_piece_by_piece_loses_nothing(tmp_path: Path):
    pytest.importorskip("distributed", reason="the extra [cluster] brings it")
    dice = np.random.default_rng(20)
    with small_cluster(tmp_path, 2) as cluster:
        where, worker, run, scheduler = Workers(scheduler=cluster.address), *folders(tmp_path)
        with meanwhile(lambda: (wait_for_files(worker, dice), cluster.workers[0].kill())):
            write_tiles(worker, COUNT, where)
        assert not wrong_tiles(worker, COUNT)
        with run_in(run, cluster.address) as process:
            wait_for_files(run, dice)
            process.kill()
        write_tiles(run, COUNT, where)
        assert not wrong_tiles(run, COUNT)
        with (
            meanwhile(lambda: (wait_for_files(scheduler, dice), cluster.scheduler.kill())),
            pytest.raises(RunError, match=r"was lost.*the same command goes on"),
        ):
            write_tiles(scheduler, COUNT, where)
        assert len(list(scheduler.glob("*.tile"))) < COUNT
        write_tiles(scheduler, COUNT, Workers(1))  # other hands, the same bytes
        assert not wrong_tiles(scheduler, COUNT)


def folders(place: Path) -> Iterator[Path]:
    for name in ("worker", "run", "scheduler"):
        (place / name).mkdir()
        yield place / name


@contextmanager
def meanwhile(act: Callable[[], object]) -> Iterator[None]:
    with ThreadPoolExecutor(1) as other:
        acted = other.submit(act)
        yield
        acted.result()


def test_everything_of_a_cluster_killed_at_once_loses_nothing(tmp_path: Path):
    pytest.importorskip("distributed", reason="the extra [cluster] brings it")
    out = tmp_path / "out"
    with small_cluster(tmp_path, 1) as cluster, run_in(out, cluster.address) as process:
        wait_for_files(out, np.random.default_rng(21))
        for one in (process, cluster.scheduler, *cluster.workers):
            one.kill()
    write_tiles(out, COUNT, Workers(2))
    assert not wrong_tiles(out, COUNT)
