"""Storm: the wind of a tornado or a tropical cyclone, what it breaks, fells and carries away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from odc.geo.crs import CRS
from scipy import ndimage
from scipy.special import ndtri

from geomage.disaster.damage import Struck, at_trees, build_event, fail, untouched, values_at
from geomage.disaster.debris import spill
from geomage.disaster.event import MOST_TURN, Event
from geomage.disaster.gusts import GALE, gust_chances, tree_chance
from geomage.disaster.vulnerability import draws, grades
from geomage.disaster.wind import (
    GUST_OVER_MEAN,
    Wind,
    cyclone_passage,
    spread_over,
    terrain_factor,
    tornado_field,
)
from geomage.errors import InputError
from geomage.world import City

__all__ = ["CycloneParams", "StormParams", "cyclone", "roughness", "storm", "wind_field"]

# 3 s gust, m/s: middle of EF0..EF4 to within 1; EF5 has no upper end, 95 is ours
_EF_WIND = (33.0, 43.0, 55.0, 67.0, 81.0, 95.0)
_WAVE_M = 900.0  # length of a track's waver; ours
_TURBULENCE = 0.05  # of the peak gust from place to place, at most twice that; ours
_LATTICE = 9
_GRAVITY = 9.81
_PIECES = 48
# m2 of boards a m2 of lost roof gives, with what stood under it; ours
_SHED = {"cover": 0.3, "partial": 1.2, "collapse": 3.0, "open": 3.0, "swept": 4.0}
_FURTHEST_KM = 20_000.0  # half way round the Earth
_LEAST_TREE_M = 3.0  # shorter ones block no street
_WAYS = {3: {"cover": 1.0}, 4: {"partial": 1.0}, 5: {"collapse": 1.0, "open": 1.0}}


@dataclass(frozen=True)
class StormParams:
    """A tornado that crosses the city."""

    ef: int = 4  # Enhanced Fujita scale, 0..5
    radius_m: float = 60.0  # radius of the strongest wind
    heading_deg: float = 70.0  # where it goes, clockwise from north
    offset_m: float = 0.0  # track to the right of the centre
    forward_speed: float = 15.0  # m/s along the track
    waver_m: float = 0.0  # how far the track swings to each side, over a wave of 900 m

    def __post_init__(self) -> None:
        if self.ef not in range(6):
            raise InputError(f"EF{self.ef} does not exist: choose 0 to 5")
        if not 1 <= self.radius_m <= 1e5:
            raise InputError(
                f"a radius of strongest wind of {self.radius_m:g} m cannot be: give 1 m or more, "
                "up to 100000"
            )
        _refuse_track(self.heading_deg, self.offset_m / 1000)
        most = _EF_WIND[self.ef] / 2
        if not 0 <= self.forward_speed <= most:
            raise InputError(
                f"a tornado of EF{self.ef} cannot travel at {self.forward_speed:g} m/s: choose 0 "
                f"to {most:g}, half its peak gust"
            )
        if not 0 <= self.waver_m <= 200:
            raise InputError(f"a waver of {self.waver_m:g} m: choose 0 to 200")


@dataclass(frozen=True)
class CycloneParams:
    """A tropical cyclone that passes the city."""

    pressure_hpa: float = 950.0  # in the centre
    ambient_hpa: float = 1010.0  # around it
    rmw_km: float = 30.0  # radius of maximum wind
    b: float = 1.4  # Holland's B, how peaked the wind is
    heading_deg: float = 0.0  # where it goes, clockwise from north
    offset_km: float = -30.0  # track to the right of the city's centre; to its left below 0
    forward_speed: float = 6.0  # m/s along the track; 0 stands still at its nearest
    latitude_deg: float | None = None  # south below 0; None takes the city's

    def __post_init__(self) -> None:
        if not 850 <= self.pressure_hpa <= self.ambient_hpa <= 1050:
            raise InputError(
                f"a cyclone of {self.pressure_hpa:g} hPa within {self.ambient_hpa:g} hPa: the "
                "centre must lie between 850 hPa and the pressure around it, that at most 1050"
            )
        for name, value, least, most, unit in (
            ("radius of maximum wind", self.rmw_km, 3.0, 200.0, " km"),
            ("B of the profile", self.b, 0.5, 3.0, ""),
            ("forward speed", self.forward_speed, 0.0, 30.0, " m/s"),
            ("latitude", self.latitude_deg or 0.0, -60.0, 60.0, " degrees"),
        ):
            if not least <= value <= most:
                raise InputError(
                    f"a {name} of {value:g}{unit} is not a cyclone's: choose {least:g} to {most:g}"
                )
        _refuse_track(self.heading_deg, self.offset_km)


def _refuse_track(heading_deg: float, offset_km: float) -> None:
    if not abs(heading_deg) < MOST_TURN:
        raise InputError(f"a heading of {heading_deg:g} degrees is no direction: give 0 to 360")
    if not abs(offset_km) <= _FURTHEST_KM:
        raise InputError(
            f"a track {offset_km:g} km beside the town is not on Earth: give a finite number of "
            f"km, {-_FURTHEST_KM:g} to {_FURTHEST_KM:g}"
        )


def storm(city: City, params: StormParams, seed: int = 0, *, hours: float = 24.0) -> Event:
    """Strike a city with a tornado: roofs lose cover, then deck, then the walls go."""
    facts = asdict(params) | {"storm": "tornado", "seed": seed}
    wind = wind_field(city, params, seed)
    return _strike(city, wind, facts, hours, soil=np.clip((wind.speed - 45) / 60, 0, 0.65))


def cyclone(city: City, params: CycloneParams, seed: int = 0, *, hours: float = 24.0) -> Event:
    """Strike a city with a tropical cyclone, without its rain and surge."""
    facts = asdict(params) | {"storm": "cyclone", "seed": seed}
    return _strike(city, wind_field(city, params, seed), facts, hours)


def wind_field(city: City, params: StormParams | CycloneParams, seed: int = 0) -> Wind:
    """Return the strongest gust at each cell and its direction; 0 where it is no gale."""
    if isinstance(params, StormParams):
        wind = _tornado(city, params, seed)
    else:
        wind = _cyclone(city, params)
    rng = np.random.default_rng([seed, 3])
    gusts = ndimage.gaussian_filter(rng.standard_normal(wind.speed.shape), 8)
    gusts = np.clip(gusts / max(float(gusts.std()), 1e-9), -2, 2)
    speed = wind.speed * (1 + _TURBULENCE * gusts)
    return Wind(np.where(speed >= GALE, speed, 0.0), wind.towards)


def _axes(city: City, heading_deg: float) -> tuple[np.ndarray, np.ndarray]:
    """Metres (y, x) to the right of a heading and ahead, from the middle of the terrain."""
    ny, nx = city.dtm.values.shape[1:]
    gsd = abs(city.dtm.box.affine.a)
    x = ((np.arange(nx) + 0.5 - nx / 2) * gsd)[None]
    y = ((ny / 2 - np.arange(ny) - 0.5) * gsd)[:, None]
    return _turned(x, y, heading_deg)


def _turned(x: np.ndarray, y: np.ndarray, heading_deg: float) -> tuple[np.ndarray, np.ndarray]:
    c, s = np.cos(np.radians(heading_deg)), np.sin(np.radians(heading_deg))
    return x * c - y * s, x * s + y * c


def _tornado(city: City, params: StormParams, seed: int) -> Wind:
    right, ahead = _axes(city, params.heading_deg)
    phase = 2 * np.pi * (ahead / _WAVE_M + draws(seed, "waver", np.zeros(1, int))[0])
    slope = 2 * np.pi * params.waver_m / _WAVE_M * np.cos(phase)
    across = (right - params.offset_m - params.waver_m * np.sin(phase)) / np.hypot(1, slope)
    heading = params.heading_deg + np.degrees(np.arctan(slope))
    peak = _EF_WIND[params.ef]
    return tornado_field(across, heading, peak, params.radius_m, params.forward_speed)


def _cyclone(city: City, params: CycloneParams) -> Wind:
    """Gusts over land as rough as the city, on a lattice that is filled in between."""
    a = city.dtm.box.boundingbox
    x, y = (np.linspace(-0.5, 0.5, _LATTICE) * span for span in (a.span_x, -a.span_y))
    points = np.stack(_turned(x[None], y[:, None], params.heading_deg), -1)
    rmw = 1000 * params.rmw_km
    steps = np.linspace(-5, 5, 201) * rmw if params.forward_speed > 0 else np.zeros(1)
    track = np.stack([np.full(len(steps), 1000 * params.offset_km), steps], 1)
    deficit = 100 * (params.ambient_hpa - params.pressure_hpa)
    mean, turn = cyclone_passage(
        points.reshape(-1, 2),
        track,
        (deficit, rmw, params.b),
        _latitude(city) if params.latitude_deg is None else params.latitude_deg,
        params.forward_speed,
    )
    towards = np.radians(params.heading_deg + turn)
    east, north, gust = (
        spread_over(city.dtm.box, v.reshape(_LATTICE, _LATTICE))
        for v in (np.sin(towards), np.cos(towards), GUST_OVER_MEAN * mean)
    )
    return Wind(gust * terrain_factor(roughness(city)), np.degrees(np.arctan2(east, north)) % 360)


def _latitude(city: City) -> float:
    box = city.dtm.box
    if box.crs is None:
        raise InputError("a city without a CRS lies nowhere: give the cyclone a latitude")
    a = box.boundingbox
    lonlat = box.crs.transformer_to_crs(CRS("EPSG:4326"))
    return float(lonlat((a.left + a.right) / 2, (a.bottom + a.top) / 2)[1])


def roughness(city: City) -> np.ndarray:
    """Roughness length (y, x) of the land, metres: .05 where open, at most 1.

    z0 = .5 h s, h the mean height of buildings and s their face to the wind a unit of ground, of
    those within about 100 m (Lettau 1969); a face is height times the root of the footprint.
    """
    ny, nx = city.dtm.values.shape[1:]
    gsd = abs(city.dtm.box.affine.a)
    k = max(round(20 / gsd), 1)
    points = city.buildings.geometry.representative_point()
    columns, rows = ~city.dtm.box.affine @ (points.x.to_numpy(), points.y.to_numpy())
    height = city.buildings["height"].to_numpy(float)
    face = height * np.sqrt(city.buildings.area.to_numpy())
    edges = [np.arange(0, n + k, k) for n in (ny, nx)]
    drag, _, _ = np.histogram2d(rows, columns, edges, weights=0.5 * height * face / (k * gsd) ** 2)
    sigma = 100 / (k * gsd)
    near = ndimage.gaussian_filter(drag, sigma, mode="constant")
    near /= ndimage.gaussian_filter(np.ones_like(drag), sigma, mode="constant")
    wide = np.repeat(np.repeat(near, k, 0), k, 1)[:ny, :nx]
    return np.asarray(np.clip(wide, 0.05, 1.0))


def _strike(
    city: City,
    wind: Wind,
    facts: Mapping[str, Any],
    hours: float,
    soil: np.ndarray | None = None,
) -> Event:
    """Break what the wind breaks. soil: share (y, x) of the ground a tornado scours."""
    seed = int(facts["seed"])
    table = untouched(city)
    felt, towards = values_at(city, wind.speed), values_at(city, wind.towards)
    _break(seed, table, city, felt)
    windward = 30 * ndtri(draws(seed, "windward", table["building_id"].to_numpy()))
    hit = (table["grade_physical"] > 0).to_numpy()
    table["side"] = np.where(hit, (90 - towards + windward) % 360, 0.0)
    boards = _thrown(seed, city, table, felt, towards)
    fields = {"debris": boards.astype(np.float32), "debris_height": spill(city, table)}
    if soil is not None:
        fields["debris"] = np.maximum(boards, _litter(seed, wind.speed, boards)).astype(np.float32)
        fields["mud"] = soil * np.clip(3 * fields["debris"], 0.3, 1)
    standing, fall = _fell(seed, city, wind, hours)
    struck = Struck(
        table,
        wind.speed,
        "m/s",
        fields,
        trees=(standing, np.zeros(len(standing))),
        falls=fall,
        obstacles=_lying(city, fall),
    )
    return build_event("storm", city, facts, struck, hours)


def _break(seed: int, table: gpd.GeoDataFrame, city: City, felt: np.ndarray) -> None:
    """Set grade, cause, intensity and failure of each building (in place)."""
    u = draws(seed, "wind", table["building_id"].to_numpy())
    chance = gust_chances(city, felt)
    grade = grades(chance[:, :5], u)
    table["grade_physical"], table["intensity"] = grade, felt
    table["cause"] = np.where(grade > 0, "wind", "none")
    blown = table.copy()
    fail(seed, table, city, _WAYS)
    fail(seed, blown, city, {**_WAYS, 5: {"swept": 1.0}})
    gone = u < chance[:, 5]
    table.loc[gone, [*table.columns]] = blown.loc[gone, [*table.columns]]


def _thrown(
    seed: int, city: City, table: gpd.GeoDataFrame, felt: np.ndarray, towards: np.ndarray
) -> np.ndarray:
    """Share of the ground (y, x) under boards and sheets that the wind took off buildings.

    Pieces fly from the footprint with the wind as long as they take to fall from the roof, at half
    its speed in the mean, exponentially spread; one of five is light and flies four times as far.
    Their area is that of the lost roof and what stood under it. All numbers are ours.
    """
    at = np.flatnonzero(table["failure"].isin(_SHED).to_numpy() & (table["lost"] > 0).to_numpy())
    ids = table["building_id"].to_numpy()[at, None] * _PIECES + np.arange(_PIECES)
    u, light, side, ring, angle = (
        draws(seed, f"piece {what}", ids.ravel()).reshape(ids.shape)
        for what in ("flight", "light", "side", "ring", "angle")
    )
    area = city.buildings.area.to_numpy()[at]
    share = table["failure"].map(_SHED).to_numpy(float)[at]
    shed = area * share * np.clip(table["lost"].to_numpy()[at], 0, 1) / _PIECES
    seconds = np.sqrt(2 * city.buildings["height"].to_numpy(float)[at] / _GRAVITY)
    far = (0.5 * felt[at] * seconds)[:, None] * -np.log1p(-u) * np.where(light < 0.2, 4.0, 1.0)
    off = 0.25 * far * ndtri(np.clip(side, 1e-6, 1 - 1e-6))
    start = 0.7 * np.sqrt(area)[:, None] * np.sqrt(ring)
    way = np.radians(towards[at])[:, None]
    centre = city.buildings.geometry.iloc[at].representative_point()
    x = far * np.sin(way) + off * np.cos(way) + start * np.cos(2 * np.pi * angle)
    y = far * np.cos(way) - off * np.sin(way) + start * np.sin(2 * np.pi * angle)
    x, y = x + centre.x.to_numpy()[:, None], y + centre.y.to_numpy()[:, None]
    columns, rows = ~city.dtm.box.affine @ (x.ravel(), y.ravel())
    ny, nx = city.dtm.values.shape[1:]
    inside = (columns >= 0) & (rows >= 0) & (columns < nx) & (rows < ny)
    fallen = np.zeros((ny, nx))
    where = (rows[inside].astype(int), columns[inside].astype(int))
    np.add.at(fallen, where, np.broadcast_to(shed[:, None], ids.shape).ravel()[inside])
    gsd = abs(city.dtm.box.affine.a)
    return np.asarray(-np.expm1(-ndimage.gaussian_filter(fallen, 4 / gsd) / gsd**2))


def _litter(seed: int, speed: np.ndarray, boards: np.ndarray) -> np.ndarray:
    """Share of the ground (y, x) under twigs and shreds near what broke: gusts over 28 m/s."""
    rng = np.random.default_rng([seed, 5])
    patches = ndimage.gaussian_filter(rng.standard_normal(speed.shape), 8) > 0
    near = np.clip(ndimage.gaussian_filter(boards, 20) / 0.02, 0, 1)
    much = rng.uniform(0.0, 0.14)
    return np.asarray(much * np.clip((speed - 28) / 20, 0, 1) * (0.4 + 0.8 * patches) * near)


def _fell(seed: int, city: City, wind: Wind, hours: float) -> tuple[np.ndarray, np.ndarray]:
    """Which trees stand (n,) 0 or 1, and where each felled one lies (n,): degrees, -1 nowhere.

    They fall with the wind, give or take 25 degrees. Those over a street are sawn and carted off
    from eight hours on, as the streets are cleared.
    """
    ids = np.arange(len(city.trees))
    felled = draws(seed, "tree", ids) < tree_chance(at_trees(city, wind.speed))
    scatter = 25 * ndtri(np.clip(draws(seed, "tree fall", ids), 1e-6, 1 - 1e-6))
    fall = np.where(felled, (at_trees(city, wind.towards) + scatter) % 360, -1.0)
    late = draws(seed, "tree cleared", ids) < -np.expm1(-max(hours - 8.0, 0.0) / 48.0)
    stems = _stems(city, fall)
    roads = city.streets.geometry.buffer(city.streets["width"] / 2).to_numpy()
    over = np.zeros(len(ids), bool)
    if len(roads) and felled.any():
        over[ids[felled][np.unique(shapely.STRtree(roads).query(stems, "intersects")[0])]] = True
    return 1.0 - felled, np.where(over & late, -1.0, fall)


def _stems(city: City, fall: np.ndarray) -> np.ndarray:
    """Lines from the foot of each lying tree to its top."""
    lies = fall >= 0
    foot = shapely.get_coordinates(city.trees.geometry.to_numpy()[lies])
    way = np.radians(fall[lies])[:, None]
    height = city.trees["height"].to_numpy(float)[lies, None]
    top = foot + height * np.concatenate([np.sin(way), np.cos(way)], 1)
    return np.asarray(shapely.linestrings(np.stack([foot, top], 1)))


def _lying(city: City, fall: np.ndarray) -> gpd.GeoDataFrame:
    """What lying trees block: lines with cause."""
    tall = city.trees["height"].to_numpy(float) >= _LEAST_TREE_M
    stems = _stems(city, np.where(tall, fall, -1.0))
    return gpd.GeoDataFrame({"cause": ["tree"] * len(stems)}, geometry=stems, crs=city.trees.crs)
