"""How far extents can be trusted: floods, lasting water, debris and burnt ground against the truth.

    python -m benchmarks.extents [-o FOLDER] [--count N] [--model MODEL]

Strikes grown towns, pictures them, maps the pictures, and holds what is outlined against the
rasters of the simulator, by area over all events: precision (share of what is called so that is so)
and recall (share of it that is called so). Debris is where a seventh
of the ground is strewn with it, or a building is a ruin. Of
burnt ground the model says nothing: the table shows what ground that changed would reach.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox
from tqdm import tqdm

from geomage.data.stream import sample_event
from geomage.disaster import Event
from geomage.geo import rasterise, read_raster
from geomage.mapping import MapJob, map_rasters
from geomage.product.extents import FLOODED, PERMANENT, debris_extent, water_extent
from geomage.product.grading import graded
from geomage.render import RenderParams, render_event, write_scene
from geomage.world import CityParams, grow_city

STYLES = ("suburb", "village", "harbour", "garden", "culdesac", "mobile")
SIZE_M = 260.0
STREWN, BURN, DEPTH_M = 0.15, 0.2, 0.02  # share of ground covered, severity, metres
WATER = 6
FROM = (64, 128, 160)  # of a probability of change times 255

Masks = dict[str, tuple[np.ndarray, np.ndarray]]


def scenes(hazard: str, count: int, model: str) -> Iterator[tuple[Masks, float]]:
    """(called, true) masks by name, and the area of a pixel, of one event after the other."""
    for number in range(count):
        rng = np.random.default_rng([77, number])
        city = grow_city(CityParams(SIZE_M, STYLES[number % len(STYLES)], 9000 + number))
        event = sample_event(rng, city, hazard)
        scene = render_event(event, RenderParams(seed=number))
        with tempfile.TemporaryDirectory(prefix="geomage-") as place:
            folder = Path(place) / "scene"
            write_scene(scene, folder)
            job = MapJob(
                before=(folder / "before.tif",),
                after=(folder / "after.tif",),
                out=Path(place) / "o",
                model=model,
            )
            with map_rasters(job) as result:
                strewn = _on_scene(event, "debris", scene.box) > STREWN
                truth = scene.rasters | {"strewn": strewn[None]}
                yield _masks(result, truth), abs(scene.box.affine.a) ** 2


def _on_scene(event: Event, name: str, box: GeoBox) -> np.ndarray:
    """(y, x) a field of an event at the nearest of its cells, 0 where it has none."""
    rows, cols = (int(size) for size in box.shape)
    if name not in event.rasters:
        return np.zeros((rows, cols))
    field = event.rasters[name]
    x, y = box.affine @ np.meshgrid(np.arange(cols) + 0.5, np.arange(rows) + 0.5)
    col, row = ~field.box.affine @ (x, y)
    height, width = field.values.shape[1:]
    at = np.clip(row, 0, height - 1).astype(int), np.clip(col, 0, width - 1).astype(int)
    return np.asarray(field.values[0][at])


def _masks(result: Any, truth: Any) -> Masks:
    rasters, box = result.rasters, None
    flood = read_raster(rasters["flood"])
    box, known = flood.box, flood.values[0] < 255
    change = read_raster(rasters["change"]).values[0]
    buildings = graded(result.buildings)
    wet = truth["water_depth"][0] > DEPTH_M
    after = truth["landcover_after"][0] == WATER
    before = truth["landcover_before"][0] == WATER
    rubble = truth["strewn"][0] | np.isin(truth["damage"][0], (3, 4))
    burnt = truth["burn"][0] > BURN

    def on(shapes: Any) -> np.ndarray:
        return rasterise(shapes, box) > 0

    called = {
        "flooded": (on(water_extent(rasters["flood"], FLOODED)), (wet | after) & ~before),
        "permanent_water": (on(water_extent(rasters["flood"], PERMANENT)), before),
        "debris": (on(debris_extent(rasters, buildings)), rubble),
    }
    for least in FROM:
        changed = (change >= least) & (change < 255) & (flood.values[0] == 0)
        called[f"burnt, change >= {least}"] = (changed, burnt)
    return {name: (said & known, true & known) for name, (said, true) in called.items()}


def measure(hazard: str, count: int, model: str) -> dict[str, Any]:
    """Areas, precision and recall by name, over all events of a hazard."""
    sums: dict[str, np.ndarray] = {}
    every = scenes(hazard, count, model)
    for masks, m2 in tqdm(every, hazard, total=count, unit="event", disable=None):
        for name, (said, true) in masks.items():
            found = np.array([(said & true).sum(), said.sum(), true.sum()]) * m2
            sums[name] = sums.get(name, np.zeros(3)) + found
    return {
        name: {
            "both_m2": round(float(hit), 1), "called_m2": round(float(said), 1),
            "true_m2": round(float(true), 1),
            "precision": round(float(hit / said), 3) if said else None,
            "recall": round(float(hit / true), 3) if true else None,
        }
        for name, (hit, said, true) in sums.items()
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = Path(__file__).resolve().parents[1]
    parser.add_argument("-o", "--out", type=Path, default=root / "out/extents")
    parser.add_argument("--count", type=int, default=12, help="events a hazard")
    parser.add_argument("--hazards", nargs="+", default=["flood", "storm", "fire"])
    parser.add_argument("--model", default="default")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    facts = {}
    for hazard in args.hazards:
        facts[hazard] = measure(hazard, args.count, args.model)
        print(f"{hazard}, {args.count} events: precision, recall (m2 called, m2 true)")
        for name, one in facts[hazard].items():
            figures = f"{one['precision']!s:>6s} {one['recall']!s:>6s}"
            print(
                f"  {name:24s}{figures}  ({one['called_m2']:.0f}, {one['true_m2']:.0f})", flush=True
            )
        text = json.dumps(facts, indent=1) + "\n"
        (args.out / "extents.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
