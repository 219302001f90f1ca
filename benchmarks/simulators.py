"""What one small network learns from the simulator as it was at another commit.

    python -m benchmarks.simulators [REVISION …] [--parts PART …] [--seeds 0 1 2] [-o FILE]

The same pairs by number, the same network, first weights, steps and crops; only what is simulated
differs. `buildings` and `ranked`: F1 and average precision of building on each real set. `damage`:
average precision of bad damage (states 3 and 4), which a short run never says outright. The default
is the simulator before materials, sensors and the finished engine, and the one that is checked out.

Pairs are made by the code of the revision itself, in processes of their own, and kept in `--pool`;
runs that the output file holds are not done again.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks._adaptation_chips import STREAM, Buildings, stretched
from benchmarks._adaptation_damage import FORM, WEIGHTS, damage_scores, real_pairs, struck
from benchmarks._adaptation_runs import average_precision, trained_on
from benchmarks._adaptation_table import table
from benchmarks._run_files import runs_of, write_runs
from benchmarks._semisupervised_chips import UNKNOWN, Chips, real
from benchmarks._semisupervised_runs import Budget, add_budget, architecture, budget_of, trained
from benchmarks.adaptation import scores
from benchmarks.semisupervised import methods
from geomage.data.chip import Chip
from geomage.data.readers.bands import RGB

Row = dict[str, Any]
ROOT = Path(__file__).resolve().parents[1]
BEFORE = "fd3d92e"
PARTS = ("buildings", "damage")
MAKE = """
import sys
from pathlib import Path
import numpy as np
from geomage.data import SimulatedPairs, StreamParams

if __name__ == "__main__":
    folder, size, calm, first, count, step = Path(sys.argv[1]), *map(float, sys.argv[2:])
    asked = StreamParams(size_px=int(size), no_data=0.0, cloudy=0.0, calm=calm)
    for index in range(int(first), int(count), int(step)):
        path = folder / f"{index:06d}.npz"
        if not path.exists():
            pair = SimulatedPairs(asked).pair(index)
            part = path.with_suffix(".part")
            with part.open("wb") as file:
                images = np.stack([pair.before, pair.after])
                np.savez(file, images=images, damage=pair.damage, gsd=pair.gsd)
            part.replace(path)
"""
"""What the code of any revision is asked for: it has these names since the first stream."""


@dataclass(frozen=True)
class OldPairs:
    """A `ChipSource` of pairs that another revision made, with the damage of the second date."""

    folder: Path
    count: int
    classes: tuple[str, ...] = ("no building", "no damage", "minor", "major", "destroyed")

    @property
    def names(self) -> tuple[str, ...]:
        """Numbers."""
        return tuple(f"{k:06d}" for k in range(self.count))

    def chip(self, index: int) -> Chip:
        """Pair `index`."""
        with np.load(self.folder / f"{self.names[index]}.npz", allow_pickle=False) as kept:
            images, damage, gsd = kept["images"], kept["damage"], float(kept["gsd"])
        valid = (images != 0).any(axis=1).all(axis=0)
        labels = np.where(valid, damage, UNKNOWN).astype(np.uint8)
        pixels = (images / 255).astype(np.float32)
        return Chip(self.names[index], pixels, RGB, gsd, valid, labels)


def revision(name: str) -> str:
    """The commit that a name stands for, shortened."""
    asked = ["git", "-C", str(ROOT), "rev-parse", "--short", f"{name}^{{commit}}"]
    return subprocess.check_output(asked, text=True).strip()  # noqa: S603 -- words of our own


def pairs_of(commit: str, args: argparse.Namespace) -> OldPairs:
    """Pairs of a commit; those that are missing are made by its code."""
    folder = args.pool / f"{commit}-{STREAM.size_px}"
    folder.mkdir(parents=True, exist_ok=True)
    found = OldPairs(folder, args.pairs)
    if not all((folder / f"{name}.npz").exists() for name in found.names):
        with tempfile.TemporaryDirectory() as code:
            packed = ["git", "-C", str(ROOT), "archive", commit, "src"]
            files = subprocess.check_output(packed)  # noqa: S603 -- words of our own
            with tarfile.open(fileobj=io.BytesIO(files)) as archive:
                archive.extractall(code, filter="data")
            asked = [STREAM.size_px, STREAM.calm]
            workers = [
                subprocess.Popen(  # noqa: S603 -- words of our own
                    [sys.executable, "-c", MAKE, str(folder)]
                    + [str(n) for n in (*asked, k, args.pairs, args.jobs)],
                    env=os.environ | {"PYTHONPATH": f"{code}/src"},
                )
                for k in range(args.jobs)
            ]
            ended = [worker.wait() for worker in workers]
            if any(ended):
                raise SystemExit(f"the simulator of {commit} could not make its pairs")
    return found


def runs(args: argparse.Namespace, done: set[tuple[str, str, int]]) -> Iterator[Row]:
    """A row a part, commit and seed."""
    out = real(args.data)[2]
    two_dates = real_pairs(args.data)
    for commit in args.commits:
        pairs = pairs_of(commit, args)
        first = stretched(Buildings(pairs))
        for seed in args.seeds:
            budget = budget_of(args).seeded(seed)
            if "buildings" in args.parts and ("ranked", commit, seed) not in done:
                yield from building_rows(commit, first, out, budget)
            if "damage" in args.parts and ("damage", commit, seed) not in done:
                network = trained_on(struck(pairs, 1), FORM, WEIGHTS, budget)
                sets = damage_scores(network, two_dates)
                own = [score for name, score in sets.items() if "chance" not in name]
                yield row_of("damage", commit, seed, sets, float(np.mean(own)))


def building_rows(commit: str, chips: Chips, out: Chips, budget: Budget) -> Iterator[Row]:
    """One network: F1 and average precision."""
    network, _ = trained(methods(2)["supervised"], 2, (chips, None), budget)
    names = sorted(set(out.sets.tolist()))
    ranked = {s: average_precision(network, out.of(out.sets == s)) for s in names}
    for part, sets in (("buildings", scores(network, out)), ("ranked", ranked)):
        yield row_of(part, commit, budget.loop.seed, sets, float(np.mean(list(sets.values()))))


def row_of(part: str, commit: str, seed: int, sets: dict[str, float], score: float) -> Row:
    return {"part": part, "arm": commit, "seed": seed, "score": score, "sets": sets}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data = Path(os.environ.get("GEOMAGE_DATA") or ROOT.parent / "shared/data")
    parser.add_argument("revisions", nargs="*", default=[BEFORE, "HEAD"])
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "out/simulators.json")
    parser.add_argument("--data", type=Path, default=data)
    parser.add_argument("--pool", type=Path, default=ROOT / "out/simulators")
    parser.add_argument("--pairs", type=int, default=200, help="of each simulator")
    parser.add_argument("--jobs", type=int, default=1, help="that simulate")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=1500)
    add_budget(parser)
    args = parser.parse_args()
    args.commits = [revision(name) for name in args.revisions]
    torch.set_num_threads(1)
    rows = runs_of([args.out] if args.out.exists() else [])
    for row in runs(args, {(r["part"], r["arm"], r["seed"]) for r in rows}):
        rows.append(row)
        print(f"{row['part']}, {row['arm']}, seed {row['seed']}: {row['score']:.3f}", flush=True)
        facts = {
            "command": " ".join(["python -m benchmarks.simulators", *sys.argv[1:]]),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}",
            "budget": asdict(budget_of(args)),
            "pairs": args.pairs,
            "network": asdict(architecture(2)),
            "runs": rows,
        }
        write_runs(args.out, facts)
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
