"""Who does the tasks, and the one way to have them done.

A task is a callable that pickles, from a small key to a small answer; it may be called again with
a key that it was called with before, and then gives the same. What it makes it writes itself, each
file whole or not at all. So neither order, nor number of workers, nor a lost worker can show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from geomage.workers.cluster import connect, run_on
from geomage.workers.cores import cores
from geomage.workers.local import run_here, run_locally

__all__ = ["Run", "Workers", "open_workers", "run_tasks"]


@dataclass(frozen=True)
class Workers:
    """Where work is done; it changes no byte of a result."""

    jobs: int | None = 1
    """Processes on this machine; 1 is this process itself, None one for each core."""
    scheduler: str | None = None
    """Address of a Dask scheduler, which then does the work."""


@runtime_checkable
class Run(Protocol):
    """Has tasks done by workers that stand ready."""

    def __call__(
        self, task: Callable[[Any], Any], keys: Iterable[Any], mark: Path
    ) -> Iterator[Any]:
        """Yield the answers in the order they come.

        Args:
            task: pickles, and is called with one key at a time, in any process.
            keys: small, hashable, picklable; their `str` names them to a person (`sample 12`).
            mark: a small file beside the output that stands as it is while the work lasts; every
                worker must see it.

        Raises:
            GeomageError: what the task raised; InputError where a worker of a cluster sees another
                file system or runs other code; RunError where three workers end at one key, a task
                fails in another process, or a scheduler is lost.
        """


@contextmanager
def open_workers(where: Workers, say: Callable[[str], None] = lambda _: None) -> Iterator[Run]:
    """Make sure that workers are there, before anything is written; give the call they work by.

    Args:
        where: this process, local ones, or a cluster, which stays connected for several runs.
        say: told what a person should know: workers that were lost.

    Raises:
        MissingExtraError: a scheduler is given and `distributed` is not installed.
        InputError: no scheduler answers, or it has no workers.
    """
    if where.scheduler is None:
        yield partial(_on_this_machine, where.jobs or cores(), say)
        return
    with connect(where.scheduler) as client:
        yield partial(_on_a_cluster, client, say)


def run_tasks(
    task: Callable[[Any], Any],
    keys: Iterable[Any],
    where: Workers,
    mark: Path,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[Any]:
    """Open workers for one run: see `open_workers` and `Run`."""
    with open_workers(where, say) as run:
        yield from run(task, keys, mark)


def _on_this_machine(
    jobs: int,
    say: Callable[[str], None],
    task: Callable[[Any], Any],
    keys: Iterable[Any],
    _mark: Path,
) -> Iterator[Any]:
    due = list(keys)
    if jobs == 1 or len(due) < 2:
        return run_here(task, due)
    return run_locally(task, due, jobs, say)


def _on_a_cluster(
    client: Any,
    say: Callable[[str], None],
    task: Callable[[Any], Any],
    keys: Iterable[Any],
    mark: Path,
) -> Iterator[Any]:
    return run_on(client, task, keys, mark, say)
