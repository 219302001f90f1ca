"""The type checker that the import hook of conftest.py puts on every function of the package."""

from __future__ import annotations

from typing import Any, Self

from beartype import BeartypeConf, beartype

# An int passes where a float is asked for, as it does for mypy.
_check = beartype(conf=BeartypeConf(is_pep484_tower=True))


def check(function: Any) -> Any:
    """Wrap a function so that every call compares its arguments and result with the annotations."""
    hints = getattr(function, "__annotations__", {})
    # Methods are wrapped one by one, outside their class, where Self means nothing.
    function.__annotations__ = {
        name: hint for name, hint in hints.items() if hint not in {"Self", Self}
    }
    return _check(function)
