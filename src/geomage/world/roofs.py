"""The geometry of every roof form: one height function, one closed solid, and both agree.

A wing has axes of its own: u along its length, v across, both from the centre of its rectangle, z
up from the ground of its building, all in metres. With L, W its length and width, e and r the
heights of eave and ridge, the roof stands at e + (r - e) t, where t is

    flat      0
    shed      1/2 + v / W
    gable     1 - |v| / (W/2)
    barrel    arc(1 - |v| / (W/2)) in 4 facets a side
    sawtooth  along u, teeth of about 6 m that rise over four fifths and fall over one
    half-hip  the lower of gable and 1/2 + (L/2 - |u|) / (2 a), a = min(W/4, L/2)
    hip       i,  i being the inset over the largest inset
    mansard   2.8 i below i = 0.25, then up to 1 in a straight line
    dome      arc(i) in 6 facets

The inset is the distance to the nearest edge, so hip, mansard and dome stand on any convex outline:
on a square the hip is a pyramid, on an octagon the dome is an eight-sided cupola. arc(t) is the
height of a quarter circle, sqrt(1 - (1 - t)^2), drawn in facets of equal angle.

A wing whose outline is no rectangle (`boxed` 0) is cut from the same surfaces where it is convex;
its half-hip is a gable. On a hollow outline the roof of equal slope needs a wavefront that splits:
there every form is flat at the eave (`form_on`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import shapely
from jaxtyping import Float

from geomage.world.skeleton import Corners, Skeleton, box_skeleton, skeleton

__all__ = ["FORMS", "INSET_FORMS", "Roof", "Solid", "form_on", "prism", "roof_solid"]

FORMS = (
    "flat",
    "gable",
    "hip",
    "shed",
    "half-hip",
    "mansard",
    "sawtooth",
    "barrel",
    "dome",
)
INSET_FORMS = frozenset({"hip", "mansard", "dome"})
TOOTH_M, TOOTH_RISE = 6.0, 0.8  # length of a tooth, share of it that rises
KINK, KINK_HEIGHT = 0.25, 0.7  # of a mansard: inset and height where the slope changes
CLIP = 0.5  # height at which the end of a half-hip begins to lean back
BARREL_FACETS, DOME_FACETS = 4, 6

Profile = tuple[tuple[float, float], ...]  # (place 0..1, height 0..1), straight in between
Face = tuple[tuple[int, ...], ...]  # rings of vertex numbers, the outer one first
_Point = tuple[float, float, float]


@dataclass(frozen=True)
class Roof:
    """One wing in its own axes, metres.

    outline: corners (u, v), counter-clockwise, of a convex wing that is no rectangle.
    """

    form: str
    length: float
    width: float
    eave: float
    ridge: float
    outline: Float[np.ndarray, "n 2"] | None = None

    @property
    def corners(self) -> Corners:
        """Corners (n, 2), counter-clockwise."""
        if self.outline is not None:
            return self.outline
        return np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [self.length / 2, self.width / 2]


@dataclass(frozen=True)
class Solid:
    """A closed surface: each edge is used twice, once in either direction.

    Faces are plane and run counter-clockwise seen from outside; kinds: ground, wall, roof.
    """

    vertices: Float[np.ndarray, "n 3"]
    faces: tuple[Face, ...]
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class _Lid:
    """A roof as points, faces, and the points along the top of each wall, corners included."""

    points: list[_Point]
    faces: list[tuple[int, ...]]
    tops: list[list[int]]


def form_on(form: str, corners: Corners | None) -> str:
    """Return the form that stands on a wing that is no rectangle: corners, None where hollow."""
    if corners is None:
        return "flat"
    return "gable" if form == "half-hip" else form


def roof_solid(roof: Roof, depth: float = 0.0) -> Solid:
    """Close a wing: roof above, walls down to `depth` metres below z = 0, ground."""
    lid = _lid(roof)
    corners = len(lid.tops)
    first = len(lid.points)
    ground = [(u, v, -depth) for u, v, _ in lid.points[:corners]]
    walls = [
        (first + i, first + (i + 1) % corners, *reversed(top)) for i, top in enumerate(lid.tops)
    ]
    floor = tuple(range(first + corners - 1, first - 1, -1))
    faces = [*lid.faces, *walls, floor]
    kinds = ["roof"] * len(lid.faces) + ["wall"] * corners + ["ground"]
    return _welded(lid.points + ground, faces, kinds)


def prism(outline: shapely.Polygon, height: float, depth: float = 0.0) -> Solid:
    """Close a flat wing of any outline, holes too: (u, v) are the outline's own coordinates."""
    rings = [shapely.get_coordinates(ring)[:-1] for ring in _rings(outline)]
    at = np.cumsum([0, *(len(ring) for ring in rings)])
    n = int(at[-1])
    flat = np.concatenate(rings)
    top = np.column_stack([flat, np.full(n, height)])
    loops = [tuple(range(a, b)) for a, b in pairwise(at)]
    walls = [((n + i, n + j, j, i),) for loop in loops for i, j in _pairs(loop)]
    floor = tuple(tuple(n + i for i in reversed(loop)) for loop in loops)
    kinds = ("roof", *["wall"] * len(walls), "ground")
    bottom = np.column_stack([flat, np.full(n, -depth)])
    return Solid(np.concatenate([top, bottom]), (tuple(loops), *walls, floor), kinds)


def _rings(outline: shapely.Polygon) -> list[shapely.LinearRing]:
    turned = shapely.orient_polygons(outline)
    return [turned.exterior, *turned.interiors]


def _pairs(loop: Sequence[int]) -> list[tuple[int, int]]:
    return [(loop[i], loop[(i + 1) % len(loop)]) for i in range(len(loop))]


def _lid(roof: Roof) -> _Lid:
    if roof.form in INSET_FORMS:
        ends = (
            box_skeleton(roof.length, roof.width)
            if roof.outline is None
            else skeleton(roof.outline)
        )
        return _insets(ends, _PROFILES[roof.form], roof)
    form = roof.form if roof.outline is None else form_on(roof.form, roof.outline)
    if form == "half-hip":
        return _half_hip(roof)
    if form == "sawtooth":
        return _slices(roof, roof.corners[:, 0] / roof.length + 0.5, _teeth(roof.length))
    return _slices(roof, roof.corners[:, 1] / roof.width + 0.5, _PROFILES[form])


def _slices(roof: Roof, at: np.ndarray, profile: Profile) -> _Lid:
    """Cut the outline into strips where the profile bends; `at` is where each corner lies on it."""
    where, heights = (np.array(column) for column in zip(*profile, strict=True))
    rise = roof.ridge - roof.eave
    places = [float(a) for a in at]
    points: list[_Point] = [
        (float(u), float(v), float(roof.eave + rise * np.interp(a, where, heights)))
        for (u, v), a in zip(roof.corners, places, strict=True)
    ]
    tops = []
    n = len(points)
    for i in range(n):
        j = (i + 1) % n
        a, b = places[i], places[j]
        cuts = [k for k in range(len(where)) if min(a, b) + 1e-9 < where[k] < max(a, b) - 1e-9]
        top = [i]
        for k in sorted(cuts, key=lambda k: abs(where[k] - a)):
            f = (where[k] - a) / (b - a)
            u, v = (points[i][c] + f * (points[j][c] - points[i][c]) for c in range(2))
            top.append(len(points))
            points.append((float(u), float(v), float(roof.eave + rise * heights[k])))
            places.append(float(where[k]))
        tops.append([*top, j])
    around = [p for top in tops for p in top[:-1]]
    strips = [
        [p for p in around if low - 1e-9 <= places[p] <= high + 1e-9]
        for low, high in pairwise(where)
    ]
    return _Lid(points, [tuple(strip) for strip in strips if len(strip) > 2], tops)


def _half_hip(roof: Roof) -> _Lid:
    """A gable whose ends lean back above half its height."""
    a, b = roof.length / 2, roof.width / 2
    back, shoulder = min((1 - CLIP) * b, a), (1 - CLIP) * b
    low = roof.eave + CLIP * (roof.ridge - roof.eave)
    points: list[_Point] = [
        *((u, v, roof.eave) for u, v in ((-a, -b), (a, -b), (a, b), (-a, b))),
        *((u, v, low) for u, v in ((a, -shoulder), (a, shoulder), (-a, shoulder), (-a, -shoulder))),
        (back - a, 0.0, roof.ridge),
        (a - back, 0.0, roof.ridge),
    ]
    faces = [(0, 1, 4, 9, 8, 7), (2, 3, 6, 8, 9, 5), (4, 5, 9), (6, 7, 8)]
    return _Lid(points, faces, [[0, 1], [1, 4, 5, 2], [2, 3], [3, 6, 7, 0]])


def _insets(ends: Skeleton, profile: Profile, roof: Roof) -> _Lid:
    """Bend the faces of a skeleton where the profile bends."""
    where, heights = (np.array(column) for column in zip(*profile, strict=True))
    levels = [float(w) * ends.reach for w in where]
    flat = [*ends.nodes]
    cut: dict[tuple[int, int, int], int] = {}  # an arc belongs to two faces: one point for both
    faces: list[tuple[int, ...]] = []
    for face in ends.faces:
        around = [p for pair in _pairs(face) for p in _arc_points(flat, cut, pair, levels)]
        for low, high in pairwise(levels):
            band = [p for p in around if low - 1e-7 <= flat[p][2] <= high + 1e-7]
            if len(band) > 2:
                faces.append(tuple(band))
    z = roof.eave + (roof.ridge - roof.eave) * np.interp([p[2] for p in flat], levels, heights)
    points = [(u, v, float(h)) for (u, v, _), h in zip(flat, z, strict=True)]
    n = len(ends.faces)
    return _Lid(points, faces, [[i, (i + 1) % n] for i in range(n)])


def _arc_points(
    flat: list[_Point],
    cut: dict[tuple[int, int, int], int],
    arc: tuple[int, int],
    levels: Sequence[float],
) -> list[int]:
    """The first end of an arc of the skeleton, and the points where it crosses a level."""
    low, high = sorted(arc, key=lambda p: (flat[p][2], p))
    p, q = flat[low], flat[high]
    found = []
    for k, level in enumerate(levels):
        if p[2] + 1e-7 < level < q[2] - 1e-7:
            if (low, high, k) not in cut:
                f = (level - p[2]) / (q[2] - p[2])
                cut[low, high, k] = len(flat)
                flat.append((p[0] + f * (q[0] - p[0]), p[1] + f * (q[1] - p[1]), level))
            found.append(cut[low, high, k])
    return [arc[0], *(found if arc[0] == low else reversed(found))]


def _welded(points: list[_Point], faces: list[tuple[int, ...]], kinds: list[str]) -> Solid:
    """Join points that fall together and drop the faces that vanish; what was closed stays so."""
    number: dict[_Point, int] = {}
    same = [number.setdefault((round(x, 4), round(y, 4), round(z, 4)), len(number))
            for x, y, z in points]  # fmt: skip
    kept, named = [], []
    for face, kind in zip(faces, kinds, strict=True):
        ring = [same[p] for p in face]
        ring = [p for i, p in enumerate(ring) if p != ring[i - 1]]
        if len(ring) > 2:
            kept.append((tuple(ring),))
            named.append(kind)
    return Solid(np.array([*number]), tuple(kept), tuple(named))


def _quarter(facets: int) -> Profile:
    turn = np.linspace(0, np.pi / 2, facets + 1)
    return tuple((float(1 - np.cos(a)), float(np.sin(a))) for a in turn)


def _mirrored(half: Profile) -> Profile:
    return (*((t / 2, z) for t, z in half), *((1 - t / 2, z) for t, z in reversed(half[:-1])))


@lru_cache(maxsize=256)
def _teeth(length: float) -> Profile:
    n = max(1, round(length / TOOTH_M))
    steps = [p for i in range(n) for p in ((i / n, 0.0), ((i + TOOTH_RISE) / n, 1.0))]
    return (*steps, (1.0, 0.0))


_PROFILES: dict[str, Profile] = {
    "flat": ((0.0, 0.0), (1.0, 0.0)),
    "shed": ((0.0, 0.0), (1.0, 1.0)),
    "gable": ((0.0, 0.0), (0.5, 1.0), (1.0, 0.0)),
    "barrel": _mirrored(_quarter(BARREL_FACETS)),
    "hip": ((0.0, 0.0), (1.0, 1.0)),
    "mansard": ((0.0, 0.0), (KINK, KINK_HEIGHT), (1.0, 1.0)),
    "dome": _quarter(DOME_FACETS),
}
