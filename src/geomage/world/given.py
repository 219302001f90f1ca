"""What a source gives: shapes with tags in OpenStreetMap's vocabulary, whatever the source was."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geomage.errors import InputError
from geomage.geo.features import VectorFile

__all__ = ["Given", "no_things", "text_of", "things", "write_tags"]

Tags = dict[str, str]


@dataclass(frozen=True)
class Given:
    """Everything read from the sources, each table in the CRS of its own source.

    Columns of every table: source_id (such as way/123), tags ({key: value}), geometry.

    buildings, areas: polygons, not yet repaired; ways: lines to go on; lines: all other lines;
    trees: points; unclosed: building outlines that had to be closed; covers: what the source of
    the buildings covers, for the message when none lies in the box.
    """

    buildings: gpd.GeoDataFrame
    ways: gpd.GeoDataFrame
    areas: gpd.GeoDataFrame
    lines: gpd.GeoDataFrame
    trees: gpd.GeoDataFrame
    unclosed: int = 0
    covers: str = ""
    left_out: Mapping[str, int] = field(default_factory=dict)


def things(
    ids: Iterable[str], tags: Iterable[Tags], shapes: Sequence[object] | np.ndarray, crs: str
) -> gpd.GeoDataFrame:
    """Make a table of tagged shapes."""
    columns = {
        "source_id": pd.Series(list(ids), dtype=object),
        "tags": pd.Series(list(tags), dtype=object),
    }
    return gpd.GeoDataFrame(columns, geometry=np.array([*shapes, None], object)[:-1], crs=crs)


def no_things(crs: str) -> gpd.GeoDataFrame:
    """Make an empty table of tagged shapes."""
    return things([], [], [], crs)


def write_tags(tags: Mapping[str, str]) -> str:
    """Write tags as one JSON text, the same for the same tags."""
    return json.dumps(dict(tags), sort_keys=True, ensure_ascii=False)


def text_of(value: object) -> str | None:
    """A stored value as text, None where there is nothing."""
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    return text or None


def pick_layer(file: VectorFile, names: Sequence[str], kind: str) -> str:
    """The layer that goes by one of the names, else the only one of a kind of shapes.

    Args:
        file: the file.
        names: parts of names, the best first.
        kind: Polygon, LineString or Point; layers of unknown kind count as any.

    Raises:
        InputError: no such layer, or several and none of these names.
    """
    fit = [name for name, shapes in file.layers.items() if kind in shapes or shapes == "Unknown"]
    if not fit:
        seen = ", ".join(f"{name} ({shapes})" for name, shapes in file.layers.items()) or "nothing"
        raise InputError(f"{file.name} holds no layer of {kind} shapes, but {seen}")
    for word in names:
        named = sorted((name for name in fit if word in name.lower()), key=len)
        if named:
            return named[0]
    if len(fit) > 1:
        raise InputError(
            f"{file.name} holds several layers of {kind} shapes ({', '.join(fit)}); name one of "
            f"them {names[0]}"
        )
    return fit[0]


def crs_of(file: VectorFile, layer: str) -> str:
    """The CRS of a layer; InputError where it states none."""
    crs = file.crs(layer)
    if crs is None:
        raise InputError(f"{file.name}, layer {layer}, states no CRS: give it one (ogr2ogr -a_srs)")
    return crs


def refuse_other_shapes(file: VectorFile, layer: str, table: gpd.GeoDataFrame, kind: str) -> None:
    """Raise InputError when no shape of a layer is of the kind asked for."""
    wanted = {"Polygon": (3, 6, 7), "LineString": (1, 2, 5), "Point": (0, 4)}[kind]
    kinds = shapely.get_type_id(table.geometry.to_numpy())
    if len(table) and not np.isin(kinds, wanted).any():
        seen = ", ".join(sorted({str(t) for t in table.geom_type.dropna()})) or "no shapes"
        raise InputError(f"{file.name}, layer {layer}, holds {seen}, not {kind} shapes")
