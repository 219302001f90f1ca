"""Ctrl-C in the first seconds, while what forks the workers still imports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

SLOW = """
import pathlib, sys, time
if any("forkserver" in word for word in sys.orig_argv):
    pathlib.Path("imports").touch()
    time.sleep(2)
class Task:
    def __call__(self, key): return key
"""
RUN = """
import signal
from geomage.workers.local import run_locally
from slow import Task
signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs of a shell are born deaf to it
for _ in run_locally(Task(), range(4), 2, print):
    pass
"""


def test_workers_that_still_import_say_nothing_of_it(tmp_path: Path):
    (tmp_path / "slow.py").write_text(SLOW)
    process = subprocess.Popen(
        [sys.executable, "-c", RUN],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not (tmp_path / "imports").exists() and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode
    assert said.count("KeyboardInterrupt") == 1  # ours alone, which the command line puts in words
    assert "slow.py" not in said
