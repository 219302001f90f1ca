"""Flood pairs by index: a landscape before and under water, as Sentinel-1 and Sentinel-2 see it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from odc.geo.geobox import GeoBox

from geomage.disaster.plains import (
    Inundation,
    PlainFlood,
    before_flood,
    flood_landscape,
    sample_flood,
)
from geomage.errors import InputError
from geomage.render.backscatter import backscatter
from geomage.render.landscape import (
    Weather,
    cover_of_plants,
    landscape_reflectance,
    sample_weather,
    scatterers,
)
from geomage.sensor import Shot, capture, frame, sample_looks, sensor
from geomage.sensor.radar import RadarShot, View, detect, local_incidence, project, radar
from geomage.world.landscape import Landscape, grow_landscape, sample_landscape

__all__ = ["FloodPair", "FloodPairParams", "FloodPairs", "flood_pairs"]

NOT_ANALYSED = 255
_MARGIN = 8  # cells grown and left out: echoes and blur come in from there


@dataclass(frozen=True)
class FloodPairParams:
    """Which pairs."""

    seed: int = 0
    cells: int = 512  # a side, of 10 m
    dry: float = 0.08  # share of pairs in which nothing is flooded
    apart: float = 0.5  # share of pairs whose optical image is of another day than radar

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise InputError(f"seed {self.seed} is negative: choose one of 0 or more")
        if not 64 <= self.cells <= 4096:
            raise InputError(f"pairs of {self.cells} cells a side are outside 64..4096")
        if not 0 <= self.dry <= 1:
            raise InputError(f"a share of {self.dry:g} dry pairs is outside 0..1")
        if not 0 <= self.apart <= 1:
            raise InputError(f"a share of {self.apart:g} pairs of other days is outside 0..1")


@dataclass(frozen=True)
class FloodPair:
    """Two dates of one landscape. Arrays on `box`, 10 m.

    radar_before, radar_after: VV, VH (pol, y, x), dB; optical_before, optical_after: 13 bands
    (band, y, x) of Sentinel-2 L1C, reflectance x 10000; flood: 0 dry, 1 flooded, 2 permanent
    water, 255 not analysed (radar shadow), when radar passes; depth: metres of water then;
    seen: as flood, when the optical image is taken, which may be some days before or after;
    open: share of the cell that shows water from above then, not hidden by leaves.
    """

    box: GeoBox
    radar_before: np.ndarray
    radar_after: np.ndarray
    optical_before: np.ndarray
    optical_after: np.ndarray
    flood: np.ndarray
    depth: np.ndarray
    seen: np.ndarray
    open: np.ndarray


@dataclass(frozen=True)
class FloodPairs:
    """Pairs without end; `pair(i)` gives the same bytes at all times."""

    params: FloodPairParams

    def pair(self, index: int) -> FloodPair:
        """Simulate the pair of that number."""
        if index < 0:
            raise InputError(f"there is no pair {index}: count from 0")
        rng = np.random.default_rng([self.params.seed, index, 63])
        cells = self.params.cells + 2 * _MARGIN
        land = grow_landscape(sample_landscape(rng, cells))
        was = before_flood(land)
        water, later = self._waters(land, rng)
        day = sample_weather(rng)
        then = sample_weather(rng, day)
        passes = radar("sentinel-1")
        look = float(rng.choice(list(passes.looks.values())) + rng.normal(0, 3))
        view = View(float(rng.uniform(*passes.incidence)), look)
        radar_before, _ = sense_radar(land, was, day, view, rng)
        radar_after, shadow = sense_radar(land, water, then, view, rng)
        inner = (slice(_MARGIN, -_MARGIN),) * 2
        hidden = cover_of_plants(land, later, then)
        return FloodPair(
            box=land.box[inner],
            radar_before=radar_before[:, *inner],
            radar_after=radar_after[:, *inner],
            optical_before=sense_optical(land, was, day, rng)[:, *inner],
            optical_after=sense_optical(land, later, then, rng)[:, *inner],
            flood=np.where(shadow > 0, NOT_ANALYSED, water.flood).astype(np.uint8)[inner],
            depth=water.depth[inner],
            seen=later.flood[inner],
            open=(later.share * (1 - hidden))[inner].astype(np.float32),
        )

    def _waters(self, land: Landscape, rng: np.random.Generator) -> tuple[Inundation, Inundation]:
        """The flood when radar passes and when the optical image is taken."""
        flood = sample_flood(rng)
        dry, apart = rng.random(2) < (self.params.dry, self.params.apart)
        seed, other = int(rng.integers(2**31)), _another_day(flood, rng)
        if dry:
            return (before_flood(land),) * 2
        water = flood_landscape(land, flood, seed)
        return water, flood_landscape(land, other, seed) if apart else water


def _another_day(flood: PlainFlood, rng: np.random.Generator) -> PlainFlood:
    """The flood some days before or after: fallen more or less, hollows fuller or emptier."""
    return replace(
        flood,
        fallen_m=float(rng.uniform(0, 0.6) * flood.level_m),
        hollows=float(np.clip(flood.hollows * rng.uniform(0.7, 1.3), 0, 1)),
        bunded=float(np.clip(flood.bunded * rng.uniform(0.8, 1.2), 0, 1)),
    )


def flood_pairs(params: FloodPairParams | None = None) -> FloodPairs:
    """Make the pairs of a set of parameters."""
    return FloodPairs(params or FloodPairParams())


def sense_radar(
    land: Landscape, water: Inundation, day: Weather, view: View, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Decibels (pol, y, x) of Sentinel-1 and its radar shadow (y, x)."""
    model = radar("sentinel-1")
    px = land.params.cell_m
    terrain = land.ground.astype(float)
    incidence = local_incidence(terrain, px, view)
    sigma = backscatter(scatterers(land, water, day, view.look), incidence, day.from_deg)
    sigma *= _grain(land, rng)
    tall = np.where((land.trees == 1) & ~land.water, land.tall_m, 0.0)
    echo = project(terrain, tall, sigma, view, px)
    noise = rng.uniform(-27.0, -22.0) + rng.uniform(-1.0, 1.0, 2)
    phase = rng.uniform(0.0, 1.0, 2)
    left = rng.uniform(0.0, 0.5, 2)
    shot = RadarShot(
        noise_db=(float(noise[0]), float(noise[1])),
        left=(float(left[0]), float(left[1])),
        phase=(float(phase[0]), float(phase[1])),
        seed=int(rng.integers(2**31)),
    )
    return detect(echo.power, px, view, model, shot), echo.shadow


def _grain(land: Landscape, rng: np.random.Generator) -> np.ndarray:
    """Unevenness (y, x) of what scatters within a cell: lognormal, strong among houses (ours)."""
    spread = np.where(land.water, 0.05, 0.12) + 0.9 * np.sqrt(land.houses)
    return np.asarray(np.exp(spread * rng.normal(size=spread.shape) - spread**2 / 2))


def sense_optical(
    land: Landscape, water: Inundation, day: Weather, rng: np.random.Generator
) -> np.ndarray:
    """Counts (band, y, x) of Sentinel-2 L1C, free of cloud.

    Aerosol is log-normal about 0.3: over flooded plains, and in place of the light scattered more
    than once, which `sensor.air` leaves out (ours).
    """
    model = sensor("sentinel2-l1c")
    ground = landscape_reflectance(land, water, day, model.bands)
    shot = Shot(
        looks=sample_looks(rng, model, float(rng.uniform(-40, 45))),
        aerosol=float(np.clip(0.3 * np.exp(rng.normal(0, 0.45)), 0.03, 0.9)),
        cirrus=float(rng.uniform(0.002, 0.02)) if rng.random() < 0.2 else 0.0,
        seed=int(rng.integers(2**31)),
    )
    shape, px = ground.shape[1:], land.params.cell_m
    counts, _ = capture(ground, frame(px, shape, px, shape), shot, model)
    return counts
