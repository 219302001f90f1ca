"""Processes that make samples: one index at a time, each in any process, in any order.

A worker is told an index over its own pipe and answers with what came of it. Where the parent
ends, however it ends, the pipe closes and the worker ends; where a worker ends, its index goes to
a fresh one.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from typing import Any

from geomage.errors import GeomageError, RunError

__all__ = ["one_thread", "run_here", "run_locally"]

Task = Callable[[int], dict[str, Any]]

_TRIES = 3  # workers that may end while they make one sample
_THREADS = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def run_here(task: Task, indices: Iterable[int]) -> Iterator[dict[str, Any]]:
    """Do all in this process."""
    return map(task, indices)


def run_locally(
    task: Task, indices: Iterable[int], jobs: int, say: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    """Yield what `task` answers to each index, in the order of answering.

    Args:
        task: pickles; called in the workers.
        indices: what to do.
        jobs: processes.
        say: told when a worker ended and its index is tried again.

    Raises:
        GeomageError: what the task raised, or that three workers ended at one index.
    """
    waiting = deque(indices)
    crew = _Crew(task)
    try:
        for _ in range(min(jobs, len(waiting))):
            crew.hire(waiting.popleft())
        while crew.busy:
            for worker in crew.ready():
                answer = worker.answer()
                if answer is None:
                    waiting.appendleft(crew.lose(worker, say))
                else:
                    yield _opened(answer)
                if waiting:
                    crew.give(worker, waiting.popleft())
                else:
                    crew.dismiss(worker)
    finally:
        crew.end()


@dataclass
class _Worker:
    """A process, our end of its pipe, and the index it works on."""

    process: ForkServerProcess
    pipe: Connection
    index: int

    def answer(self) -> tuple[str, Any] | None:
        """What it says, or None where it has ended without a word."""
        try:
            said: tuple[str, Any] = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            return None
        return said


@dataclass
class _Crew:
    """The workers there are, and how often each index lost one."""

    task: Task
    busy: list[_Worker] = field(default_factory=list)
    lost: Counter[int] = field(default_factory=Counter)

    def hire(self, index: int) -> None:
        """Start a worker on an index."""
        context = multiprocessing.get_context("forkserver")  # imports once, forks many
        context.set_forkserver_preload(["geomage.data.factory"])
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(self.task, theirs), daemon=True)
        with one_thread():
            process.start()
        theirs.close()
        worker = _Worker(process, ours, index)
        self.busy.append(worker)
        with suppress(OSError):  # it ended already; its pipe will say so
            ours.send(index)

    def ready(self) -> list[_Worker]:
        """Wait for workers that have something to say, or have ended."""
        found = wait([worker.pipe for worker in self.busy])
        return [worker for worker in self.busy if worker.pipe in found]

    def give(self, worker: _Worker, index: int) -> None:
        """Hand an index to a worker that is free, or to a fresh one where it has ended."""
        if worker.process.exitcode is not None:
            self.dismiss(worker)
            self.hire(index)
            return
        worker.index = index
        with suppress(OSError):
            worker.pipe.send(index)

    def lose(self, worker: _Worker, say: Callable[[str], None]) -> int:
        """Count a worker that ended; return the index it worked on.

        Raises:
            RunError: it is one worker too many.
        """
        index, how = worker.index, _how(worker.process.exitcode)
        self.lost[index] += 1
        if self.lost[index] >= _TRIES:
            raise RunError(
                f"{_TRIES} workers ended ({how}) at sample {index}: if memory is short, take fewer "
                "--jobs; the samples that are whole stay, and the same command goes on"
            )
        say(f"note: a worker ended ({how}) at sample {index}, which is made again")
        return index

    def dismiss(self, worker: _Worker) -> None:
        """Let a worker go."""
        worker.pipe.close()
        worker.process.join()
        self.busy.remove(worker)

    def end(self) -> None:
        """End all workers, whatever they are at."""
        for worker in self.busy:
            worker.process.terminate()
        for worker in self.busy:
            worker.process.join()
            worker.pipe.close()
        self.busy.clear()


def _work(task: Task, pipe: Connection) -> None:
    """Do what comes over the pipe until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C and ends its workers
    while True:
        try:
            index = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer: tuple[str, Any] = ("done", task(index))
        except GeomageError as error:
            answer = ("refused", error)
        except BaseException as error:  # noqa: BLE001 -- carried to the parent, which raises it
            answer = ("failed", (index, repr(error), traceback.format_exc()))
        try:
            pipe.send(answer)
        except OSError:
            return


def _opened(answer: tuple[str, Any]) -> dict[str, Any]:
    word, what = answer
    if word == "refused":
        raise what
    if word == "failed":
        index, error, trace = what
        raise RunError(f"sample {index} cannot be made: {error}") from _Elsewhere(trace)
    done: dict[str, Any] = what
    return done


class _Elsewhere(Exception):  # noqa: N818 -- shown as the cause, never caught
    """The traceback of another process."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"


class one_thread:  # noqa: N801 -- used like a function
    """Children started inside get one thread for each numerical library."""

    def __enter__(self) -> None:
        self.old = {name: os.environ.get(name) for name in _THREADS}
        os.environ.update(dict.fromkeys(_THREADS, "1"))

    def __exit__(self, *_: object) -> None:
        for name, value in self.old.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
