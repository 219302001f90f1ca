"""How much of what burnt is outlined from near infrared, and how much that did not?

    python -m benchmarks.burnt [--pool FOLDER] [-o FOLDER] [--fires N] [--others N] [--sensor NAME]

Simulated fires, and pairs without fire (calm, harmless changes, storms, earthquakes), of seeds on
which no threshold was chosen, through sensors with a near-infrared band. The outlines are those of
a product that is ordered with `--event-type fire`; a severity of .2 or more is burnt, ground under
crowns that stayed green, or in cloud or smoke, is not counted. Prints IoU, precision and recall by
area, and the share of ground outlined where nothing burnt, for each sensor; for comparison those of
the plain fall of NDVI, without levelling, at some thresholds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.windows import Window
from scipy import ndimage
from tqdm import tqdm

from geomage.data.chip import UNKNOWN, Chip
from geomage.data.chip_sources import SourceParams, open_source
from geomage.geo import Raster, write_cog
from geomage.geo.shapes import burn_shapes
from geomage.mapping.burnt import (
    BELL_M,
    FALL,
    fall_of,
    level_of,
    on_pixels,
    side_of_cells,
    told_in,
)
from geomage.product.extents import burnt_extent

UNSEEN = {"garden": 1, "culdesac": 1, "harbour": 0.3}
OTHERS = {"storm": 2, "earthquake": 1}
SIDES = {"spot-1.5": 320, "pleiades-0.5": 256}  # px of a chip: 480 and 128 m
LEAST = 0.02  # of a chip that burnt, for it to be told by itself
NDVI = (0.1, 0.2, 0.3, 0.4)


def chips(stream: dict[str, Any], count: int, pool: Path, label: str) -> list[Chip]:
    words = {"task": "burnt", "count": count, "stream": {"no_data": 0.0, **stream}}
    source = open_source(SourceParams("simulated-pairs", simulated=words), pool)
    return [source.chip(k) for k in tqdm(range(count), label, unit="chip", disable=None)]


def gather(args: argparse.Namespace, sensor: str, pool: Path) -> tuple[list[Chip], list[Chip]]:
    """Fires, and pairs without."""
    same = {"size_px": SIDES[sensor], "sensors": {sensor: 1}, "styles": UNSEEN}
    fire = {"calm": 0.0, "hazards": {"fire": 1}, "seed": args.seed}
    none = {"calm": 0.5, "negatives": 0.35, "hazards": OTHERS, "seed": args.seed + 1}
    return (
        chips({**same, **fire}, args.fires, pool, f"{sensor}, fires"),
        chips({**same, **none}, args.others, pool, f"{sensor}, others"),
    )


def bands(chip: Chip) -> np.ndarray:
    """(4, y, x): red and near infrared before, then after."""
    names = [channel.name for channel in chip.channels]
    rows = [names.index(name) for name in ("red", "nir")]
    return np.concatenate(list(chip.pixels[:, rows]))


def outlined(chip: Chip, place: Path) -> np.ndarray:
    """(y, x) bool: what a product outlines."""
    values, gsd = bands(chip), chip.gsd_m
    seen = chip.valid & told_in(values)
    level = level_of([(values, seen)], gsd)
    if isinstance(level, str):  # the product says why, and outlines nothing
        return np.zeros(seen.shape, bool)
    rows, cols = seen.shape
    fall = np.nan_to_num(fall_of(values, seen, level, gsd))
    fine = on_pixels(fall, side_of_cells(gsd), Window(0, 0, cols, rows))
    box = GeoBox((rows, cols), Affine(gsd, 0, 500_000, 0, -gsd, 0), "EPSG:32631")
    said = np.where(seen, fine >= FALL, 255).astype(np.uint8)
    found = burnt_extent(write_cog(place / "burnt.tif", Raster(said[None], box, nodata=255)))
    shapes = found.geometry.to_numpy()
    return burn_shapes(shapes, np.ones(len(shapes)), box, np.zeros((rows, cols), np.uint8)) > 0


def ndvi_fall(chip: Chip) -> np.ndarray:
    """(y, x): smoothed as the product smooths, nothing taken off."""
    spread = BELL_M / chip.gsd_m
    red, nir, later_red, later_nir = ndimage.gaussian_filter(bands(chip), (0, spread, spread))
    before, after = (nir - red) / (nir + red), (later_nir - later_red) / (later_nir + later_red)
    return np.asarray(before - after)


def figures(fires: list[np.ndarray], others: list[np.ndarray], truth: Any) -> dict[str, Any]:
    """IoU, precision, recall of all, IoU of the median fire, and the share called in others."""
    burnt, calm = truth
    counts = [
        ((said & (chip.labels == 1)).sum(), (said & known).sum(), (chip.labels == 1).sum())
        for said, chip in zip(fires, burnt, strict=True)
        for known in [chip.labels != UNKNOWN]
    ]
    each = [_shares(one)["iou"] for one in counts if one[2] >= LEAST * burnt[0].labels.size]
    whole = np.sum(counts, axis=0)
    known = [chip.labels != UNKNOWN for chip in calm]
    called = sum(int((said & one).sum()) for said, one in zip(others, known, strict=True))
    share = called / sum(int(one.sum()) for one in known)
    return {
        **_shares(whole), "median_iou": round(float(np.median(each)), 3), "fires": len(each),
        "called": round(share, 4),
    }  # fmt: skip


def _shares(counts: Any) -> dict[str, float | None]:
    hit, called, true = (int(n) for n in counts)
    parts = {"iou": called + true - hit, "precision": called, "recall": true}
    return {name: round(hit / n, 3) if n else None for name, n in parts.items()}


def measure(args: argparse.Namespace, sensor: str, pool: Path, place: Path) -> dict[str, Any]:
    """The figures of one sensor, by what calls ground burnt."""
    both = gather(args, sensor, pool)
    table = {"product": figures(*([outlined(c, place) for c in some] for some in both), both)}
    falls = [[ndvi_fall(chip) for chip in some] for some in both]
    for least in NDVI:
        table[f"NDVI fell by {least:g}"] = figures(
            *([one >= least for one in some] for some in falls), both
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = Path(__file__).resolve().parents[1]
    parser.add_argument("-o", "--out", type=Path, default=root / "out/burnt")
    parser.add_argument("--pool", type=Path, help="keeps the chips")
    parser.add_argument("--sensor", choices=SIDES, help="one alone")
    parser.add_argument("--fires", type=int, default=30)
    parser.add_argument("--others", type=int, default=20)
    parser.add_argument("--seed", type=int, default=413)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="geomage-") as place:
        pool = args.pool or Path(place)
        facts = {
            sensor: measure(args, sensor, pool, Path(place))
            for sensor in ([args.sensor] if args.sensor else SIDES)
        }
    for sensor, table in facts.items():
        print(sensor)
        for name, one in table.items():
            shares = " ".join(f"{key} {value}" for key, value in one.items())
            print(f"  {name:16s} {shares}")
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "burnt.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
