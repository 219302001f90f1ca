"""Draw the picture of the README: a simulated pair, and the map of a real disaster beside it.

    python dev/draw_map.py SCENE PRODUCT -o docs/line.jpg

Only what geomage made is drawn: the two images of a simulated scene, and the mapped land cover and
damage of a product, without the imagery it was mapped from. docs/line.jpg is `demo/scene` and
`demo/joplin` as `make demo` leaves them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image
from rasterio.enums import Resampling

SIDE = 640  # px of one panel
GAP = 8  # px of white between panels
MUTED = 0.35  # of the colour of land cover; the rest is white


def read_small(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Read the upper right square at SIDE x SIDE: values, and the colours of classes."""
    with rasterio.open(path) as raster:
        side = min(raster.shape)
        window = ((0, side), (raster.width - side, raster.width))
        shape = (raster.count, SIDE, SIDE)
        how = Resampling.average if raster.count == 3 else Resampling.nearest
        values = raster.read(window=window, out_shape=shape, resampling=how)
        if raster.count == 3:
            return values, None
        return values, np.array([raster.colormap(1)[k][:3] for k in range(256)], np.float32)


def draw_image(path: Path) -> np.ndarray:
    """Return an image (y, x, 3)."""
    return read_small(path)[0].transpose(1, 2, 0).astype(np.float32)


def draw_product(product: Path) -> np.ndarray:
    """Return damage over muted land cover (y, x, 3)."""
    cover, cover_colours = read_small(product / "landcover.tif")
    damage, colours = read_small(product / "damage.tif")
    ground = 255 - MUTED * (255 - cover_colours[cover[0]])
    ground[damage[0] == 255] = 225
    called = (damage[0] >= 1) & (damage[0] <= 4)
    return np.where(called[..., None], colours[damage[0]], ground)


def main() -> None:
    """Read the words of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scene", type=Path)
    parser.add_argument("product", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    words = parser.parse_args()
    white = np.full((SIDE, GAP, 3), 255, np.float32)
    before, after = (draw_image(words.scene / f"{date}.tif") for date in ("before", "after"))
    panels = [before, white, after, white, draw_product(words.product)]
    picture = Image.fromarray(np.concatenate(panels, axis=1).astype(np.uint8))
    picture.save(words.out, quality=85, optimize=True)
    print(f"wrote {words.out}")


if __name__ == "__main__":
    main()
