"""Can burnt ground be told from two images? A small network on pixels and what lies around them.

    python -m benchmarks.burnt [--pool FOLDER] [-o FOLDER] [--fires N] [--others N] [--steps N]

Learns from simulated fires and pairs without fire (chips of the task `burnt`, about 2 m), and is
held against fires of other seeds and of styles that it never saw, and against pairs in which
nothing burnt. Each band of each date is levelled by itself: its median to 0, its 10th and 90th
percentile one apart; a pixel is its bands and their texture within some metres, at both dates and
as a difference. Prints IoU, precision and recall by pixel for some thresholds, and the median IoU
of the fires.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows
from tqdm import tqdm

from geomage.data.chip import UNKNOWN, Chip
from geomage.data.chip_sources import SourceParams, open_source

SEEN = {
    "village": 3, "suburb": 3, "mobile": 2, "terrace": 1, "estate": 1, "radial": 1, "industry": 1,
    "informal": 0.5, "centre": 0.5, "oldtown": 0.3,
}  # fmt: skip
CALM = {
    "village": 3, "suburb": 2, "mobile": 1, "terrace": 1, "estate": 1, "radial": 1, "industry": 1,
    "informal": 1, "centre": 1, "oldtown": 1,
}  # fmt: skip
UNSEEN = {"garden": 1, "culdesac": 1, "harbour": 0.3}
STRUCK = {"storm": 2, "earthquake": 1}
OTHERS = {**STRUCK, "landslide": 1, "volcano": 0.5}
LEVELS_PX = (1.0, 4.0)  # spreads of the bells around a pixel
SMOOTH_PX = 2.0  # of what is said
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6)
PIXELS = 2500  # of a chip, to learn from
LEAST_PX = 800  # burnt, for a fire to be told by itself


def chips(stream: dict[str, Any], count: int, pool: Path, label: str) -> list[Chip]:
    words = {"task": "burnt", "count": count, "stream": {"size_px": 128, **stream}}
    source = open_source(SourceParams("simulated-pairs", simulated=words), pool)
    return [source.chip(k) for k in tqdm(range(count), label, unit="chip", disable=None)]


def gather(args: argparse.Namespace, pool: Path) -> dict[str, list[Chip]]:
    """Chips to learn from and to be held against, by name."""
    near = {"gsd_m": [1.8, 2.2], "styles": UNSEEN}
    wide = {"gsd_m": [1.6, 2.5], "no_data": 0.04}
    fire = {"calm": 0.0, "hazards": {"fire": 1}}
    none = {"calm": 0.5, "negatives": 0.35}
    streams = {
        "fires": {**wide, **fire, "cloudy": 0.08, "styles": SEEN, "seed": 11},
        "others": {**wide, **none, "hazards": OTHERS, "styles": CALM, "seed": 12},
        "held fires": {**near, **fire, "no_data": 0.0, "seed": 13},
        "held none": {**near, **none, "hazards": STRUCK, "seed": 14},
    }
    counts = (args.fires, args.others, args.held, args.none)
    return {
        name: chips(stream, count, pool, name)
        for (name, stream), count in zip(streams.items(), counts, strict=True)
    }


def levelled(image: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """(band, y, x): each band less its median, over its span from 10 to 90 %; 0 where unseen."""
    low, middle, high = np.percentile(image[:, valid], (10, 50, 90), axis=1)[..., None, None]
    return np.where(valid, (image - middle) / np.maximum(high - low, 1e-3), 0.0)


def features(chip: Chip) -> np.ndarray:
    """(y, x, feature) of a pair."""
    dates = [levelled(image, chip.valid) for image in chip.pixels]
    found: list[np.ndarray] = []
    for spread in LEVELS_PX:
        smooth = [ndimage.gaussian_filter(date, (0, spread, spread)) for date in dates]
        for date, level in zip(dates, smooth, strict=True):
            grain = (date.mean(0) - level.mean(0)) ** 2
            found += [*level, *np.diff(level, axis=0)]
            found.append(np.sqrt(ndimage.gaussian_filter(grain, spread)))
        found += list(smooth[1] - smooth[0])
    return np.stack(found, -1).astype(np.float32)


def learn(some: list[Chip], steps: int, seed: int) -> nn.Module:
    """A network of two hidden layers on pixels; its inputs are normalised inside."""
    rng = np.random.default_rng(seed)
    inputs, answers = [], []
    for chip in some:
        known = np.flatnonzero(chip.labels != UNKNOWN)
        taken = rng.choice(known, min(PIXELS, len(known)), replace=False)
        inputs.append(features(chip).reshape(chip.labels.size, -1)[taken])
        answers.append(chip.labels.ravel()[taken] == 1)
    x = torch.from_numpy(np.concatenate(inputs))
    y = torch.from_numpy(np.concatenate(answers)).float()
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.BatchNorm1d(x.shape[1], affine=False), nn.Linear(x.shape[1], 48), nn.ReLU(),
        nn.Linear(48, 32), nn.ReLU(), nn.Linear(32, 1),
    )  # fmt: skip
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        rows = torch.from_numpy(rng.integers(len(x), size=1024))
        loss = F.binary_cross_entropy_with_logits(network(x[rows])[:, 0], y[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.eval()


def say(network: nn.Module, chip: Chip) -> np.ndarray:
    """Probability (y, x) that ground burnt."""
    rows = torch.from_numpy(features(chip).reshape(chip.valid.size, -1))
    with torch.no_grad():
        said = torch.sigmoid(network(rows)[:, 0]).numpy()
    return ndimage.gaussian_filter(said.reshape(chip.valid.shape), SMOOTH_PX)


def figures(network: nn.Module, some: list[Chip]) -> dict[str, Any]:
    """By threshold: IoU, precision, recall, the share of ground called burnt; and IoU by fire."""
    said = [say(network, chip) for chip in some]
    known = sum(int((chip.labels != UNKNOWN).sum()) for chip in some)
    table = {}
    for least in THRESHOLDS:
        pairs = [
            (one[chip.labels != UNKNOWN] >= least, chip.labels[chip.labels != UNKNOWN] == 1)
            for one, chip in zip(said, some, strict=True)
        ]
        counts = np.array([((a & b).sum(), a.sum(), b.sum()) for a, b in pairs])
        each = [_shares(row)["iou"] for row in counts if row[2] >= LEAST_PX]
        whole = counts.sum(0)
        table[f"{least:g}"] = {
            **_shares(whole), "called": round(float(whole[1] / known), 3),
            "median_iou": round(float(np.median(each)), 3) if each else None, "by_fire": each,
        }  # fmt: skip
    return table


def _shares(counts: np.ndarray) -> dict[str, float | None]:
    hit, called, true = (int(n) for n in counts)
    parts = {"iou": called + true - hit, "precision": called, "recall": true}
    return {name: round(hit / n, 3) if n else None for name, n in parts.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = Path(__file__).resolve().parents[1]
    parser.add_argument("-o", "--out", type=Path, default=root / "out/burnt")
    parser.add_argument("--pool", type=Path, help="keeps the chips")
    for name, count in (("fires", 90), ("others", 22), ("held", 24), ("none", 12)):
        parser.add_argument(f"--{name}", type=int, default=count)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="geomage-") as place:
        found = gather(args, args.pool or Path(place))
    network = learn(found["fires"] + found["others"], args.steps, args.seed)
    facts = {name: figures(network, some) for name, some in found.items() if name != "others"}
    for name, table in facts.items():
        print(f"{name}, {len(found[name])} pairs")
        for least, one in table.items():
            shares = " ".join(f"{key} {one[key]!s:>6s}" for key in ("iou", "precision", "recall"))
            print(f"  from {least}: {shares}, called {one['called']}, median {one['median_iou']}")
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "burnt.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
