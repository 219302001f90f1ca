"""Which item of the target belongs to which of the source.

Paired domains need no choice, independent ones have none; for two domains without a place in common
the assignment of least cost in layout and metadata is taken, so that a flow need not turn a forest
into a harbour. Each item is used once (Kuhn 1955; `scipy.optimize.linear_sum_assignment`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from geomage.adapt.flow.crops import Crops, turned
from geomage.errors import InputError, near_names

__all__ = [
    "COUPLINGS",
    "TURNS",
    "Coupling",
    "CouplingParams",
    "Layout",
    "compared",
    "couple",
    "couple_at_random",
    "measure_layout",
]

TURNS = 8
"""Quarter turns, plain and mirrored: see `turned`."""
COUPLINGS = ("optimal", "independent")
_YEAR = 365.25
_CROSS = np.array([[[0, 1, 0], [1, 1, 1], [0, 1, 0]]], bool)
"""A pixel and the four beside it."""


@dataclass(frozen=True)
class CouplingParams:
    """What makes two crops alike. Weights are of squared standard deviations, relative."""

    kind: str = "optimal"
    """Of `COUPLINGS`; paired domains are coupled as they are."""
    cover: float = 1.0
    """Weight of how much of each land cover there is: needs a labelled source."""
    structure: float = 1.0
    """Weight of the coarse picture: where it is bright, and where it is rough."""
    gsd: float = 0.5
    """Weight of the logarithm of the GSD."""
    sun: float = 0.5
    """Weight of the sun's elevation, where both know it."""
    season: float = 0.5
    """Weight of the day of the year, where both know it."""
    grid: int = 4
    """Cells of the coarse picture along a side."""
    turns: bool = True
    """Whether a target may be turned and mirrored to fit."""
    block: int = 2000
    """Items assigned at once: more are sorted by likeness and cut into blocks."""

    def __post_init__(self) -> None:
        if self.kind not in COUPLINGS:
            near = near_names(self.kind, COUPLINGS)
            raise InputError(f"coupling: no kind {self.kind!r}{near}: {', '.join(COUPLINGS)}")
        for name in ("cover", "structure", "gsd", "sun", "season"):
            if not 0 <= getattr(self, name) <= 1000:
                raise InputError(f"coupling: {name} = {getattr(self, name)} is outside 0..1000")
        if not 1 <= self.grid <= 64 or not 2 <= self.block <= 20_000:
            raise InputError(
                f"coupling: grid = {self.grid} is outside 1..64, or block = {self.block} outside "
                "2..20000"
            )


class Layout(NamedTuple):
    """What is compared of crops.

    structure: mean brightness and roughness of each cell of a coarse grid.
    cover: share of each class, read by one reader in both domains; no columns where none is read.
    gsd: natural logarithm of metres. sun: elevation in degrees, NaN where nobody knows.
    season: point of the day of the year on a circle, NaN where nobody knows.
    """

    structure: Float[np.ndarray, "item look row column"]
    cover: Float[np.ndarray, "item cls"]
    gsd: Float[np.ndarray, " item"]
    sun: Float[np.ndarray, " item"]
    season: Float[np.ndarray, "item 2"]


class Coupling(NamedTuple):
    """For each item of the source, in order: its target, and how that is turned."""

    target: Int[np.ndarray, " item"]
    turn: Int[np.ndarray, " item"]


def compared(source: Crops, target: Crops, params: CouplingParams) -> tuple[str, ...]:
    """Features that two domains are compared by: those with a weight that both tell of."""
    sun, season = (
        all(np.isfinite(one.moment[:, k]).any() for one in (source, target)) for k in (0, 1)
    )
    told = {"cover": True, "structure": True, "gsd": True, "sun": sun, "season": season}
    return tuple(name for name, known in told.items() if known and getattr(params, name) > 0)


def measure_layout(crops: Crops, cover: Float[np.ndarray, "item cls"], grid: int) -> Layout:
    """Measure crops; what holds no data has no say in a cell.

    Args:
        crops: of one domain.
        cover: share of each class in each.
        grid: cells along a side.
    """
    grey = crops.pixels.mean(1, dtype=np.float64)
    inside = ndimage.binary_erosion(crops.valid, _CROSS, border_value=1)
    down, across = np.gradient(grey, axis=(1, 2))
    looks = [
        _cell_means(grey, crops.valid, grid),
        _cell_means(np.hypot(across, down), inside, grid),
    ]
    angle = 2 * np.pi * crops.moment[:, 1] / _YEAR
    season = np.stack([np.cos(angle), np.sin(angle)], 1)
    return Layout(np.stack(looks, 1), cover, np.log(crops.gsd_m), crops.moment[:, 0], season)


def _cell_means(values: np.ndarray, known: np.ndarray, grid: int) -> np.ndarray:
    """Means of (item, y, x) over a grid; the mean of the item where a cell knows nothing."""
    rows, columns = (np.arange(n) * grid // n for n in values.shape[1:])
    cell = rows[:, None] * grid + columns
    onto = np.eye(grid * grid)[cell.ravel()]
    sums = (values * known).reshape(len(values), -1) @ onto
    counts = known.reshape(len(values), -1) @ onto
    whole = sums.sum(1, keepdims=True) / np.maximum(1, counts.sum(1, keepdims=True))
    means = np.where(counts > 0, sums / np.maximum(1, counts), whole)
    return np.asarray(means.reshape(-1, grid, grid))


def couple_at_random(count: int, rng: np.random.Generator) -> Coupling:
    """Any permutation."""
    return Coupling(rng.permutation(count), np.zeros(count, np.int64))


def couple(source: Layout, target: Layout, params: CouplingParams) -> Coupling:
    """The permutation of least cost, block by block.

    Raises:
        InputError: the domains have different numbers of items.
    """
    count = len(source.gsd)
    if count != len(target.gsd):
        raise InputError(
            f"a permutation couples as many as there are: {count} to {len(target.gsd)}"
        )
    ours, theirs = _even(source, target)
    found = Coupling(np.zeros(count, np.int64), np.zeros(count, np.int64))
    for mine, yours in _blocks(ours, theirs, params):
        cost, turn = _costs(_some(ours, mine), _some(theirs, yours), params)
        rows, columns = linear_sum_assignment(cost)
        found.target[mine[rows]] = yours[columns]
        found.turn[mine[rows]] = turn[rows, columns]
    return found


def _some(layout: Layout, items: np.ndarray) -> Layout:
    return Layout(*(field[items] for field in layout))


def _even(source: Layout, target: Layout) -> tuple[Layout, Layout]:
    """Bring both to spreads near 1.

    Looks by those of their own domain, so that a brighter domain is not another layout; GSD, sun
    and season by that of both, for they mean the same in both.
    """
    looks = [_standardised(one.structure, (0, 2, 3)) for one in (source, target)]
    covers = [
        one.cover / (np.std(one.cover, axis=0).max(initial=0) + 1e-9) for one in (source, target)
    ]
    facts = [
        _scaled_by_both(getattr(source, name), getattr(target, name))
        for name in ("gsd", "sun", "season")
    ]
    ours, theirs = (Layout(looks[k], covers[k], *(fact[k] for fact in facts)) for k in range(2))
    return ours, theirs


def _standardised(values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    mean, std = values.mean(axes, keepdims=True), values.std(axes, keepdims=True)
    return np.asarray((values - mean) / (std + 1e-9))


def _scaled_by_both(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    both = np.concatenate([a, b])
    known = both[np.isfinite(both)]
    std = known.std() if known.size else 0.0
    return (a / std, b / std) if std > 1e-9 else (a, b)


def _costs(
    source: Layout, target: Layout, params: CouplingParams
) -> tuple[Float[np.ndarray, "a b"], Int[np.ndarray, "a b"]]:
    """Cost of each pair, and the turn of the target that makes it least."""
    best, turn = _structure_costs(source.structure, target.structure, turns=params.turns)
    cost = params.structure * best
    cost += params.cover * _squares(source.cover, target.cover)
    cost += params.gsd * _squares(source.gsd[:, None], target.gsd[:, None])
    cost += params.sun * _squares(source.sun[:, None], target.sun[:, None])
    return cost + params.season * _squares(source.season, target.season), turn


def _structure_costs(
    ours: np.ndarray, theirs: np.ndarray, *, turns: bool
) -> tuple[np.ndarray, np.ndarray]:
    flat = ours.reshape(len(ours), -1)
    each = [
        _squares(flat, turned(theirs, k).reshape(len(theirs), -1))
        for k in range(TURNS if turns else 1)
    ]
    stacked = np.stack(each)
    return stacked.min(0), stacked.argmin(0)


def _squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean squared difference of each pair; 0 where either does not know."""
    if a.shape[1] == 0:
        return np.zeros((len(a), len(b)))
    knows = [np.isfinite(one).all(1) for one in (a, b)]
    a, b = np.nan_to_num(a), np.nan_to_num(b)
    sums = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return np.asarray(np.maximum(sums, 0) / a.shape[1] * np.outer(*knows))


def _blocks(
    source: Layout, target: Layout, params: CouplingParams
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Items that are assigned among each other: all, or slices of both domains by likeness.

    Likeness is the first principal direction of what does not hang on a turn.
    """
    count = len(source.gsd)
    many = -(-count // params.block)
    if many == 1:
        yield np.arange(count), np.arange(count)
        return
    flat = [
        np.concatenate([one.structure.mean((2, 3)), one.cover, one.gsd[:, None]], 1)
        for one in (source, target)
    ]
    both = np.concatenate(flat)
    direction = np.linalg.svd(both - both.mean(0), full_matrices=False)[2][0]
    orders = (np.argsort(one @ direction, kind="stable") for one in flat)
    yield from zip(*(np.array_split(order, many) for order in orders), strict=True)
