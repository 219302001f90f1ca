"""Floods of landscapes: where the river spreads, rain fills hollows and fields hold water.

Three waters lie over each other. The river stands a level above what drains to it (HAND, see
`drainage`); rain fills a share of each closed hollow; fields with bunds hold a sheet of their own, as
paddies and basins do, the likelier the lower they lie. What dried already is soaked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from geomage.disaster.drainage import fill_hollows, height_above_drainage, streams
from geomage.errors import InputError
from geomage.world.landscape import DEVELOPED, FARM, ROAD, Landscape

__all__ = ["FLOODED", "PERMANENT", "Inundation", "PlainFlood", "flood_landscape", "sample_flood"]

DRY, FLOODED, PERMANENT = 0, 1, 2
_CALLED_M = 0.03  # of water that is called a flood
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

    def __post_init__(self) -> None:
        for name, most in (("level_m", 100), ("fallen_m", 100), ("hollows", 1), ("bunded", 1),
                           ("soaked", 1)):  # fmt: skip
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise InputError(f"a flood with {name} of {value:g} is outside 0..{most:g}")


@dataclass(frozen=True)
class Inundation:
    """Water (y, x) when the satellite passes.

    depth: metres, of permanent water too; soaked: 0..1, how far pores are filled where nothing
    stands; flood: 0 dry, 1 flooded, 2 permanent water.
    """

    depth: np.ndarray
    soaked: np.ndarray
    flood: np.ndarray


def sample_flood(rng: np.random.Generator) -> PlainFlood:
    """Draw a flood: of a river, of rain, of paddies, or of all."""
    level = float(np.exp(rng.uniform(np.log(0.3), np.log(5)))) if rng.random() < 0.8 else 0.0
    return PlainFlood(
        level_m=level,
        fallen_m=float(rng.uniform(0, 0.6) * level),
        hollows=float(rng.uniform(0, 0.9)) if rng.random() < 0.6 else 0.0,
        bunded=float(rng.uniform(0.05, 0.95)) if rng.random() < 0.5 else 0.0,
        soaked=float(rng.uniform(0.1, 1.0)),
    )


def flood_landscape(land: Landscape, flood: PlainFlood, seed: int = 0) -> Inundation:
    """Flood a landscape; the same seed gives the same bytes."""
    rng = np.random.default_rng([seed, 62])
    ground = land.ground.astype(float)
    drainage = land.water if land.water.any() else streams(ground, _CHANNEL_CELLS)
    if not drainage.any():
        drainage = ground == ground.min()
    hand = height_above_drainage(ground, drainage)
    peak = np.maximum(flood.level_m - hand, 0.0)
    depth = np.maximum(peak - flood.fallen_m, 0.0)
    depth = np.maximum(depth, _hollows(ground, flood.hollows))
    depth = np.maximum(depth, _paddies(land, hand, flood.bunded, rng))
    depth[(land.cover == ROAD) | (land.cover == DEVELOPED)] *= 0.9
    depth = np.where(depth < _CALLED_M, 0.0, depth)
    soaked = np.where(peak > 0, 0.95, flood.soaked)
    flooded = np.where(land.water, PERMANENT, np.where(depth > 0, FLOODED, DRY))
    depth = np.where(land.water, np.maximum(depth, _POND_M), depth)
    return Inundation(
        depth.astype(np.float32), soaked.astype(np.float32), flooded.astype(np.uint8)
    )


def before_flood(land: Landscape) -> Inundation:
    """Permanent water alone."""
    depth = np.where(land.water, _POND_M, 0.0).astype(np.float32)
    flood = np.where(land.water, PERMANENT, DRY).astype(np.uint8)
    return Inundation(depth, np.zeros_like(depth), flood)


def _hollows(ground: np.ndarray, share: float) -> np.ndarray:
    """Depth (y, x) where rain filled so much of each closed hollow."""
    if share == 0:
        return np.zeros(ground.shape)
    sill = fill_hollows(ground)
    hollow, count = ndimage.label(ndimage.binary_opening(sill - ground > _CALLED_M))
    if count == 0:
        return np.zeros(ground.shape)
    deepest = ndimage.maximum(sill - ground, hollow, np.arange(count + 1))
    missing = (1 - share) * np.asarray(deepest)[hollow]
    return np.where(hollow > 0, np.maximum(sill - ground - missing, 0.0), 0.0)


def _paddies(
    land: Landscape, hand: np.ndarray, share: float, rng: np.random.Generator
) -> np.ndarray:
    """Depth (y, x) of the sheets that fields hold: whole fields, the low ones first."""
    farm = land.cover == FARM
    if share == 0 or not farm.any():
        return np.zeros(hand.shape)
    number, where = np.unique(land.parcel[farm], return_inverse=True)
    height = np.bincount(where, hand[farm]) / np.bincount(where)
    rank = height.argsort().argsort() / max(len(number), 2)
    lot = 0.6 * rank + 0.4 * rng.random(len(number))
    holds = lot < np.quantile(lot, share)
    sheet = np.where(holds, rng.uniform(0.04, 0.3, len(number)), 0.0)
    depth = np.zeros(hand.shape)
    depth[farm] = sheet[where]
    micro = ndimage.gaussian_filter(rng.normal(size=hand.shape), 2) * 0.25
    return np.where(depth > 0, np.maximum(depth + micro, 0.0), 0.0)
