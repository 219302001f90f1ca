"""A tiny plain folder of Sen1Floods11: dark squares of water in two regions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin


def write_floods(folder: Path, count: int = 4, side: int = 48, wet: int | None = None) -> Path:
    """Chips of VV and VH in dB, with labels; water in the first `wet` of them, else in all."""
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(count):
        rng = np.random.default_rng([4, k])
        water = np.zeros((side, side), np.int8)
        y, x = rng.integers(4, side - 24, 2)
        water[y : y + 20, x : x + 20] = wet is None or k < wet
        db = np.stack([-8.0 - 12 * water, -14.0 - 12 * water]) + rng.normal(0, 1, (2, side, side))
        water[0, :] = -1
        name = f"{('Ghana', 'Spain')[k % 2]}_{k}"
        for what, values in (("S1", db.astype(np.float32)), ("label", water[None])):
            with rasterio.open(
                folder / f"{name}_{what}.tif", "w", driver="GTiff", width=side, height=side,
                count=len(values), dtype=values.dtype, crs="EPSG:4326",
                transform=from_origin(2, 45, 1e-4, 1e-4),
            ) as file:  # fmt: skip
                file.write(values)
    return folder
