"""Where the chips of a recipe come from: a dataset that lies in a folder, or the simulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from geomage.data.chip import Chip, ChipSource
from geomage.data.kept_chips import KeptChips, keep_chips
from geomage.data.limits import refuse_outside
from geomage.data.readers import READERS, find_reader
from geomage.data.simulated_chips import (
    SimulatedFloodChips,
    SimulatedFloodParams,
    SimulatedPairChips,
    SimulatedPairParams,
)
from geomage.data.simulated_twins import SimulatedTwinChips, SimulatedTwinParams
from geomage.data.splits import ChosenChips
from geomage.data.tables import build, recipe_hash
from geomage.data.translation import TranslatedChips, Translator
from geomage.errors import InputError, near_names
from geomage.geo import stretch_counts

__all__ = [
    "SIMULATED",
    "ChosenBands",
    "SourceParams",
    "StretchedChips",
    "bare_source",
    "kept_under",
    "open_source",
]

_TRANSLATION: Mapping[str, tuple[float, float]] = {"translated": (0.0, 1.0), "looks": (1, 64)}

SIMULATED: Mapping[str, tuple[type, type]] = {
    "simulated-pairs": (SimulatedPairParams, SimulatedPairChips),
    "simulated-floods": (SimulatedFloodParams, SimulatedFloodChips),
    "simulated-twins": (SimulatedTwinParams, SimulatedTwinChips),
}
"""Parameters and maker of simulated chips, by the name a recipe calls them."""


@dataclass(frozen=True)
class SourceParams:
    """One source of chips."""

    reader: str = ""
    """Of `READERS`, or of `SIMULATED`."""
    folder: str = ""
    """Where the dataset lies; simulated chips are kept in the run folder when empty."""
    split: str = "all"
    """Part of a dataset: train, val, test, all, and what it has beside."""
    product: str = ""
    """Of a dataset with several; empty for the usual one."""
    events: tuple[str, ...] = ()
    """Only chips of these events or regions; empty: of all."""
    without: tuple[str, ...] = ()
    """No chips of these events or regions."""
    fraction: float = 1.0
    """Share of the chips that is taken, stratified by class: 0.0625 of the labels, say."""
    weight: float = 1.0
    """Share of the draws beside other sources, relative."""
    bands: tuple[str, ...] = ()
    """Names of the bands that are taken, in order; empty: all."""
    stretch: bool = False
    """Bring the 1st and 99th percentile of each image to 16/255 and 240/255, as mapping does."""
    simulated: dict[str, Any] = field(default_factory=dict)
    """Parameters of simulated chips."""
    translator: str = ""
    """Run folder or file of `geomage adapt`: chips are seen through it as they are drawn, after
    `bands` and `stretch`."""
    translated: float = 1.0
    """Share of the chips that are translated."""
    looks: int = 1
    """Styles that each chip is translated in, each a chip of its own."""

    def __post_init__(self) -> None:
        known = (*READERS, *SIMULATED)
        if self.reader not in known:
            near = near_names(self.reader, known)
            raise InputError(f"no reader {self.reader!r}{near}: there are {', '.join(known)}")
        if not 0 < self.fraction <= 1:
            raise InputError(f"{self.reader}: fraction = {self.fraction:g} is outside 0..1")
        if not 0 <= self.weight <= 1000:
            raise InputError(f"{self.reader}: weight = {self.weight:g} is outside 0..1000")
        if self.simulated and self.reader in READERS:
            raise InputError(f"{self.reader}: is read from a folder; leave `simulated` out")
        if self.reader in READERS and not self.folder:
            raise InputError(f"{self.reader}: give the folder that the dataset lies in")
        if len(set(self.bands)) < len(self.bands):
            raise InputError(f"{self.reader}: bands = {list(self.bands)}: name each band once")
        refuse_outside(self.reader, vars(self), _TRANSLATION)
        if not self.translator and (self.translated < 1 or self.looks > 1):
            raise InputError(f"{self.reader}: `translated` and `looks` need a `translator`")
        self.maker()

    def maker(self) -> Any:
        """What makes simulated chips; None for a dataset that lies in a folder."""
        if self.reader not in SIMULATED:
            return None
        params, maker = SIMULATED[self.reader]
        return maker(build(params, self.simulated, f"{self.reader}, simulated"))


@dataclass(frozen=True)
class StretchedChips:
    """A source whose images go through the one line of `geomage.geo.stretch`, date by date."""

    source: ChipSource

    @property
    def classes(self) -> tuple[str, ...]:
        """As of the source."""
        return self.source.classes

    @property
    def names(self) -> tuple[str, ...]:
        """As of the source."""
        return self.source.names

    def chip(self, index: int) -> Chip:
        """Chip `index`, each of its dates stretched by itself."""
        chip = self.source.chip(index)
        counts = np.stack([stretch_counts(np.where(chip.valid, d, 0)) for d in chip.pixels])
        return replace(chip, pixels=(counts / 255).astype(np.float32))


@dataclass(frozen=True)
class ChosenBands:
    """A source of which some bands are seen."""

    source: ChipSource
    bands: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """As of the source."""
        return self.source.classes

    @property
    def names(self) -> tuple[str, ...]:
        """As of the source."""
        return self.source.names

    def chip(self, index: int) -> Chip:
        """Chip `index`, with the chosen bands in their order.

        Raises:
            InputError: it has no such band.
        """
        chip = self.source.chip(index)
        known = [channel.name for channel in chip.channels]
        for name in self.bands:
            if name not in known:
                near = near_names(name, known)
                raise InputError(f"{chip.name}: no band {name!r}{near}: it has {', '.join(known)}")
        rows = [known.index(name) for name in self.bands]
        return replace(
            chip, pixels=chip.pixels[:, rows], channels=tuple(chip.channels[row] for row in rows)
        )


def open_source(
    params: SourceParams, kept: Path, translator: Translator | None = None
) -> ChipSource:
    """Open a source: no pixel is read, no chip made yet.

    Args:
        params: which.
        kept: folder for simulated chips that have none of their own.
        translator: the one that `params.translator` names, opened.

    Raises:
        InputError: the dataset is not there, no chip is left, or a translator is named and none
            was opened.
    """
    maker = params.maker()
    source: ChipSource
    if maker is None:
        source = _of_events(find_reader(params.reader)(*_words(params)), params)
    else:
        folder = Path(params.folder) if params.folder else kept / _name_of(maker)
        source = keep_chips(folder, maker)
    source = ChosenBands(source, params.bands) if params.bands else source
    source = StretchedChips(source) if params.stretch else source
    return _translated(source, params, translator) if params.translator else source


def bare_source(source: ChipSource) -> ChipSource:
    """What lies beneath stretch, choice of bands and translation of a source of `open_source`."""
    while isinstance(source, StretchedChips | ChosenBands | TranslatedChips):
        source = source.source
    return source


def kept_under(source: ChipSource) -> KeptChips | None:
    """The simulated chips that a source of `open_source` shows; None where it reads a dataset."""
    inner = bare_source(source)
    return inner if isinstance(inner, KeptChips) else None


def _translated(
    source: ChipSource, params: SourceParams, translator: Translator | None
) -> ChipSource:
    if translator is None:
        raise InputError(f"{params.reader}: its translator {params.translator} was not opened")
    if translator.card.stretched != params.stretch:
        raise InputError(
            f"{params.reader}: {params.translator} was learnt from images "
            f"{'with' if translator.card.stretched else 'without'} the stretch: set stretch = "
            f"{str(translator.card.stretched).lower()}"
        )
    return TranslatedChips(source, translator, share=params.translated, looks=params.looks)


def _words(params: SourceParams) -> tuple[Path, str, str]:
    return Path(params.folder), params.split, params.product


def _name_of(maker: Any) -> str:
    """A folder's name that differs where chips do."""
    return f"{type(maker).__name__}_{recipe_hash({'maker': maker.fingerprint()})[:8]}"


def _of_events(source: Any, params: SourceParams) -> ChipSource:
    """Leave out chips of other events."""
    known = sorted(set(source.events))
    for name in (*params.events, *params.without):
        if name not in known:
            near = near_names(name, known)
            raise InputError(f"{params.reader}: no event {name!r}{near}: there are {known}")
    chosen = tuple(
        k
        for k, event in enumerate(source.events)
        if event not in params.without and (not params.events or event in params.events)
    )
    if not chosen:
        raise InputError(f"{params.reader}: no chip is left of {len(known)} events")
    return ChosenChips(source, chosen)
