"""Earthquake: shaking, vulnerability of each typology, EMS-98 grades, and how each falls.

Mean damage: Lagomarsino and Giovinazzi (2006), Bull. Earthquake Eng. 4, 415-443,
mu = 2.5 [1 + tanh((I + 6.25 V - 13.1) / 2.3)], grades binomial with mean mu.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import geopandas as gpd
import numpy as np
import pyproj
import shapely
from scipy.special import comb, ndtr, ndtri

from geomage.disaster import shaking
from geomage.disaster.damage import Struck, build_event, fail, untouched, values_at
from geomage.disaster.debris import spill
from geomage.disaster.event import Event
from geomage.disaster.roads import bridges
from geomage.disaster.shaking import intensity_at
from geomage.disaster.vulnerability import (
    binomial_grades,
    by_typology,
    draws,
    grades,
    lognormal_grades,
)
from geomage.errors import InputError
from geomage.world import City
from geomage.world.exposure import TYPOLOGIES

__all__ = [
    "CODES",
    "HARM_FROM",
    "VULNERABILITY",
    "EarthquakeParams",
    "Epicentre",
    "common_draws",
    "displaced_people",
    "earthquake",
    "epicentral_distance",
    "grade_shares",
    "harmed",
    "intensity_at",
    "mean_grade",
    "shaken",
    "vulnerability_of",
]

VULNERABILITY = {name: typology.index for name, typology in TYPOLOGIES.items()}
HARM_FROM = 4.5
"""Intensity under which nothing is damaged: EMS-98 has first slight damage at V."""
CODES: Mapping[str, float] = {"none": 0.10, "unknown": 0.0, "moderate": -0.06, "high": -0.22}
"""Level of earthquake-resistant design of reinforced concrete -> change of V: from the index of
the typology to that of frames without, with moderate and with high design, .644, .484 and .324
(Lagomarsino and Giovinazzi 2006, table of vulnerability indices by typology)."""
# storeys up to -> change of V: Lagomarsino and Giovinazzi (2006), scores of behaviour modifiers;
# for what they do not list, those of concrete
_STOREYS: Mapping[str, tuple[tuple[int, float], ...]] = {
    "adobe": ((2, -0.08), (5, 0.0), (999, 0.08)),
    "masonry": ((2, -0.08), (5, 0.0), (999, 0.08)),
    "reinforced concrete": ((3, -0.04), (7, 0.0), (999, 0.08)),
    "timber": ((3, -0.04), (7, 0.0), (999, 0.08)),
    "steel": ((3, -0.04), (7, 0.0), (999, 0.08)),
}
# Scatter of V, one building's own: ours, half of the plausible range V- to V+ of the paper, .15 to
# .35 wide.
_SCATTER = 0.08
# What neighbours share of the chance that decides their grade: (share of variance, metres at which
# correlation has fallen to 5 %). Rows of one builder fall together, so do quarters of one age.
# Ours, between what Copernicus EMS mapped in Kahramanmaras and in Camerino (`benchmarks.reality`).
# The shares of grades stay binomial over many towns; where they stand changes.
_TOGETHER = ((0.40, 60.0), (0.30, 400.0))
_NODE_M = 32.0  # between nodes of the field of shaking
_MOST_NODES = 4096  # along a side, for bounded memory
_UNFIT_D3 = 0.4  # of the homes at D3, and all above (Bramerini et al. 1995)
# Ways to fail, weights ours, within what EMS-98 (Gruenthal 1998) says of each grade. Masonry: tiles
# and chimneys at D3, walls and parts of roofs at D4, all at D5. Concrete: cracks to D4, where a
# single upper floor may go; at D5 the ground floor, a wing or all of it. Heaps are masonry's,
# floors that lie on each other are those of frames: Schweier and Markus (2006), Bull. Earthquake
# Eng. 4, 177-192.
_HEAPS = {
    3: {"cracked": 0.45, "cover": 0.35, "partial": 0.2},
    4: {"partial": 0.65, "open": 0.25, "cracked": 0.1},
    5: {"collapse": 0.85, "open": 0.15},
}
_FRAMES = {
    3: {"cracked": 0.95, "partial": 0.05},
    4: {"cracked": 0.5, "soft_storey": 0.3, "partial": 0.2},
    5: {"pancake": 0.45, "soft_storey": 0.3, "collapse": 0.25},
}
_LOW_FRAMES = {
    3: {"cracked": 0.9, "cover": 0.1},
    4: {"cracked": 0.6, "partial": 0.4},
    5: {"pancake": 0.5, "collapse": 0.5},
}
_TIMBER = {
    3: {"cover": 0.6, "cracked": 0.4},
    4: {"partial": 0.5, "soft_storey": 0.3, "open": 0.2},
    5: {"collapse": 0.8, "soft_storey": 0.2},
}
_STEEL = {
    3: {"cover": 0.5, "cracked": 0.5},
    4: {"partial": 0.7, "open": 0.3},
    5: {"collapse": 0.7, "pancake": 0.3},
}
# Bridges: medians of Sa(1 s), g, of slight, moderate, extensive and complete damage, beta 0.6:
# Hazus Earthquake Model, highway bridges, HWB3, HWB5 (conventional design) and HWB7 (seismic)
_ONE_SPAN = (0.80, 1.00, 1.20, 1.70)
_MORE_SPANS = (0.25, 0.35, 0.45, 0.70)
_MORE_SPANS_SEISMIC = (0.50, 0.80, 1.10, 1.70)
_SPAN_M = 40.0  # over water that one span crosses, ours


@dataclass(frozen=True)
class Epicentre:
    """A place on Earth, degrees east and north."""

    lon: float
    lat: float

    def __post_init__(self) -> None:
        if not (-180 <= self.lon <= 360 and -90 <= self.lat <= 90):
            raise InputError(
                f"epicentre {self.lon:g},{self.lat:g} is no place on Earth: give longitude "
                "-180..180, then latitude -90..90"
            )


@dataclass(frozen=True)
class EarthquakeParams:
    """An earthquake, seen from the city's centre or placed on Earth."""

    magnitude: float = 6.8  # moment magnitude
    distance_m: float = 8_000.0  # from the city's centre to the epicentre, metres
    depth_km: float = 10.0  # depth of the focus, kilometres
    azimuth_deg: float = 0.0  # towards the epicentre, clockwise from north
    epicentre: Epicentre | None = None  # where it is given, distance and azimuth are not used
    code: str = "unknown"  # earthquake-resistant design of concrete, of `CODES`
    scatter: float = 1.0  # times the published deviations of intensity; 0 gives the median

    def __post_init__(self) -> None:
        if not 3 <= self.magnitude <= 9.5:
            raise InputError(f"magnitude {self.magnitude:g} is outside 3..9.5: choose one within")
        if not 0 <= self.distance_m <= 2.1e7:
            raise InputError(
                f"distance {self.distance_m:g} m is outside 0..21000000: choose one within"
            )
        if not 0 < self.depth_km <= 800:
            raise InputError(
                f"depth {self.depth_km:g} km is outside 0..800: choose more than 0, up to 800"
            )
        if not np.isfinite(self.azimuth_deg):
            raise InputError("azimuth must be a finite number of degrees")
        if self.code not in CODES:
            raise InputError(f"unknown code {self.code!r}: choose one of {', '.join(CODES)}")
        if not 0 <= self.scatter <= 3:
            raise InputError(f"scatter {self.scatter:g} is outside 0..3: choose one within")


def mean_grade(intensity: np.ndarray, vulnerability: np.ndarray) -> np.ndarray:
    """Mean damage grade mu in 0..5."""
    return np.asarray(2.5 * (1 + np.tanh((intensity + 6.25 * vulnerability - 13.1) / 2.3)))


def grade_shares(mu: float) -> np.ndarray:
    """Shares of D0..D5 for a mean grade: binomial with five trials."""
    grade, p = np.arange(6), mu / 5
    return np.asarray(comb(5, grade) * p**grade * (1 - p) ** (5 - grade))


def epicentral_distance(
    city: City, x: np.ndarray, y: np.ndarray, params: EarthquakeParams
) -> np.ndarray:
    """Distance in metres from points of the city's CRS to the epicentre, along the Earth if placed.

    Raises:
        InputError: an epicentre on Earth for a city without CRS.
    """
    box = city.dtm.box
    if params.epicentre is None:
        centre = box.boundingbox
        away = params.distance_m
        turn = np.radians(params.azimuth_deg)
        dx = (centre.left + centre.right) / 2 + away * np.sin(turn) - x
        dy = (centre.bottom + centre.top) / 2 + away * np.cos(turn) - y
        return np.asarray(np.hypot(dx, dy))
    if box.crs is None:
        raise InputError(
            "the city has no CRS, so an epicentre on Earth has no distance to it: give distance "
            "and azimuth instead"
        )
    change = pyproj.Transformer.from_crs(str(box.crs), "EPSG:4326", always_xy=True)
    lon, lat = change.transform(x, y)
    there = (np.full(lon.shape, params.epicentre.lon), np.full(lon.shape, params.epicentre.lat))
    return np.asarray(pyproj.Geod(ellps="WGS84").inv(lon, lat, *there)[2])


def shaken(city: City, params: EarthquakeParams, seed: int) -> np.ndarray:
    """Macroseismic intensity (y, x) float32 on the terrain grid; 0 out of reach, 1 not felt.

    Computed on nodes 32 m apart (wider where a side would have more than 4096), linear between.
    """
    x, y, step = _nodes(city, _NODE_M)
    away = epicentral_distance(city, x, y, params)
    vs30 = shaking.vs30_of(shaking.local_slope(_ground(city, x, y), step))
    felt = shaking.amplified(
        np.asarray(intensity_at(params.magnitude, away, params.depth_km)), vs30
    )
    if params.scatter > 0:
        between = float(np.random.default_rng([seed, 2]).standard_normal())
        length = 1000 * shaking.correlation_length_km()
        within = shaking.correlated_field((seed, 20), x.shape, step, length)
        tau = shaking.SIGMA_BETWEEN
        both = tau * between + np.sqrt(1 - tau**2) * within
        felt = felt + params.scatter * shaking.total_sigma(away, params.depth_km) * both
    felt = np.clip(felt, 1, 12)
    felt[np.hypot(away / 1000, params.depth_km) > shaking.REACH_KM] = 0
    return shaking.refined(felt, city.dtm.box.shape.yx, step / _gsd(city))


def _gsd(city: City) -> float:
    return float(abs(city.dtm.box.affine.a))


def _nodes(city: City, step: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Coordinates (y, x) of nodes from the north-western corner on, and the metres between them."""
    ny, nx = city.dtm.box.shape.yx
    gsd = _gsd(city)
    step = max(step, max(ny, nx) * gsd / _MOST_NODES)
    rows, columns = (int(np.ceil(n * gsd / step)) + 1 for n in (ny, nx))
    at = city.dtm.box.affine
    x, y = np.meshgrid(at.c + step * np.arange(columns), at.f - step * np.arange(rows))
    return x, y, step


def _ground(city: City, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Terrain (y, x) at points, metres, NaN outside."""
    columns, rows = ~city.dtm.box.affine @ (x, y)
    ny, nx = city.dtm.box.shape.yx
    out = (rows > ny) | (columns > nx)
    i, j = rows.astype(int).clip(0, ny - 1), columns.astype(int).clip(0, nx - 1)
    return np.where(out, np.nan, city.dtm.values[0][i, j])


def vulnerability_of(city: City, code: str, seed: int) -> np.ndarray:
    """Index V (n,) of each building: typology, storeys, design, and a scatter of its own."""
    index = by_typology(city, VULNERABILITY).copy()
    storeys = city.buildings["storeys"].to_numpy(float)
    kinds = city.buildings["typology"].to_numpy()
    for kind, steps in _STOREYS.items():
        limits, scores = zip(*steps, strict=True)
        rows = kinds == kind
        index[rows] += np.array(scores)[np.searchsorted(limits, storeys[rows]).clip(0, 2)]
    index[kinds == "reinforced concrete"] += CODES[code]
    own = ndtri(draws(seed, "vulnerability", city.buildings["building_id"].to_numpy()))
    return np.asarray(index + _SCATTER * own)


def common_draws(city: City, seed: int) -> np.ndarray:
    """Uniform numbers (n,) in 0..1, one per building, alike among neighbours (Gaussian copula)."""
    z = ndtri(draws(seed, "grade", city.buildings["building_id"].to_numpy()))
    z = z * np.sqrt(1 - sum(share for share, _ in _TOGETHER))
    at = city.buildings.geometry.representative_point()
    for k, (share, length) in enumerate(_TOGETHER):
        x, y, step = _nodes(city, length / 12)
        nodes = shaking.correlated_field((seed, 21 + k), x.shape, step, length)
        i = np.rint((y[0, 0] - at.y.to_numpy()) / step).astype(int).clip(0, len(y) - 1)
        j = np.rint((at.x.to_numpy() - x[0, 0]) / step).astype(int).clip(0, x.shape[1] - 1)
        z = z + np.sqrt(share) * nodes[i, j]
    return np.asarray(ndtr(z))


def _fall(seed: int, table: gpd.GeoDataFrame, city: City) -> None:
    """Choose how each building fails, by typology and storeys (in place)."""
    kinds = city.buildings["typology"].to_numpy()
    tall = city.buildings["storeys"].to_numpy(float) >= 3
    concrete = kinds == "reinforced concrete"
    for rows, ways in (
        (np.isin(kinds, ["adobe", "masonry"]), _HEAPS),
        (concrete & tall, _FRAMES),
        (concrete & ~tall, _LOW_FRAMES),
        (kinds == "timber", _TIMBER),
        (kinds == "steel", _STEEL),
    ):
        fail(seed, table, city, ways, rows)


def _bridge_grades(city: City, felt: np.ndarray, code: str, seed: int) -> np.ndarray:
    """Grades (n,) D0..D5 of bridges: slight is D2, complete D5, by Sa(1 s) at their middle."""
    lines = bridges(city).geometry
    if not len(lines):
        return np.zeros(0, int)
    columns, rows = ~city.dtm.box.affine @ shapely.get_coordinates(shapely.centroid(lines)).T
    ny, nx = felt.shape
    here = felt[rows.astype(int).clip(0, ny - 1), columns.astype(int).clip(0, nx - 1)]
    more = _MORE_SPANS_SEISMIC if code == "high" else _MORE_SPANS
    medians = np.where((lines.length.to_numpy() > _SPAN_M)[:, None], more, _ONE_SPAN)
    chance = lognormal_grades(shaking.motion_at(here).sa1_g, medians, 0.6)
    state = grades(chance, draws(seed, "bridge", np.arange(len(lines))))
    return np.where((state > 0) & (here >= HARM_FROM), state + 1, 0)


def harmed(city: City, field: np.ndarray, code: str, seed: int) -> gpd.GeoDataFrame:
    """Return the buildings table of a city that feels an intensity (y, x): grades and failures."""
    table = untouched(city)
    felt = values_at(city, field).astype(float)
    chance = binomial_grades(mean_grade(felt, vulnerability_of(city, code, seed)))
    grade = np.where(felt < HARM_FROM, 0, grades(chance, common_draws(city, seed)))
    table["grade_physical"] = grade
    table["intensity"] = felt
    table["cause"] = np.where(grade > 0, "shaking", "none")
    _fall(seed, table, city)
    return table


def displaced_people(event: Event) -> float:
    """People who slept in homes that are unfit now: 40 % of those at D3, all at D4 and D5."""
    grade = event.buildings["grade_physical"].to_numpy()
    unfit = np.where(grade >= 4, 1.0, _UNFIT_D3 * (grade == 3))
    return float(unfit @ event.city.buildings["occupants_night"].to_numpy(float))


def earthquake(
    city: City, params: EarthquakeParams, seed: int = 0, *, hours: float = 24.0
) -> Event:
    """Shake a city: what each building and bridge feels, how it stands up to it, how it falls."""
    field = shaken(city, params, seed)
    table = harmed(city, field, params.code, seed)
    struck = Struck(
        table,
        field,
        "EMS-98 intensity",
        {"debris_height": spill(city, table)},
        bridge_grades=_bridge_grades(city, field, params.code, seed),
    )
    return build_event("earthquake", city, asdict(params) | {"seed": seed}, struck, hours)
