"""The Eaton fire (Altadena, January 2025) as CAL FIRE inspected it, beside simulated ones.

Real: inspections of structures with damage, points by band: affected 1 to 9 %, minor 10 to 25 %,
major 26 to 50 %, destroyed over 50 %. The band is read from each point's `DAMAGE`: the names of
the files do not hold what they say (`minor_10_25` holds Major, `no_damage` holds Minor, and so on),
and structures without damage are not in the data at all, so shares are over damaged ones only.

Simulated: towns of the styles `suburb` and `garden` in a Santa Ana wind, which a fire enters along
their whole windward side. D1 and D2 stand for affected, D3 for minor, D4 for major, D5 for
destroyed. Fitted to these data: which share of houses that catch fire is lost and how near a fire
scorches (`_LOST` and `_SCORCHED` of `geomage.disaster.fire`), and, by eye, how many embers a house
throws and how well they light others (`_BRANDS_M2` and `_ROOF` of `geomage.disaster.ignition`). So
the shares are no test of the model. How damage clusters is: nothing was fitted to it. What does not
fit is that survivors stand together more than ours do: crews defend streets, ours are saved one by
one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from benchmarks._clustering import join_counts, morans_i, neighbours
from benchmarks._reality import Row
from geomage.disaster import FireParams, fire
from geomage.world import City, CityParams, grow_city

__all__ = ["MISFIT", "PARAMETERS", "PARAMS", "observed", "rows"]

FOLDER = "damage_statistics/la_fires_2025_eaton"
UTM = "EPSG:32611"
BANDS = {"Affected (1-9%)": 1, "Minor (10-25%)": 2, "Major (26-50%)": 3, "Destroyed (>50%)": 4}
_BAND = np.array([0, 1, 1, 2, 3, 4])  # of a physical grade
STYLES, SEEDS, SIZE_M = ("suburb", "garden"), range(3), 1000.0
LEAST = 150  # damaged structures in a square whose clustering counts
# Santa Ana wind of that night: gusts of 26 to 36 m/s at nearby stations, relative humidity under
# 15 %, after eight months without rain; mean wind and moisture are ours, near those
PARAMS = FireParams(
    wind_speed=22.0, wind_from_deg=30.0, hours=14.0, moisture=4.0, live_moisture=60.0,
    front_m=1000.0,
)  # fmt: skip
PARAMETERS = (
    f"towns of {SIZE_M:g} m, styles {' and '.join(STYLES)}, seeds {min(SEEDS)} to {max(SEEDS)}; "
    f"wind {PARAMS.wind_speed:g} m/s from {PARAMS.wind_from_deg:g} degrees, fine dead fuel "
    f"{PARAMS.moisture:g} %, live herbs {PARAMS.live_moisture:g} %, {PARAMS.hours:g} h, entering "
    f"along {PARAMS.front_m:g} m"
)
MISFIT = (
    "Shares are fitted. Survivors stand together more than ours do: crews defend streets, ours are "
    "saved one by one; and our towns are less dense, so fewer structures are hit."
)


def observed(data: Path) -> tuple[np.ndarray, np.ndarray]:
    """Places (n, 2) in metres and bands (n,) 1..4 of the inspected structures with damage."""
    files = sorted((data / FOLDER).glob("*.geojson"))
    table = pd.concat([gpd.read_file(f) for f in files]).drop_duplicates("GLOBALID")
    table = table[table["DAMAGE"].isin(BANDS)].to_crs(UTM)
    xy = np.stack([table.geometry.x, table.geometry.y], 1)
    return xy, table["DAMAGE"].map(BANDS).to_numpy(int)


def _simulated(city: City, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """As `observed`, of one simulated fire."""
    grade = fire(city, PARAMS, seed).buildings["grade_physical"].to_numpy()
    middle = city.buildings.geometry.centroid
    hit = grade > 0
    return np.stack([middle.x, middle.y], 1)[hit], _BAND[grade[hit]]


def _squares(xy: np.ndarray, band: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """What lies in each square as large as the simulated towns, where that is enough."""
    cell = np.unique(np.floor(xy / SIZE_M), axis=0, return_inverse=True)[1].ravel()
    parts = [(xy[cell == c], band[cell == c]) for c in range(cell.max() + 1)]
    return [part for part in parts if len(part[0]) >= LEAST]


def _share(wanted: int) -> Callable[[np.ndarray, np.ndarray], float]:
    return lambda _, band: float((band == wanted).mean())


def _moran(xy: np.ndarray, band: np.ndarray) -> float:
    return morans_i(band == 4, neighbours(xy)).value


def _joins(xy: np.ndarray, band: np.ndarray) -> float:
    """Pairs of neighbours that were both damaged and not destroyed, over those by chance."""
    return join_counts(band < 4, neighbours(xy)).ratio


def rows(data: Path) -> list[Row]:
    """Measures of the real fire and of simulated ones."""
    real = observed(data)
    squares = _squares(*real)
    made = [
        _simulated(grow_city(CityParams(SIZE_M, style, seed)), seed)
        for style in STYLES
        for seed in SEEDS
    ]
    fitted = "of structures with damage; fitted"
    shares = [
        _row(f"share {name.lower()}", _share(n)(*real), [_share(n)(*m) for m in made], fitted)
        for name, n in BANDS.items()
    ]
    where = f"mean of {len(squares)} real squares of 1 km, k = 6; ours know no fire crews"
    clusters = [
        _row(name, float(np.mean([f(*s) for s in squares])), [f(*m) for m in made], where)
        for name, f in (("Moran's I of destroyed", _moran), ("joins of survivors", _joins))
    ]
    counts = [float(len(m[0])) for m in made]
    busy = float(np.mean([len(s[0]) for s in squares]))
    note = "in a square of 1 km; real squares with 150 or more"
    return [*shares, *clusters, _row("structures with damage", busy, counts, note)]


def _row(measure: str, real: float, made: list[float], note: str) -> Row:
    return Row(measure, real, float(np.mean(made)), min(made), max(made), note)
