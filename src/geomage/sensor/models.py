"""Each sensor once, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from geomage.errors import InputError

__all__ = ["SENSORS", "SensorModel", "sensor"]


@dataclass(frozen=True)
class SensorModel:
    """A very-high-resolution optical sensor with red, green and blue bands.

    gsd: metres; mtf_nyquist: modulation at half the sampling frequency; snr: at reflectance 0.3.
    """

    name: str
    gsd: float
    mtf_nyquist: float
    snr: float
    bits: int = 8
    bands: tuple[str, ...] = ("red", "green", "blue")


SENSORS: Mapping[str, SensorModel] = MappingProxyType(
    {
        s.name: s
        for s in (
            SensorModel("aerial-0.3", 0.3, 0.20, 60),
            SensorModel("vhr-0.5", 0.5, 0.15, 90),
            SensorModel("vhr-0.6", 0.6, 0.15, 90),
            SensorModel("vhr-1.0", 1.0, 0.18, 100),
        )
    },
)


def sensor(name: str) -> SensorModel:
    """Return a sensor by name.

    Raises:
        InputError: when there is none of that name.
    """
    if name not in SENSORS:
        raise InputError(f"unknown sensor {name!r}: choose one of {', '.join(SENSORS)}")
    return SENSORS[name]
