"""What was measured of a model: how often its words are wrong, and how sure it should have been.

`python -m benchmarks.calibration --write` maps simulated events that no training has seen and the
labelled real sets, and writes `measured/NAME.json`. A file speaks of one model, by its sha256; of
any other nothing was measured, and nothing is claimed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

__all__ = ["Calibration", "Errors", "Measured", "measured_of", "without"]

_FOLDER: Final = Path(__file__).parent / "measured"
_LEAST: Final = 1e-4  # probability that a logarithm is taken of


@dataclass(frozen=True)
class Calibration:
    """A map of probabilities to honest ones: softmax(W ln p + b), Kull et al. 2019, equation 4."""

    W: np.ndarray  # (4, 4)
    b: np.ndarray  # (4,)

    def __call__(self, p: np.ndarray) -> np.ndarray:
        """(n, 4) probabilities of grades 1..4 made honest; rows with nan stay nan."""
        z = np.log(np.clip(p, _LEAST, 1)) @ self.W.T + self.b
        z = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(z / z.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Errors:
    """Outlines of events whose truth is known, counted by truth and word."""

    counts: np.ndarray  # (event, 5, 4): no building and grades 1..4, by the four words
    weight: np.ndarray  # (event,) how much each counts
    about: str  # what was mapped
    simulated: int = 0  # of the events, the first so many are simulated

    def of_buildings(self) -> Errors:
        """The same of outlines that are buildings: for footprints that were given."""
        counts = self.counts.copy()
        counts[:, 0] = 0
        return Errors(counts, self.weight, self.about, self.simulated)


def without(errors: Errors, event: int) -> Errors:
    """The errors of all events but one, so that it can be judged by the others."""
    kept = np.arange(len(errors.counts)) != event
    weight = errors.weight[kept]
    simulated = errors.simulated - (event < errors.simulated)
    return Errors(errors.counts[kept], weight / weight.sum(), errors.about, simulated)


@dataclass(frozen=True)
class Measured:
    """All that was measured of one model."""

    calibration: Calibration
    """Over all kinds of event."""
    errors: Errors
    by_event: Mapping[str, Calibration] = field(default_factory=dict)
    """By words of `order.EVENT_TYPES`: floods are graded too mildly, fires too darkly."""

    missed: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By kind of event: damaged buildings called No visible damage, and all damaged ones."""

    def calibration_of(self, event: str | None) -> Calibration:
        """That of events of a kind; over all kinds where it is not stated, or was not measured."""
        return self.by_event.get(event or "", self.calibration)

    def missed_of(self, event: str | None) -> tuple[str, int, int] | None:
        """The kind of event, and `missed` of it; None where nothing was measured."""
        found = self.missed.get(event or "")
        return None if event is None or found is None else (event, *found)


def measured_of(facts: Mapping[str, Any]) -> Measured | None:
    """What was measured of the model of a run; None of one that was not.

    Args:
        facts: the record of the mapping run.
    """
    model = facts.get("model")
    sha256 = model.get("sha256") if isinstance(model, Mapping) else None
    return _read_all().get(str(sha256))


@cache
def _read_all() -> dict[str, Measured]:
    """By sha256 of the model."""
    records = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(_FOLDER.glob("*.json"))
    ]
    return {record["sha256"]: _measured(record) for record in records}


def _measured(record: Mapping[str, Any]) -> Measured:
    counts = np.array(record["errors"]["counts"], float)
    said = record["errors"]
    errors = Errors(counts, np.array(said["weight"], float), said["about"], said["simulated"])
    fit = record["calibration"]
    by_event = {name: _calibration(one) for name, one in fit.get("by_event", {}).items()}
    missed = {name: (int(n), int(of)) for name, (n, of) in fit.get("missed", {}).items()}
    return Measured(_calibration(fit), errors, by_event, missed)


def _calibration(fit: Mapping[str, Any]) -> Calibration:
    return Calibration(np.array(fit["W"]), np.array(fit["b"]))
