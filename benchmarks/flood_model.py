"""A small U-Net for water, and what it decides on a chip that has no labels.

It learns on simulated chips, with real ones of other places where they are given. Its probabilities
are calibrated on simulated chips held back (Platt 1999), brought to the share of water of each chip
by expectation maximisation (Saerens, Latinne and Decaestecker 2002, Neural Computation 14, 21-41),
and cut where the IoU that they promise is highest (Nowozin 2014, CVPR, 548-555). No step reads the
label of the chip.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage, optimize
from torch import nn
from torch.nn import functional

OPTICAL = (1, 2, 3, 7, 8, 11, 12)  # blue, green, red, nir, nir08, swir16, swir22 of 13
SCALES = (1.5, 4.0, 12.0)  # pixels of the bells that smooth decibels
RADAR = 2 + 4 * len(SCALES)  # features of radar
GAINED = {0: (0, 2, 6, 10), 1: (1, 3, 7, 11)}  # of them, those that a gain of VV or VH moves
PER_DB = (1 / 6, 1 / 7)
SIDE, WINDOWS = 64, 8
WIDE = 16  # channels of the first level; 0.23 million weights


@dataclass(frozen=True)
class Chip:
    """One date: VV, VH in dB (2, y, x); 13 bands x 10000, or None; label 1 water, 0 land, -1.

    open: of simulated chips, the label as one would draw it who sees the water from above, and
    calls flooded ground under plants dry.
    """

    name: str
    radar: np.ndarray
    optical: np.ndarray | None
    label: np.ndarray
    open: np.ndarray | None = None


def mndwi(optical: np.ndarray) -> np.ndarray:
    """(green - swir16) / (green + swir16)."""
    return _ratio(*np.maximum(optical[[2, 11]].astype(float), 1))


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a - b) / (a + b)


def features(chip: Chip, *, optical: bool) -> np.ndarray:
    """(band, y, x) float32 of about -2..2: decibels, smoothed ones, logarithms, MNDWI.

    Smoothed decibels stand beside the upper quartile of their image: how dark for this place.
    """
    power = 10 ** (chip.radar / 10)
    bands = [(chip.radar[0] + 13) / 6, (chip.radar[1] + 20) / 7]
    valid = chip.label >= 0
    for sigma in SCALES:
        soft = 10 * np.log10(np.stack([ndimage.gaussian_filter(p, sigma) for p in power]) + 1e-5)
        bands += [(soft[0] + 13) / 6, (soft[1] + 20) / 7]
        bands += [(s - np.quantile(s[valid], 0.75)) / 6 for s in soft]
    if optical:
        assert chip.optical is not None
        o = np.maximum(chip.optical.astype(np.float32), 1)
        bands += [(np.log(o[b]) - 7.0) for b in OPTICAL]
        bands += [2 * mndwi(chip.optical), 2 * _ratio(o[2], o[7]), 2 * _ratio(o[7], o[3])]
    return np.stack(bands).astype(np.float32)


def block(n: int, m: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n, m, 3, padding=1), nn.BatchNorm2d(m), nn.SiLU(),
        nn.Conv2d(m, m, 3, padding=1), nn.BatchNorm2d(m), nn.SiLU(),
    )  # fmt: skip


class SmallUNet(nn.Module):
    """Three scales down and up again; (batch, band, y, x) -> logit of water (batch, y, x)."""

    def __init__(self, bands: int, wide: int = WIDE) -> None:
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


Stack = Sequence[tuple[np.ndarray, np.ndarray]]


def truth(chip: Chip, *, optical: bool) -> np.ndarray:
    """What a model of those sensors is to say of a simulated chip."""
    return chip.open if optical and chip.open is not None else chip.label


def stacked(chips: Sequence[Chip], *, optical: bool) -> Stack:
    """Features and truth of chips."""
    return [(features(c, optical=optical), truth(c, optical=optical)) for c in chips]


@dataclass(frozen=True)
class Mixture:
    """Simulated chips, and real ones in a share of the windows."""

    made: Stack
    real: Stack = ()
    share: float = 0.0

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Features and truth of one chip."""
        stack = self.real if self.real and rng.random() < self.share else self.made
        return stack[rng.integers(len(stack))]


def batch(mixture: Mixture, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Windows, flipped and turned; each image brighter or darker than it is, by a little."""
    xs, ys = [], []
    for _ in range(WINDOWS):
        x, y = mixture.draw(rng)
        i, j = (int(rng.integers(0, n - SIDE + 1)) for n in y.shape)
        x, y = x[:, i : i + SIDE, j : j + SIDE], y[i : i + SIDE, j : j + SIDE]
        k = int(rng.integers(4))
        x, y = np.rot90(x, k, (1, 2)), np.rot90(y, k)
        if rng.random() < 0.5:
            x, y = x[:, :, ::-1], y[:, ::-1]
        xs.append(x + _another_gain(len(x), rng))
        ys.append(y)
    return torch.from_numpy(np.stack(xs)), torch.from_numpy(np.stack(ys).astype(np.float32))


def _another_gain(bands: int, rng: np.random.Generator) -> np.ndarray:
    """What to add to features (band, 1, 1): about 0.8 dB to both polarisations, 0.4 to each."""
    shift = np.zeros((bands, 1, 1), np.float32)
    both = rng.normal(0, 0.8)
    for p, rows in GAINED.items():
        shift[list(rows)] = (both + rng.normal(0, 0.4)) * PER_DB[p]
    n = bands - RADAR
    shift[RADAR:] = rng.normal(0, 0.08, (n, 1, 1)) + rng.normal(0, 0.1)
    return shift


def train(mixture: Mixture, *, steps: int, seed: int = 0) -> SmallUNet:
    """Train; the same seed gives the same weights."""
    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, 7])
    net = SmallUNet(mixture.made[0][0].shape[0])
    optimiser = torch.optim.AdamW(net.parameters(), 4e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, steps)
    start = time.perf_counter()
    for step in range(steps):
        x, y = batch(mixture, rng)
        loss = _loss(net(x), y)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 150 == 0:
            print(f"  step {step}: loss {loss.item():.3f}, {time.perf_counter() - start:.0f} s")
    return net.eval()


def _loss(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the pixels that have a label."""
    seen = (y >= 0).float()
    loss = functional.binary_cross_entropy_with_logits(z, y.clamp(0, 1), reduction="none")
    return (loss * seen).sum() / seen.sum().clamp(1)


def logits(net: SmallUNet, x: np.ndarray) -> np.ndarray:
    """Logit of water (y, x) from features."""
    with torch.inference_mode():
        return net(torch.from_numpy(x)[None])[0].numpy()


# ------------------------------------------------------------------------------ the decision


@dataclass(frozen=True)
class Calibration:
    """Platt's line: probability = 1 / (1 + exp(-(slope z + offset))); prior: share of water."""

    slope: float
    offset: float
    prior: float

    def probability(self, z: np.ndarray) -> np.ndarray:
        """Calibrated probability of water."""
        return np.asarray(1 / (1 + np.exp(-np.clip(self.slope * z + self.offset, -40, 40))))


def calibrate(zs: Sequence[np.ndarray], ys: Sequence[np.ndarray]) -> Calibration:
    """Fit the line on held-back chips by the likelihood of every tenth pixel."""
    z = np.concatenate([a[b >= 0][::10] for a, b in zip(zs, ys, strict=True)])
    y = np.concatenate([b[b >= 0][::10] for b in ys]).astype(float)

    def cost(line: np.ndarray) -> float:
        t = line[0] * z + line[1]
        return float(np.mean(np.logaddexp(0, t) - y * t))

    slope, offset = optimize.minimize(cost, [1.0, 0.0], method="Nelder-Mead").x
    return Calibration(float(slope), float(offset), float(y.mean()))


def adapt(p: np.ndarray, prior: float, rounds: int = 50) -> np.ndarray:
    """Posterior under the share of water that the chip itself makes likeliest.

    p' = p w / (p w + (1 - p) v), w = s / prior, v = (1 - s) / (1 - prior), and s becomes the mean
    of p', until it stands: Saerens et al. (2002), eq. 2.9.
    """
    share, new = prior, p
    for _ in range(rounds):
        wet, dry = p * share / prior, (1 - p) * (1 - share) / (1 - prior)
        new = wet / np.maximum(wet + dry, 1e-12)
        share = float(np.clip(new.mean(), 0.002, 0.998))
    return new


def best_cut(p: np.ndarray) -> float:
    """The cut at which the IoU that probabilities promise is highest.

    Expected IoU, to first order: sum of p above the cut, by their count and the sum of p below it.
    """
    down = np.sort(p.ravel())[::-1]
    hits = np.cumsum(down)
    promised = hits / (np.arange(1, len(down) + 1) + hits[-1] - hits)
    return float(down[int(promised.argmax())])


def iou(said: np.ndarray, label: np.ndarray) -> float:
    """IoU of water where there is a label."""
    valid, water = label >= 0, label == 1
    return float((said & water).sum() / max(1, ((said | water) & valid).sum()))
