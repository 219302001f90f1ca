"""Two domains as pairs of crops: cut, read, coupled and turned to fit, all by a seed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from geomage.adapt.flow.coupling import (
    TURNS,
    Coupling,
    CouplingParams,
    couple,
    couple_at_random,
    measure_layout,
)
from geomage.adapt.flow.cover_reader import CoverReader, fit_cover_reader
from geomage.adapt.flow.crops import (
    Crops,
    PoolParams,
    cut_pool,
    cut_twin_pools,
    refuse_unfit,
    turned,
)
from geomage.adapt.method import Domains
from geomage.data.chip import Channel, ChipSource
from geomage.errors import CorruptError, InputError, RunError

__all__ = [
    "PairParams",
    "Pairs",
    "band_names",
    "channels_of",
    "make_pairs",
    "refuse_domains",
    "turn_crops",
]


class Pairs(NamedTuple):
    """Crop k of one belongs to crop k of the other."""

    source: Crops
    target: Crops


@dataclass(frozen=True)
class PairParams:
    """How pairs come about."""

    pool: PoolParams = field(default_factory=PoolParams)
    coupling: CouplingParams = field(default_factory=CouplingParams)

    def by_cover(self, *, paired: bool) -> bool:
        """Whether land cover is compared, for which the source must be labelled."""
        return not paired and self.coupling.kind == "optimal" and self.coupling.cover > 0


def channels_of(source: ChipSource) -> tuple[Channel, ...]:
    """Bands of the first image of a domain that can be read."""
    for index in range(len(source.names)):
        with suppress(CorruptError):
            return source.chip(index).channels
    raise RunError("no image of a domain can be read: unpack the dataset again")


def band_names(channels: tuple[Channel, ...]) -> tuple[str, ...]:
    """What two domains must share to be of the same bands: red is red, whatever the sensor."""
    return tuple(channel.name for channel in channels)


def refuse_domains(domains: Domains, params: PairParams, crop: int) -> None:
    """Raise InputError where two domains cannot be learnt from, before any work.

    An empty domain, one small image, other bands without pairs, or land cover to couple by and no
    class in the source.
    """
    for what, source in (("source", domains.source), ("target", domains.target)):
        refuse_unfit(source, crop, what)
    names = [
        ", ".join(band_names(channels_of(source))) for source in (domains.source, domains.target)
    ]
    if names[0] != names[1] and not domains.paired:
        raise InputError(
            f"the source has the bands {names[0]}, the target {names[1]}: choose bands that both "
            "have, or give pairs of images of one place (paired)"
        )
    if params.by_cover(paired=domains.paired) and not domains.source.classes:
        raise InputError(
            "coupling: cover compares land cover, and the source has no labels: give a labelled "
            "source, or set coupling.cover to 0"
        )


def make_pairs(domains: Domains, params: PairParams, crop: int, seed: tuple[int, int]) -> Pairs:
    """Cut pools and couple them.

    Args:
        domains: `refuse_domains` has seen them.
        params: sizes and weights.
        crop: side, pixels.
        seed: of the run, and the number of the pool.
    """
    if domains.paired:
        return Pairs(
            *cut_twin_pools(domains.source, domains.target, params.pool.count, crop, [*seed, 0])
        )
    source = cut_pool(domains.source, params.pool.count, crop, [*seed, 0], "source")
    target = cut_pool(domains.target, params.pool.count, crop, [*seed, 1], "target")
    found = _coupling(source, target, params.coupling, len(domains.source.classes), seed)
    chosen = Crops(*(part[found.target] for part in target))
    return Pairs(source, turn_crops(chosen, found.turn))


def _coupling(
    source: Crops,
    target: Crops,
    params: CouplingParams,
    classes: int,
    seed: tuple[int, int],
) -> Coupling:
    if params.kind == "independent":
        return couple_at_random(len(source.gsd_m), np.random.default_rng([*seed, 2]))
    reader = fit_cover_reader(source, classes) if params.cover > 0 else None
    ours, theirs = (
        measure_layout(crops, _cover(crops, reader), params.grid) for crops in (source, target)
    )
    return couple(ours, theirs, params)


def _cover(crops: Crops, reader: CoverReader | None) -> np.ndarray:
    return np.zeros((len(crops.gsd_m), 0)) if reader is None else reader.histogram(crops)


def turn_crops(crops: Crops, turns: np.ndarray) -> Crops:
    """Turn each crop by one of the eight turns of a square."""
    assert turns.min() >= 0
    assert turns.max() < TURNS
    parts = (crops.pixels, crops.valid, crops.labels)
    pixels, valid, labels = (
        np.stack([turned(one, int(k)) for one, k in zip(part, turns, strict=True)])
        for part in parts
    )
    return crops._replace(pixels=pixels, valid=valid, labels=labels)
