"""A stream of patches as the iterable dataset that PyTorch's DataLoader asks for."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.utils.data import IterableDataset, get_worker_info

from geomage.data.patch_stream import Patch, PatchStream

__all__ = ["PatchFeed"]


class PatchFeed(IterableDataset[Patch]):
    """Patches of one epoch, shared out to the workers of a DataLoader, and to processes of a group.

    `DataLoader(PatchFeed(stream), batch_size=32, num_workers=2)`; say `set_epoch` before each.
    """

    def __init__(self, stream: PatchStream, *, rank: int = 0, world: int = 1) -> None:
        """Wrap a stream.

        Args:
            stream: from `geomage.data.patch_stream`.
            rank: number of this process among those that train together.
            world: how many train together.
        """
        self.stream, self.rank, self.world = stream, rank, world
        # Shared, so that workers that live on from epoch to epoch see it change.
        self._epoch = torch.zeros((), dtype=torch.int64)
        self._epoch.share_memory_()  # type: ignore[no-untyped-call]

    def set_epoch(self, number: int) -> None:
        """Say which epoch the next iteration gives."""
        self._epoch.fill_(number)

    def __iter__(self) -> Iterator[Patch]:
        worker = get_worker_info()
        here, many = (0, 1) if worker is None else (worker.id, worker.num_workers)
        share = self.stream.share(self.rank * many + here, self.world * many)
        return share.epoch(int(self._epoch))
