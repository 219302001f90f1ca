"""The growing pool: simulated pairs made by background processes while the network trains.

Pair `index` is a pure function of the stream's parameters, and a training step draws only from the
indices the pool is *meant* to hold by then, waiting for one that is late. So the numbers of a run
do not depend on how fast anything is. One pair is one `.npy` file, uint8 (11, y, x): before 3,
after 3, land cover, damage, water, change, obscured.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from geomage.errors import InputError, RunError
from geomage.workers import threads_of_children

__all__ = ["PairSource", "Pool", "PoolPlan", "indices_of", "trim", "wait_for_pair"]

IMAGES = slice(0, 6)  # before and after
TRUTH = slice(6, 11)  # land cover, damage, water, change, obscured
PATIENCE = 0.05  # seconds between two looks for a late pair


@runtime_checkable
class PairSource(Protocol):
    """Random access to simulated pairs; it must pickle, for it travels to the workers."""

    def stack(self, index: int) -> UInt8[np.ndarray, "11 y x"]:
        """Make pair `index`, always the same."""

    def fingerprint(self) -> str:
        """Name what the pairs depend on: it changes when they would."""


@dataclass(frozen=True)
class PoolPlan:
    """Which pairs there are to be, and in which order they are made."""

    fingerprint: str
    """Changes when the pairs would change."""
    count: int
    start: int
    rate: float
    held_out: int

    def available(self, step: int) -> int:
        """How many training pairs step `step` may draw from."""
        return min(self.count, self.start + int(step * self.rate))

    def order(self) -> list[int]:
        """Every index in the order of making: the first ones, the held-out ones, the rest."""
        held = list(range(self.count, self.count + self.held_out))
        return [*range(self.start), *held, *range(self.start, self.count)]


def pair_path(folder: Path, index: int) -> Path:
    """Where pair `index` lies."""
    return folder / f"{index:06d}.npy"


def write_pair(folder: Path, index: int, stack: UInt8[np.ndarray, "11 y x"]) -> None:
    """Write one pair under a temporary name, then move it."""
    path = pair_path(folder, index)
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.save(file, stack, allow_pickle=False)
    part.replace(path)


def _make(source: PairSource, folder: str, indices: Sequence[int]) -> None:
    """Make pairs one after the other, until done or orphaned."""
    parent = os.getppid()
    os.nice(5)  # training goes first; it waits where the pool is late
    for index in indices:
        if os.getppid() != parent:
            return
        if not pair_path(Path(folder), index).exists():
            write_pair(Path(folder), index, source.stack(index))


class Pool:
    """A folder of pairs and the processes that fill it."""

    def __init__(self, folder: Path, plan: PoolPlan) -> None:
        self.folder = folder
        self.plan = plan
        self.workers: list[BaseProcess] = []
        _claim(folder, plan.fingerprint)

    def fill(self, source: PairSource, jobs: int) -> None:
        """Start `jobs` background processes on what is missing; they end with this process."""
        missing = [i for i in self.plan.order() if not pair_path(self.folder, i).exists()]
        context = multiprocessing.get_context("spawn")
        with threads_of_children(1):
            for k in range(min(jobs, len(missing))):
                job = (source, str(self.folder), missing[k::jobs])
                worker = context.Process(target=_make, args=job, daemon=True)
                worker.start()
                self.workers.append(worker)

    def read(self, index: int) -> UInt8[np.ndarray, "11 y x"]:
        """Map pair `index` into memory, waiting for it if it is on its way."""
        return wait_for_pair(self.folder, index, self.workers)

    def close(self) -> None:
        """End the background processes."""
        for worker in self.workers:
            worker.terminate()
            worker.join()
        self.workers = []


def wait_for_pair(
    folder: Path, index: int, workers: Sequence[BaseProcess]
) -> UInt8[np.ndarray, "11 y x"]:
    """Map one pair; RunError when nobody is left who could still make it."""
    path = pair_path(folder, index)
    while not path.exists():
        broken = [w for w in workers if w.exitcode not in (None, 0)]
        busy = any(w.exitcode is None for w in workers)
        if broken or (not busy and not path.exists()):
            raise RunError(
                f"simulated pair {index} is missing from {folder} and its simulation stopped; "
                "the traceback above says why"
            )
        time.sleep(PATIENCE)
    stack: UInt8[np.ndarray, "11 y x"] = np.load(path, mmap_mode="r", allow_pickle=False)
    return stack


def _claim(folder: Path, fingerprint: str) -> None:
    """Mark the folder with the fingerprint of its pairs, or check the mark it bears."""
    mark = folder / "pool.json"
    if mark.exists():
        try:
            found = json.loads(mark.read_text(encoding="utf-8"))["fingerprint"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{mark} is damaged: choose another pool folder or delete this one"
            ) from error
        if found != fingerprint:
            raise InputError(
                f"{folder} holds pairs of another stream ({found}, this recipe makes "
                f"{fingerprint}); choose another pool folder or delete this one"
            )
        return
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty and not a pool; choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    part = mark.with_suffix(".part")
    part.write_text(json.dumps({"fingerprint": fingerprint}), encoding="utf-8")
    part.replace(mark)


def trim(
    stack: UInt8[np.ndarray, "11 y x"], step: int = 32
) -> UInt8[np.ndarray, "11 rows columns"]:
    """Cut the far edges off until both sides are multiples of `step` pixels."""
    y, x = (n // step * step for n in stack.shape[1:])
    return stack[:, :y, :x]


def indices_of(folder: Path) -> Iterator[int]:
    """Every pair the folder holds now, in order."""
    return (int(path.stem) for path in sorted(folder.glob("*.npy")))
