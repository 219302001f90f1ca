"""Samples: an endless stream of simulated pairs, datasets of them on disk, patches of rasters."""

from __future__ import annotations

from geomage.data.factory import make_dataset
from geomage.data.floods import FloodPair, FloodPairParams, FloodPairs, flood_pairs
from geomage.data.pairs import PairsDataset
from geomage.data.patch_selection import SelectionParams, select_patches
from geomage.data.patch_store import PatchStore, write_patches
from geomage.data.patch_stream import PatchParams, PatchStream, patch_stream
from geomage.data.patches import PatchSource, patch_source
from geomage.data.recipe import DatasetRecipe, find_recipe
from geomage.data.sample import Sample
from geomage.data.stream import SimulatedPairs, StreamParams

__all__ = [
    "DatasetRecipe",
    "FloodPair",
    "FloodPairParams",
    "FloodPairs",
    "PairsDataset",
    "PatchParams",
    "PatchSource",
    "PatchStore",
    "PatchStream",
    "Sample",
    "SelectionParams",
    "SimulatedPairs",
    "StreamParams",
    "find_recipe",
    "flood_pairs",
    "make_dataset",
    "patch_source",
    "patch_stream",
    "select_patches",
    "write_patches",
]
