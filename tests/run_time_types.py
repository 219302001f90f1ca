"""The type checker that the import hook of conftest.py puts on every function of the package.

Where an annotation names a shape, jaxtyping binds the arguments of each call to compare their
axes. That costs some ten times the check itself, so all other functions have beartype alone.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import is_dataclass
from inspect import isclass
from types import SimpleNamespace
from typing import Any, Self, get_args, get_type_hints

import jaxtyping
from beartype import BeartypeConf, beartype
from jaxtyping import AbstractArray, TypeCheckError, jaxtyped
from jaxtyping._import_hook import JaxtypingTransformer

# An int passes where a float is asked for, as it does for mypy.
_check = beartype(conf=BeartypeConf(is_pep484_tower=True, violation_type=TypeCheckError))


def install(package: str) -> None:
    """Check every function and dataclass of a package that is imported from now on."""
    jaxtyping.jaxtyped = checked  # the name by which the import hook calls its decorator
    JaxtypingTransformer.generic_visit = _visit_statements
    jaxtyping.install_import_hook(package, f"{__name__}.check")


def _visit_statements(hook: ast.NodeVisitor, node: ast.AST) -> None:
    """Functions and classes stand among statements: what these are made of need not be searched."""
    for part in ("body", "handlers", "cases", "orelse", "finalbody"):
        for statement in getattr(node, part, ()):
            hook.visit(statement)


def check(function: Any) -> Any:
    """Wrap a function so that every call compares its arguments and result with the annotations."""
    hints = getattr(function, "__annotations__", {})
    # Methods are wrapped one by one, outside their class, where Self means nothing.
    function.__annotations__ = {
        name: hint for name, hint in hints.items() if hint not in {"Self", Self}
    }
    return _check(function)


def checked(*, typechecker: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Stand in for `jaxtyped`: shapes are compared where they are named, types everywhere."""

    def decorate(thing: Any) -> Any:
        if isclass(thing):
            init = vars(thing).get("__init__")
            if is_dataclass(thing) and init and not hasattr(init, "__wrapped__"):
                thing.__init__ = decorate(init)
            return thing
        written, read = thing.__annotations__, _read(thing)
        if any(map(_names_a_shape, read.values())):
            return jaxtyped(thing, typechecker=typechecker)
        thing.__annotations__ = read
        wrapped = typechecker(thing)
        wrapped.__annotations__ = thing.__annotations__ = written
        return wrapped

    return decorate


def _read(function: Any) -> dict[str, Any]:
    """Annotations by their meaning; what is not yet defined may be anything."""
    return {
        name: _hint(hint, function.__globals__) for name, hint in function.__annotations__.items()
    }


def _hint(written: Any, names: dict[str, Any]) -> Any:
    try:
        alone = SimpleNamespace(__annotations__={"hint": written})
        return get_type_hints(alone, names, include_extras=True)["hint"]
    except (NameError, TypeError, ValueError):
        return Any


def _names_a_shape(hint: Any) -> bool:
    if isclass(hint) and issubclass(hint, AbstractArray):
        return True
    return any(map(_names_a_shape, get_args(hint)))
