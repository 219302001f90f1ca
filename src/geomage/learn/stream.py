"""The simulated stream a recipe names, and the mark that tells its pairs from all others."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from jaxtyping import UInt8

from geomage.data import Sample, SimulatedPairs, StreamParams
from geomage.data.stream import refuse_params, simulator_hash
from geomage.data.styled_pairs import SceneStyle, StyledPairs
from geomage.geo import stretch_counts
from geomage.learn.recipe import Recipe, build, recipe_hash

__all__ = ["MarkedPairs", "open_stream", "pack"]


class MarkedPairs:
    """Simulated pairs that say what they depend on: parameters and the simulator's own code."""

    def __init__(self, params: StreamParams, styles: tuple[SceneStyle, ...] = ()) -> None:
        """Simulate by parameters; with `styles`, each date in one of them."""
        self.params, self.styles = params, styles
        self.pairs = StyledPairs(params, styles) if styles else SimulatedPairs(params)

    def stack(self, index: int) -> UInt8[np.ndarray, "11 y x"]:
        """Make pair `index` as the pool stores it."""
        return pack(self.pairs.pair(index))

    def fingerprint(self) -> str:
        """Change whenever the pairs could."""
        plain = {"params": asdict(self.params), "code": simulator_hash()}
        given = {"styles": [asdict(one) for one in self.styles]} if self.styles else {}
        return recipe_hash(plain | given)


def pack(sample: Sample) -> UInt8[np.ndarray, "11 y x"]:
    """Stack a sample: before 3, after 3, land cover, damage, water, change, obscured.

    Each image is stretched by its own line, as mapping does.
    """
    truth = (sample.landcover, sample.damage, sample.water, sample.change, sample.obscured)
    return np.concatenate(
        [stretch_counts(sample.before), stretch_counts(sample.after), np.stack(truth)]
    ).astype(np.uint8)


def open_stream(recipe: Recipe) -> MarkedPairs:
    """Build the stream from the recipe's `stream` table; what it cannot use is an InputError."""
    params = build(StreamParams, recipe.stream, f"recipe {recipe.name!r}, stream")
    refuse_params(params)
    return MarkedPairs(params)
