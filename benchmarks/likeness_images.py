"""How to tell a simulated image from a real one.

    python -m benchmarks.likeness_images [-o FOLDER] [--data DATA] [--count 150] [--against FILE]

Takes crops of 256 px at the sets' own pixel size (Banepa's drone mosaic halved) and first dates of
as many simulated pairs at 0.3, 0.55 and 1 m, both stretched as a model sees them. A classifier of
boosted trees on the figures of `_looks`, and a small convolutional network on patches of 64 px,
learn real from simulated; folds are whole images, so that no image is on both sides. The sets count
alike, whatever their size. Printed by set: area under the curve (AUC) against simulated crops of
the nearest pixel size (.5 cannot tell, 1 always can), distance of the logarithmic spectra, of hue
histograms and of colours. Then the figures that tell most, by their own AUC (folded: .5 to 1) and
by what shuffling one costs the trees; for each the place of each set's median within the simulated
crops (0 to 100 %): far from 50 in one direction for all sets is a fault, beyond 2 or 98 a set that
the simulation does not contain. Needs scikit-learn (comes with the extra `[fit]`) and torch.
Writes `likeness_images.json`, the crops, and `likeness_images.png`: real left, simulated right.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.inspection import permutation_importance
from sklearn.metrics import roc_auc_score
from torch import nn

from benchmarks._looks import hue_histogram, measure_looks, radial_power
from geomage.data.stream import SimulatedPairs, StreamParams
from geomage.geo import stretch_counts

SIDE = 256
PATCH = 64
FOLDS = 5
MOST = 48
"""Crops of one set, at most."""
PIXELS_M = (0.3, 0.55, 1.0)
SHARES = (0.25, 0.5, 0.25)  # of simulated crops by pixel size
SETS = {  # name: (files, metres of a pixel, how many pixels are averaged)
    "joplin": ("damage/joplin_2011/before.tif", 0.6, 1),
    "xbd": ("damage/xbd/*_before.png", 0.5, 1),
    "mexico": ("damage/mexico_2017/*_before.png", 1.0, 1),
    "tornado": ("damage/tornado_suburb/before.tif", 0.5, 1),
    "banepa": ("buildings/banepa/image.tif", 0.3, 2),
    "levir": ("change/levir/*_[ab]*e*.png", 0.5, 1),
    "vegas": ("roads/vegas/image.tif", 0.3, 1),
}


@dataclass(frozen=True)
class Crops:
    """Crops (n, 3, y, x) with the set and the image each comes from, and its pixel size."""

    pixels: np.ndarray
    name: np.ndarray
    image: np.ndarray
    gsd: np.ndarray

    def __add__(self, other: Crops) -> Crops:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Crops(*(np.concatenate(pair) for pair in pairs))


def real_crops(data: Path, name: str) -> Crops:
    """Crops of one set, evenly over its images; those with holes are left out."""
    pattern, gsd, reduced = SETS[name]
    found: list[tuple[np.ndarray, str]] = []
    for path in sorted(data.glob(pattern)):
        if path.stem.endswith("_change"):
            continue
        with Image.open(path) as opened:
            values = np.asarray(opened.convert("RGB").reduce(reduced)).transpose(2, 0, 1)
        tiles = [
            values[:, i : i + SIDE, j : j + SIDE]
            for i in range(0, values.shape[1] - SIDE + 1, SIDE)
            for j in range(0, values.shape[2] - SIDE + 1, SIDE)
        ]
        found += [(t, path.stem) for t in tiles if (t.max(0) == 0).mean() < 0.01]
    chosen = np.random.default_rng(5).permutation(len(found))[:MOST]
    pixels = np.stack([stretch_counts(found[k][0]) for k in sorted(chosen)])
    images = np.array([f"{name}/{found[k][1]}" for k in sorted(chosen)])
    nearest = min(PIXELS_M, key=lambda g: abs(np.log(g / gsd)))
    n = len(pixels)
    return Crops(pixels, np.full(n, name), images, np.full(n, nearest))


def simulated_crops(count: int, seed: int) -> Crops:
    """First dates of pairs in which nothing happened, at three pixel sizes."""
    pixels, gsds = [], []
    for gsd, share in zip(PIXELS_M, SHARES, strict=True):
        params = StreamParams(
            size_px=SIDE, gsd_m=(gsd, gsd), calm=1.0, cloudy=0, no_data=0, seed=seed
        )
        pairs = SimulatedPairs(params)
        n = round(count * share)
        pixels += [stretch_counts(pairs.pair(i).before) for i in range(n)]
        gsds += [gsd] * n
    n = len(pixels)
    images = np.array([f"simulated/{i}" for i in range(n)])
    return Crops(np.stack(pixels), np.full(n, "simulated"), images, np.array(gsds))


def folds_of(crops: Crops) -> np.ndarray:
    """Fold of each crop: whole images, dealt out set by set."""
    rng = np.random.default_rng(7)
    fold = np.zeros(len(crops.name), int)
    for start, name in enumerate(dict.fromkeys(crops.name)):
        own = rng.permutation(np.unique(crops.image[crops.name == name]))
        for k, image in enumerate(own):
            fold[crops.image == image] = (k + start) % FOLDS
    return fold


def weights_of(names: np.ndarray) -> np.ndarray:
    """Weights: every real set counts alike, and all together as much as the simulation."""
    sizes = {name: int((names == name).sum()) for name in np.unique(names)}
    real = len(sizes) - ("simulated" in sizes)
    return np.array([1 / (sizes[n] * (1 if n == "simulated" else real)) for n in names]) * 1000


def tree_scores(X: np.ndarray, crops: Crops, fold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How real each crop looks to trees that never saw its image, and the cost of shuffling."""
    y, w = crops.name != "simulated", weights_of(crops.name)
    score, cost = np.zeros(len(y)), np.zeros(X.shape[1])
    for k in range(FOLDS):
        a, b = fold != k, fold == k
        trees = HistGradientBoostingClassifier(
            max_iter=150, learning_rate=0.08, max_leaf_nodes=8, min_samples_leaf=8,
            l2_regularization=1.0, max_features=0.3, random_state=0, early_stopping=False,
        )  # fmt: skip
        trees.fit(X[a], y[a], w[a])
        score[b] = trees.decision_function(X[b])
        shuffled = permutation_importance(
            trees, X[b], y[b], scoring="roc_auc", n_repeats=3, random_state=0, sample_weight=w[b]
        )
        cost += shuffled.importances_mean / FOLDS
    return score, cost


def network_scores(crops: Crops, fold: np.ndarray, steps: int) -> np.ndarray:
    """Mean over each crop's patches of what a small network says that never saw its image."""
    torch.manual_seed(0)
    n, cells = len(crops.name), SIDE // PATCH
    tiles = crops.pixels.reshape(n, 3, cells, PATCH, cells, PATCH).transpose(0, 2, 4, 1, 3, 5)
    x = torch.from_numpy(np.ascontiguousarray(tiles.reshape(n, -1, 3, PATCH, PATCH)))
    y = torch.from_numpy((crops.name != "simulated").astype(np.float32))
    w = weights_of(crops.name)
    rng, score = np.random.default_rng(3), np.zeros(n)
    for k in range(FOLDS):
        own = np.flatnonzero(fold != k)
        share = w[own] / w[own].sum()
        net = _network()
        rule = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.02)
        slow = torch.optim.lr_scheduler.OneCycleLR(rule, 4e-3, steps)
        for _ in range(steps):
            crop = rng.choice(own, 48, p=share)
            patch = x[crop, rng.integers(x.shape[1], size=48)].float() / 255
            patch = torch.rot90(patch, int(rng.integers(4)), (2, 3))
            said = net(patch)[:, 0]
            loss = nn.functional.binary_cross_entropy_with_logits(said, y[crop])
            rule.zero_grad()
            loss.backward()
            rule.step()
            slow.step()
        net.eval()
        with torch.no_grad():
            for i in np.flatnonzero(fold == k):
                score[i] = float(net(x[i].float() / 255).mean())
    return score


def _network() -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in ((3, 24), (24, 32), (32, 48), (48, 64)):
        layers += [nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 1))


def auc(score: np.ndarray, crops: Crops, name: str | None = None) -> float:
    """AUC of one set against simulated crops of its pixel size; of all, each set counted alike."""
    fake = crops.name == "simulated"
    keep = np.ones(len(fake), bool)
    if name is not None:
        own = crops.name == name
        keep = own | (fake & (crops.gsd == crops.gsd[own][0]))
    weight = weights_of(crops.name[keep])
    return float(roc_auc_score(~fake[keep], score[keep], sample_weight=weight))


def spectra(crops: Crops, keep: np.ndarray) -> np.ndarray:
    """Mean logarithmic spectrum of luma over some crops."""
    layers = np.tensordot(crops.pixels[keep].astype(float), [0.299, 0.587, 0.114], ((1,), (0,)))
    return np.asarray(np.mean([np.log10(radial_power(v)[2:] + 1e-3) for v in layers], 0))


def set_row(crops: Crops, name: str, scores: dict[str, np.ndarray]) -> dict[str, float]:
    """Figures of one set against simulated crops of its pixel size."""
    own = crops.name == name
    fake = (crops.name == "simulated") & (crops.gsd == crops.gsd[own][0])
    a, b = spectra(crops, own), spectra(crops, fake)
    flat = [crops.pixels[k].transpose(1, 0, 2, 3).reshape(3, -1) for k in (own, fake)]
    hues = [hue_histogram(f[:, ::7].astype(float)) for f in flat]
    return {
        "crops": int(own.sum()),
        **{f"auc {kind}": auc(score, crops, name) for kind, score in scores.items()},
        "spectrum low": float(np.mean(b[:14] - a[:14])),
        "spectrum middle": float(np.mean(b[14:62] - a[14:62])),
        "spectrum high": float(np.mean(b[62:] - a[62:])),
        "hue distance": float(np.abs(hues[0] - hues[1]).sum() / 2),
        "colour distance": float(np.abs(flat[0].mean(1) - flat[1].mean(1)).mean()),
    }


def ranking(
    X: np.ndarray, names: list[str], crops: Crops, cost: np.ndarray
) -> list[dict[str, Any]]:
    """Figures by their own AUC over all; places of each set's median in the simulation."""
    rows = []
    fake = crops.name == "simulated"
    sets = [n for n in dict.fromkeys(crops.name) if n != "simulated"]
    for k, name in enumerate(names):
        value = auc(X[:, k], crops)
        row: dict[str, Any] = {"figure": name, "auc": max(value, 1 - value), "cost": float(cost[k])}
        row["real is"] = "more" if value > 0.5 else "less"
        for one in sets:
            own = crops.name == one
            like = fake & (crops.gsd == crops.gsd[own][0])
            row[one] = float((X[like, k] < np.median(X[own, k])).mean() * 100)
        rows.append(row)
    return sorted(rows, key=lambda r: -r["auc"])


def contact_sheet(crops: Crops, path: Path, rows: int = 14) -> None:
    """Real crops left, simulated right, three each a row, by pixel size."""
    rng = np.random.default_rng(11)
    fake = crops.name == "simulated"
    sheet = np.full((rows * (SIDE + 6), 6 * (SIDE + 6) + 24, 3), 255, np.uint8)
    sets = [n for n in dict.fromkeys(crops.name) if n != "simulated"]
    for r in range(rows):
        own = np.flatnonzero(crops.name == sets[r % len(sets)])
        like = np.flatnonzero(fake & (crops.gsd == crops.gsd[own[0]]))
        picked = [*rng.choice(own, 3, replace=len(own) < 3), *rng.choice(like, 3, replace=False)]
        for c, k in enumerate(picked):
            y, x = r * (SIDE + 6), c * (SIDE + 6) + 24 * (c > 2)
            sheet[y : y + SIDE, x : x + SIDE] = crops.pixels[k].transpose(1, 2, 0)
    Image.fromarray(sheet).save(path)


def printed(facts: dict[str, Any], old: dict[str, Any] | None, most: int) -> None:
    """Tables: sets, then figures; beside an older run where one is given."""
    was = (old or {}).get("sets", {})
    keys = [k for k in facts["sets"]["all"] if k.startswith("auc")]
    more = ["spectrum low", "spectrum middle", "spectrum high", "hue distance", "colour distance"]
    print(f"{'set':10s}" + "".join(f"{k:>22s}" for k in (*keys, *more)))
    for name, row in facts["sets"].items():
        cells = []
        for key in (*keys, *more):
            before = was.get(name, {}).get(key)
            now = f"{row[key]:.3f}" if key in row else "-"
            cells.append(now if before is None else f"{before:.3f} -> {now}")
        print(f"{name:10s}" + "".join(f"{c:>22s}" for c in cells))
    older = {r["figure"]: r["auc"] for r in (old or {}).get("figures", [])}
    sets = [n for n in facts["sets"] if n != "all"]
    print(
        f"\n{'figure':36s}{'was':>6s}{'auc':>6s}{'cost':>7s} real is "
        + "".join(f"{n:>8s}" for n in sets)
    )
    for row in facts["figures"][:most]:
        was_auc = f"{older[row['figure']]:6.2f}" if row["figure"] in older else f"{'-':>6s}"
        print(
            f"{row['figure']:36s}{was_auc}{row['auc']:6.2f}{row['cost']:7.3f} {row['real is']:8s}"
            + "".join(f"{row[n]:8.0f}" for n in sets)
        )
    outside = [
        f"{row['figure']} ({n} {row[n]:.0f})"
        for row in facts["figures"] for n in sets if not 2 <= row[n] <= 98
    ]  # fmt: skip
    print(f"\nmedians outside 2..98 % of the simulation: {len(outside)}: " + "; ".join(outside))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = Path(__file__).resolve().parents[1]
    data = Path(os.environ.get("GEOMAGE_DATA") or root.parent / "shared/data")
    parser.add_argument("-o", "--out", type=Path, default=root / "out/likeness_images")
    parser.add_argument("--data", type=Path, default=data)
    parser.add_argument("--count", type=int, default=150, help="of simulated crops")
    parser.add_argument("--seed", type=int, default=20, help="of the stream")
    parser.add_argument("--steps", type=int, default=250, help="of the network; 0 leaves it out")
    parser.add_argument("--against", type=Path, help="JSON of an earlier run to print beside")
    parser.add_argument("--rows", type=int, default=30, help="figures to print")
    args = parser.parse_args()
    if not args.data.is_dir():
        raise SystemExit(f"no real data at {args.data}: set GEOMAGE_DATA to its folder")
    args.out.mkdir(parents=True, exist_ok=True)
    crops = simulated_crops(args.count, args.seed)
    for name in SETS:
        crops = crops + real_crops(args.data, name)
    np.savez_compressed(args.out / "crops.npz", **vars(crops))
    contact_sheet(crops, args.out / "likeness_images.png")
    looks = [measure_looks(c) for c in crops.pixels]
    names = list(looks[0])
    X = np.array([list(row.values()) for row in looks])
    fold = folds_of(crops)
    trees, cost = tree_scores(X, crops, fold)
    scores = {"trees": trees}
    if args.steps:
        scores["network"] = network_scores(crops, fold, args.steps)
    sets: dict[str, Any] = {name: set_row(crops, name, scores) for name in SETS}
    sets["all"] = {f"auc {kind}": auc(score, crops) for kind, score in scores.items()}
    facts = {"sets": sets, "figures": ranking(X, names, crops, cost)}
    old = json.loads(args.against.read_text(encoding="utf-8")) if args.against else None
    printed(facts, old, args.rows)
    (args.out / "likeness_images.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
