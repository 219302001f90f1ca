"""The residual shift between two rasters of one place."""

from __future__ import annotations

from dataclasses import dataclass

from geomage.geo.raster import Raster


@dataclass(frozen=True)
class Shift:
    """How far the content of the moving raster lies from that of the reference.

    `dx_m` is positive when the moving content lies to the right (east) of the reference, `dy_m` when it lies
    above (north); metres. `score` in 0..1 tells how far independent parts agree. `reason` says why
    a shift of zero was returned although none was measured; empty when it was.
    """

    dx_m: float
    dy_m: float
    score: float
    reason: str = ""


def measure_shift(reference: Raster, moving: Raster, *, largest_m: float = 10.0) -> Shift:
    """Measure the shift."""
    raise NotImplementedError
