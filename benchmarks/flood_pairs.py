"""Simulated flood pairs beside real ones, and a flood model that has seen none but simulated ones.

    python -m benchmarks.flood_pairs [--data DATA] [--pairs N] [--seeds N] [--overlap] [-o FILE]

First the overlap of histograms (sum of the smaller shares, 1 where they are alike) of VV, VH and
MNDWI over water and over land, simulated against the chips of Sen1Floods11. Then small U-Nets are
trained on simulated pairs alone, on VV and VH and with Sentinel-2 beside them, from several seeds,
and held against thresholds on the real chips: fixed ones, Otsu's of the chip, and the best of its
own labels, which no one who maps has. Labels of real chips count IoU and choose nothing here; the
simulator was set while looking at these chips, though, so other floods are the test.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import rasterio
import torch
from scipy import ndimage

from benchmarks.flood_model import (
    Calibration,
    Chip,
    Mixture,
    adapt,
    best_cut,
    calibrate,
    features,
    iou,
    logits,
    mndwi,
    stacked,
    train,
)
from geomage.data.floods import FloodPairParams, FloodPairs, flood_pairs

CHIPS = ("India_900498", "Nigeria_812045", "Pakistan_849790", "Spain_7370579", "Ghana_53713")
VH_DB, MNDWI = -20.0, 0.0  # thresholds nobody chose on these chips
BINS = {
    "VV": np.arange(-40, 10.01, 1.0),
    "VH": np.arange(-50, 0.01, 1.0),
    "MNDWI": np.arange(-1, 1.001, 0.05),
}
SEEN = 0.6  # of a place that shows water from above: who labels an optical image calls it water
DRAWN = 1.0  # pixels, of the bell within which such a label sums up: nobody draws single pixels
DRY_EVERY = 5  # pairs, of which one lends its first date to training
HELD_EVERY = 5  # pairs, of which one is held back, to calibrate and choose the decision on
CUTS = np.linspace(0.1, 0.9, 33)


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

    Under plants too, and on the day of the optical image, as real labels are: radar may have passed
    on another.
    """
    pair = pairs.pair(index)
    after = np.where(pair.flood == 255, -1, pair.seen > 0).astype(np.int8)
    drawn = ndimage.gaussian_filter(pair.open, DRAWN) >= SEEN
    shown = np.where(after < 0, 0, drawn).astype(np.int8)
    before = np.where(pair.flood == 255, -1, pair.flood == 2).astype(np.int8)
    chips = [Chip(f"{index} after", pair.radar_after, pair.optical_after, after, shown)]
    if index % DRY_EVERY == 1:
        optical = pair.optical_before
        chips.append(Chip(f"{index} before", pair.radar_before, optical, before, before))
    return chips


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


# ----------------------------------------------------------------------------- what is reached


def otsu(values: np.ndarray) -> float:
    """The threshold between two classes of least variance within: Otsu (1979)."""
    counts, edges = np.histogram(values, 256)
    middle = (edges[1:] + edges[:-1]) / 2
    below, above = np.cumsum(counts), counts.sum() - np.cumsum(counts)
    mass = np.cumsum(counts * middle)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = below * above * (mass / below - (mass[-1] - mass) / above) ** 2
    return float(edges[1:][int(np.nanargmax(gap))])


def best_threshold(values: np.ndarray, label: np.ndarray) -> float:
    """IoU of the best single threshold, chosen on the labels; water is above it."""
    cuts = np.quantile(values[label >= 0], np.linspace(0.005, 0.995, 199))
    return max(iou(values > cut, label) for cut in cuts)


def thresholds(chip: Chip) -> dict[str, float]:
    """What thresholds reach on a chip."""
    valid = chip.label >= 0
    row = {
        "all water": iou(valid, chip.label),
        f"VH < {VH_DB:g}": iou(chip.radar[1] < VH_DB, chip.label),
        "Otsu VH": iou(chip.radar[1] < otsu(chip.radar[1][valid]), chip.label),
        "best VH": best_threshold(-chip.radar[1], chip.label),
        "best VV": best_threshold(-chip.radar[0], chip.label),
    }
    if chip.optical is not None:
        index = mndwi(chip.optical)
        row |= {f"MNDWI > {MNDWI:g}": iou(index > MNDWI, chip.label)}
        row |= {"Otsu MNDWI": iou(index > otsu(index[valid]), chip.label)}
        row |= {"best MNDWI": best_threshold(index, chip.label)}
    return row


def decisions(p: np.ndarray, prior: float, cut: float) -> dict[str, np.ndarray]:
    """Water (y, x) by each rule; the first is the one that counts."""
    moved = adapt(p, prior)
    return {
        "": p > cut,
        " p > .5": p > 0.5,
        " promised": p > best_cut(p),
        " prior": moved > 0.5,
        " prior promised": moved > best_cut(moved),
    }


def decide_on(held: list[tuple[np.ndarray, np.ndarray]]) -> tuple[Calibration, float]:
    """Calibrate on simulated chips held back, and choose the cut of highest mean IoU there."""
    line = calibrate([z for z, _ in held], [y for _, y in held])
    wet = [(line.probability(z), y) for z, y in held if (y == 1).mean() > 0.02]
    cut = float(CUTS[int(np.argmax([np.mean([iou(p > c, y) for p, y in wet]) for c in CUTS]))])
    rules: dict[str, list[float]] = {}
    for p, y in wet:
        for rule, said in decisions(p, line.prior, cut).items():
            rules.setdefault(rule, []).append(iou(said, y))
    means = "  ".join(f"{rule or 'cut'} {np.mean(found):.3f}" for rule, found in rules.items())
    print(f"  slope {line.slope:.2f}, cut {cut:.2f}; IoU of simulated chips held back: {means}")
    return line, cut


def learn(
    real: list[Chip], made: list[Chip], seeds: int, steps: Mapping[bool, int]
) -> dict[str, dict[str, list[float]]]:
    """IoU of water of each model and rule by chip: one figure a seed, then that of their mean."""
    table: dict[str, dict[str, list[float]]] = {chip.name: {} for chip in real}
    held = [c for c in made if int(c.name.split()[0]) % HELD_EVERY == 0]
    learnt = [c for c in made if int(c.name.split()[0]) % HELD_EVERY]
    for optical, word in ((False, "VV VH"), (True, "with optical")):
        stack, aside = stacked(learnt, optical=optical), stacked(held, optical=optical)
        shown = {c.name: features(c, optical=optical) for c in real if fits(c, optical=optical)}
        found, cuts, prior = {name: [] for name in shown}, [], 0.0
        for seed in range(seeds):
            net = train(Mixture(stack), steps=steps[optical], seed=seed)
            line, cut = decide_on([(logits(net, x), y) for x, y in aside])
            cuts, prior = [*cuts, cut], line.prior
            for name, x in shown.items():
                found[name].append(line.probability(logits(net, x)))
            _say(
                word, seed, {c.name: (found[c.name][-1] > cut, c) for c in real if c.name in found}
            )
        for chip in real:
            for k, p in enumerate(found.get(chip.name, [])):
                _count(table[chip.name], word, chip, decisions(p, prior, cuts[k]))
            if chip.name in found:
                mean, cut = np.mean(found[chip.name], 0), float(np.mean(cuts))
                _count(table[chip.name], word, chip, decisions(mean, prior, cut))
    return table


def _say(word: str, seed: int, said: Mapping[str, tuple[np.ndarray, Chip]]) -> None:
    figures = (f"{name.split('_')[0]} {iou(w, c.label):.3f}" for name, (w, c) in said.items())
    print(f"  {word}, seed {seed}:", "  ".join(figures), flush=True)


def fits(chip: Chip, *, optical: bool) -> bool:
    """Whether a chip has what a model needs."""
    return chip.optical is not None or not optical


def _count(
    row: dict[str, list[float]], word: str, chip: Chip, said: Mapping[str, np.ndarray]
) -> None:
    for rule, water in said.items():
        row.setdefault(word + rule, []).append(iou(water, chip.label))
    row.setdefault(f"{word}: false water", []).append(float((said[""] & (chip.label == 0)).mean()))


def _print(name: str, row: Mapping[str, float], models: Mapping[str, list[float]]) -> None:
    print(f"{name:16s}", "  ".join(f"{key} {value:.3f}" for key, value in row.items()))
    for key, (*each, together) in models.items():
        figures = " ".join(f"{value:.3f}" for value in each)
        said = f"mean {np.mean(each):.3f} sd {np.std(each):.3f}  ensemble {together:.3f}"
        print(f"    {key:28s} {figures}  {said}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--pairs", type=int, default=150)
    parser.add_argument("--cells", type=int, default=256)
    parser.add_argument("--steps", type=int, nargs=2, default=(450, 400), metavar="N")
    parser.add_argument("--seed", type=int, default=1, help="of the pairs")
    parser.add_argument("--seeds", type=int, default=3, help="networks of each kind")
    parser.add_argument("--overlap", action="store_true", help="stop after the histograms")
    parser.add_argument("-o", type=Path, default=None)
    args = parser.parse_args()
    torch.set_num_threads(1)
    real = [read_chip(args.data / "flood" / "sen1floods11", name) for name in CHIPS]
    pairs = flood_pairs(FloodPairParams(seed=args.seed, cells=args.cells))
    start = time.process_time()
    made = [chip for i in range(args.pairs) for chip in simulated(pairs, i)]
    spent = time.process_time() - start
    print(f"{args.pairs} pairs of {args.cells} px in {spent:.0f} CPU-s")
    overlap = overlaps(real, [c for c in made if "after" in c.name])
    found: dict[str, object] = {"overlap": overlap}
    for name, row in overlap.items():
        print(f"{name:12s}", "  ".join(f"{key} {value:.2f}" for key, value in row.items()))
    if not args.overlap:
        table = learn(real, made, args.seeds, dict(zip((False, True), args.steps, strict=True)))
        simple = {c.name: thresholds(c) for c in real}
        found |= {"thresholds": simple, "models": table}
        for name, row in simple.items():
            _print(name, row, table[name])
    print(f"{time.process_time() - start:.0f} CPU-s in all")
    if args.o:
        args.o.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
