"""A sensor's bands in the words of STAC."""

from __future__ import annotations

from typing import Any

from geomage.sensor.models import SensorModel

__all__ = ["described_bands"]

_COMMON = (
    "coastal", "blue", "green", "yellow", "red", "rededge", "rededge071", "rededge075",
    "rededge078", "nir", "nir08", "nir09", "cirrus", "swir16", "swir22",
)  # fmt: skip


def described_bands(model: SensorModel) -> list[dict[str, Any]]:
    """Describe each band for the `bands` of a STAC asset (STAC 1.1, extensions eo and raster).

    Centre and full width at half maximum are in micrometres, as the extension eo has them;
    counts times `raster:scale` are reflectances, where counts are proportional to it.
    """
    return [
        {
            "name": band.name,
            **({"eo:common_name": band.name} if band.name in _COMMON else {}),
            "eo:center_wavelength": round(band.centre_nm / 1000, 5),
            "eo:full_width_half_max": round(band.width_nm / 1000, 5),
            **({} if model.reflectance is None else {"raster:scale": model.reflectance}),
        }
        for band in model.bands
    ]
