"""Uses of a whole block without houses: parks, fields, car parks, quarries and the like."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import shapely
from shapely import LineString, Polygon

from geomage.world.ground import (
    BOXES,
    LAND_COLOURS,
    Ground,
    Item,
    Land,
    blob,
    boxes,
    clutter,
    land,
    park_cars,
    water_in,
)
from geomage.world.parcels import Frame, frame_of, polygons_of
from geomage.world.vegetation import Trees, Woods, dense_forest, scatter

__all__ = ["FILLERS", "fill_block"]


def _rounded(points: np.ndarray) -> np.ndarray:
    """Cut the corners of a line (n, 2) four times (Chaikin 1974): paths wind, they do not kink."""
    for _ in range(4):
        a, b = points[:-1], points[1:]
        inner = np.stack([0.75 * a + 0.25 * b, 0.25 * a + 0.75 * b], 1).reshape(-1, 2)
        points = np.concatenate([points[:1], inner, points[-1:]])
    return points


def _park(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    g.land.append(land(rng, block, str(rng.choice(["lawn", "meadow"], p=[0.75, 0.25]))))
    g.trees.append(scatter(rng, woods, block, rng.uniform(10, 120)))
    x0, y0, x1, y1 = block.bounds
    for _ in range(rng.integers(1, 5)):
        ends = _rounded(rng.uniform((x0, y0), (x1, y1), (4, 2)))
        path = LineString(ends).buffer(rng.uniform(0.8, 2.2))
        g.land += [
            land(rng, p, str(rng.choice(["concrete", "dirt", "asphalt"])), 2)
            for p in polygons_of(path.intersection(block), 3)
        ]
    if rng.random() < 0.25:
        _pond(rng, g, block)


def _pond(rng: np.random.Generator, g: Ground, block: Polygon) -> None:
    at = block.representative_point()
    room = np.sqrt(block.area)
    shape = blob(rng, at.x, at.y, room * rng.uniform(0.08, 0.32)).intersection(block.buffer(-2))
    bank = shape.buffer(rng.uniform(0.5, 4.0)).intersection(block)
    g.land += [
        land(rng, p, str(rng.choice(["bare", "meadow", "sand", "concrete"])), 2)
        for p in polygons_of(bank, 3)
    ]
    g.water += water_in(rng, shape, "pond")


def _pond_block(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    g.land.append(land(rng, block, "meadow"))
    _pond(rng, g, block)
    g.trees.append(scatter(rng, woods, block, rng.uniform(5, 60)))


def _forest(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    g.land.append(land(rng, block, "forest_floor"))
    g.trees.append(dense_forest(rng, woods, block))
    if rng.random() < 0.4:
        x0, y0, x1, y1 = block.bounds
        track = (
            LineString(_rounded(rng.uniform((x0, y0), (x1, y1), (4, 2))))
            .buffer(rng.uniform(1, 3))
            .simplify(0.3)
        )
        g.land += [land(rng, p, "dirt", 2) for p in polygons_of(track.intersection(block), 3)]


def _field(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    pieces, frame = [block], frame_of(block)
    for _ in range(rng.integers(0, 3)):
        far = 3 * frame.length
        half = frame.rectangle(far, far, rng.uniform(-0.3, 0.3) * frame.length - far / 2)
        pieces = [
            q for p in pieces for q in (*polygons_of(p & half, 30), *polygons_of(p - half, 30))
        ]
    for p in pieces:
        rows = {
            "angle": frame.angle + rng.choice([0, np.pi / 2]),
            "pitch": float(rng.choice([0, 1.2, 2.5, 4, 8])),
        }
        g.land.append(land(rng, p, "field", **rows))
    g.trees.append(scatter(rng, woods, block, rng.choice([0.0, 1.0, 5.0])))
    if rng.random() < 0.4:
        hedge = block.exterior.buffer(1.5).intersection(block)
        g.trees.append(scatter(rng, woods, hedge, rng.uniform(200, 700)))


def _meadow(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    g.land.append(land(rng, block, "meadow"))
    x0, y0, x1, y1 = block.bounds
    for _ in range(rng.integers(0, 6)):  # worn, wet and bare patches
        patch = blob(
            rng, rng.uniform(x0, x1), rng.uniform(y0, y1), rng.uniform(3, 25), 0.4
        ).intersection(block)
        g.land += [
            land(rng, p, str(rng.choice(["bare", "meadow", "lawn"])), 1)
            for p in polygons_of(patch, 3)
        ]
    g.trees.append(scatter(rng, woods, block, rng.uniform(1, 70)))


def _paddock(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    """Fenced pieces, each worn differently: pale rectangles that are no roofs."""
    frame = frame_of(block)
    nu, nv = rng.integers(1, 5), rng.integers(1, 4)
    du, dv = frame.length / nu, frame.width / nv
    g.land.append(land(rng, block, "meadow"))
    for i in range(nu):
        for j in range(nv):
            u, v = (i + 0.5) * du - frame.length / 2, (j + 0.5) * dv - frame.width / 2
            gap = rng.uniform(0.5, 2.5)
            cell = frame.rectangle(du - gap, dv - gap, u, v).intersection(block)
            kind = str(
                rng.choice(
                    ["meadow", "bare", "dirt", "lawn", "sand"], p=[0.35, 0.25, 0.15, 0.15, 0.1]
                )
            )
            g.land += [land(rng, p, kind, 1) for p in polygons_of(cell, 4)]
            if rng.random() < 0.5:
                fence = cell.boundary.buffer(0.15)
                g.land += [
                    Land(p, "line", np.array([0.4, 0.37, 0.32]), 3) for p in polygons_of(fence, 0.1)
                ]
    g.trees.append(scatter(rng, woods, block, rng.uniform(0, 8)))


def _golf(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    g.land.append(land(rng, block, "lawn"))
    x0, y0, x1, y1 = block.bounds
    for _ in range(int(rng.integers(2, 12))):
        x, y = rng.uniform((x0, y0), (x1, y1))
        kind = str(rng.choice(["sand", "lawn", "meadow"], p=[0.55, 0.3, 0.15]))
        radius = rng.uniform(2, 7) if kind == "sand" else rng.uniform(8, 25)
        g.land += [
            land(rng, p, kind, 2 if kind == "sand" else 1)
            for p in polygons_of(blob(rng, x, y, radius).intersection(block), 3)
        ]
    if rng.random() < 0.4:
        _pond(rng, g, block)
    g.trees.append(scatter(rng, woods, block, rng.uniform(5, 50)))


def _carpark(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    g.land.append(
        land(rng, block, str(rng.choice(["asphalt", "concrete", "gravel"], p=[0.7, 0.2, 0.1])))
    )
    park_cars(rng, g, block)
    g.trees.append(scatter(rng, woods, block, rng.uniform(0, 20)))


def _sport(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    g.land.append(
        land(rng, block, str(rng.choice(["lawn", "meadow", "bare"], p=[0.6, 0.25, 0.15])))
    )
    frame = frame_of(block)
    for _ in range(rng.integers(1, 4)):
        kind = str(rng.choice(["pitch", "court", "diamond", "track"]))
        u, v = rng.uniform(-0.3, 0.3, 2) * [frame.length, frame.width]
        c, s = np.cos(frame.angle), np.sin(frame.angle)
        x, y = frame.x + u * c - v * s, frame.y + u * s + v * c
        if kind == "diamond":
            g.land.append(land(rng, blob(rng, x, y, rng.uniform(10, 16), 0.08), "clay", 1))
            g.land.append(
                land(rng, Frame(x, y, frame.angle + 0.78, 1, 1).rectangle(13, 13), "lawn", 2)
            )
            continue
        length, width = {"pitch": (90.0, 55.0), "court": (34.0, 18.0), "track": (150.0, 80.0)}[kind]
        scale = min(1.0, 0.9 * frame.length / length, 0.9 * frame.width / width)
        shape = frame.rectangle(length * scale, width * scale, u * 0.3, v * 0.3)
        if kind == "track":
            shape = shape.buffer(-width * scale * 0.45).buffer(width * scale * 0.45)
            g.land += [land(rng, p, "clay", 1) for p in polygons_of(shape, 9)]
            shape = shape.buffer(-7)
        surface = "clay" if kind == "court" else str(rng.choice(["lawn", "lawn", "clay", "bare"]))
        g.land += [
            land(rng, p, surface, 2, angle=frame.angle, pitch=float(rng.choice([0, 10])))
            for p in polygons_of(shape, 9)
        ]
        for ring in polygons_of(shape.buffer(-1.0), 9):
            g.land += [
                Land(p, "line", np.array(LAND_COLOURS["line"][0]), 3)
                for p in polygons_of(ring.boundary.buffer(0.08), 0)
            ]
    g.trees.append(
        scatter(rng, woods, block.boundary.buffer(6).intersection(block), rng.uniform(0, 90))
    )


def _bare(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    kind = str(rng.choice(["bare", "dirt", "gravel", "sand"], p=[0.5, 0.25, 0.15, 0.1]))
    g.land.append(land(rng, block, kind))
    x0, y0, x1, y1 = block.bounds
    for _ in range(int(rng.integers(1, 9))):
        x, y = rng.uniform((x0, y0), (x1, y1))
        patch = blob(rng, x, y, rng.uniform(2, 18), 0.45).intersection(block)
        g.land += [
            land(rng, p, str(rng.choice(["bare", "dirt", "meadow", "gravel", "concrete"])), 1)
            for p in polygons_of(patch, 3)
        ]
    if rng.random() < 0.5:
        frame = frame_of(block)
        slab = frame.rectangle(
            frame.length * rng.uniform(0.1, 0.5), frame.width * rng.uniform(0.1, 0.5)
        )
        g.land += [land(rng, p, "concrete", 2) for p in polygons_of(slab.intersection(block), 9)]
    boxes(rng, g, block, int(rng.integers(0, 14)))
    g.trees.append(scatter(rng, woods, block, rng.uniform(0, 25)))


def _depot(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    g.land.append(land(rng, block, str(rng.choice(["gravel", "asphalt", "concrete", "bare"]))))
    boxes(rng, g, block, int(rng.integers(10, 70)))
    park_cars(rng, g, frame_of(block).rectangle(40, 30).intersection(block), lorries=0.8)
    g.trees.append(scatter(rng, woods, block, rng.uniform(0, 8)))


def _orchard(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    g.land.append(land(rng, block, str(rng.choice(["meadow", "bare"]))))
    frame, pitch = frame_of(block), rng.uniform(3.5, 7)
    u, v = np.meshgrid(
        np.arange(-frame.length / 2, frame.length / 2, pitch),
        np.arange(-frame.width / 2, frame.width / 2, pitch),
    )
    c, s = np.cos(frame.angle), np.sin(frame.angle)
    xy = np.stack([frame.x + u * c - v * s, frame.y + u * s + v * c], -1).reshape(-1, 2)
    xy = xy[shapely.contains_xy(block, xy)]
    if len(xy):
        trees = scatter(rng, woods, block, 0.0)
        n = len(xy)
        radius = pitch * rng.uniform(0.25, 0.48) * rng.uniform(0.8, 1.1, n)
        colour = np.clip(woods.greens[0] * rng.normal(1, 0.08, (n, 1)), 0.01, 0.3)
        g.trees.append(
            Trees(xy, radius, radius * 2, np.zeros(n, int), np.ones(n, np.uint8), colour)
        )
        g.trees.append(trees)


def _plaza(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    g.land.append(land(rng, block, str(rng.choice(["concrete", "gravel", "asphalt"]))))
    g.trees.append(scatter(rng, woods, block, rng.uniform(0, 60)))


def _plots(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    """Allotments: small beds with paths between, sheds, water butts."""
    frame = frame_of(block)
    side = rng.uniform(8, 18)
    nu, nv = max(1, int(frame.length / side)), max(1, int(frame.width / side))
    g.land.append(land(rng, block, str(rng.choice(["meadow", "dirt", "lawn"]))))
    du, dv = frame.length / nu, frame.width / nv
    for i in range(nu):
        for j in range(nv):
            u, v = (i + 0.5) * du - frame.length / 2, (j + 0.5) * dv - frame.width / 2
            cell = frame.rectangle(du - 1.2, dv - 1.2, u, v) & block
            kind = str(rng.choice(["field", "lawn", "meadow", "bare"], p=[0.5, 0.2, 0.2, 0.1]))
            rows = {"angle": frame.angle, "pitch": float(rng.choice([0, 1.2, 2.0]))}
            g.land += [land(rng, p, kind, 1, **rows) for p in polygons_of(cell, 9)]
    clutter(rng, g, block.buffer(-1.5), 0.006)
    g.trees.append(scatter(rng, woods, block, rng.uniform(5, 60)))


def _quarry(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    """Benches of bare rock, one inside the other, around a pit that may hold water."""
    g.land.append(land(rng, block, "meadow"))
    bench = block.buffer(-rng.uniform(3, 12))
    step = rng.uniform(6, 14)
    for level in range(6):
        g.land += [
            land(rng, p, str(rng.choice(["gravel", "bare", "sand"])), 1 + level)
            for p in polygons_of(bench, 60)
        ]
        bench = bench.buffer(-step)
    if rng.random() < 0.5:
        deep = block.buffer(-3 * step)
        g.water += [w for p in polygons_of(deep, 200) for w in water_in(rng, p.buffer(-2), "pond")]
    boxes(rng, g, block, int(rng.integers(2, 12)))
    g.trees.append(scatter(rng, woods, block - block.buffer(-8), rng.uniform(0, 120)))


def _quay(rng: np.random.Generator, g: Ground, block: Polygon, woods: Woods) -> None:
    """Apron of a harbour: stacks of containers in rows, rails of cranes, lorries."""
    g.land.append(land(rng, block, str(rng.choice(["concrete", "asphalt"]))))
    frame = frame_of(block)
    c, s = np.cos(frame.angle), np.sin(frame.angle)
    inner = block.buffer(-8.0)
    for v in np.arange(-frame.width / 2 + 10, frame.width / 2, rng.uniform(14, 26)):
        for u in np.arange(-frame.length / 2, frame.length / 2, 13.0):
            for row in range(3):
                x = frame.x + u * c - (v + 2.7 * row) * s
                y = frame.y + u * s + (v + 2.7 * row) * c
                if rng.random() < 0.45 or not shapely.contains_xy(inner, x, y):
                    continue
                colour = np.clip(BOXES[rng.integers(len(BOXES))] * rng.normal(1, 0.12), 0.02, 0.8)
                high = 2.6 * int(rng.integers(1, 5))
                g.objects.append(Item(x, y, frame.angle, 12.2, 2.44, high, colour, "container"))
    park_cars(rng, g, frame.rectangle(60, 30) & block, lorries=0.9)
    g.trees.append(scatter(rng, woods, block, rng.uniform(0, 3)))


FILLERS: Mapping[str, Callable[[np.random.Generator, Ground, Polygon, Woods], None]] = {
    "park": _park,
    "forest": _forest,
    "field": _field,
    "meadow": _meadow,
    "paddock": _paddock,
    "golf": _golf,
    "carpark": _carpark,
    "sport": _sport,
    "bare": _bare,
    "depot": _depot,
    "orchard": _orchard,
    "plaza": _plaza,
    "pond": _pond_block,
    "plots": _plots,
    "quarry": _quarry,
    "quay": _quay,
}


def fill_block(
    rng: np.random.Generator, ground: Ground, block: Polygon, use: str, woods: Woods
) -> None:
    """Fill a block that holds no parcels; `use` is a key of `FILLERS`."""
    FILLERS[use](rng, ground, block, woods)
