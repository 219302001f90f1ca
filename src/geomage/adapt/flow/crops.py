"""Pools of crops: what a coupling chooses from, cut from a source with a seed.

A chip is read once a pool, whatever the number of crops that are cut from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, UInt8

from geomage.data.chip import UNKNOWN, Chip, ChipSource
from geomage.errors import CorruptError, InputError, RunError

__all__ = [
    "Crops",
    "PoolParams",
    "cut_pool",
    "cut_twin_pools",
    "refuse_unfit",
    "turned",
]

_LEAST_VALID = 0.25
"""Share of a crop that holds data; another place is tried below it."""
_TRIES = 8
_MOST_CORRUPT = 0.02


@dataclass(frozen=True)
class PoolParams:
    """How many crops a coupling chooses from."""

    count: int = 1024
    """Crops of either domain."""
    renew: int = 0
    """Steps after which other crops are cut; 0 keeps the first ones."""

    def __post_init__(self) -> None:
        if not 2 <= self.count <= 10**6:
            raise InputError(f"pool: count = {self.count} is outside 2..1000000")
        if self.renew < 0:
            raise InputError(f"pool: renew = {self.renew} steps is below 0")


class Crops(NamedTuple):
    """Crops of one size, item by item.

    pixels are 0 and labels `UNKNOWN` where not valid; moment is the sun's elevation in degrees and
    the day of the year, NaN where nobody knows.
    """

    pixels: Float[np.ndarray, "item band y x"]
    valid: Bool[np.ndarray, "item y x"]
    labels: UInt8[np.ndarray, "item y x"]
    gsd_m: Float[np.ndarray, " item"]
    moment: Float[np.ndarray, "item 2"]


class _Place(NamedTuple):
    date: int
    y: int
    x: int


def refuse_unfit(source: ChipSource, crop: int, what: str) -> None:
    """Raise InputError where a domain has too little to learn from.

    Args:
        source: of the domain.
        crop: side of the crops, pixels.
        what: the domain's name in the message.
    """
    if not source.names:
        raise InputError(f"{what}: holds no images: give a folder with some")
    if len(source.names) == 1:
        rows, columns = source.chip(0).valid.shape
        if (rows // crop) * (columns // crop) < 4:
            raise InputError(
                f"{what}: one image of {columns} x {rows} px holds fewer than four crops of "
                f"{crop} px: give more images, or a smaller crop"
            )


def cut_pool(source: ChipSource, count: int, crop: int, seed: Sequence[int], what: str) -> Crops:
    """Cut crops, each from every chip before one is used again.

    Raises:
        InputError: no chip holds data.
        RunError: too many chips cannot be read.
    """
    parts: list[Crops] = []
    for index, chip, many in _chips_of(source, count, seed, what):
        rng = np.random.default_rng([*seed, index, many])
        places = [_some_place(chip, crop, rng) for _ in range(many)]
        parts.append(_cut(chip, places, crop))
    return _refuse_blank(_joined(parts), what)


def cut_twin_pools(
    source: ChipSource, target: ChipSource, count: int, crop: int, seed: Sequence[int]
) -> tuple[Crops, Crops]:
    """Cut the same places of chips of the same number.

    Raises:
        InputError: as many chips there are not, or two of a number differ in size.
    """
    if len(source.names) != len(target.names):
        raise InputError(
            f"paired domains: {len(source.names)} images of the source and {len(target.names)} of "
            "the target: give one for each"
        )
    ours, theirs = [], []
    for index, chip, many in _chips_of(source, count, seed, "source"):
        twin = target.chip(index)
        if twin.valid.shape != chip.valid.shape or twin.pixels.shape[0] != chip.pixels.shape[0]:
            raise InputError(
                f"paired domains: {chip.name} is {chip.pixels.shape} and {twin.name} "
                f"{twin.pixels.shape}: bring both to one grid and as many dates"
            )
        rng = np.random.default_rng([*seed, index, many])
        places = [_some_place(chip, crop, rng) for _ in range(many)]
        ours.append(_cut(chip, places, crop))
        theirs.append(_cut(twin, places, crop))
    return _refuse_blank(_joined(ours), "source"), _refuse_blank(_joined(theirs), "target")


def _chips_of(
    source: ChipSource, count: int, seed: Sequence[int], what: str
) -> Iterator[tuple[int, Chip, int]]:
    """Number, chip, and how many crops it gives; what cannot be read gives its crops to others."""
    order = np.random.default_rng([*seed, len(source.names), 1]).permutation(len(source.names))
    corrupt, left, last = 0, count, None
    for behind, index in enumerate(order.tolist()):
        try:
            chip = source.chip(index)
        except CorruptError as error:
            corrupt += 1
            if corrupt > max(1, _MOST_CORRUPT * len(order)) or corrupt == len(order):
                raise RunError(f"{what}: {corrupt} images cannot be read: {error}") from error
            continue
        many = -(-left // (len(order) - behind))
        left -= many
        last = (index, chip)
        yield index, chip, many
        if not left:
            return
    if last is not None:  # those after it cannot be read
        yield *last, left


def _some_place(chip: Chip, crop: int, rng: np.random.Generator) -> _Place:
    """The first of some drawn places that holds enough; else the best of them."""
    best, most = _Place(0, 0, 0), -1.0
    highest = [max(0, n - crop) for n in chip.valid.shape]
    date = int(rng.integers(chip.pixels.shape[0]))
    for _ in range(_TRIES):
        y, x = (int(rng.integers(n + 1)) for n in highest)
        share = float(chip.valid[y : y + crop, x : x + crop].mean())
        if share > most:
            best, most = _Place(date, y, x), share
        if most >= _LEAST_VALID:
            break
    return best


def _cut(chip: Chip, places: Sequence[_Place], crop: int) -> Crops:
    labels = np.full(chip.valid.shape, UNKNOWN, np.uint8) if chip.labels is None else chip.labels
    each = []
    for date, y, x in places:
        window = np.s_[..., y : y + crop, x : x + crop]
        valid = _filled(chip.valid[window], crop)
        pixels = (_filled(chip.pixels[date][window], crop) * valid).astype(np.float32)
        told = np.where(valid, _filled(labels[window], crop), UNKNOWN).astype(np.uint8)
        facts = np.array([chip.gsd_m]), np.array([chip.moment(date)], float)
        each.append(Crops(pixels[None], valid[None], told[None], *facts))
    return _joined(each)


def _filled(window: np.ndarray, crop: int) -> np.ndarray:
    """Beyond a chip that is smaller than a crop lies nothing."""
    short = [(0, crop - n) for n in window.shape[-2:]]
    return np.pad(window, [(0, 0)] * (window.ndim - 2) + short)


def _joined(parts: Sequence[Crops]) -> Crops:
    return Crops(*(np.concatenate(field) for field in zip(*parts, strict=True)))


def _refuse_blank(crops: Crops, what: str) -> Crops:
    if not crops.valid.any():
        raise InputError(f"{what}: no pixel of its images holds data: look at their no-data value")
    return crops


def turned(crop: np.ndarray, turn: int) -> np.ndarray:
    """One of the eight turns of a square (…, y, x): quarter turns, from 4 on mirrored first."""
    square = crop[..., ::-1] if turn >= 4 else crop
    return np.rot90(square, turn % 4, (-2, -1))
