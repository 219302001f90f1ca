"""Chips made on the spot: bright squares on dark ground, as one sensor or another sees them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from geomage.data.chip import UNKNOWN, Channel, Chip
from geomage.errors import CorruptError

RGB = (Channel("red", 0.66), Channel("green", 0.56), Channel("blue", 0.49))
RADAR = (Channel("vv", 55_500.0), Channel("vh", 55_500.0))


@dataclass(frozen=True)
class MadeChips:
    """Class 1 is bright; the western fifth of each chip holds no data."""

    count: int = 6
    side: int = 64
    channels: tuple[Channel, ...] = RGB
    gsd_m: float = 1.0
    dates: int = 1
    classes: tuple[str, ...] = ("dark", "bright")
    broken: tuple[int, ...] = ()
    odd: tuple[int, ...] = ()
    names: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(f"made_{k}" for k in range(self.count)))

    def chip(self, index: int) -> Chip:
        if index in self.broken:
            raise CorruptError(f"made_{index}.tif cannot be read")
        rng = np.random.default_rng([9, index])
        fine = np.zeros((64, 64), np.uint8)
        for y, x in rng.integers(16, 48, (5, 2)):
            fine[y : y + 12, x : x + 12] = 1
        block = 64 // self.side
        labels = fine[::block, ::block].copy()
        shape = (self.dates, len(self.channels), self.side, self.side)
        pixels = 0.2 + 0.5 * labels + rng.normal(0, 0.03, shape)
        valid = np.ones_like(labels, bool)
        valid[:, : self.side // 5] = False
        labels[~valid] = UNKNOWN
        if index in self.odd:
            labels[-1, -1] = 7
        return Chip(
            f"made_{index}",
            (pixels * valid).astype(np.float32),
            self.channels,
            self.gsd_m,
            valid,
            labels,
            event="north" if index % 2 else "south",
        )
