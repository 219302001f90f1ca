"""Hazards and what they do: intensity x vulnerability -> damage -> geometry and matter."""

from __future__ import annotations

from geomage.disaster.damage import calm
from geomage.disaster.earthquake import EarthquakeParams, Epicentre, earthquake
from geomage.disaster.event import FAILURES, VISIBLE_OF_PHYSICAL, Event, read_event, write_event
from geomage.disaster.fire import FireParams, fire
from geomage.disaster.flood import FloodParams, flood
from geomage.disaster.landslide import LandslideParams, landslide
from geomage.disaster.storm import CycloneParams, StormParams, cyclone, storm
from geomage.disaster.volcano import VolcanoParams, volcano

__all__ = [
    "FAILURES",
    "VISIBLE_OF_PHYSICAL",
    "CycloneParams",
    "EarthquakeParams",
    "Epicentre",
    "Event",
    "FireParams",
    "FloodParams",
    "LandslideParams",
    "StormParams",
    "VolcanoParams",
    "calm",
    "cyclone",
    "earthquake",
    "fire",
    "flood",
    "landslide",
    "read_event",
    "storm",
    "volcano",
    "write_event",
]
