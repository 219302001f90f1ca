"""Two small domains made on the spot: smooth dark images, and rough bright ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from geomage.adapt.method import Domains, Fitting
from geomage.data.chip import Channel, Chip

RGB = (Channel("red", 0.66), Channel("green", 0.56), Channel("blue", 0.49))
RADAR = (Channel("vv", 55_500.0), Channel("vh", 55_500.0))


@dataclass(frozen=True)
class Scenes:
    """Random fields with correlated bands; columns from `seen` on hold no data."""

    count: int = 4
    side: int = 48
    seed: int = 0
    level: float = 0.3
    spread: float = 0.05
    blur: float = 2.0
    channels: tuple[Channel, ...] = RGB
    seen: float = 1.0
    dates: int = 1
    classes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"scene_{k}" for k in range(self.count))

    def chip(self, index: int) -> Chip:
        rng = np.random.default_rng([self.seed, index])
        bands = len(self.channels)
        noise = rng.normal(size=(self.dates, bands, self.side, self.side))
        field = gaussian_filter(noise, (0, 0, self.blur, self.blur))
        field /= field.std()
        mix = np.eye(bands) + 0.5 * rng.random((bands, bands))
        pixels = self.level + self.spread * np.einsum("ab,dbyx->dayx", mix, field)
        pixels += 0.1 * rng.random((1, bands, 1, 1))
        valid = np.ones((self.side, self.side), bool)
        valid[:, round(self.seen * self.side) :] = False
        pixels = (pixels * valid).astype(np.float32)
        labels = (field[0, 0] > 0).astype(np.uint8) if self.classes else None
        return Chip(f"scene_{index}", pixels, self.channels, 0.5, valid, labels)


SOURCE = Scenes()
TARGET = Scenes(seed=1, level=0.5, spread=0.1, blur=0.7)


def fitting(
    out: Path, source: object = SOURCE, target: object = TARGET, seed: int = 0, **more: object
) -> Fitting:
    return Fitting(Domains(source, target), out, seed, **more)
