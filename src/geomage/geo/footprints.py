"""Outlines of buildings from a file of any origin, read in pieces, mended, brought to a grid."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyogrio
import pyproj
import shapely
from odc.geo.geobox import GeoBox
from pyogrio import raw

from geomage.errors import BudgetError, InputError
from geomage.geo.features import VectorFile, open_features
from geomage.geo.polygons import Polygons
from geomage.geo.vectors import UNREADABLE

__all__ = ["MOST_FOOTPRINTS", "Footprints", "read_footprints", "refuse_footprints"]

MOST_FOOTPRINTS = 5_000_000  # of one file, more are refused
_PIECE = 50_000  # features read at once
_ONE_GO = (".geojson", ".json")  # formats that are read from their beginning each time
_IDS = (
    "source_id",
    "id",
    "osm_id",
    "building_id",
    "gid",
    "uid",
    "uuid",
    "cleabs",
    "localid",
)
OCCUPANTS = "occupants"  # column of people in each building
_FARTHEST = 1e9  # units of a CRS; beyond it lies no place on earth
_POLYGONAL = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


@dataclass(frozen=True)
class Footprints:
    """Outlines of buildings on a grid."""

    shapes: Polygons  # corners in columns and rows of the grid
    ids: np.ndarray  # (n,) object: what the file calls each, None where it does not
    features: int  # of the file
    repaired: int  # crossed themselves, or had a ring that was open
    left_out: int  # not an area, or without a place in the CRS of the grid
    layer: str
    crs: str | None
    occupants: np.ndarray | None = None  # (n,) people, NaN where not known; None without a column

    def __len__(self) -> int:
        return len(self.shapes)


def refuse_footprints(path: Path, box: GeoBox, layer: str | None = None) -> None:
    """Raise InputError when a file cannot give footprints on a grid; read no feature."""
    with open_features(path) as file:
        _refuse(file, _layer(file, layer), box)


def read_footprints(path: Path, box: GeoBox, layer: str | None = None) -> Footprints:
    """Read the polygons of a file, whatever their CRS, broken ones mended, with or without an id.

    Memory: some 200 bytes a footprint of five corners, and 50,000 features at once; of GeoJSON the
    whole file.

    Args:
        path: GeoPackage, Shapefile, FlatGeobuf or GeoJSON.
        box: the grid they are brought to.
        layer: of the file; None takes the one there is.

    Raises:
        InputError: it cannot be read, has no CRS where the grid has one, holds no polygon, or
            occupants that are no number of people.
        BudgetError: more than five million features.
    """
    with open_features(path) as file:
        name = _layer(file, layer)
        crs = _refuse(file, name, box)
        place = _to_grid(crs, box)
        pieces = [_piece(*some, place) for some in _read(file, name)]
        peopled = _column(file, name, (OCCUPANTS,)) is not None
    found = Footprints(
        shapes=Polygons.joined([piece.shapes for piece in pieces]),
        ids=np.concatenate([np.zeros(0, object), *(piece.ids for piece in pieces)]),
        features=sum(piece.features for piece in pieces),
        repaired=sum(piece.repaired for piece in pieces),
        left_out=sum(piece.left_out for piece in pieces),
        layer=name,
        crs=crs,
        occupants=_joined(pieces) if peopled else None,
    )
    if not len(found):
        raise InputError(
            f"{path}, layer {name}: none of its {found.features} features is a polygon with a "
            "place; footprints are the outlines of buildings"
        )
    return found


def _layer(file: VectorFile, wanted: str | None) -> str:
    """The layer asked for, or the only one that may hold polygons."""
    if file.is_osm:
        raise InputError(
            f"{file.name} is OpenStreetMap data: export its buildings as polygons first "
            "(ogr2ogr -where 'building IS NOT NULL' houses.gpkg FILE multipolygons)"
        )
    there = ", ".join(file.layers)
    if wanted is not None:
        if wanted not in file.layers:
            raise InputError(f"{file.name} has no layer {wanted!r}; it has {there}")
        return wanted
    some = [name for name, kind in file.layers.items() if not _is_other(kind)]
    if len(some) > 1:
        raise InputError(f"{file.name} has the layers {there}: name one with --footprints-layer")
    return some[0] if some else next(iter(file.layers))


def _is_other(kind: str) -> bool:
    """Whether a layer states that it holds no polygons."""
    return not any(word in kind for word in ("Polygon", "Surface", "Unknown", "Collection"))


def _refuse(file: VectorFile, layer: str, box: GeoBox) -> str | None:
    """The CRS of a layer that can give footprints."""
    kind, crs = file.layers[layer], file.crs(layer)
    if _is_other(kind):
        raise InputError(
            f"{file.name}, layer {layer}, holds {kind or 'no shapes'}: footprints are polygons, "
            "the outlines of buildings"
        )
    if crs is None and box.crs is not None:
        raise InputError(
            f"{file.name} states no CRS: where its footprints lie is not known; state it "
            "(ogr2ogr -a_srs EPSG:… placed.gpkg FILE)"
        )
    if crs is not None and box.crs is None:
        raise InputError(
            f"{file.name} has a CRS and the images have none: they cannot be laid on each other"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        count = int(pyogrio.read_info(file.path, layer=layer)["features"])
    if count > MOST_FOOTPRINTS:
        raise BudgetError(
            f"{file.name} holds {count:,} features, at most {MOST_FOOTPRINTS:,} are read: cut it "
            "(ogr2ogr -spat LEFT BOTTOM RIGHT TOP part.gpkg FILE)"
        )
    return crs


def _joined(pieces: list[Footprints]) -> np.ndarray:
    """(n,) occupants of all pieces."""
    return np.concatenate([piece.occupants for piece in pieces if piece.occupants is not None])


def _read(file: VectorFile, layer: str) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Shapes as WKB, ids and occupants, piece by piece."""
    size = MOST_FOOTPRINTS if file.path.suffix.lower() in _ONE_GO else _PIECE
    named = {"ids": _column(file, layer, _IDS), OCCUPANTS: _column(file, layer, (OCCUPANTS,))}
    columns = [name for name in named.values() if name is not None]
    start = 0
    while True:
        try:
            with warnings.catch_warnings():  # what a reader mends is counted below
                warnings.simplefilter("ignore")
                meta, _, wkb, fields = raw.read(
                    file.path, layer=layer, columns=columns, skip_features=start, max_features=size
                )
        except UNREADABLE as error:
            raise InputError(f"{file.name} is damaged ({error}): fetch or make it again") from error
        count = 0 if wkb is None else len(wkb)
        said = dict(zip(meta["fields"].tolist(), fields, strict=True))
        ids, people = _ids(said.get(named["ids"]), count), said.get(named[OCCUPANTS])
        yield np.asarray([] if wkb is None else wkb, object), ids, _people(file, people, count)
        start += count
        if count < size:
            return


def _column(file: VectorFile, layer: str, names: tuple[str, ...]) -> str | None:
    """The first column of one of some names, in any case."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        there = pyogrio.read_info(file.path, layer=layer)["fields"].tolist()
    lower = {str(name).lower(): str(name) for name in reversed(there)}
    return next((lower[name] for name in names if name in lower), None)


def _people(file: VectorFile, values: np.ndarray | None, count: int) -> np.ndarray:
    """(count,) float64 people, NaN where nothing is said."""
    if values is None:
        return np.full(count, np.nan)
    said = [np.nan if value in (None, "") else value for value in values.tolist()]
    for value in said:
        if not _is_people(value):
            raise InputError(
                f"{file.name}: a building has {value!r} {OCCUPANTS}, which is no number of people; "
                "mend that column, or leave it out"
            )
    return np.array(said, "float64")


def _is_people(value: object) -> bool:
    try:
        people = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return not (people < 0 or np.isinf(people))


def _ids(values: np.ndarray | None, count: int) -> np.ndarray:
    out = np.full(count, None, object)
    for place, value in enumerate([] if values is None else values.tolist()):
        if value is not None and value == value:  # NaN is none  # noqa: PLR0124
            whole = isinstance(value, float) and value.is_integer()
            out[place] = str(int(value) if whole else value)
    return out


def _piece(wkb: np.ndarray, ids: np.ndarray, people: np.ndarray, place: _Place) -> Footprints:
    """Some features as polygons on the grid."""
    with np.errstate(invalid="ignore", over="ignore"):  # places that are none are counted below
        areas, of, broken = _mended(wkb)
    kept = Polygons.of(areas)
    placed = kept.placed(place(kept.corners))
    there = _is_somewhere(placed)
    if not there.all():
        numbers = np.flatnonzero(there)
        placed, of = placed.some(numbers), of[numbers]
    return Footprints(
        shapes=placed,
        ids=ids[of],
        features=len(wkb),
        repaired=int(broken[of].sum()),
        left_out=len(wkb) - len(of),
        layer="",
        crs=None,
        occupants=people[of],
    )


def _mended(wkb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What has an area, the rows these are of, and which rows had to be mended."""
    shapes = np.array(shapely.from_wkb(wkb, on_invalid="ignore"), object).reshape(len(wkb))
    unread = np.flatnonzero(
        shapely.is_missing(shapes) & np.array([b is not None for b in wkb], bool)
    )
    shapes[unread] = shapely.from_wkb(wkb[unread], on_invalid="fix")
    shapes = shapely.force_2d(shapes)
    broken = ~shapely.is_missing(shapes) & ~shapely.is_valid(shapes)
    broken[unread] = True
    shapes[broken] = shapely.make_valid(shapes[broken])
    return (*_areal(shapes), broken)


def _areal(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What of each shape has an area, and which shapes these are."""
    mixed = np.flatnonzero(shapely.get_type_id(shapes) == shapely.GeometryType.GEOMETRYCOLLECTION)
    for number in mixed.tolist():
        parts = shapely.get_parts(shapes[number])
        polygons = parts[np.isin(shapely.get_type_id(parts), _POLYGONAL)]
        shapes[number] = shapely.union_all(polygons)
    good = np.isin(shapely.get_type_id(shapes), _POLYGONAL) & ~shapely.is_empty(shapes)
    good &= shapely.area(shapes) > 0
    of = np.flatnonzero(good)
    return shapes[of], of


def _is_somewhere(shapes: Polygons) -> np.ndarray:
    """(n,) bool: every corner has a place."""
    good = (np.abs(shapes.corners) <= _FARTHEST).all(axis=1)  # NaN is not
    if not len(shapes):
        return np.zeros(0, bool)
    return np.asarray(np.logical_and.reduceat(good, shapes.first_corner[:-1]))


@dataclass(frozen=True)
class _Place:
    """From coordinates of a file to columns and rows of a grid."""

    change: pyproj.Transformer | None
    box: GeoBox

    def __call__(self, corners: np.ndarray) -> np.ndarray:
        """(k, 2) columns and rows; infinite where a corner has no place in the CRS of the grid."""
        x, y = corners.T
        if self.change is not None:
            x, y = self.change.transform(x, y)
        a, b, c, d, e, f = (~self.box.affine)[:6]
        with np.errstate(invalid="ignore"):  # infinite ones are left out by the caller
            return np.stack([x * a + y * b + c, x * d + y * e + f], axis=1)


def _to_grid(crs: str | None, box: GeoBox) -> _Place:
    if crs is None or box.crs is None:
        return _Place(None, box)
    here, there = pyproj.CRS(crs), pyproj.CRS(box.crs.to_wkt())
    same = here.equals(there)
    change = None if same else pyproj.Transformer.from_crs(here, there, always_xy=True)
    return _Place(change, box)
