"""What the product room needs from a finished mapping run, whoever made it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from geopandas import GeoDataFrame

__all__ = ["RASTERS", "Mapped"]

RASTERS = ("building", "landcover", "damage", "flood", "change", "burnt")
"""Work rasters a run may hand over; the first two always, the next three where two dates exist, the
last where burnt ground was sought and could be told."""


@runtime_checkable
class Mapped(Protocol):
    """A finished mapping run: rasters on one grid, buildings, and what could not be seen."""

    @property
    def rasters(self) -> Mapping[str, Path]:
        """{name of ``RASTERS``: COG to move into the product}; all on one grid."""

    @property
    def buildings(self) -> GeoDataFrame:
        """One row per building: see `grading.COLUMNS`; same CRS as the rasters."""

    @property
    def not_analysed(self) -> GeoDataFrame:
        """Polygons that could not be analysed, with the column ``reason``."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """JSON-able record of the run: inputs with sha256, GSD, shift, stretch, model card."""
