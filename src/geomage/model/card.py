"""What a model file says of itself: bands, ground sampling distances, classes, how it was made."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from typing import Any

from geomage.errors import ModelError

__all__ = [
    "DAMAGE_CLASSES",
    "FLAGS",
    "INPUTS",
    "LANDCOVER_CLASSES",
    "METADATA_KEY",
    "OUTPUTS",
    "ModelCard",
]

LANDCOVER_CLASSES = (
    "bareland",
    "rangeland",
    "developed space",
    "road",
    "tree",
    "water",
    "agriculture",
    "building",
)
DAMAGE_CLASSES = ("none", "minor", "major", "destroyed")
FLAGS = ("water", "changed", "obscured")
METADATA_KEY = "geomage"
INPUTS = ("before", "after")
OUTPUTS = ("landcover", "damage", "flags")

_LONGEST = 1000  # letters of a text
_FIXED = {
    "bands": ("red", "green", "blue"),
    "landcover_classes": LANDCOVER_CLASSES,
    "damage_classes": DAMAGE_CLASSES,
    "flags": FLAGS,
}
_RANGES = {
    "gsd_min": (0.01, 1000),
    "gsd_max": (0.01, 1000),
    "gsd": (0.01, 1000),
    "stride": (2, 1024),
    "halo": (0, 4096),
    "window": (256, 8192),
    "trim": (0, 4096),
    "building_threshold": (0.001, 0.999),
    "temperature": (0.001, 1000),
    "seed": (0, 2**64 - 1),
}


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST and value.isprintable()


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]


def _is_words(value: object) -> bool:
    return isinstance(value, tuple) and all(map(_is_text, value))


_KINDS: tuple[tuple[tuple[str, ...], Callable[[object], bool], str], ...] = (
    (
        (
            "name",
            "version",
            "normalisation",
            "licence",
            "trained_on",
            "geomage_version",
            "calibration",
        ),
        _is_text,
        f"a line of text of at most {_LONGEST} letters",
    ),
    (("gsd_min", "gsd_max", "gsd", "building_threshold", "temperature"), _is_number, "a number"),
    (
        ("stride", "halo", "window", "trim", "seed"),
        lambda value: type(value) is int,
        "a whole number",
    ),
    (tuple(_FIXED), _is_words, "a list of words"),
    (("precision",), lambda value: value in ("fp32", "int8"), "fp32 or int8"),
    (("recipe", "gates"), lambda value: isinstance(value, dict), "a table"),
)


def _refuse(card: Mapping[str, Any]) -> None:
    """Raise ModelError at the first value that is wrong."""
    for name, fault in _faults(card):
        shown = repr(card[name])[:60]
        raise ModelError(f"model card: {name} = {shown} {fault}; export the model again")


def _faults(card: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(field, what is wrong with it), one after the other; types before ranges."""
    for names, is_kind, kind in _KINDS:
        wrong = [name for name in names if name in card and not is_kind(card[name])]
        yield from ((name, f"is not {kind}") for name in wrong)
    for name, only in _FIXED.items():
        if card.get(name, only) != only:
            yield name, f"is not {', '.join(only)}"
    for name, (least, most) in _RANGES.items():
        if not least <= card.get(name, least) <= most:
            yield name, f"is outside {least:g}..{most:g}"
    if not card["gsd_min"] <= card["gsd"] <= card["gsd_max"]:
        yield (
            "gsd",
            f"does not lie in {card['gsd_min']:g}..{card['gsd_max']:g} m, the model's range",
        )
    for name in ("halo", "window", "trim"):
        if card.get(name, 0) % card["stride"]:
            yield name, f"is not a multiple of the stride {card['stride']}"
    if card.get("trim", 0) > card["halo"]:
        yield "trim", f"is more than the halo, {card['halo']} px"


def _finite(text: str) -> float:
    """A number of the metadata: NaN and infinity are none, and no JSON either."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no number")
    return value


@dataclass(frozen=True)
class ModelCard:
    """The metadata of an exported model."""

    name: str
    version: str
    gsd_min: float
    """Finest GSD the model is used at, metres; finer images are averaged."""
    gsd_max: float
    """Coarsest GSD the model is used at, metres."""
    gsd: float
    """GSD that square pixels outside the range are brought to, metres."""
    stride: int
    """Image sides are multiples of this, pixels."""
    halo: int
    """Margin seen around a window, with which it agrees with the whole image, pixels."""
    window: int = 1024
    """Side of what is answered at once, pixels."""
    trim: int = 0
    """Margin of the images that the answers leave out, at each side, pixels."""
    bands: tuple[str, ...] = ("red", "green", "blue")
    landcover_classes: tuple[str, ...] = LANDCOVER_CLASSES
    damage_classes: tuple[str, ...] = DAMAGE_CLASSES
    flags: tuple[str, ...] = FLAGS
    normalisation: str = (
        "each image stretched: its 1st and 99th percentile, all bands together, to 16 and 240; "
        "the rest is inside the graph"
    )
    building_threshold: float = 0.5
    """Probability from which a pixel is called building."""
    temperature: float = 1.0
    """Divides the damage logits; already inside the graph."""
    recipe: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    licence: str = "Apache-2.0"
    trained_on: str = ""
    geomage_version: str = ""
    precision: str = "fp32"
    """What the weights are kept in: fp32 or int8."""
    calibration: str = ""
    """What an int8 model was calibrated on."""
    gates: dict[str, Any] = field(default_factory=dict)
    """What lower precision was measured to cost on real data, by "backend/precision"."""

    def __post_init__(self) -> None:
        _refuse(vars(self))

    def to_json(self) -> str:
        """Write the card as one JSON object."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read the card; unknown or missing keys are a ModelError."""
        try:
            data = json.loads(text, parse_constant=_finite, parse_float=_finite)
        except (ValueError, RecursionError) as error:
            raise ModelError(f"the model's metadata is not JSON: {error}") from error
        if not isinstance(data, dict):
            raise ModelError("the model's metadata is not a JSON object")
        unknown = sorted(set(data) - {f.name for f in fields(cls)})
        if unknown:
            raise ModelError(
                f"the model's metadata has unknown keys {unknown}: it was made by another version "
                "of geomage; update geomage or export the model again"
            )
        missing = sorted({f.name for f in fields(cls) if _is_needed(f)} - set(data))
        if missing:
            raise ModelError(f"the model's metadata is incomplete: it lacks {', '.join(missing)}")
        data = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        _refuse(data)
        return cls(**data)


def _is_needed(one: Field[Any]) -> bool:
    return one.default is MISSING and one.default_factory is MISSING
