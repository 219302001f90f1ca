"""Everything geomage raises on purpose.

GeomageError
├── InputError (ValueError)        bad input or wrong use; the command line leaves with 2
│   ├── BudgetError                the input asks for more than the stated budget
│   ├── CorruptError               a file of a dataset that cannot be read; some may be skipped
│   └── ModelError                 a model file that cannot serve this job
├── OutputError (OSError)          cannot write where asked; leaves with 2
├── MissingExtraError (ImportError) an optional extra is not installed; leaves with 2
└── RunError (RuntimeError)        the work itself failed; leaves with 1
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "BudgetError",
    "CorruptError",
    "GeomageError",
    "InputError",
    "MissingExtraError",
    "ModelError",
    "OutputError",
    "RunError",
    "near_names",
]


class GeomageError(Exception):
    """Base of every error geomage raises on purpose."""

    exit_code = 1


class InputError(GeomageError, ValueError):
    """Bad input or wrong use: says what, where, and what to do."""

    exit_code = 2


class BudgetError(InputError):
    """The input asks for more memory, pixels or features than the budget allows."""


class CorruptError(InputError):
    """A file of a dataset that cannot be read: a dataset may skip some, if it counts them."""


class ModelError(InputError):
    """A model file that is missing, unsafe, or cannot serve this job."""


class OutputError(GeomageError, OSError):
    """The output cannot be written where asked."""

    exit_code = 2


class MissingExtraError(GeomageError, ImportError):
    """An optional extra is not installed."""

    exit_code = 2


class RunError(GeomageError, RuntimeError):
    """The work started and failed."""


def near_names(word: str, known: Iterable[str]) -> str:
    """Say which known names a wrong one is near to; nothing where it is near none."""
    near = difflib.get_close_matches(word, list(known), n=3, cutoff=0.5)
    return f" (near: {', '.join(near)})" if near else ""
