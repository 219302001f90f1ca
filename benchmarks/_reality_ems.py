"""Two earthquakes as Copernicus EMS mapped them, beside simulated ones.

Real: EMSR648 (Kahramanmaras, Türkiye 2023, monitoring 1 of 9 February 2023, `builtUpP`) and EMSR190
(Camerino, Italy 2016, grading overview of 4 November 2016, `settlements_poly`). Both list buildings
that were looked at and found undamaged, so shares are over all of them; but 4,619 points on 56 km2
are fewer than such a city has buildings, so who was left out of EMSR648 is not known. Clustering
over the whole package counts what differs from one end of a city to the other, too; in squares as
large as the simulated town it does not.

Magnitude, place and depth: USGS, events us6000jllz (M 7.8, 6 February 2023; 37.226 N 37.014 E) and
us1000731j (M 6.6, 30 October 2016; 42.862 N 13.096 E). Damage of the shocks next to them (M 7.5 of
the same day; M 6.1 of 26 October) is in the real shares and not in the simulated ones.

Classes are those seen from above: destroyed is our visible grade 3 (D5 that shows), damaged our
visible grades 1 and 2 (D3 and D4 that show), as the mapping room has it. Possibly damaged has no
counterpart: the simulator is never in doubt.

Simulated twice: a grown town of a style that is nearest (not a copy: typology and storeys are the
style's), and buildings of a stated mix, drawn at random, at the places of the package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from odc.geo import wh_
from odc.geo.geobox import GeoBox

from benchmarks._clustering import join_counts, morans_i, neighbours
from benchmarks._reality import Row
from geomage.disaster import EarthquakeParams
from geomage.disaster.earthquake import harmed, shaken
from geomage.geo import Raster
from geomage.world import City, CityParams, grow_city

__all__ = ["CASES", "Case", "observed", "parameters", "rows"]

SEEDS = range(12)
LEAST, FEW = 150, 10  # buildings in a square, and hit ones, whose clustering counts
_CLASS = np.array([0, 2, 2, 3])  # visible grade -> 0 none, 1 possibly, 2 damaged, 3 destroyed


@dataclass(frozen=True)
class Case:
    """One package and what is simulated beside it."""

    name: str
    layer: str  # zip!shapefile
    column: str
    classes: Mapping[str, int]  # 0 none, 1 possibly, 2 damaged, 3 destroyed
    crs: str  # metres
    params: EarthquakeParams
    city: CityParams
    mix: Mapping[str, float]  # typology -> share, at the places of the package; ours
    storeys: tuple[int, ...]  # drawn from, there; ours
    misfit: str  # what does not fit, and why


CASES = (
    Case(
        "EMSR648 Kahramanmaras 2023",
        "EMSR648_AOI04_GRA_MONIT01_r1_VECTORS_v1_vector.zip"
        "!EMSR648_AOI04_GRA_MONIT01_builtUpP_r1_v1.shp",
        "damage_gra",
        {"No visible damage": 0, "Possibly damaged": 1, "Damaged": 2, "Destroyed": 3},
        "EPSG:32637",
        EarthquakeParams(7.8, 39_000, 10.0, 167.0, code="none"),
        CityParams(1400.0, "centre", 7),
        {"reinforced concrete": 0.85, "masonry": 0.15},
        (3, 4, 5, 6, 7, 8, 9),
        "Real damage is all or nothing: more buildings destroyed than damaged. Binomial grades "
        "have too thin a tail at D5 and too many D3 and D4. Real damage also differs between "
        "quarters kilometres apart (the join counts of the whole package) more than shaking with "
        "our site term does: no basin, no age of quarters is simulated. A point source is used "
        "where the fault broke for 300 km.",
    ),
    Case(
        "EMSR190 Camerino 2016",
        "EMSR190_16CAMERINO_GRADING_OVERVIEW_v2_vector.zip"
        "!EMSR190_16CAMERINO_02GRADING_v2_10000_settlements_poly_grading.shp",
        "grading",
        {
            "Not Affected": 0,
            "Negligible to slight damage": 1,
            "Moderately Damaged": 2,
            "Highly Damaged": 2,
            "Completely Destroyed": 3,
        },
        "EPSG:32633",
        EarthquakeParams(6.6, 30_500, 8.0, 176.0, code="none"),
        CityParams(900.0, "oldtown", 7),
        {"masonry": 0.8, "reinforced concrete": 0.2},
        (1, 2, 2, 3, 3, 4),
        "Simulated towns show more damage than EMS mapped: from a satellite, D3 (tiles and "
        "chimneys) is seldom seen, and here it counts as seen. 17 damaged buildings are few for "
        "statistics of clustering, and squares of 900 m hold too few of them.",
    ),
)


def parameters(case: Case) -> str:
    """What gave the simulated numbers, in a line."""
    p = case.params
    return (
        f"M {p.magnitude:g}, epicentre {p.distance_m / 1000:g} km at {p.azimuth_deg:g} degrees, "
        f"depth {p.depth_km:g} km, code {p.code}; {case.city.style} of {case.city.size_m:g} m; "
        f"at the real places {dict(case.mix)}, {min(case.storeys)} to {max(case.storeys)} storeys; "
        f"{len(SEEDS)} seeds"
    )


def observed(case: Case, data: Path) -> tuple[np.ndarray, np.ndarray]:
    """Places (n, 2) in metres and classes (n,) 0..3 of the buildings of a package."""
    table = gpd.read_file(f"zip://{data / 'ems'}/{case.layer}").to_crs(case.crs)
    centres = table.geometry.centroid
    return np.stack([centres.x, centres.y], 1), table[case.column].map(case.classes).to_numpy(int)


def clustering(xy: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Joins of damaged or destroyed over chance, their z, and Moran's I of the same."""
    near = neighbours(xy)
    joins = join_counts(found >= 2, near)
    return np.array([joins.ratio, joins.z, morans_i(found >= 2, near).value])


def in_squares(xy: np.ndarray, found: np.ndarray, side: float) -> np.ndarray:
    """Median over squares of `clustering`; those with few buildings, or few hit, are left out."""
    square = np.unique(np.floor((xy - xy.min(0)) / side).astype(int), axis=0, return_inverse=True)[
        1
    ]
    parts = [np.flatnonzero(square.ravel() == k) for k in range(square.max() + 1)]
    good = [p for p in parts if len(p) >= LEAST and (found[p] >= 2).sum() >= FEW]
    if not good:
        return np.full(3, np.nan)
    return np.asarray(np.median([clustering(xy[p], found[p]) for p in good], 0))


def at_places(case: Case, xy: np.ndarray) -> City:
    """Buildings of the case's mix at places (n, 2), on level ground of 20 m cells."""
    rng, n, gsd = np.random.default_rng(5), len(xy), 20.0
    low = xy.min(0) - 200
    nx, ny = np.ceil((np.ptp(xy, 0) + 400) / gsd).astype(int).tolist()
    box = GeoBox(wh_(nx, ny), Affine(gsd, 0, low[0], 0, -gsd, low[1] + ny * gsd), case.crs)
    houses = gpd.GeoDataFrame(
        {
            "building_id": np.arange(1, n + 1),
            "typology": rng.choice(list(case.mix), n, p=list(case.mix.values())),
            "storeys": rng.choice(case.storeys, n),
            "height": 10.0,
        },
        geometry=shapely.box(*(xy - 5).T, *(xy + 5).T),
        crs=case.crs,
    )
    ground = Raster(np.zeros((1, ny, nx), np.float32), box, None, ("height",))
    empty = grow_city(CityParams(64.0, "village", 2))
    return replace(empty, dtm=ground, buildings=houses)


def simulated(city: City, params: EarthquakeParams, seed: int) -> np.ndarray:
    """Classes (n,) 0..3 that the buildings of a city show."""
    table = harmed(city, shaken(city, params, seed), params.code, seed)
    return np.asarray(_CLASS[table["grade_visible"].to_numpy()])


def _places(city: City) -> np.ndarray:
    at = city.buildings.geometry.centroid
    return np.stack([at.x, at.y], 1)


def _shares(found: np.ndarray) -> np.ndarray:
    return np.bincount(found, minlength=4) / len(found)


def _row(name: str, real: float, values: np.ndarray, note: str = "") -> Row:
    known = values[np.isfinite(values)]
    if not len(known):
        return Row(name, float(real), np.nan, np.nan, np.nan, note)
    return Row(name, float(real), float(known.mean()), float(known.min()), float(known.max()), note)


def rows(case: Case, data: Path) -> list[Row]:
    """Return the rows of one case."""
    xy, found = observed(case, data)
    town, places = grow_city(case.city), at_places(case, xy)
    grown = [simulated(town, case.params, s) for s in SEEDS]
    placed = [simulated(places, case.params, s) for s in SEEDS]
    real, a, b = _shares(found), *(np.array([_shares(v) for v in g]) for g in (grown, placed))
    out = []
    for where, found_shares in (("grown town", a), ("at the real places", b)):
        out += [
            _row(f"destroyed, {where}", real[3], found_shares[:, 3]),
            _row(f"damaged, {where}", real[2], found_shares[:, 2]),
        ]
    doubt = np.full(1, np.nan)
    out.append(_row("possibly damaged", real[1], doubt, "the simulator is never in doubt"))
    side = case.city.size_m
    at = _places(town)
    whole, squares = clustering(xy, found), in_squares(xy, found, side)
    inner = np.array(
        [clustering(at, v) if (v >= 2).sum() >= FEW else np.full(3, np.nan) for v in grown]
    )
    outer = np.array(
        [clustering(xy, v) if (v >= 2).sum() >= FEW else np.full(3, np.nan) for v in placed]
    )
    names = ("joins over chance", "joins, z", "Moran's I")
    for k, name in enumerate(names):
        out.append(_row(f"{name}, town against squares of {side:g} m", squares[k], inner[:, k]))
        out.append(_row(f"{name}, at the real places", whole[k], outer[:, k]))
    return out
