"""Damage by given footprints: labelled buildings handed over as footprints, words and grades kept.

    python -m benchmarks.footprints [--model MODEL] [--data DATA] [--sets xbd tornado_suburb] [-o F]

Of the buildings of known grade that were assessed: how often damage or none is told rightly (more
likely than not), and how far the probability of any damage is from what is true: the expected
calibration error over ten bins, and the Brier score; by how much of them is seen as building.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio

from geomage.evaluation import LabelledPair, find_pairs
from geomage.geo import pixel_box, vectorise
from geomage.mapping import MapJob, map_rasters
from geomage.product import graded

GSD = 0.5  # m
LEAST = 12.0  # m2, smaller labels are slivers
ENDS = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 1.0001)  # of the mean probability of building
BINS = 10


def assessed(pair: LabelledPair, model: str, place: Path) -> pd.DataFrame:
    """Buildings of one pair: true grade, probabilities of any damage and of building, the word."""
    with rasterio.open(pair.damage) as labels:
        values = labels.read(1)
    true = vectorise(values, pixel_box(values.shape, GSD), mask=(values > 0) & (values < 5))
    true = true[true.area >= LEAST].reset_index(drop=True)
    path = place / f"{pair.name.replace('/', '_')}.gpkg"
    true.to_file(path)
    job = MapJob(
        before=(pair.before,),
        after=(pair.after,),
        out=place / "out",
        model=model,
        gsd=GSD,
        footprints=path,
        register=False,
    )
    with map_rasters(job) as result:
        found = graded(result.buildings)
    columns = {"true": true["value"], "any": 1 - found["p_none"], "built": found["p_building"]}
    return pd.DataFrame({**columns, "word": found["damage_gra"]})


def figures(some: pd.DataFrame) -> dict[str, Any]:
    """Counts and scores of the buildings assessed."""
    seen = some[some["any"].notna()]
    said, is_hit = seen["any"].to_numpy(), (seen["true"] > 1).to_numpy(float)
    bins = np.minimum((said * BINS).astype(int), BINS - 1)
    gaps = [abs((said - is_hit)[bins == one].sum()) for one in range(BINS)]
    count = max(len(seen), 1)
    return {
        "given": len(some),
        "assessed": len(seen),
        "damaged": round(float(is_hit.sum() / count), 3),
        "right": round(float(((said > 0.5) == (is_hit > 0)).sum() / count), 3),
        "calibration_error": round(float(sum(gaps) / count), 3),
        "brier": round(float(((said - is_hit) ** 2).sum() / count), 3),
    }


def main() -> None:
    """Print the table, and write it as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="default")
    root = Path(__file__).resolve().parents[1]
    data = Path(os.environ.get("GEOMAGE_DATA") or root.parent / "shared/data")
    parser.add_argument("--data", type=Path, default=data)
    parser.add_argument("--sets", nargs="*", default=["xbd", "tornado_suburb"])
    parser.add_argument("-o", "--out", type=Path)
    chosen = parser.parse_args()
    parts = []
    with tempfile.TemporaryDirectory(prefix="geomage-") as place:
        for name in chosen.sets:
            pairs = find_pairs(chosen.data / "damage" / name)
            parts += [assessed(pair, chosen.model, Path(place)) for pair in pairs]
    every = pd.concat(parts, ignore_index=True)
    rows = {"all": figures(every)}
    for low, high in pairwise(ENDS):
        some = every[(every["built"] >= low) & (every["built"] < high)]
        rows[f"building {low:.2f} to {min(high, 1):.2f}"] = figures(some)
    print(pd.DataFrame(rows).T.to_string())
    if chosen.out:
        chosen.out.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
