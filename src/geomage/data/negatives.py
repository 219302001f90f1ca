"""Hard negatives: a second date of a place where one harmless thing alone has changed.

What a model must not take for damage is often all that differs between two images. A pair of this
kind shows each such difference by itself: the season (with the moisture of the ground), the sun
(and how veiled it is), the view angle, or the sensor (optics, air, tone, noise, compression).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from types import MappingProxyType

import numpy as np

from geomage.render.matter import Appearance, sample_appearance

__all__ = ["NEGATIVES", "change_one"]

_TRIES = 4  # of which the most different is taken
_SUN = ("sun_azimuth", "sun_elevation", "veil")
_ANGLE = ("off_nadir", "view_azimuth")
_TIME = ("ageing", "renewed", "traffic")  # what years or minutes change: the same in all of them
_SEASON = tuple(name for name in asdict(Appearance()) if name not in {*_SUN, *_ANGLE, *_TIME})
_FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"season": _SEASON, "sun": _SUN, "angle": _ANGLE, "sensor": ()}
)
NEGATIVES = tuple(_FIELDS)
"""What alone can differ between the dates of a hard negative."""


def change_one(rng: np.random.Generator, when: Appearance, kind: str) -> Appearance:
    """Draw a second date that differs from the first in one of `NEGATIVES`, and clearly so.

    The most different of four draws is taken; `sensor` changes nothing here.
    """
    drawn = [sample_appearance(rng) for _ in range(_TRIES)]
    dates = [replace(when, **{n: getattr(d, n) for n in _FIELDS[kind]}) for d in drawn]
    apart = _APART.get(kind, _season)
    return max(dates, key=lambda then: float(np.linalg.norm(apart(then) - apart(when))))


def _season(when: Appearance) -> np.ndarray:
    return np.array([when.leaf, when.dry, when.wet, when.lush])


def _sun(when: Appearance) -> np.ndarray:
    """Unit vector (east, north, up) towards the sun."""
    azimuth, elevation = np.radians(when.sun_azimuth), np.radians(when.sun_elevation)
    flat = np.cos(elevation)
    return np.array([flat * np.sin(azimuth), flat * np.cos(azimuth), np.sin(elevation)])


def _view(when: Appearance) -> np.ndarray:
    """How far (east, north) what stands a metre high leans towards the sensor."""
    azimuth, tan = np.radians(when.view_azimuth), np.tan(np.radians(when.off_nadir))
    return np.array([tan * np.sin(azimuth), tan * np.cos(azimuth)])


_APART: Mapping[str, Callable[[Appearance], np.ndarray]] = MappingProxyType(
    {"season": _season, "sun": _sun, "angle": _view}
)
