"""What a real sensor makes of the scene."""

from __future__ import annotations

from geomage.sensor.bands import VISIBLE, Band
from geomage.sensor.capture import (
    Shot,
    capture,
    develop,
    expose,
    exposed_shapes,
    sample_shot,
    sample_weather,
    stride,
)
from geomage.sensor.described import described_bands
from geomage.sensor.framing import Framing, frame
from geomage.sensor.looks import Looks, sample_looks, sun_position
from geomage.sensor.models import Optics, SensorModel, Sharpening
from geomage.sensor.table import SENSORS, sensor

__all__ = [
    "SENSORS",
    "VISIBLE",
    "Band",
    "Framing",
    "Looks",
    "Optics",
    "SensorModel",
    "Sharpening",
    "Shot",
    "capture",
    "described_bands",
    "develop",
    "expose",
    "exposed_shapes",
    "frame",
    "sample_looks",
    "sample_shot",
    "sample_weather",
    "sensor",
    "stride",
    "sun_position",
]
