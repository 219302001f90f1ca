"""Maps in processes of their own that can be killed, forked from one that has imported everything.

    python map_nursery.py

reads a job a line, as JSON; says the number of the process that does it; then waits for the next.
What a process has to say goes to a file, and its end into another, beside the output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 300  # seconds


@dataclass(frozen=True)
class Child:
    """A map being made."""

    pid: int
    end: Path

    def ended(self) -> bool:
        return self.end.exists() or not Path(f"/proc/{self.pid}").exists()

    def wait(self) -> dict:
        """Its exit code and what it said."""
        wait_until(self.ended)
        return json.loads(self.end.read_text())

    def kill(self) -> bool:
        """Kill it and all it started; whether it was still at work."""
        at_work = not self.end.exists()
        with suppress(ProcessLookupError):
            os.killpg(self.pid, 9)
        wait_until(lambda: not Path(f"/proc/{self.pid}").exists())
        return at_work and not self.end.exists()


@dataclass(frozen=True)
class Nursery:
    process: subprocess.Popen

    def start(self, words: list[str], end: Path) -> Child:
        """Begin `geomage` with some words; `end` will hold how it ended."""
        self.process.stdin.write(json.dumps([words, str(end)]) + "\n")
        self.process.stdin.flush()
        return Child(int(self.process.stdout.readline()), end)


def wait_until(there, seconds: float = PATIENCE) -> None:
    last = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < last, "it never came"
        time.sleep(0.001)


@contextmanager
def nursery() -> Iterator[Nursery]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    env |= {"SOURCE_DATE_EPOCH": "1700000000"}
    line = [sys.executable, "-W", "ignore", __file__]
    with subprocess.Popen(
        line, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Nursery(process)
        process.stdin.close()


def _child(words: list[str], end: Path) -> None:
    from geomage.cli import main

    os.setpgid(0, 0)
    said = end.with_suffix(".said")
    with said.open("w") as stream:
        os.dup2(stream.fileno(), 2)
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    code = main(words)
    part = end.with_suffix(".part")
    part.write_text(json.dumps({"code": code, "said": said.read_text()}))
    part.rename(end)
    os._exit(0)


def main() -> None:
    import signal

    import geomage.evaluation
    import geomage.mapping.check  # noqa: F401 -- once for all

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead vanish
    for line in sys.stdin:
        words, end = json.loads(line)
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _child(words, Path(end))
        with suppress(OSError):
            os.setpgid(pid, pid)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
