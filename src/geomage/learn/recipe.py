"""A training recipe: everything that decides the numbers a run ends with, and how to read it.

A recipe is a short TOML file whose tables are the dataclasses below; what it leaves out keeps its
default. Equal recipes and equal package versions give equal models, whatever the timing.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

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
    """Largest standard deviation of the noise added, of full scale."""


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
    bfloat16: bool = True
    """Mixed precision: 2.3 times the throughput of float32 where the CPU has avx512_bf16."""
    threads: int = 2
    """Torch threads; another number rounds differently."""
    checkpoint: int = 500
    """Steps between two checkpoints and pictures."""
    gsd_min: float = 0.3
    gsd_max: float = 1.0
    gsd: float = 0.5
    """GSD range and the best one, metres, written to the model card."""
    building_threshold: float = 0.5
    """Probability from which a pixel is called building, written to the model card."""
    widths: tuple[int, ...] = (32, 48, 80, 128, 160)
    """Channels of the encoder at 1/2 .. 1/32."""
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


def build(kind: type, table: dict[str, Any], where: str) -> Any:
    """Fill a dataclass from a TOML table, strictly."""
    hints = get_type_hints(kind)
    names = [f.name for f in fields(kind)]
    unknown = sorted(set(table) - set(names))
    if unknown:
        raise InputError(f"{where}: unknown key {unknown[0]!r}; known keys: {', '.join(names)}")
    return kind(**{k: _value(hints[k], v, f"{where}, {k}") for k, v in table.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    """Check one value against its annotation; lists become tuples, whole numbers floats."""
    if is_dataclass(hint):
        if not isinstance(value, dict):
            raise InputError(f"{where}: expected a table, got {value!r}")
        return build(hint if isinstance(hint, type) else type(hint), value, where)
    if getattr(hint, "__origin__", None) is tuple:
        if not isinstance(value, list):
            raise InputError(f"{where}: expected a list, got {value!r}")
        if Ellipsis not in hint.__args__ and len(value) != len(hint.__args__):
            raise InputError(f"{where}: expected {len(hint.__args__)} numbers, got {value!r}")
        return tuple(_value(hint.__args__[0], v, where) for v in value)
    kind = getattr(hint, "__origin__", hint)
    if kind in (dict, Mapping):
        if not isinstance(value, dict):
            raise InputError(f"{where}: expected a table, got {value!r}")
        inner = hint.__args__[1]
        return {
            k: v if inner is Any else _value(inner, v, f"{where}, {k}") for k, v in value.items()
        }
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise InputError(f"{where}: expected {kind.__name__}, got {value!r}")
    return value


def read_recipe(path: Path | str) -> Recipe:
    """Read a TOML recipe; InputError names the unknown key or the wrong value."""
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot read the recipe: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a TOML recipe: {error}") from error
    return recipe_from_dict(table, str(path))


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


def recipe_hash(part: Any) -> str:
    """Sixteen hexadecimal digits that change when a recipe, or a part of one, changes."""
    data = asdict(part) if is_dataclass(part) and not isinstance(part, type) else part
    text = json.dumps(data, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
