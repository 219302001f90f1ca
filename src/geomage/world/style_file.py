"""A style as a TOML file, or as the JSON table that a city folder keeps.

What a file may hold is read off the fields of `Style`: a number, a whole number, a word, a range
(two numbers, the smaller one first), quantiles (numbers that never fall) or weights (a table of
words). A field left out keeps its default; one without a default must be there.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from geomage.errors import InputError, OutputError
from geomage.world.buildings import _ROOF_COLOURS
from geomage.world.layers import COLUMNS
from geomage.world.streets import FABRICS
from geomage.world.style import Style
from geomage.world.styles import STYLES

__all__ = ["LIMITS", "find_style", "read_style", "style_from_table", "style_table", "write_style"]

LARGEST = 1e7
# least and most of numbers that would stop the growth or make no sense; others are 0..LARGEST
LIMITS: Mapping[str, tuple[float, float]] = {
    "arterial_m": (1, 100),
    "block_m": (10, 5000),
    "clutter": (0, 0.2),
    "district_m": (80, 20_000),
    "bricks": (0, 0.45),
    "bend_m": (0, 500),
    "heading_deg": (-45, 45),
    "street_width_m": (0.5, 100),
    "sidewalk_m": (0, 20),
    "parcel_m2": (10, 1e6),
    "footprint_m2": (12, 1e6),
    "setback_m": (0, 200),
    "storeys": (0.5, 150),
    "trees_per_ha": (0, 2000),
    "vehicles_per_100m": (0, 200),
    **dict.fromkeys(
        ("attached", "block_coverage", "coverage", "dead_ends", "dirt_streets", "elongation"),
        (0, 1),
    ),
    **dict.fromkeys(("empty", "order", "outbuilding", "pool", "street_trees", "wooded"), (0, 1)),
}

_OPTIONAL = frozenset({"quarters"})  # weights that may be left empty
BEND_MOST = 0.1  # of the least side of a district: beyond it arterials fold over themselves


def find_style(name_or_path: str) -> str | Style:
    """Return a shipped style's name as it is, and what a file of that name holds otherwise."""
    path = Path(name_or_path)
    is_file = path.suffix == ".toml" or (name_or_path not in STYLES and path.is_file())
    return read_style(path) if is_file else name_or_path


def read_style(path: Path | str) -> Style:
    """Read a TOML style.

    Raises:
        InputError: no such file, no TOML, an unknown key or word, or a value that cannot serve.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: cannot read the style: it is no file")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot read the style: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML, numbers without end
        raise InputError(f"{path}: not a TOML style: {str(error)[:200]}") from error
    return style_from_table(table, str(path))


def write_style(style: Style, path: Path | str, *, comment: str = "") -> Path:
    """Write a style as TOML, whole or not at all; `comment` goes above it."""
    path = Path(path)
    table = style_table(style)
    weights = {k: v for k, v in table.items() if isinstance(v, dict)}
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    lines += [f"{k} = {_toml(v)}" for k, v in table.items() if k not in weights]
    for name, shares in weights.items():
        lines += ["", f"[{name}]", *(f"{_key(k)} = {_toml(v)}" for k, v in shares.items())]
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return path


def style_table(style: Style) -> dict[str, Any]:
    """Return a style as plain values for TOML or JSON; what is not set (None) is left out."""
    values = {f.name: getattr(style, f.name) for f in fields(Style)}
    return {k: _plain(v) for k, v in values.items() if v is not None}


def style_from_table(table: Mapping[str, Any], where: str) -> Style:
    """Fill a style from nested tables, strictly; `where` names their origin in errors."""
    hints = get_type_hints(Style)
    unknown = sorted(set(table) - set(hints))
    if unknown:
        raise InputError(f"{where}: unknown key {unknown[0]!r}; known keys: {', '.join(hints)}")
    needed = [f.name for f in fields(Style) if f.default is f.default_factory is MISSING]
    missing = [name for name in needed if name not in table]
    if missing:
        raise InputError(f"{where}: {missing[0]} is missing; needed are {', '.join(needed)}")
    style = Style(**{k: _value(k, hints[k], v, f"{where}, {k}") for k, v in table.items()})
    if style.bend_m > BEND_MOST * style.district_m[0]:
        raise InputError(
            f"{where}, bend_m: {style.bend_m:g} is too much for districts of "
            f"{style.district_m[0]:g} m: at most a tenth of district_m"
        )
    return style


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # JSON that is TOML too


def _key(word: str) -> str:
    return word if word.replace("_", "").isalnum() and word.isascii() else _toml(word)


@cache
def _words(field: str) -> tuple[str, ...]:
    """Words a field may hold: those the generators know and those of the shipped styles."""
    known: dict[str, tuple[str, ...]] = {
        "fabric": tuple(FABRICS),
        "roofs": COLUMNS["roofs"].words["form"],
        "materials": tuple(_ROOF_COLOURS),
        "quarters": tuple(STYLES),
    }
    words = list(known.get(field, ()))
    for style in STYLES.values():
        value = getattr(style, field)
        words += list(value) if isinstance(value, Mapping) else [value]
    return tuple(dict.fromkeys(words))


def _value(field: str, hint: Any, value: Any, where: str) -> Any:
    """Check one value against the annotation of its field."""
    if get_origin(hint) in (Union, UnionType):
        hint = next(h for h in get_args(hint) if h is not NoneType)
    kind = get_origin(hint) or hint
    if isinstance(kind, type) and issubclass(kind, Mapping):
        return _weights(field, value, where)
    if kind is tuple:
        return _numbers(field, get_args(hint), value, where)
    if kind is str:
        return _word(field, value, where)
    if kind is bool:
        if not isinstance(value, bool):
            raise InputError(f"{where}: expected true or false, got {value!r}")
        return value
    number = _number(field, value, where)
    if kind is int and number != int(number):
        raise InputError(f"{where}: expected a whole number, got {value!r}")
    return int(number) if kind is int else number


def _word(field: str, value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{where}: expected a word, got {value!r}")
    if field != "name" and value not in _words(field):
        raise InputError(f"{where}: unknown word {value!r}; choose one of {_list(field)}")
    return value


def _number(field: str, value: Any, where: str) -> float:
    least, most = LIMITS.get(field, (0, LARGEST))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{where}: expected a number, got {value!r}")
    if not least <= value <= most:  # nor NaN
        raise InputError(f"{where}: {str(value)[:40]} is outside {least:g}..{most:g}")
    return float(value)


def _numbers(field: str, kinds: tuple[Any, ...], value: Any, where: str) -> tuple[float, ...]:
    """Two numbers for a range, any count for quantiles; neither ever falls."""
    count = None if Ellipsis in kinds else len(kinds)
    if not isinstance(value, list | tuple) or (count is not None and len(value) != count):
        expected = "a list of numbers" if count is None else f"a list of {count} numbers"
        raise InputError(f"{where}: expected {expected}, got {value!r}")
    numbers = tuple(_number(field, v, where) for v in value)
    if any(a > b for a, b in pairwise(numbers)):
        raise InputError(f"{where}: {list(value)!r} must rise: write the smaller number first")
    return numbers


def _weights(field: str, value: Any, where: str) -> Mapping[str, float]:
    if not isinstance(value, Mapping):
        raise InputError(f"{where}: expected a table of weights, got {value!r}")
    for word in value:
        if word not in _words(field):
            raise InputError(f"{where}: unknown word {word!r}; choose among {_list(field)}")
    shares = {k: _number("", v, f"{where}, {k}") for k, v in value.items()}
    if not sum(shares.values()) > 0 and (shares or field not in _OPTIONAL):
        raise InputError(f"{where}: no weight is above 0; choose among {_list(field)}")
    return MappingProxyType(shares)


def _list(field: str) -> str:
    return ", ".join(_words(field))
