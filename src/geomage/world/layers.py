"""What the layers of a city or event folder must hold; what a stranger changed is refused by name.

A column that is missing, empty in a row or out of range would end as a fault deep in the work, or
as a building that no storm can hurt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from odc.geo.crs import CRS

from geomage.errors import InputError
from geomage.geo import Raster
from geomage.geo.vectors import UNREADABLE, refuse_broken_geopackage
from geomage.world.exposure import TYPOLOGIES
from geomage.world.roofs import FORMS

__all__ = ["COLUMNS", "FLAG", "ID", "Columns", "check_field", "check_photo", "read_layers"]

Range = tuple[float, float]
Words = tuple[str, ...]

ANY: Range = (-1e9, 1e9)
SIZE: Range = (0.0, 1e5)  # metres
HIGH: Range = (0.0, 2e3)  # metres; what stands higher would throw its shadow for hours
AMOUNT: Range = (0.0, 1e9)  # square metres, people
FLAG: Range = (0, 1)
ID: Range = (1, 1e7)
_WHOLE = ("building_id", "grade_physical", "grade_visible", "street")  # they count rows of others
_LONGEST_M = 2e7  # of all lines of a layer: more than any city's streets
_AREA = ("Polygon", "MultiPolygon")
_RGB: Mapping[str, Range] = {"red": (-1, 2), "green": (-1, 2), "blue": (-1, 2)}
_BOX: Mapping[str, Range] = {"angle": ANY, "length": SIZE, "width": SIZE, "height": HIGH, **_RGB}


@dataclass(frozen=True)
class Columns:
    """What one layer holds."""

    shapes: tuple[str, ...]
    numbers: Mapping[str, Range] = field(default_factory=dict)
    """Least and largest value of each."""
    words: Mapping[str, Words] = field(default_factory=dict)
    """Words each may hold; any where none are given."""


COLUMNS: Mapping[str, Columns] = {
    "buildings": Columns(
        _AREA,
        {
            "building_id": ID,
            "storeys": (0, 1000),
            "height": HIGH,
            "wall": (-1, 2),
            "floor_area": AMOUNT,
            "occupants_day": AMOUNT,
            "occupants_night": AMOUNT,
            **_RGB,
        },
        {
            "use": (),
            "plan": (),
            "source_id": (),
            "given": (),
            "typology": tuple(TYPOLOGIES),
            "vulnerability": ("A", "B", "C", "D", "E", "F"),
            "material": (
                "shingle",
                "tile",
                "metal",
                "membrane",
                "concrete",
                "gravel",
                "thatch",
                "glass",
            ),
        },
    ),
    "roofs": Columns(
        _AREA,
        {
            "building_id": ID,
            "angle": ANY,
            "length": SIZE,
            "width": SIZE,
            "eave": HIGH,
            "ridge": HIGH,
            "boxed": FLAG,
        },
        {"form": FORMS},
    ),
    "streets": Columns(
        ("LineString", "MultiLineString"),
        {"width": SIZE},
        {"kind": (), "surface": ("asphalt", "concrete", "dirt", "gravel", "ballast")},
    ),
    "blocks": Columns(_AREA, words={"use": ()}),
    "parcels": Columns(_AREA, {"block": ANY}),
    "land": Columns(
        _AREA,
        {"angle": ANY, "pitch": ANY, "layer": ANY, **_RGB},
        {
            "kind": (
                "lawn",
                "meadow",
                "field",
                "bare",
                "sand",
                "gravel",
                "concrete",
                "asphalt",
                "dirt",
                "ballast",
                "clay",
                "forest_floor",
                "line",
                "water",
            )
        },
    ),
    "water": Columns(_AREA, _RGB, {"kind": ()}),
    "trees": Columns(
        ("Point",), {"radius": SIZE, "height": HIGH, "species": ANY, "evergreen": FLAG, **_RGB}
    ),
    "vehicles": Columns(("Point",), _BOX),
    "objects": Columns(("Point",), {**_BOX, "on_roof": FLAG}, {"kind": ()}),
}


def read_layers(
    vectors: Path, columns: Mapping[str, Columns], crs: CRS | None
) -> dict[str, gpd.GeoDataFrame]:
    """Read layers of a GeoPackage that geomage wrote, and check what they hold.

    Args:
        vectors: the file.
        columns: what is asked of each layer.
        crs: the CRS all must have.

    Raises:
        InputError: damaged, or a layer, a column or a value is missing or out of range.
    """
    tables = _read(vectors, [*columns])
    for name, table in tables.items():
        where = f"{vectors}, layer {name}"
        _check_shapes(where, table, columns[name], crs)
        for column, said in _faults(table, columns[name]):
            raise InputError(f"{where}: {column} {said}; make the folder again")
        for column in {*_WHOLE} & {*columns[name].numbers}:
            if table[column].dtype.kind == "f":  # as some software writes what it has read
                table[column] = table[column].astype(int)
    return tables


def check_field(path: Path, raster: Raster, like: Raster | None = None) -> Raster:
    """Return a raster of one finite number a pixel, on the grid of `like`; else InputError."""
    values = raster.values  # noqa: PD011 -- a raster's, not a table's
    if len(values) != 1 or not np.issubdtype(values.dtype, np.floating):
        raise InputError(
            f"{path} has {len(values)} band(s) of {values.dtype}, not one of numbers with a "
            "fraction; make the folder again"
        )
    if like is not None and raster.box != like.box:
        raise InputError(f"{path} lies on another grid than dtm.tif; make the folder again")
    bad = int((~np.isfinite(values) | (np.abs(values) > ANY[1])).sum())
    if bad:
        raise InputError(f"{path} holds no number in {bad} pixels; make the folder again")
    return raster


def check_photo(path: Path, raster: Raster, like: Raster) -> Raster:
    """Return an orthophoto of three bands of uint16 in the CRS of `like`; else InputError."""
    values = raster.values  # noqa: PD011 -- a raster's, not a table's
    if len(values) != 3 or values.dtype != np.uint16 or raster.box.crs != like.box.crs:
        raise InputError(
            f"{path} has {len(values)} band(s) of {values.dtype} in {raster.box.crs}, not three of "
            f"uint16 in {like.box.crs}; make the folder again"
        )
    return raster


def _read(vectors: Path, names: Sequence[str]) -> dict[str, pd.DataFrame]:
    try:
        refuse_broken_geopackage(vectors)
        present = {name for name, _ in pyogrio.list_layers(vectors)}
    except InputError:
        raise
    except UNREADABLE as error:
        raise InputError(f"{vectors} is damaged ({error}): make it again") from error
    missing = [name for name in names if name not in present]
    if missing:
        raise InputError(f"{vectors} lacks the layers {', '.join(missing)}: make it again")
    try:
        return {name: gpd.read_file(vectors, layer=name) for name in names}
    except UNREADABLE as error:
        raise InputError(f"{vectors} is damaged ({error}): make it again") from error


def _check_shapes(where: str, table: pd.DataFrame, columns: Columns, crs: CRS | None) -> None:
    if not isinstance(table, gpd.GeoDataFrame):
        raise InputError(f"{where} has no shapes; make the folder again")
    if (None if table.crs is None else CRS(table.crs)) != crs:
        raise InputError(f"{where} has another CRS than dtm.tif; make the folder again")
    shapes = table.geometry
    lost = shapes.isna() | shapes.is_empty
    if lost.any():
        raise InputError(f"{where} has no shape in {int(lost.sum())} rows; make the folder again")
    odd = sorted({*shapes.geom_type} - {*columns.shapes})
    if odd:
        raise InputError(
            f"{where} holds {', '.join(odd)}, not {columns.shapes[0]}; make the folder again"
        )
    if not np.isfinite(shapely.get_coordinates(shapes.to_numpy())).all():
        raise InputError(f"{where} holds coordinates that are no numbers; make the folder again")
    if "LineString" in columns.shapes and (long := float(shapes.length.sum())) > _LONGEST_M:
        raise InputError(
            f"{where} holds {long / 1000:g} km of lines, over {_LONGEST_M / 1000:g} km; make the "
            "folder again"
        )


def _faults(table: gpd.GeoDataFrame, columns: Columns) -> Iterator[tuple[str, str]]:
    """(column, what is wrong with it), one after the other."""
    for name in (*columns.numbers, *columns.words):
        if name not in table:
            yield name, "is missing"
        elif table[name].isna().any():
            yield name, f"holds nothing in {int(table[name].isna().sum())} rows"
    if table.empty:
        return
    for name, span in columns.numbers.items():
        said = _odd_numbers(name, table[name].to_numpy(), span)
        if said:
            yield name, said
    for name, words in columns.words.items():
        odd = sorted({str(word) for word in table[name]} - {*words}) if words else []
        if odd:
            yield name, f"holds {odd[0]!r}, which is none of {', '.join(words)}"


def _odd_numbers(name: str, values: np.ndarray, span: Range) -> str:
    """What is wrong with a column of numbers; nothing where all is well."""
    if values.dtype.kind not in "biuf":
        return f"holds {values.dtype} instead of numbers"
    odd = values[~((values >= span[0]) & (values <= span[1]))]
    if len(odd):
        return f"holds {odd[0]:g}, outside {span[0]:g}..{span[1]:g}"
    broken = values[values % 1 != 0] if name in _WHOLE else values[:0]
    return f"holds {broken[0]:g}, which is no whole number" if len(broken) else ""
