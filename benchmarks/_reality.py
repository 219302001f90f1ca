"""A row of the table that puts simulated disasters beside real ones."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Row"]


@dataclass(frozen=True)
class Row:
    """One measure of a real disaster and of its simulated likes."""

    measure: str
    real: float
    simulated: float  # mean over seeds
    simulated_low: float  # least over seeds
    simulated_high: float  # largest over seeds
    note: str = ""  # what the measure is of, or why it does not fit
