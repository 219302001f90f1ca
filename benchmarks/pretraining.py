"""Does pre-training without labels help? Two questions, one protocol, equal budgets.

    python -m benchmarks.pretraining [fewlabels] [crosssensor] [-o FILE] [--seeds 0 1 2]

fewlabels: labels on 1/16 of the places; an encoder that was pre-trained on all places without
labels against one that starts from chance, and one that also gets the steps of the pre-training as
steps on labels. Wanted: 2 points of mIoU. crosssensor: labels by one sensor on all places, test by
another; the encoder is frozen, so that what carries over is what was aligned: X-STARS against the
same self-distillation of both sensors without alignment, and against learning from labels alone.
Wanted: 5 points. Places are simulated once and kept in --cache, and so are pre-trained encoders,
which both questions share: a run that is stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import platform
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from benchmarks._pretraining_places import CLASSES, SENSORS, Places, few, simulated
from benchmarks._pretraining_runs import (
    ARCHITECTURE,
    Budget,
    Encoders,
    labelled,
    longer,
    pretrained,
    tested,
)
from geomage.learn.selfsupervised import (
    DinoParams,
    JigsawParams,
    MaeParams,
    SimClrParams,
    ViewParams,
    XStarsParams,
)
from geomage.metrics import iou

VIEW = ViewParams(side=64)
DINO = DinoParams(view=VIEW, local=replace(VIEW, side=32))
XSTARS = XStarsParams(dino=DINO, levels=4, projection=0, soft=0.0)
METHODS: dict[str, tuple[str, Any]] = {
    "simclr": ("simclr", SimClrParams(view=VIEW)),
    "jigsaw": ("jigsaw", JigsawParams(tile=16)),
    "mae": ("mae", MaeParams(view=VIEW)),
    "dino": ("dino", DINO),
    "no alignment": ("xstars", replace(XSTARS, alpha=0.0, gap=0.0)),
    "MSAD alone": ("xstars", replace(XSTARS, gap=0.0)),
    "xstars": ("xstars", XSTARS),
}
"""Name in the table -> objective and parameters; "no alignment" is the self-distillation of X-STARS
on both sensors, with nothing between them."""
SHARE = 1 / 16
HELD_OUT = 1 / 6
"""Share of the places that test."""
MARKS = {"fewlabels": 2.0, "crosssensor": 5.0}
"""Points of mIoU by which pre-training, or alignment, has to win."""
SCRATCH, APART = "scratch", "no alignment"
LONGER, EVERY = "scratch, steps of both", "scratch, all labels"
WAYS = ((0, 1), (1, 0))
"""Sensor of the labels, sensor of the test."""


@dataclass(frozen=True)
class Row:
    """One run."""

    part: str
    arm: str
    seed: int
    miou: float
    """Mean IoU over the classes, per cent."""
    classes: dict[str, float]
    own: float | None
    """mIoU on the sensor of the labels where another one is asked, per cent."""
    seconds: float
    """Of the processor, one core, pre-training included."""

    def line(self) -> str:
        """One line of the table."""
        each = " ".join(f"{name} {value:.0f}" for name, value in self.classes.items())
        own = "" if self.own is None else f"  own sensor {self.own:5.1f}"
        said = f"mIoU {self.miou:5.1f}{own}  {self.seconds:5.0f} s"
        return f"{self.part}, {self.arm:24s} seed {self.seed}  {said}  {each}"


@dataclass(frozen=True)
class Bench:
    """Places to learn from and to test on, by sensor."""

    train: tuple[Places, Places]
    test: tuple[Places, Places]
    budget: Budget
    methods: tuple[str, ...]
    baselines: tuple[str, ...]
    ways: int
    """Directions between the sensors, 1 or 2."""
    encoders: Encoders

    def encoder(self, name: str, seed: int) -> tuple[dict[str, Any], float]:
        """Pre-trained on all places, by both sensors where the method looks at both."""
        objective, _ = METHODS[name]
        seen = (self.train[0], self.train[1] if objective == "xstars" else None)
        return self.encoders.weights((*METHODS[name], seed), seen, self.budget)


def _row(where: tuple[str, str, int], scores: list[np.ndarray], seconds: float) -> Row:
    """scores: confusion on the sensor asked for, and on that of the labels."""
    values = [100 * iou(s) for s in scores]
    own = float(np.nanmean(values[1])) if len(values) > 1 else None
    each = dict(zip(CLASSES, (round(float(v), 2) for v in values[0]), strict=True))
    return Row(*where, float(np.nanmean(values[0])), each, own, round(seconds, 1))


def fewlabels(bench: Bench, seed: int) -> Iterator[Row]:
    """Labels of the first sensor on a sixteenth of the places."""
    places, budget = bench.train[0], bench.budget
    chosen = places.of(few(places, SHARE, seed))
    part = f"1/{round(1 / SHARE)} of the labels"
    asked = {
        SCRATCH: (chosen, budget),
        LONGER: (chosen, longer(budget)),
        EVERY: (places, budget),
    }
    for arm in bench.baselines:
        network, seconds = labelled(asked[arm][0], None, asked[arm][1], seed, frozen=False)
        yield _row((part, arm, seed), [tested(network, bench.test[0])], seconds)
    for name in bench.methods:
        weights, first = bench.encoder(name, seed)
        network, then = labelled(chosen, weights, budget, seed, frozen=False)
        yield _row((part, name, seed), [tested(network, bench.test[0])], first + then)


def crosssensor(bench: Bench, seed: int) -> Iterator[Row]:
    """Labels of the first sensor, test on the second; and the other way round."""
    for this, that in WAYS[: bench.ways]:
        part = f"{SENSORS[this]} to {SENSORS[that]}"
        for arm in (SCRATCH, *bench.methods):
            weights, first = (None, 0.0) if arm == SCRATCH else bench.encoder(arm, seed)
            network, then = labelled(
                bench.train[this], weights, bench.budget, seed, frozen=weights is not None
            )
            scores = [tested(network, bench.test[k]) for k in (that, this)]
            yield _row((part, arm, seed), scores, first + then)


def continual(bench: Bench, seed: int) -> Iterator[Row]:
    """The encoder that learnt from labels of one sensor teaches a student of the other.

    The student takes the place of the encoder where the other sensor is mapped; the decoder is
    that of the first sensor.
    """
    budget = bench.budget
    for this, that in WAYS[: bench.ways]:
        network, first = labelled(bench.train[this], None, budget, seed, frozen=False)
        own = tested(network, bench.test[this])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "old.safetensors"
            save_file({k: v.contiguous() for k, v in network.state_dict().items()}, path)
            params = replace(XSTARS, teacher=str(path))
            seen = (bench.train[that], bench.train[this])
            weights, then = pretrained(("xstars", params, seed), seen, budget)
        network.encoder.load_state_dict(weights)
        where = (f"{SENSORS[this]} to {SENSORS[that]}", "continual", seed)
        yield _row(where, [tested(network, bench.test[that]), own], first + then)


PARTS = {"fewlabels": fewlabels, "crosssensor": crosssensor, "continual": continual}
DEFAULT = {
    "fewlabels": ("mae", "dino", "xstars"),
    "crosssensor": (APART, "MSAD alone", "xstars"),
    "continual": (),
}


def table(rows: Sequence[Row]) -> Iterator[str]:
    """One line a part and arm: mean, deviation, each seed, what is gained over the baselines."""
    for part in dict.fromkeys(row.part for row in rows):
        mine = [row for row in rows if row.part == part]
        yield f"{part}: mIoU, per cent, mean ± deviation (each seed); gain over {SCRATCH}, {APART}"
        for arm in dict.fromkeys(row.arm for row in mine):
            scores = {row.seed: row.miou for row in mine if row.arm == arm}
            values = np.array(list(scores.values()))
            gains = "".join(f"{_gain(mine, scores, base):>7s}" for base in (SCRATCH, APART))
            each = " ".join(f"{v:.1f}" for v in values)
            seconds = np.mean([row.seconds for row in mine if row.arm == arm])
            said = f"{values.mean():5.1f} ± {values.std():.1f} ({each})"
            yield f"  {arm:24s}{said:32s}{gains}  {seconds:5.0f} CPU s a run"


def _gain(rows: Sequence[Row], scores: dict[int, float], base: str) -> str:
    """Mean over the seeds that both have."""
    theirs = {row.seed: row.miou for row in rows if row.arm == base}
    gains = [v - theirs[seed] for seed, v in scores.items() if seed in theirs]
    return f"{np.mean(gains):+.1f}" if gains else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = Path(__file__).resolve().parents[1]
    parser.add_argument("parts", nargs="*", default=[], metavar="|".join(PARTS))
    parser.add_argument("-o", "--out", type=Path, default=root / "out/pretraining.json")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--places", type=int, default=144)
    parser.add_argument("--town-seed", type=int, default=1, help="of the places")
    parser.add_argument("--cache", type=Path, default=root / "out/pretraining")
    parser.add_argument("--methods", nargs="+", choices=tuple(METHODS))
    baselines = (SCRATCH, LONGER, EVERY)
    parser.add_argument("--baselines", nargs="+", choices=baselines, default=baselines)
    parser.add_argument("--ways", type=int, choices=(1, 2), default=2, help="2: and back")
    for name, value in asdict(Budget()).items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    args = parser.parse_args()
    unknown = set(args.parts) - set(PARTS)
    if unknown:
        parser.error(f"unknown part {min(unknown)!r}: {', '.join(PARTS)}")
    torch.set_num_threads(1)
    rows: list[Row] = []
    for seed in args.seeds:
        for part in args.parts or ["fewlabels", "crosssensor"]:
            for row in PARTS[part](bench_for(args, part), seed):
                print(row.line(), flush=True)
                rows.append(row)
                write(args, rows)
    print("\n".join(["", *table(rows)]))


def bench_for(args: argparse.Namespace, part: str) -> Bench:
    both = simulated(args.places, args.town_seed, args.cache)
    split = np.split(np.arange(args.places), [round(args.places * (1 - HELD_OUT))])
    train, test = (tuple(p.of(which) for p in both) for which in split)
    budget = Budget(args.pretraining, args.labelled, args.rate)
    encoders = Encoders(args.cache, f"{args.places} places of {args.town_seed}")
    methods = tuple(args.methods or DEFAULT[part])
    return Bench(train, test, budget, methods, tuple(args.baselines), args.ways, encoders)


def write(args: argparse.Namespace, rows: list[Row]) -> None:
    """Everything so far, after each run."""
    facts = {
        "command": "python -m benchmarks.pretraining " + shlex.join(sys.argv[1:]),
        "marks": MARKS,
        "seeds": args.seeds,
        "machine": f"{platform.machine()}, one core; torch {torch.__version__}",
        "network": asdict(ARCHITECTURE),
        "methods": {name: repr(params) for name, (_, params) in METHODS.items()},
        "rows": [asdict(row) for row in rows],
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(facts, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
