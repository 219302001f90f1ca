"""Pictures of a domain altered into what no sensor of it would show: what foreign may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from jaxtyping import Float, UInt8
from scipy import ndimage

from geomage.geo import stretch_counts

__all__ = ["ALTERED", "alter"]

Image = Float[np.ndarray, "3 y x"]


def _noise(image: Image, rng: np.random.Generator) -> np.ndarray:
    """White noise in colour, over what little is left of the picture."""
    return image * rng.uniform(0, 0.3) + rng.normal(0, 60, image.shape)


def _grey_noise(image: Image, rng: np.random.Generator) -> np.ndarray:
    """The same noise in all bands."""
    return np.asarray(_noise(image, rng)[:1].repeat(3, axis=0))


def _radar(image: Image, rng: np.random.Generator) -> np.ndarray:
    """Amplitude of a radar: one channel under gamma-distributed speckle of one to six looks."""
    looks, blur = int(rng.integers(1, 7)), rng.uniform(0, 1.5)
    backscatter = ndimage.gaussian_filter(image.mean(axis=0), blur) ** rng.uniform(1, 1.6)
    speckle = ndimage.gaussian_filter(rng.gamma(looks, 1 / looks, backscatter.shape), blur / 2)
    amplitude = (backscatter * np.maximum(speckle, 0)) ** rng.uniform(0.4, 1)
    return np.asarray(amplitude[None].repeat(3, axis=0))


def _thermal(image: Image, rng: np.random.Generator) -> np.ndarray:
    """A thermal camera: one channel, several times coarser than its pixels, warm or cold roofs."""
    warmth = ndimage.gaussian_filter(image.mean(axis=0), rng.uniform(2, 6)) * rng.choice([-1, 1])
    warmth = warmth + rng.normal(0, rng.uniform(0.2, 2), warmth.shape)
    return np.asarray(warmth[None].repeat(3, axis=0))


def _coarse(image: Image, rng: np.random.Generator) -> np.ndarray:
    """Pixels 8 to 20 times as large, laid finer by cubic splines."""
    step = int(rng.integers(8, 21))
    rows, cols = (side // step for side in image.shape[1:])
    blocks = image[:, : rows * step, : cols * step].reshape(3, rows, step, cols, step)
    means = blocks.mean(axis=(2, 4))
    return np.stack([ndimage.zoom(band, step, order=3) for band in means])


ALTERED: Mapping[str, Callable[[Image, np.random.Generator], np.ndarray]] = MappingProxyType(
    {
        "noise": _noise,
        "grey noise": _grey_noise,
        "radar": _radar,
        "thermal": _thermal,
        "coarse": _coarse,
    }
)
"""Kind -> alteration (counts (3, y, x) as floats, generator); the answer is of any scale."""


def alter(
    kind: str, counts: UInt8[np.ndarray, "3 y x"], rng: np.random.Generator
) -> UInt8[np.ndarray, "3 rows cols"]:
    """Counts of a picture altered, through the stretch that every picture goes through."""
    values = ALTERED[kind](counts.astype(np.float64), rng)
    lifted = values - values.min() + 1e-3 * (np.ptp(values) + 1e-9)  # a pixel of zeros is no data
    return stretch_counts(lifted)
