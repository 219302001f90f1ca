"""The simulated stream a recipe names, and the mark that tells its pairs from all others."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from geomage.data import SimulatedPairs, StreamParams
from geomage.learn.recipe import build, recipe_hash

if TYPE_CHECKING:
    from geomage.data import Sample
    from geomage.learn.recipe import Recipe

__all__ = ["MarkedPairs", "open_stream"]

SIMULATOR = ("world", "disaster", "render", "sensor", "data")


class MarkedPairs:
    """Simulated pairs that say what they depend on: parameters and the simulator's own code."""

    def __init__(self, params: StreamParams) -> None:
        self.params = params
        self.pairs = SimulatedPairs(params)

    def pair(self, index: int) -> Sample:
        """Make pair `index`."""
        return self.pairs.pair(index)

    def fingerprint(self) -> str:
        """Change whenever the pairs could."""
        return recipe_hash({"params": asdict(self.params), "code": simulator_hash()})


@cache
def simulator_hash() -> str:
    """Digest of every source file of the rooms that make pairs."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for room in SIMULATOR:
        for path in sorted((package / room).rglob("*.py")):
            digest.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def open_stream(recipe: Recipe) -> MarkedPairs:
    """Build the stream from the recipe's `stream` table; unknown keys are an InputError."""
    return MarkedPairs(build(StreamParams, recipe.stream, f"recipe {recipe.name!r}, stream"))
