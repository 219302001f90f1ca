"""The plan of a town: all that is the same wherever in the town one looks from."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np
import shapely
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from geomage.world.allotment import Filling, deal
from geomage.world.barriers import Barrier, grow_barriers
from geomage.world.buildings import pick
from geomage.world.city import CityParams
from geomage.world.districts import District, Side, Skeleton, seeded
from geomage.world.ground import Land, land
from geomage.world.parcels import cut_blocks, paved, polygons_of
from geomage.world.streets import Network, Street, lay_streets
from geomage.world.style import Style
from geomage.world.styles import STYLES
from geomage.world.survey import survey
from geomage.world.terrain import Heights, Relief
from geomage.world.vegetation import Woods, sample_woods

__all__ = ["Quarter", "Town", "arterials", "plan_quarter", "plan_town", "sketch_quarter"]

NETWORK, BLOCK, FURNITURE, VERGE, QUARTER, ALLOTMENT = (
    71,
    72,
    73,
    74,
    75,
    76,
)  # what is drawn for a district


@dataclass(frozen=True)
class Town:
    """What a seed and a style decide for the whole town."""

    params: CityParams
    style: Style
    skeleton: Skeleton
    barriers: tuple[Barrier, ...]
    relief: Heights
    woods: Woods
    arterial: Street  # its line is empty; what all arterials look like

    @property
    def seed(self) -> int:
        """Seed of the town."""
        return self.params.seed

    @cached_property
    def taken(self) -> BaseGeometry:
        """Area that what crosses the town takes from blocks."""
        return shapely.union_all([b.taken for b in self.barriers])

    @cached_property
    def closed(self) -> BaseGeometry:
        """Area that no local street enters."""
        return shapely.union_all([b.closed for b in self.barriers])


@dataclass(frozen=True)
class Quarter:
    """One district with its streets and blocks, not yet built on."""

    district: District
    style: Style
    network: Network
    blocks: tuple[Polygon, ...]
    carriageways: BaseGeometry
    verge: tuple[Land, ...]
    fillings: tuple[Filling | None, ...]  # of each block; None where it is drawn block by block

    @cached_property
    def strip(self) -> BaseGeometry:
        """Area near carriageways where the houses of a village stand."""
        return self.carriageways.buffer(self.style.strip_m)


def plan_town(params: CityParams) -> Town:
    """Plan a town from its parameters: cheap, whatever its size. The last plans are kept."""
    return _planned(_Key(params))


@dataclass(frozen=True, eq=False)
class _Key:
    """Parameters as a key: a style holds mappings, which have no hash."""

    params: CityParams

    @cached_property
    def text(self) -> str:
        return json.dumps(self.params.as_dict(), sort_keys=True)

    def __hash__(self) -> int:
        return hash(self.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.text == other.text


@lru_cache(maxsize=2)
def _planned(key: _Key) -> Town:
    params = key.params
    style = params.look()
    rngs = np.random.default_rng([params.seed, 1]).spawn(6)
    pitch = rngs[0].uniform(*style.district_m)
    skeleton = Skeleton.sample(rngs[0], params.seed, pitch, style.bricks, style.bend_m)
    real = None if params.site.dtm is None else survey(params.site, params.size_m)
    barriers = grow_barriers(rngs[1], style, params.size_m, waters=real is None)
    relief = float(rngs[2].choice([0.5, 1.5, 4.0]))
    surface = str(rngs[3].choice(["asphalt", "concrete"], p=[0.8, 0.2]))
    if rngs[3].random() < style.dirt_streets - 0.25:
        surface = str(rngs[3].choice(["dirt", "gravel"]))
    width = float(rngs[3].uniform(*style.arterial_m))
    return Town(
        params,
        style,
        skeleton,
        tuple(barriers),
        real or Relief.sample(rngs[2], params.seed, relief, barriers),
        sample_woods(rngs[4]),
        Street(shapely.LineString(), "primary", surface, width),
    )


def sketch_quarter(town: Town, district: District) -> Quarter:
    """Lay the streets of one district, without its blocks."""
    style = _style_of(town, district)
    given = [s for b in town.barriers for s in b.given]
    rng = seeded(town.seed, NETWORK, district.key)
    closed = _near(town.closed, district)
    network = lay_streets(rng, style, district, given, closed, town.arterial.width)
    return Quarter(district, style, network, (), Polygon(), (), ())


def plan_quarter(town: Town, district: District) -> Quarter:
    """Lay the streets of one district and cut its blocks."""
    sketch = sketch_quarter(town, district)
    style, network, taken = sketch.style, sketch.network, _near(town.taken, district)
    around = Street(district.ring, "primary", "asphalt", town.arterial.width)
    streets = [*network.streets, around]
    area = paved(streets)
    keep_out = paved(streets, style.sidewalk_m) if style.sidewalk_m else area
    blocks = cut_blocks(list(network.faces), keep_out, taken)
    rest = district.outline - area - taken
    kind = "concrete" if style.sidewalk_m > 1 else "meadow"
    rng = seeded(town.seed, VERGE, district.key)
    verge = tuple(land(rng, p, kind, -2) for p in polygons_of(rest, 1))
    rng = seeded(town.seed, ALLOTMENT, district.key)
    fillings = deal(rng, style, blocks, list(network.faces))
    return replace(
        sketch,
        blocks=tuple(blocks),
        carriageways=area,
        verge=verge,
        fillings=tuple(fillings),
    )


def _near(area: BaseGeometry, district: District) -> BaseGeometry:
    """The part of an area around a district, for quick work."""
    if area.is_empty:
        return Polygon()
    return shapely.intersection(area, district.outline.envelope.buffer(30))


def _style_of(town: Town, district: District) -> Style:
    """Most districts look as the town does; some as another style."""
    rng = seeded(town.seed, QUARTER, district.key)
    others = town.style.quarters
    rest = max(0.0, 1.0 - sum(others.values()))
    name = pick(rng, {town.style.name: rest, **others})
    return town.style if name == town.style.name else STYLES[name]


def arterials(town: Town, quarters: list[Quarter]) -> list[Street]:
    """Streets between districts, cut where local streets meet them; bridges over rivers."""
    sides: dict[tuple[object, ...], Side] = {}
    gates: dict[tuple[object, ...], list[np.ndarray]] = {}
    for quarter in quarters:
        for side in quarter.district.sides:
            sides[side.districts] = side
            points = quarter.network.gates
            if len(points):
                near = shapely.distance(shapely.points(points), side.line) < 0.05
                gates.setdefault(side.districts, []).append(points[near])
    out = []
    for key, side in sorted(sides.items()):
        points = np.concatenate(gates.get(key, [np.empty((0, 2))]))
        for piece in _cut_at(side.line, points):
            out += _over_water(town, piece)
    return out


def _cut_at(line: shapely.LineString, points: np.ndarray) -> list[shapely.LineString]:
    """Cut a line at points on it; the pieces end in these points, to the last bit."""
    at = np.atleast_1d(shapely.line_locate_point(line, shapely.points(points)))
    inner = (at > 0.3) & (at < line.length - 0.3)
    order = np.argsort(at[inner], kind="stable")
    at, points = at[inner][order], points[inner][order]
    fresh = np.concatenate([[True], np.diff(at) > 0.3]) if len(at) else np.zeros(0, bool)
    at, points = at[fresh], points[fresh]
    coords = shapely.get_coordinates(line)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(coords, axis=0).T))])
    marks = np.concatenate([along, at])
    every = np.concatenate([coords, points])
    order = np.argsort(marks, kind="stable")
    every, cut = every[order], np.isin(order, np.arange(len(along), len(marks)))
    breaks = [0, *np.flatnonzero(cut), len(every) - 1]
    pieces = [shapely.LineString(every[a : b + 1]) for a, b in pairwise(breaks)]
    return [p for p in pieces if p.length > 1e-3]


def _over_water(town: Town, line: shapely.LineString) -> list[Street]:
    """Carry an arterial over a river as a bridge; end it at the sea."""
    look = town.arterial
    out = [(line, "primary")]
    for barrier in town.barriers:
        if barrier.axis is None or not line.intersects(barrier.water):
            continue
        sea = barrier.kind == "coast"
        wet = barrier.taken.buffer(6.05) if sea else barrier.water
        pieces = []
        for part, kind in out:
            pieces += [(p, kind) for p in _lines(part - wet)]
            if not sea:
                pieces += [(p, "bridge") for p in _lines(part & wet)]
        out = pieces
    return [Street(part, kind, look.surface, look.width) for part, kind in out]


def _lines(geometry: BaseGeometry) -> list[shapely.LineString]:
    return [
        p for p in shapely.get_parts(geometry) if p.geom_type == "LineString" and p.length > 1e-3
    ]
