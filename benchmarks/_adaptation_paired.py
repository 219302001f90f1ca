"""Radar shown as optical: what an optical water network finds in it, on real Sen1Floods11 chips.

Everything learns on simulated landscapes alone, where both sensors see one place; tested on are
other such landscapes, and every real chip that has both.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import nn

from benchmarks._adaptation_runs import FLOW, Arm, answer, built, fitted, fitting_of, trained_on
from benchmarks._semisupervised_runs import Budget, architecture
from geomage.adapt.domains import JoinedChips
from geomage.adapt.method import Domains
from geomage.data.chip import UNKNOWN, Chip, ChipSource
from geomage.data.chip_sources import ChosenBands
from geomage.data.floods import FloodPairParams
from geomage.data.kept_chips import keep_chips, make_chips
from geomage.data.readers import READERS
from geomage.data.simulated_chips import SimulatedFloodChips, SimulatedFloodParams
from geomage.data.splits import ChosenChips
from geomage.data.translation import translate_chip
from geomage.metrics import confusion, iou
from geomage.workers.crew import Workers

RADAR = ("vv", "vh")
OPTICAL = ("blue", "green", "red", "nir", "swir16")
PAIRED = {
    "flow": Arm("flow", FLOW, {"steps": 4}),
    "flow, 20 steps": Arm("flow", FLOW, {"steps": 20}),
}
"""Methods that learn from pairs of sensors."""
LANDSCAPES, HELD, CELLS = 48, 12, 128  # learnt from, tested on, and their side
Row = dict[str, Any]


class HasArgs(Protocol):
    """What a bench is asked for here."""

    args: argparse.Namespace

    def folder(self, arm: Arm, seed: int) -> Path:
        """Of a translator."""

    def budget(self, seed: int) -> Budget:
        """Of a network."""

    def fit_budget(self, seed: int) -> Budget:
        """Of a translator."""


def paired(bench: HasArgs, done: set[tuple[str, str, int]]) -> Iterator[Row]:
    """IoU of water on real chips of both sensors, by arm and seed."""
    args = bench.args
    simulated = landscapes(args.pool.parent / "adaptation_floods", args.jobs)
    learnt = ChosenChips(simulated, tuple(range(LANDSCAPES)))
    held = ChosenChips(simulated, tuple(range(LANDSCAPES, LANDSCAPES + HELD)))
    radar, optical = (ChosenBands(learnt, bands) for bands in (RADAR, OPTICAL))
    out = JoinedChips((_real(args.data), held))
    for seed in args.seeds:
        if all(("paired", arm, seed) in done for arm in ("radar", "optical", *PAIRED)):
            continue
        seen = {"radar": _all(radar), "optical": _all(optical)}
        budget = bench.budget(seed)
        nets = {n: trained_on(c, architecture(2), (), budget) for n, c in seen.items()}
        for name, bands in (("radar", RADAR), ("optical", OPTICAL)):
            yield _row(name, seed, nets[name], _all(ChosenBands(out, bands)))
        for name, arm in PAIRED.items():
            domains = Domains(radar, optical, paired=True)
            folder = bench.folder(arm, seed) / "paired"  # the unpaired flow of this arm lies above
            asked = fitting_of(domains, folder, bench.fit_budget(seed))
            translator = built(arm, fitted(arm, asked)[0])
            bare = _all(ChosenBands(out, RADAR))
            shown = [translate_chip(translator, replace(c, labels=None), seed) for c in bare]
            chips = [replace(s, labels=c.labels) for s, c in zip(shown, bare, strict=True)]
            yield _row(name, seed, nets["optical"], chips)


def landscapes(folder: Path, jobs: int) -> ChipSource:
    """Simulated floods that both sensors see; those that are missing are made."""
    params = SimulatedFloodParams(
        task="water",
        sensors="s1+s2",
        count=LANDSCAPES + HELD,
        pairs=FloodPairParams(cells=CELLS, apart=0),
    )
    kept = keep_chips(folder, SimulatedFloodChips(params))
    make_chips(kept, Workers(jobs))
    return kept


def _real(data: Path) -> ChipSource:
    """Chips that both satellites saw."""
    source: ChipSource = READERS["sen1floods11"](data / "flood/sen1floods11", "all", "s1+s2")
    return source


def _all(source: ChipSource) -> list[Chip]:
    return [source.chip(k) for k in range(len(source.names))]


def _row(name: str, seed: int, network: nn.Module, chips: list[Chip]) -> Row:
    """IoU of water on each real chip, whose mean is the score, and on all simulated ones."""
    counts = [_counts(network, chip) for chip in chips]
    real = len(chips) - HELD
    sets = {c.name: float(iou(n)[1]) for c, n in zip(chips[:real], counts[:real], strict=True)}
    score = float(np.mean(list(sets.values())))
    sets["simulated"] = float(iou(np.sum(counts[real:], axis=0))[1])
    return {"part": "paired", "arm": name, "seed": seed, "score": score, "sets": sets}


def _counts(network: nn.Module, chip: Chip) -> np.ndarray:
    assert chip.labels is not None
    known = np.where(chip.valid, chip.labels, UNKNOWN)
    return confusion(known, answer(network, chip), range(2))
