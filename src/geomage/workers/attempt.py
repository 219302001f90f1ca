"""A task tried in another process: what came of it, told in a form that travels."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from geomage.errors import GeomageError, RunError

__all__ = ["attempt", "opened"]


def attempt(task: Callable[[Any], Any], key: Any) -> tuple[str, Any]:
    """Call the task; what it raises becomes a word, too."""
    try:
        return "done", task(key)
    except GeomageError as error:
        return "refused", error
    except BaseException as error:  # noqa: BLE001 -- carried home and raised there
        return "failed", (str(key), repr(error), traceback.format_exc())


def opened(answer: tuple[str, Any]) -> Any:
    """Take the answer out, or raise what the task raised.

    Raises:
        GeomageError: the task raised it.
        RunError: the task raised anything else; its traceback is the cause.
    """
    word, what = answer
    if word == "refused":
        raise what
    if word == "failed":
        key, error, trace = what
        raise RunError(f"{key} cannot be made: {error}") from _Elsewhere(trace)
    return what


class _Elsewhere(Exception):  # noqa: N818 -- shown as the cause, never caught
    """The traceback of another process."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"
