"""Reference labels, raster or vector, brought onto the grid of a product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
from geopandas import GeoDataFrame
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.warp import reproject
from skimage.measure import label as label_areas

from geomage.errors import InputError
from geomage.geo import is_earthly, rasterise, read_raster, read_vectors
from geomage.product.labels import GRADES, Scale, damage_labels, label_column
from geomage.product.surface import box_outline

__all__ = ["Reference", "read_reference"]

IGNORED: Final = 255
UNCLASSIFIED: Final = 5
FEWEST_PX: Final = 4
"""Reference buildings with fewer pixels are too small to judge one by one."""

_RASTERS: Final = (".tif", ".tiff", ".png", ".jp2", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Reference:
    """What is held to be true, on the grid of a product."""

    ids: np.ndarray  # (y, x) int32: 0 no building, else 1..n
    classes: np.ndarray  # (n,) int64: class number of building i + 1, 0 unclassified
    ignored: np.ndarray  # (y, x) bool: nothing is known there
    scale: Scale | None  # None: footprints only
    facts: Mapping[str, Any]  # JSON-able: kind, buildings, repaired, left out


def read_reference(
    path: Path | str,
    box: GeoBox,
    *,
    column: str | None = None,
    layer: str | None = None,
    footprints_only: bool = False,
) -> Reference:
    """Read a damage raster (0..5, 255 ignored) or building polygons, in any CRS.

    Args:
        path: GeoTIFF or PNG; or GeoPackage, GeoJSON, Shapefile, FlatGeobuf.
        box: grid of the product.
        column: damage column of a vector reference; None looks for a usual name.
        layer: layer of a vector reference.
        footprints_only: take any label as "a building", without damage.

    Raises:
        InputError: it cannot be read, does not fit the grid, or holds other values.
    """
    if Path(path).suffix.lower() in _RASTERS:
        found = _from_raster(Path(path), box)
    else:
        found = _from_vector(Path(path), box, column, layer, damage=not footprints_only)
    if footprints_only:
        return Reference(found.ids, found.classes * 0, found.ignored, None, found.facts)
    return found


def _from_raster(path: Path, box: GeoBox) -> Reference:
    values = _on_grid(path, box)
    if (values == IGNORED).all():
        raise InputError(f"{path} holds no label where the product lies")
    building = (values > 0) & (values != IGNORED)
    areas = label_areas(np.where(building, values, 0), background=0, connectivity=1)  # type: ignore[no-untyped-call]
    ids = areas.astype(np.int32)
    classes = np.zeros(int(ids.max()) + 1, np.int64)
    classes[ids.ravel()] = values.ravel()
    classes[classes == UNCLASSIFIED] = 0
    facts = {"kind": "raster", "file": path.name, "buildings": len(classes) - 1}
    return Reference(ids, classes[1:], values == IGNORED, GRADES, facts)


def _on_grid(path: Path, box: GeoBox) -> np.ndarray:
    """(y, x) uint8 labels on the grid of the product."""
    raster = read_raster(path)
    if len(raster.values) != 1 or not np.issubdtype(raster.values.dtype, np.integer):
        raise InputError(
            f"{path} has {len(raster.values)} band(s) of {raster.values.dtype};"
            " a damage reference is one band of whole numbers"
        )
    values = np.where(raster.valid(), raster.values[0], IGNORED)
    if raster.nodata == 0:
        values = raster.values[0]
    odd = sorted(set(np.unique(values).tolist()) - {*range(6), IGNORED})
    if odd or set(np.unique(values).tolist()) == {0, IGNORED}:
        raise InputError(
            f"{path} holds {odd[:8] or [0, IGNORED]}; damage labels are 0 no building, 1 to 4"
            " grades, 5 unclassified, 255 ignored"
        )
    values = values.astype(np.uint8)
    if box.crs is None or raster.box.crs is None:
        return _same_shape(path, values, box)
    _refuse_foreign(path, raster.box.crs)
    out = np.full(tuple(box.shape), IGNORED, np.uint8)
    reproject(
        values,
        out,
        src_crs=raster.box.crs.to_wkt(),
        src_transform=raster.box.affine,
        dst_crs=box.crs.to_wkt(),
        dst_transform=box.affine,
        resampling=Resampling.nearest,
        init_dest_nodata=False,
    )
    return out


def _same_shape(path: Path, values: np.ndarray, box: GeoBox) -> np.ndarray:
    if values.shape != tuple(box.shape):
        rows, cols = values.shape
        raise InputError(
            f"{path} has {cols} x {rows} px and the product {box.shape[1]} x {box.shape[0]};"
            " without a CRS on both sides they must lie pixel on pixel"
        )
    return values


def _from_vector(
    path: Path, box: GeoBox, column: str | None, layer: str | None, *, damage: bool
) -> Reference:
    shapes = read_vectors(path, layer)
    name = label_column(shapes, column) if damage else None
    scale, classes = (None, np.zeros(len(shapes), np.int64))
    if name is not None:
        scale, classes = damage_labels(shapes[name])
    shapes, counts = _usable(path, shapes.assign(class_=classes), box)
    ids = rasterise(shapes.assign(id_=range(1, len(shapes) + 1)), box, column="id_", dtype="int32")
    facts: dict[str, Any] = {"kind": "vector", "file": path.name, "column": name, **counts}
    return Reference(ids, shapes["class_"].to_numpy(), np.zeros(ids.shape, bool), scale, facts)


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
    _refuse_foreign(path, CRS(shapes.crs))
    return shapes.to_crs(box.crs.to_wkt())


def _refuse_foreign(path: Path, crs: CRS) -> None:
    if not is_earthly(crs):
        raise InputError(
            f"{path} has the CRS {crs.proj.name!r}, neither projected nor geographic on the earth: "
            "give it the true one"
        )


def _bounds(bounds: object) -> str:
    return "[" + ", ".join(f"{value:.6g}" for value in bounds) + "]"  # type: ignore[attr-defined]
