"""Draw the picture of the README: the second image, and the damage map laid over it.

    python dev/draw_map.py PRODUCT AFTER -o docs/joplin.jpg

docs/joplin.jpg is the map of Joplin that `geomage demo` leaves in demo/joplin, over `after.tif` of
the same scene (DIUx-xView/xView2-deploy, MIT).
"""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image
from rasterio.enums import Resampling

from geomage.geo import check_raster
from geomage.product.pictures import take_picture

SIDE = 900  # px of one half
STRENGTH = 0.75  # of the colours over the image


def draw(product: Path, after: Path) -> Image.Image:
    """Image and map side by side, both on the grid of the product."""
    box = check_raster(product / "damage.tif").box
    shift = json.loads((product / "manifest.json").read_text())["parameters"]["shift"]
    moved = (shift["dx_m"], shift["dy_m"])
    image = Image.open(io.BytesIO(take_picture([after], box, moved, SIDE).jpeg)).convert("RGB")
    ground = np.asarray(image, np.float32)
    with rasterio.open(product / "damage.tif") as raster:
        shape = (image.height, image.width)
        grades = raster.read(1, out_shape=shape, resampling=Resampling.nearest)
        palette = np.array([raster.colormap(1)[value] for value in range(256)], np.float32)
    called = (grades >= 1) & (grades <= 4)
    grey = np.repeat(ground.mean(axis=2, keepdims=True), 3, axis=2) * 0.8
    over = np.where(called[..., None], (1 - STRENGTH) * grey + STRENGTH * palette[grades, :3], grey)
    return Image.fromarray(np.concatenate([ground, over], axis=1).astype(np.uint8))


def main() -> None:
    """Read the words of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("product", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    words = parser.parse_args()
    draw(words.product, words.after).save(words.out, quality=85, optimize=True)
    print(f"wrote {words.out}")


if __name__ == "__main__":
    main()
