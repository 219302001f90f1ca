"""What the numbers of a recipe may be: checked when it is read, before any work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from geomage.errors import InputError, near_names
from geomage.sensor import sensor

__all__ = ["CHANCE", "Limits", "refuse_outside", "refuse_stream", "refuse_text"]

Limits = Mapping[str, tuple[float, float]]

CHANCE = (0.0, 1.0)
WIDEST_M = 19_900.0  # of a sample: a town has 20 km, and a rim that is not pictured
_WEIGHT = (0.0, 1000.0)
_LONGEST = 1000  # letters of a text
_LENGTHS = {
    "widths": (5, 5),
    "context": (0, 16),
    "zoom": (2, 2),
    "landcover_weights": (8, 8),
    "damage_weights": (4, 4),
    "gsd_m": (2, 2),
}
_RISING = ("zoom", "gsd_m")
STREAM: Limits = MappingProxyType(
    {
        "size_px": (64, 8192),
        "gsd_m": (0.1, 10.0),
        "oversample": (1.0, 4.0),
        "shift_px": (0.0, 100.0),
        "seed": (0, 2**63 - 1),
        **dict.fromkeys(("calm", "negatives", "cloudy", "no_data"), CHANCE),
    }
)


def refuse_stream(params: Any, known: Mapping[str, Iterable[str]]) -> None:
    """Raise InputError at the first value of `StreamParams` that cannot be simulated.

    Args:
        params: the parameters.
        known: the names that the tables of weights (`styles`, `hazards`, …) may hold.
    """
    refuse_outside("recipe, stream", vars(params), STREAM)
    for table, names in known.items():
        weights = getattr(params, table)
        odd = sorted(set(weights) - set(names))
        if odd:
            raise InputError(
                f"recipe, stream, {table}: {odd[0]!r} is none of {', '.join(names)}"
                f"{near_names(odd[0], names)}"
            )
        refuse_outside(f"recipe, stream, {table}", weights, dict.fromkeys(weights, _WEIGHT))
        needless = table == "sensors" and not weights
        if not needless and not sum(weights.values()) > 0:
            raise InputError(f"recipe, stream, {table}: at least one share must be above 0")
    _refuse_wide(params)


def _refuse_wide(params: Any) -> None:
    """Raise InputError where the coarsest sensor would need a larger town than can be grown."""
    gsd = max((sensor(name).gsd for name in params.sensors), default=params.gsd_m[1])
    side = params.size_px * gsd
    if side > WIDEST_M:
        raise InputError(
            f"recipe, stream: {params.size_px} px of {gsd:g} m are {side:g} m, over the "
            f"{WIDEST_M:g} m of the largest town: take a smaller size_px or finer sensors"
        )


def refuse_text(where: str, text: str) -> None:
    """Raise InputError at a text that is not one short line."""
    if not text.isprintable() or len(text) > _LONGEST or not text.strip():
        raise InputError(f"{where} must be one line of 1 to {_LONGEST} letters")


def refuse_outside(where: str, values: Mapping[str, Any], limits: Limits) -> None:
    """Raise InputError at the first of `values` outside its limits."""
    for name, (least, most) in limits.items():
        value = values[name]
        few, many = _LENGTHS.get(name, (1, 1))
        numbers = value if isinstance(value, tuple) else (value,)
        if not few <= len(numbers) <= many:
            count = few if few == many else f"{few} to {many}"
            raise InputError(f"{where}: {name} = {list(value)} must hold {count} numbers")
        for odd in _outside(numbers, least, most):
            raise InputError(f"{where}: {name} = {odd} is outside {least:g}..{most:g}")
        if name in _RISING and numbers[0] > numbers[1]:
            raise InputError(f"{where}: {name} = {list(value)} must rise")


def _outside(numbers: Iterable[float], least: float, most: float) -> Iterator[float]:
    return (number for number in numbers if not least <= number <= most)
