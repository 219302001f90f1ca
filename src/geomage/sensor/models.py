"""What a sensor is. Every one that there is stands in `table`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from geomage.errors import InputError
from geomage.sensor.bands import Band

__all__ = ["LEVELS", "Optics", "SensorModel", "Sharpening"]

LEVELS: Mapping[str, str] = MappingProxyType(
    {
        "picture": "8 bits through a tone curve, made to be looked at",
        "toa": "proportional to the reflectance at the top of the atmosphere: the air is in it",
        "surface": "proportional to the reflectance of the ground: the air is taken out, about",
    }
)


@dataclass(frozen=True)
class Optics:
    """How one band is taken.

    gsd: metres between samples at nadir; mtf: modulation at Nyquist of that GSD, 1 / (2 gsd);
    snr: signal over standard deviation of noise at reflectance `at`.
    """

    gsd: float
    mtf: float
    snr: float
    at: float = 0.3


@dataclass(frozen=True)
class Sharpening:
    """A panchromatic band that lends its detail to the others.

    optics: of the panchromatic band; weights: share of each band in what it sees, sum 1.
    """

    optics: Optics
    weights: tuple[float, ...]


@dataclass(frozen=True)
class SensorModel:
    """An optical sensor and the product it is delivered as.

    name: as the command line takes it; title: as people call it; gsd: of the product, metres;
    bands, optics: one each, in the order of the product; level: a key of `LEVELS`; bits: of a
    count; scale: counts a unit of reflectance (linear products); sharpening: None where bands come
    as they were taken; lossy: whether the product is compressed like JPEG; off_nadir: largest
    usual view angle, degrees; hours: local mean solar time of images, from and to;
    source: where the figures come from, and which are ours.
    """

    name: str
    title: str
    gsd: float
    bands: tuple[Band, ...]
    optics: tuple[Optics, ...]
    level: str = "picture"
    bits: int = 8
    scale: float = 255.0
    sharpening: Sharpening | None = None
    lossy: bool = True
    off_nadir: float = 30.0
    hours: tuple[float, float] = (9.0, 15.0)
    source: str = ""

    def __post_init__(self) -> None:
        if len(self.bands) != len(self.optics):
            raise InputError(
                f"{self.name} has {len(self.bands)} bands and {len(self.optics)} optics: "
                "give one each"
            )
        if self.level not in LEVELS:
            raise InputError(f"{self.level!r} is no level: choose one of {', '.join(LEVELS)}")

    @property
    def dtype(self) -> type[np.uint8 | np.uint16]:
        """Type of a count."""
        return np.uint8 if self.bits <= 8 else np.uint16

    @property
    def reflectance(self) -> float | None:
        """Reflectance of one count; None where a tone curve lies between them."""
        return None if self.level == "picture" else 1 / self.scale

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the bands, in order."""
        return tuple(band.name for band in self.bands)

    @property
    def colours(self) -> tuple[int, int, int]:
        """Where red, green and blue stand among the bands."""
        red, green, blue = (self.names.index(name) for name in ("red", "green", "blue"))
        return red, green, blue
