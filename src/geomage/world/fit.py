"""Fit a style to a measured town, so that towns grown from it look like it.

What is measured directly (footprints, elongation, coverage, storeys, directions) goes straight
into the style. What only shows when a town has grown is found by growing small towns: fabric,
spacing and districts by a search, kept by their distance to the measured town; coverages and
elongations by correcting what went in by what came out (simulation-based calibration). The same
form and the same seed give the same style.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

import geopandas as gpd
import numpy as np
import shapely

from geomage.errors import InputError
from geomage.world.city import CityParams
from geomage.world.form_layers import city_layers
from geomage.world.grow import grow_city
from geomage.world.measure import Form, distances, measure_form, pooled
from geomage.world.style import Style
from geomage.world.style_file import LIMITS
from geomage.world.styles import STYLES
from geomage.world.town import arterials, plan_town, sketch_quarter

__all__ = ["FitParams", "fit_style", "nearest_style"]

LEVELS = np.linspace(0, 1, 21)  # probabilities of the quantiles in a fitted style
TAIL_LEVELS = np.linspace(0, 1, 101)  # of footprints: one palace among many houses stays one
HEADING_LEVELS = np.linspace(0, 1, 41)
OPEN = 0.02  # a block less covered is open land
STREETS = {"degree": 1.5, "bearing": 1.0, "orientation_entropy": 1.0, "block_m2": 0.5}
HOUSES = {"footprint_m2": 1.0, "elongation": 1.0, "coverage": 1.0}
NO_BARRIER: Mapping[str, float] = MappingProxyType({"none": 1.0})
# tried first: fabrics whose lines differ, districts (m), spacing of streets in measured blocks
FABRICS_TRIED = ("grid", "bent", "culdesac", "radial", "organic")
DISTRICTS = (260.0, 400.0, 640.0, 1000.0)
SPACINGS = (0.8, 1.2, 1.5)
SKETCHES = 3  # networks laid for each town grown
BEND = 0.03  # of a district, how far arterials stray at most
STRAIGHT = 1.0  # order of streets within a district; the districts' directions are measured


@dataclass(frozen=True)
class FitParams:
    """How long to search."""

    seed: int = 0
    """Seeds the towns grown while fitting."""
    towns: int = 2
    """Towns grown for each candidate."""
    rounds: int = 3
    """Rounds of refining the streets, and of correcting what the buildings come out as; 0 grows
    no town."""
    size_m: float | None = None
    """Side of the towns grown; that of the measured town, 1000 to 1300 m, when None."""

    def __post_init__(self) -> None:
        if self.towns < 1 or self.rounds < 0:
            raise InputError("a fit needs at least 1 town and 0 rounds")


def fit_style(form: Form, params: FitParams | None = None, name: str = "fitted") -> Style:
    """Fit a style to a measured town.

    Args:
        form: what `measure_form` found; what it lacks is taken from the nearest shipped style.
        params: how long to search.
        name: of the style.
    """
    params = params or FitParams()
    side = params.size_m or float(np.clip(np.sqrt(form.area_m2), 1000, 1300))
    style = replace(_measured(form, nearest_style(form)), name=name)
    if len(form.block_m2) and len(form.degree):
        style = _search_streets(form, style, params, side)
    if not params.rounds:
        return style  # with nothing to compare them with, towns would be grown in vain
    return _correct_buildings(form, style, params, side)


def quantiles(values: np.ndarray, levels: np.ndarray = LEVELS) -> tuple[float, ...]:
    """Quantiles at even steps of probability, to four digits.

    Each of n values stands for 1/n of the town (Hazen 1914), the least and the largest, too: of
    few blocks none is lost at the ends.
    """
    return tuple(float(f"{v:.4g}") for v in np.quantile(values, levels, method="hazen"))


def nearest_style(form: Form) -> Style:
    """The shipped style whose buildings are nearest in size and density; it lends the looks."""
    size = np.log(np.median(form.footprint_m2))
    dense = np.median(form.coverage[form.coverage > OPEN]) if (form.coverage > OPEN).any() else 0.3

    def far(style: Style) -> float:
        cover = float(np.mean(style.coverage))
        return float(
            abs(size - np.log(np.mean(style.parcel_m2) * cover)) + 2 * abs(dense - 0.75 * cover)
        )

    return min(STYLES.values(), key=far)


def _measured(form: Form, base: Style) -> Style:
    """The base with all that a form states directly; buildings only by measured footprints."""
    built = form.coverage[form.coverage > OPEN]
    share = float(np.mean(form.coverage > OPEN)) if len(form.coverage) else 1.0
    cover = built if len(built) else np.array(base.coverage) * 0.75
    style = replace(
        base,
        footprint_m2=quantiles(np.clip(form.footprint_m2, *LIMITS["footprint_m2"]), TAIL_LEVELS),
        elongation=quantiles(np.clip(form.elongation, 0.05, 1)),
        block_coverage=quantiles(np.clip(cover, 0, 0.95)),
        attached=round(float(np.mean(form.attached)), 3),
        plans=_plans(form, base),
        land_use=_land_use(base, share),
        parcel_m2=_range("parcel_m2", form.parcel_m2, base),
        storeys=_range("storeys", form.storeys, base),
        street_width_m=_range("street_width_m", form.street_width_m, base),
        arterial_m=_range("arterial_m", _widest(form.street_width_m), base),
        empty=0.0,
        outbuilding=0.0,
        barriers=NO_BARRIER,
        quarters=MappingProxyType({}),
        lanes=False,
        strip_m=0.0,
    )
    if not len(form.block_m2):
        return style
    low, high = np.median(form.block_sides_m, axis=0)
    return replace(
        style,
        block_m=_spacing(low, high),
        order=STRAIGHT,
        heading_deg=_headings(form),
        dead_ends=round(form.degree_shares()[1], 3),
    )


def _widest(width_m: np.ndarray) -> np.ndarray:
    """The widest tenth of streets: those that bound districts."""
    return width_m[width_m >= np.quantile(width_m, 0.9)] if len(width_m) else width_m


def _headings(form: Form) -> tuple[float, ...]:
    """Quantiles over street length of directions from the main one, degrees."""
    order = np.argsort(form.bearing_deg, kind="stable")
    metres = form.bearing_m[order]
    middle = (np.cumsum(metres) - 0.5 * metres) / metres.sum()
    found = np.interp(HEADING_LEVELS, middle, form.bearing_deg[order])
    return tuple(round(float(v), 1) for v in np.clip(found, -45, 45))


def _range(field: str, values: np.ndarray, base: Style) -> tuple[float, float]:
    """From the 10th to the 90th percentile, or that of the base where nothing was measured."""
    if not len(values):
        low, high = getattr(base, field)
        return low, high
    low, high = np.clip(np.quantile(values, [0.1, 0.9]), *LIMITS[field])
    return float(f"{low:.4g}"), float(f"{high:.4g}")


def _spacing(low: float, high: float) -> tuple[float, float]:
    low = float(np.clip(low, 20, 800))
    return round(low, 1), round(float(np.clip(high, low, 1500)), 1)


def _plans(form: Form, base: Style) -> Mapping[str, float]:
    """Weights of plans from courtyards and corners: four are a box, six an L, eight a T or U."""
    n, court = form.corners, form.courtyard > 0
    shares = {
        "courtyard": np.mean(court),
        "box": np.mean(~court & (n <= 5)),
        "L": np.mean(~court & (n > 5) & (n <= 7)),
        "T": 0.6 * np.mean(~court & (n > 7) & (n <= 10)),
        "U": 0.4 * np.mean(~court & (n > 7) & (n <= 10)),
        "cluster": np.mean(~court & (n > 10)),
    }
    known = {k: round(float(v), 3) for k, v in shares.items() if round(float(v), 3) > 0}
    return MappingProxyType(known) if known else base.plans


def _land_use(base: Style, built: float) -> Mapping[str, float]:
    """The open uses of the base, in its proportions, beside a measured share of built blocks."""
    halls = {"built", "hall", "school", "depot"}  # their buildings are among the measured ones
    waste = {"field", "forest", "meadow", "orchard", "bare", "paddock"}  # lone farms stand on them
    open_ = {k: v for k, v in base.land_use.items() if k not in halls | waste} or {"park": 1.0}
    scale = (1 - built) / sum(open_.values())
    shares = {"built": round(built, 4)} | {k: round(v * scale, 4) for k, v in open_.items()}
    return MappingProxyType({k: v for k, v in shares.items() if v > 0})


def _bare(style: Style) -> Style:
    """A style without what takes time to grow and is not measured."""
    return replace(
        style, trees_per_ha=(0, 0), street_trees=0.0, vehicles_per_100m=0.0, wooded=0.0, pool=0.0
    )


def _seeds(params: FitParams, count: int) -> list[int]:
    return [int(s) for s in np.random.SeedSequence([params.seed, 7]).generate_state(count)]


def _grown(style: Style, params: FitParams, side: float) -> list[Form]:
    """Forms of a few towns grown from a style; a town without buildings has none."""
    towns = [
        city_layers(grow_city(CityParams(side, _bare(style), seed)))
        for seed in _seeds(params, params.towns)
    ]
    return [measure_form(t.buildings, t.streets, t.plots) for t in towns if len(t.buildings)]


def _sketched(style: Style, params: FitParams, side: float) -> list[Form]:
    """Forms of the streets alone of a few towns, which grow in a tenth of the time."""
    square, forms = shapely.box(0, 0, side, side), []
    for seed in _seeds(params, SKETCHES * params.towns):
        town = plan_town(CityParams(side, style, seed))
        quarters = [sketch_quarter(town, d) for d in town.skeleton.touching(square)]
        inner = [s for q in quarters for s in q.network.streets if s.kind != "path"]
        lines = np.array([s.line for s in [*inner, *arterials(town, quarters)]], object)
        inside = gpd.GeoDataFrame(geometry=shapely.intersection(lines, square))
        forms.append(measure_form(None, inside[~inside.is_empty]))
    return forms


def _far(form: Form, grown: list[Form], weights: Mapping[str, float]) -> float:
    """Root mean square of distances, each the median over towns; 1 where a town lacks it."""
    names = [name for name in weights if _has(form, name)]
    if not (grown and names):
        return 1.0
    found = np.array([[distances(form, g)[n] for n in names] for g in grown])
    middle = np.median(np.nan_to_num(found, nan=1.0), axis=0)
    return float(np.sqrt(np.average(middle**2, weights=[weights[n] for n in names])))


def _has(form: Form, name: str) -> bool:
    value = getattr(form, {"bearing": "bearing_deg"}.get(name, name))
    return bool(len(value)) if isinstance(value, np.ndarray) else not np.isnan(value)


def _search_streets(form: Form, style: Style, params: FitParams, side: float) -> Style:
    """Find fabric, districts and spacing one after the other, then all but the fabric by steps."""

    def score(candidate: Style) -> float:
        return _far(form, _sketched(candidate, params, side), STREETS)

    low, high = style.block_m
    style = _districts(style, DISTRICTS[1] if low < 200 else 2.5 * low)
    if not params.rounds:
        return style
    least, seen = score(style), [style]
    stages: list[Callable[[Style], list[Style]]] = [
        lambda s: [replace(s, fabric=f) for f in FABRICS_TRIED if f != s.fabric],
        lambda s: [_districts(s, d) for d in DISTRICTS if d > 1.5 * low],
        lambda s: [replace(s, block_m=_spacing(low * k, high * k)) for k in SPACINGS],
        *([partial(_steps, factor=1.5 ** (1 / (1 + k))) for k in range(params.rounds)]),
    ]
    for stage in stages:
        for candidate in stage(style):
            if candidate in seen:
                continue
            seen.append(candidate)
            found = score(candidate)
            if found < least:
                style, least = candidate, found
    return style


def _districts(style: Style, pitch: float) -> Style:
    """A style with districts of a pitch, metres; arterials bend no more than these bear."""
    low = round(float(np.clip(pitch, *LIMITS["district_m"])), 1)
    return replace(style, district_m=(low, low), bend_m=min(style.bend_m, round(BEND * low, 2)))


def _steps(style: Style, factor: float) -> list[Style]:
    """Neighbours of a style in its street parameters."""
    low, high = style.block_m
    spacings = [
        (low * factor, high * factor),
        (low / factor, high / factor),
        (low, high * factor),
        (low, high / factor),
    ]
    found = [replace(style, block_m=_spacing(*s)) for s in spacings]
    found += [_districts(style, style.district_m[0] * f) for f in (factor, 1 / factor)]
    found += [replace(style, bricks=b) for b in (0.1, 0.3) if b != style.bricks]
    found += [replace(style, order=v) for v in _beside(style.order, factor)]
    return found + [replace(style, dead_ends=v) for v in _beside(style.dead_ends, factor)]


def _beside(share: float | None, factor: float) -> list[float]:
    """Shares a step below and above one."""
    if share is None:
        return []
    step = 0.3 * (factor - 1)
    return [round(float(v), 3) for v in np.clip([share - step, share + step], 0, 1)]


def _correct_buildings(form: Form, style: Style, params: FitParams, side: float) -> Style:
    """Correct what goes in by what comes out, and keep the round nearest to the form."""
    best, least = style, np.inf
    for _ in range(params.rounds + 1):
        grown = _grown(style, params, side)
        if not grown:
            return best
        found = _far(form, grown, HOUSES) + 0.3 * abs(_share(form) - _share(pooled(grown)))
        if found < least:
            best, least = style, found
        style = _corrected(style, form, pooled(grown))
    return best


def _share(form: Form) -> float:
    return float(np.mean(form.attached))


def _corrected(style: Style, form: Form, grown: Form) -> Style:
    """Move what goes in by part of what its outcome misses the target."""
    attached = style.attached + 0.7 * (_share(form) - _share(grown))
    style = replace(
        style,
        attached=round(float(np.clip(attached, 0, 1)), 3),
        elongation=_moved(style.elongation, form.elongation, grown.elongation),
    )
    target, came = (c[c > OPEN] for c in (form.coverage, grown.coverage))
    if not (len(target) and len(came)):
        return style
    ratio = np.clip(np.median(target) / np.median(came), 0.85, 1.15) ** 0.5
    cover = np.clip(np.array(style.block_coverage) * ratio, 0.01, 0.95)
    share = style.land_use["built"] + 0.7 * float(
        np.mean(form.coverage > OPEN) - np.mean(grown.coverage > OPEN)
    )
    return replace(
        style,
        block_coverage=tuple(float(f"{v:.4g}") for v in cover),
        land_use=_land_use(style, float(np.clip(share, 0.05, 1))),
    )


def _moved(given: tuple[float, ...], target: np.ndarray, came: np.ndarray) -> tuple[float, ...]:
    """Elongations moved against their miss, within a quarter of the target."""
    goal = np.quantile(target, LEVELS)
    ratio = goal / np.maximum(np.quantile(came, LEVELS), 0.05)
    moved = np.clip(np.array(given) * ratio**0.5, 0.75 * goal, 1.33 * goal)
    rising = np.maximum.accumulate(np.clip(moved, 0.05, 1))
    return tuple(float(f"{v:.4g}") for v in rising)
