"""What a baseline is told of two domains: their bands, and figures measured image by image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Bool, Float

from geomage import __version__
from geomage.adapt.method import Domains, Fitting
from geomage.data.chip import Channel, Chip, ChipSource
from geomage.data.splits import ChosenChips
from geomage.data.translation import TranslatorCard
from geomage.errors import CorruptError, InputError, RunError

__all__ = ["LEAST_VALID", "Gathered", "Image", "gather", "images_of", "measure_source"]

LEAST_VALID = 0.1
"""Share of an image that must hold data for it to say what its domain looks like."""
_MOST_CORRUPT = 0.02
_SOURCE, _TARGET = 0, 1
_T = TypeVar("_T")


class Image(NamedTuple):
    """One date of a chip."""

    pixels: Float[np.ndarray, "band y x"]
    valid: Bool[np.ndarray, "y x"]
    gsd_m: float
    channels: tuple[Channel, ...]


@dataclass(frozen=True)
class Gathered(Generic[_T]):
    """What was measured of the images of the target.

    channels, made: bands of the source and of the target.
    gsd_m: least and greatest of the images that were read, metres.
    found: of each image.
    sites: that each image shows.
    """

    channels: tuple[Channel, ...]
    made: tuple[Channel, ...]
    gsd_m: tuple[float, float]
    found: list[_T]
    sites: list[int]

    def card(self, method: str, halo_px: int = 0, stride_px: int = 1) -> TranslatorCard:
        """Of a translator made from it."""
        bands, gsd = (self.channels, self.made), self.gsd_m
        return TranslatorCard(method, method, *bands, gsd, halo_px, stride_px, version=__version__)


def gather(
    fitting: Fitting, most: int, measure: Callable[[Image], _T], *, by_site: bool = False
) -> Gathered[_T]:
    """Measure up to `most` chips of the target; of the source the first is looked at.

    by_site: up to `most` of each site.

    Raises:
        InputError: a domain without usable images, or bands that differ.
    """
    first = next(images_of(fitting.domains.source, 1, [fitting.seed, _SOURCE], "source"))
    gsd, made, found, sites = {first.gsd_m}, first.channels, [], []
    for site, chips in _target_sites(fitting.domains, by_site=by_site):
        for image in images_of(chips, most, [fitting.seed, _TARGET], "target"):
            _refuse_bands(first.channels, image.channels)
            gsd.add(image.gsd_m)
            made = image.channels
            found.append(measure(image))
            sites.append(site)
    return Gathered(first.channels, made, (min(gsd), max(gsd)), found, sites)


def _target_sites(domains: Domains, *, by_site: bool) -> Iterator[tuple[int, ChipSource]]:
    """Number and chips of each site; without sites all are of the first."""
    if not (by_site and domains.sites):
        yield 0, domains.target
        return
    of = np.array(domains.sites)
    for site in np.unique(of).tolist():
        chips = tuple(np.flatnonzero(of == site).tolist())
        yield site, ChosenChips(domains.target, chips)


def measure_source(fitting: Fitting, most: int, measure: Callable[[Image], _T]) -> list[_T]:
    """Measure up to `most` chips of the source.

    Raises:
        InputError: it has no usable images.
    """
    images = images_of(fitting.domains.source, most, [fitting.seed, _SOURCE], "source")
    return [measure(image) for image in images]


def images_of(source: ChipSource, most: int, seed: list[int], domain: str) -> Iterator[Image]:
    """Every date of up to `most` chips in a drawn order; those that hold too little are left out.

    Raises:
        InputError: none is left; `domain` names it.
        RunError: more than 2 % of the chips, and more than one, cannot be read.
    """
    order = np.random.default_rng(seed).permutation(len(source.names)).tolist()
    chips = 0
    for chip in _readable(source, order, domain):
        if chip.valid.mean() < LEAST_VALID:
            continue
        for date in chip.pixels:
            yield Image(date, chip.valid, chip.gsd_m, chip.channels)
        chips += 1
        if chips == most:
            return
    if not chips:
        why = f"{len(order)} chips, of which none holds data" if order else "no chips"
        raise InputError(f"the {domain} domain has {why}: give a folder with images of it")


def _readable(source: ChipSource, order: list[int], domain: str) -> Iterator[Chip]:
    corrupt = 0
    for index in order:
        try:
            chip = source.chip(index)
        except CorruptError as error:
            corrupt += 1
            if corrupt > max(1, _MOST_CORRUPT * len(order)):
                raise RunError(f"{domain}: {corrupt} chips cannot be read: {error}") from error
            continue
        yield chip


def _refuse_bands(source: tuple[Channel, ...], target: tuple[Channel, ...]) -> None:
    """Raise InputError unless both have the same bands in the same order."""
    ours, theirs = ([channel.name for channel in channels] for channels in (source, target))
    if ours != theirs:
        raise InputError(
            f"the source has the bands {', '.join(ours)}, the target {', '.join(theirs)}: choose "
            "the same bands of both, or a method that learns from pairs"
        )
