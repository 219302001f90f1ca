"""What a training run asks: the contract between the loop and every way of learning."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor, nn

__all__ = ["ChipBatch", "Objective", "StepBatch"]


class ChipBatch(NamedTuple):
    """Chips of one sensor, cut to one size."""

    pixels: Float[Tensor, "batch date band y x"]
    """As in `geomage.data.chip.Chip`; 0 where not valid."""
    labels: UInt8[Tensor, "batch y x"]
    """255 where nobody knows, which is everywhere for unlabelled chips."""
    channels: Float[Tensor, "band 2"]
    """`Channel.key` of each band."""
    gsd: Float[Tensor, " batch"]
    """Metres."""


class StepBatch(NamedTuple):
    """What one step sees."""

    labelled: ChipBatch | None
    unlabelled: ChipBatch | None
    other: ChipBatch | None = None
    """The places of `unlabelled`, as another sensor sees them: same batch, y and x by GSD."""


@runtime_checkable
class Objective(Protocol):
    """One way of learning. The loop owns the optimiser, the schedule, files and devices."""

    @property
    def modules(self) -> nn.ModuleDict:
        """Everything with state, teachers included, under lasting names: it is checkpointed.

        What requires a gradient is optimised. `modules["network"]` is what the run is for.
        """

    def terms(self, batch: StepBatch, rng: np.random.Generator, done: float) -> dict[str, Tensor]:
        """Terms of the loss by name and their weighted sum under "total".

        Every draw comes from `rng`; `done` is the share of the run behind, 0..1.
        """

    def follow(self, done: float) -> None:
        """After the optimiser's step: teachers move, queues turn."""
