"""Samples, datasets on the fly."""

from __future__ import annotations

from geomage.data.sample import Sample
from geomage.data.stream import SimulatedPairs, StreamParams

__all__ = ["Sample", "SimulatedPairs", "StreamParams"]
