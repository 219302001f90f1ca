"""The engine that runs a model over rasters of any size, and one grade per building."""

from __future__ import annotations

from geomage.mapping.engine import map_rasters
from geomage.mapping.job import MapJob, MapResult
from geomage.mapping.reasons import REASONS

__all__ = ["REASONS", "MapJob", "MapResult", "map_rasters"]
