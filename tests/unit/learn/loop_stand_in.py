"""A tiny objective and its batches: bright pixels are class 1. As a program, one run of them."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from geomage.learn.loop import run_loop
from geomage.learn.loop_params import LoopParams
from geomage.learn.objective import ChipBatch, StepBatch
from geomage.learn.run_folder import RunPaths

PARAMS = LoopParams(
    steps=12, epoch=5, note=2, learning_rate=0.05, bfloat16=False, device="cpu", threads=1
)


class Brightness:
    """Cross-entropy, with dropout, a draw of its own, and a teacher that follows."""

    def __init__(self, *, dropout: float = 0.2) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(3)
            network = nn.Sequential(
                nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Dropout(dropout), nn.Conv2d(4, 2, 1)
            )
            spare = nn.Linear(2, 2)  # nothing reaches it
        teacher = nn.Conv2d(4, 2, 1).requires_grad_(requires_grad=False)
        teacher.load_state_dict(network[3].state_dict())
        self.noise = 0.0 if dropout == 0 else 0.01
        self.modules = nn.ModuleDict({"network": network, "teacher": teacher, "spare": spare})

    def terms(self, batch: StepBatch, rng: np.random.Generator, done: float) -> dict[str, Tensor]:
        chips = batch.labelled
        noise = torch.from_numpy(rng.normal(0, 1, chips.pixels.shape).astype(np.float32))
        logits = self.modules["network"](chips.pixels[:, 0] + self.noise * noise[:, 0])
        loss = functional.cross_entropy(logits.float(), chips.labels.long())
        return {"entropy": loss, "total": loss * (1 + done)}

    @torch.no_grad()
    def follow(self, done: float) -> None:
        assert 0 <= done < 1
        student = self.modules["network"][3].state_dict()
        for name, mine in self.modules["teacher"].state_dict().items():
            mine.lerp_(student[name], 0.1)


@dataclass(frozen=True)
class Squares:
    """Four chips a step; from `broken` on one pixel is not a number; at `killed` the process is."""

    broken: int = 10**6
    killed: int = 10**6

    def batch(self, step: int, rank: int, world: int) -> StepBatch:
        if step == self.killed:
            os.kill(os.getpid(), signal.SIGKILL)
        rng = np.random.default_rng([1, step])
        pixels = rng.random((4, 1, 1, 8, 8), np.float32)
        labels = (pixels[:, 0, 0] > 0.5).astype(np.uint8)
        if step >= self.broken:
            pixels[0, 0, 0, 2, 3] = np.nan
        mine = slice(rank, None, world)
        gsd = torch.ones(len(pixels[mine]))
        chips = ChipBatch(
            torch.from_numpy(pixels[mine]), torch.from_numpy(labels[mine]), torch.zeros(1, 2), gsd
        )
        return StepBatch(chips, None)


def run(out: Path, batches: Squares, *, dropout: float = 0.2, mark: str = "mine") -> nn.Module:
    """One run of the stand-in."""
    out.mkdir(exist_ok=True)
    return run_loop(Brightness(dropout=dropout), batches, PARAMS, RunPaths(out), mark, glance)


def glance(step: int, network: nn.Module) -> dict[str, float]:
    """Look at little."""
    return {"seen": float(step), "weight": float(network[3].weight.sum())}


if __name__ == "__main__":
    run(Path(sys.argv[1]), Squares(killed=int(sys.argv[2])), dropout=float(sys.argv[3]))
