"""What people and wheels do to the ground: mown lawns, tracks through crops, wheel paths.

Widths are those of machines; how strongly each shows is ours, by eye.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from scipy import ndimage

from geomage.disaster.vulnerability import draws
from geomage.render import _kernels_ground as k
from geomage.render.canvas import Canvas, burn
from geomage.render.matter import MATTER

__all__ = ["tend_land", "wear_streets"]

_MOWN, _DRIVEN = 1, 2
_LAWN_M2 = 150.0  # smaller lawns are mown by hand, and show no stripes
_TRACK = np.array([0.19, 0.15, 0.105])  # soil that wheels press
_BESIDE = np.array([(0.10, 0.105, 0.055), (0.30, 0.255, 0.195)])  # weeds, dust
_WHEEL_M = 0.28  # half the width of a wheel path
_GAUGE_M = 0.8  # from the middle of a lane to a wheel path
_FINE_M = 1.0  # coarser pixels show no wheel path
_STREETS = ["geometry", "kind", "surface", "width"]


def tend_land(c: Canvas, index: np.ndarray, rows: int) -> None:
    """Mow some lawns in stripes and drive through some fields.

    index (y, x): row of the ground's table, of `rows`; that of a patch of land is one more than its
    place in the layer.
    """
    land = c.event.city.land
    kind, angle = land["kind"].to_numpy(), np.radians(land["angle"].to_numpy())
    ids = np.arange(len(land))
    chance, width, phase, strong = (
        draws(c.seed, f"tending {name}", ids) for name in ("chance", "width", "phase", "strong")
    )
    lawn = (kind == "lawn") & (chance < 0.45) & (shapely.area(land.geometry) > _LAWN_M2)
    field = (kind == "field") & (chance < 0.6)
    if not (lawn | field).any():
        return
    work = np.zeros((rows, 6))
    angle = np.where(lawn & (angle == 0), np.pi * phase, angle)
    between = np.where(lawn, 1.2 + 2.4 * width, np.round(18 + 12 * width))
    strength = np.where(lawn, 0.03 + 0.07 * strong, 0.3 + 0.5 * strong)
    work[1 : len(land) + 1] = np.stack(
        [np.where(lawn, _MOWN, np.where(field, _DRIVEN, 0)), np.cos(angle), np.sin(angle), between,
         100 * phase, strength], 1,
    )  # fmt: skip
    n = c.noise
    k.tend(
        index, work, c.at, n.fine, n.mid, n.broad, c.px, c.albedo, _TRACK, MATTER["field"],
        MATTER["bare"], c.matter, c.under, c.share, c.over,
    )  # fmt: skip


def wear_streets(c: Canvas, index: np.ndarray, rows: int) -> None:
    """Polish or darken wheel paths on streets; weeds and dust lie where no wheel goes.

    Streets are the rows of the ground's table before the last two, in the order of the layer.
    """
    streets = c.event.city.streets
    driven = (streets["kind"] != "rail").to_numpy() & ~streets["surface"].isin(["ballast"])
    if c.px > _FINE_M or not driven.any():
        return
    amount = c.noise.once("wheels", (streets,), lambda: _wheels(c, streets.loc[driven, _STREETS]))
    ids = np.arange(len(streets))
    tone, weeds = draws(c.seed, "wheels", ids), draws(c.seed, "weeds", ids)
    soft = streets["surface"].isin(["dirt", "gravel"]).to_numpy()
    table = np.zeros((rows, 3))
    first = rows - 2 - len(streets)
    factor = np.where(soft, 1.05 + 0.2 * tone, 0.87 + 0.24 * tone)
    table[first : rows - 2, 0] = np.where(driven, factor, 0)
    narrow = streets["width"].to_numpy() < 4.5
    table[first : rows - 2, 1] = soft & narrow & (weeds < 0.6)
    dusty = 0.5 * draws(c.seed, "dust", ids) ** 2 * (0.3 + 0.7 * c.when.dry) * (1 - c.when.wet)
    table[first : rows - 2, 2] = np.where(driven & ~soft, dusty, 0)
    n = c.noise
    k.wear(
        amount, index, table, n.fine, n.mid, n.coarse, c.albedo, _BESIDE,
        np.array([MATTER["meadow"], MATTER["dirt"]]), c.matter, c.under, c.share, c.over,
    )  # fmt: skip


def _wheels(c: Canvas, streets: gpd.GeoDataFrame) -> np.ndarray:
    """Where wheels go (y, x) 0..1."""
    paths = _wheel_paths(streets)
    amount = burn([(shape, 1) for shape in paths], c.box).astype(np.float32)
    return np.asarray(ndimage.uniform_filter(amount, max(round(0.5 / c.px) | 1, 3)))


def _wheel_paths(streets: gpd.GeoDataFrame) -> list[shapely.Geometry]:
    """Return one shape a street and side of a lane: where wheels go."""
    lines, width = streets.geometry.to_numpy(), streets["width"].to_numpy(float)
    lanes = np.where(width < 4.5, 1, np.where(width < 11, 2, 4))
    found: list[shapely.Geometry] = []
    for count in (1, 2, 4):
        some = lanes == count
        for lane in range(count):
            middle = width[some] * ((lane + 0.5) / count - 0.5)
            for side in (-_GAUGE_M, _GAUGE_M):
                path = shapely.offset_curve(lines[some], middle + side)
                found += list(shapely.buffer(path, _WHEEL_M, cap_style="flat"))
    return [shape for shape in found if shapely.area(shape) > 0]
