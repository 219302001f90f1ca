"""Are single buildings told apart: buildings mapped against buildings of the labels, one by one.

    python -m benchmarks.separate [--model MODEL] [--data DATA] [--sets banepa xbd mexico_2017]

A building is matched when the map has one whose overlap with it is half of what both cover (IoU).
Labels that are rasters join houses that touch, so there a map may be right and not match.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from geomage.evaluation import find_pairs
from geomage.geo import Tiling, check_raster, rasterise
from geomage.mapping import MapJob, map_rasters
from geomage.product.reference import read_ids

SETS = {"banepa": None, "xbd": 0.5, "tornado_suburb": 0.5, "mexico_2017": 1.0}


def jobs(data: Path, name: str, out: Path, model: str) -> Iterator[tuple[MapJob, Path]]:
    """Jobs of one set, each with its labels."""
    if name == "banepa":
        folder = data / "buildings/banepa"
        yield (
            MapJob(before=(folder / "image.tif",), out=out, model=model),
            folder / ("buildings_osm.geojson"),
        )
        return
    for pair in find_pairs(data / "damage" / name):
        yield (
            MapJob(before=(pair.before,), out=out, model=model, gsd=SETS[name]),
            pair.damage,
        )


def matched(mapped: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(3,) int: pairs with an IoU of half or more, buildings mapped, buildings of the labels."""
    sizes = [np.bincount(ids.ravel()) for ids in (mapped, true)]
    both = (mapped > 0) & (true > 0)
    pairs, shared = np.unique(np.stack([mapped[both], true[both]]), axis=1, return_counts=True)
    iou = shared / (sizes[0][pairs[0]] + sizes[1][pairs[1]] - shared)
    return np.array([(iou >= 0.5).sum(), *((size[1:] > 0).sum() for size in sizes)])


def count(job: MapJob, labels: Path) -> np.ndarray:
    """Map one image and match its buildings."""
    with map_rasters(job) as result:
        box = check_raster(result.rasters["building"]).box
        numbered = result.buildings.assign(id_=range(1, len(result.buildings) + 1))
        mapped = rasterise(numbered, box, column="id_", dtype="int32")
    return matched(mapped, read_ids(labels, Tiling(box, max(box.shape))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = Path(__file__).resolve().parents[1]
    data = Path(os.environ.get("GEOMAGE_DATA") or root.parent / "shared/data")
    parser.add_argument("--model", default="default")
    parser.add_argument("--data", type=Path, default=data)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="geomage-") as place:
        for name in args.sets:
            every = jobs(args.data, name, Path(place) / "out", args.model)
            hits, said, true = sum((count(*one) for one in every), np.zeros(3, int))
            print(f"{name}: {hits} matched of {said} mapped and {true} labelled", flush=True)


if __name__ == "__main__":
    main()
