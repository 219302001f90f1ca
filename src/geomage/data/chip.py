"""A chip: a small labelled or unlabelled image of any sensor, of one date or more."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, UInt8

from geomage.errors import InputError

__all__ = ["RADAR", "UNKNOWN", "Channel", "Chip", "ChipSource", "Moment", "radar_share"]

UNKNOWN = 255
"""Label of a pixel whose class nobody knows."""
_FARTHEST_UM = 1e6
RADAR = {"vv": 1.0, "hh": 1.0, "vh": -1.0, "hv": -1.0}
"""Polarisations, the same kept (1) or turned (-1)."""
_FLOOR_DB = 25.0


@dataclass(frozen=True)
class Channel:
    """What one band of a chip measures.

    name: STAC common name (red, nir, swir16, …), or polarisation of a radar (vv, vh, hh, hv).
    wavelength_um: centre of the band, micrometres; C band is 55500.
    """

    name: str
    wavelength_um: float

    def __post_init__(self) -> None:
        if not 0.1 <= self.wavelength_um <= _FARTHEST_UM:
            raise InputError(
                f"band {self.name!r} at {self.wavelength_um:g} um is outside 0.1..{_FARTHEST_UM:g}"
            )

    @property
    def key(self) -> tuple[float, float]:
        """What a network is told: decimal logarithm of the wavelength in um, polarisation."""
        return float(np.log10(self.wavelength_um)), RADAR.get(self.name, 0.0)


class Moment(NamedTuple):
    """When an image was taken; NaN where nobody knows."""

    sun_deg: float = math.nan
    """Elevation of the sun, degrees."""
    day: float = math.nan
    """Of the year, 1 to 366."""


@dataclass(frozen=True)
class Chip:
    """One place of a dataset.

    name: unique in its source.
    pixels: (date, band, y, x), reflectance or counts / 255, 0..1; radar as `radar_share`.
    channels: one a band, the same at each date.
    gsd_m: metres.
    valid: pixels that hold data at every date.
    labels: class of each pixel from 0, `UNKNOWN` where nobody knows; None where there are none.
    event: disaster, flight or region it belongs to; splits keep events apart by it.
    moments: when each date was seen, in order, where its source tells; none where it does not.
    """

    name: str
    pixels: Float[np.ndarray, "date band y x"]
    channels: tuple[Channel, ...]
    gsd_m: float
    valid: Bool[np.ndarray, "y x"]
    labels: UInt8[np.ndarray, "y x"] | None = None
    event: str = ""
    moments: tuple[Moment, ...] = ()

    def moment(self, date: int) -> Moment:
        """When a date was seen, as far as anybody knows."""
        return self.moments[date] if self.moments else Moment()

    def __post_init__(self) -> None:
        bands = self.pixels.shape[1]
        if bands != len(self.channels):
            raise InputError(f"{self.name}: {bands} bands and {len(self.channels)} channels")
        shapes = {self.pixels.shape[2:], self.valid.shape}
        shapes |= set() if self.labels is None else {self.labels.shape}
        if len(shapes) > 1:
            raise InputError(f"{self.name}: images, valid and labels differ in size: {shapes}")
        if 0 < len(self.moments) < len(self.pixels):
            raise InputError(
                f"{self.name}: {len(self.moments)} moments for {len(self.pixels)} dates"
            )
        if not self.gsd_m > 0:
            raise InputError(f"{self.name}: a GSD of {self.gsd_m:g} m: give metres above 0")


@runtime_checkable
class ChipSource(Protocol):
    """Random access to chips that share channels and classes."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of labels 0, 1, …; empty where nothing is labelled."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of all chips, in order; known without reading a pixel."""

    def chip(self, index: int) -> Chip:
        """Read or make chip `index`, always the same."""


def radar_share(backscatter_db: np.ndarray) -> np.ndarray:
    """Backscatter in dB as a network takes it: 0 at -25 dB, 1 at 0 dB, unbounded."""
    return np.asarray(1 + backscatter_db / _FLOOR_DB, np.float32)
