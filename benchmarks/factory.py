"""What a sample of a dataset costs, where the time goes, and what two jobs bring.

    python -m benchmarks.factory [--recipe vhr] [--count 16] [--skip-jobs] [-o factory.json]

First, in this process, with kernels compiled: CPU-seconds of each sample from nothing to files, by
step, and the bytes it takes. Then the command itself, with one job and with two, each in a process
of its own: wall time and the CPU time of all its processes. On a machine that others use, wall
times say little; what two free cores would give then follows from CPU time: twice as much, times
CPU time with one job over CPU time with two.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import psutil

from geomage.data import factory, find_recipe, shards, stream
from geomage.data.layout import Layout

STEPS = {
    "grow": (stream, "grow_city"),
    "strike": (stream, "sample_event"),
    "paint": (stream, "paint"),
    "other bands": (stream, "widen"),
    "light": (stream, "light_and_view"),
    "sensor": (stream, "capture"),
    "shard": (shards, "fragment"),
    "COG, STAC": (factory, "write_sample_folder"),
}
WARM_UP = 6  # samples, so that most kernels are compiled


@contextlib.contextmanager
def clocked(spent: dict[str, float]) -> Iterator[None]:
    """Add the CPU time of every step to `spent`."""
    with contextlib.ExitStack() as stack:
        for name, (module, function) in STEPS.items():
            timed = _timed(getattr(module, function), name, spent)
            stack.enter_context(mock.patch.object(module, function, timed))
        yield


def _timed(function: Any, name: str, spent: dict[str, float]) -> Any:
    def run(*words: Any, **options: Any) -> Any:
        start = time.process_time()
        try:
            return function(*words, **options)
        finally:
            spent[name] += time.process_time() - start

    return run


def one_by_one(recipe: str, count: int) -> dict[str, Any]:
    """CPU-seconds a sample in this process: in all, by step, and bytes."""
    costs, steps = [], []
    with tempfile.TemporaryDirectory() as place:
        layout = Layout(Path(place), find_recipe(recipe))
        make = factory.MakeSample(layout)
        for index in range(WARM_UP):
            make(factory.SampleNumber(index))
        for index in range(WARM_UP, WARM_UP + count):
            spent: dict[str, float] = defaultdict(float)
            start = time.process_time()
            with clocked(spent):
                make(factory.SampleNumber(index))
            costs.append(time.process_time() - start)
            steps.append(spent)
        parts = [layout.part(i).stat().st_size for i in range(WARM_UP, WARM_UP + count)]
        cogs = [_size(layout.sample(i)) for i in range(WARM_UP, WARM_UP + count)]
    return {
        "cpu_s": {"mean": float(np.mean(costs)), "median": float(np.median(costs)),
                  "90 %": float(np.quantile(costs, 0.9)), "all": [round(c, 3) for c in costs]},
        "steps_s": {name: float(np.mean([s[name] for s in steps])) for name in STEPS},
        "bytes": {"shard": float(np.mean(parts)), "COG, STAC": float(np.mean(cogs))},
    }  # fmt: skip


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def with_jobs(recipe: str, count: int, jobs: int) -> dict[str, float]:
    """Wall and CPU time of the command with a number of jobs."""
    program = (
        "import sys; from geomage.cli import main\nif __name__ == '__main__': sys.exit(main())"
    )
    threads = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    with tempfile.TemporaryDirectory() as place:
        words = ["dataset", recipe, "-o", f"{place}/d", "--count", str(count), "--jobs", str(jobs)]
        start, spent = time.perf_counter(), {}
        with subprocess.Popen(  # noqa: S603 -- our own command
            [sys.executable, "-c", program, *words], env={**os.environ, **threads}
        ) as process:
            while process.poll() is None:  # forked workers are no children of ours to wait for
                spent |= _cpu_of(process.pid)
                time.sleep(0.05)
        if process.returncode:
            raise SystemExit(f"geomage dataset left with {process.returncode}")
    return {"wall_s": time.perf_counter() - start, "cpu_s": sum(spent.values())}


def _cpu_of(pid: int) -> dict[int, float]:
    """CPU-seconds so far of a process and all below it."""
    found = {}
    with contextlib.suppress(psutil.NoSuchProcess):
        top = psutil.Process(pid)
        for one in (top, *top.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = one.cpu_times()
                found[one.pid] = times.user + times.system
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", default="vhr")
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--skip-jobs", action="store_true")
    parser.add_argument("-o", "--out", type=Path)
    words = parser.parse_args()
    facts: dict[str, Any] = {"recipe": words.recipe, "load": os.getloadavg()[0]}
    facts |= one_by_one(words.recipe, words.count)
    cost = facts["cpu_s"]
    print(f"{words.recipe}, {words.count} samples; others keep {facts['load']:.1f} cores busy")
    print(
        f"CPU-s a sample: mean {cost['mean']:.2f}, median {cost['median']:.2f}, "
        f"90 % under {cost['90 %']:.2f}"
    )
    for name, seconds in facts["steps_s"].items():
        print(f"  {name:12} {seconds:6.3f}")
    for name, size in facts["bytes"].items():
        print(f"MB a sample, {name}: {size / 1e6:.2f}")
    if not words.skip_jobs:
        one, two = (with_jobs(words.recipe, words.count, jobs) for jobs in (1, 2))
        facts["jobs"] = {"1": one, "2": two}
        for jobs, found in facts["jobs"].items():
            print(f"jobs {jobs}: {found['wall_s']:.1f} s wall, {found['cpu_s']:.1f} s CPU")
        print(
            f"two jobs over one: {one['wall_s'] / two['wall_s']:.2f} by the wall clock, "
            f"{2 * one['cpu_s'] / two['cpu_s']:.2f} by CPU time on two free cores"
        )
    if words.out:
        words.out.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
