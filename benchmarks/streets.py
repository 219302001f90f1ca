"""What the map says of streets against what a simulated event did to them.

    python -m benchmarks.streets [--seed 11] [--size 500] [-o streets.json]

Grows towns, strikes each (standing water, a tornado, an earthquake), pictures both dates, maps
them with the shipped model, and lays the town's own streets on the map. A street counts where at
least nine tenths of it lie on the map; ours is the worst of its segments (blocked, then flooded,
then unknown). The thresholds of `product/access/states.py` were chosen on other seeds (2 to 5).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from geomage.cli import main as geomage
from geomage.product.access.delivered import delivered_streets
from geomage.product.access.states import BLOCKED, FLOODED, OUTSIDE_MAP, PASSABLE, STATES, UNKNOWN
from geomage.product.order import Order

WORST = (PASSABLE, UNKNOWN, FLOODED, BLOCKED)


@dataclass(frozen=True)
class Case:
    """A town and what strikes it: words of the command line."""

    name: str
    style: str
    strike: tuple[str, ...]


CASES = (
    Case("flood", "suburb", ("flood", "--level", "4")),
    Case("tornado", "suburb", ("storm", "--ef", "4")),
    Case("earthquake", "oldtown", ("earthquake", "--magnitude", "7.2", "--distance", "8000",
                                   "--depth", "8")),
)  # fmt: skip


def run(*words: str | Path | float) -> None:
    code = geomage([str(word) for word in words])
    if code not in (0, 3):
        raise SystemExit(f"geomage {' '.join(map(str, words))} left with {code}")


def simulate(case: Case, folder: Path, seed: int, size: float) -> pd.DataFrame:
    """Truth and ours, street by street."""
    town, event, scene, out = (folder / name for name in ("town", "event", "scene", "out"))
    run("city", "grow", "--size", size, "--style", case.style, "--seed", seed, "-o", town)
    run("strike", *case.strike[:1], town, *case.strike[1:], "--seed", seed, "-o", event)
    run("render", event, "--seed", seed, "-o", scene)
    run("map", scene / "before.tif", scene / "after.tif", "-o", out)
    truth = gpd.read_file(event / "event.gpkg", layer="streets")
    roads = folder / "streets.gpkg"
    gpd.read_file(event / "city.gpkg", layer="streets").to_file(roads, layer="streets")
    return compare(truth, delivered_streets(out, Order(roads=roads)).frame)


def compare(truth: gpd.GeoDataFrame, frame: gpd.GeoDataFrame) -> pd.DataFrame:
    """Truth, its cause, and the worst state of the segments, for streets that lie on the map."""
    street = frame["way_id"].str.rpartition("/")[2].astype(int) - 1
    length = frame["length_m"].groupby(street).sum()
    inside = frame["length_m"].where(frame["why"] != OUTSIDE_MAP, 0).groupby(street).sum()
    rank = frame["state"].map(WORST.index).where(frame["why"] != OUTSIDE_MAP, -1)
    worst = rank.groupby(street).max()
    kept = worst.index[(inside >= 0.9 * length) & (worst >= 0)]
    ours = [WORST[int(value)] for value in worst[kept]]
    rows = truth.iloc[kept]
    return pd.DataFrame(
        {"truth": rows["state"].to_numpy(), "cause": rows["cause"].to_numpy(), "ours": ours}
    )


def table(found: pd.DataFrame) -> dict[str, Any]:
    """Counts by truth and ours."""
    return {
        str(truth): {word: int((part["ours"] == word).sum()) for word in STATES}
        for truth, part in found.groupby("truth")
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--size", type=float, default=500.0, help="metres")
    parser.add_argument("--cases", default=",".join(case.name for case in CASES))
    parser.add_argument("-o", "--out", type=Path, help="write JSON")
    options = parser.parse_args()
    record = {}
    for case in CASES:
        if case.name not in options.cases.split(","):
            continue
        with tempfile.TemporaryDirectory(prefix="geomage-") as place:
            found = simulate(case, Path(place), options.seed, options.size)
        record[case.name] = table(found)
        show(case.name, record[case.name])
    if options.out:
        options.out.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def show(name: str, counts: dict[str, Any]) -> None:
    print(f"\n{name}: truth below, ours across")
    print(f"{'':10}" + "".join(f"{word:>10}" for word in STATES))
    for truth, row in counts.items():
        print(f"{truth:10}" + "".join(f"{row[word]:>10}" for word in STATES))
    good = np.sum([row[PASSABLE] for truth, row in counts.items() if truth == PASSABLE])
    called = np.sum([row[PASSABLE] for row in counts.values()])
    print(f"of {called} streets called passable {good} are")


if __name__ == "__main__":
    main()
