"""Tiles in runs: what one task does, so that opening images and models is not paid for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from geomage.geo import TileKey

__all__ = ["TileRun", "tile_runs"]


@dataclass(frozen=True)
class TileRun:
    """Tiles that one task does one after the other."""

    keys: tuple[TileKey, ...]

    def __str__(self) -> str:
        return f"tiles {self.keys[0]} to {self.keys[-1]}"


def tile_runs(keys: Iterable[TileKey], length: int) -> Iterator[TileRun]:
    """Tiles in runs of at most `length`, in their order."""
    left = iter(keys)
    while run := tuple(islice(left, length)):
        yield TileRun(run)
