"""Where the water of a flood comes from and where it gets to: fast fills and flows.

A level is filled over all ground that is joined to the water (or to the lowest ground) and lies
lower; `hand` floods what lies less than a height above the drainage it runs to. River, rain, dam,
surge and tsunami flow by the shallow-water scheme, around the buildings: dam and tsunami with the
advection of momentum, the others, slow or held by friction, without.

Dam: the peak of a breach by Froehlich (1995), Q = 0.607 V^0.295 h^1.24, falling exponentially until
the reservoir is empty. River: a triangle of a third to two thirds from half the peak. Surge: one
sine squared. Tsunami: one sine, crest first. These shapes, and roughness by cover, are ours; so is
that a river or dam enters over some metres of one border.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from geomage.disaster.drainage import height_above_drainage, streams
from geomage.disaster.event import ids_on
from geomage.disaster.shallow import EDGES, Basin, Scheme, Series, run
from geomage.errors import InputError
from geomage.geo import rasterise
from geomage.world import City

__all__ = ["SOURCES", "FloodParams", "Peak", "fill", "flood_peak", "permanent_water"]

SOURCES = ("level", "hand", "river", "rain", "dam", "surge", "tsunami")
HIGHEST_M = 1000.0  # above the lowest ground; no flood stands higher
_MOST_CELLS = 120_000  # of a flow whose cells nobody chose
_CHANNEL_HA = 2.0  # of ground that drains together makes a stream, where no water is mapped
_STANDING_M = 0.7  # of water in rivers and ponds before the flood: banks are 1 m over the bed
_FILM_M = 0.03  # of flowing water that nobody calls a flood
_STREAM_N, _GROUND_N, _PAVED_N = 0.03, 0.045, 0.02  # Manning: Chow (1959), table 5-6
_BORES = ("dam", "tsunami")  # water that breaks and runs up: it carries its momentum along
_DEFAULT_H = {"river": 2.0, "rain": 1.0, "dam": 0.5, "surge": 2.0}
_USES = {
    "level": ("level_m",),
    "hand": ("level_m",),
    "river": ("discharge_m3s", "duration_h", "from_deg", "cell_m"),
    "rain": ("rain_mm_h", "duration_h", "cell_m"),
    "dam": ("reservoir_m", "volume_m3", "duration_h", "from_deg", "cell_m"),
    "surge": ("surge_m", "duration_h", "from_deg", "cell_m"),
    "tsunami": ("wave_m", "period_min", "from_deg", "cell_m"),
}
_FROM = {"north": 0.0, "east": 90.0, "south": 180.0, "west": 270.0}
_LIMITS = {
    "level_m": (0, HIGHEST_M, "the height of the water above the lowest ground"),
    "discharge_m3s": (0, 1e5, "the peak of the river in m3/s"),
    "rain_mm_h": (0, 500, "rain in mm an hour"),
    "reservoir_m": (0, 300, "the depth of water at the dam in metres"),
    "volume_m3": (0, 1e9, "the water in the reservoir in m3"),
    "surge_m": (0, 15, "the rise of the sea in metres"),
    "wave_m": (0, 40, "the height of the crest over the sea in metres"),
    "period_min": (0, 120, "the time from crest to crest in minutes"),
}


@dataclass(frozen=True)
class FloodParams:
    """A flood: where its water comes from, and how much of it."""

    level_m: float = 1.5  # level, hand: water above the lowest ground, or above its drainage, m
    source: str = "level"  # of `SOURCES`
    discharge_m3s: float = 120.0  # river: peak
    rain_mm_h: float = 90.0  # rain: net of what seeps away
    reservoir_m: float = 12.0  # dam: depth of water behind it
    volume_m3: float = 200_000.0  # dam: water behind it
    surge_m: float = 2.5  # surge: rise of the sea
    wave_m: float = 5.0  # tsunami: crest over the sea
    period_min: float = 12.0  # tsunami: from crest to crest
    duration_h: float = 0.0  # river, rain, dam, surge: of the flow; 0 takes the source's own
    from_deg: float | None = None  # where the water comes from, from north; None: by the terrain
    cell_m: float = 0.0  # of the flow; 0 takes those of the terrain, or larger in large towns

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise InputError(
                f"no flood comes from {self.source!r}: choose one of {', '.join(SOURCES)}"
            )
        for name, (least, most, what) in _LIMITS.items():
            value = getattr(self, name)
            if not least < value <= most:
                raise InputError(
                    f"a flood with {name} of {value:g} is outside {least:g}..{most:g}: give {what}"
                )
        if not 0 <= self.duration_h <= 72:
            raise InputError(f"a flow of {self.duration_h:g} h is outside 0..72 h")
        if not (np.isfinite(self.cell_m) and self.cell_m >= 0):
            raise InputError("cell_m is the side of a cell of the flow: give metres, or 0")
        if self.from_deg is not None and not np.isfinite(self.from_deg):
            raise InputError("from_deg is a direction: give degrees clockwise from north")

    def facts(self) -> dict[str, Any]:
        """Return what this source uses, and nothing else."""
        used = {name: getattr(self, name) for name in _USES[self.source]}
        if "duration_h" in used:
            used["duration_h"] = self.seconds / 3600
        return {"source": self.source, **used}

    @property
    def flows(self) -> bool:
        """Whether the water moves, or only stands where it would come to stand."""
        return self.source not in ("level", "hand")

    @property
    def seconds(self) -> float:
        """How long the water flows: a tsunami for one and a half periods."""
        if self.source == "tsunami":
            return 90 * self.period_min
        return 3600 * (self.duration_h or _DEFAULT_H.get(self.source, 0.0))


@dataclass(frozen=True)
class Peak:
    """The worst of a flood, (y, x) on the terrain grid.

    deepest: m; fastest: m/s; arrival: s, -1 where never; under: s under water.
    """

    deepest: np.ndarray
    fastest: np.ndarray
    arrival: np.ndarray
    under: np.ndarray


def fill(dtm: np.ndarray, level: float, source: np.ndarray) -> np.ndarray:
    """Depth (y, x) of water that spreads from `source` over ground lower than `level`."""
    low = dtm < level
    labels, _ = ndimage.label(low, structure=np.ones((3, 3)))
    joined = np.unique(labels[source & low])
    wet = np.isin(labels, joined[joined > 0])
    return np.where(wet, level - dtm, 0.0).astype(np.float32)


def permanent_water(city: City) -> np.ndarray:
    """Where (y, x) rivers, lakes and the sea are."""
    water = city.water[city.water["kind"] != "pool"]
    return rasterise(water, city.dtm.box).astype(bool)


def flood_peak(city: City, params: FloodParams) -> Peak:
    """Let the water come."""
    if not params.flows:
        depth = _level(city, params) if params.source == "level" else _hand(city, params)
        still = np.zeros_like(depth)
        return Peak(depth, still, np.where(depth > 0, 0, -1).astype(np.float32), still)
    return _flow(city, params)


def _level(city: City, params: FloodParams) -> np.ndarray:
    z = city.dtm.values[0]
    water = permanent_water(city)
    source = water if water.any() else z <= z.min() + 0.02
    return fill(z, float(z.min()) + params.level_m, source)


def _hand(city: City, params: FloodParams) -> np.ndarray:
    z = city.dtm.values[0]
    drainage = permanent_water(city)
    if not drainage.any():
        drainage = streams(z, int(_CHANNEL_HA * 1e4 / city.dtm.box.affine.a**2)) | (z == z.min())
    rise = height_above_drainage(z, drainage)
    return np.maximum(params.level_m - rise, 0.0).astype(np.float32)


@dataclass(frozen=True)
class _Coarse:
    """The town on the grid of the flow: cells `k` times as wide as those of the terrain."""

    k: int
    cell_m: float
    ground: np.ndarray
    blocked: np.ndarray
    water: np.ndarray
    manning: np.ndarray

    @staticmethod
    def of(city: City, cell_m: float) -> _Coarse:
        z, side = city.dtm.values[0].astype(float), abs(city.dtm.box.affine.a)
        least = side * max(1, int(np.ceil(np.sqrt(z.size / _MOST_CELLS))))
        if cell_m > side * min(z.shape):
            raise InputError(
                f"cells of {cell_m:g} m are wider than the town of {side * min(z.shape):g} m: give "
                "the flow smaller ones"
            )
        k = max(1, round((cell_m or least) / side))
        water = _means(permanent_water(city), k) > 0.5
        paved = rasterise(list(city.streets.geometry.buffer(city.streets["width"] / 2)),
                          city.dtm.box) if len(city.streets) else np.zeros(z.shape)  # fmt: skip
        rough = _GROUND_N + (_PAVED_N - _GROUND_N) * _means(paved, k)
        blocked = (_means(ids_on(city) > 0, k) > 0.5) & ~water
        manning = np.where(water, _STREAM_N, rough)
        return _Coarse(k, k * side, _means(z, k), blocked, water, manning)


def _means(values: np.ndarray, k: int) -> np.ndarray:
    """Means (y, x) of blocks of k x k cells; the last ones are filled up by repetition."""
    ny, nx = values.shape
    padded = np.pad(values.astype(float), ((0, -ny % k), (0, -nx % k)), "edge")
    return np.asarray(padded.reshape(-(-ny // k), k, -(-nx // k), k).mean((1, 3)))


def _flow(city: City, params: FloodParams) -> Peak:
    grid = _Coarse.of(city, params.cell_m)
    scheme = Scheme(advection=params.source in _BORES)
    flow = run(_basin(grid, params), params.seconds, scheme)
    shape = city.dtm.values.shape[1:]
    surface = np.where(flow.deepest > 0, grid.ground + flow.deepest, np.nan)
    surface, fastest, arrival, under = (
        _fine(_into_blocked(f, grid.blocked), grid.k, shape)
        for f in (surface, flow.fastest, flow.arrival, flow.under)
    )
    deepest = np.nan_to_num(np.maximum(surface - city.dtm.values[0], 0.0)).astype(np.float32)
    dry = deepest <= _FILM_M
    return Peak(
        np.where(dry, 0, deepest),
        np.where(dry, 0, fastest).astype(np.float32),
        np.where(dry, -1, arrival).astype(np.float32),
        np.where(dry, 0, under).astype(np.float32),
    )


def _into_blocked(field: np.ndarray, blocked: np.ndarray) -> np.ndarray:
    """Give blocked cells what the nearest open cell has: water stands inside houses too."""
    if blocked.all() or not blocked.any():
        return field
    i, j = ndimage.distance_transform_edt(blocked, return_distances=False, return_indices=True)
    return np.asarray(field[i, j])


def _fine(field: np.ndarray, k: int, shape: tuple[int, int]) -> np.ndarray:
    return np.asarray(field.repeat(k, 0).repeat(k, 1)[: shape[0], : shape[1]])


def _basin(grid: _Coarse, params: FloodParams) -> Basin:
    """Set up the flow of a source."""
    depth = _before(grid)
    everywhere = dict.fromkeys(EDGES, "open")
    common: dict[str, Any] = {"manning": grid.manning, "blocked": grid.blocked, "depth": depth}
    if params.source == "rain":
        share = grid.blocked.size / max(int((~grid.blocked).sum()), 1)  # roofs shed theirs
        rate = params.rain_mm_h / 3.6e6 * share
        rain = Series((0.0, params.seconds, params.seconds + 1), (rate, rate, 0.0))
        return Basin(grid.ground, grid.cell_m, edges=everywhere, rain=rain, **common)
    if params.source in ("river", "dam"):
        inflow = _river(params) if params.source == "river" else _breach(params)
        wide = max(10.0, 3 * params.reservoir_m) if params.source == "dam" else 12.0
        springs = _springs(grid, _entry(grid, params), wide)
        return Basin(
            grid.ground, grid.cell_m, edges=everywhere, inflow=inflow, springs=springs, **common
        )
    shore = _shore(grid, params)
    across = {"north": "south", "south": "north", "west": "east", "east": "west"}[shore]
    return Basin(
        grid.ground, grid.cell_m, edges={shore: "level", across: "open"},
        level=_sea(params, _sea_level(grid, shore)), **common,
    )  # fmt: skip


def _before(grid: _Coarse) -> np.ndarray:
    """Depth of water in rivers, ponds and the sea before anything happens."""
    return np.where(grid.water, _STANDING_M, 0.0)


def _river(params: FloodParams) -> Series:
    t, q = params.seconds, params.discharge_m3s
    return Series((0.0, t / 3, 2 * t / 3, t), (q / 2, q, q, q / 2))


def _breach(params: FloodParams) -> Series:
    q = 0.607 * params.volume_m3**0.295 * params.reservoir_m**1.24
    t = np.linspace(0, params.seconds, 121)
    flow = q * np.exp(-np.maximum(t - 60, 0) * q / params.volume_m3)
    return Series(tuple(t), tuple(np.where(t < 60, q * t / 60, flow)))


def _sea(params: FloodParams, calm_m: float) -> Series:
    t = np.linspace(0, params.seconds, 361)
    if params.source == "surge":
        rise = params.surge_m * np.sin(np.pi * t / params.seconds) ** 2
    else:
        turn = np.minimum(t / (60 * params.period_min), 1.0)
        rise = params.wave_m * np.sin(2 * np.pi * turn)
    return Series(tuple(t), tuple(calm_m + rise))


def _borders(values: np.ndarray) -> Mapping[str, np.ndarray]:
    return {"north": values[0], "south": values[-1], "west": values[:, 0], "east": values[:, -1]}


def _side(params: FloodParams) -> str | None:
    if params.from_deg is None:
        return None
    turned = {s: abs((params.from_deg - a + 180) % 360 - 180) for s, a in _FROM.items()}
    return min(turned, key=lambda s: turned[s])


def _shore(grid: _Coarse, params: FloodParams) -> str:
    """The border with most water, or the lowest one where there is none."""
    wet = {s: int(v.sum()) for s, v in _borders(grid.water).items()}
    low = {s: -float(np.median(v)) for s, v in _borders(grid.ground).items()}
    return _side(params) or max(EDGES, key=lambda s: (wet[s], low[s]))


def _sea_level(grid: _Coarse, shore: str) -> float:
    bed, wet = _borders(grid.ground)[shore], _borders(grid.water)[shore]
    return float(np.median(bed[wet]) + _STANDING_M) if wet.any() else float(bed.min())


def _entry(grid: _Coarse, params: FloodParams) -> tuple[int, int]:
    """Cell where a river comes in: the lowest of the border whose lowest cell is highest."""
    ground = np.where(grid.blocked, np.inf, grid.ground)
    wet = np.where(grid.water, ground, np.inf)
    heights = wet if sum(bool(v.any()) for v in _borders(grid.water).values()) > 1 else ground
    least = {s: float(v.min()) for s, v in _borders(heights).items()}
    side = _side(params) or max(EDGES, key=lambda s: (np.isfinite(least[s]), least[s]))
    if not np.isfinite(least[side]):
        heights = ground
    k = int(np.argmin(_borders(heights)[side]))
    ny, nx = ground.shape
    return {"north": (0, k), "south": (ny - 1, k), "west": (k, 0), "east": (k, nx - 1)}[side]


def _springs(grid: _Coarse, at: tuple[int, int], wide_m: float) -> np.ndarray:
    """Open cells within half a width of a place."""
    i, j = np.indices(grid.ground.shape)
    near = np.hypot(i - at[0], j - at[1]) * grid.cell_m <= wide_m / 2
    springs = near & ~grid.blocked
    if not springs.any():
        raise InputError("houses stand where the water would come in: choose another from_deg")
    return np.asarray(springs)
