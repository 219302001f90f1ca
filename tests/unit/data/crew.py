"""Tasks for the tests of workers; they pickle, for they are called in other processes."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from geomage.errors import OutputError


@dataclass(frozen=True)
class Square:
    """Answers with a square and who made it."""

    def __call__(self, index: int) -> dict[str, int]:
        return {"index": index, "square": index * index, "by": os.getpid()}


@dataclass(frozen=True)
class Dying:
    """Is killed at one index, the first `times` times."""

    folder: Path
    at: int
    times: int

    def __call__(self, index: int) -> dict[str, int]:
        if index == self.at:
            before = len(list(self.folder.iterdir()))
            if before < self.times:
                (self.folder / str(before)).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return {"index": index}


@dataclass(frozen=True)
class Refusing:
    """Cannot write at index 2; cannot do anything at index 5."""

    def __call__(self, index: int) -> dict[str, int]:
        if index == 2:
            raise OutputError("cannot write /there: no space left")
        if index == 5:
            raise ZeroDivisionError("five")
        return {"index": index}


@dataclass(frozen=True)
class Slow:
    """Tells who works, and takes its time."""

    folder: Path

    def __call__(self, index: int) -> dict[str, int]:
        (self.folder / str(os.getpid())).touch()
        time.sleep(0.1)
        return {"index": index}
