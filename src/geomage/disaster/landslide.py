"""Landslide: slopes that fail under rain or shaking, and soil that runs out downhill.

Stability is that of the infinite slope, made wet by rain or moved by shaking (`stability`). The
terrain is parted into units of some hundred square metres, the sizes that shallow slides have most
often (Malamud et al. 2004: 400 m2); each has strengths of its own and fails as a whole or not at
all, and each runs out as if it were alone. So more rain only ever adds slides.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise

import geopandas as gpd
import numpy as np
from scipy import ndimage
from scipy.special import ndtri

from geomage.disaster._kernels_creep import contributing, nearest_unit, slide_down
from geomage.disaster.damage import Struck, at_trees, build_event, fail, most_around, untouched
from geomage.disaster.debris import spill
from geomage.disaster.event import Event
from geomage.disaster.lava import WALL_M, building_heights
from geomage.disaster.stability import (
    SMOOTH_M,
    displacement_cm,
    failure_chance,
    reach_tangent,
    safety_factor,
    slope_of,
    wetness,
)
from geomage.disaster.vulnerability import draws, grades, kernel_seed, lognormal_grades
from geomage.errors import InputError
from geomage.geo import rasterise, vectorise
from geomage.world import City

__all__ = [
    "LandslideParams",
    "Slides",
    "degree_of_loss",
    "landslide",
    "slides",
]

_UNIT_M = 22.0  # spacing of the units a slope is parted into
_STOOD = 1.1  # factor of safety that each slope had at least before it was struck (ours)
_LONG = 1.35  # square root of the length of a unit over its width (ours)
_LEAST_M2 = 40.0
_TAPER_M = 3.0  # from the rim of a scar to its full depth
_COHESION_SD, _FRICTION_SD = 0.35, 0.09  # of the logarithms, between units (ours)
_CORRELATION_M = 40.0  # of strength from unit to unit (ours)
_SPREAD_M = 2.4  # of what a parcel leaves (ours)
_PILE_M = 4.0  # of soil that stands without spreading (ours)
_REST_M = 0.12  # k of soil that comes to rest: some 2 kPa of yield strength (ours)
_LOSS = np.array([0.05, 0.2, 0.4, 0.6, 0.8])  # degree of loss at which D1..D5 is as likely as not
_BETA = 0.3  # ours
_GAP_M = 0.5  # of a street that broke away and lets nobody pass (ours)
_FELLS_M = 0.3  # of soil that takes a tree (ours)
_WAYS = {
    3: {"cover": 0.3, "partial": 0.7},
    4: {"partial": 0.8, "open": 0.2},
    5: {"collapse": 0.55, "swept": 0.45},
}


@dataclass(frozen=True)
class LandslideParams:
    """What sets slopes off, and the soil they carry."""

    trigger: str = "rain"  # rain or shaking
    rain_mm: float = 150.0  # mm a day that seep in, when rain is the trigger
    pga_g: float = 0.4  # peak ground acceleration in g, when shaking is the trigger
    wet: float = 0.3  # share of the soil's depth under water, when shaking is the trigger
    soil_m: float = 1.5  # depth of soil across the slope
    cohesion_pa: float = 5_000.0  # of soil and roots; 0..10 kPa are usual
    friction_deg: float = 34.0  # angle of internal friction; 25..45 are usual
    transmissivity: float = 65.0  # m2 a day, after Montgomery and Dietrich (1994); not checked

    def __post_init__(self) -> None:
        if self.trigger not in {"rain", "shaking"}:
            raise InputError(f"trigger {self.trigger!r} is unknown: choose rain or shaking")
        spans = {
            "rain_mm": (0, 3000, "mm a day"), "pga_g": (0, 3, "g"), "wet": (0, 1, ""),
            "soil_m": (0.1, 20, "m"), "cohesion_pa": (0, 1e5, "Pa"),
            "friction_deg": (5, 60, "degrees"), "transmissivity": (0.1, 1e4, "m2 a day"),
        }  # fmt: skip
        for name, (least, most, unit) in spans.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise InputError(
                    f"{name} of {value:g} is outside {least:g}..{most:g} {unit}".rstrip()
                    + ": choose a value within"
                )


@dataclass(frozen=True)
class Slides:
    """What broke away and where it went, on the terrain grid.

    scar, rest, passed: (y, x) metres that broke away, came to rest, went over a cell in motion.
    speed: (y, x) m/s, the fastest.
    count: of units that failed.
    away_m3: what left the grid.
    least_safety: smallest factor of safety of any unit; infinite where all is level.
    steepest_deg: steepest unit.
    """

    scar: np.ndarray
    rest: np.ndarray
    passed: np.ndarray
    speed: np.ndarray
    count: int
    away_m3: float
    least_safety: float
    steepest_deg: float


def degree_of_loss(depth_m: np.ndarray) -> np.ndarray:
    """Share of a building's value lost at a depth of debris, metres.

    V = 1 - exp(-1.671 (((d + 3.189) / 3.189) - 1)^1.746), Papathoma-Koehle et al. (2015), Environ.
    Modell. Softw. 63, 156-169.
    """
    return np.asarray(-np.expm1(-1.671 * (np.maximum(depth_m, 0.0) / 3.189) ** 1.746))


def _depth_of_loss(loss: np.ndarray) -> np.ndarray:
    """Inverse of `degree_of_loss`, metres."""
    return np.asarray(3.189 * (-np.log1p(-loss) / 1.671) ** (1 / 1.746))


def _units(z: np.ndarray, gsd: float, seed: int) -> np.ndarray:
    """Number (y, x) of the unit each cell belongs to: nearest point of a lattice thrown about.

    Distance counts for less downhill than across, since slides are longer than wide.
    """
    smooth = ndimage.gaussian_filter(z, 2 * SMOOTH_M / gsd, mode="nearest")
    south, east = np.gradient(smooth, gsd)
    steep = np.maximum(np.hypot(south, east), 1e-9)
    south, east = south / steep, east / steep
    unit = nearest_unit(south, east, gsd / _UNIT_M, _LONG, kernel_seed(seed))
    return np.asarray(np.unique(unit, return_inverse=True)[1].reshape(z.shape))


def slides(city: City, params: LandslideParams, seed: int = 0) -> Slides:
    """Find the units that fail and let them run out."""
    gsd = abs(city.dtm.box.affine.a)
    z = city.dtm.values[0].astype(np.float64)
    unit = _units(z, gsd, seed)
    count = int(unit.max()) + 1
    slope = slope_of(z, gsd)
    wet = rasterise(list(city.water.geometry), city.dtm.box).astype(bool)
    size = np.bincount(unit.ravel(), ~wet.ravel(), count) * gsd**2
    tilt = _mean(unit, slope, count)
    factor = _unit_safety(params, seed, unit, (z, slope, gsd))
    factor[(size < _LEAST_M2) | (tilt < np.radians(4.0))] = np.inf
    failed = _failing(params, seed, factor, tilt)
    scar = np.where(failed[unit] & ~wet, _scar_shape(unit, gsd) * params.soil_m, 0.0)
    scar /= np.maximum(np.cos(slope), 0.3)  # soil is measured across the slope, scars upright
    rest, passed, speed, away = _run_out(city, unit, scar, params.soil_m, seed)
    return Slides(
        scar, rest, passed, speed, int(failed.sum()), away * gsd**2,
        float(factor.min(initial=np.inf)), float(np.degrees(tilt.max(initial=0.0))),
    )  # fmt: skip


def _mean(unit: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    cells = np.maximum(np.bincount(unit.ravel(), minlength=count), 1)
    return np.asarray(np.bincount(unit.ravel(), values.ravel(), count) / cells)


def _unit_safety(
    params: LandslideParams,
    seed: int,
    unit: np.ndarray,
    ground: tuple[np.ndarray, np.ndarray, float],
) -> np.ndarray:
    """Factor of safety (units,) with strengths that are alike in units near each other.

    What would not have stood before the rain or the shaking is taken to be as strong as it needs.
    """
    z, slope, gsd = ground
    count = int(unit.max()) + 1
    tilt = _mean(unit, slope, count)
    stood = params.wet if params.trigger == "shaking" else 0.0
    m = np.full(count, params.wet)
    if params.trigger == "rain":
        order = np.argsort(-z.ravel(), kind="stable")
        width = contributing(z, order, gsd) / gsd
        m = wetness(_mean(unit, width, count), tilt, params.rain_mm, params.transmissivity)
    strong, rough = (_alike(seed, n, unit, gsd) for n in (72, 73))
    cohesion = params.cohesion_pa * np.exp(_COHESION_SD * strong)
    friction = np.tan(np.radians(params.friction_deg)) * np.exp(_FRICTION_SD * rough)
    dry = safety_factor(tilt, np.full(count, stood), params.soil_m, cohesion, friction)
    factor = safety_factor(tilt, m, params.soil_m, cohesion, friction)
    return np.asarray(factor * np.maximum(_STOOD / dry, 1.0))


def _alike(seed: int, number: int, unit: np.ndarray, gsd: float) -> np.ndarray:
    """Standard normal value (units,), one half shared over 40 m, one half a unit's own."""
    count = int(unit.max()) + 1
    noise = np.random.default_rng([seed, number]).normal(size=unit.shape)
    wide = ndimage.gaussian_filter(noise, _CORRELATION_M / 2 / gsd, mode="wrap")
    wide /= max(float(wide.std()), 1e-9)
    own = ndtri(np.clip(draws(seed, f"strength {number}", np.arange(count)), 1e-9, 1 - 1e-9))
    return np.asarray(np.sqrt(0.5) * (_mean(unit, wide, count) + own))


def _failing(
    params: LandslideParams, seed: int, factor: np.ndarray, tilt: np.ndarray
) -> np.ndarray:
    """Which units fail: those under 1 in rain; under shaking, by how far they are moved."""
    if params.trigger == "rain":
        return np.asarray(factor < 1)
    finite = np.where(np.isfinite(factor), factor, 1e9)
    critical = np.maximum(finite - 1, 0.0) * np.sin(tilt)
    chance = failure_chance(displacement_cm(critical, params.pga_g))
    return np.asarray(draws(seed, "slide", np.arange(len(factor))) < chance)


def _scar_shape(unit: np.ndarray, gsd: float) -> np.ndarray:
    """Depth (y, x) 0..1 of a scar in each unit: 0.4 at the unit's rim, 1 from 3 m inwards."""
    rim = np.zeros(unit.shape, bool)
    rim[1:] |= unit[1:] != unit[:-1]
    rim[:-1] |= unit[1:] != unit[:-1]
    rim[:, 1:] |= unit[:, 1:] != unit[:, :-1]
    rim[:, :-1] |= unit[:, 1:] != unit[:, :-1]
    inside = ndimage.distance_transform_edt(~rim) * gsd
    return np.asarray(np.clip(0.4 + 0.6 * inside / _TAPER_M, 0.0, 1.0))


def _run_out(
    city: City, unit: np.ndarray, scar: np.ndarray, soil_m: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Let each unit's scar run out; what rests, passed, its speed (y, x), what left the grid."""
    z = city.dtm.values[0].astype(np.float64)
    gsd = abs(city.dtm.box.affine.a)
    broken = np.flatnonzero(scar > 0)
    broken = broken[np.argsort(unit.flat[broken], kind="stable")]
    names, starts = np.unique(unit.flat[broken], return_index=True)
    starts = np.append(starts, len(broken)).astype(np.int64)
    depth = scar.flat[broken]
    crowns = np.zeros((len(names), 3))
    volume = np.zeros(len(names))
    for n, (a, b) in enumerate(pairwise(starts)):
        top = broken[a + int(np.argmax(z.flat[broken[a:b]]))]
        crowns[n] = (*np.unravel_index(top, z.shape), z.flat[top])
        volume[n] = depth[a:b].sum() * gsd**2
    ground = z + np.minimum(building_heights(city), WALL_M)
    rest, passed, speed, away = slide_down(
        ground, broken, starts, depth, crowns, reach_tangent(volume), _REST_M, gsd,
        kernel_seed(seed), names.astype(np.int64), 2.0 * soil_m,
    )  # fmt: skip
    # parcels are as wide as a cell; mirrored at the rim, the filter keeps their volume
    rest = ndimage.gaussian_filter(rest, _SPREAD_M / gsd, mode="reflect", truncate=3.0)
    return _slumped(rest, gsd), passed, speed, away


def _slumped(rest: np.ndarray, gsd: float) -> np.ndarray:
    """Thickness (y, x) when what lies over 4 m, left by slides that met, spreads to its sides.

    Each pass keeps the volume, and more soil never comes to lie thinner anywhere.
    """
    for wide in (6.0, 10.0, 16.0):
        over = np.maximum(rest - _PILE_M, 0.0)
        rest = rest - over + ndimage.gaussian_filter(over, wide / gsd, mode="reflect", truncate=3)
    return rest


def impact(city: City, found: Slides) -> np.ndarray:
    """Depth (n,) of soil at each building, metres: at rest, in motion, or gone from under it."""
    return most_around(city, np.maximum(found.scar, np.maximum(found.rest, found.passed)))


def _gaps(city: City, scar: np.ndarray) -> gpd.GeoDataFrame:
    """Shapes of scars that no car drives through, as obstacles."""
    deep = scar > _GAP_M
    shapes = vectorise(deep.astype(np.uint8), city.dtm.box, mask=deep)
    return shapes.assign(cause="landslide")


def loss_chance(depth_m: np.ndarray) -> np.ndarray:
    """Chances (n, 5) of reaching D1..D5 at a depth of debris."""
    return lognormal_grades(depth_m, _depth_of_loss(_LOSS), _BETA)


def landslide(city: City, params: LandslideParams, seed: int = 0, *, hours: float = 24.0) -> Event:
    """Strike a city with landslides: soil breaks away, runs out and buries what is in its way.

    The raster `slide` is negative where soil broke away and positive where it came to rest; its
    intensity is the depth of soil that broke away, passed or came to rest.
    """
    found = slides(city, params, seed)
    table = untouched(city)
    depth = impact(city, found)
    u = draws(seed, "grade", table["building_id"].to_numpy())
    table["grade_physical"] = grades(loss_chance(depth), u)
    table["intensity"] = depth
    table["velocity"] = most_around(city, found.speed)
    table["cause"] = np.where(table["grade_physical"] > 0, "landslide", "none")
    fail(seed, table, city, _WAYS)
    table.loc[table["failure"] == "intact", "side"] = 0.0
    touched = np.maximum(found.scar, np.maximum(found.rest, found.passed))
    gone = at_trees(city, touched) > _FELLS_M
    struck = Struck(
        table,
        touched,
        "m of soil",
        {
            "slide": found.rest - found.scar,
            "velocity": found.speed,
            "debris_height": spill(city, table),
        },
        trees=(np.where(gone, 0.0, 1.0), np.zeros(len(gone))),
        obstacles=_gaps(city, found.scar),
    )
    return build_event("landslide", city, asdict(params) | {"seed": seed}, struck, hours)
