"""Streets of a district: a hierarchy of arterials, streets traced in a tensor field, and lanes.

A fabric says how the field of a district looks. Streets follow the two axes of the field, evenly
spaced (Chen et al. 2008, *Interactive procedural street modeling*; Jobard and Lefer 1997); where
they stop, which crossings they pass and how many end open makes the difference between a grid and
a cul-de-sac suburb.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType

import numpy as np
import shapely
from rasterio.features import rasterize
from rasterio.transform import from_origin
from scipy.spatial import Voronoi
from shapely import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import substring

from geomage.world._kernels_field import trace_family
from geomage.world.districts import District, DistrictKey, dense, street_angle
from geomage.world.graph import spurs, street_graph
from geomage.world.style import Style

__all__ = ["FABRICS", "Fabric", "Network", "Street", "lay_streets"]

_CELL = 4.0  # metres, of the grids that tracing looks up
_SPUR = 18.0  # metres; shorter loose ends are overshoot, not streets
_ROUNDING = 1e-3  # how far an end may miss the line it meets
_STUB = 16.0  # metres; the least of a dead end
_BULB = (7.5, 10.0)  # metres, radius of a turning circle


@dataclass(frozen=True)
class Street:
    """One street between two junctions: its centre line, kind, surface and width in metres."""

    line: LineString
    kind: str  # residential, primary, track, path, rail
    surface: str  # asphalt, concrete, dirt, gravel, ballast
    width: float


@dataclass(frozen=True)
class Fabric:
    """How the streets of a district run."""

    layout: str  # aligned, radial, or cells of a jittered lattice
    order: float  # 1 straight and parallel, 0 turned by up to 60 degrees
    passing: float  # share of crossings where a cross street goes on
    dead_ends: float  # share of cross streets, of those that can be, that end open


FABRICS: Mapping[str, Fabric] = MappingProxyType(
    {
        "grid": Fabric("aligned", 0.93, 0.75, 0.0),
        "bent": Fabric("aligned", 0.55, 0.35, 0.05),
        "oldtown": Fabric("aligned", 0.15, 0.25, 0.08),
        "radial": Fabric("radial", 0.9, 0.7, 0.02),
        "culdesac": Fabric("aligned", 0.35, 0.15, 0.7),
        "estate": Fabric("aligned", 0.8, 0.3, 0.3),
        "village": Fabric("aligned", 0.45, 0.3, 0.25),
        "organic": Fabric("cells", 0.0, 1.0, 0.12),
    }
)


@dataclass(frozen=True)
class Network:
    """The streets inside a district, their faces, and where they meet its border.

    faces: what streets and border enclose, centre line to centre line.
    gates (n, 2): junctions on the border.
    """

    streets: tuple[Street, ...]
    faces: tuple[Polygon, ...]
    gates: np.ndarray


def lay_streets(
    rng: np.random.Generator,
    style: Style,
    district: District,
    given: list[Street],
    closed: BaseGeometry,
    widest: float,
) -> Network:
    """Lay the streets of one district.

    Args:
        rng: source of randomness.
        style: kind of settlement.
        district: where.
        given: streets that must be there (along a bank), kept as they are.
        closed: where no street runs: water, railway land.
        widest: metres; of the arterials around, which no street inside exceeds.
    """
    drawn = [s for s in given if s.line.intersects(district.outline)]
    first = len(drawn)
    drawn += [_dressed(rng, style, line, widest) for line in _trace(rng, style, district)]
    kept = _noded(drawn, first, district, closed)
    kept = _opened(rng, style, kept)
    faces = _faces(kept, district)
    lanes = [lane for face in faces for lane in _lanes(rng, style, face)]
    if lanes:
        kept = _noded([*kept, *lanes], len(kept), district, closed)
        faces = _faces(kept, district)
    bulbs = _bulbs(rng, kept, district) if style.street_width_m[0] >= 5 else []
    return Network(tuple(kept + bulbs), tuple(faces), _gates(kept, district))


def _dressed(rng: np.random.Generator, style: Style, line: LineString, widest: float) -> Street:
    """Give a traced line its surface and width."""
    dirt = rng.random() < style.dirt_streets
    surface = str(rng.choice(["dirt", "gravel"])) if dirt else "asphalt"
    if not dirt and rng.random() < 0.2:
        surface = "concrete"
    width = float(rng.uniform(*style.street_width_m)) * (0.8 if dirt else 1.0)
    return Street(line, "track" if dirt else "residential", surface, min(width, widest))


def _trace(rng: np.random.Generator, style: Style, district: District) -> list[LineString]:
    """Lines of a fabric over a district; they reach a little past its border."""
    fabric = FABRICS[style.fabric]
    if fabric.layout == "cells":
        return _cells(rng, style, district)
    low, high = style.block_m
    along = (low, 0.5 * (low + high))
    across = (0.6 * (low + high), 1.25 * high)
    order = fabric.order if style.order is None else style.order
    field = _field(rng, order, 3.0 * high, district.outline, radial=fabric.layout == "radial")
    if style.heading_deg:
        field = replace(field, angle=district.heading + _turned(style.heading_deg, district.key))
    margin = 0.25 * low  # no street runs along an arterial as near as this
    ground = _ground(district.outline, margin)
    main = _family(rng, ground, field, along)
    crossed = (_grid_of(main, ground), fabric.passing)
    cross = _family(rng, ground, field, across, crossed)
    return [LineString(shapely.simplify(line, 0.35)) for line in main + cross]


@dataclass(frozen=True)
class _Field:
    """A tensor field: its major axis at a point, as the kernel computes it."""

    angle: float
    turn: float  # radians by which waves bend it
    waves: np.ndarray  # (n, 3)
    radial: int
    centre: Point


@dataclass(frozen=True)
class _Ground:
    """Cells (row 0 south) where streets may run, their corner, and how far they go beyond."""

    inside: np.ndarray
    corner: np.ndarray
    beyond: float
    middle: np.ndarray


def _field(
    rng: np.random.Generator, order: float, length: float, at: Polygon, *, radial: bool
) -> _Field:
    """Draw a field over a district."""
    size = rng.uniform(0.6, 2.0, 4) * length
    heading = rng.uniform(0, 2 * np.pi, 4)
    wave = 2 * np.pi / size
    phase = rng.uniform(0, 2 * np.pi, 4)
    waves = np.stack([wave * np.cos(heading), wave * np.sin(heading), phase], 1)
    turn = np.radians(120) * (1 - order)  # four waves rarely add up: about half of it is reached
    centre = at.representative_point()
    return _Field(street_angle(float(rng.random())), float(turn), waves, int(radial), centre)


def _turned(quantiles: tuple[float, ...], key: DistrictKey) -> float:
    """How far a district is turned from the direction of the town, radians.

    Districts that lie together take quantiles far apart (Roberts 2018, the R2 sequence), so that
    any few of them show about the whole distribution.
    """
    u = (0.5 + 0.7548776662466927 * key.column + 0.5698402909980532 * key.row) % 1.0
    return float(np.radians(np.interp(u, np.linspace(0, 1, len(quantiles)), quantiles)))


def _ground(outline: Polygon, margin: float) -> _Ground:
    """Burn a district into cells."""
    shape, beyond = outline.buffer(-margin), 1.5 * margin + 12.0
    if shape.is_empty:
        return _Ground(np.zeros((1, 1), bool), np.zeros(2), beyond, np.zeros(2))
    x0, y0, x1, y1 = shape.bounds
    ny, nx = int((y1 - y0) / _CELL) + 2, int((x1 - x0) / _CELL) + 2
    to_grid = from_origin(x0, y0 + ny * _CELL, _CELL, _CELL)
    burnt = rasterize([shape], (ny, nx), transform=to_grid, dtype="uint8")
    inside = np.ascontiguousarray(burnt[::-1] > 0)
    return _Ground(inside, np.array([x0, y0]), beyond, np.array([x0 + x1, y0 + y1]) / 2)


def _grid_of(lines: list[LineString], ground: _Ground) -> np.ndarray:
    """Burn lines into the cells."""
    shape = ground.inside.shape
    if not lines:
        return np.zeros(shape, bool)
    x, y = ground.corner
    to_grid = from_origin(x, y + shape[0] * _CELL, _CELL, _CELL)
    burnt = rasterize(lines, shape, transform=to_grid, all_touched=True, dtype="uint8")
    return np.ascontiguousarray(burnt[::-1] > 0)


def _family(
    rng: np.random.Generator,
    ground: _Ground,
    field: _Field,
    spacing: tuple[float, float],
    crossed: tuple[np.ndarray, float] | None = None,
) -> list[LineString]:
    """Trace one family from seeds on a jittered lattice, tried in random order.

    crossed: for the second family, where the first runs, and the share of crossings it passes.
    """
    other, passing = crossed or (np.zeros_like(ground.inside), 1.0)
    pitch = 0.5 * spacing[0]
    ny, nx = ground.inside.shape
    gx, gy = np.meshgrid(np.arange(0, nx * _CELL, pitch), np.arange(0, ny * _CELL, pitch))
    lattice = np.stack([gx.ravel(), gy.ravel()], 1) + rng.uniform(0, pitch, (gx.size, 2))
    seeds = (lattice + ground.corner)[rng.permutation(gx.size)]
    seeds = np.concatenate([ground.middle[None], seeds])
    points, starts = trace_family(
        seeds,
        rng.uniform(*spacing, len(seeds)),
        int(crossed is not None),
        *(field.angle, field.turn, field.waves, field.radial, field.centre.x, field.centre.y),
        ground.inside,
        ground.corner,
        _CELL,
        other,
        np.full(len(seeds), passing),
        ground.beyond,
    )
    return [LineString(points[a:b]) for a, b in pairwise(starts)]


def _cells(rng: np.random.Generator, style: Style, district: District) -> list[LineString]:
    """Edges of a Voronoi diagram over a jittered lattice: paths that nobody planned."""
    x0, y0, x1, y1 = district.outline.bounds
    pitch = 0.5 * sum(style.block_m)
    nx, ny = int((x1 - x0) / pitch) + 5, int((y1 - y0) / pitch) + 5
    gx, gy = np.meshgrid(np.arange(nx) - 2.0, np.arange(ny) - 2.0)
    sites = np.stack([gx.ravel(), gy.ravel()], 1) + rng.uniform(-0.42, 0.42, (nx * ny, 2))
    cells = Voronoi(sites * pitch + [x0, y0])
    edges = [e for e in cells.ridge_vertices if min(e) >= 0]
    ends = [(cells.vertices[a], cells.vertices[b]) for a, b in edges]
    # points nearly in line meet beyond the horizon: such an edge is no street of this town
    lines = [LineString(dense(a, b)) for a, b in ends if np.hypot(*(b - a)) < 3 * pitch]
    near = shapely.intersects(lines, district.outline.buffer(5.0))
    return [line for line, close in zip(lines, near, strict=True) if close]


def _noded(
    drawn: list[Street], fixed: int, district: District, closed: BaseGeometry
) -> list[Street]:
    """Cut streets where they meet, and keep what belongs to the network of the district.

    The first `fixed` streets stay even where they are short or end open.
    """
    if not drawn:
        return []
    lines = np.array([s.line for s in drawn], object)
    if not closed.is_empty:
        lines = shapely.difference(lines, closed)
    edges = shapely.get_parts(shapely.union_all([*lines, district.ring]))
    middle = shapely.line_interpolate_point(edges, 0.5, normalized=True)
    keep = shapely.contains(district.outline, middle)
    keep &= (shapely.distance(middle, district.ring) > 0.02) & (shapely.length(edges) > 1e-3)
    edges, middle = edges[keep], middle[keep]
    if not len(edges):
        return []
    parent = shapely.STRtree(lines).nearest(middle)
    gone = spurs(edges, parent < fixed, _SPUR)
    edges, parent = edges[~gone], parent[~gone]
    edges, parent = _reached(edges, parent, district)
    return [
        Street(e, drawn[p].kind, drawn[p].surface, drawn[p].width)
        for e, p in zip(edges, parent, strict=True)
    ]


def _on_ring(points: np.ndarray, district: District) -> np.ndarray:
    return np.asarray(shapely.distance(shapely.points(points), district.ring) < 0.05)


def _reached(
    edges: np.ndarray, parent: np.ndarray, district: District
) -> tuple[np.ndarray, np.ndarray]:
    """Keep the edges from which one comes to the border of the district."""
    if not len(edges):
        return edges, parent
    graph = street_graph(edges)
    part = graph.parts()
    at_gate = np.isin(part, part[_on_ring(graph.junctions, district)])
    keep = at_gate[graph.ends[:, 0]]
    return edges[keep], parent[keep]


def _opened(rng: np.random.Generator, style: Style, streets: list[Street]) -> list[Street]:
    """Take the middle out of some streets: two dead ends each, and the network stays whole."""
    share = FABRICS[style.fabric].dead_ends if style.dead_ends is None else style.dead_ends
    if share <= 0 or not streets:
        return streets
    graph = street_graph(np.array([s.line for s in streets], object))
    loose = graph.loose(rng) & (graph.lengths > 2 * _STUB)
    chosen = loose & (rng.random(len(streets)) < share)
    gap = rng.uniform(0.25, 0.6, len(streets))
    side = rng.uniform(0.1, 0.9, len(streets))
    out = []
    for street, cut, wide, at in zip(streets, chosen, gap, side, strict=True):
        if not cut:
            out.append(street)
            continue
        length = street.line.length
        start = np.clip((1 - wide) * at, 0, 1) * length
        for a, b in ((0.0, start), (start + wide * length, length)):
            if b - a > _STUB:
                stub = LineString(substring(street.line, a, b).coords)
                out.append(Street(stub, street.kind, street.surface, street.width))
    return out


def _faces(streets: Sequence[Street], district: District) -> list[Polygon]:
    """Areas between streets, in an order that depends on their place only.

    Ends that miss the line they meet by a rounding error meet it.
    """
    net = shapely.union_all([*(s.line for s in streets), district.ring], grid_size=_ROUNDING)
    faces = shapely.get_parts(shapely.polygonize([net]))
    at = shapely.get_coordinates(shapely.centroid(faces)).round(2)
    return list(faces[np.lexsort(at.T)])


def _lanes(rng: np.random.Generator, style: Style, face: Polygon) -> list[Street]:
    """Lanes along a face so deep that inner parcels would reach no street."""
    if not style.lanes:
        return []
    box = shapely.get_coordinates(shapely.minimum_rotated_rectangle(face))
    a, b = box[1] - box[0], box[3] - box[0]
    if np.hypot(*a) < np.hypot(*b):
        a, b = b, a
    depth = 1.25 * np.sqrt(0.5 * sum(style.parcel_m2))
    count = int(np.hypot(*b) / (2 * depth) - 0.35)
    lanes = []
    for k in range(1, count + 1):
        at = box[0] + b * (k + rng.uniform(-0.12, 0.12)) / (count + 1)
        way = LineString([at - 0.05 * a, at + 1.05 * a]) & face.buffer(1.0)
        width = float(rng.uniform(1.2, 2.4))
        surface = str(rng.choice(["dirt", "concrete", "asphalt"], p=[0.5, 0.3, 0.2]))
        lanes += [
            Street(part, "path", surface, width)
            for part in shapely.get_parts(way)
            if part.geom_type == "LineString" and part.length > 12
        ]
    return lanes


def _bulbs(rng: np.random.Generator, streets: list[Street], district: District) -> list[Street]:
    """Turning circles where streets end open, each as a very short, wide street."""
    if not streets:
        return []
    graph = street_graph(np.array([s.line for s in streets], object))
    open_end = (graph.degrees == 1) & ~_on_ring(graph.junctions, district)
    out = []
    for street, (a, b), length in zip(streets, graph.ends, graph.lengths, strict=True):
        if street.kind != "residential" or length < 30 or rng.random() < 0.35:
            continue
        ends = [(a, 0), (b, -1)]
        for junction, at in ends:
            if open_end[junction]:
                tip = shapely.get_coordinates(street.line)[[at, 1 if at == 0 else -2]]
                way = (tip[1] - tip[0]) / max(np.hypot(*(tip[1] - tip[0])), 1e-6)
                line, radius = LineString([tip[0], tip[0] + 0.3 * way]), rng.uniform(*_BULB)
                if line.distance(district.ring) > radius + 1:
                    out.append(Street(line, street.kind, street.surface, 2 * radius))
    return out


def _gates(streets: list[Street], district: District) -> np.ndarray:
    """Junctions (n, 2) on the border of the district."""
    if not streets:
        return np.empty((0, 2))
    points = street_graph(np.array([s.line for s in streets], object)).junctions
    points = points[_on_ring(points, district)]
    return np.asarray(points[np.lexsort(points.T)])
