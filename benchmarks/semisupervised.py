"""What unlabelled images add, at the same number of steps and the same labelled crops.

    python -m benchmarks.semisupervised [fractions] [real] [-o FILE] [--seeds 0 1 2] [--pool FOLDER]
    python -m benchmarks.semisupervised --merge FILE … [-o FILE]

`fractions`: 1/16, 1/8 and all of the labels, all images of the part learnt from as unlabelled ones;
simulated land cover of eight classes, and buildings on real images; mIoU on images held out.
Wanted: 3 points of mIoU more than from the labels alone. `real`: labels of simulated images alone,
and real images without labels; F1 of building on real images held out, by set and as the mean of
the four. A run of one seed takes minutes on one core. Every objective of one seed starts from the
same weights and sees the same labelled crops; the averaged weights are tested.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks._run_files import runs_of, write_runs
from benchmarks._semisupervised_chips import (
    COVER,
    SETS,
    Chips,
    buildings_alone,
    joined,
    real,
    simulated,
)
from benchmarks._semisupervised_runs import (
    LOOP,
    add_budget,
    architecture,
    budget_of,
    tested,
    trained,
)
from geomage.data.splits import stratified_fraction
from geomage.learn.semisupervised import (
    DAFormerParams,
    FixMatchParams,
    MaskedParams,
    MaskParams,
    MeanTeacherParams,
    SupervisedParams,
    UniMatchParams,
)
from geomage.metrics import f1, iou

SHARES = (16, 8, 1)
"""Labels are on one chip of so many; all of them tell how much labels there are to be missed."""
WANTED = 0.03  # of mIoU
DECAY = 0.99  # of teachers: a run is short
CONFIDENCE = 0.9  # of DAFormer and MIC: weights of classes make a network less sure
PATIENCE = 0.4  # share of a run in which DAFormer's teacher learns before it teaches
ROOFS = (1.0, 3.0)  # weights of the classes where building is one of two
DEFAULT = {
    "fractions": ("supervised", "fixmatch", "unimatch"),
    "real": ("supervised", "unimatch", "daformer", "mic"),
}
Row = dict[str, Any]


def methods(classes: int) -> dict[str, tuple[str, Any]]:
    """Objective and parameters by the name in the table; "mic" is DAFormer with masked images."""
    labels = SupervisedParams(ROOFS if classes == 2 else ())
    across = DAFormerParams(labels, decay=DECAY, confidence=CONFIDENCE, patience=PATIENCE)
    hidden = MaskParams(confidence=CONFIDENCE)
    return {
        "supervised": ("supervised", labels),
        "mean-teacher": ("mean-teacher", MeanTeacherParams(labels, decay=DECAY)),
        "fixmatch": ("fixmatch", FixMatchParams(labels)),
        "unimatch": ("unimatch", UniMatchParams(labels, decay=DECAY)),
        "masked": ("masked", MaskedParams(labels, decay=DECAY, mask=hidden)),
        "daformer": ("daformer", across),
        "mic": ("daformer", replace(across, masked=1.0, mask=hidden)),
    }


def fraction_cases(args: argparse.Namespace) -> Iterator[tuple[str, Chips, Chips, int]]:
    """Name, what is learnt from, what is tested on, classes."""
    if "simulated" in args.cases:
        yield ("simulated", *simulated(args.pool, args.pairs, args.jobs), len(COVER))
    if "real" in args.cases:
        learnt, _, out = (c.of(np.isin(c.sets, args.sets)) for c in real(args.data))
        yield "real", learnt, out, 2


def fractions(args: argparse.Namespace) -> Iterator[Row]:
    """Score of each run by case, fraction, objective and seed."""
    for case, learnt, out, classes in fraction_cases(args):
        counts = learnt.counts(classes)
        for share in args.shares:
            for seed in args.seeds:
                some = learnt.of(stratified_fraction(counts, 1 / share, seed))
                names = args.objectives or DEFAULT["fractions"]
                for name in names if share > 1 else ("supervised",):
                    bare = None if name == "supervised" else learnt
                    budget = budget_of(args).seeded(seed)
                    network, facts = trained(methods(classes)[name], classes, (some, bare), budget)
                    each = iou(tested(network, out, classes))
                    yield {
                        "part": f"fractions, {case}, {'all' if share == 1 else f'1/{share}'}",
                        "objective": name,
                        "seed": seed,
                        "score": float(np.nanmean(each)),
                        "each": each.tolist(),
                        "chips": len(some),
                        **facts,
                    }


def domains(args: argparse.Namespace) -> Iterator[Row]:
    """F1 of building on real images, by objective and seed."""
    learnt, bare, out = real(args.data)
    towns = buildings_alone(simulated(args.pool, args.pairs, args.jobs)[0])
    for seed in args.seeds:
        for name in args.objectives or DEFAULT["real"]:
            seen = None if name == "supervised" else joined([learnt, bare])
            budget = budget_of(args).seeded(seed)
            network, facts = trained(methods(2)[name], 2, (towns, seen), budget)
            sets = {
                s: float(f1(tested(network, out.of(out.sets == s), 2))[1])
                for s in sorted(set(out.sets.tolist()))
            }
            score = float(np.mean(list(sets.values())))
            row = {"part": "real", "objective": name, "seed": seed, "score": score}
            yield {**row, **sets, **facts}


def table(rows: Sequence[Row]) -> Iterator[str]:
    """One line a part and objective: mean and deviation over seeds, each seed, what is gained."""
    for part in dict.fromkeys(row["part"] for row in rows):
        mine = [row for row in rows if row["part"] == part]
        base = {r["seed"]: r["score"] for r in mine if r["objective"] == "supervised"}
        what = "F1 of building" if part == "real" else "mIoU"
        yield f"{part}: {what}, mean ± deviation (each seed)"
        for name in dict.fromkeys(row["objective"] for row in mine):
            scores = {r["seed"]: r["score"] for r in mine if r["objective"] == name}
            each = " ".join(f"{v:.3f}" for v in scores.values())
            seconds = np.mean([r["seconds"] for r in mine if r["objective"] == name])
            gains = [v - base[s] for s, v in scores.items() if s in base]
            gain = f"{np.mean(gains):+.3f}" if gains else "-"
            values = list(scores.values())
            said = f"{np.mean(values):7.3f} ± {np.std(values):.3f} ({each})"
            yield f"  {name:14s}{said} {gain:>8s}  {seconds:5.0f} CPU s a run"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = Path(__file__).resolve().parents[1]
    data = Path(os.environ.get("GEOMAGE_DATA") or root.parent / "shared/data")
    parser.add_argument("parts", nargs="*", default=[], metavar="fractions|real")
    parser.add_argument("-o", "--out", type=Path, default=root / "out/semisupervised.json")
    parser.add_argument("--data", type=Path, default=data)
    parser.add_argument("--pool", type=Path, default=root / "out/semisupervised/pool")
    parser.add_argument("--pairs", type=int, default=96, help="simulated pairs to learn from")
    parser.add_argument("--jobs", type=int, default=1, help="processes that simulate")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--cases", nargs="+", default=["simulated", "real"])
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS, help="real ones")
    parser.add_argument("--shares", type=int, nargs="+", default=SHARES, help="16: a sixteenth")
    parser.add_argument("--objectives", nargs="+", choices=list(methods(2)))
    parser.add_argument("--steps", type=int, default=LOOP.steps)
    parser.add_argument("--merge", type=Path, nargs="+", help="files of runs; nothing is run")
    add_budget(parser)
    args = parser.parse_args()
    unknown = set(args.parts) - {"fractions", "real"}
    if unknown:
        parser.error(f"unknown part {min(unknown)!r}: fractions or real")
    torch.set_num_threads(1)
    rows = runs_of(args.merge or [])
    runs = {"fractions": fractions, "real": domains}
    for part in () if args.merge else args.parts or list(runs):
        for row in runs[part](args):
            rows.append(row)
            print(f"{row['part']}, {row['objective']}, seed {row['seed']}: {row['score']:.3f}")
            sys.stdout.flush()
            write(args.out, args, rows)
    write(args.out, args, rows)
    print("\n".join(table(rows)))


def write(path: Path, args: argparse.Namespace, rows: list[Row]) -> None:
    """Everything so far, after each run."""
    facts = {
        "command": " ".join(["python -m benchmarks.semisupervised", *sys.argv[1:]]),
        "seeds": args.seeds,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}",
        "budget": asdict(budget_of(args)),
        "network": asdict(architecture(2)),
        "params": {n: asdict(p) for n, (_, p) in methods(2).items()},
        "wanted": WANTED,
        "runs": rows,
    }
    write_runs(path, facts)


if __name__ == "__main__":
    main()
