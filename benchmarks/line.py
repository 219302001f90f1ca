"""The figures of the line: a model on real images it never saw, through the engine that maps.

    python benchmarks/line.py [--model MODEL] [-o FOLDER] [--data DATA] [--sets joplin xbd ...]

Prints each figure beside its mark, with the counts behind it, and writes `FOLDER/line.json`. The
Joplin product stays in `FOLDER/joplin`. Everything goes the way of an analyst: `geomage map` for
Joplin, in its own process so that time and memory are its own, and the same engine, product and
score for the rest. Real labels serve only here.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from geomage.evaluation import evaluate_model
from geomage.geo import read_vectors
from geomage.mapping import MapJob, map_rasters
from geomage.product import WORDS, Score, score_product, write_product
from geomage.world.measure import SMALLEST_M2

DESTROYED, DAMAGED = WORDS.index("Destroyed"), WORDS.index("Damaged")
ANALYSED = WORDS.index("Not Analysed")  # columns of a word table before it: found and analysed


@dataclass(frozen=True)
class Figure:
    """One measured figure and its mark."""

    name: str
    value: float
    side: str
    """">=" when the mark is a floor, "<=" when it is a ceiling."""
    mark: float
    counts: str

    @property
    def reached(self) -> bool:
        """Whether the mark is met."""
        return self.value >= self.mark if self.side == ">=" else self.value <= self.mark

    def row(self) -> str:
        """One line of the table."""
        word = "yes" if self.reached else "NO"
        return (
            f"{self.name:44s} {self.value:8.3f} {self.side} {self.mark:<7g} {word:4s} {self.counts}"
        )


@dataclass(frozen=True)
class Bench:
    """What every set needs."""

    model: str
    data: Path
    out: Path
    jobs: int


def building(name: str, score: Score, mark: float) -> Figure:
    """Pooled F1 of building pixels."""
    p = score.pixels
    return Figure(f"{name}: building F1", p.f1, ">=", mark, f"TP {p.tp} FP {p.fp} FN {p.fn} px")


def share(
    table: np.ndarray, grade: int, words: tuple[int, ...], *, missed: bool
) -> tuple[float, str]:
    """Of buildings of one true grade, the share called by some words, and its counts.

    Those that could not be seen at both dates are left out; `missed` counts those not found, as
    called something else.
    """
    row = table[grade - 1]
    part, every = int(row[list(words)].sum()), int(row.sum())
    found = int(row[:ANALYSED].sum())
    of = every - int(row[ANALYSED]) if missed else found
    called = ", ".join(f"{WORDS[k]} {row[k]}" for k in range(len(WORDS)))
    text = f"{part} of {of} ({every} in all; {called}, not found {row[len(WORDS)]})"
    return part / max(of, 1), text


def rate(name: str, score: Score, grade: int, side: str, mark: float) -> Figure:
    """Of grade 4 the share called Destroyed, missed ones too; of found ones of grade 1 Damaged+."""
    assert score.words is not None
    words = (DESTROYED,) if grade == 4 else (DESTROYED, DAMAGED)
    value, counts = share(score.words, grade, words, missed=grade == 4)
    return Figure(name, value, side, mark, counts)


def macro(name: str, score: Score, mark: float) -> Figure:
    """Macro-F1 of the grades over all reference buildings; beside it that over the found ones."""
    assert score.grades is not None
    count, found = int(score.grades.sum()), int(score.grades[:, :4].sum())
    counts = f"{count} buildings; {score.macro_f1_found:.3f} over the {found} found; "
    return Figure(
        f"{name}: macro-F1", score.macro_f1, ">=", mark, counts + f"{_list(score.grades)}"
    )


def pairs(bench: Bench, folder: str, gsd: float) -> Score:
    """Every labelled pair of a folder, pooled; one line for each."""
    evaluation = evaluate_model(bench.model, bench.data / folder, gsd=gsd, jobs=bench.jobs)
    if len(evaluation.pairs) < 10:
        for name, score in evaluation.pairs.items():
            print(f"    {name}: building F1 {score.pixels.f1:.3f}, grades {_list(score.grades)}")
    return evaluation.pooled


def _list(table: np.ndarray | None) -> list[list[int]] | None:
    return None if table is None else table.tolist()


def run_damage(bench: Bench) -> tuple[list[Figure], dict[str, Any]]:
    """XBD and the tornado suburb: grades by building."""
    xbd = pairs(bench, "damage/xbd", 0.5)
    tornado = pairs(bench, "damage/tornado_suburb", 0.5)
    both = xbd + tornado
    figures = [building("xbd", xbd, 0.55), macro("xbd + tornado_suburb", both, 0.42)]
    return figures, {"xbd": xbd.as_dict(), "tornado_suburb": tornado.as_dict()}


def run_mexico(bench: Bench) -> tuple[list[Figure], dict[str, Any]]:
    """Dense blocks, another view angle, almost no damage: false alarms."""
    score = pairs(bench, "damage/mexico_2017", 1.0)
    assert score.words is not None
    words = score.words.sum(0)
    part, found = int(words[[DESTROYED, DAMAGED]].sum()), int(words[:ANALYSED].sum())
    alarm = Figure(
        "mexico_2017: called Damaged or Destroyed",
        part / max(found, 1),
        "<=",
        0.06,
        f"{part} of {found} analysed ({int(words.sum())} in all)",
    )
    return [building("mexico_2017", score, 0.70), alarm], {"mexico_2017": score.as_dict()}


def run_banepa(bench: Bench) -> tuple[list[Figure], dict[str, Any]]:
    """One drone mosaic against OSM."""
    folder = bench.data / "buildings/banepa"
    with tempfile.TemporaryDirectory(prefix="geomage-") as place:
        out = Path(place) / "product"
        job = MapJob(before=(folder / "image.tif",), out=out, model=bench.model, jobs=bench.jobs)
        with map_rasters(job) as result:
            write_product(result, out, before_paths=job.before, after_paths=())
        score = score_product(out, folder / "buildings_osm.geojson", footprints_only=True)
    return [building("banepa", score, 0.76)], {"banepa": score.as_dict()}


def run_joplin(bench: Bench) -> tuple[list[Figure], dict[str, Any]]:
    """The headline scene, by the command line, measured from outside."""
    folder, out = bench.data / "damage/joplin_2011", bench.out / "joplin"
    command = [
        *(sys.executable, "-m", "geomage", "map"),
        *(str(folder / "before.tif"), str(folder / "after.tif"), "-o", str(out), "--overwrite"),
        *("--model", bench.model, "--jobs", str(bench.jobs)),
    ]
    started = time.monotonic()
    process = subprocess.Popen(command)  # noqa: S603 -- our own command
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    if os.waitstatus_to_exitcode(status) not in (0, 3):
        raise SystemExit(f"geomage map failed with {os.waitstatus_to_exitcode(status)}")
    score = score_product(out, buildings_of(folder / "xview2_winner_prediction.shp", bench.out))
    figures = [
        rate("joplin: peer's 4 called Destroyed", score, 4, ">=", 0.88),
        rate("joplin: peer's 1 called Damaged+", score, 1, "<=", 0.15),
        Figure("joplin: map, wall time, s", seconds, "<=", 90, f"{bench.jobs} processes"),
        Figure("joplin: map, peak memory, GiB", usage.ru_maxrss / 2**20, "<=", 1.5, ""),
    ]
    return figures, {"joplin": score.as_dict()}


def buildings_of(peer: Path, out: Path) -> Path:
    """The peer's polygons of a building's size; the smaller ones are slivers of its raster."""
    shapes = read_vectors(peer)
    metres = shapes.to_crs(shapes.estimate_utm_crs()).area
    path = out / "joplin_reference.gpkg"
    path.unlink(missing_ok=True)
    shapes[metres >= SMALLEST_M2].to_file(path)
    print(f"    joplin: {int((metres < SMALLEST_M2).sum())} of {len(shapes)} polygons of the peer "
          f"are under {SMALLEST_M2:g} m2 and left out")  # fmt: skip
    return path


SETS: dict[str, Callable[[Bench], tuple[list[Figure], dict[str, Any]]]] = {
    "joplin": run_joplin,
    "damage": run_damage,
    "mexico": run_mexico,
    "banepa": run_banepa,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = Path(__file__).resolve().parents[1]
    data = Path(os.environ.get("GEOMAGE_DATA") or root.parent / "shared/data")
    parser.add_argument("--model", default="default")
    parser.add_argument("-o", "--out", type=Path, default=root / "out/line")
    parser.add_argument("--data", type=Path, default=data)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    args = parser.parse_args()
    if not args.data.is_dir():
        raise SystemExit(f"no real imagery at {args.data}: set GEOMAGE_DATA to its folder")
    args.out.mkdir(parents=True, exist_ok=True)
    bench = Bench(args.model, args.data, args.out, args.jobs)
    figures: list[Figure] = []
    scores: dict[str, Any] = {}
    for name in args.sets:
        new, facts = SETS[name](bench)
        figures += new
        scores.update(facts)
        print(*(f.row() for f in new), sep="\n", flush=True)
    facts = {"figures": [{**asdict(f), "reached": f.reached} for f in figures], "scores": scores}
    (args.out / "line.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    print(f"{sum(f.reached for f in figures)} of {len(figures)} marks reached")


if __name__ == "__main__":
    main()
