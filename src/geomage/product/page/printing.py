"""Whether a map page can be printed here, and how."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from geomage.errors import InputError
from geomage.product.page.drawing import Drawing
from geomage.product.page.findings import Findings

__all__ = ["NO_PRINTER", "can_print", "print_map"]

NO_PRINTER: Final = "no map.pdf: install the extra pdf to get one (pip install 'geomage[pdf]')"
"""What to tell a reader where the page cannot be made."""


def can_print() -> bool:
    """Whether the library that makes PDF is installed."""
    return find_spec("reportlab") is not None


def print_map(found: Findings, path: Path, drawing: Drawing | None = None) -> None:
    """Write the map page; see `map_page.write_map_page`.

    Raises:
        InputError: the extra ``pdf`` is not installed.
    """
    if not can_print():
        raise InputError(NO_PRINTER)
    import_module("geomage.product.page.map_page").write_map_page(found, path, drawing)
