"""Pairs of random rectangles: what the trainer's laws need, without the simulator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8


@dataclass(frozen=True)
class Blocks:
    """Bright buildings on a dark ground; the destroyed ones turn grey and rough."""

    seed: int = 0
    side: int = 128

    def stack(self, index: int) -> UInt8[np.ndarray, "11 y x"]:
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
        truth = np.stack([landcover, damage, water, change, water])
        return np.concatenate([before, after, truth]).astype(np.uint8)

    def fingerprint(self) -> str:
        return repr(self)


@dataclass(frozen=True)
class Failing:
    """A simulator that breaks."""

    def fingerprint(self) -> str:
        return "failing"

    def stack(self, index: int) -> UInt8[np.ndarray, "11 y x"]:
        msg = f"pair {index} cannot be made"
        raise RuntimeError(msg)
