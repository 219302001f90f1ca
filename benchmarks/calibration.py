"""Is the model as sure as it may be, and do its intervals hold the truth? On maps of known truth.

    python -m benchmarks.calibration [-o FOLDER] [--data DATA] [--model MODEL] [--write]

Simulates events of all hazards that no training has seen, maps them as a user's images are, and
holds each outline that was assessed against the truth. One set of events fits (the calibration, the
table of errors), another tests. Prints:

- the expected calibration error (Guo et al. 2017, equation 3; 15 bins of equal width) of what the
  model says and of what the product says, by hazard and on the real sets, with reliability tables;
- how often 90 % intervals hold the truth, and how wide they are.

Outlines are kept in FOLDER and not made again. `--write` keeps what was measured in the package
(`product/measured`) and the maps of the test in `tests/data`. About 25 minutes.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from tqdm import tqdm

from benchmarks._simulated_maps import HAZARDS, UNKNOWN, Outlines, real, simulated
from geomage.model import load_model
from geomage.product.folder import sha256_of
from geomage.product.grading import confidences
from geomage.product.intervals import draw_truths, interval
from geomage.product.measured import Calibration, Errors

TEST_SEED, FIT_SEED = 1007, 2007
REAL = {"xbd": 0.5, "tornado_suburb": 0.5, "mexico_2017": 1.0}
"""Labelled real sets, and the GSD stated for their images."""
BINS = 15
FEWEST = 8  # outlines assessed on a map whose interval is looked at
PENALTY = 1e-3  # on what of W is off its diagonal, and on b (Kull et al. 2019, ODIR)
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Reliability:
    """One bin: mean confidence, share that was right, outlines."""

    confidence: float
    right: float
    count: int


def reliability(confidence: np.ndarray, right: np.ndarray) -> list[Reliability]:
    """The bins that hold anything."""
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return [
        Reliability(float(confidence[at].mean()), float(right[at].mean()), int(at.sum()))
        for at in (place == number for number in range(BINS))
        if at.any()
    ]


def ece(bins: list[Reliability]) -> float:
    """Expected calibration error: mean of |confidence - right|, weighed by count."""
    count = sum(one.count for one in bins)
    return sum(one.count * abs(one.confidence - one.right) for one in bins) / max(count, 1)


def fit(outlines: Outlines) -> Calibration:
    """The calibration of least cross-entropy with its penalty, from outlines that are buildings."""
    some = outlines.where(outlines.truth > 0)
    x = np.log(np.clip(some.p, 1e-4, 1))
    target = np.eye(4)[some.truth - 1]
    off = 1 - np.eye(4)

    def cost(theta: np.ndarray) -> tuple[float, np.ndarray]:
        W, b = theta[:16].reshape(4, 4), theta[16:]
        z = x @ W.T + b
        z -= z.max(axis=1, keepdims=True)
        q = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        loss = -np.log(np.maximum((q * target).sum(axis=1), 1e-12)).mean()
        slope = (q - target) / len(x)
        dW, db = slope.T @ x + 2 * PENALTY * W * off, slope.sum(axis=0) + 2 * PENALTY * b
        penalty = PENALTY * (((W * off) ** 2).sum() + (b**2).sum())
        return loss + penalty, np.concatenate([dW.ravel(), db])

    start = np.concatenate([np.eye(4).ravel(), np.zeros(4)])
    theta = minimize(cost, start, jac=True, method="L-BFGS-B").x.round(5)
    return Calibration(theta[:16].reshape(4, 4), theta[16:])


def judge(outlines: Outlines, calibration: Calibration) -> dict[str, Any]:
    """Every ECE of one set, of outlines that are buildings; and the counts behind it."""
    some = outlines.where(outlines.truth > 0)
    if not len(some.word):
        return {"outlines": len(outlines.word), "buildings": 0}
    record: dict[str, Any] = {"outlines": len(outlines.word), "buildings": len(some.word)}
    record["no_building"] = int((outlines.truth == 0).sum())
    right = is_right(some)
    for name, p in (("model", some.p), ("product", calibration(some.p))):
        top = reliability(p.max(axis=1), p.argmax(axis=1) + 1 == some.truth)
        hurt = reliability(1 - p[:, 0], some.truth > 1)
        word = reliability(confidences(some.word, p), right)
        record[name] = {
            "ece_grade": ece(top), "ece_any_damage": ece(hurt), "ece_word": ece(word),
            "grade": [asdict(one) for one in top], "word": [asdict(one) for one in word],
        }  # fmt: skip
    return record


def is_right(some: Outlines) -> np.ndarray:
    """Whether the word of each building is what it is; Possibly damaged where there is damage."""
    truth = some.truth
    states = [truth == 4, (truth == 2) | (truth == 3), truth > 1, truth == 1]
    return np.choose(some.word, states)


def tables(outlines: Outlines) -> np.ndarray:
    """(event, 5, 4) outlines by truth and word, of maps with enough of them."""
    known = outlines.where(outlines.truth != UNKNOWN)
    found = []
    for event in np.unique(known.event):
        one = known.where(known.event == event)
        if len(one.word) >= FEWEST:
            counts = np.zeros((5, 4), int)
            np.add.at(counts, (one.truth, one.word), 1)
            found.append(counts)
    return np.array(found).reshape(-1, 5, 4)


def coverage(maps: np.ndarray, errors: Errors) -> dict[str, Any]:
    """How often the intervals of maps hold what is true, and how wide they are."""
    rows = [_held(counts, errors, np.random.default_rng([1, k])) for k, counts in enumerate(maps)]
    names = rows[0].keys() if rows else ()
    return {"maps": len(maps)} | {
        name: {
            "held": float(np.mean([row[name][0] for row in rows])),
            "width": float(np.mean([row[name][1] for row in rows])),
        }
        for name in names
    }


def _held(
    counts: np.ndarray, errors: Errors, rng: np.random.Generator
) -> dict[str, tuple[bool, float]]:
    drawn = draw_truths(counts.sum(axis=0), errors, rng)
    by = counts.sum(axis=1)
    size = max(int(by[1:].sum()), 1)
    true = {"share_damaged": by[2:].sum() / size, "damaged": by[2:].sum(), "destroyed": by[4],
            "buildings": by[1:].sum()}  # fmt: skip
    out = {}
    for name, value in true.items():
        found = interval(getattr(drawn, name))
        scale = 1 if name == "share_damaged" else counts.sum()
        out[name] = (found.low <= value <= found.high, (found.high - found.low) / scale)
    return out


def mixed(fitted: np.ndarray, sets: dict[str, np.ndarray]) -> Errors:
    """Simulated maps and real ones, half the weight each; every real set weighs as its root."""
    parts, weights = [fitted], [np.full(len(fitted), 0.5 / len(fitted))]
    root = {name: len(maps) ** 0.5 for name, maps in sets.items() if len(maps)}
    for name, each in root.items():
        parts.append(sets[name])
        weights.append(np.full(len(sets[name]), 0.5 * each / sum(root.values()) / len(sets[name])))
    known = ", ".join(f"{len(maps)} of {name}" for name, maps in sets.items() if len(maps))
    about = f"{len(fitted)} maps of simulated events" + (f"; real maps: {known}" if known else "")
    weight = np.concatenate(weights)
    return Errors(np.concatenate(parts).astype(float), weight / weight.sum(), about)


def gathered(args: argparse.Namespace, seed: int, count: int) -> dict[str, Outlines]:
    """Outlines of simulated events by hazard; those kept are not made again."""
    found = {}
    for hazard in HAZARDS:
        each = []
        for index in tqdm(range(count), f"{hazard} {seed}", unit="map", disable=None):
            path = args.out / "outlines" / f"{seed}_{hazard}_{index}.npz"
            one = simulated(seed, hazard, range(index, index + 1), args.model)
            each.append(kept(path, one))
        each = [Outlines(np.full(len(o.word), k), o.p, o.word, o.truth) for k, o in enumerate(each)]
        found[hazard] = Outlines.joined(each)
    return found


def gathered_real(args: argparse.Namespace) -> dict[str, Outlines]:
    """Outlines of the labelled real sets, of those that are there."""
    found = {}
    for name, gsd in REAL.items():
        folder = args.data / "damage" / name
        if folder.is_dir():
            parts = real(folder, gsd, args.model)
            found[name] = kept(args.out / "outlines" / f"real_{name}.npz", parts)
    return found


def kept(path: Path, parts: Iterator[Outlines]) -> Outlines:
    """Outlines from a file, made and kept where there is none."""
    if not path.is_file():
        made = Outlines.joined(list(parts))
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **{f.name: getattr(made, f.name) for f in fields(Outlines)})
    with np.load(path) as file:
        return Outlines(*(file[f.name] for f in fields(Outlines)))


def show(name: str, record: dict[str, Any]) -> None:
    """One row."""
    if not record["buildings"]:
        print(f"{name:16s} no building")
        return
    cells = "".join(
        f"{record[who][key]:9.3f}"
        for key in ("ece_grade", "ece_any_damage", "ece_word")
        for who in ("model", "product")
    )
    print(f"{name:16s}{record['buildings']:6d}{record['no_building']:6d}{cells}", flush=True)


def show_coverage(name: str, record: dict[str, Any]) -> None:
    """One row: share of maps whose interval holds the truth, and its mean width."""
    cells = "".join(
        f"  {key} {one['held']:.3f} ({one['width']:.2f})"
        for key, one in record.items()
        if key != "maps"
    )
    print(f"{name:16s}{record['maps']:4d} maps{cells}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data = Path(os.environ.get("GEOMAGE_DATA") or ROOT.parent / "shared/data")
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "out/calibration")
    parser.add_argument("--data", type=Path, default=data)
    parser.add_argument("--model", default="default")
    parser.add_argument("--test", type=int, default=34, help="events a hazard that test")
    parser.add_argument("--fit", type=int, default=34, help="events a hazard that fit")
    parser.add_argument("--write", action="store_true", help="keep it in the package")
    args = parser.parse_args()
    fitted, tested = gathered(args, FIT_SEED, args.fit), gathered(args, TEST_SEED, args.test)
    true = gathered_real(args)
    calibration = fit(Outlines.joined([*fitted.values()]))
    facts = report(calibration, fitted, tested, true)
    (args.out / "calibration.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    if args.write:
        write(args.model, calibration, maps_of(fitted), {n: tables(o) for n, o in true.items()},
              facts, maps_of(tested))  # fmt: skip


def maps_of(by_hazard: dict[str, Outlines]) -> np.ndarray:
    """The tables of all hazards."""
    return np.concatenate([tables(one) for one in by_hazard.values()])


def report(
    calibration: Calibration,
    fitted: dict[str, Outlines],
    tested: dict[str, Outlines],
    true: dict[str, Outlines],
) -> dict[str, Any]:
    """Print and return every figure."""
    head = "".join(f"{what:>18s}" for what in ("grade", "any damage", "word"))
    print(f"expected calibration error, model then product\n{'':16s} known  none{head}")
    sets = {"simulated": Outlines.joined([*tested.values()]), **tested, **true}
    judged = {name: judge(one, calibration) for name, one in sets.items()}
    for name, record in judged.items():
        show(name, record)
    for name in ("simulated", *true):
        print(f"reliability of `confidence`, {name}: said, was right, buildings")
        for one in judged[name]["product"]["word"]:
            print(f"    {one['confidence']:.3f}  {one['right']:.3f}  {one['count']}")
    real_maps = {name: tables(one) for name, one in true.items()}
    errors = mixed(maps_of(fitted), real_maps)
    print(f"90 % intervals, errors of {errors.about}: share that holds the truth (mean width)")
    held = {"simulated": coverage(maps_of(tested), errors)}
    held |= {hazard: coverage(tables(one), errors) for hazard, one in tested.items()}
    for name, maps in real_maps.items():  # without its own set
        rest = {other: m for other, m in real_maps.items() if other != name}
        held[name] = coverage(maps, mixed(maps_of(fitted), rest))
    for name, record in held.items():
        show_coverage(name, record)
    return {"calibration": judged, "intervals": held}


def write(
    name: str, calibration: Calibration, fitted: np.ndarray, real_maps: dict[str, np.ndarray],
    facts: dict[str, Any], tested: np.ndarray,
) -> None:  # fmt: skip
    """Keep what was measured where the product looks for it, and the tested maps for a test."""
    model = load_model(name)
    errors = mixed(fitted, real_maps)
    figures = facts["calibration"]["simulated"]
    record = {
        "model": model.card.name, "version": model.card.version, "sha256": sha256_of(model.path),
        "calibration": {
            "W": calibration.W.tolist(), "b": calibration.b.tolist(),
            "ece_of_simulated": {w: round(figures[w]["ece_word"], 4) for w in ("model", "product")},
        },
        "errors": {
            "about": errors.about, "weight": errors.weight.round(8).tolist(),
            "counts": errors.counts.astype(int).tolist(),
        },
    }  # fmt: skip
    folder = ROOT / "src/geomage/product/measured"
    folder.mkdir(exist_ok=True)
    path = folder / f"{model.card.name}-{model.card.version}.json"
    path.write_text(json.dumps(record, separators=(",", ":")) + "\n", encoding="utf-8")
    path = ROOT / "tests/data/mapped_events.json"
    path.write_text(json.dumps(tested.tolist(), separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"kept in {folder} and {path}")


if __name__ == "__main__":
    main()
