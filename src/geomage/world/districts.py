"""The skeleton of a town: arterials that bound its districts, the same wherever one looks from.

Districts are the cells of a jittered lattice, without end in any direction. Each is computed from
its own neighbourhood alone, by formulas that give two neighbours the same border to the last bit,
so that a town may be grown piece by piece, in any order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import shapely
from scipy.spatial import Delaunay
from shapely import LineString, Polygon
from shapely.geometry.base import BaseGeometry

__all__ = ["District", "DistrictKey", "Side", "Skeleton", "Warp", "dense", "seeded", "street_angle"]

_FAR = 2**20  # makes lattice numbers positive, as seeds must be
_BY_COMPASS = 0.35  # share of towns and districts
_REACH = 3  # lattice steps beyond which no site shapes a cell


class DistrictKey(NamedTuple):
    """Place of a district in the lattice."""

    column: int
    row: int


def seeded(seed: int, what: int, key: DistrictKey, *more: int) -> np.random.Generator:
    """Return the generator of one matter of one district: nothing drawn elsewhere changes it."""
    return np.random.default_rng([seed, what, key.column + _FAR, key.row + _FAR, *more])


def street_angle(u: float) -> float:
    """Direction of streets, radians, from u in 0..1: within 2 degrees of east for a share of them.

    Surveyors laid many towns out by the compass, so that streets run along the rows and columns of
    an image. The share is ours; the third digit of u and those after it decide.
    """
    return float(np.radians(4 * u - 2) if 100 * u % 1 < _BY_COMPASS else np.pi * u)


@dataclass(frozen=True)
class Warp:
    """A smooth displacement field: a few plane waves, so that lines bend without crossing."""

    wave: np.ndarray  # (n, 2) radians per metre
    phase: np.ndarray  # (n,)
    shift: np.ndarray  # (n, 2) metres

    @staticmethod
    def sample(rng: np.random.Generator, bend_m: float, length_m: float) -> Warp:
        """Draw four waves of about `length_m`, which together displace by about `bend_m`."""
        length = rng.uniform(0.5, 1.5, 4) * length_m
        angle, turn = rng.uniform(0, 2 * np.pi, (2, 4))
        wave = (2 * np.pi / length)[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
        shift = bend_m * rng.uniform(0.2, 0.8, 4)[:, None]
        return Warp(
            wave,
            rng.uniform(0, 2 * np.pi, 4),
            shift * np.stack([np.cos(turn), np.sin(turn)], 1),
        )

    def __call__(self, xy: np.ndarray) -> np.ndarray:
        """Displace points (n, 2) in metres."""
        return np.asarray(xy + np.sin(xy @ self.wave.T + self.phase) @ self.shift)


@lru_cache(maxsize=2**14)
def _shift(seed: int, key: DistrictKey) -> tuple[float, float]:
    """How far a district's middle is shifted in each direction, -1..1; its neighbours ask, too."""
    x, y = seeded(seed, 61, key).uniform(-1, 1, 2)
    return float(x), float(y)


@dataclass(frozen=True)
class Side:
    """What two districts share: an arterial, from one corner to the next."""

    line: LineString
    districts: tuple[DistrictKey, DistrictKey]  # in their order


@dataclass(frozen=True)
class District:
    """One cell: its outline and the arterials around it. Local metres."""

    key: DistrictKey
    outline: Polygon
    sides: tuple[Side, ...]
    heading: float = 0.0  # radians, of the lattice

    @cached_property
    def ring(self) -> LineString:
        """The outline as a line."""
        return LineString(self.outline.exterior.coords)


@dataclass(frozen=True)
class Skeleton:
    """Parameters of the lattice."""

    seed: int
    pitch: float  # metres between the middles of districts
    jitter: float  # of the middles, parts of the pitch: 0.1 nearly bricks, 0.4 no two alike
    angle: float  # radians
    origin: np.ndarray  # (2,) metres
    warp: Warp

    @staticmethod
    def sample(
        rng: np.random.Generator, seed: int, pitch: float, jitter: float, bend_m: float
    ) -> Skeleton:
        """Draw a lattice: turned, moved and bent at random."""
        return Skeleton(
            seed,
            pitch,
            jitter,
            street_angle(float(rng.random())),
            rng.uniform(-0.5, 0.5, 2) * pitch,
            Warp.sample(rng, bend_m, 1.2 * pitch),
        )

    def site(self, column: int, row: int) -> np.ndarray:
        """Middle of a district before the lattice is bent (2,), metres."""
        at = np.array([column + 0.5 * (row % 2), row], float)
        off = np.array(_shift(self.seed, DistrictKey(column, row))) * self.jitter
        x, y = (at + off) * self.pitch
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.asarray(np.array([x * c - y * s, x * s + y * c]) + self.origin)

    def district(
        self, key: DistrictKey, known: dict[DistrictKey, np.ndarray] | None = None
    ) -> District:
        """Compute one district; `known` takes the sites it needs, for the next ones."""
        steps = range(-_REACH, _REACH + 1)
        keys = [DistrictKey(key.column + i, key.row + j) for j in steps for i in steps]
        known = {} if known is None else known
        known.update({k: self.site(*k) for k in keys if k not in known})
        sites = np.array([known[k] for k in keys])
        here = keys.index(key)
        mesh = Delaunay(sites).simplices
        corners = [sorted(keys[k] for k in t) for t in mesh[(mesh == here).any(1)].tolist()]
        by_key = dict(zip(keys, sites, strict=True))
        at = np.array([_circumcentre(*(by_key[k] for k in three)) for three in corners])
        order = np.argsort(np.arctan2(*(at - by_key[key]).T[::-1]))
        sides, ring = [], []
        for a, b in zip(order, np.roll(order, -1), strict=True):
            (other,) = ({*corners[a]} & {*corners[b]}) - {key}
            line = self._side(at[a], at[b])
            forward = np.allclose(line.coords[0], self.warp(at[a : a + 1])[0], atol=1e-6)
            ring += line.coords[:-1] if forward else line.coords[:0:-1]
            sides.append(Side(line, (min(key, other), max(key, other))))
        return District(key, Polygon(ring), tuple(sides), self.angle)

    def _side(self, a: np.ndarray, b: np.ndarray) -> LineString:
        """Bend the line between two corners, always from the same end."""
        start, end = sorted([tuple(a), tuple(b)])
        line = LineString(self.warp(dense(np.array(start), np.array(end), 14.0)))
        return LineString(shapely.simplify(line, 0.2))

    def touching(self, window: BaseGeometry) -> Iterator[District]:
        """Yield every district that touches a window, row by row."""
        x0, y0, x1, y1 = window.bounds
        corners = np.array([[x0, y0], [x1, y0], [x0, y1], [x1, y1]]) - self.origin
        c, s = np.cos(self.angle), np.sin(self.angle)
        turned = corners @ np.array([[c, -s], [s, c]]) / self.pitch
        low, high = np.floor(turned.min(0)) - 3, np.ceil(turned.max(0)) + 3
        known: dict[DistrictKey, np.ndarray] = {}
        for row in range(int(low[1]), int(high[1]) + 1):
            for column in range(int(low[0]), int(high[0]) + 1):
                near = shapely.distance(window, shapely.Point(self.site(column, row)))
                key = DistrictKey(column, row)
                if near < 1.6 * self.pitch and self._may_touch(key, window, known):
                    district = self.district(key, known)
                    if district.outline.intersects(window):
                        yield district

    def _may_touch(
        self, key: DistrictKey, window: BaseGeometry, known: dict[DistrictKey, np.ndarray]
    ) -> bool:
        """Whether no neighbour's middle is nearer to all of a window than a district's own.

        Where one is, the window lies beyond the border of the two, however much that is bent.
        """
        bend = float(np.hypot(*self.warp.shift.T).sum()) + 0.01
        x0, y0, x1, y1 = window.bounds
        corners = np.array([(x, y) for x in (x0 - bend, x1 + bend) for y in (y0 - bend, y1 + bend)])
        around = [DistrictKey(key.column + i, key.row + j) for j in (-1, 0, 1) for i in (-1, 0, 1)]
        known.update({k: self.site(*k) for k in around if k not in known})
        away = np.array([np.hypot(*(corners - known[k]).T) for k in around])
        return not (away < away[around.index(key)]).all(1).any()


def dense(start: np.ndarray, end: np.ndarray, step: float = 9.0) -> np.ndarray:
    """Points (n, 2) from one end to the other, about `step` metres apart."""
    n = max(2, int(np.hypot(*(end - start)) / step) + 1)
    t = np.linspace(0, 1, n)[:, None]
    return np.asarray(start * (1 - t) + end * t)


def _circumcentre(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Point equally far from three others."""
    u, v = b - a, c - a
    twice = 2 * (u[0] * v[1] - u[1] * v[0])
    uu, vv = u @ u, v @ v
    return np.asarray(a + np.array([v[1] * uu - u[1] * vv, u[0] * vv - v[0] * uu]) / twice)
