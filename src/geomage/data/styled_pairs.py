"""Simulated pairs whose light, air and tone are given by a table rather than drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float
from odc.geo.geobox import GeoBox

from geomage.data.stream import SimulatedPairs
from geomage.errors import InputError
from geomage.sensor import SensorModel

__all__ = ["NAMES", "SceneStyle", "StyledPairs"]

NAMES = (
    "sun_elevation", "haze", "haze_blue", "white", "clipped", "gamma", "tint_red", "tint_green",
    "tint_blue", "colour",
)  # fmt: skip
"""Numbers of `SceneStyle.vector`, in order."""
_SPANS = np.array(
    [
        (14.0, 80.0), (1e-4, 0.12), (0.8, 2.2), (0.2, 0.9), (5e-4, 0.05), (0.8, 2.2), (0.6, 1.3),
        (0.7, 1.3), (0.6, 1.3), (0.4, 2.0),
    ]
)  # fmt: skip
_PURPOSE = 7  # of the draw of rows
_INSIDE = 1e-6


@dataclass(frozen=True)
class SceneStyle:
    """Sun, air and tone of one image of a camera without a name.

    sun_elevation: degrees. haze: path reflectance of red, green and blue. white, clipped, gamma,
    tint, colour: as of `geomage.sensor.Shot`.
    """

    sun_elevation: float
    haze: tuple[float, float, float]
    white: float
    clipped: float
    gamma: float
    tint: tuple[float, float, float]
    colour: float

    @classmethod
    def of(cls, date: Mapping[str, Any]) -> SceneStyle:
        """That of one date of the facts of a pair."""
        shot = date["shot"]
        tone = {name: float(shot[name]) for name in ("white", "clipped", "gamma", "colour")}
        sun, (haze, tint) = (
            float(date["sun_elevation"]),
            map(_colours, (shot["haze"], shot["tint"])),
        )
        return cls(sun_elevation=sun, haze=haze, tint=tint, **tone)

    def vector(self) -> Float[np.ndarray, " number"]:
        """The numbers of `NAMES` on scales without ends: logits of their place in their span."""
        red, _, blue = self.haze
        haze = max(red, _INSIDE)
        told = [
            self.sun_elevation, haze, max(blue, _INSIDE) / haze, self.white, self.clipped,
            self.gamma, *self.tint, self.colour,
        ]  # fmt: skip
        low, high = _SPANS.T
        share = np.clip((np.array(told) - low) / (high - low), _INSIDE, 1 - _INSIDE)
        return np.asarray(np.log(share / (1 - share)))

    @classmethod
    def of_vector(cls, vector: Float[np.ndarray, " number"]) -> SceneStyle:
        """Back from `vector`; any numbers give a style that can be simulated."""
        low, high = _SPANS.T
        told = low + (high - low) / (1 + np.exp(-np.clip(vector, -30, 30)))
        sun, red, blueness, white, clipped, gamma, *tint, colour = told.tolist()
        haze = (red, red * blueness**0.5, red * blueness)
        return cls(sun, haze, white, clipped, gamma, (tint[0], tint[1], tint[2]), colour)


def _colours(told: Sequence[float]) -> tuple[float, float, float]:
    """Red, green and blue."""
    red, green, blue = map(float, told)
    return red, green, blue


@dataclass(frozen=True)
class StyledPairs(SimulatedPairs):
    """`SimulatedPairs` whose dates take their styles from a table, each a row drawn by its number.

    Towns, disasters, views and all else are those of the pair of the same number.
    """

    styles: tuple[SceneStyle, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.styles:
            raise InputError("styled pairs: the table of styles is empty")
        if self.params.sensors or self.params.negatives:
            raise InputError(
                "styled pairs: named sensors have light and tone of their own, and a harmless "
                "change changes one of them alone: leave `sensors` and `negatives` out"
            )

    def _dates(
        self, rng: np.random.Generator, box: GeoBox, gsd: float, model: SensorModel | None,
        kind: str,
    ) -> Any:  # fmt: skip
        """Both dates, each in the style of a row."""
        dates = super()._dates(rng, box, gsd, model, kind)
        rows = np.random.default_rng([int(rng.integers(2**31)), _PURPOSE])
        drawn = rows.integers(len(self.styles), size=len(dates)).tolist()
        return tuple(self._styled(date, k) for date, k in zip(dates, drawn, strict=True))

    def _styled(self, date: Any, row: int) -> Any:
        style = self.styles[row]
        looks = replace(date.shot.looks, sun_elevation=style.sun_elevation)
        tone = {
            n: getattr(style, n) for n in ("haze", "white", "clipped", "gamma", "tint", "colour")
        }
        return replace(
            date,
            when=replace(date.when, sun_elevation=style.sun_elevation),
            shot=replace(date.shot, looks=looks, **tone),
        )
