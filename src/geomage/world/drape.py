"""Shapes laid over the terrain as triangles."""

from __future__ import annotations

import numpy as np
import shapely
from jaxtyping import Float, Int
from odc.geo.geobox import GeoBox

from geomage.geo import Raster
from geomage.world.city import City
from geomage.world.solids import terrain_at

__all__ = ["Triangles", "drape", "street_areas", "terrain_mesh", "terrain_spacing"]

Triangles = Int[np.ndarray, "m 3"]  # vertex numbers, counter-clockwise seen from above
Vertices = Float[np.ndarray, "n 3"]  # metres, in the CRS and above the datum
LONGEST_M = 8.0  # side of a draped outline
FINEST_M, MOST_CELLS = 10.0, 100  # of the terrain as a mesh


def drape(
    dtm: Raster, shapes: np.ndarray, lift: float = 0.0, longest: float = LONGEST_M
) -> tuple[Vertices, Triangles, Int[np.ndarray, " m"]]:
    """Cut polygons into triangles whose corners lie `lift` metres above the terrain.

    Args:
        dtm: the terrain.
        shapes: (k,) polygons in its CRS.
        lift: metres above the terrain.
        longest: sides of outlines are cut to this length first, metres.

    Returns:
        Vertices, triangles, and the shape that each triangle belongs to.
    """
    cut = shapely.constrained_delaunay_triangles(shapely.segmentize(shapes, longest))
    parts, owner = shapely.get_parts(cut, return_index=True)
    kept = shapely.area(parts) > 1e-4
    parts, owner = shapely.orient_polygons(parts[kept]), owner[kept]
    xy = shapely.get_coordinates(parts).reshape(-1, 4, 2)[:, :3].reshape(-1, 2)
    corners, number = np.unique(np.round(xy, 4), axis=0, return_inverse=True)
    z = terrain_at(dtm, corners) + lift
    return np.column_stack([corners, z]), number.reshape(-1, 3).astype(np.int64), owner


def street_areas(city: City) -> np.ndarray:
    """Carriageways (k,) inside the town, one a street; empty for what runs outside."""
    streets = city.streets
    wide = shapely.buffer(streets.geometry.to_numpy(), streets["width"].to_numpy() / 2, quad_segs=3)
    return np.asarray(shapely.intersection(wide, shapely.box(*city.dtm.box.boundingbox.bbox)))


def terrain_spacing(box: GeoBox) -> float:
    """Metres between nodes of the terrain as a mesh: 10, or a hundredth of the side if more."""
    bounds = box.boundingbox
    return max(FINEST_M, float(bounds.right - bounds.left) / MOST_CELLS)


def terrain_mesh(dtm: Raster, spacing: float) -> tuple[Vertices, Triangles]:
    """Terrain on a regular grid of about `spacing` metres, its outer nodes on the edges."""
    bounds = dtm.box.boundingbox
    nx = max(1, round((bounds.right - bounds.left) / spacing)) + 1
    ny = max(1, round((bounds.top - bounds.bottom) / spacing)) + 1
    x, y = np.linspace(bounds.left, bounds.right, nx), np.linspace(bounds.bottom, bounds.top, ny)
    xy = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    corner = (np.arange(ny - 1)[:, None] * nx + np.arange(nx - 1)).reshape(-1, 1)
    halves = np.array([[0, 1, nx + 1], [0, nx + 1, nx]])
    triangles = np.concatenate([corner + half for half in halves])
    return np.column_stack([xy, terrain_at(dtm, xy)]), triangles.astype(np.int64)
