"""How fast each backend and precision runs a model, in what memory, and what it costs in accuracy.

    python -m benchmarks.backends [--model MODEL] [--int8 MODEL] [-o FILE] [--data DATA]

One thread, rounds in turn, medians of CPU time; memory is the peak of a process of its own above
what it held before the model was opened. The loss is that of pooled F1 of building pixels on the
real pairs of xBD and the tornado suburb, straight on arrays.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.quick import SETS
from geomage.errors import GeomageError
from geomage.learn.evaluate import predict_whole
from geomage.metrics import BinaryCounts, binary_counts
from geomage.model import BACKENDS, Model, load_model

ROUNDS = 5


def images(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Two images with structure at 1, 8 and 64 px, the same each time."""
    rng = np.random.default_rng(6)
    sums = np.zeros((2, 3, side, side), np.float32)
    for step in (1, 8, 64):
        coarse = rng.random((2, 3, -(-side // step), -(-side // step)), np.float32)
        sums += np.kron(coarse, np.ones((step, step), np.float32))[..., :side, :side] / 3
    counts = np.rint(sums * 255).astype(np.uint8)
    return counts[:1], counts[1:]


def open_all(full: str, int8: str | None) -> dict[str, Model]:
    """Every backend in every precision that can run here."""
    found = {}
    for name, backend in BACKENDS.items():
        for precision in backend.precisions:
            file = int8 if precision == "int8" else full
            if file is None:
                continue
            try:
                found[f"{name}/{precision}"] = load_model(
                    file, 1, backend=name, precision=precision, accept_loss=True
                )
            except GeomageError as error:
                print(f"left out: {name}/{precision}: {error}")
    return found


def seconds(models: dict[str, Model], side: int) -> dict[str, float]:
    """Median CPU seconds of one call, all models in turn; the first round warms up."""
    pair = images(side)
    times: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(ROUNDS + 1):
        for name, model in models.items():
            started = time.process_time()
            model.predict(*pair)
            times[name].append(time.process_time() - started)
    return {name: statistics.median(one[1:]) for name, one in times.items()}


def peak(name: str, model: Model, side: int) -> int:
    """Bytes that opening a model and two calls add to a fresh process."""
    backend, precision = name.split("/")
    words = ["--peak", str(model.path), backend, precision, "--side", str(side)]
    command = [sys.executable, "-m", "benchmarks.backends", *words]
    return int(subprocess.check_output(command, text=True).split()[-1])  # noqa: S603 -- ours


def most_resident() -> int:
    """Most bytes this process has held; getrusage would tell its parent's where that is more."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(text.split("VmHWM:")[1].split()[0])


def print_peak(file: str, backend: str, precision: str, side: int) -> None:
    pair = images(side)
    before = most_resident()
    model = load_model(file, 1, backend=backend, precision=precision, accept_loss=True)
    for _ in range(2):
        model.predict(*pair)
    print(most_resident() - before)


def building_f1(models: dict[str, Model], data: Path) -> dict[str, float]:
    """Pooled F1 of building pixels over real pairs."""
    counts = {name: BinaryCounts(0, 0, 0) for name in models}
    for case in (c for name in ("xbd", "tornado") for c in SETS[name](data)):
        for name, model in models.items():
            dates, card = (case.before, case.after), model.card
            said = predict_whole(model.predict, *dates, card.stride, card.trim).landcover[0, 7]
            hit = binary_counts(case.truth > 0, said >= model.card.building_threshold)
            counts[name] = counts[name] + hit
    return {name: one.f1 for name, one in counts.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = Path(__file__).resolve().parents[1]
    data = Path(os.environ.get("GEOMAGE_DATA") or root.parent / "shared/data")
    parser.add_argument("--model", default="default")
    parser.add_argument("--int8", help="what `geomage quantise` made of it")
    parser.add_argument("-o", "--out", type=Path)
    parser.add_argument("--data", type=Path, default=data)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--peak", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peak:
        print_peak(*args.peak, args.side)
        return
    models = open_all(args.model, args.int8)
    times = seconds(models, args.side)
    scores = building_f1(models, args.data) if args.data.is_dir() else {}
    slowest, best = times["onnxruntime/fp32"], scores.get("onnxruntime/fp32", float("nan"))
    rows = []
    print(f"{'backend/precision':20s} {'Mpx/CPU-s':>9s} {'ratio':>6s} {'MiB':>5s} {'B/px':>5s} "
          f"{'F1':>7s} {'lost, points':>12s}")  # fmt: skip
    for name, model in models.items():
        there = peak(name, model, args.side)
        f1 = scores.get(name, float("nan"))
        row = {
            "name": name,
            "mpx_per_cpu_second": args.side**2 / 1e6 / times[name],
            "ratio": slowest / times[name],
            "peak_bytes": there,
            "bytes_per_pixel": there / args.side**2,
            "building_f1": f1,
            "lost_points": 100 * (best - f1),
        }
        rows.append(row)
        print(f"{name:20s} {row['mpx_per_cpu_second']:9.2f} {row['ratio']:6.2f} "
              f"{there / 2**20:5.0f} {row['bytes_per_pixel']:5.0f} {f1:7.4f} "
              f"{row['lost_points']:12.2f}", flush=True)  # fmt: skip
    if args.out:
        args.out.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
