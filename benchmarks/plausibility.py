"""How well scorers of plausibility tell what is foreign: AUROC by set, three seeds.

    python -m benchmarks.plausibility [-o FOLDER] [--data DATA] [--pool POOL] [--seeds 0 1 2]

Chips of 64 px of two training domains: real first dates (xBD in the Americas, Joplin), and
simulated ones of a pool that `dev/fit_plausibility.py` keeps. A flow is learnt on each; beyond it
lie clouds, other sensors, other continents (far), floods and collapsed buildings (near). Prints a
table for each domain, mean over seeds with the standard deviation, and writes
`FOLDER/plausibility.json`, after each seed what is known so far. One core; the time it took is in
the file.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from benchmarks._plausibility_chips import Domain, real_domain, simulated_domain, some
from geomage.adapt.flow.solver import SolverParams
from geomage.adapt.plausibility.altered import ALTERED, alter
from geomage.adapt.plausibility.denoising import OneStep, TruncatedLoss
from geomage.adapt.plausibility.distances import Mahalanobis, Nearest, RelativeMahalanobis
from geomage.adapt.plausibility.domain_flow import DomainFlow, DomainFlowParams, learn_domain_flow
from geomage.adapt.plausibility.model_layers import open_layers
from geomage.adapt.plausibility.odeed import OdeedParams, round_trip
from geomage.adapt.plausibility.perceptual import layer_distances, layer_means
from geomage.adapt.plausibility.scoring import Layers
from geomage.metrics import auroc
from geomage.model.plausibility import Detector, load_detector

NEAR = ("after floods", "flooded", "collapsed")
"""Sets close to the domain; all others are far."""


def flow_scores(flow: DomainFlow, layers: Layers, chips: np.ndarray, steps: int) -> dict[str, Any]:
    """Scores (chip,) by scorer that go along a flow; chips are counts."""
    v, x = flow.velocity(), flow.scaled(chips / 255)
    back = round_trip(v, x, OdeedParams(SolverParams("euler", steps)))
    seen = [layers(np.clip(flow.unscaled(one), 0, 1)) for one in (x, back)]
    return {
        "ODEED, MSE": ((x - back) ** 2).mean((1, 2, 3)),
        "ODEED, perceptual": layer_distances(*seen),
        "one-step denoising": OneStep(v).score(x),
        "truncated loss": TruncatedLoss(v).score(x),
    }


def feature_scorers(training: np.ndarray, layers: Layers, seed: int) -> dict[str, Any]:
    """Distances by name, fitted to the means of the layers of the shipped encoder."""
    rng = np.random.default_rng(seed)
    known = layer_means(layers(training / 255))
    kinds = [list(ALTERED)[k % len(ALTERED)] for k in range(len(training))]
    # alter leaves up to a step of pixels at the rim: chips are doubled by their mirror image first
    others = [
        alter(kind, np.pad(chip, [(0, 0), (0, 64), (0, 64)], mode="symmetric"), rng)[:, :64, :64]
        for kind, chip in zip(kinds, training, strict=True)
    ]
    beyond = layer_means(layers(np.array(others) / 255))
    return {
        "Mahalanobis": Mahalanobis.fit(known),
        "relative Mahalanobis": RelativeMahalanobis.fit(known, beyond),
        "k nearest": Nearest.fit(known),
    }


def texture_scores(detector: Detector, chips: np.ndarray) -> np.ndarray:
    """Scores of the shipped detector; a chip is surrounded by its mirror images."""
    wide = [np.pad(chip, [(0, 0), (64, 64), (64, 64)], mode="symmetric") for chip in chips]
    return np.array([detector.score(one, (one != 0).any(axis=0))[1, 1] for one in wide])


def roughness(chips: np.ndarray) -> np.ndarray:
    """Mean absolute difference of neighbours: how much detail a chip has, foreign or not."""
    steps = (np.abs(np.diff(chips.astype(np.float32), axis=axis)) for axis in (2, 3))
    return np.asarray(sum(one.mean((1, 2, 3)) for one in steps))


def measure(domain: Domain, seed: int, args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """AUROC by set and scorer, for one seed: of the flow, and of which chips are taken.

    Before them, how far the scores of the domain itself hang on its detail (Spearman).
    """
    layers, detector = open_layers(), load_detector("line-1")
    params = DomainFlowParams(steps=args.steps, batch=args.batch, seed=seed)
    flow = learn_domain_flow(
        domain.training / np.float32(255),
        params,
        lambda s, loss: print(f"  {s}: {loss:.3f}", flush=True),
    )
    features = feature_scorers(some(domain.training, 600, seed), layers, seed)

    def scores(chips: np.ndarray) -> dict[str, np.ndarray]:
        means = layer_means(layers(chips / 255))
        return {
            **flow_scores(flow, layers, chips, args.ode_steps),
            **{name: one.distance(means) for name, one in features.items()},
            "texture (line-1)": texture_scores(detector, chips),
            "roughness alone": roughness(chips),
        }

    held = scores(some(domain.held_out, args.chips, seed))
    inside = {k: scores(some(x, args.chips, seed)) for k, x in domain.inside.items()}
    found = {"hangs on roughness": {k: _rank(x, held["roughness alone"]) for k, x in held.items()}}
    for name, chips in domain.outside.items():
        beyond, within = scores(some(chips, args.chips, seed)), inside.get(name, held)
        found[name] = {k: auroc(within[k], beyond[k]) for k in beyond}
    return found


def _rank(x: np.ndarray, y: np.ndarray) -> float:
    """Correlation of ranks."""
    return float(spearmanr(x, y).statistic)


def rows(name: str, seeds: list[dict[str, dict[str, float]]]) -> Iterator[str]:
    """A table: scorers down, sets across, mean and standard deviation over seeds."""
    sets = list(seeds[0])
    yield f"| {name} | " + " | ".join(f"{s} (near)" if s in NEAR else s for s in sets) + " |"
    yield "|---" * (len(sets) + 1) + "|"
    for scorer in seeds[0][sets[0]]:
        values = [[one[s][scorer] for one in seeds] for s in sets]
        cells = (f"{np.mean(v):.3f} ± {np.std(v):.3f}" for v in values)
        yield f"| {scorer} | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = Path(__file__).resolve().parents[1]
    data = Path(os.environ.get("GEOMAGE_DATA") or root.parent / "shared/data")
    parser.add_argument("-o", "--out", type=Path, default=root / "out/plausibility")
    parser.add_argument("--data", type=Path, default=data)
    parser.add_argument("--pool", type=Path, default=root / "out/plausibility-pool")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=300, help="of the training of a flow")
    parser.add_argument("--batch", type=int, default=8, help="chips a step")
    parser.add_argument("--ode-steps", type=int, default=10, help="one way")
    parser.add_argument("--chips", type=int, default=40, help="of each set, at most")
    args = parser.parse_args()
    torch.set_num_threads(1)
    started, found = time.process_time(), {}
    domains = [real_domain(args.data), simulated_domain(args.pool, args.data)]
    sizes = {d.name: {"training": len(d.training), "held out": len(d.held_out),
                      **{k: len(x) for k, x in d.outside.items()}} for d in domains}  # fmt: skip
    print(json.dumps(sizes), flush=True)
    args.out.mkdir(parents=True, exist_ok=True)
    for seed in args.seeds:
        for domain in domains:
            found.setdefault(domain.name, []).append(measure(domain, seed, args))
            print(*rows(domain.name, found[domain.name]), sep="\n", flush=True)
        facts = {"auroc": found, "chips": sizes, "seeds": args.seeds, "steps": args.steps,
                 "batch": args.batch, "ode_steps": args.ode_steps,
                 "cpu_seconds": round(time.process_time() - started)}  # fmt: skip
        text = json.dumps(facts, indent=1) + "\n"
        (args.out / "plausibility.json").write_text(text, encoding="utf-8")
    print(f"{time.process_time() - started:.0f} CPU seconds")


if __name__ == "__main__":
    main()
