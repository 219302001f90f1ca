"""The vector layers, in the words and fields of Copernicus EMS Rapid Mapping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
from geopandas import GeoDataFrame
from odc.geo.geobox import GeoBox

from geomage.errors import InputError
from geomage.geo import check_raster
from geomage.mapping.reasons import OBSCURED, REASONS
from geomage.product.flooded import FLOOD_SPECK_M2, flood_areas
from geomage.product.grading import NOT_ANALYSED
from geomage.product.surface import areas_m2, box_outline

__all__ = [
    "FLOOD_SPECK_M2",
    "NO_SOURCE",
    "Source",
    "flood_beside_obscured_m2",
    "product_layers",
    "source_table",
]

METHOD: Final = "Automatic extraction"
NOT_APPLICABLE: Final = "Not Applicable"
NO_SOURCE: Final = 997  # the service's own code for "not applicable" in *_src_id

_PROBABILITIES: Final = ("p_none", "p_minor", "p_major", "p_destroyed")


@dataclass(frozen=True)
class Source:
    """An input image, as the table ``source`` names it."""

    src_id: int  # from 1, referred to by or_src_id and dmg_src_id
    path: Path
    role: str  # "before" or "after"
    sha256: str


def product_layers(
    buildings: GeoDataFrame,
    not_analysed: GeoDataFrame,
    box: GeoBox,
    sources: Sequence[Source],
    flood: Path | None = None,
) -> dict[str, GeoDataFrame]:
    """Build every layer of ``products.gpkg``, in drawing order.

    Args:
        buildings: graded buildings (see `grading.graded`), in the CRS of ``box``.
        not_analysed: polygons with ``reason``.
        box: grid of the product.
        sources: the input images, before first.
        flood: the flood raster, where two dates exist.
    """
    first = next((s.src_id for s in sources if s.role == "before"), 1)
    last = next((s.src_id for s in sources if s.role == "after"), NO_SOURCE)
    layers: dict[str, GeoDataFrame] = {
        "builtUpA": _built_up(buildings, first, last),
        "notAnalysedA": _not_analysed(not_analysed, first if last == NO_SOURCE else last),
        "imageFootprintA": _footprints(sources, box),
        "areaOfInterestA": _area_of_interest(box),
    }
    if flood is not None:
        layers["observedEventA"] = _observed_event(flood, last)
    layers["source"] = source_table(sources)
    return layers


def _built_up(buildings: GeoDataFrame, first: int, last: int) -> GeoDataFrame:
    graded = buildings["damage_gra"].to_numpy() != NOT_ANALYSED
    columns = {
        "building_id": buildings["building_id"].to_numpy(),
        "obj_type": "Building",
        "damage_gra": buildings["damage_gra"].to_numpy(),
        "det_method": METHOD,
        "notation": "Building block",
        "confidence": buildings["confidence"].round(3).to_numpy(),
        "reason": buildings["reason"].to_numpy(),
        "grade": buildings["grade"].astype("Int16").where(graded).array,
        **{name: buildings[name].astype(float).round(3).to_numpy() for name in _PROBABILITIES},
        "area_m2": buildings["area_m2"].round(1).to_numpy(),
        "or_src_id": first,
        "dmg_src_id": np.where(graded, last, NO_SOURCE).astype("int32"),
    }
    return GeoDataFrame(columns, geometry=buildings.geometry.to_numpy(), crs=buildings.crs)


def _not_analysed(areas: GeoDataFrame, src_id: int) -> GeoDataFrame:
    if "reason" not in areas.columns:
        raise InputError(f"not-analysed areas need the column 'reason'; found {[*areas.columns]}")
    columns = {
        "obj_type": NOT_ANALYSED,
        "reason": areas["reason"].to_numpy(),
        "area_m2": areas_m2(areas).round(1),
        "or_src_id": src_id,
    }
    frame = pd.DataFrame(columns, index=range(len(areas)))
    return GeoDataFrame(frame, geometry=areas.geometry.to_numpy(), crs=areas.crs)


def _observed_event(flood: Path, src_id: int) -> GeoDataFrame:
    found = flood_areas(flood)
    area = areas_m2(found)
    kept = found[area >= FLOOD_SPECK_M2].reset_index(drop=True)
    columns = {
        "event_type": "5-Flood",
        "obj_desc": "Flooded area",
        "det_method": METHOD,
        "notation": NOT_APPLICABLE,
        "dmg_src_id": src_id,
        "area_m2": area[area >= FLOOD_SPECK_M2].round(1),
    }
    frame = pd.DataFrame(columns, index=range(len(kept)))
    return GeoDataFrame(frame, geometry=kept.geometry.to_numpy(), crs=kept.crs)


def flood_beside_obscured_m2(flood: GeoDataFrame, not_analysed: GeoDataFrame) -> float:
    """Area of the flood polygons that touch what is obscured at the second date."""
    hidden = not_analysed[not_analysed["reason"] == REASONS[OBSCURED]]
    beside, _ = hidden.sindex.query(flood.geometry, predicate="intersects")
    return float(flood["area_m2"].iloc[np.unique(beside)].sum())


def _footprints(sources: Sequence[Source], box: GeoBox) -> GeoDataFrame:
    """Rims of the input images in the CRS of the product; in pixel coordinates, of the product."""
    crs = None if box.crs is None else box.crs.to_wkt()
    rims = []
    for source in sources:
        image = check_raster(source.path).box
        rim = box_outline(box if crs is None or image.crs is None else image)
        rims.append(rim[0] if crs is None else rim.to_crs(crs)[0])
    columns = {
        "obj_type": "Image Footprint",
        "or_src_id": [source.src_id for source in sources],
        "source_nam": [source.path.name for source in sources],
        "role": [source.role for source in sources],
    }
    return GeoDataFrame(columns, geometry=gpd.array.from_shapely(rims), crs=crs)


def _area_of_interest(box: GeoBox) -> GeoDataFrame:
    rim = box_outline(box)
    columns = {"map_type": ["Grading"], "area_m2": areas_m2(rim).round(1)}
    return GeoDataFrame(columns, geometry=rim.to_numpy(), crs=rim.crs)


def source_table(sources: Sequence[Source]) -> GeoDataFrame:
    """The table ``source``: no geometry."""
    return GeoDataFrame(
        {
            "src_id": [source.src_id for source in sources],
            "source_nam": [source.path.name for source in sources],
            "role": [source.role for source in sources],
            "source_date": ["Not stated" for _ in sources],
            "sha256": [source.sha256 for source in sources],
        }
    )
