"""Who learns, who chooses and who is tested: parts of a dataset, drawn by seed.

All draws are orders: a smaller share is the beginning of a larger one, so that 1/16 of the labels
lies within 1/8 of them, and a chip more changes no other's place by more than its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from geomage.data.chip import Chip, ChipSource
from geomage.errors import InputError

__all__ = [
    "ChosenChips",
    "Fold",
    "Split",
    "cross_event",
    "holdout",
    "leave_one_out",
    "stratified_fraction",
    "stratified_order",
]

Indices = Int64[np.ndarray, " chosen"]
Counts = Int64[np.ndarray, "chip cls"]


class Split(NamedTuple):
    """Chips of three parts, by number, rising."""

    train: Indices
    val: Indices
    test: Indices


class Fold(NamedTuple):
    """One event left out."""

    event: str
    train: Indices
    test: Indices


@dataclass(frozen=True)
class ChosenChips:
    """Some chips of a source, as a source."""

    source: ChipSource
    indices: tuple[int, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """As of the source."""
        return self.source.classes

    @property
    def names(self) -> tuple[str, ...]:
        """Of the chosen chips, in order."""
        names = self.source.names
        return tuple(names[index] for index in self.indices)

    def chip(self, index: int) -> Chip:
        """Chip `index` of the chosen."""
        return self.source.chip(self.indices[index])


def leave_one_out(events: Sequence[str]) -> Iterator[Fold]:
    """For each event (or region), in order of names: train on all others, test on it.

    Args:
        events: event of each chip.

    Raises:
        InputError: there is one event alone, or a chip has none.
    """
    every = np.array(events, dtype=object)
    names = _several(events)
    for name in names:
        out = every == name
        yield Fold(name, np.flatnonzero(~out), np.flatnonzero(out))


def cross_event(events: Sequence[str], shares: tuple[float, float, float], seed: int) -> Split:
    """Whole events to train, val and test, so that no event is in two of them.

    Events come from large to small, those of one size in a drawn order; each goes where most chips
    are missing. Shares are met as nearly as events allow (our rule).

    Args:
        events: event of each chip.
        shares: of chips, for train, val, test; they sum to 1.
        seed: of the draw.
    """
    _refuse_shares(shares)
    every = np.array(events, dtype=object)
    names = _several(events)
    rng = np.random.default_rng([seed, 811])
    drawn = [names[k] for k in rng.permutation(len(names))]
    missing = np.array(shares) * len(every)
    part = np.zeros(len(every), int)
    for name in sorted(drawn, key=lambda one: -int((every == one).sum())):
        to = int(np.argmax(missing))
        part[every == name] = to
        missing[to] -= (every == name).sum()
    return Split(*(np.flatnonzero(part == k) for k in range(3)))


def holdout(events: Sequence[str], shares: tuple[float, float, float], seed: int) -> Split:
    """Train, val and test within each event: every event is in all of them, if it is large enough.

    PANGAEA (arXiv 2412.04204) splits xView2 so: 90 % and 10 % of each event. Chips are drawn by
    ours, not by its generator.

    Args:
        events: event of each chip.
        shares: of chips, for train, val, test; they sum to 1.
        seed: of the draw.
    """
    _refuse_shares(shares)
    order = _spread(list(events), np.random.default_rng([seed, 812]))
    edges = np.cumsum([0, *_sizes(len(order), shares)])
    return Split(*(np.sort(order[edges[k] : edges[k + 1]]) for k in range(3)))


def stratified_fraction(counts: Counts, fraction: float, seed: int, bins: int = 3) -> Indices:
    """The first chips of `stratified_order`: so large a fraction of all, one at least.

    Args:
        counts: pixels (chip, class), as `geomage.data.survey` counts them.
        fraction: above 0, up to 1: 1/16, 1/8, …
        seed: of the draw.
        bins: see `stratified_order`.

    Returns:
        Numbers of chips, rising.
    """
    if not 0 < fraction <= 1:
        raise InputError(f"a label fraction of {fraction:g} is outside 0..1, for example 0.0625")
    count = max(1, round(fraction * len(counts)))
    return np.sort(stratified_order(counts, seed, bins)[:count])


def stratified_order(counts: Counts, seed: int, bins: int = 3) -> Indices:
    """Order chips so that its every beginning has the classes of the whole, as nearly as it can.

    Strata are PANGAEA's (arXiv 2412.04204): the share of each class in a chip, cut into `bins`
    equal steps, 0 apart. It takes at least one chip of each stratum, which for many strata is far
    more than the fraction; here strata are interleaved, and the total is exact. First come chips
    that together hold every class, the rarest first, so that none is lost (our rule).

    Args:
        counts: pixels (chip, class).
        seed: of the draw.
        bins: steps of a share.
    """
    rng = np.random.default_rng([seed, 813])
    known = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(known, 1)
    strata = [tuple(row) for row in np.ceil(shares * bins).astype(int).tolist()]
    order = _spread(strata, rng)
    first = _cover(counts, order)
    return np.array([*first, *(k for k in order.tolist() if k not in set(first))], np.int64)


def _spread(strata: Sequence[object], rng: np.random.Generator) -> Indices:
    """Interleave strata: the k-th of n drawn chips of one stands at (k + u) / n, u drawn for it."""
    place = np.empty(len(strata))
    for stratum in sorted(set(strata), key=str):
        mine = np.flatnonzero([one == stratum for one in strata])
        drawn = rng.permutation(mine)
        place[drawn] = (np.arange(len(mine)) + rng.random()) / len(mine)
    return np.argsort(place, kind="stable").astype(np.int64)


def _cover(counts: Counts, order: Indices) -> list[int]:
    """Chips that together hold every class: for the rarest not yet held the first of the order."""
    holds = counts > 0
    chosen: list[int] = []
    for one in np.argsort(holds.sum(axis=0), kind="stable"):
        if holds[:, one].any() and not holds[chosen, one].any():
            chosen.append(int(order[np.flatnonzero(holds[order, one])[0]]))
    return chosen


def _sizes(count: int, shares: tuple[float, float, float]) -> list[int]:
    """Chips of each part; one at least where its share is above 0 and there are enough chips."""
    edges = np.rint(np.cumsum((0.0, *shares)) * count).astype(int)
    sizes = np.diff(edges)
    wanted = np.array(shares) > 0
    for k in np.flatnonzero(wanted & (sizes == 0)):
        if count >= wanted.sum():
            sizes[np.argmax(sizes)] -= 1
            sizes[k] += 1
    return [int(size) for size in sizes]


def _several(events: Sequence[str]) -> list[str]:
    """Names of the events, sorted; refuses fewer than two."""
    names = sorted(set(events))
    if len(names) < 2 or "" in names:
        told = ", ".join(name or "(none)" for name in names)
        raise InputError(f"events cannot be kept apart: there is {told}; two named ones are needed")
    return names


def _refuse_shares(shares: tuple[float, float, float]) -> None:
    if min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
        raise InputError(f"shares {shares} of train, val and test must sum to 1")
