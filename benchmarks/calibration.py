"""Is the model as sure as it may be, and do its intervals hold the truth? On maps of known truth.

    python -m benchmarks.calibration [-o FOLDER] [--data DATA] [--model MODEL] [--write]

Simulates events of all hazards that no training has seen, maps them as a user's images are, and
holds each outline that was assessed against the truth. Whatever is fitted is judged on events it
was not fitted on: calibrations five-fold by event, intervals with the map itself left out of what
was measured, those of a real set without that set. Prints:

- the expected calibration error (Guo et al. 2017, equation 3; 15 bins of equal width) of what the
  model says, and of what the product says without and with the kind of event stated, by hazard and
  on the real sets, with reliability tables. A hazard has a calibration of its own where that tells
  its held-out events better (cross-entropy). Of each simulated map 60 buildings at most count,
  drawn at random: else a few towns of 800 huts, all right or all wrong together, would speak for
  all hazards. `every building` has no such cap;
- how often 90 % intervals hold the truth, and how wide they are;
- of the damaged buildings of each hazard, how many are called No visible damage.

Outlines are kept in FOLDER by model and not made again, so that a run that was stopped goes on;
remove FOLDER when the simulator changed. `--write` keeps what was measured in the package
(`product/measured`), fitted on all events. About 25 minutes on two cores; `--count 5` tries the
code in four.
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
from geomage.product.grading import GRADE_WORDS, WORDS, confidences
from geomage.product.intervals import draw_truths, interval
from geomage.product.measured import Calibration, Errors, without

SEED = 1007  # of the events; no recipe trains on it
FOLDS = 5
MOST = 60  # buildings of one map that count for a calibration
REAL = {"xbd": 0.5, "tornado_suburb": 0.5, "mexico_2017": 1.0}
"""Labelled real sets, and the GSD stated for their images."""
HAPPENED = {
    "xbd": ("volcano", "flood", "flood", "flood", "flood", "tsunami"),
    "tornado_suburb": ("storm",),
    "mexico_2017": ("earthquake",),
}
"""What each pair was struck by, by name: of the hurricanes it is water that is seen. The last one
stands for all further ones."""
BINS = 15
FEWEST = 8  # outlines assessed on a map whose interval is looked at
PULL = 1e-2  # of the calibration of one hazard to that of all
PENALTY = 1e-3  # on what of W is off its diagonal, and on b (Kull et al. 2019, ODIR)
ROOT = Path(__file__).resolve().parents[1]


Judged = tuple[Outlines, np.ndarray, np.ndarray]
"""Outlines, and honest probabilities (n, 4) from calibrations that have not seen them: over all
kinds of event, and of their own kind."""
WAYS = ("model", "unstated", "product")
"""Whose probabilities are judged: the model's, the product's without and with --event-type."""


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


def fit(outlines: Outlines, near: Calibration | None = None, pull: float = PENALTY) -> Calibration:
    """The calibration of least cross-entropy with its penalty, from outlines that are buildings.

    Args:
        outlines: of which those that are buildings count.
        near: where W and b are drawn to; None draws b, and W off its diagonal, to nothing.
        pull: weight of that.
    """
    some = outlines.where(outlines.truth > 0)
    x = np.log(np.clip(some.p, 1e-4, 1))
    target = np.eye(4)[some.truth - 1]
    W0, b0 = (np.eye(4), np.zeros(4)) if near is None else (near.W, near.b)
    drawn = 1 - np.eye(4) if near is None else np.ones((4, 4))

    def cost(theta: np.ndarray) -> tuple[float, np.ndarray]:
        W, b = theta[:16].reshape(4, 4), theta[16:]
        z = x @ W.T + b
        z -= z.max(axis=1, keepdims=True)
        q = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        loss = -np.log(np.maximum((q * target).sum(axis=1), 1e-12)).mean()
        slope = (q - target) / len(x)
        away = (W - W0) * drawn
        dW, db = slope.T @ x + 2 * pull * away, slope.sum(axis=0) + 2 * pull * (b - b0)
        penalty = pull * ((away**2).sum() + ((b - b0) ** 2).sum())
        return loss + penalty, np.concatenate([dW.ravel(), db])

    start = np.concatenate([W0.ravel(), b0])
    theta = minimize(cost, start, jac=True, method="L-BFGS-B").x.round(5)
    return Calibration(theta[:16].reshape(4, 4), theta[16:])


def judge(parts: list[Judged]) -> dict[str, Any]:
    """Every ECE of one set, of outlines that are buildings; and the counts behind it."""
    every = Outlines.joined([one for one, *_ in parts])
    built = every.truth > 0
    some = every.where(built)
    honest = [np.concatenate([one[k] for one in parts])[built] for k in (1, 2)]
    record: dict[str, Any] = {
        "buildings": len(some.word), "no_building": int((every.truth == 0).sum()),
    }  # fmt: skip
    right = is_right(some)
    for name, p in zip(WAYS, (some.p, *honest), strict=True):
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


def coverage(maps: np.ndarray, errors: Errors, *, own: bool = False) -> dict[str, Any]:
    """How often the intervals of maps hold what is true, and how wide they are.

    `own`: the maps are the first of the errors, and each is left out of what judges it.
    """
    rows = [
        _held(counts, without(errors, k) if own else errors, np.random.default_rng([1, k]))
        for k, counts in enumerate(maps)
    ]
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
            }  # fmt: skip
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
    return Errors(np.concatenate(parts).astype(float), weight / weight.sum(), about, len(fitted))


def gathered(args: argparse.Namespace) -> dict[str, Outlines]:
    """Outlines of simulated events by hazard; those kept are not made again."""
    found = {}
    for hazard in HAZARDS:
        each = []
        for index in tqdm(range(args.count), hazard, unit="map", disable=None):
            path = args.outlines / f"{SEED}_{hazard}_{index}.npz"
            each.append(kept(path, simulated(SEED, hazard, range(index, index + 1), args.model)))
        found[hazard] = Outlines.joined(each)
    return found


def capped(outlines: Outlines) -> Outlines:
    """Buildings, at most `MOST` of each map."""
    rng = np.random.default_rng(0)
    rows = [
        rng.permutation(np.flatnonzero((outlines.event == event) & (outlines.truth > 0)))[:MOST]
        for event in np.unique(outlines.event)
    ]
    return outlines.where(np.sort(np.concatenate(rows)))


def fit_all(by_hazard: dict[str, Outlines]) -> tuple[Calibration, dict[str, Calibration]]:
    """The calibration of all events, and those of each hazard, drawn to it.

    Of each map as many buildings as count.
    """
    each = {name: capped(one) for name, one in by_hazard.items()}
    whole = fit(Outlines.joined([*each.values()]))
    return whole, {name: fit(one, whole, PULL) for name, one in each.items()}


def better_apart(parts: list[Judged]) -> bool:
    """Whether events of one hazard are told better by their own calibration than by that of all.

    By cross-entropy on the events that neither has seen.
    """
    loss = np.zeros(2)
    for some, *ways in parts:
        built = np.flatnonzero(some.truth > 0)
        true = some.truth[built] - 1
        loss += [-np.log(np.maximum(p[built, true], 1e-12)).sum() for p in ways]
    return bool(loss[1] < loss[0])


def settled(parts: list[Judged], *, apart: bool) -> list[Judged]:
    """The same with what the product uses as the last: that of all, where it is not `apart`."""
    return parts if apart else [(one, whole, whole) for one, whole, _ in parts]


def missed(outlines: Outlines) -> list[int]:
    """Damaged buildings called No visible damage, and all damaged ones, of those that count."""
    some = capped(outlines)
    hurt = some.truth > 1
    return [int((hurt & (some.word == WORDS.index(GRADE_WORDS[1]))).sum()), int(hurt.sum())]


def folded(by_hazard: dict[str, Outlines], *, cap: bool) -> dict[str, list[Judged]]:
    """Each fifth of the events with the calibrations of the other four, by hazard."""
    found: dict[str, list[Judged]] = {name: [] for name in by_hazard}
    for fold in range(FOLDS):
        others = {n: o.where(o.event % FOLDS != fold) for n, o in by_hazard.items()}
        whole, by_event = fit_all(others)
        for name, one in by_hazard.items():
            own = one.where(one.event % FOLDS == fold)
            own = capped(own) if cap else own
            found[name].append((own, whole(own.p), by_event[name](own.p)))
    return found


def gathered_real(args: argparse.Namespace) -> dict[str, Outlines]:
    """Outlines of the labelled real sets, of those that are there."""
    found = {}
    for name, gsd in REAL.items():
        folder = args.data / "damage" / name
        if folder.is_dir():
            parts = real(folder, gsd, args.model)
            found[name] = kept(args.outlines / f"real_{name}.npz", parts)
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
        for who in WAYS
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
    parser.add_argument("--count", type=int, default=34, help="events a hazard")
    parser.add_argument("--write", action="store_true", help="keep it in the package")
    args = parser.parse_args()
    if args.count < FOLDS:
        parser.error(f"--count {args.count}: give {FOLDS} or more, one for each fold")
    args.outlines = args.out / "outlines" / sha256_of(load_model(args.model).path)[:12]
    events, true = gathered(args), gathered_real(args)
    whole, by_event = fit_all(events)
    held_out = folded(events, cap=True)
    by_event = {name: one for name, one in by_event.items() if better_apart(held_out[name])}
    maps = {name: tables(one) for name, one in events.items()}
    real_maps = {name: tables(one) for name, one in true.items()}
    facts = {"calibration": judge_all(events, true, (whole, by_event))}
    errors = mixed(np.concatenate([*maps.values()]), real_maps)
    facts["intervals"] = hold_all(maps, real_maps, errors)
    (args.out / "calibration.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    if args.write:
        facts["missed"] = {name: missed(one) for name, one in events.items()}
        write(args.model, (whole, by_event), errors, facts)


def judge_all(
    events: dict[str, Outlines],
    true: dict[str, Outlines],
    fitted: tuple[Calibration, dict[str, Calibration]],
) -> dict[str, Any]:
    """Print and return the calibration errors of all sets."""
    head = "".join(f"{what:>27s}" for what in ("grade", "any damage", "word"))
    print(f"expected calibration error: {', '.join(WAYS)}\n{'':16s} known  none{head}")
    whole, by_event = fitted
    parts, every = (
        {
            name: settled(one, apart=name in by_event)
            for name, one in folded(events, cap=cap).items()
        }
        for cap in (True, False)
    )
    sets = {"simulated": [one for some in parts.values() for one in some], **parts}
    sets["every building"] = [one for some in every.values() for one in some]
    for name, one in true.items():
        sets[name] = [
            (part, whole(part.p), by_event.get(struck, whole)(part.p))
            for struck, part in _by_what_struck(name, one)
        ]
    judged = {name: judge(some) for name, some in sets.items()}
    for name, record in judged.items():
        show(name, record)
    for name in ("simulated", *true):
        print(f"reliability of `confidence`, {name}: said, was right, buildings")
        for one in judged[name]["product"]["word"]:
            print(f"    {one['confidence']:.3f}  {one['right']:.3f}  {one['count']}")
    return judged


def _by_what_struck(name: str, some: Outlines) -> Iterator[tuple[str, Outlines]]:
    """(hazard, outlines) of each pair of a real set."""
    struck = HAPPENED[name]
    for event in np.unique(some.event):
        yield struck[min(int(event), len(struck) - 1)], some.where(some.event == event)


def hold_all(
    maps: dict[str, np.ndarray], real_maps: dict[str, np.ndarray], errors: Errors
) -> dict[str, Any]:
    """Print and return how often intervals hold the truth."""
    print(f"90 % intervals, errors of {errors.about}: share that holds the truth (mean width)")
    fitted = np.concatenate([*maps.values()])
    held = {"simulated": coverage(fitted, errors, own=True)}
    for name, some in real_maps.items():  # without its own set
        rest = {other: m for other, m in real_maps.items() if other != name}
        held[name] = coverage(some, mixed(fitted, rest))
    for name, record in held.items():
        show_coverage(name, record)
    return held


def write(
    name: str,
    fitted: tuple[Calibration, dict[str, Calibration]],
    errors: Errors,
    facts: dict[str, Any],
) -> None:
    """Keep what was measured where the product looks for it."""
    model = load_model(name)
    figures, (whole, by_event) = facts["calibration"]["simulated"], fitted
    record = {
        "model": model.card.name, "version": model.card.version, "sha256": sha256_of(model.path),
        "calibration": {
            **_numbers(whole),
            "by_event": {hazard: _numbers(one) for hazard, one in by_event.items()},
            "missed": facts["missed"],
            "about_events": f"{errors.simulated} maps of simulated events",
            "ece_of_simulated": {who: round(figures[who]["ece_grade"], 4) for who in WAYS},
        },
        "errors": {
            "about": errors.about, "simulated": errors.simulated,
            "weight": errors.weight.round(8).tolist(),
            "counts": errors.counts.astype(int).tolist(),
        },
    }  # fmt: skip
    folder = ROOT / "src/geomage/product/measured"
    folder.mkdir(exist_ok=True)
    path = folder / f"{model.card.name}-{model.card.version}.json"
    path.write_text(json.dumps(record, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"kept in {path}")


def _numbers(one: Calibration) -> dict[str, Any]:
    return {"W": one.W.tolist(), "b": one.b.tolist()}


if __name__ == "__main__":
    main()
