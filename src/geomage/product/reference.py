"""Reference labels, raster or vector, brought onto the grid of a product tile by tile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
import shapely
from geopandas import GeoDataFrame
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox

from geomage.errors import InputError
from geomage.geo import TileKey, Tiling, read_vectors
from geomage.geo.components import TileParts, join, label_values, tile_parts
from geomage.geo.shapes import burn_shapes
from geomage.product.label_raster import (
    IGNORED,
    UNCLASSIFIED,
    LabelRaster,
    open_labels,
    refuse_foreign,
)
from geomage.product.labels import GRADES, Scale, damage_labels, label_column
from geomage.product.surface import box_outline

__all__ = ["FEWEST_PX", "Labelled", "Reference", "Shapes", "Truth", "open_reference", "read_ids"]

FEWEST_PX: Final = 4
"""Reference buildings with fewer pixels are too small to judge one by one."""

_RASTERS: Final = (".tif", ".tiff", ".png", ".jp2", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Labelled:
    """What is held to be true in one tile."""

    ids: np.ndarray  # (y, x) int32: 0 no building, else 1..k, pieces of buildings in this tile
    ignored: np.ndarray  # (y, x) bool: nothing is known there


@dataclass(frozen=True)
class Truth:
    """Which pieces make which buildings, once all tiles have been read."""

    of: Mapping[TileKey, np.ndarray]  # (k,) building, from 0, of each piece of a tile
    classes: np.ndarray  # (n,) int64 class number of each building, 0 unclassified
    scale: Scale | None  # None: footprints only
    facts: Mapping[str, Any]  # JSON-able: kind, buildings, repaired, left out


@runtime_checkable
class Reference(Protocol):
    """What is held to be true, read tile by tile."""

    def tile(self, key: TileKey) -> Labelled | None:
        """One tile; None where no building lies and everything is known."""

    def truth(self) -> Truth:
        """What the tiles read make together."""


@contextmanager
def open_reference(
    path: Path | str,
    tiling: Tiling,
    *,
    column: str | None = None,
    layer: str | None = None,
    footprints_only: bool = False,
) -> Iterator[Reference]:
    """Open a damage raster (0..5, 255 ignored) or building polygons, in any CRS.

    Args:
        path: GeoTIFF or PNG; or GeoPackage, GeoJSON, Shapefile, FlatGeobuf.
        tiling: how the grid of the product is read.
        column: damage column of a vector reference; None looks for a usual name.
        layer: layer of a vector reference.
        footprints_only: take any label as "a building", without damage.

    Raises:
        InputError: it cannot be read, does not fit the grid, or holds other values.
        BudgetError: its pixels are so much finer that a tile of it does not fit in memory.
    """
    if Path(path).suffix.lower() in _RASTERS:
        with open_labels(Path(path), tiling.box) as labels:
            yield _Areas(labels, tiling, damage=not footprints_only)
    else:
        yield _shapes(Path(path), tiling, column, layer, damage=not footprints_only)


def read_ids(path: Path, tiling: Tiling) -> np.ndarray:
    """(y, x) int32 of a whole grid: 0 no building, else 1..n; for grids that fit in memory."""
    out = np.zeros((tiling.height, tiling.width), "int32")
    with open_reference(path, tiling, footprints_only=True) as reference:
        found = {key: reference.tile(key) for key in tiling}
        of = reference.truth().of
    for key, labelled in found.items():
        if labelled is not None and key in of:
            out[tiling.core(key).toslices()] = np.r_[0, of[key] + 1][labelled.ids]
    return out


@dataclass(frozen=True)
class _Areas:
    """The connected areas of equal value of a label raster."""

    labels: LabelRaster
    tiling: Tiling
    damage: bool
    parts: dict[TileKey, TileParts] = field(default_factory=dict)
    known: list[TileKey] = field(default_factory=list)  # tiles of which anything is known

    def tile(self, key: TileKey) -> Labelled | None:
        core = self.tiling.core(key)
        values = self.labels.read(core)
        if values is None:
            self.known.append(key)
            return None
        ignored = values == IGNORED
        if not ignored.all():
            self.known.append(key)
        ids, kinds = label_values(values, range(1, UNCLASSIFIED + 1))
        self.parts[key] = tile_parts(ids, kinds=kinds)
        return Labelled(ids, ignored)

    def truth(self) -> Truth:
        if not self.known:
            raise InputError(f"{self.labels.path} holds no label where the product lies")
        found = join(self.tiling, self.parts)
        classes = np.where(found.kind == UNCLASSIFIED, 0, found.kind).astype("int64")
        facts = {"kind": "raster", "file": self.labels.path.name, "buildings": len(classes)}
        if not self.damage:
            return Truth(found.of, classes * 0, None, facts)
        return Truth(found.of, classes, GRADES, facts)


@dataclass(frozen=True)
class Shapes:
    """Polygons on a grid, burnt tile by tile; where they overlap the last one wins."""

    tiling: Tiling
    shapes: np.ndarray  # (n,) polygons in the CRS of the grid
    of: dict[TileKey, np.ndarray] = field(default_factory=dict)

    def tile(self, key: TileKey) -> np.ndarray | None:
        """(y, x) int32 of a tile: 0, or 1..k of the polygons `of` this tile; None without any."""
        box = self.tiling.part(self.tiling.core(key))
        near = np.sort(self._tree.query(box.extent.geom))
        if not len(near):
            return None
        self.of[key] = near
        out = np.zeros(tuple(box.shape), "int32")
        return burn_shapes(self.shapes[near], np.arange(1, len(near) + 1), box, out)

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self.shapes)


@dataclass(frozen=True)
class _Polygons:
    """Building polygons of a vector file; nothing is ignored."""

    shapes: Shapes
    classes: np.ndarray
    scale: Scale | None
    facts: Mapping[str, Any]

    def tile(self, key: TileKey) -> Labelled | None:
        ids = self.shapes.tile(key)
        return None if ids is None else Labelled(ids, np.zeros(ids.shape, bool))

    def truth(self) -> Truth:
        return Truth(self.shapes.of, self.classes, self.scale, self.facts)


def _shapes(
    path: Path, tiling: Tiling, column: str | None, layer: str | None, *, damage: bool
) -> Reference:
    shapes = read_vectors(path, layer)
    name = label_column(shapes, column) if damage else None
    scale, classes = (None, np.zeros(len(shapes), np.int64))
    if name is not None:
        scale, classes = damage_labels(shapes[name])
    shapes, counts = _usable(path, shapes.assign(class_=classes), tiling.box)
    facts: dict[str, Any] = {"kind": "vector", "file": path.name, "column": name, **counts}
    burnt = Shapes(tiling, shapes.geometry.to_numpy())
    return _Polygons(burnt, shapes["class_"].to_numpy(), scale, facts)


def _usable(path: Path, shapes: GeoDataFrame, box: GeoBox) -> tuple[GeoDataFrame, dict[str, int]]:
    """Polygons in the CRS of the grid, mended, and what was mended or left out."""
    shapes = _brought(path, shapes, box)
    there = shapes[shapes.geometry.notna() & ~shapes.geometry.is_empty]
    polygons = there[there.geom_type.isin(("Polygon", "MultiPolygon"))]
    if len(polygons) == 0:
        kinds = ", ".join(sorted(set(there.geom_type))) or "no shapes"
        raise InputError(f"{path} holds {kinds}; the reference must be building polygons")
    broken = ~polygons.is_valid
    mended = polygons.geometry.where(~broken, shapely.make_valid(polygons.geometry.to_numpy()))
    polygons = polygons.set_geometry(mended)
    inside = polygons[polygons.intersects(box_outline(box).iloc[0])].reset_index(drop=True)
    if len(inside) == 0:
        raise InputError(
            f"no building of {path} lies on the product: it spans"
            f" {_bounds(polygons.total_bounds)}, the product {_bounds(box.extent.boundingbox.bbox)}"
        )
    return inside, {
        "features": len(shapes),
        "buildings": len(inside),
        "repaired": int(broken.sum()),
        "not_polygons": len(shapes) - len(polygons),
        "outside": len(polygons) - len(inside),
    }


def _brought(path: Path, shapes: GeoDataFrame, box: GeoBox) -> GeoDataFrame:
    if not isinstance(shapes, GeoDataFrame):
        raise InputError(f"{path} has no geometry; the reference must be building polygons")
    if (shapes.crs is None) != (box.crs is None):
        have, lack = (
            ("the product", str(path)) if shapes.crs is None else (str(path), "the product")
        )
        raise InputError(f"{have} has a CRS and {lack} has none; they cannot be laid on each other")
    if box.crs is None:
        return shapes
    refuse_foreign(path, CRS(shapes.crs))
    return shapes.to_crs(box.crs.to_wkt())


def _bounds(bounds: object) -> str:
    return "[" + ", ".join(f"{value:.6g}" for value in bounds) + "]"  # type: ignore[attr-defined]
