"""What growing a town costs: CPU time and memory by its size, each size in a process of its own.

    python -m benchmarks.growth [--style terrace] [--sides 1000 2000 4000 10000] [-o growth.json]

Marks: one square kilometre of dense suburb, at least 2,000 buildings, in 6 CPU-seconds; cost in
proportion to area up to 100 km2, under 2 GiB. Writing the city folder is part of the cost.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

_WARM_M = 200.0  # a first small town loads libraries and compiled kernels


def measure(side: float, style: str, seed: int) -> dict[str, Any]:
    """Grow one town here: its counts, CPU-seconds of growing, and the peak of this process."""
    from geomage.world import CityParams, grow_city  # noqa: PLC0415 -- only the child needs it
    from geomage.world.tiles import grow_large_city  # noqa: PLC0415

    grow_city(CityParams(_WARM_M, style, seed))
    started, wall = time.process_time(), time.monotonic()
    if side <= 2000:
        town = grow_city(CityParams(side, style, seed))
        buildings, trees = len(town.buildings), len(town.trees)
    else:
        with tempfile.TemporaryDirectory() as folder:
            made = grow_large_city(CityParams(side, style, seed), Path(folder) / "town")
        buildings, trees = made.buildings, made.trees
    return {
        "side_m": side,
        "km2": side**2 / 1e6,
        "buildings": buildings,
        "trees": trees,
        "cpu_s": time.process_time() - started,
        "wall_s": time.monotonic() - wall,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def row(facts: dict[str, Any]) -> str:
    """One line of the table."""
    each = facts["cpu_s"] / facts["km2"]
    return (
        f"{facts['km2']:8.1f} {facts['buildings']:10d} {facts['trees']:10d} {facts['cpu_s']:9.1f} "
        f"{each:10.2f} {1e6 * facts['cpu_s'] / max(facts['buildings'], 1) / 1e3:12.2f} "
        f"{facts['peak_gib']:9.2f}"
    )


def main() -> None:
    """Measure every size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--style", default="terrace")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--sides", type=float, nargs="+", default=[1000, 2000, 4000, 10_000])
    parser.add_argument("-o", "--out", type=Path)
    parser.add_argument("--one", type=float, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.one, args.style, args.seed)))
        return
    print(f"{'km2':>8} {'buildings':>10} {'trees':>10} {'CPU s':>9} {'CPU s/km2':>10} "
          f"{'ms/building':>12} {'peak GiB':>9}")  # fmt: skip
    found = []
    for side in args.sides:
        command = [sys.executable, "-m", "benchmarks.growth", "--one", str(side)]
        command += ["--style", args.style, "--seed", str(args.seed)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
        found.append(json.loads(answer.stdout.splitlines()[-1]))
        print(row(found[-1]), flush=True)
    if args.out:
        args.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
