"""Where the sun and the sensor stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geomage.errors import InputError
from geomage.sensor.models import SensorModel

__all__ = ["Looks", "sample_looks", "sun_position"]

LOW = 12.0  # degrees: operators seldom take images under a lower sun


@dataclass(frozen=True)
class Looks:
    """Directions of sun and sensor as seen from the ground, degrees.

    Azimuths clockwise from north; elevation from the horizon; off_nadir: angle of the view from
    the vertical, at the ground.
    """

    sun_azimuth: float = 150.0
    sun_elevation: float = 50.0
    off_nadir: float = 0.0
    view_azimuth: float = 90.0

    def __post_init__(self) -> None:
        if not 0 < self.sun_elevation <= 90:
            raise InputError(
                f"a sun at {self.sun_elevation:g} degrees does not stand above the horizon: "
                "give an elevation over 0, up to 90"
            )
        if not 0 <= self.off_nadir < 80:
            raise InputError(f"{self.off_nadir:g} degrees off nadir is outside 0..80")

    @property
    def cosines(self) -> tuple[float, float]:
        """Cosines of the zenith angles of sun and view."""
        return float(np.sin(np.radians(self.sun_elevation))), float(
            np.cos(np.radians(self.off_nadir))
        )

    @property
    def scattering(self) -> float:
        """Cosine of the angle by which light on its way from the sun turns towards the sensor."""
        sun, view = self.cosines
        between = np.cos(np.radians(self.sun_azimuth - self.view_azimuth))
        return float(-sun * view - np.sqrt((1 - sun**2) * (1 - view**2)) * between)


def sun_position(latitude: float, day: int, hour: float) -> tuple[float, float]:
    """Azimuth and elevation of the sun, degrees; the elevation is negative at night.

    Declination and equation of time after Spencer (1971), as Iqbal, An Introduction to Solar
    Radiation (1983), eq. 1.3.1 and 1.4.1 give them; angles by eq. 1.5.1. Good to 0.1 degree
    but for refraction, which is left out.

    Args:
        latitude: degrees north.
        day: of the year, 1..366.
        hour: local mean solar time, 0..24: what satellites in sun-synchronous orbits keep.
    """
    if not -90 <= latitude <= 90:
        raise InputError(f"a latitude of {latitude:g} degrees is outside -90..90")
    g = 2 * np.pi * (day - 1) / 365
    d = (
        0.006918 - 0.399912 * np.cos(g) + 0.070257 * np.sin(g) - 0.006758 * np.cos(2 * g)
        + 0.000907 * np.sin(2 * g) - 0.002697 * np.cos(3 * g) + 0.00148 * np.sin(3 * g)
    )  # fmt: skip
    minutes = 229.18 * (
        0.000075 + 0.001868 * np.cos(g) - 0.032077 * np.sin(g) - 0.014615 * np.cos(2 * g)
        - 0.04089 * np.sin(2 * g)
    )  # fmt: skip
    w, p = np.radians(15 * (hour + minutes / 60 - 12)), np.radians(latitude)
    up = np.sin(p) * np.sin(d) + np.cos(p) * np.cos(d) * np.cos(w)
    east = -np.cos(d) * np.sin(w)
    north = np.cos(p) * np.sin(d) - np.sin(p) * np.cos(d) * np.cos(w)
    azimuth = np.degrees(np.arctan2(east, north)) % 360
    return float(azimuth), float(np.degrees(np.arcsin(np.clip(up, -1, 1))))


def sample_looks(
    rng: np.random.Generator, model: SensorModel, latitude: float, day: int | None = None
) -> Looks:
    """Draw sun and view as they are when a sensor takes a place at a latitude.

    The hour is the sensor's; without a `day`, one is drawn on which the sun stands `LOW` or
    higher. Views lie within the sensor's usual angle, small ones more often.

    Raises:
        InputError: when the sun is below the horizon at that time.
    """
    hour = float(rng.uniform(*model.hours))
    days = [day] if day is not None else list(rng.integers(1, 366, 60))
    suns = [sun_position(latitude, int(d), hour) for d in days]
    azimuth, elevation = next((s for s in suns if s[1] >= LOW), max(suns, key=lambda s: s[1]))
    if elevation <= 0:
        raise InputError(
            f"at latitude {latitude:g} the sun is below the horizon when {model.title} passes "
            f"({hour:.1f} h): choose another day"
        )
    return Looks(
        azimuth,
        elevation,
        float(model.off_nadir * min(abs(rng.normal(0, 0.45)), 1.0)),
        float(rng.uniform(0, 360)),
    )
