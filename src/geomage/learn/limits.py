"""What the numbers of a recipe may be: checked when it is read, before a run folder is made."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from geomage.data.limits import CHANCE, Limits, refuse_outside, refuse_text
from geomage.errors import InputError

__all__ = ["DEVICES", "OBJECTIVE", "refuse_device", "refuse_params", "refuse_recipe"]

DEVICES = ("auto", "cpu", "cuda")

_COUNT = (1, 10**8)
_WEIGHT = (0.0, 1000.0)

RECIPE: Limits = {
    "seed": (0, 2**64 - 1),
    "steps": _COUNT,
    "batch": (1, 4096),
    "crop": (32, 4096),
    "learning_rate": (1e-9, 10.0),
    "warm_up": CHANCE,
    "weight_decay": (0.0, 10.0),
    "ema": CHANCE,
    "clip": (1e-9, 1e9),
    "threads": (1, 256),
    "readers": (0, 256),
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
    **dict.fromkeys(("built", "desaturate", "blur", "sharpen", "noise", "pan_noise"), CHANCE),
    **dict.fromkeys(("gain", "band_gain", "offset", "gamma", "contrast"), (0.0, 10.0)),
}
LOSS: Limits = {
    "landcover_weights": _WEIGHT,
    "damage_weights": (0.001, 1000.0),  # they are taken back by division
    "tversky": CHANCE,
    **dict.fromkeys(("overlap", "damage", "order", "flags"), _WEIGHT),
}
_WIDTH = (1, 2**16)
_HEAT = (1e-4, 1e4)  # of a temperature
OBJECTIVE: Limits = {
    **dict.fromkeys(
        (
            *("blur", "centre_momentum", "chance", "confidence", "cut", "decay", "floor", "grey"),
            *("hidden", "momentum", "patience", "ramp", "rare", "ratio", "share", "smoothing"),
            "soft",
        ),
        CHANCE,
    ),
    **dict.fromkeys(
        ("alpha", "class_weights", "distillation", "gap", "masked", "overlap", "weight"), _WEIGHT
    ),
    **dict.fromkeys(("band_gain", "contrast", "gain", "gamma", "noise", "offset"), (0.0, 10.0)),
    **dict.fromkeys(("student_temperature", "teacher_temperature", "temperature"), _HEAT),
    **dict.fromkeys(("bottleneck", "prototypes", "width"), _WIDTH),
    **dict.fromkeys(("block", "patch", "side", "tile"), (1, 4096)),
    "area": CHANCE,
    "aspect": (1e-3, 1e3),
    "cells": (1, 10**6),
    "grid": (1, 16),
    "levels": (1, 64),
    "locals": (0, 64),
    "orders": (2, 1000),
    "projection": (0, 2**16),
    "scale": (0.01, 100.0),
    "sigma": (0.001, 100.0),
}
"""Of the numbers of every objective, by their name."""
_TEXTS = ("name", "version", "trained_on", "licence")


def refuse_device(where: str, device: str) -> None:
    """Raise InputError for a name that is no device."""
    if device not in DEVICES:
        raise InputError(f"{where}: device = {device!r} is none of {', '.join(DEVICES)}")


def refuse_recipe(recipe: Any) -> None:
    """Raise InputError at the first value of a `Recipe` that no run could use."""
    for where, part, limits in (
        ("recipe", recipe, RECIPE),
        ("recipe, pool", recipe.pool, POOL),
        ("recipe, augment", recipe.augment, AUGMENT),
        ("recipe, loss", recipe.loss, LOSS),
    ):
        refuse_outside(where, vars(part), limits)
    for name in _TEXTS:
        refuse_text(f"recipe: {name}", getattr(recipe, name))
    refuse_device("recipe", recipe.device)
    if recipe.crop % 32:
        raise InputError(f"recipe: crop = {recipe.crop} px must be a multiple of 32")
    if not recipe.gsd_min <= recipe.gsd <= recipe.gsd_max:
        raise InputError("recipe: 0 < gsd_min <= gsd <= gsd_max does not hold")
    if recipe.pool.start > recipe.pool.count:
        raise InputError("recipe: pool needs 1 <= start <= count")


def refuse_params(where: str, params: Any) -> None:
    """Raise InputError at the first number of an objective's parameters that no run could use.

    Args:
        where: names the parameters in the message.
        params: a dataclass of numbers and of such dataclasses.
    """
    for one in fields(params):
        value = getattr(params, one.name)
        if is_dataclass(value):
            refuse_params(f"{where}, {one.name}", value)
        elif not isinstance(value, bool | str):
            _refuse_number(f"{where}: {one.name}", value, *OBJECTIVE[one.name])
            if one.name in ("scale", "sigma") and value[0] > value[1]:
                raise InputError(f"{where}: {one.name} = {list(value)} must rise")


def _refuse_number(what: str, value: Any, least: float, most: float) -> None:
    for number in value if isinstance(value, tuple) else (value,):
        if not least <= number <= most:
            raise InputError(f"{what} = {number} is outside {least:g}..{most:g}")
