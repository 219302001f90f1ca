"""Two domains made on the spot: bright houses on dark ground, and grey ones on green."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geomage.data.chip import UNKNOWN, Channel, Chip

RGB = (Channel("red", 0.66), Channel("green", 0.56), Channel("blue", 0.49))
RADAR = (Channel("vv", 55_500.0), Channel("vh", 55_500.0))
SOURCE = ((0.15, 0.15, 0.15), (0.7, 0.7, 0.7))
TARGET = ((0.2, 0.4, 0.2), (0.5, 0.5, 0.6))


@dataclass(frozen=True)
class Houses:
    """Class 1 is a house. tones: of ground and houses; seed: of where they stand."""

    tones: tuple[tuple[float, ...], tuple[float, ...]] = SOURCE
    channels: tuple[Channel, ...] = RGB
    count: int = 6
    side: int = 48
    dates: int = 1
    seed: int = 0
    labelled: bool = True
    blank: float = 0.0
    """Share of the columns of each chip, from the west, that hold no data."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"houses_{k}" for k in range(self.count))

    @property
    def classes(self) -> tuple[str, ...]:
        return ("ground", "building") if self.labelled else ()

    def chip(self, index: int) -> Chip:
        rng = np.random.default_rng([self.seed, index])
        labels = np.zeros((self.side, self.side), np.uint8)
        for y, x in rng.integers(0, self.side - 8, (2 + index, 2)):
            labels[y : y + 8, x : x + 8] = 1
        tones = np.array(self.tones)[:, : len(self.channels)]
        pixels = tones[labels].transpose(2, 0, 1)[None].repeat(self.dates, 0)
        pixels = np.clip(pixels + rng.normal(0, 0.03, pixels.shape), 0.01, 1)
        valid = np.ones_like(labels, bool)
        valid[:, : round(self.side * self.blank)] = False
        labels[~valid] = UNKNOWN
        return Chip(
            self.names[index],
            (pixels * valid).astype(np.float32),
            self.channels,
            0.5,
            valid,
            labels if self.labelled else None,
        )
