"""Spectral bands: where on the spectrum a sensor looks."""

from __future__ import annotations

from dataclasses import dataclass

from geomage.errors import InputError

__all__ = ["VISIBLE", "Band"]

_RANGE_NM = (400.0, 2500.0)
_WIDEST_NM = 2100.0


@dataclass(frozen=True)
class Band:
    """One spectral band.

    name: STAC common name (red, nir, swir16, …) or the sensor's own where there is none.
    centre_nm: of the spectral response; width_nm: its full width at half maximum.
    """

    name: str
    centre_nm: float
    width_nm: float

    def __post_init__(self) -> None:
        if not _RANGE_NM[0] <= self.centre_nm <= _RANGE_NM[1]:
            raise InputError(
                f"band {self.name!r} at {self.centre_nm:g} nm is outside "
                f"{_RANGE_NM[0]:g}..{_RANGE_NM[1]:g} nm, where matter has a known reflectance"
            )
        if not 0 < self.width_nm <= _WIDEST_NM:
            raise InputError(
                f"band {self.name!r} is {self.width_nm:g} nm wide: give more than 0, up to "
                f"{_WIDEST_NM:g}"
            )


VISIBLE = (Band("red", 650.0, 80.0), Band("green", 555.0, 80.0), Band("blue", 475.0, 70.0))
"""What the stage is painted in: the colours of the layers of a city are reflectances here."""
