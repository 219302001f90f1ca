"""From the tables of a TOML file to frozen dataclasses: strictly, with near names for mistakes."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, get_type_hints

from geomage.errors import InputError, near_names

__all__ = ["build", "find_table", "read_table", "recipe_hash"]

_LARGEST = 2**20  # letters of a recipe
_LONGEST = 200  # letters of another library's message


def find_table(name_or_path: str, shipped: Path) -> tuple[dict[str, Any], str]:
    """Read a shipped recipe by name, or a TOML file; return its tables and where they lie.

    Args:
        name_or_path: a file where it ends in .toml or exists, else a name.
        shipped: folder of the shipped recipes.

    Raises:
        InputError: none of that name, with what is near; or no TOML.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml" and not path.is_file():
        known = sorted(p.stem for p in shipped.glob("*.toml"))
        if name_or_path not in known:
            raise InputError(
                f"no shipped recipe {name_or_path!r}{near_names(name_or_path, known)}: "
                f"there are {', '.join(known)}, or give a file that ends in .toml"
            )
        path = shipped / f"{name_or_path}.toml"
    return read_table(path), str(path)


def read_table(path: Path) -> dict[str, Any]:
    """Read the tables of a TOML file.

    Raises:
        InputError: no such file, or it is no TOML.
    """
    try:
        return tomllib.loads(_text_of(path))
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot read the recipe: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML, tables without end
        raise InputError(f"{path}: not a TOML recipe: {str(error)[:_LONGEST]}") from error


def _text_of(path: Path) -> str:
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise InputError(f"{path} is no file: give a TOML recipe")
    with path.open(encoding="utf-8") as file:
        text = file.read(_LARGEST + 1)
    if len(text) > _LARGEST:
        raise InputError(f"{path} is larger than any recipe: give a TOML recipe")
    return text


def build(kind: type, table: dict[str, Any], where: str) -> Any:
    """Fill a dataclass from a TOML table, strictly; errors begin with `where`."""
    hints = get_type_hints(kind)
    names = [f.name for f in fields(kind)]
    unknown = sorted(set(table) - set(names))
    if unknown:
        raise InputError(
            f"{where}: unknown key {unknown[0]!r}{near_names(unknown[0], names)}; "
            f"known keys: {', '.join(names)}"
        )
    _refuse_missing(kind, table, where)
    values = {k: _value(hints[k], v, f"{where}, {k}") for k, v in table.items()}
    try:
        return kind(**values)
    except InputError as error:
        said = str(error).removeprefix("recipe: ").removeprefix(f"{Path(where).name}: ")
        raise InputError(f"{where}: {said}") from error


def _refuse_missing(kind: type, table: dict[str, Any], where: str) -> None:
    for one in fields(kind):
        must = one.default is MISSING and one.default_factory is MISSING
        if must and one.name not in table:
            raise InputError(f"{where}: {one.name!r} is missing: it has no default, give it")


def _value(hint: Any, value: Any, where: str) -> Any:
    """Check one value against its annotation; lists become tuples, whole numbers floats.

    `kind | None` is a value of that kind; the null of a recipe kept as JSON stays None.
    """
    if isinstance(hint, UnionType):
        return None if value is None else _value(hint.__args__[0], value, where)
    if is_dataclass(hint):
        if not isinstance(value, dict):
            raise InputError(f"{where}: expected a table, got {value!r}")
        return build(hint if isinstance(hint, type) else type(hint), value, where)
    if getattr(hint, "__origin__", None) is tuple:
        return _numbers(hint, value, where)
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


def _numbers(hint: Any, value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        mend = ": a table of a list has two brackets, [[…]]" if isinstance(value, dict) else ""
        raise InputError(f"{where}: expected a list, got {value!r}{mend}")
    if Ellipsis not in hint.__args__ and len(value) != len(hint.__args__):
        raise InputError(f"{where}: expected {len(hint.__args__)} numbers, got {value!r}")
    return tuple(_value(hint.__args__[0], v, where) for v in value)


def recipe_hash(part: Any) -> str:
    """Sixteen hexadecimal digits that change when a recipe, or a part of one, changes."""
    data = asdict(part) if is_dataclass(part) and not isinstance(part, type) else part
    text = json.dumps(data, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
