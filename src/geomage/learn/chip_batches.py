"""From chips of several sources to the batches of a run: a function of the step alone.

A batch is of one sensor. Sources whose channels and dates are the same are mixed in it, by their
weights; where there are several sensors, a step draws one, by the same weights.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from geomage.data.chip import UNKNOWN, Channel, Chip, ChipSource
from geomage.data.survey import class_counts
from geomage.errors import CorruptError, InputError, RunError
from geomage.learn.chip_crops import Crop, cut_chip, cut_twins
from geomage.learn.chip_recipe import BatchParams
from geomage.learn.objective import ChipBatch, StepBatch

__all__ = ["ChipBatches", "Feed", "WeightedChips", "feed_of", "tell_skipped"]

_LABELLED, _UNLABELLED = 0, 1
_DRAWS = 1000  # of one crop, until a chip can be read


@dataclass(frozen=True)
class WeightedChips:
    """A source, and how often each of its chips is drawn.

    weight: of the source beside others; chances: of its chips, of sum 1, or None for all alike;
    other: the same places as another sensor sees them.
    """

    source: ChipSource
    weight: float = 1.0
    chances: np.ndarray | None = None
    other: ChipSource | None = None


class _Sensor(NamedTuple):
    """What chips of one batch share."""

    channels: tuple[Channel, ...]
    dates: int


@dataclass(frozen=True)
class Feed:
    """Sources to draw from, by sensor."""

    groups: tuple[tuple[WeightedChips, ...], ...]

    @property
    def weights(self) -> np.ndarray:
        """Of each sensor, of sum 1."""
        return _shares(sum(one.weight for one in group) for group in self.groups)


def feed_of(sources: Sequence[WeightedChips]) -> Feed | None:
    """Sort sources by sensor; the first chip of each is read. None where there are none."""
    groups: dict[object, list[WeightedChips]] = {}
    for one in sources:
        key = [_sensor_of(s) for s in (one.source, one.other) if s is not None]
        groups.setdefault(tuple(key), []).append(one)
    if groups and not sum(one.weight for one in sources) > 0:
        raise InputError("recipe: at least one source must have a weight above 0")
    return Feed(tuple(tuple(group) for group in groups.values())) if groups else None


def _sensor_of(source: ChipSource) -> _Sensor:
    """Channels and dates of the first chip that can be read."""
    for index in range(len(source.names)):
        try:
            chip = source.chip(index)
        except CorruptError:
            continue
        return _Sensor(chip.channels, chip.pixels.shape[0])
    raise RunError("no chip of a source can be read: unpack the dataset again")


@dataclass(frozen=True)
class _Shelf:
    """Chips kept in memory, until it is full, and names of those that cannot be read."""

    room: int
    most_corrupt: float
    chips: dict[tuple[int, int], Chip] = field(default_factory=dict)
    corrupt: set[tuple[int, int]] = field(default_factory=set)
    filled: list[int] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, source: ChipSource, index: int, *, labelled: bool) -> Chip | None:
        """A chip; None where it cannot be read. Labels that are no class are an InputError."""
        key = (id(source), index)
        if key in self.chips:
            return self.chips[key]
        if key in self.corrupt:
            return None
        try:
            chip = source.chip(index)
        except CorruptError as error:
            self._skip(key, source, error)
            return None
        if labelled:
            class_counts(chip, len(source.classes))
        with self.lock:
            if sum(self.filled) + chip.pixels.nbytes <= self.room:
                self.chips[key] = chip
                self.filled.append(chip.pixels.nbytes)
        return chip

    def _skip(self, key: tuple[int, int], source: ChipSource, error: CorruptError) -> None:
        self.corrupt.add(key)
        tell_skipped(f"{source.names[key[1]]} is skipped: {error}")
        mine = sum(k[0] == key[0] for k in self.corrupt)
        if mine > self.most_corrupt * len(source.names):
            raise RunError(
                f"{mine} of {len(source.names)} chips cannot be read, {self.most_corrupt:.3g} of "
                f"all may be skipped: {error}"
            ) from error


def tell_skipped(line: str) -> None:
    """Say which chip is left out and why, above a bar of progress."""
    tqdm.write(line, file=sys.stderr)


class ChipBatches:
    """`Batches` of the loop."""

    def __init__(
        self, labelled: Feed | None, unlabelled: Feed | None, params: BatchParams, seed: int
    ) -> None:
        self.labelled, self.unlabelled = labelled, unlabelled
        self.params, self.seed = params, seed
        self._shelf = _Shelf(params.memory_mib * 2**20, params.most_corrupt)

    def batch(self, step: int, rank: int, world: int) -> StepBatch:
        """Crops `rank`, `rank + world`, … of those of a step."""
        for name in ("labelled", "unlabelled"):
            count = getattr(self.params, name)
            if count % world:
                raise InputError(
                    f"recipe, batches: {name} = {count} crops cannot be shared by {world} processes"
                )
        share = range(rank, self.params.labelled, world)
        labelled = [crop for crop, _ in self._crops(self.labelled, _LABELLED, step, share)]
        share = range(rank, self.params.unlabelled, world)
        bare = self._crops(self.unlabelled, _UNLABELLED, step, share)
        twins = [other for _, other in bare if other is not None]
        return StepBatch(_stacked(labelled), _stacked([crop for crop, _ in bare]), _stacked(twins))

    def _crops(
        self, feed: Feed | None, kind: int, step: int, share: range
    ) -> list[tuple[_Seen, _Seen | None]]:
        """Crops of one kind and one sensor."""
        if feed is None:
            return []
        rng = np.random.default_rng([self.seed, step, kind])
        group = feed.groups[int(rng.choice(len(feed.groups), p=feed.weights))]
        weights = _shares(one.weight for one in group)
        return [self._crop(group, weights, kind, (step, slot)) for slot in share]

    def _crop(
        self,
        group: tuple[WeightedChips, ...],
        weights: np.ndarray,
        kind: int,
        place: tuple[int, int],
    ) -> tuple[_Seen, _Seen | None]:
        """The crop of a step and a slot; a chip that cannot be read is drawn again."""
        rng = np.random.default_rng([self.seed, *place, kind])
        labelled = kind == _LABELLED
        for _ in range(_DRAWS):
            one = group[int(rng.choice(len(group), p=weights))]
            index = int(rng.choice(len(one.source.names), p=one.chances))
            chip = self._shelf.take(one.source, index, labelled=labelled)
            if chip is None:
                continue
            if one.other is None:
                crop = cut_chip(chip, self.params, rng, labelled=labelled)
                return _Seen(crop, chip.channels, labelled=labelled), None
            other = self._shelf.take(one.other, index, labelled=False)
            if other is not None:
                crop, twin = cut_twins(chip, other, self.params, rng)
                return _Seen(crop, chip.channels), _Seen(twin, other.channels)
        raise RunError(
            f"none of {_DRAWS} chips drawn can be read: unpack the datasets again, or give a "
            "smaller most_corrupt"
        )


@dataclass(frozen=True)
class _Seen:
    """A crop, its bands, and whether its labels may be seen."""

    crop: Crop
    channels: tuple[Channel, ...]
    labelled: bool = False


def _stacked(seen: Sequence[_Seen]) -> ChipBatch | None:
    if not seen:
        return None
    labels = [s.crop.labels if s.labelled else np.full_like(s.crop.labels, UNKNOWN) for s in seen]
    return ChipBatch(
        torch.from_numpy(np.stack([s.crop.pixels for s in seen])),
        torch.from_numpy(np.stack(labels)),
        torch.tensor([channel.key for channel in seen[0].channels], dtype=torch.float32),
        torch.tensor([s.crop.gsd_m for s in seen], dtype=torch.float32),
    )


def _shares(weights: Iterable[float]) -> np.ndarray:
    each = np.array(list(weights), float)
    return np.asarray(each / each.sum())
