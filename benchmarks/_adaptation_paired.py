"""Radar shown as optical: what an optical water network finds in it, on real Sen1Floods11 chips.

Everything learns on simulated landscapes alone, where both sensors see one place; every real chip
that has both is tested on.
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
from geomage.adapt.method import Domains
from geomage.data.chip import UNKNOWN, Chip, ChipSource
from geomage.data.chip_sources import ChosenBands
from geomage.data.floods import FloodPairParams
from geomage.data.kept_chips import keep_chips, make_chips
from geomage.data.readers import READERS
from geomage.data.simulated_chips import SimulatedFloodChips, SimulatedFloodParams
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
LANDSCAPES, CELLS = 48, 128
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
    simulated, real = (
        landscapes(args.pool.parent / "adaptation_floods", args.jobs),
        _real(args.data),
    )
    radar, optical = (ChosenBands(simulated, bands) for bands in (RADAR, OPTICAL))
    for seed in args.seeds:
        if all(("paired", arm, seed) in done for arm in ("radar", "optical", *PAIRED)):
            continue
        seen = {"radar": _all(radar), "optical": _all(optical)}
        budget = bench.budget(seed)
        nets = {n: trained_on(c, architecture(2), (), budget) for n, c in seen.items()}
        for name, bands in (("radar", RADAR), ("optical", OPTICAL)):
            chips = [ChosenBands(real, bands).chip(k) for k in range(len(real.names))]
            yield _row(name, seed, nets[name], chips)
        for name, arm in PAIRED.items():
            domains = Domains(radar, optical, paired=True)
            folder = bench.folder(arm, seed) / "paired"  # the unpaired flow of this arm lies above
            asked = fitting_of(domains, folder, bench.fit_budget(seed))
            translator = built(arm, fitted(arm, asked)[0])
            bare = [ChosenBands(real, RADAR).chip(k) for k in range(len(real.names))]
            shown = [translate_chip(translator, replace(c, labels=None), seed) for c in bare]
            chips = [replace(s, labels=c.labels) for s, c in zip(shown, bare, strict=True)]
            yield _row(name, seed, nets["optical"], chips)


def landscapes(folder: Path, jobs: int) -> ChipSource:
    """Simulated floods that both sensors see; those that are missing are made."""
    params = SimulatedFloodParams(
        task="water", sensors="s1+s2", count=LANDSCAPES, pairs=FloodPairParams(cells=CELLS, apart=0)
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
    """IoU of water on each chip."""
    sets = {}
    for chip in chips:
        assert chip.labels is not None
        known = np.where(chip.valid, chip.labels, UNKNOWN)
        sets[chip.name] = float(iou(confusion(known, answer(network, chip), range(2)))[1])
    score = float(np.mean(list(sets.values())))
    return {"part": "paired", "arm": name, "seed": seed, "score": score, "sets": sets}
