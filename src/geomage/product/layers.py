"""The vector layers, in the words and fields of Copernicus EMS Rapid Mapping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
from geopandas import GeoDataFrame, GeoSeries
from odc.geo.geobox import GeoBox

from geomage.errors import InputError
from geomage.geo import check_raster, ground_gsd
from geomage.mapping.reasons import OBSCURED, REASONS
from geomage.product.extents import FLOODED, water_extent
from geomage.product.grading import NOT_ANALYSED
from geomage.product.order import EVENT_TYPES, NOT_APPLICABLE, Order
from geomage.product.schema import LAYERS, NO_SOURCE, empty_layer, in_schema
from geomage.product.surface import areas_m2, box_outline

__all__ = [
    "NO_SOURCE",
    "Source",
    "facility_ids",
    "flood_beside_obscured_m2",
    "observed",
    "product_layers",
    "source_table",
]

FLOOD: Final = "Flooded area"
"""``notation`` of flooded ground."""
METHOD: Final = "Automatic extraction"
"""One of the four words of ``det_method`` in the service's manual."""
NOT_STATED: Final = "Not stated"

_PROBABILITIES: Final = ("p_none", "p_minor", "p_major", "p_destroyed")
_PHASE: Final = {"before": "Pre-event", "after": "Post-event"}
_HECTARE: Final = 1e4  # m2
_REFERENCE: Final = "Reference"  # the service's word for a map of what stood before an event


@dataclass(frozen=True)
class Source:
    """An input, as the table ``source`` names it."""

    src_id: int  # from 1, referred to by or_src_id and dmg_src_id
    path: Path
    role: str  # "before", "after" or "footprints"
    sha256: str

    @property
    def is_image(self) -> bool:
        """Whether it is an image."""
        return self.role in _PHASE


@dataclass(frozen=True)
class _Ids:
    """Numbers of the sources that things of a product come from."""

    outline: int  # of the outlines of buildings
    damage: int  # of what happened; `NO_SOURCE` without a second date
    seen: int  # of what could not be analysed


def product_layers(
    buildings: GeoDataFrame,
    not_analysed: GeoDataFrame,
    box: GeoBox,
    sources: Sequence[Source],
    order: Order,
    flood: Path | None = None,
) -> dict[str, GeoDataFrame]:
    """Build every layer of ``products.gpkg``, in drawing order; see `schema.LAYERS`.

    A layer of which nothing is known is there without a row: it says nothing of any place.

    Args:
        buildings: graded buildings (see `grading.graded`), in the CRS of ``box``.
        not_analysed: polygons with ``reason``.
        box: grid of the product.
        sources: the inputs, images before first.
        order: what the product is called.
        flood: the flood raster, where two dates exist.
    """
    ids = _ids(sources)
    made: dict[str, GeoDataFrame] = {
        "builtUpA": _built_up(buildings, ids),
        "notAnalysedA": _not_analysed(not_analysed, ids.seen),
        "imageFootprintA": _image_footprints(sources, box),
        "areaOfInterestA": _area_of_interest(box, order, sources),
        "source": source_table(sources),
    }
    if flood is not None:
        made["observedEventA"] = observed(water_extent(flood, FLOODED), "flood", FLOOD, ids.damage)
    crs = None if box.crs is None else box.crs.to_wkt()
    return {name: made[name] if name in made else empty_layer(name, crs) for name in LAYERS}


def _ids(sources: Sequence[Source]) -> _Ids:
    def of(role: str, other: int) -> int:
        return next((source.src_id for source in sources if source.role == role), other)

    first = of("before", 1)
    return _Ids(of("footprints", first), of("after", NO_SOURCE), of("after", first))


def facility_ids(facilities: GeoDataFrame, sources: Sequence[Source]) -> dict[str, Any]:
    """The sources of facilities and of the damage of the buildings they are in."""
    role = {source.role: source.src_id for source in sources}
    graded = facilities["damage_gra"] != NOT_ANALYSED
    seen_in = role.get("after", NO_SOURCE)
    return {
        "or_src_id": role.get("facilities", NO_SOURCE),
        "dmg_src_id": np.where(graded, seen_in, NO_SOURCE),
    }


def _built_up(buildings: GeoDataFrame, ids: _Ids) -> GeoDataFrame:
    graded = buildings["damage_gra"].to_numpy() != NOT_ANALYSED
    own = ("source_id", "p_building", "moved_e_m", "moved_n_m", "occupants")  # of given footprints
    columns = {
        "obj_type": "Building",
        "damage_gra": buildings["damage_gra"].to_numpy(),
        "det_method": buildings.get("det_method", METHOD),
        "notation": "Building block",
        "or_src_id": ids.outline,
        "dmg_src_id": np.where(graded, ids.damage, NO_SOURCE),
        "building_id": buildings["building_id"].to_numpy(),
        "confidence": buildings["confidence"].round(3).to_numpy(),
        "reason": buildings["reason"].to_numpy(),
        "grade": buildings["grade"].astype("Int16").where(graded).array,
        **{name: buildings[name].astype(float).round(3).to_numpy() for name in _PROBABILITIES},
        "area_m2": buildings["area_m2"].round(1).to_numpy(),
        **{name: buildings[name].to_numpy() for name in own if name in buildings},
    }
    return in_schema("builtUpA", columns, buildings.geometry)


def _not_analysed(areas: GeoDataFrame, src_id: int) -> GeoDataFrame:
    if "reason" not in areas.columns:
        raise InputError(f"not-analysed areas need the column 'reason'; found {[*areas.columns]}")
    columns = {
        "obj_type": NOT_ANALYSED,
        "det_method": METHOD,
        "or_src_id": src_id,
        "reason": areas["reason"].to_numpy(),
        "area_m2": areas_m2(areas).round(1),
    }
    return in_schema("notAnalysedA", columns, areas.geometry)


def observed(found: GeoDataFrame, event: str, notation: str, src_id: int) -> GeoDataFrame:
    """Polygons of an event in the fields of ``observedEventA``.

    Args:
        found: polygons with ``area_m2``.
        event: one of `EVENT_TYPES`.
        notation: what they are.
        src_id: of the image they were seen in.
    """
    columns = {
        "event_type": EVENT_TYPES[event],
        "obj_desc": NOT_APPLICABLE,  # a map does not tell a river's flood from a flash flood
        "det_method": METHOD,
        "notation": notation,
        "dmg_src_id": src_id,
        "area": (found["area_m2"] / _HECTARE).round(4).to_numpy(),
        "area_m2": found["area_m2"].round(1).to_numpy(),
    }
    return in_schema("observedEventA", columns, found.geometry)


def flood_beside_obscured_m2(flood: GeoDataFrame, not_analysed: GeoDataFrame) -> float:
    """Area of the flood polygons that touch what is obscured at the second date."""
    hidden = not_analysed[not_analysed["reason"] == REASONS[OBSCURED]]
    beside, _ = hidden.sindex.query(flood.geometry, predicate="intersects")
    return float(flood["area_m2"].iloc[np.unique(beside)].sum())


def _image_footprints(sources: Sequence[Source], box: GeoBox) -> GeoDataFrame:
    """Rims of the input images in the CRS of the product; in pixel coordinates, of the product."""
    crs = None if box.crs is None else box.crs.to_wkt()
    images = [source for source in sources if source.is_image]
    rims = []
    for source in images:
        image = check_raster(source.path).box
        rim = box_outline(box if crs is None or image.crs is None else image)
        rims.append(rim[0] if crs is None else rim.to_crs(crs)[0])
    columns = {
        "obj_type": "Image Footprint",
        "or_src_id": [source.src_id for source in images],
        "source_nam": [source.path.name for source in images],
        "role": [source.role for source in images],
    }
    return in_schema("imageFootprintA", columns, GeoSeries(gpd.array.from_shapely(rims), crs=crs))


def _area_of_interest(box: GeoBox, order: Order, sources: Sequence[Source]) -> GeoDataFrame:
    rim = box_outline(box)
    compared = any(source.role == "after" for source in sources)
    columns = {
        "emsr_id": order.event_id or NOT_APPLICABLE,
        "glide_no": NOT_APPLICABLE,
        "area_id": order.area_id or NOT_APPLICABLE,
        "locality": order.locality or NOT_APPLICABLE,
        "map_type": order.map_type if compared else _REFERENCE,
        "version": order.version,
        "area_m2": areas_m2(rim).round(1),
    }
    return in_schema("areaOfInterestA", columns, rim)


def source_table(sources: Sequence[Source]) -> GeoDataFrame:
    """A plain table: no geometry. Its last row is what 997 refers to."""
    last = [NOT_APPLICABLE]
    columns = {
        "source_nam": [source.path.name for source in sources] + last,
        "src_date": [NOT_STATED for _ in sources] + last,
        "source_tm": [NOT_STATED for _ in sources] + last,
        "sensor_gsd": [_gsd(source) for source in sources] + last,
        "eventphase": [_PHASE.get(source.role, NOT_APPLICABLE) for source in sources] + last,
        "src_id": [source.src_id for source in sources] + [NO_SOURCE],
        "role": [source.role for source in sources] + last,
        "sha256": [source.sha256 for source in sources] + [""],
    }
    return in_schema("source", columns)


def _gsd(source: Source) -> str:
    if not source.is_image:
        return NOT_APPLICABLE
    box = check_raster(source.path).box
    return f"{ground_gsd(box):.2g} m" if box.crs is not None else NOT_STATED
