"""Names, fields and types of the layers of ``products.gpkg``.

The first fields of a layer are those of Copernicus EMS Rapid Mapping, in its order and types
(vector package of EMSR648, 2023; ``observedEventA`` as in EMSR332, 2019): text, or whole numbers of
64 bits. What follows is ours. Where the service has a field for what no map can tell (the name of a
building), it holds the service's own word for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd
from geopandas import GeoDataFrame, GeoSeries

from geomage.product.order import NOT_APPLICABLE

__all__ = ["LAYERS", "NO_SOURCE", "SHAPES", "UNKNOWN", "empty_layer", "in_schema"]

NO_SOURCE: Final = 997
"""The service's code for "not applicable" in ``or_src_id`` and ``dmg_src_id``."""
UNKNOWN: Final = "Unknown"
"""The service's word where a thing has a name that nobody stated."""

_TEXT, _WHOLE, _REAL, _GRADE = "object", "int64", "float64", "Int16"

_ASSET: Final = {
    "obj_type": _TEXT,
    "name": _TEXT,
    "info": _TEXT,
    "damage_gra": _TEXT,
    "det_method": _TEXT,
    "notation": _TEXT,
    "or_src_id": _WHOLE,
    "dmg_src_id": _WHOLE,
    "cd_value": _TEXT,
}

LAYERS: Final[Mapping[str, Mapping[str, str]]] = {
    "builtUpA": {
        **_ASSET,
        "building_id": _WHOLE,
        "source_id": _TEXT,
        "confidence": _REAL,
        "reason": _TEXT,
        "grade": _GRADE,
        "p_none": _REAL,
        "p_minor": _REAL,
        "p_major": _REAL,
        "p_destroyed": _REAL,
        "p_building": _REAL,
        "area_m2": _REAL,
        "moved_e_m": _REAL,
        "moved_n_m": _REAL,
    },
    "transportationL": {
        **_ASSET,
        "state": _TEXT,
        "depth_m": _REAL,
        "length_m": _REAL,
        "why": _TEXT,
        "seconds": _REAL,
    },
    "facilitiesP": {**_ASSET},
    "observedEventA": {
        "event_type": _TEXT,
        "obj_desc": _TEXT,
        "det_method": _TEXT,
        "notation": _TEXT,
        "dmg_src_id": _WHOLE,
        "area": _REAL,
        "area_m2": _REAL,
    },
    "hydrographyA": {
        "obj_type": _TEXT,
        "name": _TEXT,
        "notation": _TEXT,
        "or_src_id": _WHOLE,
        "cd_value": _TEXT,
        "area_m2": _REAL,
    },
    "notAnalysedA": {
        "obj_type": _TEXT,
        "det_method": _TEXT,
        "notation": _TEXT,
        "or_src_id": _WHOLE,
        "reason": _TEXT,
        "area_m2": _REAL,
    },
    "imageFootprintA": {
        "obj_type": _TEXT,
        "or_src_id": _WHOLE,
        "source_nam": _TEXT,
        "role": _TEXT,
    },
    "areaOfInterestA": {
        "emsr_id": _TEXT,
        "glide_no": _TEXT,
        "area_id": _TEXT,
        "locality": _TEXT,
        "map_type": _TEXT,
        "version": _WHOLE,
        "area_m2": _REAL,
    },
    "source": {
        "source_nam": _TEXT,
        "src_date": _TEXT,
        "source_tm": _TEXT,
        "sensor_gsd": _TEXT,
        "eventphase": _TEXT,
        "src_id": _WHOLE,
        "role": _TEXT,
        "sha256": _TEXT,
    },
}
"""{layer: {field: type}}, in drawing order; ``source`` is a table without shapes."""

SHAPES: Final[Mapping[str, str]] = {"A": "Polygon", "L": "LineString", "P": "Point"}
"""Type of shape of a layer, by the last letter of its name."""

_WORDS: Final[Mapping[str, Any]] = {
    "name": UNKNOWN,
    "info": f"{NO_SOURCE}-{NOT_APPLICABLE}",
    "notation": NOT_APPLICABLE,
    "cd_value": NOT_APPLICABLE,
    "or_src_id": NO_SOURCE,
    "dmg_src_id": NO_SOURCE,
}
"""What a field of the service holds where a layer says nothing of it."""


def in_schema(
    layer: str, columns: Mapping[str, Any], shapes: GeoSeries | None = None
) -> GeoDataFrame:
    """A layer with all its fields, in order and type; what is not given holds the service's word.

    Args:
        layer: one of `LAYERS`.
        columns: {field: values, or one value for all}; fields of nobody's schema come last.
        shapes: their geometry; None makes a plain table.
    """
    fields = LAYERS[layer]
    rows = range(_length(columns) if shapes is None else len(shapes))
    said = {name: columns.get(name, _WORDS.get(name)) for name in fields}
    said |= {name: values for name, values in columns.items() if name not in fields}
    frame = pd.DataFrame(said, index=rows).astype(dict(fields))
    if shapes is None:
        return GeoDataFrame(frame)
    return GeoDataFrame(frame, geometry=shapes.to_numpy(), crs=shapes.crs)


def _length(columns: Mapping[str, Any]) -> int:
    return max(len(values) for values in columns.values() if isinstance(values, list))


def empty_layer(layer: str, crs: str | None) -> GeoDataFrame:
    """A layer of which nothing is known, with its fields."""
    return in_schema(layer, {}, GeoSeries([], crs=crs))
