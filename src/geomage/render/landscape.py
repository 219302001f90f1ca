"""A landscape under water and sun: its reflectance in any bands, and what a radar beam meets.

Reflectance of a cell is a mixture by area of end members: leaves by the gap law of Monsi and Saeki
(1953) over soil, which water darkens as a film does (Bach and Mauser 1994, IGARSS, 2100-2102), or
over a sheet of water through which the bottom shines. What share each takes is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from geomage.disaster.plains import Inundation
from geomage.render.backscatter import Scatterers
from geomage.render.endmembers import END_MEMBERS, water_absorption
from geomage.sensor import Band
from geomage.world.landscape import BARE, DEVELOPED, ROAD, Landscape

__all__ = ["Weather", "cover_of_plants", "landscape_reflectance", "sample_weather", "scatterers"]

_FILM_M = 0.0003  # of water in saturated soil, as the light sees it
_WET = 0.62  # what total wetting leaves of reflectance where water does not absorb
_GAP = 0.75  # extinction of leaves a kg/m2 of water in them, seen from above
_PORES = 0.42  # m3/m3 that soil holds when it is full
_SHADE = (0.85, 0.55)  # of what leaves send back, for the shadows between rows and between crowns
_WATERS = ("clear water", "green water", "silty water", "muddy water")


@dataclass(frozen=True)
class Weather:
    """The state of a landscape on a day.

    wind: m/s over open water; from_deg: wind against the radar beam; silt: of the flood, 0 clear,
    1 muddy; river: the same of permanent water;
    glint: of sun or sky on water, reflectance; leaves: what plants have against the parameters of
    the landscape; rain: by which soil is wetter, m3/m3; soil: kinds of soil, 0..1; roofs: 0..1;
    dense: scattering of plants at C band against the usual; rough: of soil, against the land's;
    dim: light on ground against that on a plane, for shadows and slopes finer than a cell.
    """

    wind: float = 2.0
    from_deg: float = 45.0
    silt: float = 0.5
    river: float = 0.5
    glint: float = 0.005
    leaves: float = 1.0
    rain: float = 0.0
    soil: float = 0.5
    roofs: float = 0.5
    dense: float = 1.0
    rough: float = 1.0
    dim: float = 0.95


def sample_weather(rng: np.random.Generator, like: Weather | None = None) -> Weather:
    """Draw a day; `like` keeps what no day changes."""
    return Weather(
        wind=float(rng.gamma(1.6, 1.3)),
        from_deg=float(rng.uniform(0, 180)),
        silt=float(rng.uniform(0, 1)),
        river=float(rng.uniform(0, 1)),
        glint=float(rng.gamma(1.0, 0.004)),
        leaves=float(rng.uniform(0.8, 1.2)),
        rain=float(rng.uniform(0, 0.04)),
        soil=like.soil if like else float(rng.uniform(0, 1)),
        dense=like.dense if like else float(np.exp(rng.normal(-0.15, 0.25))),
        rough=like.rough if like else float(np.exp(rng.normal(-0.15, 0.25))),
        dim=float(rng.uniform(0.85, 1.05)),
        roofs=like.roofs if like else float(rng.uniform(0, 1)),
    )


def cover_of_plants(land: Landscape, water: Inundation, day: Weather) -> np.ndarray:
    """Share (y, x) of its water that leaves hide from above; of the ground where it is dry."""
    emerged = np.clip(1 - water.depth / np.maximum(land.tall_m, 0.01), 0, 1)
    emerged = np.where(land.water, 0.0, emerged)
    return np.asarray(1 - np.exp(-_GAP * land.plants * day.leaves * emerged))


def _moisture(land: Landscape, water: Inundation, day: Weather) -> np.ndarray:
    dry = np.clip(land.moisture + day.rain, 0, _PORES)
    return np.asarray(dry + water.soaked * (_PORES - dry))


def scatterers(land: Landscape, water: Inundation, day: Weather, look: float) -> Scatterers:
    """What a beam that goes `look` degrees from north meets."""
    askew = np.abs((land.facing - look + 45) % 90 - 45)
    return Scatterers(
        moisture=_moisture(land, water, day),
        rough_cm=land.rough_cm * day.rough,
        plants=land.plants * day.leaves * ~land.water,
        stems=land.stems,
        trees=land.trees,
        tall_m=land.tall_m,
        houses=land.houses,
        facing=askew,
        wet=water.share,
        depth=water.depth,
        wind=np.full(land.ground.shape, day.wind),
        dense=day.dense,
    )


@cache
def _members(bands: tuple[Band, ...]) -> dict[str, np.ndarray]:
    """Reflectance (band,) of each end member, averaged over the width of the band."""
    at = [np.linspace(b.centre_nm - b.width_nm / 2, b.centre_nm + b.width_nm / 2, 9) for b in bands]
    return {name: np.array([m.at(nm).mean() for nm in at]) for name, m in END_MEMBERS.items()}


def landscape_reflectance(
    land: Landscape, water: Inundation, day: Weather, bands: tuple[Band, ...]
) -> np.ndarray:
    """Reflectance of the ground (band, y, x), float32."""
    pure = _members(bands)
    hidden = cover_of_plants(land, water, day)
    leaves = 1 - np.exp(-_GAP * land.plants * day.leaves)
    absorbed = water_absorption(np.array([b.centre_nm for b in bands]))
    flood, river = _body(pure, day.silt), _body(pure, day.river)
    silt = np.where(land.water, day.river, day.silt)
    dim = 0.02 + 6.0 * silt**2  # 1/m: of what is in the water
    full = _moisture(land, water, day) / _PORES
    out = np.empty((len(bands), *land.ground.shape), np.float32)
    for b in range(len(bands)):
        soil = _soil(land, day, {k: float(v[b]) for k, v in pure.items()})
        damp = soil * (1 - (1 - _WET) * full) * np.exp(-2 * absorbed[b] * _FILM_M * full)
        through = np.exp(-2 * (absorbed[b] + dim) * water.depth)
        body = np.where(land.water, river[b], flood[b])
        sheet = body * (1 - through) + 0.5 * _WET * soil * through + day.glint
        canopy = _canopy(land, {k: float(v[b]) for k, v in pure.items()})
        built = _built(land, day, {k: float(v[b]) for k, v in pure.items()})
        flooded = hidden * canopy + (1 - hidden) * sheet
        ground = leaves * canopy + (1 - leaves) * damp
        ground = day.dim * (ground * (1 - land.houses) + built * land.houses)
        out[b] = ground + (flooded - ground) * water.share * (1 - land.houses)
    return out


def _body(pure: dict[str, np.ndarray], silt: float) -> np.ndarray:
    """Reflectance (band,) of deep water that carries so much silt."""
    mixed = silt * (len(_WATERS) - 1)
    low = min(int(mixed), len(_WATERS) - 2)
    return (1 - mixed + low) * pure[_WATERS[low]] + (mixed - low) * pure[_WATERS[low + 1]]


def _soil(land: Landscape, day: Weather, pure: dict[str, float]) -> np.ndarray:
    """Dry soil (y, x): from dark to pale, and of the kinds that the country has."""
    dark = pure["loam"] + (pure["red soil"] - pure["loam"]) * max(0.0, 2 * day.soil - 1.3)
    pale = pure["brown soil"] + (pure["pale soil"] - pure["brown soil"]) * min(1.0, 2 * day.soil)
    soil = dark + (pale - dark) * land.bright
    sand = pure["sand"] * 0.4 + 0.6 * pale
    soil = np.where(land.cover == BARE, sand, soil)
    return np.asarray(np.where(land.cover == ROAD, pure["aged asphalt"], soil))


def _canopy(land: Landscape, pure: dict[str, float]) -> np.ndarray:
    """Leaves (y, x), living and dead, of crops and of trees."""
    low = _SHADE[0] * (pure["dry grass"] + (pure["grass"] - pure["dry grass"]) * land.green)
    return np.asarray(low + (_SHADE[1] * pure["leaf"] - low) * land.trees)


def _built(land: Landscape, day: Weather, pure: dict[str, float]) -> np.ndarray:
    """Roofs and yards (y, x): tiles, here and there felt and sheets, each in more or less shade.

    What a cell draws comes from later digits of its share of houses.
    """
    lot, lit = (land.houses * 977) % 1.0, (land.houses * 331) % 1.0
    tile = pure["clay tile"] + (pure["concrete tile"] - pure["clay tile"]) * day.roofs
    sheets = [pure["bitumen"], pure["grey sheet"], pure["white sheet"]]
    roof = np.select([lot < 0.12, lot < 0.3, lot < 0.36], sheets, tile)
    grey = 0.5 * (pure["concrete"] + pure["aged asphalt"])
    return np.where(land.cover == DEVELOPED, 0.5 * roof + 0.5 * grey, grey) * (0.45 + 0.75 * lit)
