"""Where the samples of a sensor fall."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf, isfinite

import numpy as np

from geomage.errors import InputError
from geomage.sensor import _kernels

__all__ = ["Framing", "frame"]


@dataclass(frozen=True)
class Framing:
    """Where output pixels fall on the fine grid: row = row0 + ratio * i (pixel centres).

    gsd: metres of an output pixel.
    """

    rows: int
    columns: int
    ratio: float
    row0: float
    col0: float
    gsd: float = 1.0

    def __post_init__(self) -> None:
        if min(self.rows, self.columns) < 1 or not 0 < self.ratio < inf:
            raise InputError(
                f"a frame of {self.rows} x {self.columns} px, {self.ratio:g} fine ones each, "
                "holds nothing"
            )
        if not (isfinite(self.row0) and isfinite(self.col0)):
            raise InputError(f"a frame that begins at {self.row0:g}, {self.col0:g} is nowhere")

    @property
    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of the fine grid at which samples are taken."""
        rows, columns = np.arange(self.rows), np.arange(self.columns)
        return self.row0 + self.ratio * rows, self.col0 + self.ratio * columns

    def pick(self, layer: np.ndarray) -> np.ndarray:
        """Take the nearest fine pixel (…, y, x) of a truth layer."""
        r, c = (
            np.clip(np.rint(at).astype(int), 0, n - 1)
            for at, n in zip(self.places, layer.shape[-2:], strict=True)
        )
        return np.asarray(layer[..., r[:, None], c[None, :]])

    def coarser(self, times: float) -> Framing:
        """Cover the same ground from the same north-west corner with pixels `times` as large."""
        if times == 1:
            return self
        first = self.ratio * (times - 1) / 2
        return Framing(
            ceil(self.rows / times - 1e-9),
            ceil(self.columns / times - 1e-9),
            self.ratio * times,
            self.row0 + first,
            self.col0 + first,
            self.gsd * times,
        )

    def sampled(self, layer: np.ndarray, onto: Framing) -> np.ndarray:
        """Bring a layer (band, y, x) of this framing onto another of the same place, bilinearly."""
        if onto == self:
            return layer
        out = np.empty((len(layer), onto.rows, onto.columns), np.float32)
        row0, col0 = (onto.row0 - self.row0) / self.ratio, (onto.col0 - self.col0) / self.ratio
        _kernels.resample(_two_wide(layer), row0, col0, onto.ratio / self.ratio, out)
        return out


def _two_wide(layer: np.ndarray) -> np.ndarray:
    """Repeat the last row or column of a layer that has but one: interpolation wants two."""
    pad = [(0, max(0, 2 - n)) for n in layer.shape[1:]]
    return np.pad(layer, [(0, 0), *pad], mode="edge") if any(p[1] for p in pad) else layer


def frame(
    fine_px: float,
    fine_shape: tuple[int, int],
    gsd: float,
    shape: tuple[int, int],
    shift_m: tuple[float, float] = (0.0, 0.0),
) -> Framing:
    """Centre an output grid on a fine one.

    Args:
        fine_px: metres of a fine pixel.
        fine_shape: (rows, columns) of the fine grid.
        gsd: metres of an output pixel.
        shape: (rows, columns) of the output.
        shift_m: (east, north) by which the output lies off, metres.
    """
    ratio = gsd / fine_px
    row0 = (fine_shape[0] - 1) / 2 - ratio * (shape[0] - 1) / 2 - shift_m[1] / fine_px
    col0 = (fine_shape[1] - 1) / 2 - ratio * (shape[1] - 1) / 2 + shift_m[0] / fine_px
    return Framing(shape[0], shape[1], ratio, row0, col0, gsd)
