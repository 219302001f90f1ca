"""What the loop of `geomage.learn.loop` is told."""

from __future__ import annotations

from dataclasses import dataclass

from geomage.data.limits import CHANCE, Limits, refuse_outside
from geomage.learn.limits import refuse_device

__all__ = ["LoopParams"]

_COUNT = (1, 10**8)
_LIMITS: Limits = {
    "seed": (0, 2**63 - 1),
    "steps": _COUNT,
    "epoch": _COUNT,
    "note": _COUNT,
    "learning_rate": (1e-9, 10.0),
    "warm_up": CHANCE,
    "last": CHANCE,
    "weight_decay": (0.0, 10.0),
    "clip": (1e-9, 1e9),
    "ema": CHANCE,
    "threads": (1, 256),
    "readers": (1, 64),
}


@dataclass(frozen=True)
class LoopParams:
    """Optimiser (AdamW, Loshchilov and Hutter 2019), schedule, and how often one looks."""

    seed: int = 0
    """Of what the objective draws; weights and batches have the recipe's."""
    steps: int = 1000
    """Optimiser steps in all."""
    epoch: int = 200
    """Steps between two checkpoints, pictures and validations."""
    note: int = 20
    """Steps that one line of `metrics.jsonl` is the mean of."""
    learning_rate: float = 1e-3
    """Peak."""
    warm_up: float = 0.05
    """Share of the steps that raise the learning rate."""
    last: float = 0.01
    """Share of the peak that half a cosine falls to."""
    weight_decay: float = 0.05
    """Of matrices and kernels; biases and norms do not decay."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    ema: float = 0.998
    """Decay a step of the averaged weights, the ones that are kept."""
    bfloat16: bool | None = None
    """Mixed precision; None: where CUDA or the CPU (avx512_bf16, amx_bf16) has it, for without it
    a step takes five to eight times as long. A run goes on as it began, on any machine."""
    device: str = "auto"
    """cpu, cuda, or auto: CUDA where there is one."""
    threads: int = 2
    """Torch threads; another number rounds differently."""
    readers: int = 1
    """Threads that make batches ahead; the numbers do not depend on it."""

    def __post_init__(self) -> None:
        refuse_outside("recipe, loop", vars(self), _LIMITS)
        refuse_device("recipe, loop", self.device)
