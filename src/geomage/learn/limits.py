"""What the numbers of a recipe may be: checked when it is read, before a run folder is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from geomage.errors import InputError

__all__ = ["refuse_recipe", "refuse_stream"]

Limits = Mapping[str, tuple[float, float]]

_CHANCE = (0.0, 1.0)
_COUNT = (1, 10**8)
_WEIGHT = (0.0, 1000.0)
_LONGEST = 1000  # letters of a text

RECIPE: Limits = {
    "seed": (0, 2**64 - 1),
    "steps": _COUNT,
    "batch": (1, 4096),
    "crop": (32, 4096),
    "learning_rate": (1e-9, 10.0),
    "warm_up": _CHANCE,
    "weight_decay": (0.0, 10.0),
    "ema": _CHANCE,
    "clip": (1e-9, 1e9),
    "threads": (1, 256),
    "checkpoint": _COUNT,
    "gsd_min": (0.01, 1000.0),
    "gsd_max": (0.01, 1000.0),
    "gsd": (0.01, 1000.0),
    "building_threshold": (0.001, 0.999),
    "widths": (2, 4096),
    "decoder": (1, 4096),
    "context": (1, 64),
}
POOL: Limits = {"count": _COUNT, "start": _COUNT, "rate": (0.0, 1e6), "held_out": _COUNT}
AUGMENT: Limits = {
    "zoom": (0.1, 10.0),
    "shift": (0, 256),
    **dict.fromkeys(("built", "desaturate", "blur", "sharpen", "noise"), _CHANCE),
    **dict.fromkeys(("gain", "band_gain", "offset", "gamma", "contrast"), (0.0, 10.0)),
}
LOSS: Limits = {
    "landcover_weights": _WEIGHT,
    "damage_weights": (0.001, 1000.0),  # they are taken back by division
    "tversky": _CHANCE,
    **dict.fromkeys(("overlap", "damage", "order", "flags"), _WEIGHT),
}
STREAM: Limits = {
    "size_px": (64, 8192),
    "gsd_m": (0.1, 10.0),
    "oversample": (1.0, 4.0),
    "shift_px": (0.0, 100.0),
    "seed": (0, 2**63 - 1),
    **dict.fromkeys(("calm", "cloudy", "no_data"), _CHANCE),
}
_LENGTHS = {
    "widths": (5, 5),
    "context": (0, 16),
    "zoom": (2, 2),
    "landcover_weights": (8, 8),
    "damage_weights": (4, 4),
    "gsd_m": (2, 2),
}
_TEXTS = ("name", "version", "trained_on", "licence")


def refuse_recipe(recipe: Any) -> None:
    """Raise InputError at the first value of a `Recipe` that no run could use."""
    for where, part, limits in (
        ("recipe", recipe, RECIPE),
        ("recipe, pool", recipe.pool, POOL),
        ("recipe, augment", recipe.augment, AUGMENT),
        ("recipe, loss", recipe.loss, LOSS),
    ):
        _refuse(where, vars(part), limits)
    for name in _TEXTS:
        text = getattr(recipe, name)
        if not text.isprintable() or len(text) > _LONGEST:
            raise InputError(f"recipe: {name} must be one line of at most {_LONGEST} letters")
    if recipe.crop % 32:
        raise InputError(f"recipe: crop = {recipe.crop} px must be a multiple of 32")
    if not recipe.gsd_min <= recipe.gsd <= recipe.gsd_max:
        raise InputError("recipe: 0 < gsd_min <= gsd <= gsd_max does not hold")
    if recipe.pool.start > recipe.pool.count:
        raise InputError("recipe: pool needs 1 <= start <= count")


def refuse_stream(params: Any, known: Mapping[str, Iterable[str]]) -> None:
    """Raise InputError at the first value of `StreamParams` that cannot be simulated.

    Args:
        params: the parameters.
        known: the names that `styles` and `hazards` may hold.
    """
    _refuse("recipe, stream", vars(params), STREAM)
    for table, names in known.items():
        weights = getattr(params, table)
        odd = sorted(set(weights) - set(names))
        if odd:
            raise InputError(f"recipe, stream, {table}: {odd[0]!r} is none of {', '.join(names)}")
        _refuse(f"recipe, stream, {table}", weights, dict.fromkeys(weights, _WEIGHT))
        if not sum(weights.values()) > 0:
            raise InputError(f"recipe, stream, {table}: at least one share must be above 0")


def _refuse(where: str, values: Mapping[str, Any], limits: Limits) -> None:
    for name, (least, most) in limits.items():
        value = values[name]
        few, many = _LENGTHS.get(name, (1, 1))
        numbers = value if isinstance(value, tuple) else (value,)
        if not few <= len(numbers) <= many:
            count = few if few == many else f"{few} to {many}"
            raise InputError(f"{where}: {name} = {list(value)} must hold {count} numbers")
        for odd in _outside(numbers, least, most):
            raise InputError(f"{where}: {name} = {odd} is outside {least:g}..{most:g}")
        if name in ("zoom", "gsd_m") and numbers[0] > numbers[1]:
            raise InputError(f"{where}: {name} = {list(value)} must rise")


def _outside(numbers: Iterable[float], least: float, most: float) -> Iterator[float]:
    return (number for number in numbers if not least <= number <= most)
