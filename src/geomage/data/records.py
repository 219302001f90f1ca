"""What is written down about a sample: counts of every label, and what it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from geomage.data.layout import split_of
from geomage.data.sample import FLOOD, Sample

__all__ = ["CLASSES", "COUNTED", "NOT_ANALYSED", "record_of", "row_of"]

NOT_ANALYSED = 255
DESTROYED = 3  # visible grade
CLASSES: Mapping[str, Mapping[int, str]] = {
    "landcover": dict(
        enumerate(
            ("no data", "bareland", "rangeland", "developed space", "road", "tree", "water")
            + ("agriculture", "building")
        )
    ),
    "damage": dict(enumerate(("no building", "no damage", "minor", "major", "destroyed")))
    | {NOT_ANALYSED: "not analysed"},
    "flood": {value: name for name, value in FLOOD.items()},
    "change": {0: "unchanged", 1: "changed by the disaster", NOT_ANALYSED: "not analysed"},
    "obscured": {0: "clear", 1: "cloud or its shadow, or smoke", NOT_ANALYSED: "no data"},
}
"""Values of the rasters of classes; `landcover_second` has those of `landcover`."""
COUNTED = ("landcover", "damage", "flood", "change", "obscured")


def record_of(sample: Sample, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """What a dataset says of one sample, as JSON values."""
    facts = dict(sample.facts)
    index = int(facts["index"])
    return {
        "index": index,
        "split": split_of(index),
        "gsd": sample.gsd,
        "bands": int(sample.before.shape[0]),
        "pixels": {name: _counts(arrays[name]) for name in COUNTED},
        "grades": sample.grades.tolist(),
        "facts": facts,
    }


def _counts(values: np.ndarray) -> dict[str, int]:
    found, many = np.unique(values, return_counts=True)
    return {str(value): int(n) for value, n in zip(found, many, strict=True)}


def row_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """One row of `samples.csv`: numbers and words."""
    facts, pixels = record["facts"], record["pixels"]
    before, after = facts["before"], facts["after"]
    graded = np.array([row[1] for row in record["grades"]], int)
    row = {name: record[name] for name in ("index", "split", "gsd")}
    row |= {
        "style": _style(facts["city"]["style"]),
        "hazard": facts["hazard"],
        "negative": facts["negative"],
        "sensor_before": before["sensor"] or "any",
        "sensor_after": after["sensor"] or "any",
        "off_nadir_before": round(before["off_nadir"], 2),
        "off_nadir_after": round(after["off_nadir"], 2),
        "sun_elevation_before": round(before["sun_elevation"], 2),
        "sun_elevation_after": round(after["sun_elevation"], 2),
        "shift_px_east": facts["shift_px"][0],
        "shift_px_north": facts["shift_px"][1],
        "buildings": len(graded),
        "buildings_damaged": int((graded > 0).sum()),
        "buildings_destroyed": int((graded == DESTROYED).sum()),
    }
    return row | {
        f"px_{name}_{value}": pixels[name].get(str(value), 0)
        for name in COUNTED
        for value in CLASSES[name]
    }


def _style(style: Any) -> str:
    return style if isinstance(style, str) else str(style["name"])
