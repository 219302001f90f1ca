"""The canvas: one date of an event being painted on a fine grid, and the noise of the place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from affine import Affine
from odc.geo import CRS, wh_
from odc.geo.geobox import GeoBox

from geomage.disaster import Event
from geomage.geo import Raster
from geomage.geo.shapes import burn_shapes
from geomage.render import _kernels_paint as k
from geomage.render.matter import Appearance

__all__ = ["Canvas", "Noise", "burn", "lattice", "onto", "stage_box", "stage_noise"]

_OFF_GRID = 0.3819660113  # no common grid begins at this share of a pixel, where rounding turns
REACH_M = 30.0  # what stands outside the grid and leans into it


@dataclass(frozen=True)
class Noise:
    """Smooth noise (y, x) in 0..1; one set for both dates of a place."""

    fine: np.ndarray  # per pixel
    mid: np.ndarray  # about 1.3 m
    coarse: np.ndarray  # about 5 m
    broad: np.ndarray  # about 25 m
    loss: np.ndarray  # about 2.6 m: decides what falls first
    wide: np.ndarray  # about 12 m
    kept: dict[str, tuple[tuple[Any, ...], np.ndarray]] = field(default_factory=dict, repr=False)
    """What `once` keeps of the first date for the second."""

    def once(self, name: str, of: tuple[Any, ...], make: Callable[[], np.ndarray]) -> np.ndarray:
        """Make what both dates share, unless it was made of the very same things before."""
        made = self.kept.get(name)
        if made is None or any(a is not b for a, b in zip(made[0], of, strict=True)):
            self.kept[name] = made = (of, make())
        return made[1]


@dataclass
class Canvas:
    """What is being painted, in place. Arrays (y, x) on `box` unless said otherwise.

    height: above terrain, metres; albedo (3, y, x); cover: land cover class of the ground;
    ids: building; crown: 1 under a tree; water: 1 under water; depth: of flood water, metres;
    matter: value of `MATTER`; under, share (255ths), over: see `_kernels_ground`; wet: 0..1;
    glint: mirrored sun, as reflectance, None until painted.
    """

    event: Event
    box: GeoBox
    when: Appearance
    noise: Noise
    after: bool
    height: np.ndarray
    albedo: np.ndarray
    cover: np.ndarray
    ids: np.ndarray
    crown: np.ndarray
    depth: np.ndarray
    matter: np.ndarray
    under: np.ndarray
    share: np.ndarray
    over: np.ndarray
    wet: np.ndarray
    glint: np.ndarray | None = None

    @staticmethod
    def blank(event: Event, box: GeoBox, when: Appearance, noise: Noise, *, after: bool) -> Canvas:
        """Start with nothing painted."""
        shape = box.shape.yx
        return Canvas(
            event, box, when, noise, after,
            height=np.zeros(shape, np.float32), albedo=np.zeros((3, *shape), np.float32),
            cover=np.zeros(shape, np.uint8), ids=np.zeros(shape, np.int32),
            crown=np.zeros(shape, np.uint8), depth=np.zeros(shape, np.float32),
            matter=np.zeros(shape, np.uint8), under=np.zeros(shape, np.uint8),
            share=np.zeros(shape, np.uint8), over=np.zeros(shape, np.uint8),
            wet=np.zeros(shape, np.float32),
        )  # fmt: skip

    @property
    def px(self) -> float:
        """Side of a pixel, metres."""
        return float(self.box.affine.a)

    @property
    def at(self) -> tuple[int, int]:
        """Row and column of the grid among all pixels of its size: what is drawn by place."""
        return lattice(self.box)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.box.shape[0])

    @property
    def corner(self) -> tuple[float, float]:
        """South-west corner: where stage axes begin."""
        a = self.box.affine
        return float(a.c), float(a.f + self.rows * a.e)

    @property
    def here(self) -> shapely.Polygon:
        """The grid and what may lean into it."""
        grid: shapely.Polygon = shapely.box(*self.box.boundingbox.buffered(REACH_M))
        return grid

    @property
    def seed(self) -> int:
        """Seed of the place, the same at both dates."""
        return self.event.city.params.seed

    def hazard(self, name: str) -> np.ndarray | None:
        """Return a hazard's field (y, x), or None before the event or where it has none."""
        if not self.after or name not in self.event.rasters:
            return None
        return onto(self.event.rasters[name], self.box)


def stage_box(centre: tuple[float, float], size_m: float, px: float, crs: CRS | None) -> GeoBox:
    """Square grid of `px` metres around a centre in projected coordinates."""
    n = round(size_m / px)
    affine = Affine(px, 0, centre[0] - n * px / 2, 0, -px, centre[1] + n * px / 2)
    return GeoBox(wh_(n, n), affine, crs)


def lattice(box: GeoBox) -> tuple[int, int]:
    """Row and column of a grid's first pixel among all pixels of its size in the CRS.

    Rows go south. Windows of one grid lie in one lattice, so that what is drawn by place agrees
    between them; grids off the lattice are taken to lie on it.
    """
    a = box.affine
    return (
        int(np.floor(-a.f / a.a + _OFF_GRID)),
        int(np.floor(a.c / a.a + _OFF_GRID)),
    )


def stage_noise(box: GeoBox, seed: int) -> Noise:
    """Draw the noise of a place: grids in one lattice get the same where they meet."""
    (ny, nx), px, at = box.shape, box.affine.a, lattice(box)
    cells = (1.0, max(1.3 / px, 1.5), 5.0 / px, 25.0 / px, 2.6 / px, 12.0 / px)
    return Noise(*(k.value_noise(at, ny, nx, c, seed * 7 + i) for i, c in enumerate(cells)))


def onto(raster: Raster, box: GeoBox) -> np.ndarray:
    """Sample a coarse raster bilinearly at the stage's pixels (y, x)."""
    column, row = ~raster.box.affine @ (box.affine @ (0.5, 0.5))
    step = box.affine.a / raster.box.affine.a
    out = np.empty(box.shape.yx, np.float32)
    k.bilinear(raster.values[0].astype(np.float32), row - 0.5, column - 0.5, step, out)
    return out


def burn(shapes: Sequence[tuple[shapely.Geometry, int]], box: GeoBox) -> np.ndarray:
    """Burn (shape, number) pairs in order into int32 (y, x); 0 where there is none."""
    west, south, east, north = box.boundingbox
    every, rows = np.array([g for g, _ in shapes], object), np.array([i for _, i in shapes])
    bounds = shapely.bounds(every).reshape(-1, 4)
    near = (bounds[:, 0] <= east) & (bounds[:, 2] >= west)
    near &= (bounds[:, 1] <= north) & (bounds[:, 3] >= south)
    return burn_shapes(every[near], rows[near], box, np.zeros(box.shape.yx, np.int32))
