"""Samples, datasets on the fly."""

from __future__ import annotations

from geomage.data.sample import Sample
from geomage.data.stream import SimulatedPairs, StreamParams
from geomage.data.stretch import Stretch, measure_values, stretch_counts

__all__ = [
    "Sample",
    "SimulatedPairs",
    "StreamParams",
    "Stretch",
    "measure_values",
    "stretch_counts",
]
