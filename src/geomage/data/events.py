"""Striking a town with a drawn strength: one sampler for each hazard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from scipy import ndimage

from geomage.disaster import (
    CycloneParams,
    EarthquakeParams,
    Event,
    FireParams,
    FloodParams,
    LandslideParams,
    StormParams,
    VolcanoParams,
    cyclone,
    earthquake,
    fire,
    flood,
    landslide,
    storm,
    volcano,
)
from geomage.disaster.earthquake import shaken
from geomage.world import City, CityParams

__all__ = ["HAZARDS", "sample_event"]

CYCLONES = 0.12  # of all storms


def sample_event(rng: np.random.Generator, city: City, hazard: str) -> Event:
    """Strike a city with a drawn strength; the picture is taken half a day to two weeks later.

    Sooner there is hardly ever one, and by then the first sheets lie on roofs that lost cover.
    """
    seed = int(rng.integers(2**31))
    hours = float(np.exp(rng.uniform(*np.log((12.0, 336.0)))))
    return HAZARDS[hazard](rng, city, seed, hours)


def _earthquake(rng: np.random.Generator, city: City, seed: int, hours: float) -> Event:
    """The strongest felt of four: most are felt too little to show anything from above."""
    params = EarthquakeParams(
        magnitude=rng.uniform(7.2, 8.6),
        distance_m=rng.uniform(300, 6_000),
        depth_km=rng.uniform(5, 14),
        code=str(rng.choice(["none", "unknown"])),
    )
    strongest = max(range(seed, seed + 4), key=lambda s: float(shaken(city, params, s).mean()))
    return earthquake(city, params, strongest, hours=hours)


def _fire(rng: np.random.Generator, city: City, seed: int, hours: float) -> Event:
    params = FireParams(
        wind_speed=rng.uniform(0, 18),
        wind_from_deg=rng.uniform(0, 360),
        hours=rng.uniform(0.5, 5),
        moisture=rng.uniform(3, 11),
        live_moisture=rng.uniform(30, 90),
        front_m=rng.uniform(0, 200),
    )
    return fire(city, params, seed, hours=hours)


def _volcano(rng: np.random.Generator, city: City, seed: int, hours: float) -> Event:
    hill = _hillside(rng, city, rng.uniform(0.02, 0.2))
    return volcano(hill, _eruption(rng), seed, hours=hours)


def _landslide(rng: np.random.Generator, city: City, seed: int, hours: float) -> Event:
    shaken = rng.random() < 0.35
    soil = LandslideParams(
        "shaking" if shaken else "rain",
        rain_mm=rng.uniform(60, 300),
        pga_g=rng.uniform(0.25, 0.7),
        soil_m=rng.uniform(0.8, 2.5),
    )
    return landslide(_hillside(rng, city, rng.uniform(0.25, 0.42)), soil, seed, hours=hours)


def _storm(rng: np.random.Generator, city: City, seed: int, hours: float) -> Event:
    """Send a cyclone past a city or, more often, a tornado across it."""
    if rng.random() < CYCLONES:
        return cyclone(
            city,
            CycloneParams(
                pressure_hpa=rng.uniform(900, 960),
                heading_deg=rng.uniform(0, 360),
                offset_km=rng.uniform(-50, 20),
                latitude_deg=rng.uniform(12, 32),
            ),
            seed,
            hours=hours,
        )
    params = city.params
    wide = city.dtm.box.boundingbox.span_x
    size = params.size_m if isinstance(params, CityParams) else float(wide)
    return storm(
        city,
        StormParams(
            int(rng.choice([1, 2, 3, 4, 4, 5])),
            rng.uniform(25, 160),
            rng.uniform(0, 360),
            rng.uniform(-0.5, 0.5) * size,
        ),
        seed,
        hours=hours,
    )


def _eruption(rng: np.random.Generator) -> VolcanoParams:
    """Draw lava near by, a rain of ash from farther off, or both."""
    what = rng.choice(["lava", "ash", "both"], p=[0.4, 0.35, 0.25])
    return VolcanoParams(
        distance_m=float(rng.uniform(2_000, 8_000) if what == "ash" else rng.uniform(50, 500)),
        lava_m3=0.0 if what == "ash" else float(np.exp(rng.uniform(np.log(2e4), np.log(1e6)))),
        yield_pa=float(np.exp(rng.uniform(np.log(1e3), np.log(2e4)))),
        ash_kg=float(
            0.0
            if what == "lava"
            else np.exp(rng.uniform(*np.log([2e8, 3e9]))) * (6.0 if what == "ash" else 1.0)
        ),
        wet=bool(rng.random() < 0.3),
    )


def _hillside(rng: np.random.Generator, city: City, slope: float) -> City:
    """Tilt the terrain of a city by a mean slope, with spurs and hollows some 80 m across."""
    z = city.dtm.values
    gsd = abs(city.dtm.box.affine.a)
    turn = rng.uniform(0, 2 * np.pi)
    i, j = np.indices(z.shape[1:]) * gsd
    plane = slope * (j * np.sin(turn) + i * np.cos(turn))
    bumps = ndimage.gaussian_filter(rng.normal(size=z.shape[1:]), 16.0 / gsd)
    bumps *= 20.0 * slope / max(float(bumps.std()), 1e-9)
    steep = z + (plane - plane.min() + bumps)[None].astype(z.dtype)
    return replace(city, dtm=replace(city.dtm, values=steep))


def _flood_plain(city: City, relief_m: float) -> City:
    """Flatten the terrain of a city until its highest ground lies `relief_m` over its lowest."""
    z = city.dtm.values
    low, span = float(z.min()), max(float(np.ptp(z)), 1e-6)
    flat = low + (z - low) * np.float32(min(1.0, relief_m / span))
    return replace(city, dtm=replace(city.dtm, values=flat.astype(z.dtype)))


def _flood(rng: np.random.Generator, city: City, seed: int, hours: float) -> Event:
    """Two of three stand still at a level, a quarter of them draining; the rest are waves.

    Most leave dry houses beside wet ones: where all are wet, the place is learnt, not the water.

    Waves are seen while they run off. Cells of 4 m make them cheap.
    """
    del hours  # a flood is seen while it stands, or long after
    city = _flood_plain(city, rng.uniform(0.5, 4.0))
    relief = float(np.quantile(city.dtm.values, rng.uniform(0.1, 0.9)) - city.dtm.values.min())
    level = max(relief + rng.uniform(0, 0.4), 0.3)
    if rng.random() < 2 / 3:
        hours = float(rng.choice([0.0, 0.0, 0.0, rng.uniform(24, 400)]))
        return flood(city, FloodParams(level), seed, hours=hours)
    wave = FloodParams(
        source="tsunami",
        wave_m=0.5 * level + rng.uniform(0.5, 2.6),
        period_min=rng.uniform(6, 12),
        from_deg=rng.uniform(0, 360),
        cell_m=4.0,
    )
    return flood(city, wave, seed, hours=rng.uniform(0.3, 4))


HAZARDS: Mapping[str, Callable[[np.random.Generator, City, int, float], Event]] = MappingProxyType(
    {
        "storm": _storm,
        "earthquake": _earthquake,
        "flood": _flood,
        "fire": _fire,
        "volcano": _volcano,
        "landslide": _landslide,
    }
)
"""One sampler a hazard: (generator, city, seed, hours since) to the event."""
