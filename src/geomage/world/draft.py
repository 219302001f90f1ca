"""The town on the drawing board, filled step by step while it grows."""

from __future__ import annotations

from dataclasses import dataclass, field

from shapely import Polygon

from geomage.world.buildings import Building
from geomage.world.ground import Ground
from geomage.world.streets import Street

__all__ = ["Draft"]


@dataclass
class Draft:
    """The town on the drawing board, in local metres."""

    ground: Ground = field(default_factory=Ground)
    streets: list[Street] = field(default_factory=list)
    blocks: list[tuple[Polygon, str]] = field(default_factory=list)
    parcels: list[tuple[Polygon, int]] = field(default_factory=list)
    buildings: list[Building] = field(default_factory=list)
    clearings: list[Polygon] = field(default_factory=list)  # where no tree stands
