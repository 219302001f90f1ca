"""Samples: an endless stream of simulated pairs, and datasets of them on disk."""

from __future__ import annotations

from geomage.data.factory import make_dataset
from geomage.data.floods import FloodPair, FloodPairParams, FloodPairs, flood_pairs
from geomage.data.pairs import PairsDataset
from geomage.data.recipe import DatasetRecipe, find_recipe
from geomage.data.sample import Sample
from geomage.data.stream import SimulatedPairs, StreamParams
from geomage.data.stretch import Stretch, measure_values, stretch_counts

__all__ = [
    "DatasetRecipe",
    "FloodPair",
    "FloodPairParams",
    "FloodPairs",
    "PairsDataset",
    "Sample",
    "SimulatedPairs",
    "StreamParams",
    "Stretch",
    "find_recipe",
    "flood_pairs",
    "make_dataset",
    "measure_values",
    "stretch_counts",
]
