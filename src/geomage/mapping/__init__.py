"""The engine that runs a model over rasters of any size, and one grade per building."""

from __future__ import annotations

from geomage.mapping.apply import apply
from geomage.mapping.engine import map_rasters
from geomage.mapping.job import Extent, MapJob, MapResult, read_extent
from geomage.mapping.reasons import REASONS
from geomage.mapping.tone import Tone, measure_tone

__all__ = [
    "REASONS",
    "Extent",
    "MapJob",
    "MapResult",
    "Tone",
    "apply",
    "map_rasters",
    "measure_tone",
    "read_extent",
]
