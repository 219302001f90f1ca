"""What crosses the whole town: a motorway, a railway, a river or a coast."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import shapely
from shapely import LineString, Polygon
from shapely.geometry.base import BaseGeometry

from geomage.world.buildings import pick
from geomage.world.districts import Warp, dense
from geomage.world.ground import Item, Land, Water, boats, land, water_in
from geomage.world.parcels import polygons_of
from geomage.world.streets import Street
from geomage.world.style import Style
from geomage.world.vegetation import Trees, sample_woods, scatter

__all__ = ["Barrier", "grow_barriers"]

_WATERS = frozenset({"river", "coast"})
_APART_M = 3500.0  # of town for each barrier drawn
_TREED_M = 40_000.0  # length beyond which trees along a bank are not drawn


@dataclass(frozen=True)
class Barrier:
    """Something that crosses the whole town, as far as the town goes. Local metres.

    taken: area it takes from blocks; closed: area no local street enters; water: its surface, empty
    for none; axis: the line along which its water level falls, None without water; given: streets
    that come with it and join the others; own: streets that do not (rails, carriageways).
    """

    kind: str
    taken: BaseGeometry
    closed: BaseGeometry
    water: BaseGeometry = field(default_factory=Polygon)
    axis: LineString | None = None
    given: tuple[Street, ...] = ()
    own: tuple[Street, ...] = ()
    land: tuple[Land, ...] = ()
    waters: tuple[Water, ...] = ()
    trees: tuple[Trees, ...] = ()
    boats: tuple[Item, ...] = ()


def grow_barriers(
    rng: np.random.Generator, style: Style, size: float, *, waters: bool = True
) -> list[Barrier]:
    """Draw what crosses a town of `size` metres; at most one, and more in large towns.

    Real terrain has its own valleys: without `waters` no river and no coast is made up.
    """
    found: list[Barrier] = []
    for _ in range(1 + int(size / _APART_M)):
        kind = pick(rng, style.barriers)
        child = rng.spawn(1)[0]
        if kind == "coast" and any(b.kind == "coast" for b in found):
            continue
        if kind != "none" and (waters or kind not in _WATERS):
            found.append(_GROWN[kind](child, size))
    return found


def _line(rng: np.random.Generator, size: float, bend_m: float) -> LineString:
    """One long line across the square, and far beyond it, bent."""
    angle = rng.uniform(0, 2 * np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    centre = np.full(2, size / 2) + across * rng.uniform(-0.38, 0.38) * size
    reach = 2.6 * size + 2000  # past the corners of the square that a coast cuts in two
    points = dense(centre - along * reach, centre + along * reach, 15.0)
    warp = Warp.sample(rng, bend_m, rng.uniform(400, 1400))
    return LineString(shapely.simplify(LineString(warp(points)), 0.2))


def _motorway(rng: np.random.Generator, size: float) -> Barrier:
    line, width = _line(rng, size, 25.0), float(rng.uniform(22, 36))
    surface, lane = str(rng.choice(["asphalt", "concrete"])), 0.4 * width
    curves = [c for s in (-1, 1) for c in shapely.get_parts(line.offset_curve(s * 0.28 * width))]
    band = line.buffer(width / 2)
    verge = line.buffer(width / 2 + rng.uniform(2, 14))
    kind = str(rng.choice(["lawn", "meadow", "concrete"]))
    patches = [land(rng, p, "meadow", -1) for p in polygons_of(verge)]
    patches += [land(rng, p, kind, 1) for p in polygons_of(band)]
    return Barrier(
        "motorway",
        verge,
        verge,
        own=tuple(Street(c, "motorway", surface, lane) for c in curves),
        land=tuple(patches),
    )


def _rail(rng: np.random.Generator, size: float) -> Barrier:
    line, width = _line(rng, size, 20.0), float(rng.uniform(5, 18))
    band = line.buffer(width / 2 + rng.uniform(1, 10))
    offsets = np.arange(-width / 2 + 2.2, width / 2 - 1.0, 4.4)
    tracks = [t for o in offsets for t in shapely.get_parts(line.offset_curve(o))]
    return Barrier(
        "rail",
        band,
        band,
        own=tuple(Street(t, "rail", "ballast", 3.4) for t in tracks),
        land=tuple(land(rng, p, "meadow", 0) for p in polygons_of(band)),
    )


def _river(rng: np.random.Generator, size: float) -> Barrier:
    wide = rng.random() < 0.3
    line, width = (
        _line(rng, size, 60.0),
        float(rng.uniform(60, 140) if wide else rng.uniform(4, 60)),
    )
    free = float(rng.uniform(2, 22))
    bed, bank = line.buffer(width / 2), line.buffer(width / 2 + free)
    kind = str(rng.choice(["meadow", "bare", "forest_floor"]))
    ways = []
    if rng.random() < 0.6:
        ways = [
            _along(rng, c)
            for side in (-1, 1)
            for c in shapely.get_parts(line.offset_curve(side * (width / 2 + free + 5)))
        ]
    woods = scatter(rng, sample_woods(rng), bank - bed, rng.choice([10.0, 150.0, 500.0]))
    return Barrier(
        "river",
        bank,
        bed.buffer(2.0),
        bed,
        line,
        tuple(ways),
        land=tuple(land(rng, p, kind, 0) for p in polygons_of(bank)),
        waters=tuple(water_in(rng, bed, "river")),
        trees=(woods,) if line.length < _TREED_M else (),
        boats=tuple(boats(rng, bed.buffer(-2), int(width > 15) * int(rng.integers(0, 40)))),
    )


def _along(rng: np.random.Generator, line: LineString) -> Street:
    surface = str(rng.choice(["asphalt", "concrete"], p=[0.8, 0.2]))
    return Street(line, "residential", surface, float(rng.uniform(5, 9)))


def _coast(rng: np.random.Generator, size: float) -> Barrier:
    line, beach = _line(rng, size, 45.0), float(rng.uniform(4, 45))
    far = size + 1000
    parts = polygons_of(shapely.box(-far, -far, size + far, size + far) - line.buffer(0.01))
    middle = shapely.Point(size / 2, size / 2)
    sides = sorted(parts, key=lambda p: p.area)[-2:]  # beside them, slivers that a bend cuts off
    sea = max(sides, key=lambda p: p.distance(middle))
    strand = sea.buffer(beach)
    kind = str(rng.choice(["sand", "bare", "gravel", "concrete"], p=[0.55, 0.2, 0.1, 0.15]))
    road = shapely.intersection(
        strand.buffer(6.0).exterior,
        shapely.box(-far + 50, -far + 50, size + far - 50, size + far - 50),
    )
    ways = [_along(rng, p) for p in shapely.get_parts(shapely.line_merge(road))]
    return Barrier(
        "coast",
        strand,
        strand,
        sea,
        line,
        tuple(ways),
        land=tuple(land(rng, p, kind, 0) for p in polygons_of(strand)),
        waters=tuple(water_in(rng, sea, "sea")),
        boats=tuple(boats(rng, line.buffer(120) & sea.buffer(-3), int(rng.integers(0, 120)), 40.0)),
    )


_GROWN = {"motorway": _motorway, "rail": _rail, "river": _river, "coast": _coast}
