"""What a source leaves unsaid of its buildings, inferred: storeys, heights, roofs, matter.

The model, in this order; what is given is never changed.

1. Storeys: from a given height at 3.0 m a storey (the convention of Simple 3D Buildings, OSM wiki);
   else the median of the seven nearest buildings of known storeys within 400 m, where a footprint e
   times larger counts as 150 m farther, if there are three; else by use and area of the footprint.
   Neighbours, use and footprint are what predicts height best without a survey (Biljecki, Ledoux
   and Stoter 2017, Computers, Environment and Urban Systems 64; Milojevic-Dupont et al. 2020,
   PLOS ONE 15).
2. Roof form: flat where the footprint is no union of boxes (see `wings`); else as neighbours whose
   form is known, where there are four; else by use, storeys and depth of the building.
3. Height: gutter at storeys x 3.0 m, ridge by a pitch of 20 to 38 degrees over the wing's width.
4. Roof matter: as neighbours; else by form and region (shingles in North America, sheet metal
   north of 58 degrees, tiles elsewhere). Typology: by year, storeys, use and region. Both are
   coarse tables of our own, not a census.

Every building draws from its own generator, seeded by its footprint: what is added elsewhere
changes nothing here.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from scipy.spatial import cKDTree
from shapely import Polygon
from tqdm import tqdm

from geomage.world.buildings import Building, Wing, pick, roof_colour
from geomage.world.outlines import Piece, Plan, take_apart
from geomage.world.tags import Facts

__all__ = ["STOREY_M", "Surveyed", "infer_buildings"]

STOREY_M = 3.0
_NEIGHBOURS, _NEAR_M = 8, 200.0  # asked for roofs, metres
_LIKE, _LIKE_M, _E_FOLD_M = 7, 400.0, 150.0  # asked for storeys, metres
_THIN_M = 2.2  # a wing less wide has a flat roof: a porch, a stair
_STEEPEST = 0.45  # share of a given height that the roof may take
_INDUSTRIAL = frozenset({"industrial", "railway", "port", "quarry"})
_BUSINESS = frozenset({"commercial", "retail"})
_STOREYS: Mapping[str, tuple[float, float]] = {  # least and most by use
    "outbuilding": (1, 1),
    "agricultural": (1, 1.6),
    "hall": (1, 2.4),
    "school": (1.6, 3.4),
    "religious": (2.6, 4.4),
    "public": (2, 4.4),
    "commercial": (1, 3.4),
}
_BY_AREA = ((60.0, (1, 1.4)), (250.0, (1, 2.6)), (600.0, (2, 4.4)), (np.inf, (3, 6.4)))


@dataclass(frozen=True)
class Surveyed:
    """One building as its source knows it, and what lies around it."""

    footprint: Polygon
    facts: Facts
    land_use: str | None = None  # of the ground it stands on
    lonlat: tuple[float, float] = (0.0, 0.0)  # degrees, of the city


def infer_buildings(found: Sequence[Surveyed], seed: int) -> list[Building]:
    """Complete buildings from what is given of them and of their neighbours.

    Args:
        found: repaired footprints with what is known of them, in metres.
        seed: of the city.
    """
    xy = shapely.get_coordinates(shapely.centroid([s.footprint for s in found])).reshape(-1, 2)
    area = np.array([s.footprint.area for s in found])
    near = _Near(xy, area)
    known = np.array([_known_storeys(s.facts) for s in found], float)
    storeys = near.median(known)
    forms = near.words([s.facts.form for s in found])
    matter = near.words([s.facts.material for s in found])
    rows = list(zip(found, storeys, forms, matter, strict=True))
    return [
        _build(s, _rng(s, seed), float(n), form, material)
        for s, n, form, material in tqdm(rows, desc="infer", leave=False, disable=None)
    ]


class _Near:
    """Who stands near whom."""

    def __init__(self, xy: np.ndarray, area: np.ndarray) -> None:
        self._xy, self._area = xy, area

    def median(self, known: np.ndarray) -> np.ndarray:
        """Known values, and the median of near and like ones where none; NaN where too few."""
        out = known.copy()
        rows = np.flatnonzero(np.isfinite(known))
        places = np.column_stack([self._xy, _E_FOLD_M * np.log(self._area)])
        for i, close in _nearest(places, rows, _LIKE, _LIKE_M):
            if not np.isfinite(known[i]) and len(close) >= 3:
                out[i] = np.median(known[close])
        return out

    def words(self, known: Sequence[str | None]) -> list[list[str]]:
        """What the nearest neighbours with a word say; nothing where fewer than four."""
        rows = np.array([i for i, word in enumerate(known) if word is not None], int)
        out: list[list[str]] = [[] for _ in known]
        for i, close in _nearest(self._xy, rows, _NEIGHBOURS, _NEAR_M):
            if len(close) >= 4:
                out[i] = [str(known[j]) for j in close]
        return out


def _nearest(
    places: np.ndarray, rows: np.ndarray, count: int, reach: float
) -> list[tuple[int, np.ndarray]]:
    """(place, the nearest among `rows` without itself, near ones first)."""
    if not len(rows):
        return []
    away, at = cKDTree(places[rows]).query(
        places, min(count + 1, len(rows)), distance_upper_bound=reach
    )
    away, at = away.reshape(len(places), -1), at.reshape(len(places), -1)
    close = [rows[a[np.isfinite(d)]] for a, d in zip(at, away, strict=True)]
    return [(i, c[c != i][:count]) for i, c in enumerate(close)]


def _rng(s: Surveyed, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(shapely.to_wkb(s.footprint)), 21])


def _known_storeys(facts: Facts) -> float:
    """Storeys that are given or follow from a given height; NaN where neither is."""
    if facts.storeys is not None:
        return facts.storeys
    if facts.eave is not None:
        return max(1.0, round(facts.eave / STOREY_M))
    if facts.height is not None:
        return max(1.0, round((facts.height - 1.0) / STOREY_M))
    return float("nan")


def _build(
    s: Surveyed, rng: np.random.Generator, storeys: float, forms: list[str], matter: list[str]
) -> Building:
    facts, plan = s.facts, take_apart(s.footprint)
    use = facts.use or _use(s)
    if (
        facts.storeys is None
        and facts.height is None
        and facts.eave is None
        and use == "outbuilding"
    ):
        storeys = 1.0
    if not np.isfinite(storeys):
        storeys = max(1.0, float(round(rng.uniform(*_storey_range(use, s.footprint.area)))))
    form = _form(rng, s, plan, use, storeys, forms)
    material = facts.material or _material(rng, s, use, form, matter)
    wings = _wings(rng, plan, facts, form, storeys)
    colour = _colour(rng, s, use, material)
    wall = float(rng.uniform(0.28, 0.62))
    typology = facts.typology or _typology(rng, s, use, storeys)
    return Building(
        footprint=s.footprint,
        wings=wings,
        use=use,
        plan=plan.name,
        storeys=storeys,
        material=material,
        typology=typology,
        colour=facts.colour or colour,
        wall=wall if facts.wall is None else facts.wall,
    )


def _colour(
    rng: np.random.Generator, s: Surveyed, use: str, material: str
) -> tuple[float, float, float]:
    """Reflectance of a roof: no blue sheets on dwellings, bitumen rather than white sheets."""
    red, green, blue = roof_colour(rng, material)
    while use != "hall" and blue > 1.25 * red:
        red, green, blue = roof_colour(rng, material)
    dim = rng.uniform(0.22, 0.75)
    if material == "membrane" and use != "hall" and _region(s.lonlat) != "north america":
        red, green, blue = dim * red, dim * green, dim * blue
    return red, green, blue


def _use(s: Surveyed) -> str:
    """Use by the ground a building stands on and its size."""
    area = s.footprint.area
    if area < 35:
        return "outbuilding"
    if s.land_use in _INDUSTRIAL:
        return "hall"
    if s.land_use in _BUSINESS:
        return "commercial"
    return "residential"


def _storey_range(use: str, area: float) -> tuple[float, float]:
    if use in _STOREYS:
        return _STOREYS[use]
    return next(span for limit, span in _BY_AREA if area < limit)


def _form(
    rng: np.random.Generator,
    s: Surveyed,
    plan: Plan,
    use: str,
    storeys: float,
    forms: list[str],
) -> str:
    """Roof form: flat where no pitched roof can stand."""
    facts = s.facts
    if not plan.pitched:
        return "flat"
    rise = 0.0 if facts.height is None or facts.eave is None else facts.height - facts.eave
    if facts.form is not None or rise > 0.8:
        return facts.form or "gable"
    if forms:
        return str(rng.choice(forms))
    deep = max(piece.width for piece in plan.pieces) > _DEEP_M
    new = _region(s.lonlat) == "north america" and storeys > 3
    if use in _FORMS:
        return pick(rng, _FORMS[use])
    return pick(rng, _FORMS["deep" if deep or new else "tall" if storeys > 4 else "low"])


_DEEP_M = 18.0  # no rafters reach across a wider house
_FORMS: Mapping[str, Mapping[str, float]] = {
    "hall": {"flat": 8, "gable": 2},
    "outbuilding": {"flat": 3, "gable": 4, "shed": 3},
    "religious": {"gable": 8, "hip": 2},
    "agricultural": {"gable": 9, "shed": 1},
    "deep": {"flat": 8, "gable": 1.2, "hip": 0.8},
    "tall": {"gable": 4.5, "hip": 2, "flat": 3.5},
    "low": {"gable": 6.5, "hip": 2.5, "flat": 1},
}


def _region(lonlat: tuple[float, float]) -> str:
    lon, lat = lonlat
    if -170 < lon < -50 and lat > 24:
        return "north america"
    return "north" if abs(lat) > 58 else "elsewhere"


_PITCHED: Mapping[str, Mapping[str, float]] = {
    "north america": {"shingle": 9, "metal": 0.6, "tile": 0.4},
    "north": {"metal": 6.5, "tile": 2.5, "shingle": 1},
    "elsewhere": {"tile": 7.5, "metal": 1.5, "shingle": 1},
}
_FLAT = {"membrane": 5, "gravel": 2.5, "concrete": 2}
_NORTHERN_FLAT = {"membrane": 6, "gravel": 1.5, "metal": 2.5}


def _material(rng: np.random.Generator, s: Surveyed, use: str, form: str, matter: list[str]) -> str:
    """Roof cover by neighbours, else by form and region."""
    fit = [m for m in matter if (m in ("membrane", "gravel", "concrete")) == (form == "flat")]
    if fit:
        return str(rng.choice(fit))
    region = _region(s.lonlat)
    if form == "flat":
        return pick(rng, _NORTHERN_FLAT if region == "north" else _FLAT)
    if use in ("hall", "agricultural"):
        return pick(rng, {"metal": 8, "tile": 1, "shingle": 1})
    return pick(rng, _PITCHED[region])


def _typology(rng: np.random.Generator, s: Surveyed, use: str, storeys: float) -> str:
    """Load-bearing structure, for vulnerability."""
    old = s.facts.year is not None and s.facts.year < 1945
    light = _region(s.lonlat) == "north america"
    if use == "hall":
        return pick(rng, {"steel": 6, "reinforced concrete": 3, "masonry": 1})
    if storeys <= 3 and (use == "outbuilding" or light):
        return pick(rng, {"timber": 9, "masonry": 1})
    if old:
        return "masonry"
    if storeys >= 5:
        return pick(rng, {"reinforced concrete": 7, "masonry": 3})
    return pick(rng, {"masonry": 6, "reinforced concrete": 3, "timber": 1})


@dataclass(frozen=True)
class _Levels:
    """Gutter and ridge of the main wing, metres, and the wing's width."""

    eave: float
    ridge: float
    width: float


def _wings(
    rng: np.random.Generator, plan: Plan, facts: Facts, form: str, storeys: float
) -> tuple[Wing, ...]:
    main = max(plan.pieces, key=lambda piece: piece.shape.area)
    turned = bool(facts.turned) and form == "gable"
    width = main.length if turned else main.width
    levels = _levels(facts, storeys, _rise(rng, form, width), width, form)
    return tuple(
        _wing(piece, form, levels, main=piece is main, turned=turned) for piece in plan.pieces
    )


def _rise(rng: np.random.Generator, form: str, width: float) -> float:
    """Height of a roof over a wing, metres."""
    pitch = rng.uniform(20, 38), rng.uniform(4, 12)
    slope: Callable[[float], float] = lambda degrees: float(np.tan(np.radians(degrees)))  # noqa: E731
    if form == "flat":
        return 0.0
    return width * slope(pitch[1]) if form == "shed" else width / 2 * slope(pitch[0])


def _levels(facts: Facts, storeys: float, rise: float, width: float, form: str) -> _Levels:
    """Gutter and ridge from what is given."""
    height, eave = facts.height, facts.eave
    if form == "flat":
        top = height or eave or max(storeys * STOREY_M + 0.4, 2.4)
        return _Levels(top, top, width)
    if height is not None:
        gutter = height - min(rise, _STEEPEST * height) if eave is None else min(eave, height)
        return _Levels(gutter, height, width)
    gutter = eave if eave is not None else max(storeys * STOREY_M, 2.2)
    return _Levels(gutter, gutter + min(rise, 2.0 + 0.5 * gutter), width)


def _wing(piece: Piece, form: str, levels: _Levels, *, main: bool, turned: bool) -> Wing:
    """One roof: all wings share gutter and pitch, none rises above the main one."""
    length, width, angle = piece.length, piece.width, piece.angle
    if main and turned:
        length, width, angle = width, length, angle + np.pi / 2
    eave, ridge = levels.eave, levels.ridge
    if not main:
        if width < _THIN_M:
            form, eave = "flat", 0.9 * eave
        slope = (levels.ridge - levels.eave) / max(levels.width, 0.1)
        ridge = eave if form == "flat" else min(levels.ridge, eave + slope * width)
    return Wing(piece.shape, form, float(angle), length, width, eave, ridge, boxed=piece.boxed)
