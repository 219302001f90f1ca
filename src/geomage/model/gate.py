"""The accuracy gate: lower precision is used where it was measured, on real images, to cost little.

A measurement is kept in the card of the model under "backend/precision": pooled F1 of building
pixels in fp32 on the default backend and in the lower precision, over named sets of labelled pairs.
The rule is applied to these figures each time a model is loaded; no verdict is stored.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from geomage.errors import ModelError
from geomage.model.card import ModelCard

__all__ = ["LARGEST_LOSS", "Gate", "gate_name", "refuse_ungated"]

LARGEST_LOSS = 0.005
"""F1 of building that lower precision may cost: half a point. Ours."""


@dataclass(frozen=True)
class Gate:
    """What one backend in one precision was measured to cost."""

    sets: tuple[str, ...]
    """Names of the sets of real pairs."""
    pairs: int
    building_pixels: int
    """True pixels of building in them."""
    f1_fp32: float
    """F1 of building pixels in fp32, 0..1."""
    f1: float
    """The same in the lower precision."""

    @property
    def loss(self) -> float:
        """F1 lost; negative where lower precision happens to do better."""
        return self.f1_fp32 - self.f1

    @property
    def passed(self) -> bool:
        """Whether the loss is under half a point, measured on anything at all."""
        known = math.isfinite(self.loss) and self.pairs > 0 and self.building_pixels > 0
        return known and 0 < self.f1_fp32 <= 1 and self.loss < LARGEST_LOSS

    def as_dict(self) -> dict[str, Any]:
        """As the card keeps it."""
        return asdict(self) | {"sets": list(self.sets)}


def gate_name(backend: str, precision: str) -> str:
    """Name a measurement."""
    return f"{backend}/{precision}"


def _read(facts: object) -> Gate:
    """Read a measurement back.

    Raises:
        TypeError, KeyError: it is none.
    """
    if not isinstance(facts, dict):
        raise TypeError
    names, counts, shares = facts["sets"], ("pairs", "building_pixels"), ("f1_fp32", "f1")
    if not isinstance(names, (list, tuple)) or not all(isinstance(n, str) for n in names):
        raise TypeError
    if any(type(facts[name]) is not int for name in counts):
        raise TypeError
    if any(type(facts[name]) not in (int, float) for name in shares):
        raise TypeError
    numbers = [facts[name] for name in (*counts, *shares)]
    return Gate(tuple(names), numbers[0], numbers[1], float(numbers[2]), float(numbers[3]))


def refuse_ungated(path: Path, card: ModelCard, backend: str, precision: str) -> None:
    """Refuse a lower precision that has not passed.

    Raises:
        ModelError: it was not measured, or cost half a point of F1 or more.
    """
    if precision == "fp32":
        return
    name = gate_name(backend, precision)
    if name not in card.gates:
        raise ModelError(
            f"{path}: {precision} on {backend} was never measured on real images; measure it with "
            "geomage quantise, or use fp32"
        )
    try:
        gate = _read(card.gates[name])
    except (TypeError, KeyError, OverflowError) as error:
        raise ModelError(f"{path}: the card's gate {name} is no measurement") from error
    if not gate.passed:
        raise ModelError(
            f"{path}: {precision} on {backend} costs {100 * gate.loss:.2f} points of building F1 "
            f"on {', '.join(gate.sets)[:80]} ({gate.f1:.4f} against {gate.f1_fp32:.4f}); under "
            f"{100 * LARGEST_LOSS:g} is asked for: use fp32"
        )
