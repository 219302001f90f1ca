"""Does pre-training without labels help? Two questions, one protocol, equal budgets.

    python -m benchmarks.pretraining fewlabels|crosssensor [-o RESULT.json] [--seeds 0 1 2]

fewlabels: labels on 1/16 of the places; an encoder that was pre-trained on all places without
labels against one that starts from chance, and one that also gets the steps of the pre-training as
steps on labels. crosssensor: labels by one sensor on all places, test by another; the encoder is
frozen, so that what carries over is what was aligned: X-STARS with MSAD (scratch and continual)
against the same without. Places are simulated once and kept in --cache.
"""

from __future__ import annotations

import argparse
import json
import platform
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from benchmarks._pretraining_places import CLASSES, SENSORS, Places, few, simulated
from benchmarks._pretraining_runs import (
    Budget,
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
APART = replace(XSTARS, alpha=0.0, gap=0.0)
"""The same self-distillation of both sensors, and nothing between them."""
METHODS: dict[str, Any] = {
    "simclr": SimClrParams(view=VIEW),
    "jigsaw": JigsawParams(tile=16),
    "mae": MaeParams(view=VIEW),
    "dino": DINO,
    "xstars": XSTARS,
}
SHARE = 1 / 16
HELD_OUT = 1 / 6
"""Share of the places that test."""
MARKS = {"fewlabels": 2.0, "crosssensor": 5.0}
"""Points of mIoU by which pre-training, or alignment, has to win."""


@dataclass(frozen=True)
class Row:
    """One run."""

    arm: str
    seed: int
    miou: float
    """Mean IoU over the classes, per cent."""
    classes: dict[str, float]
    own: float
    """mIoU on the sensor of the labels, per cent."""
    seconds: float
    """Of the processor, one core."""

    def line(self) -> str:
        """One line of the table."""
        each = " ".join(f"{name} {value:.0f}" for name, value in self.classes.items())
        own = "" if np.isnan(self.own) else f"  own sensor {self.own:5.1f}"
        said = f"mIoU {self.miou:5.1f}{own}  {self.seconds:5.0f} s"
        return f"{self.arm:44s} seed {self.seed}  {said}  {each}"


@dataclass(frozen=True)
class Bench:
    """Places to learn from and to test on, by sensor."""

    train: tuple[Places, Places]
    test: tuple[Places, Places]
    budget: Budget
    methods: tuple[str, ...]


def _row(arm: str, seed: int, scores: list[np.ndarray], seconds: float) -> Row:
    """scores: confusion on the sensor asked for, and on that of the labels."""
    values = [100 * iou(s) for s in scores]
    own = float(np.nanmean(values[1])) if len(values) > 1 else float("nan")
    each = dict(zip(CLASSES, (round(float(v), 2) for v in values[0]), strict=True))
    return Row(arm, seed, float(np.nanmean(values[0])), each, own, seconds)


def fewlabels(bench: Bench, seed: int) -> Iterator[Row]:
    """Labels of the first sensor on a sixteenth of the places."""
    places, budget = bench.train[0], bench.budget
    chosen = places.of(few(places, SHARE, seed))
    for arm, asked in (("scratch", budget), ("scratch, steps of both", longer(budget))):
        network, seconds = labelled(chosen, None, asked, seed, frozen=False)
        yield _row(arm, seed, [tested(network, bench.test[0])], seconds)
    for name in bench.methods:
        seen = (places, bench.train[1] if name == "xstars" else None)
        weights, first = pretrained((name, METHODS[name]), seen, budget, seed)
        network, then = labelled(chosen, weights, budget, seed, frozen=False)
        yield _row(name, seed, [tested(network, bench.test[0])], first + then)


def crosssensor(bench: Bench, seed: int) -> Iterator[Row]:
    """Labels of the first sensor, test on the second; and the other way round."""
    for this, that in ((0, 1), (1, 0)):
        arm = f"{SENSORS[this]} to {SENSORS[that]}, "
        sides = _Sides(bench, this, that, seed)
        yield sides.row(arm + "scratch", None, frozen=False)
        for name, params in (
            ("no alignment", APART),
            ("MSAD alone", replace(XSTARS, gap=0.0)),
            ("aligned", XSTARS),
        ):
            yield sides.row(arm + name, (params, (this, that)), frozen=True)
        yield sides.continual(arm + "continual")


@dataclass(frozen=True)
class _Sides:
    """Labels by one sensor, test by the other."""

    bench: Bench
    this: int
    that: int
    seed: int

    def row(
        self, arm: str, how: tuple[XStarsParams, tuple[int, int]] | None, *, frozen: bool
    ) -> Row:
        """Pre-train on places by both sensors, learn, test."""
        weights, first = None, 0.0
        if how is not None:
            params, (mine, other) = how
            seen = (self.bench.train[mine], self.bench.train[other])
            weights, first = pretrained(("xstars", params), seen, self.bench.budget, self.seed)
        network, then = labelled(
            self.bench.train[self.this], weights, self.bench.budget, self.seed, frozen=frozen
        )
        scores = [tested(network, self.bench.test[k]) for k in (self.that, self.this)]
        return _row(arm, self.seed, scores, first + then)

    def continual(self, arm: str) -> Row:
        """The encoder that learnt from labels of one sensor teaches a student of the other.

        The student takes the place of the encoder where the other sensor is mapped; the decoder is
        that of the first sensor.
        """
        bench, budget = self.bench, self.bench.budget
        network, first = labelled(bench.train[self.this], None, budget, self.seed, frozen=False)
        own = tested(network, bench.test[self.this])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "old.safetensors"
            save_file({k: v.contiguous() for k, v in network.state_dict().items()}, path)
            params = replace(XSTARS, teacher=str(path))
            seen = (bench.train[self.that], bench.train[self.this])
            weights, then = pretrained(("xstars", params), seen, budget, self.seed)
        network.encoder.load_state_dict(weights)
        return _row(arm, self.seed, [tested(network, bench.test[self.that]), own], first + then)


PARTS = {"fewlabels": fewlabels, "crosssensor": crosssensor}


def summary(rows: list[Row]) -> list[str]:
    """Mean and range over the seeds, arm by arm."""
    arms = list(dict.fromkeys(row.arm for row in rows))
    lines = []
    for arm in arms:
        values = np.array([row.miou for row in rows if row.arm == arm])
        lines.append(f"{arm:44s} {values.mean():5.1f}  ({values.min():.1f} to {values.max():.1f})")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=tuple(PARTS))
    parser.add_argument("-o", "--out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--places", type=int, default=240)
    parser.add_argument("--cache", type=Path, default=Path("work/pretraining"))
    parser.add_argument("--methods", nargs="+", choices=tuple(METHODS), default=list(METHODS))
    for name, value in asdict(Budget()).items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    args = parser.parse_args()
    torch.set_num_threads(1)
    both = simulated(args.places, args.cache)
    split = np.split(np.arange(args.places), [round(args.places * (1 - HELD_OUT))])
    train, test = (tuple(p.of(which) for p in both) for which in split)
    budget = Budget(args.pretraining, args.labelled, args.rate)
    bench = Bench(train, test, budget, tuple(args.methods))
    started, rows = time.time(), []
    for seed in args.seeds:
        for row in PARTS[args.part](bench, seed):
            print(row.line(), flush=True)
            rows.append(row)
    print("\n".join(["", *summary(rows)]))
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(_said(args, rows, time.time() - started), indent=1))


def _said(args: argparse.Namespace, rows: list[Row], seconds: float) -> dict[str, Any]:
    return {
        "command": "python -m benchmarks.pretraining " + shlex.join(sys.argv[1:]),
        "mark": MARKS[args.part],
        "seeds": args.seeds,
        "machine": f"{platform.machine()}, one core; torch {torch.__version__}",
        "seconds": round(seconds),
        "rows": [asdict(row) for row in rows],
    }


if __name__ == "__main__":
    main()
