"""A city as coloured triangles, one mesh for each kind of thing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from jaxtyping import Float, Int

from geomage.world.city import City, colours
from geomage.world.drape import drape, street_areas, terrain_mesh
from geomage.world.roofs import Solid
from geomage.world.solids import terrain_at, wing_solids

__all__ = ["Mesh", "city_meshes", "triangulate"]

_STREETS = {"asphalt": 0.13, "concrete": 0.32, "gravel": 0.30, "dirt": 0.27, "ballast": 0.18}
_TERRAIN_CELLS = 192
_ON_TERRAIN_M = 0.12  # streets and water lie this much above the terrain


@dataclass(frozen=True)
class Mesh:
    """Triangles of one kind, in the CRS of the town: x east, y north, z up, metres.

    colours: reflectance of red, green, blue a vertex; uv: places in the picture of the ground, from
    its upper left corner.
    """

    name: str
    vertices: Float[np.ndarray, "n 3"]
    triangles: Int[np.ndarray, "m 3"]
    colours: Float[np.ndarray, "n 3"] | None = None
    uv: Float[np.ndarray, "n 2"] | None = None


def city_meshes(city: City) -> Iterator[Mesh]:
    """Yield the meshes of a city, kind by kind."""
    yield _terrain(city)
    yield _waters(city)
    yield _streets(city)
    yield from _buildings(city)
    yield _trees(city)


def _terrain(city: City) -> Mesh:
    bounds = city.dtm.box.boundingbox
    side = bounds.right - bounds.left
    vertices, triangles = terrain_mesh(city.dtm, max(2.0, side / _TERRAIN_CELLS))
    uv = (vertices[:, :2] - [bounds.left, bounds.top]) / [side, bounds.bottom - bounds.top]
    return Mesh("terrain", vertices, triangles, uv=uv)


def _waters(city: City) -> Mesh:
    shapes = city.water.geometry.to_numpy()
    return _draped(city, "water", shapes, colours(city.water).astype(np.float64))


def _streets(city: City) -> Mesh:
    grey = np.array([_STREETS[surface] for surface in city.streets["surface"]], np.float64)
    return _draped(city, "streets", street_areas(city), np.repeat(grey[:, None], 3, 1))


def _draped(city: City, name: str, shapes: np.ndarray, colour: np.ndarray) -> Mesh:
    vertices, triangles, owner = drape(city.dtm, shapes, _ON_TERRAIN_M)
    tint = np.zeros((len(vertices), 3))
    tint[triangles] = colour[owner][:, None]
    return Mesh(name, vertices, triangles, tint)


def _buildings(city: City) -> Iterator[Mesh]:
    """Yield roofs and walls, each face of a colour with the vertices of its own building."""
    look = city.buildings.set_index("building_id").loc[city.roofs["building_id"]]
    roof = colours(look).astype(np.float64)
    wall = np.repeat(look["wall"].to_numpy(np.float64)[:, None], 3, 1) * [1.0, 0.97, 0.92]
    solids = wing_solids(city)
    for name, kind, tint in (("roofs", "roof", roof), ("walls", "wall", wall)):
        yield _faces_of(name, kind, solids, np.clip(tint, 0, 1))


def _faces_of(name: str, kind: str, solids: list[list[Solid]], tint: np.ndarray) -> Mesh:
    vertices, triangles, colour = [np.zeros((0, 3))], [np.zeros((0, 3), np.int64)], []
    count = 0
    for i, own in enumerate(solids):
        for solid in own:
            found = [
                t
                for face, what in zip(solid.faces, solid.kinds, strict=True)
                if what == kind
                for t in triangulate(solid.vertices, face)
            ]
            used, number = np.unique(np.array(found, np.int64).reshape(-1), return_inverse=True)
            vertices.append(solid.vertices[used])
            triangles.append(number.reshape(-1, 3) + count)
            colour.append(np.broadcast_to(tint[i], (len(used), 3)))
            count += len(used)
    return Mesh(
        name,
        np.concatenate(vertices),
        np.concatenate(triangles).astype(np.int64),
        np.concatenate([np.zeros((0, 3)), *colour]),
    )


def triangulate(
    vertices: Float[np.ndarray, "n 3"], face: Sequence[Sequence[int]]
) -> list[tuple[int, int, int]]:
    """Cut a plane face, hollow or with holes, into triangles that turn the same way."""
    ring = face[0]
    if len(face) == 1 and len(ring) < 5:
        return _fan(ring)
    xyz = vertices[[*ring]]
    normal = _normal(xyz)
    axes = np.argsort(np.abs(normal))[:2]  # the plane is seen best along the third
    across = np.roll(xyz[:, axes], -1, 0) - xyz[:, axes]
    turn = np.roll(across, -1, 0)
    turns = across[:, 0] * turn[:, 1] - across[:, 1] * turn[:, 0]
    if len(face) == 1 and (turns.min() >= -1e-9 or turns.max() <= 1e-9):
        return _fan(ring)
    flat = shapely.Polygon(xyz[:, axes], [vertices[[*hole]][:, axes] for hole in face[1:]])
    parts = _triangles(flat)
    known = {tuple(vertices[i, axes].tolist()): i for loop in face for i in loop}
    found = [tuple(known[xy] for xy in p.exterior.coords[:3]) for p in parts]
    return [
        (a, b, c) if _normal(vertices[[a, b, c]]) @ normal > 0 else (a, c, b) for a, b, c in found
    ]


def _triangles(flat: shapely.Polygon) -> np.ndarray:
    """Triangles of an outline; one that touches itself is cut as its hull is, inside it."""
    try:
        return np.asarray(shapely.get_parts(shapely.constrained_delaunay_triangles(flat)))
    except shapely.GEOSException:
        corners = shapely.MultiPoint(shapely.get_coordinates(flat))
        parts = shapely.get_parts(shapely.delaunay_triangles(corners))
        return np.asarray(parts[shapely.contains(flat.buffer(0), shapely.centroid(parts))])


def _fan(ring: Sequence[int]) -> list[tuple[int, int, int]]:
    return [(ring[0], b, c) for b, c in pairwise(ring[1:])]


def _normal(xyz: np.ndarray) -> np.ndarray:
    """Area vector of a plane ring."""
    return np.asarray(np.cross(xyz - xyz[0], np.roll(xyz, -1, 0) - xyz[0]).sum(0) / 2)


def _trees(city: City) -> Mesh:
    """Crowns: six-sided double pyramids, those of evergreens widest near the ground."""
    trees = city.trees
    xy = np.column_stack([trees.geometry.x, trees.geometry.y]).reshape(-1, 2)
    n = len(xy)
    foot = terrain_at(city.dtm, xy)
    radius, height = trees["radius"].to_numpy(np.float64), trees["height"].to_numpy(np.float64)
    belly = np.where(trees["evergreen"].to_numpy() > 0, 0.3, 0.62) * height
    turn = np.arange(6) * np.pi / 3
    vertices = np.empty((n, 8, 3))
    vertices[:, :, :2] = xy[:, None]
    vertices[:, :6, 0] += radius[:, None] * np.cos(turn)
    vertices[:, :6, 1] += radius[:, None] * np.sin(turn)
    vertices[:, :, 2] = foot[:, None]
    vertices[:, :6, 2] += belly[:, None]
    vertices[:, 6, 2] += 0.15 * height
    vertices[:, 7, 2] += height
    side = np.arange(6)
    around = np.column_stack([side, (side + 1) % 6])
    up, down = np.column_stack([around, np.full(6, 7)]), np.column_stack([around[:, ::-1], [6] * 6])
    one = np.concatenate([up, down])
    triangles = (one + 8 * np.arange(n)[:, None, None]).reshape(-1, 3)
    tint = np.repeat(colours(trees).astype(np.float64), 8, 0)
    return Mesh("trees", vertices.reshape(-1, 3), triangles.astype(np.int64), np.clip(tint, 0, 1))
