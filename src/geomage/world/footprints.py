"""Footprints, streets and trees from any vector file: columns are known by their usual names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import geopandas as gpd

from geomage.geo.features import FEATURES, Bounds, Features, VectorFile
from geomage.world.given import crs_of, pick_layer, refuse_other_shapes, text_of, things
from geomage.world.tags import read_length

__all__ = ["STREETS", "read_footprints", "read_street_lines", "read_tree_points"]

STREETS = ("street", "road", "edge", "troncon_de_route", "transportation", "highway")
"""Parts of the names of layers that hold streets, the best first."""

_ID = ("source_id", "osm_id", "cleabs", "uid", "id", "ogc_fid", "objectid")
# column names, lower case -> key of OpenStreetMap
_BUILDING = {
    "building:levels": ("building:levels", "storeys", "levels", "floors", "num_floors", "stories",
                        "nb_etages", "nombre_d_etages", "building_l", "storeysaboveground"),
    "height": ("height", "building_height", "measuredheight", "bldg_heigh", "heightroof"),
    "height:eave": ("height:eave", "eave", "eave_height", "hauteur"),
    "roof:height": ("roof:height", "roof_height"),
    "building": ("building", "use", "usage", "function", "building_use", "subtype", "usage1"),
    "roof:shape": ("roof:shape", "roof_shape", "roof_form", "form"),
    "roof:material": ("roof:material", "roof_material", "material"),
    "roof:colour": ("roof:colour", "roof:color", "roof_colour", "roof_color"),
    "roof:orientation": ("roof:orientation", "roof_orientation"),
    "building:material": ("building:material", "building_material", "facade_material", "wall_mat",
                          "typology"),
    "building:colour": ("building:colour", "building_colour", "facade_color"),
    "start_date": ("start_date", "year", "year_built", "construction_year"),
    "name": ("name",),
}  # fmt: skip
_STREET = {
    "highway": ("highway", "kind", "class", "fclass", "type", "road_class"),
    "railway": ("railway",),
    "surface": ("surface", "road_surface"),
    "width": ("width", "width_m", "largeur"),
    "lanes": ("lanes", "nb_voies", "nb_lanes"),
    "oneway": ("oneway",),
    "bridge": ("bridge",),
    "tunnel": ("tunnel",),
    "layer": ("layer",),
    "maxspeed": ("maxspeed", "speed_limit"),
    "junction": ("junction",),
    "access": ("access",),
    "name": ("name",),
}
_TREE = {
    "height": ("height", "height_m"),
    "diameter_crown": ("diameter_crown", "crown", "crown_diameter", "crown_m"),
    "radius": ("radius",),
    "leaf_cycle": ("leaf_cycle",),
    "species": ("species", "genus"),
}
# columns of a city folder that restate a key of the building
_OWN = {"height": "height", "storeys": "building:levels", "eave": "height:eave"}


def read_footprints(
    file: VectorFile, boxes: Sequence[Bounds] | None
) -> tuple[gpd.GeoDataFrame, int]:
    """Read building footprints; returns them as things, and how many had to be closed.

    In the layer `buildings` of a city folder only what was given counts, so that importing what
    was exported gives the same city.

    Raises:
        InputError: damaged, of no CRS, or of other shapes than areas.
        BudgetError: too many features.
    """
    found, layer = _layer_of(file, ("building", "bati", "footprint"), "Polygon", boxes)
    return _things(file, layer, found.table, _BUILDING), found.unclosed


def read_street_lines(
    file: VectorFile, boxes: Sequence[Bounds] | None, budget: int = FEATURES
) -> gpd.GeoDataFrame:
    """Read street centre lines; see `read_footprints`."""
    found, layer = _layer_of(file, STREETS, "LineString", boxes, budget)
    table = _things(file, layer, found.table, _STREET)
    for tags in table["tags"]:
        if "railway" not in tags:
            tags.setdefault("highway", "road")
    return table


def read_tree_points(file: VectorFile, boxes: Sequence[Bounds] | None) -> gpd.GeoDataFrame:
    """Read single trees; see `read_footprints`."""
    found, layer = _layer_of(file, ("tree", "arbre"), "Point", boxes)
    return _things(file, layer, found.table, _TREE)


def _layer_of(
    file: VectorFile,
    names: Sequence[str],
    kind: str,
    boxes: Sequence[Bounds] | None,
    budget: int = FEATURES,
) -> tuple[Features, str]:
    layer = pick_layer(file, names, kind)
    found = file.read(layer, boxes, budget)
    refuse_other_shapes(file, layer, found.table, kind)
    return found, layer


def _things(
    file: VectorFile, layer: str, table: gpd.GeoDataFrame, names: Mapping[str, Sequence[str]]
) -> gpd.GeoDataFrame:
    known = {str(name).lower(): str(name) for name in table.columns if name != "geometry"}
    records = table.drop(columns="geometry").to_dict("records")
    own = {"given", "tags", "source_id"} <= set(known)
    tags = [_kept(row) if own else _renamed(row, known, names) for row in records]
    key = next((known[name] for name in _ID if name in known), None)
    ids = [
        (text_of(row[key]) if key is not None else None) or f"{layer}/{number}"
        for number, row in enumerate(records, 1)
    ]
    return things(ids, tags, table.geometry.to_numpy(), crs_of(file, layer))


def _renamed(
    row: Mapping[str, object], known: Mapping[str, str], names: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """The values of a row under the keys of OpenStreetMap."""
    tags = {}
    for key, columns in names.items():
        for column in columns:
            value = text_of(row[known[column]]) if column in known else None
            if value is not None:
                tags[key] = value
                break
    return tags


def _kept(row: Mapping[str, object]) -> dict[str, str]:
    """The tags of a thing that geomage imported before; a number changed by hand counts."""
    try:
        tags = {str(k): str(v) for k, v in json.loads(str(row["tags"])).items()}
    except (ValueError, AttributeError):
        tags = {}
    given = str(row["given"]).split(",")
    for column, key in _OWN.items():
        value = text_of(row.get(column))
        if column in given and value is not None and _differs(tags.get(key), value):
            tags[key] = value
    return tags


def _differs(text: str | None, value: str) -> bool:
    """Whether the number of a tag is another than that of its column."""
    stated = read_length(text)
    return stated is None or abs(stated - float(value)) > 1e-6
