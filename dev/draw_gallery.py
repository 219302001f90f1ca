"""Draw the gallery of disasters, and its page, by the very commands the page shows.

    python dev/draw_gallery.py [HAZARD …]

Writes docs/gallery/HAZARD.jpg (before left, after right) and docs/gallery.md.
"""

from __future__ import annotations

import shlex
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image

from geomage.cli import main as geomage
from geomage.data import stretch_counts

DOCS = Path(__file__).resolve().parents[1] / "docs"
SIDE, GAP = 560, 8
INTRODUCTION = (
    "Each picture is what the commands below it make; left before, right after. "
    "`python dev/draw_gallery.py` makes this page again. What each hazard computes, and from "
    "which sources: [hazards](hazards.md)."
)


@dataclass(frozen=True)
class Plate:
    """One hazard of the gallery."""

    title: str
    town: str
    """Options of `geomage city grow`."""
    strike: str
    """Hazard and options of `geomage strike`."""
    seen: str
    """Options of `geomage render`."""
    shows: str
    gives_away: str


PLATES = {
    "earthquake": Plate(
        "Earthquake, a day later",
        "--size 340 --style centre --seed 5",
        "earthquake --magnitude 7.8 --distance 3000 --seed 2",
        "--sensor aerial-0.3 --seed 4 --shift 0 --off-nadir-before 8 --off-nadir-after 8",
        "Heaps that spill into the street, a storey that gave way under a roof that is whole, "
        "wings that fell, tents on open ground.",
        "heaps have one grain everywhere, with no slabs, beams or furniture in them.",
    ),
}


def commands(plate: Plate) -> list[str]:
    """Return what one types to get a plate."""
    hazard, *_ = plate.strike.split()
    return [
        f"geomage city grow {plate.town} -o town",
        f"geomage strike {plate.strike.replace(hazard, f'{hazard} town', 1)} -o event",
        f"geomage render event {plate.seen} -o scene",
    ]


def draw(name: str) -> Path:
    """Run the commands of one plate and write its picture."""
    with tempfile.TemporaryDirectory() as folder:
        places = {place: f"{folder}/{place}" for place in ("town", "event", "scene")}
        for line in commands(PLATES[name]):
            words = [places.get(word, word) for word in shlex.split(line)[1:]]
            if geomage(words):
                sys.exit(f"{line} failed")
        dates = [_picture(Path(folder) / "scene" / f"{date}.tif") for date in ("before", "after")]
    white = np.full((dates[0].shape[0], GAP, 3), 255, np.uint8)
    out = DOCS / "gallery" / f"{name}.jpg"
    out.parent.mkdir(exist_ok=True)
    Image.fromarray(np.concatenate([dates[0], white, dates[1]], 1)).save(
        out, quality=80, optimize=True
    )
    return out


def _picture(path: Path) -> np.ndarray:
    """Return the middle of an image as `geomage map` sees it (y, x, 3)."""
    with rasterio.open(path) as image:
        counts = stretch_counts(image.read()).transpose(1, 2, 0).astype(np.uint8)
    i, j = ((side - min(side, SIDE)) // 2 for side in counts.shape[:2])
    return counts[i : i + SIDE, j : j + SIDE]


def page() -> str:
    """Return the page of the gallery."""
    parts = [
        "# Gallery of disasters",
        INTRODUCTION,
    ]
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
