"""Trees: scattered, in rows, and as dense forest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

__all__ = ["Trees", "Woods", "dense_forest", "rows_along", "sample_woods", "scatter"]

_GREENS = np.array(
    [
        (0.030, 0.055, 0.022),
        (0.045, 0.075, 0.028),
        (0.026, 0.045, 0.022),
        (0.060, 0.085, 0.030),
        (0.038, 0.060, 0.030),
        (0.070, 0.080, 0.035),
    ],
)


@dataclass(frozen=True)
class Woods:
    """The tree population of one town."""

    greens: np.ndarray  # (k, 3) reflectance of its species
    evergreen: float  # share of trees that keep their leaves
    size: float  # factor on crown radius


@dataclass(frozen=True)
class Trees:
    """Trees as columns; lengths in metres, `xy` (n, 2) local."""

    xy: np.ndarray
    radius: np.ndarray
    height: np.ndarray
    species: np.ndarray
    evergreen: np.ndarray
    colour: np.ndarray


def sample_woods(rng: np.random.Generator) -> Woods:
    """Draw two to four species for a town."""
    greens = _GREENS[rng.choice(len(_GREENS), rng.integers(2, 5), replace=False)]
    bright = np.exp(rng.normal(0.2, 0.3))  # healthy canopies differ by more than their species
    return Woods(
        greens * bright * rng.normal(1, 0.15, (len(greens), 1)),
        float(rng.choice([0.05, 0.3, 0.6, 1.0])),
        rng.uniform(0.8, 1.2),
    )


def _grown(rng: np.random.Generator, woods: Woods, xy: np.ndarray, radius: np.ndarray) -> Trees:
    n = len(xy)
    species = rng.integers(len(woods.greens), size=n)
    tint = rng.normal(1, 0.14, (n, 1)) * rng.normal(1, 0.05, (n, 3))
    return Trees(
        xy,
        radius,
        radius * rng.uniform(1.6, 3.2, n) + 1.0,
        species,
        (rng.random(n) < woods.evergreen).astype(np.uint8),
        np.clip(woods.greens[species] * tint, 0.01, 0.3),
    )


def scatter(
    rng: np.random.Generator,
    woods: Woods,
    where: BaseGeometry,
    per_ha: float,
    largest: float = 8.5,
) -> Trees:
    """Scatter trees of mixed size, some in clumps, inside a region; crowns up to `largest` metres.

    A third of the trees at most is clumped; see `dense_forest` for closed canopies.
    """
    x0, y0, x1, y1 = where.bounds if not where.is_empty else (0, 0, 0, 0)
    n = rng.poisson(per_ha * (x1 - x0) * (y1 - y0) / 1e4)
    xy = rng.uniform((x0, y0), (x1, y1), (n, 2))
    if n > 6:
        clumped = rng.random(n) < 0.4
        xy[clumped] = xy[rng.integers(max(1, n // 5), size=int(clumped.sum()))] + rng.normal(
            0, 5, (int(clumped.sum()), 2)
        )
    xy = xy[shapely.contains_xy(where, xy)] if n else xy
    radius = np.clip(rng.lognormal(0.95, 0.5, len(xy)) * woods.size, 0.6, largest)
    return _grown(rng, woods, xy, radius)


def dense_forest(rng: np.random.Generator, woods: Woods, where: BaseGeometry) -> Trees:
    """Close a canopy: jittered lattice, crowns that touch; sometimes planted in rows."""
    pitch = rng.uniform(2.6, 5.5)
    x0, y0, x1, y1 = where.bounds
    gx, gy = np.meshgrid(np.arange(x0, x1, pitch), np.arange(y0, y1, pitch * 0.9))
    gx[1::2] += pitch / 2
    jitter = 0.12 if rng.random() < 0.25 else 0.42
    xy = np.stack([gx, gy], -1).reshape(-1, 2) + rng.uniform(-jitter, jitter, (gx.size, 2)) * pitch
    if rng.random() < 0.4:  # clearings
        seeds = rng.uniform((x0, y0), (x1, y1), (rng.integers(1, 6), 2))
        reach = rng.uniform(5, 22, len(seeds))
        xy = xy[(np.hypot(*(xy[:, None] - seeds).transpose(2, 0, 1)) > reach).all(1)]
    xy = xy[rng.random(len(xy)) < rng.choice([1.0, 0.93, 0.8, 0.55])]
    xy = xy[shapely.contains_xy(where, xy)] if len(xy) else xy
    radius = pitch * rng.uniform(0.45, 0.85, len(xy))
    return _grown(rng, woods, xy, radius)


def rows_along(
    rng: np.random.Generator,
    woods: Woods,
    line: shapely.LineString,
    offset: float,
) -> Trees:
    """Plant a row on each side of a street."""
    pitch = rng.uniform(6, 14)
    at = np.arange(rng.uniform(0, pitch), line.length, pitch)
    sides = [
        shapely.get_coordinates(shapely.line_interpolate_point(s, at[at < s.length]))
        for s in (line.offset_curve(offset), line.offset_curve(-offset))
        if s.geom_type == "LineString" and not s.is_empty
    ]
    xy = np.concatenate(sides) if sides else np.empty((0, 2))
    xy = xy[rng.random(len(xy)) < 0.8]
    return _grown(rng, woods, xy, rng.uniform(1.4, 4.0) * rng.uniform(0.75, 1.2, len(xy)))
