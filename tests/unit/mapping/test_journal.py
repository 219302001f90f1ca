"""The working folder: found again by the same job, emptied by another, held by one run."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal

import pytest

from geomage.errors import InputError, OutputError, RunError
from geomage.mapping.journal import open_work, work_folder

JOB = {"inputs": ["abc"], "model": "def", "parameters": {"flips": False}}


def begin(out, job=JOB, error=None):
    with open_work(out, job) as work:
        (work.folder / "tiles").mkdir(exist_ok=True)
        (work.folder / "tiles" / "one").write_text("whole")
        if error is not None:
            raise error
        work.scratch.release()
        return work


def test_the_same_job_finds_what_was_done(tmp_path):
    assert not begin(tmp_path / "out").resumed
    with open_work(tmp_path / "out", JOB) as work:
        assert work.resumed
        assert (work.folder / "tiles" / "one").read_text() == "whole"
        work.scratch.discard()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("other", [JOB | {"model": "xyz"}, JOB | {"inputs": ["abc", "abd"]}, {}])
def test_another_job_starts_anew(tmp_path, other):
    begin(tmp_path / "out")
    with open_work(tmp_path / "out", other) as work:
        assert not work.resumed
        assert list(work.folder.iterdir()) == []
        assert {path.name for path in work_folder(tmp_path / "out").iterdir()} == {
            "job.json",
            work.folder.name,
        }


@pytest.mark.parametrize("mark", [b"", b"{", b"\xff\xfe"])
def test_a_mark_that_cannot_be_read_starts_anew(tmp_path, mark):
    begin(tmp_path / "out")
    (work_folder(tmp_path / "out") / "job.json").write_bytes(mark)
    with open_work(tmp_path / "out", JOB) as work:
        assert not work.resumed
        assert not (work.folder / "tiles").exists()


def test_a_link_in_the_folder_is_removed_and_not_followed(tmp_path):
    begin(tmp_path / "out")
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("mine")
    (work_folder(tmp_path / "out") / "link").symlink_to(kept)
    with open_work(tmp_path / "out", {"other": 1}) as work:
        assert not (work.folder / "link").exists()
    assert (kept / "file").read_text() == "mine"


@pytest.mark.parametrize(
    "error", [RunError("lost"), KeyboardInterrupt(), OutputError("full"), OSError(errno.EIO, "io")]
)
def test_what_the_same_command_may_mend_is_kept(tmp_path, error):
    with pytest.raises(type(error)):
        begin(tmp_path / "out", error=error)
    assert begin(tmp_path / "out").resumed


def test_bad_input_leaves_nothing(tmp_path):
    with pytest.raises(InputError):
        begin(tmp_path / "out", error=InputError("bad"))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_of_the_output(tmp_path):
    with pytest.raises(OutputError, match=r"cannot write .*out: no space left"):
        begin(tmp_path / "out", error=OSError(errno.ENOSPC, "full"))


def test_two_runs_of_one_output_are_refused(tmp_path):
    with open_work(tmp_path / "out", JOB) as work:
        other = open_work(tmp_path / "out", JOB)
        with pytest.raises(OutputError, match="another run"):
            other.__enter__()
        work.scratch.release()
    assert begin(tmp_path / "out").resumed


def killed(out):
    with open_work(out, JOB) as work:
        (work.folder / "tile").write_text("whole")
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_run_lets_go_of_the_folder(tmp_path):
    process = multiprocessing.get_context("fork").Process(target=killed, args=(tmp_path / "out",))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with open_work(tmp_path / "out", JOB) as work:
        assert work.resumed
        assert (work.folder / "tile").exists()
