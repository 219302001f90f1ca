"""What is asked of a product beyond the map itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["PLAIN", "Order"]


@dataclass(frozen=True)
class Order:
    """Wishes for one product."""

    zones: Path | None = None
    """Polygons to count in; None takes the lettered squares of the map."""
    zone_name: str | None = None
    """Column of `zones` with their names; None looks for a usual one."""
    population: Path | None = None
    """Raster of people per pixel."""


PLAIN: Final = Order()
"""Nothing beyond the map."""
