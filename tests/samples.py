"""Samples and dataset recipes that several tests use."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from geomage.data import Sample
from geomage.data.sample import LABELS

TINY = """
name = "tiny"
shard_samples = 2

[stream]
size_px = 64
gsd_m = [0.6, 0.7]
negatives = 0.3
calm = 0.2

[stream.hazards]
storm = 1
flood = 1
"""


def a_sample(shape: tuple[int, int] = (8, 9), gsd: float = 0.5, **layers: np.ndarray) -> Sample:
    """A sample of one grey, every label 1."""
    image, label = np.full((3, *shape), 7, np.uint8), np.ones(shape, np.uint8)
    values = {"before": image, "after": image, **dict.fromkeys(LABELS, label)}
    values |= {
        "instances": label.astype(np.int32),
        "depth": label.astype(np.float32),
        "height": np.ones((2, *shape), np.float32),
        "grades": np.array([[1, 0, 0]], np.int32),
    }
    return Sample(**values | layers, gsd=gsd)


def write_tiny(folder: Path, **lines: str) -> Path:
    """Write the recipe of the tests; `lines` go above it and replace its own."""
    own = [row for row in TINY.splitlines() if row.partition(" = ")[0] not in lines]
    path = folder / "tiny.toml"
    above = [f"{name} = {value}" for name, value in lines.items()]
    path.write_text("\n".join([*above, *own]) + "\n")
    return path
