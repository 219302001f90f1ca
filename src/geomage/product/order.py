"""What is asked of a product beyond the map itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Order"]


@dataclass(frozen=True)
class Order:
    """How a product is made out; what `manifest.json` records of it lies in `as_dict`."""

    kind: str = "GRA"
    """Product kind of Copernicus EMS: FEP, DEL, GRA or MONIT."""
    version: int = 1
    event_type: str | None = None
    history: tuple[Mapping[str, Any], ...] = ()
    """Earlier versions, oldest first: version, created, geomage, sha256 of the manifest."""
    accuracy: Mapping[str, Any] | None = None
    """What a reviewed sample says of an earlier version; goes into the summary."""
    enclosed: tuple[Path, ...] = field(default=())
    """Files that lie in the product as they are, under their own names."""

    def as_dict(self) -> dict[str, Any]:
        """JSON-able record."""
        return {"kind": self.kind, "version": self.version, "event_type": self.event_type}
