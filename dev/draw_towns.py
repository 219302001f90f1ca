"""Draw the picture of grown towns: one window of each style, seen from orbit at 0.5 m.

    python dev/draw_towns.py -o docs/towns.jpg

The towns are those of `geomage city grow --size 270 --style STYLE --seed SEED`, pictured by the
sensor of `geomage render`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from geomage.disaster import calm
from geomage.geo import stretch_counts
from geomage.render import RenderParams, render_event
from geomage.world import CityParams, grow_city

PANELS = [
    ("suburb", 6), ("garden", 2), ("mobile", 4), ("culdesac", 2), ("terrace", 8),
    ("village", 1), ("centre", 12), ("oldtown", 4), ("radial", 6), ("estate", 10),
    ("informal", 3), ("industry", 8), ("harbour", 3), ("suburb", 13), ("mobile", 3),
]  # fmt: skip
SIZE_M, SIDE, COLUMNS, GAP = 270.0, 400, 5, 6


def draw_town(style: str, seed: int) -> np.ndarray:
    """Return the picture (y, x, 3) of one town before anything happens."""
    town = grow_city(CityParams(SIZE_M, style, seed))
    scene = render_event(calm(town), RenderParams(seed=seed))
    picture = Image.fromarray(
        stretch_counts(scene.rasters["before"]).transpose(1, 2, 0).astype(np.uint8)
    )
    picture = picture.crop((0, 0, SIDE, SIDE))
    ImageDraw.Draw(picture).text(
        (8, 6), style, (255, 255, 255), stroke_width=2, stroke_fill=(0, 0, 0)
    )
    return np.asarray(picture)


def main() -> None:
    """Draw all panels into one picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    rows = -(-len(PANELS) // COLUMNS)
    sheet = np.full((rows * (SIDE + GAP) - GAP, COLUMNS * (SIDE + GAP) - GAP, 3), 255, np.uint8)
    for number, (style, seed) in enumerate(PANELS):
        y, x = (SIDE + GAP) * (number // COLUMNS), (SIDE + GAP) * (number % COLUMNS)
        panel = draw_town(style, seed)
        sheet[y : y + panel.shape[0], x : x + panel.shape[1]] = panel
        print(style)
    Image.fromarray(sheet).save(args.out, quality=78, optimize=True)
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
