"""Domains of the adaptation benchmark: simulated towns, and real images as their files have them.

Translators see counts / 255 before any stretch, as `geomage translate` does; networks see them
after it, as mapping does. No test pixel is ever seen by a translator or a network.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks._semisupervised_chips import UNKNOWN, Chips, joined, real
from benchmarks._semisupervised_runs import GSD
from geomage.data.chip import Chip, ChipSource
from geomage.data.kept_chips import keep_chips, make_chips
from geomage.data.readers.bands import RGB
from geomage.data.simulated_chips import SimulatedPairChips, SimulatedPairParams
from geomage.data.stream import StreamParams
from geomage.geo import stretch_counts
from geomage.workers.crew import Workers

_T = TypeVar("_T")
STREAM = StreamParams(size_px=192, no_data=0.0, cloudy=0.0, calm=0.3)


def towns(folder: Path, count: int, jobs: int) -> ChipSource:
    """Simulated pairs with the damage of the second date; those that are missing are made."""
    made = SimulatedPairChips(SimulatedPairParams(task="damage", count=count, stream=STREAM))
    kept = keep_chips(folder, made)
    make_chips(kept, Workers(jobs))
    return kept


@dataclass(frozen=True)
class Buildings:
    """The first date of pairs, and whether a building stands there."""

    pairs: ChipSource
    classes: tuple[str, ...] = ("other", "building")

    @property
    def names(self) -> tuple[str, ...]:
        """As of the pairs."""
        return self.pairs.names

    def chip(self, index: int) -> Chip:
        """Chip `index`."""
        pair = self.pairs.chip(index)
        assert pair.labels is not None
        stands = np.minimum(pair.labels, 1)
        labels = np.where(pair.labels == UNKNOWN, UNKNOWN, stands).astype(np.uint8)
        return replace(pair, pixels=pair.pixels[:1], labels=labels)


@dataclass(frozen=True)
class RealImages:
    """Chips of real images without what they show; counts / 255 as the files have them."""

    chips: Chips
    classes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Numbers."""
        return tuple(f"{name}_{k:04d}" for k, name in enumerate(self.chips.sets))

    @property
    def sites(self) -> tuple[int, ...]:
        """Number of the set of each."""
        return tuple(np.unique(self.chips.sets, return_inverse=True)[1].tolist())

    def chip(self, index: int) -> Chip:
        """Chip `index`."""
        counts = self.chips.pixels[index]
        valid = counts.any(axis=0)
        pixels = (counts / 255).astype(np.float32)[None]
        return Chip(self.names[index], pixels, RGB, GSD, valid)


def target(data: Path, date: str = "before") -> RealImages:
    """Real images that nothing is tested on."""
    learnt, bare, _ = real(data, stretched=False, date=date)
    return RealImages(joined([learnt, bare]))


def stretched(source: ChipSource, jobs: int = 1) -> Chips:
    """Every chip as a network sees it."""
    pixels, labels = zip(*of_each(source, _seen, jobs), strict=True)
    return Chips(np.stack(pixels), np.stack(labels), np.full(len(pixels), "simulated"))


def of_each(source: ChipSource, read: Callable[[Chip], _T], jobs: int) -> list[_T]:
    """Read every chip, by so many threads: most of a translation is done outside of Python."""
    with ThreadPoolExecutor(jobs) as threads:
        return list(threads.map(lambda k: read(source.chip(k)), range(len(source.names))))


def _seen(chip: Chip) -> tuple[np.ndarray, np.ndarray]:
    counts = stretch_counts(np.where(chip.valid, chip.pixels[0], 0)).astype(np.uint8)
    labels = chip.labels if chip.labels is not None else np.full(chip.valid.shape, UNKNOWN)
    return counts, np.where(chip.valid, labels, UNKNOWN).astype(np.uint8)
