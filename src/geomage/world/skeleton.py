"""The roof of equal slope over a convex outline: which edge each point of it belongs to.

Every edge carries a plane that rises inwards at one slope; the roof is the lowest of them, so its
height is a function of the inset, the distance to the nearest edge. Ridges and hips are the
straight skeleton of the outline (Aichholzer et al. 1995): where the wavefront, the outline moved
inwards, loses an edge, a node stands. A convex wavefront only loses edges and never splits; one
around a hollow corner does, which is why hollow outlines are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from jaxtyping import Float
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

__all__ = ["Planes", "Skeleton", "box_skeleton", "convex_corners", "edge_planes", "skeleton"]

Node = tuple[float, float, float]  # u, v, inset; metres
Planes = Float[np.ndarray, "n 3"]  # a, b, c of each edge: inset(u, v) = a u + b v + c
Corners = Float[np.ndarray, "n 2"]  # counter-clockwise, the first not repeated

SHALLOW_M = 0.02  # a corner that stands out less than this from its neighbours is none


@dataclass(frozen=True)
class Skeleton:
    """Nodes (u, v, inset), corners of the outline first, and the face of each edge.

    A face runs counter-clockwise seen from above, its own edge of the outline first.
    """

    nodes: tuple[Node, ...]
    faces: tuple[tuple[int, ...], ...]

    @property
    def reach(self) -> float:
        """Largest inset, metres: the radius of the largest circle inside."""
        return max(inset for _, _, inset in self.nodes)


def convex_corners(outline: BaseGeometry) -> Corners | None:
    """Return the corners of a convex outline; None when it is hollow, has a hole or many parts."""
    hull = outline.convex_hull
    if (
        not isinstance(outline, Polygon)
        or outline.interiors
        or outline.area < (1 - 1e-4) * hull.area
    ):
        return None
    ring = shapely.get_coordinates(shapely.orient_polygons(hull))[:-1]
    while len(ring) > 3:
        before, after = np.roll(ring, 1, 0), np.roll(ring, -1, 0)
        chord = after - before
        out = ring - before
        height = np.abs(chord[:, 0] * out[:, 1] - chord[:, 1] * out[:, 0])
        height /= np.maximum(np.hypot(*chord.T), 1e-9)
        least = int(height.argmin())
        if height[least] >= SHALLOW_M:
            break
        ring = np.delete(ring, least, 0)
    return ring


def edge_planes(corners: Corners) -> Planes:
    """Inward unit normals and offsets of the edges of a convex outline."""
    along = np.roll(corners, -1, 0) - corners
    along /= np.hypot(*along.T)[:, None]
    normal = np.stack([-along[:, 1], along[:, 0]], 1)
    return np.column_stack([normal, -(normal * corners).sum(1)])


def box_skeleton(length: float, width: float) -> Skeleton:
    """Skeleton of a rectangle about the origin: a ridge along its longer side."""
    a, b = length / 2, width / 2
    m = min(a, b)
    corners = ((-a, -b, 0.0), (a, -b, 0.0), (a, b, 0.0), (-a, b, 0.0))
    if length >= width:
        faces: tuple[tuple[int, ...], ...] = ((0, 1, 5, 4), (1, 2, 5), (2, 3, 4, 5), (3, 0, 4))
        return Skeleton((*corners, (m - a, 0.0, m), (a - m, 0.0, m)), faces)
    faces = ((0, 1, 4), (1, 2, 5, 4), (2, 3, 5), (3, 0, 4, 5))
    return Skeleton((*corners, (0.0, m - b, m), (0.0, b - m, m)), faces)


def skeleton(corners: Corners) -> Skeleton:
    """Straight skeleton of a convex outline, by shrinking it until two edges are left."""
    planes = [tuple(map(float, plane)) for plane in edge_planes(corners)]
    nodes: list[Node] = [(float(u), float(v), 0.0) for u, v in corners]
    n = len(nodes)
    left = [[i] for i in range(n)]  # the chain from the start of edge i upwards
    right = [[(i + 1) % n] for i in range(n)]
    active = list(range(n))
    while len(active) > 2:
        ends = [
            _meeting(planes[active[i - 1]], planes[e], planes[active[(i + 1) % len(active)]])
            for i, e in enumerate(active)
        ]
        i = min(range(len(active)), key=lambda k: ends[k][2])
        before, gone, after = active[i - 1], active[i], active[(i + 1) % len(active)]
        node = len(nodes)
        nodes.append(ends[i])
        left[gone].append(node)
        right[before].append(node)
        left[after].append(node)
        del active[i]
    faces = tuple((up[0], *down, *reversed(up[1:])) for up, down in zip(left, right, strict=True))
    return Skeleton(tuple(nodes), tuple(_without_repeats(face) for face in faces))


def _meeting(p: tuple[float, ...], q: tuple[float, ...], r: tuple[float, ...]) -> Node:
    """The point of equal inset from three edges; at infinity where two of them run alike."""
    a1, b1, c1 = (p[k] - q[k] for k in range(3))
    a2, b2, c2 = (r[k] - q[k] for k in range(3))
    det = a1 * b2 - a2 * b1
    if abs(det) < 1e-12:
        return (0.0, 0.0, float("inf"))
    u, v = (b1 * c2 - b2 * c1) / det, (a2 * c1 - a1 * c2) / det
    return (u, v, q[0] * u + q[1] * v + q[2])


def _without_repeats(face: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(node for i, node in enumerate(face) if node != face[i - 1])
