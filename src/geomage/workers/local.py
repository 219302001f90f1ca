"""Processes on this machine: one key at a time, each in any process, in any order.

A worker is told a key over its own pipe and answers with what came of it. Where the parent ends,
however it ends, the worker ends at once; where a worker ends, its key goes to a fresh one.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from threading import Thread
from typing import Any

from geomage.errors import RunError
from geomage.workers.attempt import attempt, opened
from geomage.workers.cores import share_of, take_threads, threads_of_children

__all__ = ["run_here", "run_locally"]

Task = Callable[[Any], Any]

_TRIES = 3  # workers that may end at one key


def run_here(task: Task, keys: Iterable[Any]) -> Iterator[Any]:
    """Do all in this process."""
    return map(task, keys)


def run_locally(
    task: Task, keys: Iterable[Hashable], jobs: int, say: Callable[[str], None]
) -> Iterator[Any]:
    """Yield what `task` answers to each key, in the order of answering.

    Args:
        task: pickles; called in the workers.
        keys: what to do.
        jobs: processes; each gets its share of the cores for the threads of its libraries.
        say: told when a worker ended and its key is tried again.

    Raises:
        GeomageError: what the task raised, or that three workers ended at one key.
    """
    waiting = deque(keys)
    crew = _Crew(task, share_of(jobs))
    try:
        for _ in range(min(jobs, len(waiting))):
            crew.hire(waiting.popleft())
        while crew.busy:
            for worker in crew.ready():
                answer = worker.answer()
                if answer is None:
                    waiting.appendleft(crew.lose(worker, say))
                else:
                    yield opened(answer)
                if waiting:
                    crew.give(worker, waiting.popleft())
                else:
                    crew.dismiss(worker)
    finally:
        crew.end()


@dataclass
class _Worker:
    """A process, our end of its pipe, and the key it works on."""

    process: ForkServerProcess
    pipe: Connection
    key: Hashable

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
    """The workers there are, and how often each key lost one."""

    task: Task
    threads: int
    busy: list[_Worker] = field(default_factory=list)
    lost: Counter[Hashable] = field(default_factory=Counter)

    def hire(self, key: Hashable) -> None:
        """Start a worker on a key."""
        context = multiprocessing.get_context("forkserver")  # imports once, forks many
        context.set_forkserver_preload([type(self.task).__module__])
        _start_server(self.threads)
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(self.task, self.threads, theirs), daemon=True)
        process.start()
        theirs.close()
        worker = _Worker(process, ours, key)
        self.busy.append(worker)
        with suppress(OSError):  # it ended already; its pipe will say so
            ours.send(key)

    def ready(self) -> list[_Worker]:
        """Wait for workers that have something to say, or have ended."""
        found = wait([worker.pipe for worker in self.busy])
        return [worker for worker in self.busy if worker.pipe in found]

    def give(self, worker: _Worker, key: Hashable) -> None:
        """Hand a key to a worker that is free, or to a fresh one where it has ended."""
        if worker.process.exitcode is not None:
            self.dismiss(worker)
            self.hire(key)
            return
        worker.key = key
        with suppress(OSError):
            worker.pipe.send(key)

    def lose(self, worker: _Worker, say: Callable[[str], None]) -> Hashable:
        """Count a worker that ended; return the key it worked on.

        Raises:
            RunError: it is one worker too many.
        """
        key, how = worker.key, _how(worker.process.exitcode)
        self.lost[key] += 1
        if self.lost[key] >= _TRIES:
            raise RunError(
                f"{_TRIES} workers ended ({how}) at {key}: if memory is short, take fewer --jobs; "
                "what is whole stays, and the same command goes on"
            )
        say(f"note: a worker ended ({how}) at {key}, which is made again")
        return key

    def dismiss(self, worker: _Worker) -> None:
        """Let a worker go."""
        worker.pipe.close()
        worker.process.join()
        self.busy.remove(worker)

    def end(self) -> None:
        """End all workers, whatever they are at."""
        for worker in self.busy:
            worker.process.kill()  # a stopped one would not hear anything milder
        for worker in self.busy:
            worker.process.join()
            worker.pipe.close()
        self.busy.clear()


def _start_server(threads: int) -> None:
    """Start what forks workers, if it does not run yet; while it imports it hears no Ctrl-C."""
    resource_tracker.ensure_running()  # else the server would, and unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # the server inherits it
    try:
        with threads_of_children(threads):
            forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(task: Task, threads: int, pipe: Connection) -> None:
    """Do what comes over the pipe until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C and ends its workers
    Thread(target=_end_with_parent, daemon=True).start()
    take_threads(threads)
    while True:
        try:
            key = pipe.recv()
        except (EOFError, OSError):
            return
        answer = attempt(task, key)
        try:
            pipe.send(answer)
        except OSError:
            return


def _end_with_parent() -> None:
    """End this process as soon as the one that hired it is gone, whatever the task is at."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
