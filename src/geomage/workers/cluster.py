"""Tasks on a running Dask cluster, whose workers share the output's file system.

Keys travel, never arrays, and only a few a thread at a time: the scheduler holds a handful of
tasks, whatever their number. Dask itself waits for ever where a scheduler says nothing, and for
long where it is gone; here both end in words.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

from geomage.errors import InputError, MissingExtraError, RunError
from geomage.workers.attempt import attempt, opened
from geomage.workers.likeness import Likeness, likeness, unlike

__all__ = ["connect", "run_on"]

_AHEAD = 3  # keys asked for at once, for each thread of the cluster
_CONNECT_S = 5  # until somebody listens at the address
_PATIENCE_S = 15  # until a scheduler says its first word
_LOOK_S = 0.02  # between two looks for answers
_PING_S = 5  # between two questions to the scheduler whether it is there
_DEAF_S = 120  # a busy scheduler may take long to answer; after this it hangs
_ALONE_S = 1800  # a cluster may be without workers, as in the queue of a batch system
_ENDED = "it ended, or the line to it is broken"
_GOES_ON = "what is whole stays, and the same command goes on"


@contextmanager
def connect(address: str) -> Iterator[Any]:
    """Connect to a scheduler.

    Raises:
        MissingExtraError: `distributed` is not installed.
        InputError: nobody answers there, or there is no worker.
    """
    try:
        from distributed import Client  # noqa: PLC0415 -- an extra
    except ImportError as error:
        raise MissingExtraError(
            "--scheduler needs distributed: install geomage with its extra, "
            "pip install -e '.[cluster]' -c constraints.txt in a checkout, or pip install "
            "'geomage[cluster]'"
        ) from error
    with _quiet():
        try:
            asyncio.run(_knock(address))
            client = Client(address, timeout=_PATIENCE_S, set_as_default=False)
        except (OSError, ValueError, ImportError) as error:  # a timeout is an OSError
            raise InputError(
                f"--scheduler {address}: no Dask scheduler answers there "
                f"({str(error)[:200] or type(error).__name__})"
            ) from error
        with client:
            if not client.nthreads():
                raise InputError(f"--scheduler {address} has no workers: start some first")
            yield client


async def _knock(address: str) -> None:
    """Shake hands: Dask's own client waits for ever where nobody shakes back."""
    from distributed.comm import connect as call  # noqa: PLC0415
    from distributed.security import Security  # noqa: PLC0415

    words = Security().get_connection_args("client")
    comm = await asyncio.wait_for(call(address, timeout=_CONNECT_S, **words), _PATIENCE_S)
    comm.abort()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's log of lost connections to ourselves: they are said in words of our own."""
    loggers = [logging.getLogger(f"distributed.{name}") for name in ("client", "utils", "core")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def run_on(
    client: Any,
    task: Callable[[Any], Any],
    keys: Iterable[Hashable],
    mark: Path,
    say: Callable[[str], None],
) -> Iterator[Any]:
    """Yield what `task` answers to each key, from the workers of a cluster.

    Args:
        client: from `connect`.
        task: pickles; a worker that is lost is replaced by the cluster, and its key done again.
        keys: what to do.
        mark: a small file that every worker must see.
        say: told when there are no workers left.

    Raises:
        GeomageError: what the task raised.
        InputError: a worker does not share the file system, or has other code or libraries.
        RunError: tasks cost the cluster more workers than it allows, or the scheduler is lost.
    """
    from distributed import as_completed  # noqa: PLC0415

    told = _Told(task, likeness(mark))
    link = _Link(client, client.scheduler.address, say)
    link.check_workers(told.asked)
    left, asked = iter(keys), dict[Any, Hashable]()
    running = as_completed(loop=client.loop)
    try:
        while True:
            for key in islice(left, max(0, link.most - len(asked))):
                asked[future := _submit(client, told, key)] = key
                running.add(future)
            if not asked:
                return
            link.wait_for(running)
            for future in running.next_batch(block=False):
                yield link.answer(future, asked.pop(future))
    finally:
        for future in asked:
            future.release()  # the cluster forgets what nobody waits for


def _submit(client: Any, told: _Told, key: Hashable) -> Any:
    name = f"{type(told.task).__name__}-{uuid4().hex}"  # the same key may come again: not cached
    return client.submit(told, key, key=name)


@dataclass(frozen=True)
class _Told:
    """The task as it travels; workers that came late are checked by it."""

    task: Callable[[Any], Any]
    asked: Likeness

    def __call__(self, key: Hashable) -> tuple[str, Any]:
        why = unlike(self.asked)
        if why is not None:
            return "refused", InputError(f"a worker of the cluster {why}")
        return attempt(self.task, key)


@dataclass
class _Link:
    """The line to the scheduler: everything asked over it has an end."""

    client: Any
    address: str
    say: Callable[[str], None]
    most: int = 1
    """Keys to ask for at once."""
    pinged: float = field(default_factory=time.monotonic)
    alone: float | None = None
    """Since when there is no worker."""

    def check_workers(self, asked: Likeness) -> None:
        """Raise InputError at the first worker that is unlike this process."""
        self.ping()
        said: dict[str, Any] = self.client.run(
            unlike, asked, on_error="return", callback_timeout=_DEAF_S
        )
        for worker, why in said.items():
            if isinstance(why, OSError):
                continue  # lost meanwhile; who comes in its place is checked by its first task
            if isinstance(why, Exception):
                raise InputError(
                    f"worker {worker} runs another version of geomage, or none: install this one "
                    f"({str(why)[:200]})"
                ) from why
            if why is not None:
                raise InputError(f"worker {worker} {why}")

    def wait_for(self, running: Any) -> None:
        """Wait until an answer is there, and see that the scheduler is."""
        while not running.has_ready():
            time.sleep(_LOOK_S)
            self.look()

    def answer(self, future: Any, key: Hashable) -> Any:
        """What the task answered."""
        from distributed import CancelledError  # noqa: PLC0415
        from distributed.scheduler import KilledWorker  # noqa: PLC0415

        while True:
            try:
                return opened(future.result(timeout=_PING_S))
            except TimeoutError:  # lost with its worker, and made again; the task's own is no error
                self.look()
            except CancelledError as error:  # so end all tasks of a scheduler that ended
                raise self.lost(_ENDED) from error
            except KilledWorker as error:
                raise RunError(
                    f"workers of the cluster were lost again and again at {key} "
                    f"({str(error)[:200]}); {_GOES_ON}"
                ) from error

    def look(self) -> None:
        """Ask the scheduler from time to time."""
        if self.client.status != "running":
            raise self.lost(_ENDED)
        if time.monotonic() - self.pinged > _PING_S:
            self.ping()

    def ping(self) -> None:
        """Ask the scheduler for its workers."""
        try:
            threads = self.client.sync(
                self.client.scheduler.ncores, workers=None, callback_timeout=_DEAF_S
            )
        except TimeoutError as error:
            raise self.lost(f"it has said nothing for {_DEAF_S} s") from error
        except (OSError, AttributeError) as error:  # AttributeError: the client has just closed
            raise self.lost(_ENDED) from error
        self.pinged = time.monotonic()
        self.most = max(1, _AHEAD * sum(threads.values()))
        self._mind(bool(threads))

    def _mind(self, any_workers: bool) -> None:  # noqa: FBT001 -- private
        if any_workers:
            self.alone = None
        elif self.alone is None:
            self.alone = self.pinged
            self.say("note: the cluster has no workers left; waiting for some")
        elif self.pinged - self.alone > _ALONE_S:
            raise RunError(
                f"the cluster has had no workers for {_ALONE_S // 60} minutes: start some; "
                f"{_GOES_ON}"
            )

    def lost(self, why: str) -> RunError:
        """Say that the scheduler is gone."""
        return RunError(f"the scheduler {self.address} was lost: {why}; {_GOES_ON}")
