"""Chips that are costly to make, each made once and kept in a folder."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from geomage.data.chip import Channel, Chip, Moment
from geomage.errors import InputError, OutputError
from geomage.geo.space import why_unwritten
from geomage.workers import Workers, run_tasks

__all__ = ["ChipMaker", "KeptChips", "keep_chips", "make_chips"]

MARK = "chips.json"


@runtime_checkable
class ChipMaker(Protocol):
    """Makes chips by number; it must pickle, for it travels to workers."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of labels 0 and up."""

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Of all chips."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of all chips, in order."""

    def make(self, index: int) -> Chip:
        """Make chip `index`, always the same."""

    def fingerprint(self) -> str:
        """Name what the chips depend on: it changes when they would."""


@dataclass(frozen=True)
class KeptChips:
    """A `ChipSource`: what the folder does not hold is made when it is asked for.

    Pixels are kept as float16, so a chip is the same whether it was made just now or long ago.
    """

    folder: Path
    maker: ChipMaker

    @property
    def classes(self) -> tuple[str, ...]:
        """As of the maker."""
        return self.maker.classes

    @property
    def names(self) -> tuple[str, ...]:
        """As of the maker."""
        return self.maker.names

    def chip(self, index: int) -> Chip:
        """Read chip `index`, or make it and keep it."""
        if not 0 <= index < len(self.names):
            raise InputError(f"there is no chip {index}: count from 0 to {len(self.names) - 1}")
        path = self.path(index)
        if not path.exists():
            _write(path, self.maker.make(index))
        return _read(path, self.names[index], self.maker.channels)

    def path(self, index: int) -> Path:
        """Where chip `index` lies."""
        return self.folder / f"{self.names[index]}.npz"


def keep_chips(folder: Path, maker: ChipMaker) -> KeptChips:
    """Open a folder for the chips of a maker.

    Raises:
        InputError: it holds other chips, or other things.
    """
    mark = folder / MARK
    if mark.exists():
        found = _marked(mark)
        if found != maker.fingerprint():
            raise InputError(
                f"{folder} holds other chips ({found}, these are {maker.fingerprint()}): "
                "choose another folder or delete this one"
            )
    elif folder.is_dir() and any(one.suffix != ".part" for one in folder.iterdir()):
        raise InputError(f"{folder} is not empty and no folder of chips; choose another one")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        part = mark.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps({"fingerprint": maker.fingerprint()}), encoding="utf-8")
        part.replace(mark)
    return KeptChips(folder, maker)


def _marked(mark: Path) -> Any:
    """The fingerprint in the mark of a folder."""
    try:
        return json.loads(mark.read_text(encoding="utf-8"))["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{mark} is damaged: choose another folder or delete this one") from error


@dataclass(frozen=True)
class _Make:
    """The task of one chip."""

    source: KeptChips

    def __call__(self, index: int) -> int:
        self.source.chip(index)
        return index


def make_chips(
    source: KeptChips,
    workers: Workers,
    share: tuple[int, int] = (0, 1),
    say: Callable[[int], object] = lambda _: None,
) -> None:
    """Make the chips that the folder does not hold yet.

    Args:
        source: where to.
        workers: who makes them; no chip depends on it.
        share: number of this one of several processes, and how many there are: each makes its own.
        say: told the number of each chip that was made.
    """
    due = [k for k in range(share[0], len(source.names), share[1]) if not source.path(k).exists()]
    for index in run_tasks(_Make(source), due, workers, source.folder / MARK):
        say(index)


def _write(path: Path, chip: Chip) -> None:
    """Write one chip under a name that no other thread or process has, then move it."""
    arrays: dict[str, Any] = {
        "pixels": chip.pixels.astype(np.float16),
        "valid": chip.valid,
        "gsd_m": np.float64(chip.gsd_m),
        "event": np.array(chip.event),
        "moments": np.array(chip.moments, np.float64).reshape(-1, 2),
    }
    if chip.labels is not None:
        arrays["labels"] = chip.labels
    try:
        with tempfile.TemporaryDirectory(prefix=".", dir=path.parent) as own:
            part = Path(own) / path.name
            np.savez(part, **arrays)
            part.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {why_unwritten(error, path.parent)}") from error


def _read(path: Path, name: str, channels: tuple[Channel, ...]) -> Chip:
    try:
        with np.load(path, allow_pickle=False) as kept:
            return Chip(
                name,
                kept["pixels"].astype(np.float32),
                channels,
                float(kept["gsd_m"]),
                kept["valid"],
                kept.get("labels"),
                str(kept["event"]),
                tuple(Moment(*row) for row in _moments(kept)),
            )
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged; delete it and it is made again: {error}") from error


def _moments(kept: Mapping[str, np.ndarray]) -> list[list[float]]:
    """Rows of sun and day; none in what was kept by versions that knew none."""
    rows: list[list[float]] = kept["moments"].tolist() if "moments" in kept else []
    return rows
