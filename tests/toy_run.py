"""A small finished mapping run on real files: six buildings, one of each kind of answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from geopandas import GeoDataFrame
from odc.geo.geobox import GeoBox
from shapely.geometry import Polygon, box

from geomage.geo import Raster, pixel_box, rasterise, write_cog

CREATED = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
SHAPE = (80, 100)
UTM = "EPSG:32615"

# grade, (none, minor, major, destroyed), reason: one row of buildings, west to east
ANSWERS: list[tuple[int, tuple[float, ...], str | None]] = [
    (4, (0.02, 0.03, 0.05, 0.9), None),  # Destroyed
    (3, (0.02, 0.15, 0.65, 0.18), None),  # Damaged
    (2, (0.03, 0.5, 0.2, 0.27), None),  # Damaged
    (2, (0.41, 0.45, 0.1, 0.04), None),  # Possibly damaged: P(any) is .59
    (1, (0.9, 0.05, 0.03, 0.02), None),  # No visible damage
    (0, (np.nan,) * 4, "obscured at second date"),  # Not Analysed
]


@dataclass(frozen=True)
class Run:
    """A mapping run as the product room sees it."""

    rasters: Mapping[str, Path]
    buildings: GeoDataFrame
    not_analysed: GeoDataFrame
    facts: Mapping[str, Any]


def grid(crs: str | None) -> GeoBox:
    """80 x 100 px of 0.5 m."""
    if crs is None:
        return pixel_box(SHAPE, 0.5)
    return GeoBox(SHAPE, Affine(0.5, 0, 366_000.0, 0, -0.5, 4_104_000.0), crs)


def on_ground(shape: Polygon, where: GeoBox) -> Polygon:
    """A polygon in pixels (column, row) brought to the CRS of a grid."""
    return Polygon([where.affine @ point for point in shape.exterior.coords[:-1]])


def footprints(where: GeoBox) -> list[Polygon]:
    """Six houses of 10 x 10 px in a row, 5 px apart."""
    return [on_ground(box(5 + 15 * i, 30, 15 + 15 * i, 40), where) for i in range(6)]


def make_run(folder: Path, crs: str | None = UTM, answers: list[Any] | None = None) -> Run:
    """Write the rasters of a run and hand it over."""
    folder.mkdir(parents=True, exist_ok=True)
    where, rows = grid(crs), ANSWERS if answers is None else answers
    shapes = footprints(where)[: len(rows)]
    frame = GeoDataFrame(
        {
            "building_id": range(1, len(rows) + 1),
            "grade": [grade for grade, _, _ in rows],
            **{
                name: [p[i] for _, p, _ in rows]
                for i, name in enumerate(("p_none", "p_minor", "p_major", "p_destroyed"))
            },
            "confidence": [max(p) for _, p, _ in rows],
            "area_m2": [25.0] * len(rows),
            "not_analysed_reason": np.array([reason for _, _, reason in rows], object),
        },
        geometry=shapes,
        crs=crs,
    )
    hidden = on_ground(box(78, 20, 95, 60), where)
    unseen = GeoDataFrame({"reason": ["obscured at second date"]}, geometry=[hidden], crs=crs)
    state = frame.assign(code=np.where(frame["grade"] == 0, 255, frame["grade"]))
    damage = rasterise([hidden], where) * np.uint8(255)
    if len(frame):
        burnt = rasterise(state, where, column="code")
        damage = np.where(burnt > 0, burnt, damage).astype(np.uint8)
    built = rasterise(shapes, where) * np.uint8(230)
    flood = np.zeros(SHAPE, np.uint8)
    flood[60:80, :40] = 1
    flood[0, 0] = 1  # a speck
    layers = {
        "building": built,
        "landcover": np.where(built > 0, 8, 2).astype(np.uint8),
        "damage": damage,
        "flood": flood,
        "change": np.zeros(SHAPE, np.uint8),
    }
    rasters = {
        name: write_cog(folder / f"{name}.tif", Raster(values[None], where))
        for name, values in layers.items()
    }
    facts = {
        "model": {"name": "toy", "building_threshold": 0.5, "trained_on": "nothing"},
        "shift": {"dx_m": 0.0, "dy_m": 0.0, "score": 1.0, "reason": ""},
    }
    return Run(rasters, frame, unseen, facts)


def of_one_date(run: Run) -> Run:
    """The same run without its second image: no damage, flood or change, and nothing assessed."""
    unknown = dict.fromkeys(("p_none", "p_minor", "p_major", "p_destroyed"), np.nan)
    frame = run.buildings.assign(grade=0, not_analysed_reason="no second image", **unknown)
    return Run(
        {name: run.rasters[name] for name in ("building", "landcover")},
        frame,
        run.not_analysed.iloc[:0],
        {**run.facts, "shift": None},
    )


def make_image(path: Path, crs: str | None = UTM, value: int = 90) -> Path:
    """An image of one colour on the grid of the run."""
    values = np.full((3, *SHAPE), value, np.uint8)
    return write_cog(path, Raster(values, grid(crs), bands=("red", "green", "blue")))
