"""A way to make a translator: what it is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from geomage.data.chip import ChipSource
from geomage.data.translation import Translator, TranslatorCard
from geomage.learn.loop_params import LoopParams

__all__ = ["Domains", "Fitting", "Method", "Parts"]


@dataclass(frozen=True)
class Domains:
    """Where images come from, and what they shall look like.

    source: labelled where a method is told the label map.
    target: images alone; labels it has are never read.
    paired: chip k of one shows the place of chip k of the other (radar and optical, before and
        after, two sensors). Else places have nothing in common, and both have the same bands.
    sites: the site that each chip of the target shows, numbers from 0; empty where all are of one.
    """

    source: ChipSource
    target: ChipSource
    paired: bool = False
    sites: tuple[int, ...] = ()


@dataclass(frozen=True)
class Fitting:
    """One run.

    out: run folder, which exists; networks keep checkpoints there and are resumed from them.
    loop: steps and rates of methods that train; others leave it alone.
    crop: side of the windows that are learnt from, pixels.
    batch: windows a step of either domain.
    """

    domains: Domains
    out: Path
    seed: int = 0
    loop: LoopParams = field(default_factory=LoopParams)
    crop: int = 64
    batch: int = 16


class Parts(NamedTuple):
    """What a translator is kept as: one JSON file, and beside it networks as ONNX files."""

    card: TranslatorCard
    tables: Mapping[str, np.ndarray]
    """Small arrays by name."""
    networks: Mapping[str, bytes]
    """ONNX files by name, run by ONNX Runtime; empty where tables are all."""
    numbers: Mapping[str, Any]
    """Parameters that `translate` hangs on: steps, strength, …, plain JSON."""


class Method(NamedTuple):
    """A row of `METHODS`."""

    params: type
    """Frozen dataclass of what can be chosen."""
    fit: Callable[[Any, Fitting], Parts]
    """Learn (params, fitting); same seed, same parts on a CPU."""
    build: Callable[[Parts], Translator]
    """Make parts work; needs no torch."""
    needs_labels: Callable[[Any, bool], bool] = lambda _, __: False
    """Whether the source must be labelled (params, paired); refused before work where not."""
    numbers: type | None = None
    """Frozen dataclass that `Parts.numbers` fill and are checked by; that of `params` when None."""

    @property
    def kept(self) -> type:
        """What `Parts.numbers` fill."""
        return self.params if self.numbers is None else self.numbers
