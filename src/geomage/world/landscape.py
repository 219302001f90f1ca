"""A landscape of some kilometres on cells of 10 m: what a flood covers and a satellite maps.

Not a town of houses but fields (y, x): terrain with a river and its plain, fields of crops in
stages, woods, villages as shares of built ground, roads and dykes on banks, ponds. Everything is
random fields and lattices from a seed; sizes, shares and forms are ours, drawn wide, and no map of
a real place. Axes are (y, x), north up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from affine import Affine
from odc.geo import wh_
from odc.geo.geobox import GeoBox
from scipy import fft, ndimage
from scipy.spatial import cKDTree

from geomage.errors import InputError

__all__ = ["Landscape", "LandscapeParams", "grow_landscape", "sample_landscape"]

BARE, RANGE, DEVELOPED, ROAD, TREE, WATER, FARM = 1, 2, 3, 4, 5, 6, 7
_BASE_M = 60.0
_BED_M = 2.5  # of a river below its banks
_STUBBLE = 0.3  # kg/m2 on fields that bear nothing: stubble, weeds, clods
_CRS = "EPSG:32631"  # a plain grid of metres; the place means nothing
_LIMITS = {
    "relief_m": (0, 200), "fall": (0, 0.05), "river_m": (0, 3000), "braids": (0, 1),
    "plain_m": (50, 20_000), "field_m": (20, 1000), "farmed": (0, 1), "woods": (0, 0.9),
    "villages": (0, 60), "dykes": (0, 1), "ponds": (0, 0.5), "green": (0, 1),
    "moisture": (0.02, 0.5), "arid": (0, 1), "alike": (0, 1),
}  # fmt: skip


@dataclass(frozen=True)
class LandscapeParams:
    """What to grow."""

    seed: int = 0
    cells: int = 512  # a side
    cell_m: float = 10.0
    relief_m: float = 4.0  # standard deviation of heights beyond the plain
    fall: float = 0.0006  # of the whole along the river, metres a metre
    river_m: float = 120.0  # width; 0 for none
    braids: float = 0.0  # share of the river's belt that is islands
    plain_m: float = 1500.0  # half width of the flat ground along the river
    field_m: float = 70.0  # short side of a field
    farmed: float = 0.7  # share of the ground in fields
    woods: float = 0.1  # share under trees
    villages: int = 4
    dykes: float = 0.3  # chance that a road or river bank is raised
    ponds: float = 0.01  # share under still water
    green: float = 0.5  # how far crops and grass have grown
    moisture: float = 0.2  # of the soil, m3/m3
    arid: float = 0.2  # how thin wild plants grow
    alike: float = 0.0  # how far all fields bear one crop in one stage, as in rice country

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise InputError(f"seed {self.seed} is negative: choose one of 0 or more")
        if not 64 <= self.cells <= 8192:
            raise InputError(f"{self.cells} cells a side are outside 64..8192")
        if not 1 <= self.cell_m <= 100:
            raise InputError(f"cells of {self.cell_m:g} m are outside 1..100 m")
        for name, (least, most) in _LIMITS.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise InputError(f"{name} of {value:g} is outside {least:g}..{most:g}")


@dataclass(frozen=True)
class Landscape:
    """Fields (y, x) on `box`.

    ground: metres above the datum; cover: land cover, no class 8; water: permanent, bool; parcel:
    number of the field, 0 outside; plants: water in them, kg/m2; tall_m: their height; stems: share
    of upright stems; trees: share of canopy that is trees; green: share of leaves that live;
    houses: share built over; facing: direction of the walls, degrees 0..90; moisture: of the soil,
    m3/m3; rough_cm: standard deviation of its heights; bright: of the soil, 0 dark, 1 pale.
    """

    box: GeoBox
    params: LandscapeParams
    ground: np.ndarray
    cover: np.ndarray
    water: np.ndarray
    parcel: np.ndarray
    plants: np.ndarray
    tall_m: np.ndarray
    stems: np.ndarray
    trees: np.ndarray
    green: np.ndarray
    houses: np.ndarray
    facing: np.ndarray
    moisture: np.ndarray
    rough_cm: np.ndarray
    bright: np.ndarray


def sample_landscape(rng: np.random.Generator, cells: int = 512) -> LandscapeParams:
    """Draw what to grow: deltas, braided rivers, valleys, plains of small and of large fields."""
    river = float(np.exp(rng.uniform(np.log(25), np.log(900)))) if rng.random() < 0.8 else 0.0
    return LandscapeParams(
        seed=int(rng.integers(2**31)),
        cells=cells,
        relief_m=float(np.exp(rng.uniform(np.log(0.8), np.log(25)))),
        fall=float(rng.uniform(0.0001, 0.0015)),
        river_m=river,
        braids=float(rng.uniform(0.2, 0.7)) if river > 250 and rng.random() < 0.6 else 0.0,
        plain_m=float(np.exp(rng.uniform(np.log(400), np.log(6000)))),
        field_m=float(np.exp(rng.uniform(np.log(30), np.log(220)))),
        farmed=float(rng.choice([rng.uniform(0.6, 0.95), rng.uniform(0.05, 0.6)])),
        woods=float(rng.choice([rng.uniform(0, 0.06), rng.uniform(0.05, 0.45)])),
        villages=int(rng.integers(0, 13)),
        dykes=float(rng.uniform(0, 0.8)),
        ponds=float(rng.uniform(0, 0.03)) if rng.random() < 0.6 else 0.0,
        green=float(rng.uniform(0.05, 0.95)),
        moisture=float(rng.uniform(0.05, 0.30)),
        arid=float(rng.uniform(0, 0.9)),
        alike=float(rng.uniform(0.3, 0.9)) if rng.random() < 0.25 else 0.0,
    )


def grow_landscape(params: LandscapeParams) -> Landscape:
    """Grow a landscape; the same parameters give the same bytes."""
    n, step = params.cells, params.cell_m
    streams = np.random.default_rng([params.seed, 61]).spawn(6)
    across, along = _course(params, streams[0])
    river = _river(params, across, along, streams[0])
    ground = _terrain(params, across, along, streams[1])
    pond = _ponds(params, ground, streams[1])
    roads, raised, places = _roads(params, river, streams[2])
    ground = ground + np.where(river | pond, 0.0, raised) - _BED_M * river - 1.0 * pond
    dyke = np.where(_beside(river, across, params) & (streams[2].random() < params.dykes), 2.5, 0.0)
    houses, facing = _villages(params, places, streams[3])
    water = river | pond
    parcel, kind, edge = _fields(params, streams[4])
    cover = _cover(params, (water, roads, houses), ground, streams[5])
    farm = cover == FARM
    grown = _plants(params, cover, np.where(farm, kind, -1.0), edge & farm, streams[5])
    box = GeoBox(wh_(n, n), Affine(step, 0, 500_000, 0, -step, 4_000_000), _CRS)
    return Landscape(
        box=box, params=params, ground=(ground + dyke * ~water).astype(np.float32), cover=cover,
        water=water, parcel=np.where(farm, parcel, 0), houses=np.where(water, 0.0, houses),
        facing=facing, **grown,
    )  # fmt: skip


def fractal(rng: np.random.Generator, n: int, slope: float, longest: float = 1.0) -> np.ndarray:
    """Noise (n, n) of mean 0 and deviation 1 whose amplitude falls as frequency to the -slope.

    Below `longest` cycles a side it is flat; made on a larger square, so that it does not repeat.
    """
    m = n + n // 4
    f = np.hypot(fft.fftfreq(m)[:, None], fft.rfftfreq(m)[None, :]) * m
    amplitude = np.maximum(f, longest).astype(np.float32) ** -slope
    amplitude[0, 0] = 0.0
    white = fft.rfft2(rng.standard_normal((m, m), np.float32))
    field = fft.irfft2(white * amplitude, (m, m))[:n, :n].astype(float)
    return np.asarray((field - field.mean()) / field.std())


def _grid(params: LandscapeParams) -> tuple[np.ndarray, np.ndarray]:
    """Metres (y, x) south and east of the middle."""
    at = (np.arange(params.cells) - (params.cells - 1) / 2) * params.cell_m
    y, x = np.meshgrid(at, at, indexing="ij")
    return y, x


def _course(params: LandscapeParams, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Metres across the river's axis, signed, and along it; the axis winds."""
    y, x = _grid(params)
    side = params.cells * params.cell_m
    turn = rng.uniform(0, 2 * np.pi)
    u, v = x * np.cos(turn) + y * np.sin(turn), -x * np.sin(turn) + y * np.cos(turn)
    wind = rng.uniform(0.02, 0.14) * side * fractal(rng, params.cells, 3.0, rng.uniform(1, 3))
    meander = max(12 * params.river_m, 400.0)
    wave = rng.uniform(0.05, 0.35) * meander * np.sin(2 * np.pi * v / meander + wind / meander)
    return u + wind + wave + rng.uniform(-0.35, 0.35) * side, v


def _river(
    params: LandscapeParams, across: np.ndarray, along: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Where (y, x) the river runs, around its islands."""
    if params.river_m == 0:
        return np.zeros(across.shape, bool)
    slope = np.maximum(np.hypot(*np.gradient(across, params.cell_m)), 0.5)
    away = np.abs(across) / slope
    width = params.river_m * (1 + 0.25 * fractal(rng, params.cells, 1.8, 4))
    belt = away < width / 2
    if params.braids == 0:
        return np.asarray(belt)
    wide = away < 2.5 * width
    bars = _along(fractal(rng, params.cells, 2.0, 3), across, along, params)
    return np.asarray(wide & (bars < np.quantile(bars[wide], 1 - params.braids)))


def _along(
    field: np.ndarray, across: np.ndarray, along: np.ndarray, params: LandscapeParams
) -> np.ndarray:
    """A field (n, n) laid along the river, a third as wide as it is long."""
    n = params.cells
    at = np.stack([across * 2.0, along * 0.7]) / params.cell_m + n / 2
    return np.asarray(ndimage.map_coordinates(field, at, order=1, mode="mirror"))


def _beside(river: np.ndarray, across: np.ndarray, params: LandscapeParams) -> np.ndarray:
    """Cells (y, x) of a line some way from the river, on one side."""
    away = params.river_m / 2 + 60.0
    return np.asarray((np.abs(across - away) < params.cell_m) & ~river)


def _terrain(
    params: LandscapeParams, across: np.ndarray, along: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Metres above the datum: hills that rise beyond a plain with old channels on it."""
    n = params.cells
    hills = fractal(rng, n, 2.3, 1.5)
    hills = params.relief_m * (hills - hills.min() * 0.5)
    if params.river_m == 0:
        valley = np.ones((n, n))
    else:
        d = np.clip(np.abs(across) / params.plain_m, 0, 1)
        valley = d**2 * (3 - 2 * d)
    old = np.abs(fractal(rng, n, 2.6, 6))
    channels = -rng.uniform(0.3, 1.5) * np.exp(-((old / 0.12) ** 2))
    swales = rng.uniform(0.1, 0.7) * fractal(rng, n, 2.0, 8)
    side = rng.uniform(0, 0.0015) * np.abs(across) * (params.river_m > 0)
    return np.asarray(_BASE_M + hills * valley + channels + swales + side - params.fall * along)


def _ponds(params: LandscapeParams, ground: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Still water (y, x) of the wanted share, in low places."""
    if params.ponds == 0:
        return np.zeros(ground.shape, bool)
    low = ndimage.gaussian_filter(ground, 20) - ground
    wish = fractal(rng, params.cells, 2.6, 10) + low / max(float(low.std()), 1e-6)
    return np.asarray(wish > np.quantile(wish, 1 - params.ponds))


def _roads(
    params: LandscapeParams, river: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Roads (y, x), the height of their banks, and where villages lie (n, 2) in cells."""
    n = params.cells
    roads, raised = np.zeros((n, n), bool), np.zeros((n, n))
    places = rng.uniform(0, n, (params.villages, 2))
    ends = _ways(places)
    for _ in range(int(rng.integers(0, 4))):  # those that cross the landscape
        ends.append((rng.uniform(0, n, 2) * [1, 0], rng.uniform(0, n, 2) * [1, 0] + [0, n]))
    for a, b in ends:
        t = np.linspace(0, 1, 4 * n)[:, None]
        bend = rng.normal(0, 0.04, 2) * n
        line = np.rint(a + (b - a) * t + bend * np.sin(np.pi * t)).astype(int)
        line = line[((line >= 0) & (line < n)).all(1)]
        roads[line[:, 0], line[:, 1]] = True
        if rng.random() < params.dykes:
            raised[line[:, 0], line[:, 1]] = rng.uniform(0.8, 3.0)
    return roads & ~river, ndimage.maximum_filter(raised, 2), places


def _ways(places: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Join each village to the two nearest that come after it."""
    ends: list[tuple[np.ndarray, np.ndarray]] = []
    for k, a in enumerate(places):
        others = places[k + 1 :]
        near = np.hypot(*(others - a).T).argsort()[:2]
        ends.extend((a, others[i]) for i in near)
    return ends


def _villages(
    params: LandscapeParams, places: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Share of ground built over (y, x) and the direction of its walls, degrees 0..90."""
    n = params.cells
    y, x = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    built, facing = np.zeros((n, n)), np.full((n, n), float(rng.uniform(0, 90)))
    ragged, grain = fractal(rng, n, 1.4, 20), rng.random((n, n))
    for cy, cx in places:
        radius = np.exp(rng.uniform(np.log(4), np.log(45)))
        d = np.hypot(y - cy, x - cx) / radius
        inside = d + 0.35 * ragged < 1
        dense = rng.uniform(0.15, 0.6)
        built = np.where(inside, np.maximum(built, dense * (0.3 + 1.1 * grain)), built)
        facing = np.where(d < 1.5, rng.uniform(0, 90), facing)
    for _ in range(int(rng.integers(0, 40))):  # farms and sheds
        cy, cx = rng.integers(0, n, 2)
        h, w = rng.integers(1, 5, 2) if rng.random() < 0.9 else rng.integers(5, 22, 2)
        built[cy : cy + h, cx : cx + w] = rng.uniform(0.3, 0.9)
        facing[cy : cy + h, cx : cx + w] = rng.choice([0.0, float(rng.uniform(0, 90))])
    return np.clip(built, 0, 0.9), facing


def _fields(
    params: LandscapeParams, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Number of the field (y, x), a number 0..1 of its own, and where its edge is.

    Districts are nearest to random points; each has a lattice of rows and strips of its own.
    """
    n, step = params.cells, params.cell_m
    y, x = _grid(params)
    count = max(4, int((n * step / (12 * params.field_m)) ** 2))
    seats = rng.uniform(-0.5, 0.5, (count, 2)) * n * step
    warp = 40.0 * fractal(rng, n, 2.0, 4), 40.0 * fractal(rng, n, 2.0, 4)
    at = np.stack([y + warp[0], x + warp[1]], -1)
    _, home = cKDTree(seats).query(at.reshape(-1, 2))
    home = home.reshape(n, n)
    turn = (rng.uniform(0, np.pi) + rng.normal(0, 0.5, count))[home]
    u = at[..., 1] * np.cos(turn) + at[..., 0] * np.sin(turn)
    v = -at[..., 1] * np.sin(turn) + at[..., 0] * np.cos(turn)
    wide = (params.field_m * np.exp(rng.normal(0, 0.35, count)))[home]
    long = wide * rng.uniform(1.2, 4.5, count)[home]
    row = np.floor(v / long).astype(np.int64)
    shifted = u / wide + 7.7 * _hash01(row, home, 3)
    strip = np.floor(shifted).astype(np.int64)
    parcel = (_hash01(row * 4099 + strip, home, 5) * 2**31).astype(np.int64) + 1
    own = _hash01(parcel, home, 7)
    hedged = (rng.random(count) < 0.5)[home]
    near = np.minimum(shifted - strip, 1) * wide < step
    return parcel, own, np.asarray(hedged & (near | (np.abs(v / long - row) * long < step)))


def _hash01(a: np.ndarray, b: np.ndarray, salt: int) -> np.ndarray:
    """Number 0..1 of two whole numbers, from the mixing steps of SplitMix64."""
    with np.errstate(over="ignore"):
        h = a.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        h += b.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F) + np.uint64(salt * 1_000_003)
        h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        h ^= h >> np.uint64(31)
    return np.asarray((h >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def _cover(
    params: LandscapeParams,
    given: tuple[np.ndarray, np.ndarray, np.ndarray],
    ground: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Land cover (y, x): farmed or wild ground, woods, villages, roads and water upon it."""
    water, roads, houses = given
    n = params.cells
    wild = fractal(rng, n, 1.8, 3) + 0.3 * (ground - ground.mean()) / max(ground.std(), 1e-6)
    cover = np.where(wild < np.quantile(wild, params.farmed), FARM, RANGE)
    thin = fractal(rng, n, 1.5, 6)
    cover[(cover == RANGE) & (thin < np.quantile(thin, 0.5 * params.arid))] = BARE
    wood = fractal(rng, n, 1.6, 8)
    cover[wood > np.quantile(wood, 1 - params.woods)] = TREE
    cover[roads] = ROAD
    cover[houses > 0.02] = DEVELOPED
    cover[water] = WATER
    return cover.astype(np.uint8)


def _crops(
    params: LandscapeParams, own: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """How far the crop of a field has grown, and which it is: grass, cereal, rice, tall crops."""
    common = rng.random(2)
    grown = own + params.alike * (common[0] - own)
    stage = np.clip((grown - (1 - params.green) ** 1.3) / max(params.green, 0.05), 0, 1)
    kind = (own * 37.0) % 1.0
    return stage, np.asarray(kind + params.alike * (common[1] - kind))


def _plants(
    params: LandscapeParams, cover: np.ndarray, own: np.ndarray, edge: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:  # fmt: skip
    """What grows, and the soil below it. Crops: a share of fields is bare, the rest in stages."""
    n = params.cells
    patch, mottle = fractal(rng, n, 1.3, 8), fractal(rng, n, 0.9, 12)
    stage, kind = _crops(params, own, rng)
    crop = (_STUBBLE + stage * (0.6 + 3.2 * kind)) * np.exp(0.25 * mottle)
    scrub = (1 - 0.85 * params.arid) * (0.3 + params.green) * np.exp(0.5 * patch)
    plants = np.select(
        [cover == FARM, cover == RANGE, cover == BARE, cover == TREE, cover == DEVELOPED],
        [crop, scrub, 0.08 * scrub, 6.0 * np.exp(0.3 * patch), 0.6 * scrub], 0.05,
    )  # fmt: skip
    hedge = edge & (mottle > 0)
    trees = np.where((cover == TREE) | hedge, 1.0, np.where(cover == RANGE, 0.25, 0.0))
    plants = np.where(hedge, np.maximum(plants, 2.0), plants)
    tall = np.select([trees == 1, cover == FARM], [8.0, 0.15 + 1.1 * stage * kind + 0.2 * stage],
                     0.15 + 0.7 * plants)  # fmt: skip
    rough = np.select(
        [cover == FARM, cover == ROAD, cover == BARE, cover == DEVELOPED],
        [0.65 + 1.6 * ((own * 101.0) % 1.0) ** 1.5, 0.4, 0.7 + 0.3 * np.abs(patch), 1.0], 1.3,
    )  # fmt: skip
    wet = params.moisture * np.exp(0.25 * patch + 0.3 * (((own * 53.0) % 1.0) - 0.5) * (own >= 0))
    pale = np.clip(0.5 + 0.18 * patch + 0.5 * (((own * 71.0) % 1.0) - 0.5) * (own >= 0), 0, 1)
    live = np.where(cover == FARM, np.clip(0.4 + 1.1 * ((own * 19.0) % 1.0), 0, 1),
                    np.clip(params.green + 0.3, 0, 1))  # fmt: skip
    fields = {
        "plants": plants, "tall_m": tall, "trees": trees, "green": live,
        "stems": np.where(cover == FARM, 0.3 + 0.6 * kind, 0.4), "rough_cm": rough,
        "moisture": np.clip(wet, 0.03, 0.45), "bright": pale,
    }  # fmt: skip
    return {name: values.astype(np.float32) for name, values in fields.items()}
