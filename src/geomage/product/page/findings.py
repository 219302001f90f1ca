"""All that a report and a map page tell of a product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from geopandas import GeoDataFrame
from odc.geo.geobox import GeoBox

from geomage.product.layers import Source
from geomage.product.page.chips import Chips
from geomage.product.page.pictures import Picture
from geomage.product.squares import Square

__all__ = ["Findings"]


@dataclass(frozen=True)
class Findings:
    """What was found. A part that is None does not exist in the product and is not spoken of."""

    summary: Mapping[str, Any]
    buildings: GeoDataFrame  # graded, with building_id, grade, p_*, confidence, reason, area_m2
    not_analysed: GeoDataFrame  # polygons with reason
    flood: GeoDataFrame | None  # `observedEventA`: flooded, burnt or debris, by event_type
    box: GeoBox  # grid of the product
    squares: Sequence[Square]  # worst first
    sources: Sequence[Source]
    facts: Mapping[str, Any]  # record of the run
    before: Picture
    after: Picture | None
    created: datetime
    water: GeoDataFrame | None = None  # `hydrographyA`: water at both dates
    roads: GeoDataFrame | None = None  # `transportationL` with state, depth_m, length_m
    zones: GeoDataFrame | None = None  # `mostAffectedA` with zone, rank, counts by word
    facilities: GeoDataFrame | None = None  # `facilitiesP`
    cut_off: GeoDataFrame | None = None  # `cutOffA` with access, buildings
    reach: GeoDataFrame | None = None  # `accessTimeA` with moment, minutes
    chips: Chips | None = None  # close looks, where the pictures are coarse

    @property
    def locality(self) -> str | None:
        """Where it is, as the order of the product says; None where nobody said."""
        product = self.summary.get("product")
        place = product.get("locality") if isinstance(product, Mapping) else None
        return str(place) if place else None

    @property
    def given(self) -> bool:
        """Whether the outlines of buildings were given, and none was mapped."""
        return bool(self.facts.get("footprints"))

    @property
    def version(self) -> int:
        """Version of the product, from 1."""
        product = self.summary.get("product")
        said = product.get("version") if isinstance(product, Mapping) else None
        return int(said or self.summary.get("version") or 1)
