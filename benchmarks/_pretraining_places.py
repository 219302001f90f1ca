"""Places of the pre-training benchmark: simulated once by two sensors, and kept in one file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from geomage.data.chip import UNKNOWN, Channel
from geomage.data.twins import COVERS, TwinParams, twins
from geomage.learn.objective import ChipBatch
from geomage.sensor import sensor

SENSORS = ("vhr-1.0", "spot-1.5")
"""A picture in three bands behind a tone curve; four bands, linear, with the air in them."""
CLASSES = ("open", "developed", "road", "tree", "water", "building")
_MERGED = {"bareland": 0, "rangeland": 0, "agriculture": 0} | {
    name: k for k, name in enumerate(CLASSES) if k
}
_LOOKUP = np.array([_MERGED[name] for name in COVERS] + [UNKNOWN] * (256 - len(COVERS)), np.uint8)
SIDE_M = 192.0
CROP_M = 96  # metres: 96 px of the one sensor, 64 px of the other
_STEP_M = 3  # a whole number of pixels of both


@dataclass(frozen=True)
class Places:
    """What one sensor sees: pixels (place, date, band, y, x), labels (place, y, x) of date 0."""

    sensor: str
    pixels: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def of(self, which: np.ndarray) -> Places:
        """Some of them."""
        return replace(self, pixels=self.pixels[which], labels=self.labels[which])

    @property
    def gsd(self) -> float:
        """Metres."""
        return sensor(self.sensor).gsd

    @property
    def keys(self) -> torch.Tensor:
        """Key of each band."""
        bands = sensor(self.sensor).bands
        return torch.tensor([Channel(b.name, b.centre_nm / 1000).key for b in bands])

    def batch(self, which: np.ndarray, corners: np.ndarray, crop_m: float = CROP_M) -> ChipBatch:
        """Squares of ground; corners (y, x) in metres from the upper left."""
        n = round(crop_m / self.gsd)
        cells = [tuple(round(float(c) / self.gsd) for c in corner) for corner in corners]
        cuts = [np.s_[k, ..., y : y + n, x : x + n] for k, (y, x) in zip(which, cells, strict=True)]
        pixels = torch.from_numpy(np.stack([self.pixels[cut] for cut in cuts])).float()
        labels = torch.from_numpy(np.stack([self.labels[cut] for cut in cuts]))
        return ChipBatch(pixels, labels, self.keys, torch.full((len(which),), self.gsd))


def draw_corners(count: int, rng: np.random.Generator, crop_m: float = CROP_M) -> np.ndarray:
    """Corners (y, x) of crops, metres, on the pixels of both sensors."""
    return rng.integers(0, int(SIDE_M - crop_m) // _STEP_M + 1, (count, 2)) * _STEP_M


def simulated(count: int, seed: int, cache: Path) -> tuple[Places, Places]:
    """Simulate the places of a seed, or read them where that was done before."""
    kept = cache / f"places_{seed}_{count}.npz"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        params = TwinParams(SENSORS, count=count, side_m=SIDE_M, dates=2, seed=seed)
        seen = [twins(params, k) for k in tqdm(range(count), unit="place")]
        arrays = {}
        for k, name in enumerate(SENSORS):
            arrays[f"{name}_pixels"] = np.stack(
                [chips[k].pixels for chips in seen], dtype=np.float16
            )
            arrays[f"{name}_labels"] = _LOOKUP[np.stack([chips[k].labels for chips in seen])]
        np.savez(kept, **arrays)
    with np.load(kept) as file:
        first, second = (Places(n, file[f"{n}_pixels"], file[f"{n}_labels"]) for n in SENSORS)
    return first, second


def few(places: Places, share: float, seed: int) -> np.ndarray:
    """Which places keep their labels: of many draws the one whose classes are most like all."""
    rng = np.random.default_rng([seed, 11])
    count = max(1, round(share * len(places)))
    shares = np.stack([(places.labels == k).mean((1, 2)) for k in range(len(CLASSES))], 1)
    drawn = [rng.permutation(len(places))[:count] for _ in range(200)]
    off = [np.abs(shares[d].mean(0) - shares.mean(0)).sum() for d in drawn]
    return drawn[int(np.argmin(off))]
