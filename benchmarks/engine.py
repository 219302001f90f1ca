"""The engine of `geomage map` against the bare model, other tilings, and its own marks.

    python -m benchmarks.engine [--parts throughput peers memory windows workers] [--side 8192]
        [--model MODEL] [--data FOLDER] [--site FOLDER ...] [-o engine.json]

- throughput: the pass that runs the model against the bare model on the same windows, and on the
  same useful pixels without a halo; and `map_rasters` from end to end. Two dates, deflate COGs,
  in turns in one process; medians.
- peers: torchgeo's grid sampling, TerraTorch's tiled inference and geoai's, each in a process of
  its own, on the same network and one date: time, peak memory, and on a small image the largest
  difference to what one forward over all of it says. `--site` names folders they were installed to.
- memory: peak of `geomage map` on sparse rasters of several sides with the same blocks of data.
- windows: probabilities in windows of several sides, before they become counts.
- workers: `--jobs 2` on two cores against one process bound to one, one thread each.

Images are mirror images of a real pair (Joplin 2011, NAIP and what followed). Without `--model` it
is the shipped model; with `--untrained` the network that is trained next, as it is before training:
time and memory do not depend on weights.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._engine_images import mirrored, read_pair, write_dense, write_sparse
from benchmarks._engine_memory import geomage, watch
from benchmarks._engine_models import SMALL, untrimmed, write_untrained
from benchmarks._engine_ours import (
    Time,
    bare,
    in_windows,
    map_all,
    ready,
    timed,
    without_halo,
)
from benchmarks._engine_peers import WAYS, ask, seams
from geomage.mapping.predict import BUILDING
from geomage.model import default_model_path, load_model
from geomage.workers import cores

MARKS = {
    "of bare forward": (">=", 0.95),
    "of useful pixels": (">=", 0.85),
    "recomputation": ("<=", 1.13),
    "peak GiB": ("<=", 1.0),
    "largest peak over least": ("<=", 1.1),
    "largest difference": ("<=", 1e-4),
    "equal classes": (">=", 0.99999),
    "two workers": (">=", 1.8),
}


@dataclass(frozen=True)
class Setting:
    """What every part is given."""

    words: argparse.Namespace
    place: Path
    pair: tuple[np.ndarray, np.ndarray]
    model: Path

    def dense(self, side: int) -> tuple[Path, Path]:
        """COGs of both dates, made once."""
        paths = (self.place / f"before{side}.tif", self.place / f"after{side}.tif")
        for path, sample in zip(paths, self.pair, strict=True):
            if not path.exists():
                write_dense(path, sample, side)
        return paths


def throughput(setting: Setting) -> dict[str, Any]:
    """Medians over turns of bare model, our pass, bare model without halo, and the whole chain."""
    words, (before, after) = setting.words, setting.dense(setting.words.side)
    model = load_model(setting.model, words.threads)
    small = load_model(untrimmed(setting.model, setting.place / "whole.onnx"), words.threads)
    out = setting.place / "throughput"
    with ready(model, (before,), (after,), out) as job:
        shapes, chip = job.shapes(), job.chip()
        useful = without_halo(shapes, model.card.halo)
        ways: dict[str, Callable[[], object]] = {
            "bare forward": lambda: bare(model, chip, shapes),
            "our pass": job.predict,
            "bare, useful pixels": lambda: bare(small, chip, useful),
            "map_rasters": lambda: map_all(setting.model, before, after, setting.place / "all"),
        }
        bare(model, chip, shapes[:1])
        took = _in_turns(ways, words.turns)
    wall = {name: float(np.median([one.wall for one in times])) for name, times in took.items()}
    ours = wall["our pass"]
    return {
        "seconds": wall,
        "all": {name: [round(one.wall, 3) for one in times] for name, times in took.items()},
        "cpu": {name: [round(one.cpu, 3) for one in times] for name, times in took.items()},
        "Mpx a second and core": words.side**2 / 1e6 / ours / words.threads,
        "chain, Mpx a second and core": words.side**2 / 1e6 / wall["map_rasters"] / words.threads,
        "of bare forward": wall["bare forward"] / ours,
        "of useful pixels": wall["bare, useful pixels"] / ours,
        "recomputation": wall["bare forward"] / wall["bare, useful pixels"],
        "pixels seen a pixel": sum(a * b for a, b in shapes) / words.side**2,
    }


def _in_turns(ways: dict[str, Callable[[], object]], turns: int) -> dict[str, list[Time]]:
    took: dict[str, list[Time]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, way in ways.items():
            took[name].append(timed(way))
    return took


def peers(setting: Setting) -> dict[str, Any]:
    """Time, peak and seams of each tiling, or what keeps it from being imported."""
    words = setting.words
    model = untrimmed(setting.model, setting.place / "whole.onnx")
    image, few = setting.dense(words.side)[0], setting.dense(words.seam_side)[0]
    reference = setting.place / "whole.tif"
    ask("whole image", few, model, reference, words)
    found = {}
    for way in WAYS[1:]:
        ours = setting.model if way == "geomage" else model
        told = ask(way, image, ours, setting.place / "peer.tif", words)
        if "error" not in told:
            told |= {"Mpx a second and core": words.side**2 / 1e6 / told["wall"] / words.threads}
            if way != "geomage":  # its tiles hold counts; see windows
                ask(way, few, model, setting.place / "few.tif", words)
                told |= seams(setting.place / "few.tif", reference)
        found[way] = told
        print(f"{way:22} {_peer_words(told)}", flush=True)
    return found


def memory(setting: Setting) -> dict[str, Any]:
    """Peak of `geomage map` by side of the raster, and of each pass."""
    peaks: dict[str, Any] = {}
    for side in setting.words.sides:
        paths = [setting.place / f"sparse{k}.tif" for k in (0, 1)]
        for path, sample in zip(paths, setting.pair, strict=True):
            write_sparse(path, sample, side)
        out = setting.place / "sparse"
        command = geomage("map", *paths, "-o", out, "--overwrite", "--memory", setting.words.memory,
                          "--model", setting.model)  # fmt: skip
        peak = watch(command, out.with_name(f".{out.name}.work"), codes=(0, 3))
        peaks[str(side)] = {"peak GiB": peak.bytes / 2**30, "seconds": peak.seconds,
                            "passes": peak.passes}  # fmt: skip
        print(f"{side:>7} px: {peak.bytes / 2**20:.0f} MiB, {peak.seconds:.0f} s", flush=True)
    held = [one["peak GiB"] for one in peaks.values()]
    return {
        "sides": peaks,
        "peak GiB": max(held),
        "largest peak over least": max(held) / min(held),
    }


def windows(setting: Setting) -> dict[str, Any]:
    """Largest difference of probabilities and share of equal classes, to the whole image."""
    side, model = setting.words.seam_side, load_model(setting.model, setting.words.threads)
    first, second = (np.ascontiguousarray(mirrored(one, side)) for one in setting.pair)
    whole = in_windows(model, (first, second), side)
    found: dict[str, Any] = {}
    for window in (512, 1024, 2048):
        if window >= side:
            continue
        parts = in_windows(model, (first, second), window)
        found[str(window)] = {
            "largest difference": float(np.abs(parts - whole).max()),
            "equal classes": float(_equal(parts, whole)),
        }
    return {
        "side": side,
        "standard deviation of building": float(whole[BUILDING].std()),
        "windows": found,
        "largest difference": max(one["largest difference"] for one in found.values()),
        "equal classes": min(one["equal classes"] for one in found.values()),
    }


def _equal(one: np.ndarray, other: np.ndarray) -> np.floating[Any]:
    """Least share of pixels of equal class, of land cover and of grade."""
    ends = ((0, 8), (8, 12))
    same = [one[a:b].argmax(0) == other[a:b].argmax(0) for a, b in ends]
    return np.min([each.mean() for each in same])


def workers(setting: Setting) -> dict[str, Any]:
    """One process on one core against two on two; the model's pass, and all of `geomage map`."""
    images, took = setting.dense(setting.words.workers_side), {}
    for jobs, bound in ((1, "0"), (2, "0,1")):
        out = setting.place / f"jobs{jobs}"
        command = geomage("map", *images, "-o", out, "--jobs", str(jobs), "--model", setting.model)
        command += ["--memory", "4GiB"]  # two processes share it
        command = ["taskset", "-c", bound, *command]
        peak = watch(command, out.with_name(f".{out.name}.work"), codes=(0, 3))
        took[jobs] = {"all": peak.seconds, "model": peak.passes["model"]["seconds"]}
    return {
        "seconds": took,
        "two workers": took[1]["model"] / took[2]["model"],
        "two workers, whole command": took[1]["all"] / took[2]["all"],
    }


PARTS: dict[str, Callable[[Setting], dict[str, Any]]] = {
    "throughput": throughput,
    "peers": peers,
    "memory": memory,
    "windows": windows,
    "workers": workers,
}


def _peer_words(told: dict[str, Any]) -> str:
    if "error" in told:
        return f"does not import: {told['error']}"
    seam = f", seams {told['largest difference']:.1e}" if "largest difference" in told else ""
    return (
        f"{told['wall']:.1f} s, {told['Mpx a second and core']:.3f} Mpx/s/core, "
        f"{told['peak GiB']:.2f} GiB{seam}"
    )


def held_to_marks(found: dict[str, Any]) -> list[str]:
    """A line for each figure that has a mark."""
    lines = []
    for part, facts in found.items():
        for name, (sign, mark) in MARKS.items():
            if name in facts and part != "peers":
                good = facts[name] >= mark if sign == ">=" else facts[name] <= mark
                lines.append(f"{part:12} {name:26} {facts[name]:10.5g}  {sign} {mark:g}  "
                             f"{'kept' if good else 'MISSED'}")  # fmt: skip
    return lines


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--side", type=int, default=8192, help="of throughput and peers, px")
    parser.add_argument("--seam-side", type=int, default=3072, help="of windows and seams, px")
    parser.add_argument("--workers-side", type=int, default=8192, help="of workers, px")
    parser.add_argument("--sides", type=int, nargs="+", default=[8192, 32768, 100_000])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--memory", default="1GiB", help="budget that geomage map is given")
    parser.add_argument("--model", type=Path, help="an ONNX file; the shipped one when not given")
    parser.add_argument("--untrained", action="store_true", help="the next network, untrained")
    parser.add_argument("--small", action="store_true", help="a network of 8 channels, for trials")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/damage/joplin_2011"))
    parser.add_argument("--site", type=Path, nargs="*", default=[])
    parser.add_argument("--place", type=Path, help="folder for what is made; the system's if none")
    parser.add_argument("-o", "--out", type=Path)
    return parser.parse_args()


def main() -> None:
    words = _words()
    found: dict[str, Any] = {}
    facts = {"load": os.getloadavg()[0], "threads": words.threads, "side": words.side}
    with tempfile.TemporaryDirectory(dir=words.place) as folder:
        place = Path(folder)
        params = SMALL if words.small else None
        if words.model and (words.untrained or words.small):
            raise SystemExit("give --model or an untrained network, not both")
        model = words.model or default_model_path()
        if words.untrained or words.small:
            model = write_untrained(place / "untrained.onnx", params)
        setting = Setting(words, place, read_pair(words.data), model)
        for part in words.parts:
            found[part] = PARTS[part](setting)
            print(json.dumps({part: found[part]}, indent=1), flush=True)
            if words.out:
                words.out.write_text(
                    json.dumps({**facts, "marks": MARKS, **found}, indent=2) + "\n", "utf-8"
                )
    print(f"load {facts['load']:.1f}, {words.threads} threads, {words.side} px")
    print("\n".join(held_to_marks(found)))


if __name__ == "__main__":
    main()
