"""Measure the form of a town: distributions of footprints, blocks, streets and their junctions.

Buildings and blocks are measured with momepy (Fleischmann 2019, doi:10.21105/joss.01807; the
extra [fit]). The orientation of streets follows Boeing 2019 (doi:10.1007/s41109-019-0189-1), but
is measured from the main direction of the town, so that turning a town changes nothing.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields
from types import ModuleType
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geomage.errors import BudgetError, InputError, MissingExtraError
from geomage.world.junctions import count_degrees, node_streets

__all__ = ["Form", "measure_form"]

SMALLEST_M2 = 12.0  # kiosks and bins below it are left out
MOST_BUILDINGS = 200_000  # a form is of a town, not of a country
SMALLEST_BLOCK_M2 = 400.0  # traffic islands below it, or narrower than 10 m, are no blocks
HULL_M = 10.0  # how far the extent reaches around the buildings
BINS = 36  # of 10 degrees, as in Boeing 2019
MAIN_DEG = 3.0  # how far from the main direction a street still follows it
ENTROPY_OF_GRID = float(np.log(4))  # four directions, each a quarter
ENTROPY_MOST = float(np.log(BINS))


@dataclass(frozen=True)
class Form:
    """Distributions that describe a town; empty where nothing could be measured."""

    footprint_m2: np.ndarray
    elongation: np.ndarray
    """Short over long side of a footprint's smallest box: 1 is square."""
    rectangularity: np.ndarray
    """Footprint over the area of its smallest box."""
    corners: np.ndarray
    """Corners of a footprint, courtyards not counted."""
    courtyard: np.ndarray
    """1 where a footprint has a courtyard, else 0."""
    attached: np.ndarray
    """1 where a building shares a wall of at least 1 m, else 0."""
    storeys: np.ndarray
    block_m2: np.ndarray
    block_sides_m: np.ndarray
    """(n, 2) short and long side of the smallest box around each block, metres."""
    coverage: np.ndarray
    """Footprints over the area of their block, of blocks inside the extent."""
    parcel_m2: np.ndarray
    bearing_deg: np.ndarray
    """Direction of each piece of street from the main one, -45..45, modulo 90 degrees."""
    bearing_m: np.ndarray
    """Length of each piece."""
    degree: np.ndarray
    """Streets that meet at each junction; 1 at a dead end, never 2."""
    street_width_m: np.ndarray
    orientation_entropy: float
    """Of 36 bins weighted by length, nats: ln 4 for a perfect grid, ln 36 for no direction."""
    area_m2: float
    """Of the convex hull of the buildings, or of the streets where that is larger."""
    street_m: float
    """Length of streets."""
    notes: tuple[str, ...] = ()
    """What could not be measured, and why."""

    @property
    def order(self) -> float:
        """Boeing's orientation order: 1 for a perfect grid, 0 for streets in all directions."""
        if np.isnan(self.orientation_entropy):
            return float("nan")
        share = (self.orientation_entropy - ENTROPY_OF_GRID) / (ENTROPY_MOST - ENTROPY_OF_GRID)
        return float(1 - np.clip(share, 0, 1) ** 2)

    def degree_shares(self) -> dict[int, float]:
        """Share of dead ends (1) and of junctions of 3, 4 and 5 or more streets."""
        return {
            k: float(np.mean(np.minimum(self.degree, 5) == k)) if len(self.degree) else 0.0
            for k in (1, 3, 4, 5)
        }


def require_momepy() -> ModuleType:
    """Import momepy, or say how to install it."""
    try:
        import momepy  # noqa: PLC0415 -- an extra
    except ImportError as error:
        raise MissingExtraError(
            f"measuring a town needs {error.name}: install geomage with its extra, "
            "pip install 'geomage[fit]'"
        ) from error
    found: ModuleType = momepy
    return found


def measure_form(
    buildings: gpd.GeoDataFrame | None,
    streets: gpd.GeoDataFrame | None = None,
    plots: gpd.GeoDataFrame | None = None,
) -> Form:
    """Measure a town; of one without buildings the streets.

    Args:
        buildings: footprints, in a projected CRS in metres.
        streets: centre lines in the same CRS; a column `width` (metres) is used where given.
        plots: parcels; without them the cells of a morphological tessellation stand for parcels
            (Fleischmann et al. 2020, doi:10.1016/j.compenvurbsys.2019.101441).

    Raises:
        BudgetError: more than 200,000 buildings.
        InputError: no building of 12 m² or more among the buildings, or nothing at all.
        MissingExtraError: momepy is not installed.
    """
    notes: list[str] = []
    if buildings is None:
        return _streets_alone(streets, notes)
    momepy = require_momepy()
    houses = _footprints(buildings)
    if houses.empty:
        raise InputError(f"no building of {SMALLEST_M2:g} m² or more: nothing to measure")
    extent = houses.union_all().convex_hull.buffer(HULL_M)
    with warnings.catch_warnings():  # momepy looks at shapes one by one, and libraries warn in it
        warnings.simplefilter("ignore")
        shapes = _shapes(momepy, houses)
        parcels = _parcels(momepy, houses, plots, extent, notes)
    return Form(
        **shapes,
        **_streets(streets, houses, extent, notes),
        storeys=_storeys(buildings),
        parcel_m2=parcels,
        area_m2=_extent_m2(extent, streets),
        notes=tuple(notes),
    )


def _extent_m2(extent: BaseGeometry, streets: gpd.GeoDataFrame | None) -> float:
    if streets is None or streets.empty:
        return float(extent.area)
    return float(max(extent.area, streets.union_all().convex_hull.area))


def _streets_alone(streets: gpd.GeoDataFrame | None, notes: list[str]) -> Form:
    if streets is None or streets.empty:
        raise InputError("no buildings and no streets: nothing to measure")
    extent = streets.union_all().convex_hull
    found = _streets(streets, gpd.GeoSeries([], crs=streets.crs), extent, notes)
    empty = {f.name: np.empty(0) for f in fields(Form) if f.type == "np.ndarray"}
    return Form(**empty | found, area_m2=float(extent.area), notes=tuple(notes))


def _footprints(buildings: gpd.GeoDataFrame) -> gpd.GeoSeries:
    """Single valid polygons of 12 m² or more, without those that lie inside a larger one."""
    if len(buildings) > MOST_BUILDINGS:
        raise BudgetError(
            f"{len(buildings)} buildings are more than {MOST_BUILDINGS}: cut out a part of the town"
        )
    shapes = buildings.geometry.force_2d().make_valid().explode(ignore_index=True)
    shapes = shapes[(shapes.geom_type == "Polygon") & (shapes.area >= SMALLEST_M2)]
    shapes = shapes.reset_index(drop=True)
    inner, outer = shapes.sindex.query(shapes.representative_point(), "within")
    area = shapes.area.to_numpy()
    inside = np.unique(inner[(inner != outer) & ((area[inner] < area[outer]) | (inner > outer))])
    return shapes.drop(index=inside).reset_index(drop=True)


def _shapes(momepy: ModuleType, houses: gpd.GeoSeries) -> dict[str, Any]:
    frame = gpd.GeoDataFrame(geometry=houses)
    walls = momepy.shared_walls(frame, strict=False, tolerance=0.1)
    outlines = gpd.GeoSeries(
        shapely.simplify(shapely.polygons(houses.exterior.to_numpy()), 0.2), crs=houses.crs
    )
    return {
        "footprint_m2": houses.area.to_numpy(),
        "elongation": momepy.elongation(frame).to_numpy(),
        "rectangularity": momepy.rectangularity(frame).to_numpy(),
        "corners": momepy.corners(gpd.GeoDataFrame(geometry=outlines)).to_numpy(),
        "courtyard": (momepy.courtyard_area(frame).to_numpy() > 4.0).astype(float),
        "attached": (walls.to_numpy() > 1.0).astype(float),
    }


def _storeys(buildings: gpd.GeoDataFrame) -> np.ndarray:
    """Storeys where given, else heights in metres over 2.9 m."""
    for name, unit in (("storeys", 1.0), ("building:levels", 1.0), ("height", 2.9)):
        if name in buildings:
            values = buildings[name].astype(str).str.extract(r"^\s*([0-9.]+)")[0]
            numbers = values.astype(float).to_numpy() / unit
            kept = numbers[np.isfinite(numbers) & (numbers >= 0.5) & (numbers < 200)]
            if len(kept) >= 10:
                return np.asarray(kept)
    return np.empty(0)


def _parcels(
    momepy: ModuleType,
    houses: gpd.GeoSeries,
    plots: gpd.GeoDataFrame | None,
    extent: BaseGeometry,
    notes: list[str],
) -> np.ndarray:
    if plots is not None and len(plots):
        inside = plots[plots.representative_point().within(extent)]
        return np.asarray(inside.area.to_numpy())
    if len(houses) < 5:
        notes.append("fewer than 5 buildings and no plots: parcels are not measured")
        return np.empty(0)
    notes.append("no plots: cells around the buildings stand for parcels")
    limit = houses.union_all().buffer(60) & extent
    step = float(np.clip(np.sqrt(houses.area.median()) / 8, 1, 100))
    try:
        cells = momepy.morphological_tessellation(
            gpd.GeoDataFrame(geometry=houses), clip=limit, shrink=0.4, segment=step
        )
    except (ValueError, TypeError, RuntimeError, shapely.GEOSException):  # GEOS on odd shapes
        notes.append("the cells could not be drawn: parcels are not measured")
        return np.empty(0)
    return np.asarray(cells.area.to_numpy())


def _streets(
    streets: gpd.GeoDataFrame | None, houses: gpd.GeoSeries, extent: BaseGeometry, notes: list[str]
) -> dict[str, Any]:
    """All that is measured on streets; empty, with a note, where there are none."""
    lines = np.empty(0, object) if streets is None else node_streets(streets.geometry.to_numpy())
    none = np.empty(0)
    if not len(lines):
        notes.append("no streets: blocks, junctions and directions are not measured")
        return {
            **dict.fromkeys(("block_m2", "coverage", "bearing_deg", "bearing_m"), none),
            **dict.fromkeys(("degree", "street_width_m"), none),
            "block_sides_m": np.empty((0, 2)),
            "orientation_entropy": float("nan"),
            "street_m": 0.0,
        }
    assert streets is not None
    blocks, coverage = _blocks(lines, houses, extent)
    if not len(coverage):
        notes.append("the streets close no block among the buildings: coverage is not measured")
    bearing, length = bearings(lines)
    turned = turn_to_main(bearing, length)
    width = streets["width"].to_numpy(float) if "width" in streets else none
    return {
        "block_m2": shapely.area(blocks),
        "block_sides_m": _sides(blocks),
        "coverage": coverage,
        "bearing_deg": (turned + 45) % 90 - 45,
        "bearing_m": length,
        "degree": count_degrees(lines),
        "street_width_m": width[np.isfinite(width) & (width > 0)],
        "orientation_entropy": entropy(turned, length),
        "street_m": float(length.sum()),
    }


def _blocks(
    lines: np.ndarray, houses: gpd.GeoSeries, extent: BaseGeometry
) -> tuple[np.ndarray, np.ndarray]:
    """Blocks that streets close, and the coverage of those that lie in the extent to 80 %."""
    blocks = shapely.get_parts(shapely.polygonize(lines))
    blocks = blocks[shapely.area(blocks) >= SMALLEST_BLOCK_M2]
    blocks = blocks[~shapely.is_empty(shapely.buffer(blocks, -5.0))]
    seen = blocks[shapely.area(shapely.intersection(blocks, extent)) > 0.8 * shapely.area(blocks)]
    which, house = houses.sindex.query(seen, "intersects")
    shared = shapely.area(shapely.intersection(seen[which], houses.to_numpy()[house]))
    built = np.bincount(which, shared, len(seen))
    return blocks, built / shapely.area(seen)


def _sides(blocks: np.ndarray) -> np.ndarray:
    if not len(blocks):
        return np.empty((0, 2))
    boxes = shapely.get_coordinates(shapely.minimum_rotated_rectangle(blocks)).reshape(-1, 5, 2)
    sides = np.hypot(*np.moveaxis(boxes[:, 1:3] - boxes[:, :2], -1, 0))
    return np.asarray(np.sort(sides, axis=1))


def bearings(lines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Directions (0..180 degrees anticlockwise from east) and lengths (m) of all pieces."""
    xy, owner = shapely.get_coordinates(shapely.simplify(lines, 1.0), return_index=True)
    step = np.diff(xy, axis=0)[owner[1:] == owner[:-1]]
    return np.degrees(np.arctan2(step[:, 1], step[:, 0])) % 180, np.hypot(*step.T)


def turn_to_main(bearing_deg: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Turn directions so that the main one modulo 90 degrees, where most street lies, is at 0."""
    quarter = bearing_deg % 90
    dense = np.bincount(np.round(quarter).astype(int) % 90, length, 90)
    apart = np.minimum(np.arange(90), 90 - np.arange(90))
    near = np.exp(-0.5 * (apart / MAIN_DEG) ** 2)
    smooth = [float(dense @ np.roll(near, k)) for k in range(90)]
    off = (quarter - int(np.argmax(smooth)) + 45) % 90 - 45
    close = np.abs(off) < 2 * MAIN_DEG
    main = np.argmax(smooth) + np.average(off[close], weights=length[close])
    return np.asarray((bearing_deg - main) % 180)


def entropy(bearing_deg: np.ndarray, length: np.ndarray) -> float:
    """Shannon entropy, nats, of directions and their reverses in 36 bins; 0 is a bin's middle."""
    both = np.concatenate([bearing_deg, bearing_deg + 180])
    bins = np.round(both * BINS / 360).astype(int) % BINS
    share = np.bincount(bins, np.tile(length, 2), BINS)
    share = share[share > 0] / share.sum()
    return float(-(share * np.log(share)).sum())


def ks_distance(
    one: np.ndarray,
    other: np.ndarray,
    one_weight: np.ndarray | None = None,
    other_weight: np.ndarray | None = None,
) -> float:
    """Two-sample Kolmogorov-Smirnov distance, weighted where weights are given; NaN where empty.

    sup |F(x) - G(x)|; without weights the statistic of `scipy.stats.ks_2samp`.
    """
    if not (len(one) and len(other)):
        return float("nan")
    at = np.unique(np.concatenate([one, other]))
    F, G = (_cumulated(v, w, at) for v, w in ((one, one_weight), (other, other_weight)))
    return float(np.abs(F - G).max())


def _cumulated(values: np.ndarray, weights: np.ndarray | None, at: np.ndarray) -> np.ndarray:
    order = np.argsort(values)
    share = np.ones(len(values)) if weights is None else weights[order]
    total = np.concatenate([[0.0], np.cumsum(share)])
    return np.asarray(total[np.searchsorted(values[order], at, "right")] / total[-1])


def distances(one: Form, other: Form) -> dict[str, float]:
    """Distances of two towns, each 0 (alike) to 1; NaN where one lacks the measure.

    Kolmogorov-Smirnov for distributions (street directions weighted by length), and for the one
    number `orientation_entropy` the difference over its range, ln 36 - ln 4.
    """
    named = ("footprint_m2", "elongation", "coverage", "degree", "block_m2")
    found = {name: ks_distance(getattr(one, name), getattr(other, name)) for name in named}
    found["bearing"] = ks_distance(
        one.bearing_deg, other.bearing_deg, one.bearing_m, other.bearing_m
    )
    differ = abs(one.orientation_entropy - other.orientation_entropy)
    found["orientation_entropy"] = min(differ / (ENTROPY_MOST - ENTROPY_OF_GRID), 1.0)
    return found


def pooled(forms: list[Form]) -> Form:
    """Return one form that holds the measures of several; its scalars are their means."""
    values = {f.name: [getattr(form, f.name) for form in forms] for f in fields(Form)}
    notes = values.pop("notes")
    joined: dict[str, Any] = {
        k: np.concatenate(v) if isinstance(v[0], np.ndarray) else float(np.mean(v))
        for k, v in values.items()
    }
    return Form(**joined, notes=tuple(dict.fromkeys(n for some in notes for n in some)))
