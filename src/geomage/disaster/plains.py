"""Floods of landscapes: where the river spreads, rain fills hollows and fields hold water.

Ground within a cell is uneven: water a height e over its mean covers the share Phi(e / s) of it,
with Phi the normal law and s the deviation of heights in the cell. Shares, depths and s are ours.

Three waters lie over each other. The river stands a level above what drains to it (HAND, see
`drainage`); rain fills a share of each closed hollow; fields with bunds hold a sheet of their own,
as paddies and basins do, the likelier the lower they lie. What dried already is soaked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, special

from geomage.disaster.drainage import fill_hollows, height_above_drainage, streams
from geomage.errors import InputError
from geomage.world.landscape import FARM, Landscape

__all__ = [
    "FLOODED",
    "PERMANENT",
    "Inundation",
    "PlainFlood",
    "before_flood",
    "flood_landscape",
    "sample_flood",
]

DRY, FLOODED, PERMANENT = 0, 1, 2
_FILM_M = 0.03  # the least depth of water that stands
_LEAST = 0.03  # share under water that counts
_POND_M = 1.0  # of permanent water
_CHANNEL_CELLS = 4000  # that drain together make a stream, where there is no water


@dataclass(frozen=True)
class PlainFlood:
    """A flood of a landscape."""

    level_m: float = 1.5  # of the river over what drains to it
    fallen_m: float = 0.5  # by which it fell since its peak; what lay between is soaked
    hollows: float = 0.3  # share of each closed hollow that rain filled
    bunded: float = 0.2  # share of low fields that hold water of their own
    soaked: float = 0.7  # how wet the soil of the rest became, of its pores
    uneven_m: float = 0.08  # standard deviation of heights within a cell

    def __post_init__(self) -> None:
        for name, most in (("level_m", 100), ("fallen_m", 100), ("hollows", 1), ("bunded", 1),
                           ("soaked", 1), ("uneven_m", 5)):  # fmt: skip
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise InputError(f"a flood with {name} of {value:g} is outside 0..{most:g}")


@dataclass(frozen=True)
class Inundation:
    """Water (y, x) when the satellite passes.

    share: of the cell that is under water; depth: metres, where it is; both of permanent water too;
    soaked: 0..1, how far pores are filled where nothing stands; flood: 0 dry, 1 flooded (half of
    the cell or more), 2 permanent water.
    """

    share: np.ndarray
    depth: np.ndarray
    soaked: np.ndarray
    flood: np.ndarray


def sample_flood(rng: np.random.Generator) -> PlainFlood:
    """Draw a flood: of a river, of rain, of paddies, or of all; wide ones are common."""
    level = float(np.exp(rng.uniform(np.log(0.4), np.log(8)))) if rng.random() < 0.8 else 0.0
    return PlainFlood(
        level_m=level,
        fallen_m=float(rng.uniform(0, 0.6) * level),
        hollows=float(rng.uniform(0, 0.9)) if rng.random() < 0.6 else 0.0,
        bunded=float(rng.choice([0.0, rng.uniform(0.1, 0.7), rng.uniform(0.6, 1.0)])),
        soaked=float(rng.uniform(0.1, 1.0)),
        uneven_m=float(np.exp(rng.uniform(np.log(0.03), np.log(0.5)))),
    )


def flood_landscape(land: Landscape, flood: PlainFlood, seed: int = 0) -> Inundation:
    """Flood a landscape; the same seed gives the same bytes."""
    rng = np.random.default_rng([seed, 62])
    ground = land.ground.astype(float)
    drainage = land.water if land.water.any() else streams(ground, _CHANNEL_CELLS)
    if not drainage.any():
        drainage = ground == ground.min()
    hand = height_above_drainage(ground, drainage)
    rough = flood.uneven_m * np.exp(0.5 * ndimage.gaussian_filter(rng.normal(size=hand.shape), 1))
    over = flood.level_m - hand if flood.level_m > 0 else np.full(hand.shape, -9.0)
    stands = np.maximum(over - flood.fallen_m, _hollows(ground, flood.hollows))
    stands = np.maximum(stands, _paddies(land, hand, flood.bunded, rng))
    share = np.asarray(special.ndtr(stands / np.maximum(rough, 0.01)))
    share = np.where(share < _LEAST, 0.0, share)
    soaked = np.maximum(flood.soaked, np.asarray(special.ndtr(over / np.maximum(rough, 0.01))))
    return _inundation(land, share, np.maximum(stands, 0.0), soaked)


def before_flood(land: Landscape) -> Inundation:
    """Permanent water alone."""
    nothing = np.zeros(land.ground.shape)
    return _inundation(land, nothing, nothing, nothing)


def _inundation(
    land: Landscape, share: np.ndarray, depth: np.ndarray, soaked: np.ndarray
) -> Inundation:
    """Lay permanent water over what stands elsewhere."""
    flood = np.where(land.water, PERMANENT, np.where(share >= 0.5, FLOODED, DRY))
    share = np.where(land.water, 1.0, share)
    depth = np.where(land.water, np.maximum(depth, _POND_M), np.maximum(depth, _FILM_M))
    depth = np.where(share > 0, depth, 0.0)
    return Inundation(
        share.astype(np.float32), depth.astype(np.float32), soaked.astype(np.float32),
        flood.astype(np.uint8),
    )  # fmt: skip


def _hollows(ground: np.ndarray, share: float) -> np.ndarray:
    """Metres (y, x) of water over the ground where rain filled so much of each closed hollow."""
    none = np.full(ground.shape, -9.0)
    if share == 0:
        return none
    sill = fill_hollows(ground)
    hollow, count = ndimage.label(ndimage.binary_opening(sill - ground > _FILM_M))
    if count == 0:
        return none
    deepest = ndimage.maximum(sill - ground, hollow, np.arange(count + 1))
    missing = (1 - share) * np.asarray(deepest)[hollow]
    return np.asarray(np.where(hollow > 0, sill - ground - missing, -9.0))


def _paddies(
    land: Landscape, hand: np.ndarray, share: float, rng: np.random.Generator
) -> np.ndarray:
    """Metres (y, x) of water that fields hold: whole fields, the low ones first, some half."""
    out = np.full(hand.shape, -9.0)
    farm = land.cover == FARM
    if share == 0 or not farm.any():
        return out
    number, where = np.unique(land.parcel[farm], return_inverse=True)
    height = np.bincount(where, hand[farm]) / np.bincount(where)
    rank = height.argsort().argsort() / max(len(number), 2)
    lot = 0.6 * rank + 0.4 * rng.random(len(number))
    holds = lot < np.quantile(lot, share)
    sheet = np.where(holds, rng.uniform(-0.05, 0.3, len(number)), -9.0)
    out[farm] = sheet[where]
    micro = ndimage.gaussian_filter(rng.normal(size=hand.shape), 2) * 0.25
    return np.asarray(out + micro)
