"""Draw the gallery of disasters, and its page, by the very commands the page shows.

    python dev/draw_gallery.py [PLATE …]

Writes docs/gallery/PLATE.jpg (before, then after) and docs/gallery.md. Plates on real terrain need
the SRTM tile of the development data: GEOMAGE_DATA, or ../shared/data.
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image
from scipy import ndimage

from geomage.cli import main as geomage
from geomage.geo import stretch_counts

PROJECT = Path(__file__).resolve().parents[1]
DOCS = PROJECT / "docs"
SIDE, GAP = 600, 8
INTRODUCTION = (
    "Each picture is what the commands below it make, before on the left, then after: the part "
    "where most broke, stretched as `geomage map` stretches every image. "
    "`python dev/draw_gallery.py` makes this page again. What each hazard computes, and from "
    "which sources: [hazards](hazards.md). `srtm.tif` is a tile of SRTM (N39E040); any terrain "
    "model of steep ground will do."
)


@dataclass(frozen=True)
class Plate:
    """One entry of the gallery."""

    title: str
    town: str
    """Options of `geomage city grow`."""
    strike: str
    """Hazard and options of `geomage strike`."""
    view: str
    """Options of `geomage render`, after the sensor."""
    shows: str
    gives_away: str
    times: tuple[str, ...] = ("1d",)
    """How long after the event each picture is taken."""


_NADIR = "--shift 0 --off-nadir-before 6 --off-nadir-after 6"
PLATES = {
    "flood": Plate(
        "Flood",
        "--size 420 --style suburb --seed 6",
        "flood --level 1.0 --seed 1",
        f"--seed 3 {_NADIR}",
        "Dark water over streets and gardens, with roofs, crowns and fences above it and ground "
        "that rises out of it.",
        "cars stand in line under water that would have carried them off; the water has no flow "
        "lines.",
        ("1h",),
    ),
    "tsunami": Plate(
        "Tsunami",
        "--size 420 --style informal --seed 4",
        "flood --source tsunami --wave 5 --seed 1",
        f"--seed 3 {_NADIR}",
        "Houses swept or in heaps, boards left in windrows, silt on the ground three hours later.",
        "trees and walls stand unharmed, no car and no ship lies upon a house.",
        ("3h",),
    ),
    "earthquake": Plate(
        "Earthquake",
        "--size 340 --style oldtown --seed 2",
        "earthquake --magnitude 7.8 --distance 2000 --code none --seed 17",
        f"--seed 3 {_NADIR}",
        "Heaps that spill into streets, slabs of concrete under dust, floors on each other under a "
        "roof that is whole, wings that fell, rooms that lie open. The seed is the most "
        "destructive of forty: intensity 10.9.",
        "heaps fill their footprint to its edge, and nothing lies in them but stone; cars stand "
        "undamaged beside them.",
    ),
    "fire": Plate(
        "Wildfire in a suburb",
        "--size 340 --style suburb --seed 4",
        "fire --wind-speed 16 --hours 4 --moisture 5 --seed 1",
        f"--seed 3 {_NADIR}",
        "Timber houses burnt to pale ash with their chimneys standing, brown and black crowns, "
        "patches of white ash in the grass, houses between that the fire spared.",
        "ash lies in grains of one size, and what stood in yards is not burnt.",
    ),
    "storm": Plate(
        "Tornado",
        "--size 340 --style suburb --seed 6",
        "storm --ef 4 --radius 80 --seed 0",
        f"--seed 3 {_NADIR}",
        "Houses gone from their slabs, boards in heaps along the wind, stripped and felled trees, "
        "streets already cleared.",
        "debris is of boards only: no insulation, no sheet metal in trees, no overturned car.",
    ),
    "volcano": Plate(
        "Volcano",
        "--size 420 --style informal --seed 3 --dtm srtm.tif --at 40.7037,39.7029",
        "volcano --distance 220 --lava 60000 --ash 3e7 --seed 1",
        f"--seed 4 {_NADIR}",
        "A centimetre of ash on every roof and street, lava that came down through the houses.",
        "ash lies evenly, with no wind drift against walls and no tracks of cars; lava has one "
        "grain, without levees and ropes.",
    ),
    "landslide": Plate(
        "Landslide",
        "--size 420 --style suburb --seed 6 --dtm srtm.tif --at 40.3154,39.4496",
        "landslide --rain 300 --seed 1",
        f"--seed 8 {_NADIR}",
        "Soil that broke away and ran out among houses, which it buried or pushed over.",
        "soil ends at a sharp line and holds no boulder and no trunk; houses stand in the slope "
        "as on flat ground.",
    ),
    "months": Plate(
        "An hour, a day, a month after an earthquake",
        "--size 340 --style informal --seed 1",
        "earthquake --magnitude 7.8 --distance 2000 --code none --seed 17",
        f"--seed 3 {_NADIR}",
        "Rubble in the streets, then streets cleared and first tents, then lots raked bare, sheets "
        "on roofs and a camp.",
        "what is cleared leaves no ruts, no heaps at the kerb and no machines.",
        ("1h", "1d", "30d"),
    ),
}


def commands(plate: Plate) -> list[str]:
    """Return what one types to get a plate."""
    hazard, *_ = plate.strike.split()
    struck = plate.strike.replace(hazard, f"{hazard} town", 1)
    lines = [f"geomage city grow {plate.town} -o town"]
    for time in plate.times:
        event, scene = ("event", "scene") if len(plate.times) == 1 else (f"e{time}", f"s{time}")
        after = "" if time == "1d" else f" --after {time}"
        lines += [
            f"geomage strike {struck}{after} -o {event}",
            f"geomage render {event} --sensor aerial-0.3 {plate.view} -o {scene}",
        ]
    return lines


def draw(name: str) -> Path:
    """Run the commands of one plate and write its picture."""
    data = Path(os.environ.get("GEOMAGE_DATA") or PROJECT.parent / "shared" / "data")
    with tempfile.TemporaryDirectory() as folder:
        places = {"srtm.tif": str(data / "dem" / "srtm_ref.tif")}
        scenes = []
        for line in commands(PLATES[name]):
            words = shlex.split(line)[1:]
            places[words[-1]] = f"{folder}/{words[-1]}"
            if words[0] == "render":
                scenes.append(Path(places[words[-1]]))
            if geomage([places.get(word, word) for word in words]):
                sys.exit(f"{line} failed")
        window = _struck_most(scenes[0])
        dates = [_picture(scenes[0] / "before.tif", window)]
        dates += [_picture(scene / "after.tif", window) for scene in scenes]
    white = np.full((SIDE, GAP, 3), 255, np.uint8)
    parts = [part for date in dates for part in (date, white)][:-1]
    out = DOCS / "gallery" / f"{name}.jpg"
    out.parent.mkdir(exist_ok=True)
    Image.fromarray(np.concatenate(parts, 1)).save(out, quality=78, optimize=True)
    return out


def _struck_most(scene: Path) -> tuple[slice, slice]:
    """Return the window of the gallery's size with the most damage and water."""
    with (
        rasterio.open(scene / "damage.tif") as damage,
        rasterio.open(scene / "landcover_after.tif") as after,
        rasterio.open(scene / "landcover_before.tif") as before,
    ):
        changed = after.read(1) != before.read(1)
        struck = (damage.read(1) >= 2) + 0.5 * changed
    mean = ndimage.uniform_filter(struck, SIDE, mode="constant")
    half = SIDE // 2
    inner = mean[half : mean.shape[0] - half + 1, half : mean.shape[1] - half + 1]
    i, j = np.unravel_index(int(np.argmax(inner)), inner.shape)
    return slice(int(i), int(i) + SIDE), slice(int(j), int(j) + SIDE)


def _picture(path: Path, window: tuple[slice, slice]) -> np.ndarray:
    """Return part of an image as `geomage map` sees it (y, x, 3)."""
    with rasterio.open(path) as image:
        counts = stretch_counts(image.read()).transpose(1, 2, 0).astype(np.uint8)
    return counts[window]


def page() -> str:
    """Return the page of the gallery."""
    parts = ["# Gallery of disasters", INTRODUCTION]
    for name, plate in PLATES.items():
        lines = "\n".join(commands(plate))
        parts += [
            f"## {plate.title}",
            f"![{plate.title}: before and after](gallery/{name}.jpg)",
            f"```bash\n{lines}\n```",
            plate.shows,
            f"**What gives it away**: {plate.gives_away}",
        ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Draw the plates that are named, or all, and write the page."""
    for name in sys.argv[1:] or PLATES:
        print(f"wrote {draw(name)}")
    (DOCS / "gallery.md").write_text(page())


if __name__ == "__main__":
    main()
