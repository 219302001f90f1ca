"""Vectors: reading what strangers made, writing GeoPackage with QGIS styles."""

from __future__ import annotations

import secrets
import sqlite3
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
import shapely.errors
from pyogrio.errors import (
    CRSError,
    DataLayerError,
    DataSourceError,
    FeatureError,
    FieldError,
    GeometryError,
)

from geomage.errors import InputError, OutputError
from geomage.geo.space import why_unwritten

# Formats read, by their first bytes or ending: OGR itself would also follow a VRT to any file.
_BY_ENDING = {
    ".gpkg": b"SQLite format 3\x00",
    ".geojson": b"{",
    ".json": b"{",
    ".shp": b"\x00\x00\x27\x0a",
    ".fgb": b"fgb",
}
_FARTHEST = 1e9  # units of a CRS; beyond it lies no place on earth, in feet either
UNREADABLE = (
    DataSourceError,
    DataLayerError,
    FeatureError,
    FieldError,
    GeometryError,
    CRSError,
    shapely.errors.ShapelyError,
    OSError,
    ValueError,
)  # what a damaged vector file can end in
_STYLES = """CREATE TABLE layer_styles (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256),
  f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256),
  styleName TEXT(30), styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT,
  owner TEXT(30), ui TEXT(30), update_time DATETIME DEFAULT '1970-01-01T00:00:00.000Z')"""


def write_vectors(
    path: Path | str,
    layers: Mapping[str, gpd.GeoDataFrame],
    *,
    styles: Mapping[str, str] | None = None,
    kinds: Mapping[str, str] | None = None,
) -> Path:
    """Write layers into one GeoPackage, under a temporary name, and move it into place.

    Args:
        path: the file to write; an older one is replaced.
        layers: features by layer name; a frame without geometry becomes a plain table.
        styles: QML text by layer name, kept in `layer_styles`, where QGIS looks for it.
        kinds: type of the shapes of layers without a row; Polygon where nothing is said.
    """
    with growing_vectors(path, styles=styles, kinds=kinds) as add:
        for name, frame in layers.items():
            add(name, frame)
    return Path(path)


@contextmanager
def growing_vectors(
    path: Path | str,
    *,
    styles: Mapping[str, str] | None = None,
    kinds: Mapping[str, str] | None = None,
) -> Iterator[Callable[[str, gpd.GeoDataFrame], None]]:
    """Write a GeoPackage piece by piece: yields a function that adds features to a layer.

    The file appears under its name when the work is done, and not at all when it fails. The same
    pieces in the same order give the same bytes.
    """
    target = Path(path)
    empty = kinds or {}
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part.gpkg")
    try:
        yield lambda name, frame: _write_layer(part, name, frame, empty.get(name, "Polygon"))
        _finish(part, styles or {})
        _forget_commits(part)
        part.replace(target)
    except (DataSourceError, DataLayerError, sqlite3.Error, OSError) as error:
        raise OutputError(
            f"cannot write {target}: {why_unwritten(error, target.parent)}"
        ) from error
    finally:
        for ending in ("", "-journal", "-wal", "-shm"):
            part.with_name(part.name + ending).unlink(missing_ok=True)


def read_vectors(path: Path | str, layer: str | None = None) -> gpd.GeoDataFrame | pd.DataFrame:
    """Read one layer of a GeoPackage, GeoJSON, Shapefile or FlatGeobuf; a plain table if shapeless.

    Raises:
        InputError: missing, empty, or not what its ending says.
    """
    file = Path(path).absolute()
    if not file.is_file():
        raise InputError(f"{path} does not exist or is not a file")
    with file.open("rb") as stream:
        start = stream.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    wanted = _BY_ENDING.get(file.suffix.lower())
    if wanted is None:
        raise InputError(f"{path}: vectors are read from {', '.join(_BY_ENDING)}")
    if not start.startswith(wanted):
        raise InputError(f"{path} is not what its ending {file.suffix} says, or it is empty")
    if file.suffix.lower() == ".gpkg":
        refuse_broken_geopackage(file)
    try:
        with warnings.catch_warnings():  # what a reader mends is not news, what it cannot is raised
            warnings.simplefilter("ignore", RuntimeWarning)
            frame = gpd.read_file(file, layer=layer, engine="pyogrio")
    except shapely.errors.ShapelyError as error:
        raise InputError(
            f"{path} holds a shape that is none: {error}; mend or remove it"
        ) from error
    except UNREADABLE as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    if isinstance(frame, gpd.GeoDataFrame):
        _refuse_nowhere(file, frame)
    return frame


def _refuse_nowhere(file: Path, frame: gpd.GeoDataFrame) -> None:
    """Raise InputError at coordinates that are no numbers, or none of any place on earth."""
    places = shapely.get_coordinates(frame.geometry.to_numpy())
    odd = places[~(np.abs(places) <= _FARTHEST)]  # NaN is not
    if odd.size:
        raise InputError(
            f"{file} holds the coordinate {odd[0]:g}, which is no place: mend or remove the shape"
        )


def refuse_broken_geopackage(file: Path) -> None:
    """Raise InputError when a GeoPackage is cut or its pages are damaged.

    A reader may stop at a damaged page without a word and hand over the features before it.
    """
    said = ""
    try:
        _refuse_cut(file)
        with closing(
            sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        ) as database:
            said = str(database.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        raise InputError(f"{file} is damaged: {error}; fetch or make it again") from error
    if said != "ok":
        raise InputError(f"{file} is damaged: {said.splitlines()[-1]}; fetch or make it again")


def _refuse_cut(file: Path) -> None:
    """Raise InputError when the file is shorter than its header says, in pages of SQLite."""
    with file.open("rb") as stream:
        head = stream.read(100)
    size, stated = file.stat().st_size, 0
    if len(head) == 100 and head[24:28] == head[92:96]:  # else the count is of an older writer
        page = int.from_bytes(head[16:18], "big")
        stated = (65536 if page == 1 else page) * int.from_bytes(head[28:32], "big")
    if size < max(100, stated):
        raise InputError(
            f"{file} is truncated: its header states {max(100, stated)} bytes, the file has "
            f"{size}; fetch or make it again"
        )


def _write_layer(part: Path, name: str, frame: gpd.GeoDataFrame, empty: str) -> None:
    spatial = isinstance(frame, gpd.GeoDataFrame)
    with warnings.catch_warnings():  # pixel coordinates have no CRS, and the reader is told
        warnings.filterwarnings("ignore", message="'crs' was not provided")
        pyogrio.write_dataframe(
            frame,
            part,
            layer=name,
            driver="GPKG",
            append=part.exists(),
            geometry_type=empty if spatial and frame.empty else None,
        )


def _forget_commits(part: Path) -> None:
    """Set SQLite's count of commits (bytes 24 and 92 of its header) to one.

    How often the writer commits depends on how slow the machine is; the features do not.
    """
    with part.open("r+b") as file:
        for at in (24, 92):
            file.seek(at)
            file.write((1).to_bytes(4, "big"))


def _finish(part: Path, styles: Mapping[str, str]) -> None:
    with closing(sqlite3.connect(part)) as database, database:
        # The same features shall give the same bytes, so the time of writing is left out.
        database.execute("UPDATE gpkg_contents SET last_change = '2000-01-01T00:00:00.000Z'")
        if not styles:
            return
        database.execute(_STYLES)
        for name, style in styles.items():
            row = database.execute(
                "SELECT column_name FROM gpkg_geometry_columns WHERE table_name = ?", (name,)
            ).fetchone()
            database.execute(
                "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name,"
                " f_geometry_column, styleName, styleQML, useAsDefault) VALUES ('','',?,?,?,?,1)",
                (name, row[0] if row else "", name, style),
            )
        database.execute(
            "INSERT OR IGNORE INTO gpkg_contents (table_name, data_type, identifier, last_change)"
            " VALUES ('layer_styles', 'attributes', 'layer_styles', '2000-01-01T00:00:00.000Z')"
        )
