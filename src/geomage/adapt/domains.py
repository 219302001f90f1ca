"""The two domains of a run, opened and looked at before anything is learnt from them."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from geomage.adapt.method import Domains
from geomage.adapt.recipe import AdaptRecipe
from geomage.data.chip import Channel, Chip, ChipSource
from geomage.data.chip_sources import SourceParams, kept_under, open_source
from geomage.data.inputs import Inputs, inputs_of
from geomage.data.kept_chips import make_chips
from geomage.data.splits import ChosenChips
from geomage.data.survey import MOST_CORRUPT
from geomage.errors import CorruptError, InputError, RunError
from geomage.workers import Workers

__all__ = ["LEAST_SEEN", "DomainSurvey", "JoinedChips", "domain_inputs", "open_domains"]

LEAST_SEEN = 0.5
"""Share of a chip that must hold data; what comes from less is mostly edge."""
_ALIKE = 0.05  # of a GSD
_FEWEST = 2  # chips of a domain: one image has no neighbour to tell its content from its look


@dataclass(frozen=True)
class JoinedChips:
    """Several sources as one, one after the other."""

    sources: tuple[ChipSource, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Those that all sources share; empty where they differ."""
        found = {source.classes for source in self.sources}
        return found.pop() if len(found) == 1 else ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of all chips; where there are several sources each begins with the number of its own."""
        if len(self.sources) == 1:
            return self.sources[0].names
        return tuple(
            f"{number}_{name}"
            for number, source in enumerate(self.sources, start=1)
            for name in source.names
        )

    @property
    def sites(self) -> tuple[int, ...]:
        """Number of the source of each chip, from 0."""
        return tuple(k for k, source in enumerate(self.sources) for _ in source.names)

    def chip(self, index: int) -> Chip:
        """Chip `index` of all."""
        for source in self.sources:
            if index < len(source.names):
                return source.chip(index)
            index -= len(source.names)
        raise InputError(f"there is no chip {index} after the last one")


@dataclass(frozen=True)
class DomainSurvey:
    """What was found in one domain."""

    sound: tuple[int, ...]
    """Numbers of chips that are learnt from."""
    empty: tuple[str, ...]
    """Names of chips that hold data in less than half of their pixels, left out."""
    unreadable: tuple[str, ...]
    """Names of chips that cannot be read, left out."""
    gsd_m: tuple[float, float] = (math.inf, 0.0)
    """Least and greatest of the chips that are learnt from, metres."""


def open_domains(
    recipe: AdaptRecipe,
    kept: Path,
    *,
    jobs: int = 1,
    needs_labels: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[Domains, dict[str, DomainSurvey]]:
    """Open both domains of a recipe, simulate what is to be simulated, look at every chip once.

    Args:
        recipe: which.
        kept: folder of simulated chips.
        jobs: processes that simulate.
        needs_labels: whether the source must be labelled.
        say: told how many chips are left out, and why.

    Raises:
        InputError: domains that cannot be brought together: no chip, one alone, bands that differ
            without pairing, other places where they are paired, labels that are missing.
        RunError: too many chips cannot be read.
    """
    source, target = _joined(recipe.source, kept, "source"), _joined(recipe.target, kept, "target")
    _refuse_unlike(source, target, recipe)
    if needs_labels and not source.classes:
        raise InputError(_no_labels(recipe, "its sources have no classes, or different ones"))
    for one in (*source.sources, *target.sources):
        _simulate(one, jobs)
    found = {"source": _survey(source, "source"), "target": _survey(target, "target")}
    if needs_labels:
        _refuse_unlabelled(source, found["source"], recipe)
    if recipe.paired:
        found = _of_both(found)
    for role, survey in found.items():
        _tell(role, survey, say)
        _refuse_few(role, survey)
    _tell_sizes(found["source"].gsd_m, found["target"].gsd_m, say)
    chosen = (
        ChosenChips(source, found["source"].sound),
        ChosenChips(target, found["target"].sound),
    )
    sites = np.array(target.sites)[list(found["target"].sound)]
    return Domains(*chosen, recipe.paired, tuple(sites.tolist())), found


def domain_inputs(recipe: AdaptRecipe, kept: Path) -> Inputs:
    """What the sources of both domains are read from.

    Raises:
        InputError: a source that cannot be, or holds nothing.
    """
    domains = {
        "source": _joined(recipe.source, kept, "source"),
        "target": _joined(recipe.target, kept, "target"),
    }
    return inputs_of({role: domain.sources for role, domain in domains.items()})


# ------------------------------------------------------------------------------ before any work


def _joined(table: tuple[SourceParams, ...], kept: Path, role: str) -> JoinedChips:
    domain = JoinedChips(tuple(open_source(params, kept) for params in table))
    for source, params in zip(domain.sources, table, strict=True):
        if not source.names:
            raise InputError(f"recipe: [[{role}]] {params.reader} {params.folder} holds no image")
    return domain


def _refuse_unlike(source: JoinedChips, target: JoinedChips, recipe: AdaptRecipe) -> None:
    """Pairs show the same places; what is not paired has the same bands."""
    if not recipe.paired:
        _refuse_other_bands(_bands_of(source), _bands_of(target))
    elif source.names != target.names:
        raise InputError(
            f"recipe: paired = true, but [[source]] has {len(source.names)} chips and [[target]] "
            f"{len(target.names)} that are not of the same names: give both in the same order"
        )


def _bands_of(domain: JoinedChips) -> tuple[Channel, ...]:
    """Bands of the first chip that can be read."""
    for index in range(len(domain.names)):
        with suppress(CorruptError):
            return domain.chip(index).channels
    raise RunError("no chip can be read")


def _refuse_other_bands(source: tuple[Channel, ...], target: tuple[Channel, ...]) -> None:
    has, wants = ([channel.name for channel in bands] for bands in (source, target))
    if has != wants:
        shared = [name for name in has if name in wants]
        mend = f"give both bands = {shared}" if shared else "pair them (paired = true)"
        raise InputError(
            f"recipe: [[source]] has the bands {', '.join(has)}, [[target]] {', '.join(wants)}; "
            f"domains that are not paired need the same: {mend}"
        )


def _no_labels(recipe: AdaptRecipe, why: str) -> str:
    return f"recipe: {recipe.method} is told the label map of [[source]]: {why}"


def _simulate(source: ChipSource, jobs: int) -> None:
    inner = kept_under(source)
    if inner is not None:
        with tqdm(desc="chips", unit="chip", disable=None, leave=False, file=sys.stderr) as bar:
            make_chips(inner, Workers(jobs), say=lambda _: bar.update())


# ------------------------------------------------------------------------------ one look at all


def _survey(domain: JoinedChips, role: str) -> DomainSurvey:
    sound: list[int] = []
    empty: list[str] = []
    unreadable: dict[str, str] = {}
    bands: set[tuple[str, ...]] = set()
    gsd_m = (math.inf, 0.0)
    for index, name, chip in _looks(domain, role, unreadable):
        bands.add(tuple(channel.name for channel in chip.channels))
        if len(bands) > 1:
            told = " and ".join(", ".join(one) for one in sorted(bands))
            raise InputError(f"recipe: chips of [[{role}]] differ in their bands: {told}")
        if chip.valid.mean() < LEAST_SEEN:
            empty.append(name)
        else:
            sound.append(index)
            gsd_m = min(gsd_m[0], chip.gsd_m), max(gsd_m[1], chip.gsd_m)
    if len(unreadable) > MOST_CORRUPT * len(domain.names):
        raise RunError(
            f"{len(unreadable)} of {len(domain.names)} chips of [[{role}]] cannot be read, "
            f"{MOST_CORRUPT:g} of all may be left out: {next(iter(unreadable.values()))}"
        )
    return DomainSurvey(tuple(sound), tuple(empty), tuple(unreadable), gsd_m)


def _looks(
    domain: JoinedChips, role: str, unreadable: dict[str, str]
) -> Iterator[tuple[int, str, Chip]]:
    names = domain.names
    bar = tqdm(names, desc=role, unit="chip", disable=None, leave=False, file=sys.stderr)
    for index, name in enumerate(bar):
        try:
            chip = domain.chip(index)
        except CorruptError as error:
            unreadable[name] = str(error)
            continue
        yield index, name, chip


def _refuse_unlabelled(domain: JoinedChips, survey: DomainSurvey, recipe: AdaptRecipe) -> None:
    for index in survey.sound:
        if domain.chip(index).labels is None:
            raise InputError(_no_labels(recipe, f"{domain.names[index]} has no labels"))


def _of_both(found: dict[str, DomainSurvey]) -> dict[str, DomainSurvey]:
    """Pairs of which both chips are sound."""
    both = np.intersect1d(found["source"].sound, found["target"].sound)
    sound = tuple(int(index) for index in both)
    return {role: replace(survey, sound=sound) for role, survey in found.items()}


def _tell(role: str, survey: DomainSurvey, say: Callable[[str], None]) -> None:
    if survey.empty:
        say(f"note: {role}: {len(survey.empty)} chips hold data in less than half, left out")
    if survey.unreadable:
        say(f"note: {role}: {len(survey.unreadable)} chips cannot be read, left out")


def _tell_sizes(
    source: tuple[float, float], target: tuple[float, float], say: Callable[[str], None]
) -> None:
    """Say where houses of one domain are larger, in pixels, than those of the other."""
    if target[1] < source[0] * (1 - _ALIKE) or target[0] > source[1] * (1 + _ALIKE):
        say(
            f"note: pixels of the source are {_span(source)} m, of the target {_span(target)} m: "
            "things differ in size, bring both to one GSD"
        )


def _span(gsd_m: tuple[float, float]) -> str:
    return " to ".join(dict.fromkeys(f"{one:.3g}" for one in gsd_m))


def _refuse_few(role: str, survey: DomainSurvey) -> None:
    if len(survey.sound) < _FEWEST:
        left = f" ({len(survey.empty)} hold data in less than half)" if survey.empty else ""
        raise InputError(
            f"recipe: images of [[{role}]] to learn from: {len(survey.sound)}{left}; a domain has "
            f"at least {_FEWEST}: cut a large one into chips"
        )
