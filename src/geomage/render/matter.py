"""How each kind of ground looks: grain, blotches, land cover class, and what season does to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from types import MappingProxyType

import numpy as np

from geomage.errors import InputError

__all__ = [
    "FARTHEST",
    "GROUND",
    "MATTER",
    "Appearance",
    "Ground",
    "ground_row",
    "sample_appearance",
]

FARTHEST = 45.0
"""Largest angle off nadir, degrees: seen from farther aside a town is walls, not a heightfield."""
NO_DATA, BARE, RANGE, DEVELOPED, ROAD, TREE, WATER, FARM, BUILDING = range(9)


@dataclass(frozen=True)
class Ground:
    """Texture of one kind of ground; amplitudes are relative."""

    cover: int  # land cover class
    grain: float  # per pixel
    mottle: float  # about 1 m
    blotch: float  # about 5 m
    patch: float  # about 25 m
    contrast: float  # second tone relative to the first
    alive: float = 0.0  # share that follows the season


GROUND = {
    "lawn": Ground(RANGE, 0.22, 0.5, 0.7, 0.8, 0.72, 0.8),
    "meadow": Ground(RANGE, 0.40, 0.8, 1.2, 1.2, 0.55, 0.9),
    "field": Ground(FARM, 0.20, 0.4, 0.6, 1.3, 0.70, 0.5),
    "bare": Ground(BARE, 0.28, 0.6, 1.0, 1.2, 0.68, 0.12),
    "sand": Ground(BARE, 0.12, 0.3, 0.6, 0.8, 0.80),
    "gravel": Ground(DEVELOPED, 0.25, 0.4, 0.7, 0.8, 0.75),
    "concrete": Ground(DEVELOPED, 0.12, 0.4, 0.8, 0.8, 0.74),
    "asphalt": Ground(DEVELOPED, 0.16, 0.3, 0.9, 0.9, 0.66),
    "dirt": Ground(BARE, 0.25, 0.6, 0.9, 0.8, 0.70, 0.06),
    "ballast": Ground(DEVELOPED, 0.30, 0.3, 0.6, 0.6, 0.75),
    "clay": Ground(DEVELOPED, 0.10, 0.2, 0.4, 0.5, 0.85),
    "forest_floor": Ground(RANGE, 0.45, 0.9, 0.9, 0.8, 0.50, 0.5),
    "line": Ground(DEVELOPED, 0.05, 0.2, 0.4, 0.2, 0.8),
    "water": Ground(WATER, 0.03, 0.10, 0.22, 0.7, 0.78),
}
_ROOFS = ("shingle", "tile", "metal", "membrane", "concrete", "gravel", "thatch", "glass")
_THINGS = ("crown", "object", "sheet", "tent")
_LEFT = (
    *("rubble", "char", "mud", "flood water", "lava", "volcanic ash", "soil", "foundation"),
    *("foam", "flotsam"),
)
MATTER: Mapping[str, int] = MappingProxyType(
    {
        **{name: 1 + i for i, name in enumerate(GROUND)},
        **{f"roof {name}": 20 + i for i, name in enumerate(_ROOFS)},
        **{name: 30 + i for i, name in enumerate(_THINGS)},
        **{name: 40 + i for i, name in enumerate(_LEFT)},
    }
)
"""What the topmost surface is made of: name -> value of the matter rasters; 0 is nothing."""
_DRY = np.array([0.19, 0.155, 0.095])
_TWIG = np.array([0.17, 0.148, 0.122])  # bark in the sun: bare crowns are not dark (ours, by eye)
_RIPE = np.array([0.27, 0.215, 0.12])
_STUBBLE = np.array([0.25, 0.205, 0.14])
_PLOUGHED = np.array([0.17, 0.13, 0.095])
_GROWN = np.array([0.05, 0.09, 0.035])
_WINTER = 0.5  # share of leaves below which crops rest
_FALLOW = 0.4  # share of fields of bare soil that nothing is sown in


@dataclass(frozen=True)
class Appearance:
    """What one date looks like before any sensor. Angles in degrees."""

    sun_azimuth: float = 150.0  # clockwise from north, where the sun stands
    sun_elevation: float = 50.0
    off_nadir: float = 5.0  # view angle from the vertical
    view_azimuth: float = 90.0  # clockwise from north, from target to sensor
    leaf: float = 1.0  # 1 in full leaf, 0 bare
    dry: float = 0.2  # share of living ground that has turned
    wet: float = 0.0  # soil and road darkening
    lush: float = 1.0  # factor on green
    ageing: float = 0.0  # spread of roof brightness against the first date
    renewed: float = 0.0  # share of roofs of another colour than at the first date
    traffic: int = 0  # seed of the moving things
    veil: float = 0.0  # share of the direct sun that a high overcast turns into sky light
    wind: float = 2.5  # m/s over water, whose waves it makes

    def __post_init__(self) -> None:
        if not 0 < self.sun_elevation <= 90:
            raise InputError(
                f"a sun at {self.sun_elevation:g} degrees does not stand above the horizon: "
                "give an elevation over 0, up to 90"
            )
        if not 0 <= self.off_nadir < 90:  # what can be rendered ends earlier: `FARTHEST`
            raise InputError(f"{self.off_nadir:g} degrees off nadir is outside 0..{FARTHEST:g}")
        for name, value in vars(self).items():
            if not isfinite(value):
                raise InputError(f"{name} of a date is {value:g}: give a finite number")


def sample_appearance(rng: np.random.Generator, base: Appearance | None = None) -> Appearance:
    """Draw a date; with `base`, a second date of the same place."""
    season = rng.uniform(0, 1)
    leafless = rng.random() < 0.28
    again = base is not None
    return Appearance(
        sun_azimuth=float(rng.uniform(90, 270) if rng.random() < 0.9 else rng.uniform(0, 360)),
        sun_elevation=float(rng.uniform(28, 75)),
        off_nadir=float(abs(rng.normal(0, 13)) % 30),
        view_azimuth=float(rng.uniform(0, 360)),
        leaf=float(rng.uniform(0.0, 0.45) if leafless else rng.uniform(0.85, 1.0)),
        dry=float(np.clip(season + rng.normal(0, 0.25), 0, 1)),
        wet=float(rng.choice([0.0, 0.0, 0.2, 0.5])),
        lush=float(rng.uniform(0.75, 1.3)),
        ageing=float(rng.uniform(0.03, 0.26)) if again else 0.0,
        renewed=float(rng.choice([0.0, 0.03, 0.1, 0.3])) if again else 0.0,
        traffic=int(rng.integers(2**31)),
        veil=float(rng.uniform(0.3, 0.95)) if rng.random() < 0.2 else 0.0,
        wind=float(rng.gamma(2.0, 1.6)),
    )


def ground_row(
    kind: str, colour: np.ndarray, angle: float, pitch: float, when: Appearance
) -> np.ndarray:
    """Row of the kernel's ground table (14,) for one patch at one date."""
    g = GROUND[kind]
    first = colour.astype(float)
    if kind == "field":
        first = _crop(first, when)
    if g.alive > 0:
        turned = g.alive * when.dry * 0.85
        first = (first * [1, when.lush, 1]) * (1 - turned) + _DRY * turned * (
            0.7 + first.mean() * 3
        )
    second = first * g.contrast
    if g.alive > 0.6:  # lush and worn places side by side
        second = 0.55 * second + 0.45 * _DRY * (0.6 + 0.5 * when.dry)
    row = [
        *first,
        *second,
        g.grain,
        g.mottle,
        g.blotch,
        g.patch,
        np.cos(angle),
        np.sin(angle),
        pitch,
        g.cover,
    ]
    return np.array(row)


def _crop(colour: np.ndarray, when: Appearance) -> np.ndarray:
    """Reflectance (3,) of a field at a date: growing, ripe, stubble or bare, by its own calendar.

    A field of a green colour was sown in autumn; one of the colour of soil is sown in spring, or
    lies fallow. The year runs from spring, `dry` 0, to autumn, 1; leafless it is winter. All ours.
    """
    own = float(np.modf(colour.sum() * 9973)[0])  # what this field does, and no other
    ripe = 0.4 + 0.45 * own
    if colour[1] > colour[0]:
        if when.leaf < _WINTER:
            return colour * (0.6 + 0.5 * own) + 0.35 * own * _PLOUGHED
        if when.dry < ripe:
            return colour
        if when.dry < ripe + 0.15:
            return _RIPE * (0.8 + 0.4 * own)
        return _STUBBLE * (0.7 + 0.5 * own)
    if when.leaf < _WINTER or own < _FALLOW:
        return colour
    grown = np.clip((when.dry - 0.15) / 0.35, 0, 1) * (when.dry < ripe + 0.2)
    return np.asarray(colour + 0.9 * grown * (_GROWN - colour))


def leaf_colour(
    colour: np.ndarray, evergreen: np.ndarray, when: Appearance
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colours (n, 3), opacity (n,) and bareness (n,) of crowns at one date."""
    leaf = np.where(evergreen > 0, 1.0, when.leaf)
    autumn = (1 - leaf)[:, None]
    shown = colour * [1, when.lush, 1] * (1 - 0.9 * autumn) + _TWIG * 0.9 * autumn
    return shown, 0.34 + 0.66 * leaf, (leaf < 0.5).astype(float)
