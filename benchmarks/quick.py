"""Quick look at a model on the real sets, straight on arrays: for error analysis while training.

    python benchmarks/quick.py MODEL_OR_RUN [-o FOLDER] [--data DATA] [--sets xbd mexico ...]

MODEL_OR_RUN is an exported `.onnx` or a run folder with a checkpoint. With `-o`, pictures: before,
after, errors of building (green hit, red false, blue missed), damage said, damage true. Figures are
printed and written to `FOLDER/quick.json`. The official figures come from `benchmarks/line.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning
from rasterio.vrt import WarpedVRT
from rasterio.warp import Resampling

from geomage.geo import Raster, measure_shift, pixel_box, rasterise, read_vectors, stretch_counts
from geomage.learn.evaluate import (
    Figures,
    Predict,
    grade_buildings,
    predict_whole,
    score_pair,
)
from geomage.learn.pictures import DAMAGE_COLOURS, damage_panel, write_picture
from geomage.metrics import BinaryCounts, binary_counts, macro_f1
from geomage.model import Prediction, load_model


@dataclass(frozen=True)
class Case:
    """One pair as arrays, at the GSD the network sees."""

    name: str
    before: np.ndarray
    after: np.ndarray
    truth: np.ndarray | None
    """0 no building, 1..4 grade, 5 building of unknown grade; None where only polygons are."""
    box: GeoBox


def read(path: Path) -> np.ndarray:
    """(band, y, x) uint8 of any raster."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as source:
            return np.asarray(source.read())


def shifted(before: np.ndarray, after: np.ndarray, box: GeoBox) -> np.ndarray:
    """After, moved by whole pixels onto before."""
    shift = measure_shift(Raster(before, box), Raster(after, box), largest_m=6.0)
    gsd = abs(box.affine.a)
    dx, dy = round(shift.dx_m / gsd), round(shift.dy_m / gsd)
    if (dx, dy) == (0, 0):
        return after
    moved = np.roll(after, (dy, -dx), (1, 2))
    print(f"    after moved by {(-dx, dy)} px (x, y); score {shift.score:.2f}")
    return moved


def plain(folder: Path, suffix: str, gsd: float) -> Iterator[Case]:
    """Pairs of PNG or TIFF with a damage raster beside them."""
    for path in sorted(folder.glob(f"*before{suffix}")):
        before, after = read(path)[:3], read(path.with_name(path.name.replace("before", "after")))
        truth = read(path.with_name(path.name.replace("before", "damage")))[0]
        box = pixel_box(before.shape[1:], gsd)
        name = f"{folder.name}_{path.stem}".replace("_before", "")
        yield Case(
            name,
            stretch_counts(before),
            stretch_counts(shifted(before, after[:3], box)),
            truth,
            box,
        )


def banepa(data: Path, gsd: float = 0.5) -> Iterator[Case]:
    """The drone mosaic at the working GSD, with the buildings of OSM."""
    folder = data / "buildings/banepa"
    with rasterio.open(folder / "image.tif") as source:
        metres = GeoBox.from_rio(source).to_crs("EPSG:32645", resolution=gsd)
        with WarpedVRT(
            source,
            crs="EPSG:32645",
            transform=metres.affine,
            width=metres.shape.x,
            height=metres.shape.y,
            resampling=Resampling.average,
        ) as warped:
            image = warped.read()[:3]
    labels = read_vectors(folder / "buildings_osm.geojson")
    truth = rasterise(labels, metres) * 5
    yield Case(
        "banepa", stretch_counts(image), stretch_counts(image), truth.astype(np.uint8), metres
    )


def joplin(data: Path) -> Iterator[Case]:
    """Both dates on the grid of the first."""
    folder = data / "damage/joplin_2011"
    with rasterio.open(folder / "before.tif") as source:
        before, box = source.read()[:3], GeoBox.from_rio(source)
        grid = {"crs": source.crs, "transform": source.transform}
        size = {"width": source.width, "height": source.height}
    with (
        rasterio.open(folder / "after.tif") as source,
        WarpedVRT(source, resampling=Resampling.bilinear, **grid, **size) as warped,
    ):
        after = warped.read()[:3]
    yield Case(
        "joplin", stretch_counts(before), stretch_counts(shifted(before, after, box)), None, box
    )


SETS = {
    "xbd": lambda data: plain(data / "damage/xbd", ".png", 0.5),
    "tornado": lambda data: plain(data / "damage/tornado_suburb", ".tif", 0.5),
    "mexico": lambda data: plain(data / "damage/mexico_2017", ".png", 1.0),
    "banepa": banepa,
    "joplin": joplin,
}


def open_predictor(path: Path, threads: int) -> tuple[Predict, int]:
    """An ONNX file, or the averaged weights of a run's checkpoint; and the px it trims."""
    if path.suffix == ".onnx":
        model = load_model(path, threads=threads)
        return model.predict, model.card.trim
    import torch  # noqa: PLC0415 -- only runs need it

    from geomage.learn.checkpoint import read_averaged  # noqa: PLC0415
    from geomage.learn.export import read_run_recipe  # noqa: PLC0415
    from geomage.model.export import Probabilities  # noqa: PLC0415

    torch.set_num_threads(threads)
    recipe = read_run_recipe(path)
    network, step = read_averaged(path / "checkpoint.safetensors", recipe)
    print(f"{path}: step {step}, damage without its temperature")
    module = Probabilities(network, 1.0, recipe.loss.damage_weights).eval()

    def predict(before: np.ndarray, after: np.ndarray) -> Prediction:
        with torch.no_grad():
            said = module(torch.from_numpy(before), torch.from_numpy(after))
        return Prediction(*(p.numpy() for p in said))

    return predict, 0


def score_polygons(case: Case, said: Prediction, data: Path, threshold: float) -> Figures:
    """Grade the polygons of the xView2 winner on Joplin."""
    frame = read_vectors(data / "damage/joplin_2011/xview2_winner_prediction.shp")
    frame = frame.to_crs(case.box.crs.to_wkt()).reset_index(drop=True)
    frame["number"] = np.arange(1, len(frame) + 1)
    instances = rasterise(frame, case.box, column="number", dtype="int32").astype(np.int64)
    sizes = np.bincount(instances.ravel(), minlength=len(frame) + 1)[1:]
    seen = np.flatnonzero(sizes >= 12)
    lookup = np.zeros(len(frame) + 1, np.int64)
    lookup[seen + 1] = np.arange(1, len(seen) + 1)
    grades = frame["dmg"].to_numpy().astype(np.int64)[seen]
    building = binary_counts(instances > 0, said.landcover[0, 7] >= threshold)
    return Figures(building, grade_buildings(said, lookup[instances], grades, threshold))


def picture(case: Case, said: Prediction, threshold: float) -> np.ndarray:
    """Before, after, errors, damage said, damage true, side by side."""
    building = said.landcover[0, 7]
    rows = [np.moveaxis(case.before, 0, -1), np.moveaxis(case.after, 0, -1)]
    if case.truth is not None:
        true, mapped = case.truth > 0, building >= threshold
        grey = np.repeat(case.before.mean(0)[..., None] * 0.6, 3, -1)
        for mask, colour in (
            (true & mapped, (40, 200, 60)),
            (~true & mapped, (230, 30, 30)),
            (true & ~mapped, (50, 90, 255)),
        ):
            grey[mask] = 0.45 * grey[mask] + 0.55 * np.array(colour)
        rows.append(grey)
    rows.append(damage_panel(building, said.damage[0]))
    if case.truth is not None:
        rows.append(DAMAGE_COLOURS[np.where(case.truth == 5, 0, case.truth)])
    return np.concatenate(rows, 1).astype(np.uint8)


def line(name: str, figures: Figures) -> str:
    """One row of the table."""
    b = figures.building
    text = f"{name:38s} F1 {b.f1:.3f} P {b.precision:.2f} R {b.recall:.2f}"
    if figures.graded is None or not len(figures.graded.truth):
        return text
    views = {v: figures.graded.matrix(v) for v in ("footprints", "found", "all")}
    scores = " ".join(f"{v} {macro_f1(m):.3f}" for v, m in views.items())
    found = f"{int(figures.graded.found.sum())}/{len(figures.graded.truth)}"
    return f"{text} | found {found} | macro {scores} | {views['footprints'].tolist()}"


def rates(figures: Figures, view: str) -> str:
    """The rates the issue asks for: destroyed kept, intact called damaged."""
    assert figures.graded is not None
    m = figures.graded.matrix(view)
    intact, gone = m[0].sum(), m[3].sum()
    return (
        f"{view:10s} true 4 -> 4: {m[3, 3]}/{gone} = {m[3, 3] / max(gone, 1):.3f}; "
        f"true 1 -> 2..4: {m[0, 1:4].sum()}/{intact} = {m[0, 1:4].sum() / max(intact, 1):.3f}"
    )


def run_set(
    name: str,
    cases: Iterator[Case],
    predictor: tuple[Predict, int],
    args: argparse.Namespace,
) -> Figures:
    """Every case of one set, summed."""
    total = Figures(BinaryCounts(0, 0, 0))
    predict, trim = predictor
    for case in cases:
        said = predict_whole(predict, case.before, case.after, trim=trim)
        if case.truth is None:
            figures = score_polygons(case, said, args.data, args.threshold)
        else:
            figures = score_pair(said, case.truth, case.name, args.threshold)
        if name != "mexico":
            print("   ", line(case.name, figures), flush=True)
        total = total + figures
        if args.out:
            write_picture(args.out / f"{case.name}.png", picture(case, said, args.threshold))
            whole = (said.landcover[0].argmax(0) + 1).astype(np.uint8)
            Image.fromarray(whole).save(args.out / f"{case.name}_landcover.png")
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("-o", "--out", type=Path)
    root = Path(__file__).resolve().parents[2] / "shared/data"
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("GEOMAGE_DATA", root)))
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    predictor = open_predictor(args.model, args.threads)
    results: dict[str, Figures] = {}
    for name in args.sets:
        started = time.monotonic()
        results[name] = run_set(name, SETS[name](args.data), predictor, args)
        print(line(name.upper(), results[name]), f"{time.monotonic() - started:.1f} s", flush=True)
        for view in ("footprints", "found") if name in ("joplin", "mexico") else ():
            print("   ", rates(results[name], view))
    if {"xbd", "tornado"} <= set(results):
        results["xbd+tornado"] = results["xbd"] + results["tornado"]
        print(line("XBD + TORNADO", results["xbd+tornado"]))
    if args.out:
        facts = {name: figures.as_dict() for name, figures in results.items()}
        (args.out / "quick.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
