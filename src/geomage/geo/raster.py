"""A raster in memory: values, grid, and what stands for no data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from odc.geo.geobox import GeoBox

from geomage.errors import InputError


@dataclass(frozen=True)
class Raster:
    """Values on a grid.

    `values` is (band, y, x); `box` is the grid (with no CRS its units are metres from the upper
    left corner, y upwards); `nodata` marks pixels without a value; `bands` names the bands;
    `scale` is what one count stands for (0.0001 of reflectance, say) where values are counts.
    """

    values: np.ndarray
    box: GeoBox
    nodata: float | None = None
    bands: tuple[str, ...] = ()
    scale: float | None = None

    def __post_init__(self) -> None:
        """Check that values, grid and names agree."""
        if self.values.ndim != 3:
            raise InputError(f"raster values must be (band, y, x), got {self.values.shape}")
        if self.values.shape[1:] != tuple(self.box.shape):
            raise InputError(
                f"raster values {self.values.shape} do not fit their grid {tuple(self.box.shape)}"
            )
        if self.bands and len(self.bands) != self.values.shape[0]:
            raise InputError(f"{len(self.bands)} names for {self.values.shape[0]} bands")

    def valid(self) -> np.ndarray:
        """(y, x) bool: where at least one band holds a value; NaN is no data."""
        good = np.ones(self.values.shape, bool)
        if np.issubdtype(self.values.dtype, np.floating):
            good &= np.isfinite(self.values)
        if self.nodata is not None:
            good &= self.values != self.nodata
        return np.asarray(good.any(axis=0))
