"""A Dask cluster of a scheduler and workers, each a process of its own that can be killed.

    python small_cluster.py PORT WORKERS FOLDER

imports Dask once, forks all of them, says who they are, and ends them when its input closes.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil


@dataclass(frozen=True)
class SmallCluster:
    address: str
    scheduler: psutil.Process
    workers: list[psutil.Process]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def small_cluster(folder: Path, workers: int = 2, path: list[str] | None = None) -> Iterator[Any]:
    """Start one; all its processes are dead when this is left.

    Args:
        folder: for logs and what workers spill.
        workers: how many, of one thread each.
        path: where its processes look for modules; where this one does when None.
    """
    port = free_port()
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path or sys.path))}
    line = [sys.executable, "-W", "ignore", __file__, str(port), str(workers), str(folder)]
    with (folder / "cluster.log").open("ab") as log, subprocess.Popen(
        line, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=folder
    ) as nursery:  # fmt: skip
        scheduler, *hands = [psutil.Process(pid) for pid in json.loads(nursery.stdout.readline())]
        address = f"tcp://127.0.0.1:{port}"
        _wait_for(address, workers)
        yield SmallCluster(address, scheduler, hands)


def _wait_for(address: str, workers: int) -> None:
    from distributed import Client

    end = time.monotonic() + 300
    with Client(address, timeout=300, set_as_default=False) as client:
        while len(client.nthreads()) < workers:
            assert time.monotonic() < end, "the cluster did not start"
            time.sleep(0.02)


async def _schedule(port: int) -> None:
    from distributed import Scheduler

    async with Scheduler(host="127.0.0.1", port=port, dashboard=False) as scheduler:
        await scheduler.finished()


async def _work(port: int, folder: str) -> None:
    from distributed import Worker

    async with Worker(
        f"tcp://127.0.0.1:{port}", nthreads=1, memory_limit=0, local_directory=folder,
        dashboard=False, death_timeout=300,
    ) as worker:  # fmt: skip
        await worker.finished()


def _fork(start: Callable[[], Coroutine[Any, Any, None]]) -> int:
    pid = os.fork()
    if pid:
        return pid
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    try:
        asyncio.run(start())
    finally:
        os._exit(0)


def main(port: str, workers: str, folder: str) -> None:
    import distributed  # noqa: F401 -- once for all

    pids = [_fork(lambda: _schedule(int(port)))]
    pids += [_fork(lambda: _work(int(port), folder)) for _ in range(int(workers))]
    print(json.dumps(pids), flush=True)
    sys.stdin.read()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)  # the dead among them wait to be collected: no stranger's


if __name__ == "__main__":
    main(*sys.argv[1:])
