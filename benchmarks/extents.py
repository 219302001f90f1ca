"""How far extents can be trusted: floods, lasting water, debris and burnt ground against the truth.

    python -m benchmarks.extents [-o FOLDER] [--count N] [--first N] [--model MODEL] [--hazards …]

Strikes grown towns, pictures them, maps the pictures, and holds what is outlined against the
rasters of the simulator, by area over all events: precision (share of what is called so that is so)
and recall (share of it that is called so). Debris is where a seventh of the ground is strewn with
it, or a building is a ruin. Burnt is ground of a severity of .2 and more (a dNBR of .185); what
burnt less than that and is not unburnt (.05), or lies under crowns that stayed green, is not
counted. Of burnt ground nothing is outlined: the table shows what ground that changed would reach,
of each event, too. `none` is a pair in which nothing happened but another season and sun.
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

from geomage.data.simulated_chips import LEAST_SEVERITY, UNBURNT_SEVERITY
from geomage.data.stream import green_crowns, sample_event
from geomage.disaster import Event, calm
from geomage.geo import rasterise, read_raster
from geomage.mapping import MapJob, map_rasters
from geomage.product.extents import FLOODED, PERMANENT, debris_extent, water_extent
from geomage.product.grading import graded
from geomage.render import RenderParams, render_event, write_scene
from geomage.world import CityParams, grow_city

STYLES = ("suburb", "village", "harbour", "garden", "culdesac", "mobile")
SIZE_M = 260.0
STREWN, DEPTH_M = 0.15, 0.02  # share of ground covered, metres
WATER = 6
FROM = (64, 128, 160)  # of a probability of change times 255
BURNT = "burnt, change >= 128"

Masks = dict[str, tuple[np.ndarray, np.ndarray]]


def scenes(hazard: str, numbers: range, model: str) -> Iterator[tuple[Masks, float]]:
    """(called, true) masks by name, and the area of a pixel, of one event after the other."""
    for number in numbers:
        rng = np.random.default_rng([77, number])
        city = grow_city(CityParams(SIZE_M, STYLES[number % len(STYLES)], 9000 + number))
        event = calm(city) if hazard == "none" else sample_event(rng, city, hazard)
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
                green = green_crowns(event, scene.box)
                truth = scene.rasters | {"strewn": strewn[None], "green": green[None]}
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
    burn = truth["burn"][0]
    asked = ((burn >= LEAST_SEVERITY) & ~truth["green"][0]) | (burn < UNBURNT_SEVERITY)
    burnt = (burn >= LEAST_SEVERITY) & asked

    def on(shapes: Any) -> np.ndarray:
        return rasterise(shapes, box) > 0

    called = {
        "flooded": (on(water_extent(rasters["flood"], FLOODED)), (wet | after) & ~before),
        "permanent_water": (on(water_extent(rasters["flood"], PERMANENT)), before),
        "debris": (on(debris_extent(rasters, buildings)), rubble),
    }
    for least in FROM:
        changed = (change >= least) & (change < 255) & (flood.values[0] == 0)
        called[f"burnt, change >= {least}"] = (changed & asked, burnt)
    return {name: (said & known, true & known) for name, (said, true) in called.items()}


def measure(hazard: str, numbers: range, model: str) -> dict[str, Any]:
    """Areas, precision and recall by name, over all events of a hazard, and what burnt by event."""
    sums: dict[str, np.ndarray] = {}
    events = {}
    every = zip(numbers, scenes(hazard, numbers, model), strict=True)
    for number, (masks, m2) in tqdm(every, hazard, total=len(numbers), disable=None):
        for name, (said, true) in masks.items():
            found = np.array([(said & true).sum(), said.sum(), true.sum()]) * m2
            sums[name] = sums.get(name, np.zeros(3)) + found
            if name == BURNT:
                events[f"{number} {STYLES[number % len(STYLES)]}"] = figures(found)
    return {name: figures(one) for name, one in sums.items()} | {"by_event": events}


def figures(areas: np.ndarray) -> dict[str, float | None]:
    """Precision, recall and IoU of areas (called and true, called, true), m2."""
    hit, said, true = (round(float(area), 1) for area in areas)
    both = {"precision": said, "recall": true, "iou": said + true - hit}
    shares = {name: round(hit / whole, 3) if whole else None for name, whole in both.items()}
    return {"both_m2": hit, "called_m2": said, "true_m2": true, **shares}


def _print(name: str, one: dict[str, Any]) -> None:
    shares = " ".join(f"{one[key]!s:>6s}" for key in ("precision", "recall", "iou"))
    print(f"  {name:24s}{shares}  ({one['called_m2']:.0f}, {one['true_m2']:.0f})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = Path(__file__).resolve().parents[1]
    parser.add_argument("-o", "--out", type=Path, default=root / "out/extents")
    parser.add_argument("--count", type=int, default=12, help="events a hazard")
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    parser.add_argument("--hazards", nargs="+", default=["flood", "storm", "fire", "none"])
    parser.add_argument("--model", default="default")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    facts = {}
    for hazard in args.hazards:
        numbers = range(args.first, args.first + args.count)
        facts[hazard] = measure(hazard, numbers, args.model)
        print(f"{hazard}, {args.count} events: precision, recall, IoU (m2 called, m2 true)")
        by_event = facts[hazard]["by_event"]
        for name, one in [*facts[hazard].items(), *by_event.items()]:
            if name != "by_event":
                _print(f"{BURNT}, {name}" if name in by_event else name, one)
        text = json.dumps(facts, indent=1) + "\n"
        (args.out / "extents.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
