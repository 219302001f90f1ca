"""A training recipe: everything that decides the numbers a run ends with, and how to read it.

A recipe is a short TOML file whose tables are the dataclasses below; what it leaves out keeps its
default. Equal recipes and equal package versions give equal models, whatever the timing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geomage.data.tables import build, read_table, recipe_hash
from geomage.errors import InputError
from geomage.learn.limits import refuse_recipe

__all__ = [
    "AugmentParams",
    "LossParams",
    "PoolParams",
    "Recipe",
    "build",
    "read_recipe",
    "recipe_from_dict",
    "recipe_hash",
    "shipped_recipe",
]


@dataclass(frozen=True)
class PoolParams:
    """The growing pool of simulated pairs."""

    count: int = 2000
    """Pairs simulated in all."""
    start: int = 64
    """Pairs that exist before the first step."""
    rate: float = 0.5
    """Pairs the pool grows by at each step, until `count`."""
    held_out: int = 24
    """Pairs never trained on (indices from `count`): validation and calibration."""


@dataclass(frozen=True)
class AugmentParams:
    """What a crop goes through; chances in 0..1. Each date draws its own radiometry."""

    zoom: tuple[float, float] = (0.7, 1.5)
    """Range of the magnification, drawn evenly in its logarithm, the same for both dates."""
    shift: int = 2
    """Largest shift of the second date, pixels."""
    built: float = 0.5
    """Chance that a crop is the one of three that holds the most building."""
    gain: float = 0.2
    """Standard deviation of the logarithm of the gain of a date."""
    band_gain: float = 0.06
    """Standard deviation of the logarithm of the gain of a band."""
    offset: float = 0.05
    """Standard deviation of the haze or dark level added, of full scale."""
    gamma: float = 0.2
    """Standard deviation of the logarithm of gamma."""
    contrast: float = 0.2
    """Standard deviation of the logarithm of the contrast about the mean of the crop."""
    desaturate: float = 0.6
    """Largest share of colour taken away, at a chance of one half."""
    blur: float = 0.3
    """Chance of a blur of 0.4 to 1.2 px."""
    sharpen: float = 0.3
    """Chance of an unsharp mask."""
    noise: float = 0.02
    """Largest standard deviation of the noise added, of full scale, each band its own."""
    pan_noise: float = 0.0
    """Largest standard deviation of noise that is the same in all bands, as that of a panchromatic
    band is, and is sharpened with them. Six images of ten have some, from a fifteenth of it on,
    drawn evenly in its logarithm."""


@dataclass(frozen=True)
class LossParams:
    """Weights of the terms of the loss and of the classes inside them."""

    landcover_weights: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0, 1.0, 1.2, 1.0, 1.5)
    """bareland, rangeland, developed, road, tree, water, agriculture, building."""
    damage_weights: tuple[float, ...] = (1.0, 1.5, 1.5, 1.2)
    """none, minor, major, destroyed."""
    overlap: float = 0.5
    """Tversky loss of building."""
    tversky: float = 0.5
    """Share of missed pixels against false ones in it; 0.5 is Dice."""
    damage: float = 1.0
    """Cross-entropy of the grades."""
    order: float = 0.5
    """Squared distance of cumulative grades."""
    flags: float = 0.5
    """Binary cross-entropy of water, changed, obscured."""


@dataclass(frozen=True)
class Recipe:
    """One training run."""

    name: str = "line"
    """Name of the model it makes."""
    version: str = "1"
    seed: int = 0
    """Seeds the weights, the crops and the augmentation; the simulator has its own in `stream`."""
    steps: int = 4000
    """Optimiser steps."""
    batch: int = 8
    """Crops a step."""
    crop: int = 256
    """Side of a crop, pixels, a multiple of the network's stride."""
    learning_rate: float = 2e-3
    """Peak of the one-cycle schedule."""
    warm_up: float = 0.05
    """Share of the steps that raise the learning rate."""
    weight_decay: float = 0.02
    ema: float = 0.998
    """Decay a step of the averaged weights, the ones exported."""
    clip: float = 2.0
    """Largest norm of the gradient."""
    bfloat16: bool | None = None
    """Mixed precision: 2.3 times the throughput of float32 where the CPU has avx512_bf16, a fifth
    of it where it has none; left open, where the device has it."""
    device: str = "auto"
    """cpu, cuda, or auto: CUDA where there is one."""
    threads: int = 2
    """Torch threads; another number rounds differently."""
    readers: int = 0
    """Processes that draw crops ahead, a thread each; with 0 they are drawn between the steps."""
    checkpoint: int = 500
    """Steps between two checkpoints and pictures."""
    gsd_min: float = 0.3
    gsd_max: float = 1.0
    gsd: float = 0.5
    """GSD range and the best one, metres, written to the model card."""
    building_threshold: float = 0.5
    """Probability from which a pixel is called building, written to the model card."""
    widths: tuple[int, ...] = (32, 48, 96, 112, 160)
    """Channels at 1/2, 1/4, 1/8 (fine branch), 1/16 and 1/32 (coarse branch)."""
    decoder: int = 48
    """Channels of the decoders."""
    context: tuple[int, ...] = (1, 2)
    """Dilations at the coarsest level."""
    trained_on: str = "simulated pairs only; no real image, no real label"
    licence: str = "Apache-2.0"
    pool: PoolParams = field(default_factory=PoolParams)
    augment: AugmentParams = field(default_factory=AugmentParams)
    loss: LossParams = field(default_factory=LossParams)
    stream: dict[str, Any] = field(default_factory=dict)
    """Parameters of the simulated stream (`geomage.data.StreamParams`)."""

    def __post_init__(self) -> None:
        refuse_recipe(self)


def read_recipe(path: Path | str) -> Recipe:
    """Read a TOML recipe; InputError names the unknown key or the wrong value."""
    return recipe_from_dict(read_table(Path(path)), str(path))


def recipe_from_dict(table: dict[str, Any], where: str) -> Recipe:
    """Fill a recipe from nested tables; `where` names their origin in errors."""
    recipe: Recipe = build(Recipe, table, where)
    return recipe


def shipped_recipe(name: str = "line") -> Recipe:
    """Read a recipe that comes with the package."""
    folder = Path(__file__).parent / "recipes"
    path = folder / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in folder.glob("*.toml")))
        raise InputError(f"no shipped recipe {name!r}; there are: {known}")
    return read_recipe(path)
