"""Samples, datasets on the fly."""

from __future__ import annotations

from geomage.data.floods import FloodPair, FloodPairParams, FloodPairs, flood_pairs
from geomage.data.sample import Sample
from geomage.data.stream import SimulatedPairs, StreamParams
from geomage.data.stretch import Stretch, measure_values, stretch_counts

__all__ = [
    "FloodPair",
    "FloodPairParams",
    "FloodPairs",
    "Sample",
    "SimulatedPairs",
    "StreamParams",
    "Stretch",
    "flood_pairs",
    "measure_values",
    "stretch_counts",
]
