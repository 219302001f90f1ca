"""Where arrays are too far from what a model knows, window by window, in any process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from rasterio.windows import Window

from geomage.errors import ModelError
from geomage.geo import overlap
from geomage.mapping.foreign import around_cells, score_part
from geomage.model import Model
from geomage.model.plausibility import Detector, detector_of, load_detector

__all__ = ["DetectorSource", "foreign_pixels", "reach_of_cells"]


@dataclass(frozen=True)
class DetectorSource:
    """Which shipped detector judges; it travels instead of the detector."""

    name: str
    sha256: str

    @classmethod
    def of(cls, model: Model) -> DetectorSource | None:
        """The one that knows what a model has learnt; None where none does."""
        name = detector_of(model.path)
        return None if name is None else cls(name, load_detector(name).sha256)

    def open(self) -> Detector:
        """Open it, or the one that this process has open.

        Raises:
            ModelError: it is not there, or it is another one.
        """
        return _opened(self)


@lru_cache(maxsize=2)
def _opened(source: DetectorSource) -> Detector:
    detector = load_detector(source.name)
    if detector.sha256 != source.sha256:
        raise ModelError(
            f"{detector.path} is another detector than the one this work began with: give all "
            "workers the same version of geomage"
        )
    return detector


def reach_of_cells(detector: Detector, core: Window, shape: tuple[int, int]) -> Window:
    """The part of arrays of (y, x) pixels that the scores of the cells of a window hang on."""
    return overlap(_grid(shape), around_cells(detector.card, core))


def foreign_pixels(
    detector: Detector, core: Window, counts: np.ndarray, valid: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """(y, x) bool of a window: whether its cell is too far from what the detector knows.

    Args:
        detector: what scores.
        core: the window, of arrays of (y, x) pixels `shape`.
        counts: (3, y, x) uint8 of `reach_of_cells`.
        valid: (y, x) bool, where they hold data.
        shape: of the arrays.
    """
    around = around_cells(detector.card, core)
    found = score_part(detector, overlap(around, _grid(shape)), around, counts, valid)
    cell, halo = detector.card.cell_px, detector.card.halo_px
    far = (found >= detector.card.limit).repeat(cell, axis=0).repeat(cell, axis=1)
    top, left = (int(core.row_off - around.row_off), int(core.col_off - around.col_off))
    rows, cols = (
        slice(at - halo, at - halo + n) for at, n in ((top, core.height), (left, core.width))
    )
    return np.asarray(far[rows, cols])


def _grid(shape: tuple[int, int]) -> Window:
    return Window(0, 0, shape[1], shape[0])
