"""The extents of an event as layers, beside what `layers` makes of the flood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
from geopandas import GeoDataFrame

from geomage.product.extents import (
    BURNT_UNSOUGHT,
    PERMANENT,
    burnt_extent,
    debris_extent,
    water_extent,
)
from geomage.product.layers import Source, observed
from geomage.product.order import Order
from geomage.product.schema import in_schema

__all__ = ["add_extents", "burnt_left_out"]

DEBRIS = "Debris"
BURNT = "Burnt area"


def add_extents(
    layers: dict[str, GeoDataFrame],
    rasters: Mapping[str, Path],
    buildings: GeoDataFrame,
    order: Order,
    sources: Sequence[Source],
) -> dict[str, GeoDataFrame | None]:
    """Add ``hydrographyA``, and to ``observedEventA`` debris and burnt ground, of two dates.

    Args:
        layers: of `product_layers`; changed.
        rasters: of the product.
        buildings: graded buildings.
        order: says what happened; debris is outlined for a storm alone, burnt ground for a fire.
        sources: the images.

    Returns:
        What `extents_record` takes: flooded, permanent_water, debris, burnt; None where not sought.
    """
    if "flood" not in rasters:
        return dict.fromkeys(("flooded", "permanent_water", "debris", "burnt"))
    ids = {source.role: source.src_id for source in reversed(sources)}
    water = water_extent(rasters["flood"], PERMANENT)
    layers["hydrographyA"] = _hydrography(water, ids["before"])
    flooded, debris, burnt = layers["observedEventA"], None, None
    if order.hazard == "storm" and "change" in rasters:
        debris = debris_extent(rasters, buildings)
        _observe(layers, observed(debris, "storm", DEBRIS, ids["after"]))
    if order.hazard == "fire" and "burnt" in rasters:
        burnt = burnt_extent(rasters["burnt"])
        _observe(layers, observed(burnt, "fire", BURNT, ids["after"]))
    return {"flooded": flooded, "permanent_water": water, "debris": debris, "burnt": burnt}


def burnt_left_out(
    extents: Mapping[str, GeoDataFrame | None], facts: Mapping[str, Any]
) -> dict[str, str]:
    """Why burnt ground is not outlined, under its name; nothing where it is.

    Args:
        extents: of `add_extents`.
        facts: of the mapping run.
    """
    if extents["burnt"] is not None:
        return {}
    said = facts.get("burnt")
    why = said.get("left_out") if isinstance(said, Mapping) else None
    return {"burnt": str(why or BURNT_UNSOUGHT)}


def _observe(layers: dict[str, GeoDataFrame], found: GeoDataFrame) -> None:
    """Add polygons to ``observedEventA``."""
    if len(found):
        both = pd.concat([layers["observedEventA"], found], ignore_index=True)
        layers["observedEventA"] = gpd.GeoDataFrame(both, crs=found.crs)


def _hydrography(water: GeoDataFrame, src_id: int) -> GeoDataFrame:
    columns = {
        "obj_type": "Water at both dates",
        "or_src_id": src_id,
        "area_m2": water["area_m2"].round(1).to_numpy(),
    }
    return in_schema("hydrographyA", columns, water.geometry)
