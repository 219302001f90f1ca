"""A small flood network on regions it has never seen: leave one region of Sen1Floods11 out.

    python -m benchmarks.flood_regions [--data DATA] [--steps N] [--seeds N] [--pool DIR] [-o FILE]

For each region a network is trained on the chips of all others and on simulated floods, from
several seeds, and asked for the region left out, by its mean over eight turns. It is one network
for VV and VH and for Sentinel-2: a step draws one of the two. Where a region has both, the optical
image decides, for labels were drawn on it. Water is what is cut at .5, or, which is what counts,
where the IoU that the probabilities promise is highest (Nowozin 2014, CVPR, 548-555).

It is held against thresholds: those of `shared/data/README.md`, fixed ones, Otsu's of the chip, and
the best of the chip's own labels, which no one who maps has. Labels of the region left out count
IoU and choose nothing; bands, steps, weights, augmentation and the rule of the cut were chosen
while looking at these regions, though.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.flood_model import best_cut
from benchmarks.flood_pairs import read_chip, thresholds
from geomage.data.chip import UNKNOWN, Chip, ChipSource
from geomage.data.chip_sources import ChosenBands
from geomage.data.floods import FloodPairParams
from geomage.data.kept_chips import keep_chips, make_chips
from geomage.data.readers import find_reader
from geomage.data.simulated_chips import SimulatedFloodChips, SimulatedFloodParams
from geomage.data.splits import ChosenChips
from geomage.learn.chip_batches import ChipBatches, WeightedChips, feed_of
from geomage.learn.chip_looks import predict_chip
from geomage.learn.chip_recipe import BatchParams
from geomage.learn.loop import run_loop
from geomage.learn.loop_params import LoopParams
from geomage.learn.run_folder import RunPaths
from geomage.learn.semisupervised import Supervised, SupervisedParams
from geomage.model.architecture import EarthNetwork, build_network
from geomage.model.blueprint import Architecture
from geomage.model.sensor_stem import CENTRE, SPREAD
from geomage.workers import Workers

BARS = {"India": 0.93, "Spain": 0.72, "Nigeria": 0.82, "Pakistan": 0.41}
"""Trivial thresholds to beat, the highest that the README of the data names for a region."""
ASKED = {"India": "s2", "Spain": "s2", "Nigeria": "s1", "Pakistan": "s1", "Ghana": "s1"}
"""What the network is given of a region."""
PRODUCTS = ("s1", "s2")
REAL = {"s1": 0.1, "s2": 0.5}
"""Share of real crops: floods under plants, which radar must learn, are in few real chips."""
BANDS = ("blue", "green", "red", "nir", "nir08", "swir16", "swir22")
NETWORK = Architecture("resnet-tiny", heads={"classes": 2})
BATCHES = BatchParams(
    crop=80, labelled=8, zoom=(0.7, 1.4), gain=0.12, band_gain=0.05, offset=0.01, gain_db=0.8
)
LOOP = LoopParams(
    steps=700, epoch=700, note=50, learning_rate=3e-3, weight_decay=0.02, ema=0.98, threads=1,
    device="cpu",
)  # fmt: skip
LOSS = SupervisedParams(overlap=0.3)


class Doubled(nn.Module):
    """A network that sees optical images as logarithms of reflectance, at half the GSD.

    Water is told by ratios of bands, and labels by single pixels, which the stem halves. Radar has
    speckle at that scale and is seen as it is.
    """

    def __init__(self, network: EarthNetwork) -> None:
        super().__init__()
        self.network, self.stride = network, network.stride

    def forward(
        self, pixels: torch.Tensor, channels: torch.Tensor, gsd: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """A reflectance of .1 becomes what the stem takes for 0, a factor of e one unit."""
        if channels[0, 1] != 0:  # it has a polarisation
            given: dict[str, torch.Tensor] = self.network(pixels, channels, gsd)
            return given
        logs = CENTRE + SPREAD * (pixels[:, 0].clamp(min=1e-3) / 0.1).log()
        twice = functional.interpolate(logs, scale_factor=2, mode="bilinear", align_corners=False)
        said = self.network(twice[:, None], channels, gsd / 2)
        return {name: functional.avg_pool2d(logits, 2) for name, logits in said.items()}


def real_chips(folder: Path, product: str) -> ChosenChips:
    """Chips that hold a product and at least one label."""
    read = find_reader("sen1floods11")(folder, "all", product)
    source = ChosenBands(read, BANDS) if product == "s2" else read
    known = [
        k
        for k in range(len(source.names))
        if (source.chip(k).labels != UNKNOWN).any()  # one has no radar, one no label
    ]
    return ChosenChips(source, tuple(known))


def region_of(name: str) -> str:
    return name.rsplit("_", 1)[0]


def simulated_chips(folder: Path, args: argparse.Namespace) -> dict[str, ChipSource]:
    """Floods as either sensor sees them."""
    pairs = FloodPairParams(seed=args.seed, cells=args.cells)
    kept = {}
    for sensors in PRODUCTS:
        params = SimulatedFloodParams(sensors=sensors, count=args.pairs, pairs=pairs)
        kept[sensors] = keep_chips(folder / sensors, SimulatedFloodChips(params))
        make_chips(kept[sensors], Workers(args.jobs))
    return {**kept, "s2": ChosenBands(kept["s2"], BANDS)}


def without(source: ChosenChips, region: str) -> ChosenChips:
    """The chips of all other regions."""
    left = [index for k, index in enumerate(source.indices) if region_of(source.names[k]) != region]
    return replace(source, indices=tuple(left))


def learnt_from(
    real: dict[str, ChosenChips], made: dict[str, ChipSource], region: str
) -> list[WeightedChips]:
    """Real chips of other regions, and simulated ones, for each product."""
    sources = []
    for product in PRODUCTS:
        others = without(real[product], region)
        sources.append(WeightedChips(others, REAL[product]))
        sources.append(WeightedChips(made[product], 1 - REAL[product]))
    return sources


def trained(sources: Sequence[WeightedChips], loop: LoopParams, seed: int) -> nn.Module:
    """One network."""
    batches = ChipBatches(feed_of(sources), None, BATCHES, seed)
    objective = Supervised(LOSS, Doubled(build_network(NETWORK, seed)))
    with tempfile.TemporaryDirectory() as folder:
        return run_loop(
            objective, batches, replace(loop, seed=seed), RunPaths(Path(folder)), f"{seed}"
        )


def turns(chip: Chip) -> Iterator[tuple[Chip, int, bool]]:
    """A chip turned and mirrored in all eight ways."""
    for mirrored in (False, True):
        for k in range(4):
            pixels, valid = (np.rot90(a, k, (-2, -1)) for a in (chip.pixels, chip.valid))
            if mirrored:
                pixels, valid = pixels[..., ::-1], valid[..., ::-1]
            yield replace(chip, pixels=pixels, valid=valid, labels=None), k, mirrored


def water_share(network: nn.Module, chip: Chip) -> np.ndarray:
    """Probability of water (y, x), the mean of logits over eight turns."""
    total = np.zeros(chip.valid.shape)
    for one, k, mirrored in turns(chip):
        said = predict_chip(network, one)["classes"]
        z = said[1] - said[0]
        total += np.rot90(z[:, ::-1] if mirrored else z, -k)
    return np.asarray(1 / (1 + np.exp(-total / 8)))


def iou(said: np.ndarray, chip: Chip) -> float:
    """IoU of water where there is a label; for a chip without water the share called water."""
    assert chip.labels is not None
    known, water = chip.labels != UNKNOWN, chip.labels == 1
    if not water.any():
        return float(said[known].mean())
    return float((said & water).sum() / ((said | water) & known).sum())


# ------------------------------------------------------------------------------ decision


def decided(p: np.ndarray, chip: Chip) -> np.ndarray:
    """Water (y, x) where the promised IoU is highest."""
    return np.asarray(p > best_cut(p[chip.valid]))


@dataclass(frozen=True)
class Asked:
    """A chip of the region left out, and the probability of water of each network."""

    region: str
    product: str
    chip: Chip
    shares: list[np.ndarray]


def ask(
    region: str, real: dict[str, ChosenChips], networks: Sequence[nn.Module]
) -> Iterator[Asked]:
    """What the networks of a fold say of its region."""
    for product, source in real.items():
        for k, name in enumerate(source.names):
            if region_of(name) == region:
                chip = source.chip(k)
                yield Asked(region, product, chip, [water_share(n, chip) for n in networks])


def judge(one: Asked) -> dict[str, Any]:
    """IoU of each network, and of the mean of all, by either rule."""
    together = np.mean(one.shares, axis=0)
    return {
        "region": one.region,
        "product": one.product,
        "at .5": [iou(p > 0.5, one.chip) for p in one.shares],
        "at .5, together": iou(together > 0.5, one.chip),
        "promised": [iou(decided(p, one.chip), one.chip) for p in one.shares],
        "promised, together": iou(decided(together, one.chip), one.chip),
    }


# ------------------------------------------------------------------------------ all regions


def run(args: argparse.Namespace, pool: Path) -> dict[str, Any]:
    """Train, ask and judge."""
    folder = args.data / "flood" / "sen1floods11"
    real = {product: real_chips(folder, product) for product in PRODUCTS}
    made = simulated_chips(pool, args)
    regions = args.regions or sorted({region_of(name) for name in real["s1"].names})
    loop = replace(LOOP, steps=args.steps, epoch=args.steps)
    every: list[Asked] = []
    seconds = {}
    for region in regions:
        start = time.process_time()
        sources = learnt_from(real, made, region)
        networks = [trained(sources, loop, seed) for seed in range(args.seeds)]
        here = list(ask(region, real, networks))
        every += here
        seconds[region] = round(time.process_time() - start, 1)
        told = "  ".join(
            f"{one.product} " + " ".join(f"{x:.3f}" for x in judge(one)["promised"]) for one in here
        )
        print(f"{region} left out: {seconds[region]} CPU-s; IoU {told}", flush=True)
    return {
        "chips": {f"{one.chip.name} {one.product}": judge(one) for one in every},
        "cpu_seconds": seconds,
        "parameters": sum(p.numel() for p in networks[0].parameters()),
        "thresholds": {name: thresholds(read_chip(folder, name)) for name in real["s1"].names},
        "settings": {"network": asdict(NETWORK), "batches": asdict(BATCHES), "loop": asdict(loop)},
        "asked": {n: v for n, v in vars(args).items() if n not in {"data", "o", "pool"}},
    }


def summary(found: dict[str, Any]) -> None:
    """What counts: mean of the networks of a region, beside thresholds; then all there is."""
    print(f"\n{'chip':22s} {'at .5':>14s} {'promised':>14s} {'together':>9s}  to beat")
    for name, row in found["chips"].items():
        bar = BARS.get(row["region"])
        counts = row["product"] == ASKED[row["region"]]
        told = "" if bar is None or not counts else f"{bar:.2f}"
        if told:
            told += "  beaten" if np.mean(row["promised"]) > bar else "  not beaten"
        columns = (f"{np.mean(row[k]):.3f} ({np.std(row[k]):.3f})" for k in ("at .5", "promised"))
        print(
            f"{name:22s}", *(f"{c:>14s}" for c in columns),
            f"{row['promised, together']:9.3f}  {told}",
        )  # fmt: skip
    for name, row in found["thresholds"].items():
        print(f"{name:16s}", "  ".join(f"{key} {value:.3f}" for key, value in row.items()))
    print(f"{found['parameters']} parameters; Ghana_53713 holds no water: its share called so")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--pairs", type=int, default=100, help="simulated landscapes")
    parser.add_argument("--cells", type=int, default=192, help="a side of them")
    parser.add_argument("--seed", type=int, default=1, help="of the landscapes")
    parser.add_argument("--seeds", type=int, default=3, help="networks a region")
    parser.add_argument("--steps", type=int, default=LOOP.steps)
    parser.add_argument("--regions", nargs="*", help="left out in turn; all by default")
    parser.add_argument("--jobs", type=int, default=1, help="processes that simulate")
    parser.add_argument("--pool", type=Path, default=None, help="folder to keep landscapes in")
    parser.add_argument("-o", type=Path, default=None)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        found = run(args, args.pool or Path(folder))
    summary(found)
    if args.o:
        args.o.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
