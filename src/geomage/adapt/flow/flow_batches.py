"""Batches of coupled pairs of crops: a function of the step alone."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import torch

from geomage.adapt.flow.coupling import TURNS
from geomage.adapt.flow.crops import Crops
from geomage.adapt.flow.pairs import (
    PairParams,
    Pairs,
    band_names,
    channels_of,
    make_pairs,
    turn_crops,
)
from geomage.adapt.method import Domains
from geomage.data.chip import Channel
from geomage.errors import InputError
from geomage.learn.objective import ChipBatch, StepBatch

__all__ = ["FlowBatches"]


@dataclass(frozen=True)
class _Held:
    """The pool that is in use."""

    number: int
    pairs: Pairs


class FlowBatches:
    """`Batches` of the loop: every pair once before any comes again, both turned alike."""

    def __init__(
        self, domains: Domains, params: PairParams, crop: int, batch: int, seed: int
    ) -> None:
        self.domains, self.params, self.crop, self.size, self.seed = (
            domains, params, crop, batch, seed,
        )  # fmt: skip
        ours, theirs = channels_of(domains.source), channels_of(domains.target)
        same = band_names(ours) == band_names(theirs)
        self.channels = ours, ours if same else theirs
        self._lock, self._held = threading.Lock(), _Held(0, self._make(0))

    def _make(self, number: int) -> Pairs:
        return make_pairs(self.domains, self.params, self.crop, (self.seed, number))

    def pairs(self, step: int) -> Pairs:
        """The pool of a step."""
        renew = self.params.pool.renew
        number = step // renew if renew else 0
        with self._lock:
            if self._held.number != number:
                self._held = _Held(number, self._make(number))
            return self._held.pairs

    def batch(self, step: int, rank: int, world: int) -> StepBatch:
        """Pairs `rank`, `rank + world`, … of those of a step: `labelled` and `unlabelled`."""
        if self.size % world:
            raise InputError(f"a batch of {self.size} pairs cannot be shared by {world} processes")
        pairs, mine = self.pairs(step), np.arange(rank, self.size, world)
        items = self._items(step, len(pairs.source.gsd_m))[mine]
        turns = np.random.default_rng([self.seed, step, 5]).integers(0, TURNS, self.size)[mine]
        source, target = (
            turn_crops(Crops(*(part[items] for part in crops)), turns) for crops in pairs
        )
        return StepBatch(
            _chip_batch(source, self.channels[0]), _chip_batch(target, self.channels[1])
        )

    def _items(self, step: int, count: int) -> np.ndarray:
        """Numbers of the pairs of a step: shuffled anew each time that all have come."""
        places = np.arange(step * self.size, (step + 1) * self.size)
        found = np.empty(self.size, np.int64)
        for turn in np.unique(places // count).tolist():
            order = np.random.default_rng([self.seed, turn, 4]).permutation(count)
            here = places // count == turn
            found[here] = order[places[here] % count]
        return found


def _chip_batch(crops: Crops, channels: tuple[Channel, ...]) -> ChipBatch:
    return ChipBatch(
        torch.from_numpy(crops.pixels[:, None]),
        torch.from_numpy(crops.labels),
        torch.tensor([channel.key for channel in channels], dtype=torch.float32),
        torch.from_numpy(crops.gsd_m.astype(np.float32)),
    )
