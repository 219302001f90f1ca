"""Cores this process may use, and the threads that its numerical libraries take of them.

`OMP_NUM_THREADS` carries the number to a worker, as it does under Dask, whose nannies set it to 1.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["cores", "share_of", "take_threads", "threads_here", "threads_of_children"]

_THREADS = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # "quota period" in microseconds, or "max period"


def cores() -> int:
    """Cores of this process: those it is bound to, or fewer where a container has a share."""
    bound = len(os.sched_getaffinity(0))
    try:
        quota, period = _QUOTA.read_text(encoding="ascii").split()
        return max(1, min(bound, int(quota) // int(period)))
    except (OSError, ValueError, ZeroDivisionError):
        return bound


def share_of(jobs: int) -> int:
    """Threads for each of `jobs` processes, so that they fill the cores and no more."""
    return max(1, cores() // jobs)


def threads_here() -> int:
    """Threads that a task may use in this process: what a worker was given, or else all cores."""
    given = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()  # one number a level
    return int(given) if given.isdecimal() and int(given) else cores()


def take_threads(count: int) -> None:
    """Let this process, and libraries it has yet to load, use `count` threads."""
    os.environ.update(dict.fromkeys(_THREADS, str(count)))


@contextmanager
def threads_of_children(count: int) -> Iterator[None]:
    """Let processes that are started inside use `count` threads in each numerical library."""
    old = {name: os.environ.get(name) for name in _THREADS}
    take_threads(count)
    try:
        yield
    finally:
        for name, value in old.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
