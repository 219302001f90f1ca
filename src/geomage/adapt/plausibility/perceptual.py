"""How unlike two images look to an encoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

__all__ = ["layer_distances", "layer_means"]

_TINY = 1e-10  # beside a length of features, so that a dead pixel has none


def layer_distances(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> Float[np.ndarray, " chip"]:
    """LPIPS without learnt weights (Zhang et al. 2018, arXiv 1801.03924, equation 1).

    d = mean over layers of mean over pixels of |a / |a| - b / |b||², 0..4.

    Args:
        a: layers, each (chip, channel, y, x).
        b: the same of the other images.
    """
    each = [((_unit(f) - _unit(g)) ** 2).sum(1).mean((1, 2)) for f, g in zip(a, b, strict=True)]
    return np.asarray(np.mean(each, axis=0), np.float64)


def layer_means(layers: Sequence[np.ndarray]) -> Float[np.ndarray, "chip feature"]:
    """Mean of every channel of every layer: one vector a chip."""
    return np.concatenate([layer.mean((2, 3)) for layer in layers], axis=1).astype(np.float64)


def _unit(layer: Float[np.ndarray, "chip channel y x"]) -> np.ndarray:
    return np.asarray(layer / (np.sqrt((layer**2).sum(1, keepdims=True)) + _TINY))
