"""Workers: any order, any number, killed ones replaced, errors carried home."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
from crew import Dying, Key, Refusing, Slow, Square, keys

from geomage.errors import OutputError, RunError
from geomage.workers.local import run_here, run_locally


def quiet(_: str) -> None:
    pass


def test_every_key_is_done_once_by_one_of_the_workers():
    answers = list(run_locally(Square(), keys(12), 2, quiet))
    assert sorted(a["index"] for a in answers) == list(range(12))
    assert all(a["square"] == a["index"] ** 2 for a in answers)
    assert len({a["by"] for a in answers}) == 2
    assert [a["square"] for a in run_here(Square(), keys(4))] == [0, 1, 4, 9]


def test_nothing_to_do_starts_nobody():
    assert not list(run_locally(Square(), [], 4, quiet))


def test_a_killed_worker_is_replaced_and_its_key_done(tmp_path: Path):
    said: list[str] = []
    answers = list(run_locally(Dying(tmp_path, at=3, times=2), keys(6), 2, said.append))
    assert sorted(a["index"] for a in answers) == list(range(6))
    assert len(said) == 2
    assert "SIGKILL" in said[0]
    assert "sample 3" in said[0]


def test_a_key_that_kills_three_workers_ends_the_run(tmp_path: Path):
    with pytest.raises(RunError, match=r"3 workers ended \(signal SIGKILL\) at sample 1"):
        list(run_locally(Dying(tmp_path, at=1, times=99), keys(4), 1, quiet))


def test_what_a_worker_raises_is_raised_here():
    with pytest.raises(OutputError, match="no space left"):
        list(run_locally(Refusing(), [Key(0), Key(2), Key(3)], 1, quiet))
    with pytest.raises(RunError, match="sample 5 cannot be made") as caught:
        list(run_locally(Refusing(), [Key(5)], 1, quiet))
    assert "crew.py" in str(caught.value.__cause__)


def test_a_run_that_is_left_ends_its_workers(tmp_path: Path):
    run = run_locally(Slow(tmp_path), keys(50), 2, quiet)
    next(run)
    run.close()
    assert not any(psutil.pid_exists(int(path.name)) for path in tmp_path.iterdir())
