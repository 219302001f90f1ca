"""The same samples on a running Dask cluster, whose workers share the dataset's file system."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from geomage.data.stream import simulator_hash
from geomage.errors import InputError, MissingExtraError, RunError

__all__ = ["cluster", "run_on"]

_AHEAD = 3  # samples asked for at once, for each thread of the cluster
_PATIENCE_S = 30  # until a scheduler answers


@contextmanager
def cluster(address: str) -> Iterator[Any]:
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
    try:
        client = Client(address, timeout=_PATIENCE_S, set_as_default=False)
    except (OSError, ValueError) as error:  # a timeout is an OSError
        raise InputError(
            f"--scheduler {address}: no Dask scheduler answers there "
            f"({str(error)[:200] or type(error).__name__})"
        ) from error
    with client:
        if not client.nthreads():
            raise InputError(f"--scheduler {address} has no workers: start some first")
        yield client


def run_on(
    client: Any, task: Callable[[int], dict[str, Any]], indices: Iterable[int], mark: Path
) -> Iterator[dict[str, Any]]:
    """Yield what `task` answers to each index, from the workers of a cluster.

    Args:
        client: from `cluster`.
        task: pickles; a worker that is lost is replaced by the cluster, and its index done again.
        indices: what to do.
        mark: a file that every worker must see.

    Raises:
        InputError: a worker does not share the file system, or has other code.
        RunError: samples cost the cluster more workers than it allows.
    """
    from distributed import as_completed  # noqa: PLC0415
    from distributed.scheduler import KilledWorker  # noqa: PLC0415

    _check_workers(client, mark)
    left = iter(indices)
    most = _AHEAD * sum(client.nthreads().values())
    running = as_completed(_submit(client, task, islice(left, most)))
    try:
        for future in running:
            yield future.result()
            for more in _submit(client, task, islice(left, 1)):
                running.add(more)
    except KilledWorker as error:
        raise RunError(
            f"workers of the cluster were lost again and again: {str(error)[:300]}; "
            "the samples that are whole stay, and the same command goes on"
        ) from error
    finally:
        client.cancel(list(running.futures))


def _submit(
    client: Any, task: Callable[[int], dict[str, Any]], indices: Iterable[int]
) -> list[Any]:
    return [client.submit(task, index, pure=False) for index in indices]


def _check_workers(client: Any, mark: Path) -> None:
    said: dict[str, tuple[bool, str]] = client.run(_look, str(mark))
    for worker, (there, code) in said.items():
        if not there:
            raise InputError(
                f"worker {worker} does not see {mark.parent}: the dataset must lie on a file "
                "system that all workers share"
            )
        if code != simulator_hash():
            raise InputError(f"worker {worker} runs another version of geomage: install this one")


def _look(mark: str) -> tuple[bool, str]:
    return Path(mark).is_file(), simulator_hash()
