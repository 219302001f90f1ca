"""What methods that train see of two domains: crops of pools, the same for the same step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from geomage.adapt.flow.crops import Crops, cut_pool, refuse_unfit, turned
from geomage.adapt.method import Fitting
from geomage.data.chip import UNKNOWN, Channel
from geomage.learn.objective import ChipBatch, StepBatch

__all__ = ["PooledCrops", "open_pools"]

_SOURCE, _TARGET = 41, 42


@dataclass(frozen=True)
class PooledCrops:
    """`Batches` of the loop: the source as labelled chips whose labels nobody is told."""

    source: Crops
    target: Crops
    channels: tuple[Channel, ...]
    batch_size: int
    seed: int

    def batch(self, step: int, rank: int, world: int) -> StepBatch:
        """Crops drawn and turned for a step; each process has its share."""
        share = range(rank, self.batch_size, world)
        parts = (
            self._drawn(crops, [self.seed, step, kind], share)
            for kind, crops in ((_SOURCE, self.source), (_TARGET, self.target))
        )
        return StepBatch(*parts)

    def _drawn(self, crops: Crops, seed: list[int], share: range) -> ChipBatch:
        rng = np.random.default_rng(seed)
        rows = rng.integers(len(crops.pixels), size=self.batch_size)[share]
        turns = rng.integers(8, size=self.batch_size)[share]
        pairs = zip(crops.pixels[rows], turns.tolist(), strict=True)
        pixels = np.stack([turned(crop, turn) for crop, turn in pairs])
        unknown = torch.full((len(rows), *pixels.shape[2:]), UNKNOWN, dtype=torch.uint8)
        return ChipBatch(
            torch.from_numpy(np.ascontiguousarray(pixels))[:, None],
            unknown,
            torch.tensor([channel.key for channel in self.channels], dtype=torch.float32),
            torch.tensor(crops.gsd_m[rows], dtype=torch.float32),
        )


def open_pools(fitting: Fitting, count: int, channels: tuple[Channel, ...]) -> PooledCrops:
    """Cut `count` crops of either domain.

    Raises:
        InputError: a domain is empty, holds no data, or is one image that is too small.
    """
    domains, crop = fitting.domains, fitting.crop
    pools = []
    for kind, what, source in (
        (_SOURCE, "source", domains.source),
        (_TARGET, "target", domains.target),
    ):
        refuse_unfit(source, crop, what)
        pools.append(cut_pool(source, count, crop, [fitting.seed, kind], what))
    return PooledCrops(pools[0], pools[1], channels, fitting.batch, fitting.seed)
