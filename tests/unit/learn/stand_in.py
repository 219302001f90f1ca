"""Pairs of random rectangles: what the trainer's laws need, without the simulator."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Blocks:
    """Bright buildings on a dark ground; the destroyed ones turn grey and rough."""

    seed: int = 0
    side: int = 128

    def pair(self, index: int) -> Any:
        rng = np.random.default_rng([self.seed, index])
        n = self.side
        before = rng.integers(60, 90, (3, n, n))
        after = rng.integers(60, 90, (3, n, n))
        landcover = np.full((n, n), 2)
        damage = np.zeros((n, n))
        for _ in range(8):
            y, x = rng.integers(0, n - 24, 2)
            h, w = rng.integers(12, 24, 2)
            grade = rng.integers(1, 5)
            place = np.s_[y : y + h, x : x + w]
            landcover[place], damage[place] = 8, grade
            before[:, *place] = 220
            after[:, *place] = 220 if grade == 1 else rng.integers(30, 250, (3, h, w))
        water = np.zeros((n, n))
        change = (damage > 1).astype(int)
        arrays = {
            "before": before,
            "after": after,
            "landcover": landcover,
            "damage": damage,
            "water": water,
            "change": change,
            "obscured": water,
        }
        return SimpleNamespace(**{k: v.astype(np.uint8) for k, v in arrays.items()}, gsd=0.5)


@dataclass(frozen=True)
class Failing:
    """A simulator that breaks."""

    def pair(self, index: int) -> Any:
        msg = f"pair {index} cannot be made"
        raise RuntimeError(msg)
