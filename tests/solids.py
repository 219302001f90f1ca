"""What tests ask of solids: are they closed, how much do they hold, how high are they somewhere."""

from __future__ import annotations

from collections import Counter

import numpy as np

from geomage.world.roofs import Solid


def is_closed(faces) -> bool:
    """Each edge of the rings of all faces is used once, and once the other way."""
    edges = Counter(
        pair
        for face in faces
        for ring in face
        for pair in zip(ring, [*ring[1:], ring[0]], strict=True)
    )
    return all(n == 1 and edges[b, a] == 1 for (a, b), n in edges.items())


def volume(solid: Solid) -> float:
    """By the theorem of Gauss; positive when faces turn outwards."""
    total = 0.0
    for face in solid.faces:
        for ring in face:
            a = solid.vertices[ring[0]]
            for i in range(1, len(ring) - 1):
                b, c = solid.vertices[ring[i]], solid.vertices[ring[i + 1]]
                total += float(a @ np.cross(b, c)) / 6
    return total


def height_at(solid: Solid, u: float, v: float) -> float:
    """Height of the roof over (u, v), by the plane of the face there."""
    found = []
    for face, kind in zip(solid.faces, solid.kinds, strict=True):
        xyz = solid.vertices[[*face[0]]]
        if kind == "roof" and _covers(xyz[:, :2], u, v):
            normal = np.cross(xyz - xyz[0], np.roll(xyz, -1, 0) - xyz[0]).sum(0)
            lean = normal[0] * (u - xyz[0, 0]) + normal[1] * (v - xyz[0, 1])
            found.append(xyz[0, 2] - lean / normal[2])
    assert found, (u, v)
    return max(found)


def _covers(ring: np.ndarray, u: float, v: float) -> bool:
    """A convex counter-clockwise ring, its edges included."""
    along = np.roll(ring, -1, 0) - ring
    side = along[:, 0] * (v - ring[:, 1]) - along[:, 1] * (u - ring[:, 0])
    return bool((side >= -1e-3 * np.hypot(*along.T)).all())
