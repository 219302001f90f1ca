"""Channels of the sensors that public datasets come from."""

from __future__ import annotations

from collections.abc import Iterable

from geomage.data.chip import Channel
from geomage.sensor import sensor
from geomage.sensor.bands import VISIBLE, Band

__all__ = [
    "HLS",
    "PAN",
    "RGB",
    "SENTINEL1",
    "SENTINEL2",
    "WORLDVIEW",
    "X_BAND",
    "optical_channels",
]


def optical_channels(bands: Iterable[Band]) -> tuple[Channel, ...]:
    """Name and centre of spectral bands."""
    return tuple(Channel(band.name, band.centre_nm / 1000) for band in bands)


RGB = optical_channels(VISIBLE)
"""Red, green, blue of a picture whose camera nobody names."""
SENTINEL1 = (Channel("vv", 55_500.0), Channel("vh", 55_500.0))
"""C band, 5.405 GHz."""
SENTINEL2 = optical_channels(sensor("sentinel2-l1c").bands)
"""All 13 bands in the order of the product."""
WORLDVIEW = optical_channels(sensor("worldview3-0.3").bands)
"""The eight bands of WorldView-2 and -3 in the order of the product."""
PAN = (Channel("pan", 0.625),)
"""Panchromatic, 450 to 800 nm."""
X_BAND = Channel("x", 31_000.0)
"""X band, 9.6 GHz, of a polarisation that is not told."""
HLS = tuple(
    band for band in SENTINEL2 if band.name in {"blue", "green", "red", "nir08", "swir16", "swir22"}
)
"""The six bands that Landsat 8 and Sentinel-2 share (Harmonized Landsat Sentinel-2)."""
