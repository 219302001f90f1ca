"""How like a real town its look-alikes are.

    python -m benchmarks.likeness [-o FOLDER] [--data DATA] [--towns bubenec helsinki] [--count 10]

Fits a style to each town, grows look-alikes of its side or of 1000 m, whatever is more (seeds 0 to
9), and prints for each measure the median over them of the distance to the real town, beside that
of the two shipped styles. Bubenec has six blocks: ten that are drawn from the same distribution lie
.40 away at the median, hence the larger squares. Distances are Kolmogorov-Smirnov
(scipy.stats.ks_2samp; street bearings modulo 90 degrees from the main direction, weighted by
length), and for the one number `orientation_entropy` the difference over its range, ln 36 - ln 4.
Writes `FOLDER/likeness.json`, the fitted styles, a picture of each town beside three look-alikes
and a default, all at one scale, and `likeness.jpg` with all of them (kept as `docs/likeness.jpg`).
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from PIL import Image, ImageDraw

from geomage.world import City, CityParams, Style, grow_city, read_form_layers, write_style
from geomage.world.fit import FitParams, fit_style
from geomage.world.form_layers import FormLayers, city_layers
from geomage.world.measure import Form, distances, measure_form

MARK = 0.20
LEAST_M = 1000.0  # side of a look-alike
MEASURES = (
    "footprint_m2",
    "elongation",
    "coverage",
    "degree",
    "orientation_entropy",
    "bearing",
)
TOWNS = {"bubenec": "osm/bubenec.gpkg", "helsinki": "osm/helsinki.osm.pbf"}
DEFAULTS = ("suburb", "centre")
PIXELS = 420  # side of one plan in the picture
PAPER, LINE, HOUSE = (250, 249, 246), (176, 170, 160), (72, 62, 58)


@dataclass(frozen=True)
class Case:
    """One real town, and the towns grown beside it."""

    name: str
    layers: FormLayers
    form: Form
    side: float


def open_case(name: str, path: Path) -> Case:
    layers = read_form_layers(path)
    form = measure_form(layers.buildings, layers.streets, layers.plots)
    return Case(name, layers, form, round(form.area_m2**0.5))


def grown(case: Case, style: str | Style, seed: int) -> City:
    return grow_city(CityParams(max(case.side, LEAST_M), style, seed))


def compare(case: Case, style: str | Style, count: int) -> dict[str, list[float]]:
    """Distances of `count` towns to the real one, by measure."""
    rows = []
    for seed in range(count):
        layers = city_layers(grown(case, style, seed))
        rows.append(
            distances(case.form, measure_form(layers.buildings, layers.streets, layers.plots))
        )
    return {name: [row[name] for row in rows] for name in rows[0]}


def draw(layers: FormLayers, side: float) -> Image.Image:
    """Black plan of footprints and streets, `side` metres square about their middle."""
    x0, y0, x1, y1 = layers.buildings.total_bounds
    west, north = (x0 + x1 - side) / 2, (y0 + y1 + side) / 2
    scale = 2 * PIXELS / side
    image = Image.new("RGB", (2 * PIXELS, 2 * PIXELS), PAPER)
    pen = ImageDraw.Draw(image)

    def pixels(shape: shapely.Geometry) -> list[tuple[float, float]]:
        xy = shapely.get_coordinates(shape)
        return [((x - west) * scale, (north - y) * scale) for x, y in xy]

    for line in [] if layers.streets is None else layers.streets.explode().geometry:
        pen.line(pixels(line), fill=LINE, width=max(2, round(3 * scale)))
    for house in layers.buildings.explode().geometry:
        pen.polygon(pixels(house.exterior), fill=HOUSE)
        for court in house.interiors:
            pen.polygon(pixels(court), fill=PAPER)
    return image.resize((PIXELS, PIXELS), Image.Resampling.LANCZOS)


def picture(case: Case, style: Style) -> Image.Image:
    """The real town, three look-alikes, and a town of a default style."""
    towns = [grown(case, style, seed) for seed in (0, 1, 2)] + [grown(case, "centre", 0)]
    plans = [draw(case.layers, case.side)] + [draw(city_layers(t), case.side) for t in towns]
    words = [f"{case.name}, real", *(f"look-alike, seed {k}" for k in (0, 1, 2)), "style centre"]
    sheet = Image.new("RGB", (len(plans) * (PIXELS + 8) - 8, PIXELS + 18), (255, 255, 255))
    pen = ImageDraw.Draw(sheet)
    for k, (plan, word) in enumerate(zip(plans, words, strict=True)):
        sheet.paste(plan, (k * (PIXELS + 8), 18))
        pen.text((k * (PIXELS + 8) + 2, 3), f"{word} ({case.side:.0f} m)", fill=(0, 0, 0))
    return sheet


def gallery(sheets: list[Path]) -> Image.Image:
    """All pictures, one below the other, half as large."""
    found = [Image.open(path).convert("RGB").reduce(2) for path in sheets]
    whole = Image.new("RGB", (found[0].width, sum(s.height + 6 for s in found)), (255, 255, 255))
    for k, sheet in enumerate(found):
        whole.paste(sheet, (0, sum(s.height + 6 for s in found[:k])))
    return whole


def measure(case: Case, out: Path, count: int, seed: int) -> dict[str, Any]:
    """Fit, grow, compare, print; return the facts."""
    style = fit_style(case.form, FitParams(seed=seed), name=case.name)
    write_style(style, out / f"{case.name}.toml", comment=f"Fitted to {TOWNS[case.name]}.")
    found = {"fitted": compare(case, style, count)}
    found |= {name: compare(case, name, count) for name in DEFAULTS}
    medians = {
        name: {m: float(np.nanmedian(v)) if not np.isnan(v).all() else None for m, v in d.items()}
        for name, d in found.items()
    }
    print(f"{case.name}: {len(case.form.footprint_m2)} buildings, {case.side:.0f} m square")
    print(f"  {'distance, median':22s}{'fitted':>9s}" + "".join(f"{n:>9s}" for n in DEFAULTS))
    for name in MEASURES:
        values = [medians[style_name][name] for style_name in ("fitted", *DEFAULTS)]
        shown = "".join(f"{'-':>9s}" if v is None else f"{v:9.3f}" for v in values)
        word = "yes" if values[0] is not None and values[0] < MARK else "NO"
        print(f"  {name:22s}{shown}   < {MARK:g} {word}", flush=True)
    picture(case, style).save(out / f"{case.name}.png", optimize=True)
    return {"side_m": case.side, "medians": medians, "each": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = Path(__file__).resolve().parents[1]
    data = Path(os.environ.get("GEOMAGE_DATA") or root.parent / "shared/data")
    parser.add_argument("-o", "--out", type=Path, default=root / "out/likeness")
    parser.add_argument("--data", type=Path, default=data)
    parser.add_argument("--towns", nargs="+", default=list(TOWNS), choices=list(TOWNS))
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the fit")
    args = parser.parse_args()
    if not args.data.is_dir():
        raise SystemExit(f"no real data at {args.data}: set GEOMAGE_DATA to its folder")
    args.out.mkdir(parents=True, exist_ok=True)
    facts = {}
    for name in args.towns:
        case = open_case(name, args.data / TOWNS[name])
        facts[name] = measure(case, args.out, args.count, args.seed)
    gallery([args.out / f"{name}.png" for name in facts]).save(
        args.out / "likeness.jpg", quality=82, optimize=True
    )
    (args.out / "likeness.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    good = [
        d["medians"]["fitted"][m] is not None and d["medians"]["fitted"][m] < MARK
        for d in facts.values()
        for m in MEASURES
    ]
    print(f"{sum(good)} of {len(good)} marks reached; pictures in {args.out}")


if __name__ == "__main__":
    main()
