"""What is asked of a product beyond the map itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["PLAIN", "Order"]


@dataclass(frozen=True)
class Order:
    """Files laid on the map; a product without any is one of pixels and buildings."""

    roads: Path | None = None
    """Streets, any lines: which of them work."""
    depth: Path | None = None
    """Raster of the depth of the water, metres: how deep a flooded street is."""
    facilities: Path | None = None
    """Hospitals or depots: what they still reach."""


PLAIN: Final = Order()
"""Nothing beyond the map."""
