"""The extents of an event as layers, beside what `layers` makes of the flood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import geopandas as gpd
import pandas as pd
from geopandas import GeoDataFrame

from geomage.product.extents import PERMANENT, debris_extent, water_extent
from geomage.product.layers import Source, observed
from geomage.product.order import Order
from geomage.product.schema import in_schema

__all__ = ["add_extents"]

DEBRIS = "Debris"


def add_extents(
    layers: dict[str, GeoDataFrame],
    rasters: Mapping[str, Path],
    buildings: GeoDataFrame,
    order: Order,
    sources: Sequence[Source],
) -> dict[str, GeoDataFrame | None]:
    """Add ``hydrographyA``, and debris to ``observedEventA``, to the layers of two dates.

    Args:
        layers: of `product_layers`; changed.
        rasters: of the product.
        buildings: graded buildings.
        order: says what happened; debris is outlined for a storm alone.
        sources: the images.

    Returns:
        What `extents_record` takes: flooded, permanent_water, debris; None where not sought.
    """
    if "flood" not in rasters:
        return {"flooded": None, "permanent_water": None, "debris": None}
    ids = {source.role: source.src_id for source in reversed(sources)}
    water = water_extent(rasters["flood"], PERMANENT)
    layers["hydrographyA"] = _hydrography(water, ids["before"])
    flooded, debris = layers["observedEventA"], None
    if order.hazard == "storm" and "change" in rasters:
        debris = debris_extent(rasters, buildings)
        thrown = observed(debris, "storm", DEBRIS, ids["after"])
        both = pd.concat([flooded, thrown], ignore_index=True) if len(thrown) else flooded
        layers["observedEventA"] = gpd.GeoDataFrame(both, crs=flooded.crs)
    return {"flooded": flooded, "permanent_water": water, "debris": debris}


def _hydrography(water: GeoDataFrame, src_id: int) -> GeoDataFrame:
    columns = {
        "obj_type": "Water at both dates",
        "or_src_id": src_id,
        "area_m2": water["area_m2"].round(1).to_numpy(),
    }
    return in_schema("hydrographyA", columns, water.geometry)
