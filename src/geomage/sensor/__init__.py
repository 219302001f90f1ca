"""What a real sensor makes of the scene."""

from __future__ import annotations

from geomage.sensor.bands import VISIBLE, Band
from geomage.sensor.capture import Framing, Shot, capture, frame, sample_shot
from geomage.sensor.models import SENSORS, SensorModel, sensor

__all__ = [
    "SENSORS",
    "VISIBLE",
    "Band",
    "Framing",
    "SensorModel",
    "Shot",
    "capture",
    "frame",
    "sample_shot",
    "sensor",
]
