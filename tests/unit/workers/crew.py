"""Tasks for the tests of workers; they pickle, for they are called in other processes."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from geomage.errors import OutputError


@dataclass(frozen=True)
class Key:
    """What a worker is told."""

    index: int

    def __str__(self) -> str:
        return f"sample {self.index}"


def keys(count: int) -> list[Key]:
    return [Key(index) for index in range(count)]


@dataclass(frozen=True)
class Square:
    """Answers with a square and who made it."""

    def __call__(self, key: Key) -> dict[str, int]:
        return {"index": key.index, "square": key.index**2, "by": os.getpid()}


@dataclass(frozen=True)
class Dying:
    """Is killed at one index, the first `times` times."""

    folder: Path
    at: int
    times: int

    def __call__(self, key: Key) -> dict[str, int]:
        if key.index == self.at:
            before = len(list(self.folder.iterdir()))
            if before < self.times:
                (self.folder / str(before)).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return {"index": key.index}


@dataclass(frozen=True)
class Refusing:
    """Cannot write at index 2; cannot do anything at index 5."""

    def __call__(self, key: Key) -> dict[str, int]:
        if key.index == 2:
            raise OutputError("cannot write /there: no space left")
        if key.index == 5:
            raise ZeroDivisionError("five")
        return {"index": key.index}


@dataclass(frozen=True)
class Slow:
    """Tells who works, and takes its time."""

    folder: Path

    def __call__(self, key: Key) -> dict[str, int]:
        (self.folder / str(os.getpid())).touch()
        time.sleep(0.1)
        return {"index": key.index}
