"""Simulated flood pairs beside real ones, and a flood model that has seen none but simulated ones.

    python -m benchmarks.flood_pairs [--data DATA] [--pairs N] [--steps N] [--overlap] [-o FILE]

First the overlap of histograms (sum of the smaller shares, 1 where they are alike) of VV, VH and
MNDWI over water and over land, simulated against the chips of Sen1Floods11. Then a small U-Net is
trained on simulated pairs alone, once on VV and VH, once with Sentinel-2 beside them, and held
against thresholds on the real chips. Real images serve only here; their labels count IoU and choose
nothing. "Best threshold" is chosen on the labels of the very chip, which no one who maps has.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import torch
from scipy import ndimage
from torch import nn
from torch.nn import functional

from geomage.data.floods import FloodPairParams, FloodPairs, flood_pairs

CHIPS = ("India_900498", "Nigeria_812045", "Pakistan_849790", "Spain_7370579", "Ghana_53713")
OPTICAL = (1, 2, 3, 7, 8, 11, 12)  # blue, green, red, nir, nir08, swir16, swir22 of 13
VH_DB, MNDWI = -20.0, 0.0  # thresholds nobody chose on these chips
BINS = {
    "VV": np.arange(-40, 10.01, 1.0),
    "VH": np.arange(-50, 0.01, 1.0),
    "MNDWI": np.arange(-1, 1.001, 0.05),
}
RADAR, DECIBELS = 10, (0, 1, 2, 3, 6, 7)  # features of radar, and those that a gain moves
SEEN = 0.75  # of a cell that shows water from above: who labels an optical image calls it water
HELD = 24  # simulated chips held back from training, to choose the decision on
DRY_EVERY = 5  # pairs, of which one lends its first date to training


@dataclass(frozen=True)
class Chip:
    """One date: VV, VH in dB (2, y, x); 13 bands x 10000, or None; label 1 water, 0 land, -1.

    seen: of simulated chips, the label as one would draw it who sees the water from above, and
    calls flooded ground under plants dry.
    """

    name: str
    radar: np.ndarray
    optical: np.ndarray | None
    label: np.ndarray
    seen: np.ndarray | None = None


def read_chip(folder: Path, name: str) -> Chip:
    """Read a chip of Sen1Floods11; pixels without radar have no label."""
    with rasterio.open(folder / f"{name}_S1.tif") as source:
        radar = source.read().astype(np.float32)
    with rasterio.open(folder / f"{name}_label.tif") as source:
        label = source.read(1).astype(np.int8)
    optical = None
    if (folder / f"{name}_S2.tif").exists():
        with rasterio.open(folder / f"{name}_S2.tif") as source:
            optical = source.read()
    label[~np.isfinite(radar).all(0)] = -1
    return Chip(name, np.nan_to_num(radar, nan=-50.0), optical, label)


def simulated(pairs: FloodPairs, index: int) -> list[Chip]:
    """The second date of a pair, now and then the first, labelled by where water stands.

    Under plants too: radar is to learn what it can see there.
    """
    pair = pairs.pair(index)
    after = np.where(pair.flood == 255, -1, pair.flood > 0).astype(np.int8)
    seen = np.where(after < 0, 0, pair.open >= SEEN).astype(np.int8)
    before = np.where(pair.flood == 255, -1, pair.flood == 2).astype(np.int8)
    chips = [Chip(f"{index} after", pair.radar_after, pair.optical_after, after, seen)]
    if index % DRY_EVERY == 0:
        optical = pair.optical_before
        chips.append(Chip(f"{index} before", pair.radar_before, optical, before, before))
    return chips


def mndwi(optical: np.ndarray) -> np.ndarray:
    """(green - swir16) / (green + swir16)."""
    green, swir = optical[2].astype(float), optical[11].astype(float)
    return (green - swir) / np.maximum(green + swir, 1)


def quantities(chip: Chip) -> dict[str, np.ndarray]:
    found = {"VV": chip.radar[0], "VH": chip.radar[1]}
    return found if chip.optical is None else found | {"MNDWI": mndwi(chip.optical)}


def shares(chips: list[Chip], name: str, cls: int) -> np.ndarray:
    """Histogram of a quantity over a class, of sum 1: each chip of 500 pixels weighs alike."""
    rows = []
    for chip in chips:
        found = quantities(chip)
        where = chip.label == cls
        if name in found and where.sum() >= 500:
            counts, _ = np.histogram(np.clip(found[name][where], *BINS[name][[0, -1]]), BINS[name])
            rows.append(counts / counts.sum())
    return np.mean(rows, 0)


def overlaps(real: list[Chip], made: list[Chip]) -> dict[str, dict[str, float]]:
    table = {}
    for name in BINS:
        for cls, word in ((1, "water"), (0, "land")):
            pool = float(np.minimum(shares(real, name, cls), shares(made, name, cls)).sum())
            row = {"all chips": pool}
            for chip in real:
                if name in quantities(chip) and (chip.label == cls).sum() >= 500:
                    one = float(
                        np.minimum(shares([chip], name, cls), shares(made, name, cls)).sum()
                    )
                    row[chip.name.split("_")[0]] = one
            table[f"{name} {word}"] = row
    return table


# ---------------------------------------------------------------------------------- the model


def features(chip: Chip, *, optical: bool) -> np.ndarray:
    """(band, y, x) float32 of about -2..2: decibels, smoothed ones, logarithms, MNDWI.

    Smoothed decibels stand beside the upper quartile of their image: how dark for this place.
    """
    power = 10 ** (chip.radar / 10)
    bands = [(chip.radar[0] + 13) / 6, (chip.radar[1] + 20) / 7]
    valid = chip.label >= 0
    for sigma in (1.5, 5.0):
        soft = 10 * np.log10(np.stack([ndimage.gaussian_filter(p, sigma) for p in power]) + 1e-5)
        bands += [(soft[0] + 13) / 6, (soft[1] + 20) / 7]
        bands += [(s - np.quantile(s[valid], 0.75)) / 6 for s in soft]
    if optical:
        assert chip.optical is not None
        o = np.maximum(chip.optical.astype(np.float32), 1)
        bands += [(np.log(o[b]) - 7.0) for b in OPTICAL]
        bands += [2 * mndwi(chip.optical), 2 * _ratio(o[2], o[7]), 2 * _ratio(o[7], o[3])]
    return np.stack(bands).astype(np.float32)


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a - b) / (a + b)


def block(n: int, m: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n, m, 3, padding=1), nn.GroupNorm(4, m), nn.SiLU(),
        nn.Conv2d(m, m, 3, padding=1), nn.GroupNorm(4, m), nn.SiLU(),
    )  # fmt: skip


class SmallUNet(nn.Module):
    """Three scales down and up again; (batch, band, y, x) -> logit of water (batch, y, x)."""

    def __init__(self, bands: int, wide: int = 12) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            [block(bands, wide), block(wide, 2 * wide), block(2 * wide, 3 * wide)]
        )
        self.deep = block(3 * wide, 4 * wide)
        self.up = nn.ModuleList(
            [block(7 * wide, 3 * wide), block(5 * wide, 2 * wide), block(3 * wide, wide)]
        )
        self.head = nn.Conv2d(wide, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Go down and up."""
        kept = []
        for step in self.down:
            x = step(x)
            kept.append(x)
            x = functional.max_pool2d(x, 2)
        x = self.deep(x)
        for step, skip in zip(self.up, kept[::-1], strict=True):
            x = functional.interpolate(x, scale_factor=2, mode="nearest")
            x = step(torch.cat([x, skip], 1))
        return self.head(x)[:, 0]


def batch(
    stack: list[tuple[np.ndarray, np.ndarray]], rng: np.random.Generator, size: int, side: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Windows, flipped and turned; each image brighter or darker than it is, by a little."""
    xs, ys = [], []
    for _ in range(size):
        x, y = stack[rng.integers(len(stack))]
        i, j = (int(rng.integers(0, n - side + 1)) for n in y.shape)
        x, y = x[:, i : i + side, j : j + side], y[i : i + side, j : j + side]
        k = int(rng.integers(4))
        x, y = np.rot90(x, k, (1, 2)), np.rot90(y, k)
        if rng.random() < 0.5:
            x, y = x[:, :, ::-1], y[:, ::-1]
        shift = np.zeros((len(x), 1, 1), np.float32)
        shift[list(DECIBELS)] = rng.normal(0, 0.12)
        n = len(x) - RADAR
        shift[RADAR:] = rng.normal(0, 0.08, (n, 1, 1)) + rng.normal(0, 0.1)
        xs.append(x + shift)
        ys.append(y)
    return torch.from_numpy(np.stack(xs)), torch.from_numpy(np.stack(ys).astype(np.float32))


def train(chips: list[Chip], *, optical: bool, steps: int, seed: int = 0) -> SmallUNet:
    """Train on simulated chips alone."""
    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, 7])
    stack = [(features(c, optical=optical), c.seen if optical else c.label) for c in chips]
    net = SmallUNet(stack[0][0].shape[0])
    optimiser = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, steps)
    start = time.perf_counter()
    for step in range(steps):
        x, y = batch(stack, rng, 8, 64)
        seen = (y >= 0).float()
        z = net(x)
        loss = functional.binary_cross_entropy_with_logits(z, y.clamp(0, 1), reduction="none")
        p = torch.sigmoid(z) * seen
        both = (p * y.clamp(0, 1)).sum()
        dice = 1 - (2 * both + 1) / (p.sum() + (y.clamp(0, 1) * seen).sum() + 1)
        loss = (loss * seen).sum() / seen.sum().clamp(1) + 0.5 * dice
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            print(f"  step {step}: loss {loss.item():.3f}, {time.perf_counter() - start:.0f} s")
    return net.eval()


def predict(net: SmallUNet, chip: Chip, *, optical: bool) -> np.ndarray:
    """Probability of water (y, x)."""
    with torch.inference_mode():
        x = torch.from_numpy(features(chip, optical=optical))[None]
        return torch.sigmoid(net(x))[0].numpy()


def iou(said: np.ndarray, chip: Chip) -> float:
    valid, water = chip.label >= 0, chip.label == 1
    return float((said & water).sum() / max(1, ((said | water) & valid).sum()))


def best_threshold(values: np.ndarray, chip: Chip) -> float:
    """IoU of the best single threshold, chosen on the labels; water is above it."""
    cuts = np.quantile(values[chip.label >= 0], np.linspace(0.005, 0.995, 199))
    return max(iou(values > cut, chip) for cut in cuts)


def thresholds(chip: Chip) -> dict[str, float]:
    """What thresholds reach on a chip."""
    row = {
        "all water": iou(np.ones(chip.label.shape, bool), chip),
        f"VH < {VH_DB:g}": iou(chip.radar[1] < VH_DB, chip),
        "best VH": best_threshold(-chip.radar[1], chip),
        "best VV": best_threshold(-chip.radar[0], chip),
    }
    if chip.optical is not None:
        index = mndwi(chip.optical)
        row |= {f"MNDWI > {MNDWI:g}": iou(index > MNDWI, chip)}
        row |= {"best MNDWI": best_threshold(index, chip)}
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--pairs", type=int, default=120)
    parser.add_argument("--cells", type=int, default=256)
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--overlap", action="store_true", help="stop after the histograms")
    parser.add_argument("-o", type=Path, default=None)
    args = parser.parse_args()
    torch.set_num_threads(1)
    real = [read_chip(args.data / "flood" / "sen1floods11", name) for name in CHIPS]
    pairs = flood_pairs(FloodPairParams(seed=args.seed, cells=args.cells))
    start = time.perf_counter()
    made = [chip for i in range(args.pairs) for chip in simulated(pairs, i)]
    print(f"{args.pairs} pairs of {args.cells} px in {time.perf_counter() - start:.0f} s")
    found = {"overlap": overlaps(real, [c for c in made if c.name.endswith("after")])}
    for name, row in found["overlap"].items():
        print(f"{name:12s}", "  ".join(f"{key} {value:.2f}" for key, value in row.items()))
    if not args.overlap:
        found["iou"] = score(real, made, args.steps)
    if args.o:
        args.o.write_text(json.dumps(found, indent=1) + "\n")


def decision(net: SmallUNet, held: list[Chip], *, optical: bool) -> float:
    """The probability above which IoU is highest on simulated chips held back, on average."""
    cuts = np.linspace(0.1, 0.9, 17)
    rows = []
    for chip in held:
        truth = Chip(chip.name, chip.radar, chip.optical, chip.seen if optical else chip.label)
        if (truth.label == 1).mean() > 0.02:
            p = predict(net, chip, optical=optical)
            rows.append([iou(p > cut, truth) for cut in cuts])
    mean = np.mean(rows, 0)
    best = int(mean.argmax())
    print(f"  simulated chips held back: IoU {mean[best]:.3f} at p > {cuts[best]:.2f}")
    return float(cuts[best])


def score(real: list[Chip], made: list[Chip], steps: int) -> dict[str, dict[str, float]]:
    """IoU of water of thresholds and of the two models, chip by chip."""
    table = {chip.name: thresholds(chip) for chip in real}
    held, learnt = made[:HELD], made[HELD:]
    for optical, word in ((False, "model VV VH"), (True, "model with optical")):
        net = train(learnt, optical=optical, steps=steps)
        cut = decision(net, held, optical=optical)
        for chip in real:
            if optical and chip.optical is None:
                continue
            said = predict(net, chip, optical=optical) > cut
            table[chip.name][word] = iou(said, chip)
            table[chip.name][f"{word}: false water"] = float((said & (chip.label == 0)).mean())
    for name, row in table.items():
        print(f"{name:16s}", "  ".join(f"{key} {value:.3f}" for key, value in row.items()))
    return table


if __name__ == "__main__":
    main()
