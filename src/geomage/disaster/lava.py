"""Lava: parcels that descend by stochastic steepest descent and rest by their yield strength.

Paths follow DOWNFLOW (Favalli et al. 2005, Geophys. Res. Lett. 32, L03305): each parcel goes down
the steepest way over ground whose unevenness is drawn anew. As in MrLavaLoba (de' Michieli Vitturi
and Tarquini 2018, J. Volcanol. Geotherm. Res. 349, 323-334) what earlier parcels left raises the
ground for later ones. What a parcel leaves is what a Bingham fluid needs to rest (Hulme 1974): on
level ground the flow ends as the dome of Blake (1990), h(r)^2 = 2 k (R - r), k = tau / (rho g).
Heat is left out: a flow stops when its volume is spent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from affine import Affine

from geomage.disaster._kernels_creep import pour
from geomage.disaster.event import ids_on
from geomage.disaster.vulnerability import kernel_seed
from geomage.world import City

__all__ = [
    "EIGHT_SIDES",
    "FOLLOWED_M",
    "WALL_M",
    "Lava",
    "building_heights",
    "disc_radius",
    "flow_lava",
    "parcels",
    "plane_of",
    "rim_distance",
    "unit_rest",
    "uphill_of",
    "vent_place",
]

EIGHT_SIDES = 1.25
"""Factor on k, since a parcel rests against the steepest of eight sides, not the slope itself: with
it domes are within 8 % of Blake's radius; on slopes lava rests up to half as thick again (ours)."""
WALL_M = 3.0
"""Height of a building that lava goes around; thicker lava goes over it (ours)."""
FOLLOWED_M = 2000.0
"""How far beyond the town's rim a vent may lie for its lava to be followed."""
_DENSITY = 2500.0  # kg/m3, of basaltic lava with few bubbles
_SMALLEST_M3 = 20.0
_COUNT = 20_000  # parcels of the smallest volume before they begin to grow
_MARGIN_M = 400.0  # most ground that is added around a vent
_ROUGH_M = 0.15  # deflects parcels as the +-Dh of DOWNFLOW does (ours)


@dataclass(frozen=True)
class Lava:
    """Lava on the terrain grid.

    thickness: (y, x) metres.
    beyond_m3: what came to rest outside the town's grid, or flowed on over its rim.
    followed: whether the vent is near enough for its lava to be followed.
    """

    thickness: np.ndarray
    beyond_m3: float
    followed: bool


def unit_rest(yield_pa: float) -> float:
    """K = tau / (rho g), metres: thickness times surface slope of lava at rest."""
    return yield_pa / (_DENSITY * 9.81)


def disc_radius(volume_m3: float, k: float) -> float:
    """Radius in metres of lava at rest on level ground, R = (15 V / (8 pi sqrt(2 k)))^(2/5).

    That is the volume of h(r)^2 = 2 k (R - r) (Blake 1990), solved for R.
    """
    return float((15 * volume_m3 / (8 * np.pi * np.sqrt(2 * k))) ** 0.4)


def parcels(volume_m3: float) -> np.ndarray:
    """Volumes (n,) of parcels, m3: those of a smaller eruption come first in a larger one.

    Parcels of 20 m3, and from the 20 000th on a share of all before, so that their number grows
    with the logarithm of the volume. What more volume adds never takes lava away from a cell.
    """
    whole = _SMALLEST_M3 * _COUNT
    more = max(0, int(np.ceil(np.log(max(volume_m3 / whole, 1.0)) * _COUNT)) + 2)
    growing = _SMALLEST_M3 * np.exp(np.arange(more) / _COUNT)
    sizes = np.concatenate([np.full(_COUNT, _SMALLEST_M3), growing])
    before = np.cumsum(sizes) - sizes
    sizes = sizes[before < volume_m3]
    if len(sizes):
        sizes[-1] = volume_m3 - sizes[:-1].sum()
    return np.asarray(sizes)


def plane_of(z: np.ndarray, gsd: float) -> tuple[float, float]:
    """Rise of the least-squares plane through a terrain (y, x), (to the east, to the south)."""
    i, j = np.indices(z.shape)
    i, j = (i - i.mean()) * gsd, (j - j.mean()) * gsd
    return float((z * j).sum() / (j**2).sum()), float((z * i).sum() / max((i**2).sum(), 1e-9))


def flow_lava(
    city: City, vent: tuple[float, float], volume_m3: float, yield_pa: float, seed: int
) -> Lava:
    """Let lava flow from a vent over the terrain and around buildings of less than 3 m of lava.

    A vent outside the grid needs ground to flow over: there the terrain goes on from the rim along
    the plane that fits the town best, since nothing else is known of it.

    Args:
        city: the city.
        vent: (x, y) in its CRS.
        volume_m3: erupted.
        yield_pa: yield strength of the lava, Pa.
        seed: of the event.
    """
    box = city.dtm.box
    gsd = abs(box.affine.a)
    z = city.dtm.values[0].astype(np.float64)
    still = Lava(np.zeros(z.shape), volume_m3, followed=True)
    column, row = (int(np.floor(v)) for v in ~box.affine @ vent)
    if rim_distance(city, vent) > FOLLOWED_M:
        return Lava(still.thickness, volume_m3, followed=False)
    if volume_m3 <= 0:
        return still
    k = unit_rest(yield_pa)
    walls = np.minimum(building_heights(city), WALL_M)
    margin = int(min(1.2 * disc_radius(volume_m3, k) + 10.0, _MARGIN_M) / gsd)
    pads = _pads(z.shape, (row, column), margin)
    ground = _extended(z, gsd, pads) + np.pad(walls, pads)
    h = np.zeros(ground.shape)
    at = (row + pads[0][0], column + pads[1][0])
    loads = parcels(volume_m3) / gsd**2
    away = pour(ground, h, loads, *at, EIGHT_SIDES * k, gsd, _ROUGH_M, kernel_seed(seed))
    (top, _), (left, _) = pads
    inside = h[top : top + z.shape[0], left : left + z.shape[1]]
    rest = float(h.sum() - inside.sum())
    return Lava(inside.copy(), (away + rest) * gsd**2, followed=True)


def building_heights(city: City) -> np.ndarray:
    """Height (y, x) of buildings above the ground, metres."""
    top = np.zeros(int(city.buildings["building_id"].to_numpy().max(initial=0)) + 1)
    top[city.buildings["building_id"].to_numpy()] = city.buildings["height"].to_numpy(float)
    return np.asarray(top[ids_on(city)])


def _pads(
    shape: tuple[int, int], vent: tuple[int, int], margin: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Cells to add (before, after) along rows and columns, so that the vent lies well inside."""
    rows, columns = (
        (max(0, margin - at), max(0, at - n + 1 + margin))
        for at, n in zip(vent, shape, strict=True)
    )
    return rows, columns


def _extended(
    z: np.ndarray, gsd: float, pads: tuple[tuple[int, int], tuple[int, int]]
) -> np.ndarray:
    """Terrain (y, x) that goes on from its rim along its plane."""
    east, south = plane_of(z, gsd)
    out = np.pad(z, pads, mode="edge")
    i = np.arange(out.shape[0]) - pads[0][0]
    j = np.arange(out.shape[1]) - pads[1][0]
    beyond_i = i - np.clip(i, 0, z.shape[0] - 1)
    beyond_j = j - np.clip(j, 0, z.shape[1] - 1)
    return np.asarray(out + gsd * (south * beyond_i[:, None] + east * beyond_j[None]))


def vent_place(city: City, distance_m: float, azimuth_deg: float) -> tuple[float, float]:
    """Place (x, y) at a distance from the town's centre, azimuth clockwise from north."""
    a = city.dtm.box.boundingbox
    turn = np.radians(azimuth_deg)
    return (
        (a.left + a.right) / 2 + distance_m * float(np.sin(turn)),
        (a.bottom + a.top) / 2 + distance_m * float(np.cos(turn)),
    )


def rim_distance(city: City, place: tuple[float, float]) -> float:
    """How far a place (x, y) lies beyond the rim of the terrain grid, metres; 0 inside."""
    a = city.dtm.box.boundingbox
    x, y = place
    return float(np.hypot(max(a.left - x, x - a.right, 0.0), max(a.bottom - y, y - a.top, 0.0)))


def uphill_of(city: City) -> float | None:
    """Azimuth in degrees in which the town's plane rises; None where it has no relief."""
    at: Affine = city.dtm.box.affine
    east, south = plane_of(city.dtm.values[0].astype(np.float64), abs(at.a))
    if np.hypot(east, south) < 1e-5:
        return None
    return float(np.degrees(np.arctan2(east, -south)) % 360)
