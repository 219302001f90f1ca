"""A plain reader of land cover: least squares on a pixel and what surrounds it.

It is fitted on the labels of the source, in closed form, and then never moves: it tells how much of
each class a crop holds where nobody has drawn it, and whether a class still stands where it stood.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage

from geomage.adapt.flow.crops import Crops
from geomage.data.chip import UNKNOWN
from geomage.errors import InputError

__all__ = ["CoverReader", "fit_cover_reader"]

_BELLS = (1.0, 3.0)  # standard deviations, pixels, of what surrounds a pixel
_RIDGE = 1e-3
_MOST = 40_000  # pixels it is fitted on


@dataclass(frozen=True)
class CoverReader:
    """Land cover of crops, each domain on a scale of its own.

    weights: (feature, class), least squares from features to one class each.
    """

    weights: Float[np.ndarray, "feature cls"]

    def read(
        self, pixels: Float[np.ndarray, "item band y x"], valid: Bool[np.ndarray, "item y x"]
    ) -> UInt8[np.ndarray, "item y x"]:
        """Class of each pixel; `UNKNOWN` where not valid."""
        scaled = _standardised(pixels, valid)
        said = [
            (_features(one).T @ self.weights).argmax(1).reshape(one.shape[1:]) for one in scaled
        ]
        return np.where(valid, np.stack(said), UNKNOWN).astype(np.uint8)

    def histogram(self, crops: Crops) -> Float[np.ndarray, "item cls"]:
        """Share of each class in the valid pixels of each crop."""
        read, classes = self.read(crops.pixels, crops.valid), self.weights.shape[1]
        counts = np.stack([(read == k).sum((1, 2)) for k in range(classes)], 1)
        return np.asarray(counts / np.maximum(1, counts.sum(1, keepdims=True)))


def fit_cover_reader(crops: Crops, classes: int) -> CoverReader:
    """Fit a reader on labelled crops; classes weigh by the root of how rare they are.

    Raises:
        InputError: nothing is labelled.
    """
    known = crops.valid & (crops.labels != UNKNOWN)
    if classes == 0 or not known.any():
        raise InputError(
            "the source has no labels, and land cover is to be read: give labelled images, or set "
            "coupling.cover to 0"
        )
    scaled = _standardised(crops.pixels, crops.valid)
    every = max(1, int(known.sum()) // _MOST)
    features, labels = [], []
    for one, where, told in zip(scaled, known, crops.labels, strict=True):
        features.append(_features(one)[:, where.ravel()][:, ::every])
        labels.append(told[where][::every])
    X, y = np.concatenate(features, 1), np.concatenate(labels)
    share = np.bincount(y, minlength=classes)[:classes] / len(y)
    W = 1 / np.sqrt(np.maximum(share, 1e-4))[y]
    gram = (X * W) @ X.T + _RIDGE * W.sum() * np.eye(len(X))
    return CoverReader(np.linalg.solve(gram, (X * W) @ np.eye(classes)[y]))


def _standardised(pixels: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Mean 0 and deviation 1 of each band over the valid pixels of all; 0 elsewhere."""
    seen = pixels.transpose(1, 0, 2, 3)[:, valid].astype(np.float64)
    mean, std = (stat[:, None, None] for stat in (seen.mean(1), seen.std(1) + 1e-6))
    return np.asarray((pixels - mean) / std * valid[:, None])


def _features(one: np.ndarray) -> np.ndarray:
    """(feature, pixel) of (band, y, x): bands, their surroundings, their squares, roughness, 1."""
    bells = [ndimage.gaussian_filter(one, (0, s, s)) for s in _BELLS]
    grey = one.mean(0)
    rough = np.sqrt(ndimage.gaussian_filter((grey - bells[0].mean(0)) ** 2, _BELLS[1]))
    planes = [one, *bells, one**2, bells[0] ** 2, rough[None], np.ones_like(grey)[None]]
    return np.concatenate(planes).reshape(-1, grey.size)
