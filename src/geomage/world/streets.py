"""Street networks: a fabric of lines, bent by a smooth field, and what crosses the whole town."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from scipy.spatial import Voronoi
from shapely import LineString

from geomage.world.styles import Style

__all__ = ["Barrier", "Street", "Warp", "grow_barrier", "grow_streets"]


@dataclass(frozen=True)
class Street:
    """One street: its centre line, kind, surface and width in metres."""

    line: LineString
    kind: str  # residential, primary, track, rail, path
    surface: str  # asphalt, concrete, dirt, gravel, ballast
    width: float


@dataclass(frozen=True)
class Barrier:
    """Something that crosses the whole town: arterial, rail, river or coast."""

    kind: str
    line: LineString
    width: float


@dataclass(frozen=True)
class Warp:
    """A smooth displacement field: a few plane waves, so that streets bend without crossing."""

    wave: np.ndarray  # (n, 2) radians per metre
    phase: np.ndarray  # (n,)
    shift: np.ndarray  # (n, 2) metres

    @staticmethod
    def sample(rng: np.random.Generator, bend_m: float, size_m: float) -> Warp:
        """Draw four waves, each longer than four times its amplitude."""
        length = rng.uniform(0.35, 1.1, 4) * max(size_m, 250)
        angle = rng.uniform(0, 2 * np.pi, 4)
        wave = (2 * np.pi / length)[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
        turn = rng.uniform(0, 2 * np.pi, 4)
        shift = (
            bend_m * rng.uniform(0.2, 0.8, 4)[:, None] * np.stack([np.cos(turn), np.sin(turn)], 1)
        )
        return Warp(wave, rng.uniform(0, 2 * np.pi, 4), shift)

    def __call__(self, xy: np.ndarray) -> np.ndarray:
        """Displace points (n, 2) in metres."""
        return np.asarray(xy + np.sin(xy @ self.wave.T + self.phase) @ self.shift)


def _dense(start: np.ndarray, end: np.ndarray, step: float = 9.0) -> np.ndarray:
    n = max(2, int(np.hypot(*(end - start)) / step) + 1)
    t = np.linspace(0, 1, n)[:, None]
    return start * (1 - t) + end * t


def _spaced(rng: np.random.Generator, half: float, low: float, high: float) -> np.ndarray:
    """Positions from -half to half with gaps drawn from low..high."""
    gaps = rng.uniform(low, high, int(2 * half / low) + 2)
    at = -half - rng.uniform(0, high) + np.cumsum(gaps)
    return at[at < half]


def _grid_lines(rng: np.random.Generator, style: Style, size: float) -> list[np.ndarray]:
    """Rows run through; columns stop at rows now and then, which makes T junctions."""
    half = 0.75 * size + 40
    low, high = style.block_m
    rows = _spaced(rng, half, low, 0.5 * (low + high))
    columns = _spaced(rng, half, 0.6 * (low + high), high * 1.25)
    lines = [_dense(np.array([-half, y]), np.array([half, y])) for y in rows]
    skip = rng.uniform(0.0, 0.35)
    for y0, y1 in pairwise(rows):
        slide = rng.uniform(-0.3, 0.3) * low if rng.random() < 0.4 else 0.0
        lines += [
            _dense(np.array([x + slide, y0]), np.array([x + slide, y1]))
            for x in columns
            if rng.random() >= skip
        ]
    return lines


def _voronoi_lines(rng: np.random.Generator, style: Style, size: float) -> list[np.ndarray]:
    half = 0.75 * size + 40
    pitch = 0.5 * sum(style.block_m)
    n = int(2 * half / pitch) + 2
    at = (np.arange(n) - n / 2) * pitch
    grid = np.stack(np.meshgrid(at, at), -1).reshape(-1, 2)
    cells = Voronoi(grid + rng.uniform(-0.42, 0.42, grid.shape) * pitch)
    edges = [e for e in cells.ridge_vertices if min(e) >= 0]
    ends = [(cells.vertices[a], cells.vertices[b]) for a, b in edges]
    # points nearly in line meet beyond the horizon: such an edge is no street of this town
    return [_dense(a, b) for a, b in ends if np.hypot(*(b - a)) < 2 * half]


def _village_lines(rng: np.random.Generator, style: Style, size: float) -> list[np.ndarray]:
    half = 0.75 * size + 40
    low, high = style.block_m
    lines = [
        _dense(np.array([-half, y]), np.array([half, y])) for y in _spaced(rng, half, low, high)
    ]
    for x in _spaced(rng, half, low, high * 1.4):
        a, b = sorted(rng.uniform(-half, half, 2)) if rng.random() < 0.5 else (-half, half)
        lean = rng.uniform(-0.4, 0.4) * (b - a)
        lines.append(_dense(np.array([x, a]), np.array([x + lean, b])))
    return lines


_FABRICS = {
    "grid": _grid_lines,
    "bent": _grid_lines,
    "organic": _voronoi_lines,
    "village": _village_lines,
}


def grow_streets(rng: np.random.Generator, style: Style, size: float) -> list[Street]:
    """Lay streets over the square 0..size; lines reach past its border.

    Shapes: local metres, x east, y north.
    """
    warp = Warp.sample(rng, style.bend_m, size)
    angle = rng.uniform(0, np.pi / 2)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    streets = []
    for points in _FABRICS[style.fabric](rng, style, size):
        line = LineString(warp(points @ turn) + size / 2)
        dirt = rng.random() < style.dirt_streets
        surface = str(rng.choice(["dirt", "gravel"])) if dirt else "asphalt"
        if not dirt and rng.random() < 0.2:
            surface = "concrete"
        width = float(rng.uniform(*style.street_width_m)) * (0.8 if dirt else 1.0)
        streets.append(Street(line, "track" if dirt else "residential", surface, width))
    return streets


def grow_barrier(rng: np.random.Generator, kind: str, size: float) -> Barrier:
    """Draw one long line across the square, bent, with a width fit for its kind."""
    angle = rng.uniform(0, 2 * np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    centre = np.full(2, size / 2) + across * rng.uniform(-0.38, 0.38) * size
    points = _dense(centre - along * size, centre + along * size, 12.0)
    bend = {"arterial": 8.0, "rail": 12.0, "river": 38.0, "coast": 25.0}[kind]
    width = {
        "arterial": rng.uniform(14, 34),
        "rail": rng.uniform(5, 18),
        "river": rng.uniform(4, 60) if rng.random() < 0.7 else rng.uniform(60, 140),
        "coast": rng.uniform(4, 30),  # of the beach
    }[kind]
    line = LineString(Warp.sample(rng, bend, size)(points))
    return Barrier(kind, shapely.simplify(line, 0.2), float(width))
