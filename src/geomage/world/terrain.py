"""Terrain: a fractal relief that any window sees alike, with valleys along rivers and a shore.

Heights are value noise on hashed lattices (Ebert et al. 2003), so that a window of the town needs
nothing but the seed; ridges by folding the noise (Musgrave 1993).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from scipy import ndimage
from scipy.spatial import cKDTree
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from geomage.geo import Raster
from geomage.world.barriers import Barrier
from geomage.world.site import Site

__all__ = ["Heights", "Relief", "Surveyed", "grow_terrain"]

BASE_M = 60.0  # above the datum, about the middle of a town
_OCTAVES = (
    (2600.0, 1.9),
    (900.0, 1.0),
    (450.0, 0.55),
    (220.0, 0.28),
    (110.0, 0.13),
)  # metres, part
_VALLEY_M = 70.0  # on each side of a water
_BED_M = 1.0  # of water below its banks
_SHORE = 0.02  # rise of the ground from a water, metres a metre


@dataclass(frozen=True)
class Relief:
    """The terrain of a town before ponds are dug: a function of place.

    relief: standard deviation of heights over some hundred metres; ridged: 0 rolling, 1 crests.
    """

    seed: int
    relief: float
    ridged: float
    waters: tuple[_Valley, ...] = ()

    @staticmethod
    def sample(
        rng: np.random.Generator, seed: int, relief: float, barriers: list[Barrier]
    ) -> Relief:
        """Draw a relief, and let the waters that cross the town carve it."""
        dry = Relief(seed, relief, float(rng.choice([0.0, 0.0, rng.uniform(0.3, 1.0)])))
        wet = [b for b in barriers if b.axis is not None]
        return Relief(seed, relief, dry.ridged, tuple(_Valley.of(b, dry) for b in wet))

    def heights(self, xy: np.ndarray) -> np.ndarray:
        """Metres above the datum at local points (n, 2)."""
        z = self.bare(xy)
        for valley in self.waters:
            z = valley.carve(xy, z)
        return z

    def bare(self, xy: np.ndarray) -> np.ndarray:
        """Metres above the datum at local points (n, 2), before any water carves."""
        z = np.zeros(len(xy))
        for k, (length, part) in enumerate(_OCTAVES):
            n = _noise(xy / length + 0.37 * k, self.seed * 31 + k)
            crest = 1 - 4 * np.abs(n)
            z += part * ((1 - self.ridged) * n + self.ridged * 0.5 * crest)
        return BASE_M + 2.2 * self.relief * z


@dataclass(frozen=True)
class _Valley:
    """A water that crosses the town: its surface, and how high it stands along its axis."""

    surface: BaseGeometry
    axis: np.ndarray  # (n, 2)
    level: np.ndarray  # (n,) metres above the datum, falling along the axis
    tree: cKDTree
    edge: cKDTree

    @staticmethod
    def of(barrier: Barrier, relief: Relief) -> _Valley:
        assert barrier.axis is not None
        axis = shapely.get_coordinates(shapely.segmentize(barrier.axis, 12.0))
        z = relief.bare(axis) - 0.6 * relief.relief
        fall = np.minimum.accumulate(z if z[0] > z[-1] else z[::-1])
        level = fall if z[0] > z[-1] else fall[::-1]
        if barrier.kind == "coast":
            level = np.full(len(axis), np.percentile(z, 25))
        shape = barrier.water
        edge = shapely.get_coordinates(shapely.segmentize(shapely.boundary(shape), 1.0))
        return _Valley(shape, axis, level, cKDTree(axis), cKDTree(edge))

    def carve(self, xy: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Lower the ground towards the water, and its bed below the banks."""
        wet = shapely.contains_xy(self.surface, xy)
        away, _ = self.edge.query(xy, distance_upper_bound=_VALLEY_M)
        near = wet | np.isfinite(away)
        if not near.any():
            return z
        out = z.copy()
        level = self.level[self.tree.query(xy[near])[1]]
        d = np.where(wet[near], 0.0, np.minimum(away[near], _VALLEY_M))
        rise = np.maximum(z[near] - level, _SHORE * _VALLEY_M)
        blend = (d / _VALLEY_M) ** 2 * (3 - 2 * d / _VALLEY_M)
        out[near] = level + _SHORE * d * (1 - blend) + rise * blend
        out[near] -= np.where(wet[near], _BED_M, 0.0)
        return out


def _noise(at: np.ndarray, seed: int) -> np.ndarray:
    """Smooth noise of unit lattice at points (n, 2): mean 0, within -0.5..0.5."""
    cell = np.floor(at).astype(np.int64)
    f = at - cell
    w = f * f * f * (f * (f * 6 - 15) + 10)
    x, y = cell.T
    a, b = _hash(x, y, seed), _hash(x + 1, y, seed)
    c, d = _hash(x, y + 1, seed), _hash(x + 1, y + 1, seed)
    low, high = a + (b - a) * w[:, 0], c + (d - c) * w[:, 0]
    return np.asarray(low + (high - low) * w[:, 1] - 0.5)


def _hash(x: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """Number 0..1 of a lattice point, from the mixing steps of SplitMix64 (Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        h = (
            x.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
            + y.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
            + np.uint64(seed % 2**63) * np.uint64(0x165667B19E3779F9)
        )
        h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        h ^= h >> np.uint64(31)
    return np.asarray((h >> np.uint64(11)).astype(np.float64) * 2.0**-53)


@dataclass(frozen=True)
class Surveyed:
    """Real terrain: between the heights of a lattice, bilinear; beyond it those of its rim."""

    lattice: np.ndarray  # (y, x) metres above the datum, north up
    top_m: float  # local y of its northern border
    step_m: float  # its western border is at local x of 0
    closed: float = 0.0  # share of it that had no height and took that of the nearest ground

    def heights(self, xy: np.ndarray) -> np.ndarray:
        """Metres above the datum at local points (n, 2)."""
        at = np.stack([self.top_m - xy[:, 1], xy[:, 0]]) / self.step_m - 0.5
        return np.asarray(ndimage.map_coordinates(self.lattice, at, order=1, mode="nearest"))

    @property
    def slope(self) -> float:
        """Rise over run, on average."""
        down, along = np.gradient(self.lattice, self.step_m)
        return float(np.hypot(down, along).mean())


Heights = Relief | Surveyed


def grow_terrain(heights: Heights, box: GeoBox, ponds: list[Polygon], site: Site) -> Raster:
    """Grow a DTM (1, y, x), metres above the datum.

    Args:
        heights: the terrain before ponds are dug.
        box: grid in the CRS of the town.
        ponds: still waters, local metres; their bed lies below the lowest point of their outline.
        site: where the town stands.
    """
    ny, nx = box.shape
    columns, rows = np.meshgrid(np.arange(nx) + 0.5, np.arange(ny) + 0.5)
    x, y = box.affine @ (columns.ravel(), rows.ravel())
    z = heights.heights(np.stack([x, y], 1) - site.origin).reshape(ny, nx)
    for pond in ponds:
        _dig(z, box, shapely.transform(pond, lambda xy: xy + site.origin), _brim(heights, pond))
    return Raster(z[None].astype(np.float32), box, None, ("height",))


def _brim(heights: Heights, pond: Polygon) -> float:
    """The lowest point of the outline of a pond."""
    return float(heights.heights(shapely.get_coordinates(pond)).min())


def _dig(z: np.ndarray, box: GeoBox, shape: Polygon, brim: float) -> None:
    """Lower the terrain (y, x) within a pond, in place: its bed falls away from the shore."""
    west, south, east, north = shape.bounds
    (left, right), (top, bottom) = ~box.affine @ (np.array([west, east]), np.array([north, south]))
    first_row, first_column = max(0, int(top)), max(0, int(left))
    part = z[first_row : max(0, int(bottom) + 2), first_column : max(0, int(right) + 2)]
    if not part.size:
        return
    i, j = np.indices(part.shape)
    x, y = (np.asarray(v) for v in box.affine @ (j + first_column + 0.5, i + first_row + 0.5))
    wet = shapely.contains_xy(shape, x, y)
    away = shapely.distance(shapely.points(x[wet], y[wet]), shapely.boundary(shape))
    part[wet] = brim - 0.1 - _BED_M * np.minimum(away / 4.0, 1.0)
