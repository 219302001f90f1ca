"""Fit the shipped cheap detector to pictures of the simulator: about ten minutes of one core.

    python dev/fit_plausibility.py [-o JSON] [--pool FOLDER] [--count N] [--held-out N]

Simulated pairs are kept in the pool and used again. Writes the JSON and the ONNX file beside it.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from geomage.adapt.plausibility.cheap import CheapParams, Pair, fit_cheap
from geomage.data.stream import SimulatedPairs, StreamParams
from geomage.model import default_model_path
from geomage.model.card import ModelCard
from geomage.model.package import load_model
from geomage.model.plausibility import load_detector, write_detector

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ROOT / "src/geomage/model/weights/plausibility-line-1.json"
FIRST = 100_000  # number of the first pair; the shipped model learnt from those below 1,200

KEPT = ("before", "after", "damage", "water", "obscured")
"""Layers of a pair that stay in the pool; `benchmarks.plausibility` reads them too."""


def kept_pairs(folder: Path, first: int, count: int) -> Iterator[Pair]:
    """Pairs of today's simulator, each made once."""
    source = SimulatedPairs(StreamParams())
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(first, first + count):
        path = folder / f"{index:06d}.npz"
        if not path.exists():
            sample = source.pair(index)
            layers = {name: getattr(sample, name) for name in KEPT}
            part = path.with_name(f".{path.name}.part")
            with part.open("wb") as file:
                np.savez(file, **layers)
            part.replace(path)
        with np.load(path, allow_pickle=False) as kept:
            yield Pair(kept["before"], kept["after"], kept["obscured"] == 1)


def params_of(card: ModelCard) -> CheapParams:
    """Of the shipped model."""
    digest = hashlib.sha256(default_model_path().read_bytes()).hexdigest()
    return CheapParams(
        name="line-1",
        domain="simulated pairs of towns, 0.3 to 1 m, both dates, without what is obscured",
        model=digest,
        gsd=(card.gsd_min, card.gsd, card.gsd_max),
    )


def main() -> None:
    """Fit, write, say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=SHIPPED)
    parser.add_argument("--pool", type=Path, default=ROOT / "out/plausibility-pool")
    parser.add_argument("--count", type=int, default=80, help="pairs to fit to")
    parser.add_argument("--held-out", type=int, default=40, help="pairs to calibrate on")
    args = parser.parse_args()
    training = kept_pairs(args.pool, FIRST, args.count)
    held_out = kept_pairs(args.pool, FIRST + args.count, args.held_out)
    card, graph = fit_cheap(training, held_out, params_of(load_model().card))
    write_detector(args.out, card, graph)
    found = load_detector(args.out).card
    size = (len(graph) + args.out.stat().st_size) / 1000
    tail = found.calibration.threshold(0.999)
    print(f"{args.out}: {size:.0f} kB, {found.calibration.cells} cells held out")
    print(f"limit {found.limit:.3f}, 99.9 % under {tail:.3f}")


if __name__ == "__main__":
    main()
